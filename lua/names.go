package lua

import (
	"maps"
	"slices"

	"github.com/yuin/gopher-lua/ast"

	vm "github.com/yuin/gopher-lua"

	"github.com/rspool/rspool/internal/suggest"
)

// libraryNames are the globals that every script finds.
var libraryNames = func() map[string]bool {
	names := map[string]bool{"config": true, "_G": true}
	for k := range fields(globalMeta.RawGetString("__index").(*vm.LTable)) {
		names[string(k.(vm.LString))] = true
	}
	return names
}()

// absent are names of Lua's own library that a script must do without, and what to do
// instead.
var absent = func() map[string]string {
	const outside = "what needs files, the network or the clock belongs into a plugin; the time is in the inputs now, hour, minute and weekday"
	const code = "a policy is one file; what varies belongs into the config block"
	m := map[string]string{"coroutine": "write a function instead"}
	for _, name := range []string{"io", "os", "debug", "collectgarbage"} {
		m[name] = outside
	}
	for _, name := range []string{"require", "module", "package", "loadstring", "loadfile", "dofile", "getfenv", "setfenv"} {
		m[name] = code
	}
	return m
}()

// unset finds the first variable that is read although nothing can ever be in it: it is
// no local variable where it stands, the file assigns it nowhere, and the library does
// not have it. Such a name is misspelt, or an input that the function does not ask for.
// A file that uses _G may set any variable and is taken as it is.
func (p *Program) unset(stmts []ast.Stmt) *Error {
	globals := map[string]bool{}
	assignments(stmts, globals)
	s := &scope{known: func(name string) bool { return libraryNames[name] || globals[name] }}
	s.block(stmts)
	if s.first == nil || s.reflects {
		return nil
	}
	name := s.first.Value
	for _, in := range join(elementInputs, requestInputs, []input{peInput, reasonInput, poolInput, countInput, oldInput}) {
		if in.name == name {
			return p.source.errorf(s.first.Line(), "%s is set nowhere here. It is an input: the function gets it where it names it as a parameter, as in function(%s).", name, name)
		}
	}
	if instead := absent[name]; instead != "" {
		return p.source.errorf(s.first.Line(), "scripts have no %s: %s", name, instead)
	}
	hint := suggest.Sentence(name, s.near())
	if hint == "" {
		hint = " Declare it with local, or make it a parameter if it is an input."
	}
	return p.source.errorf(s.first.Line(), "the variable %s is set nowhere.%s", name, hint)
}

// scope follows the local variables through a file, innermost last.
type scope struct {
	known    func(global string) bool
	locals   []string
	visible  []string // the locals where first stands
	first    *ast.IdentExpr
	reflects bool
}

// near are the names that somebody could have meant.
func (s *scope) near() []string {
	all := append(slices.Clone(s.visible), slices.Sorted(maps.Keys(libraryNames))...)
	for _, in := range join(elementInputs, requestInputs) {
		all = append(all, in.name)
	}
	return all
}

// inner runs f with the local variables of an inner block.
func (s *scope) inner(f func()) {
	n := len(s.locals)
	f()
	s.locals = s.locals[:n]
}

func (s *scope) block(stmts []ast.Stmt) {
	s.inner(func() {
		for _, st := range stmts {
			s.statement(st)
		}
	})
}

func (s *scope) statement(st ast.Stmt) {
	switch st := st.(type) {
	case *ast.AssignStmt:
		s.read(st.Rhs...)
		for _, e := range st.Lhs {
			if _, ok := e.(*ast.IdentExpr); !ok {
				s.read(e)
			}
		}
	case *ast.LocalAssignStmt:
		// A local function may call itself.
		if len(st.Exprs) == 1 {
			if _, ok := st.Exprs[0].(*ast.FunctionExpr); ok {
				s.locals = append(s.locals, st.Names...)
				s.read(st.Exprs...)
				return
			}
		}
		s.read(st.Exprs...)
		s.locals = append(s.locals, st.Names...)
	case *ast.FuncCallStmt:
		s.read(st.Expr)
	case *ast.DoBlockStmt:
		s.block(st.Stmts)
	case *ast.WhileStmt:
		s.read(st.Condition)
		s.block(st.Stmts)
	case *ast.RepeatStmt:
		s.inner(func() { // the condition sees the variables of the block
			for _, inner := range st.Stmts {
				s.statement(inner)
			}
			s.read(st.Condition)
		})
	case *ast.IfStmt:
		s.read(st.Condition)
		s.block(st.Then)
		s.block(st.Else)
	case *ast.NumberForStmt:
		s.read(st.Init, st.Limit, st.Step)
		s.loop(st.Stmts, st.Name)
	case *ast.GenericForStmt:
		s.read(st.Exprs...)
		s.loop(st.Stmts, st.Names...)
	case *ast.FuncDefStmt:
		if _, ok := st.Name.Func.(*ast.IdentExpr); !ok {
			s.read(st.Name.Func)
		}
		s.read(st.Name.Receiver)
		s.function(st.Func, st.Name.Method != "")
	case *ast.ReturnStmt:
		s.read(st.Exprs...)
	}
}

// loop is a block with variables of its own.
func (s *scope) loop(stmts []ast.Stmt, names ...string) {
	s.inner(func() {
		s.locals = append(s.locals, names...)
		s.block(stmts)
	})
}

func (s *scope) function(f *ast.FunctionExpr, method bool) {
	s.inner(func() {
		if method {
			s.locals = append(s.locals, "self")
		}
		if f.ParList.HasVargs {
			s.locals = append(s.locals, "arg")
		}
		s.locals = append(s.locals, f.ParList.Names...)
		s.block(f.Stmts)
	})
}

// read looks at the variables in expressions.
func (s *scope) read(es ...ast.Expr) {
	w := &walker{enter: func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.FunctionExpr:
			s.function(e, false)
			return false
		case *ast.IdentExpr:
			s.reflects = s.reflects || e.Value == "_G"
			if s.first == nil && !s.known(e.Value) && !slices.Contains(s.locals, e.Value) {
				s.first, s.visible = e, slices.Clone(s.locals)
			}
		}
		return true
	}}
	w.exprs(es...)
}
