package plugins

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestScaffold writes a plugin, runs its own tests and the conformance test.
func TestScaffold(t *testing.T) {
	conform := func(t *testing.T, file string, noMTLS bool) {
		t.Helper()
		cfg := self(t, "")
		cfg.Command, cfg.Env, cfg.Limits, cfg.StopTimeout = file, nil, Limits{}, 2*time.Second
		cfg.NoMTLS = noMTLS
		r := Conformance(context.Background(), cfg, nil)
		for _, c := range r.Checks {
			if slow := strings.HasPrefix(c.Detail, "it took "); c.Verdict != Passed && !slow {
				t.Errorf("%s: %s: %s\n%s", c.Verdict, c.Policy, c.Name, c.Detail)
			}
		}
	}
	run := func(t *testing.T, folder, name string, args ...string) {
		t.Helper()
		c := exec.Command(name, args...)
		c.Dir = folder
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(c.Args, " "), err, out)
		}
	}
	t.Run("go", func(t *testing.T) {
		if testing.Short() {
			t.Skip("builds a program")
		}
		folder := filepath.Join(t.TempDir(), "least-cost")
		files, err := Scaffold("go", "least-cost", folder)
		if err != nil || len(files) != 4 {
			t.Fatal(files, err)
		}
		program := filepath.Join(folder, "least-cost")
		// As files, so that this module is the one that is imported.
		run(t, "", "go", "build", "-o", program, filepath.Join(folder, "main.go"))
		run(t, "", "go", "vet", filepath.Join(folder, "main.go"), filepath.Join(folder, "main_test.go"))
		run(t, "", "go", "test", filepath.Join(folder, "main.go"), filepath.Join(folder, "main_test.go"))
		if out, err := exec.Command("gofmt", "-l", folder).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("gofmt: %v\n%s", err, out)
		}
		conform(t, program, false)
	})
	t.Run("python", func(t *testing.T) {
		needPython(t)
		folder := filepath.Join(t.TempDir(), "least-cost")
		if _, err := Scaffold("python", "least-cost", folder); err != nil {
			t.Fatal(err)
		}
		run(t, folder, python, "test_plugin.py")
		conform(t, filepath.Join(folder, "least-cost.py"), true)
	})
	t.Run("nothing is overwritten", func(t *testing.T) {
		folder := t.TempDir()
		if _, err := Scaffold("go", "a", folder); err != nil {
			t.Fatal(err)
		}
		if _, err := Scaffold("go", "a", folder); err == nil || !strings.Contains(err.Error(), "is there already") {
			t.Error(err)
		}
	})
	for _, bad := range [][2]string{{"cobol", "a"}, {"go", "A B"}, {"go", "../x"}} {
		if _, err := Scaffold(bad[0], bad[1], t.TempDir()); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
