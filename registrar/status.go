package registrar

import (
	"errors"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/handlespace"
	"github.com/rspool/rspool/internal/machine"
	role "github.com/rspool/rspool/internal/machine/registrar"
	"github.com/rspool/rspool/internal/status"
)

// The reasons for not being ready.
var (
	errNotServing = errors.New("registrar does not serve yet")
	errDraining   = errors.New("registrar is closing")
	errNotInSync  = errors.New("registrar does not know the handlespace of its peers yet")
)

// Ready returns nil while the registrar serves.
func (r *Registrar) Ready() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.draining:
		return errDraining
	case !r.serving:
		return errNotServing
	case !r.machine.InSync():
		return errNotInSync
	}
	return nil
}

// maxVisited bounds the elements that one snapshot looks at, most of which may
// be of pools that were not asked for. It holds up the registrar as long.
const maxVisited = 50_000

// Status returns a snapshot of what was asked for. It holds up the registrar
// while it is taken, which is some microseconds for each element in it.
func (r *Registrar) Status(q status.Query) status.Snapshot { return r.snapshot(q) }

func (r *Registrar) snapshot(q status.Query) *status.Registrar {
	s := &status.Registrar{
		Process: status.Process{
			Role:    "registrar",
			Version: status.Version(),
			Started: r.started,
			Uptime:  time.Since(r.started).Seconds(),
			Ready:   r.Ready() == nil,
		},
		ID:          r.id,
		Dialect:     r.dialect.String(),
		ASAPAddress: r.Address().String(),
	}
	s.SetDoors(r.doors()...)
	if r.enrp != nil {
		s.ENRPAddress = r.PeerAddress().String()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m, space := r.machine, r.machine.Space()
	s.Draining = r.draining
	s.PoolCount, s.ElementCount = space.Pools(), space.Elements()
	s.OwnedCount, s.Checksum = space.Owned(r.id), space.Checksum(r.id)
	s.Announcing = m.Announcing()
	s.Counters = countersOf(m.Counters())
	s.Counters.Subscriptions = m.Subscriptions()
	s.Counters.Steps = r.steps
	s.Scope = scopeOf(m)
	s.AssociationCount = m.PeerCount()
	for _, p := range m.Peers(q.AssociationLimit()) {
		s.Associations = append(s.Associations, associationOf(p))
	}
	s.Policies = policiesOf(space)
	s.Pools, s.Next = poolsOf(space, q)
	return s
}

// poolsOf returns one page of the handlespace, and where the next begins.
func poolsOf(space *handlespace.Space, q status.Query) ([]status.Pool, *status.Cursor) {
	pools := []status.Pool{}
	limit := q.ElementLimit()
	if limit == 0 {
		return pools, nil
	}
	var pattern handlespace.Patterns[struct{}]
	if q.Pool != "" {
		_ = pattern.Add(q.Pool, struct{}{}) // the first cannot clash
	}
	var last *handlespace.Pool
	wanted := false
	elements, visited := 0, 0
	from := handlespace.Cursor{Handle: q.After.Handle, ID: q.After.Element}
	from, more := space.Walk(handlespace.Everybody, from, func(e *handlespace.Entry) bool {
		p := e.Pool()
		if p != last {
			last, wanted = p, true
			if q.Pool != "" {
				_, wanted = pattern.Find(p.Handle())
			}
		}
		if visited++; visited > maxVisited || wanted && elements == limit {
			return false
		}
		if !wanted {
			return true
		}
		if n := len(pools); n == 0 || pools[n-1].Handle != p.Handle().String() {
			pools = append(pools, poolOf(p, e))
		}
		page := &pools[len(pools)-1]
		page.Elements = append(page.Elements, elementOf(e))
		elements++
		return true
	})
	if !more {
		return pools, nil
	}
	return pools, &status.Cursor{Handle: from.Handle, Element: from.ID}
}

func poolOf(p *handlespace.Pool, e *handlespace.Entry) status.Pool {
	t := &e.Element().UserTransport
	s := status.Pool{
		Handle:       p.Handle().String(),
		Policy:       p.Type().String(),
		Protocol:     t.Protocol.String(),
		Control:      t.Use == rserpool.DataAndControl,
		ElementCount: p.Len(),
		Subscribers:  role.Subscribers(p),
	}
	if name := p.Policy().Describe().Name; name != s.Policy {
		s.Selection = name
	}
	if p.Chained() {
		s.Policies, s.Shadow = chainStatus(p.Status())
	}
	return s
}

func elementOf(e *handlespace.Entry) status.Element {
	el, t := e.Element(), role.TenureOf(e)
	s := status.Element{
		ID:          el.ID,
		Home:        el.Home,
		Transport:   el.UserTransport.String(),
		Association: uint64(t.Association),
		Registered:  t.Since,
		Updated:     t.Updated,
		Expires:     e.Expires(),
		Heard:       t.Heard,
		Reports:     t.Reports,
		Selections:  e.SelectionsTotal(),
		Failures:    e.Failures(),
		Tags:        e.Tags(),
	}
	fields, _ := el.Policy.Type.Fields()
	for _, f := range fields {
		v := el.Policy.Value(f)
		share := rserpool.Load(v).Float64()
		switch f {
		case rserpool.FieldWeight:
			s.Weight = &v
		case rserpool.FieldPriority:
			s.Priority = &v
		case rserpool.FieldLoad:
			s.Load = &share
		case rserpool.FieldDegradation:
			s.Degradation = &share
		case rserpool.FieldDistance:
			s.Distance = &v
		}
	}
	return s
}

func associationOf(p role.Peer) status.Association {
	endpoint := "asap"
	if p.Endpoint == machine.ENRPEndpoint {
		endpoint = "enrp"
	}
	return status.Association{
		ID: uint64(p.Association), Endpoint: endpoint, Remote: p.Remote.String(), Since: p.Since,
		Elements: p.Elements, Subscriptions: p.Subscriptions, Stalled: p.Stalled,
	}
}

func countersOf(c role.Counters) status.RegistrarCounters {
	s := status.RegistrarCounters{
		Errors:               status.Counts{},
		Ignored:              named(role.IgnoredNames, c.Ignored[:]),
		Removals:             named(role.ReasonNames, c.Removals[:]),
		Aborts:               named(role.AbortNames, c.Aborts[:]),
		Registrations:        status.Counts{"new": c.Registered, "again": c.Reregistered, "refused": c.Refused},
		Resolutions:          status.Counts{"answered": c.Answered, "unknown": c.Unknown, "empty": c.Empty},
		KeepAlives:           status.Counts{"sent": c.KeepAlives, "verifying": c.Verifications, "answered": c.KeepAlivesAnswered, "silent": c.KeepAlivesSilent},
		Reports:              status.Counts{"counted": c.Reports, "limited": c.ReportsLimited, "unknown": c.ReportsUnknown},
		Moved:                c.Moved,
		Trimmed:              c.Trimmed,
		SubscriptionsRefused: c.SubscriptionsRefused,
		Updates:              c.Updates,
		Announcements:        c.Announcements,
	}
	for code, n := range c.Errors {
		s.Errors[code.String()] = n
	}
	s.Messages = messagesOf(&c)
	return s
}

func named(names []string, counts []uint64) status.Counts {
	c := make(status.Counts, len(names))
	for i, name := range names {
		c[name] = counts[i]
	}
	return c
}

var _ status.Source = (*Registrar)(nil)
