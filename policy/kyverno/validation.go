package kyverno

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// maxExpression bounds the text of an expression that is looked at; Kubernetes' own
// limit of a whole object is 1.5 MB.
const maxExpression = 64 << 10

// demand is what an expression asks of each image: signatures, or an attestation, by
// some or all of some attestors.
type demand struct {
	attestation string // name; "" asks for signatures
	attestors   []string
	all         bool     // of them; else any
	over        []string // of which lists of images: containers, initContainers, ephemeralContainers
}

// validations turns those expressions that ask for signatures. All policies that
// match an image have to be satisfied, so each becomes one of its own.
func (c *converter) validations(s strict.Node) {
	env, err := cel.NewEnv(cel.ClearMacros()) // so that map and all stay calls
	judged := map[string]bool{}
	for _, n := range s.Get("validations").Items() {
		x := n.Get("expression")
		var demands []demand
		if err == nil && len(x.Text()) <= maxExpression {
			if parsed, issues := env.Parse(x.Text()); issues == nil || issues.Err() == nil {
				if found, ok := conjunction(parsed.NativeRep().Expr()); ok {
					demands = found
				}
			}
		}
		if len(demands) == 0 {
			c.note(x, Missing, "a rule of a VerificationPolicy can say it (docs/policies.md)", "the expression asks for more than who signed, and is not turned: %s", shortened(x.Text()))
			continue
		}
		why := "stands for " + x.Path + " of " + c.Name
		if m := n.Get("message").Text(); m != "" {
			why += ": " + m
		}
		for _, d := range demands {
			for _, o := range d.over {
				judged[o] = true
			}
			c.demanded(x, d, why)
		}
	}
	for i := range c.Policies {
		c.Policies[i].Name = c.Name
		if len(c.Policies) > 1 {
			c.Policies[i].Name += "-" + strconv.Itoa(i+1)
		}
	}
	if len(judged) > 0 && len(judged) < 3 {
		c.note(s.Get("validations"), Stricter, "", "it looked at images of %s only; the policy controller judges those of init and ephemeral containers as well", strings.Join(sorted(judged), " and "))
	}
}

// demanded makes a policy of a demand; one for each attestor where all are asked for.
func (c *converter) demanded(at strict.Node, d demand, why string) {
	predicate := ""
	if d.attestation != "" {
		if predicate = c.attestations[d.attestation]; predicate == "" {
			c.note(at, Missing, "", "the attestation %s has no type that can be asked for", strconv.Quote(d.attestation))
			return
		}
	}
	var authorities []authority
	for _, name := range d.attestors {
		a := c.attestors[name]
		switch {
		case a == nil:
			c.note(at, Missing, "", "the attestor %s is not declared", strconv.Quote(name))
			return
		case a.authority == nil && d.all:
			c.note(at, Missing, "", "the attestor %s is asked for and is not turned: %s", strconv.Quote(name), a.reason)
		case a.authority == nil:
			c.note(at, Stricter, "", "the attestor %s could satisfy it and is not turned: %s", strconv.Quote(name), a.reason)
		default:
			one := *a.authority
			if predicate != "" {
				one.Attestations = []attestationRef{{d.attestation, predicate}}
			}
			authorities = append(authorities, one)
		}
	}
	if len(authorities) == 0 {
		c.note(at, Missing, "", "no attestor of the expression could be turned")
		return
	}
	groups := [][]authority{authorities}
	if d.all {
		groups = slices.Collect(slices.Chunk(authorities, 1))
	}
	for _, g := range groups {
		p := Policy{Because: why, spec: spec{Mode: c.mode, Images: c.images, Authorities: g}}
		if !slices.ContainsFunc(c.Policies, func(o Policy) bool { return reflect.DeepEqual(o.spec, p.spec) }) {
			c.Policies = append(c.Policies, p)
		}
	}
}

// conjunction reads an expression that is a demand, or several that must all hold. ok
// is false where any part is something else.
func conjunction(e ast.Expr) (out []demand, ok bool) {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.LogicalAnd {
		for _, part := range e.AsCall().Args() {
			d, ok := conjunction(part)
			if !ok {
				return nil, false
			}
			out = append(out, d...)
		}
		return out, true
	}
	d, ok := each(e)
	return []demand{d}, ok
}

// each reads LIST.map(image, CALL).all(n, n > 0), and LIST.all(image, CALL > 0).
func each(e ast.Expr) (demand, bool) {
	list, variable, body, ok := over(e, "all")
	if !ok {
		return demand{}, false
	}
	if inner, image, call, mapped := over(list, "map"); mapped {
		images, ok := lists(inner)
		d, known := verifies(call, image)
		n, compared := compares(body, func(x ast.Expr) bool { return names(x, variable) })
		d.over = images
		return d, ok && known && compared && d.wants(n)
	}
	images, ok := lists(list)
	var d demand
	var known bool
	n, compared := compares(body, func(x ast.Expr) bool {
		d, known = verifies(x, variable)
		return known
	})
	d.over = images
	return d, ok && known && compared && d.wants(n)
}

// wants says whether any or all of the attestors are asked for: neither a number
// between nor just one of several has an equal here.
func (d *demand) wants(n count) bool {
	d.all = len(d.attestors) > 1 && n.least == len(d.attestors)
	return d.all || n.least == 1 && (!n.exactly || len(d.attestors) == 1)
}

// over reads TARGET.FUNCTION(VARIABLE, BODY).
func over(e ast.Expr, function string) (target ast.Expr, variable string, body ast.Expr, ok bool) {
	if e.Kind() != ast.CallKind {
		return nil, "", nil, false
	}
	c := e.AsCall()
	if !c.IsMemberFunction() || c.FunctionName() != function || len(c.Args()) != 2 || c.Args()[0].Kind() != ast.IdentKind {
		return nil, "", nil, false
	}
	return c.Target(), c.Args()[0].AsIdent(), c.Args()[1], true
}

// lists reads images.containers, or a sum of such.
func lists(e ast.Expr) ([]string, bool) {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Add {
		var out []string
		for _, part := range e.AsCall().Args() {
			l, ok := lists(part)
			if !ok {
				return nil, false
			}
			out = append(out, l...)
		}
		return out, true
	}
	name, ok := member(e, "images")
	return []string{name}, ok && slices.Contains([]string{"containers", "initContainers", "ephemeralContainers"}, name)
}

// member reads OBJECT.name and OBJECT["name"].
func member(e ast.Expr, object string) (string, bool) {
	switch e.Kind() {
	case ast.SelectKind:
		s := e.AsSelect()
		return s.FieldName(), !s.IsTestOnly() && names(s.Operand(), object)
	case ast.CallKind:
		c := e.AsCall()
		if c.FunctionName() == operators.Index && len(c.Args()) == 2 && names(c.Args()[0], object) && c.Args()[1].Kind() == ast.LiteralKind {
			s, ok := c.Args()[1].AsLiteral().(types.String)
			return string(s), ok
		}
	}
	return "", false
}

func names(e ast.Expr, ident string) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == ident }

// verifies reads verifyImageSignatures(image, ATTESTORS) and
// verifyAttestationSignatures(image, ATTESTATION, ATTESTORS).
func verifies(e ast.Expr, image string) (d demand, ok bool) {
	if e.Kind() != ast.CallKind {
		return d, false
	}
	c := e.AsCall()
	args := c.Args()
	switch {
	case c.IsMemberFunction() || len(args) == 0 || !names(args[0], image):
		return d, false
	case c.FunctionName() == "verifyImageSignatures" && len(args) == 2:
	case c.FunctionName() == "verifyAttestationSignatures" && len(args) == 3:
		if d.attestation, ok = member(args[1], "attestations"); !ok {
			return d, false
		}
	default:
		return d, false
	}
	list := args[len(args)-1]
	if list.Kind() != ast.ListKind || list.AsList().Size() == 0 || len(list.AsList().OptionalIndices()) > 0 {
		return d, false
	}
	for _, x := range list.AsList().Elements() {
		name, ok := member(x, "attestors")
		if !ok {
			return d, false
		}
		if !slices.Contains(d.attestors, name) {
			d.attestors = append(d.attestors, name)
		} else {
			return d, false // a number of attestors would count it twice
		}
	}
	return d, true
}

// count is how many attestors have to vouch.
type count struct {
	least   int
	exactly bool
}

// compares reads X > N, X >= N and X == N.
func compares(e ast.Expr, is func(ast.Expr) bool) (count, bool) {
	if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
		return count{}, false
	}
	x, n := e.AsCall().Args()[0], e.AsCall().Args()[1]
	if n.Kind() != ast.LiteralKind || !is(x) {
		return count{}, false
	}
	number, ok := n.AsLiteral().(types.Int)
	if !ok || number < 0 || number > maxExpression {
		return count{}, false
	}
	switch e.AsCall().FunctionName() {
	case operators.Greater:
		return count{least: int(number) + 1}, true
	case operators.GreaterEquals:
		return count{least: int(number)}, true
	case operators.Equals:
		return count{int(number), true}, true
	}
	return count{}, false
}

func shortened(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const most = 120
	if r := []rune(s); len(r) > most {
		s = fmt.Sprintf("%s…", string(r[:most]))
	}
	return s
}

func sorted(set map[string]bool) []string {
	var out []string
	for name := range set {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
