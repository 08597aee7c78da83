//go:build !386

package kernel

import (
	"sync"
	"syscall"
	"unsafe"

	"github.com/ishidawataru/sctp"
	"golang.org/x/sys/unix"
)

// batch is room for the messages of one call. A larger message fills several
// slots, the last of which has MSG_EOR.
type batch struct {
	n, room int // messages that it has, and may have
	headers [batchSize]struct {
		unix.Msghdr
		length uint32
	}
	vectors [batchSize]unix.Iovec
	control [batchSize]struct {
		header unix.Cmsghdr
		info   sctp.SndRcvInfo
		spare  [64]byte
	}
	data [batchSize][slotSize]byte
}

const (
	batchSize = 16
	slotSize  = 4096
)

// batches are those that no reader needs: one that waits for messages has none.
var batches = sync.Pool{New: func() any {
	b := &batch{}
	for i := range b.headers {
		b.vectors[i].Base = &b.data[i][0]
		b.vectors[i].SetLen(slotSize)
		b.headers[i].Iov = &b.vectors[i]
		b.headers[i].SetIovlen(1)
		b.headers[i].Control = (*byte)(unsafe.Pointer(&b.control[i]))
	}
	return b
}}

// receive fills the batch with what is there, up to room. Where nothing is, it
// fails with EAGAIN. As sending, it does not wait, and the scheduler is not told.
func (b *batch) receive(fd uintptr, room int) error {
	b.n, b.room = 0, room
	for i := range room {
		b.headers[i].SetControllen(int(unsafe.Sizeof(b.control[i])))
		b.headers[i].Flags = 0
	}
	for {
		var n uintptr
		var errno syscall.Errno
		if room == 1 {
			n, _, errno = unix.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&b.headers[0].Msghdr)), unix.MSG_DONTWAIT)
			b.headers[0].length, n = uint32(n), 1
		} else {
			n, _, errno = unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.headers[0])), uintptr(room), unix.MSG_DONTWAIT, 0, 0)
		}
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return errno
		}
		b.n = int(n)
		return nil
	}
}

// full reports whether there may be more than what the batch has.
func (b *batch) full() bool { return b.n == b.room }

// slot is a part of a batch: a message, a piece of one, or a notification.
type slot struct {
	data         []byte
	notification bool
	whole        bool // nothing follows
	eof          bool // the socket is at its end
	info         sctp.SndRcvInfo
}

// at returns a slot. Data is the batch's.
func (b *batch) at(i int) (slot, bool) {
	h := &b.headers[i]
	s := slot{
		data:         b.data[i][:min(h.length, slotSize)],
		notification: h.Flags&sctp.MSG_NOTIFICATION != 0,
		whole:        h.Flags&unix.MSG_EOR != 0,
	}
	if s.notification {
		return s, true
	}
	c := &b.control[i]
	if uintptr(h.Controllen) < unsafe.Offsetof(c.info)+unsafe.Sizeof(c.info) ||
		c.header.Level != unix.IPPROTO_SCTP || c.header.Type != sctp.SCTP_CMSG_SNDRCV {
		s.eof = len(s.data) == 0
		return s, s.eof
	}
	s.info = c.info
	s.info.PPID = networkOrder(c.info.PPID)
	return s, true
}

// association returns the kernel's number of the association that a slot is of,
// zero if it does not say.
func (s *slot) association() int32 {
	if !s.notification {
		return s.info.AssocID
	}
	n, err := parseNotification(s.data)
	if err != nil {
		return 0
	}
	return n.association
}
