package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/plugins"
	"github.com/rspool/rspool/plugins/sdk"
)

func write(t *testing.T, file, text string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestGreenest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures.csv")
	now := time.Unix(10_000, 0)
	write(t, file, "DE,400\nSE,100\nXX,200\n", now)
	g, err := open(&sdk.Pool{Config: sdk.Config{"file": file, "refresh": "30s", "max_age": "1h", "importance": 0.5}}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	keys := func() map[rserpool.ElementID]float64 {
		m := map[rserpool.ElementID]float64{}
		for _, r := range g.Rank([]sdk.Element{
			{ID: 1, Load: 0.25, Tags: map[string]any{"zone": "DE"}},
			{ID: 2, Load: 0.75, Tags: map[string]any{"zone": "SE"}},
			{ID: 3, Load: 0.5},
		}) {
			m[r.ID] = r.Key
		}
		return m
	}
	expect := func(when string, want map[rserpool.ElementID]float64) {
		t.Helper()
		if d := cmp.Diff(want, keys()); d != "" {
			t.Errorf("%s (-want +got):\n%s", when, d)
		}
	}
	expect("at first", map[rserpool.ElementID]float64{1: 0.625, 2: 0.5, 3: 0.5})

	now = now.Add(time.Minute)
	write(t, file, "DE,100\nSE,400\n", now)
	g.look()
	expect("after a change", map[rserpool.ElementID]float64{1: 0.25, 2: 0.875, 3: 0.75})

	now = now.Add(time.Minute)
	write(t, file, "DE,cheap\n", now)
	g.look()
	expect("after nonsense", map[rserpool.ElementID]float64{1: 0.25, 2: 0.875, 3: 0.75})
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	g.look()
	expect("without the file", map[rserpool.ElementID]float64{1: 0.25, 2: 0.875, 3: 0.75})

	now = now.Add(2 * time.Hour)
	g.look()
	expect("with figures that are too old", map[rserpool.ElementID]float64{1: 0.25, 2: 0.75, 3: 0.5})
}

func TestRead(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "# zone, figure\n", "has no figures"},
		{"no number", "DE,x\n", `line 1: "x" is no figure`},
		{"a negative one", "SE,1\nDE,-1\n", `line 2: "-1" is no figure`},
		{"not a number", "DE,NaN\n", "is no figure"},
		{"three fields", "DE,1,2\n", "wrong number of fields"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "figures.csv")
			write(t, file, tc.text, time.Now())
			if _, err := read(file); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestConformance builds the program and has it do what a registrar expects.
func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	program := filepath.Join(t.TempDir(), "carbon")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	figures, err := filepath.Abs("figures.csv")
	if err != nil {
		t.Fatal(err)
	}
	r := plugins.Conformance(context.Background(), plugins.Config{Name: "carbon", Command: program}, map[string]map[string]any{
		"greenest": {"file": figures, "max_age": "100000h"},
	})
	if !r.OK() {
		var b strings.Builder
		_, _ = r.WriteTo(&b)
		t.Error(b.String())
	}
}
