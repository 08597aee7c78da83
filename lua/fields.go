package lua

import (
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/rspool/rspool/internal/suggest"
)

// checkFields refuses fields of pe and request that can not be there. They would
// only be nil, and a filter that compares them would quietly admit nobody.
func (p *Program) checkFields(b *bound) *Error {
	body := p.analysis.functions[b.proto]
	if body == nil {
		return nil
	}
	known := map[string][]string{}
	for _, in := range b.inputs {
		switch in.name {
		case "pe":
			known["pe"] = append(names(join(elementInputs, p.tags)), "addresses", "tags")
		case "request":
			known["request"] = append(names(requestFields), "attributes")
		}
	}
	var failed *Error
	w := &walker{
		statement: func(s ast.Stmt) {
			for _, name := range declared(s) {
				delete(known, name) // another variable from here on
			}
		},
		enter: func(e ast.Expr) bool {
			switch e := e.(type) {
			case *ast.FunctionExpr:
				for _, name := range e.ParList.Names {
					delete(known, name)
				}
			case *ast.AttrGetExpr:
				object, ok := e.Object.(*ast.IdentExpr)
				if !ok || failed != nil {
					break
				}
				key, ok := e.Key.(*ast.StringExpr)
				if fields := known[object.Value]; ok && fields != nil && !slices.Contains(fields, key.Value) {
					failed = p.noField(object.Value, key, fields)
				}
			}
			return true
		},
	}
	w.stmts(body.Stmts)
	return failed
}

func (p *Program) noField(object string, key *ast.StringExpr, fields []string) *Error {
	hint := suggest.Sentence(key.Value, fields)
	switch {
	case hint == "" && object == "pe":
		hint = " A tag is pe.tags." + key.Value + ", or a field where inputs names it."
	case hint == "":
		hint = " It has " + strings.Join(fields, ", ") + "."
	}
	return p.source.errorf(key.Line(), "%s has no field %s.%s", object, key.Value, hint)
}

// declared returns the local variables that a statement makes, and what it assigns
// to.
func declared(s ast.Stmt) []string {
	switch s := s.(type) {
	case *ast.LocalAssignStmt:
		return s.Names
	case *ast.NumberForStmt:
		return []string{s.Name}
	case *ast.GenericForStmt:
		return s.Names
	case *ast.AssignStmt:
		var all []string
		for _, e := range s.Lhs {
			if name, ok := e.(*ast.IdentExpr); ok {
				all = append(all, name.Value)
			}
		}
		return all
	}
	return nil
}

func names(ins []input) []string {
	all := make([]string, len(ins))
	for i, in := range ins {
		all[i] = in.name
	}
	return all
}
