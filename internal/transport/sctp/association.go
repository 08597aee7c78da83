package sctp

import (
	"sync"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// association is one that was dialled without a UDP port: the kernel's at first,
// and the embedded stack's if that did not come up.
type association struct {
	e  *endpoint
	id uint64
	to transport.Address

	mu      sync.Mutex
	inner   transport.Association
	up      bool
	over    bool // no second attempt: it was ended from here
	waiting []func()
}

func (a *association) current() transport.Association {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.inner
}

// established notes that there is nothing more to try, and has those told who
// wait for it.
func (a *association) established() {
	a.mu.Lock()
	a.up = true
	a.mu.Unlock()
	a.forward()
}

// hopeful reports whether the loss of the kernel's association leaves another way.
func (a *association) hopeful(inner transport.Association) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.up && !a.over && inner.ID() == a.id
}

// finish tells those that wait.
func (a *association) finish() {
	a.mu.Lock()
	a.up = true
	a.mu.Unlock()
	a.forward()
}

func (a *association) forward() {
	a.mu.Lock()
	fs, inner := a.waiting, a.inner
	a.waiting = nil
	a.mu.Unlock()
	for _, f := range fs {
		inner.Writable(f)
	}
}

// ID implements transport.Association.
func (a *association) ID() uint64 { return a.id }

// Send implements transport.Association.
func (a *association) Send(m transport.Message) error {
	a.mu.Lock()
	inner, up, over := a.inner, a.up, a.over
	a.mu.Unlock()
	if !up && !over {
		switch {
		case len(m.Payload) == 0:
			return transport.ErrEmpty
		case len(m.Payload) > transport.MaxMessage:
			return transport.ErrTooLarge
		}
		return transport.ErrBackpressure
	}
	return inner.Send(m)
}

// Shutdown implements transport.Association.
func (a *association) Shutdown() { a.end().Shutdown() }

// Abort implements transport.Association.
func (a *association) Abort(reason string) { a.end().Abort(reason) }

// end says that there is no second attempt.
func (a *association) end() transport.Association {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	return a.inner
}

// Local implements transport.Association.
func (a *association) Local() transport.Address { return a.current().Local() }

// Remote implements transport.Association.
func (a *association) Remote() transport.Address { return a.current().Remote() }

// RTT implements transport.Association.
func (a *association) RTT() time.Duration { return a.current().RTT() }

// Writable implements transport.Association.
func (a *association) Writable(f func()) {
	a.mu.Lock()
	if !a.up {
		a.waiting = append(a.waiting, f)
		a.mu.Unlock()
		return
	}
	inner := a.inner
	a.mu.Unlock()
	inner.Writable(f)
}
