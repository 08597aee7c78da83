package registrar

import (
	"strconv"
	"testing"
	"time"

	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine"
)

// FuzzMachine lets peers do anything in any order and checks the machine's state
// after each step. Of each pair of bytes, the first says what happens and the
// second to whom; what is left over when a raw message is due is that message.
func FuzzMachine(f *testing.F) {
	f.Add([]byte("\x00\x01\x03\x01\x03\x12\x05\x01\x06\x01\x0a\x20\x07\x01\x08\x01"))
	f.Add([]byte("\x00\x01\x00\x02\x03\x01\x03\x02\x05\x81\x04\x01\x0a\xff\x0a\xff"))
	f.Add([]byte("\x00\x01\x03\x01\x05\x81\x0c\x01\x03\x11\x0a\x10\x0d\x01\x0a\xff\x01\x01"))
	f.Add([]byte("\x00\x01\x03\x01\x08\x01\x0a\x10\x08\x01\x0a\x10\x08\x01\x0a\x10\x08\x01\x0e\x00\x0f\x00"))
	f.Add([]byte("\x00\x01\x0b\x01\x05\x00\x00\x10\x00\x09\x00\x05X   \x80\x3f\x00\x08\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, script []byte) {
		w := &world{t: t, start: time.Unix(1_700_000_000, 0)}
		w.now = w.start
		w.make(Config{
			MaxPools: 3, MaxPoolElements: 6, MaxElements: 10, MaxAssociations: 5,
			MaxSubscriptions: 6, MaxPeerSubscriptions: 2, IdleTimeout: 30 * time.Second,
		})
		for steps := 0; len(script) >= 2 && steps < 300; steps++ {
			verb, who := script[0], script[1]
			script = script[2:]
			w.out.Reset()
			if verb%16 == 11 {
				w.step(&machine.Received{Association: machine.AssociationID(who % 8), PPID: asap.PPID, Payload: script})
				w.check()
				return
			}
			w.fuzzStep(verb, who)
			w.check()
			if d := w.m.Deadline(); d.IsZero() || d.Before(w.start) {
				t.Fatalf("deadline %v although announcements are due", d)
			}
		}
		for id := range w.alive {
			w.step(&machine.AssociationLost{Association: id})
		}
		w.advance(time.Minute)
		w.check()
		if n := w.m.space.Elements(); n != 0 || w.m.subscriptions != 0 || len(w.m.associations) != 0 {
			t.Fatalf("%d elements, %d subscriptions and %d associations are left without a peer", n, w.m.subscriptions, len(w.m.associations))
		}
	})
}

// fuzzStep lets one of a few peers do something about one of a few elements.
func (w *world) fuzzStep(verb, who byte) {
	id := machine.AssociationID(who % 8)
	handle := []string{"A", "Bb", "Ccc", "Dddd"}[who>>4&3]
	element := "/" + string('1'+rune(who>>6))
	ip := []string{"192.0.2.1", "192.0.2.2", "192.0.2.1,192.0.2.3"}[who%3]
	switch verb % 16 {
	case 0:
		if !w.alive[id] {
			w.must("up", itoa(id), ip+":7000")
		}
	case 1:
		w.must("lost", itoa(id))
	case 2:
		if w.alive[id] {
			w.must("restart", itoa(id))
		}
	case 3, 9:
		policy := []string{"round-robin", "least-used", "weighted-random", "random"}[verb>>4&3]
		w.must("send", itoa(id), "register", handle+element, "policy="+policy, "at="+ip+":9000", "life=20000")
	case 4:
		w.must("send", itoa(id), "deregister", handle+element)
	case 5:
		if who&0x80 != 0 {
			w.must("send", itoa(id), "resolve", handle, "items=all", "subscribe")
		} else {
			w.must("send", itoa(id), "resolve", handle)
		}
	case 6, 7:
		w.must("send", itoa(id), "ack", handle+element)
	case 8:
		w.must("send", itoa(id), "report", handle+element)
	case 10:
		w.advance(time.Duration(who) * 50 * time.Millisecond)
	case 12:
		w.must("full", itoa(id))
	case 13:
		w.must("writable", itoa(id))
	case 14:
		w.must("hear", "0x0000000"+string('1'+rune(who%8)))
	case 15:
		w.must("send", itoa(id), "hex", "00", "ppid="+itoa(machine.AssociationID(who>>6+11)))
	}
}

func itoa(id machine.AssociationID) string { return strconv.FormatUint(uint64(id), 10) }

func (w *world) must(words ...string) {
	w.t.Helper()
	if err := w.do(words); err != nil {
		w.t.Fatalf("%v: %v", words, err)
	}
}
