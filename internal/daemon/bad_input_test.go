package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/pool"
)

// few registers some elements, and returns a function that resolves their pool a
// number of times and fails where one of them is not answered.
func few(t *testing.T, w *world) (ask func(times int)) {
	t.Helper()
	h, err := pool.NewHost(&pool.HostConfig{Listen: "127.0.0.1", Registrars: []string{w.Registrar().Address().String()}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	const size = 10
	for i := range size {
		r, err := pool.Register(t.Context(), crowdHandle, &pool.ElementConfig{
			Host: h, ID: rserpool.ElementID(i + 1),
			Policy:    rserpool.Policy{Type: rserpool.LeastUsed, Load: rserpool.LoadOf(float64(i) / size)},
			Transport: &rserpool.Transport{Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 5001},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
	}
	return func(times int) {
		t.Helper()
		for range times {
			r, err := pool.Resolve(t.Context(), h, crowdHandle, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Elements) != 1 || r.Elements[0].ID < 1 || r.Elements[0].ID > size {
				t.Fatalf("answer is %+v", r)
			}
		}
	}
}

// TestScriptGoesBadWhileLive has scripts replaced that load, and then answer nonsense:
// nobody who asks notices.
func TestScriptGoesBadWhileLive(t *testing.T) {
	w := start(t, files(t, ""))
	ask := few(t, w)
	ask(20)
	// At a reload each element is asked about, so that what fails at once is refused.
	const later = "local seen = {} return { key = function(id, load, selections) seen[id] = seen[id] or selections if selections < seen[id] + 2 then return load end "
	for _, tc := range []struct{ name, script, says string }{
		{"nothing", later + "end }", "key returned nothing"},
		{"not_a_number", later + "return 0/0 end }", "key returned nan"},
		{"infinity", later + "return math.huge end }", "key returned"},
		{"text", later + "return 'low' end }", "key returned a string"},
		{"a_table", later + "return {} end }", "key returned a table"},
		{"a_negative_weight", "local seen = {} return { weight = function(id, selections) seen[id] = seen[id] or selections return 1 - selections + seen[id] end }", "weight returned -1"},
		{"an_error", later + "error('no idea') end }", "no idea"},
		{"a_field_of_nothing", later + "return config.limits.low end }", "attempt to index"},
		{"no_end", later + "while true do end end }", "instruction budget"},
		{"no_end_in_pcall", later + "while true do pcall(error) end end }", "instruction budget"},
		{"recursion", "local function f() return 1 + f() end " + later + "return f() end }", "nested deeper"},
		{"long_texts", later + "local s = 'x' for i = 1, 40 do s = s .. s end return #s end }", "exceeds the limit"},
		{"unknown_elements", "return { select = function(pool) return { '0xdeadbeef' } end }", "0xdeadbeef"},
		{"no_list", "return { select = function(pool) return 5 end }", "select returned"},
		{"a_filter_that_fails", "return { key = function(load) return load end, filter = function(pe) return pe.tags.a.b end }", "attempt to index"},
		{"a_hook_that_fails", "return { key = function(load) return load end, on_select = function(pe) pe.load = 1 end }", "read-only"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := w.version()
			w.write("a.lua", tc.script+" -- "+tc.name+"\n")
			w.until("policy=lua.a from=" + before)
			ask(30)
			fault := regexp.MustCompile(`msg="policy fails" .*policy=lua.a version=` + w.version() + ` .*`)
			said := fault.FindAllString(w.logs.String(), -1)
			if len(said) != 1 || !strings.Contains(said[0], tc.says) || !strings.Contains(said[0], "a.lua:") {
				t.Errorf("the log says %q, want once, with %q and the place", said, tc.says)
			}
			if p := w.Policies()[0]; p.Faults == 0 {
				t.Errorf("no fault is counted: %+v", p)
			}
			before = w.version()
			w.write("a.lua", script+"-- after "+tc.name+"\n")
			w.until("policy=lua.a from=" + before)
			w.shows(`rspool_policy_pools{policy="lua.a",standing="in-use"} 1`)
			ask(5)
		})
	}
}

// TestFilesThatAreRefusedWhileLive edits scripts and files into what is refused: the
// running version stays, and the log says once where and what.
func TestFilesThatAreRefusedWhileLive(t *testing.T) {
	w := start(t, files(t, ""))
	ask := few(t, w)
	before, n := w.version(), 0
	for _, tc := range []struct{ name, file, text, says string }{
		{"no_lua", "a.lua", "return {", "ends too early"},
		{"a_misspelt_input", "a.lua", "return { key = function(laod) return laod end }", `Did you mean \"load\"?`},
		{"a_misspelt_variable", "a.lua", "return { key = function(load) return laod end }", `Did you mean \"load\"?`},
		{"a_misspelt_field", "a.lua", "return { kye = function(load) return load end }", `Did you mean \"key\"?`},
		{"a_failing_test", "a.lua", strings.Replace(script, `expect = "b"`, `expect = "a"`, 1), "1 of 1 tests fail"},
		{"no_text", "a.lua", "\x1bLua\x00\xff\xfe", "UTF-8"},
		{"too_much_text", "a.lua", "return { key = function(load) return load end } --" + strings.Repeat("x", 70_000), "more than 65536"},
		{"too_deep", "a.lua", "return " + strings.Repeat("(", 5000), "nesting deeper"},
		{"nonsense_about_the_elements", "a.lua", "return { key = function(load) return 'low' end }", "key returned a string"},
		{"an_endless_file", "a.lua", "while true do end", "instruction budget"},
		{"an_unknown_policy", "x.hcl", strings.Replace(base, `"lua.a"`, `"lua.b"`, 1), `did you mean \"lua.a\"?`},
		{"an_unknown_fallback", "x.hcl", strings.Replace(base, `["least-used"]`, `["least-usd"]`, 1), `did you mean \"least-used\"?`},
		{"an_unknown_plugin", "x.hcl", base + "policy \"plugin\" \"best\" {\n  plugin = \"carbon\"\n}\n", "carbon"},
		{"an_unknown_attribute", "x.hcl", strings.Replace(base, "fallback ", "fallbak ", 1), `Did you mean \"fallback\"?`},
		{"an_unknown_script", "x.hcl", strings.Replace(base, `"a.lua"`, `"b.lua"`, 1), "b.lua"},
		{"the_same_policy_twice", "x.hcl", strings.Replace(base, `["least-used"]`, `["lua.a"]`, 1), "twice"},
		{"no_hcl", "x.hcl", "registrar {", "brace"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			good, err := os.ReadFile(filepath.Join(w.dir, tc.file))
			if err != nil {
				t.Fatal(err)
			}
			seen := len(w.logs.String())
			w.write(tc.file, tc.text)
			n++
			w.shows(fmt.Sprintf(`rspool_reloads_total{outcome="refused"} %d`, n), "rspool_reload_successful 0")
			ask(5)
			log := w.logs.String()[seen:]
			if strings.Count(log, "configuration is refused; the running one stays") != 1 || !strings.Contains(log, tc.says) {
				t.Errorf("the log does not say %q once, but:\n%s", tc.says, log)
			}
			if w.version() != before {
				t.Errorf("version %s is at work, not %s", w.version(), before)
			}
			w.write(tc.file, string(good))
			w.shows("rspool_reload_successful 1")
		})
	}
}

// TestPluginsThatMisbehave has programs for plugins that do not do what they should:
// the pool goes by its fallback, or by the plugin as far as it can be used.
func TestPluginsThatMisbehave(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("plugins are looked after on Linux only")
	}
	const byFallback = `rspool_policy_pools{policy="least-used",standing="in-use"} 1`
	for _, tc := range []struct {
		name, args, more string
		says             string // in the log
		shows            []string
	}{
		{"ranks_that_are_no_numbers", "nan", "", "policy fails", []string{byFallback}},
		{"crashes", "panic", "", "panic: out of ideas", []string{byFallback}},
		{"hangs", "hang", "tick_timeout = \"1s\"", "plugin ended", []string{byFallback}},
		{"takes_its_time", "late", "", "", []string{`rspool_plugin_up{plugin="tester"} 1`}},
		{"floods", "flood", "", "", []string{`rspool_plugin_up{plugin="tester"} 1`}},
		{"chatters", "chatter", "", "plugin writes more than is logged", []string{`rspool_plugin_up{plugin="tester"} 1`}},
		{"prints_garbage", "print", "", "garbage on the standard output", []string{`rspool_plugin_up{plugin="tester"} 1`}},
		{"is_no_plugin", "garbage", "", "is it a policy plugin?", []string{byFallback, `rspool_plugin_up{plugin="tester"} 0`}},
		{"speaks_another_protocol", "protocol", "", "build it with the sdk", []string{byFallback, `rspool_plugin_up{plugin="tester"} 0`}},
		{"ends_at_once", "exit", "", "ended before it was ready", []string{byFallback, `rspool_plugin_up{plugin="tester"} 0`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := start(t, pluginFiles(t, fmt.Sprintf("args = [%q]\n  rank_ttl = \"1s\"\n  restart {\n    backoff_min = \"1s\"\n  }\n  %s", tc.args, tc.more)))
			ask := few(t, w)
			end := time.Now().Add(2 * time.Minute)
			ask(20)
			for !strings.Contains(w.logs.String(), tc.says) {
				if time.Now().After(end) {
					t.Fatalf("the log does not say %q:\n%s", tc.says, w.logs.String())
				}
				ask(5)
			}
			w.shows(tc.shows...)
			ask(20)
		})
	}
}

// TestPluginIsNotTheOnePinned starts with a wrong checksum, and changes to one while
// another runs.
func TestPluginIsNotTheOnePinned(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("plugins are looked after on Linux only")
	}
	w := start(t, pluginFiles(t, ""))
	ask := few(t, w)
	w.shows(`rspool_policy_pools{policy="plugin.by-load",standing="in-use"} 1`)
	pid := w.Plugins()[0].PID
	sum := w.Plugins()[0].SHA256
	w.edit("x.hcl", sum, strings.Repeat("ab", 32))
	w.shows(`rspool_reloads_total{outcome="refused"} 1`)
	w.until("is not the one that was pinned")
	ask(10)
	w.shows(`rspool_policy_pools{policy="plugin.by-load",standing="in-use"} 1`)
	if p := w.Plugins()[0]; p.PID != pid || p.State != "running" {
		t.Errorf("plugin is %+v, was process %d", p, pid)
	}
	w.edit("x.hcl", strings.Repeat("ab", 32), sum)
	w.shows("rspool_reload_successful 1")
	ask(10)
}
