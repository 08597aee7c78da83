package lua

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamplePolicies runs the tests that the examples bring along.
func TestExamplePolicies(t *testing.T) {
	files, err := filepath.Glob("../examples/policies/*.lua")
	if err != nil || len(files) != 8 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".lua")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Load(name, string(text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range p.Report() {
				t.Logf("%+v", r)
			}
			suite, err := p.Test(TestOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := suite.WriteText(&out); err != nil {
				t.Fatal(err)
			}
			t.Log("\n" + out.String())
			if suite.Failed() > 0 || len(suite.Results) == 0 {
				t.Error("the tests of the example fail")
			}
		})
	}
}
