package lua

import (
	"fmt"
	"slices"

	"github.com/yuin/gopher-lua/ast"

	vm "github.com/yuin/gopher-lua"

	"github.com/rspool/rspool/engine"
)

// A pure function consists of local variables, if, arithmetic, comparisons, and,
// or, not and mathematical functions. It becomes a tree of Go closures, which
// costs a tenth of a call of the interpreter and gives the same result to the
// last bit. Where the interpreter would raise an error or convert a string, the
// closures give up, and the interpreter has the word.

type (
	number    func(*frame) float64
	condition func(*frame) bool
	value     func(*frame) vm.LValue
	// step runs a statement and reports whether it returned.
	step func(*frame) bool
)

// frame is where a function works: what it is called for, and the variables of a
// compiled one.
type frame struct {
	member   *engine.Member
	instance *instance
	request  *engine.Request

	numbers []float64
	values  []vm.LValue
	result  float64 // of a return; 0 or 1 where a condition is wanted
	gaveUp  bool
}

// element returns what the instance keeps for the member.
func (f *frame) element() *element { return f.instance.element(f.member) }

// giveUp leaves the call to the interpreter.
func (f *frame) giveUp() float64 {
	f.gaveUp = true
	return 0
}

// pure is a compiled function.
type pure struct {
	run             number
	numbers, values int  // sizes of the frame
	cost            int  // instructions that the interpreter needs at most
	total           bool // it looks at numbers alone, and gives up only at its end
}

// kind is what is known of a value before it is there.
type kind uint8

const (
	isNumber  kind = iota
	isBoolean      // true or false
	isValue        // a string, number, boolean or nil
	isGuarded      // "when and then": the second value, or something false
	isUnknown      // of a variable without a value
)

// operand is a compiled expression. A number has number, a boolean has condition,
// and a value has value, and number beside it where that spares a conversion.
type operand struct {
	kind      kind
	number    number
	condition condition
	value     value
	constant  vm.LValue // where it is one
	then      *operand  // of a guarded one
	literal   bool      // a constant that the interpreter's compiler folds
	factors   [2]number // of a product
}

// obstacle is what keeps a function from being compiled.
type obstacle struct {
	line int
	what string
}

func (o obstacle) Error() string { return o.what }

// variable is a local one, or a parameter.
type variable struct {
	name string
	kind kind
	slot int
	flag int      // slot that tells whether it has a value; -1: always
	in   *operand // of a parameter
	// object is "pe" or "request", of which only fields can be read.
	object string
}

// purifier compiles one function.
type purifier struct {
	file      *analysis
	function  *vm.LFunction
	assigned  map[string]bool
	variables []variable
	truth     bool // the result is a condition
	pure      pure
	calls     []*vm.FunctionProto
}

// purify compiles f, whose parameters are bound to ins. It returns what prevents
// it otherwise.
func purify(file *analysis, f *vm.LFunction, ins []input, truth bool, limit int) (p *pure, o *obstacle) {
	defer func() {
		if r := recover(); r != nil {
			reason, ok := r.(obstacle)
			if !ok {
				panic(r)
			}
			p, o = nil, &reason
		}
	}()
	body := file.functions[f.Proto]
	if body == nil {
		stop(0, "a function of the library")
	}
	c := &purifier{file: file, function: f, truth: truth, assigned: map[string]bool{}}
	assignments(body.Stmts, c.assigned)
	c.pure.total = true
	for _, in := range ins {
		c.parameter(in, body.Line())
	}
	c.calls = append(c.calls, f.Proto)
	c.pure.cost = len(f.Proto.Code)
	c.pure.run = c.body(body)
	if c.pure.cost > limit {
		stop(body.Line(), fmt.Sprintf("up to %d instructions, more than the budget of %d", c.pure.cost, limit))
	}
	done := c.pure // apart from c, which holds the tree
	return &done, nil
}

func stop(line int, what string) { panic(obstacle{line, what}) }

func (c *purifier) parameter(in input, line int) {
	op := &operand{}
	switch {
	case in.number != nil:
		op.kind, op.number = isNumber, in.number
	case in.value != nil && !in.table:
		op.kind, op.value = isValue, in.value
		c.pure.total = false
	case in.name == "pe" || in.name == "request":
		c.pure.total = false
		c.variables = append(c.variables, variable{name: in.name, object: in.name})
		return
	default:
		stop(line, fmt.Sprintf("the input %s is a table", in.name))
	}
	if c.assigned[in.name] {
		stop(line, fmt.Sprintf("an assignment to the input %s: use a local variable", in.name))
	}
	c.variables = append(c.variables, variable{name: in.name, in: op})
}

// body compiles the statements of a function to its result.
func (c *purifier) body(f *ast.FunctionExpr) number {
	if len(f.Stmts) == 1 {
		if r, ok := f.Stmts[0].(*ast.ReturnStmt); ok {
			return c.result(r)
		}
	}
	run := c.block(f.Stmts)
	truth := c.truth
	return func(f *frame) float64 {
		if run(f) {
			return f.result
		}
		if truth {
			return 0
		}
		return f.giveUp()
	}
}

// result compiles what a return statement returns.
func (c *purifier) result(r *ast.ReturnStmt) number {
	if len(r.Exprs) != 1 {
		stop(r.Line(), fmt.Sprintf("a return of %d values", len(r.Exprs)))
	}
	if c.truth {
		holds := c.condition(r.Exprs[0])
		return func(f *frame) float64 {
			if holds(f) {
				return 1
			}
			return 0
		}
	}
	return c.number(r.Exprs[0])
}

func (c *purifier) block(stmts []ast.Stmt) step {
	outer := len(c.variables)
	steps := make([]step, 0, len(stmts))
	for _, s := range stmts {
		steps = append(steps, c.statement(s))
	}
	c.variables = c.variables[:outer]
	switch len(steps) {
	case 0:
		return func(*frame) bool { return false }
	case 1:
		return steps[0]
	case 2:
		first, second := steps[0], steps[1]
		return func(f *frame) bool { return first(f) || second(f) }
	}
	return func(f *frame) bool {
		for _, s := range steps {
			if s(f) {
				return true
			}
		}
		return false
	}
}

func (c *purifier) statement(s ast.Stmt) step {
	switch s := s.(type) {
	case *ast.ReturnStmt:
		result := c.result(s)
		return func(f *frame) bool {
			f.result = result(f)
			return true
		}
	case *ast.DoBlockStmt:
		return c.block(s.Stmts)
	case *ast.IfStmt:
		return c.branch(s)
	case *ast.LocalAssignStmt:
		return c.declare(s)
	case *ast.AssignStmt:
		return c.assign(s)
	}
	stop(s.Line(), construct(s))
	return nil
}

// branch compiles an if with all its branches. What a branch gives a value may
// have none after it, for the other branches.
func (c *purifier) branch(s *ast.IfStmt) step {
	holds, then := c.condition(s.Condition), c.block(s.Then)
	if len(s.Else) == 0 {
		return func(f *frame) bool { return holds(f) && then(f) }
	}
	otherwise := c.block(s.Else)
	return func(f *frame) bool {
		if holds(f) {
			return then(f)
		}
		return otherwise(f)
	}
}

func (c *purifier) declare(s *ast.LocalAssignStmt) step {
	if len(s.Exprs) == 0 {
		for _, name := range s.Names {
			c.variables = append(c.variables, variable{name: name, kind: isUnknown, flag: c.slot()})
		}
		vs := slices.Clone(c.variables[len(c.variables)-len(s.Names):])
		return func(f *frame) bool {
			for _, v := range vs {
				f.numbers[v.flag] = 0
			}
			return false
		}
	}
	if len(s.Names) != len(s.Exprs) {
		stop(s.Line(), fmt.Sprintf("%d variables and %d values", len(s.Names), len(s.Exprs)))
	}
	ops := make([]operand, len(s.Exprs))
	for i, e := range s.Exprs {
		ops[i] = c.expression(e)
	}
	stores := make([]step, len(ops))
	for i, name := range s.Names {
		v := variable{name: name, kind: isUnknown, flag: -1}
		stores[i] = c.store(&v, ops[i], s.Line())
		c.variables = append(c.variables, v)
	}
	return all(stores)
}

func (c *purifier) assign(s *ast.AssignStmt) step {
	if len(s.Lhs) != 1 || len(s.Rhs) != 1 {
		stop(s.Line(), "an assignment to several variables")
	}
	name, ok := s.Lhs[0].(*ast.IdentExpr)
	if !ok {
		stop(s.Line(), "an assignment to a field")
	}
	v := c.find(name.Value)
	if v == nil {
		stop(s.Line(), fmt.Sprintf("an assignment to %s, which is not a local variable of the function", name.Value))
	}
	return c.store(v, c.expression(s.Rhs[0]), s.Line())
}

// store compiles an assignment, which gives a variable of unknown kind its kind.
func (c *purifier) store(v *variable, op operand, line int) step {
	if v.kind == isUnknown {
		if v.kind = op.kind; v.kind == isValue {
			v.slot = c.pure.values
			c.pure.values++
		} else {
			v.slot = c.slot()
		}
	}
	if v.kind != op.kind || v.kind == isGuarded {
		stop(line, fmt.Sprintf("variable %s, which may be of different types", v.name))
	}
	slot, flag := v.slot, v.flag
	var set step
	switch v.kind {
	case isNumber:
		set = func(f *frame) bool { f.numbers[slot] = op.number(f); return false }
	case isBoolean:
		set = func(f *frame) bool {
			f.numbers[slot] = 0
			if op.condition(f) {
				f.numbers[slot] = 1
			}
			return false
		}
	default:
		set = func(f *frame) bool { f.values[slot] = op.value(f); return false }
	}
	if flag < 0 {
		return set
	}
	return func(f *frame) bool {
		set(f)
		f.numbers[flag] = 1
		return false
	}
}

func all(steps []step) step {
	if len(steps) == 1 {
		return steps[0]
	}
	return func(f *frame) bool {
		for _, s := range steps {
			s(f)
		}
		return false
	}
}

func (c *purifier) slot() int {
	c.pure.numbers++
	return c.pure.numbers - 1
}

func (c *purifier) find(name string) *variable {
	for i := len(c.variables) - 1; i >= 0; i-- {
		if c.variables[i].name == name {
			return &c.variables[i]
		}
	}
	return nil
}
