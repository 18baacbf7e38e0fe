package policy_test

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/policy"
)

// What holds only because nobody could look is not decided; what was found is enough.
func TestWhatCouldNotBeAsked(t *testing.T) {
	for expression, want := range map[string]policy.Result{
		// Found is found.
		`true`:                           policy.Held,
		`image.tag == "1.4"`:             policy.Held,
		`facts.size() > 0`:               policy.Held,
		`0 < size(facts)`:                policy.Held,
		`facts.signatures().size() != 0`: policy.Held,
		`facts.signatures().size() + sboms.size() >= 2`:                      policy.Held,
		`ours.attestations("` + provenance + `").size() > 0`:                 policy.Held,
		`facts.exists(f, f.claim == "signature" && !f.logged)`:               policy.Held,
		`facts.filter(f, !f.logged || f.timed).size() > 1`:                   policy.Held,
		`sboms.exists(s, s.licenses.all(l, l != "GPL-3.0"))`:                 policy.Held,
		`"signature" in facts.map(f, f.claim)`:                               policy.Held,
		`["signature", "attestation"].all(c, facts.exists(f, f.claim == c))`: policy.Held,
		`findings.all(f, !f.atLeast("critical"))`:                            policy.Held,
		`image.tag != "1.4" ? facts.size() == 0 : facts.size() > 0`:          policy.Undecided, // the other side asks what is not there
		`image.tag == "1.4" ? facts.size() > 0 : sboms.size() > 0`:           policy.Held,
		`facts.since(now - duration("24h")).size() > 0 || facts.size() == 0`: policy.Undecided,
		// Not found is not known.
		`facts.all(f, f.logged || f.timed)`:                            policy.Undecided,
		`!facts.exists(f, f.predicateType == "x")`:                     policy.Undecided,
		`facts.attestations("x").size() == 0`:                          policy.Undecided,
		`facts.attestations("x").size() < 1`:                           policy.Undecided,
		`none == 0`:                                                    policy.Undecided,
		`ours.attestations("x") == []`:                                 policy.Undecided,
		`sboms.all(s, s.verified)`:                                     policy.Undecided,
		`facts.exists_one(f, f.predicateType == "` + provenance + `")`: policy.Undecided,
		`facts[0].claim == "signature"`:                                policy.Undecided,
		`facts.map(f, f.claim) != ["x"]`:                               policy.Undecided,
		`[facts.size()][0] > 0`:                                        policy.Undecided,
		`{"n": facts.size()}.n > 0`:                                    policy.Undecided,
		`facts.size() > sboms.size()`:                                  policy.Undecided,
		`facts.exists(f, facts.all(g, g.timed))`:                       policy.Undecided,
		`facts.map(facts, facts.claim).exists(c, c == "signature")`:    policy.Held, // a name that hides another
	} {
		s := rule(expression)
		s.Variables = []policy.Variable{{Name: "none", Expression: `ours.attestations("x").size()`}, {Name: "ours", Expression: `facts.signedBy("` + ci + `", "**")`}}
		p := compile(t, s)
		in := input()
		if v := p.Evaluate(prepare(t, in), policy.Context{At: noon}); v.Rules[0].Result != policy.Held {
			t.Errorf("%s: %+v", expression, v.Rules[0])
		}
		in.Unchecked = []string{"r.example did not answer"}
		v := policy.Evaluate([]*policy.Policy{p}, prepare(t, in), policy.Context{At: noon})
		if got := v.Policies[0].Rules[0]; got.Result != want || v.Indeterminate != (want == policy.Undecided) {
			t.Errorf("%s: %s, %s", expression, got.Result, got.Found)
		}
	}
}
