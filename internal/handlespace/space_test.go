package handlespace_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
	builtin "github.com/rspool/rspool/builtin-policies"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/handlespace"
)

var epoch = time.Unix(1_000_000_000, 0)

func newSpace(c handlespace.Config) *handlespace.Space {
	c.Policies = engine.NewRegistry(builtin.All()...)
	c.Rand = rand.New(rand.NewPCG(1, 2))
	return handlespace.New(c)
}

// element returns an element of a least used pool at 192.0.2.1, owned by 7.
func element(id rserpool.ElementID) *rserpool.Element {
	return &rserpool.Element{
		ID:   id,
		Home: 7,
		UserTransport: rserpool.Transport{
			Protocol:  rserpool.SCTP,
			Use:       rserpool.DataAndControl,
			Port:      5001,
			Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		},
		Policy: rserpool.Policy{Type: rserpool.LeastUsed, Load: 1},
	}
}

// with returns an element that edit has changed.
func with(id rserpool.ElementID, edit func(*rserpool.Element)) *rserpool.Element {
	e := element(id)
	edit(e)
	return e
}

// register registers an element that never expires, and fails the test where it
// is refused.
func register(t testing.TB, s *handlespace.Space, h rserpool.Handle, e *rserpool.Element) *handlespace.Entry {
	t.Helper()
	entry, outcome, refusal := s.Register(epoch, h, e, time.Time{})
	if refusal != nil {
		t.Fatalf("register %s/%s: %v", h, e.ID, refusal)
	}
	if outcome == handlespace.Refused {
		t.Fatalf("register %s/%s: refused without a cause", h, e.ID)
	}
	return entry
}

func TestRegister(t *testing.T) {
	for _, tc := range []struct {
		name    string
		element *rserpool.Element
		want    handlespace.Outcome
		refusal *handlespace.Refusal
	}{
		{name: "another element", element: element(2), want: handlespace.Added},
		{name: "the same again", element: element(1), want: handlespace.Renewed},
		{
			name:    "another load",
			element: with(1, func(e *rserpool.Element) { e.Policy.Load = 2 }),
			want:    handlespace.Changed,
		},
		{
			name:    "another port",
			element: with(1, func(e *rserpool.Element) { e.UserTransport.Port++ }),
			want:    handlespace.Changed,
		},
		{
			name: "another address",
			element: with(1, func(e *rserpool.Element) {
				e.UserTransport.Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.2")}
			}),
			want: handlespace.Changed,
		},
		{
			name: "an ASAP transport",
			element: with(1, func(e *rserpool.Element) {
				e.ASAPTransport = &rserpool.Transport{Protocol: rserpool.SCTP, Port: 1}
			}),
			want: handlespace.Changed,
		},
		{
			name:    "another home",
			element: with(1, func(e *rserpool.Element) { e.Home = 8 }),
			want:    handlespace.Renewed,
		},
		{
			name:    "another life",
			element: with(1, func(e *rserpool.Element) { e.Life = 8 }),
			want:    handlespace.Renewed,
		},
		{
			name:    "another policy",
			element: with(2, func(e *rserpool.Element) { e.Policy.Type = rserpool.Random }),
			refusal: &handlespace.Refusal{
				Code:   rserpool.InconsistentPolicy,
				Policy: rserpool.Policy{Type: rserpool.LeastUsed},
			},
		},
		{
			name:    "another policy of an element that is there",
			element: with(1, func(e *rserpool.Element) { e.Policy.Type = rserpool.Random }),
			refusal: &handlespace.Refusal{
				Code:   rserpool.InconsistentPolicy,
				Policy: rserpool.Policy{Type: rserpool.LeastUsed},
			},
		},
		{
			name:    "another protocol",
			element: with(2, func(e *rserpool.Element) { e.UserTransport.Protocol = rserpool.TCP }),
			refusal: &handlespace.Refusal{
				Code:      rserpool.InconsistentTransport,
				Transport: element(1).UserTransport,
			},
		},
		{
			name:    "another use",
			element: with(2, func(e *rserpool.Element) { e.UserTransport.Use = rserpool.DataOnly }),
			refusal: &handlespace.Refusal{Code: rserpool.InconsistentTransportUse},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSpace(handlespace.Config{})
			register(t, s, "P", element(1))
			e, outcome, refusal := s.Register(epoch, "P", tc.element, epoch.Add(time.Minute))
			if diff := cmp.Diff(tc.refusal, refusal, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Fatalf("refusal (-want +got):\n%s", diff)
			}
			if outcome != tc.want {
				t.Errorf("outcome %d, want %d", outcome, tc.want)
			}
			want := tc.element
			if refusal != nil {
				if e != nil {
					t.Errorf("refused, yet an entry %v", e)
				}
				e, want = s.Find("P", 1), element(1)
			}
			if diff := cmp.Diff(want, e.Element(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("element (-want +got):\n%s", diff)
			}
			if e != s.Find("P", want.ID) || e.Pool() != s.Pool("P") || e.ID() != want.ID || e.Home() != want.Home {
				t.Errorf("%s is not found as such", want.ID)
			}
		})
	}
}

func TestUnknownPoliciesAreRefused(t *testing.T) {
	s := newSpace(handlespace.Config{})
	e := with(1, func(e *rserpool.Element) { e.Policy = rserpool.Policy{Type: 0x80000001, Data: "x"} })
	_, _, refusal := s.Register(epoch, "P", e, time.Time{})
	want := &handlespace.Refusal{Code: rserpool.InvalidValues, Policy: e.Policy}
	if diff := cmp.Diff(want, refusal, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("refusal (-want +got):\n%s", diff)
	}
	if s.Pools() != 0 || s.Pool("P") != nil {
		t.Error("the refused registration left a pool")
	}
}

func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		name   string
		config handlespace.Config
		refuse string // the first registration that is refused
	}{
		{"pools", handlespace.Config{MaxPools: 1}, "Q/1"},
		{"elements of a pool", handlespace.Config{MaxPoolElements: 1}, "P/2"},
		{"elements", handlespace.Config{MaxElements: 3}, "Q/2"},
		{
			name: "elements of a certain pool",
			config: handlespace.Config{
				MaxPoolElements: 1,
				Options: func(h rserpool.Handle) *handlespace.Options {
					if h == "P" {
						return &handlespace.Options{MaxElements: 2}
					}
					return nil
				},
			},
			refuse: "Q/2",
		},
		{"none", handlespace.Config{}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSpace(tc.config)
			refused := ""
			for _, r := range []struct {
				h  rserpool.Handle
				id rserpool.ElementID
			}{{"P", 1}, {"P", 2}, {"Q", 1}, {"Q", 2}, {"P", 1}} {
				if _, _, refusal := s.Register(epoch, r.h, element(r.id), time.Time{}); refusal != nil {
					if refusal.Code != rserpool.LackOfResources {
						t.Errorf("cause %v, want lack of resources", refusal)
					}
					if refused == "" {
						refused = fmt.Sprintf("%s/%d", r.h, r.id)
					}
					if r.h == "P" && r.id == 1 {
						t.Error("a re-registration is refused")
					}
				}
			}
			if refused != tc.refuse {
				t.Errorf("refused %q first, want %q", refused, tc.refuse)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	options := handlespace.Options{
		Chain:      engine.ChainConfig{Policies: []engine.Policy{builtin.RoundRobin{}}, Mark: 2},
		WirePolicy: rserpool.LeastUsed,
		MaxItems:   5,
	}
	s := newSpace(handlespace.Config{Options: func(rserpool.Handle) *handlespace.Options { return &options }})
	_, _, refusal := s.Register(epoch, "P", with(1, func(e *rserpool.Element) { e.Policy.Type = rserpool.Random }), time.Time{})
	want := &handlespace.Refusal{Code: rserpool.InconsistentPolicy, Policy: rserpool.Policy{Type: rserpool.LeastUsed}}
	if diff := cmp.Diff(want, refusal, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("refusal of another policy than the pool's (-want +got):\n%s", diff)
	}
	for id := range rserpool.ElementID(4) {
		register(t, s, "P", with(id+1, func(e *rserpool.Element) { e.Policy.Load = rserpool.Load(id) }))
	}
	p := s.Pool("P")
	if p.Type() != rserpool.LeastUsed || p.Policy() != (builtin.RoundRobin{}) || p.Options().MaxItems != 5 {
		t.Errorf("pool with type %s, policy %v, %d items", p.Type(), p.Policy(), p.Options().MaxItems)
	}
	if got := ids(p.Select(3, nil)); got != "1 2 3" {
		t.Errorf("first answer %s, want 1 2 3", got)
	}
	if got := ids(p.Select(3, nil)); got != "3 4 1" {
		t.Errorf("second answer %s, want 3 4 1: two count as selected", got)
	}
	if n := p.Status().Policies[0].Faults; n != 0 {
		t.Errorf("%d faults", n)
	}
}

func TestPrivatePoliciesNeedAnOption(t *testing.T) {
	s := newSpace(handlespace.Config{Options: func(rserpool.Handle) *handlespace.Options {
		return &handlespace.Options{Chain: engine.ChainConfig{Policies: []engine.Policy{builtin.RoundRobin{}}}}
	}})
	register(t, s, "P", with(1, func(e *rserpool.Element) { e.Policy.Type = 0x80000001 }))
	if got := s.Pool("P").Type(); got != 0x80000001 {
		t.Errorf("type %s", got)
	}
}

func TestRemove(t *testing.T) {
	s := newSpace(handlespace.Config{})
	a := register(t, s, "P", element(1))
	b := register(t, s, "P", element(2))
	other := register(t, s, "Q", element(1))
	p := s.Pool("P")
	s.Remove(a)
	s.Remove(a)
	if s.Find("P", 1) != nil || s.Find("P", 2) != b || p.Len() != 1 || s.Elements() != 2 || s.Pools() != 2 {
		t.Errorf("after one removal: %d elements in P, %d in all, %d pools", p.Len(), s.Elements(), s.Pools())
	}
	if a.Pool() != nil || !a.Expires().IsZero() {
		t.Error("the removed entry has a pool, or expires")
	}
	// What a removed entry is told changes nothing.
	s.SetHome(a, 9)
	s.SetExpiry(a, epoch)
	s.Unmark(a)
	s.Failed(epoch, a, engine.Unreachable)
	if s.Owned(9) != 0 || !s.NextExpiry().IsZero() {
		t.Error("the removed entry is owned, or expires")
	}
	s.Remove(b)
	if s.Pool("P") != nil || s.Pools() != 1 {
		t.Error("an empty pool stays")
	}
	s.RemovePool(other.Pool())
	if s.Pools() != 0 || s.Elements() != 0 || s.Checksum(7) != 0xffff {
		t.Errorf("at the end: %d pools, %d elements, checksum %#04x", s.Pools(), s.Elements(), s.Checksum(7))
	}
}

func TestCountersAndAttachment(t *testing.T) {
	s := newSpace(handlespace.Config{})
	e := register(t, s, "P", element(1))
	e.Attachment = "note"
	s.Pool("P").Select(1, nil)
	s.Pool("P").Select(1, nil)
	s.Failed(epoch.Add(time.Second), e, engine.Unreachable)
	register(t, s, "P", element(1))
	s.Pool("P").Select(1, nil)
	if s.Find("P", 1) != e || e.Attachment != "note" {
		t.Error("a re-registration makes another entry")
	}
	if e.Selections() != 1 || e.SelectionsTotal() != 3 || e.Failures() != 1 || !e.LastFailure().Equal(epoch.Add(time.Second)) {
		t.Errorf("selections %d of %d, failures %d, last %v", e.Selections(), e.SelectionsTotal(), e.Failures(), e.LastFailure())
	}
}

func TestElementsAreInOrderOfRegistration(t *testing.T) {
	s := newSpace(handlespace.Config{})
	for _, id := range []rserpool.ElementID{5, 3, 9, 1} {
		register(t, s, "P", element(id))
	}
	register(t, s, "P", element(3))
	s.Remove(s.Find("P", 9))
	var got []*handlespace.Entry
	for e := range s.Pool("P").Elements() {
		got = append(got, e)
	}
	if ids(got) != "5 3 1" {
		t.Errorf("order %s, want 5 3 1", ids(got))
	}
	for e := range s.Pool("P").Elements() {
		if e.ID() == 3 {
			break // no panic
		}
	}
}

func TestPoolsAreInOrderOfHandles(t *testing.T) {
	s := newSpace(handlespace.Config{})
	for _, h := range []rserpool.Handle{"b", "a", "ba", "\xff", "\x00"} {
		register(t, s, h, element(1))
	}
	var got []rserpool.Handle
	for p := range s.All() {
		got = append(got, p.Handle())
	}
	if diff := cmp.Diff([]rserpool.Handle{"\x00", "a", "b", "ba", "\xff"}, got); diff != "" {
		t.Errorf("pools (-want +got):\n%s", diff)
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	s := newSpace(handlespace.Config{})
	for id := range rserpool.ElementID(100) {
		register(t, s, "EchoPool", element(id+1))
	}
	message := []byte("..EchoPool..")
	dst := make([]*handlespace.Entry, 0, 3)
	again := element(50)
	for _, tc := range []struct {
		name string
		do   func()
	}{
		{"resolve", func() { dst = s.PoolBytes(message[2:10]).Select(3, dst[:0]) }},
		{"find", func() { s.PoolBytes(message[2:10]).Find(50) }},
		{"re-register", func() {
			again.Policy.Load += 1 << 20
			s.Register(epoch, "EchoPool", again, epoch.Add(time.Minute))
		}},
		{"next expiry", func() { s.NextExpiry() }},
		{"checksum", func() { s.Checksum(7) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if n := testing.AllocsPerRun(100, tc.do); n != 0 {
				t.Errorf("%g allocations", n)
			}
		})
	}
}

// ids returns the identifiers of entries in decimal.
func ids(es []*handlespace.Entry) string {
	s := ""
	for i, e := range es {
		if i > 0 {
			s += " "
		}
		s += fmt.Sprint(uint32(e.ID()))
	}
	return s
}
