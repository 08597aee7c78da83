package multicast

import "syscall"

// bindToGroup: a socket is bound to all addresses here, and hears other groups
// at the same port as well.
const bindToGroup = false

// share lets other sockets use the same port: SO_REUSEADDR does, on Windows.
func share(_, _ string, c syscall.RawConn) error {
	var err error
	cerr := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(syscall.Handle(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	})
	if cerr != nil {
		return cerr
	}
	return err
}
