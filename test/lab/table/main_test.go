package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const lines = `{"table":"topic","row":"rspool rsplib rspool","column":"kill","result":"ok"}
{"table":"service","row":"rsplib rsplib rspool","column":"echo","result":"FAIL"}
{"table":"service","row":"rspool rsplib rspool","column":"echo","result":"ok"}
{"table":"service","row":"rspool rsplib rspool","column":"echo","result":"FAIL"}
{"table":"service","row":"rspool rsplib rspool","column":"chargen","result":"it refuses"}
{"table":"service","row":"rsplib rsplib rspool","column":"chargen","result":"it refuses"}
`

const tables = `### Services

| registrar, element, user | echo | chargen |
| --- | --- | --- |
| rsplib, rsplib, rspool | FAIL | (1) |
| rspool, rsplib, rspool | FAIL | (1) |

### ASAP

| registrar, element, user | kill |
| --- | --- |
| rspool, rsplib, rspool | ok |

1. it refuses

`

func TestTablesArePrintedAndPutIntoThePage(t *testing.T) {
	dir := t.TempDir()
	cells, page := filepath.Join(dir, "cells.jsonl"), filepath.Join(dir, "page.md")
	write(t, cells, lines)
	write(t, page, "# Page\n"+begin+"old\n"+end+"below\n")
	var out strings.Builder
	if err := run(&out, page, []string{cells, filepath.Join(dir, "none.jsonl")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tables, out.String()); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("# Page\n"+begin+"\n"+tables+end+"below\n", string(b)); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestPageWithoutMarkersIsLeftAlone(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	write(t, page, "# Page\n")
	if err := run(&strings.Builder{}, page, nil); err == nil {
		t.Error("no error")
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
