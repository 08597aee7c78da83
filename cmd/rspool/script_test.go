package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rspool/rspool/plugins/sdk"
)

// asCommand makes the test binary behave as rspool, for the scripts and for the
// processes that commands start themselves.
const asCommand = "RSPOOL_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"rspool": main, "rspool-policy-tester": servePlugin})
}

// servePlugin is a plugin for the scripts.
func servePlugin() {
	err := sdk.Serve(sdk.Plugin{
		Name: "tester", Version: "1.2.0", Summary: "Tests commands.",
		Policies: []sdk.Policy{{
			Name: "by-load", Summary: "The least load, times a factor, first.", Needs: []sdk.Field{sdk.Load},
			Config: []sdk.Attribute{{Name: "factor", Type: sdk.Number, Default: 1.0, Minimum: sdk.Bound(0), Help: "What loads are multiplied by."}},
			Rank: func(p *sdk.Pool) (sdk.Ranker, error) {
				factor := p.Config.Number("factor")
				p.Log().Info("pool is followed", "factor", factor)
				return sdk.RankFunc(func(e sdk.Element) sdk.Rank { return sdk.Rank{Key: e.Load * factor, Step: 0.01} }), nil
			},
		}},
	})
	if err != nil {
		os.Exit(1)
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("RSPOOL_UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv(asCommand, "1")
			env.Setenv("RUNTIME_DIRECTORY", env.WorkDir+"/run") // for sockets
			env.Setenv("FREE_UDP", freeUDP(t))
			env.Setenv("GORACE", "atexit_sleep_ms=0") // not a second for each process
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready":  scriptReady,
			"signal": scriptSignal,
			"until":  scriptUntil,
		},
	})
}

// freeUDP returns an address that nobody listens at.
func freeUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// patience bounds what scripts wait for: far longer than anything takes.
const patience = 60 * time.Second

// eventually tries until f says that it is done; it fails after patience.
func eventually(ts *testscript.TestScript, what string, f func() bool) {
	for end := time.Now().Add(patience); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// scriptReady is "ready FILE PREFIX": it waits for a --ready-file and sets
// PREFIX_ASAP, PREFIX_PID and so on from it.
func scriptReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ready FILE PREFIX")
	}
	var line []byte
	eventually(ts, args[0], func() bool {
		var err error
		line, err = os.ReadFile(ts.MkAbs(args[0]))
		return err == nil
	})
	var fields map[string]any
	ts.Check(json.Unmarshal(line, &fields))
	for name, v := range fields {
		ts.Setenv(args[1]+"_"+strings.ToUpper(name), fmt.Sprint(v))
		if n, ok := v.(float64); ok {
			ts.Setenv(args[1]+"_"+strings.ToUpper(name), fmt.Sprintf("%.0f", n))
		}
	}
}

// scriptSignal is "signal TERM|HUP PID".
func scriptSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": os.Kill}
	if neg || len(args) != 2 || signals[args[0]] == nil {
		ts.Fatalf("usage: signal TERM|HUP|KILL PID")
	}
	var pid int
	_, err := fmt.Sscan(args[1], &pid)
	ts.Check(err)
	p, err := os.FindProcess(pid)
	ts.Check(err)
	ts.Check(p.Signal(signals[args[0]]))
}

// scriptUntil is "until TEXT COMMAND...": it runs a command again and again until
// its output, of both streams, contains the text.
func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until TEXT COMMAND...")
	}
	var out string
	eventually(ts, strings.Join(args, " "), func() bool {
		_ = ts.Exec(args[1], args[2:]...) // the output decides
		out = ts.ReadFile("stdout") + ts.ReadFile("stderr")
		return strings.Contains(out, args[0])
	})
}

// TestScriptsCover names the commands that no script runs.
func TestScriptsCoverTheCommands(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	var all strings.Builder
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	for _, command := range []string{
		"element run fractal", "user fractal", "registrar run", "registrar check", "registrar status", "registrar drain", "space dump", "space watch", "space diff", "resolve", "top", "config init", "config check",
		"config fmt", "config show", "config schema", "config diff", "registrar reload",
		"policy list", "policy new", "policy check", "policy test", "policy bench", "policy fuzz", "policy explain", "policy try", "policy reload", "policy rollback",
		"plugin scaffold", "plugin list", "plugin info", "plugin check", "plugin add", "plugin reload", "plugin logs", "plugin run", "plugin conformance", "plugin docs",
		"completion", "man", "version", "help",
	} {
		if !strings.Contains(all.String(), "rspool "+command) {
			t.Errorf("no script runs rspool %s", command)
		}
	}
}
