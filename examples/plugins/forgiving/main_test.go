package main

import (
	"context"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/plugins"
	"github.com/rspool/rspool/plugins/sdk"
)

func TestPenaltiesFade(t *testing.T) {
	now := time.Unix(1000, 0)
	f := open(&sdk.Pool{Config: sdk.Config{"penalty": 0.4, "half_life": "1m"}}, func() time.Time { return now })
	for _, step := range []struct {
		name     string
		after    time.Duration
		failures uint32
		want     float64
	}{
		{"nobody complained", 0, 0, 0.25},
		{"a failure", time.Second, 1, 0.65},
		{"a half-life later", time.Minute, 1, 0.45},
		{"another failure", 0, 2, 0.85},
		{"long after", time.Hour, 2, 0.25},
		{"a third one", 0, 3, 0.65},
		{"it left and came back", 0, 0, 0.65},
	} {
		now = now.Add(step.after)
		ranks := f.Rank([]sdk.Element{{ID: 7, Load: 0.25, Degradation: 0.1, Failures: step.failures}})
		if len(ranks) != 1 || ranks[0].ID != rserpool.ElementID(7) || ranks[0].Step != 0.1 || math.Abs(ranks[0].Key-step.want) > 1e-9 {
			t.Errorf("%s: %+v, want the key %g", step.name, ranks, step.want)
		}
	}
}

// TestConformance builds the program and has it do what a registrar expects.
func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	program := filepath.Join(t.TempDir(), "forgiving")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r := plugins.Conformance(context.Background(), plugins.Config{Name: "forgiving", Command: program}, nil)
	if !r.OK() {
		var b strings.Builder
		_, _ = r.WriteTo(&b)
		t.Error(b.String())
	}
}
