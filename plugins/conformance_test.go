package plugins

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestConformance(t *testing.T) {
	for _, tc := range []struct {
		behaviour string
		ok        bool
		want      []string // lines of the report, contained
	}{
		{"well", true, []string{"ok    starts and describes itself", "policy least", "ranks 10000 elements", "keeps up with churn", "queues 1000 elements", "chooses from 10 elements", "test conforms"}},
		{"exit", false, []string{"FAIL  starts and describes itself", "the prices are nowhere to be found", "test does not conform"}},
		{"nan", false, []string{"FAIL  ranks 1 elements", "ranks that mean nothing"}},
		{"no-ranks", false, []string{"FAIL  ranks 1 elements", "1 of 1 elements have no rank"}},
		{"raw", true, []string{"warn  has a summary", "warn  ends when its host ends"}},
	} {
		t.Run(tc.behaviour, func(t *testing.T) {
			t.Parallel()
			cfg := self(t, tc.behaviour)
			if !tc.ok {
				cfg.StartTimeout = 2 * time.Second // is waited for
			}
			if tc.behaviour == "well" {
				cfg.StopTimeout = 0
				cfg.DirectDeadline = 1e9 // the machine may be busy
			}
			r := Conformance(context.Background(), cfg, nil)
			var b strings.Builder
			if _, err := r.WriteTo(&b); err != nil {
				t.Fatal(err)
			}
			if r.OK() != tc.ok {
				t.Errorf("ok %v, want %v", r.OK(), tc.ok)
			}
			for _, w := range tc.want {
				if !strings.Contains(b.String(), w) {
					t.Errorf("no %q", w)
				}
			}
			if t.Failed() {
				t.Log(b.String())
			}
		})
	}
}

func TestConformanceOfPython(t *testing.T) {
	cfg := inPython(t)
	cfg.DirectDeadline = 1e9
	cfg.StopTimeout = 0
	r := Conformance(context.Background(), cfg, nil)
	if !r.OK() {
		var b strings.Builder
		_, _ = r.WriteTo(&b)
		t.Error(b.String())
	}
}
