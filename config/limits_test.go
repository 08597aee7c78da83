package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

func TestNesting(t *testing.T) {
	nested := func(open, inner, shut string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(shut, n)
	}
	for _, tt := range []struct {
		name, file, text string
		want             string // in the error, empty for none
	}{
		{"a_hundred_brackets", "x.hcl", "locals {\n a = " + nested("[", "", "]", 99) + "\n}\n", ""},
		{"a_hundred_and_one_brackets", "x.hcl", "locals {\n a = " + nested("[", "", "]", 100) + "\n}\n", "more than 100 levels"},
		{"blocks", "x.hcl", nested("a {\n", "", "}\n", 101), "more than 100 levels"},
		{"parentheses", "x.hcl", "locals {\n a = " + nested("(", "1", ")", 101) + "\n}\n", "more than 100 levels"},
		{"templates", "x.hcl", "locals {\n a = " + nested(`"${`, "1", `}"`, 60) + "\n}\n", "more than 100 levels"},
		{"brackets_that_are_text", "x.hcl", "# " + strings.Repeat("[", 1000) + "\nlocals {\n a = \"" + strings.Repeat("[", 1000) + "\"\n}\n", ""},
		{"minus_signs", "x.hcl", "locals {\n a = " + strings.Repeat("-", 2000) + "1\n}\n", "more than 1000 operators"},
		{"negations_on_lines_of_their_own", "x.hcl", "locals {\n a = (" + strings.Repeat("!\n", 2000) + "true)\n}\n", "more than 1000 operators"},
		{"conditions", "x.hcl", "locals {\n a = " + strings.Repeat("true ? 1 : ", 1000) + "1\n}\n", "more than 1000 operators"},
		{"a_long_sum", "x.hcl", "locals {\n a = 1" + strings.Repeat(" + 1", 900) + "\n}\n", ""},
		{"a_longer_sum", "x.hcl", "locals {\n a = 1" + strings.Repeat(" + 1", 1001) + "\n}\n", "more than 1000 operators"},
		{"indexes", "x.hcl", "locals {\n a = b" + strings.Repeat("[c]", 1001) + "\n}\n", "more than 1000 operators"},
		{"template_directives", "x.hcl", "locals {\n a = \"" + strings.Repeat("%{if true}", 1001) + "\"\n}\n", "more than 1000 operators"},
		{"a_long_list", "x.hcl", "locals {\n a = [" + strings.Repeat("-1,\n", 5000) + "]\n}\n", ""},
		{"many_attributes", "x.hcl", "locals {\n" + manyLocals(900) + "}\n", ""},
		{"json_arrays", "x.hcl.json", `{"locals": {"a": ` + nested("[", "", "]", 99) + "}}", "more than 100 levels"},
		{"json_brackets_that_are_text", "x.hcl.json", `{"locals": {"a": "` + strings.Repeat("[", 1000) + `"}}`, ""},
		{"json_templates", "x.hcl.json", `{"locals": {"a": "${` + strings.Repeat("[", 200) + `}"}}`, "template that is too deep"},
		{"json_numbers", "x.hcl.json", `{"locals": {"a": 1e999999999}}`, "too large or too small"},
		{"tiny_numbers", "x.hcl", "locals {\n a = 1e-999999999\n}\n", "too large or too small"},
		{"long_numbers", "x.hcl", "locals {\n a = " + strings.Repeat("9", 1000) + "\n}\n", "too large or too small"},
		{"a_megabyte_of_brackets", "x.hcl", strings.Repeat("[", MaxFileSize), "more than 100 levels"},
		{"more_than_a_megabyte", "x.hcl", strings.Repeat("#", MaxFileSize+1), "larger than 1 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.file, []byte(tt.text), Options{Env: noEnv})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %.300s", explain(err))
			case tt.want != "" && err == nil:
				t.Error("accepted")
			case tt.want != "" && !strings.Contains(err.Error(), tt.want):
				t.Errorf("error %.300q lacks %q", err, tt.want)
			}
		})
	}
}

func manyLocals(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  l%d = -%d + 2 * 3\n", i, i)
	}
	return b.String()
}

func TestGrowthIsRefusedBeforeItHappens(t *testing.T) {
	doubling := "a0 = \"xxxxxxxxxxxxxxxx\"\n"
	squaring := "a0 = 1e300\n"
	for i := range 40 {
		doubling += fmt.Sprintf("a%d = \"${local.a%d}${local.a%d}\"\n", i+1, i, i)
		squaring += fmt.Sprintf("a%d = local.a%d * local.a%d\n", i+1, i, i)
	}
	list := "l = [" + strings.Repeat("1,", 2000) + "]\n"
	for _, tt := range []struct {
		name, locals string
		bad          bool
	}{
		{"doubling_strings", doubling, true},
		{"squaring_numbers", squaring, true},
		{"nested_loops", list + "m = [for a in local.l : [for b in local.l : [for c in local.l : c]]]\n", true},
		{"nested_splats", list + "m = [for a in local.l : local.l[*]]\nn = [for a in local.m : local.m[*]]\n", true},
		{"joined_by_a_long_separator", "s = \"" + strings.Repeat("x", 3000) + "\"\n" + list + "m = join(local.s, [for x in local.l : \"\"])\n", true},
		{"a_loop_over_names", "n = [" + strings.Repeat("\"a-usual-name\",", 500) + "]\nm = [for n in local.n : \"prefix-${n}-suffix\"]\n", false},
		{"a_loop_in_a_loop", "n = [" + strings.Repeat("\"name\",", 100) + "]\nm = [for a in local.n : [for b in local.n : \"${a}-${b}\"]]\n", false},
		{"a_long_text", "s = <<EOT\n" + strings.Repeat("a line of text with a value ${1 + 1}\n", 2000) + "EOT\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse("x.hcl", []byte("locals {\n"+tt.locals+"}\n"), Options{Env: noEnv})
			if tt.bad != (err != nil) {
				t.Errorf("refused: %v, want %v (%.300v)", err != nil, tt.bad, err)
			}
			if d := time.Since(start); d > 20*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func TestCostIsAnUpperBound(t *testing.T) {
	ctx := &hcl.EvalContext{
		Variables: map[string]cty.Value{"v": cty.ObjectVal(map[string]cty.Value{
			"text": cty.StringVal("some text"),
			"list": cty.TupleVal([]cty.Value{cty.StringVal("a"), cty.StringVal("bb"), cty.NumberIntVal(1)}),
			"map":  cty.ObjectVal(map[string]cty.Value{"k": cty.StringVal("value"), "l": cty.StringVal("w")}),
		})},
		Functions: functions("x.hcl", noEnv, map[string]bool{}),
	}
	for _, text := range []string{
		`1`, `"text"`, `v.text`, `v.list`, `v.map`, `v.map.k`, `v.map["k"]`, `v.list[0]`,
		`"${v.text}-${v.text}"`, `[v.text, v.list, v.map]`, `{ a = v.text, (v.text) = v.list }`,
		`[for x in v.list : "${x}${x}${x}"]`, `{ for k, x in v.map : k => "${k}${x}" }`, `{ for k, x in v.map : x => k... }`,
		`v.list[*]`, `[for a in v.list : [for b in v.list : "${a}${b}"]]`, `[for a in [for b in v.list : [b, b]] : [a, a]]`,
		`"%{ for x in v.list }${x}${v.text}%{ endfor }"`, `"%{ if true }${v.text}%{ else }no%{ endif }"`,
		`true ? v.text : "no"`, `(v.text)`, `-1 + 2 * 3`, `!true`, `join(v.text, v.list)`, `concat(v.list, v.list)`,
		`merge(v.map, { z = v.text })`, `hash(v.text)`, `upper(v.text)`, `keys(v.map)`, `values(v.map)`, `split("e", v.text)`,
	} {
		t.Run(text, func(t *testing.T) {
			expr, diags := hclsyntax.ParseExpression([]byte(text), "x.hcl", hcl.InitialPos)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			v, diags := expr.Value(ctx)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			if bound, size := cost(expr, ctx, nil), sizeOf(v); size > bound {
				t.Errorf("the value has size %d, beyond its bound %d", size, bound)
			}
		})
	}
}

func TestFilesAreReadFromTheFolderAlone(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "conf")
	if err := os.MkdirAll(filepath.Join(inside, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"outside.txt": "secret", "conf/in.txt": "text", "conf/sub/deep.txt": "deep",
		"conf/binary": "\xff\xfe", "conf/large": strings.Repeat("x", maxInclude+1),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../outside.txt", filepath.Join(inside, "link")); err != nil {
		t.Skipf("no links here: %v", err)
	}
	for _, tt := range []struct {
		name, file, want string
		bad              bool
	}{
		{"a_file_in_it", "in.txt", "text", false},
		{"a_file_below_it", "sub/deep.txt", "deep", false},
		{"a_file_above_it", "../outside.txt", "", true},
		{"a_link_out_of_it", "link", "", true},
		{"an_absolute_path", filepath.Join(inside, "in.txt"), "", true},
		{"a_folder", "sub", "", true},
		{"a_file_that_is_missing", "none", "", true},
		{"a_file_that_is_no_text", "binary", "", true},
		{"a_file_that_is_too_large", "large", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readInside(inside, tt.file)
			if got != tt.want || tt.bad != (err != nil) {
				t.Errorf("readInside = %q, %v; want %q, an error: %v", got, err, tt.want, tt.bad)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.hcl", "testdata/bad/*.hcl", "testdata/bad/*.json"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src, strings.HasSuffix(name, ".json"))
		}
	}
	f.Add(Starter(), false)
	f.Fuzz(func(t *testing.T, src []byte, isJSON bool) {
		name := "fuzz/x.hcl"
		if isJSON {
			name += ".json"
		}
		c, err := Parse(name, src, Options{Env: noEnv})
		if err != nil {
			var e *Error
			if errors.As(err, &e) && len(e.Diagnostics()) == 0 {
				t.Error("an error without a diagnostic")
			}
			if explain(err) == "" {
				t.Error("an error that says nothing")
			}
			return
		}
		var text strings.Builder
		if err := c.WriteHCL(&text); err != nil {
			t.Fatal(err)
		}
		if len(c.masked) > 0 {
			return // a mask is no value
		}
		if _, err := Parse("fuzz/x.hcl", []byte(text.String()), Options{Env: noEnv}); err != nil {
			t.Errorf("what is shown is refused: %s\n%s", explain(err), text.String())
		}
	})
}
