package plugins

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/rspool/rspool/plugins/protocol"
)

// described is what a plugin with one of everything says.
func described() *protocol.DescribeReply {
	return &protocol.DescribeReply{
		Name: "carbon", Version: "1.2.3", Summary: "prefers elements where the grid is green", Revision: 1,
		Policies: []*protocol.PolicyInfo{
			{
				Name: "greenest", Summary: "the least carbon", Mode: protocol.Mode_RANK, Order: protocol.Order_KEY,
				Needs: []protocol.Field{protocol.Field_LOAD, protocol.Field_TAGS}, Tags: []string{"zone"}, Deterministic: true,
				Schema: &protocol.ConfigSchema{Attributes: []*protocol.Attribute{
					{Name: "file", Type: protocol.Attribute_FILE, Required: true, Help: "Where the figures are."},
					{Name: "refresh", Type: protocol.Attribute_DURATION, Default: structpb.NewStringValue("30s"), Help: "How often it is read."},
					{Name: "unknown", Type: protocol.Attribute_STRING, OneOf: []string{"last", "middle"}, Default: structpb.NewStringValue("last"), Help: "Where zones go that are not in the file."},
					{Name: "scale", Type: protocol.Attribute_NUMBER, Minimum: proto.Float64(0), Maximum: proto.Float64(10), Help: "A | in a text, and <b>markup</b>."},
					{Name: "zones", Type: protocol.Attribute_MAP_OF_NUMBERS, Help: "Figures by zone."},
				}},
			},
			{Name: "try", Mode: protocol.Mode_DIRECT},
		},
	}
}

func TestMarkdown(t *testing.T) {
	d, err := describe(described())
	if err != nil {
		t.Fatal(err)
	}
	got := d.Markdown()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("testdata/carbon.md", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/carbon.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("UPDATE=1 writes it anew (-want +got):\n%s", diff)
	}
}

func TestDescriptionsAreChecked(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*protocol.DescribeReply)
		want   string
	}{
		{"no version", func(r *protocol.DescribeReply) { r.Version = "one" }, `version is "one"`},
		{"too many policies", func(r *protocol.DescribeReply) {
			for range maxPolicies {
				r.Policies = append(r.Policies, r.Policies[0])
			}
		}, "offers 66 policies"},
		{"a policy twice", func(r *protocol.DescribeReply) { r.Policies[1].Name = "greenest" }, "there twice"},
		{"a policy without a name", func(r *protocol.DescribeReply) { r.Policies[1].Name = "" }, "has no name"},
		{"no mode", func(r *protocol.DescribeReply) { r.Policies[0].Mode = 0 }, "mode 0"},
		{"a negative mode", func(r *protocol.DescribeReply) { r.Policies[0].Mode = -255 }, "mode -255"},
		{"an order of the future", func(r *protocol.DescribeReply) { r.Policies[0].Order = 257 }, "order 257"},
		{"a field of the future", func(r *protocol.DescribeReply) { r.Policies[0].Needs = []protocol.Field{500} }, "field 500"},
		{"an empty tag", func(r *protocol.DescribeReply) { r.Policies[0].Tags = []string{""} }, `tag ""`},
		{"too many tags", func(r *protocol.DescribeReply) { r.Policies[0].Tags = make([]string, maxTags+1) }, "needs 65 tags"},
		{"an attribute without a name", func(r *protocol.DescribeReply) { r.Policies[0].Schema.Attributes[0].Name = "A-b" }, `attribute "A-b"`},
		{"an attribute twice", func(r *protocol.DescribeReply) { r.Policies[0].Schema.Attributes[1].Name = "file" }, `attribute "file" twice`},
		{"an attribute of no type", func(r *protocol.DescribeReply) { r.Policies[0].Schema.Attributes[0].Type = 256 }, "of type 256"},
		{"a default that does not fit", func(r *protocol.DescribeReply) {
			r.Policies[0].Schema.Attributes[1].Default = structpb.NewStringValue("soon")
		}, `it is "soon", and must be a duration`},
		{"too many attributes", func(r *protocol.DescribeReply) {
			r.Policies[0].Schema.Attributes = make([]*protocol.Attribute, maxAttributes+1)
		}, "257 attributes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := described()
			tc.change(r)
			if _, err := describe(r); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestCheckVersion(t *testing.T) {
	for _, tc := range []struct {
		constraint, of string
		want           string // empty: satisfied
	}{
		{">= 1.2", "1.2.0", ""},
		{">= 1.2, < 2", "1.9.9-beta+7", ""},
		{">= 1.2, < 2", "2.0.0", "its version is 2.0.0, wanted is >= 1.2, < 2"},
		{"1.2.3", "1.2.3", ""},
		{"=1.2.3", "v1.2.3", ""},
		{"!= 1.2.3", "1.2.3", "wanted is != 1.2.3"},
		{"> 1, <= 3", "3.0.0", ""},
		{"> 3", "3.0.0", "wanted"},
		{"~> 1.2", "1.2.0", "constraint"},
		{"=> 1.2", "1.2.0", "use =, !=, <, <=, > or >="},
		{"", "1.2.0", "constraint"},
		{">= 1.2.3.4", "1.2.0", "more than three numbers"},
		{">= 1", "x", `version "x"`},
	} {
		err := CheckVersion(tc.constraint, tc.of)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%q of %q: got %v, want %q", tc.constraint, tc.of, err, tc.want)
		}
	}
}

func TestSchemaComplete(t *testing.T) {
	d, err := describe(described())
	if err != nil {
		t.Fatal(err)
	}
	s := d.Policies[0].Schema
	for _, tc := range []struct {
		name   string
		config map[string]any
		want   map[string]any
		wrong  []string
	}{
		{"the least", map[string]any{"file": "/x"}, map[string]any{"file": "/x", "refresh": "30s", "unknown": "last"}, nil},
		{"a null is as if absent", map[string]any{"file": "/x", "refresh": nil, "unknown": "middle"}, map[string]any{"file": "/x", "refresh": "30s", "unknown": "middle"}, nil},
		{"numbers of any kind", map[string]any{"file": "/x", "refresh": "1m", "unknown": "last", "scale": 3, "zones": map[string]float64{"de": 1}},
			map[string]any{"file": "/x", "refresh": "1m", "unknown": "last", "scale": 3.0, "zones": map[string]any{"de": 1.0}}, nil},
		{"all wrong at once", map[string]any{"refresh": 5, "unknown": "first", "scale": 11, "zones": map[string]any{"de": "much"}}, nil, []string{
			`attribute refresh: it must be a duration as in "1m30s"; How often it is read.`,
			"attribute scale: it is 11, and must be at most 10; A | in a text, and <b>markup</b>.",
			`attribute unknown: it is "first", and must be one of last, middle; Where zones go that are not in the file.`,
			"attribute zones: it must be a map(number); Figures by zone.",
			"attribute file: it is required; Where the figures are.",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, wrong := s.Complete(tc.config)
			var texts []string
			for _, w := range wrong {
				texts = append(texts, w.Error())
			}
			if diff := cmp.Diff(tc.wrong, texts); diff != "" {
				t.Errorf("remarks (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, got); tc.want != nil && diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}
