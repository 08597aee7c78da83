package plugins

import (
	"context"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// uid returns the user whose process must be behind the socket, -1 for anybody.
func uid(l *launcher) int {
	switch {
	case l == nil:
		return -1
	case l.command.SysProcAttr != nil && l.command.SysProcAttr.Credential != nil:
		return int(l.command.SysProcAttr.Credential.Uid)
	}
	return os.Getuid()
}

// dial connects to the socket of a plugin and makes sure that it is one: the name
// could by now lead to the socket of another service.
func dial(ctx context.Context, socket string, owner int) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil || owner < 0 {
		return c, err
	}
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err == nil {
		var peer *unix.Ucred
		var failed error
		err = raw.Control(func(fd uintptr) {
			peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		})
		if err == nil {
			err = failed
		}
		if err == nil && int(peer.Uid) != owner {
			err = fmt.Errorf("the socket belongs to user %d, not to the plugin", peer.Uid)
		}
	}
	if err != nil {
		_ = c.Close() // it is not used
		return nil, err
	}
	return c, nil
}
