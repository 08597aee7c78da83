package lua

import (
	"strings"

	vm "github.com/yuin/gopher-lua"
)

// guards are the functions that the guard's rewriting calls, in its order.
var guards = []*vm.LFunction{
	function(func(L *vm.LState) int { // concat
		n, size := L.GetTop(), 0
		parts := make([]string, 0, 8)
		for i := 1; i <= n && vm.LVCanConvToString(L.Get(i)); i++ {
			parts = append(parts, text(L.Get(i)))
			size += len(parts[i-1])
		}
		if len(parts) == n {
			meterOf(L).room(L, size)
			L.Push(vm.LString(strings.Join(parts, "")))
			return 1
		}
		v := L.Get(n)
		for i := n - 1; i > 0; i-- {
			v = joined(L, L.Get(i), v)
		}
		L.Push(v)
		return 1
	}),
	function(func(L *vm.LState) int { // length
		switch v := L.Get(1).(type) {
		case vm.LString:
			L.Push(vm.LNumber(len(v)))
		case *vm.LTable:
			shown, _ := behind(v)
			if f, ok := L.GetMetaField(v, "__len").(*vm.LFunction); ok {
				L.Push(f)
				L.Push(v)
				L.Call(1, 1)
				return 1
			}
			L.Push(vm.LNumber(length(L, shown)))
		default:
			L.RaiseError("attempt to get the length of a %s value", v.Type())
		}
		return 1
	}),
	function(func(L *vm.LState) int { // index
		meterOf(L).index(L, L.Get(1))
		return 1
	}),
	function(func(L *vm.LState) int { // set
		if t, ok := L.Get(1).(*vm.LTable); ok {
			meterOf(L).fill(L, t, L.Get(2))
		}
		L.SetTable(L.Get(1), L.Get(2), L.Get(3))
		return 0
	}),
	function(func(L *vm.LState) int { // charge
		meterOf(L).create(L, int(L.Get(1).(vm.LNumber)))
		return 0
	}),
	function(func(L *vm.LState) int { // values
		n := (L.GetTop() - 1) * int(L.Get(1).(vm.LNumber))
		meterOf(L).work(n / 8)
		meterOf(L).create(L, n*sizeSlot)
		return 0
	}),
}

// joined is a..b, where one of them may have a metamethod.
func joined(L *vm.LState, a, b vm.LValue) vm.LValue {
	if vm.LVCanConvToString(a) && vm.LVCanConvToString(b) {
		return meterOf(L).text(L, text(a)+text(b))
	}
	for _, v := range []vm.LValue{a, b} {
		if f, ok := L.GetMetaField(v, "__concat").(*vm.LFunction); ok {
			L.Push(f)
			L.Push(a)
			L.Push(b)
			L.Call(2, 1)
			r := L.Get(-1)
			L.Pop(1)
			return r
		}
	}
	L.RaiseError("attempt to concatenate a %s and a %s", a.Type(), b.Type())
	return nil
}
