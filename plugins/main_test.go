package plugins

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/plugins/protocol"
	"github.com/rspool/rspool/plugins/sdk"
)

// The test program is its own plugin: started with the cookie in its environment, it
// behaves as BEHAVIOUR says.
func TestMain(m *testing.M) {
	if os.Getenv(protocol.Cookie) == protocol.CookieValue {
		behave(os.Getenv("BEHAVIOUR"))
		return
	}
	goleak.VerifyTestMain(m)
}

func behave(how string) {
	how, argument, _ := strings.Cut(how, " ")
	switch how {
	case "well":
		_ = sdk.Serve(wellBehaved(sdk.ByKey))
	case "pace":
		_ = sdk.Serve(wellBehaved(sdk.ByPace))
	case "weight":
		_ = sdk.Serve(wellBehaved(sdk.ByWeight))
	case "version":
		p := wellBehaved(sdk.ByKey)
		p.Version = argument
		_ = sdk.Serve(p)
	case "exit":
		fmt.Fprintln(os.Stderr, "the prices are nowhere to be found")
		os.Exit(3)
	case "panic":
		panic("prices out of bounds")
	case "mute":
		select {}
	case "greeting":
		fmt.Println("Hello! I am a friendly plugin.")
		select {}
	case "line":
		fmt.Println(strings.ReplaceAll(argument, "FOLDER", os.Getenv("PLUGIN_UNIX_SOCKET_DIR")))
		select {}
	case "endless-line":
		for {
			_, _ = os.Stdout.WriteString(strings.Repeat("x", 1<<16))
		}
	case "orphans":
		// A child that leaves the process group, and has one of its own.
		c := exec.Command("/bin/sh", "-c", "/bin/sleep 1000 & /bin/sleep 1000")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Start(); err != nil {
			log.Fatal(err)
		}
		fmt.Fprintln(os.Stderr, "child", c.Process.Pid)
		_ = sdk.Serve(wellBehaved(sdk.ByKey))
	case "stubborn": // does not end with its host's interest
		go func() {
			time.Sleep(50 * time.Millisecond)
			serveRaw(&raw{})
		}()
		select {}
	default:
		serveRaw(&raw{how: how, argument: argument})
	}
}

// wellBehaved is least used with degradation, or what comes closest in the order.
func wellBehaved(o sdk.Order) sdk.Plugin {
	return sdk.Plugin{
		Name: "well-behaved", Version: "1.4.2", Summary: "for tests",
		Policies: []sdk.Policy{
			{
				Name: "least", Summary: "the least load", Order: o,
				Needs: []sdk.Field{sdk.Load, sdk.Degradation, sdk.Weight},
				Config: []sdk.Attribute{
					{Name: "factor", Type: sdk.Number, Default: 1.0, Minimum: sdk.Bound(0), Help: "What loads are multiplied by."},
					{Name: "zone", Type: sdk.String, OneOf: []string{"de", "fr"}},
				},
				Check: func(c sdk.Config) error {
					if c.Number("factor") == 13 {
						return &sdk.AttributeError{Attribute: "factor", Problem: "it is unlucky", Remedy: "take 12"}
					}
					return nil
				},
				Rank: func(p *sdk.Pool) (sdk.Ranker, error) {
					factor := p.Config.Number("factor")
					if factor == 666 {
						return nil, fmt.Errorf("the devil is in pool %s", p.Handle)
					}
					p.Log().Info("pool is open", "factor", factor)
					return sdk.RankFunc(func(e sdk.Element) sdk.Rank {
						switch {
						case e.Load == rserpool.LoadOf(0.99).Float64():
							panic("load of 0.99")
						case o == sdk.ByPace:
							return sdk.Rank{Step: 1 / float64(max(e.Weight, 1))}
						}
						return sdk.Rank{Key: e.Load * factor, Step: e.Degradation * factor, Weight: float64(e.Weight)}
					}), nil
				},
			},
			{
				Name: "in-turn", Needs: []sdk.Field{sdk.Selections},
				Queue: func(*sdk.Pool) (sdk.Queuer, error) { return &inTurn{}, nil },
			},
			{
				Name: "first", Choose: func(*sdk.Pool) (sdk.Chooser, error) { return first{}, nil },
			},
			{
				Name: "least-picked", Needs: []sdk.Field{sdk.Selections, sdk.Failures},
				Rank: func(*sdk.Pool) (sdk.Ranker, error) {
					return sdk.RankFunc(func(e sdk.Element) sdk.Rank {
						return sdk.Rank{Key: float64(e.SelectionsTotal) + 100*float64(e.Failures)}
					}), nil
				},
			},
		},
	}
}

// inTurn queues in order of identifiers.
type inTurn struct{ next int }

func (q *inTurn) Queue(elements []sdk.Element, n int, _ bool) []rserpool.ElementID {
	var ids []rserpool.ElementID
	for range n {
		if len(elements) == 0 {
			break
		}
		ids = append(ids, elements[q.next%len(elements)].ID)
		q.next++
	}
	return ids
}

// first chooses the lowest identifiers.
type first struct{}

func (first) Choose(elements []sdk.Element, r sdk.Request) []rserpool.ElementID {
	if r.Attributes["slow"] != "" {
		time.Sleep(50 * time.Millisecond)
	}
	var ids []rserpool.ElementID
	for _, e := range elements[:min(r.Items, len(elements))] {
		ids = append(ids, e.ID)
	}
	return ids
}

// raw speaks the protocol without the sdk, to break its rules.
type raw struct {
	protocol.UnimplementedPolicyPluginServer
	goplugin.NetRPCUnsupportedPlugin
	how, argument string
}

func serveRaw(r *raw) {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: protocol.Cookie, MagicCookieValue: protocol.CookieValue},
		Plugins:         goplugin.PluginSet{"policy": r},
		GRPCServer:      goplugin.DefaultGRPCServer,
		Logger:          hclog.NewNullLogger(),
	})
}

func (r *raw) GRPCServer(_ *goplugin.GRPCBroker, g *grpc.Server) error {
	protocol.RegisterPolicyPluginServer(g, r)
	return nil
}

func (r *raw) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func (r *raw) Describe(context.Context, *protocol.DescribeRequest) (*protocol.DescribeReply, error) {
	d := &protocol.DescribeReply{
		Name: "raw", Version: "0.1.0", Revision: 1,
		Policies: []*protocol.PolicyInfo{{Name: "raw", Mode: protocol.Mode_RANK, Needs: []protocol.Field{protocol.Field_LOAD, protocol.Field_SELECTIONS}}},
	}
	switch r.how {
	case "nameless":
		d.Name = "Not A Name\x1b[31m"
	case "no-policies":
		d.Policies = nil
	case "future-mode":
		d.Policies[0].Mode = 77
	case "hang-describe":
		select {}
	case "crash-describe":
		panic("cannot describe")
	}
	return d, nil
}

func (r *raw) Validate(context.Context, *protocol.ValidateRequest) (*protocol.ValidateReply, error) {
	return &protocol.ValidateReply{}, nil
}

func (r *raw) Follow(st grpc.BidiStreamingServer[protocol.HostEvent, protocol.PluginEvent]) error {
	members := map[uint32]bool{}
	rank := func(epoch uint64, ranks ...*protocol.Rank) {
		_ = st.Send(&protocol.PluginEvent{Epoch: epoch, Event: &protocol.PluginEvent_Ranking{Ranking: &protocol.Ranking{Ranks: ranks}}})
	}
	all := func(epoch uint64, f func(id uint32) *protocol.Rank) {
		var ranks []*protocol.Rank
		for id := range members {
			ranks = append(ranks, f(id))
		}
		for part := range slices.Chunk(ranks, protocol.MaxElements) {
			rank(epoch, part...)
		}
		if len(ranks) == 0 {
			rank(epoch)
		}
	}
	for {
		e, err := st.Recv()
		if err != nil {
			return err
		}
		for _, id := range e.GetDelta().GetRemove() {
			delete(members, id)
		}
		for _, u := range e.GetDelta().GetUpsert() {
			members[u.GetId()] = true
		}
		switch r.how {
		case "silent":
			continue // no answer, not even to ticks
		case "no-ranks": // alive, and of no use
			_ = st.Send(&protocol.PluginEvent{Epoch: e.GetEpoch(), Event: &protocol.PluginEvent_Alive{}})
			continue
		case "never-behind": // answers ticks, takes nothing into account
			_ = st.Send(&protocol.PluginEvent{Event: &protocol.PluginEvent_Alive{}})
			continue
		}
		if e.GetDelta() == nil && e.GetUsage() == nil {
			_ = st.Send(&protocol.PluginEvent{Epoch: e.GetEpoch(), Event: &protocol.PluginEvent_Alive{}})
			continue
		}
		good := func(id uint32) *protocol.Rank { return &protocol.Rank{Id: id, Key: -float64(id)} }
		switch r.how {
		case "nan":
			all(e.GetEpoch(), good)
			all(e.GetEpoch(), func(id uint32) *protocol.Rank { return &protocol.Rank{Id: id, Key: math.NaN()} })
		case "unknown-ids":
			all(e.GetEpoch(), good)
			rank(e.GetEpoch(), &protocol.Rank{Id: 0xdead}, &protocol.Rank{Id: 0xbeef})
		case "future":
			all(e.GetEpoch()+1000, good)
			all(e.GetEpoch(), good)
		case "strange-event":
			_ = st.Send(&protocol.PluginEvent{Epoch: e.GetEpoch()})
			all(e.GetEpoch(), good)
		case "too-long":
			all(e.GetEpoch(), good)
			many := make([]*protocol.Rank, protocol.MaxElements+1)
			for i := range many {
				many[i] = &protocol.Rank{Id: uint32(i)}
			}
			rank(e.GetEpoch(), many...)
		case "huge":
			all(e.GetEpoch(), good)
			_ = st.Send(&protocol.PluginEvent{Event: &protocol.PluginEvent_Problem{Problem: &protocol.Problem{Text: strings.Repeat("x", 8<<20)}}})
		case "flood":
			all(e.GetEpoch(), good)
			var much []*protocol.Rank
			for range 40 {
				for id := range members {
					much = append(much, good(id))
				}
			}
			for len(members) == 100 {
				rank(e.GetEpoch(), much...)
				if st.Context().Err() != nil {
					return nil
				}
			}
		case "rush": // much that is overtaken, and then what counts
			if len(members) == 100 {
				for range 50 {
					all(e.GetEpoch(), func(id uint32) *protocol.Rank { return &protocol.Rank{Id: id, Key: float64(id)} })
				}
			}
			all(e.GetEpoch(), good)
		case "resync":
			_ = st.Send(&protocol.PluginEvent{Epoch: e.GetEpoch(), Event: &protocol.PluginEvent_Resync{Resync: &protocol.Resync{Reason: "lost"}}})
			all(e.GetEpoch(), good)
		case "late": // ranks for what was long ago
			all(1, good)
			_ = st.Send(&protocol.PluginEvent{Epoch: e.GetEpoch(), Event: &protocol.PluginEvent_Alive{}})
		case "short-ttl":
			all(e.GetEpoch(), good)
		case "chatty":
			all(e.GetEpoch(), good)
			go func() {
				for i := range 100_000 {
					fmt.Fprintln(os.Stderr, "chatter", i)
				}
			}()
		case "printer": // to files that the library has redirected
			all(e.GetEpoch(), good)
			fmt.Println("printed to stdout")
			slog.Info("logged", "as", "text")
		case "problem":
			all(e.GetEpoch(), good)
			_ = st.Send(&protocol.PluginEvent{Epoch: e.GetEpoch(), Event: &protocol.PluginEvent_Problem{Problem: &protocol.Problem{Severity: protocol.Severity_ERROR, Text: "no prices\x1b[2J"}}})
		default:
			all(e.GetEpoch(), good)
		}
	}
}
