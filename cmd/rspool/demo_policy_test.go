package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// script writes a policy and returns its file.
func script(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mine.lua")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestDemoGoesByAScript(t *testing.T) {
	for _, tc := range []struct {
		name, text, wire string
		faults           bool
	}{
		{"by load", "return { key = function(load, selections, degradation) return load + selections * degradation end }", "least-used-degradation", false},
		{"by weight", "return { weight = function(weight) return weight end }", "weighted-random", false},
		{"that fails", "return { key = function(load, selections) return load + config.nothing end }", "least-used-degradation", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := demoBy(t, script(t, tc.text), "--set", "unused=5")
			if got.Policy != "lua.mine" || got.WirePolicy != tc.wire || got.Fallback != tc.wire || len(got.PolicyVersion) != 12 {
				t.Errorf("policy is %q version %q, elements register %q, want lua.mine and %s", got.Policy, got.PolicyVersion, got.WirePolicy, tc.wire)
			}
			if p := got.PolicyAtWork; p == nil || (p.Faults > 0) != tc.faults {
				t.Errorf("the policy fared as %+v, want faults: %t", p, tc.faults)
			}
		})
	}
}

func TestDemoGoesByAPlugin(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("plugins are looked after on Linux only")
	}
	got := demoBy(t, "plugin:"+testPlugin(t), "--set", "factor=2")
	if got.Policy != "plugin.by-load" || got.PolicyVersion != "1.2.0" || got.Fallback != "least-used-degradation" {
		t.Errorf("policy is %q version %q, fallback %q", got.Policy, got.PolicyVersion, got.Fallback)
	}
	if p := got.PolicyAtWork; p == nil || p.Faults > 0 || p.Pools["in-use"] != 1 {
		t.Errorf("the policy fared as %+v", p)
	}
}

// demoBy runs a demo by a policy.
func demoBy(t *testing.T, policy string, args ...string) demoResult {
	t.Helper()
	d := startDemo(t, append([]string{"-o", "json", "--policy", policy, "--seed", "7"}, args...)...)
	code, remarks := d.finish(t)
	if code != exitDone {
		t.Fatalf("exit code %d:\n%s", code, remarks)
	}
	var got demoResult
	if err := json.Unmarshal(d.stdout.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, d.stdout.String())
	}
	if !got.Correct || len(got.Killed) != 1 {
		t.Errorf("got %+v, want a correct image although an element was killed", got)
	}
	d.checkNothingIsLeft(t)
	return got
}

func TestDemoSaysWhatIsWrongWithAPolicy(t *testing.T) {
	noPlugin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, policy string
		code         int
		want         string
	}{
		{"no such script", "none.lua", exitNotFound, "none.lua; write one with: rspool policy new none"},
		{"a script with a mistake", script(t, "return { key = function(laod) return laod end }"), exitFailed, `Did you mean "load"?`},
		{"a script that fails its tests", script(t, `return { key = function(load) return load end, tests = { { elements = { a = {}, b = { load = 1 } }, expect = "b" } } }`), exitFailed, "1 of 1 tests fail"},
		{"a name that is none", "mine/script", exitMisuse, "ends in .lua, and a program is plugin:mine/script"},
		{"no program", "plugin:", exitMisuse, "want plugin:BINARY"},
		{"no such program", "plugin:none", exitFailed, "there is no such file"},
		{"a program that is no plugin", "plugin:" + noPlugin, exitFailed, "is it a policy plugin?"},
		{"a policy it lacks", "plugin:" + testPlugin(t) + ",best", exitMisuse, "the plugin has by-load; choose one"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if strings.HasPrefix(tc.policy, "plugin:") && runtime.GOOS != "linux" {
				t.Skip("plugins are looked after on Linux only")
			}
			d := startDemo(t, "--policy", tc.policy)
			code, remarks := d.finish(t)
			if code != tc.code || !strings.Contains(remarks, tc.want) {
				t.Errorf("exit code %d, want %d and %q in:\n%s", code, tc.code, tc.want, remarks)
			}
			d.checkNothingIsLeft(t)
		})
	}
}

func TestDemoTakesSettingsOfPoliciesAlone(t *testing.T) {
	d := startDemo(t, "--policy", "random", "--set", "factor=2")
	if code, remarks := d.finish(t); code != exitMisuse || !strings.Contains(remarks, "policy random takes no settings") {
		t.Errorf("exit code %d, want %d:\n%s", code, exitMisuse, remarks)
	}
}

// testPlugin returns the file of a plugin.
func testPlugin(t *testing.T) string {
	t.Helper()
	file, err := exec.LookPath("rspool-policy-tester")
	if err != nil {
		t.Fatal(err)
	}
	return file
}
