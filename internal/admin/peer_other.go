//go:build !linux

package admin

import "net"

// checkPeer leaves it to the file's mode who may come.
func checkPeer(net.Conn) error { return nil }
