package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
)

// Decision is what becomes of an image.
type Decision string

// The decisions, from the mildest.
const (
	Pass Decision = "pass"
	Told Decision = "warn" // it may run, and somebody should know
	Deny Decision = "deny"
)

// Verdict is what policies say of an image. All that govern it must pass.
type Verdict struct {
	Decision Decision    `json:"decision"`
	Policies []Judgement `json:"policies"`
	// Indeterminate says that something could not be checked, so that a refusal is no
	// proof: the caller may use what it remembers, or try again.
	Indeterminate bool `json:"indeterminate,omitempty"`
	// Ungoverned says that no policy is about the image.
	Ungoverned bool `json:"ungoverned,omitempty"`
}

// Judgement is what one policy says.
type Judgement struct {
	Policy   string        `json:"policy"`
	Mode     Mode          `json:"mode"`
	Decision Decision      `json:"decision"`
	Rules    []RuleVerdict `json:"rules"`

	doubtful bool // an exception may count once all could be checked
}

// Result is what became of a rule.
type Result string

// The results.
const (
	Held      Result = "passed"
	Broken    Result = "failed"
	Excused   Result = "excepted"      // it failed, and an exception covers that
	Undecided Result = "not evaluated" // it could not be evaluated, which is no pass
)

// RuleVerdict is what became of one rule. Found, Mend and Exception are empty where it passed.
type RuleVerdict struct {
	Rule      string `json:"rule"`
	Result    Result `json:"result"`
	Expected  string `json:"expected"`
	Found     string `json:"found,omitempty"`
	Mend      string `json:"mend,omitempty"`
	Exception string `json:"exception,omitempty"` // its name, and why it does not count where it does not
	// Warnings are what a policy in another language wants told, whatever became of the rule.
	Warnings []string `json:"warnings,omitempty"`
	// Overdue are the findings that are beyond their deadline, or may be, of a rule about
	// remediation.
	Overdue []Overdue `json:"overdue,omitempty"`
}

// Evaluate judges an image by every policy that governs it.
func Evaluate(policies []*Policy, in *Prepared, c Context) Verdict {
	v := Verdict{Decision: Pass, Policies: []Judgement{}}
	for _, p := range policies {
		if !p.Governs(in, &c) {
			continue
		}
		pv := p.Evaluate(in, c)
		v.Policies = append(v.Policies, pv)
		v.Decision = worse(v.Decision, pv.Decision)
		if pv.Decision != Pass && (len(in.Unchecked) > 0 || pv.doubtful) {
			v.Indeterminate = true
		}
	}
	if len(v.Policies) == 0 {
		v.Ungoverned = true
		v.Decision = c.NoMatch.refusal()
	}
	return v
}

// And joins what two sets of policies say of one image, each of facts of its own: the
// image is ungoverned only where neither governs it.
func (v Verdict) And(o Verdict) Verdict {
	switch {
	case v.Ungoverned:
		return o
	case o.Ungoverned:
		return v
	}
	return Verdict{Decision: worse(v.Decision, o.Decision), Policies: append(slices.Clone(v.Policies), o.Policies...), Indeterminate: v.Indeterminate || o.Indeterminate}
}

// Evaluate judges an image by one policy, whether or not it governs it.
func (p *Policy) Evaluate(in *Prepared, c Context) Judgement {
	out := Judgement{Policy: p.Name, Mode: p.Mode, Decision: Pass, Rules: make([]RuleVerdict, 0, len(p.Checks))}
	ec := p.excepting(in, &c)
	out.doubtful = ec.doubtful
	for i := range p.Checks {
		check := &p.Checks[i]
		o := check.Judge(in, ec.context)
		r := RuleVerdict{Rule: check.Name, Result: Held, Expected: check.Expected, Warnings: o.Warnings, Overdue: o.Overdue}
		switch {
		case o.Err != nil:
			r.Result, r.Found, r.Mend = Undecided, fmt.Sprintf("the rule could not be evaluated: %v", o.Err), check.Hint
		case !o.Passed:
			r.Result, r.Found, r.Mend = Broken, o.Found, check.Hint
			if r.Found == "" {
				r.Found = in.Summary()
			}
		}
		if r.Result != Held {
			ec.excuse(&r)
		}
		if r.Result == Broken || r.Result == Undecided {
			out.Decision = p.Mode.refusal()
		}
		out.Rules = append(out.Rules, r)
	}
	return out
}

// refusal is the decision that a refusal in this mode comes to.
func (m Mode) refusal() Decision {
	switch m {
	case Audit:
		return Pass
	case Warn:
		return Told
	}
	return Deny
}

func worse(a, b Decision) Decision {
	order := map[Decision]int{Pass: 0, Told: 1, Deny: 2}
	if order[b] > order[a] {
		return b
	}
	return a
}

// expressionCheck makes a check of a compiled rule.
func expressionCheck(r Rule, holds, found *expression, scope []bound, asks growth) Check {
	expected := r.Message
	if expected == "" {
		expected = r.Expression
	}
	return Check{Name: r.Name, Expected: expected, Hint: r.Hint, Judge: func(in *Prepared, c *Context) Outcome {
		vars := &activation{in: in, c: c, scope: scope}
		out, err := holds.Eval(vars)
		if err != nil {
			return Outcome{Err: err}
		}
		switch out {
		case types.True:
			if err := asks.unlessAll(in); err != nil {
				return Outcome{Err: err}
			}
			return Outcome{Passed: true}
		case types.False:
		default:
			return Outcome{Err: fmt.Errorf("the expression is %s and no boolean", out.Type().TypeName())}
		}
		if found == nil {
			return Outcome{}
		}
		// Its words are an ornament: without them the refusal stands.
		words, err := found.Eval(vars)
		if err != nil {
			return Outcome{}
		}
		return Outcome{Found: text(words)}
	}}
}

// activation resolves variables: those of the image and of the context, and those that
// a policy names, each evaluated at its first use and then kept beside the context's.
type activation struct {
	in    *Prepared
	c     *Context
	scope []bound
}

const variableFailed = "the variable "

// ResolveName finds a variable. One that failed is an error value, which CEL's logical
// operators treat as unknown: true || error is true.
func (a *activation) ResolveName(name string) (any, bool) {
	if v, ok := a.c.made[name]; ok {
		return v, true
	}
	if v, ok := a.in.values[name]; ok {
		return v, true
	}
	for i := range a.scope {
		if a.scope[i].name != name {
			continue
		}
		v, err := a.scope[i].program.Eval(a)
		switch {
		case err != nil && strings.HasPrefix(err.Error(), variableFailed): // one that this one uses
			v = types.NewErr("%v", err)
		case err != nil:
			v = types.NewErr(variableFailed+"%s: %v", name, err)
		}
		a.c.made[name] = v
		return v, true
	}
	return nil, false
}

// Parent is nil: nothing stands outside.
func (a *activation) Parent() cel.Activation { return nil }
