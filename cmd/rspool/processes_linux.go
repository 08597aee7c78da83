package main

import "syscall"

// childAttributes lets a child die with its parent, and keeps the terminal's
// signals from it: the parent hears them and ends its children in order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
