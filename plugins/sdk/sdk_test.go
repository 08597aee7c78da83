package sdk

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/plugins/protocol"
)

func ranks(*Pool) (Ranker, error) { return RankFunc(func(Element) Rank { return Rank{} }), nil }

func TestMistakesAreFound(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Plugin)
		want   string // empty: there is none
	}{
		{"none", func(*Plugin) {}, ""},
		{"the plugin's name", func(p *Plugin) { p.Name = "My Plugin" }, "use lower case and hyphens"},
		{"its version", func(p *Plugin) { p.Version = "1" }, "use three numbers"},
		{"no policies", func(p *Plugin) { p.Policies = nil }, "has no policies"},
		{"a policy's name", func(p *Plugin) { p.Policies[0].Name = "" }, "use lower case and hyphens"},
		{"a policy twice", func(p *Plugin) { p.Policies = append(p.Policies, p.Policies[0]) }, "is there twice"},
		{"no form", func(p *Plugin) { p.Policies[0].Rank = nil }, "it has 0 of Rank, Queue and Choose"},
		{"two forms", func(p *Plugin) { p.Policies[0].Queue = func(*Pool) (Queuer, error) { return nil, nil } }, "it has 2 of"},
		{"an order that is none", func(p *Plugin) { p.Policies[0].Order = 9 }, "Order is for policies that Rank"},
		{"an attribute's name", func(p *Plugin) { p.Policies[0].Config = []Attribute{{Name: "max-load", Type: Number}} }, "use lower case and underscores"},
		{"an attribute without a type", func(p *Plugin) { p.Policies[0].Config = []Attribute{{Name: "a"}} }, "it has no type"},
		{"an attribute twice", func(p *Plugin) {
			p.Policies[0].Config = []Attribute{{Name: "a", Type: Bool}, {Name: "a", Type: Bool}}
		}, `attribute "a" is there twice`},
		{"required with a default", func(p *Plugin) {
			p.Policies[0].Config = []Attribute{{Name: "a", Type: Bool, Required: true, Default: true}}
		}, "drop one"},
		{"a default of no type", func(p *Plugin) {
			p.Policies[0].Config = []Attribute{{Name: "a", Type: Bool, Default: struct{}{}}}
		}, "default"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := Plugin{Name: "test", Version: "1.0.0", Policies: []Policy{{Name: "a", Rank: ranks}}}
			tc.change(&p)
			err := p.check()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestServeByHand is what somebody sees who starts a plugin in a shell.
func TestServeByHand(t *testing.T) {
	if err := Serve(Plugin{Name: "test", Version: "1.0.0", Policies: []Policy{{Name: "a", Rank: ranks}}}); err != nil {
		t.Error(err)
	}
	if err := Serve(Plugin{}); err == nil {
		t.Error("an empty plugin is served")
	}
}

func TestConfigValues(t *testing.T) {
	s, err := structpb.NewStruct(map[string]any{
		"text": "x", "number": 1.5, "yes": true, "wait": "1m30s",
		"texts": []any{"a", "b"}, "numbers": []any{1.0, 2.0},
		"by_text": map[string]any{"a": "b"}, "by_number": map[string]any{"a": 1.0},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := Config(s.AsMap())
	got := []any{
		c.String("text"), c.Number("number"), c.Bool("yes"), c.Duration("wait"), c.Strings("texts"), c.Numbers("numbers"),
		c.StringMap("by_text"), c.NumberMap("by_number"), c.Has("text"), c.Has("nothing"),
		c.String("number"), c.Number("text"), c.Duration("text"), c.Strings("nothing"),
	}
	want := []any{
		"x", 1.5, true, 90 * time.Second, []string{"a", "b"}, []float64{1, 2},
		map[string]string{"a": "b"}, map[string]float64{"a": 1}, true, false,
		"", 0.0, time.Duration(0), []string{},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	var into struct {
		Text   string             `json:"text"`
		Number float64            `json:"number"`
		By     map[string]float64 `json:"by_number"`
	}
	if err := c.Decode(&into); err != nil || into.Text != "x" || into.Number != 1.5 || into.By["a"] != 1 {
		t.Errorf("%+v, %v", into, err)
	}
}

func TestElements(t *testing.T) {
	p := &protocol.Element{
		Id: 7, Load: 0.5, Weight: 3, Distance: 20, Selections: 2, SelectionsTotal: 9, Failures: 1, LastFailure: 1000.5,
		Addresses: []string{"192.0.2.1"}, Transport: "sctp",
		Tags: map[string]*structpb.Value{"zone": structpb.NewStringValue("de"), "rack": structpb.NewNumberValue(4)},
	}
	got := elementOf(p)
	want := Element{
		ID: 7, Load: 0.5, Weight: 3, Distance: 20 * time.Millisecond, Selections: 2, SelectionsTotal: 9, Failures: 1,
		LastFailure: time.UnixMilli(1000500), Addresses: []string{"192.0.2.1"}, Transport: "sctp",
		Tags: map[string]any{"zone": "de", "rack": 4.0},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if n, ok := got.NumberTag("rack"); got.Tag("zone") != "de" || got.Tag("rack") != "" || n != 4 || !ok {
		t.Errorf("tags %v", got.Tags)
	}
}

// TestPoolInTests is how authors test: without a registrar.
func TestPoolInTests(t *testing.T) {
	p := &Pool{Handle: "EchoPool", Config: Config{"a": 1.0}}
	ran := 0
	p.Every(time.Millisecond, func() { ran++ })
	p.Rerank()
	p.Warn("careful")
	p.Fail("broken")
	if p.Context().Err() != nil || len(p.Elements()) != 0 || p.Log() == nil {
		t.Error("a pool without a registrar does not work")
	}
	stale, problems := p.takeNotes()
	if !stale || len(problems) != 2 {
		t.Errorf("stale %v, problems %v", stale, problems)
	}
	if wait := p.runTimers(time.Now().Add(time.Second)); ran != 1 || wait > 10*time.Millisecond {
		t.Errorf("ran %d times, the next in %v", ran, wait)
	}
	r := RankFunc(func(e Element) Rank { return Rank{Key: e.Load} }).Rank([]Element{{ID: 1, Load: 0.1}, {ID: 2, Load: 0.2}})
	if d := cmp.Diff([]Rank{{ID: rserpool.ElementID(1), Key: 0.1}, {ID: 2, Key: 0.2}}, r); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
