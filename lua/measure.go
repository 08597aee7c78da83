package lua

import (
	"reflect"

	vm "github.com/yuin/gopher-lua"
)

// The interpreter keeps a table's lists to itself, so their lengths are read by
// reflection. They count what is there and what a table does not give back: names
// of fields that were removed, and holes.
var (
	tableType  = reflect.TypeFor[vm.LTable]()
	arrayField = fieldIndex("array")
	namedField = fieldIndex("strdict")
	otherField = fieldIndex("dict")
	keysField  = fieldIndex("keys")
)

func fieldIndex(name string) int {
	f, ok := tableType.FieldByName(name)
	if !ok {
		panic("lua: the interpreter's tables have no field " + name)
	}
	return f.Index[0]
}

// slots returns the length of the array part of t, holes included.
func slots(t *vm.LTable) int { return reflect.ValueOf(t).Elem().Field(arrayField).Len() }

// graves returns how many removed keys t still remembers.
func graves(t *vm.LTable) int {
	v := reflect.ValueOf(t).Elem()
	return v.Field(keysField).Len() - v.Field(namedField).Len() - v.Field(otherField).Len()
}

// Sizes in bytes, as the interpreter lays things out.
const (
	sizeTable    = 160
	sizeSlot     = 16
	sizeKey      = 160 // in two maps and a list, with room to grow
	sizeNumber   = 32
	sizeFunction = 96
	sizeUpvalue  = 64
)

// survey adds up what can be reached, each thing once.
type survey struct {
	seen    map[any]struct{}
	pending []vm.LValue
	bytes   int64
	limit   int64
}

// reachable measures what the state holds, and what its functions on the stack
// do. It stops where the allowance is exceeded.
func (m *meter) reachable(L *vm.LState) int64 {
	s := &survey{seen: map[any]struct{}{}, limit: m.limits.Memory}
	s.add(L.G.Global)
	if m.roots != nil {
		m.roots(s.add)
	}
	s.stack(L)
	for len(s.pending) > 0 && s.bytes <= s.limit {
		v := s.pending[len(s.pending)-1]
		s.pending = s.pending[:len(s.pending)-1]
		s.visit(v)
	}
	return s.bytes
}

// stack adds the registers of all frames. Levels beyond a tail call lead to a
// frame again that was there before.
func (s *survey) stack(L *vm.LState) {
	frames := map[vm.Debug]struct{}{}
	for n := 0; n < maxLevels; n++ {
		frame, ok := L.GetStack(n)
		if !ok {
			return
		}
		if _, ok := frames[*frame]; ok {
			continue
		}
		frames[*frame] = struct{}{}
		for i := 1; ; i++ {
			name, v := L.GetLocal(frame, i)
			if name == "" {
				break
			}
			s.add(v)
		}
	}
}

// maxLevels is how many calls, tail calls included, are looked through.
const maxLevels = 4096

// add notes a value for a visit unless it was seen.
func (s *survey) add(v vm.LValue) {
	switch v := v.(type) {
	case vm.LNumber:
		s.bytes += sizeNumber
	case vm.LString:
		s.bytes += int64(len(v)) + sizeSlot
	case *vm.LTable, *vm.LFunction:
		if _, ok := s.seen[v]; !ok {
			s.seen[v] = struct{}{}
			s.pending = append(s.pending, v)
		}
	}
}

func (s *survey) visit(v vm.LValue) {
	switch v := v.(type) {
	case *vm.LTable:
		if shared[v] {
			return
		}
		s.bytes += sizeTable + int64(slots(v))*sizeSlot + int64(reflect.ValueOf(v).Elem().Field(keysField).Len())*sizeKey
		if s.bytes > s.limit {
			return
		}
		s.add(v.Metatable)
		v.ForEach(func(k, v vm.LValue) {
			s.add(k)
			s.add(v)
		})
	case *vm.LFunction:
		s.bytes += sizeFunction
		if !v.IsG {
			s.add(v.Env)
		}
		for _, u := range v.Upvalues {
			if u == nil {
				continue
			}
			if _, ok := s.seen[u]; !ok {
				s.seen[u] = struct{}{}
				s.bytes += sizeUpvalue
				s.add(u.Value())
			}
		}
	}
}
