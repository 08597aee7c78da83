package registrar

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/wire"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// A scenario is a text file of blocks, with an empty line between them: commands,
// a line of four dashes, and the transcript of what the registrar did. A line
// that begins with # is a remark.
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
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScenario(t, want)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("transcript differs (-want +got), see -update:\n%s", diff)
			}
		})
	}
}

// runScenario returns the file with its transcripts as they are.
func runScenario(t *testing.T, file []byte) []byte {
	t.Helper()
	w := &world{t: t, start: time.Unix(1_700_000_000, 0)}
	w.now = w.start
	var out bytes.Buffer
	transcript := false
	lines := bufio.NewScanner(bytes.NewReader(file))
	lines.Buffer(nil, 1<<20)
	pending := 0
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case line == "----":
			transcript = true
		case line == "":
			if pending > 0 {
				out.WriteString("----\n")
				out.Write(w.out.Bytes())
				w.out.Reset()
				pending = 0
			}
			transcript = false
			out.WriteByte('\n')
		case transcript:
		default:
			out.WriteString(line + "\n")
			if !strings.HasPrefix(line, "#") {
				pending++
				if err := w.do(strings.Fields(line)); err != nil {
					t.Fatalf("line %d: %s: %v", n, line, err)
				}
				w.check()
			}
		}
	}
	if pending > 0 {
		out.WriteString("----\n")
		out.Write(w.out.Bytes())
	}
	return out.Bytes()
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

// options reads words of the form name=value; a bare name has the value "".
func options(words []string) map[string]string {
	o := map[string]string{}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		o[name] = value
	}
	return o
}

func parseConfig(words []string) (Config, error) {
	cfg := Config{AnnounceInterval: -1}
	for name, v := range options(words) {
		number, _ := strconv.Atoi(v)
		duration, _ := time.ParseDuration(v)
		switch name {
		case "dialect":
			d, err := rserpool.ParseDialect(v)
			if err != nil {
				return cfg, err
			}
			cfg.Dialect = d
		case "announce":
			cfg.AnnounceInterval = duration
		case "address":
			a, err := transport.ParseAddress(v)
			if err != nil {
				return cfg, err
			}
			cfg.ASAPAddress = a
		case "max-pools":
			cfg.MaxPools = number
		case "max-pool-elements":
			cfg.MaxPoolElements = number
		case "max-elements":
			cfg.MaxElements = number
		case "max-associations":
			cfg.MaxAssociations = number
		case "max-subscriptions":
			cfg.MaxSubscriptions = number
		case "max-peer-subscriptions":
			cfg.MaxPeerSubscriptions = number
		case "max-handle":
			cfg.MaxHandleLength = number
		case "min-life":
			cfg.MinLife = duration
		case "max-life":
			cfg.MaxLife = duration
		case "default-life":
			cfg.DefaultLife = duration
		case "keep-alive":
			cfg.KeepAliveInterval = duration
		case "idle":
			cfg.IdleTimeout = duration
		case "wire-policy":
			p, ok := rserpool.ParsePolicyType(v)
			if !ok {
				return cfg, fmt.Errorf("unknown policy %q", v)
			}
			cfg.Pool = func(rserpool.Handle) handlespace.Options { return handlespace.Options{WirePolicy: p} }
		case "policy":
			p, err := policies.Find(v)
			if err != nil {
				return cfg, err
			}
			cfg.Pool = func(rserpool.Handle) handlespace.Options { return handlespace.Options{Policy: p} }
		default:
			return cfg, fmt.Errorf("unknown option %q", name)
		}
	}
	return cfg, nil
}

func parseMessage(words []string) (payload []byte, ppid uint32, err error) {
	verb, words := words[0], words[1:]
	ppid = asap.PPID
	if verb == "hex" {
		payload, err = hex.DecodeString(words[0])
		if v, ok := options(words[1:])["ppid"]; ok {
			n, err := strconv.ParseUint(v, 10, 32)
			return payload, uint32(n), err
		}
		return payload, ppid, err
	}
	handle, id, err := parseElement(words[0])
	if err != nil {
		return nil, 0, err
	}
	opts := options(words[1:])
	var msg asap.Message
	switch verb {
	case "register":
		el, err := parseRegistration(id, opts)
		if err != nil {
			return nil, 0, err
		}
		msg = &asap.Registration{Handle: handle, Element: el}
	case "deregister":
		msg = &asap.Deregistration{Handle: handle, Element: id}
	case "resolve":
		r := &asap.HandleResolution{Handle: handle}
		_, r.Subscribe = opts["subscribe"]
		if v := opts["items"]; v == "all" {
			r.Items = wire.AllItems
		} else if v != "" {
			n, err := strconv.ParseUint(v, 10, 32)
			if err != nil {
				return nil, 0, err
			}
			r.Items = uint32(n)
		}
		msg = r
	case "ack":
		msg = &asap.KeepAliveAck{Handle: handle, Element: id}
	case "report":
		msg = &asap.Unreachable{Handle: handle, Element: id}
	default:
		return nil, 0, fmt.Errorf("unknown message %q", verb)
	}
	return asap.Append(nil, msg), ppid, nil
}

// parseElement reads HANDLE/ID, or HANDLE alone. The handle x*40 is forty x.
func parseElement(s string) (rserpool.Handle, rserpool.ElementID, error) {
	h, id, _ := strings.Cut(s, "/")
	if c, n, ok := strings.Cut(h, "*"); ok {
		count, err := strconv.Atoi(n)
		if err != nil {
			return "", 0, err
		}
		h = strings.Repeat(c, count)
	}
	if id == "" {
		return rserpool.Handle(h), 0, nil
	}
	n, err := strconv.ParseUint(id, 0, 32)
	return rserpool.Handle(h), rserpool.ElementID(n), err
}

func parseRegistration(id rserpool.ElementID, opts map[string]string) (rserpool.Element, error) {
	el := rserpool.Element{
		ID:   id,
		Life: 60_000,
		UserTransport: rserpool.Transport{
			Protocol: rserpool.SCTP, Use: rserpool.DataAndControl, Port: 9000,
			Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		},
		Policy: rserpool.Policy{Type: rserpool.RoundRobin},
	}
	for name, v := range opts {
		number, _ := strconv.ParseUint(v, 0, 32)
		switch name {
		case "life":
			el.Life = uint32(number)
		case "policy":
			p, ok := rserpool.ParsePolicyType(v)
			if !ok {
				p = rserpool.PolicyType(number)
			}
			el.Policy.Type = p
		case "at":
			a, err := transport.ParseAddress(v)
			if err != nil {
				return el, err
			}
			t := &el.UserTransport
			t.Addresses, t.Port, t.UDPPort = a.IPs, a.Port, a.UDPPort
		case "protocol":
			el.UserTransport.Protocol = map[string]rserpool.Protocol{"tcp": rserpool.TCP, "udp": rserpool.UDP, "opaque": rserpool.Opaque}[v]
		case "opaque":
			el.UserTransport = rserpool.Transport{Protocol: rserpool.Opaque, Opaque: strings.Repeat("o", int(number))}
		case "use":
			el.UserTransport.Use = map[string]rserpool.TransportUse{"data": rserpool.DataOnly, "control": rserpool.DataAndControl}[v]
		case "weight":
			el.Policy.Weight = uint32(number)
		case "distance":
			el.Policy.Distance = uint32(number)
		case "load":
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return el, err
			}
			el.Policy.Load = rserpool.LoadOf(f)
		default:
			return el, fmt.Errorf("unknown option %q", name)
		}
	}
	if el.UserTransport.Protocol != rserpool.SCTP {
		el.UserTransport.Use = rserpool.DataOnly
	}
	return el, nil
}

func parseAnnouncement(words []string) ([]byte, error) {
	if words[0] == "hex" {
		return hex.DecodeString(words[1])
	}
	id, err := rserpool.ParseID(words[0])
	return asap.Append(nil, &asap.ServerAnnounce{Sender: rserpool.RegistrarID(id)}), err
}
