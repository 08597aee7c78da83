package registrar

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/machine/scenario"
	"github.com/rspool/rspool/internal/transport"
)

// The commands of a scenario of one registrar:
//
//	registrar dialect=rfc max-elements=2    configures; the first command if at all
//	up 1 192.0.2.1:7000                     an association from there
//	send 1 register Pool/17 policy=least-used load=0.5 life=60s at=192.0.2.1:9000
//	send 1 deregister Pool/17
//	send 1 resolve Pool items=3 subscribe
//	send 1 ack Pool/17
//	send 1 report Pool/17
//	send 1 hex 0e000004 ppid=12             any bytes
//	hear 0x00000002                         an announcement; or: hear hex 0a000004
//	lost 1 | closed 1 | restart 1 | full 1 | writable 1
//	advance 5s
//	drain
//	show                                    the handlespace and the rest of the state
//	count                                   the counters that are not zero
func TestScenarios(t *testing.T) {
	scenario.Run(t, func(t *testing.T) scenario.World {
		return &world{t: t, now: time.Unix(1_700_000_000, 0), start: time.Unix(1_700_000_000, 0)}
	})
}

var policies = engine.NewRegistry(builtin.All()...)

// world is what a scenario happens in.
type world struct {
	t     *testing.T
	start time.Time
	now   time.Time
	m     *Machine
	out   bytes.Buffer
	alive map[machine.AssociationID]bool
}

func (w *world) make(cfg Config) {
	if cfg.ID == 0 {
		cfg.ID = 0x0a
	}
	cfg.Rand = rand.New(rand.NewPCG(1, 1))
	cfg.Policies = policies
	w.m = New(cfg, w.now)
	w.alive = map[machine.AssociationID]bool{}
}

// Do implements scenario.World.
func (w *world) Do(words []string) error {
	err := w.do(words)
	if err == nil {
		w.check()
	}
	return err
}

// Transcript implements scenario.World.
func (w *world) Transcript() []byte {
	b := bytes.Clone(w.out.Bytes())
	w.out.Reset()
	return b
}

func (w *world) do(words []string) error {
	verb, words := words[0], words[1:]
	if verb == "registrar" {
		cfg, err := parseConfig(words)
		w.make(cfg)
		return err
	}
	if w.m == nil {
		w.make(Config{AnnounceInterval: -1})
	}
	var id machine.AssociationID
	if len(words) > 0 && strings.Contains(" up send lost closed restart full writable ", " "+verb+" ") {
		n, err := strconv.ParseUint(words[0], 10, 64)
		if err != nil {
			return err
		}
		id, words = machine.AssociationID(n), words[1:]
	}
	switch verb {
	case "up":
		remote, err := transport.ParseAddress(words[0])
		if err != nil {
			return err
		}
		w.alive[id] = true
		w.step(&machine.AssociationUp{Association: id, Remote: remote})
	case "lost", "closed":
		w.alive[id] = false
		w.step(&machine.AssociationLost{Association: id, Orderly: verb == "closed"})
	case "restart":
		w.step(&machine.AssociationLost{Association: id, Restarted: true})
	case "full":
		w.step(&machine.SendFailed{Association: id, Full: true})
	case "writable":
		w.step(&machine.Writable{Association: id})
	case "send":
		payload, ppid, err := parseMessage(words)
		if err != nil {
			return err
		}
		w.step(&machine.Received{Association: id, PPID: ppid, Payload: payload})
	case "hear":
		payload, err := parseAnnouncement(words)
		if err != nil {
			return err
		}
		w.step(&machine.Heard{Group: machine.ASAPGroup, Payload: payload})
	case "advance":
		d, err := time.ParseDuration(words[0])
		if err != nil {
			return err
		}
		w.advance(d)
	case "drain":
		w.step(&Drain{})
	case "show":
		w.show()
	case "count":
		w.count()
	default:
		return fmt.Errorf("unknown command")
	}
	return nil
}

// advance lets time pass, with a Tick at each deadline.
func (w *world) advance(d time.Duration) {
	end := w.now.Add(d)
	for range 100_000 {
		next := w.m.Deadline()
		if next.IsZero() || next.After(end) {
			w.now = end
			return
		}
		if next.After(w.now) {
			w.now = next
		}
		w.step(&machine.Tick{})
	}
	w.t.Fatalf("the machine does not come to rest: its deadline stays at %v", w.m.Deadline())
}

func (w *world) step(in machine.Input) {
	for _, e := range w.m.Step(w.now, in) {
		fmt.Fprintf(&w.out, "%-8v %s\n", w.now.Sub(w.start).Round(time.Millisecond), w.effect(e))
	}
}

func (w *world) effect(e machine.Effect) string {
	switch e := e.(type) {
	case *machine.Send:
		w.mustLive(e.Association, e)
		msg, _, err := asap.Parse(e.Payload)
		if err != nil {
			w.t.Fatalf("sent %x: %v", e.Payload, err)
		}
		return fmt.Sprintf("-> %d  %s%s", e.Association, brief(msg.String()), info(msg))
	case *machine.Shutdown:
		w.mustLive(e.Association, e)
		w.alive[e.Association] = false
		return fmt.Sprintf("shutdown %d", e.Association)
	case *machine.Abort:
		w.mustLive(e.Association, e)
		w.alive[e.Association] = false
		return fmt.Sprintf("abort %d: %s", e.Association, e.Reason)
	case *machine.Announce:
		msg, _, err := asap.Parse(e.Payload)
		if err != nil {
			w.t.Fatalf("announced %x: %v", e.Payload, err)
		}
		return fmt.Sprintf("-> *  %s", msg)
	case *Measure:
		return fmt.Sprintf("measure %d", e.Association)
	case *Observed:
		s := "observed: " + e.Event.String()
		if e.Handle != "" {
			s += " " + short(e.Handle)
			if e.Element != 0 {
				s += "/" + strconv.FormatUint(uint64(e.Element), 10)
			}
		}
		if e.Association != 0 {
			s += fmt.Sprintf(" association=%d", e.Association)
		}
		if e.Detail != "" {
			s += ": " + brief(e.Detail)
		}
		return s
	}
	w.t.Fatalf("unexpected effect %T", e)
	return ""
}

func (w *world) mustLive(id machine.AssociationID, e machine.Effect) {
	w.t.Helper()
	if !w.alive[id] {
		w.t.Fatalf("effect %#v on association %d, which is gone", e, id)
	}
}

// runs are handles that a scenario writes as x*40.
var runs = regexp.MustCompile(`(x{40,}|y{40,}|z{40,})`)

func brief(s string) string {
	return runs.ReplaceAllStringFunc(s, func(run string) string { return fmt.Sprintf("%c*%d", run[0], len(run)) })
}

// info returns what the causes of a message carry, as hexadecimal.
func info(msg asap.Message) string {
	var causes []rserpool.Cause
	var why *rserpool.OperationError
	switch msg := msg.(type) {
	case *asap.RegistrationResponse:
		why = msg.Error
	case *asap.DeregistrationResponse:
		why = msg.Error
	case *asap.HandleResolutionResponse:
		why = msg.Error
	case *asap.Error:
		causes = msg.Causes
	}
	if why != nil {
		causes = why.Causes
	}
	s := ""
	for _, c := range causes {
		if len(c.Info) > 0 {
			s += fmt.Sprintf(" [%x]", c.Info)
		}
	}
	return s
}

func short(h rserpool.Handle) string {
	if len(h) > 40 {
		return fmt.Sprintf("(%d bytes)", len(h))
	}
	return h.String()
}
