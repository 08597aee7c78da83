package hunt

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/scenario"
	"github.com/rspool/rspool/internal/transport"
)

// The commands of the scenarios. Numbers after a colon in a transcript are tickets.
//
//	hunt dialect=rfc                 configures; the first command if at all
//	servers 192.0.2.1:3863 ...       the static list
//	announce 0xa 192.0.2.9:3863 [sctp=192.0.2.1:1234] [tcp=...] [udp=40001]
//	up TICKET ASSOCIATION            an attempt succeeds
//	fail TICKET                      or does not
//	incoming ASSOCIATION 192.0.2.9:3863
//	claim ASSOCIATION 0xa            a keep-alive claims the host
//	lost ASSOCIATION | restart ASSOCIATION
//	rehunt ASSOCIATION
//	advance 10s
func TestScenarios(t *testing.T) {
	scenario.Run(t, func(t *testing.T) scenario.World { return newWorld(t, rserpool.Deployed) })
}

// world is what a scenario happens in.
type world struct {
	scenario.Clock
	t *testing.T
	m *Machine
}

func newWorld(t *testing.T, d rserpool.Dialect) *world {
	return &world{Clock: scenario.NewClock(time.Millisecond), t: t, m: New(Config{
		Dialect:         d,
		Timeout:         10 * time.Second,
		MaxTimeout:      60 * time.Second,
		AnnounceTimeout: 5 * time.Second,
		Rand:            rand.New(rand.NewPCG(1, 1)),
	})}
}

var local = transport.Address{IPs: []netip.Addr{netip.MustParseAddr("192.0.2.77")}, Port: 7000}

// Do implements scenario.World.
func (w *world) Do(words []string) error {
	verb, words := words[0], words[1:]
	number := func(i int) uint64 {
		n, err := strconv.ParseUint(words[i], 0, 32)
		if err != nil {
			w.t.Fatalf("%s %v: %v", verb, words, err)
		}
		return n
	}
	association := func(i int) machine.AssociationID { return machine.AssociationID(number(i)) }
	switch verb {
	case "hunt":
		*w = *newWorld(w.t, rserpool.RFC)
	case "servers":
		in := &Servers{}
		for _, s := range words {
			a, err := transport.ParseAddress(s)
			if err != nil {
				return err
			}
			in.List = append(in.List, a)
		}
		w.step(in)
	case "announce":
		in, err := announcement(rserpool.RegistrarID(number(0)), words[1], words[2:])
		if err != nil {
			return err
		}
		w.step(in)
	case "up":
		w.step(&machine.AssociationUp{Ticket: machine.Ticket(number(0)), Association: association(1), Local: local})
	case "fail":
		w.step(&machine.AssociationFailed{Ticket: machine.Ticket(number(0)), Reason: "refused"})
	case "incoming":
		a, err := transport.ParseAddress(words[1])
		if err != nil {
			return err
		}
		w.step(&machine.AssociationUp{Association: association(0), Local: local, Remote: a})
	case "claim":
		w.step(&machine.Adopt{Association: association(0), Registrar: rserpool.RegistrarID(number(1))})
	case "lost", "restart":
		w.step(&machine.AssociationLost{Association: association(0), Restarted: verb == "restart", Reason: verb})
	case "rehunt":
		w.step(&machine.Rehunt{Association: association(0), Reason: "it does not answer"})
	case "advance":
		return w.Advance(words[0], w.m.Deadline, func() { w.step(&machine.Tick{}) })
	default:
		return fmt.Errorf("unknown command")
	}
	return nil
}

func announcement(id rserpool.RegistrarID, source string, options []string) (*machine.Heard, error) {
	from, err := netip.ParseAddrPort(source)
	if err != nil {
		return nil, err
	}
	msg := &asap.ServerAnnounce{Sender: id}
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		if name == "udp" {
			n, err := strconv.ParseUint(value, 10, 16)
			if err != nil {
				return nil, err
			}
			msg.UDPPort = uint16(n)
			continue
		}
		a, err := transport.ParseAddress(value)
		if err != nil {
			return nil, err
		}
		protocol := map[string]rserpool.Protocol{"sctp": rserpool.SCTP, "tcp": rserpool.TCP}[name]
		msg.Transports = append(msg.Transports, rserpool.Transport{Protocol: protocol, Port: a.Port, Addresses: a.IPs})
	}
	return &machine.Heard{Group: machine.ASAPGroup, From: from, Payload: asap.Append(nil, msg)}, nil
}

func (w *world) step(in machine.Input) {
	for _, e := range w.m.Step(w.Now, in) {
		w.Say("%s", w.describe(e))
	}
}

func (w *world) describe(e machine.Effect) string {
	switch e := e.(type) {
	case machine.Associate:
		return fmt.Sprintf("associate %s: %d", e.To, e.Ticket)
	case machine.Cancel:
		return fmt.Sprintf("cancel: %d", e.Ticket)
	case machine.Shutdown:
		return fmt.Sprintf("shutdown %d", e.Association)
	case machine.Abort:
		return fmt.Sprintf("abort %d: %s", e.Association, e.Reason)
	case machine.HomeUp:
		s := fmt.Sprintf("home is %d", e.Association)
		if e.Registrar != 0 {
			s += " registrar " + e.Registrar.String()
		}
		if e.Adopted {
			s += ", by its claim"
		}
		if !cmp.Equal(e.Local, local, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })) {
			w.t.Errorf("home's local address is %v, want %v", e.Local, local)
		}
		return s
	case machine.HomeLost:
		return fmt.Sprintf("home %d lost: %s", e.Association, e.Reason)
	case Failed:
		return fmt.Sprintf("all %d failed, again in %v", e.Tried, e.Again.Sub(w.Now).Round(time.Millisecond))
	}
	w.t.Fatalf("unexpected effect %T", e)
	return ""
}
