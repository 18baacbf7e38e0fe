package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestAPolicyIsBoundedAsAWhole: what its expressions cost is counted together, and when
// it is spent, what is left of the policy is not evaluated.
func TestAPolicyIsBoundedAsAWhole(t *testing.T) {
	c, err := NewCompiler()
	if err != nil {
		t.Fatal(err)
	}
	in := Input{Scanned: true}
	for i := range 300 {
		in.Findings = append(in.Findings, Finding{ID: fmt.Sprintf("CVE-2026-%04d", i)})
	}
	prepared, err := Prepare(in)
	if err != nil {
		t.Fatal(err)
	}
	for expression, cost := range map[string][2]uint64{ // at least, at most
		"findings.all(f, f.id != '')":                           {300, 6_000},       // estimated
		"findings.all(f, f.id.size() > 3)":                      {300, 6_000},       // counted
		"findings.all(f, findings.exists(g, g.id == f.id))":     {100_000, maxCost}, // counted
		"findings.all(f, findings.all(g, g.id == g.id + f.id))": {1, 6_000},         // ends at the first
		"'x' == 'x'": {0, 10},
	} {
		p, faults := c.Compile(Spec{Mode: Enforce, Rules: []Rule{{Name: "r", Expression: expression}}})
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		spent := uint64(0)
		judge := func() Outcome {
			own := Context{At: time.Unix(0, 0), spent: &spent}
			own.made = contextValues(&own)
			return p.Checks[0].Judge(prepared, &own)
		}
		judge()
		if spent < cost[0] || spent > cost[1] {
			t.Errorf("%s cost %d, and %d is due", expression, spent, cost)
		}
		spent = maxSpent + 1
		if o := judge(); o.Err == nil || !strings.Contains(o.Err.Error(), "together") {
			t.Errorf("%s: %+v", expression, o)
		}
	}
}
