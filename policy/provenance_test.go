package policy_test

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/policy"
)

// TestProvenance: each fact about provenance is accepted and refused, and none can be
// judged where nobody assessed it.
func TestProvenance(t *testing.T) {
	good := &policy.Provenance{Level: 3, Builder: "https://ci.example/runner@v1", SourceLevel: 2, Repository: "https://git.example/web", Ref: "refs/heads/main", Commit: "6f1d", Confirmed: "yes",
		Inputs: 4, Pinned: 3, Complete: "yes", Hermetic: "yes", Isolated: "yes", SBOM: "yes"}
	bad := &policy.Provenance{Level: 1, Builder: "https://elsewhere.example", Confirmed: "unknown", Inputs: 0, Complete: "unknown", Hermetic: "unknown", Isolated: "no", SBOM: "unknown"}
	for _, e := range []string{
		`provenance.level >= 2`, `provenance.builder.startsWith("https://ci.example/")`, `provenance.sourceLevel >= 2`, `provenance.repository == "https://git.example/web"`,
		`provenance.ref == "refs/heads/main"`, `provenance.commit != ""`, `provenance.confirmed == "yes"`, `provenance.pinnedRatio >= 0.75`, `provenance.pinned > 0 && provenance.inputs == 4`,
		`provenance.complete == "yes"`, `provenance.hermetic == "yes"`, `provenance.isolated == "yes"`, `provenance.sbom == "yes"`,
	} {
		for from, want := range map[*policy.Provenance]policy.Result{good: policy.Held, bad: policy.Broken, nil: policy.Undecided} {
			v := compile(t, rule(e)).Evaluate(prepare(t, policy.Input{Provenance: from}), policy.Context{At: noon})
			if v.Rules[0].Result != want {
				t.Errorf("%s of %+v: %+v, want %s", e, from, v.Rules[0], want)
			}
		}
	}
}
