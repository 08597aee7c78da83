//go:build interop

package interop

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The size of the crowd and how long it stays, unless the environment says
// otherwise.
const (
	crowdSize = 1000
	crowdStay = 31 * time.Second
)

// pace is how many keep-alives a second the guest is given to carry at most, with
// as many heartbeats: it emulates one processor, and has both ends of each. The
// intervals are the defaults as far as that allows, and longer with more elements.
const pace = 50

// TestCrowd has a registrar in a process of its own watch over elements each of
// which has an association of its own: by default a thousand, for half a minute.
// RSPOOL_LAB_CROWD and RSPOOL_LAB_CROWD_FOR say otherwise.
func TestCrowd(t *testing.T) {
	n, stay := crowdSize, crowdStay
	var err error
	if s := os.Getenv("RSPOOL_LAB_CROWD"); s != "" {
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	if s := os.Getenv("RSPOOL_LAB_CROWD_FOR"); s != "" {
		if stay, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getenv("RSPOOL_LAB") == "" || theDoor() != kernelDoor {
		t.Skip("speaks with the kernel's SCTP: run make lab")
	}
	interval := max(5*time.Second, time.Duration(n)*time.Second/pace)
	// The elements' heartbeats are the system's.
	if err := os.WriteFile("/proc/sys/net/sctp/hb_interval", []byte(strconv.FormatInt(interval.Milliseconds(), 10)), 0); err != nil {
		t.Fatal(err)
	}
	pid, telemetry := crowdRegistrar(t, interval)
	process, own := fmt.Sprintf("/proc/%d/status", pid), "/proc/self/status"
	free, slab := procNumber(t, "/proc/meminfo", "MemAvailable"), procNumber(t, "/proc/meminfo", "Slab")
	empty, ownEmpty := procNumber(t, process, "VmRSS"), procNumber(t, own, "VmRSS")

	c := newCrowd(t, netip.AddrPortFrom(netip.MustParseAddr(host), 3863))
	begun := time.Now()
	c.gather(n)
	t.Logf("%d elements have registered after %v; keep-alives and heartbeats every %v", n-c.lost, time.Since(begun).Round(time.Millisecond), interval)

	before, asked, spent := readSNMP(t), c.asked, processorTime(t, pid)
	begun = time.Now()
	c.stay(stay)
	took, after := time.Since(begun).Seconds(), readSNMP(t)
	spent = processorTime(t, pid) - spent
	metrics := scrape(t, telemetry)
	rate := func(what string, count int) {
		t.Logf("%s: %d, %.1f a second, %.4f a second and an association", what, count, float64(count)/took, float64(count)/took/float64(n))
	}
	t.Logf("they stay for %.0f s; the sockets were not read for %v at most", took, c.longest.Round(time.Millisecond))
	rate("keep-alives", c.asked-asked)
	for _, name := range []string{"SctpOutSCTPPacks", "SctpOutOrderChunks", "SctpOutCtrlChunks", "SctpT3Retransmits", "SctpInDataChunkDiscards"} {
		rate(name+" of both ends", after[name]-before[name])
	}
	threads, resident := procNumber(t, process, "Threads"), procNumber(t, process, "VmRSS")
	each := func(what string, kib int) {
		t.Logf("%s: %d KiB more than before, %.1f an association", what, kib, float64(kib)/float64(n))
	}
	t.Logf("registrar: %d threads, %.0f goroutines, %d KiB resident, %.1f %% of the processor", threads, metrics["go_goroutines"], resident, 100*spent.Seconds()/took)
	each("registrar", resident-empty)
	each("kernel, both ends", free-procNumber(t, "/proc/meminfo", "MemAvailable")-(resident-empty)-(procNumber(t, own, "VmRSS")-ownEmpty))
	each("slabs of it", procNumber(t, "/proc/meminfo", "Slab")-slab)
	for name, want := range map[string]int{
		"rspool_transport_associations": n, "rspool_elements_owned": n,
		"rspool_transport_associations_lost_total": 0, `rspool_keep_alives_total{event="silent"}`: 0,
	} {
		if got, ok := metrics[name]; !ok || got != float64(want) {
			t.Errorf("%s is %.0f, want %d", name, got, want)
		}
	}
	if c.lost > 0 || threads >= 50 {
		t.Errorf("%d associations lost of %d, %d threads; want none, and fewer than 50", c.lost, n, threads)
	}
	if stay > 3*interval/2 && c.asked < n {
		t.Errorf("%d keep-alives in %.0f s: some were not asked", c.asked, took)
	}
}

// crowdRegistrar starts a registrar on its own and returns its process and where
// its metrics are.
func crowdRegistrar(t *testing.T, interval time.Duration) (pid int, telemetry string) {
	t.Helper()
	const at = "127.0.0.1:9753"
	ready := filepath.Join(t.TempDir(), "ready")
	args := append(configFile(t, fmt.Sprintf(`registrar {
  transport {
    mode = "kernel"
    listen = %q
    heartbeat_interval = %q
    heartbeat_retries = 10
  }
  asap {
    keepalive_interval = %q
    keepalive_timeout = "30s"
  }
  enrp {
    enabled = false
  }
  announce {
    enabled = false
  }
}
`, host, interval, interval)), "registrar", "run", "--telemetry", at, "--ready-file", ready)
	cmd, said := exec.Command(program(t), args...), &output{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the registrar said:\n%s", tail(said.String()))
		}
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(ready); err == nil {
			return cmd.Process.Pid, "http://" + at + "/metrics"
		}
		if time.Now().After(end) {
			t.Fatal("the registrar is not ready")
		}
	}
}

// procNumber reads a figure of /proc.
func procNumber(t *testing.T, file, name string) int {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + `:?\s+([0-9]+)`).FindSubmatch(b)
	if m == nil {
		t.Fatalf("no %s in %s", name, file)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// readSNMP reads the kernel's counters of SCTP.
func readSNMP(t *testing.T) map[string]int {
	t.Helper()
	b, err := os.ReadFile("/proc/net/sctp/snmp")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 2 {
			counts[f[0]], _ = strconv.Atoi(f[1])
		}
	}
	return counts
}

// processorTime is what a process has spent.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// scrape reads metrics, by name and labels.
func scrape(t *testing.T, url string) map[string]float64 {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			values[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return values
}
