package lua

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// filled returns a source of 64 KiB.
func filled(unit func(i int) string, before, after string) string {
	var b strings.Builder
	b.WriteString(before)
	for i := 0; ; i++ {
		u := unit(i)
		if b.Len()+len(u)+len(after) > maxSource {
			break
		}
		b.WriteString(u)
	}
	b.WriteString(after)
	return b.String()
}

func always(s string) func(int) string { return func(int) string { return s } }

func word(i int) string { return fmt.Sprintf("n%x", i) }

// TestSourcesAreBounded gives sources that parser and compiler could not bear, or
// that cost them long.
func TestSourcesAreBounded(t *testing.T) {
	deep := func(open, within, shut string, n int) string {
		return strings.Repeat(open, n) + within + strings.Repeat(shut, n)
	}
	for _, tc := range []struct{ name, source, want string }{
		{"too long", filled(always("a=1 "), "", "") + " ", "65537 bytes, more than 65536"},
		{"not UTF-8", "return \"\xff\"", "not UTF-8"},
		{"a NUL", "return \x00", "Invalid token"},
		{"empty", "", "the file returns nothing"},
		{"brackets", "return " + deep("(", "1", ")", 30000), "nesting deeper"},
		{"open brackets", "return " + strings.Repeat("(", 60000), "nesting deeper"},
		{"braces", "return " + deep("{", "", "}", 30000), "nesting deeper"},
		{"indices", "return " + deep("a[", "1", "]", 20000), "nesting deeper"},
		{"calls in calls", "return " + deep("f(", "1", ")", 20000), "nesting deeper"},
		{"blocks", deep("do ", "", " end", 8000), "nesting deeper"},
		{"ifs", deep("if a then ", "", " end", 4000), "nesting deeper"},
		{"whiles", deep("while a do ", "", " end", 4000), "nesting deeper"},
		{"fors", deep("for i=1,2 do ", "", " end", 3000), "nesting deeper"},
		{"repeats", deep("repeat ", "", " until a", 4000), "nesting deeper"},
		{"functions", deep("f=function() ", "", " end", 3000), "nesting deeper"},
		{"functions in conditions", deep("while f(function() ", "", " end) do end", 2000), "nesting deeper"},
		{"minus signs", filled(always("- "), "local a return ", "a"), "nesting deeper"},
		{"nots", filled(always("not "), "return ", "a"), "nesting deeper"},
		{"lengths", filled(always("#"), "return ", "a"), "nesting deeper"},
		{"additions", filled(always("+1"), "return a", ""), "nesting deeper"},
		{"additions in groups", "return " + deep("(", "a"+strings.Repeat("+1", 100), strings.Repeat("+1", 100)+")", 150), "nesting deeper"},
		{"powers", filled(always("^a"), "return a", ""), "nesting deeper"},
		{"concatenations", filled(always("..a"), "return a", ""), "nesting deeper"},
		{"ors", filled(always(" or a"), "return a", ""), "nesting deeper"},
		{"comparisons", filled(always("==a"), "return a", ""), "nesting deeper"},
		{"fields", filled(always(".a"), "return a", ""), "nesting deeper"},
		{"calls of calls", filled(always("()"), "return a", ""), "nesting deeper"},
		{"calls with strings", filled(always("''"), "return a", ""), "nesting deeper"},
		{"calls with tables", filled(always("{}"), "return a", ""), "nesting deeper"},
		{"methods", filled(always(":a()"), "return a", ""), "nesting deeper"},
		{"elseifs", filled(always("elseif a then "), "if a then ", " end"), "nesting deeper"},
		{"elseifs over blocks", "if a then " + strings.Repeat("elseif a then do end ", 300) + " end", "nesting deeper"},
		{"names", filled(func(i int) string { return word(i) + "=1 " }, "", ""), "different names"},
		{"fields of a table", filled(func(i int) string { return word(i) + "=1," }, "return {", "}"), "different names"},
		{"numbers", filled(func(i int) string { return fmt.Sprint(i, ",") }, "return {", "}"), "different names"},
		{"many functions", filled(always("function()end,"), "return {", "}"), "more than 512 functions"},
		{"goto", filled(always("goto a "), "", ""), "goto is not part"},
		{"an open string", "return \"abc", "unterminated string"},
		{"an open comment", "--[[", "invalid multiline comment"},
		{"an open block", "do", "ends too early"},
		{"many variables", filled(func(i int) string { return "local " + word(i) + " " }, "", "")[:8000], "too many local variables"},
		{"many variables around", func() string {
			var b strings.Builder
			for f := range 2 {
				b.WriteString("local function f() ")
				for i := range 150 {
					fmt.Fprintf(&b, "local v%d_%d ", f, i)
				}
			}
			b.WriteString("return function() local x ")
			for f := range 2 {
				for i := range 150 {
					fmt.Fprintf(&b, "x = v%d_%d ", f, i)
				}
			}
			return b.String() + " end end end"
		}(), "300 variables from around it"},

		// These are allowed and must not take long.
		{"statements", filled(always("a=a "), "", ""), "returns nothing"},
		{"semicolons", filled(always(";"), "", ""), "returns nothing"},
		{"comments", filled(always("--\n"), "", ""), "returns nothing"},
		{"groups of additions", filled(always("a=(a+1)*(a-1)+a*a "), "local a=1 ", ""), "returns nothing"},
		{"long additions", filled(always("a="+strings.Repeat("a+", 190)+"a "), "local a=1 ", ""), "returns nothing"},
		{"long powers", filled(always("a="+strings.Repeat("a^", 90)+"a "), "local a=1 ", ""), "returns nothing"},
		{"long concatenations", filled(always("b="+strings.Repeat("''..", 190)+"'' "), "local b ", ""), "returns nothing"},
		{"deep blocks of statements", deep("do ", strings.Repeat("a=a ", 14000), " end", 190), "returns nothing"},
		{"deep functions of statements", deep("local function f() ", strings.Repeat("a=a ", 13000), " end", 100), "returns nothing"},
		{"many words", filled(func(i int) string { return word(i%4000) + "=1 " }, "", ""), "returns nothing"},
		{"many numbers", filled(func(i int) string { return fmt.Sprint(i%4000, ",") }, "local t = {", "}"), "returns nothing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			begin := time.Now()
			_, err := Load("source", tc.source, Options{})
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("took %v", took)
			} else if took > 200*time.Millisecond {
				t.Logf("took %v", took)
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %.300v, want %q", err, tc.want)
			}
		})
	}
}
