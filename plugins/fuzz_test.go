package plugins

import (
	"bufio"
	"bytes"
	"log/slog"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/plugins/protocol"
)

// offline is a policy whose pools have a link without a stream.
type offline struct {
	terms *terms
	pool  *pool
}

func (o *offline) Describe() engine.Description {
	return engine.Description{Name: "plugin.offline", Inputs: engine.Selections, Mark: 1}
}

func (o *offline) Open(e *engine.Pool) (engine.Policy, error) {
	o.pool = newPool(o.terms, e)
	f := form{o.pool, &Policy{plugin: o.terms.plugin}}
	switch {
	case o.terms.info.Mode == Queue:
		return queued{f}, nil
	case o.terms.info.Order == ByPace:
		return paced{f}, nil
	case o.terms.info.Order == ByWeight:
		return drawn{f}, nil
	}
	return ranked{f}, nil
}

// FuzzHandle has a plugin say anything: the host does not panic, selections go on,
// and what elements are ranked by is what ranks may be.
func FuzzHandle(f *testing.F) {
	add := func(order, mode uint8, events ...*protocol.PluginEvent) {
		var b []byte
		for _, e := range events {
			m, err := proto.Marshal(e)
			if err != nil {
				f.Fatal(err)
			}
			b = append(append(b, byte(len(m))), m...)
		}
		f.Add(order, mode, b)
	}
	rank := func(epoch uint64, ranks ...*protocol.Rank) *protocol.PluginEvent {
		return &protocol.PluginEvent{Epoch: epoch, Event: &protocol.PluginEvent_Ranking{Ranking: &protocol.Ranking{Ranks: ranks, TtlMs: 5}}}
	}
	for order := range uint8(4) {
		add(order, 1, rank(2, &protocol.Rank{Id: 1, Key: 0.5, Step: 0.1, Weight: 2}, &protocol.Rank{Id: 2, Key: -1, Step: 1, Weight: 0}))
		add(order, 1, rank(2, &protocol.Rank{Id: 1, Key: math.NaN(), Step: math.NaN(), Weight: math.NaN()}, &protocol.Rank{Id: 99}))
		add(order, 1, rank(math.MaxUint64, &protocol.Rank{Id: 3, Key: math.Inf(1), Step: math.Inf(1), Weight: math.Inf(1)}), rank(1))
		add(order, 1, rank(2, &protocol.Rank{Id: 3, Key: math.MaxFloat64, Step: math.MaxFloat64, Weight: math.MaxFloat64}))
	}
	add(1, 2, &protocol.PluginEvent{Epoch: 2, Event: &protocol.PluginEvent_Queue{Queue: &protocol.Queue{Ids: []uint32{1, 2, 2, 9, 3}}}},
		&protocol.PluginEvent{Event: &protocol.PluginEvent_Queue{Queue: &protocol.Queue{Ids: []uint32{1}, Replace: true}}})
	add(1, 1, &protocol.PluginEvent{Event: &protocol.PluginEvent_Resync{Resync: &protocol.Resync{}}},
		&protocol.PluginEvent{Event: &protocol.PluginEvent_Problem{Problem: &protocol.Problem{Text: "\x1b[31m"}}},
		&protocol.PluginEvent{Event: &protocol.PluginEvent_Alive{}})
	f.Fuzz(func(t *testing.T, order, mode uint8, data []byte) {
		plugin := New(Config{Name: "offline", Log: slog.New(slog.DiscardHandler)})
		defer func() { _ = plugin.Close() }()
		info := &PolicyInfo{Name: "offline", Mode: Rank + Mode(mode%2), Order: ByKey + Order(order%3)}
		o := &offline{terms: &terms{plugin: plugin, name: "plugin.offline", info: info, config: &structpb.Struct{}}}
		s, err := engine.NewSelector(time.Now(), o, engine.Setting{Rand: rand.New(rand.NewPCG(1, 2)), Run: func(f func(time.Time)) { f(time.Now()) }})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		p := o.pool
		l := newLink(p, &session{cfg: plugin.config(), output: newOutput(plugin.config().Log), ctx: t.Context()}, 0, 1)
		l.hang = time.AfterFunc(time.Hour, func() {})
		defer l.hang.Stop()
		p.links[0], p.active, l.epoch = l, l, 1
		var ms []*engine.Member
		for id := range 3 {
			m := &engine.Member{Element: &rserpool.Element{ID: rserpool.ElementID(id + 1)}}
			s.Add(time.Now(), m)
			ms = append(ms, m)
		}
		l.take(time.Now(), true)
		for n := 0; len(data) > 0; n++ {
			size := min(int(data[0]), len(data)-1)
			var e protocol.PluginEvent
			if proto.Unmarshal(data[1:1+size], &e) == nil {
				l.handle(time.Now(), &e)
				l.flood.wait(time.Now(), &e)
			}
			data = data[1+size:]
			switch n % 4 {
			case 1:
				s.Update(time.Now(), ms[n%3])
			case 2:
				s.Failed(time.Now(), ms[n%3], engine.KeepAlive)
			case 3:
				l.take(time.Now(), false)
			}
			if got := s.Select(&engine.Request{Items: 2, Now: time.Now()}, nil); len(got) == 0 {
				t.Fatal("a selection found nobody")
			}
		}
		for _, r := range p.records {
			if r.ranked && !usable(info.Order, &protocol.Rank{Key: r.rank.key, Step: r.rank.step, Weight: r.rank.weight}) {
				t.Fatalf("rank %+v was used", r.rank)
			}
		}
	})
}

// FuzzOutput reads what a plugin writes to its standard files.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("plain\n{\"level\":\"warn\",\"msg\":\"x\",\"a\":1}\npanic: x\ngoroutine 1\n"))
	f.Add([]byte("1|1|unix|/tmp/x|grpc|" + string(bytes.Repeat([]byte("A"), 60)) + "\n"))
	f.Add(bytes.Repeat([]byte("x"), 3*maxLine))
	f.Fuzz(func(t *testing.T, data []byte) {
		o := newOutput(slog.New(slog.DiscardHandler))
		o.read(bytes.NewReader(data))
		if n := len(o.last()); n > maxTail {
			t.Errorf("%d lines kept", n)
		}
		for _, l := range o.last() {
			if len(l) > maxLine {
				t.Errorf("a line of %d bytes", len(l))
			}
		}
		for _, mtls := range []bool{false, true} {
			if line, err := readHandshake(bufio.NewReaderSize(bytes.NewReader(data), maxHandshake), "/nowhere", mtls); err == nil {
				t.Errorf("%q was taken", line)
			}
		}
	})
}

// FuzzDescription reads what a plugin says of itself, and makes a page of it.
func FuzzDescription(f *testing.F) {
	b, err := proto.Marshal(described())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		var r protocol.DescribeReply
		if proto.Unmarshal(data, &r) != nil {
			return
		}
		d, err := describe(&r)
		if err != nil {
			return
		}
		_ = d.Markdown()
		for i := range d.Policies {
			full, wrong := d.Policies[i].Schema.Complete(map[string]any{"x": 1})
			if _, err := asStruct(full); err != nil && len(wrong) == 0 {
				t.Errorf("%v: %v", full, err)
			}
		}
	})
}
