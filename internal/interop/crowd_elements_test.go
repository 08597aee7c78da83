//go:build interop

package interop

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/ishidawataru/sctp"
	"golang.org/x/sys/unix"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
)

// crowd is many elements, each with a socket and an association of its own, that
// do what they must to stay registered. One goroutine serves them all.
type crowd struct {
	t       *testing.T
	at      netip.AddrPort
	poll    int
	members map[int32]*crowdMember // by descriptor
	buffer  []byte
	out     []byte

	registered int
	lost       int
	asked      int
	longest    time.Duration // between two readings of the sockets
}

// crowdMember is one of the elements.
type crowdMember struct {
	fd        int
	id        rserpool.ElementID
	connected bool
}

const crowdPool = rserpool.Handle("Crowd")

func newCrowd(t *testing.T, at netip.AddrPort) *crowd {
	t.Helper()
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t, at: at, poll: poll, members: map[int32]*crowdMember{}, buffer: make([]byte, 1<<16)}
	t.Cleanup(func() {
		for fd := range c.members {
			_ = unix.Close(int(fd))
		}
		_ = unix.Close(poll)
	})
	return c
}

// atOnce is how many elements come at a time.
const atOnce = 64

// gather has n elements registered.
func (c *crowd) gather(n int) {
	c.t.Helper()
	heard, last := time.Now(), 0
	for i := 0; c.registered < n-c.lost; {
		for ; i < n && i-c.registered < atOnce; i++ {
			c.join(rserpool.ElementID(i + 1))
		}
		c.serve(100)
		if c.registered > last {
			if c.registered/1000 > last/1000 {
				c.t.Logf("%d elements have registered, %d were lost", c.registered, c.lost)
			}
			heard, last = time.Now(), c.registered
		}
		if time.Since(heard) > time.Minute {
			c.t.Fatalf("%d of %d elements have registered, %d were lost", c.registered, n, c.lost)
		}
	}
}

// stay serves the elements for so long.
func (c *crowd) stay(d time.Duration) {
	c.t.Helper()
	c.longest = 0
	for end, last := time.Now().Add(d), time.Now(); last.Before(end); {
		c.serve(100)
		now := time.Now()
		c.longest = max(c.longest, now.Sub(last))
		last = now
	}
}

// join begins an association, with one stream as it needs no more.
func (c *crowd) join(id rserpool.ElementID) {
	c.t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		c.t.Fatal(err)
	}
	c.members[int32(fd)] = &crowdMember{fd: fd, id: id}
	ip := c.at.Addr().As4()
	one := string(binary.NativeEndian.AppendUint64(nil, 0x0000_0000_0001_0001)) // streams out and in
	err = errors.Join(
		unix.SetsockoptString(fd, sctp.SOL_SCTP, sctp.SCTP_INITMSG, one),
		unix.SetsockoptInt(fd, sctp.SOL_SCTP, sctp.SCTP_NODELAY, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: ip, Port: 10000 + int(id)}),
	)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: ip, Port: int(c.at.Port())}); err != nil && err != unix.EINPROGRESS {
		c.t.Fatal(err)
	}
	if err := unix.EpollCtl(c.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLIN, Fd: int32(fd)}); err != nil {
		c.t.Fatal(err)
	}
}

// serve reads what has come, and waits for it so many milliseconds.
func (c *crowd) serve(wait int) {
	c.t.Helper()
	var events [256]unix.EpollEvent
	n, err := unix.EpollWait(c.poll, events[:], wait)
	if err != nil && err != unix.EINTR {
		c.t.Fatal(err)
	}
	for _, e := range events[:max(n, 0)] {
		m := c.members[e.Fd]
		if !m.connected {
			c.connected(m)
		} else {
			c.read(m)
		}
	}
}

// connected registers the element.
func (c *crowd) connected(m *crowdMember) {
	c.t.Helper()
	if code, err := unix.GetsockoptInt(m.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		c.lose(m, errors.Join(err, unix.Errno(code)))
		return
	}
	m.connected = true
	if err := unix.EpollCtl(c.poll, unix.EPOLL_CTL_MOD, m.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(m.fd)}); err != nil {
		c.t.Fatal(err)
	}
	port := uint16(10000 + m.id)
	there := rserpool.Transport{Protocol: rserpool.SCTP, Port: port, Addresses: []netip.Addr{c.at.Addr()}}
	c.send(m, &asap.Registration{Handle: crowdPool, Element: rserpool.Element{
		ID: m.id, Life: uint32(time.Hour.Milliseconds()), UserTransport: there,
		Policy: rserpool.Policy{Type: rserpool.RoundRobin}, ASAPTransport: &there,
	}})
}

// read answers what the registrar says to the element.
func (c *crowd) read(m *crowdMember) {
	c.t.Helper()
	for {
		n, err := unix.Read(m.fd, c.buffer)
		switch {
		case err == unix.EAGAIN:
			return
		case err != nil || n == 0:
			c.lose(m, err)
			return
		}
		heard, _, err := asap.Parse(c.buffer[:n])
		if err != nil {
			c.t.Fatal(err)
		}
		switch heard := heard.(type) {
		case *asap.RegistrationResponse:
			if heard.Reject {
				c.t.Fatalf("element %d: %s", m.id, heard)
			}
			c.registered++
		case *asap.KeepAlive:
			c.asked++
			if !c.send(m, &asap.KeepAliveAck{Handle: crowdPool, Element: m.id}) {
				return
			}
		}
	}
}

// send sends a message with the identifier of ASAP, and reports whether the
// association took it.
func (c *crowd) send(m *crowdMember, msg asap.Message) bool {
	c.out = asap.Append(c.out[:0], msg)
	var oob struct {
		header unix.Cmsghdr
		info   sctp.SndRcvInfo
	}
	oob.header.Level, oob.header.Type = unix.IPPROTO_SCTP, sctp.SCTP_CMSG_SNDRCV
	oob.header.SetLen(unix.CmsgLen(int(unsafe.Sizeof(oob.info))))
	oob.info.PPID = binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, asap.PPID))
	if _, err := unix.SendmsgN(m.fd, c.out, unsafe.Slice((*byte)(unsafe.Pointer(&oob)), unsafe.Sizeof(oob)), nil, unix.MSG_NOSIGNAL); err != nil {
		c.lose(m, err)
		return false
	}
	return true
}

// lose counts an element whose association is lost.
func (c *crowd) lose(m *crowdMember, err error) {
	c.lost++
	if c.lost <= 10 {
		c.t.Logf("element %d is lost: %v", m.id, err)
	}
	delete(c.members, int32(m.fd))
	_ = unix.Close(m.fd)
}
