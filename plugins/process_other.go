//go:build !linux

package plugins

import (
	"errors"
	"os"
	"os/exec"
)

// byDescriptor does nothing: the file is started by its name, after the check.
func byDescriptor(*exec.Cmd, *os.File) {}

func (p *process) launch() error {
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		err := p.cmd.Wait()
		p.mu.Lock()
		p.err, p.reaped = err, true
		p.mu.Unlock()
		_ = p.stdin.Close()
		close(p.done)
	}()
	return nil
}

func (p *process) killGroup() { _ = p.cmd.Process.Kill() }

func runAs(*exec.Cmd, string, string, string) error {
	return errors.New("user and group of a plugin can be set on Linux only")
}
