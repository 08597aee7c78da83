package plugins

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"

	"github.com/rspool/rspool/plugins/protocol"
)

// launcher owns a plugin's process on behalf of the plugin library, which is left
// with the handshake and the certificates. The library's Client.Kill is never
// called: it asks a process to end without a deadline, and a frozen one never does.
type launcher struct {
	cfg     *Config
	program *program
	output  *output
	folder  string // of the socket
	command *exec.Cmd
	process *process

	line *io.PipeReader // the handshake, once checked
	give *io.PipeWriter
	read sync.WaitGroup // what reads the process's output

	mu      sync.Mutex
	failure error // of the handshake
	// interrupted says that a process which starts is to end at once.
	interrupted bool
}

var _ runner.Runner = (*launcher)(nil)

func newLauncher(cfg *Config, p *program, o *output) *launcher {
	l := &launcher{cfg: cfg, program: p, output: o}
	l.line, l.give = io.Pipe()
	return l
}

// client returns the library's view of the process.
func (l *launcher) client() (*goplugin.Client, *goplugin.ClientConfig) {
	cfg := &goplugin.ClientConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion:  protocol.Version,
			MagicCookieKey:   protocol.Cookie,
			MagicCookieValue: protocol.CookieValue,
		},
		Plugins:          goplugin.PluginSet{},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         !l.cfg.NoMTLS,
		SkipHostEnv:      true,
		StartTimeout:     l.cfg.StartTimeout,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: l.cfg.socketDir()},
		Logger:           hclog.NewNullLogger(),
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, folder string) (runner.Runner, error) {
			l.prepare(spec.Env, folder)
			return l, nil
		},
	}
	return goplugin.NewClient(cfg), cfg
}

// prepare makes the command from what the library wants in its environment.
func (l *launcher) prepare(env []string, folder string) {
	l.folder = folder
	l.command = &exec.Cmd{
		Path: l.program.path,
		Args: append([]string{l.program.path}, l.cfg.Args...),
		Dir:  l.cfg.Dir,
		Env:  slices.Concat(env, []string{protocol.Lifeline + "=stdin", "TMPDIR=" + folder}),
	}
	if l.command.Dir == "" {
		l.command.Dir = filepath.Dir(l.program.path)
	}
	for k, v := range l.cfg.Env {
		l.command.Env = append(l.command.Env, k+"="+v)
	}
	byDescriptor(l.command, l.program.file)
}

// Start implements runner.Runner.
func (l *launcher) Start(context.Context) error {
	owner := l.cfg.User != "" || l.cfg.Group != ""
	if owner {
		if err := runAs(l.command, l.cfg.User, l.cfg.Group, l.folder); err != nil {
			return l.fail(err.Error(), "correct user and group in its block")
		}
	}
	p, err := start(l.command, l.cfg.Limits, rand.Text(), owner)
	if err != nil {
		return l.fail(hint(err, l.program.path))
	}
	l.mu.Lock()
	l.process = p
	interrupted := l.interrupted
	l.mu.Unlock()
	if interrupted {
		p.kill()
	}
	l.read.Go(func() { l.output.read(p.stderr) })
	l.read.Go(l.readOutput)
	go func() { // what the process left behind may hold the pipes; nobody waits for it
		<-p.done
		soon := time.Now().Add(100 * time.Millisecond)
		_ = p.stdout.SetReadDeadline(soon)
		_ = p.stderr.SetReadDeadline(soon)
		l.read.Wait()
		p.closePipes()
	}()
	return nil
}

func (l *launcher) fail(problem, remedy string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failure = &handshakeError{problem, remedy}
	return l.failure
}

// readOutput hands the handshake to the library. What comes after it is logged: it
// is a mistake that does no harm.
func (l *launcher) readOutput() {
	b := bufio.NewReaderSize(l.process.stdout, maxHandshake)
	line, err := readHandshake(b, l.folder, !l.cfg.NoMTLS)
	if err != nil {
		l.mu.Lock()
		l.failure = err
		l.mu.Unlock()
		_ = l.give.Close()
		_, _ = io.Copy(io.Discard, b) // until it is killed
		return
	}
	_, _ = io.WriteString(l.give, line+"\n") // the library reads it, or is gone
	_ = l.give.Close()
	l.output.read(b)
}

// Stdout implements runner.Runner.
func (l *launcher) Stdout() io.ReadCloser { return l.line }

// Stderr implements runner.Runner: the library is not shown it.
func (l *launcher) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Wait implements runner.AttachedRunner.
func (l *launcher) Wait(context.Context) error {
	if l.process == nil {
		return errors.New("not started")
	}
	<-l.process.done
	return l.process.err
}

// Kill implements runner.AttachedRunner.
func (l *launcher) Kill(context.Context) error {
	if l.process != nil {
		l.process.kill()
		<-l.process.done
	}
	return nil
}

// interrupt ends the process from outside, at any time during the start.
func (l *launcher) interrupt() {
	l.mu.Lock()
	p := l.process
	l.interrupted = true
	l.mu.Unlock()
	if p != nil {
		p.kill()
	}
}

// ID implements runner.AttachedRunner.
func (l *launcher) ID() string { return fmt.Sprint(l.pid()) }

func (l *launcher) pid() int {
	if l.process == nil || l.process.cmd.Process == nil {
		return 0
	}
	return l.process.cmd.Process.Pid
}

// Name implements runner.Runner.
func (l *launcher) Name() string { return l.program.path }

// Diagnose implements runner.Runner. StartError says more.
func (l *launcher) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.AddrTranslator.
func (l *launcher) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin implements runner.AddrTranslator.
func (l *launcher) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// cleanUp ends the process, if there is one, and removes what was made for it. It
// returns when nothing is left, output read included.
func (l *launcher) cleanUp() {
	_ = l.Kill(context.Background())
	_ = l.give.Close()
	l.read.Wait()
	if l.folder != "" {
		_ = os.RemoveAll(l.folder)
	}
}

// startError says why the library gave up, in our words where we know better.
func (l *launcher) startError(err error) error {
	e := &StartError{Plugin: l.cfg.Name, File: l.cfg.Command, Problem: err.Error(), Remedy: "rspool plugin run " + l.program.path + " shows what it does"}
	l.mu.Lock()
	defer l.mu.Unlock()
	var h *handshakeError
	switch {
	case strings.Contains(err.Error(), "timeout"): // of the library; what came of the kill is no news
		e.Problem = fmt.Sprintf("it said nothing within %v", l.cfg.StartTimeout)
		e.Remedy = "is it a policy plugin, and does it call sdk.Serve before anything that takes long?"
	case errors.As(l.failure, &h):
		e.Problem = h.problem
		if h.remedy != "" {
			e.Remedy = h.remedy
		}
	}
	if l.process != nil && l.process.err != nil && h != nil && h.remedy == "" {
		e.Problem += " (" + l.process.err.Error() + ")"
	}
	e.Stderr = l.output.last()
	return e
}
