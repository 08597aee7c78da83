package registrar

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/machine"
	"github.com/rspool/rspool/internal/transport"
)

// Space returns the handlespace, to be looked at and not to be changed.
func (m *Machine) Space() *handlespace.Space { return m.space }

// Close lets the policies of all pools know that they are used no longer. No Step
// follows.
func (m *Machine) Close() { m.space.Close() }

// Counters returns a copy of the counters.
func (m *Machine) Counters() Counters {
	c := m.counters
	c.Errors = maps.Clone(c.Errors)
	return c
}

// Subscriptions returns the number of subscriptions there are.
func (m *Machine) Subscriptions() int { return m.subscriptions }

// Announcing returns the number of other registrars heard lately.
func (m *Machine) Announcing() int { return m.announcer.count(m) }

// Subscribers returns how many subscriptions there are to a pool.
func Subscribers(p *handlespace.Pool) int {
	return len(p.Attachment.(*pool).updates.subscriptions)
}

// Tenure is what the registrar knows of an element beside its values.
type Tenure struct {
	Association machine.AssociationID
	Since       time.Time // first registration
	Updated     time.Time // last registration
	Heard       time.Time // last registration or answer to a keep-alive
	Reports     int       // of users, since the last registration
}

// TenureOf returns what is known of an element of the handlespace.
func TenureOf(entry *handlespace.Entry) Tenure {
	e := entry.Attachment.(*member)
	t := Tenure{Since: e.since, Updated: e.updated, Heard: e.heard, Reports: e.record.count}
	if e.association != nil {
		t.Association = e.association.id
	}
	return t
}

// Peer is an association as seen from outside.
type Peer struct {
	Association   machine.AssociationID
	Endpoint      machine.Endpoint
	Remote        transport.Address
	Since         time.Time
	Elements      int
	Subscriptions int
	Stalled       bool
}

// Peers returns up to limit associations, those with the smallest numbers.
func (m *Machine) Peers(limit int) []Peer {
	if limit <= 0 {
		return nil
	}
	all := slices.SortedFunc(maps.Values(m.associations), func(a, b *association) int { return cmp.Compare(a.id, b.id) })
	peers := make([]Peer, 0, min(limit, len(all)))
	for _, a := range all[:min(limit, len(all))] {
		peers = append(peers, Peer{
			Association: a.id, Endpoint: a.endpoint, Remote: a.remote, Since: a.since,
			Elements: len(a.members), Subscriptions: len(a.subscriptions), Stalled: !a.stalled.IsZero(),
		})
	}
	return peers
}

// PeerCount returns the number of associations.
func (m *Machine) PeerCount() int { return len(m.associations) }
