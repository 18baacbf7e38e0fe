package quality_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
)

// TestNoAssertionHasAnAge: since the first of the documents from which on, without a gap,
// no licence of a package is asserted.
func TestNoAssertionHasAnAge(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, 1+n, 0, 0, 0, 0, time.UTC) }
	doc := func(at time.Time, version, license string) *sbom.Document {
		d := &sbom.Document{Created: at}
		if version != "" {
			d.Components = []sbom.Component{{Name: "a", Version: version, PURL: "pkg:npm/a@" + version}}
		}
		if license != "" {
			d.Components[0].Licenses = []sbom.License{{Expression: license}}
		}
		return d
	}
	policy, err := quality.ParsePolicy([]byte("kind: SBOMQualityPolicy\nname: p\nchecks: {noassertion-license: {level: refuse, maxAgeDays: 30}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		earlier []*sbom.Document
		since   time.Time
		refused bool
	}{
		"no earlier document":                      {nil, day(90), false},
		"an earlier one, of another version":       {[]*sbom.Document{doc(day(50), "1", "NOASSERTION")}, day(50), true},
		"two, in whatever order":                   {[]*sbom.Document{doc(day(10), "1", "NOASSERTION"), doc(day(50), "1", "NOASSERTION")}, day(10), true},
		"a licence was asserted between":           {[]*sbom.Document{doc(day(10), "1", "NOASSERTION"), doc(day(80), "1", "MIT"), doc(day(85), "1", "NOASSERTION")}, day(85), false},
		"it was not there between":                 {[]*sbom.Document{doc(day(10), "1", "NOASSERTION"), doc(day(80), "", "")}, day(90), false},
		"nothing was said, which is another fault": {[]*sbom.Document{doc(day(10), "1", "")}, day(90), false},
		"a later document":                         {[]*sbom.Document{doc(day(95), "1", "NOASSERTION")}, day(90), false},
		"a document without a date":                {[]*sbom.Document{doc(time.Time{}, "1", "NOASSERTION")}, day(90), false},
	} {
		r := quality.Score(doc(day(90), "2", "NOASSERTION"), quality.Options{Policy: policy, At: day(100), Earlier: c.earlier})
		if r.Signals.UnresolvedSince != c.since.Format(time.RFC3339) || r.Policy.Refused != c.refused {
			t.Errorf("%s: since %s, refused %v", name, r.Signals.UnresolvedSince, r.Policy.Refused)
		}
		for _, x := range r.Policy.Checks {
			if x.ID == "noassertion-license" && !strings.Contains(x.Findings[0].Message, "30 are allowed") {
				t.Errorf("%s: %s", name, x.Findings[0].Message)
			}
		}
	}
}
