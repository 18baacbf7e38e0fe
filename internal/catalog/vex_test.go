package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/vex"
)

// stating is an OpenVEX document that says something of a component.
func stating(id, cve, purl, status string) []byte {
	extra := `"justification":"vulnerable_code_not_present"`
	if status != "not_affected" {
		extra = `"action_statement":"none"`
	}
	return []byte(fmt.Sprintf(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":%q,"author":"Trusted Vendor","timestamp":"2026-01-02T03:04:05Z","version":1,
"statements":[{"vulnerability":{"name":%q},"products":[{"@id":%q}],"status":%q,%s}]}`, id, cve, purl, status, extra))
}

func state(t testing.TB, c *catalog.Catalog, doc []byte) *catalog.VEXReceipt {
	t.Helper()
	r, err := c.TakeVEX(context.Background(), triager, doc)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Statements that are handed over move findings at once, of their vulnerabilities
// alone, by whom the operator trusts, and until they are withdrawn.
func TestStatementsHandedOver(t *testing.T) { onEngines(t, statementsHandedOver) }

func statementsHandedOver(t *testing.T, reopen func() store.Store) {
	ctx, clock := context.Background(), clockAt(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	o := catalog.Options{Now: clock.Now, VEXUploaders: []vuln.TrustedAuthor{{Name: triager.Subject}}}
	c, end := open(t, reopen(), o)
	take(t, c, catalog.Upload{}, with(text("web", "pkg:npm/lodash@4.17.20", "pkg:npm/left-pad@1.0.0"), "", names(1)))
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{container("web", 1)}); err != nil {
		t.Fatal(err)
	}
	advise(t, c, clock.Now(), advisory("GHSA-l", "lodash", "4.17.21", "CVE-2026-0001"), advisory("GHSA-p", "left-pad", "2.0.0", "CVE-2026-0002"))
	audit(t, c)
	statuses := func(q catalog.FindingQuery) map[string]vuln.Status {
		t.Helper()
		out := map[string]vuln.Status{}
		for _, f := range findings(t, c, q).Items {
			if f.Until.IsZero() {
				out[f.ID] = f.Said.Status
			}
		}
		return out
	}
	const lodash, pad = "CVE-2026-0001", "CVE-2026-0002"
	want := func(why string, l, p vuln.Status) {
		t.Helper()
		audit(t, c)
		if got := statuses(catalog.FindingQuery{}); len(got) != 2 || got[lodash] != l || got[pad] != p {
			t.Errorf("%s: %v", why, got)
		}
	}
	want("nobody said anything", vuln.StatusAffected, vuln.StatusAffected)
	before := clock.Now()
	clock.forward(time.Hour)

	// Somebody else's is shown, and not applied, whatever author it names.
	other := triager
	other.Subject = "token:other"
	r, err := c.TakeVEX(ctx, other, stating("doc", lodash, "pkg:npm/lodash", "not_affected"))
	if err != nil || r.Trusted || !r.Changed || !slices.Equal(r.Authors(), []string{"Trusted Vendor"}) {
		t.Fatalf("%+v, %v", r, err)
	}
	want("by whom nobody trusts", vuln.StatusAffected, vuln.StatusAffected)

	// By an alias, in another case; the same document of another uploader replaces nothing.
	r = state(t, c, stating("doc", "ghsa-L", "pkg:npm/lodash", "not_affected"))
	if !r.Trusted || !r.Changed || r.Uploader != triager.Subject {
		t.Errorf("%+v", r)
	}
	want("by whom the operator trusts", vuln.StatusNotAffected, vuln.StatusAffected)
	f := findings(t, c, catalog.FindingQuery{ID: lodash}).Items[0]
	if !strings.Contains(f.Said.VEXSource, "doc") || !strings.Contains(f.Said.VEXSource, triager.Subject) || !f.From.Equal(clock.Now()) {
		t.Errorf("%+v", f)
	}
	if other := findings(t, c, catalog.FindingQuery{ID: pad}).Items[0]; !other.From.Equal(before) {
		t.Errorf("what nobody stated anything about was touched: %+v", other)
	}
	scan, err := c.Scan(ctx, "", digest(1))
	if err != nil || !slices.ContainsFunc(scan.Report.Findings, func(f vuln.Finding) bool { return f.ID == lodash && f.Status == vuln.StatusNotAffected }) {
		t.Errorf("a scan of the artifact says something else: %+v, %v", scan, err)
	}
	if again := state(t, c, stating("doc", "ghsa-L", "pkg:npm/lodash", "not_affected")); again.Changed || again.ID != r.ID {
		t.Errorf("the same again: %+v", again)
	}
	list := func(q catalog.VEXQuery) []catalog.VEXDocument {
		t.Helper()
		if q.Limit == 0 {
			q.Limit = 100
		}
		out, _, err := c.VEX(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := list(catalog.VEXQuery{}); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	if got := list(catalog.VEXQuery{Vulnerability: "GHSA-L"}); len(got) != 1 || got[0].Uploader != triager.Subject || !got[0].Trusted {
		t.Errorf("%+v", got)
	}
	if got := list(catalog.VEXQuery{At: before}); len(got) != 0 {
		t.Errorf("before: %+v", got)
	}
	page, more, err := c.VEX(ctx, catalog.VEXQuery{Limit: 1})
	if err != nil || !more || len(page) != 1 {
		t.Fatal(page, more, err)
	}
	if rest := list(catalog.VEXQuery{After: &catalog.VEXCursor{ID: page[0].ID, From: page[0].From}}); len(rest) != 1 || rest[0].ID == page[0].ID {
		t.Errorf("%+v", rest)
	}

	// The next version speaks of something else: what the earlier one said is over.
	clock.forward(time.Hour)
	state(t, c, stating("doc", pad, "pkg:npm/left-pad@1.0.0", "fixed"))
	want("a newer version", vuln.StatusAffected, vuln.StatusFixed)
	end()
	c, end = open(t, reopen(), o) // a new process goes on where the old one ended
	defer func() { end() }()
	clock.forward(time.Minute)
	advise(t, c, clock.Now(), advisory("GHSA-l", "lodash", "4.17.21", "CVE-2026-0001"), advisory("GHSA-p", "left-pad", "2.0.0", "CVE-2026-0002"))
	want("after a restart", vuln.StatusAffected, vuln.StatusFixed)

	clock.forward(time.Hour)
	if err := c.WithdrawVEX(ctx, triager, r.ID); err != nil {
		t.Fatal(err)
	}
	want("withdrawn", vuln.StatusAffected, vuln.StatusAffected)
	if err := c.WithdrawVEX(ctx, triager, r.ID); err == nil {
		t.Error("it was withdrawn twice")
	}
	if got := list(catalog.VEXQuery{History: true, Uploader: triager.Subject}); len(got) != 2 || got[0].Until.IsZero() || !got[1].Until.Equal(clock.Now()) {
		t.Errorf("%+v", got)
	}
	if got := list(catalog.VEXQuery{}); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

// From a statement to the event of a changed finding nobody waits for the next look.
func TestStatementsAreEvents(t *testing.T) {
	c, end := open(t, embedded(t, t.TempDir()), catalog.Options{VEXUploaders: []vuln.TrustedAuthor{{Name: triager.Subject}}})
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	take(t, c, catalog.Upload{}, with(text("web", "pkg:npm/lodash@4.17.20"), "", names(1)))
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{container("web", 1)}); err != nil {
		t.Fatal(err)
	}
	advise(t, c, time.Now(), advisory("GHSA-l", "lodash", "4.17.21", "CVE-2026-0001"))
	audit(t, c)
	seq := findings(t, c, catalog.FindingQuery{}).Sequence
	begun := time.Now()
	state(t, c, stating("doc", "CVE-2026-0001", "pkg:npm/lodash", "not_affected"))
	seen := map[store.StateKind]time.Duration{}
	for after := seq; len(seen) < 2; {
		if err := c.Await(ctx, after); err != nil {
			t.Fatalf("no event tells of it: %v, %v", seen, err)
		}
		rows, err := c.Changes(ctx, after, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			after = r.Seq
			if r.Kind == store.ChangeState && (r.StateKind == store.StateVEX || r.StateKind == store.StateFinding) {
				seen[r.StateKind] = time.Since(begun)
			}
		}
	}
	t.Logf("the statement's event after %s, the finding's after %s", seen[store.StateVEX], seen[store.StateFinding])
}

// What is kept of a statement is all of it, also of those with more products than a row
// holds.
func TestStatementsAreKeptWhole(t *testing.T) {
	c, end := open(t, embedded(t, t.TempDir()), catalog.Options{})
	defer end()
	var products []string
	for i := range 3000 {
		products = append(products, fmt.Sprintf(`{"@id":"pkg:oci/image-%d@sha256%%3A%064d?repository_url=registry.example/a","subcomponents":[{"@id":"pkg:npm/lodash"}]}`, i, i))
	}
	doc := []byte(strings.Replace(string(stating("doc", "CVE-1", "X", "not_affected")), `{"@id":"X"}`, strings.Join(products, ","), 1))
	cdx := []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79","version":2,
"vulnerabilities":[{"id":"CVE-2","analysis":{"state":"not_affected","justification":"code_not_present","detail":"d"},"affects":[{"ref":"urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/2#c"}]}]}`)
	for _, raw := range [][]byte{doc, cdx} {
		want, faults, err := vex.Decode(context.Background(), "", raw)
		if err != nil || len(faults) > 0 {
			t.Fatal(err, faults)
		}
		r := state(t, c, raw)
		list, _, err := c.VEX(context.Background(), catalog.VEXQuery{Vulnerability: want[0].Vulnerability[0], Limit: 10})
		if err != nil || len(list) != 1 || list[0].ID != r.ID {
			t.Fatalf("%+v, %v", list, err)
		}
		got := list[0].Statements
		joined := got[0]
		for _, s := range got[1:] {
			joined.Products = append(slices.Clone(joined.Products), s.Products...)
		}
		joined.Uploader, joined.File = "", ""
		if !reflect.DeepEqual(joined, want[0]) {
			a, _ := json.Marshal(joined)
			b, _ := json.Marshal(want[0])
			t.Errorf("%.600s\nwant\n%.600s", a, b)
		}
	}
	for name, bad := range map[string][]byte{"nothing": {}, "another document": text("web", "pkg:npm/a@1")[:10], "no statement": []byte(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"a","timestamp":"2026-01-02T03:04:05Z","version":1,"statements":[]}`), "too large": make([]byte, catalog.MaxVEX+1)} {
		if _, err := c.TakeVEX(context.Background(), triager, bad); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
