//go:build !386

package kernel

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/ishidawataru/sctp"
	"golang.org/x/sys/unix"

	"github.com/rspool/rspool/internal/transport"
)

// Flags of a message; the library's value for the end is another one.
const (
	flagAbort = sctp.SCTP_ABORT
	flagEnd   = 0x200
)

// call is one sendmsg. It is kept for the next one: nothing is allocated for a
// message.
type call struct {
	header unix.Msghdr
	vector unix.Iovec
	oob    struct {
		header unix.Cmsghdr
		info   sctp.SndRcvInfo
	}
	run func(fd uintptr) // c.do, made once
	err error
}

var calls = sync.Pool{New: func() any {
	c := &call{}
	c.run = c.do
	c.header.Iov = &c.vector
	c.header.SetIovlen(1)
	c.header.Control = (*byte)(unsafe.Pointer(&c.oob))
	c.header.SetControllen(int(unsafe.Sizeof(c.oob)))
	c.oob.header.Level = unix.IPPROTO_SCTP
	c.oob.header.Type = sctp.SCTP_CMSG_SNDRCV
	c.oob.header.SetLen(unix.CmsgLen(int(unsafe.Sizeof(c.oob.info))))
	return c
}}

// do does not tell the runtime's scheduler of the call: it never waits, and the
// scheduler watches one it knows of every 20 us, and takes the processor away
// from it where others run meanwhile.
func (c *call) do(fd uintptr) {
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&c.header)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		c.err = nil
		if errno != 0 {
			c.err = errno
		}
		return
	}
}

// sendmsg hands a message to the kernel. It does not wait.
func (s *socket) sendmsg(number int32, m transport.Message, flags uint16) error {
	c := calls.Get().(*call)
	c.oob.info = sctp.SndRcvInfo{Stream: m.Stream, Flags: flags, PPID: networkOrder(m.PPID), AssocID: number}
	if m.Unordered {
		c.oob.info.Flags |= sctp.SCTP_UNORDERED
	}
	c.vector.Base = unsafe.SliceData(m.Payload)
	c.vector.SetLen(len(m.Payload))
	err := s.raw.Control(c.run)
	if err == nil {
		err = c.err
	}
	c.vector.Base = nil
	calls.Put(c)
	return err
}

// networkOrder returns the number whose bytes in memory are those of v as it is
// sent, and back.
func networkOrder(v uint32) uint32 {
	var b [4]byte
	native.PutUint32(b[:], v)
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// Send implements transport.Association.
func (a *association) Send(m transport.Message) error {
	if len(m.Payload) > transport.MaxMessage {
		return transport.ErrTooLarge
	}
	if len(m.Payload) == 0 {
		return transport.ErrEmpty
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.state == dialing:
		return a.refuse()
	case a.state != established:
		return transport.ErrClosed
	case m.Stream >= a.streams:
		return fmt.Errorf("send on stream %d: the association has streams 0 to %d", m.Stream, a.streams-1)
	}
	if len(a.queue) == 0 {
		err := a.socket.sendmsg(a.number, m, 0)
		switch {
		case err == nil:
			a.e.d.stats.out.Add(1)
			a.account(len(m.Payload))
			return nil
		case !errors.Is(err, unix.EAGAIN):
			return transport.ErrClosed // its end is about to be heard
		}
	}
	if a.queued > 0 && a.queued+len(m.Payload) > a.e.d.cfg.SendBuffer {
		return a.refuse()
	}
	m.Payload = append([]byte(nil), m.Payload...)
	a.queue = append(a.queue, m)
	a.queued += len(m.Payload)
	if len(a.queue) == 1 {
		a.socket.await(a)
	}
	return nil
}

// refuse returns ErrBackpressure. Caller holds mu.
func (a *association) refuse() error {
	a.refused = true
	a.e.d.stats.backpressure.Add(1)
	return transport.ErrBackpressure
}

// flush sends what is queued, as far as there is room, and reports whether all
// of it went. Caller holds no lock.
func (a *association) flush(s *socket) bool {
	a.mu.Lock()
	if a.socket != s {
		a.mu.Unlock()
		return true // another one's
	}
	for len(a.queue) > 0 {
		m := a.queue[0]
		err := s.sendmsg(a.number, m, 0)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err == nil {
			a.e.d.stats.out.Add(1)
			a.account(len(m.Payload))
		} // else its end is about to be heard
		a.queue[0] = transport.Message{}
		a.queue = a.queue[1:]
		a.queued -= len(m.Payload)
	}
	empty := len(a.queue) == 0
	if empty {
		a.queue = nil
		if a.finish && a.state == closing {
			a.sendEnd()
		}
	}
	room := a.refused && a.queued <= a.e.d.cfg.SendBuffer/2
	if room {
		a.refused = false
	}
	a.mu.Unlock()
	if room {
		a.tell()
	}
	return empty
}

// sendEnd begins the orderly end: SHUTDOWN goes out when all else is
// acknowledged. Caller holds mu.
func (a *association) sendEnd() {
	a.finish = false
	// Where that fails, the peer has begun it, or the end is about to be heard.
	_ = a.socket.sendmsg(a.number, transport.Message{}, flagEnd)
}

// abort tells the peer. Caller holds mu.
func (a *association) abort(reason string) {
	_ = a.socket.sendmsg(a.number, transport.Message{Payload: []byte(reason[:min(len(reason), maxReason)])}, flagAbort)
}

// writer sends what waits for room in a socket's buffer.
type writer struct {
	writers sync.WaitGroup
	starved func() // called where the buffer is full; may be nil

	lock    sync.Mutex
	waiting []*association
	active  bool
}

// await has an association's queue sent as soon as there is room.
func (s *socket) await(a *association) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.waiting = append(s.waiting, a)
	if !s.active {
		s.active = true
		s.writers.Add(1)
		go s.write()
	}
}

// write runs as long as something waits. Each association gets its turn.
func (s *socket) write() {
	defer s.writers.Done()
	err := s.raw.Write(func(uintptr) bool {
		s.lock.Lock()
		turn := s.waiting
		s.waiting = nil
		s.lock.Unlock()
		var left []*association
		for _, a := range turn {
			if !a.flush(s) {
				left = append(left, a)
			}
		}
		if left != nil && s.starved != nil {
			s.starved()
		}
		s.lock.Lock()
		defer s.lock.Unlock()
		s.waiting = append(left, s.waiting...)
		s.active = len(s.waiting) > 0
		return !s.active
	})
	if err != nil { // closed
		s.lock.Lock()
		s.waiting, s.active = nil, false
		s.lock.Unlock()
	}
}
