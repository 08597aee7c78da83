package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// diary is a handler that writes down what it hears.
type diary struct {
	n     *network
	name  string
	lines *[]string
}

func (d diary) add(format string, args ...any) {
	*d.lines = append(*d.lines, fmt.Sprintf("%v %s ", d.n.now, d.name)+fmt.Sprintf(format, args...))
}

func (d diary) happened(_ *end, c change) {
	by := ""
	if c.aborted {
		by = " by the peer"
	}
	if c.reason != "" {
		by += ": " + c.reason
	}
	d.add("%v%s", c.kind, by)
}
func (d diary) message(_ *end, ppid uint32, payload []byte) { d.add("hears %s", payload) }
func (d diary) writable(*end)                               { d.add("can write") }

// wires is a network of two hosts with a listening endpoint each.
type wires struct {
	*network
	a, b  *endpoint
	lines []string
}

func newWires() *wires {
	w := &wires{network: &network{agenda: &agenda{}, conditions: conditions{
		delay: 10 * time.Millisecond, retransmit: time.Second, detection: 4 * time.Second,
		heartbeat: time.Second, dialTimeout: 5 * time.Second, buffer: 10,
	}}}
	w.fail = func(i Invariant, format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
	for i, p := range []**endpoint{&w.a, &w.b} {
		h := w.addHost(string(rune('a'+i)), rand.New(rand.NewPCG(uint64(i), 0)))
		*p = w.listen(h)
	}
	return w
}

func (w *wires) listen(h *host) *endpoint {
	h.on = true
	p := h.open(1, true, diary{w.network, h.name, &w.lines})
	w.review()
	return p
}

func (w *wires) until(t time.Duration) {
	for w.next(t) {
	}
}

func TestNetwork(t *testing.T) {
	say := func(e *end, words ...string) {
		for _, s := range words {
			e.send(0, []byte(s))
		}
	}
	for _, tt := range []struct {
		name string
		play func(w *wires)
		want []string
	}{
		{"messages_keep_their_order", func(w *wires) {
			e := w.a.dial(w.b.address())
			w.until(time.Second)
			say(e, "one", "two")
			say(e.peer, "three")
			w.until(2 * time.Second)
		}, []string{"10ms b up", "20ms a up", "1.01s b hears one", "1.01s b hears two", "1.01s a hears three"}},
		{"nobody_listens", func(w *wires) {
			w.b.close()
			w.a.dial(w.b.address())
			w.until(time.Second)
		}, []string{"20ms a lost: refused"}},
		{"nobody_is_there", func(w *wires) {
			w.b.host.on = false
			w.a.dial(w.b.address())
			w.until(10 * time.Second)
		}, []string{"5s a lost: no answer"}},
		{"both_dial", func(w *wires) {
			w.a.dial(w.b.address())
			w.b.dial(w.a.address())
			w.until(time.Second)
		}, []string{"10ms b up", "20ms a up"}},
		{"a_full_buffer", func(w *wires) {
			e := w.a.dial(w.b.address())
			w.until(time.Second)
			e.peer.stall(1)
			say(e, "0123456789", "refused")
			w.until(2 * time.Second)
			e.peer.stall(-1)
			w.until(3 * time.Second)
		}, []string{"10ms b up", "20ms a up", "2s b hears 0123456789", "2s a can write"}},
		{"a_short_cut_delays", func(w *wires) {
			e := w.a.dial(w.b.address())
			w.until(time.Second)
			w.cut([]*host{w.a.host}, []*host{w.b.host}, false, 1)
			say(e, "late")
			w.until(2 * time.Second)
			w.cut([]*host{w.a.host}, []*host{w.b.host}, false, -1)
			w.until(20 * time.Second)
		}, []string{"10ms b up", "20ms a up", "2s b hears late"}},
		{"a_long_cut_ends_the_association", func(w *wires) {
			w.a.dial(w.b.address())
			w.until(time.Second)
			w.cut([]*host{w.a.host}, []*host{w.b.host}, true, 1)
			w.until(20 * time.Second)
		}, []string{"10ms b up", "20ms a up", "? a lost: peer does not answer", "? b lost: peer does not answer"}},
		{"an_abort", func(w *wires) {
			e := w.a.dial(w.b.address())
			w.until(time.Second)
			say(e, "last")
			e.abort("enough")
			w.until(20 * time.Second)
		}, []string{"10ms b up", "20ms a up", "1s a lost: aborted by this side: enough", "1.01s b hears last", "1.01s b lost by the peer: aborted: enough"}},
		{"a_shutdown", func(w *wires) {
			e := w.a.dial(w.b.address())
			w.until(time.Second)
			say(e, "last")
			e.shutdown()
			w.until(20 * time.Second)
		}, []string{"10ms b up", "20ms a up", "1.01s b hears last", "1.01s b closed", "1.02s a closed"}},
		{"a_process_dies", func(w *wires) {
			w.a.dial(w.b.address())
			w.until(time.Second)
			w.b.host.die(false)
			w.until(20 * time.Second)
		}, []string{"10ms b up", "20ms a up", "? a lost: peer does not answer"}},
		{"a_process_dies_and_the_system_says_so", func(w *wires) {
			w.a.dial(w.b.address())
			w.until(time.Second)
			w.b.host.die(true)
			w.until(20 * time.Second)
		}, []string{"10ms b up", "20ms a up", "1.01s a lost by the peer: aborted: process died"}},
		{"a_process_is_back_without_memory", func(w *wires) {
			w.a.dial(w.b.address())
			w.until(time.Second)
			w.b.host.die(false)
			w.b = w.listen(w.b.host)
			w.until(20 * time.Second)
		}, []string{"10ms b up", "20ms a up", "? a lost by the peer: aborted: out of the blue"}},
		{"a_process_is_back_and_dials", func(w *wires) {
			w.a.dial(w.b.address())
			w.until(time.Second)
			w.b.host.die(false)
			w.b = w.listen(w.b.host)
			w.b.dial(w.a.address())
			w.until(20 * time.Second)
		}, []string{"10ms b up", "20ms a up", "1.01s a restarted: the peer has restarted", "1.02s b up"}},
		{"a_pause_with_a_transport_that_goes_on", func(w *wires) {
			e := w.a.dial(w.b.address())
			w.until(time.Second)
			w.pause(w.b.host, false, 1)
			say(e, "later")
			w.until(20 * time.Second)
			w.pause(w.b.host, false, -1)
			w.until(40 * time.Second)
		}, []string{"10ms b up", "20ms a up", "20s b hears later"}},
		{"a_frozen_process_is_given_up", func(w *wires) {
			w.a.dial(w.b.address())
			w.until(time.Second)
			w.pause(w.b.host, true, 1)
			w.until(20 * time.Second)
			w.pause(w.b.host, true, -1)
			w.until(40 * time.Second)
		}, []string{"10ms b up", "20ms a up", "? a lost: peer does not answer", "? b lost by the peer: aborted: out of the blue"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWires()
			tt.play(w)
			for i, line := range w.lines {
				if i < len(tt.want) && strings.HasPrefix(tt.want[i], "? ") {
					_, rest, _ := strings.Cut(line, " ")
					w.lines[i] = "? " + rest
				}
			}
			if i := slices.IndexFunc(tt.want, func(s string) bool { return s[0] == '?' }); i >= 0 {
				slices.Sort(w.lines[i:]) // the two sides notice in any order
			}
			if diff := cmp.Diff(tt.want, w.lines); diff != "" {
				t.Errorf("the handlers hear something else (-want +got):\n%s", diff)
			}
			for _, p := range []*endpoint{w.a, w.b} {
				for _, e := range p.ends {
					if e.state == done || len(e.inbox) > 0 {
						t.Errorf("%s keeps an association in phase %d with %d items", p.host.name, e.state, len(e.inbox))
					}
				}
			}
		})
	}
}

var _ handler = diary{}

// TestNoOrderBetweenAssociations looks for a message that overtakes one of another
// association.
func TestNoOrderBetweenAssociations(t *testing.T) {
	w := newWires()
	w.jitter = 20 * time.Millisecond
	other := w.a.host.open(2, false, diary{w.network, "a", &w.lines})
	one, two := w.a.dial(w.b.address()), other.dial(w.b.address())
	w.until(time.Second)
	overtook := false
	for i := range 20 {
		w.lines = nil
		one.send(0, []byte("first"))
		two.send(0, []byte("second"))
		w.until(time.Duration(i+2) * time.Second)
		overtook = overtook || len(w.lines) == 2 && strings.HasSuffix(w.lines[0], "second")
	}
	if !overtook {
		t.Error("nothing was overtaken in 20 attempts")
	}
}
