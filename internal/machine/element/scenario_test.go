package element

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/scenario"
	"github.com/rspool/rspool/internal/transport"
)

// The commands of the scenarios. The ticket of an element is its identifier. The
// registrar is whoever is behind the present association.
//
//	dialect rfc                        the first command if at all
//	register Pool/17 [policy=least-used] [load=0.5] [attempts=2] [reregister=30s] [tcp]
//	update Pool/17 load=0.7
//	deregister Pool/17 | forget Pool/17
//	home 1                             is up, over association 1
//	home-lost
//	accept Pool/17 [warning=0x3]       the registrar answers
//	reject Pool/17 0x5
//	deregistered Pool/17 [0x3]
//	keep-alive Pool[/17] [from=0xa] [home] [on=2]
//	error 0x11 [on=2]
//	raw HEX [ppid=12]
//	advance 5s
//	quiet | loud                       what is sent is not shown, or is again
//	count                              the counters that are not zero
func TestScenarios(t *testing.T) {
	scenario.Run(t, func(t *testing.T) scenario.World { return newWorld(t, rserpool.Deployed) })
}

// world is what a scenario happens in.
type world struct {
	scenario.Clock
	t     testing.TB
	m     *Machine
	home  machine.AssociationID
	quiet bool
}

func newWorld(t testing.TB, d rserpool.Dialect) *world {
	return &world{Clock: scenario.NewClock(time.Millisecond), t: t, m: New(Config{Dialect: d, Rand: rand.New(rand.NewPCG(1, 1))})}
}

var local = transport.Address{IPs: []netip.Addr{netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("2001:db8::77")}, Port: 7000}

// Do implements scenario.World.
func (w *world) Do(words []string) error {
	if strings.Join(words, " ") == "dialect rfc" {
		*w = *newWorld(w.t, rserpool.RFC)
	} else if err := w.do(words); err != nil {
		return err
	}
	w.check()
	return nil
}

func (w *world) do(words []string) error {
	if len(words) > 1 {
		if name, last, ok := strings.Cut(words[1], ".."); ok {
			handle, first, _ := strings.Cut(name, "/")
			from, _ := strconv.Atoi(first)
			to, _ := strconv.Atoi(last)
			for i := from; i <= to; i++ {
				if err := w.do(append([]string{words[0], fmt.Sprintf("%s/%d", handle, i)}, words[2:]...)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	verb, words := words[0], words[1:]
	var handle rserpool.Handle
	var id rserpool.ElementID
	if len(words) > 0 && !strings.Contains(" home advance error raw ", " "+verb+" ") {
		h, n, _ := strings.Cut(words[0], "/")
		v, _ := strconv.ParseUint(n, 0, 32)
		handle, id, words = rserpool.Handle(h), rserpool.ElementID(v), words[1:]
	}
	o := scenario.Options(words)
	on := w.home
	if v, ok := o["on"]; ok {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			return err
		}
		on = machine.AssociationID(n)
	}
	switch verb {
	case "register":
		return w.register(handle, id, o)
	case "update":
		e := w.m.elements[machine.Ticket(id)]
		p, err := policyOf(e.Element.Policy, o)
		w.step(&Update{Ticket: machine.Ticket(id), Policy: p})
		return err
	case "deregister":
		w.step(&Deregister{Ticket: machine.Ticket(id)})
	case "forget":
		w.step(&Forget{Ticket: machine.Ticket(id)})
	case "home":
		n, err := strconv.ParseUint(words[0], 10, 64)
		w.home = machine.AssociationID(n)
		w.step(&machine.HomeUp{Association: w.home, Local: local})
		return err
	case "home-lost":
		w.step(&machine.HomeLost{Association: w.home, Reason: "peer does not answer"})
		w.home = 0
	case "accept":
		w.receive(on, &asap.RegistrationResponse{Handle: handle, Element: id, Error: causeOf(o["warning"])})
	case "reject":
		w.receive(on, &asap.RegistrationResponse{Handle: handle, Element: id, Reject: true, Error: causeOf(words[0])})
	case "deregistered":
		m := &asap.DeregistrationResponse{Handle: handle, Element: id}
		if len(words) > 0 {
			m.Error = causeOf(words[0])
		}
		w.receive(on, m)
	case "keep-alive":
		from, _ := strconv.ParseUint(o["from"], 0, 32)
		_, home := o["home"]
		w.receive(on, &asap.KeepAlive{Handle: handle, Element: id, Sender: rserpool.RegistrarID(from), Home: home})
	case "error":
		w.receive(on, &asap.Error{Causes: causeOf(words[0]).Causes})
	case "raw":
		b, err := hex.DecodeString(words[0])
		ppid := uint32(asap.PPID)
		if o["ppid"] != "" {
			ppid = 12
		}
		w.step(&machine.Received{Association: on, PPID: ppid, Payload: b})
		return err
	case "advance":
		return w.Advance(words[0], w.m.Deadline, func() { w.step(&machine.Tick{}) })
	case "quiet", "loud":
		w.quiet = verb == "quiet"
	case "count":
		w.count()
	default:
		return fmt.Errorf("unknown command")
	}
	return nil
}

func (w *world) register(handle rserpool.Handle, id rserpool.ElementID, o map[string]string) error {
	in := newRegister(handle, id)
	if _, ok := o["tcp"]; ok {
		in.Element.UserTransport = rserpool.Transport{Protocol: rserpool.TCP, Port: 80}
	}
	if v := o["attempts"]; v != "" {
		in.MaxAttempts, _ = strconv.Atoi(v)
	}
	if v := o["reregister"]; v != "" {
		in.Reregister, _ = time.ParseDuration(v)
	}
	p, err := policyOf(in.Element.Policy, o)
	in.Element.Policy = p
	w.step(in)
	return err
}

// newRegister returns an input with the timers that scenarios count on.
func newRegister(handle rserpool.Handle, id rserpool.ElementID) *Register {
	return &Register{
		Ticket: machine.Ticket(id),
		Handle: handle,
		Element: rserpool.Element{
			ID:            id,
			UserTransport: rserpool.Transport{Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 9000},
			Policy:        rserpool.Policy{Type: rserpool.RoundRobin},
		},
		Life:              90 * time.Second,
		Reregister:        30 * time.Second,
		RegisterTimeout:   30 * time.Second,
		DeregisterTimeout: 30 * time.Second,
		MaxAttempts:       2,
		LoadInterval:      100 * time.Millisecond,
	}
}

func policyOf(p rserpool.Policy, o map[string]string) (rserpool.Policy, error) {
	if v := o["policy"]; v != "" {
		p.Type, _ = rserpool.ParsePolicyType(v)
	}
	if v := o["load"]; v != "" {
		f, err := strconv.ParseFloat(v, 64)
		p.Load = rserpool.LoadOf(f)
		return p, err
	}
	return p, nil
}

func causeOf(s string) *rserpool.OperationError {
	n, err := strconv.ParseUint(s, 0, 16)
	if err != nil {
		return nil
	}
	return rserpool.Fail(rserpool.CauseCode(n))
}

func (w *world) receive(on machine.AssociationID, m asap.Message) {
	w.step(&machine.Received{Association: on, PPID: asap.PPID, Payload: asap.Append(nil, m)})
}

func (w *world) step(in machine.Input) {
	for _, e := range w.m.Step(w.Now, in) {
		if s := w.describe(e); s != "" {
			w.Say("%s", s)
		}
	}
}

func (w *world) describe(e machine.Effect) string {
	name := func(t machine.Ticket) string { return fmt.Sprintf("%d", t) }
	switch e := e.(type) {
	case machine.Send:
		msg, _, err := asap.Parse(e.Payload)
		if err != nil {
			w.t.Fatalf("sent %x: %v", e.Payload, err)
		}
		if w.quiet {
			return ""
		}
		return fmt.Sprintf("-> %d  %s", e.Association, msg)
	case machine.Rehunt:
		return fmt.Sprintf("rehunt %d: %s", e.Association, e.Reason)
	case machine.Adopt:
		return fmt.Sprintf("adopt %d registrar %s", e.Association, e.Registrar)
	case Registered:
		s := "registered " + name(e.Ticket)
		if e.First {
			s += ", the first time"
		}
		if e.Warning != nil {
			s += ", warned: " + e.Warning.Error()
		}
		return s
	case Refused:
		s := "refused " + name(e.Ticket)
		if e.First {
			s += ", for good"
		}
		return s + ": " + e.Err.Error()
	case Failed:
		return fmt.Sprintf("failed %s after %d attempts: %s", name(e.Ticket), e.Attempts, e.Reason)
	case Deregistered:
		if e.Err != nil {
			return fmt.Sprintf("deregistered %s: %v", name(e.Ticket), e.Err)
		}
		return "deregistered " + name(e.Ticket)
	case Lapsed:
		return "lapsed " + name(e.Ticket)
	case Reported:
		return fmt.Sprintf("error reported on %d: %v", e.Association, e.Err)
	}
	w.t.Fatalf("unexpected effect %T", e)
	return ""
}

func (w *world) count() {
	c := w.m.Counters()
	for _, f := range strings.Fields(strings.Trim(fmt.Sprintf("%+v", c), "{}")) {
		if !strings.HasSuffix(f, ":0") {
			fmt.Fprintf(&w.Out, "%-8s %s\n", "", f)
		}
	}
}

// check fails where the machine's state does not hang together.
func (w *world) check() {
	w.t.Helper()
	m := w.m
	flying, pooled := 0, 0
	for t, e := range m.elements {
		if e.Ticket != t || m.find(e.Handle, e.Element.ID) != e {
			w.t.Fatalf("element %d is not found under its name", t)
		}
		if e.inFlight {
			flying++
			if m.home == 0 {
				w.t.Fatalf("element %d waits for an answer although there is no home", t)
			}
		}
		if e.t.index >= 0 && m.timers[e.t.index] != timed(e) {
			w.t.Fatalf("element %d is not at its place among the timers", t)
		}
		waits := e.state == waiting && !e.inFlight
		if waits && m.home != 0 && m.home != m.rehunted && !e.queued {
			w.t.Fatalf("element %d waits for nothing", t)
		}
		if (e.state == registered || e.inFlight || e.state == leaving) && e.t.index < 0 {
			w.t.Fatalf("element %d in state %d has no timer", t, e.state)
		}
	}
	for _, p := range m.pools {
		pooled += len(p.elements)
		if len(p.elements) == 0 {
			w.t.Fatalf("pool %s is empty", p.handle)
		}
	}
	if flying != m.inFlight || flying > window || pooled != len(m.elements) {
		w.t.Fatalf("%d unanswered, counted as %d of %d; %d elements in pools of %d", flying, m.inFlight, window, pooled, len(m.elements))
	}
	if len(m.timers) > len(m.elements)+len(m.pools) {
		w.t.Fatalf("%d timers for %d elements", len(m.timers), len(m.elements))
	}
}
