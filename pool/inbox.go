package pool

import (
	"context"
	"sync"
)

// The bounds of what waits for Recv. Beyond them the association is held up, and
// so the sender.
const (
	maxInbox      = 1024
	maxInboxBytes = 1 << 20
)

// inbox holds what Recv returns, in order. Its methods may be called at once.
type inbox struct {
	mu     sync.Mutex
	source any // whose messages are taken; see turn
	items  []item
	head   int
	bytes  int
	count  uint64        // messages added
	err    error         // what Recv returns after the items; nil while there may be more
	filled chan struct{} // tells one receiver that there is something
	room   *sync.Cond    // tells those that push
}

// item is a message, or the notice of a failover in its place.
type item struct {
	message Message
	notice  *Failover
}

func newInbox() *inbox {
	b := &inbox{filled: make(chan struct{}, 1)}
	b.room = sync.NewCond(&b.mu)
	return b
}

// turn takes messages from another source from now on, or from none. Messages of
// the former source that wait for room are dropped. The notice, if there is one,
// comes before the messages of the new source.
func (b *inbox) turn(source any, notice *Failover) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.source = source
	if notice != nil && b.err == nil {
		b.add(item{notice: notice})
	}
	b.room.Broadcast()
}

// push adds a message of a source, as soon as there is room, and reports whether
// it did: not if the source is not, or no longer, the one whose turn it is.
func (b *inbox) push(source any, m Message) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.source == source && b.err == nil && (len(b.items)-b.head >= maxInbox || b.bytes >= maxInboxBytes) {
		b.room.Wait()
	}
	if b.source != source || b.err != nil {
		return false
	}
	b.count++
	b.add(item{message: m})
	return true
}

func (b *inbox) add(it item) {
	if b.head > 0 && len(b.items) == cap(b.items) {
		n := copy(b.items, b.items[b.head:])
		clear(b.items[n:])
		b.items, b.head = b.items[:n], 0
	}
	b.items = append(b.items, it)
	b.bytes += len(it.message.Data)
	b.signal()
}

// finish says that nothing follows. What is there is still received, unless it is
// to be dropped. The first error stays.
func (b *inbox) finish(err error, drop bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	if drop {
		b.items, b.head, b.bytes = nil, 0, 0
		b.err = err
	}
	b.room.Broadcast()
	b.signal()
}

// received returns how many messages were added.
func (b *inbox) received() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

func (b *inbox) signal() {
	select {
	case b.filled <- struct{}{}:
	default:
	}
}

// next returns the next item, or the last error.
func (b *inbox) next(ctx context.Context) (item, error) {
	for {
		it, ok, err := b.take()
		if ok || err != nil {
			return it, err
		}
		select {
		case <-b.filled:
		case <-ctx.Done():
			// What has come meanwhile is not left to chance.
			if it, ok, err := b.take(); ok || err != nil {
				return it, err
			}
			return item{}, ctx.Err()
		}
	}
}

func (b *inbox) take() (it item, ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.head == len(b.items) {
		if b.err != nil {
			b.signal() // for the other receivers
		}
		return item{}, false, b.err
	}
	it = b.items[b.head]
	b.items[b.head] = item{}
	b.head++
	b.bytes -= len(it.message.Data)
	if b.head == len(b.items) {
		b.items, b.head = b.items[:0], 0
	} else {
		b.signal()
	}
	b.room.Signal()
	return it, true, nil
}
