package tcp

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/rspool/rspool/internal/transport"
)

// The end in order: who wants it sends SHUTDOWN once all of its messages are
// acknowledged; the other side answers with SHUTDOWN ACK once its own are. Where
// the peer knows neither, the end of a half of the connection stands for both.

// beginClosing lets nothing more be sent. Caller holds mu.
func (a *association) beginClosing() {
	if a.state != up {
		return
	}
	a.state = closing
	a.limit = a.d.now() + a.d.cfg.ShutdownTimeout
	a.tellWritable()
	a.rearm()
	a.parted()
}

// leave follows the peer's SHUTDOWN. Caller holds mu.
func (a *association) leave() {
	a.leaving = true
	a.beginClosing()
	a.parted()
}

// parted sends what is next on the way to the end, if it is time. Caller holds
// mu.
func (a *association) parted() {
	if a.state != closing || a.out.pending > 0 {
		return
	}
	if a.leaving && !a.heardAll() {
		return // until the last message is acknowledged, behind which the answer goes
	}
	switch knows := a.peer&knowsEnd != 0; {
	case a.leaving:
		if knows {
			a.control(chunkShutdownAck)
		}
		a.fin()
		a.end(transport.Closed, nil)
	case a.shut:
	default:
		a.shut = true
		if knows {
			a.control(chunkShutdown)
		} else {
			a.fin()
		}
	}
}

// heardAll reports whether the handler has heard all messages.
func (a *association) heardAll() bool { return a.in.bytes == 0 }

// fin closes the own half of the connection behind what is still to be written.
func (a *association) fin() {
	a.out.finish = true
	a.write()
}

// over reports whether the end of what can be read is an end in order: the peer has
// closed the connection when nothing was left to be said. Caller holds mu.
func (a *association) over(err error) bool {
	gone := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
	if !gone || a.out.pending > 0 {
		return false
	}
	return a.shut || a.leaving
}

// halfClosed reports whether the peer has closed its half of the connection and
// may still be sent to: one that knows no SHUTDOWN says that it wants to end. It
// is waited for no longer than it takes to tell it what there is. Caller holds mu.
func (a *association) halfClosed(err error) bool {
	if a.peer&knowsEnd != 0 || !errors.Is(err, io.EOF) {
		return false
	}
	if a.d.via == transport.Stream {
		a.leaving = true
		a.linger()
		return true
	}
	if a.out.pending > 0 {
		return false // nobody will acknowledge it
	}
	a.leave()
	return true
}

// lingering is how long a peer that has closed its half of a byte stream may wait
// for the next answer.
const lingering = time.Second

// linger gives a byte stream whose other half is closed more time. Caller holds
// mu.
func (a *association) linger() {
	if a.leaving && a.state == up {
		a.limit = a.d.now() + lingering
		a.rearm()
	}
}

// timedOut follows a shutdown that takes too long. Caller holds mu.
func (a *association) timedOut() {
	if a.state == up {
		a.beginClosing() // it has lingered
		return
	}
	a.abort("shutdown timed out")
	a.end(transport.Lost, fmt.Errorf("shut down: the peer did not answer within %v", a.d.cfg.ShutdownTimeout))
}
