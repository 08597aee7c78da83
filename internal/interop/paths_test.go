//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
)

// pathHosts are the hosts of one row: registrar, element, user.
const pathHosts = 3

// TestPathsAreCut has multi-homed processes lose first one of their networks, then the
// other: the registration stays as it is, and so does the session.
func TestPathsAreCut(t *testing.T) {
	if theDoor() != kernelDoor {
		t.Skip("the kernel's SCTP alone is multi-homed")
	}
	rows := []struct {
		name string
		cut  func(w pathWorld) []labHost
	}{
		{"of the element", func(w pathWorld) []labHost { return []labHost{w.element} }},
		{"of element and registrar", func(w pathWorld) []labHost { return []labHost{w.element, w.registrar} }},
	}
	needHosts(t, len(rows)*pathHosts)
	for n, tt := range rows {
		first := host1 + labHost(n*pathHosts)
		w := pathWorld{registrar: first, element: first + 1, user: first + 2}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			record(t, "path", "rspool rspool rspool", tt.name)
			w.survive(t, tt.cut(w))
		})
	}
}

// pathWorld is three processes with addresses in two networks each.
type pathWorld struct{ registrar, element, user labHost }

// The pool of every row, its element and how long its registration lives.
const (
	pathPool    rserpool.Handle    = "PingPongPool"
	pathElement rserpool.ElementID = 0x17
	pathLife                       = 10 * time.Second
)

// start runs a program of ours at both addresses of a host.
func (w pathWorld) start(t *testing.T, h labHost, block, settings string, args ...string) *process {
	text := fmt.Sprintf(`%s {
  transport {
    mode = "kernel"
    listen = "%s,%s"
    heartbeat_interval = "1s"
  }
%s}
`, block, h.addr(0), h.addr(1), settings)
	return h.start(t, nil, program(t), append(configFile(t, text), args...)...)
}

// survive cuts hosts off the first network, then off the second instead.
func (w pathWorld) survive(t *testing.T, hosts []labHost) {
	registrar := w.start(t, w.registrar, "registrar", `  asap {
    keepalive_interval = "1s"
    keepalive_timeout = "20s"
  }
  enrp {
    enabled = false
  }
  announce {
    enabled = false
  }
`, "registrar", "run", "--log-level", "debug")
	at := []string{"--registrar", w.registrar.ip() + ":3863", "--pool", string(pathPool)}
	w.start(t, w.element, "element", fmt.Sprintf("  life = %q\n", pathLife),
		append([]string{"element", "run", "pingpong", "--id", pathElement.String()}, at...)...)
	w.resolves(t, 0)
	user := w.start(t, w.user, "user", "",
		append([]string{"user", "pingpong", "--interval", "100ms", "--timeout", "40s", "-o", "json"}, at...)...)
	goesOn := func(pongs int) bool {
		t.Helper()
		want := len(repliesOf(user.out.String(), pathElement)) + pongs
		return user.says(t, patience, fmt.Sprintf("pong %d", want), func(s string) bool { return len(repliesOf(s, pathElement)) >= want })
	}
	if !goesOn(5) {
		return
	}
	for n := range 2 {
		var restores []func()
		for _, h := range hosts {
			restores = append(restores, h.cut(t, n))
		}
		began := time.Now()
		w.paths(t, n, pathInactive)
		time.Sleep(time.Until(began.Add(pathLife + 2*time.Second))) // what is not renewed has expired
		if !goesOn(10) {
			return
		}
		w.resolves(t, 1-n)
		for _, restore := range restores {
			restore()
		}
		if n == 0 {
			w.paths(t, n, pathActive) // before it is the only one
		}
	}
	user.signal(syscall.SIGINT)
	if !user.ended(patience) {
		t.Fatal("the user does not end")
	}
	w.unbroken(t, user)
	for said, want := range map[string]int{"element has joined": 1, "element has left": 0} {
		if got := strings.Count(registrar.out.String(), said); got != want {
			t.Errorf("the registrar says %d times that an %s; want %d", got, said, want)
		}
	}
}

// resolves checks that the registrar names the element and nobody else, when it is
// asked on its n-th network.
func (w pathWorld) resolves(t *testing.T, n int) {
	t.Helper()
	var got []rserpool.ElementID
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		r, err := own{kernelDoor}.resolveAt(t, w.user, w.registrar.addr(n), pathPool)
		if err != nil {
			t.Fatal(err)
		}
		got = nil
		for _, e := range r.Elements {
			got = append(got, e.ID)
		}
		if got != nil {
			break
		}
	}
	if diff := cmp.Diff([]rserpool.ElementID{pathElement}, got); diff != "" {
		t.Errorf("resolution on network %d (-want +got):\n%s", n, diff)
	}
}

// unbroken checks the user's summary: one session with one element, and each of its
// messages answered once.
func (w pathWorld) unbroken(t *testing.T, user *process) {
	t.Helper()
	type summary struct {
		Lost, Skipped, Repeated, Moves uint64
	}
	var r struct {
		Asked     uint64 `json:"asked"`
		Last      uint64 `json:"last_reply"`
		Skipped   uint64 `json:"skipped"`
		Repeated  uint64 `json:"repeated"`
		Failovers *struct {
			Count uint64 `json:"count"`
		} `json:"failovers"`
	}
	for line := range strings.Lines(user.out.String()) {
		if strings.Contains(line, `"failovers"`) {
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
		}
	}
	if r.Failovers == nil {
		t.Fatalf("the user has no summary:\n%s", tail(user.out.String()))
	}
	got := summary{r.Asked - r.Last, r.Skipped, r.Repeated, r.Failovers.Count}
	if got.Lost == 1 { // the one that was under way in the end
		got.Lost = 0
	}
	if diff := cmp.Diff(summary{}, got); diff != "" {
		t.Errorf("the session (-want +got):\n%s", diff)
	}
}

// What the kernel says of a path.
const (
	pathInactive = "0"
	pathActive   = "2"
)

// paths waits until those to and from the element on the n-th network are in a state.
func (w pathWorld) paths(t *testing.T, n int, state string) {
	t.Helper()
	for _, way := range [][2]labHost{{w.user, w.element}, {w.registrar, w.element}, {w.element, w.user}, {w.element, w.registrar}} {
		from, to := way[0], way[1].addr(n)
		var got []string
		for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
			if got = pathStates(t, from, to); got != nil && !slices.ContainsFunc(got, func(s string) bool { return s != state }) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the paths from %s to %s are in states %q; want %s", from.name(), to, got, state)
			}
		}
	}
}

// pathStates are the states of a host's paths to an address, one an association.
func pathStates(t *testing.T, h labHost, to netip.Addr) (states []string) {
	t.Helper()
	out, err := h.command("cat", "/proc/net/sctp/remaddr").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == to.String() {
			states = append(states, f[len(f)-1])
		}
	}
	return states
}
