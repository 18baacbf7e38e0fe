package synth_test

import (
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// TestMadeVulnerabilitiesAreFound: every made component is compared, many are affected,
// and the short answer about each names the records that the long one does.
func TestMadeVulnerabilitiesAreFound(t *testing.T) {
	known := []*vuln.Advisory{{ID: "GO-1", Affected: []vuln.Affected{{Ecosystem: "Go", Name: "example.org/known", Ranges: []vuln.Range{{Type: vuln.RangeSemver, Events: []vuln.Event{{Introduced: "1.0.0"}, {Fixed: "1.2.0"}}}}}}}}
	v, err := synth.MakeVulnerable(synth.VulnerableConfig{Components: 1000, Ranges: 1500, Seed: 7, Known: known})
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Components) != 1000 || v.Ranges != 1500 || v.Advisories[0] != known[0] || len(v.Batch().Keys) != 1000 {
		t.Fatalf("%d components, %d ranges, %d keys", len(v.Components), v.Ranges, len(v.Batch().Keys))
	}
	db, err := vuln.NewDatabase(v.Advisories, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if faults := db.Faults(); len(faults) > 0 {
		t.Errorf("made range of %s: %s", faults[0].Advisory.ID, faults[0].Reason)
	}
	r, m, affected := vuln.NewReader(), vuln.NewMatcher(db), 0
	for i := range v.Components {
		long := db.Assess(&v.Components[i], v.OS[i])
		for _, u := range long.Unmatched {
			t.Errorf("%s: %s", v.Components[i].PURL, u.Reason)
		}
		var all, short []*vuln.Advisory
		for _, x := range long.Matches {
			if !slices.Contains(all, x.Advisory) {
				all = append(all, x.Advisory)
			}
		}
		for _, n := range r.Read(&v.Components[i], v.OS[i]) {
			m.Match(n.Package, []vuln.Name{n.Name}, func(a *vuln.Advisory, affected, doubtful []int32) {
				if len(doubtful) > 0 {
					t.Errorf("%s: %s is in doubt", v.Components[i].PURL, a.ID)
				}
				if len(affected) > 0 && !slices.Contains(short, a) {
					short = append(short, a)
				}
			})
		}
		if !slices.Equal(all, short) {
			t.Fatalf("%s: %d records and %d", v.Components[i].PURL, len(all), len(short))
		}
		if len(all) > 0 {
			affected++
		}
	}
	if affected < 200 {
		t.Errorf("%d of 1000 are affected", affected)
	}
	again, err := synth.MakeVulnerable(synth.VulnerableConfig{Components: 1000, Ranges: 1500, Seed: 7, Known: known})
	if err != nil || !slices.EqualFunc(v.Components, again.Components, func(a, b sbom.Component) bool { return a.PURL == b.PURL }) {
		t.Error("the same configuration makes something else", err)
	}
	if _, err := synth.MakeVulnerable(synth.VulnerableConfig{Components: 1}); err == nil {
		t.Error("one component is made")
	}
}
