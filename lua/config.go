package lua

import (
	"fmt"
	"maps"
	"math"
	"slices"

	vm "github.com/yuin/gopher-lua"
)

// maxConfig is how deep the config block may nest.
const maxConfig = 32

// fromGo makes a Lua value of what a configuration holds: maps by string, lists,
// strings, booleans and numbers. The result shares nothing with v.
func fromGo(v any, depth int) (vm.LValue, error) {
	if depth > maxConfig {
		return nil, fmt.Errorf("nested deeper than %d", maxConfig)
	}
	switch v := v.(type) {
	case nil:
		return vm.LNil, nil
	case string:
		return vm.LString(v), nil
	case bool:
		return vm.LBool(v), nil
	case int:
		return vm.LNumber(v), nil
	case int64:
		return vm.LNumber(v), nil
	case uint32:
		return vm.LNumber(v), nil
	case uint64:
		return vm.LNumber(v), nil
	case float64:
		if math.IsNaN(v) {
			return nil, fmt.Errorf("NaN is no value")
		}
		return vm.LNumber(v), nil
	case []any:
		t := newTable(0)
		for i, e := range v {
			value, err := fromGo(e, depth+1)
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i+1, err)
			}
			t.RawSetInt(i+1, value)
		}
		return t, nil
	case map[string]any:
		t := newTable(len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			value, err := fromGo(v[k], depth+1)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			t.RawSetString(k, value)
		}
		return t, nil
	}
	return nil, fmt.Errorf("a %T can not be given to a script", v)
}

// toGo is the inverse of fromGo, for plain tables. A table is a list where its
// first value is at 1, a map by string otherwise.
func toGo(v vm.LValue, depth int) (any, error) {
	if depth > maxConfig {
		return nil, fmt.Errorf("nested deeper than %d", maxConfig)
	}
	switch v := v.(type) {
	case *vm.LNilType:
		return nil, nil
	case vm.LString:
		return string(v), nil
	case vm.LBool:
		return bool(v), nil
	case vm.LNumber:
		return float64(v), nil
	case *vm.LTable:
		if n := v.Len(); n > 0 {
			list := make([]any, n)
			for i := range list {
				e, err := toGo(v.RawGetInt(i+1), depth+1)
				if err != nil {
					return nil, err
				}
				list[i] = e
			}
			return list, nil
		}
		m := map[string]any{}
		for k, e := range fields(v) {
			name, ok := k.(vm.LString)
			if !ok {
				return nil, fmt.Errorf("field %s: a name expected", text(k))
			}
			value, err := toGo(e, depth+1)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", string(name), err)
			}
			m[string(name)] = value
		}
		return m, nil
	}
	return nil, fmt.Errorf("a %s is no plain value", v.Type())
}

// fields visits the fields of a table in the order in which they were made.
func fields(t *vm.LTable) func(yield func(k, v vm.LValue) bool) {
	return func(yield func(k, v vm.LValue) bool) {
		for k, v := t.Next(vm.LNil); k != vm.LNil; k, v = t.Next(k) {
			if !yield(k, v) {
				return
			}
		}
	}
}
