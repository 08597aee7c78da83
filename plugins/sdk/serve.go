package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rspool/rspool/plugins/protocol"
)

// Serve runs the plugin until its registrar ends or ends it. It is to be called
// from main, and returns only where the program was not started by a registrar,
// after telling so: with a mistake of the author, or nil with none.
//
// From here on the standard error is the plugin's log: slog.Default and log.Default
// write there in a form that the registrar takes up with level and attributes.
func Serve(p Plugin) error {
	if err := p.check(); err != nil {
		fmt.Fprintln(os.Stderr, "this plugin has a mistake:", err)
		return err
	}
	if os.Getenv(protocol.Cookie) != protocol.CookieValue {
		fmt.Fprintf(os.Stderr, "%s %s is a policy plugin, which a registrar starts. To try it: rspool plugin check %s\n", p.Name, p.Version, os.Args[0])
		return nil
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if os.Getenv(protocol.Lifeline) == "stdin" {
		go endWithHost()
	}
	if err := confine(p.Confine); err != nil {
		fmt.Fprintln(os.Stderr, "this plugin cannot confine itself:", err)
		os.Exit(1)
	}
	s := newServer(&p)
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion:  protocol.Version,
			MagicCookieKey:   protocol.Cookie,
			MagicCookieValue: protocol.CookieValue,
		},
		Plugins: goplugin.PluginSet{"policy": &service{server: s}},
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o, grpc.MaxRecvMsgSize(protocol.MaxMessage))...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr, JSONFormat: true}),
	})
	return nil
}

// endWithHost ends the process when the host has ended, however that came about.
func endWithHost() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// service registers a server with the plugin library.
type service struct {
	goplugin.NetRPCUnsupportedPlugin
	server *server
}

// GRPCServer implements goplugin.GRPCPlugin.
func (s *service) GRPCServer(_ *goplugin.GRPCBroker, g *grpc.Server) error {
	protocol.RegisterPolicyPluginServer(g, s.server)
	return nil
}

// GRPCClient implements goplugin.GRPCPlugin.
func (*service) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("sdk: this is the plugin's side")
}

// server is the plugin as the host calls it.
type server struct {
	protocol.UnimplementedPolicyPluginServer
	plugin *Plugin

	mu        sync.Mutex
	followers map[uint64]*follower // by Open.stream, those of Choose
}

func newServer(p *Plugin) *server {
	return &server{plugin: p, followers: map[uint64]*follower{}}
}

func (s *server) policy(name string) (*Policy, error) {
	for i := range s.plugin.Policies {
		if p := &s.plugin.Policies[i]; p.Name == name {
			return p, nil
		}
	}
	return nil, status.Errorf(codes.NotFound, "plugin %s has no policy %q", s.plugin.Name, name)
}

// Describe implements protocol.PolicyPluginServer.
func (s *server) Describe(context.Context, *protocol.DescribeRequest) (*protocol.DescribeReply, error) {
	r := &protocol.DescribeReply{
		Name:     s.plugin.Name,
		Version:  s.plugin.Version,
		Summary:  s.plugin.Summary,
		Revision: protocol.Revision,
	}
	for i := range s.plugin.Policies {
		r.Policies = append(r.Policies, s.plugin.Policies[i].protocol())
	}
	return r, nil
}

func (p *Policy) protocol() *protocol.PolicyInfo {
	info := &protocol.PolicyInfo{
		Name:          p.Name,
		Summary:       p.Summary,
		Tags:          p.Tags,
		Schema:        &protocol.ConfigSchema{},
		Deterministic: p.Deterministic,
	}
	switch {
	case p.Rank != nil:
		info.Mode, info.Order = protocol.Mode_RANK, protocol.Order(max(p.Order, ByKey))
	case p.Queue != nil:
		info.Mode = protocol.Mode_QUEUE
	default:
		info.Mode = protocol.Mode_DIRECT
	}
	for _, n := range p.Needs {
		info.Needs = append(info.Needs, protocol.Field(n))
	}
	if len(p.Tags) > 0 {
		info.Needs = append(info.Needs, protocol.Field_TAGS)
	}
	for i := range p.Config {
		a, _ := p.Config[i].protocol() // check has looked at it
		info.Schema.Attributes = append(info.Schema.Attributes, a)
	}
	return info
}

// Validate implements protocol.PolicyPluginServer.
func (s *server) Validate(_ context.Context, r *protocol.ValidateRequest) (*protocol.ValidateReply, error) {
	p, err := s.policy(r.GetPolicy())
	if err != nil {
		return nil, err
	}
	reply := &protocol.ValidateReply{}
	if p.Check != nil {
		if err := p.Check(r.GetConfig().AsMap()); err != nil {
			d := &protocol.Diagnostic{Severity: protocol.Severity_ERROR, Summary: err.Error()}
			var about *AttributeError
			if errors.As(err, &about) {
				d.Attribute, d.Summary, d.Detail = about.Attribute, about.Problem, about.Remedy
			}
			reply.Diagnostics = append(reply.Diagnostics, d)
		}
	}
	return reply, nil
}

// AttributeError is an error of Policy.Check about one attribute. The operator is
// shown where in the configuration it is.
type AttributeError struct {
	Attribute string
	Problem   string
	Remedy    string // may be empty
}

// Error implements error.
func (e *AttributeError) Error() string { return e.Attribute + ": " + e.Problem }

// Follow implements protocol.PolicyPluginServer.
func (s *server) Follow(st grpc.BidiStreamingServer[protocol.HostEvent, protocol.PluginEvent]) error {
	first, err := st.Recv()
	if err != nil {
		return err
	}
	open := first.GetOpen()
	if open == nil {
		return status.Error(codes.InvalidArgument, "the first event is not Open")
	}
	p, err := s.policy(open.GetPolicy())
	if err != nil {
		return err
	}
	f, err := newFollower(p, open, st)
	if err != nil {
		return err
	}
	f.epoch = first.GetEpoch()
	if f.chooser != nil {
		s.mu.Lock()
		s.followers[open.GetStream()] = f
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			delete(s.followers, open.GetStream())
			s.mu.Unlock()
		}()
	}
	return f.run()
}

// SelectBatch implements protocol.PolicyPluginServer.
func (s *server) SelectBatch(ctx context.Context, r *protocol.SelectBatchRequest) (*protocol.SelectBatchReply, error) {
	s.mu.Lock()
	f := s.followers[r.GetStream()]
	s.mu.Unlock()
	if f == nil {
		return nil, status.Error(codes.NotFound, "no such stream, or its policy does not choose")
	}
	q := question{r.GetRequests(), make(chan []*protocol.Answer, 1)}
	select {
	case f.asked <- q:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.stream.Context().Done():
		return nil, status.Error(codes.Canceled, "the pool is no longer followed")
	}
	return &protocol.SelectBatchReply{Answers: <-q.answers}, nil
}
