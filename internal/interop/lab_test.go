//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// labHost is one of the lab's hosts, a network namespace with an address on each of
// the lab's networks.
type labHost int

// host1 and its followers are the lab's hosts.
const host1 labHost = 1

func (h labHost) name() string { return "h" + strconv.Itoa(int(h)) }

// addr is the host's address on the lab's n-th network, from 0.
func (h labHost) addr(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 9, byte(n), byte(10 + h)})
}

// ip is the host's address on the first network.
func (h labHost) ip() string { return h.addr(0).String() }

// needHosts skips the test where the lab has fewer hosts than n.
func needHosts(t *testing.T, n int) {
	t.Helper()
	if have, _ := strconv.Atoi(os.Getenv("RSPOOL_LAB_HOSTS")); have < n {
		t.Skipf("%d hosts are needed: run make lab", n)
	}
}

// command returns a command on the host, without starting it.
func (h labHost) command(name string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=/run/netns/" + h.name(), "--", name}, args...)...)
}

// must runs a short command on the host.
func (h labHost) must(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := h.command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s on %s: %v: %s", name, h.name(), err, out)
	}
}

// cut takes the host off its n-th network until the test ends or restore is called.
func (h labHost) cut(t *testing.T, n int) (restore func()) {
	t.Helper()
	set := func(state string) {
		if out, err := exec.Command("ip", "link", "set", fmt.Sprintf("%sn%d", h.name(), n), state).CombinedOutput(); err != nil {
			t.Errorf("link of %s: %v: %s", h.name(), err, out)
		}
	}
	set("down")
	var once sync.Once
	restore = func() { once.Do(func() { set("up") }) }
	t.Cleanup(restore)
	return restore
}

// impair lets what the host sends suffer until the test ends, as netem does:
// "delay", "20ms", "loss", "2%".
func (h labHost) impair(t *testing.T, netem ...string) {
	t.Helper()
	h.must(t, "tc", append([]string{"qdisc", "replace", "dev", "eth0", "root", "netem"}, netem...)...)
	t.Cleanup(func() { _ = h.command("tc", "qdisc", "del", "dev", "eth0", "root").Run() })
}

// process is a program that runs on a host.
type process struct {
	name string
	cmd  *exec.Cmd
	out  *output
	done chan struct{} // closed when it has ended
}

// output collects what a process says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs a program until the test ends. What it says is shown if the test fails.
func (h labHost) start(t *testing.T, stdin *os.File, name string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(name) + " " + strings.Join(args, " "), cmd: h.command(name, args...), out: &output{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = p.out, p.out, t.TempDir()
	p.cmd.Env = append(os.Environ(), "QT_QPA_PLATFORM=offscreen", "TZ=UTC")
	if stdin != nil {
		p.cmd.Stdin = stdin
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.done
		if t.Failed() {
			t.Logf("%s on %s said:\n%s", p.name, h.name(), tail(p.out.String()))
		}
	})
	return p
}

// signal sends a signal to the process and its children.
func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// ended waits for the end of the process and tells whether it came in time.
func (p *process) ended(within time.Duration) bool {
	select {
	case <-p.done:
		return true
	case <-time.After(within):
		return false
	}
}

// says waits until the process has said what found looks for.
func (p *process) says(t *testing.T, within time.Duration, what string, found func(said string) bool) bool {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(100 * time.Millisecond) {
		said := p.out.String()
		if found(said) {
			return true
		}
		over := p.ended(0)
		if over && !found(p.out.String()) || time.Now().After(end) {
			t.Errorf("%s: no %s within %s; it said:\n%s", p.name, what, within, tail(said))
			return false
		}
	}
}

// tail is the end of a long text.
func tail(s string) string {
	const most = 3000
	if len(s) > most {
		return "..." + s[len(s)-most:]
	}
	return s
}
