// Package replay lets policies loose on pools that are not there: on those of a
// registrar whose status was written down, or on pools that are made up. It is
// behind rspool policy try, bench and fuzz, and a registrar asks it before it
// takes a policy over.
//
// It is not the simulation of a whole system: nobody serves the selections, so that
// loads stay as they were registered.
package replay

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/internal/status"
)

// maxDump bounds a status that is read, in bytes.
const maxDump = 256 << 20

// Pool is the elements of a pool.
type Pool struct {
	Handle   rserpool.Handle
	Elements []rserpool.Element
}

// Read reads the status of a registrar as /status, or rspool registrar status -o
// json, writes it: one JSON object, or several, one after the other, for the pages
// of a large handlespace.
func Read(r io.Reader) ([]Pool, error) {
	limited := &io.LimitedReader{R: r, N: maxDump}
	dec := json.NewDecoder(limited)
	var pools []Pool
	for n := 0; ; n++ {
		var s status.Registrar
		switch err := dec.Decode(&s); {
		case err == io.EOF && n > 0:
			return pools, nil
		case limited.N <= 0:
			return nil, fmt.Errorf("the dump is larger than %d bytes", maxDump)
		case err != nil:
			return nil, fmt.Errorf("this is no status of a registrar: %w; write one with: rspool registrar status -o json", err)
		case s.Role != "registrar":
			return nil, fmt.Errorf("this is no status of a registrar, but of a %.40q", s.Role)
		}
		var err error
		if pools, err = add(pools, &s); err != nil {
			return nil, err
		}
	}
}

// OfStatus returns the pools of a snapshot.
func OfStatus(s *status.Registrar) ([]Pool, error) { return add(nil, s) }

func add(pools []Pool, s *status.Registrar) ([]Pool, error) {
	for i := range s.Pools {
		p := &s.Pools[i]
		kind, _ := rserpool.ParsePolicyType(p.Policy) // an unknown one carries no values
		if n := len(pools); n == 0 || pools[n-1].Handle != rserpool.Handle(p.Handle) {
			pools = append(pools, Pool{Handle: rserpool.Handle(p.Handle)})
		}
		to := &pools[len(pools)-1]
		for j := range p.Elements {
			e, err := element(&p.Elements[j], kind)
			if err != nil {
				return nil, fmt.Errorf("pool %s, element %s: %w", p.Handle, p.Elements[j].ID, err)
			}
			to.Elements = append(to.Elements, e)
		}
	}
	return pools, nil
}

func element(s *status.Element, kind rserpool.PolicyType) (rserpool.Element, error) {
	e := rserpool.Element{ID: s.ID, Home: s.Home, Policy: rserpool.Policy{Type: kind}, Tags: rserpool.Tags(s.Tags)}
	set := func(to *uint32, from *uint32) {
		if from != nil {
			*to = *from
		}
	}
	share := func(to *rserpool.Load, from *float64) error {
		if from == nil {
			return nil
		}
		if !(*from >= 0 && *from <= 1) {
			return fmt.Errorf("%g is no share from 0 to 1", *from)
		}
		*to = rserpool.LoadOf(*from)
		return nil
	}
	set(&e.Policy.Weight, s.Weight)
	set(&e.Policy.Priority, s.Priority)
	set(&e.Policy.Distance, s.Distance)
	if err := share(&e.Policy.Load, s.Load); err != nil {
		return e, err
	}
	if err := share(&e.Policy.Degradation, s.Degradation); err != nil {
		return e, err
	}
	var err error
	e.UserTransport, err = parseTransport(s.Transport)
	return e, err
}

// parseTransport reads what Transport.String writes.
func parseTransport(s string) (rserpool.Transport, error) {
	name, rest, _ := strings.Cut(s, " ")
	var t rserpool.Transport
	for _, p := range []rserpool.Protocol{rserpool.DCCP, rserpool.SCTP, rserpool.TCP, rserpool.UDP, rserpool.UDPLite, rserpool.Opaque} {
		if p.String() == name {
			t.Protocol = p
		}
	}
	if t.Protocol == 0 {
		return t, fmt.Errorf("%.40q is no transport", s)
	}
	if t.Protocol == rserpool.Opaque {
		return t, nil
	}
	rest, udp, ok := strings.Cut(rest, "@")
	if ok {
		n, err := strconv.ParseUint(udp, 10, 16)
		if err != nil {
			return t, fmt.Errorf("%.40q is no transport", s)
		}
		t.UDPPort = uint16(n)
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return t, fmt.Errorf("%.40q is no transport", s)
	}
	n, err := strconv.ParseUint(rest[i+1:], 10, 16)
	if err != nil {
		return t, fmt.Errorf("%.40q is no transport", s)
	}
	t.Port = uint16(n)
	for a := range strings.SplitSeq(rest[:i], ",") {
		ip, err := netip.ParseAddr(strings.Trim(a, "[]"))
		if err != nil {
			return t, fmt.Errorf("%.40q is no transport", s)
		}
		t.Addresses = append(t.Addresses, ip)
	}
	return t, nil
}

// Trial is one policy let loose on one pool.
type Trial struct {
	Handle string `json:"pool"`
	// Elements is their number.
	Elements int `json:"elements"`
	// Order is the answer to a request for all elements before any selection.
	Order []rserpool.ElementID `json:"order"`
	// Picks is how often each element was selected by single requests, in the
	// order of the identifiers.
	Requests int    `json:"requests"`
	Picks    []Pick `json:"picks"`
	// Nobody is how many requests found nobody eligible.
	Nobody int `json:"nobody,omitempty"`
	// Faults of the policy, and the last one.
	Faults    uint64 `json:"faults"`
	LastFault string `json:"last_fault,omitempty"`
}

// Pick is how often an element was selected.
type Pick struct {
	Element rserpool.ElementID `json:"element"`
	Count   int                `json:"count"`
	Share   float64            `json:"share"`
}

// Options say how a policy is tried.
type Options struct {
	// Requests is how many single requests follow one another.
	Requests int
	// Now is the time of the first. Every is what passes between two.
	Now   time.Time
	Every time.Duration
	// Seed is where chance begins.
	Seed uint64
	// UserAddress and Attributes are those of all requests.
	UserAddress netip.Addr
	Attributes  map[string]string
}

// Try lets a policy loose on a pool. It fails where the policy does not take the
// pool on at all.
func Try(p engine.Policy, pool *Pool, o Options) (*Trial, error) {
	s, members, err := assemble(p, pool, o)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	t := &Trial{Handle: pool.Handle.String(), Elements: len(members), Requests: o.Requests}
	r := engine.Request{Handle: pool.Handle, Now: o.Now, UserAddress: o.UserAddress, Attributes: o.Attributes, Preview: true, Items: len(members)}
	for _, m := range s.Select(&r, nil) {
		t.Order = append(t.Order, m.Element.ID)
	}
	counts := map[rserpool.ElementID]int{}
	r.Preview, r.Items = false, 1
	var chosen []*engine.Member
	for range o.Requests {
		r.Now = r.Now.Add(o.Every)
		for next := s.NextTick(); !next.IsZero() && !next.After(r.Now); next = s.NextTick() {
			s.Tick(next)
		}
		if chosen = s.Select(&r, chosen[:0]); len(chosen) == 0 {
			t.Nobody++
			continue
		}
		counts[chosen[0].Element.ID]++
	}
	for _, e := range pool.Elements {
		counts[e.ID] += 0
	}
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		t.Picks = append(t.Picks, Pick{id, counts[id], float64(counts[id]) / float64(max(1, o.Requests))})
	}
	t.Faults = s.Faults()
	if err := s.LastFault(); err != nil {
		t.LastFault = err.Error()
	}
	return t, nil
}

// assemble registers the elements of a pool with a policy.
func assemble(p engine.Policy, pool *Pool, o Options) (*engine.Selector, []*engine.Member, error) {
	s, err := engine.NewSelector(o.Now, p, engine.Setting{Handle: pool.Handle, Rand: rand.New(rand.NewPCG(o.Seed, 0))})
	if err != nil {
		return nil, nil, err
	}
	members := make([]*engine.Member, len(pool.Elements))
	for i := range pool.Elements {
		e := pool.Elements[i]
		members[i] = &engine.Member{Element: &e, Tags: e.Tags}
		s.Add(o.Now, members[i])
	}
	return s, members, nil
}
