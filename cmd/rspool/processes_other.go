//go:build !linux

package main

import "syscall"

// childAttributes changes nothing: this system does not bind a child's life to
// that of its parent. Children get the terminal's signals themselves.
func childAttributes() *syscall.SysProcAttr { return nil }
