package user

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/scenario"
)

// resolverWorld is the scenario of a resolver. Tickets are numbered from 1, over
// resolutions and watches alike.
//
//	resolver [requests=N] [cached=N]
//	home ASSOCIATION | nohome
//	resolve HANDLE [items=N|all] [cache=10s] [avoid=1,2] [subscribe]
//	watch HANDLE 5s
//	cancel TICKET
//	report HANDLE ELEMENT
//	answer HANDLE POLICY ELEMENT... [accepted]
//	unknown HANDLE
//	error CAUSE [BYTE]
//	garbage
//	advance 10s
type resolverWorld struct {
	scenario.Clock
	resolver *Resolver
	home     machine.AssociationID
	tickets  machine.Ticket
}

func testResolver(requests, cached int) *Resolver {
	return NewResolver(ResolverConfig{
		RequestTimeout: 3 * time.Second,
		MaxRetransmit:  2,
		ReportInterval: 5 * time.Second,
		MaxRequests:    requests,
		MaxCached:      cached,
		MaxWatches:     10,
		Policies:       engine.NewRegistry(builtin.All()...),
		Rand:           rand.New(rand.NewPCG(1, 2)),
	})
}

func newResolverWorld(words []string) *resolverWorld {
	requests, cached := 100, 10
	o := scenario.Options(words)
	fmt.Sscan(o["requests"], &requests)
	fmt.Sscan(o["cached"], &cached)
	return &resolverWorld{Clock: scenario.NewClock(0), resolver: testResolver(requests, cached)}
}

// Do implements scenario.World.
func (w *resolverWorld) Do(words []string) error {
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	handle := rserpool.Handle(arg(1))
	switch words[0] {
	case "home":
		fmt.Sscan(arg(1), (*uint64)(&w.home))
		w.step(&machine.HomeUp{Association: w.home})
	case "nohome":
		w.step(&machine.HomeLost{Association: w.home})
	case "resolve":
		o := scenario.Options(words[2:])
		w.tickets++
		in := &Resolve{Ticket: w.tickets, Handle: handle, CacheTime: duration(o["cache"]), Avoid: ids(o["avoid"])}
		fmt.Sscan(o["items"], &in.Items)
		if o["items"] == "all" {
			in.Items = AllItems
		}
		_, in.Subscribe = o["subscribe"]
		w.step(in)
	case "watch":
		w.tickets++
		w.step(&Watch{Ticket: w.tickets, Handle: handle, Interval: duration(arg(2))})
	case "cancel":
		var t machine.Ticket
		fmt.Sscan(arg(1), (*uint64)(&t))
		w.step(&machine.Cancel{Ticket: t})
	case "report":
		w.step(&Report{Handle: handle, Element: ids(arg(2))[0]})
	case "answer":
		p, ok := rserpool.ParsePolicyType(arg(2))
		if !ok {
			return fmt.Errorf("no policy %q", arg(2))
		}
		m := &asap.HandleResolutionResponse{Handle: handle, Policy: rserpool.Policy{Type: p}}
		elements := words[3:]
		if words[len(words)-1] == "accepted" {
			m.Accepted, elements = true, words[3:len(words)-1]
		}
		for _, e := range testElements(elements) {
			e.Policy.Type = p
			m.Elements = append(m.Elements, e)
		}
		w.receive(asap.Append(nil, m))
	case "unknown":
		w.receive(asap.Append(nil, &asap.HandleResolutionResponse{Handle: handle, Error: rserpool.Fail(rserpool.UnknownPoolHandle)}))
	case "error":
		var code rserpool.CauseCode
		fmt.Sscan(arg(1), (*uint16)(&code))
		c := rserpool.Cause{Code: code}
		if len(words) > 2 {
			c.Info = []byte{byte(ids(arg(2))[0]), 0, 0, 4}
		}
		w.receive(asap.Append(nil, &asap.Error{Causes: []rserpool.Cause{c}}))
	case "garbage":
		w.receive([]byte{6, 0, 0, 9, 0, 9, 0, 99, 0})
	case "advance":
		return w.Advance(arg(1), w.resolver.Deadline, func() { w.step(&machine.Tick{}) })
	default:
		return errCommand
	}
	return nil
}

func (w *resolverWorld) receive(payload []byte) {
	w.step(&machine.Received{Association: w.home, PPID: asap.PPID, Payload: payload})
}

func (w *resolverWorld) step(in machine.Input) {
	for _, e := range w.resolver.Step(w.Now, in) {
		switch e := e.(type) {
		case machine.Send:
			m, _, err := asap.Parse(e.Payload)
			if err != nil {
				w.Say("-> %d %v", e.Association, err)
				continue
			}
			w.Say("-> %d %s", e.Association, m)
		case machine.Rehunt:
			w.Say("hunt: %s", e.Reason)
		case Report:
			w.Say("reported %s/%d", e.Handle, e.Element)
		case Resolved:
			var how []string
			if e.Cached {
				how = append(how, "cached")
			}
			if e.Pushed {
				how = append(how, "pushed")
			}
			what := fmt.Sprint(e.Err)
			if e.Err == nil {
				what = "elements"
				for _, el := range e.Elements {
					what += fmt.Sprintf(" %d", el.ID)
				}
			}
			w.Say("%s", strings.Join(append([]string{fmt.Sprintf("%d: %s %s", e.Ticket, e.Handle, what)}, how...), " "))
		default:
			w.Say("effect %#v", e)
		}
	}
}
