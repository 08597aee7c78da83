package user

import (
	"fmt"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// sessionCheck drives a session and checks what must always hold.
type sessionCheck struct {
	t           *testing.T
	now         time.Time
	s           *Session
	resolve     machine.Ticket // out; zero for none
	associate   machine.Ticket
	up          machine.AssociationID // zero for none
	last        machine.AssociationID
	tried       map[rserpool.ElementID]bool
	trial       rserpool.ElementID
	cookie      string // the newest
	echo        string // the newest at the last failover
	mustEcho    bool
	ended       bool
	offered     int // messages taken, numbered from 1
	transmitted int
}

func (c *sessionCheck) step(in machine.Input) {
	for _, e := range c.s.Step(c.now, in) {
		if a, ok := e.(machine.Abort); c.ended && (!ok || a.Association == c.up) {
			c.t.Fatalf("effect after the end: %#v", e)
		}
		switch e := e.(type) {
		case Resolve:
			if c.resolve != 0 || c.associate != 0 || c.up != 0 {
				c.t.Fatal("resolves while something else is under way")
			}
			c.resolve = e.Ticket
		case machine.Associate:
			if c.resolve != 0 || c.associate != 0 || c.up != 0 {
				c.t.Fatal("associates while something else is under way")
			}
			c.associate, c.trial = e.Ticket, rserpool.ElementID(e.To.Port-5000)
			c.tried[c.trial] = true
		case machine.Cancel:
			if e.Ticket != c.resolve && e.Ticket != c.associate {
				c.t.Fatal("cancels what is not under way")
			}
			c.resolve, c.associate = 0, 0
		case machine.Abort:
			if e.Association == c.up {
				c.up = 0
			}
		case machine.Shutdown:
			if e.Association != c.up {
				c.t.Fatal("shuts down what is not up")
			}
		case Report:
			if !c.tried[e.Element] {
				c.t.Fatalf("reports %d, which was not tried", e.Element)
			}
		case Connected:
			if e.Association != c.up || e.Element.ID != c.trial {
				c.t.Fatalf("connected to %d by %d", e.Element.ID, e.Association)
			}
			if f := e.Failover; f != nil {
				if f.To != c.trial || f.Duration < 0 || f.Attempts < 1 || f.Sent != uint64(c.transmitted) || f.Resumed != (c.s.Control() && c.cookie != "") {
					c.t.Fatalf("failover %+v with cookie %q after %d messages", f, c.cookie, c.transmitted)
				}
			}
			c.mustEcho, c.echo = c.s.Control() && c.cookie != "", c.cookie
		case Ended:
			c.ended = true
			c.up = 0
		}
	}
	if c.ended != (c.s.phase == ended) {
		c.t.Fatal("no effect tells the end")
	}
	if d := c.s.Deadline(); !d.IsZero() && !d.After(c.now) {
		c.t.Fatalf("the deadline has passed: nothing would happen")
	}
	if c.s.phase == waiting && c.s.Deadline().IsZero() {
		c.t.Fatal("waits for ever")
	}
}

// pump sends up to n messages and checks their order.
func (c *sessionCheck) pump(n int) {
	for ; n > 0; n-- {
		m := c.s.Outgoing()
		if m == nil {
			return
		}
		if c.up == 0 {
			c.t.Fatal("sends without an association")
		}
		if m.PPID == asap.PPID {
			p, _, err := asap.Parse(m.Payload)
			if err != nil {
				c.t.Fatal(err)
			}
			if echo, ok := p.(*asap.CookieEcho); ok {
				if !c.mustEcho || string(echo.Cookie) != c.echo {
					c.t.Fatalf("echoes %q, want %q", echo.Cookie, c.echo)
				}
				c.mustEcho = false
			}
		} else {
			c.transmitted++
			if want := fmt.Sprint(c.transmitted); string(m.Payload) != want {
				c.t.Fatalf("sends message %s, want %s", m.Payload, want)
			}
		}
		if c.mustEcho {
			c.t.Fatalf("sends %q before the cookie echo", m.Payload)
		}
		c.s.Sent()
	}
}

func FuzzSession(f *testing.F) {
	f.Add([]byte{0, 1, 0x31, 3, 8, 9, 6, 1, 0x22, 3, 9})
	f.Add([]byte{0, 1, 0x42, 4, 15, 15, 1, 0x13, 3, 0x17, 6, 0x26, 1, 2, 3, 10})
	f.Add([]byte{0, 1, 1, 3, 11, 8, 8, 8, 8, 5, 1, 2, 3, 12, 8, 13, 1, 3, 3, 14})
	f.Add([]byte{0, 2, 0x3d, 0x7d})
	f.Fuzz(func(t *testing.T, ops []byte) {
		c := &sessionCheck{t: t, now: time.Unix(1e9, 0), tried: map[rserpool.ElementID]bool{}, last: 10, s: NewSession(SessionConfig{
			Handle: "P", Items: 1, ConnectTimeout: 5 * time.Second, FailoverDelay: 250 * time.Millisecond,
			FailoverTimeout: 20 * time.Second, MaxQueue: 3, MaxQueueBytes: 100,
		})}
		for _, op := range ops {
			n := int(op >> 4)
			switch op & 15 {
			case 0:
				c.step(&Start{})
			case 1: // elements n+1, n+2, ...
				var es []rserpool.Element
				for i := range n%3 + 1 {
					es = append(es, testElement(fmt.Sprintf("%d%s", n+i+1, []string{"", "d", "t", ""}[i+n%2])))
				}
				in := &Resolved{Ticket: c.resolve, Elements: es}
				c.resolve = 0
				c.step(in)
			case 2:
				in := &Resolved{Ticket: c.resolve, Err: ErrNoAnswer}
				c.resolve = 0
				c.step(in)
			case 3:
				if c.associate != 0 {
					c.last++
					in := &machine.AssociationUp{Association: c.last, Ticket: c.associate}
					c.up, c.associate = c.last, 0
					c.step(in)
				}
			case 4:
				in := &machine.AssociationFailed{Ticket: c.associate}
				c.associate = 0
				c.step(in)
			case 5, 6, 7:
				in := &machine.AssociationLost{Association: c.up, Orderly: n&1 != 0, Aborted: n&2 != 0, Restarted: n&4 != 0}
				if !in.Restarted {
					c.up = 0
				}
				c.step(in)
			case 8, 9:
				if c.s.Offer(transport.Message{PPID: 1, Payload: fmt.Append(nil, c.offered+1)}) {
					c.offered++
				}
				c.pump(n)
			case 10:
				c.step(&Close{})
			case 11:
				if c.up != 0 && c.s.Control() {
					c.cookie = fmt.Sprint("state ", n)
				}
				c.step(&machine.Received{Association: c.up, PPID: asap.PPID, Payload: asap.Append(nil, &asap.Cookie{Cookie: fmt.Append(nil, "state ", n)})})
			case 12:
				c.step(&machine.Received{Association: c.up, PPID: asap.PPID, Payload: ops[:min(len(ops), n)]})
			case 13:
				c.step(&ForceFailover{Unreachable: n&1 != 0})
			case 14:
				card := &asap.BusinessCard{Handle: "P", Elements: []rserpool.Element{testElement("1"), testElement("2"), testElement(fmt.Sprint(n + 1))}}
				c.step(&machine.Received{Association: c.up, PPID: asap.PPID, Payload: asap.Append(nil, card)})
			case 15:
				c.now = c.now.Add(time.Duration(n) * time.Second / 4)
				c.step(&machine.Tick{})
			}
			c.pump(n % 3)
		}
		// Left alone, a session that looks for an element ends.
		for d := c.s.Deadline(); !d.IsZero(); d = c.s.Deadline() {
			c.now = d
			c.step(&machine.Tick{})
			if c.s.phase == resolving {
				in := &Resolved{Ticket: c.resolve}
				c.resolve = 0
				c.step(in)
			}
		}
		if p := c.s.phase; p != up && p != ended && p != idle {
			t.Fatalf("the session goes on for ever, in phase %d", p)
		}
		// Nothing that was taken is lost unless the session has ended.
		if p := c.s.phase; p == up {
			c.pump(1000)
			if c.transmitted != c.offered {
				t.Fatalf("%d of %d messages were sent", c.transmitted, c.offered)
			}
		}
	})
}

func FuzzResolver(f *testing.F) {
	f.Add([]byte{0, 2, 3, 0x13, 5, 5, 0x15})
	f.Add([]byte{2, 0x22, 15, 0, 15, 1, 15, 4, 0x44, 0x14})
	f.Add([]byte{0, 0x93, 0x93, 0x35, 8, 0x13, 9, 7, 15, 15, 15})
	f.Fuzz(func(t *testing.T, ops []byte) {
		now := time.Unix(1e9, 0)
		r := testResolver(5, 3)
		handles := []rserpool.Handle{"A", "B", "C", "D"}
		waiting := map[machine.Ticket]bool{}
		watching := map[machine.Ticket]bool{}
		reported := map[Report]time.Time{}
		var home, homes machine.AssociationID
		var tickets machine.Ticket
		step := func(in machine.Input) {
			for _, e := range r.Step(now, in) {
				switch e := e.(type) {
				case machine.Send:
					if home == 0 || e.Association != home {
						t.Fatalf("sends to %d, home is %d", e.Association, home)
					}
					m, _, err := asap.Parse(e.Payload)
					if err != nil {
						t.Fatal(err)
					}
					if u, ok := m.(*asap.Unreachable); ok {
						k := Report{u.Handle, u.Element}
						if at, ok := reported[k]; ok && now.Sub(at) < 5*time.Second {
							t.Fatalf("reports %v again after %v", k, now.Sub(at))
						}
						reported[k] = now
					}
				case Resolved:
					if !waiting[e.Ticket] && !watching[e.Ticket] {
						t.Fatalf("answers ticket %d, which does not wait", e.Ticket)
					}
					delete(waiting, e.Ticket)
					if e.Err != nil && len(e.Elements) > 0 {
						t.Fatal("elements beside an error")
					}
				}
			}
			if n := r.requests.order.Len(); n > 5 || len(r.requests.byTicket) != len(waiting) || len(r.cache.entries) > 3 || r.cache.age.Len() != len(r.cache.entries) {
				t.Fatalf("%d requests of %d callers (%d wait), %d cached", n, len(r.requests.byTicket), len(waiting), len(r.cache.entries))
			}
			if d := r.Deadline(); !d.IsZero() && !d.After(now) {
				t.Fatal("the deadline has passed: nothing would happen")
			}
		}
		for i, op := range ops {
			n := int(op >> 4)
			h := handles[n%4]
			switch op & 15 {
			case 0:
				homes++
				home = homes
				step(&machine.HomeUp{Association: home})
			case 1:
				was := home
				home = 0
				step(&machine.HomeLost{Association: was})
			case 2, 3, 4:
				tickets++
				waiting[tickets] = true
				in := &Resolve{Ticket: tickets, Handle: h, Items: uint32(n), Subscribe: n&8 != 0}
				if op&15 > 2 {
					in.CacheTime = time.Duration(n) * time.Second
				}
				if op&15 > 3 {
					in.Avoid = []rserpool.ElementID{1, 2}
				}
				step(in)
			case 5, 6:
				m := &asap.HandleResolutionResponse{Handle: h, Accepted: op&1 != 0, Policy: rserpool.Policy{Type: rserpool.PolicyType(n%6 + 1)}}
				for id := range n {
					e := testElement(fmt.Sprint(id + 1))
					e.Policy.Type = m.Policy.Type
					m.Elements = append(m.Elements, e)
				}
				step(&machine.Received{Association: home, PPID: asap.PPID, Payload: asap.Append(nil, m)})
			case 7:
				step(&machine.Received{Association: home, PPID: asap.PPID, Payload: asap.Append(nil, &asap.HandleResolutionResponse{Handle: h, Error: rserpool.Fail(rserpool.UnknownPoolHandle)})})
			case 8:
				k := Report{h, rserpool.ElementID(n + 1)}
				step(&k)
			case 9:
				tickets++
				watching[tickets] = true
				step(&Watch{Ticket: tickets, Handle: h, Interval: time.Duration(n+1) * time.Second})
			case 10:
				ticket := machine.Ticket(n)
				delete(waiting, ticket)
				delete(watching, ticket)
				step(&machine.Cancel{Ticket: ticket})
			case 11:
				step(&machine.Received{Association: home, PPID: asap.PPID, Payload: ops[i:]})
			case 12:
				step(&machine.Received{Association: home, PPID: asap.PPID, Payload: asap.Append(nil, &asap.Error{Causes: []rserpool.Cause{{Code: rserpool.CauseCode(n)}}})})
			default:
				now = now.Add(time.Duration(n*n) * time.Second / 8)
				step(&machine.Tick{})
			}
		}
		// Whoever waits gets an answer within three times T1.
		end := now.Add(9 * time.Second)
		for d := r.Deadline(); !d.IsZero() && !d.After(end); d = r.Deadline() {
			now = d
			step(&machine.Tick{})
		}
		if len(waiting) > 0 {
			t.Fatalf("%d wait for ever", len(waiting))
		}
	})
}
