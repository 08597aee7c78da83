package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDiagnosticsLeaveTheTerminalAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.hcl")
	text := "pool \"\x1b[31mred\u0085*\" {\n  policy = \"no\x07such\" # \xff\x1b]0;title\x07\n}\nélan = 1\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load([]string{file}, Options{})
	e, ok := err.(*Error)
	if !ok {
		t.Fatalf("error %v", err)
	}
	var out bytes.Buffer
	if err := e.WriteText(&out, 0, false); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }); i >= 0 {
		t.Errorf("a control character at %d of\n%q", i, out.String())
	}
	if !strings.Contains(out.String(), "élan") {
		t.Errorf("what is harmless was changed:\n%s", out.String())
	}
}
