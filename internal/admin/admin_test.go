package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/policies"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/plugins"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// told is a process that remembers its orders.
type told struct {
	orders []string
	fail   error
}

func (t *told) note(format string, args ...any) error {
	t.orders = append(t.orders, fmt.Sprintf(format, args...))
	return t.fail
}

func (t *told) Reload(_ context.Context, dry bool) (*Report, error) {
	return &Report{
		Applied:  !dry,
		Changes:  []config.Change{{Attribute: "log.level", Before: `"info"`, After: `"debug"`, Live: true}},
		Policies: []policies.Replaced{{Policy: "lua.energy", From: "a", To: "b", Tests: 3}},
	}, t.note("reload %t", dry)
}

func (t *told) Rollback(_ context.Context, reference string) (*Report, error) {
	return &Report{Applied: true}, t.note("rollback %q", reference)
}
func (t *told) Policies() []Policy { return []Policy{{Reference: "lua.energy", Version: "b"}} }
func (t *told) Plugins() []plugins.Status {
	return []plugins.Status{{Name: "carbon", State: "running"}}
}
func (t *told) PluginLogs(n string) ([]string, error) {
	return []string{"a line"}, t.note("logs %q", n)
}
func (t *told) ReloadPlugin(_ context.Context, n string) error {
	return t.note("reload plugin %q", n)
}

func (t *told) Explain(q Question) (*status.Explanation, error) {
	return &status.Explanation{Handle: "web"}, t.note("explain %+v", q)
}

func (t *told) Config() *config.Config {
	c, err := config.Parse("x.hcl", []byte("log { level = \"debug\" }\n"), config.Options{})
	if err != nil {
		panic(err)
	}
	return c
}

// serve returns a client of a server that gives its orders to o.
func serve(t *testing.T, o Orders) *Client {
	t.Helper()
	s, err := Listen(filepath.Join(t.TempDir(), "run", "r.sock"), o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.File()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left behind: %v", err)
		}
	})
	return Dial(s.File())
}

func TestOrdersArrive(t *testing.T) {
	o := new(told)
	c, ctx := serve(t, o), t.Context()
	report, err := c.Reload(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := (&told{}).Reload(ctx, true)
	if diff := cmp.Diff(want, report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if r, err := c.Rollback(ctx, "lua.energy"); err != nil || !r.Applied {
		t.Errorf("Rollback: %+v, %v", r, err)
	}
	if l, err := c.Policies(ctx); err != nil || len(l) != 1 || l[0].Reference != "lua.energy" {
		t.Errorf("Policies: %v, %v", l, err)
	}
	if l, err := c.Plugins(ctx); err != nil || len(l) != 1 || l[0].State != "running" {
		t.Errorf("Plugins: %v, %v", l, err)
	}
	if err := c.ReloadPlugin(ctx, "carbon"); err != nil {
		t.Errorf("ReloadPlugin: %v", err)
	}
	if l, err := c.PluginLogs(ctx, "a/b"); err != nil || len(l) != 1 {
		t.Errorf("PluginLogs: %v, %v", l, err)
	}
	if e, err := c.Explain(ctx, Question{Pool: "web", Attributes: map[string]string{"a": "b"}}); err != nil || e.Handle != "web" {
		t.Errorf("Explain: %+v, %v", e, err)
	}
	if text, b, err := c.Config(ctx); err != nil || !strings.Contains(text, `level  = "debug"`) || string(b) != `{"log":{"level":"debug"}}` {
		t.Errorf("Config: %s, %s, %v", text, b, err)
	}
	if diff := cmp.Diff([]string{
		"reload true", `rollback "lua.energy"`, `reload plugin "carbon"`, `logs "a/b"`,
		`explain {Pool:web Items:0 UserAddress: Attributes:map[a:b]}`,
	}, o.orders); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
}

func TestReasonsArrive(t *testing.T) {
	_, bad := config.Parse("bad.hcl", []byte("log {\n  level = \"loud\"\n}\n"), config.Options{})
	for _, tt := range []struct {
		name string
		fail error
		want Error
	}{
		{"a_reason", errors.New("no"), Error{Message: "no"}},
		{"what_does_not_exist", ErrMissing{errors.New("no such pool")}, Error{Message: "no such pool", Missing: true}},
		{"diagnostics", bad, Error{
			Message:     bad.Error(),
			Diagnostics: []config.Diagnostic{{Summary: "Unsuitable level", Detail: `"loud" is not one of "debug", "info", "warn", "error".`, File: "bad.hcl", Line: 2, Column: 11, Snippet: `level = "loud"`}},
			Text:        "Error: Unsuitable level\n\n  on bad.hcl line 2, in log:\n   2:   level = \"loud\"\n\n\"loud\" is not one of \"debug\", \"info\", \"warn\", \"error\".\n\n",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := serve(t, &told{fail: tt.fail}).Reload(t.Context(), false)
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("error is %v", err)
			}
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSocketIsTheUsersOwn(t *testing.T) {
	c := serve(t, new(told))
	for path, want := range map[string]os.FileMode{c.file: 0o600, filepath.Dir(c.file): 0o700} {
		in, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := in.Mode().Perm(); got != want {
			t.Errorf("%s has the mode %o, want %o", path, got, want)
		}
	}
}

func TestSocketsThatCannotBe(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	alive := serve(t, new(told)).file
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, file, want string }{
		{"another_process_listens", alive, "another process answers"},
		{"a_file", filepath.Join(dir, "file"), "no socket"},
		{"too_long", filepath.Join(dir, strings.Repeat("x", 200)), "choose a shorter one"},
		{"a_folder_that_is_a_file", filepath.Join(dir, "file", "x.sock"), "enabled = false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Listen(tt.file, new(told), quiet)
			if err == nil {
				s.Close()
				t.Fatal("it is")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q lacks %q", err, tt.want)
			}
		})
	}
	t.Run("one_that_a_dead_process_left_is_replaced", func(t *testing.T) {
		file := filepath.Join(dir, "stale.sock")
		l, err := net.Listen("unix", file)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		l.Close()
		s, err := Listen(file, new(told), quiet)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	})
}

func TestTheOneRegistrarIsFound(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", dir)
	find := func(want string) {
		t.Helper()
		if _, err := Find(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Find: %v, want %q in it", err, want)
		}
	}
	find("no registrar of this user runs here")
	quiet := slog.New(slog.DiscardHandler)
	first, err := Listen(Socket(1), new(told), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if got, err := Find(); err != nil || got != first.File() {
		t.Errorf("Find: %s, %v; want %s", got, err, first.File())
	}
	second, err := Listen(Socket(2), new(told), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	find("2 registrars run here; name one with --admin")
}

func TestStrangeOrdersAreRefused(t *testing.T) {
	h := handler(new(told))
	for _, tt := range []struct {
		name, method, path, body string
		code                     int
	}{
		{"no_json", "POST", "/reload", "x", 422},
		{"an_unknown_field", "POST", "/reload", `{"wet":true}`, 422},
		{"the_wrong_method", "GET", "/reload", "", 405},
		{"an_unknown_order", "POST", "/halt", "{}", 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body)))
			if w.Code != tt.code {
				t.Errorf("answer %d %s, want %d", w.Code, w.Body, tt.code)
			}
		})
	}
}
