package hunt

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// A scenario is a text file of blocks, with an empty line between them: commands,
// a line of four dashes, and the transcript of what the hunt did. A line that
// begins with # is a remark. Numbers after a colon in the transcript are tickets.
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
	w := newWorld(t, rserpool.Deployed)
	var out bytes.Buffer
	commands, transcript := 0, false
	flush := func() {
		if commands > 0 {
			out.WriteString("----\n")
			out.Write(w.out.Bytes())
			w.out.Reset()
		}
		commands, transcript = 0, false
	}
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		line := lines.Text()
		switch {
		case line == "----":
			transcript = true
		case line == "":
			flush()
			out.WriteByte('\n')
		case transcript:
		default:
			out.WriteString(line + "\n")
			if strings.HasPrefix(line, "#") {
				continue
			}
			commands++
			if strings.HasPrefix(line, "hunt ") {
				w = newWorld(t, rserpool.RFC)
			} else if err := w.do(strings.Fields(line)); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
	}
	flush()
	return out.Bytes()
}

// world is what a scenario happens in.
type world struct {
	t     *testing.T
	start time.Time
	now   time.Time
	m     *Machine
	out   bytes.Buffer
}

func newWorld(t *testing.T, d rserpool.Dialect) *world {
	start := time.Unix(1_700_000_000, 0)
	return &world{t: t, start: start, now: start, m: New(Config{
		Dialect:         d,
		Timeout:         10 * time.Second,
		MaxTimeout:      60 * time.Second,
		AnnounceTimeout: 5 * time.Second,
		Rand:            rand.New(rand.NewPCG(1, 1)),
	})}
}

var local = transport.Address{IPs: []netip.Addr{netip.MustParseAddr("192.0.2.77")}, Port: 7000}

func (w *world) do(words []string) error {
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
		d, err := time.ParseDuration(words[0])
		if err != nil {
			return err
		}
		w.advance(d)
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

// advance lets time pass, with a Tick at each deadline.
func (w *world) advance(d time.Duration) {
	end := w.now.Add(d)
	for range 10_000 {
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
		fmt.Fprintf(&w.out, "%-8v %s\n", w.now.Sub(w.start).Round(time.Millisecond), w.describe(e))
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
		return fmt.Sprintf("all %d failed, again in %v", e.Tried, e.Again.Sub(w.now).Round(time.Millisecond))
	}
	w.t.Fatalf("unexpected effect %T", e)
	return ""
}
