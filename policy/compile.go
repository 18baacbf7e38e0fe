package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Limits of expressions. A rule that needs more does the work of a program.
const (
	MaxExpression = 16 << 10 // bytes
	MaxRules      = 500      // and variables, of one policy
	maxDepth      = 100      // of the parser's recursion
	// maxCost is in CEL's own units, about one for each step: a third of a second of a
	// processor. A walk over the findings of the largest image fits.
	maxCost = 4_000_000
)

// The parts of a policy that a Fault can be about.
const (
	PartRule        = "rules"
	PartVariable    = "variables"
	PartFreshness   = "freshness"
	PartRemediation = "remediation"
)

// Fault is what is wrong with an expression or its surroundings.
type Fault struct {
	Part  string // PartRule, PartVariable, PartFreshness, PartRemediation
	Index int    // in that part, where it is a list
	Field string // "expression", "found", "name"
	// Line and Column are in the expression, from one; 0 is the whole of it.
	Line, Column int
	Message      string
	Hint         string
}

// Compiler compiles policies. It may be used from many goroutines, and holds nothing
// of what it compiled.
type Compiler struct{ env *cel.Env }

// NewCompiler prepares the language. The error is a fault of this package.
func NewCompiler() (*Compiler, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	facts, findings := types.NewListType(factShape.typ), types.NewListType(findingShape.typ)
	env, err := cel.NewEnv(
		cel.CustomTypeAdapter(adapter{registry}),
		cel.CustomTypeProvider(provider{registry, shapes()}),
		cel.ParserExpressionSizeLimit(MaxExpression),
		cel.ParserRecursionLimit(maxDepth),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateHomogeneousAggregateLiterals()),
		cel.Variable("image", imageShape.typ), cel.Variable("facts", facts), cel.Variable("findings", findings), cel.Variable("sboms", types.NewListType(sbomShape.typ)),
		cel.Variable("provenance", provenanceShape.typ), cel.Variable("now", types.TimestampType), cel.Variable("workload", workloadShape.typ),
		cel.Function("signatures", cel.MemberOverload("facts_signatures", []*cel.Type{facts}, facts, cel.UnaryBinding(keepClaims))),
		cel.Function("attestations", cel.MemberOverload("facts_attestations", []*cel.Type{facts, types.StringType}, facts, cel.BinaryBinding(keepPredicates))),
		cel.Function("signedBy", cel.MemberOverload("facts_signed_by", []*cel.Type{facts, types.StringType, types.StringType}, facts, cel.FunctionBinding(keepSigners))),
		cel.Function("signedWith", cel.MemberOverload("facts_signed_with", []*cel.Type{facts, types.StringType}, facts, cel.BinaryBinding(keepKeys))),
		cel.Function("since", cel.MemberOverload("facts_since", []*cel.Type{facts, types.TimestampType}, facts, cel.BinaryBinding(keepSince))),
		cel.Function("atLeast", cel.MemberOverload("finding_at_least", []*cel.Type{findingShape.typ, types.StringType}, types.BoolType, cel.BinaryBinding(atLeast))),
	)
	if err != nil {
		return nil, err
	}
	return &Compiler{env}, nil
}

// Compile compiles a policy. Where any fault is returned, so is no policy.
func (c *Compiler) Compile(s Spec) (*Policy, []Fault) {
	var faults []Fault
	if len(s.Rules)+len(s.Variables) > MaxRules {
		return nil, []Fault{{Part: PartRule, Index: 0, Field: "name", Message: fmt.Sprintf("the policy has more than %d rules and variables", MaxRules), Hint: "split it"}}
	}
	env, scope, faults := c.scope(s.Variables)
	classes := scopeOf()
	for _, v := range scope { // each after those that it uses
		classes[v.name] = growthOf(v.program.checked.NativeRep().Expr(), classes)
	}
	p := &Policy{Name: s.Name, Mode: s.Mode, Governs: s.Match.governs(), Exceptions: s.Exceptions}
	names := map[string]bool{}
	for i, r := range s.Rules {
		if names[r.Name] {
			faults = append(faults, Fault{PartRule, i, "name", 0, 0, fmt.Sprintf("two rules are called %q", r.Name), "give each its own name: exceptions and reports refer to it"})
		}
		names[r.Name] = true
		holds, fs := compileOne(env, r.Expression, types.BoolType)
		faults = append(faults, at(fs, PartRule, i, "expression")...)
		var found *expression
		if r.Found != "" {
			found, fs = compileOne(env, r.Found, types.StringType)
			faults = append(faults, at(fs, PartRule, i, "found")...)
		}
		asks := fixed
		if holds != nil {
			asks = growthOf(holds.checked.NativeRep().Expr(), classes)
		}
		p.Checks = append(p.Checks, expressionCheck(r, holds, found, scope, asks))
	}
	for i, f := range s.Freshness {
		check, err := f.check()
		if err != nil {
			faults = append(faults, Fault{PartFreshness, i, "maxAge", 0, 0, err.Error(), "maxAge: 24h"})
		}
		p.Checks = append(p.Checks, check)
	}
	if s.Remediation != nil {
		if slices.ContainsFunc(p.Checks, func(c Check) bool { return c.Name == s.Remediation.Name }) {
			faults = append(faults, Fault{PartRemediation, 0, "name", 0, 0, fmt.Sprintf("another rule is called %q", s.Remediation.Name), "give each its own name: exceptions and reports refer to it"})
		}
		p.Checks = append(p.Checks, s.Remediation.check())
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return p, nil
}

func at(fs []Fault, part string, index int, field string) []Fault {
	for i := range fs {
		fs[i].Part, fs[i].Index, fs[i].Field = part, index, field
	}
	return fs
}

// compileOne parses and checks one expression of the type want.
func compileOne(env *cel.Env, text string, want *types.Type) (*expression, []Fault) {
	parsed, issues := env.Parse(text)
	if issues != nil && issues.Err() != nil {
		return nil, faultsOf(issues)
	}
	e, _, faults := check(env, parsed, want)
	return e, faults
}

func faultsOf(issues *cel.Issues) []Fault {
	var out []Fault
	for _, e := range issues.Errors() {
		message, _, _ := strings.Cut(e.Message, "\n")
		message = strings.TrimSuffix(message, " (in container '')")
		out = append(out, Fault{Line: max(e.Location.Line(), 0), Column: max(e.Location.Column()+1, 0), Message: message, Hint: "docs/policies.md lists the variables, their fields and the functions"})
	}
	return out
}

// check checks an expression that was parsed. want nil is any type.
func check(env *cel.Env, parsed *cel.Ast, want *types.Type) (*expression, *types.Type, []Fault) {
	checked, issues := env.Check(parsed)
	if issues != nil && issues.Err() != nil {
		return nil, nil, faultsOf(issues)
	}
	if got := checked.OutputType(); want != nil && !want.IsExactType(got) && got != types.DynType {
		return nil, nil, []Fault{{Line: 1, Column: 1, Message: fmt.Sprintf("the expression is of the type %s, and %s is due", got, want), Hint: "compare it with something, or use size() and exists()"}}
	}
	return &expression{env: env, checked: checked}, checked.OutputType(), nil
}

// expression is one that was checked. Its evaluation is planned when it is first asked for:
// of a thousand policies an image meets a few, and planning is a third of their cost.
type expression struct {
	once    sync.Once
	env     *cel.Env
	checked *cel.Ast
	program cel.Program
	fault   error
	// Where steps are not counted: what an evaluation costs at least, and beyond that of an
	// input that is as large as any may be.
	least, grows uint64
}

// Eval evaluates the expression; an error is no answer.
func (e *expression) Eval(vars *activation) (ref.Val, error) {
	e.once.Do(e.plan)
	if e.fault != nil {
		return nil, e.fault
	}
	if err := vars.c.spend(0); err != nil {
		return nil, err
	}
	out, details, err := e.program.Eval(vars)
	cost := e.least + uint64(float64(e.grows)*vars.in.share())
	if details != nil && details.ActualCost() != nil {
		cost = *details.ActualCost()
	}
	if over := vars.c.spend(cost); over != nil && err == nil {
		return nil, over
	}
	return out, err
}

func (e *expression) plan() {
	options := append(bounding(), cel.EvalOptions(cel.OptOptimize))
	if c, err := e.env.EstimateCost(e.checked, sizes{}); err != nil || c.Max > maxCost {
		options = append(append(options, pricing()...), cel.CostLimit(maxCost)) // counting makes a third of an evaluation
	} else {
		e.least, e.grows = c.Min, c.Max-c.Min
	}
	e.program, e.fault = e.env.Program(e.checked, options...)
	e.env, e.checked = nil, nil
}

// sizes bounds what expressions walk over, so that those which cannot become dear need
// not be counted. What it does not know has no bound.
type sizes struct{}

// EstimateSize bounds the lists of an input by its limits.
func (sizes) EstimateSize(e checker.AstNode) *checker.SizeEstimate {
	if p := e.Path(); len(p) == 1 {
		switch p[0] {
		case "facts":
			return &checker.SizeEstimate{Max: maxFacts}
		case "findings":
			return &checker.SizeEstimate{Max: maxFindings}
		case "sboms":
			return &checker.SizeEstimate{Max: maxSBOMs}
		}
	}
	return nil
}

// EstimateCallCost leaves calls at CEL's own estimate, and those of this package at
// the length of their list.
func (sizes) EstimateCallCost(_, overload string, _ *checker.AstNode, _ []checker.AstNode) *checker.CallEstimate {
	if strings.HasPrefix(overload, "facts_") {
		kept := checker.SizeEstimate{Max: maxFacts}
		return &checker.CallEstimate{CostEstimate: checker.CostEstimate{Max: maxFacts}, ResultSize: &kept}
	}
	return priced(overload)
}

// scope compiles the variables, each after those that it uses, and extends the
// environment by them. A variable that leads back to itself is a fault.
func (c *Compiler) scope(vars []Variable) (*cel.Env, []bound, []Fault) {
	var faults []Fault
	byName := map[string]int{}
	for i, v := range vars {
		switch _, again := byName[v.Name]; {
		case !variableName.MatchString(v.Name) || reserved[v.Name]:
			faults = append(faults, Fault{PartVariable, i, "name", 0, 0, fmt.Sprintf("%q cannot be the name of a variable", v.Name), "letters, digits and _, and none of: " + strings.Join(slices.Sorted(maps.Keys(reserved)), ", ")})
		case again:
			faults = append(faults, Fault{PartVariable, i, "name", 0, 0, fmt.Sprintf("two variables are called %q", v.Name), "rename one"})
		}
		byName[v.Name] = i
	}
	if len(faults) > 0 {
		return c.env, nil, faults
	}
	env := c.env
	parsed := make([]*cel.Ast, len(vars))
	for i, v := range vars {
		var issues *cel.Issues
		if parsed[i], issues = c.env.Parse(v.Expression); issues != nil && issues.Err() != nil {
			parsed[i] = nil
			faults = append(faults, at(faultsOf(issues), PartVariable, i, "expression")...)
		}
	}
	var out []bound
	state := make([]int, len(vars)) // 0 not seen, 1 being compiled, 2 done
	var visit func(i int, way []string) bool
	visit = func(i int, way []string) bool {
		way = append(way, vars[i].Name)
		switch state[i] {
		case 2:
			return true
		case 1:
			faults = append(faults, Fault{PartVariable, i, "expression", 0, 0, "the variable leads back to itself: " + strings.Join(way[slices.Index(way, vars[i].Name):], " → "), "let one of them not use the other"})
			return false
		}
		state[i] = 1
		ok := parsed[i] != nil
		for _, word := range identifiers(parsed[i]) {
			if j, is := byName[word]; is && ok {
				ok = visit(j, way)
			}
		}
		state[i] = 2
		if !ok {
			return false
		}
		compiled, typ, fs := check(env, parsed[i], nil)
		faults = append(faults, at(fs, PartVariable, i, "expression")...)
		if len(fs) > 0 {
			return false
		}
		extended, err := env.Extend(cel.Variable(vars[i].Name, typ))
		if err != nil {
			faults = append(faults, Fault{PartVariable, i, "name", 0, 0, err.Error(), "rename it"})
			return false
		}
		env = extended
		out = append(out, bound{vars[i].Name, compiled})
		return true
	}
	for i := range vars {
		visit(i, nil)
	}
	if len(faults) == 0 {
		return env, out, nil
	}
	// What uses a broken variable is not broken by that: its own faults are looked for.
	var loose []cel.EnvOption
	for name := range byName {
		loose = append(loose, cel.Variable(name, types.DynType))
	}
	if extended, err := c.env.Extend(loose...); err == nil {
		env = extended
	}
	return env, out, faults
}

// identifiers are the names that an expression uses; none of one that does not parse.
func identifiers(parsed *cel.Ast) []string {
	if parsed == nil {
		return nil
	}
	var out []string
	ast.PostOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.IdentKind {
			out = append(out, e.AsIdent())
		}
	}))
	return out
}

// bound is a compiled variable.
type bound struct {
	name    string
	program *expression
}

var (
	variableName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,62}$`)
	reserved     = map[string]bool{"image": true, "facts": true, "findings": true, "sboms": true, "provenance": true, "now": true, "workload": true}
)

// keep filters a list of facts.
func keep(v ref.Val, want func(*object) bool) ref.Val {
	l, ok := v.(interface {
		Size() ref.Val
		Get(ref.Val) ref.Val
	})
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	n, _ := l.Size().(types.Int)
	var out []ref.Val
	for i := range n {
		o, ok := l.Get(i).(*object)
		if !ok {
			return types.NewErr("a list of facts holds something else")
		}
		if want(o) {
			out = append(out, o)
		}
	}
	return types.NewRefValList(natives, out)
}

// The places of the fields that functions read.
var (
	claimAt, predicateAt, signerAt, timedAt, timeAt = factShape.index["claim"], factShape.index["predicateType"], factShape.index["signer"], factShape.index["timed"], factShape.index["time"]
	issuerAt, subjectAt, keyAt                      = signerShape.index["issuer"], signerShape.index["subject"], signerShape.index["key"]
	severityAt                                      = findingShape.index["severity"]
)

func text(v ref.Val) string { s, _ := v.(types.String); return string(s) }

func keepClaims(l ref.Val) ref.Val {
	return keep(l, func(o *object) bool { return text(o.values[claimAt]) == "signature" })
}

func keepPredicates(l, want ref.Val) ref.Val {
	return keep(l, func(o *object) bool {
		return text(o.values[claimAt]) == "attestation" && predicateIs(text(o.values[predicateAt]), text(want))
	})
}

func keepSigners(args ...ref.Val) ref.Val {
	issuer, subject := text(args[1]), text(args[2])
	return keep(args[0], func(o *object) bool {
		s, ok := o.values[signerAt].(*object)
		return ok && matchesIdentity(issuer, subject, text(s.values[issuerAt]), text(s.values[subjectAt]))
	})
}

func keepKeys(l, key ref.Val) ref.Val {
	return keep(l, func(o *object) bool {
		s, ok := o.values[signerAt].(*object)
		return ok && text(key) != "" && text(s.values[keyAt]) == text(key)
	})
}

// keepSince keeps facts that somebody vouches were signed at or after a time.
func keepSince(l, at ref.Val) ref.Val {
	from, _ := at.(types.Timestamp)
	return keep(l, func(o *object) bool {
		t, ok := o.values[timeAt].(types.Timestamp)
		return ok && o.values[timedAt] == types.True && !t.Before(from.Time)
	})
}

// atLeast compares severities. One that is not known may be anything, and so is at
// least as severe as whatever is asked for.
func atLeast(finding, word ref.Val) ref.Val {
	o, ok := finding.(*object)
	want, known := ident.ParseSeverity(text(word))
	if !ok || !known || want == ident.SeverityUnknown {
		return types.NewErr("%q is no severity: low, medium, high or critical", text(word))
	}
	got, _ := ident.ParseSeverity(text(o.values[severityAt]))
	return types.Bool(got == ident.SeverityUnknown || got >= want)
}
