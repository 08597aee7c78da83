package lua

import (
	"fmt"
	"slices"
	"strings"

	vm "github.com/yuin/gopher-lua"

	"github.com/rspool/rspool/internal/suggest"
)

// caseReader reads one case. A failure is a panic with a caseError, which parse
// recovers.
type caseReader struct{ where string }

type caseError string

func (r caseReader) fail(format string, args ...any) {
	panic(caseError(r.where + ": " + fmt.Sprintf(format, args...)))
}

func (r caseReader) in(where string) caseReader { return caseReader{r.where + ", " + where} }

// known refuses fields that mean nothing.
func (r caseReader) known(t *vm.LTable, names []string) {
	for k := range fields(t) {
		name, ok := k.(vm.LString)
		if !ok || !slices.Contains(names, string(name)) {
			hint := suggest.Sentence(text(k), names)
			if hint == "" {
				hint = " It may have " + strings.Join(names, ", ") + "."
			}
			r.fail("there is no field %s.%s", quoted(k), hint)
		}
	}
}

func (r caseReader) optional(t *vm.LTable, field string) (vm.LValue, bool) {
	v := t.RawGetString(field)
	return v, v != vm.LNil
}

func (r caseReader) string(v vm.LValue) string {
	s, ok := v.(vm.LString)
	if !ok {
		r.fail("a string expected, got %s", article(v))
	}
	return string(s)
}

func (r caseReader) text(t *vm.LTable, field, otherwise string) string {
	v, ok := r.optional(t, field)
	if !ok {
		return otherwise
	}
	return r.in(field).string(v)
}

func (r caseReader) table(v vm.LValue, field string) *vm.LTable {
	t, ok := v.(*vm.LTable)
	if !ok {
		r.fail("%s is %s: it must be a table", field, article(v))
	}
	return t
}

func (r caseReader) number(t *vm.LTable, field string, least, most, otherwise float64) float64 {
	v, ok := r.optional(t, field)
	if !ok {
		return otherwise
	}
	n, ok := v.(vm.LNumber)
	if x := float64(n); ok && x >= least && x <= most {
		return x
	}
	r.fail("%s is %s: it must be a number from %s to %s", field, quoted(v), numberText(least), numberText(most))
	return 0
}
