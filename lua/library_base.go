package lua

import (
	"math"
	"strconv"
	"strings"

	vm "github.com/yuin/gopher-lua"

	"github.com/rspool/rspool/engine"
)

// baseFunctions are the globals. What loads code, changes environments or talks to
// the process is missing on purpose, and so are coroutines.
var baseFunctions = map[string]vm.LGFunction{
	"assert":       baseAssert,
	"error":        baseError,
	"getmetatable": baseGetMetatable,
	"hash":         baseHash,
	"next":         baseNext,
	"pcall":        basePCall,
	"print":        basePrint,
	"random":       mathRandom,
	"rawequal":     baseRawEqual,
	"rawget":       baseRawGet,
	"rawset":       baseRawSet,
	"select":       baseSelect,
	"setmetatable": baseSetMetatable,
	"tonumber":     baseToNumber,
	"tostring":     baseToString,
	"type":         baseType,
	"unpack":       baseUnpack,
	"xpcall":       baseXPCall,
}

func baseAssert(L *vm.LState) int {
	if !L.ToBool(1) {
		message := "assertion failed!"
		if L.GetTop() > 1 {
			message = text(L.Get(2))
		}
		L.RaiseError("%s", message)
	}
	return L.GetTop()
}

func baseError(L *vm.LState) int {
	L.Error(L.CheckAny(1), L.OptInt(2, 1))
	return 0
}

func baseGetMetatable(L *vm.LState) int {
	L.Push(L.GetMetatable(L.CheckAny(1)))
	return 1
}

func baseSetMetatable(L *vm.LState) int {
	t := L.CheckTable(1)
	L.CheckTypes(2, vm.LTNil, vm.LTTable)
	if meta, ok := t.Metatable.(*vm.LTable); ok && meta.RawGetString("__metatable") != vm.LNil {
		L.RaiseError("cannot change a protected metatable")
	}
	t.Metatable = L.Get(2)
	L.SetTop(1)
	return 1
}

// baseHash maps a string to [0, 1) evenly, the same on every machine.
func baseHash(L *vm.LState) int {
	s := L.CheckString(1)
	meterOf(L).work(len(s) / 16)
	L.Push(vm.LNumber(engine.HashShare(s)))
	return 1
}

// advance is next, charged for the holes and removed fields that it walks over.
func advance(L *vm.LState, t *vm.LTable, after vm.LValue) (vm.LValue, vm.LValue) {
	k, v := t.Next(after)
	work := 0
	if from, ok := after.(vm.LNumber); ok || after == vm.LNil {
		to := vm.LNumber(slots(t))
		if n, ok := k.(vm.LNumber); ok && n <= to {
			to = n
		}
		work = max(int(to-from), 0) / 16
	}
	if _, ok := k.(vm.LNumber); !ok {
		work += graves(t)
	}
	meterOf(L).work(work)
	return k, v
}

func baseNext(L *vm.LState) int {
	k, v := advance(L, readable(L, 1), L.Get(2))
	L.Push(k)
	if k == vm.LNil {
		return 1
	}
	L.Push(v)
	return 2
}

var nextFunction = function(baseNext)

func basePairs(L *vm.LState) int {
	t := L.CheckTable(1)
	L.Push(nextFunction)
	L.Push(t)
	L.Push(vm.LNil)
	return 3
}

var ipairsFunction = function(func(L *vm.LState) int {
	i := L.CheckInt(2) + 1
	v := readable(L, 1).RawGetInt(i)
	if v == vm.LNil {
		L.Push(vm.LNil)
		return 1
	}
	L.Push(vm.LNumber(i))
	L.Push(v)
	return 2
})

func baseIpairs(L *vm.LState) int {
	t := L.CheckTable(1)
	L.Push(ipairsFunction)
	L.Push(t)
	L.Push(vm.LNumber(0))
	return 3
}

func basePCall(L *vm.LState) int {
	L.CheckAny(1)
	if err := L.PCall(L.GetTop()-1, vm.MultRet, nil); err != nil {
		return failed(L, err)
	}
	L.Insert(vm.LTrue, 1)
	return L.GetTop()
}

func baseXPCall(L *vm.LState) int {
	f, handler := L.CheckAny(1), L.CheckFunction(2)
	top := L.GetTop()
	L.Push(f)
	if err := L.PCall(0, vm.MultRet, handler); err != nil {
		return failed(L, err)
	}
	L.Insert(vm.LTrue, top+1)
	return L.GetTop() - top
}

// workOfFailure is what an error costs that is caught, whose trace the interpreter
// makes in vain.
const workOfFailure = 300

// failed returns false and what was raised.
func failed(L *vm.LState, err error) int {
	meterOf(L).work(workOfFailure)
	L.SetTop(0)
	L.Push(vm.LFalse)
	if e, ok := err.(*vm.ApiError); ok { //nolint:errorlint // the interpreter returns it as it is
		L.Push(e.Object)
	} else {
		L.Push(vm.LString(printable(err.Error(), maxMessage)))
	}
	return 2
}

func basePrint(L *vm.LState) int {
	parts := make([]string, L.GetTop())
	for i := range parts {
		parts[i] = display(L, L.Get(i+1))
	}
	return logLine(L, Info, strings.Join(parts, "\t"))
}

func baseRawEqual(L *vm.LState) int {
	L.Push(vm.LBool(L.RawEqual(L.CheckAny(1), L.CheckAny(2))))
	return 1
}

func baseRawGet(L *vm.LState) int {
	L.Push(readable(L, 1).RawGet(L.CheckAny(2)))
	return 1
}

func baseRawSet(L *vm.LState) int {
	t, k := writable(L, 1), L.CheckAny(2)
	meterOf(L).fill(L, t, k)
	meterOf(L).create(L, chargeAssign)
	L.RawSet(t, k, L.CheckAny(3))
	return 0
}

func baseSelect(L *vm.LState) int {
	if L.Get(1) == vm.LString("#") {
		L.Push(vm.LNumber(L.GetTop() - 1))
		return 1
	}
	n, top := whole(L, 1, 0), L.GetTop()
	if n < 0 {
		n += top
	}
	if n < 1 {
		L.ArgError(1, "index out of range")
	}
	return max(top-n, 0)
}

func baseToNumber(L *vm.LState) int {
	base := whole(L, 2, 10)
	switch v := L.CheckAny(1).(type) {
	case vm.LNumber:
		L.Push(v)
	case vm.LString:
		L.Push(parsed(strings.Trim(string(v), " \t\n\r\f\v"), base))
	default:
		L.Push(vm.LNil)
	}
	return 1
}

func parsed(s string, base int) vm.LValue {
	if base != 10 {
		n, err := strconv.ParseUint(strings.ToLower(s), min(max(base, 2), 36), 64)
		if err != nil {
			return vm.LNil
		}
		return vm.LNumber(n)
	}
	if hex, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		n, err := strconv.ParseUint(hex, 16, 64)
		if err != nil {
			return vm.LNil
		}
		return vm.LNumber(n)
	}
	if strings.Trim(s, "0123456789.eE+-") != "" {
		return vm.LNil
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return vm.LNil
	}
	return vm.LNumber(n)
}

func baseToString(L *vm.LState) int {
	L.Push(meterOf(L).text(L, display(L, L.CheckAny(1))))
	return 1
}

func baseType(L *vm.LState) int {
	L.Push(vm.LString(L.CheckAny(1).Type().String()))
	return 1
}

// maxValues is how many values a host function pushes at most.
const maxValues = 1000

func baseUnpack(L *vm.LState) int {
	t := readable(L, 1)
	from, to := whole(L, 2, 1), whole(L, 3, t.Len())
	if to-from >= maxValues {
		L.RaiseError("unpack of more than %d values", maxValues)
	}
	for i := from; i <= to; i++ {
		L.Push(t.RawGetInt(i))
	}
	meterOf(L).work(max(to-from, 0) / 8)
	return max(to-from+1, 0)
}

// text returns v as the library prints it. Tables and functions have no address:
// what a policy does must not depend on where it was put.
func text(v vm.LValue) string {
	switch v := v.(type) {
	case vm.LString:
		return string(v)
	case vm.LNumber:
		return numberText(float64(v))
	case vm.LBool, *vm.LNilType:
		return v.String()
	}
	return v.Type().String()
}

func numberText(f float64) string {
	switch {
	case f != f:
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', 14, 64)
}

// display is text with regard to __tostring.
func display(L *vm.LState, v vm.LValue) string {
	if t, ok := v.(*vm.LTable); ok {
		if f, ok := L.GetMetaField(t, "__tostring").(*vm.LFunction); ok {
			L.Push(f)
			L.Push(v)
			L.Call(1, 1)
			v = L.Get(-1)
			L.Pop(1)
		}
	}
	return text(v)
}
