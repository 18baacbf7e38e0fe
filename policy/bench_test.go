package policy_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/cofferdam-io/cofferdam/policy"
)

// twenty are rules as people write them, no two the same.
func twenty(salt int) policy.Spec {
	s := policy.Spec{Name: fmt.Sprint("p", salt), Mode: policy.Enforce, Variables: []policy.Variable{{"built", fmt.Sprintf(`facts.signedBy("%s", "https://github.com/shop/**")`, ci)}}}
	for i := range 20 {
		expression := []string{
			`built.attestations("%s").size() > 0 || image.tag == "%d"`,
			`facts.signatures().signedBy("%s", "https://github.com/shop/**").size() > 0 || image.tag == "%d"`,
			`image.repository.startsWith("shop/") && image.registry != "%s%d"`,
			`findings.all(f, !f.atLeast("critical") || f.vex == "not_affected" || f.excepted || f.id == "%s%d")`,
			`sboms.exists(s, s.verified && s.format in ["CycloneDX", "SPDX"] && s.format != "%s%d")`,
		}[i%5]
		s.Rules = append(s.Rules, policy.Rule{Name: fmt.Sprint("r", i), Expression: fmt.Sprintf(expression, []string{provenance, ci, "x", "y", "z"}[i%5], salt*100+i)})
	}
	return s
}

func BenchmarkEvaluate20Rules(b *testing.B) {
	p := compile(b, twenty(0))
	in := prepare(b, input())
	c := policy.Context{At: noon}
	if v := p.Evaluate(in, c); v.Decision != policy.Pass {
		b.Fatalf("%+v", v)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Evaluate(in, c)
	}
}

// BenchmarkCompile1000 compiles a thousand policies of one rule, and of twenty.
func BenchmarkCompile1000(b *testing.B) {
	for _, rules := range []int{1, 5, 20} {
		b.Run(fmt.Sprint(rules, "rules"), func(b *testing.B) {
			c := compiler(b)
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				ps := make([]*policy.Policy, 1000)
				for i := range ps {
					s := twenty(i)
					s.Rules = s.Rules[:rules]
					p, faults := c.Compile(s)
					if len(faults) > 0 {
						b.Fatal(faults)
					}
					ps[i] = p
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MB")
				runtime.KeepAlive(ps)
			}
		})
	}
}
