package status_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/status"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite testdata")

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// fixed is a source that never changes.
type fixed struct {
	snapshot status.Snapshot
	unready  atomic.Pointer[error]
	asked    status.Query
}

func (f *fixed) Ready() error {
	if e := f.unready.Load(); e != nil {
		return *e
	}
	return nil
}

func (f *fixed) Status(q status.Query) status.Snapshot {
	f.asked = q
	return f.snapshot
}

var process = status.Process{Role: "registrar", Version: "v1.2.3", Started: time.Unix(1_700_000_000, 0).UTC(), Uptime: 12.5, Ready: true,
	Transport: status.Transport{Associations: 3, PacketsReceived: 100}}

// registrarSnapshot has a value in every field.
func registrarSnapshot() *status.Registrar {
	weight, load := uint32(7), 0.25
	s := &status.Registrar{
		Process: process, ID: 0x0a, Dialect: "deployed", ASAPAddress: "192.0.2.1:3863",
		PoolCount: 1, ElementCount: 2, OwnedCount: 2, Checksum: 0xfffe, Announcing: 1, AssociationCount: 3,
		Counters: status.RegistrarCounters{
			Messages:      []status.MessageCount{{Protocol: "asap", Type: "registration", Direction: "received", Count: 5}},
			Errors:        status.Counts{"unknown pool handle": 1},
			Ignored:       status.Counts{"malformed": 2},
			Registrations: status.Counts{"new": 2, "again": 3, "refused": 0},
			Removals:      status.Counts{"keepalive": 1},
			Resolutions:   status.Counts{"answered": 9},
			KeepAlives:    status.Counts{"sent": 4},
			Reports:       status.Counts{"counted": 1},
			Aborts:        status.Counts{"idle": 1},
			Subscriptions: 1, Updates: 6, Announcements: 12, SubscriptionsRefused: 1,
		},
		Scope: &status.Scope{
			InSync: true, Contacts: 2, Unanswered: 1, Calls: 1,
			Peers: []status.Peer{
				{ID: 0x0b, State: "active", Address: "192.0.2.2:9901", Association: 2, Elements: 3, Checksum: 0x1234, Distance: 50, Audit: status.Audit{State: "agrees"}},
				{ID: 0x0c, State: "inactive", Audit: status.Audit{State: "unknown"}, Takeover: &status.Takeover{By: 0x0a, Attempts: 1, Waiting: []rserpool.RegistrarID{0x0b}}},
			},
			Counters: status.ScopeCounters{
				Peers: status.Counts{"found": 2, "lost": 1}, Ignored: status.Counts{"malformed": 3},
				Takeovers: status.Counts{"begun": 1}, TakenOver: 4, Audits: status.Counts{"resyncs": 5}, Mended: 6,
				Claims: status.Counts{"asked": 7}, Reasserted: 8, Suggestions: status.Counts{"sent": 9}, Heard: 10,
			},
		},
		Pools: []status.Pool{{Handle: "EchoPool", Policy: "least-used", Protocol: "sctp", Control: true, ElementCount: 2,
			Elements: []status.Element{{ID: 1, Home: 0x0a, Transport: "sctp 192.0.2.7:5001", Weight: &weight, Load: &load}}}},
		Next:         &status.Cursor{Handle: "EchoPool", Element: 1},
		Associations: []status.Association{{ID: 1, Endpoint: "asap", Remote: "192.0.2.7:40000", Elements: 2}},
	}
	s.Counters.Steps.Observe(3 * time.Microsecond)
	s.Counters.Steps.Observe(5 * time.Second)
	return s
}

func get(t *testing.T, src status.Source, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	status.Handler(src).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestHealthIsNotReadiness(t *testing.T) {
	src := &fixed{snapshot: &status.Registrar{}}
	why := errors.New("registrar is closing")
	src.unready.Store(&why)
	if code, body := get(t, src, "/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %q", code, body)
	}
	if code, body := get(t, src, "/readyz"); code != 503 || body != "registrar is closing\n" {
		t.Errorf("/readyz: %d %q", code, body)
	}
	src.unready.Store(nil)
	if code, body := get(t, src, "/readyz"); code != 200 || body != "ok\n" {
		t.Errorf("/readyz: %d %q", code, body)
	}
	for _, path := range []string{"/", "/status/x", "/debug/pprof/"} {
		if code, _ := get(t, src, path); code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
}

func TestStatusPassesTheQueryOn(t *testing.T) {
	src := &fixed{snapshot: registrarSnapshot()}
	want := status.Query{Pool: "Echo*", Limit: 20, Associations: 30, After: status.Cursor{Handle: "a/b\x00", Element: 0x11}}
	code, body := get(t, src, "/status?"+want.Values().Encode())
	if code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	if diff := cmp.Diff(want, src.asked); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	var got status.Registrar
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Counters.Steps.Count() != 2 || got.Counters.Steps.Mean() < 2*time.Second {
		t.Errorf("steps: %d of %v", got.Counters.Steps.Count(), got.Counters.Steps.Mean())
	}
	got.Counters.Steps = registrarSnapshot().Counters.Steps
	if diff := cmp.Diff(registrarSnapshot(), &got, cmp.AllowUnexported(status.Histogram{})); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
}

func TestParseQuery(t *testing.T) {
	for _, tc := range []struct{ name, query, want string }{
		{"unknown field", "pol=x", `want pool, limit, associations or after`},
		{"twice", "pool=a&pool=b", "want it once"},
		{"number", "limit=many", "query limit"},
		{"cursor", "after=zz", `want the "next" of an answer`},
		{"cursor without element", "after=4142", `want the "next" of an answer`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := url.ParseQuery(tc.query)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = status.ParseQuery(v); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q in it", err, tc.want)
			}
		})
	}
}

func TestQueryBounds(t *testing.T) {
	for _, tc := range []struct {
		name                   string
		query                  status.Query
		elements, associations int
	}{
		{"zero", status.Query{}, status.DefaultLimit, 0},
		{"none", status.Query{Limit: -1, Associations: -1}, 0, 0},
		{"asked for", status.Query{Limit: 5, Associations: 6}, 5, 6},
		{"too many", status.Query{Limit: 1 << 30, Associations: 1 << 30}, status.MaxLimit, status.MaxLimit},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if e, a := tc.query.ElementLimit(), tc.query.AssociationLimit(); e != tc.elements || a != tc.associations {
				t.Errorf("%d elements, %d associations; want %d, %d", e, a, tc.elements, tc.associations)
			}
		})
	}
}

// TestMetrics keeps the names, types and help texts of all metrics as they are:
// dashboards and alerts depend on them.
func TestMetrics(t *testing.T) {
	hostSnapshot := &status.Host{
		Process: process, RegistrarID: 0x0a, Sessions: 4,
		Elements: []status.HostElement{{Handle: "EchoPool", ID: 1, Registered: true}, {Handle: "EchoPool", ID: 2}},
		Counters: status.HostCounters{
			Registrations: status.Counts{"accepted": 1}, Resolutions: status.Counts{"cached": 2}, Hunts: status.Counts{"succeeded": 1},
			SessionsOpened: status.Counts{"dialled": 5}, Failovers: status.Counts{"succeeded": 1}, FailoverTime: 0.5,
			Cookies: status.Counts{"echoed": 1}, Ignored: status.Counts{"malformed": 1},
		},
	}
	hostSnapshot.Role = "host"
	for name, snapshot := range map[string]status.Snapshot{"registrar": registrarSnapshot(), "host": hostSnapshot} {
		t.Run(name, func(t *testing.T) {
			src := &fixed{snapshot: snapshot}
			_, body := get(t, src, "/metrics")
			if src.asked.ElementLimit() != 0 || src.asked.AssociationLimit() != 0 {
				t.Errorf("metrics ask for elements or associations: %+v", src.asked)
			}
			got := strings.Join(regexp.MustCompile(`(?m)^.*rspool_.*\n`).FindAllString(body, -1), "")
			file := "testdata/metrics_" + name + ".txt"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("metrics differ (-want +got), see -update:\n%s", diff)
			}
			if !strings.Contains(body, "go_goroutines") {
				t.Error("the runtime's metrics are missing")
			}
		})
	}
}

func TestServerStopsInTime(t *testing.T) {
	s, err := status.Listen(status.Config{Address: "127.0.0.1:0", Source: &fixed{snapshot: registrarSnapshot()}, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + s.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()

	// One that says nothing must not hold the server up.
	idle, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	fmt.Fprint(idle, "GET /status HTTP/1.1\r\n")

	start := time.Now()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("Serve took %v to end", d)
	}
}

func TestListenNamesTheRemedy(t *testing.T) {
	_, err := status.Listen(status.Config{Address: "192.0.2.1:http-ish", Source: &fixed{}})
	if err == nil || !strings.Contains(err.Error(), "choose another address or port") {
		t.Errorf("error %v", err)
	}
}

// A command reads what a registrar serves.
func ExampleRegistrar() {
	server := httptest.NewServer(status.Handler(&fixed{snapshot: &status.Registrar{
		ID: 0x0a, PoolCount: 1, ElementCount: 1,
		Pools: []status.Pool{{Handle: "EchoPool", Policy: "round-robin", ElementCount: 1,
			Elements: []status.Element{{ID: 0x11, Home: 0x0a, Transport: "sctp 192.0.2.7:5001"}}}},
	}}))
	defer server.Close()

	q := status.Query{Pool: "Echo*", Limit: 10}
	for more := true; more; {
		res, err := server.Client().Get(server.URL + "/status?" + q.Values().Encode())
		if err != nil {
			panic(err)
		}
		var page status.Registrar
		err = json.NewDecoder(res.Body).Decode(&page)
		res.Body.Close()
		if err != nil {
			panic(err)
		}
		for _, p := range page.Pools {
			for _, e := range p.Elements {
				fmt.Println(p.Handle, e.ID, e.Transport)
			}
		}
		if more = page.Next != nil; more {
			q.After = *page.Next
		}
	}
	// Output: EchoPool 0x00000011 sctp 192.0.2.7:5001
}
