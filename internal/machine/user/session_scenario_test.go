package user

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/scenario"
	"github.com/rspool/rspool/internal/transport"
)

// sessionWorld is the scenario of a session. Elements are numbers; with a d behind
// it an element has no control channel, with a u it is reached by UDP.
//
//	session [items=N] [connect=7s] [delay=250ms] [timeout=60s] [nofailover] [queue=N]
//	start
//	elements 1 2d 3t       answer to the last resolution
//	unknown | silence      negative ones: of the registrar, or none at all
//	up | fail              the last attempt succeeds or not
//	lost | closed | aborted | restarted
//	cookie TEXT | card 3 2 | garbage
//	send TEXT              refused where there is no room
//	force REASON | blame REASON
//	close
//	advance 10s
type sessionWorld struct {
	scenario.Clock
	t            *testing.T
	session      *Session
	asked, tried machine.Ticket
	association  machine.AssociationID
}

func newSessionWorld(t *testing.T, words []string) *sessionWorld {
	o := scenario.Options(words)
	cfg := SessionConfig{
		Handle:          "EchoPool",
		Items:           1,
		ConnectTimeout:  7 * time.Second,
		FailoverDelay:   250 * time.Millisecond,
		FailoverTimeout: time.Minute,
		MaxQueue:        3,
		MaxQueueBytes:   1000,
	}
	if s, ok := o["timeout"]; ok {
		cfg.FailoverTimeout = duration(s)
	}
	if s, ok := o["items"]; ok {
		fmt.Sscan(s, &cfg.Items)
	}
	_, cfg.NoFailover = o["nofailover"]
	return &sessionWorld{Clock: scenario.NewClock(0), t: t, session: NewSession(cfg), association: 100}
}

// testElement returns the element that a word of a scenario stands for.
func testElement(word string) rserpool.Element {
	e := rserpool.Element{
		ID:     ids(strings.TrimRight(word, "du"))[0],
		Policy: rserpool.Policy{Type: rserpool.RoundRobin},
		UserTransport: rserpool.Transport{
			Protocol:  rserpool.SCTP,
			Use:       rserpool.DataAndControl,
			Port:      5000,
			Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		},
	}
	e.UserTransport.Port += uint16(e.ID)
	switch word[len(word)-1] {
	case 'd':
		e.UserTransport.Use = rserpool.DataOnly
	case 'u':
		e.UserTransport.Protocol = rserpool.UDP
	}
	return e
}

func testElements(words []string) (es []rserpool.Element) {
	for _, w := range words {
		es = append(es, testElement(w))
	}
	return es
}

// Do implements scenario.World.
func (w *sessionWorld) Do(words []string) error {
	rest := strings.Join(words[1:], " ")
	switch words[0] {
	case "start":
		w.step(&Start{})
	case "elements":
		w.step(&Resolved{Ticket: w.asked, Elements: testElements(words[1:])})
	case "unknown":
		w.step(&Resolved{Ticket: w.asked, Err: rserpool.Fail(rserpool.UnknownPoolHandle)})
	case "silence":
		w.step(&Resolved{Ticket: w.asked, Err: ErrNoAnswer})
	case "up":
		w.association++
		w.step(&machine.AssociationUp{Association: w.association, Ticket: w.tried})
	case "fail":
		w.step(&machine.AssociationFailed{Ticket: w.tried, Reason: "refused"})
	case "lost":
		w.step(&machine.AssociationLost{Association: w.association, Reason: "peer does not answer"})
	case "closed":
		w.step(&machine.AssociationLost{Association: w.association, Orderly: true, Reason: "closed"})
	case "aborted":
		w.step(&machine.AssociationLost{Association: w.association, Aborted: true, Reason: "aborted by the peer"})
	case "restarted":
		w.step(&machine.AssociationLost{Association: w.association, Restarted: true, Reason: "restarted"})
	case "cookie":
		w.receive(asap.Append(nil, &asap.Cookie{Cookie: []byte(rest)}))
	case "card":
		w.receive(asap.Append(nil, &asap.BusinessCard{Handle: "EchoPool", Elements: testElements(words[1:])}))
	case "garbage":
		w.receive([]byte{0x40, 0, 0, 4})
	case "send":
		if !w.session.Offer(transport.Message{PPID: 7, Payload: []byte(rest)}) {
			w.Say("no room for %s", rest)
		}
		w.pump()
	case "force":
		w.step(&ForceFailover{Reason: rest})
	case "blame":
		w.step(&ForceFailover{Reason: rest, Unreachable: true})
	case "close":
		w.step(&Close{})
	case "advance":
		return w.Advance(rest, w.session.Deadline, func() { w.step(&machine.Tick{}) })
	default:
		return errCommand
	}
	return nil
}

func (w *sessionWorld) receive(payload []byte) {
	w.step(&machine.Received{Association: w.association, PPID: asap.PPID, Payload: payload})
}

func (w *sessionWorld) step(in machine.Input) {
	for _, e := range w.session.Step(w.Now, in) {
		switch e := e.(type) {
		case Resolve:
			w.asked = e.Ticket
			avoid := ""
			for _, id := range e.Avoid {
				avoid += fmt.Sprintf(" not %d", id)
			}
			w.Say("resolve %s items=%d%s", e.Handle, e.Items, avoid)
		case Report:
			w.Say("report %s/%d", e.Handle, e.Element)
		case Connected:
			w.Say("connected to %d", e.Element.ID)
			if f := e.Failover; f != nil {
				w.Say("failover %d -> %d in %v, %d tried, %d sent before, resumed %v: %s", f.From, f.To, f.Duration, f.Attempts, f.Sent, f.Resumed, f.Reason)
			}
		case Ended:
			w.Say("ended: %v", e.Err)
		case machine.Associate:
			w.tried = e.Ticket
			w.Say("associate with %d", e.To.Port-5000)
		case machine.Cancel:
			w.Say("cancel")
		case machine.Abort:
			w.Say("abort: %s", e.Reason)
		case machine.Shutdown:
			w.Say("shut down")
		default:
			w.t.Fatalf("effect %#v", e)
		}
	}
	w.pump()
}

// pump sends what waits, as drivers do.
func (w *sessionWorld) pump() {
	for m := w.session.Outgoing(); m != nil; m = w.session.Outgoing() {
		if m.PPID != asap.PPID {
			w.Say("-> %s", m.Payload)
		} else if c, _, err := asap.Parse(m.Payload); err != nil {
			w.t.Fatal(err)
		} else {
			w.Say("-> %s", c)
		}
		w.session.Sent()
	}
}
