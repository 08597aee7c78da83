package lua

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// The interpreter counts instructions, but one instruction can double a string,
// fill an array up to an index or walk over a thousand holes. The guard rewrites
// the syntax tree so that these become calls of functions that count: a..b..c is
// concat(a, b, c), #a is length(a), t[k] = v is set(t, k, v), or t[index(k)] where
// several are assigned, and what creates tables or functions is preceded by
// charge(bytes), what copies the arguments of a function by values(...). The names have a NUL and can
// not be spelled; they are local variables around the file, so that no table
// leads to them.
const (
	guardConcat = "\x00concat"
	guardLength = "\x00length"
	guardIndex  = "\x00index"
	guardSet    = "\x00set"
	guardCharge = "\x00charge"
	guardValues = "\x00values"
)

var guardNames = []string{guardConcat, guardLength, guardIndex, guardSet, guardCharge, guardValues}

// What is charged before it is created, in bytes. The interpreter's tables grow
// at once to some size; these are upper bounds.
const (
	chargeTable    = 3 << 10
	chargeField    = 64
	chargeFunction = 320
	chargeAssign   = 256
)

// maxOperands is how many strings are joined in one call.
const maxOperands = 40

// guarded returns a chunk that takes the guards as its arguments and runs the
// statements with them.
func guarded(stmts []ast.Stmt) []ast.Stmt {
	file := &ast.FunctionExpr{ParList: &ast.ParList{Names: []string{}}, Stmts: body(stmts, 0, 1)}
	last := 1
	if n := len(stmts); n > 0 {
		last = max(stmts[n-1].LastLine(), stmts[n-1].Line())
	}
	file.SetLine(1)
	file.SetLastLine(last)
	take := &ast.LocalAssignStmt{Names: guardNames, Exprs: []ast.Expr{at(&ast.Comma3Expr{}, 1)}}
	take.SetLine(1)
	run := &ast.ReturnStmt{Exprs: []ast.Expr{at(&ast.FuncCallExpr{Func: file, Args: []ast.Expr{}}, 1)}}
	run.SetLine(1)
	return []ast.Stmt{take, run}
}

func at[E ast.Expr](e E, line int) E {
	e.SetLine(line)
	e.SetLastLine(line)
	return e
}

func callGuard(name string, line int, args ...ast.Expr) *ast.FuncCallExpr {
	return at(&ast.FuncCallExpr{Func: at(&ast.IdentExpr{Value: name}, line), Args: args, AdjustRet: true}, line)
}

// guard rewrites one function or loop body. It adds up what its constructs may
// create; nested bodies have guards of their own.
type guard struct{ bytes, copies int }

// body rewrites statements and puts the charge in front of them, which is what
// they create and something more.
func body(stmts []ast.Stmt, more, line int) []ast.Stmt {
	g := &guard{}
	g.stmts(stmts)
	return append(g.before(more, line), stmts...)
}

// before returns the statements that charge for a body.
func (g *guard) before(more, line int) []ast.Stmt {
	var charges []ast.Stmt
	charge := func(e *ast.FuncCallExpr) {
		s := &ast.FuncCallStmt{Expr: e}
		s.SetLine(line)
		charges = append(charges, s)
	}
	if n := g.bytes + more; n > 0 {
		charge(callGuard(guardCharge, line, at(&ast.NumberExpr{Value: strconv.Itoa(n)}, line)))
	}
	if g.copies > 0 {
		times := at(&ast.NumberExpr{Value: strconv.Itoa(g.copies)}, line)
		charge(callGuard(guardValues, line, times, at(&ast.Comma3Expr{}, line)))
	}
	return charges
}

func (g *guard) stmts(stmts []ast.Stmt) {
	for i, s := range stmts {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if set := g.set(s); set != nil {
				stmts[i] = set
				continue
			}
			g.targets(s)
			g.exprs(s.Rhs)
		case *ast.LocalAssignStmt:
			g.exprs(s.Exprs)
		case *ast.FuncCallStmt:
			s.Expr = g.expr(s.Expr)
		case *ast.DoBlockStmt:
			g.stmts(s.Stmts)
		case *ast.WhileStmt:
			s.Condition = g.condition(s.Condition, &s.Stmts, s.Line())
		case *ast.RepeatStmt:
			s.Condition = g.condition(s.Condition, &s.Stmts, s.Line())
		case *ast.IfStmt:
			s.Condition = g.expr(s.Condition)
			g.stmts(s.Then)
			g.stmts(s.Else)
		case *ast.NumberForStmt:
			s.Init, s.Limit, s.Step = g.expr(s.Init), g.expr(s.Limit), g.expr(s.Step)
			s.Stmts = body(s.Stmts, 0, s.Line())
		case *ast.GenericForStmt:
			g.exprs(s.Exprs)
			s.Stmts = body(s.Stmts, 0, s.Line())
		case *ast.FuncDefStmt:
			g.bytes += chargeAssign
			s.Func = g.expr(s.Func).(*ast.FunctionExpr)
		case *ast.ReturnStmt:
			g.exprs(s.Exprs)
		}
	}
}

// condition rewrites the condition and the body of a loop. What the condition
// creates is charged before the loop and in each round.
func (g *guard) condition(e ast.Expr, stmts *[]ast.Stmt, line int) ast.Expr {
	round := &guard{}
	e = round.expr(e)
	inner := &guard{bytes: round.bytes, copies: round.copies}
	inner.stmts(*stmts)
	*stmts = append(inner.before(0, line), *stmts...)
	g.bytes += round.bytes
	g.copies += round.copies
	return e
}

// set rewrites an assignment of one value to a computed field, and returns nil for
// any other.
func (g *guard) set(s *ast.AssignStmt) ast.Stmt {
	if len(s.Lhs) != 1 || len(s.Rhs) != 1 {
		return nil
	}
	a, ok := s.Lhs[0].(*ast.AttrGetExpr)
	if !ok {
		return nil
	}
	if _, ok := a.Key.(*ast.StringExpr); ok {
		return nil
	}
	g.bytes += chargeAssign
	call := &ast.FuncCallStmt{Expr: callGuard(guardSet, s.Line(),
		single(g.expr(a.Object)), single(g.expr(a.Key)), single(g.expr(s.Rhs[0])))}
	call.SetLine(s.Line())
	return call
}

// targets rewrites the left side of an assignment.
func (g *guard) targets(s *ast.AssignStmt) {
	for _, e := range s.Lhs {
		a, ok := e.(*ast.AttrGetExpr)
		if !ok {
			continue
		}
		g.bytes += chargeAssign
		a.Object, a.Key = g.expr(a.Object), g.expr(a.Key)
		if _, ok := a.Key.(*ast.StringExpr); !ok {
			a.Key = callGuard(guardIndex, a.Key.Line(), a.Key)
		}
	}
}

func (g *guard) exprs(es []ast.Expr) {
	for i := range es {
		es[i] = g.expr(es[i])
	}
}

func (g *guard) expr(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.StringConcatOpExpr:
		return g.concat(e)
	case *ast.UnaryLenOpExpr:
		return callGuard(guardLength, e.Line(), single(g.expr(e.Expr)))
	case *ast.AttrGetExpr:
		e.Object, e.Key = g.expr(e.Object), g.expr(e.Key)
	case *ast.TableExpr:
		g.bytes += chargeTable + chargeField*len(e.Fields)
		for _, f := range e.Fields {
			if f.Key != nil {
				f.Key = g.expr(f.Key)
				if _, ok := f.Key.(*ast.StringExpr); !ok {
					f.Key = callGuard(guardIndex, f.Key.Line(), f.Key)
				}
			}
			f.Value = g.expr(f.Value)
		}
	case *ast.FuncCallExpr:
		if e.Func != nil {
			e.Func = g.expr(e.Func)
		} else {
			e.Receiver = g.expr(e.Receiver)
		}
		g.exprs(e.Args)
	case *ast.LogicalOpExpr:
		e.Lhs, e.Rhs = g.expr(e.Lhs), g.expr(e.Rhs)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = g.expr(e.Lhs), g.expr(e.Rhs)
	case *ast.ArithmeticOpExpr:
		e.Lhs, e.Rhs = g.expr(e.Lhs), g.expr(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		e.Expr = g.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		e.Expr = g.expr(e.Expr)
	case *ast.Comma3Expr:
		g.copies++
	case *ast.FunctionExpr:
		g.bytes += chargeFunction
		arguments := 0
		if e.ParList.HasVargs {
			arguments = chargeTable // of the arguments
		}
		e.Stmts = body(e.Stmts, arguments, e.Line())
	}
	return e
}

// concat joins the operands of a chain in one call, or in groups of one.
func (g *guard) concat(e *ast.StringConcatOpExpr) ast.Expr {
	var operands []ast.Expr
	var rest ast.Expr = e
	for {
		c, ok := rest.(*ast.StringConcatOpExpr)
		if !ok {
			operands = append(operands, single(g.expr(rest)))
			break
		}
		operands = append(operands, single(g.expr(c.Lhs)))
		rest = c.Rhs
	}
	// From the right, since that is how the operator associates.
	for len(operands) > maxOperands {
		cut := len(operands) - maxOperands
		group := callGuard(guardConcat, e.Line(), operands[cut:]...)
		operands = append(operands[:cut:cut], group)
	}
	return callGuard(guardConcat, e.Line(), operands...)
}

// single cuts what may be many values down to one, as an operand is.
func single(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}
