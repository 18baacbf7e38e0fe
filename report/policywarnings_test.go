package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/report"
)

// What a policy in another language warns of is told in text, of rules that passed too.
func TestWarningsOfPoliciesInText(t *testing.T) {
	words := []string{"the builder is to be retired\x1b[2J"}
	rules := []policy.RuleVerdict{{Rule: "authorities", Result: policy.Held, Warnings: words}, {Rule: "policy", Result: policy.Broken, Expected: "x", Warnings: words}}
	for name, answer := range map[string]any{
		"verify image": &report.ImageVerification{Image: "r.example/web", Verdict: report.Refused, Policy: &policy.Verdict{Decision: policy.Deny, Policies: []policy.Judgement{{Policy: "p", Mode: policy.Enforce, Decision: policy.Deny, Rules: rules}}}},
		"gate": &report.ImageGate{Image: "r.example/web", Result: report.GateFailed, Checks: []report.GateCheck{{Name: "p/authorities", Result: report.GatePassed, Warnings: words},
			{Name: "p/policy", Result: report.GateFailed, Expected: "x", Warnings: words}}},
	} {
		var out bytes.Buffer
		if err := report.Write(&out, answer, report.Options{Format: "table"}); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); strings.Count(got, "    warning: the builder is to be retired") != 2 || strings.Contains(got, "\x1b[2J") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}
