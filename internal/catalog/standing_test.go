package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

var approver = authz.Actor{Subject: "ann@example.test", Roles: []authz.Role{authz.SBOMApprover}}

// clock is a time that a test moves.
type clock struct{ now atomic.Int64 }

func clockAt(t time.Time) *clock {
	c := &clock{}
	c.now.Store(t.UnixMicro())
	return c
}

func (c *clock) Now() time.Time          { return time.UnixMicro(c.now.Load()).UTC() }
func (c *clock) forward(d time.Duration) { c.now.Add(d.Microseconds()) }
func container(name string, n int) catalog.Workload {
	w := catalog.Workload{Namespace: "shop", Kind: "Deployment", Name: name, Container: "app"}
	if n >= 0 {
		w.Digest = digest(n)
	}
	return w
}

// with puts more into the head of a document.
func with(doc []byte, head, subject string) []byte {
	s := string(doc)
	if head != "" {
		s = strings.Replace(s, `"version":1,`, `"version":1,`+head+`,`, 1)
	}
	if subject != "" {
		s = strings.Replace(s, `"type":"container",`, `"type":"container",`+subject+`,`, 1)
	}
	return []byte(s)
}

func names(n int) string {
	return `"purl":"pkg:oci/app@` + strings.Replace(digest(n).String(), ":", "%3A", 1) + `"`
}

// Each way in which a running image and the documents agree, or do not.
func TestStandings(t *testing.T) { onEngines(t, standings) }

func standings(t *testing.T, reopen func() store.Store) {
	ctx := context.Background()
	now := clockAt(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	s := reopen()
	c, end := open(t, s, catalog.Options{Now: now.Now})
	defer end()
	take(t, c, catalog.Upload{}, with(text("own", "pkg:npm/a@1"), "", names(1)))
	take(t, c, catalog.Upload{Artifact: digest(2)}, text("claimed", "pkg:npm/a@1"))
	take(t, c, catalog.Upload{Artifact: digest(3)}, with(text("other", "pkg:npm/a@1"), "", names(33)))
	take(t, c, catalog.Upload{Artifact: digest(4)}, text("twice", "pkg:npm/a@1"))
	take(t, c, catalog.Upload{Artifact: digest(5)}, text("twice", "pkg:npm/a@1"))
	serial := `"serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79"`
	take(t, c, catalog.Upload{}, with(text("first", "pkg:npm/a@1"), serial, names(6)))
	take(t, c, catalog.Upload{}, with(text("edited", "pkg:npm/a@2"), serial, names(7)))
	old := strings.Replace(string(with(text("old", "pkg:npm/a@1"), "", names(8))), `"metadata":{`, `"metadata":{"timestamp":"2025-01-01T00:00:00Z",`, 1)
	take(t, c, catalog.Upload{}, []byte(old))
	take(t, c, catalog.Upload{Tenant: "other"}, with(text("theirs", "pkg:npm/a@1"), "", names(9)))
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{
		container("own", 1), container("claimed", 2), container("wrong", 3), container("twice-a", 4), container("twice-b", 5),
		container("first", 6), container("edited", 7), container("old", 8), container("theirs", 9), container("local", -1),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Report(ctx, ci, "test", []catalog.Workload{container("own", 1)}); err != nil {
		t.Fatal(err)
	}
	got, err := c.Stand(ctx, catalog.StandingQuery{Cluster: "prod", MaxAge: 90 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"own": "covered []", "claimed": "covered [only-claimed]", "wrong": "stale [names-another]", "twice-a": "stale [only-claimed reused]", "twice-b": "stale [only-claimed reused]",
		"first": "covered []", "edited": "stale [serial-reused]", "old": "covered [old]", "theirs": "missing []", "local": "unresolved []",
	}
	for i := range got.Items {
		x := &got.Items[i]
		var kinds []catalog.DoubtKind
		for _, d := range x.Doubts {
			kinds = append(kinds, d.Kind)
		}
		if text := fmt.Sprintf("%s %v", x.Standing, kinds); text != want[x.Name] {
			t.Errorf("%s: %s, want %s", x.Name, text, want[x.Name])
		}
		if x.Name == "twice-a" && (len(x.Doubts) != 2 || !slices.Equal(x.Doubts[1].Others, []ident.Digest{digest(5)})) {
			t.Errorf("reused for %+v", x.Doubts)
		}
	}
	if got.Total != len(want) || got.Counts[catalog.Covered] != 4 || got.Counts[catalog.Stale] != 4 || got.Counts[catalog.Missing] != 1 || got.Counts[catalog.Unresolved] != 1 {
		t.Errorf("%d: %v", got.Total, got.Counts)
	}
	page, err := c.Stand(ctx, catalog.StandingQuery{Standings: []catalog.Standing{catalog.Stale, catalog.Missing}, After: &got.Items[7].Workload, Limit: 1})
	if err != nil || page.Total != 5 || len(page.Items) != 1 || !page.More || page.Items[0].Name != "twice-b" || page.Counts[catalog.Covered] != 5 {
		t.Errorf("%+v, %v", page, err)
	}

	mine, err := c.Stand(ctx, catalog.StandingQuery{Tenant: "other", Mine: true})
	if err != nil || len(mine.Items) != 1 || mine.Items[0].Name != "theirs" || mine.Counts[catalog.Missing] != 0 {
		t.Errorf("%+v, %v", mine, err)
	}

	// Drift is written down by the audit, and ends when a document comes.
	audit := func() []catalog.Drift {
		t.Helper()
		if _, err := c.Audit(ctx); err != nil {
			t.Fatal(err)
		}
		list, err := c.Drifted(ctx, catalog.DriftQuery{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if list := audit(); len(list) != 5 { // "theirs" is covered for another tenant
		t.Errorf("%d drifted: %+v", len(list), list)
	}
	before, err := s.Position(ctx)
	if err != nil {
		t.Fatal(err)
	}
	audit()
	if after, err := s.Position(ctx); err != nil || after.Seq != before.Seq {
		t.Errorf("an audit that found nothing new wrote changes %d to %d, %v", before.Seq, after.Seq, err)
	}
	then := now.Now()
	now.forward(time.Hour)
	take(t, c, catalog.Upload{}, with(text("right", "pkg:npm/a@1"), "", names(3)))
	if list := audit(); len(list) != 4 || slices.ContainsFunc(list, func(d catalog.Drift) bool { return strings.Contains(d.Container, "wrong") }) {
		t.Errorf("after the right document came: %+v", list)
	}
	if list, err := c.Drifted(ctx, catalog.DriftQuery{Limit: 100, At: then}); err != nil || len(list) != 5 {
		t.Errorf("then: %+v, %v", list, err)
	}
	if list, err := c.Drifted(ctx, catalog.DriftQuery{Limit: 100, History: true, Cluster: "prod"}); err != nil || len(list) != 5 || list[4].Until.IsZero() || list[4].Doubts[0] != catalog.NamesAnother {
		t.Errorf("history: %+v, %v", list, err)
	}
	if err := c.Forget(ctx, ci, catalog.ClusterReporter, "prod"); err != nil {
		t.Fatal(err)
	}
	if list := audit(); len(list) != 0 {
		t.Errorf("of a cluster that is no more: %+v", list)
	}
}

// Where documents are reviewed, drafts cover nothing.
func TestUnreviewedStanding(t *testing.T) { onEngines(t, unreviewedStanding) }

func unreviewedStanding(t *testing.T, reopen func() store.Store) {
	ctx := context.Background()
	c, end := open(t, reopen(), catalog.Options{Review: true})
	defer end()
	take(t, c, catalog.Upload{}, with(text("own", "pkg:npm/a@1"), "", names(1)))
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{container("own", 1)}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []catalog.Standing{catalog.Unreviewed, catalog.Covered} {
		got, err := c.Stand(ctx, catalog.StandingQuery{})
		if err != nil || len(got.Items) != 1 || got.Items[0].Standing != want {
			t.Fatalf("%+v, %v; want %s", got, err, want)
		}
		if err := c.SetStatus(ctx, approver, 0, store.StatusPublished); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBlocked(t *testing.T) { onEngines(t, blocked) }

func blocked(t *testing.T, reopen func() store.Store) {
	ctx := context.Background()
	now := clockAt(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	c, end := open(t, reopen(), catalog.Options{Now: now.Now})
	take(t, c, catalog.Upload{Artifact: digest(1)}, text("one", "pkg:npm/event-stream@3.3.6", "pkg:npm/a@1"))
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{container("two", 2)}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]catalog.Block{{{Component: "pkg:", Reason: "x"}}, {{Component: "pkg:npm/a"}}, {{Component: "a", Reason: "x"}, {Component: "a", Reason: "y"}}} {
		if _, err := c.SetBlocks(ctx, ci, "security", bad); ident.KindOf(err) != ident.KindInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	n, err := c.SetBlocks(ctx, ci, "security", []catalog.Block{
		{Component: "pkg:npm/event-stream@3.3.6", Reason: "carries malware", Ticket: "SEC-1"},
		{Component: "pkg:npm/left-pad@<1.3", Reason: "until it is upgraded", Expires: now.Now().Add(time.Hour)},
	})
	if err != nil || n != 2 {
		t.Fatal(n, err)
	}
	r := take(t, c, catalog.Upload{Artifact: digest(2)}, text("two", "pkg:npm/event-stream@3.3.6", "pkg:npm/left-pad@1.2", "pkg:npm/left-pad@1.3"))
	if len(r.Blocked) != 2 || r.Blocked[0].Ticket != "SEC-1" || len(r.Blocked[1].Components) != 1 || r.Blocked[1].Components[0].Version != "1.2" || r.Blocked[1].Doubtful {
		t.Errorf("%+v", r.Blocked)
	}
	if r := take(t, c, catalog.Upload{Artifact: digest(2)}, text("two", "pkg:npm/event-stream@3.3.6", "pkg:npm/left-pad@1.2", "pkg:npm/left-pad@1.3")); !r.Duplicate || len(r.Blocked) != 2 {
		t.Errorf("again: %+v", r)
	}
	if r := take(t, c, catalog.Upload{Artifact: digest(3)}, text("three", "pkg:npm/left-pad@what.ever", "pkg:npm/event-stream@3.3.5")); len(r.Blocked) != 1 || !r.Blocked[0].Doubtful {
		t.Errorf("a version that cannot be compared: %+v", r.Blocked)
	}
	check := func(c *catalog.Catalog) {
		t.Helper()
		_, all, err := c.Blocked(ctx, "", "", 1)
		if err != nil || len(all) != 2 || all[0].Total != 2 || all[0].Running != 1 || len(all[0].Artifacts) != 1 || len(all[0].Artifacts[0].Running) != 1 ||
			all[1].Total != 1 || len(all[1].Doubtful) != 1 {
			t.Errorf("%+v, %v", all, err)
		}
		if _, none, err := c.Blocked(ctx, "", "other-list", 1); err != nil || len(none) != 0 {
			t.Errorf("%+v, %v", none, err)
		}
		if _, other, err := c.Blocked(ctx, "other", "", 1); err != nil || len(other) != 2 || other[0].Total+other[1].Total != 0 {
			t.Errorf("another tenant: %+v, %v", other, err)
		}
	}
	check(c)
	end()
	c, end = open(t, reopen(), catalog.Options{Now: now.Now})
	defer end()
	check(c)
	now.forward(2 * time.Hour)
	if _, all, err := c.Blocked(ctx, "", "", 1); err != nil || len(all) != 1 {
		t.Errorf("after one expired: %+v, %v", all, err)
	}
	if n, err := c.SetBlocks(ctx, ci, "security", nil); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
	if _, all, err := c.Blocked(ctx, "", "", 1); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// Documents leave when nothing needs them any more, and never while nobody knows.
func TestRetention(t *testing.T) { onEngines(t, retention) }

func retention(t *testing.T, reopen func() store.Store) {
	ctx := context.Background()
	day := 24 * time.Hour
	now := clockAt(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	c, end := open(t, reopen(), catalog.Options{Now: now.Now})
	defer end()
	for n := range 4 {
		take(t, c, catalog.Upload{}, with(text(fmt.Sprint("app", n), "pkg:npm/a@1"), "", names(n)))
	}
	rules := catalog.Retention{Archive: 30 * day, Purge: 60 * day}
	due := func(held bool, want ...string) *catalog.Due {
		t.Helper()
		d, err := c.Due(ctx, rules)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range d.Archive {
			got = append(got, d.Archive[i].Subject.Name)
		}
		if (len(d.Held) > 0) != held || !slices.Equal(got, want) {
			t.Fatalf("held %q, due %v; want %v, %v", d.Held, got, held, want)
		}
		return d
	}
	report := func(ws ...catalog.Workload) {
		t.Helper()
		if _, err := c.Report(ctx, ci, "prod", ws); err != nil {
			t.Fatal(err)
		}
	}
	allow := func(ds ...ident.Digest) {
		t.Helper()
		if _, err := c.Deployable(ctx, ci, "registry.example.test/shop", ds); err != nil {
			t.Fatal(err)
		}
	}
	now.forward(40 * day)
	due(true) // nobody ever reported
	report(container("zero", 0), container("one", 1))
	allow(digest(2), digest(2))
	due(false, "app3") // 0 and 1 run, 2 may be deployed
	now.forward(10 * day)
	due(true) // nobody reported for ten days
	report(container("zero", 0))
	due(true) // one of the two did
	allow(digest(2))
	due(false, "app3") // 1 ran until now
	now.forward(31 * day)
	report(container("zero", 0), container("local", -1))
	allow()
	due(true) // something runs, and nobody knows what
	report(container("zero", 0))
	d := due(false, "app1", "app3")
	if d.Archive[0].LastNeeded.IsZero() || !d.Archive[1].LastNeeded.IsZero() {
		t.Errorf("%+v", d.Archive)
	}
	got, err := c.Retire(ctx, self, rules)
	if err != nil || got.Archived != 2 || got.Purged != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if n := total(t, c, catalog.Search{Component: "pkg:npm/a"}); n != 2 {
		t.Errorf("%d artifacts are left", n)
	}
	left, err := c.Archived(ctx, "", 0, 10)
	if err != nil || len(left) != 2 {
		t.Fatalf("%+v, %v", left, err)
	}
	if _, _, err := c.Content(ctx, "", left[0].Original); err != nil {
		t.Errorf("archived bytes: %v", err)
	}
	now.forward(31 * day)
	report(container("zero", 0))
	allow()
	due(false, "app2")
	now.forward(30 * day)
	report(container("zero", 0))
	allow()
	if d := due(false, "app2"); d.Purge != 2 || len(d.Kept) != 0 {
		t.Errorf("%d are to be purged, %d kept", d.Purge, len(d.Kept))
	}
	// What runs or may be deployed again is not purged, and nothing is while nobody knows.
	report(container("zero", 0), container("one", 1))
	if d := due(false, "app2"); d.Purge != 1 || !slices.Equal(d.Kept, []uint32{1}) {
		t.Errorf("while it runs again: %d are to be purged, %v kept", d.Purge, d.Kept)
	}
	report(container("zero", 0), container("local", -1))
	if d := due(true); d.Purge != 0 {
		t.Errorf("while nobody knows what runs: %d are to be purged", d.Purge)
	}
	report(container("zero", 0))
	allow(digest(1))
	archived, err := c.History(ctx, catalog.HistoryQuery{Digest: digest(1), After: -1, Limit: 10})
	if err != nil || len(archived.Documents) != 1 || archived.Documents[0].Deleted == 0 || len(archived.Runs) != 1 {
		t.Errorf("the history of what was archived: %+v, %v", archived, err)
	}
	if got, err := c.Retire(ctx, self, rules); err != nil || got.Archived != 1 || got.Purged != 1 {
		t.Errorf("while it may be deployed: %+v, %v", got, err)
	}
	if _, _, err := c.Content(ctx, "", left[0].Original); err != nil {
		t.Errorf("bytes of what may be deployed: %v", err)
	}
	allow()
	if got, err := c.Retire(ctx, self, rules); err != nil || got.Archived != 0 || got.Purged != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, _, err := c.Content(ctx, "", left[0].Original); ident.KindOf(err) != ident.KindNotFound {
		t.Errorf("purged bytes: %v", err)
	}
	if list, err := c.Archived(ctx, "", 0, 10); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if err := c.Forget(ctx, ci, catalog.SourceReporter, "nobody"); ident.KindOf(err) != ident.KindNotFound {
		t.Error(err)
	}
	if err := c.Forget(ctx, ci, catalog.SourceReporter, "registry.example.test/shop"); err != nil {
		t.Error(err)
	}
	if list, err := c.Reporters(ctx); err != nil || len(list) != 1 || list[0].Name != "prod" || !list[0].Last.Equal(now.Now().Truncate(time.Hour)) {
		t.Errorf("%+v, %v", list, err)
	}
}

var self = authz.Actor{Subject: "cofferdam"}
