package lua

import (
	"errors"
	"fmt"
	"math"
	"time"

	vm "github.com/yuin/gopher-lua"
)

// The budgets are exceeded once for a whole call: no pcall of the script can go
// on after one of these.
var (
	errInstructions = errors.New("the instruction budget is used up: do less in one call, or raise limits.instructions")
	errMemory       = errors.New("the memory allowance is used up: keep less, or raise limits.memory")
)

// closed is the channel of a context that is over.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// meter is the interpreter's context, which is asked before each instruction
// whether to go on. It counts, and holds what host functions want to know of the
// state they run in. It does not look at a clock.
type meter struct {
	left  int64  // instructions
	purse *int64 // of all calls together, nil without
	err   error  // why it is over

	charged int64 // bytes that may have been created since the last look
	look    int64 // charge at which to look
	limits  Limits
	roots   func(func(vm.LValue)) // of what is kept between calls

	host host
}

// Done is nil while there are instructions left.
func (m *meter) Done() <-chan struct{} {
	if m.left--; m.left >= 0 {
		return nil
	}
	if m.err == nil {
		m.err = errInstructions
	}
	return closed
}

// Err, Deadline and Value complete the interface.
func (m *meter) Err() error                  { return m.err }
func (m *meter) Deadline() (time.Time, bool) { return time.Time{}, false }
func (m *meter) Value(any) any               { return nil }

// begin starts the budget of a call.
func (m *meter) begin(instructions int) {
	m.left = int64(instructions)
	if m.purse != nil {
		m.left = min(m.left, *m.purse)
		*m.purse -= m.left
	}
	if errors.Is(m.err, errInstructions) {
		m.err = nil
	}
}

// end gives back what a call has left.
func (m *meter) end() {
	if m.purse != nil {
		*m.purse += max(m.left, 0)
	}
}

// work takes instructions for what a host function does in one.
func (m *meter) work(n int) {
	m.left -= int64(n)
}

// create charges bytes. Where the allowance may be exceeded it looks at what can
// be reached.
func (m *meter) create(L *vm.LState, bytes int) {
	if m.charged += int64(bytes); m.charged < m.look {
		return
	}
	used := m.reachable(L)
	m.work(int(min(used/64, math.MaxInt32)))
	m.charged = 0
	m.look = max(m.limits.Memory-used, m.limits.Memory/4)
	if used > m.limits.Memory {
		m.err = fmt.Errorf("%w (%d bytes of %d)", errMemory, used, m.limits.Memory)
		m.left = 0
		L.RaiseError("%s", m.err.Error())
	}
}

// text returns s as a new string of the script, which may not exceed its size.
func (m *meter) text(L *vm.LState, s string) vm.LString {
	m.room(L, len(s))
	return vm.LString(s)
}

// room charges a string of n bytes before it is made.
func (m *meter) room(L *vm.LState, n int) {
	if n > m.limits.String {
		L.RaiseError("a string of %d bytes exceeds the limit of %d", n, m.limits.String)
	}
	m.work(n / 256)
	m.create(L, n+16)
}

func meterOf(L *vm.LState) *meter { return L.Context().(*meter) }

// maxArray is the longest array of a table; a longer list becomes a map.
const maxArray = 1 << 16

// The interpreter has this limit for all its states at once, and by default it is
// a gigabyte.
func init() { vm.MaxArrayIndex = maxArray }

// fill charges an assignment to t[k], which fills an array up to k.
func (m *meter) fill(L *vm.LState, t *vm.LTable, k vm.LValue) {
	if n, ok := k.(vm.LNumber); ok && n > smallArray && n < maxArray {
		m.gap(L, int(n)-slots(t))
	}
}

// index charges the same where the table is not at hand.
func (m *meter) index(L *vm.LState, k vm.LValue) {
	if n, ok := k.(vm.LNumber); ok && n > smallArray && n < maxArray {
		m.gap(L, int(n))
	}
}

// smallArray is an index up to which an assignment is like any other.
const smallArray = 256

func (m *meter) gap(L *vm.LState, n int) {
	if n > 1 {
		m.work(n / 2)
		m.create(L, n*2*sizeSlot)
	}
}
