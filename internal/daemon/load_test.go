package daemon

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/plugins"
)

func TestScriptIsReloadedUnderLoad(t *testing.T) {
	w := start(t, files(t, ""))
	c := gather(t, w)
	c.goOn(500)
	for i := range 5 {
		before := w.version()
		w.write("a.lua", strings.Replace(script, "return load", fmt.Sprintf("return load * %d", i+2), 1))
		w.until("policy=lua.a from=" + before)
		c.goOn(200)
	}
	w.write("a.lua", "nonsense")
	w.until("configuration is refused")
	c.goOn(200)
	if _, err := w.Rollback(t.Context(), ""); err != nil {
		t.Error(err)
	}
	c.goOn(200)
	c.noneLost(w, "five reloads of a script, nonsense and a rollback")
	w.shows(`rspool_policy_pools{policy="lua.a",standing="in-use"} 1`, `rspool_policy_faults_total{policy="lua.a"} 0`,
		`rspool_reloads_total{outcome="changed"} 5`, `rspool_reloads_total{outcome="refused"} 1`, "rspool_reload_successful 0")
	s := w.Status(status.Query{}).(*status.Registrar)
	if p := policyIn(t, s, "lua.a"); p.Faults > 0 || p.Trips > 0 || p.Passed > 0 || p.Pools["in-use"] != 1 {
		t.Errorf("policy lua.a is %+v", p)
	}
	if r := s.Configuration.Reloads; r["changed"] != 5 || r["refused"] != 1 {
		t.Errorf("reloads are %v", r)
	}
}

func policyIn(t *testing.T, s *status.Registrar, name string) *status.Policy {
	t.Helper()
	for i := range s.Policies {
		if s.Policies[i].Name == name {
			return &s.Policies[i]
		}
	}
	t.Fatalf("there is no policy %s in %+v", name, s.Policies)
	return nil
}

// trips is how often a policy was left.
func (w *world) trips(policy string) uint64 {
	w.t.Helper()
	return policyIn(w.t, w.Status(status.Query{}).(*status.Registrar), policy).Trips
}

// pluginFiles have the test binary for a plugin, with further attributes.
func pluginFiles(t *testing.T, attributes string) map[string]string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sum, err := plugins.Checksum(self)
	if err != nil {
		t.Fatal(err)
	}
	all := files(t, fmt.Sprintf(`
plugin "tester" {
  command       = %q
  sha256        = %q
  %s
}

policy "plugin" "by-load" {
  plugin = "tester"
}
`, self, sum, attributes))
	all["x.hcl"] = strings.Replace(all["x.hcl"], `policy   = "lua.a"`, `policy   = "plugin.by-load"`, 1)
	return all
}

func TestPluginDiesUnderLoad(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("plugins are looked after on Linux only")
	}
	w := start(t, pluginFiles(t, `
  tick_interval = "100ms"
  tick_timeout  = "1s"
  rank_ttl      = "1s"
  restart {
    backoff_min = "4s"
    backoff_max = "4s"
  }`))
	const (
		byPlugin   = `rspool_policy_pools{policy="plugin.by-load",standing="in-use"} 1`
		byFallback = `rspool_policy_pools{policy="least-used",standing="in-use"} 1`
		away       = `rspool_policy_pools{policy="plugin.by-load",standing="unavailable"} 1`
		up         = `rspool_plugin_up{plugin="tester"} 1`
		down       = `rspool_plugin_up{plugin="tester"} 0`
	)
	c := gather(t, w)
	w.shows(byPlugin, up)
	left := w.trips("plugin.by-load") // while the first ranks were awaited
	c.goOn(500)
	for i, tt := range []struct {
		name   string
		signal syscall.Signal
	}{
		{"kill -9", syscall.SIGKILL},
		{"kill -STOP", syscall.SIGSTOP},
	} {
		before := w.Plugins()[0]
		if before.State != "running" {
			t.Fatalf("plugin is %+v", before)
		}
		if err := syscall.Kill(before.PID, tt.signal); err != nil {
			t.Fatal(err)
		}
		noticed := w.shows(down)
		fallback := noticed + w.shows(byFallback, away)
		c.goOn(200)
		back := w.shows(byPlugin, up, fmt.Sprintf(`rspool_plugin_starts_total{kind="restarts",plugin="tester"} %d`, i+1))
		c.goOn(200)
		t.Logf("%s of the plugin: noticed after %v, by the fallback after %v, back %v later", tt.name,
			noticed.Round(time.Millisecond), fallback.Round(time.Millisecond), back.Round(time.Millisecond))
		if s := w.Plugins()[0]; s.State != "running" || s.PID == before.PID || s.Restarts != before.Restarts+1 {
			t.Errorf("%s: plugin is %+v, was %+v", tt.name, s, before)
		}
	}
	c.noneLost(w, "a plugin that is killed and one that is frozen")
	if n := w.trips("plugin.by-load") - left; n < 2 {
		t.Errorf("the policy was left %d times, want twice at least", n)
	}
}

func TestPluginIsReplacedUnderLoad(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("plugins are looked after on Linux only")
	}
	w := start(t, pluginFiles(t, `
  stop_timeout = "1s"
  tick_timeout = "1m" # a busy machine is no reason
  rank_ttl     = "2m"`))
	c := gather(t, w)
	w.shows(`rspool_policy_pools{policy="plugin.by-load",standing="in-use"} 1`)
	c.goOn(200)
	before, left := w.Plugins()[0], w.trips("plugin.by-load")
	if err := w.ReloadPlugin(t.Context(), "tester"); err != nil {
		t.Fatal(err)
	}
	c.goOn(200)
	if s := w.Plugins()[0]; s.State != "running" || s.PID == before.PID {
		t.Errorf("plugin is %+v, was %+v", s, before)
	}
	w.edit("x.hcl", `stop_timeout = "1s"`, `stop_timeout = "3s"`)
	w.until(`msg="attribute is reloaded" attribute="plugin \"tester\".stop_timeout"`)
	c.goOn(200)
	c.noneLost(w, "a plugin that is replaced twice")
	if n := w.trips("plugin.by-load") - left; n != 0 {
		t.Errorf("the policy was left %d times, want never", n)
	}
}
