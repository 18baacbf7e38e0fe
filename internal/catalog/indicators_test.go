package catalog_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// TestIndicators: what is measured of a small estate, now and in the past, by hand.
func TestIndicators(t *testing.T) {
	ctx, begun := context.Background(), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	clock := clockAt(begun)
	c, end := open(t, embedded(t, t.TempDir()), catalog.Options{Now: clock.Now, Scoring: &catalog.Scoring{}, Goals: catalog.Goals{SBOMAge: 10 * day, Licenses: 4 * day, Own: []string{"registry.example/shop/"}},
		Deadlines: &vuln.Deadlines{Severity: map[ident.Severity]time.Duration{ident.SeverityCritical: 3 * day}}})
	defer end()
	doc := func(n int, made time.Time, licence string) {
		t.Helper()
		raw := fmt.Sprintf(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":%q,"component":{"type":"container","name":"web","version":%q}},
"components":[{"type":"library","name":"lodash","version":"4.17.%d","purl":"pkg:npm/lodash@4.17.%d"%s}]}`, made.Format(time.RFC3339), digest(n).String(), 18+n, 18+n, licence)
		take(t, c, catalog.Upload{Artifact: digest(n), Service: "shop"}, []byte(raw))
	}
	runs := func(list ...catalog.Workload) {
		t.Helper()
		if _, err := c.Report(ctx, ci, "prod", list); err != nil {
			t.Fatal(err)
		}
		audit(t, c)
	}
	ours, theirs, unknown := container("web", 1), container("db", 7), container("job", -1)
	ours.Image, ours.Owner, theirs.Image, theirs.Owner = "registry.example/shop/web:1", "team-a", "docker.io/library/postgres:16", "team-b"
	const asserted = `,"licenses":[{"license":{"id":"MIT"}}]`
	doc(1, begun.Add(-8*day), `,"licenses":[{"license":{"name":"NOASSERTION"}}]`)
	advise(t, c, clock.Now(), advisory("GHSA-l", "lodash", "4.17.21", "CVE-2026-0001"))
	runs(ours, theirs, unknown)
	clock.forward(5 * day)

	get := func(q catalog.IndicatorQuery) map[string]catalog.IndicatorGroup {
		t.Helper()
		for {
			x, err := c.Indicators(ctx, q)
			if ident.KindOf(err) == ident.KindIndeterminate && err != nil {
				time.Sleep(10 * time.Millisecond)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]catalog.IndicatorGroup{}
			for _, g := range x.Groups {
				out[g.Name] = g
			}
			return out
		}
	}
	judged := func() {
		t.Helper()
		if _, err := c.AuditScores(ctx); err != nil {
			t.Fatal(err)
		}
	}
	judged()
	g := get(catalog.IndicatorQuery{By: "owner"})
	all, a, b := g[""], g["team-a"], g["team-b"]
	if all.Containers != 3 || all.Covered != 1 || all.SBOMAge.N != 1 || all.SBOMAge.Median != 13*day || all.Fresh != 0 || all.ThirdParty != 1 || all.Verified != 0 {
		t.Errorf("%+v", all)
	}
	if a.Containers != 1 || a.Covered != 1 || a.ThirdParty != 0 || b.Containers != 1 || b.Covered != 0 || b.ThirdParty != 1 || g["(none)"].Containers != 1 {
		t.Errorf("%+v\n%+v\n%+v", a, b, g["(none)"])
	}
	if all.LicensesOpen != 1 || all.LicensePackages != 1 || all.LicenseAge.Median != 13*day || all.LicensesLate != 1 || a.LicensesOpen != 1 || b.LicensesOpen != 0 {
		t.Errorf("a licence is not known since the document of eight days before: %+v", all)
	}
	if k := all.Remediation[0]; k.Open != 1 || k.Overdue != 1 || a.Remediation[0].Open != 1 || b.Remediation[0].Open != 0 {
		t.Errorf("%+v", all.Remediation)
	}
	if past := get(catalog.IndicatorQuery{At: begun.Add(day)})[""]; past.Containers != 3 || past.SBOMAge.Median != 9*day || past.Fresh != 1 || past.Remediation[0].Overdue != 0 || past.Remediation[0].Open != 1 {
		t.Errorf("as was known after a day: %+v", past)
	}
	if before := get(catalog.IndicatorQuery{At: begun.Add(-time.Hour)})[""]; before.Containers != 0 || before.LicensesOpen != 0 {
		t.Errorf("before anything ran: %+v", before)
	}

	// The next release has the licence, and no vulnerability.
	doc(3, clock.Now(), asserted)
	ours = container("web", 3)
	ours.Image, ours.Owner = "registry.example/shop/web:2", "team-a"
	runs(ours)
	judged()
	all = get(catalog.IndicatorQuery{Since: begun})[""]
	if all.Containers != 1 || all.Covered != 1 || all.Fresh != 1 || all.SBOMAge.Slowest != 0 || all.ThirdParty != 0 || all.LicensesOpen != 0 || all.LicenseTook.N != 1 || all.LicenseTook.Median != 13*day || all.LicensesLate != 1 {
		t.Errorf("%+v", all)
	}
	if k := all.Remediation[0]; k.Open != 0 || k.Remediated != 1 || k.Late != 1 || k.Median != 5*day {
		t.Errorf("%+v", k)
	}
}
