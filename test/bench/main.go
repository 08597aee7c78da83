// Command bench runs the project's benchmarks and prints their figures side by
// side: policy by policy, size by size, and against the reference implementation
// where it was measured. It measures nothing itself.
//
//	go run ./test/bench                 everything
//	go run ./test/bench -run Select3    the benchmarks that match
//	go run ./test/bench -o json         the same for machines
//	go run ./test/bench -from FILE      what go test -bench has written before
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// result is one line of go test -bench: its name without "Benchmark" and the
// number of processors, and its values by unit.
type result struct {
	Package string             `json:"package"`
	Name    string             `json:"name"`
	Values  map[string]float64 `json:"values"`
}

func main() {
	pattern := flag.String("run", ".", "benchmarks to run, as for go test -bench")
	length := flag.String("time", "1s", "length of each, as for go test -benchtime")
	format := flag.String("o", "text", "text or json")
	from := flag.String("from", "", "a file with the output of go test -bench, to report instead of running")
	flag.Parse()
	packages := flag.Args()
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	var results []result
	var err error
	if *from != "" {
		results, err = read(*from)
	} else {
		results, err = run(*pattern, *length, packages)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	compare(results)
	if *format == "json" {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(results)
	} else {
		err = report(os.Stdout, results)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run runs the benchmarks one package after another and shows each line on
// standard error as it comes.
func run(pattern, length string, packages []string) ([]result, error) {
	args := append([]string{"test", "-run", "^$", "-bench", pattern, "-benchtime", length, "-benchmem", "-timeout", "0", "-p", "1"}, packages...)
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	results := parse(io.TeeReader(out, os.Stderr))
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("a benchmark failed, see above: %w", err)
	}
	return results, nil
}

func read(name string) ([]result, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parse(f), nil
}

var line = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

func parse(r io.Reader) []result {
	var results []result
	pkg := ""
	s := bufio.NewScanner(r)
	for s.Scan() {
		if p, ok := strings.CutPrefix(s.Text(), "pkg: github.com/rspool/rspool/"); ok {
			pkg = p
		}
		m := line.FindStringSubmatch(s.Text())
		if m == nil {
			continue
		}
		fields := strings.Fields(m[2])
		values := map[string]float64{}
		for i := 0; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				values[fields[i+1]] = v
			}
		}
		results = append(results, result{pkg, m[1], values})
	}
	return results
}

func report(w io.Writer, results []result) error {
	fmt.Fprintf(w, "\n%s, %s/%s, one core unless a line says otherwise\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, g := range []struct{ name, title string }{
		{"Select3", "Selections of 3 elements"},
		{"Register", "Registrations"},
		{"Reregister", "Re-registrations with a changed load"},
		{"Deregister", "Deregistrations"},
	} {
		matrix(w, results, g.name, g.title)
	}
	bytesPerElement(w, results)
	policies(w, results)
	return rest(w, results)
}

// matrix prints a table of policies and sizes, with the ratio to the reference
// behind a figure where there is one.
func matrix(w io.Writer, results []result, name, title string) {
	var rows, columns []string
	cells := map[string]string{}
	for _, r := range results {
		p := strings.Split(r.Name, "/")
		if r.Package != "internal/handlespace" || p[0] != name || len(p) != 3 {
			continue
		}
		if !slices.Contains(rows, p[1]) {
			rows = append(rows, p[1])
		}
		if !slices.Contains(columns, p[2]) {
			columns = append(columns, p[2])
		}
		rate := r.Values["ops/cpu-s"]
		cell := fmt.Sprintf("%.2f", rate/1e6)
		if ratio, ok := r.Values[perReference]; ok {
			cell += fmt.Sprintf(" (%.1fx)", ratio)
		}
		cells[p[1]+"/"+p[2]] = cell
	}
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s, million a second of processor time (in brackets: times the reference)\n", title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "elements\t%s\n", strings.Join(columns, "\t"))
	for _, row := range rows {
		fmt.Fprint(t, row)
		for _, c := range columns {
			fmt.Fprintf(t, "\t%s", cells[row+"/"+c])
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()
}

func bytesPerElement(w io.Writer, results []result) {
	first := true
	for _, r := range results {
		if !strings.HasPrefix(r.Name, "BytesPerElement/") {
			continue
		}
		if first {
			fmt.Fprintf(w, "\nMemory of an element with one IPv4 address (reference: %d bytes)\n", referenceBytes)
			first = false
		}
		v := r.Values["B/element"]
		fmt.Fprintf(w, "%s: %.0f bytes (%.2fx)\n", strings.TrimPrefix(r.Name, "BytesPerElement/"), v, v/referenceBytes)
	}
}

// rest prints what has no table of its own, a line each, package by package.
func rest(w io.Writer, results []result) error {
	pkg := ""
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range results {
		if r.Package == "internal/handlespace" && strings.Count(r.Name, "/") == 2 || strings.HasPrefix(r.Name, "BytesPerElement/") {
			continue
		}
		if r.Package != pkg {
			pkg = r.Package
			fmt.Fprintf(t, "\n%s\t\t\t\n", pkg)
		}
		var extra []string
		for unit, v := range r.Values {
			if unit != "ns/op" && unit != "B/op" && unit != "allocs/op" && !strings.HasPrefix(unit, "times-") {
				extra = append(extra, fmt.Sprintf("%s %s", strconv.FormatFloat(v, 'f', -1, 64), unit))
			}
		}
		slices.Sort(extra)
		fmt.Fprintf(t, "%s\t%.1f ns\t%.0f allocs\t%s\n", r.Name, r.Values["ns/op"], r.Values["allocs/op"], strings.Join(extra, ", "))
	}
	return t.Flush()
}
