package registrar

import (
	"net/netip"
	"testing"
)

func TestHandoverGivesAllElementsOfAHostToOnePeer(t *testing.T) {
	host := func(n byte) place { return place{ip: netip.AddrFrom4([4]byte{192, 0, 2, n}), port: 4000} }
	a, b := &peer{id: 1}, &peer{id: 2}
	h := &handover{heirs: map[place]*peer{}}
	both := []*peer{a, b}
	first := h.heirOf(host(1), both)
	if again := h.heirOf(host(1), both); again != first {
		t.Errorf("the elements of one host go to %v and %v", first.id, again.id)
	}
	if other := h.heirOf(host(2), both); other == first {
		t.Errorf("both hosts go to %v, and nobody to the other peer", first.id)
	}
	left := []*peer{b}
	if first == b {
		left = []*peer{a}
	}
	if heir := h.heirOf(host(1), left); heir != left[0] {
		t.Errorf("the host goes to %v, which is gone", heir.id)
	}
}

func TestPlacesHaveTheSameNumberEverywhere(t *testing.T) {
	p := place{ip: netip.MustParseAddr("192.0.2.1"), port: 4000, udp: 9899}
	if got, want := p.id(), uint32(0x9688936a); got != want {
		t.Errorf("number 0x%08x, want 0x%08x", got, want)
	}
	q := p
	q.port++
	if p.id() == q.id() {
		t.Error("two places have one number")
	}
}
