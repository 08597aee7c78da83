//go:build interop

package interop

import (
	"syscall"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
)

// peerConfig is a registrar with a peer, which it finds by multicast, and little
// patience.
func peerConfig(id rserpool.RegistrarID) registrarConfig {
	return registrarConfig{
		id: id, keepAlive: time.Second, keepAliveTimeout: 4 * time.Second, announce: true, peers: true,
		heartbeat: time.Second, lastHeard: 4 * time.Second, noResponse: 2 * time.Second, mentor: 3 * time.Second, takeover: 4 * time.Second,
	}
}

// homeIs waits until a registrar names an element's home.
func homeIs(t *testing.T, at labHost, pool rserpool.Handle, within time.Duration, homes ...rserpool.RegistrarID) rserpool.RegistrarID {
	t.Helper()
	var r poolView
	var err error
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if r, err = (own{theDoor()}).resolve(t, userConfig{ownUsers, at, pool}); err != nil || len(r.Elements) != 1 {
			continue
		}
		for _, home := range homes {
			if r.Elements[0].Home == home {
				return home
			}
		}
	}
	t.Errorf("%q at %s: %v (%v), want one element of %v within %s", pool, at.ip(), r.Elements, err, homes, within)
	return 0
}

// settle is what an update or an audit may take, takes what a takeover may.
const (
	settle = 15 * time.Second
	takes  = 40 * time.Second
)

// TestPairs has two registrars of different implementations share a handlespace.
func TestPairs(t *testing.T) {
	needHosts(t, tableHosts)
	const a, b = host1, host1 + 1
	const idA, idB rserpool.RegistrarID = 0xa001, 0xb002
	for _, first := range implementations() {
		second := other(first)
		t.Run(first.name(), func(t *testing.T) {
			column := func(name string, test func(t *testing.T, skip func(string))) {
				t.Run(name, func(t *testing.T) { test(t, record(t, "enrp", first.name()+" "+second.name(), name)) })
			}
			join := func(t *testing.T, at labHost, n int, pool rserpool.Handle) *process {
				return reference{theDoor()}.element(t, referenceElements, elementConfig{registrar: at, service: "echo", pool: pool, id: rserpool.ElementID(0x2000 + n)})
			}
			pa := first.registrar(t, a, peerConfig(idA))
			e1, e2 := join(t, a, 1, "first"), join(t, a, 2, "second")
			registered(t, a, "first", 1, patience)
			registered(t, a, "second", 1, patience)
			pb := second.registrar(t, b, peerConfig(idB))
			column("join, found by multicast", func(t *testing.T, _ func(string)) {
				homeIs(t, b, "first", settle, idA)
				homeIs(t, b, "second", settle, idA)
			})
			e3 := join(t, b, 3, "third")
			column("updates", func(t *testing.T, _ func(string)) {
				homeIs(t, b, "third", settle, idB)
				homeIs(t, a, "third", settle, idB)
				e2.signal(syscall.SIGINT)
				registered(t, b, "second", 0, settle)
			})
			column("return, audits", func(t *testing.T, _ func(string)) {
				pb.signal(syscall.SIGSTOP)
				time.Sleep(10 * time.Second) // long enough to be dead
				join(t, a, 4, "fourth")
				registered(t, a, "fourth", 1, patience)
				pb.signal(syscall.SIGCONT)
				homeIs(t, b, "fourth", takes, idA)
				homeIs(t, b, "first", settle, idA)
				e3.signal(syscall.SIGINT)
				registered(t, a, "third", 0, settle)
				registered(t, b, "third", 0, settle)
			})
			column("takeover, one survivor", func(t *testing.T, skip func(string)) {
				pa.signal(syscall.SIGKILL)
				if _, ok := second.(reference); ok {
					skip("the reference completes no takeover that nobody acknowledges")
				}
				homeIs(t, b, "first", takes, idB)
				e1.signal(syscall.SIGKILL)
				registered(t, b, "first", 0, settle)
			})
			column("return as mentee", func(t *testing.T, _ func(string)) {
				join(t, b, 5, "fifth")
				registered(t, b, "fifth", 1, patience)
				first.registrar(t, a, peerConfig(idA))
				homeIs(t, a, "fifth", takes, idB)
			})
		})
	}
}

// TestTriples lets one of three registrars die. The survivors are of different
// implementations; who has less patience begins the takeover.
func TestTriples(t *testing.T) {
	needHosts(t, tableHosts)
	const dead, x, y = host1, host1 + 1, host1 + 2
	for _, victim := range implementations() {
		for _, tt := range []struct {
			name    string
			own     rserpool.RegistrarID
			patient string
		}{
			{"takeover won by rspool", 0xb001, "rsplib"},
			{"takeover won by rsplib", 0xd001, "rspool"},
			{"both begin, rspool smaller", 0xb001, ""},
			{"both begin, rsplib smaller", 0xd001, ""},
		} {
			t.Run(victim.name()+"/"+tt.name, func(t *testing.T) {
				record(t, "enrp", victim.name()+" rspool rsplib", tt.name)
				const reference2 rserpool.RegistrarID = 0xc001
				pd := victim.registrar(t, dead, peerConfig(0xa001))
				ours, theirs := peerConfig(tt.own), peerConfig(reference2)
				switch tt.patient {
				case "rspool":
					ours.lastHeard = 12 * time.Second
				case "rsplib":
					theirs.lastHeard = 12 * time.Second
				}
				time.Sleep(2 * time.Second)
				own{theDoor()}.registrar(t, x, ours)
				reference{theDoor()}.registrar(t, y, theirs)
				e := reference{theDoor()}.element(t, referenceElements+1, elementConfig{registrar: dead, service: "echo", pool: "orphan", id: 0x3001})
				registered(t, dead, "orphan", 1, patience)
				homeIs(t, x, "orphan", takes, 0xa001)
				homeIs(t, y, "orphan", takes, 0xa001)
				pd.signal(syscall.SIGSTOP) // dead to its peers, who notice by its silence alone
				home := homeIs(t, x, "orphan", takes, tt.own, reference2)
				homeIs(t, y, "orphan", settle, home)
				want := map[string]rserpool.RegistrarID{"rspool": reference2, "rsplib": tt.own}[tt.patient]
				if want != 0 && home != want {
					t.Errorf("%s has taken the element over, want %s", home, want)
				}
				e.signal(syscall.SIGKILL)
				registered(t, x, "orphan", 0, settle)
				registered(t, y, "orphan", 0, settle)
			})
		}
	}
}
