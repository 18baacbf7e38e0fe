package policy_test

import (
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
	"github.com/cofferdam-io/cofferdam/policy"
)

// FuzzExpression compiles what somebody wrote and evaluates it: it ends soon, and what is no
// boolean true passes nothing.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{
		`facts.signedBy("` + ci + `", "https://github.com/shop/**").size() > 0`, `findings.all(a, findings.all(b, a.id == b.id))`, `built.attestations("` + provenance + `").exists(f, has(f.predicate.a))`,
		`image.tag.matches("^(a+)+$")`, `now - duration("24h") < now`, `{"a": [1, 2.0, b"x", null, type(image)]}.a.size() == 5`, `"a".format([1])`, `[1].map(x, x).map(x, [x, x]) == []`, `dyn(1) + 2u`, "true ||", "(((",
	} {
		f.Add(s, s)
	}
	c := compiler(f)
	in := prepare(f, input())
	f.Fuzz(func(t *testing.T, expression, variable string) {
		p, faults := c.Compile(policy.Spec{Mode: policy.Enforce, Variables: []policy.Variable{{"built", variable}}, Rules: []policy.Rule{{Name: "r", Expression: expression, Found: "string(1)", Message: "m"}}})
		if (p == nil) != (len(faults) > 0) {
			t.Fatalf("%v %v", p, faults)
		}
		for _, x := range faults {
			if x.Message == "" || x.Line < 0 || x.Column < 0 {
				t.Errorf("%+v", x)
			}
		}
		if p == nil {
			return
		}
		began := used.CPU(t) // other programs' time is no finding
		v := p.Evaluate(in, policy.Context{At: noon})
		if r := v.Rules[0]; (v.Decision == policy.Pass) != (r.Result == policy.Held) || r.Result != policy.Held && r.Found == "" {
			t.Errorf("%+v", v)
		}
		if took := used.CPU(t) - began; took > 10*time.Second {
			t.Errorf("it took %s of processor time", took)
		}
	})
}
