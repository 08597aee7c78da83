//go:build unix

package multicast

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// bindToGroup: a socket may be bound to a multicast address.
const bindToGroup = true

// share lets other sockets use the same port.
func share(_, _ string, c syscall.RawConn) error {
	var err error
	cerr := c.Control(func(fd uintptr) {
		err = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	})
	return errors.Join(cerr, err)
}
