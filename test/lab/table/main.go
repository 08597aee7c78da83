// Command table prints what the lab's tests have found as tables of Markdown: which
// registrar, element and user of which implementation go together. It judges nothing
// itself and runs nothing.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// cell is one field of a table, as the tests write it.
type cell struct {
	Table  string `json:"table"`
	Row    string `json:"row"`
	Column string `json:"column"`
	Result string `json:"result"` // "ok", "FAIL" or a reason
}

func main() {
	docs := flag.String("docs", "", "`FILE` to write the tables to, between its markers")
	flag.Parse()
	if err := run(os.Stdout, *docs, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, docs string, files []string) error {
	var cells []cell
	for _, name := range files {
		read, err := readCells(name)
		if err != nil {
			return err
		}
		cells = append(cells, read...)
	}
	text := render(cells)
	if _, err := io.WriteString(w, text); err != nil || docs == "" {
		return err
	}
	old, err := os.ReadFile(docs)
	if err != nil {
		return err
	}
	page, err := replace(old, text)
	if err != nil {
		return fmt.Errorf("%s: %w", docs, err)
	}
	return os.WriteFile(docs, page, 0o644)
}

// readCells reads a file of one cell a line. A file that is not there has none.
func readCells(name string) ([]cell, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var cells []cell
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		var c cell
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		cells = append(cells, c)
	}
	return cells, nil
}

// The begin and the end of what is generated in a page.
const (
	begin = "<!-- the lab's results: make lab-docs -->\n"
	end   = "<!-- end of the lab's results -->\n"
)

// replace puts the tables between the markers of a page.
func replace(page []byte, text string) ([]byte, error) {
	head, rest, ok := bytes.Cut(page, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return nil, errors.New("the markers of the results are missing: put them back")
	}
	return slices.Concat(head, []byte(begin), []byte("\n"), []byte(text), []byte(end), tail), nil
}

// headings are the first columns of the tables, in the order in which they are shown.
var headings = []struct{ table, title, first string }{
	{"service", "Services", "registrar, element, user"},
	{"topic", "ASAP", "registrar, element, user"},
	{"enrp", "ENRP", "registrars"},
	{"path", "A network is cut", "registrar, element, user"},
}

// render writes the tables and, below them, the reasons that their cells refer to.
func render(cells []cell) string {
	var b strings.Builder
	var reasons []string
	for _, h := range headings {
		var rows, columns []string
		results := map[[2]string]string{}
		for _, c := range cells {
			if c.Table != h.table {
				continue
			}
			add(&rows, c.Row)
			add(&columns, c.Column)
			if at := [2]string{c.Row, c.Column}; worse(c.Result, results[at]) {
				results[at] = c.Result
			}
		}
		if rows == nil {
			continue
		}
		slices.SortFunc(rows, func(x, y string) int { return cmp.Compare(x, y) })
		fmt.Fprintf(&b, "### %s\n\n| %s | %s |\n|%s\n", h.title, h.first, strings.Join(columns, " | "), strings.Repeat(" --- |", 1+len(columns)))
		for _, row := range rows {
			fmt.Fprintf(&b, "| %s |", strings.ReplaceAll(row, " ", ", "))
			for _, column := range columns {
				fmt.Fprintf(&b, " %s |", show(results[[2]string{row, column}], &reasons))
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
	}
	for i, r := range reasons {
		fmt.Fprintf(&b, "%d. %s\n", i+1, r)
	}
	if reasons != nil {
		b.WriteString("\n")
	}
	return b.String()
}

// add appends a word unless it is there.
func add(words *[]string, word string) {
	if !slices.Contains(*words, word) {
		*words = append(*words, word)
	}
}

// worse tells whether a result displaces one of the same cell.
func worse(result, than string) bool {
	return than == "" || than == "ok" || result == "FAIL"
}

// show is what stands in a cell: a reason stands below the tables.
func show(result string, reasons *[]string) string {
	switch result {
	case "":
		return "-"
	case "ok", "FAIL":
		return result
	}
	add(reasons, result)
	return fmt.Sprintf("(%d)", slices.Index(*reasons, result)+1)
}
