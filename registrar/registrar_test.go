package registrar

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/asap"
	"github.com/rspool/rspool/internal/bubble"
	"github.com/rspool/rspool/internal/status"
	"github.com/rspool/rspool/internal/transport"
	"github.com/rspool/rspool/internal/transport/memory"
)

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestElementStaysWhileItAnswers(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		defer b.end()
		live := b.dial(b.host("192.0.2.10"), &peer{})
		mute := b.dial(b.host("192.0.2.11"), &peer{mute: true})
		live.send(registration("Pool", 1, netip.MustParseAddr("192.0.2.10")))
		mute.send(registration("Pool", 2, netip.MustParseAddr("192.0.2.11")))
		time.Sleep(time.Minute)
		user := b.dial(b.host("192.0.2.12"), &peer{})
		user.send(&asap.HandleResolution{Handle: "Pool", Items: 5})
		time.Sleep(time.Second)
		element := registration("Pool", 1, netip.MustParseAddr("192.0.2.10")).Element
		element.Home = 0x0a
		want := []asap.Message{&asap.HandleResolutionResponse{
			Handle:   "Pool",
			Policy:   rserpool.Policy{Type: rserpool.RoundRobin},
			Elements: []rserpool.Element{element},
		}}
		if diff := cmp.Diff(want, user.take(), sameAddr); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
		if mute.ended() {
			t.Error("the association was ended because of one element's silence")
		}
	})
}

func TestDeadElementsGoWithTheirAssociation(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		defer b.end()
		h := b.host("192.0.2.10")
		p := b.dial(h, &peer{})
		for id := range rserpool.ElementID(100) {
			p.send(registration("Pool", id+1, h.IP()))
		}
		time.Sleep(time.Second)
		if n := b.reg.snapshot(status.Query{}).ElementCount; n != 100 {
			t.Fatalf("%d elements are registered, want 100", n)
		}
		h.Kill()
		time.Sleep(30 * time.Second)
		s := b.reg.snapshot(status.Query{})
		if s.ElementCount != 0 || s.PoolCount != 0 || s.AssociationCount != 0 || s.Checksum != 0xffff {
			t.Errorf("left over: %d elements, %d pools, %d associations, checksum 0x%04x", s.ElementCount, s.PoolCount, s.AssociationCount, s.Checksum)
		}
	})
}

func TestThousandElementsStayForFiveMinutes(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		defer b.end()
		h := b.host("192.0.2.10")
		p := b.dial(h, &peer{})
		const n = 1000
		for id := range rserpool.ElementID(n) {
			p.send(registration("Pool", id+1, h.IP()))
		}
		time.Sleep(5 * time.Minute)
		s := b.reg.snapshot(status.Query{Limit: 1})
		if s.ElementCount != n || s.Counters.KeepAlives["silent"] != 0 || s.Counters.KeepAlives["answered"] < 50*n {
			t.Errorf("%d elements are registered, keep-alives %v", s.ElementCount, s.Counters.KeepAlives)
		}
		for id := range rserpool.ElementID(n) {
			p.send(&asap.Deregistration{Handle: "Pool", Element: id + 1})
		}
		time.Sleep(time.Second)
		if s := b.reg.snapshot(status.Query{}); s.ElementCount != 0 || s.Counters.Removals["deregistered"] != n {
			t.Errorf("%d elements are left, removals %v", s.ElementCount, s.Counters.Removals)
		}
	})
}

func TestPeerThatDoesNotReadIsAborted(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		defer b.end()
		b.net.Set(memory.Conditions{Delay: time.Millisecond, SendBuffer: 4096})
		good := b.dial(b.host("192.0.2.10"), &peer{})
		good.send(registration("Pool", 1, netip.MustParseAddr("192.0.2.10")))
		bad := b.dial(b.host("192.0.2.11"), &peer{block: make(chan struct{})})
		for range 200 {
			err := bad.a.Send(transport.Message{PPID: asap.PPID, Payload: asap.Append(nil, &asap.HandleResolution{Handle: "Pool"})})
			if err != nil && !errors.Is(err, transport.ErrBackpressure) {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(20 * time.Second)
		s := b.reg.snapshot(status.Query{})
		if s.Counters.Aborts["not-reading"] != 1 || s.AssociationCount != 1 || s.ElementCount != 1 {
			t.Errorf("aborts %v, %d associations, %d elements; want one abort, and the other peer untouched",
				s.Counters.Aborts, s.AssociationCount, s.ElementCount)
		}
		close(bad.block)
	})
}

func TestPeerThatReadsAgainIsServedAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		defer b.end()
		b.net.Set(memory.Conditions{Delay: time.Millisecond, SendBuffer: 1024})
		p := b.dial(b.host("192.0.2.10"), &peer{block: make(chan struct{})})
		for range 100 {
			p.send(&asap.HandleResolution{Handle: "Pool"})
			time.Sleep(10 * time.Millisecond)
		}
		close(p.block)
		time.Sleep(time.Second)
		p.take()
		p.send(&asap.HandleResolution{Handle: "Pool"})
		time.Sleep(10 * time.Second)
		want := []asap.Message{&asap.HandleResolutionResponse{Handle: "Pool", Error: rserpool.Fail(rserpool.UnknownPoolHandle)}}
		if diff := cmp.Diff(want, p.take(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
		if p.ended() {
			t.Error("the association was ended although the peer reads")
		}
	})
}

func TestServeClosesAssociationsInOrder(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		p := b.dial(b.host("192.0.2.10"), &peer{})
		time.Sleep(2 * time.Second) // in which no other registrar is found
		if err := b.reg.Ready(); err != nil {
			t.Errorf("Ready: %v", err)
		}
		b.end()
		if err := b.reg.Ready(); err == nil {
			t.Error("Ready returns nil after the end")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if diff := cmp.Diff([]transport.EventKind{transport.Up, transport.Closed}, p.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if err := b.reg.Serve(t.Context()); !errors.Is(err, ErrServed) {
			t.Errorf("second Serve: %v, want %v", err, ErrServed)
		}
	})
}

func TestServeEndsThoughAPeerDoesNotAnswer(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		h := b.host("192.0.2.10")
		b.dial(h, &peer{})
		h.Kill()
		start := time.Now()
		b.end()
		if d := time.Since(start); d > 2*drainTime {
			t.Errorf("Serve took %v to end", d)
		}
	})
}

func TestAnnouncements(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		listener := b.host("192.0.2.20")
		var mu sync.Mutex
		var from []string
		_, err := listener.Join(transport.GroupConfig{Group: asap.DeployedGroup, Receive: func(src netip.AddrPort, payload []byte) {
			msg, _, err := asap.Parse(payload)
			if a, ok := msg.(*asap.ServerAnnounce); err != nil || !ok || a.Sender != 0x0a || len(a.Transports) != 0 {
				t.Errorf("heard %v, %v", msg, err)
			}
			mu.Lock()
			defer mu.Unlock()
			from = append(from, src.String())
		}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		b.end()
		mu.Lock()
		n := len(from)
		mu.Unlock()
		if n < 50 || n > 70 || from[0] != "192.0.2.1:3863" {
			t.Errorf("%d announcements in a minute from %s, want about 60 from 192.0.2.1:3863", n, from[0])
		}
		time.Sleep(time.Minute)
		if len(from) != n {
			t.Error("announcements go on after the end")
		}
	})
}

func TestConfigurationErrors(t *testing.T) {
	net := memory.New(1)
	host := net.Host(netip.MustParseAddr("192.0.2.1"))
	for _, tc := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"unknown policy", Config{Pools: []PoolConfig{{Pattern: "*", Policy: "least-usd"}}}, `did you mean "least-used"`},
		{"ambiguous pools", Config{Pools: []PoolConfig{{Pattern: "a*b"}, {Pattern: "a*b"}}}, "configured twice"},
		{"port out of range", Config{ASAPPort: 70000}, "ASAP port 70000"},
		{"group is not multicast", Config{Announce: AnnounceConfig{Group: "192.0.2.1:1"}}, "multicast"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.cfg.Door, tc.cfg.Log = host, quiet
			_, err := New(tc.cfg)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("New: %v, want %q in it", err, tc.want)
			}
		})
	}
	if r, err := New(Config{Door: host, Log: quiet}); err != nil {
		t.Errorf("the port is still taken: %v", err)
	} else if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := New(Config{Listen: "nowhere", Log: quiet}); err == nil || !strings.Contains(err.Error(), "IP address") {
		t.Errorf("New: %v", err)
	}
}

func TestStatusPages(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		defer b.end()
		h := b.host("192.0.2.10")
		p := b.dial(h, &peer{})
		for _, pool := range []rserpool.Handle{"Alpha", "Beta", "Gamma"} {
			for id := range rserpool.ElementID(10) {
				r := registration(pool, id+1, h.IP())
				r.Element.Policy = rserpool.Policy{Type: rserpool.LeastUsed, Load: rserpool.LoadOf(0.5)}
				p.send(r)
			}
		}
		p.send(&asap.Unreachable{Handle: "Beta", Element: 3})
		time.Sleep(time.Second)

		got := map[string][]rserpool.ElementID{}
		q := status.Query{Limit: 7, Associations: 10}
		for pages := 0; ; pages++ {
			s := b.reg.snapshot(q)
			if s.PoolCount != 3 || s.ElementCount != 30 || s.OwnedCount != 30 || len(s.Associations) != 1 || s.Associations[0].Elements != 30 {
				t.Fatalf("snapshot %+v", s)
			}
			for _, pool := range s.Pools {
				for _, e := range pool.Elements {
					got[pool.Handle] = append(got[pool.Handle], e.ID)
				}
			}
			if s.Next == nil {
				if pages != 4 {
					t.Errorf("%d pages, want 5", pages+1)
				}
				break
			}
			text, _ := s.Next.MarshalText()
			if err := q.After.UnmarshalText(text); err != nil {
				t.Fatal(err)
			}
		}
		ten := []rserpool.ElementID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
		if diff := cmp.Diff(map[string][]rserpool.ElementID{"Alpha": ten, "Beta": ten, "Gamma": ten}, got); diff != "" {
			t.Errorf("elements (-want +got):\n%s", diff)
		}

		s := b.reg.snapshot(status.Query{Pool: "B*"})
		if len(s.Pools) != 1 || s.Pools[0].Handle != "Beta" || s.Pools[0].ElementCount != 10 {
			t.Fatalf("pools %+v", s.Pools)
		}
		e := s.Pools[0].Elements[2]
		half := 0.5
		want := status.Element{ID: 3, Home: 0x0a, Transport: "sctp 192.0.2.10:5001", Load: &half, Association: e.Association, Reports: 1, Failures: 1,
			Registered: e.Registered, Updated: e.Registered, Heard: e.Heard, Expires: e.Registered.Add(time.Hour)}
		if diff := cmp.Diff(want, e); diff != "" {
			t.Errorf("element (-want +got):\n%s", diff)
		}
	})
}

func TestStatusOverHTTP(t *testing.T) {
	r, err := New(Config{Door: memory.New(1).Host(netip.MustParseAddr("192.0.2.1")), ID: 0x0a, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	handler := status.Handler(r)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	if w := get("/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), "does not serve yet") {
		t.Errorf("/readyz: %d %s", w.Code, w.Body)
	}
	var s status.Registrar
	if err := json.Unmarshal(get("/status").Body.Bytes(), &s); err != nil || s.ID != 0x0a || s.ASAPAddress != r.Address().String() {
		t.Errorf("/status: %+v, %v", s, err)
	}
	if w := get("/status?pool="); w.Code != 200 {
		t.Errorf("/status?pool=: %d", w.Code)
	}
	if w := get("/status?unknown=1"); w.Code != 400 {
		t.Errorf("/status?unknown=1: %d", w.Code)
	}
	metrics := get("/metrics").Body.String()
	for _, want := range []string{"rspool_elements 0\n", `rspool_registrations_total{outcome="new"} 0`, `rspool_build_info{role="registrar"`, "rspool_step_duration_seconds_count 0"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %q:\n%s", want, metrics)
		}
	}
}

func Example() {
	r, err := New(Config{Door: memory.New(1).Host(netip.MustParseAddr("192.0.2.1")), ID: 0x0a, Log: quiet})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // usually by a signal
	if err := r.Serve(ctx); err != nil {
		panic(err)
	}
	// Output:
}
