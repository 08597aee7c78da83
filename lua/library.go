package lua

import (
	"math/rand/v2"

	vm "github.com/yuin/gopher-lua"
)

// host is what the library does outside the script.
type host struct {
	random *rand.Rand
	drawn  bool // whether random was asked
	log    *logger
}

// The library is built once and shared by all states, which never change it:
// scripts see each table through a proxy that refuses assignments, so that
// compiled functions and the interpreter agree on what math.min is.
var (
	// shared are the tables that no state has to answer for.
	shared = map[*vm.LTable]bool{}
	// refuse is the __newindex of read-only tables, by which they are known.
	refuse = function(func(L *vm.LState) int {
		L.RaiseError("attempt to change a read-only table (field %s)", quoted(L.Get(2)))
		return 0
	})
	mathTable              = tableOf(mathFunctions())
	globalMeta, stringMeta = newLibrary()
)

func function(f vm.LGFunction) *vm.LFunction { return &vm.LFunction{IsG: true, GFunction: f} }

// newTable returns a table with room for n named fields.
func newTable(n int) *vm.LTable { return new(vm.LState).CreateTable(0, n) }

func newLibrary() (globals, strings *vm.LTable) {
	fields := newTable(40)
	for name, f := range baseFunctions {
		fields.RawSetString(name, function(f))
	}
	fields.RawSetString("pairs", function(basePairs))
	fields.RawSetString("ipairs", function(baseIpairs))
	fields.RawSetString("_VERSION", vm.LString(vm.LuaVersion))

	mathTable.RawSetString("pi", vm.LNumber(pi))
	mathTable.RawSetString("huge", vm.LNumber(infinity))
	stringTable := tableOf(stringFunctions)
	for name, t := range map[string]*vm.LTable{
		"math":   mathTable,
		"string": stringTable,
		"table":  tableOf(tableFunctions),
		"log":    tableOf(logFunctions),
	} {
		shared[t] = true
		proxy := readOnly(t)
		shared[proxy], shared[proxy.Metatable.(*vm.LTable)] = true, true
		fields.RawSetString(name, proxy)
	}

	strings = newTable(2)
	strings.RawSetString("__index", stringTable)
	strings.RawSetString("__metatable", vm.LFalse)

	globals = newTable(3)
	globals.RawSetString("__index", fields)
	globals.RawSetString("__newindex", function(func(L *vm.LState) int {
		if name, ok := L.Get(2).(vm.LString); ok && (fields.RawGetString(string(name)) != vm.LNil || name == "config") {
			L.RaiseError("attempt to change the global %s, which belongs to the library", quoted(name))
		}
		L.RawSet(L.CheckTable(1), L.Get(2), L.Get(3))
		return 0
	}))
	globals.RawSetString("__metatable", vm.LFalse)
	shared[fields], shared[strings], shared[globals] = true, true, true
	return globals, strings
}

func tableOf(functions map[string]vm.LGFunction) *vm.LTable {
	t := newTable(len(functions))
	for name, f := range functions {
		t.RawSetString(name, function(f))
	}
	return t
}

// readOnly returns a table that shows the fields of t and refuses to be changed.
func readOnly(t *vm.LTable) *vm.LTable {
	meta := newTable(3)
	meta.RawSetString("__index", t)
	meta.RawSetString("__newindex", refuse)
	meta.RawSetString("__metatable", vm.LFalse)
	proxy := newTable(0)
	proxy.Metatable = meta
	return proxy
}

// behind returns the table that a read-only one shows, and whether t is one.
func behind(t *vm.LTable) (*vm.LTable, bool) {
	meta, ok := t.Metatable.(*vm.LTable)
	if !ok || meta.RawGetString("__newindex") != refuse {
		return t, false
	}
	if shown, ok := meta.RawGetString("__index").(*vm.LTable); ok {
		return shown, true
	}
	return t, false
}

// writable returns argument n, a table that a host function is about to change.
func writable(L *vm.LState, n int) *vm.LTable {
	t := L.CheckTable(n)
	if meta, ok := t.Metatable.(*vm.LTable); ok && meta.RawGetString("__metatable") != vm.LNil {
		L.RaiseError("attempt to change a read-only table")
	}
	return t
}

// readable returns argument n, a table that a host function is about to look at.
func readable(L *vm.LState, n int) *vm.LTable {
	t, _ := behind(L.CheckTable(n))
	return t
}

// whole returns argument n as an integer within the bounds of 32 bits, or the
// default where it is missing.
func whole(L *vm.LState, n, otherwise int) int {
	if L.Get(n) == vm.LNil && n > 1 {
		return otherwise
	}
	f := float64(L.CheckNumber(n))
	if f != f {
		L.ArgError(n, "a number expected, got NaN")
	}
	return int(min(max(f, -1<<31), 1<<31-1))
}

func quoted(v vm.LValue) string {
	if s, ok := v.(vm.LString); ok {
		return "'" + printable(string(s), 40) + "'"
	}
	return text(v)
}

// mathNames are the functions of mathTable.
var mathNames = func() map[*vm.LFunction]string {
	names := map[*vm.LFunction]string{}
	for k, v := range fields(mathTable) {
		if f, ok := v.(*vm.LFunction); ok {
			names[f] = string(k.(vm.LString))
		}
	}
	return names
}()
