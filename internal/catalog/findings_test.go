package catalog_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/vuln"
)

var triager = authz.Actor{Subject: "token:sec", Roles: []authz.Role{authz.Triager}}

// advisory is about an npm package below a version.
func advisory(id, name, fixed string, aliases ...string) *vuln.Advisory {
	return &vuln.Advisory{ID: id, Aliases: aliases, Modified: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), DatabaseSeverity: "CRITICAL",
		Affected: []vuln.Affected{{Ecosystem: "npm", Name: name, Ranges: []vuln.Range{{Type: vuln.RangeSemver, Events: []vuln.Event{{Introduced: "0"}, {Fixed: fixed}}}}}}}
}

func advise(t testing.TB, c *catalog.Catalog, at time.Time, all ...*vuln.Advisory) *vuln.Database {
	t.Helper()
	db, err := vuln.NewDatabase(all, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetAdvisories(context.Background(), catalog.Advisories{Database: db, Loaded: at}); err != nil {
		t.Fatal(err)
	}
	return db
}

// audit looks at everything that runs, beside the catalogue's own looks.
func audit(t testing.TB, c *catalog.Catalog) {
	t.Helper()
	if _, err := c.AuditFindings(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func findings(t testing.TB, c *catalog.Catalog, q catalog.FindingQuery) *catalog.RunningFindings {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	f, err := c.Findings(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func told(f *catalog.RunningFindings) []string {
	out := []string{}
	for i := range f.Items {
		x := &f.Items[i]
		out = append(out, x.Cluster+" "+x.Container+" "+x.ID+" "+x.Said.PURL)
	}
	return out
}

// A vulnerability is known from when its advisory or its image came until neither is
// there, and everything of that is written down.
func TestFindingsOfWhatRuns(t *testing.T) { onEngines(t, findingsOfWhatRuns) }

func findingsOfWhatRuns(t *testing.T, reopen func() store.Store) {
	ctx, clock := context.Background(), clockAt(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	c, end := open(t, reopen(), catalog.Options{Now: clock.Now})
	if _, err := c.Findings(ctx, catalog.FindingQuery{Limit: 1}); err == nil || !strings.Contains(err.Error(), "no advisories are loaded") {
		t.Errorf("nothing to compare with is no answer: %v", err)
	}
	for n := 1; n <= 3; n++ {
		take(t, c, catalog.Upload{Artifact: digest(n)}, with(text(fmt.Sprint("image", n), "pkg:npm/lodash@4.17."+fmt.Sprint(18+n), "pkg:npm/left-pad@1.0.0"), "", names(n)))
	}
	report := func(cluster string, ws ...catalog.Workload) {
		t.Helper()
		if _, err := c.Report(ctx, ci, cluster, ws); err != nil {
			t.Fatal(err)
		}
	}
	report("prod/eu", container("web", 1), container("api", 3)) // 4.17.19 and 4.17.21
	take(t, c, catalog.Upload{Artifact: digest(9)}, text("runs nowhere", "pkg:npm/lodash@4.17.0"))
	lodash := advisory("GHSA-l", "lodash", "4.17.21", "CVE-2026-0001")
	advise(t, c, clock.Now(), lodash)
	audit(t, c)
	begun := clock.Now()
	const web = "prod/eu shop/Deployment/web/app CVE-2026-0001 pkg:npm/lodash@4.17.19"
	if got := told(findings(t, c, catalog.FindingQuery{})); !slices.Equal(got, []string{web}) {
		t.Fatalf("%q", got)
	}
	x := findings(t, c, catalog.FindingQuery{}).Items[0]
	if x.Said.Severity != ident.SeverityCritical || x.Said.Fix == "" || !x.From.Equal(begun) || x.State != catalog.FindingNew || x.Said.Image != digest(1) {
		t.Errorf("%+v", x)
	}
	for name, q := range map[string]catalog.FindingQuery{"another cluster": {Cluster: "prod"}, "another zone": {Zone: "nowhere"}, "another vulnerability": {ID: "CVE-1"}, "exploited": {KEV: true}, "another's": {Tenant: "bank", Mine: true}, "decided": {States: []catalog.TriageState{catalog.FindingAccepted}}} {
		if got := findings(t, c, q); len(got.Items) != 0 || got.Total != 0 {
			t.Errorf("%s: %q", name, told(got))
		}
	}
	if got := findings(t, c, catalog.FindingQuery{ID: "GHSA-l", Cluster: "prod/eu", Severity: ident.SeverityHigh, Mine: true}); got.Total != 1 || got.Counts[ident.SeverityCritical] != 1 {
		t.Errorf("%+v", got)
	}

	// A new image that has it still, then a feed that fell silent, then a fixed image.
	clock.forward(24 * time.Hour)
	report("prod/eu", container("web", 2), container("api", 3))
	audit(t, c)
	clock.forward(time.Hour)
	advise(t, c, clock.Now(), advisory("GHSA-x", "left-pad", "0.9.0"))
	audit(t, c)
	if got := findings(t, c, catalog.FindingQuery{}); len(got.Items) != 1 || !got.Items[0].Said.Unheard || !strings.HasSuffix(told(got)[0], "4.17.20") {
		t.Errorf("an advisory that is no longer loaded mends nothing: %+v", got.Items)
	}
	end() // a new process goes on where the old one ended
	c, end = open(t, reopen(), catalog.Options{Now: clock.Now})
	defer func() { end() }()
	clock.forward(24 * time.Hour)
	advise(t, c, clock.Now(), lodash)
	audit(t, c)
	if got := findings(t, c, catalog.FindingQuery{}); len(got.Items) != 1 || got.Items[0].Said.Unheard {
		t.Errorf("%+v", got.Items)
	}
	clock.forward(24 * time.Hour)
	report("prod/eu", container("web", 3))
	audit(t, c)
	if got := findings(t, c, catalog.FindingQuery{}); len(got.Items) != 0 {
		t.Errorf("what is mended is listed: %q", told(got))
	}
	if got := findings(t, c, catalog.FindingQuery{At: begun.Add(time.Hour)}); !slices.Equal(told(got), []string{web}) {
		t.Errorf("what was so: %q", told(got))
	}
	if got := findings(t, c, catalog.FindingQuery{History: true}); len(got.Items) != 4 { // 4.17.19; 4.17.20 heard, unheard, heard again
		t.Errorf("all of it: %q", told(got))
	}
	r, err := c.Remediation(ctx, catalog.FindingQuery{}, begun)
	if err != nil || len(r.Classes) != 6 {
		t.Fatalf("%+v %v", r, err)
	}
	if k := r.Classes[0]; k.Severity != ident.SeverityCritical || k.Open != 0 || k.Remediated != 1 || k.Gone != 0 || k.Median != 73*time.Hour || k.Mean != 73*time.Hour {
		t.Errorf("one exposure of three days and an hour, over two images: %+v", k)
	}
	changes, err := c.Changes(ctx, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := range changes {
		if changes[i].Kind == store.ChangeState && changes[i].StateKind == store.StateFinding {
			n++
		}
	}
	if n != 5 {
		t.Errorf("%d changes of findings, want 5: found, another image, unheard, heard again, mended", n)
	}
	did, err := c.AuditFindings(ctx)
	if did || err != nil {
		t.Errorf("nothing changed, and it looked again: %t %v", did, err)
	}
}

// A decision counts for what it is about, while it lasts, and the narrower one first.
func TestTriage(t *testing.T) { onEngines(t, triaging) }

func triaging(t *testing.T, reopen func() store.Store) {
	ctx, clock := context.Background(), clockAt(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	c, end := open(t, reopen(), catalog.Options{Now: clock.Now})
	defer end()
	take(t, c, catalog.Upload{Artifact: digest(1)}, text("image1", "pkg:npm/lodash@4.17.19"))
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{container("web", 1), container("api", 1)}); err != nil {
		t.Fatal(err)
	}
	advise(t, c, clock.Now(), advisory("GHSA-l", "lodash", "4.17.21", "CVE-2026-0001"))
	audit(t, c)
	states := func() string {
		t.Helper()
		var out []string
		for _, x := range findings(t, c, catalog.FindingQuery{}).Items {
			out = append(out, string(x.State))
		}
		return strings.Join(out, " ") // api, web
	}
	set := func(x catalog.Triage) {
		t.Helper()
		if err := c.SetTriage(ctx, triager, x); err != nil {
			t.Fatal(err)
		}
	}
	set(catalog.Triage{ID: "GHSA-l", State: catalog.FindingTriaged, Reason: "the next release has it", Ticket: "SHOP-7"})
	if got := states(); got != "triaged triaged" {
		t.Error(got)
	}
	accepted := catalog.Triage{ID: "CVE-2026-0001", Component: "pkg:npm/lodash@4.17.19", Cluster: "prod", Container: "shop/Deployment/api/app", State: catalog.FindingAccepted, Reason: "not reachable", Until: clock.Now().Add(48 * time.Hour)}
	set(accepted)
	if got := states(); got != "accepted triaged" {
		t.Error(got)
	}
	if x := findings(t, c, catalog.FindingQuery{States: []catalog.TriageState{catalog.FindingAccepted}}); x.Total != 1 || x.Items[0].Triage.By != "token:sec" || x.Items[0].Triage.Reason != "not reachable" {
		t.Errorf("%+v", x.Items)
	}
	clock.forward(48 * time.Hour)
	if got := states(); got != "triaged triaged" {
		t.Errorf("an acceptance outlives its end: %s", got)
	}
	set(catalog.Triage{ID: "GHSA-l", State: catalog.FindingNew})
	if got := states(); got != "new new" {
		t.Error(got)
	}
	accepted.Until = clock.Now().Add(time.Hour)
	for name, x := range map[string]func(*catalog.Triage){
		"nothing":              func(x *catalog.Triage) { x.ID = "" },
		"for ever":             func(x *catalog.Triage) { x.Until = time.Time{} },
		"in the past":          func(x *catalog.Triage) { x.Until = clock.Now() },
		"for two years":        func(x *catalog.Triage) { x.Until = clock.Now().AddDate(2, 0, 0) },
		"without a reason":     func(x *catalog.Triage) { x.Reason = " " },
		"a container anywhere": func(x *catalog.Triage) { x.Cluster = "" },
		"a state of its own":   func(x *catalog.Triage) { x.State = "ignored" },
		"triaged until":        func(x *catalog.Triage) { x.State = catalog.FindingTriaged },
	} {
		y := accepted
		x(&y)
		if err := c.SetTriage(ctx, triager, y); ident.KindOf(err) != ident.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is found of everything that runs is what a scan of each image finds.
func TestFindingsAgainstScans(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	ctx := context.Background()
	for round := range 6 {
		c, end := open(t, embedded(t, t.TempDir()), catalog.Options{})
		packages := []string{"a", "b", "c", "d", "e"}
		var all []*vuln.Advisory
		for _, p := range packages {
			for k := range rng.IntN(3) {
				all = append(all, advisory(fmt.Sprintf("T-%s-%d", p, k), p, fmt.Sprintf("1.%d.0", rng.IntN(10)), fmt.Sprintf("CVE-2026-%04d", rng.IntN(4))))
			}
		}
		tenants := []string{"", "bank"}
		images := 6
		for n := range images {
			var purls []string
			for _, p := range packages {
				if rng.IntN(2) == 0 {
					purls = append(purls, fmt.Sprintf("pkg:npm/%s@1.%d.0", p, rng.IntN(10)))
				}
			}
			take(t, c, catalog.Upload{Artifact: digest(n), Tenant: tenants[rng.IntN(2)]}, text(fmt.Sprint("image", n), purls...))
		}
		want := map[string]bool{}
		advise(t, c, time.Now(), all...)
		for _, cluster := range []string{"one", "two"} {
			var ws []catalog.Workload
			for k := range 5 {
				n := rng.IntN(images + 1) // the last has no document
				ws = append(ws, container(fmt.Sprint("w", k), n))
				if n == images {
					continue
				}
				for _, tenant := range tenants {
					s, err := c.Scan(ctx, tenant, digest(n))
					if ident.KindOf(err) == ident.KindNotFound {
						continue
					}
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range s.Report.Findings {
						want[fmt.Sprintf("%s shop/Deployment/w%d/app %s %s", cluster, k, f.ID, f.PURL)] = true
					}
				}
			}
			if _, err := c.Report(ctx, ci, cluster, ws); err != nil {
				t.Fatal(err)
			}
		}
		audit(t, c)
		got := told(findings(t, c, catalog.FindingQuery{}))
		for _, g := range got {
			if !want[g] {
				t.Errorf("round %d: %s is found, and no scan finds it", round, g)
			}
		}
		if len(got) != len(want) {
			t.Errorf("round %d: %d findings, scans find %d", round, len(got), len(want))
		}
		var paged []string
		for q := (catalog.FindingQuery{Limit: 2}); ; {
			p := findings(t, c, q)
			paged = append(paged, told(p)...)
			if !p.More {
				break
			}
			cur := p.Items[len(p.Items)-1].Cursor()
			q.After = &cur
		}
		// What was written down is in the order of vulnerabilities.
		var past, order []string
		for q := (catalog.FindingQuery{Limit: 3, History: true}); ; {
			p := findings(t, c, q)
			past = append(past, told(p)...)
			for _, f := range p.Items {
				order = append(order, f.ID+" "+f.Cluster+"/"+f.Container)
			}
			if !p.More {
				break
			}
			cur := p.Items[len(p.Items)-1].Cursor()
			q.After = &cur
		}
		slices.Sort(past)
		if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(paged, got) || !slices.Equal(past, sorted) || !slices.IsSorted(order) {
			t.Errorf("round %d: page after page\n%q\n%q\n%q", round, got, paged, past)
		}
		end()
	}
}
