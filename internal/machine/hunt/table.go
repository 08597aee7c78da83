package hunt

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport"
)

// maxAnnounced bounds the registrars known from announcements, which anybody on
// the network can send.
const maxAnnounced = 64

// server is a registrar that may become the home.
type server struct {
	address  transport.Address
	key      string
	id       rserpool.RegistrarID // zero unless announced
	order    int                  // place in the static list, -1 where not in it
	outdated time.Time            // end of T7; zero where in the static list
	lastTry  uint64               // number of the last attempt, zero: none since the last home
	round    uint64               // the round of the last attempt
}

// table holds the registrars that are known: the static list and what has been
// announced within T7 (RFC 5352, Section 3.6).
type table struct {
	servers   map[string]*server
	announced int
}

// setStatic replaces the static list.
func (t *table) setStatic(list []transport.Address) {
	for _, s := range t.servers {
		if s.order < 0 {
			continue
		}
		s.order = -1
		if s.outdated.IsZero() {
			delete(t.servers, s.key)
		} else {
			t.announced++
		}
	}
	for i, a := range list {
		key := a.String()
		s := t.servers[key]
		switch {
		case s == nil:
			s = &server{address: a, key: key, order: -1}
			t.servers[key] = s
		case s.order < 0:
			t.announced--
		}
		if s.order < 0 {
			s.order = i
		}
	}
}

// announce adds a registrar or restarts its T7, and reports whether it is new.
// When the table is full, newcomers are ignored until an entry runs out.
func (t *table) announce(a transport.Address, id rserpool.RegistrarID, outdated time.Time) bool {
	key := a.String()
	s := t.servers[key]
	if s == nil {
		if t.announced >= maxAnnounced {
			return false
		}
		t.announced++
		t.servers[key] = &server{address: a, key: key, id: id, order: -1, outdated: outdated}
		return true
	}
	s.id, s.outdated = id, outdated
	return false
}

// expire removes what has not been announced again within T7.
func (t *table) expire(now time.Time) {
	for _, s := range t.servers {
		if s.outdated.IsZero() || s.outdated.After(now) {
			continue
		}
		s.outdated, s.id = time.Time{}, 0
		if s.order < 0 {
			t.announced--
			delete(t.servers, s.key)
		}
	}
}

// expiry returns when expire has something to do, zero for never.
func (t *table) expiry() time.Time {
	var first time.Time
	for _, s := range t.servers {
		if !s.outdated.IsZero() && (first.IsZero() || s.outdated.Before(first)) {
			first = s.outdated
		}
	}
	return first
}

// candidates returns the registrars that were not tried in this round: those
// tried longest ago first, then in the order of the static list, then the
// announced ones by chance, so that the users of a network do not all choose the
// same.
func (t *table) candidates(round uint64, rng *rand.Rand) []*server {
	var cs []*server
	for _, s := range t.servers {
		if s.round < round {
			cs = append(cs, s)
		}
	}
	slices.SortFunc(cs, func(a, b *server) int { return cmp.Compare(a.key, b.key) })
	rng.Shuffle(len(cs), func(i, j int) { cs[i], cs[j] = cs[j], cs[i] })
	slices.SortStableFunc(cs, func(a, b *server) int {
		return cmp.Or(cmp.Compare(a.lastTry, b.lastTry), cmp.Compare(uint(a.order), uint(b.order)))
	})
	return cs
}

// forget makes all registrars equal candidates again.
func (t *table) forget() {
	for _, s := range t.servers {
		s.lastTry = 0
	}
}
