//go:build interop

package interop

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
)

// TestTopics goes through what elements and users want of a registrar, in every
// mixture.
func TestTopics(t *testing.T) {
	needHosts(t, tableHosts)
	for _, registrar := range implementations() {
		if !wanted(registrar) {
			continue
		}
		t.Run(registrar.name(), func(t *testing.T) {
			brisk := quiet(0x10001)
			brisk.keepAlive, brisk.keepAliveTimeout = time.Second, 4*time.Second
			if registrar.registrar(t, registrarHost, brisk).ended(time.Second) || registrar.registrar(t, calmRegistrarHost, quiet(0x10002)).ended(time.Second) {
				t.Fatal("a registrar does not start")
			}
			t.Run("elements", func(t *testing.T) {
				for e, element := range implementations() {
					w := &topic{registrar: registrar, element: element, id: rserpool.ElementID(0x1000 * (e + 1))}
					t.Run(element.name(), func(t *testing.T) {
						t.Run("leaving", func(t *testing.T) { t.Parallel(); w.leaving(t) })
						t.Run("failover", func(t *testing.T) { t.Parallel(); w.failover(t) })
						t.Run("report", func(t *testing.T) { t.Parallel(); w.report(t) })
					})
				}
			})
			t.Run("policies", func(t *testing.T) {
				for e, element := range implementations() {
					w := &topic{registrar: registrar, element: element, id: rserpool.ElementID(0x1000 * (e + 3))}
					t.Run(element.name(), func(t *testing.T) { w.policies(t) })
				}
			})
		})
	}
}

// topic is what a row's tests have in common.
type topic struct {
	registrar, element implementation
	id                 rserpool.ElementID // the first of the row's
}

// join starts an echo element and waits until it is registered.
func (w *topic) join(t *testing.T, registrar labHost, n int, service string, pool rserpool.Handle) *process {
	t.Helper()
	p := w.element.element(t, elementHost(w.element, n), elementConfig{registrar: registrar, service: service, pool: pool, id: w.id + rserpool.ElementID(n)})
	registered(t, registrar, pool, 1, patience)
	return p
}

// each runs a test for both implementations' users and records it.
func (w *topic) each(t *testing.T, column string, test func(t *testing.T, user implementation, skip func(string))) {
	for _, user := range implementations() {
		t.Run(column+" "+user.name(), func(t *testing.T) {
			test(t, user, record(t, "topic", row(w.registrar, w.element, user), column))
		})
	}
}

// absent checks that a user finds nobody in a pool.
func absent(t *testing.T, user implementation, c userConfig, id rserpool.ElementID, within time.Duration) {
	t.Helper()
	if _, ok := user.(own); ok {
		registered(t, c.registrar, c.pool, 0, within)
		return
	}
	p := reference{theDoor()}.terminal(t, c)
	p.says(t, patience, "banner", func(s string) bool { return strings.Contains(s, "Pool Handle") })
	p.ended(2 * time.Second)
	if said := p.out.String(); fromElement(id).MatchString(said) {
		t.Errorf("the terminal found somebody:\n%s", tail(said))
	}
}

// leaving has elements leave in every way, after they have stayed for a while.
func (w *topic) leaving(t *testing.T) {
	pool := func(how string) rserpool.Handle { return rserpool.Handle(w.element.name() + " " + how) }
	ways := []struct {
		column string
		signal syscall.Signal
		within time.Duration
	}{
		{"deregistration", syscall.SIGINT, 5 * time.Second},
		{"kill", syscall.SIGKILL, 15 * time.Second},
		{"keep-alive", syscall.SIGSTOP, 25 * time.Second},
	}
	var ps []*process
	for n, way := range ways {
		ps = append(ps, w.join(t, registrarHost, n, "echo", pool(way.column)))
	}
	users := func(way string, user implementation) userConfig {
		return userConfig{userHost(user), registrarHost, pool(way)}
	}
	w.each(t, "resolution", func(t *testing.T, user implementation, _ func(string)) {
		if o, ok := user.(own); ok {
			r, err := o.resolve(t, users("kill", user))
			if err != nil || len(r.Elements) != 1 || r.Elements[0].ID != w.id+1 || r.Elements[0].Home != 0x10001 {
				t.Errorf("resolved %v (%v), want element %s of registrar 0x10001", r, err, w.id+1)
			}
		} else {
			user.use(t, users("kill", user), "echo", w.id+1)
		}
		absent(t, user, userConfig{userHost(user), registrarHost, "nobody's pool"}, 0, time.Second)
	})
	time.Sleep(8 * time.Second) // several keep-alives of each, answered
	for n := range ways {
		registered(t, registrarHost, pool(ways[n].column), 1, 5*time.Second)
		ps[n].signal(ways[n].signal)
	}
	for n, way := range ways {
		if registered(t, registrarHost, pool(way.column), 0, way.within); t.Failed() {
			t.Logf("%s of %s", way.column, ps[n].name)
		}
		w.each(t, way.column, func(t *testing.T, user implementation, _ func(string)) {
			absent(t, user, users(way.column, user), w.id+rserpool.ElementID(n), time.Second)
		})
	}
}

// failover kills an element in the middle of a session, which goes on at one of the
// other implementation with the cookie of the first.
func (w *topic) failover(t *testing.T) {
	w.each(t, "failover", func(t *testing.T, user implementation, skip func(string)) {
		for _, side := range []string{"element run", "user"} {
			if !(own{}).has(t, side, "ping-pong") {
				skip("we have no such element or user yet")
			}
		}
		n := 3
		if user.name() == "rspool" {
			n = 5
		}
		pool := rserpool.Handle(fmt.Sprintf("%s to %s for %s", w.element.name(), other(w.element).name(), user.name()))
		first := w.join(t, registrarHost, n, "ping-pong", pool)
		c := userConfig{userHost(user), registrarHost, pool}
		var p *process
		if o, ok := user.(own); ok {
			p = o.user(t, c, "user", "pingpong", "--pool", string(pool), "--interval", "200ms", "-o", "json")
		} else {
			p = c.host.start(t, nil, "stdbuf", append(reference{theDoor()}.common(t, c, "pingpongclient"), "-interval=200")...)
		}
		pongs := func(id rserpool.ElementID) []int { return repliesOf(p.out.String(), id) }
		if !p.says(t, patience, "pongs of the first element", func(string) bool { return len(pongs(w.id+rserpool.ElementID(n))) >= 5 }) {
			return
		}
		second := w.id + 0x100 + rserpool.ElementID(n)
		other(w.element).element(t, elementHost(other(w.element), n+1), elementConfig{registrar: registrarHost, service: "ping-pong", pool: pool, id: second})
		registered(t, registrarHost, pool, 2, patience)
		first.signal(syscall.SIGKILL)
		if !p.says(t, patience, "pongs of the second element", func(string) bool { return len(pongs(second)) >= 3 }) {
			return
		}
		before, after := pongs(w.id+rserpool.ElementID(n)), pongs(second)
		if last := slices.Max(before); after[0] > last+2 || after[0] < last-2 || after[0] < 3 {
			t.Errorf("the first element's last reply is %d, the second's first %d: the cookie was lost", last, after[0])
		}
	})
}

// repliesOf are the reply numbers of an element's pongs, as either user writes them.
func repliesOf(said string, id rserpool.ElementID) (replies []int) {
	for line := range strings.Lines(said) {
		var number, reply int
		if _, rest, ok := strings.Cut(line, "Ack #"); ok {
			var from uint32
			if n, _ := fmt.Sscanf(rest, "%d from PE $%x (reply #%d)", &number, &from, &reply); n == 3 && from == uint32(id) {
				replies = append(replies, reply)
			}
		} else if strings.Contains(line, `"`+id.String()+`"`) {
			if _, rest, ok := strings.Cut(line, `"reply":`); ok {
				digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
				if reply, err := strconv.Atoi(rest[:max(digits, 0)]); err == nil {
					replies = append(replies, reply)
				}
			}
		}
	}
	return replies
}

// report has users complain of an element that hangs, until the registrar removes it.
func (w *topic) report(t *testing.T) {
	w.each(t, "report", func(t *testing.T, user implementation, skip func(string)) {
		n := 7
		service := "CalcApp" // the only user of the reference's that reports
		if user.name() == "rspool" {
			n, service = 8, "echo"
		}
		if _, ok := w.element.(own); ok && service == "CalcApp" && !(own{}).has(t, "element run", service) {
			skip("we have no such element or user yet")
		}
		pool := rserpool.Handle(w.element.name() + " hangs for " + user.name())
		element := w.join(t, calmRegistrarHost, n, service, pool)
		c := userConfig{userHost(user), calmRegistrarHost, pool}
		if o, ok := user.(own); ok {
			element.signal(syscall.SIGSTOP)
			for range 3 { // a user reports an element once for what is one event
				o.user(t, c, "user", "echo", "--pool", string(pool), "--timeout", "1s", "--interval", "100ms")
			}
		} else {
			p := c.host.start(t, nil, "stdbuf", append(reference{theDoor()}.common(t, c, "calcappclient"), "-jobinterval=1", "-jobsize=100000000",
				"-keepalivetransmissioninterval=500", "-keepalivetimeoutinterval=1000")...)
			p.says(t, patience, "accepted job", func(s string) bool { return strings.Contains(s, "accepted") })
			element.signal(syscall.SIGSTOP)
		}
		registered(t, calmRegistrarHost, pool, 0, patience)
	})
}

// policies registers an element with every policy that it and the registrar know, and
// has both users be served by it.
func (w *topic) policies(t *testing.T) {
	type member struct {
		policy rserpool.Policy
		pool   rserpool.Handle
		id     rserpool.ElementID
	}
	var members []member
	for n, p := range registrable(w.element) {
		m := member{p, rserpool.Handle(fmt.Sprintf("%s policy %x", w.element.name(), uint32(p.Type))), w.id + rserpool.ElementID(n)}
		w.element.element(t, elementHost(w.element, n), elementConfig{registrar: calmRegistrarHost, service: "echo", pool: m.pool, id: m.id, policy: p})
		members = append(members, m)
	}
	w.each(t, "policies", func(t *testing.T, user implementation, _ func(string)) {
		for _, m := range members {
			c := userConfig{userHost(user), calmRegistrarHost, m.pool}
			r, ok := registered(t, calmRegistrarHost, m.pool, 1, patience)
			if !ok {
				continue
			}
			if _, ours := user.(own); !ours {
				user.use(t, c, "echo", m.id)
				continue
			}
			if got := r.Elements[0]; got.ID != m.id || got.Policy != m.policy.Type.String() {
				t.Errorf("resolved %v, want %s with %s", got, m.id, m.policy.Type)
			}
			for _, field := range []rserpool.PolicyField{rserpool.FieldWeight, rserpool.FieldPriority} {
				want := m.policy.Value(field)
				if got, ok := r.Elements[0].Values[field.String()]; want != 0 && (!ok || got != float64(want)) {
					t.Errorf("%s has %s %v, want %d", m.policy.Type, field, got, want)
				}
			}
		}
	})
}

// registrable are the policies that elements of an implementation register in the
// table: those of RFC 5356, which the reference's program can ask for, too.
func registrable(i implementation) []rserpool.Policy {
	policies := []rserpool.Policy{
		{Type: rserpool.RoundRobin},
		{Type: rserpool.WeightedRoundRobin, Weight: 3},
		{Type: rserpool.Random},
		{Type: rserpool.WeightedRandom, Weight: 5},
		{Type: rserpool.Priority, Priority: 7},
		{Type: rserpool.LeastUsed},
		{Type: rserpool.LeastUsedDegradation, Degradation: rserpool.LoadOf(0.25)},
		{Type: rserpool.PriorityLeastUsed, Degradation: rserpool.LoadOf(0.25)},
		{Type: rserpool.RandomizedLeastUsed},
	}
	if _, ok := i.(reference); ok {
		// Its program writes the priority into the weight's field and registers 0.
		policies[4].Priority = 0
	}
	return policies
}
