package config

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/lua"
	"github.com/rspool/rspool/plugins"
	"github.com/rspool/rspool/registrar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func noEnv(string) (string, bool) { return "", false }

// mustParse parses text that must be good.
func mustParse(t *testing.T, name, text string, opt Options) *Config {
	t.Helper()
	if opt.Env == nil {
		opt.Env = noEnv
	}
	c, err := Parse(name, []byte(text), opt)
	if err != nil {
		t.Fatalf("Parse: %s", explain(err))
	}
	return c
}

// explain writes an error as a person would see it.
func explain(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	var b bytes.Buffer
	if err := e.WriteText(&b, 78, false); err != nil {
		return err.Error()
	}
	return b.String()
}

var comparePrefix = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

var sameZone = cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })

func berlin(t *testing.T) *time.Location {
	t.Helper()
	l, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var ignoreMasks = cmpopts.IgnoreUnexported(Config{})

func TestEveryAttributeReachesItsField(t *testing.T) {
	src, err := os.ReadFile("testdata/full.hcl")
	if err != nil {
		t.Fatal(err)
	}
	got := mustParse(t, "testdata/full.hcl", string(src), Options{})
	want := Default()
	want.Files = []string{"testdata/full.hcl"}
	want.Log = Log{Level: slog.LevelDebug, Format: "json", Source: true}
	want.Telemetry = Telemetry{Listen: "127.0.0.1:9100"}
	want.CSP = CSP{Server: "127.0.0.1:2960", Interval: 2 * time.Second}
	want.Registrar = Registrar{Config: registrar.Config{
		Mode: "udp",
		ID:   0x2f1a93c4, Dialect: rserpool.RFC, Listen: "192.0.2.1", UDPPort: -1,
		HeartbeatInterval: 2 * time.Second, HeartbeatRetries: 4,
		ASAPPort: 5000, ENRPPort: 5001,
		MaxHandleLength: 4096, MaxPools: 10, MaxPoolElements: 20, MaxElements: 200, MaxAssociations: 30,
		MaxItems: 4, MaxIncrement: 2,
		KeepAliveInterval: 500 * time.Millisecond, KeepAliveTimeout: 250 * time.Millisecond,
		MaxBadReports: 5, ReportInterval: 2 * time.Second,
		MinLife: 2 * time.Second, MaxLife: time.Hour, DefaultLife: time.Minute,
		Announce: registrar.AnnounceConfig{Disabled: true, Group: "239.1.2.3:4000", Interface: "eth0", Interval: 3 * time.Second, TTL: 1},
		ENRP: registrar.ENRPConfig{
			Disabled: true, Peers: []string{"192.0.2.2:9901", "192.0.2.3:9901@40001"},
			HeartbeatInterval: time.Second, MaxTimeLastHeard: 3 * time.Second, MaxTimeNoResponse: 2 * time.Second,
			MentorTimeout: 4 * time.Second, TakeoverTimeout: 6 * time.Second, HandoverTimeout: 7 * time.Second,
			Suggest: true, DistanceStep: 10 * time.Millisecond, MaxPeers: 9,
			Announce: registrar.PresenceConfig{Disabled: true, Group: "239.1.2.4:4001", Interface: "eth1", TTL: 2},
		},
		Pools: []registrar.PoolConfig{
			{Pattern: "Echo*", Policy: "builtin.least-used", WirePolicy: rserpool.RoundRobin, MaxItems: 5, MaxIncrement: 3, MaxElements: 7},
			{
				Pattern: "web", Policy: "lua.energy", Fallback: []string{"plugin.greenest", "least-used"}, WhenNone: engine.Empty,
				Tags: map[netip.Prefix]rserpool.Tags{
					netip.MustParsePrefix("192.0.2.0/24"):  {"site": "small", "watts": 90., "spot": true},
					netip.MustParsePrefix("2001:db8::/32"): {"site": "big"},
				},
				Requests: map[netip.Prefix]map[string]string{netip.MustParsePrefix("198.51.100.7/32"): {"region": "eu"}},
				Breaker:  engine.Breaker{Errors: 3, Window: 20 * time.Second, Cooldown: 40 * time.Second},
				Shadow:   "builtin.random", ShadowSample: 0.5,
			},
			{Pattern: "*"},
		},
	}}
	e := &want.Element
	e.Pool, e.ID, e.HostConfig.Mode = "EchoPool", 0x17, "auto"
	e.Policy = rserpool.Policy{Type: rserpool.LeastUsedDegradationDPF, Load: 1 << 31, Degradation: 1 << 30, LoadDPF: 1 << 29, Distance: 20}
	e.Port, e.DataOnly, e.Life, e.Reregister = 5555, true, 90*time.Second, 30*time.Second
	e.RegisterTimeout, e.DeregisterTimeout, e.MaxRegisterAttempts = 4*time.Second, 5*time.Second, 6
	e.LoadInterval, e.Backlog = 50*time.Millisecond, 64
	h := &e.HostConfig
	h.Registrars = []string{"127.0.0.1:3863@40001", "192.0.2.1,[2001:db8::1]:3863"}
	h.Dialect, h.MaxHandleLength = rserpool.RFC, 64
	h.RequestTimeout, h.MaxRequestRetransmit = 7*time.Second, 8
	h.Listen, h.UDPPort, h.HeartbeatInterval, h.HeartbeatRetries = "127.0.0.1", 40000, 3*time.Second, 5
	h.Announcements, h.AnnounceGroup, h.AnnounceInterface, h.AnnounceTimeout = true, "239.0.0.50:3863", "lo", 9*time.Second
	h.HuntTimeout, h.HuntMaxTimeout = 11*time.Second, 12*time.Second
	u := &want.User
	u.Items, u.CacheTime, u.Subscribe = 3, 10*time.Second, true
	u.ConnectTimeout, u.FailoverTimeout, u.FailoverDelay, u.NoFailover = 2*time.Second, -1, 100*time.Millisecond, true
	u.PolicyName, u.Fallback, u.Attributes = "lua.energy", []string{"random"}, map[string]string{"region": "eu"}
	e.Tags = rserpool.Tags{"site": "small", "watts": 90.}
	want.Registrar.PolicyDir, want.Registrar.PluginDir = "/etc/rspool/policies", "/usr/lib/rspool"
	want.Admin = Admin{Disabled: true, Socket: "/run/rspool/full.sock"}
	want.Plugins = []PluginConfig{{Protocol: 1, Config: plugins.Config{
		Name: "carbon", Command: "/usr/lib/rspool/rspool-policy-carbon", Args: []string{"--verbose"},
		Env: map[string]string{"CARBON_ZONE": "DE"}, SHA256: strings.Repeat("9d8a", 16), AllowUnpinned: true,
		Version: ">= 1.2, < 2", NoMTLS: true, User: "nobody", Group: "nogroup", Attach: "unix:/tmp/plugin.sock",
		Limits:       plugins.Limits{AddressSpace: 1 << 30, Files: 11, Processes: 12},
		Restart:      plugins.Restart{BackoffMin: 7 * time.Millisecond, BackoffMax: 8 * time.Second, MaxIn5m: 9},
		StartTimeout: time.Second, StopTimeout: 2 * time.Second, TickInterval: time.Second, TickTimeout: 3 * time.Second,
		RankTTL: 4 * time.Second, RankGrace: 5 * time.Second, DirectDeadline: 6 * time.Millisecond,
	}}}
	want.Policies = []Policy{
		{Kind: Builtin, Name: "least-used"},
		{
			Kind: Lua, Name: "energy", Source: "/etc/rspool/policies/energy.lua", SHA256: strings.Repeat("5f0c", 16),
			Timezone: berlin(t), Limits: lua.Limits{Instructions: 1000, LoadInstructions: 2000, Memory: 1 << 20, String: 2 << 10},
			Config: map[string]any{"max_load": 0.85, "sites": []any{"a", "b"}, "watts": map[string]any{"a": 60., "b": nil}, "name": "x", "strict": true},
		},
		{Kind: Plugin, Name: "greenest", Plugin: "carbon", Offer: "green", Config: map[string]any{"zones": []any{"de", "fr"}}},
	}
	if diff := cmp.Diff(want, got, ignoreMasks, cmpopts.IgnoreUnexported(rserpool.Transport{}, Policy{}, PluginConfig{}, plugins.Config{}), sameZone, comparePrefix); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestNothingMeansDefaults(t *testing.T) {
	for _, tt := range []struct{ name, file, text string }{
		{"an_empty_file", "a.hcl", ""},
		{"comments_alone", "a.hcl", "# nothing\n// at all\n"},
		{"empty_blocks", "a.hcl", "registrar {}\nelement {}\nuser {}\nlog {}\ntelemetry {}\n"},
		{"null_attributes", "a.hcl", "registrar {\n  id = null\n}\n"},
		{"an_empty_json_file", "a.hcl.json", " \n"},
		{"an_empty_object", "a.hcl.json", "{}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := mustParse(t, tt.file, tt.text, Options{})
			want := Default()
			want.Files = []string{tt.file}
			if diff := cmp.Diff(want, got, ignoreMasks); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("no_path", func(t *testing.T) {
		got, err := Load(nil, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Default(), got, ignoreMasks); diff != "" {
			t.Errorf("configuration (-want +got):\n%s", diff)
		}
	})
}

// TestDiagnostics reads each testdata/bad file and compares what a person is told.
func TestDiagnostics(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.hcl*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".golden") {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".hcl"), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(file, src, Options{Env: noEnv, Variables: map[string]string{"given": "x"}})
			if err == nil {
				t.Fatal("the file was accepted")
			}
			got := explain(err)
			golden := file + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("diagnostics (-want +got), rewrite with -update:\n%s", diff)
			}
		})
	}
}

func TestFilesAddUp(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("conf/b.hcl", "pool \"b\" {\n  max_items = local.items\n}\n")
	write("conf/a.hcl", "pool \"a\" {}\nlocals {\n  items = 2\n}\n")
	write("conf/a.hcl.json", `{"pool": {"json": {"max_items": "${local.items + 1}"}}, "log": {"format": "json"}}`)
	write("conf/ignored.txt", "nonsense {")
	write("conf/.hidden.hcl", "nonsense {")
	write("conf/sub/c.hcl", "nonsense {")
	extra := write("extra.hcl", "telemetry {\n  listen = \"127.0.0.1:1\"\n}\n")

	t.Run("folders_then_files_in_order", func(t *testing.T) {
		c, err := Load([]string{filepath.Join(dir, "conf"), extra}, Options{Env: noEnv})
		if err != nil {
			t.Fatal(explain(err))
		}
		var names []string
		for _, f := range c.Files {
			rel, err := filepath.Rel(dir, f)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, filepath.ToSlash(rel))
		}
		if diff := cmp.Diff([]string{"conf/a.hcl", "conf/b.hcl", "conf/a.hcl.json", "extra.hcl"}, names); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		want := []registrar.PoolConfig{{Pattern: "a"}, {Pattern: "b", MaxItems: 2}, {Pattern: "json", MaxItems: 3}}
		if diff := cmp.Diff(want, c.Registrar.Pools); diff != "" {
			t.Errorf("pools (-want +got):\n%s", diff)
		}
		if c.Log.Format != "json" || c.Telemetry.Listen != "127.0.0.1:1" {
			t.Errorf("log %+v, telemetry %+v", c.Log, c.Telemetry)
		}
	})
	second := write("second.hcl", "telemetry {}\n")
	huge := write("huge.hcl", strings.Repeat("# comment\n", 200_000))
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		paths []string
		want  string // in the error
	}{
		{"a_second_block_names_both_places", []string{extra, second}, "the first is at " + extra + ", line 1"},
		{"a_file_named_twice", []string{extra, dir + "/./extra.hcl"}, "is named twice"},
		{"a_file_that_is_missing", []string{filepath.Join(dir, "none.hcl")}, "rspool config init"},
		{"a_folder_without_files", []string{empty}, "holds no *.hcl"},
		{"a_file_that_is_too_large", []string{huge}, "larger than 1 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(tt.paths, Options{Env: noEnv})
			if err == nil {
				t.Fatal("it was accepted")
			}
			if got := strings.Join(strings.Fields(explain(err)), " "); !strings.Contains(got, tt.want) && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q lacks %q", got, tt.want)
			}
		})
	}
}

func TestErrorTellsTheFirstPlaceAndTheCount(t *testing.T) {
	_, err := Parse("x.hcl", []byte("log {\n  level = \"loud\"\n  format = 3\n}\n"), Options{})
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %T %v, want *Error", err, err)
	}
	want := []Diagnostic{
		{Summary: "Unsuitable level", Detail: `"loud" is not one of "debug", "info", "warn", "error".`, File: "x.hcl", Line: 2, Column: 11, Snippet: `level = "loud"`},
		{Summary: "Unsuitable word", Detail: "It is a string in quotation marks, not a number.", File: "x.hcl", Line: 3, Column: 12, Snippet: "format = 3"},
	}
	if diff := cmp.Diff(want, e.Diagnostics()); diff != "" {
		t.Errorf("diagnostics (-want +got):\n%s", diff)
	}
	if got, want := err.Error(), `x.hcl:2,11: Unsuitable level: "loud" is not one of "debug", "info", "warn", "error". (and 1 more)`; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}
