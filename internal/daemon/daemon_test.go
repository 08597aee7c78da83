package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/admin"
	"github.com/rspool/rspool/internal/status"
)

// logs is a log that may be read while it is written.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is a daemon with its folder.
type world struct {
	*Daemon
	t     *testing.T
	dir   string
	logs  logs
	level slog.LevelVar
	stop  context.CancelFunc
	done  chan error
}

const base = `
registrar {
  transport {
    mode     = "udp"
    listen   = "127.0.0.1"
    udp_port = "any"
  }
  asap {
    port = "any"
  }
  announce {
    enabled = false
  }
}

policy "lua" "a" {
  source = "a.lua"
}

pool "Echo*" {
  policy   = "lua.a"
  fallback = ["least-used"]
}
`

const script = "return { key = function(load) return load end,\n  tests = { { elements = { a = { load = 1 }, b = {} }, expect = \"b\" } } }\n"

// start writes the files and runs a daemon by them.
func start(t *testing.T, files map[string]string) *world {
	w := &world{t: t, dir: t.TempDir(), done: make(chan error, 1)}
	for name, text := range files {
		w.write(name, text)
	}
	var err error
	w.Daemon, err = New(t.Context(), Config{
		Load: func() (*config.Config, error) {
			return config.Load([]string{filepath.Join(w.dir, "x.hcl")}, config.Options{})
		},
		Log:   slog.New(slog.NewTextHandler(&w.logs, &slog.HandlerOptions{Level: &w.level})),
		Level: w.level.Set,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	go func() { w.done <- w.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-w.done; err != nil {
			t.Error(err)
		}
	})
	return w
}

// files is a daemon's folder with its socket in it.
func files(t *testing.T, extra string) map[string]string {
	return map[string]string{
		"x.hcl": fmt.Sprintf("admin {\n  socket = %q\n}\n", filepath.Join(t.TempDir(), "a.sock")) + base + extra,
		"a.lua": script,
	}
}

func (w *world) write(name, text string) {
	w.t.Helper()
	// In one step, so that nobody ever reads a half of it.
	file := filepath.Join(w.dir, name)
	err := os.WriteFile(file+".new", []byte(text), 0o644)
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// edit replaces a text in a file.
func (w *world) edit(name, old, now string) {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		w.t.Fatalf("%s does not contain %q", name, old)
	}
	w.write(name, strings.Replace(string(b), old, now, 1))
}

// until waits until the log contains a text.
func (w *world) until(text string) {
	w.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !strings.Contains(w.logs.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("the log does not say %q:\n%s", text, w.logs.String())
		}
	}
}

func (w *world) version() string { return w.Policies()[0].Version }

func TestChangedScriptIsTakenOver(t *testing.T) {
	w := start(t, files(t, ""))
	before := w.version()
	w.edit("a.lua", "return load", "return 2 * load")
	w.until(`msg="policy is replaced" policy=lua.a from=` + before)
	if w.version() == before {
		t.Error("the version before is at work")
	}
	w.until(`msg="configuration is reloaded" changes=0 policies=1`)
}

func TestNonsenseIsRefusedAndSaidOnce(t *testing.T) {
	w := start(t, files(t, ""))
	before := w.version()
	w.edit("a.lua", "return load", "retrun load")
	w.until("configuration is refused; the running one stays")
	line := `problem="Unsuitable script" detail=`
	if log := w.logs.String(); strings.Count(log, line) != 1 || !strings.Contains(log, `a.lua:1 text="return { key = function(load) retrun load end,"`) {
		t.Errorf("the log should say once, with file, line and text, what is wrong:\n%s", log)
	}
	if w.version() != before {
		t.Error("the version before is not at work")
	}
	s := w.Status(status.Query{}).(*status.Registrar).Configuration
	if s.Failure == "" || s.Reloads["refused"] != 1 {
		t.Errorf("configuration is %+v", s)
	}
	w.edit("a.lua", "retrun load", "return load + 0")
	w.until(`msg="configuration is reloaded"`)
	if s := w.Status(status.Query{}).(*status.Registrar).Configuration; s.Failure != "" || s.Reloads["changed"] != 1 {
		t.Errorf("configuration is %+v", s)
	}
}

func TestReloadReportsEachAttribute(t *testing.T) {
	w := start(t, files(t, ""))
	c := admin.Dial(w.Admin())
	w.edit("x.hcl", `fallback = ["least-used"]`, "fallback = [\"random\"]\n  max_items = 5")
	w.edit("x.hcl", `listen   = "127.0.0.1"`, `listen   = "127.0.0.2"`)
	w.edit("x.hcl", "admin {", "log {\n  level = \"debug\"\n}\nuser {\n  items = 3\n}\nadmin {")
	dry, err := c.Reload(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	want := &admin.Report{Changes: []config.Change{
		{Attribute: "registrar.transport.listen", Before: `"127.0.0.1"`, After: `"127.0.0.2"`},
		{Attribute: "log.level", After: `"debug"`, Live: true},
		{Attribute: `pool "Echo*".fallback`, Before: `["least-used"]`, After: `["random"]`, Live: true},
		{Attribute: `pool "Echo*".max_items`, After: "5", Live: true},
	}}
	// The watcher may have been quicker than the question.
	if len(dry.Changes) > 0 {
		want.Policies = dry.Policies
		if diff := cmp.Diff(want, dry); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
	}
	w.until(`msg="attribute needs a restart" attribute=registrar.transport.listen from="\"127.0.0.1\"" to="\"127.0.0.2\""`)
	w.until(`msg="attribute is reloaded" attribute="pool \"Echo*\".fallback"`)
	if w.level.Level() != slog.LevelDebug {
		t.Errorf("the level of the log is %s", w.level.Level())
	}
	again, err := c.Reload(t.Context(), false)
	if err != nil || len(again.Changes) != 0 || !again.Applied {
		t.Errorf("Reload: %+v, %v", again, err)
	}
}

func TestRollbackHoldsAgainstTheWatcher(t *testing.T) {
	w := start(t, files(t, ""))
	first := w.version()
	w.edit("a.lua", "return load", "return 2 * load")
	w.until(`msg="policy is replaced"`)
	c := admin.Dial(w.Admin())
	r, err := c.Rollback(t.Context(), "lua.a")
	if err != nil || len(r.Policies) != 1 || r.Policies[0].To != first {
		t.Fatalf("Rollback: %+v, %v", r, err)
	}
	w.write("other.hcl", "") // not ours
	w.edit("x.hcl", `fallback = ["least-used"]`, `fallback = ["random"]`)
	w.until("lua.a stays at version " + first)
	if w.version() != first {
		t.Error("the version that was taken back is at work")
	}
	if _, err := c.Rollback(t.Context(), "lua.none"); err == nil || !strings.Contains(err.Error(), "there is no policy") {
		t.Errorf("Rollback: %v", err)
	}
	r, err = c.Reload(t.Context(), false)
	if err != nil || len(r.Policies) != 1 || w.version() == first {
		t.Errorf("Reload: %+v, %v", r, err)
	}
}

func TestNonsenseAtTheStart(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"x.hcl": base, "a.lua": "return { kee = 1 }\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err := New(t.Context(), Config{
		Load: func() (*config.Config, error) {
			return config.Load([]string{filepath.Join(dir, "x.hcl")}, config.Options{})
		},
		Log: slog.New(slog.DiscardHandler),
	})
	var files *config.Error
	if !errors.As(err, &files) || !strings.Contains(err.Error(), "kee") {
		t.Errorf("New: %v, want a *config.Error", err)
	}
}

func TestOrdersAboutWhatDoesNotExist(t *testing.T) {
	w := start(t, files(t, ""))
	c := admin.Dial(w.Admin())
	_, logs := c.PluginLogs(t.Context(), "carbon")
	_, explain := c.Explain(t.Context(), admin.Question{Pool: "None"})
	for name, err := range map[string]error{"reload": c.ReloadPlugin(t.Context(), "carbon"), "logs": logs, "explain": explain} {
		var e *admin.Error
		if !errors.As(err, &e) || !e.Missing {
			t.Errorf("%s: %v, want one that says it does not exist", name, err)
		}
	}
	if _, err := c.Explain(t.Context(), admin.Question{Pool: "None", UserAddress: "here"}); err == nil || !strings.Contains(err.Error(), "want an IP address") {
		t.Errorf("Explain: %v", err)
	}
	if text, _, err := c.Config(t.Context()); err != nil || !strings.Contains(text, `pool "Echo*"`) {
		t.Errorf("Config: %s, %v", text, err)
	}
}

func TestConfigurationIsInTheStatus(t *testing.T) {
	w := start(t, files(t, ""))
	h := status.Handler(w)
	get := func(path string) string {
		r := httptest.NewRecorder()
		h.ServeHTTP(r, httptest.NewRequest("GET", path, nil))
		return r.Body.String()
	}
	var s status.Registrar
	if err := json.Unmarshal([]byte(get("/status")), &s); err != nil || s.Configuration == nil || len(s.Configuration.Files) != 1 {
		t.Errorf("status is %+v, %v", s.Configuration, err)
	}
	metrics := get("/metrics")
	for _, want := range []string{`rspool_reloads_total{outcome="refused"} 0`, "rspool_reload_successful 1"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
}
