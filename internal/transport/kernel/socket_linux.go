//go:build !386

package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/ishidawataru/sctp"
	"golang.org/x/sys/unix"
)

// Options that the library has no names for.
const (
	optionFragmentInterleave = 18
	optionPartialDelivery    = 19
	optionEvent              = 127
	optionRemoteEncapsPort   = 132
)

// Available says why there is no kernel SCTP; nil if there is. The system may
// load its module for the question.
func Available() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ESOCKTNOSUPPORT) {
			return fmt.Errorf("the kernel has no SCTP (%w): load it by modprobe sctp, or use mode udp", err)
		}
		return fmt.Errorf("kernel SCTP: %w", err)
	}
	return unix.Close(fd)
}

// Encapsulation returns the UDP port at which the kernel takes encapsulated SCTP,
// zero where it does not (sysctl net.sctp.udp_port; RFC 6951).
func Encapsulation() int { return setting("udp_port") }

// setting returns a number that the administrator has set, zero where there is
// none.
func setting(name string) int {
	b, err := os.ReadFile("/proc/sys/net/sctp/" + name)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return n
}

// socket is a one-to-many socket, or the one of an association that has left
// it, in the runtime's poller.
type socket struct {
	file *os.File
	raw  syscall.RawConn
	writer
}

// newSocket takes a descriptor over, which must not block.
func newSocket(fd int) (*socket, error) {
	file := os.NewFile(uintptr(fd), "sctp")
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &socket{file: file, raw: raw}, nil
}

// open makes the socket of an endpoint, bound and with all options set.
func (d *Door) open(port uint16, listen bool) (*socket, bool, error) {
	six := len(d.cfg.Listen) == 0
	for _, ip := range d.cfg.Listen {
		six = six || ip.Unmap().Is6()
	}
	const kind = unix.SOCK_SEQPACKET | unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	fd, err := -1, error(nil)
	if six {
		fd, err = unix.Socket(unix.AF_INET6, kind, unix.IPPROTO_SCTP)
	}
	if !six || err != nil && len(d.cfg.Listen) == 0 {
		six = false
		fd, err = unix.Socket(unix.AF_INET, kind, unix.IPPROTO_SCTP)
	}
	if err != nil {
		return nil, false, fmt.Errorf("socket: %w", err)
	}
	if err = d.prepare(fd, six, listen); err == nil {
		err = d.bind(fd, six, port)
	}
	if err == nil && listen {
		err = os.NewSyscallError("listen", unix.Listen(fd, 4096))
	}
	if err != nil {
		return nil, false, errors.Join(err, unix.Close(fd))
	}
	s, err := newSocket(fd)
	return s, six, err
}

// prepare sets the options that associations inherit.
func (d *Door) prepare(fd int, six, listen bool) error {
	c := sctp.NewSCTPConn(fd, nil)
	if six {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
			return os.NewSyscallError("IPV6_V6ONLY", err)
		}
	}
	if err := c.SetInitMsg(d.cfg.Streams, d.cfg.Streams, initAttempts, 0); err != nil {
		return os.NewSyscallError("SCTP_INITMSG", err)
	}
	const events = sctp.SCTP_EVENT_DATA_IO | sctp.SCTP_EVENT_ASSOCIATION | sctp.SCTP_EVENT_ADDRESS |
		sctp.SCTP_EVENT_SHUTDOWN | sctp.SCTP_EVENT_PARTIAL_DELIVERY
	if err := c.SubscribeEvents(events); err != nil {
		return os.NewSyscallError("SCTP_EVENTS", err)
	}
	receive, send := 2*d.cfg.ReceiveWindow, 2*d.cfg.SendBuffer
	if listen {
		receive, send = d.cfg.SocketBuffer, d.cfg.SocketBuffer
	}
	setBuffers(fd, receive, send)
	if err := d.prepareTimers(fd); err != nil {
		return err
	}
	if Encapsulation() != 0 {
		// Userland peers take packets of limited size only.
		if err := setOption(fd, sctp.SCTP_MAXSEG, words(0, 1400)); err != nil {
			return err
		}
	}
	// A large message is delivered in parts: it does not hold up those of others,
	// and many at once do not fill the buffer without one that is complete.
	if err := setOption(fd, optionFragmentInterleave, words(1)); err != nil {
		return err
	}
	if err := setOption(fd, optionPartialDelivery, words(slotSize)); err != nil {
		return err
	}
	return setOption(fd, sctp.SCTP_NODELAY, words(1))
}

// initAttempts is how often an INIT is sent; the dial timeout comes first.
const initAttempts = 100

// prepareTimers sets retransmission timeouts and heartbeats.
func (d *Door) prepareTimers(fd int) error {
	ms := func(d int64) uint32 { return uint32(d / 1e6) }
	cfg := &d.cfg
	if err := setOption(fd, sctp.SCTP_RTOINFO, words(0, ms(int64(cfg.RTOInitial)), ms(int64(cfg.RTOMax)), ms(int64(cfg.RTOMin)))); err != nil {
		return err
	}
	if err := setRetrans(fd, 0, cfg.MaxRetrans); err != nil {
		return err
	}
	path := make([]byte, 152) // packed: the wildcard address, then the parameters
	native.PutUint16(path[4:], unix.AF_INET)
	const enable, disable = 1, 2
	flags := uint32(disable)
	if cfg.HeartbeatInterval > 0 {
		native.PutUint32(path[132:], ms(int64(cfg.HeartbeatInterval)))
		flags = enable
	}
	native.PutUint16(path[136:], uint16(cfg.MaxRetrans))
	native.PutUint32(path[146:], flags)
	return setOption(fd, sctp.SCTP_PEER_ADDR_PARAMS, path)
}

// setRetrans says how many retransmissions in a row end an association; zero
// stands for those to come.
func setRetrans(fd int, association int32, n int) error {
	value := make([]byte, 20)
	native.PutUint32(value, uint32(association))
	native.PutUint16(value[4:], uint16(n))
	return setOption(fd, sctp.SCTP_ASSOCINFO, value)
}

// bind gives the socket its addresses and its port.
func (d *Door) bind(fd int, six bool, port uint16) error {
	ips := d.cfg.Listen
	if len(ips) == 0 {
		ips = []netip.Addr{netip.IPv4Unspecified()}
		if six {
			ips[0] = netip.IPv6Unspecified()
		}
	}
	err := sctp.SCTPBind(fd, sctpAddr(ips, port), sctp.SCTP_BINDX_ADD_ADDR)
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("SCTP port %d is in use: %w", port, err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("bind to %v: %w; want addresses of this machine", ips, err)
	case err != nil:
		return fmt.Errorf("bind to port %d at %v: %w", port, ips, err)
	}
	return nil
}

// setBuffers asks for socket buffers; one of size 0 stays as it is. Where the system
// refuses more than its limit, that is what there is.
func setBuffers(fd, receive, send int) {
	for _, o := range []struct{ force, plain, size int }{
		{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, receive}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, send},
	} {
		if o.size != 0 && unix.SetsockoptInt(fd, unix.SOL_SOCKET, o.force, o.size) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, o.plain, o.size)
		}
	}
}

// words returns an option's value that consists of 32-bit numbers.
func words(w ...uint32) []byte {
	b := make([]byte, 0, 4*len(w))
	for _, w := range w {
		b = native.AppendUint32(b, w)
	}
	return b
}

// setOption sets an SCTP option.
func setOption(fd, option int, value []byte) error {
	if err := unix.SetsockoptString(fd, sctp.SOL_SCTP, option, string(value)); err != nil {
		return fmt.Errorf("SCTP socket option %d: %w", option, err)
	}
	return nil
}

// getOption reads an SCTP option into value, which selects by its first bytes
// what is asked for, and returns its length. It does not leave that to the
// library, which has the system write to addresses that are numbers by then: the
// stack that they point to may have moved.
func getOption(fd, option int, value []byte) (int, error) {
	n := uint32(len(value))
	for {
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), sctp.SOL_SCTP, uintptr(option),
			uintptr(unsafe.Pointer(&value[0])), uintptr(unsafe.Pointer(&n)), 0)
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// connect begins an association and returns the kernel's number for it.
func connect(fd int, ips []netip.Addr, port uint16) (int32, error) {
	to := sctpAddr(ips, port).ToRawSockAddrBuf()
	request := struct {
		association int32
		length      int32
		addresses   unsafe.Pointer
	}{0, int32(len(to)), unsafe.Pointer(&to[0])}
	n := uint32(unsafe.Sizeof(request))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), sctp.SOL_SCTP, sctp.SCTP_SOCKOPT_CONNECTX3,
		uintptr(unsafe.Pointer(&request)), uintptr(unsafe.Pointer(&n)), 0)
	runtime.KeepAlive(to)
	if errno != 0 && errno != unix.EINPROGRESS {
		return 0, errno
	}
	return request.association, nil
}

// peelOff gives an association a socket of its own, which does not block.
func peelOff(fd int, association int32) (int, error) {
	value := words(uint32(association), 0)
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if _, err := getOption(fd, sctp.SCTP_SOCKOPT_PEELOFF, value); err != nil {
		return 0, err
	}
	own := int(int32(native.Uint32(value[4:])))
	unix.CloseOnExec(own)
	if err := unix.SetNonblock(own, true); err != nil {
		return 0, errors.Join(err, unix.Close(own))
	}
	return own, nil
}

// Where things are in the structure of the option: the address is aligned as a
// pointer is.
const (
	encapsulatedAddress = int(unsafe.Sizeof(uintptr(0)))
	encapsulatedPort    = encapsulatedAddress + 128
	sizeofEncapsulation = encapsulatedPort + encapsulatedAddress
)

// encapsulate says behind which UDP port the next association is.
func encapsulate(fd int, port uint16) error {
	value := make([]byte, sizeofEncapsulation)
	native.PutUint16(value[encapsulatedAddress:], unix.AF_INET)
	value[encapsulatedPort], value[encapsulatedPort+1] = byte(port>>8), byte(port)
	return setOption(fd, optionRemoteEncapsPort, value)
}

// encapsulation returns the UDP port of an association's peer at one of its
// addresses, given as the kernel wrote it; zero if there is none.
func encapsulation(fd int, association int32, address []byte) uint16 {
	value := make([]byte, sizeofEncapsulation)
	native.PutUint32(value, uint32(association))
	copy(value[encapsulatedAddress:encapsulatedPort], address)
	if _, err := getOption(fd, optionRemoteEncapsPort, value); err != nil {
		return 0
	}
	return uint16(value[encapsulatedPort])<<8 | uint16(value[encapsulatedPort+1])
}

// status asks for the state of an association.
func status(fd int, association int32) (sctp.Status, error) {
	value := make([]byte, unsafe.Sizeof(sctp.Status{}))
	native.PutUint32(value, uint32(association))
	if _, err := getOption(fd, sctp.SCTP_STATUS, value); err != nil {
		return sctp.Status{}, err
	}
	return *(*sctp.Status)(unsafe.Pointer(&value[0])), nil
}

// abortOnClose makes the end of a socket the end of its associations.
func abortOnClose(fd int) error {
	return os.NewSyscallError("SO_LINGER", unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
}
