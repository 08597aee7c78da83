package config

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/rspool/rspool/registrar"
)

// eachField calls f for every attribute of every block.
func eachField(blocks []block, path string, f func(path string, f field)) {
	for _, b := range blocks {
		for _, a := range b.fields {
			f(path+b.name+"."+a.name, a)
		}
		eachField(b.blocks, path+b.name+".", f)
	}
}

func allBlocks() []block {
	c := Default()
	return append(c.blocks(), c.series()...)
}

func literalValue(t *testing.T, text string) cty.Value {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "literal", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", text, diags)
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", text, diags)
	}
	return v
}

func TestEveryAttributeIsExplained(t *testing.T) {
	n := 0
	eachField(allBlocks(), "", func(path string, f field) {
		n++
		t.Run(path, func(t *testing.T) {
			if !strings.HasSuffix(f.doc, ".") {
				t.Errorf("doc %q is no sentence", f.doc)
			}
			if (f.def == "") == (f.example == "") {
				t.Errorf("default %q and example %q: want one of them", f.def, f.example)
			}
			if f.def == "" && !strings.Contains(f.doc, "absent") && !strings.HasPrefix(path, "element.") {
				t.Errorf("doc %q does not say what happens without it", f.doc)
			}
			text := f.def + f.example
			if err := f.value.set(literalValue(t, text)); err != nil {
				t.Fatalf("%s is refused: %v", text, err)
			}
			if v, set := f.value.get(); f.def != "" && literal(v) != f.def {
				t.Errorf("%s comes back as %s (set: %t)", f.def, literal(v), set)
			}
		})
	})
	if n < 100 {
		t.Errorf("walked %d attributes; the tables have more", n)
	}
}

func TestStartingFile(t *testing.T) {
	starter := Starter()
	t.Run("sets_nothing", func(t *testing.T) {
		got := mustParse(t, "rspool.hcl", string(starter), Options{})
		want := Default()
		want.Files = []string{"rspool.hcl"}
		want.Registrar.Pools = []registrar.PoolConfig{{Pattern: "*"}}
		if diff := cmp.Diff(want, got, ignoreMasks); diff != "" {
			t.Errorf("configuration (-want +got):\n%s", diff)
		}
	})
	t.Run("names_every_attribute", func(t *testing.T) {
		var uncommented []string
		for _, l := range strings.Split(string(starter), "\n") {
			if name, _, ok := strings.Cut(strings.TrimSpace(l), " = "); ok && strings.HasPrefix(name, "# ") {
				uncommented = append(uncommented, strings.Trim(name, "# "))
			}
		}
		var want []string
		eachField(allBlocks(), "", func(_ string, f field) { want = append(want, f.name) })
		slices.Sort(want)
		slices.Sort(uncommented)
		if diff := cmp.Diff(want, uncommented); diff != "" {
			t.Errorf("attributes (-table +starting file):\n%s", diff)
		}
	})
	t.Run("is_in_the_canonical_form", func(t *testing.T) {
		got, err := Format("rspool.hcl", starter)
		if err != nil {
			t.Fatal(explain(err))
		}
		if diff := cmp.Diff(string(starter), string(got)); diff != "" {
			t.Errorf("formatted (-want +got):\n%s", diff)
		}
	})
}

func TestShownConfigurationReadsBackTheSame(t *testing.T) {
	full, err := os.ReadFile("testdata/full.hcl")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, text string }{
		{"everything_set", string(full)},
		{"nothing_set", ""},
		{"templates_in_strings", "pool \"$${x}%%{y}\" {}\nelement {\n  pool = \"$${a} \\\"%%{b}\\\" \\\\\"\n}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first := mustParse(t, "x.hcl", tt.text, Options{})
			var text bytes.Buffer
			if err := first.WriteHCL(&text); err != nil {
				t.Fatal(err)
			}
			asJSON, err := json.Marshal(first)
			if err != nil {
				t.Fatal(err)
			}
			again := mustParse(t, "x.hcl.json", string(asJSON), Options{})
			jsonAgain, err := json.Marshal(again)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(asJSON), string(jsonAgain)); diff != "" {
				t.Errorf("JSON form (-want +got):\n%s", diff)
			}
			// The text names defaults, which reading turns into set values: it
			// must be stable from then on.
			second := mustParse(t, "x.hcl", text.String(), Options{})
			var textAgain bytes.Buffer
			if err := second.WriteHCL(&textAgain); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(text.String(), textAgain.String()); diff != "" {
				t.Errorf("text form (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSensitiveValuesAreMasked(t *testing.T) {
	c := mustParse(t, "x.hcl", `
variable "secret" {
  type      = string
  sensitive = true
}
locals { derived = "10.${var.secret}:1" }
telemetry { listen = local.derived }
pool "a" { policy = var.secret == "9.9.9" ? "random" : "priority" }
`, Options{Variables: map[string]string{"secret": "9.9.9"}})
	if c.Telemetry.Listen != "10.9.9.9:1" {
		t.Fatalf("listen is %q", c.Telemetry.Listen)
	}
	var text bytes.Buffer
	if err := c.WriteHCL(&text); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for form, s := range map[string]string{"text": text.String(), "JSON": string(asJSON)} {
		if strings.Contains(s, "9.9.9") || strings.Contains(s, `"random"`) || strings.Count(s, hidden) != 2 {
			t.Errorf("%s form shows a secret or lacks a mask:\n%s", form, s)
		}
	}
}

func TestExpressions(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/pool.txt", []byte("FromFile\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"POOL": "FromEnv", "PORT": "5001"}[name]
		return v, ok
	}
	for _, tt := range []struct {
		name, expr string
		want       string
	}{
		{"a_variable", `var.region`, "eu"},
		{"a_local_of_a_local", `local.both`, "eu-x"},
		{"an_environment_variable", `env("POOL")`, "FromEnv"},
		{"an_environment_variable_that_is_not_set", `env("NONE", "fallback")`, "fallback"},
		{"a_file", `trimspace(file("pool.txt"))`, "FromFile"},
		{"lower_and_upper", `"${lower("A")}${upper("b")}"`, "aB"},
		{"merge", `merge({a = "x"}, {a = "y"}).a`, "y"},
		{"max_and_min", `"${max(1, 2)}${min(1, 2)}"`, "21"},
		{"hash", `hash("")`, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"for_and_join", `join("+", [for z in ["a", "b"] : upper(z)])`, "A+B"},
		{"a_condition", `length(local.list) > 1 ? "many" : "few"`, "many"},
		{"a_splat", `join(",", local.objects[*].name)`, "p,q"},
		{"split_and_index", `split(",", "a,b")[1]`, "b"},
		{"coalesce_contains_concat", `contains(concat(["a"], ["b"]), coalesce(null, "b")) ? "yes" : "no"`, "yes"},
		{"keys_and_values", `join("", concat(keys({a = "1"}), values({a = "1"})))`, "a1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := mustParse(t, dir+"/x.hcl", `
variable "region" {
  type    = string
  default = "eu"
}
locals {
  both    = "${local.region}-x"
  region  = var.region
  list    = ["a", "b"]
  objects = [{ name = "p" }, { name = "q" }]
}
element {
  pool = `+tt.expr+`
}
`, Options{Env: env})
			if got := string(c.Element.Pool); got != tt.want {
				t.Errorf("%s is %q, want %q", tt.expr, got, tt.want)
			}
		})
	}
	t.Run("numbers_from_text", func(t *testing.T) {
		c := mustParse(t, "x.hcl", "element {\n  port = env(\"PORT\")\n}\n", Options{Env: env})
		if c.Element.Port != 5001 {
			t.Errorf("port is %d", c.Element.Port)
		}
	})
	t.Run("a_given_value_wins_over_the_default", func(t *testing.T) {
		c := mustParse(t, "x.hcl", "variable \"n\" {\n  type = number\n  default = 1\n}\nuser {\n  items = var.n\n}\n",
			Options{Variables: map[string]string{"n": "7"}})
		if c.User.Items != 7 {
			t.Errorf("items is %d", c.User.Items)
		}
	})
}

func TestNamesOfPoliciesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range policyNames() {
		if seen[n] {
			t.Errorf("%s appears twice", n)
		}
		seen[n] = true
	}
	if len(seen) != 18 {
		t.Errorf("%d policies: %v; want the eighteen of RFC 5356 and its extensions", len(seen), slices.Sorted(maps.Keys(seen)))
	}
}
