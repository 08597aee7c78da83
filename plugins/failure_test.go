package plugins

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pid returns the process of a running plugin.
func pid(t *testing.T, p *Plugin) int {
	t.Helper()
	s := p.Status()
	if s.PID == 0 {
		t.Fatalf("no process: %+v", s)
	}
	return s.PID
}

func running(p *Plugin, not int) func() bool {
	return func() bool { s := p.Status(); return s.State == "running" && s.PID != not }
}

func dropped(p *Plugin, r Reason) func() bool {
	return func() bool { return p.counters.dropped[r].Load() > 0 }
}

func TestCrashIsFollowedByARestart(t *testing.T) {
	var log logged
	cfg := self(t, "well")
	cfg.Log = log.logger()
	cfg.Restart.BackoffMin = 20 * time.Millisecond
	p := up(t, cfg)
	w := open(t, p, "least", nil, 0.5, 0.1)
	eventually(t, "ranks", w.is(true))

	first := pid(t, p)
	_ = syscall.Kill(first, syscall.SIGKILL)
	eventually(t, "another process", running(p, first))
	if !w.is(true)() || w.pick(1)[0] != 2 {
		t.Error("ranks did not outlive the process")
	}
	w.add(1, 0.05, 0)
	eventually(t, "ranks from the new process", func() bool { return w.pick(1)[0] == 1 })
	s := p.Status()
	if s.Restarts != 1 || !strings.Contains(s.LastEnd, "signal: killed") || !log.has("signal: killed")() {
		t.Errorf("status %+v", s)
	}
}

func TestPanicIsShownNextToItsFault(t *testing.T) {
	var log logged
	cfg := self(t, "well")
	cfg.Log = log.logger()
	cfg.Restart.BackoffMin = time.Hour
	p := up(t, cfg)
	w := open(t, p, "least", nil, 0.5, 0.1)
	eventually(t, "ranks", w.is(true))
	w.add(3, 0.99, 0)
	eventually(t, "the end", func() bool { return p.Status().State == "restarting" })
	if s := p.Status(); !strings.Contains(s.LastEnd, "exit status 2") {
		t.Errorf("status %+v", s)
	}
	eventually(t, "the panic in the log", func() bool {
		return log.has("panic: load of 0.99")() && log.has("plugin ended")()
	})
	if !slices.ContainsFunc(p.Logs(), func(l string) bool { return strings.HasPrefix(l, "panic: load of 0.99") }) {
		t.Errorf("logs %q", p.Logs())
	}
}

func TestRanksHoldUntilTheirTTL(t *testing.T) {
	cfg := self(t, "well")
	cfg.Restart.BackoffMin = time.Hour
	cfg.RankTTL = 300 * time.Millisecond
	cfg.TickInterval = 50 * time.Millisecond
	p := up(t, cfg)
	w := open(t, p, "least", nil, 0.5, 0.1)
	eventually(t, "ranks", w.is(true))
	time.Sleep(2 * cfg.RankTTL) // they hold as long as the plugin lives
	if !w.is(true)() {
		t.Fatal("ranks of a plugin that answers ticks hold no longer")
	}
	_ = syscall.Kill(pid(t, p), syscall.SIGKILL)
	killed := time.Now()
	eventually(t, "the end of the ranks", w.is(false))
	if d := time.Since(killed); d < cfg.RankTTL-2*cfg.TickInterval {
		t.Errorf("ranks held %v", d)
	}
	if why := p.Status().Pools[0].Unavailable; !strings.Contains(why, "not heard of for 300ms") {
		t.Errorf("why: %q", why)
	}
	if err := p.Reload(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ranks", w.is(true))
}

func TestFrozenPluginIsKilled(t *testing.T) {
	for _, how := range []string{"with a pool", "without"} {
		t.Run(how, func(t *testing.T) {
			cfg := self(t, "well")
			cfg.TickInterval, cfg.TickTimeout = 20*time.Millisecond, 200*time.Millisecond
			cfg.Restart.BackoffMin = 20 * time.Millisecond
			p := up(t, cfg)
			var w *world
			if how == "with a pool" {
				w = open(t, p, "least", nil, 0.5, 0.1)
				eventually(t, "ranks", w.is(true))
			}
			first := pid(t, p)
			_ = syscall.Kill(first, syscall.SIGSTOP)
			eventually(t, "another process", running(p, first))
			if s := p.Status(); !strings.Contains(s.LastEnd, "no sign of life") && !strings.Contains(s.LastEnd, "not answered") {
				t.Errorf("status %+v", s)
			}
			if w != nil && w.pick(1)[0] != 2 {
				t.Error("ranks did not outlive the process")
			}
		})
	}
}

// TestHungPoolIsKilled has a plugin that lives, but does not answer for a pool.
func TestHungPoolIsKilled(t *testing.T) {
	cfg := self(t, "silent")
	cfg.TickInterval, cfg.TickTimeout = 20*time.Millisecond, 200*time.Millisecond
	cfg.Restart.BackoffMin = 20 * time.Millisecond
	p := up(t, cfg)
	w := open(t, p, "raw", nil, 0.5)
	first := pid(t, p)
	eventually(t, "another process", running(p, first))
	if s := p.Status(); !strings.Contains(s.LastEnd, "pool EchoPool: a tick was not answered") {
		t.Errorf("status %+v", s)
	}
	if w.is(true)() {
		t.Error("available without a rank")
	}
}

func TestFrozenPluginDoesNotHoldUpClose(t *testing.T) {
	cfg := self(t, "well")
	cfg.StopTimeout = 200 * time.Millisecond
	p := up(t, cfg)
	w := open(t, p, "least", nil, 0.5)
	eventually(t, "ranks", w.is(true))
	_ = syscall.Kill(pid(t, p), syscall.SIGSTOP)
	began := time.Now()
	_ = p.Close()
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("Close took %v", d)
	}
	if s := p.Status(); s.State != "stopped" || s.PID != 0 {
		t.Errorf("status %+v", s)
	}
}

// TestNonsenseIsDropped shows that whatever a plugin says, good ranks are used, bad
// ones are counted, and the pool's owner hears of faults.
func TestNonsenseIsDropped(t *testing.T) {
	for _, tc := range []struct {
		how    string
		reason Reason
		fault  string // empty: none
	}{
		{"nan", BadNumber, "ranks that mean nothing"},
		{"unknown-ids", UnknownID, "ranks that mean nothing"},
		{"future", FromFuture, ""},
		{"strange-event", Unknown, ""},
		{"too-long", TooLong, "more elements than there may be"},
		{"problem", Reported, "no prices"},
	} {
		t.Run(tc.how, func(t *testing.T) {
			p := up(t, self(t, tc.how))
			w := open(t, p, "raw", nil, 0.5, 0.1, 0.9)
			eventually(t, "ranks", func() bool { return slices.Equal(w.order(), []uint32{3, 2, 1}) })
			eventually(t, "a count of "+tc.reason.String(), dropped(p, tc.reason))
			if tc.fault == "" {
				return
			}
			eventually(t, "a fault", w.faults(tc.fault))
			if strings.ContainsRune(w.fault(), 0x1b) {
				t.Errorf("a fault with control characters: %q", w.fault())
			}
		})
	}
}

func TestStaleRanksAreDropped(t *testing.T) {
	p := up(t, self(t, "late"))
	w := open(t, p, "raw", nil, 0.5, 0.1)
	eventually(t, "a count", dropped(p, Stale))
	time.Sleep(20 * time.Millisecond)
	if w.is(true)() {
		t.Error("available by ranks for elements that have registered since")
	}
}

func TestHugeEventEndsTheStreamAlone(t *testing.T) {
	cfg := self(t, "huge")
	p := up(t, cfg)
	w := open(t, p, "raw", nil, 0.5)
	eventually(t, "ranks", w.is(true))
	eventually(t, "a fault", w.faults("larger than max"))
	if p.Status().State != "running" {
		t.Errorf("status %+v", p.Status())
	}
}

func TestResyncSendsTheMembership(t *testing.T) {
	p := up(t, self(t, "resync"))
	w := open(t, p, "raw", nil, 0.5, 0.1)
	eventually(t, "ranks", w.is(true))
	eventually(t, "further epochs", func() bool { return p.Status().Pools[0].Epoch > 10 })
}

// TestFloodIsHeldBack bounds what a plugin can make the host do and keep.
func TestFloodIsHeldBack(t *testing.T) {
	cfg := self(t, "flood")
	cfg.flood = 500
	p := up(t, cfg)
	loads := make([]float64, 100)
	w := open(t, p, "raw", nil, loads...)
	eventually(t, "ranks", w.is(true))
	eventually(t, "a count", dropped(p, Flooded))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	ranks := p.Status().Ranks
	const span = 1500 * time.Millisecond
	time.Sleep(span)
	runtime.GC()
	runtime.ReadMemStats(&after)
	rate := float64(p.Status().Ranks-ranks) / span.Seconds()
	if rate > 1.5*32*cfg.flood {
		t.Errorf("%.0f ranks a second", rate)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("%d KiB more than before", grown>>10)
	}
	if len(w.pick(5)) != 5 {
		t.Error("no selections")
	}
}

// TestTheLatestRanksCount has a plugin say more than it may, and then once what it
// means: nothing of that is lost, though nobody says it again.
func TestTheLatestRanksCount(t *testing.T) {
	cfg := self(t, "rush")
	cfg.flood = 50
	p := up(t, cfg)
	w := open(t, p, "raw", nil, make([]float64, 100)...)
	eventually(t, "a flood", dropped(p, Flooded))
	want := make([]uint32, 100)
	for i := range want {
		want[i] = uint32(100 - i)
	}
	eventually(t, "the latest ranks", func() bool { return slices.Equal(w.order(), want) })
}

func TestChatterIsCut(t *testing.T) {
	var log logged
	cfg := self(t, "chatty")
	cfg.Log = log.logger()
	p := up(t, cfg)
	w := open(t, p, "raw", nil, 0.5)
	eventually(t, "ranks", w.is(true))
	eventually(t, "all of it read", func() bool { l := p.Logs(); return len(l) > 0 && l[len(l)-1] == "chatter 99999" })
	if n := strings.Count(log.String(), "\n"); n > lineRush+1000 {
		t.Errorf("%d lines logged", n)
	}
	if len(p.Logs()) > maxTail {
		t.Errorf("%d lines kept", len(p.Logs()))
	}
}

func TestOutputIsLogged(t *testing.T) {
	var log logged
	cfg := self(t, "printer")
	cfg.Log = log.logger()
	w := open(t, up(t, cfg), "raw", nil, 0.5)
	eventually(t, "ranks", w.is(true))
	eventually(t, "lines", func() bool { return log.has("printed to stdout")() && log.has("as=text")() })

	cfg = self(t, "well")
	cfg.Log = log.logger()
	open(t, up(t, cfg), "least", nil, 0.5)
	eventually(t, "an entry with attributes", log.has(`level=INFO msg="pool is open" plugin=test factor=1 pool=EchoPool`))
}

// TestNothingIsLeftBehind has a child that left the process group.
func TestNothingIsLeftBehind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a child subreaper")
	}
	var log logged
	cfg := self(t, "orphans")
	cfg.Log = log.logger()
	p := up(t, cfg)
	w := open(t, p, "least", nil, 0.5)
	eventually(t, "ranks", w.is(true))
	main := pid(t, p)
	eventually(t, "the child's number", log.has("child "))
	_, rest, _ := strings.Cut(log.String(), "child ")
	child, err := strconv.Atoi(rest[:strings.IndexAny(rest, "\"\n ")])
	if err != nil {
		t.Fatal(err)
	}
	token := p.current.launcher.process.token
	eventually(t, "the plugin, the shell and its children", func() bool { return len(bearing(token)) >= 3 })
	_ = p.Close()
	if left := bearing(token); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, id := range []int{main, child} {
		if err := syscall.Kill(id, 0); err != syscall.ESRCH {
			t.Errorf("process %d: %v", id, err)
		}
	}
}

// bearing returns the processes with a token in their environment.
func bearing(token string) (pids []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		if b, _ := os.ReadFile(f); strings.Contains(string(b), tokenName+"="+token) {
			pids = append(pids, f)
		}
	}
	return pids
}

func TestSocketFolderIsPrivateAndRemoved(t *testing.T) {
	cfg := self(t, "well")
	cfg.SocketDir = t.TempDir()
	p := up(t, cfg)
	folders, _ := filepath.Glob(filepath.Join(cfg.SocketDir, "*"))
	if len(folders) != 1 {
		t.Fatalf("folders %q", folders)
	}
	info, err := os.Stat(folders[0])
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	_ = p.Close()
	if _, err := os.Stat(folders[0]); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestProcessIsConfined(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("limits are set on Linux")
	}
	cfg := self(t, "well")
	cfg.Limits.Files = 77
	p := up(t, cfg)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid(t, p)))
	if err != nil {
		t.Fatal(err)
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid(t, p)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(status), "NoNewPrivs:\t1") {
		t.Errorf("status:\n%s", status)
	}
	for _, want := range []string{"Max open files            77", "Max core file size        0"} {
		if !strings.Contains(string(limits), want) {
			t.Errorf("limits without %q:\n%s", want, limits)
		}
	}
}

// TestOtherUser starts a plugin as somebody who may not even see its folder.
func TestOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can start a plugin as another user")
	}
	cfg := self(t, "well")
	cfg.User, cfg.Dir, cfg.NoMTLS = "nobody", "/", false
	cfg.Env["GOCOVERDIR"] = os.TempDir()
	p := up(t, cfg)
	w := open(t, p, "least", nil, 0.5)
	eventually(t, "ranks", w.is(true))
	info, err := os.Stat(fmt.Sprintf("/proc/%d", pid(t, p)))
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; fmt.Sprint(uid) != nobody.Uid {
		t.Errorf("it runs as %d", uid)
	}
}

// TestChangedProgramIsNotFollowed restarts an unpinned plugin whose file is another
// by then.
func TestChangedProgramIsNotFollowed(t *testing.T) {
	cfg := self(t, "well")
	cfg.Restart.BackoffMin = 10 * time.Millisecond
	p := up(t, cfg)
	w := open(t, p, "least", nil, 0.5)
	eventually(t, "ranks", w.is(true))
	next := cfg.withDefaults()
	next.Env = map[string]string{"BEHAVIOUR": "pace"}
	p.cfg.Store(&next)
	first := pid(t, p)
	_ = syscall.Kill(first, syscall.SIGKILL)
	eventually(t, "another process", running(p, first))
	eventually(t, "no more of it", w.is(false))
	if why := p.Status().Pools[0].Unavailable; !strings.Contains(why, "by pace instead of rank by key") {
		t.Errorf("why: %q", why)
	}
	o := open(t, p, "least", nil, 0.5) // a new pool takes it as it is
	eventually(t, "ranks", o.is(true))
}

func TestTooManyRestartsAreAFailure(t *testing.T) {
	var log logged
	cfg := self(t, "exit")
	cfg.Log = log.logger()
	cfg.Restart = Restart{BackoffMin: time.Millisecond, BackoffMax: 4 * time.Millisecond, MaxIn5m: 3}
	p := New(cfg)
	defer func() { _ = p.Close() }()
	if err := p.Start(context.Background()); err == nil {
		t.Fatal("it started")
	}
	eventually(t, "failure", func() bool { return p.Status().State == "failed" })
	if s := p.Status(); s.Restarts != 3 || s.FailedStarts != 4 || !strings.Contains(s.LastEnd, "exit status 3") {
		t.Errorf("status %+v", s)
	}
	if !log.has("rspool plugin reload test")() {
		t.Errorf("log without the remedy:\n%s", log.String())
	}
	cfg.Env = map[string]string{"BEHAVIOUR": "well"}
	if err := p.Reload(context.Background(), cfg); err != nil || p.Status().State != "running" {
		t.Errorf("%v, status %+v", err, p.Status())
	}
}
