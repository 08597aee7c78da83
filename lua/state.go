package lua

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	vm "github.com/yuin/gopher-lua"
)

// The interpreter's stacks. A state begins small and grows within these.
const (
	maxCalls      = 64
	firstRegister = 128
	moreRegisters = 64
	maxRegisters  = 8192
)

// state is one interpreter and what the file returned in it. One goroutine uses
// it at a time.
type state struct {
	program *Program
	vm      *vm.LState
	meter   meter
	policy  *vm.LTable
	// functions of the policy, by bound.index.
	functions [hookCount]*vm.LFunction
	// broken says that the state can no longer be trusted, or holds too much.
	broken bool
}

// newState runs the file of p.
func newState(p *Program, config map[string]any, r *rand.Rand, log *logger, roots func(func(vm.LValue))) (*state, *Error) {
	s := &state{program: p, vm: vm.NewState(vm.Options{
		SkipOpenLibs:        true,
		CallStackSize:       maxCalls,
		RegistrySize:        firstRegister,
		RegistryMaxSize:     maxRegisters,
		RegistryGrowStep:    moreRegisters,
		MinimizeStackMemory: true,
	})}
	s.meter = meter{limits: p.limits, look: p.limits.Memory, host: host{random: r, log: log}}
	s.meter.roots = func(add func(vm.LValue)) {
		if s.policy != nil {
			add(s.policy)
		}
		if roots != nil {
			roots(add)
		}
	}
	s.vm.SetContext(&s.meter)
	s.vm.SetMetatable(vm.LString(""), stringMeta)
	// The tables that the interpreter makes have room for a whole library.
	global := newTable(4)
	s.vm.G.Global, s.vm.Env, s.vm.G.Registry = global, global, newTable(0)
	global.RawSetString("_G", global)
	value, err := fromGo(config, 0)
	if err != nil {
		return nil, p.source.errorf(0, "config: %s", err)
	}
	global.RawSetString("config", value)
	global.Metatable = globalMeta

	args := make([]vm.LValue, len(guards))
	for i, g := range guards {
		args[i] = g
	}
	chunk := s.vm.NewFunctionFromProto(p.proto)
	result, e := s.call(chunk, p.limits.LoadInstructions, args...)
	if e != nil {
		return nil, e
	}
	policy, ok := result.(*vm.LTable)
	if !ok {
		return nil, p.source.errorf(0, "the file returns %s: return a table with a key, weight, affinity or select function", article(result))
	}
	s.policy = policy
	return s, nil
}

// call runs f and returns its first result, nil without one. It returns an *Error
// for everything that goes wrong in it.
func (s *state) call(f *vm.LFunction, instructions int, args ...vm.LValue) (result vm.LValue, e *Error) {
	s.meter.begin(instructions)
	// A panic can leave PCall: its own clean-up walks over frames that a panic
	// left half made.
	defer func() {
		s.meter.end()
		if r := recover(); r != nil {
			s.broken = true
			result, e = nil, s.program.source.errorf(0, "the interpreter failed: %s", printable(fmt.Sprint(r), maxMessage))
		}
	}()
	L := s.vm
	L.Push(f)
	for _, a := range args {
		L.Push(a)
	}
	if err := L.PCall(len(args), 1, nil); err != nil {
		return nil, s.fault(err)
	}
	result = L.Get(-1)
	L.Pop(1)
	if s.meter.err != nil { // a pcall had the last word
		return nil, s.fault(s.meter.err)
	}
	return result, nil
}

// fault says what went wrong in a call and whether the state survives it.
func (s *state) fault(err error) *Error {
	e := s.program.source.convert(err)
	var run *vm.ApiError
	switch {
	case s.meter.err != nil:
		s.broken = s.broken || errors.Is(s.meter.err, errMemory)
		e.Message = s.meter.err.Error()
	case errors.As(err, &run) && run.Type == vm.ApiErrorPanic:
		if strings.Contains(e.Message, "callstack overflow") {
			e.Message = fmt.Sprintf("calls nested deeper than %d", maxCalls)
			break
		}
		s.broken = true
	}
	return e
}

// article returns the kind of a value as in "a number".
func article(v vm.LValue) string {
	switch v.Type() {
	case vm.LTNil:
		return "nothing"
	case vm.LTBool, vm.LTNumber, vm.LTString, vm.LTFunction, vm.LTTable:
		return "a " + v.Type().String()
	}
	return v.Type().String()
}
