//go:build !386

package kernel

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// What is measured with many associations of one endpoint, in a process of its
// own. The number is that of the goal where RSPOOL_LAB_CROWD says so: it takes
// memory that a small guest has not.
const (
	crowdChild = "RSPOOL_CROWD_CHILD"
	crowdSize  = "RSPOOL_LAB_CROWD"
)

// figures are those of the process that listens.
type figures struct{ Up, Lost, Threads, ResidentKiB int }

// crowdHandler answers what it hears, as an element answers keep-alives.
type crowdHandler struct {
	up    chan transport.Association
	heard chan struct{}
	lost  atomic.Int32
}

func (h *crowdHandler) Event(a transport.Association, kind transport.EventKind, _ error) {
	switch {
	case kind == transport.Up:
		h.up <- a
	case h.heard != nil:
		h.heard <- struct{}{} // it will not answer
		h.lost.Add(1)
	}
}

func (h *crowdHandler) Message(a transport.Association, m transport.Message) {
	if h.heard != nil {
		h.heard <- struct{}{}
		return
	}
	_ = a.Send(m)
}

// TestCrowdListener is the process that listens: it sends a keep-alive to all at
// each line of its input, and then says how it fares.
func TestCrowdListener(t *testing.T) {
	at := os.Getenv(crowdChild)
	if at == "" {
		t.Skip("runs as a process of TestThousandsOfAssociations")
	}
	d := open(t, Config{Listen: []netip.Addr{netip.MustParseAddr(at)}})
	h := &crowdHandler{up: make(chan transport.Association, 1<<16), heard: make(chan struct{}, 1<<16)}
	if _, err := d.Open(transport.EndpointConfig{Port: 3863, Listen: true, Handler: h}); err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("ready\n")
	var all []transport.Association
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		for n, _ := strconv.Atoi(in.Text()); len(all) < n; {
			all = append(all, <-h.up)
		}
		for _, a := range all {
			_ = a.Send(transport.Message{PPID: 11, Payload: []byte("are you there?")})
		}
		for range all {
			<-h.heard
		}
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		f := figures{Up: len(all), Lost: int(h.lost.Load()), Threads: number(t, status, "Threads"), ResidentKiB: number(t, status, "VmRSS")}
		if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// number reads a figure of /proc.
func number(t testing.TB, text []byte, name string) int {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + `:?\s+([0-9]+)`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no %s", name)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestThousandsOfAssociations(t *testing.T) {
	needKernel(t)
	n := 1000
	if s := os.Getenv(crowdSize); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	proc := func(name, key string) int {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return number(t, b, key)
	}
	at := host(t)
	child := exec.Command(os.Args[0], "-test.run", "^TestCrowdListener$")
	child.Env = append(os.Environ(), crowdChild+"="+at.String())
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !bytes.Equal(lines.Bytes(), []byte("ready")) {
		t.Fatalf("the listener says %q", lines.Text())
	}
	free := proc("/proc/meminfo", "MemAvailable")
	d := open(t, Config{Listen: []netip.Addr{host(t)}, DialTimeout: time.Minute})
	h := &crowdHandler{up: make(chan transport.Association, n)}
	begun := time.Now()
	for i := range n {
		e, err := d.Open(transport.EndpointConfig{Handler: h})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Dial(transport.Address{IPs: []netip.Addr{at}, Port: 3863}); err != nil {
			t.Fatal(err)
		}
		if i%64 == 63 {
			for range 64 {
				<-h.up
			}
		}
	}
	for range n % 64 {
		<-h.up
	}
	t.Logf("%d associations are up after %v", n, time.Since(begun).Round(time.Millisecond))
	used := free - proc("/proc/meminfo", "MemAvailable")
	const snmp = "/proc/net/sctp/snmp"
	packets, chunks := proc(snmp, "SctpOutSCTPPacks"), proc(snmp, "SctpOutOrderChunks")
	begun = time.Now()
	if _, err := in.Write([]byte(strconv.Itoa(n) + "\n")); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() {
		t.Fatal("the listener says nothing")
	}
	var f figures
	if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
		t.Fatalf("the listener says %q", lines.Text())
	}
	t.Logf("a keep-alive to each and its answer: %v, %d packets, %d data chunks", time.Since(begun).Round(time.Millisecond),
		proc(snmp, "SctpOutSCTPPacks")-packets, proc(snmp, "SctpOutOrderChunks")-chunks)
	t.Logf("listener: %d threads, %d KiB resident; both ends with the kernel: %d KiB, %.1f an association", f.Threads, f.ResidentKiB, used, float64(used)/float64(n))
	if f.Up != n || f.Lost > 0 || f.Threads >= 50 {
		t.Errorf("%d associations, %d lost, %d threads; want %d, none, and fewer than 50", f.Up, f.Lost, f.Threads, n)
	}
	_ = in.Close()
	for lines.Scan() {
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
