package policies

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/plugins"
	"github.com/rspool/rspool/plugins/protocol"
	"github.com/rspool/rspool/plugins/sdk"
)

// TestMain makes the test binary a plugin where it is started as one.
func TestMain(m *testing.M) {
	if os.Getenv(protocol.Cookie) != "" {
		if os.Getenv("FAIL") != "" {
			fmt.Fprintln(os.Stderr, "this plugin does not feel well")
			os.Exit(1)
		}
		_ = sdk.Serve(sdk.Plugin{
			Name: "tester", Version: "1.2.0",
			Policies: []sdk.Policy{{
				Name: "keyed", Summary: "Ranks by a number.",
				Config: []sdk.Attribute{{Name: "key", Type: sdk.Number, Default: 1.0, Help: "The key of everybody."}},
				Check: func(c sdk.Config) error {
					if c.Number("key") == 13 {
						return &sdk.AttributeError{Attribute: "key", Problem: "it is unlucky", Remedy: "take 12"}
					}
					return nil
				},
				Rank: func(c *sdk.Pool) (sdk.Ranker, error) {
					return sdk.RankFunc(func(sdk.Element) sdk.Rank { return sdk.Rank{Key: c.Config.Number("key")} }), nil
				},
			}},
		})
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// world is a folder with files of which a set is made.
type world struct {
	t    *testing.T
	dir  string
	logs strings.Builder
	set  *Set
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir()}
	t.Cleanup(func() {
		if w.set != nil {
			if err := w.set.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// load reads x.hcl.
func (w *world) load() *config.Config {
	w.t.Helper()
	c, err := config.Load([]string{filepath.Join(w.dir, "x.hcl")}, config.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) log() *slog.Logger { return slog.New(slog.NewTextHandler(&w.logs, nil)) }

// open puts x.hcl to work.
func (w *world) open() {
	w.t.Helper()
	var err error
	if w.set, err = Open(w.t.Context(), w.load(), w.log()); err != nil {
		w.t.Fatal(explain(err))
	}
}

// next takes x.hcl over.
func (w *world) next(insist bool) *Step {
	w.t.Helper()
	step, err := w.set.Next(w.t.Context(), w.load(), insist)
	if err != nil {
		w.t.Fatal(explain(err))
	}
	w.set = step.Commit()
	return step
}

// refused takes x.hcl over, which must fail.
func (w *world) refused() string {
	w.t.Helper()
	step, err := w.set.Next(w.t.Context(), w.load(), false)
	if err == nil {
		step.Commit()
		w.t.Fatal("the step was taken")
	}
	var e *config.Error
	if !errors.As(err, &e) {
		w.t.Errorf("error is %v, want a *config.Error", err)
	}
	return strings.ReplaceAll(explain(err), w.dir+"/", "")
}

func explain(err error) string {
	var e *config.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	var b strings.Builder
	if err := e.WriteText(&b, 1000, false); err != nil {
		return err.Error()
	}
	return b.String()
}

func changes(step *Step) []string {
	var all []string
	for _, r := range step.Replaced {
		all = append(all, fmt.Sprintf("%s %.4s>%.4s %d", r.Policy, r.From, r.To, r.Tests))
	}
	return append(all, step.Remarks...)
}

const (
	oneScript = "policy \"lua\" \"a\" {\n  source = \"a.lua\"\n  config {\n    x = 1\n  }\n}\n"
	good      = "return { key = function(load) return load end,\n  tests = { { name = \"t\", elements = { a = { load = 1 }, b = {} }, expect = \"b\" } } }\n"
)

func TestScriptsAreReplacedAllOrNone(t *testing.T) {
	w := newWorld(t)
	w.write("x.hcl", oneScript+"policy \"lua\" \"b\" {\n  source = \"b.lua\"\n}\n")
	w.write("a.lua", good)
	w.write("b.lua", good)
	w.open()
	first := w.set
	a, err := first.Registry().Find("lua.a")
	if err != nil {
		t.Fatal(err)
	}
	if v := first.Versions(); len(v) != 2 || v[0].Tests != 1 || v[0].Policy != a || v[0].Before != nil {
		t.Errorf("versions are %+v", v)
	}

	w.write("a.lua", strings.Replace(good, "return load end", "return -load end", 1))
	w.write("b.lua", "return { key = function(laod) return laod end }\n")
	want := `Error: Unsuitable script

  on b.lua line 1:
   1: return { key = function(laod) return laod end }
`
	if got := w.refused(); !strings.HasPrefix(got, want) || !strings.Contains(got, "load") {
		t.Errorf("reason is\n%s\nwant it to begin with\n%s", got, want)
	}

	w.write("b.lua", good)
	if got := w.refused(); !strings.Contains(got, "x.hcl line 2, in policy \"lua\" \"a\":") || !strings.Contains(got, `1 of 1 tests fail: "t": got a, want b.`) {
		t.Errorf("reason is\n%s", got)
	}

	w.write("a.lua", "-- changed\n"+good)
	step := w.next(false)
	v := w.set.Versions()
	if diff := cmp.Diff([]string{fmt.Sprintf("lua.a %.4s>%.4s 1", first.Versions()[0].Name(), v[0].Name())}, changes(step)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if v[1] != first.Versions()[1] {
		t.Error("a policy that stayed the same was replaced")
	}
	if b, err := w.set.Registry().Find("lua.a"); err != nil || b == a {
		t.Errorf("lua.a was not replaced: %v", err)
	}
}

func TestSettingsMakeAnotherVersion(t *testing.T) {
	w := newWorld(t)
	w.write("x.hcl", oneScript)
	w.write("a.lua", good)
	w.open()
	if got := changes(w.next(false)); len(got) > 0 {
		t.Errorf("changes without any: %v", got)
	}
	w.write("x.hcl", strings.Replace(oneScript, "x = 1", "x = 2", 1))
	if got := changes(w.next(false)); len(got) != 1 {
		t.Errorf("changes are %v, want one", got)
	}
	if got := w.set.Versions()[0].Definition.Config["x"]; got != 2. {
		t.Errorf("x is %v", got)
	}
	w.write("x.hcl", "")
	if diff := cmp.Diff([]string{fmt.Sprintf("lua.a %.4s> 0", "????")}, changes(w.next(false)), cmpopts.EquateEmpty(), cmp.Comparer(func(a, b string) bool {
		return strings.HasSuffix(a, "> 0") && strings.HasSuffix(b, "> 0")
	})); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestRollback(t *testing.T) {
	w := newWorld(t)
	w.write("x.hcl", oneScript)
	w.write("a.lua", good)
	w.open()
	first := w.set.Versions()[0]
	if _, err := w.set.Rollback("lua.a"); err == nil || !strings.Contains(err.Error(), "no version before") {
		t.Errorf("Rollback: %v", err)
	}
	if _, err := w.set.Rollback(); err == nil || !strings.Contains(err.Error(), "no policy has a version before") {
		t.Errorf("Rollback: %v", err)
	}
	if _, err := w.set.Rollback("lua.b"); !errors.Is(err, ErrUnknown) {
		t.Errorf("Rollback: %v", err)
	}
	w.write("a.lua", "-- second\n"+good)
	w.next(false)
	second := w.set.Versions()[0]
	step, err := w.set.Rollback()
	if err != nil {
		t.Fatal(err)
	}
	w.set = step.Commit()
	if v := w.set.Versions()[0]; v.Policy != first.Policy || v.Name() != first.Name() {
		t.Errorf("version %s is at work, want %s", v.Name(), first.Name())
	}

	// The file still has the second version, and reading it again changes nothing.
	step = w.next(false)
	if len(step.Replaced) > 0 || len(step.Remarks) != 1 || !strings.Contains(step.Remarks[0], "lua.a stays at version "+first.Name()) {
		t.Errorf("changes are %v", changes(step))
	}
	step = w.next(false)
	if len(step.Replaced) > 0 || len(step.Remarks) != 1 {
		t.Errorf("changes are %v", changes(step))
	}
	w.write("a.lua", "-- third\n"+good)
	if step = w.next(false); len(step.Replaced) != 1 {
		t.Errorf("changes are %v", changes(step))
	}
	// Who insists gets it.
	w.write("a.lua", "-- second\n"+good)
	w.next(false)
	if step, err = w.set.Rollback("lua.a"); err != nil {
		t.Fatal(err)
	}
	w.set = step.Commit()
	if step = w.next(true); len(step.Replaced) != 1 || w.set.Versions()[0].Name() != second.Name() {
		t.Errorf("changes are %v", changes(step))
	}
}

func TestRollbackOfTheLastStepAlone(t *testing.T) {
	w := newWorld(t)
	w.write("x.hcl", oneScript+"policy \"lua\" \"b\" {\n  source = \"b.lua\"\n}\npolicy \"lua\" \"c\" {\n  source = \"c.lua\"\n}\n")
	for _, f := range []string{"a.lua", "b.lua", "c.lua"} {
		w.write(f, good)
	}
	w.open()
	w.write("c.lua", "-- new\n"+good)
	w.next(false)
	w.write("a.lua", "-- new\n"+good)
	w.write("b.lua", "-- new\n"+good)
	w.next(false)
	step, err := w.set.Rollback()
	if err != nil {
		t.Fatal(err)
	}
	w.set = step.Commit()
	var got []string
	for _, r := range step.Replaced {
		got = append(got, r.Policy)
	}
	if diff := cmp.Diff([]string{"lua.a", "lua.b"}, got); diff != "" {
		t.Errorf("brought back (-want +got):\n%s", diff)
	}
}

// plugin writes x.hcl with the test binary for a plugin.
func (w *world) plugin(block, settings string) {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	sum, err := plugins.Checksum(self)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("x.hcl", fmt.Sprintf("plugin \"tester\" {\n  command = %q\n  sha256 = %q\n  auto_mtls = false\n  %s\n}\n"+
		"policy \"plugin\" \"p\" {\n  plugin = \"tester\"\n  config {\n    %s\n  }\n}\n", self, sum, block, settings))
}

func TestPlugins(t *testing.T) {
	w := newWorld(t)
	w.plugin("", "key = \"7\"")
	w.open()
	v := w.set.Versions()[0]
	if diff := cmp.Diff(map[string]any{"key": 7.}, v.Definition.Config); diff != "" || v.Definition.Offer != "keyed" {
		t.Errorf("config (-want +got):\n%s; policy %q", diff, v.Definition.Offer)
	}
	before := w.set.Plugins()[0]
	if before.State != "running" || before.Version != "1.2.0" {
		t.Errorf("plugin %+v", before)
	}

	w.plugin("", "kex = 7")
	if got := w.refused(); !strings.Contains(got, `An argument named "kex" is not expected here. Did you mean "key"?`) {
		t.Errorf("reason is\n%s", got)
	}
	w.plugin("", "key = \"seven\"")
	if got := w.refused(); !strings.Contains(got, "x.hcl line 10, in policy \"plugin\" \"p\":") || !strings.Contains(got, "number") {
		t.Errorf("reason is\n%s", got)
	}
	w.plugin("", "key = 13")
	if got := w.refused(); !strings.Contains(got, "10:     key = 13\n\nIt is unlucky. Take 12.") {
		t.Errorf("reason is\n%s", got)
	}
	w.plugin(`env = { FAIL = "1" }`, "key = 7")
	if got := w.refused(); !strings.Contains(got, "Plugin does not work") || !strings.Contains(got, "does not feel well") {
		t.Errorf("reason is\n%s", got)
	}
	if s := w.set.Plugins()[0]; s.PID != before.PID || s.State != "running" {
		t.Errorf("the plugin was disturbed: %+v", s)
	}

	w.plugin("", "key = 8")
	if step := w.next(false); len(step.Replaced) != 1 {
		t.Errorf("changes are %v", changes(step))
	}
	if s := w.set.Plugins()[0]; s.PID != before.PID {
		t.Error("the plugin was started anew for another setting")
	}
	w.plugin(`env = { A = "1" }`, "key = 8")
	if step := w.next(false); len(step.Replaced) != 0 {
		t.Errorf("changes are %v", changes(step))
	}
	if s := w.set.Plugins()[0]; s.PID == before.PID || s.State != "running" {
		t.Errorf("the plugin was not replaced: %+v", s)
	}
	w.write("x.hcl", "")
	w.next(false)
	if l := w.set.Plugins(); len(l) != 0 {
		t.Errorf("plugins are left: %+v", l)
	}
}

func TestPluginThatDoesNotComeUpAtTheStart(t *testing.T) {
	w := newWorld(t)
	w.plugin(`env = { FAIL = "1" }`, "key = 7")
	w.open()
	if s := w.set.Plugins()[0]; s.State == "running" || !strings.Contains(s.LastEnd, "does not feel well") {
		t.Errorf("plugin %+v", s)
	}
	if !strings.Contains(w.logs.String(), "its policies wait on their fallbacks") {
		t.Errorf("log is %s", w.logs.String())
	}
	if _, err := w.set.Registry().Find("plugin.p"); err != nil {
		t.Error(err)
	}
}

func TestUndoEndsWhatWasStarted(t *testing.T) {
	w := newWorld(t)
	w.write("x.hcl", "")
	w.open()
	w.plugin("", "key = 7")
	step, err := w.set.Next(context.Background(), w.load(), false)
	if err != nil {
		t.Fatal(explain(err))
	}
	if err := step.Undo(); err != nil {
		t.Error(err)
	}
	if s := step.Set().Plugins()[0]; s.State != "stopped" {
		t.Errorf("plugin is %s", s.State)
	}
}

func TestUserGetsItsPolicies(t *testing.T) {
	w := newWorld(t)
	w.write("x.hcl", oneScript+"policy \"lua\" \"unused\" {\n  source = \"missing.lua\"\n}\nuser {\n  policy     = \"lua.a\"\n  fallback   = [\"random\"]\n  cache_time = \"1s\"\n}\n")
	w.write("a.lua", good)
	c := w.load()
	end, err := OpenUser(t.Context(), c, w.log())
	if err != nil {
		t.Fatal(explain(err))
	}
	var names []string
	for _, p := range c.User.Policy.Policies {
		names = append(names, p.Describe().Name)
	}
	if diff := cmp.Diff([]string{"lua.a", "random"}, names); diff != "" {
		t.Errorf("chain (-want +got):\n%s", diff)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	w.write("x.hcl", "")
	c = w.load()
	if end, err = OpenUser(t.Context(), c, w.log()); err != nil || c.User.Policy != nil {
		t.Errorf("without a policy: %v, %v", c.User.Policy, err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}
