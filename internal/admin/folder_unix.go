//go:build unix

package admin

import (
	"fmt"
	"os"
	"syscall"
)

// ownFolder refuses a folder in which somebody else could put a socket of his own.
func ownFolder(folder string) error {
	in, err := os.Stat(folder)
	if err != nil {
		return err
	}
	s, ok := in.Sys().(*syscall.Stat_t)
	if ok && int(s.Uid) != os.Getuid() && s.Uid != 0 {
		return fmt.Errorf("the folder %s belongs to user %d; choose a file elsewhere", folder, s.Uid)
	}
	return nil
}
