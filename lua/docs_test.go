package lua

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	vm "github.com/yuin/gopher-lua"
)

func documented(t *testing.T, page string) string {
	t.Helper()
	b, err := os.ReadFile("../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPagesNameEverything looks for all names in the pages of reference.
func TestPagesNameEverything(t *testing.T) {
	var inputs []string
	for _, in := range Inputs() {
		inputs = append(inputs, in.Name)
	}
	library := slices.Collect(maps.Keys(libraryNames))
	for _, functions := range []map[string]vm.LGFunction{mathFunctions(), stringFunctions, tableFunctions, logFunctions} {
		library = slices.AppendSeq(library, maps.Keys(functions))
	}
	for page, names := range map[string][]string{
		"lua-policies.md": knownFields, "lua-inputs.md": slices.Concat(inputs, library), "lua-tests.md": slices.Concat(caseFields, elementFields, requestNames),
	} {
		text := documented(t, page)
		for _, name := range names {
			if !regexp.MustCompile("`[^`]*\\b" + name + "\\b[^`]*`").MatchString(text) {
				t.Errorf("docs/%s does not name %s", page, name)
			}
		}
	}
}

// TestPoliciesOnPagesWork loads the policies on the pages and runs their tests.
func TestPoliciesOnPagesWork(t *testing.T) {
	block := regexp.MustCompile("(?ms)^```lua[^\n]*\n(.*?)^```$")
	for _, page := range []string{"lua-policies.md", "lua-tests.md", "first-policy.md", "../README.md"} {
		all := block.FindAllStringSubmatch(documented(t, page), -1)
		if len(all) == 0 {
			t.Errorf("docs/%s has no policy", page)
		}
		for _, m := range all {
			p, err := Load(strings.TrimSuffix(page, ".md"), m[1], Options{})
			if err != nil {
				t.Errorf("docs/%s: %v", page, err)
				continue
			}
			end := time.Now().Add(time.Minute)
			suite, err := p.Test(TestOptions{Expired: func() bool { return time.Now().After(end) }})
			if err != nil || suite.Failed() > 0 {
				t.Errorf("docs/%s: %v, %+v", page, err, suite)
			}
		}
	}
}
