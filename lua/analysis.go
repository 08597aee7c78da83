package lua

import (
	"github.com/yuin/gopher-lua/ast"

	vm "github.com/yuin/gopher-lua"
)

// analysis is what the syntax tree tells about a file before it runs.
type analysis struct {
	// functions are the trees of the compiled functions.
	functions map[*vm.FunctionProto]*ast.FunctionExpr
	// assigned are the names to which something is assigned after their
	// declaration, anywhere.
	assigned map[string]bool
	// fields are the names that occur as constant fields, and computed says that
	// there are fields whose names are not known.
	fields   map[string]bool
	computed bool
	// config says where a hook reads constants of the configuration: nowhere in
	// the file can one be changed.
	config bool
	// lines of the fields of the returned table, where it is written out.
	lines map[string]int
	// constants are the configuration, for config.name.
	constants map[string]any
	// shown are the fields of pe.
	shown []input
	// drawn says that the file asked for random numbers when it was loaded, so
	// that its variables differ from pool to pool.
	drawn bool
	// unset is what is wrong with a variable that nothing sets.
	unset *Error
}

func analyse(stmts []ast.Stmt, config map[string]any) *analysis {
	a := &analysis{
		functions: map[*vm.FunctionProto]*ast.FunctionExpr{},
		assigned:  map[string]bool{},
		fields:    map[string]bool{},
		config:    true,
		lines:     map[string]int{},
		constants: config,
	}
	assignments(stmts, a.assigned)
	w := &walker{statement: a.write, enter: a.look}
	w.stmts(stmts)
	if n := len(stmts); n > 0 {
		if r, ok := stmts[n-1].(*ast.ReturnStmt); ok && len(r.Exprs) == 1 {
			if t, ok := r.Exprs[0].(*ast.TableExpr); ok {
				for _, f := range t.Fields {
					if name, ok := f.Key.(*ast.StringExpr); ok {
						a.lines[name.Value] = name.Line()
					}
				}
			}
		}
	}
	return a
}

// write notes assignments to fields of config.
func (a *analysis) write(s ast.Stmt) {
	var targets []ast.Expr
	switch s := s.(type) {
	case *ast.AssignStmt:
		targets = s.Lhs
	case *ast.FuncDefStmt:
		targets = []ast.Expr{s.Name.Func, s.Name.Receiver}
	}
	for _, e := range targets {
		if t, ok := e.(*ast.AttrGetExpr); ok {
			if _, ok := a.constant(t); ok {
				a.config = false
			}
		}
	}
}

// look notes field names and every use of config that is not config.name with a
// plain value.
func (a *analysis) look(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.AttrGetExpr:
		if key, ok := e.Key.(*ast.StringExpr); ok {
			a.fields[key.Value] = true
		} else {
			a.computed = true
		}
		if v, ok := a.constant(e); ok {
			switch v.(type) {
			case map[string]any, []any:
				a.config = false
			}
			return false
		}
	case *ast.FuncCallExpr:
		if f, ok := e.Func.(*ast.IdentExpr); ok && (f.Value == "pairs" || f.Value == "next" || f.Value == "rawget") {
			a.computed = true
		}
	case *ast.IdentExpr:
		if e.Value == "config" || e.Value == "_G" {
			a.config = false
		}
	}
	return true
}

// constant returns the value of config.name, config.name.name and so on.
func (a *analysis) constant(e ast.Expr) (any, bool) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		return a.constants, e.Value == "config"
	case *ast.AttrGetExpr:
		key, ok := e.Key.(*ast.StringExpr)
		if !ok {
			return nil, false
		}
		outer, ok := a.constant(e.Object)
		if !ok {
			return nil, false
		}
		m, ok := outer.(map[string]any)
		if !ok {
			return nil, false
		}
		return m[key.Value], true
	}
	return nil, false
}

// assignments adds the names that statements assign to.
func assignments(stmts []ast.Stmt, names map[string]bool) {
	w := &walker{statement: func(s ast.Stmt) {
		switch s := s.(type) {
		case *ast.AssignStmt:
			for _, e := range s.Lhs {
				if name, ok := e.(*ast.IdentExpr); ok {
					names[name.Value] = true
				}
			}
		case *ast.FuncDefStmt:
			if name, ok := s.Name.Func.(*ast.IdentExpr); ok {
				names[name.Value] = true
			}
		}
	}}
	w.stmts(stmts)
}

// pair finds the tree of each function that f has compiled to. The compiler goes
// through a function in the order of walker.
func (a *analysis) pair(stmts []ast.Stmt, proto *vm.FunctionProto) {
	next := 0
	w := &walker{enter: func(e ast.Expr) bool {
		f, ok := e.(*ast.FunctionExpr)
		if !ok {
			return true
		}
		if next < len(proto.FunctionPrototypes) {
			p := proto.FunctionPrototypes[next]
			next++
			if p.LineDefined == f.Line() && int(p.NumParameters) == len(f.ParList.Names) {
				a.functions[p] = f
			}
			a.pair(f.Stmts, p)
		}
		return false
	}}
	w.stmts(stmts)
}

// walker visits a tree in the order in which it is compiled. enter says whether to
// go on into an expression.
type walker struct {
	statement func(ast.Stmt)
	enter     func(ast.Expr) bool
}

func (w *walker) stmts(stmts []ast.Stmt) {
	for _, s := range stmts {
		if w.statement != nil {
			w.statement(s)
		}
		switch s := s.(type) {
		case *ast.AssignStmt:
			w.exprs(s.Lhs...)
			w.exprs(s.Rhs...)
		case *ast.LocalAssignStmt:
			w.exprs(s.Exprs...)
		case *ast.FuncCallStmt:
			w.exprs(s.Expr)
		case *ast.DoBlockStmt:
			w.stmts(s.Stmts)
		case *ast.WhileStmt:
			w.exprs(s.Condition)
			w.stmts(s.Stmts)
		case *ast.RepeatStmt:
			w.stmts(s.Stmts)
			w.exprs(s.Condition)
		case *ast.IfStmt:
			w.exprs(s.Condition)
			w.stmts(s.Then)
			w.stmts(s.Else)
		case *ast.NumberForStmt:
			w.exprs(s.Init, s.Limit, s.Step)
			w.stmts(s.Stmts)
		case *ast.GenericForStmt:
			w.exprs(s.Exprs...)
			w.stmts(s.Stmts)
		case *ast.FuncDefStmt:
			w.exprs(s.Name.Receiver, s.Name.Func, s.Func)
		case *ast.ReturnStmt:
			w.exprs(s.Exprs...)
		}
	}
}

func (w *walker) exprs(es ...ast.Expr) {
	for _, e := range es {
		if e == nil || w.enter != nil && !w.enter(e) {
			continue
		}
		switch e := e.(type) {
		case *ast.AttrGetExpr:
			w.exprs(e.Object, e.Key)
		case *ast.TableExpr:
			for _, f := range e.Fields {
				w.exprs(f.Key, f.Value)
			}
		case *ast.FuncCallExpr:
			w.exprs(e.Func, e.Receiver)
			w.exprs(e.Args...)
		case *ast.LogicalOpExpr:
			w.exprs(e.Lhs, e.Rhs)
		case *ast.RelationalOpExpr:
			w.exprs(e.Lhs, e.Rhs)
		case *ast.ArithmeticOpExpr:
			w.exprs(e.Lhs, e.Rhs)
		case *ast.StringConcatOpExpr:
			w.exprs(e.Lhs, e.Rhs)
		case *ast.UnaryMinusOpExpr:
			w.exprs(e.Expr)
		case *ast.UnaryNotOpExpr:
			w.exprs(e.Expr)
		case *ast.UnaryLenOpExpr:
			w.exprs(e.Expr)
		case *ast.FunctionExpr:
			w.stmts(e.Stmts)
		}
	}
}
