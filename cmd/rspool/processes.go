package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// processes are children of this process: the program itself, run again with other
// arguments. They end with their parent, however that ends, where the system can
// see to it; their logs go to files.
type processes struct {
	program string
	logs    string // folder
	starts  chan func()
	wait    sync.WaitGroup

	mu       sync.Mutex
	children []*process
}

// process is one child.
type process struct {
	name   string
	cmd    *exec.Cmd
	log    string
	exited chan struct{} // closed when it has been reaped
	err    error         // how it ended; after exited
	wanted bool          // it was told to end; guarded by processes.mu
}

// newProcesses returns an empty set whose logs go to the folder given. Call
// endAll at the end.
func newProcesses(logs string) (*processes, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program to run it again: %w", err)
	}
	p := &processes{program: program, logs: logs, starts: make(chan func())}
	p.wait.Go(func() {
		// The system binds a child's life to the thread that started it. This one
		// lives as long as the set does, since Go ends no thread without need.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for start := range p.starts {
			start()
		}
	})
	return p, nil
}

// start runs the program with the arguments given.
func (p *processes) start(name string, args ...string) (*process, error) {
	c := &process{
		name: name, cmd: exec.Command(p.program, args...),
		log: filepath.Join(p.logs, name+".log"), exited: make(chan struct{}),
	}
	// Sockets for orders are left behind by who is killed: here they go with the logs.
	c.cmd.Env = append(os.Environ(), "RUNTIME_DIRECTORY="+p.logs)
	file, err := os.Create(c.log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer func() { _ = file.Close() }() // the child has its own
	c.cmd.Args[0] = os.Args[0]          // by which a program may know what it is
	c.cmd.Stdout, c.cmd.Stderr = file, file
	c.cmd.SysProcAttr = childAttributes()
	started := make(chan error)
	p.starts <- func() { started <- c.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.mu.Lock()
	p.children = append(p.children, c)
	p.mu.Unlock()
	p.wait.Go(func() {
		c.err = c.cmd.Wait()
		close(c.exited)
	})
	return c, nil
}

// kill ends a child without goodbye.
func (p *processes) kill(c *process) error {
	p.expectEnd(c)
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", c.name, err)
	}
	return nil
}

func (p *processes) expectEnd(c *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.wanted = true
}

// dead returns a child that has ended although nobody told it to, nil if all is well.
func (p *processes) dead() *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.children {
		if c.hasExited() && !c.wanted {
			return c
		}
	}
	return nil
}

// how says how a child that has ended did it.
func (c *process) how() error {
	if c.err == nil {
		return errors.New("exit code 0")
	}
	return c.err
}

func (c *process) hasExited() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// endAll asks the children to end: all but the first at the same time, and then
// the first, whom the others need to leave in order. It kills those that take
// longer than the time given for all, and returns when every one is reaped.
func (p *processes) endAll(patience time.Duration) {
	p.mu.Lock()
	children := p.children
	p.children = nil
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if len(children) > 0 {
		end(ctx, children[1:])
		end(ctx, children[:1])
	}
	close(p.starts)
	p.wait.Wait()
}

// end asks children to end, and kills those that have not when the context ends.
func end(ctx context.Context, children []*process) {
	for _, c := range children {
		// One that is gone already needs no signal, and one that cannot be asked
		// is killed.
		if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			_ = c.cmd.Process.Kill()
		}
	}
	for _, c := range children {
		select {
		case <-c.exited:
		case <-ctx.Done():
			_ = c.cmd.Process.Kill()
			<-c.exited
		}
	}
}

// tail returns the last lines of a file.
func tail(file string, lines int) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
