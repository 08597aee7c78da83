package lua

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLoadErrors gives files that are wrong. Each message says where and what to do.
func TestLoadErrors(t *testing.T) {
	for _, tc := range []struct{ name, source, want string }{
		{"syntax", "return {\n  key = function(load) retrun load end,\n}", "p.lua:2: parse error near \"load\""},
		{"an open table", "return {\n  key = 1\n", "p.lua:3: the file ends too early: is an end or a bracket missing?"},
		{"nothing returned", "local a = 1", "p.lua: the file returns nothing: return a table with a key, weight, affinity or select function"},
		{"a number returned", "return 1", "p.lua: the file returns a number: return a table with a key, weight, affinity or select function"},
		{"an error while loading", "local a = 1\nerror('no')\nreturn {}", "p.lua:2: no"},
		{"an index of nil while loading", "return { key = config.limits.max }", "p.lua:1: attempt to index a non-table object(nil) with key 'max'"},
		{"no form", "return {\n  tests = {},\n}", "p.lua: the policy has none of key, weight, affinity and select: write one, as in key = function(load) return load end"},
		{"two forms", "return {\n  key = function(load) return load end,\n  weight = function() return 1 end,\n}",
			"p.lua:3: the policy has key and weight: exactly one of key, weight, affinity and select says how to choose"},
		{"a misspelt field", "return {\n  kye = function(load) return load end,\n}", "p.lua:2: the policy has no field 'kye'. Did you mean \"key\"?"},
		{"another field", "return {\n  colour = 1,\n}", "p.lua:2: the policy has no field 'colour'. It may have api, key, weight, affinity, select, sample, ring, filter, max_scan, max_elements, mark, inputs, every, on_register, on_select, on_failure, on_deregister, on_tick, on_upgrade, tests."},
		{"a field without a name", "return { function(load) return load end }", "p.lua: the policy has a field without a name: write name = value"},
		{"a misspelt input", "return {\n  key = function(load,\n      degradaton)\n    return load\n  end,\n}", "p.lua:2: key has the parameter degradaton, which is no input. Did you mean \"degradation\"?"},
		{"a misspelt input in the function", "return {\n  key = function(load)\n    return laod\n  end,\n}", "p.lua:3: the variable laod is set nowhere. Did you mean \"load\"?"},
		{"an input that is no parameter", "return {\n  key = function(load)\n    return load + failures\n  end,\n}", "p.lua:3: failures is set nowhere here. It is an input: the function gets it where it names it as a parameter, as in function(failures)."},
		{"an input of another function's", "local function cost() return load end\nreturn { key = function(load) return cost() end }", "p.lua:1: load is set nowhere here. It is an input: the function gets it where it names it as a parameter, as in function(load)."},
		{"a misspelt variable", "local factor = 2\nreturn { key = function(load) return load * facter end }", "p.lua:2: the variable facter is set nowhere. Did you mean \"factor\"?"},
		{"a variable of an inner block", "do local x = 1 end\nreturn { key = function(load) return x end }", "p.lua:2: the variable x is set nowhere. Declare it with local, or make it a parameter if it is an input."},
		{"a library that is not there", "local t = os.time()\nreturn {}", "p.lua:1: scripts have no os: what needs files, the network or the clock belongs into a plugin; the time is in the inputs now, hour, minute and weekday"},
		{"a module", "local m = require('m')\nreturn {}", "p.lua:1: scripts have no require: a policy is one file; what varies belongs into the config block"},
		{"a misspelt input that is used", "return {\n  key = function(laod)\n    return laod + load\n  end,\n}", "p.lua:2: key has the parameter laod, which is no input. Did you mean \"load\"?"},
		{"a tag that is not declared", "return { key = function(colour) return 1 end }", "p.lua:1: key has the parameter colour, which is no input. A tag must be named in inputs = { \"colour\" }."},
		{"an input of another function", "return { key = function(user_address) return 1 end }",
			"p.lua:1: key can not have the parameter user_address: it may have id, load, degradation, weight, priority, distance, weight_dpf, load_dpf, address, transport, selections, selections_total, failures, last_failure, pool_size, pool_load, now, since_selected, hour, minute, weekday, data"},
		{"a misspelt field of pe", "return {\n  key = function() return 1 end,\n  filter = function(pe)\n    return pe.failurse < 3\n  end,\n}", "p.lua:4: pe has no field failurse. Did you mean \"failures\"?"},
		{"a tag as a field of pe", "return {\n  key = function() return 1 end,\n  filter = function(pe) return pe.colour end,\n}", "p.lua:3: pe has no field colour. A tag is pe.tags.colour, or a field where inputs names it."},
		{"a misspelt field of request", "return {\n  key = function() return 1 end,\n  filter = function(request) return request.attribute.x end,\n}", "p.lua:3: request has no field attribute. Did you mean \"attributes\"?"},
		{"an input twice", "return { key = function(load, load) return load end }", "p.lua:1: key has the parameter load twice"},
		{"varargs", "return { key = function(...) return 1 end }", "p.lua:1: key has the parameter ...: name what it needs"},
		{"a method", "local p = {}\nfunction p:key(load) return load end\nreturn p", "p.lua:2: key has the parameter self, which is no input. A tag must be named in inputs = { \"self\" }."},
		{"a function of the library", "return {\n  key = math.abs,\n}", "p.lua:2: key is a function of the library: write a function whose parameters say what it needs"},
		{"a key that is no function", "return {\n  key = 5,\n}", "p.lua:2: key is a number: it must be a function"},
		{"an unknown api", "return {\n  api = 2, key = function() return 1 end,\n}", "p.lua:2: api is 2: this program knows api = 1"},
		{"a sample of one", "return {\n  key = function() return 1 end,\n  sample = 1,\n}", "p.lua:3: sample is 1: it must be a whole number from 2 to 1024"},
		{"a sample of weights", "return {\n  weight = function() return 1 end,\n  sample = 2,\n}", "p.lua:3: sample is for policies with key"},
		{"a ring of keys", "return {\n  key = function() return 1 end,\n  ring = {},\n}", "p.lua:3: ring is for policies with affinity"},
		{"a ring without points", "return {\n  affinity = function(handle) return handle end,\n  ring = { points = 0 },\n}", "p.lua:3: ring.points is 0: it must be a whole number from 1 to 1000"},
		{"a ring with more", "return {\n  affinity = function(handle) return handle end,\n  ring = { pionts = 5 },\n}", "p.lua:3: ring has no field 'pionts': it has points"},
		{"a filter of select", "return {\n  select = function(pool) return pool end,\n  filter = function(pe) return true end,\n}", "p.lua:3: filter is for policies with key, weight or affinity: select can leave elements out itself"},
		{"max_scan without a filter", "return {\n  key = function() return 1 end,\n  max_scan = 5,\n}", "p.lua:3: max_scan is for policies with filter"},
		{"too much to scan", "return {\n  key = function() return 1 end,\n  filter = function(pe) return true end,\n  max_scan = 5000,\n}", "p.lua:4: max_scan is 5000: it must be a whole number from 1 to 4096"},
		{"half a mark", "return {\n  key = function() return 1 end,\n  mark = 0.5,\n}", "p.lua:3: mark is 0.5: it must be a whole number from 0 to 2147483647"},
		{"a word for mark", "return {\n  key = function() return 1 end,\n  mark = 'most',\n}", "p.lua:3: mark is 'most': it must be a whole number from 0 to 2147483647"},
		{"inputs that are an input", "return {\n  inputs = { 'load' }, key = function(load) return load end,\n}", "p.lua:2: inputs names load, which is an input anyway: a tag of that name is pe.tags.load"},
		{"inputs that are no names", "return {\n  inputs = { 'a b' }, key = function(load) return load end,\n}", "p.lua:2: inputs names 'a b', which can not be a parameter: such a tag is pe.tags[...]"},
		{"inputs by name", "return {\n  inputs = { site = true }, key = function(load) return load end,\n}", "p.lua:2: inputs is a list of tag names, as in { \"site\", \"zone\" }"},
		{"a tick without a period", "return {\n  key = function() return 1 end,\n  on_tick = function(pool) end,\n}", "p.lua:3: on_tick needs a period, as in every = \"30s\""},
		{"the time without a period", "return { key = function(now) return now end }", "p.lua: the input now needs a period, as in every = \"30s\""},
		{"a period without use", "return {\n  key = function() return 1 end,\n  every = '30s',\n}", "p.lua:3: every is of no use without on_tick or an input that the time changes: now, since_selected, hour, minute, weekday"},
		{"a short period", "return {\n  key = function(now) return 1 end,\n  every = '10ms',\n}", "p.lua:3: every is '10ms': it must be a duration from 100 ms to a day, as in \"30s\""},
		{"a period in numbers", "return {\n  key = function(now) return 1 end,\n  every = 30,\n}", "p.lua:3: every is a number: it must be a duration, as in \"30s\""},
		{"tests that are none", "return {\n  key = function() return 1 end,\n  tests = 'all',\n}", "p.lua:3: tests is a string: it must be a list of cases"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Load("p", tc.source, Options{})
			if err == nil {
				t.Fatal("loaded")
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestErrorsShowTheLine prints what stands there.
func TestErrorsShowTheLine(t *testing.T) {
	_, err := Load("p", "return {\n  kye = function(load) return load end,\n}", Options{File: "policies/p.lua"})
	e, ok := err.(*Error)
	if !ok {
		t.Fatal(err)
	}
	want := &Error{
		File:    "policies/p.lua",
		Line:    2,
		Text:    "  kye = function(load) return load end,",
		Message: `the policy has no field 'kye'. Did you mean "key"?`,
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
	if got, want := e.Snippet(), "     2 |   kye = function(load) return load end,"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestConfigIsACopy changes the script's config and looks at ours.
func TestConfigIsACopy(t *testing.T) {
	config := map[string]any{
		"text": "a", "number": 5, "truth": true, "list": []any{1.5, "b"}, "inner": map[string]any{"x": int64(7)},
	}
	p := mustLoad(t, `
assert(config.text == "a" and config.number == 5 and config.truth == true)
assert(#config.list == 2 and config.list[1] == 1.5 and config.list[2] == "b")
assert(config.inner.x == 7 and config.missing == nil)
config.number, config.inner.x = 6, 8
return { key = function(load) return config.number + config.inner.x end }`, Options{Config: config})
	if config["number"] != 5 || config["inner"].(map[string]any)["x"] != int64(7) {
		t.Errorf("the script changed %v", config)
	}
	if r := p.Report()[0]; r.Compiled || !strings.Contains(r.Obstacle, "config") {
		t.Errorf("a key that reads what the file changes: %+v", r)
	}
	_, err := Load("p", "return {}", Options{Config: map[string]any{"f": func() {}}})
	if err == nil || !strings.Contains(err.Error(), "config: f: a func() can not be given to a script") {
		t.Error(err)
	}
}

// TestHashIsForEver pins what hash returns.
func TestHashIsForEver(t *testing.T) {
	mustLoad(t, `
local function near(a, b) return math.abs(a - b) < 1e-15 end
assert(near(hash(""), 0.93676944839043996) or error(string.format("%.17g", hash(""))))
return { key = function(load) return load end }`, Options{})
}

// TestIdentity gives name, hash and version.
func TestIdentity(t *testing.T) {
	text := "return { key = function(load) return load end }"
	p := mustLoad(t, text, Options{})
	q := mustLoad(t, text+" ", Options{})
	if p.Hash() == q.Hash() || len(p.Hash()) != 64 || !strings.HasPrefix(p.Hash(), p.Version()) {
		t.Error(p.Hash(), q.Hash(), p.Version())
	}
	if p.Name() != "test" || p.File() != "test.lua" || p.Describe().Version != p.Version() {
		t.Error(p.Name(), p.File(), p.Describe())
	}
}

// TestReport says how functions run, and what prevents that they are compiled.
func TestReport(t *testing.T) {
	p := mustLoad(t, `
local limit = 5
local counter = 0
local function helper(x) return x end
return {
  inputs = { "site" },
  key = function(load, site)
    local sum = 0
    for i = 1, limit do
      sum = sum + load
    end
    return sum
  end,
  filter = function(pe, request)
    return pe.site == request.attributes.site and pe.load < limit
  end,
  on_select = function(pe) counter = counter + 1 end,
}`, Options{})
	want := []HookReport{
		{Name: "key", Line: 7, Inputs: []string{"load", "site"}, Obstacle: "a loop", ObstacleLine: 9},
		{Name: "filter", Line: 14, Inputs: []string{"pe", "request"}, Compiled: true},
		{Name: "on_select", Line: 17, Inputs: []string{"pe"}},
	}
	if diff := cmp.Diff(want, p.Report()); diff != "" {
		t.Error(diff)
	}
	for _, tc := range []struct{ name, body, want string }{
		{"a global", "return x", "the global variable x"},
		{"an assigned variable", "return counter", "the variable counter around the function, which is assigned to"},
		{"a helper", "return helper(load)", "a call of helper"},
		{"a string", "return #'abc'", "the operator #"},
		{"concatenation", "return load .. 1", "a string put together by .."},
		{"a table", "return load.x", "a field of a table"},
		{"tostring", "return tostring(load)", "a call of tostring"},
		{"random", "return random()", "a call of random"},
		{"a method", "return ('x'):len()", "a call of the method len"},
		{"an inner function", "local f = function() end return load", "a function within the function"},
		{"two values", "return load, 1", "a return of 2 values"},
		{"no value", "return", "a return of 0 values"},
		{"a boolean", "return load > 1", "true or false where a number is wanted"},
		{"an assigned input", "load = load + 1 return load", "an assignment to the input load: use a local variable"},
		{"a global assigned", "x = 1 return load", "an assignment to x, which is not a local variable of the function"},
		{"negative zero", "return 0 * -1", "negative zero"},
		{"types", "local a = 1 a = true return load", "variable a, which may be of different types"},
		{"a text", "return 'text'", "a string where a number is wanted"},
		{"data", "return data.x", "the input data is a table"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			input := "load"
			if tc.name == "data" {
				input = "data"
			}
			p := mustLoad(t, "local counter = 0 counter = 1 x = 1\nlocal helper = function(x) return x end\nreturn { key = function("+input+") "+tc.body+" end }", Options{})
			if r := p.Report()[0]; r.Obstacle != tc.want || r.ObstacleLine != 3 {
				t.Errorf("got %q in line %d, want %q", r.Obstacle, r.ObstacleLine, tc.want)
			}
		})
	}
}

// TestVariablesThatAreSet loads files whose variables all have a value somewhere.
func TestVariablesThatAreSet(t *testing.T) {
	for _, tc := range []struct{ name, source string }{
		{"a local function that calls itself", "local function f(n) if n > 0 then return f(n - 1) end return n end"},
		{"a global that is set later", "local function f() return later end later = 1"},
		{"a global function", "function f() return 1 end local x = f()"},
		{"a function in a table", "local t = {} function t.f(a) return a end function t:g() return self.f(1) end"},
		{"variables of loops", "for i = 1, 2 do local a = i end for k, v in pairs({ 1 }) do local b = k + v end"},
		{"the condition of repeat", "local n = 0 repeat n = n + 1 local over = n > 3 until over"},
		{"while and blocks", "local n = 0 while n < 3 do n = n + 1 do local m = n n = m end end"},
		{"an upvalue", "local x = 1 local f = function() return function() return x end end"},
		{"arguments", "local function f(...) return arg.n + select('#', ...) end"},
		{"the library", "local a = math.max(1, #string.rep('x', 2)) + hash('a') log.info(config.x, _VERSION)"},
		{"any name in a file that uses _G", "_G['a' .. 1] = 1 local b = a1"},
		{"fields and strings", "local t = { nothing = 1, ['nobody'] = 2 } local x = t.nothing or 'never'"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := Load("p", tc.source+"\nreturn { key = function(load) return load end }", Options{}); err != nil {
				t.Error(err)
			}
		})
	}
}
