package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// way is one way to have the same policy: least used with degradation.
type way struct {
	title string
	row   string // of benchmarks, whose names end in the number of elements
	base  string // the built-in policy at the same work
}

var ways = []way{
	{"built in", "LuaSelect/builtin", "LuaSelect/builtin"},
	{"Lua, compiled", "LuaSelect/compiled", "LuaSelect/builtin"},
	{"Lua, interpreted", "LuaSelect/vm", "LuaSelect/builtin"},
	{"plugin that ranks", "PluginSelect/rank", "PluginSelect/builtin"},
}

// perBuiltin and perReference are the units of ratios that this program adds to what
// was measured.
const (
	perBuiltin   = "times-builtin"
	perReference = "times-reference"
)

// compare adds the ratios to the results.
func compare(results []result) {
	rates := map[string]float64{}
	for _, r := range results {
		rates[r.Name] = r.Values["ops/cpu-s"]
	}
	for _, r := range results {
		rate := r.Values["ops/cpu-s"]
		if ref := reference[r.Name]; ref > 0 {
			r.Values[perReference] = rate / 1e3 / ref
		}
		for _, w := range ways {
			size, ok := strings.CutPrefix(r.Name, w.row+"/")
			if base := rates[w.base+"/"+size]; ok && base > 0 {
				r.Values[perBuiltin] = rate / base
			}
		}
	}
}

// policies prints the ways side by side.
func policies(w io.Writer, results []result) {
	found := map[string]result{}
	for _, r := range results {
		found[r.Name] = r
	}
	sizes := []string{"10", "1000", "10000"}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	title := "\nSelections of one element by least used with degradation, million a second of processor time\n" +
		"(in brackets: times the built-in policy at the same work)\nelements\t10\t1,000\t10,000\n"
	for _, way := range ways {
		if _, ok := found[way.row+"/1000"]; !ok {
			continue
		}
		fmt.Fprint(t, title, way.title)
		title = ""
		for _, size := range sizes {
			v := found[way.row+"/"+size].Values
			fmt.Fprintf(t, "\t%.2f (%.2fx)", v["ops/cpu-s"]/1e6, v[perBuiltin])
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()
	goals(w, found)
}

// goal is a figure that the project promises.
type goal struct {
	title   string
	name    string // of the benchmark
	unit    string
	scale   float64
	bound   float64
	atLeast bool // the bound is below
}

var promised = []goal{
	{"compiled Lua at 1,000 elements, times the built-in", "LuaSelect/compiled/1000", perBuiltin, 1, 1. / 2, true},
	{"interpreted Lua at 1,000, million selections a second", "LuaSelect/vm/1000", "ops/cpu-s", 1e-6, 1.5, true},
	{"plugin at 1,000 elements, times the built-in", "PluginSelect/rank/1000", perBuiltin, 1, 1 / 1.5, true},
	{"new rank of one element of 1,000 by a plugin, ms", "PluginRerankOne/mtls=true/1000", "ns/op", 1e-6, 0.5, false},
	{"1,000 pools with a compiled Lua policy each, MiB", "LuaPools/compiled", "MiB", 1, 40, false},
	{"1,000 pools with an interpreted Lua policy each, MiB", "LuaPools/interpreted", "MiB", 1, 40, false},
}

// goals prints what was promised beside what was measured.
func goals(w io.Writer, found map[string]result) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	title := "\ngoals\tgoal\tmeasured\t\n"
	for _, g := range promised {
		r, ok := found[g.name]
		if !ok {
			continue
		}
		sign, v := "<", r.Values[g.unit]*g.scale
		if g.atLeast {
			sign = ">"
		}
		verdict := "missed"
		if g.atLeast == (v > g.bound) {
			verdict = "met"
		}
		fmt.Fprintf(t, "%s%s\t%s %.3g\t%.3g\t%s\n", title, g.title, sign, g.bound, v, verdict)
		title = ""
	}
	_ = t.Flush()
}
