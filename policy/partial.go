package policy

import (
	"fmt"
	"maps"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// Where not everything could be asked, there may be facts that nobody saw. A rule that
// asks for one and has it holds all the same; one that asks that something is not there
// ("no failed test") holds because nobody looked. Which of the two an expression is can be
// read off it.

// growth is what becomes of an expression's value as facts and documents are added.
type growth int

const (
	fixed growth = iota // nothing: it does not depend on them
	grows               // a list gets longer, a number larger, false becomes true
	other               // something else may
)

func (g growth) and(o growth) growth { return max(g, o) }

// rigid is fixed where g is, and otherwise what nothing can be said of.
func (g growth) rigid() growth {
	if g == fixed {
		return fixed
	}
	return other
}

// unlessAll says why a rule that holds is not decided: some of what it asks about could
// not be checked. nil is that this does not matter to it.
func (g growth) unlessAll(in *Prepared) error {
	if g != other || len(in.Unchecked) == 0 {
		return nil
	}
	return fmt.Errorf("it holds of what could be looked at, and may not of all there is; not checked: %s", in.Unchecked[0])
}

// scopeOf are the variables that a policy's own begin with. Provenance is what the best
// provenance is worth: more of it makes it worth more.
func scopeOf() map[string]growth { return map[string]growth{"facts": grows, "sboms": grows} }

// growthOf classifies an expression, whose variables are in scope. What is not in scope is
// fixed.
func growthOf(e ast.Expr, scope map[string]growth) growth {
	switch e.Kind() {
	case ast.IdentKind:
		return scope[e.AsIdent()]
	case ast.SelectKind:
		return growthOf(e.AsSelect().Operand(), scope).rigid()
	case ast.CallKind:
		return growthOfCall(e.AsCall(), scope)
	case ast.ComprehensionKind:
		return growthOfLoop(e.AsComprehension(), scope)
	case ast.ListKind:
		return allOf(e.AsList().Elements(), scope).rigid()
	case ast.MapKind, ast.StructKind:
		g := fixed
		ast.PostOrderVisit(e, ast.NewExprVisitor(func(x ast.Expr) {
			if x.Kind() == ast.IdentKind {
				g = g.and(scope[x.AsIdent()])
			}
		}))
		return g.rigid()
	}
	return fixed
}

func allOf(es []ast.Expr, scope map[string]growth) growth {
	g := fixed
	for _, e := range es {
		g = g.and(growthOf(e, scope))
	}
	return g
}

func growthOfCall(c ast.CallExpr, scope map[string]growth) growth {
	args := c.Args()
	if c.IsMemberFunction() {
		args = append([]ast.Expr{c.Target()}, args...)
	}
	all := allOf(args, scope)
	if all != grows {
		return all
	}
	first, rest := growthOf(args[0], scope), allOf(args[1:], scope)
	keeps := false
	switch c.FunctionName() {
	case operators.LogicalAnd, operators.LogicalOr, operators.Add:
		keeps = true
	case "signatures", "attestations", "signedBy", "signedWith", "since", "size", "dyn", operators.Greater, operators.GreaterEquals:
		keeps = rest == fixed
	case operators.Less, operators.LessEquals, operators.In, operators.OldIn, operators.Conditional:
		keeps = first == fixed
	case operators.NotEquals: // no number of things is below none
		keeps = isNone(args[1]) && isSize(args[0]) || isNone(args[0]) && isSize(args[1])
	}
	if keeps {
		return grows
	}
	return other
}

func isNone(e ast.Expr) bool { return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.Int(0) }

func isSize(e ast.Expr) bool { return e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "size" }

// growthOfLoop knows the loops that CEL's macros become: exists, all, filter and map.
func growthOfLoop(l ast.ComprehensionExpr, scope map[string]growth) growth {
	over := growthOf(l.IterRange(), scope)
	inner := maps.Clone(scope)
	inner[l.IterVar()], inner[l.AccuVar()] = fixed, fixed
	if l.HasIterVar2() {
		inner[l.IterVar2()] = fixed
	}
	step := growthOf(l.LoopStep(), inner)
	all := over.and(step).and(growthOf(l.AccuInit(), scope)).and(growthOf(l.Result(), inner))
	if all != grows {
		return all
	}
	if l.LoopStep().Kind() != ast.CallKind {
		return other
	}
	switch l.LoopStep().AsCall().FunctionName() {
	case operators.LogicalOr: // exists
		return grows
	case operators.LogicalAnd: // all: of a list that gets longer it may become false
		if over == fixed {
			return grows
		}
	case operators.Conditional, operators.Add: // filter and map of lists, and exists_one of a number
		if l.AccuInit().Kind() == ast.ListKind && step == fixed {
			return grows
		}
	}
	return other
}
