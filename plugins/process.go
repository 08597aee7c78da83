package plugins

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// process is a program that runs, with everything that it starts. It is gone when
// done is closed, and nothing of it is left then that could be found.
type process struct {
	cmd    *exec.Cmd
	stdin  *os.File // its end is the plugin's sign that the host has ended
	stdout *os.File
	stderr *os.File
	token  string // in the environment of the process and what it starts
	limits Limits
	owner  bool // it runs as a user of its own

	done chan struct{}
	err  error // of the process's end, valid after done

	mu     sync.Mutex
	reaped bool // the process ID may be another's
}

// tokenName is the environment variable by which stray children are recognised.
const tokenName = "RSPOOL_PLUGIN_TOKEN"

// start starts cmd with pipes at its standard files.
func start(cmd *exec.Cmd, limits Limits, token string, owner bool) (*process, error) {
	p := &process{cmd: cmd, token: token, limits: limits, owner: owner, done: make(chan struct{})}
	theirs, err := p.openPipes()
	if err != nil {
		return nil, err
	}
	cmd.Env = append(cmd.Env, tokenName+"="+token)
	err = p.launch()
	for _, f := range theirs {
		_ = f.Close() // the process has its own copies
	}
	if err != nil {
		p.closePipes()
		return nil, err
	}
	return p, nil
}

func (p *process) openPipes() (theirs []*os.File, err error) {
	var in, out, failed *os.File
	if in, p.stdin, err = os.Pipe(); err == nil {
		if p.stdout, out, err = os.Pipe(); err == nil {
			p.stderr, failed, err = os.Pipe()
		}
	}
	theirs = []*os.File{in, out, failed}
	if err != nil {
		p.closePipes()
		for _, f := range theirs {
			_ = f.Close() // nil is fine
		}
		return nil, err
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = in, out, failed
	return theirs, nil
}

func (p *process) closePipes() {
	for _, f := range []*os.File{p.stdin, p.stdout, p.stderr} {
		_ = f.Close() // nil is fine
	}
}

// kill ends the process and its group at once. It does not wait.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		p.killGroup()
	}
}

// hint says in words of its own why a program could not be started.
func hint(err error, path string) (problem, remedy string) {
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return "it is built for another system or processor, or is a script without a first line as #!/usr/bin/python3", "file " + path + " tells what it is"
	case errors.Is(err, fs.ErrPermission):
		return "it may not be started: " + err.Error(), "the plugin's user must be allowed to execute it"
	case errors.Is(err, fs.ErrNotExist):
		return "the interpreter in its first line, or a library it needs, is not there", "head -1 " + path
	}
	return "it cannot be started: " + err.Error(), "try it by hand: " + path
}
