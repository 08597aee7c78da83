package plugins

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/rspool/rspool/plugins/protocol"
)

// session is one life of a plugin's process, from the start to the end of it.
type session struct {
	cfg         *Config
	launcher    *launcher // nil where the plugin was attached to
	output      *output
	conn        *grpc.ClientConn
	client      protocol.PolicyPluginClient
	description *Description
	hash        string
	started     time.Time

	// ctx ends with the session; its cause says why.
	ctx    context.Context
	cancel context.CancelCauseFunc
	work   sync.WaitGroup // goroutines of the session, and streams
}

// errStopped is the cause of a session that its owner ended.
var errStopped = errors.New("stopped")

// begin starts the program and returns when it is described. The error is a
// *StartError, or ctx's.
func begin(ctx context.Context, cfg *Config) (*session, error) {
	s := &session{cfg: cfg, output: newOutput(cfg.Log), started: time.Now()}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	address, creds := cfg.Attach, insecure.NewCredentials()
	if address == "" {
		p, err := openProgram(cfg)
		if err != nil {
			return nil, err
		}
		defer func() { _ = p.file.Close() }() // only read
		s.hash = p.hash
		s.launcher = newLauncher(cfg, p, s.output)
		client, made := s.launcher.client()
		stop := context.AfterFunc(ctx, func() { s.launcher.interrupt() })
		socket, err := client.Start()
		stop()
		if err != nil {
			s.launcher.cleanUp()
			return nil, s.why(ctx, s.launcher.startError(err))
		}
		address = socket.String()
		if made.TLSConfig != nil {
			creds = credentials.NewTLS(made.TLSConfig)
		}
	}
	err := s.connect(strings.TrimPrefix(address, "unix:"), creds)
	if err == nil {
		if s.launcher != nil {
			s.work.Go(s.watchProcess)
		}
		s.work.Go(s.readStdio)
		err = s.describe(ctx)
	}
	if err != nil {
		s.end(errStopped)
		return nil, s.why(ctx, err)
	}
	s.work.Go(s.watchHealth)
	return s, nil
}

// why prefers the end of the caller's patience to what came of it.
func (s *session) why(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// connect sets up the connection; it is made by the first call. What a peer sends
// is bounded by flow control and by the size of one message.
func (s *session) connect(socket string, creds credentials.TransportCredentials) error {
	owner := uid(s.launcher)
	conn, err := grpc.NewClient("passthrough:///"+s.cfg.Name,
		grpc.WithTransportCredentials(creds),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return dial(ctx, socket, owner)
		}),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(protocol.MaxMessage),
			grpc.MaxCallSendMsgSize(protocol.MaxMessage)),
		grpc.WithMaxHeaderListSize(64<<10),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithNoProxy(),
	)
	if err != nil {
		return s.startError("the connection cannot be made: "+err.Error(), "")
	}
	s.conn, s.client = conn, protocol.NewPolicyPluginClient(conn)
	return nil
}

func (s *session) startError(problem, remedy string) error {
	file := s.cfg.Command
	if s.launcher == nil {
		file = s.cfg.Attach
	}
	if remedy == "" {
		remedy = "rspool plugin run " + file + " shows what it does"
	}
	return &StartError{Plugin: s.cfg.Name, File: file, Problem: problem, Remedy: remedy, Stderr: s.output.last()}
}

// describe asks the plugin what it is.
func (s *session) describe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StartTimeout)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	r, err := s.client.Describe(ctx, &protocol.DescribeRequest{Revision: protocol.Revision})
	if err != nil {
		problem := "it does not describe itself: " + line(status.Convert(err).Message())
		if cause := s.ended(time.Second); cause != nil {
			problem = "it ended before it had described itself: " + cause.Error()
			s.end(cause) // for the last lines of its output
		}
		return s.startError(problem, "")
	}
	if s.description, err = describe(r); err != nil {
		return s.startError(err.Error(), "the author of the plugin must correct it")
	}
	if s.cfg.Version != "" {
		if err := CheckVersion(s.cfg.Version, s.description.Version); err != nil {
			return s.startError(err.Error(), "install another version, or change version in its block")
		}
	}
	return nil
}

// ended says how the process ended, nil if it does not within a moment: the connection
// breaks a little before the process is seen to end.
func (s *session) ended(moment time.Duration) error {
	if s.launcher == nil {
		return nil
	}
	select {
	case <-s.launcher.process.done:
	case <-time.After(moment):
		return nil
	}
	if err := s.launcher.process.err; err != nil {
		return fmt.Errorf("the process ended: %w", err)
	}
	return errors.New("the process ended")
}

// watchProcess ends the session with the process.
func (s *session) watchProcess() {
	select {
	case <-s.launcher.process.done:
		s.cancel(s.ended(time.Second))
	case <-s.ctx.Done():
	}
}

// watchHealth asks for a sign of life of the process as a whole. Those of single
// pools are asked for on their streams.
func (s *session) watchHealth() {
	asked := health.NewHealthClient(s.conn)
	tick := time.NewTicker(s.cfg.TickInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(s.ctx, s.cfg.TickTimeout)
		_, err := asked.Check(ctx, &health.HealthCheckRequest{Service: "plugin"})
		cancel()
		if err != nil && s.ctx.Err() == nil {
			s.fail(fmt.Errorf("it gave no sign of life within %v: %s", s.cfg.TickTimeout, line(status.Convert(err).Message())))
			return
		}
	}
}

// fail ends a session that is worth nothing any more. It does not wait.
func (s *session) fail(cause error) {
	if s.ctx.Err() == nil {
		if end := s.ended(50 * time.Millisecond); end != nil {
			cause = end
		}
	}
	s.cancel(cause)
	if s.launcher != nil {
		s.launcher.process.kill()
	}
}

// end ends the session and returns when nothing of it is left.
func (s *session) end(cause error) {
	s.cancel(cause)
	if s.conn != nil {
		_ = s.conn.Close() // it may be closed already
	}
	if s.launcher != nil {
		s.launcher.cleanUp()
	}
	s.work.Wait()
}

// stop ends the session in order: the streams were closed by those who follow; the
// process has time to end by itself.
func (s *session) stop() {
	if s.launcher != nil {
		_ = s.launcher.process.stdin.Close() // closed twice is fine
		select {
		case <-s.launcher.process.done:
		case <-time.After(s.cfg.StopTimeout):
		}
	}
	s.end(errStopped)
}
