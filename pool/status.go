package pool

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/machine/user"
	"github.com/rspool/rspool/internal/status"
)

// tally counts what a host has done. It needs no lock.
type tally struct {
	received, sent                  [16]atomic.Uint64 // messages by type, 0: unrecognized
	accepted, refused, unregistered atomic.Uint64     // registrations
	answered, cached, denied        atomic.Uint64     // resolutions
	unanswered                      atomic.Uint64
	found, unfound                  atomic.Uint64 // hunts
	begun, dialled                  atomic.Uint64 // sessions
	failovers, failed               atomic.Uint64
	failoverTime                    atomic.Int64 // nanoseconds
	saved, echoed, restored         atomic.Uint64
}

// message counts one message by its type.
func message(counts *[16]atomic.Uint64, payload []byte) {
	t := 0
	if len(payload) > 0 && payload[0] <= uint8(asap.TypeError) {
		t = int(payload[0])
	}
	counts[t].Add(1)
}

// resolved counts an answer to a resolution.
func (t *tally) resolved(a user.Resolved) {
	switch {
	case a.Err == nil && a.Cached:
		t.cached.Add(1)
	case a.Err == nil:
		t.answered.Add(1)
	case errors.Is(a.Err, user.ErrNoAnswer):
		t.unanswered.Add(1)
	default:
		t.denied.Add(1)
	}
}

// moved counts a failover, and the cookie echo that began it.
func (t *tally) moved(f *user.Failover) {
	t.failovers.Add(1)
	t.failoverTime.Add(int64(f.Duration))
	if f.Resumed {
		t.echoed.Add(1)
	}
}

// ended counts a failover that has found no element: the session had one before.
func (t *tally) ended(connected <-chan struct{}, err error) {
	select {
	case <-connected:
		if errors.Is(err, user.ErrNoElement) {
			t.failed.Add(1)
		}
	default:
	}
}

func (t *tally) counters() status.HostCounters {
	c := status.HostCounters{
		Messages:       []status.MessageCount{},
		Registrations:  status.Counts{"accepted": t.accepted.Load(), "refused": t.refused.Load(), "unanswered": t.unregistered.Load()},
		Resolutions:    status.Counts{"answered": t.answered.Load(), "cached": t.cached.Load(), "refused": t.denied.Load(), "unanswered": t.unanswered.Load()},
		Hunts:          status.Counts{"succeeded": t.found.Load(), "failed": t.unfound.Load()},
		SessionsOpened: status.Counts{"accepted": t.begun.Load(), "dialled": t.dialled.Load()},
		Failovers:      status.Counts{"succeeded": t.failovers.Load(), "failed": t.failed.Load()},
		FailoverTime:   time.Duration(t.failoverTime.Load()).Seconds(),
		Cookies:        status.Counts{"saved": t.saved.Load(), "echoed": t.echoed.Load(), "restored": t.restored.Load()},
	}
	for i := range t.received {
		name := "unrecognized"
		if i > 0 {
			name = strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(asap.Type(i).String(), "ASAP_"), "_", "-"))
		}
		for _, d := range []struct {
			direction string
			n         uint64
		}{{"received", t.received[i].Load()}, {"sent", t.sent[i].Load()}} {
			if d.n > 0 {
				c.Messages = append(c.Messages, status.MessageCount{Protocol: "asap", Type: name, Direction: d.direction, Count: d.n})
			}
		}
	}
	return c
}

// Ready returns nil while the host has a home registrar and its elements are
// registered, else why that is not so.
func (h *Host) Ready() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ready()
}

func (h *Host) ready() error {
	if h.closed {
		return ErrClosed
	}
	if h.home.Association == 0 {
		return &Error{Op: "find a registrar", Err: ErrNoRegistrar}
	}
	for _, r := range h.elements.byTicket {
		if !r.status.Registered {
			return &Error{Op: "register", Handle: r.handle, Element: r.id, Err: cmp.Or(r.status.Err, ErrNoRegistrar)}
		}
	}
	return nil
}

// Status returns a snapshot of the host: its registrar, its elements and what it
// has counted. It is for internal/status; the query narrows down the elements.
func (h *Host) Status(q status.Query) status.Snapshot {
	s := &status.Host{
		Process: status.Process{
			Role:    "host",
			Version: status.Version(),
			Started: h.started,
			Uptime:  time.Since(h.started).Seconds(),
		},
		Counters: h.tally.counters(),
	}
	s.SetDoors(h.doorStatus()...)
	h.mu.Lock()
	s.Ready = h.ready() == nil
	if h.home.Association != 0 {
		s.RegistrarAddress, s.RegistrarID = h.home.Remote.String(), h.home.Registrar
	}
	listeners := map[rserpool.Handle]map[rserpool.ElementID]*Listener{}
	var all []*Listener
	var dialled []*Session
	for p := range h.parts {
		switch p := p.(type) {
		case *Session:
			s.Sessions++
			dialled = append(dialled, p)
		case *Listener:
			all = append(all, p)
			if listeners[p.handle] == nil {
				listeners[p.handle] = map[rserpool.ElementID]*Listener{}
			}
			listeners[p.handle][p.id] = p
		}
	}
	type own struct {
		element  status.HostElement
		listener *Listener
	}
	var owns []own
	for _, r := range h.elements.byTicket {
		owns = append(owns, own{elementOf(r), listeners[r.handle][r.id]})
	}
	h.mu.Unlock()
	// The locks of listeners and sessions come before the host's.
	for _, d := range dialled {
		if id := d.Element(); id != 0 {
			s.Used = append(s.Used, id)
		}
	}
	slices.Sort(s.Used)
	if n := q.ElementLimit(); q.Limit >= 0 && len(s.Used) > n {
		s.Used = s.Used[:n]
	}
	for _, l := range all {
		s.Sessions += l.Sessions()
	}
	for _, o := range owns {
		if o.listener != nil {
			o.element.Sessions, o.element.Address = o.listener.Sessions(), o.listener.Addr()
		}
		s.Elements = append(s.Elements, o.element)
	}
	slices.SortFunc(s.Elements, func(a, b status.HostElement) int {
		return cmp.Or(cmp.Compare(a.Handle, b.Handle), cmp.Compare(a.ID, b.ID))
	})
	if n := q.ElementLimit(); q.Limit >= 0 && len(s.Elements) > n {
		s.Elements = s.Elements[:n]
	}
	return s
}

func elementOf(r *Registration) status.HostElement {
	e := status.HostElement{
		Handle: r.handle.String(), ID: r.id, Policy: r.policy.Type.String(), Registered: r.status.Registered,
	}
	if fields, _ := r.policy.Type.Fields(); slices.Contains(fields, rserpool.FieldLoad) {
		load := r.policy.Load.Float64()
		e.Load = &load
	}
	return e
}

var _ status.Source = (*Host)(nil)
