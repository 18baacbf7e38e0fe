package catalog_test

import (
	"context"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/vuln"
)

const day = 24 * time.Hour

// TestDeadlines: a deadline runs from when a container was first exposed, whatever images come
// between, over a restart, and until nothing that it runs has the vulnerability.
func TestDeadlines(t *testing.T) { onEngines(t, deadlines) }

func deadlines(t *testing.T, reopen func() store.Store) {
	ctx, begun := context.Background(), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	clock := clockAt(begun)
	o := catalog.Options{Now: clock.Now, FourEyes: true, Deadlines: &vuln.Deadlines{Severity: map[ident.Severity]time.Duration{ident.SeverityCritical: 10 * day}}}
	c, end := open(t, reopen(), o)
	for n, purl := range []string{"pkg:npm/lodash@4.17.19", "pkg:npm/lodash@4.17.20", "pkg:npm/lodash@4.17.21"} {
		take(t, c, catalog.Upload{Artifact: digest(n + 1)}, with(text("image"+purl, purl), "", names(n+1)))
	}
	lodash := advisory("GHSA-l", "lodash", "4.17.21", "CVE-2026-0001")
	runs := func(images ...int) {
		t.Helper()
		var list []catalog.Workload
		for i, n := range images {
			list = append(list, container(string(rune('a'+i)), n))
		}
		if _, err := c.Report(ctx, ci, "prod", list); err != nil {
			t.Fatal(err)
		}
		audit(t, c)
	}
	advise(t, c, clock.Now(), lodash)
	runs(1, 3) // the first is exposed from now on
	overdue := func(want int, q catalog.FindingQuery) {
		t.Helper()
		q.Overdue = true
		if got := findings(t, c, q); len(got.Items) != want {
			t.Errorf("%s: %d overdue, want %d: %q", clock.Now().Format(time.DateOnly), len(got.Items), want, told(got))
		}
	}
	clock.forward(6 * day)
	runs(2, 3) // another image with it
	overdue(0, catalog.FindingQuery{})
	x := findings(t, c, catalog.FindingQuery{}).Items[0]
	if !x.Exposed.Equal(begun) || !x.Due.Equal(begun.Add(10*day)) || !x.From.Equal(begun.Add(6*day)) {
		t.Errorf("exposed since %s, due %s", x.Exposed, x.Due)
	}
	clock.forward(5 * day)
	overdue(1, catalog.FindingQuery{})
	overdue(1, catalog.FindingQuery{Images: []ident.Digest{digest(2)}})
	overdue(0, catalog.FindingQuery{Images: []ident.Digest{digest(1)}})
	overdue(0, catalog.FindingQuery{At: begun.Add(9 * day)}) // by the clock of then
	overdue(1, catalog.FindingQuery{At: begun.Add(11 * day)})
	end()
	c, end = open(t, reopen(), o)
	defer func() { end() }()
	advise(t, c, clock.Now(), lodash)
	audit(t, c)
	overdue(1, catalog.FindingQuery{})

	// Gone for some hours, as between an image and its document: it is the same exposure. Gone for
	// days: another one.
	runs(3, 3)
	clock.forward(5 * time.Hour)
	runs(1, 3)
	overdue(1, catalog.FindingQuery{})
	clock.forward(time.Hour)
	runs(3, 3)
	clock.forward(3 * day)
	runs(1, 3)
	overdue(0, catalog.FindingQuery{})
	clock.forward(2 * day)

	r, err := c.Remediation(ctx, catalog.FindingQuery{}, begun)
	if err != nil {
		t.Fatal(err)
	}
	if k := r.Classes[0]; k.Severity != ident.SeverityCritical || k.Open != 1 || k.Oldest != 2*day || k.Overdue != 0 || k.Remediated != 1 || k.Late != 1 || k.P90 != 11*day+6*time.Hour {
		t.Errorf("%+v", k)
	}
	if r, err = c.Remediation(ctx, catalog.FindingQuery{At: begun.Add(10*day + time.Hour)}, begun); err != nil {
		t.Fatal(err)
	}
	if k := r.Classes[0]; k.Open != 1 || k.Overdue != 1 || k.Oldest != 10*day+time.Hour || k.Remediated != 0 {
		t.Errorf("as was known on the eleventh day: %+v", k)
	}
}

// TestApproval: an acceptance counts once another person has approved what they read.
func TestApproval(t *testing.T) {
	ctx, clock := context.Background(), clockAt(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	c, end := open(t, embedded(t, t.TempDir()), catalog.Options{Now: clock.Now, FourEyes: true, Deadlines: &vuln.Deadlines{Severity: map[ident.Severity]time.Duration{ident.SeverityCritical: day}}})
	defer end()
	take(t, c, catalog.Upload{Artifact: digest(1)}, text("image1", "pkg:npm/lodash@4.17.19"))
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{container("web", 1)}); err != nil {
		t.Fatal(err)
	}
	advise(t, c, clock.Now(), advisory("GHSA-l", "lodash", "4.17.21", "CVE-2026-0001"))
	audit(t, c)
	clock.forward(2 * day)
	state := func(want catalog.TriageState, overdue bool) {
		t.Helper()
		clock.forward(time.Minute)
		got := findings(t, c, catalog.FindingQuery{})
		if len(got.Items) != 1 || got.Items[0].State != want || got.Items[0].Overdue != overdue {
			t.Errorf("%+v, want %s", got.Items, want)
		}
	}
	decision := func() catalog.Triage {
		t.Helper()
		list, err := c.Triages(ctx, "GHSA-l", time.Time{}, false)
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v %v", list, err)
		}
		return list[0]
	}
	accept := catalog.Triage{ID: "GHSA-l", State: catalog.FindingAccepted, Reason: "no templates", Until: clock.Now().Add(30 * day), Approved: "token:sec"}
	if err := c.SetTriage(ctx, triager, accept); err != nil {
		t.Fatal(err)
	}
	state(catalog.FindingProposed, true) // its own word of who approved counts for nothing
	read := decision()
	if _, err := c.ApproveTriage(ctx, triager, read); ident.KindOf(err) != ident.KindRefused {
		t.Errorf("somebody approves their own: %v", err)
	}
	clock.forward(time.Hour)
	accept.Reason = "nobody asked"
	if err := c.SetTriage(ctx, triager, accept); err != nil {
		t.Fatal(err)
	}
	other := authz.Actor{Subject: "token:lead", Roles: []authz.Role{authz.Triager}}
	if _, err := c.ApproveTriage(ctx, other, read); ident.KindOf(err) != ident.KindInvalid {
		t.Errorf("what was changed since it was read is approved: %v", err)
	}
	if _, err := c.ApproveTriage(ctx, other, catalog.Triage{ID: "CVE-2026-0001", Since: read.Since}); ident.KindOf(err) != ident.KindNotFound {
		t.Errorf("%v", err)
	}
	clock.forward(time.Minute)
	if got, err := c.ApproveTriage(ctx, other, decision()); err != nil || got.Approved != "token:lead" || got.By != triager.Subject {
		t.Errorf("%+v %v", got, err)
	}
	state(catalog.FindingAccepted, false)
	if _, err := c.ApproveTriage(ctx, other, decision()); ident.KindOf(err) != ident.KindInvalid {
		t.Errorf("twice: %v", err)
	}
	if err := c.SetTriage(ctx, triager, catalog.Triage{ID: "GHSA-l", State: catalog.FindingTriaged, Reason: "after all"}); err != nil {
		t.Fatal(err)
	}
	state(catalog.FindingTriaged, true)
	if err := c.SetTriage(ctx, triager, accept); err != nil {
		t.Fatal(err)
	}
	state(catalog.FindingProposed, true) // the approval was of the earlier one
	if _, err := c.ApproveTriage(ctx, other, decision()); err != nil {
		t.Fatal(err)
	}
	clock.forward(31 * day)
	state(catalog.FindingNew, true)
	all, err := c.Triages(ctx, "", time.Time{}, true)
	if err != nil || len(all) != 6 {
		t.Errorf("%d decisions are remembered, want 6: %v", len(all), err)
	}
}
