package plugins

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/plugins/protocol"
)

// queue is a plugin's list of whom to select next. Each place in it is a number that
// rises; an element's key is its first place, so that the engine's order is the
// list's. All of it is the owner's.
type queue struct {
	last   uint64 // place given last
	left   int    // places that are taken
	wanted int    // places to have; more after it ran dry
	asked  bool   // the plugin was asked for more
}

// Lengths of queues: what a plugin is asked for at first, and what is kept of what it
// says.
const (
	queueWanted = 256
	queueLimit  = 8192
)

// enqueue takes in what the plugin says and returns how many elements there was no
// room for. It is called as the owner.
func (p *pool) enqueue(ids []uint32, replace bool) (overflow int) {
	q := &p.queue
	q.asked = false
	touched := map[*record]bool{}
	if replace {
		for _, r := range p.records {
			if len(r.positions) > 0 {
				r.positions = nil
				touched[r] = true
			}
		}
		q.left = 0
	}
	for _, id := range ids {
		r := p.records[rserpool.ElementID(id)]
		if r == nil {
			continue // it was counted when the message came
		}
		if q.left >= queueLimit {
			overflow++
			continue
		}
		q.last++
		q.left++
		if len(r.positions) == 0 {
			touched[r] = true
		}
		r.positions = append(r.positions, q.last)
	}
	for r := range touched {
		p.engine.Update(r.member)
	}
	if q.left > 0 {
		p.setAvailable("")
	}
	return overflow
}

// taken follows the selection of an element: its first place is used up. Where few
// are left, the plugin is asked for more; where none is, the pool goes by its next
// policy until there are.
func (p *pool) taken(m *engine.Member) {
	q := &p.queue
	if r, ok := m.Data.(*record); ok && len(r.positions) > 0 {
		if r.positions = r.positions[1:]; len(r.positions) == 0 {
			r.positions = nil
		}
		q.left--
	}
	if q.left == 0 {
		q.wanted = min(2*q.wanted, protocol.MaxElements)
		p.setAvailable(exhausted)
	}
	if q.left <= q.wanted/2 && !q.asked {
		p.mu.Lock()
		if p.active != nil {
			q.asked = true
			p.active.askMore(q.left, q.wanted)
		}
		p.mu.Unlock()
	}
}

// exhausted is why a pool is not available when its queue is empty.
const exhausted = "its queue is empty"
