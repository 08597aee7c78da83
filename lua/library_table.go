package lua

import (
	"math/bits"
	"sort"
	"strings"

	vm "github.com/yuin/gopher-lua"
)

var tableFunctions = map[string]vm.LGFunction{
	"concat": tableConcat,
	"getn":   tableLength,
	"insert": tableInsert,
	"maxn":   tableMaxN,
	"remove": tableRemove,
	"sort":   tableSort,
}

// length returns the length of t, charged for the holes at its end.
func length(L *vm.LState, t *vm.LTable) int {
	n := t.Len()
	meterOf(L).work((slots(t) - n) / 32)
	return n
}

func tableLength(L *vm.LState) int {
	L.Push(vm.LNumber(length(L, readable(L, 1))))
	return 1
}

func tableMaxN(L *vm.LState) int {
	t := readable(L, 1)
	n := t.MaxN()
	meterOf(L).work((slots(t) - n) / 32)
	L.Push(vm.LNumber(n))
	return 1
}

func tableConcat(L *vm.LState) int {
	t, separator := readable(L, 1), L.OptString(2, "")
	from := whole(L, 3, 1)
	to := whole(L, 4, length(L, t))
	if from > to {
		L.Push(vm.LString(""))
		return 1
	}
	m := meterOf(L)
	if to-from >= maxArray {
		L.RaiseError("concat of more than %d values", maxArray)
	}
	m.work(to - from)
	parts := make([]string, 0, to-from+1)
	size := (to - from) * len(separator)
	for i := from; i <= to; i++ {
		v := t.RawGetInt(i)
		if !vm.LVCanConvToString(v) {
			L.RaiseError("invalid value (%s) at index %d in table for concat", v.Type(), i)
		}
		parts = append(parts, text(v))
		size += len(parts[i-from])
	}
	m.room(L, size)
	L.Push(vm.LString(strings.Join(parts, separator)))
	return 1
}

func tableInsert(L *vm.LState) int {
	t, m := writable(L, 1), meterOf(L)
	n := length(L, t)
	m.create(L, chargeAssign)
	m.work(slots(t) / 256)
	switch L.GetTop() {
	case 2:
		m.fill(L, t, vm.LNumber(n+1))
		t.RawSetInt(n+1, L.Get(2))
	case 3:
		at := whole(L, 2, 0)
		if at < 1 || at > n+1 {
			L.RaiseError("insert at %d into a table of %d values", at, n)
		}
		t.Insert(at, L.Get(3))
	default:
		L.RaiseError("insert wants a table, a position where it matters, and a value")
	}
	return 0
}

func tableRemove(L *vm.LState) int {
	t := writable(L, 1)
	n := length(L, t)
	at := whole(L, 2, n)
	if at < 1 || at > n {
		L.Push(vm.LNil)
		return 1
	}
	meterOf(L).work(slots(t) / 256)
	L.Push(t.Remove(at))
	return 1
}

// tableSort sorts a copy, since the comparison may change the table. What it
// leaves where the comparison contradicts itself is some order.
func tableSort(L *vm.LState) int {
	t := writable(L, 1)
	var less *vm.LFunction
	if L.GetTop() > 1 {
		less = L.CheckFunction(2)
	}
	n := length(L, t)
	meterOf(L).work(n * bits.Len(uint(n)) / 4)
	values := make([]vm.LValue, n)
	for i := range values {
		values[i] = t.RawGetInt(i + 1)
	}
	sort.Slice(values, func(i, j int) bool {
		if less == nil {
			return L.LessThan(values[i], values[j])
		}
		L.Push(less)
		L.Push(values[i])
		L.Push(values[j])
		L.Call(2, 1)
		r := vm.LVAsBool(L.Get(-1))
		L.Pop(1)
		return r
	})
	for i, v := range values {
		t.RawSetInt(i+1, v)
	}
	return 0
}
