package lua

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// suiteOf runs the cases of a policy that ranks by load.
func suiteOf(t *testing.T, policy, cases string) (*Suite, error) {
	t.Helper()
	return mustLoad(t, "return { "+policy+", tests = {\n"+cases+"\n} }", Options{}).Test(TestOptions{})
}

// TestCases gives cases that pass, and cases whose failure says why.
func TestCases(t *testing.T) {
	byLoad := `key = function(load, selections) return load + selections * 0.001 end`
	ab := `elements = { a = { load = 0.1 }, b = { load = 0.9 } }`
	for _, tc := range []struct{ name, policy, test, want string }{
		{"expect one", byLoad, ab + `, expect = "a"`, ""},
		{"expect a list", byLoad, ab + `, expect = { "a", "b" }`, ""},
		{"order", byLoad, ab + `, order = { "a", "b" }`, ""},
		{"another one", byLoad, ab + `, expect = "b"`, "got a, want b"},
		{"another order", byLoad, ab + `, order = { "b", "a" }`, "got a, b, want b, a"},
		{"nobody expected", byLoad, ab + `, expect = {}`, "got a, want nobody"},
		{"nobody got", byLoad + `, filter = function(pe) return false end`, ab + `, expect = "a"`, "got nobody, want a"},
		{"a share", byLoad, ab + `, share = { a = { 0.8, 0.9 }, b = { 0.1, 0.2 } }`, ""},
		{"another share", byLoad, ab + `, share = { b = { 0.5, 0.6 } }`, "b has a share of 0.100 of 1000 selections, want 0.5 to 0.6"},
		{"never", byLoad, ab + `, picks = 100, never = "b"`, ""},
		{"sometimes", byLoad, ab + `, picks = 1000, never = { "a", "b" }`, "a was selected 900 times of 1000, want never"},
		{"a list in order of registration", byLoad, `elements = { { id = "z" }, { id = "a" } }, order = { "z", "a" }`, ""},
		{"a map in order of names", byLoad, `elements = { z = {}, a = {} }, order = { "a", "z" }`, ""},
		{"selections of before", byLoad, `elements = { { id = "x", selections = 2 }, { id = "y" } }, expect = "y"`, ""},
		{"failures", `key = function(failures) return failures end`, ab + `, fail = { { "a", "keepalive" }, { "a" }, { "b" } }, expect = "b"`, ""},
		{"failures of before", `key = function(failures, last_failure) return failures * last_failure end`,
			`elements = { x = { failures = 3, last_failure = 10 }, y = { last_failure = 20 } }, expect = "y"`, ""},
		{"names for identifiers", `key = function(id) return id == "the one" and 0 or 1 end`, `elements = { a = {}, ["the one"] = {} }, expect = "the one"`, ""},
		{"a list by select", `select = function(pool) return { "b", pool[1] } end`, ab + `, order = { "b", "a" }`, ""},
		{"tags", `inputs = { "site" }, key = function(site) return site == "x" and 0 or 1 end`, `elements = { a = {}, b = { tags = { site = "x" } } }, expect = "b"`, ""},
		{"the time", `key = function(hour, minute) return math.abs(hour * 100 + minute - 2130) end`, `at = "2026-01-05T21:30:00Z", elements = { a = {} }, expect = "a"`, ""},
		{"a tick", `every = "1s", key = function(data) return -(data.n or 0) end, on_tick = function(pool) pool[2].data.n = (pool[2].data.n or 0) + 1 if pool[2].data.n > 5 then error("six") end end`,
			ab + `, after = "5s", expect = "b"`, ""},
		{"a request", byLoad + `, filter = function(pe, request, user_address) return request.attributes.want == pe.id and user_address == "192.0.2.7" and request.handle == "web" end`,
			ab + `, request = { handle = "web", user_address = "192.0.2.7", attributes = { want = "b" } }, expect = "b"`, ""},
		{"a config", `key = function(load) return load * config.sign end`, ab + `, config = { sign = -1 }, expect = "b"`, ""},
		{"a fault that is expected", `key = function(load) error("no way") end`, ab + `, error = "no way"`, ""},
		{"another fault", `key = function(load) error("no way") end`, ab + `, error = "no sense"`,
			`a fault, element 0x00000002: test.lua:1: no way, want one with "no sense"`},
		{"no fault", byLoad, ab + `, error = "no way"`, `no fault, want one with "no way"`},
		{"a fault", `key = function(load) error("no way") end`, ab + `, expect = "a"`, "a fault: element 0x00000002: test.lua:1: no way"},
		{"a fault of a hook", byLoad + `, on_select = function(pe) error("no way") end`, ab + `, expect = "a"`, "a fault: test.lua:1: no way"},
		{"too much work", `key = function(selections) for i = 1, 3000 do end return selections end`, ab + `, picks = 2000, never = {}`,
			"a fault: element 0x00000002: test.lua:1: the instruction budget is used up: do less in one call, or raise limits.instructions"},

		{"no elements", byLoad, `expect = "a"`, `test 1: elements is missing: list them, as in { { id = "a", load = 0.5 } }`},
		{"nothing expected", byLoad, ab, "test 1: nothing is expected: give one of expect, order, share, never, error"},
		{"a name", byLoad, `name = "the name", ` + ab, `test "the name": nothing is expected: give one of expect, order, share, never, error`},
		{"a misspelt field", byLoad, ab + `, expcet = "a"`, `test 1: there is no field 'expcet'. Did you mean "expect"?`},
		{"a misspelt input", byLoad, `elements = { a = { laod = 1 } }, expect = "a"`, `test 1, element 'a': there is no field 'laod'. Did you mean "load"?`},
		{"a stranger", byLoad, ab + `, expect = "c"`, "test 1: expect names 'c', which is none of the elements"},
		{"an element twice", byLoad, `elements = { { id = "a" }, { id = "a" } }, expect = "a"`, "test 1: two elements are called 'a'"},
		{"an element without id", byLoad, `elements = { { load = 1 } }, expect = "a"`, "test 1: element 1 has no id"},
		{"a load of two", byLoad, `elements = { a = { load = 2 } }, expect = "a"`, "test 1, element 'a': load is 2: it must be a number from 0 to 1"},
		{"a time that is none", byLoad, ab + `, expect = "a", at = "noon"`, `test 1: at is 'noon': it must be a time as in "2026-01-05T21:00:00Z"`},
		{"a duration that is none", byLoad, ab + `, expect = "a", after = "long"`, `test 1: after is 'long': it must be a duration of at most a year, as in "30s"`},
		{"a share that is none", byLoad, ab + `, share = { a = { 1 } }`, "test 1: the share of 'a' must be two numbers from 0 to 1, as in { 0.4, 0.6 }"},
		{"a reason that is none", byLoad, ab + `, expect = "a", fail = { { "a", "asleep" } }`, `test 1: fail has the reason 'asleep': it must be "unreachable", "keepalive", "association" or "expired"`},
		{"an address that is none", byLoad, `elements = { a = { address = "here" } }, expect = "a"`, "test 1, element 'a': address is 'here': it must be an IP address"},
		{"a transport that is none", byLoad, `elements = { a = { transport = "rail" } }, expect = "a"`, `test 1, element 'a': transport is "rail": it must be one of sctp, tcp, udp, udp-lite, dccp, opaque`},
		{"expect and order", byLoad, ab + `, expect = "a", order = { "a" }`, "test 1: expect and order mean the same: give one"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			suite, err := suiteOf(t, tc.policy, "{ "+tc.test+" }")
			got := ""
			if err != nil {
				got = strings.TrimPrefix(err.Error(), "test.lua: ")
			} else {
				got = suite.Results[0].Failure
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestTestsEnd stops where the time for the tests is over.
func TestTestsEnd(t *testing.T) {
	p := mustLoad(t, `return { key = function(load) return load end, tests = {
  { elements = { a = {} }, expect = "a" },
  { elements = { a = {} }, never = {}, picks = 100000 },
  { elements = { a = {} }, expect = "a" } } }`, Options{})
	asked := 0
	suite, err := p.Test(TestOptions{Expired: func() bool { asked++; return asked > 5 }})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"", "the time for the tests is over", "the time for the tests is over"}
	for i, r := range suite.Results {
		if r.Failure != want[i] {
			t.Errorf("case %d: %q, want %q", i+1, r.Failure, want[i])
		}
	}
}

// TestTestFile runs cases of another file.
func TestTestFile(t *testing.T) {
	p := mustLoad(t, "return { key = function(load) return load end }", Options{})
	suite, err := p.TestFile("load_test.lua", `
local cases = {}
for i = 1, 3 do
  cases[i] = { name = "case " .. i, elements = { a = { load = i / 4 }, b = { load = 0.6 } }, expect = "a" }
end
return cases`, TestOptions{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	want := &Suite{Name: "load_test.lua", Seed: 7, Results: []Result{
		{Name: "case 1"}, {Name: "case 2"}, {Name: "case 3", Failure: "got b, want a"},
	}}
	if diff := cmp.Diff(want, suite); diff != "" {
		t.Error(diff)
	}
	for source, message := range map[string]string{
		"return {":            "load_test.lua:1: the file ends too early",
		"return 5":            "load_test.lua: the file returns a number",
		"return { { } }":      "load_test.lua: test 1: elements is missing",
		"while true do end":   "load_test.lua:1: the instruction budget",
		"return { a = { } }":  "load_test.lua: test 1: tests is a list of tables",
		"return { 'a', 'b' }": "load_test.lua: test 1: tests is a list of tables",
	} {
		if _, err := p.TestFile("load_test.lua", source, TestOptions{}); err == nil || !strings.HasPrefix(err.Error(), message) {
			t.Errorf("%s: got %v, want %s", source, err, message)
		}
	}
}

// TestWriters compares what is written with files in testdata.
func TestWriters(t *testing.T) {
	passed := &Suite{Name: "energy.lua", Seed: 1, Results: []Result{
		{Name: "packs"}, {Name: "wakes a machine", Log: []string{"info: element a is up", "warn: <hot> & full"}},
	}}
	failed := &Suite{Name: "sticky.lua", Seed: 7, Results: []Result{
		{Name: `one # user \ stays`, Failure: `got "a" & <b>, want nobody`},
	}}
	for name, write := range map[string]func(*strings.Builder) error{
		"text": func(b *strings.Builder) error {
			if err := passed.WriteText(b); err != nil {
				return err
			}
			return failed.WriteText(b)
		},
		"tap":   func(b *strings.Builder) error { return WriteTAP(b, passed, failed) },
		"junit": func(b *strings.Builder) error { return WriteJUnit(b, passed, failed) },
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "results."+name)
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
