package lua

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

// attempt loads a file that ends in a policy after the statements given.
func attempt(t *testing.T, statements string, o Options) error {
	t.Helper()
	_, err := Load("attack", statements+"\nreturn { key = function(load) return load end }", o)
	return err
}

// allocated returns what f allocates, in bytes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// quarter is a fourth of the default limits, which makes the attacks shorter.
var quarter = Limits{LoadInstructions: 500_000, Memory: 4 << 20}

// TestAttacksAreStopped runs what would exhaust a process that trusted it.
func TestAttacksAreStopped(t *testing.T) {
	for _, tc := range []struct {
		name, source, want string
		megabytes          uint64 // allocated at most
	}{
		{"an endless loop", `while true do end`, "instruction budget", 8},
		{"an endless loop in pcall", `while true do pcall(function() while true do end end) end`, "instruction budget", 64},
		{"an endless loop in the handler of xpcall", `while true do xpcall(error, function() while true do end end) end`, "instruction budget", 64},
		{"a pcall that has the last word", `pcall(function() while true do end end)`, "instruction budget", 8},
		{"endless recursion", `local function f() return 1 + f() end f()`, "nested deeper than 64", 8},
		{"endless recursion in pcall", `local function f() pcall(f) f() end f()`, "", 256},
		{"endless tail calls", `local function f() return f() end f()`, "instruction budget", 256},
		{"mutual tail calls of pcall", `local function f() return pcall(f) end f()`, "", 64},
		{"recursion through a metamethod", `local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end local x = t.a`, "nested deeper", 8},
		{"a chain of __index", `local t = {} for i = 1, 1000 do t = setmetatable({}, { __index = t }) end local x = t.a`, "too many recursions", 16},
		{"a loop of __index", `local t = {} setmetatable(t, { __index = t }) local x = t.a`, "too many recursions", 8},
		{"varargs that grow", `local function v(...) return v(1, ...) end v(1)`, "", 64},
		{"varargs in pcall", `local function v(...) return v(1, ...) end for i = 1, 100 do pcall(v, 1) end`, "", 64},
		{"a long string by rep", `local s = string.rep("x", 268435456)`, "exceeds the limit of 65536", 4},
		{"a long string by rep as a method", `local s = ("x"):rep(2^53)`, "exceeds the limit of 65536", 4},
		{"a long string by doubling", `local s = "x" for i = 1, 27 do s = s .. s end`, "exceeds the limit of 65536", 4},
		{"a long string by table.concat", `local t = {} for i = 1, 20 do t[i] = ("x"):rep(65536) end local s = table.concat(t)`, "exceeds the limit of 65536", 32},
		{"a long string by format", `local s = string.format("%99d", 1):rep(100) s = string.format("%s%s%s%s%s%s%s%s%s", s, s, s, s, s, s, s, s, s)`, "exceeds the limit of 65536", 4},
		{"a wide format", `local s = string.format("%99999999d", 1)`, "invalid format", 4},
		{"a wide format by star", `local s = string.format("%*d", 1e9, 1)`, "invalid format", 4},
		{"an array by its last index", `local t = {} t[20000000] = 1`, "", 4},
		{"arrays by their last indices", `for i = 1, 100000 do local t = {} t[65535] = 1 end`, "instruction budget", 40 << 10},
		{"arrays that are kept", `local all = {} for i = 1, 1000 do local t = {} t[65535] = i all[i] = t end`, "memory allowance", 256},
		{"arrays by constructor", `local all = {} for i = 1, 1000 do all[i] = { [65535] = 1 } end`, "memory allowance", 256},
		{"arrays by rawset", `local all = {} for i = 1, 1000 do local t = {} rawset(t, 65535, 1) all[i] = t end`, "memory allowance", 256},
		{"arrays by assignment to two", `local all = {} for i = 1, 1000 do local t = {} t[65535], t[65534] = 1, 2 all[i] = t end`, "", 256},
		{"an array of tables", `local t = {} for i = 1, 300000 do t[i] = {} end`, "", 256},
		{"a list of tables", `local t while true do t = { t } end`, "", 256},
		{"a list of closures", `local f while true do local g = f f = function() return g end end`, "", 256},
		{"tables with names", `local t = {} for i = 1, 300000 do t["n" .. i] = i end`, "", 256},
		{"names that are removed", `local t = {} while true do local n = tostring(random()) t[n] = 1 t[n] = nil end`, "", 256},
		{"strings in a table", `local t = {} while true do t[#t + 1] = ("x"):rep(65000) end`, "memory allowance", 64},
		{"strings in upvalues", `local function keep(s) return function() return s end end local t while true do local inner = t local s = keep(("x"):rep(65000)) t = function() return s, inner end end`, "memory allowance", 64},
		{"strings in globals", `local i = 0 while true do i = i + 1 _G["g" .. i] = ("x"):rep(65000) end`, "memory allowance", 64},
		{"strings as keys", `local t = {} local i = 0 while true do i = i + 1 t[("x"):rep(65000) .. i] = 1 end`, "memory allowance", 64},
		{"strings in metatables", `local t = {} while true do t = setmetatable({}, { t, ("x"):rep(65000) }) end`, "memory allowance", 64},
		{"strings held on the stack", `local function f(n) local s = ("x"):rep(65000) .. n local a, b, c, d, e = s .. 1, s .. 2, s .. 3, s .. 4, s .. 5 if n > 0 then return 1 + f(n - 1) end return #s + #a + #b + #c + #d + #e end for i = 1, 100 do f(55) end`, "memory allowance", 128},
		{"memory in pcall", `local t = {} while true do pcall(function() while true do t[#t + 1] = ("x"):rep(65000) end end) end`, "memory allowance", 64},
		{"values by unpack", `unpack({}, 1, 1e9)`, "unpack of more than", 4},
		{"values by byte", `local s = ("x"):rep(60000) s:byte(1, -1)`, "byte of more than", 4},
		{"lengths of an array of holes", `local t = {} t[65535] = 1 t[65535] = nil local n = 0 for i = 1, 1000000 do n = n + #t end`, "instruction budget", 32},
		{"next over an array of holes", `local t = {} t[65535] = 1 t[65535] = nil for i = 1, 1000000 do next(t) end`, "instruction budget", 32},
		{"next over removed names", `local t = {} for i = 1, 20000 do local n = "n" .. i t[n] = 1 t[n] = nil end t.a = 1 for i = 1, 1000000 do next(t) end`, "instruction budget", 64},
		{"inserts at the front", `local t = {} for i = 1, 1000000 do table.insert(t, 1, i) end`, "", 256},
		{"sorts", `local t = {} for i = 1, 20000 do t[i] = i end for i = 1, 10000 do table.sort(t) end`, "instruction budget", 128},
		{"a comparison that contradicts itself", `local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function() return random() < 0.5 end)`, "", 64},
		{"a comparison that changes the table", `local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function(a, b) table.remove(t) return a < b end)`, "", 64},
		{"copies of many arguments", `local function f(...) for i = 1, 1e6 do local a = select("#", ...) end end local t = {} for i = 1, 7 do t[i] = 1 end local function more(n, ...) if n == 0 then return f(...) end return more(n - 1, ..., ...) end local u = {} for i = 1, 999 do u[i] = i end f(unpack(u))`, "instruction budget", 256},
		{"tables of many arguments", `local function f(...) local all = {} for i = 1, 1e6 do all[i] = { ... } end end local u = {} for i = 1, 999 do u[i] = i end f(unpack(u))`, "", 128},
		{"arguments in a condition", `local function f(...) while select("#", ...) > 5 do end end local u = {} for i = 1, 999 do u[i] = i end f(unpack(u))`, "instruction budget", 128},
		{"tables in a condition", `while #{ {}, {}, {} } > 1 do end`, "instruction budget", 2048},
		{"tables in the condition of repeat", `local t = {} repeat t = { t } until not { t }`, "", 256},
		{"a metatable for strings", `setmetatable("", { __index = function() while true do end end })`, "table expected", 4},
		{"the metatable of strings", `local m = getmetatable("") m.__index = nil`, "attempt to index", 4},
		{"a change of math", `math.min = math.max`, "read-only table", 4},
		{"a change of math by rawset", `rawset(math, "min", math.max)`, "read-only table", 4},
		{"a change of math by table.insert", `table.insert(math, 1)`, "read-only table", 4},
		{"a change of math by table.sort", `table.sort(math)`, "read-only table", 4},
		{"a change of math's metatable", `setmetatable(math, {})`, "protected metatable", 4},
		{"a change of the string table", `string.rep = nil`, "read-only table", 4},
		{"another math", `math = { min = 1 }`, "belongs to the library", 4},
		{"another math by _G", `_G.math = { min = 1 }`, "belongs to the library", 4},
		{"another math by _G's rawset", `rawset(_G, "math", {})`, "read-only table", 4},
		{"another config", `config = {}`, "", 4},
		{"the metatable of _G", `setmetatable(_G, nil)`, "protected metatable", 4},
		{"an error with a table", `error({})`, "with a table for a message", 4},
		{"an error with a long message", `error(("x"):rep(60000))`, "xxx", 4},
		{"a level of error", `error("x", 2^31)`, "x", 4},
		{"goto", `::a:: goto a`, "goto is not part of Lua 5.1", 4},
		{"the file's arguments", `local f = ...`, "outside a vararg function", 4},
		{"NaN as an index", `local t = {} t[0/0] = 1`, "index is NaN", 4},
		{"a NaN loop", `for i = 1, 0/0 do end for i = 0/0, 1 do end for i = 1, 2, 0/0 do end`, "", 4},
		{"an infinite loop of for", `for i = 1, math.huge do end`, "instruction budget", 64},
		{"a for with step zero", `for i = 1, 2, 0 do end`, "", 64},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var err error
			begin := time.Now()
			used := allocated(func() { err = attempt(t, tc.source, Options{Limits: quarter}) })
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("took %v", took)
			} else if took > 300*time.Millisecond {
				t.Logf("took %v, %d MiB", took.Round(time.Millisecond), used>>20)
			}
			if used>>20 > tc.megabytes {
				t.Errorf("allocated %d MiB, more than %d", used>>20, tc.megabytes)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if err != nil && len(err.Error()) > 600 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
			t.Log(err)
		})
	}
}

// TestNothingLeadsOut looks for names that must not be there.
func TestNothingLeadsOut(t *testing.T) {
	for _, name := range []string{
		"load", "loadstring", "loadfile", "dofile", "require", "module", "getfenv", "setfenv", "newproxy",
		"collectgarbage", "_printregs", "io", "os", "debug", "package", "channel", "coroutine",
		"string.dump", "string.gsub", "string.match", "string.gmatch", "math.randomseed",
	} {
		// With _G in the file, reading what nobody has set is no error of its own.
		if err := attempt(t, fmt.Sprintf("assert(_G.%s == nil and %[1]s == nil)", name), Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGuardsAreOutOfReach walks over everything that a script can reach and looks
// for a function that is not in the library.
func TestGuardsAreOutOfReach(t *testing.T) {
	p, err := Load("walk", `return { key = function(load) return load end, tests = { a = "x" .. 1 } }`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, e := newState(p, nil, rand.New(rand.NewPCG(1, 2)), nil, nil)
	if e != nil {
		t.Fatal(e)
	}
	sv := &survey{seen: map[any]struct{}{}, limit: 1 << 40}
	sv.add(s.vm.G.Global)
	sv.add(s.policy)
	for len(sv.pending) > 0 {
		v := sv.pending[0]
		sv.pending = sv.pending[1:]
		sv.visit(v)
	}
	for n, g := range guards {
		if _, ok := sv.seen[g]; ok {
			t.Errorf("guard %d can be reached", n)
		}
	}
}
