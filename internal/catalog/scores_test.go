package catalog_test

import (
	"bytes"
	"context"
	"errors"
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
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
)

// judged waits for nothing: it judges what came in, beside the catalogue's own looks.
func judged(t testing.TB, c *catalog.Catalog) {
	t.Helper()
	if _, err := c.AuditScores(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func scores(t testing.TB, c *catalog.Catalog, q catalog.ScoreQuery) *catalog.Scores {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	s, err := c.Scores(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// good is a document that says much of its components.
func good(name string) []byte {
	return []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b7` + name[:1] + `",
"metadata":{"timestamp":"2026-10-01T00:00:00Z","authors":[{"name":"A","email":"a@b.example"}],"tools":{"components":[{"type":"application","name":"t","version":"1"}]},"lifecycles":[{"phase":"build"}],"supplier":{"name":"S"},
"component":{"type":"container","name":"` + name + `","version":"1","bom-ref":"r","purl":"pkg:oci/x@sha256:00","supplier":{"name":"S"},"licenses":[{"license":{"id":"MIT"}}],"hashes":[{"alg":"SHA-256","content":"` + strings.Repeat("a", 64) + `"}]}},
"components":[{"type":"library","bom-ref":"c","name":"a","version":"1","purl":"pkg:npm/a@1","supplier":{"name":"S"},"licenses":[{"license":{"id":"MIT"}}],"hashes":[{"alg":"SHA-256","content":"` + strings.Repeat("b", 64) + `"}]}],
"dependencies":[{"ref":"r","dependsOn":["c"]}]}`)
}

func titles(s *catalog.Scores) []string {
	out := []string{}
	for i := range s.Items {
		out = append(out, s.Items[i].Document.Subject.Name)
	}
	return out
}

// What the catalogue says of a document is what is said of the bytes, whoever asks by
// what, and stays known after it changed.
func TestScores(t *testing.T) { onEngines(t, scoresOfDocuments) }

func scoresOfDocuments(t *testing.T, reopen func() store.Store) {
	ctx, clock := context.Background(), clockAt(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	o := catalog.Options{Now: clock.Now, Scoring: &catalog.Scoring{Floor: 50, Profile: "ntia-2021"}}
	c, end := open(t, reopen(), o)
	texts := map[string][]byte{"1good": good("1good"), "2good": good("2good"), "poor": text("poor", "pkg:npm/a@1"), "empty": text("empty"), "running": text("running", "pkg:npm/b@1", "pkg:npm/c@1")}
	receipts := map[string]*catalog.Receipt{}
	for i, n := range []string{"1good", "poor", "empty", "running", "2good"} {
		u := catalog.Upload{Service: "svc-" + n}
		switch n {
		case "running":
			u.Artifact = digest(i)
		case "2good":
			u.Tenant, u.Owner = "bank", "team-b"
		}
		receipts[n] = take(t, c, u, texts[n])
	}
	w := container("web", 3)
	w.Zone, w.Owner = "dmz", "team-web"
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{w, container("gone", 77)}); err != nil {
		t.Fatal(err)
	}
	judged(t, c)
	begun := clock.Now()
	all := scores(t, c, catalog.ScoreQuery{})
	if all.Total != 5 || len(all.Items) != 5 || all.Pending != 0 || all.Unjudged != 0 {
		t.Fatalf("%+v", all)
	}
	for i := range all.Items {
		x := &all.Items[i]
		docs, err := decode.Bytes(ctx, "", texts[x.Document.Subject.Name], decode.Limits{Details: true})
		if err != nil {
			t.Fatal(err)
		}
		r := quality.Score(docs[0], quality.Options{At: clock.Now()})
		if want := r.Summary(); fmt.Sprintf("%+v", want) != fmt.Sprintf("%+v", x.Said.Summary) || !x.From.Equal(begun) || x.Said.Below != (want.Profile("ntia-2021").Score < 50) {
			t.Errorf("%s: %+v, want %+v", x.Document.Subject.Name, x.Said, want)
		}
	}
	queries := map[string]catalog.ScoreQuery{
		"1good poor empty running 2good":  {},
		"1good poor empty running":        {Mine: true},
		"2good":                           {Mine: true, Tenant: "bank"},
		"running":                         {Running: true},
		"running ":                        {Zone: "dmz"},
		"running  ":                       {Owner: "team-web"},
		"2good ":                          {Owner: "team-b"},
		"":                                {Owner: "team-b", Cluster: "prod"},
		"poor":                            {Service: "svc-poor"},
		" ":                               {Since: begun.Add(time.Second)},
		"1good poor empty running 2good ": {Since: begun},
	}
	for _, p := range append(quality.Profiles(), &quality.Profile{}) {
		for _, g := range []string{"A", "B", "C", "D", "F"} {
			queries["grade "+p.ID+g] = catalog.ScoreQuery{Profile: p.ID, Grades: []string{g}}
		}
		queries["least "+p.ID], queries["most "+p.ID] = catalog.ScoreQuery{Profile: p.ID, Min: 60}, catalog.ScoreQuery{Profile: p.ID, Max: 60}
		for _, e := range p.Elements[:min(len(p.Elements), 6)] {
			queries["unmet "+p.ID+e.ID] = catalog.ScoreQuery{Profile: p.ID, Unmet: e.ID}
			queries["unmet by any "+e.ID] = catalog.ScoreQuery{Unmet: e.ID}
		}
	}
	queries["below"], queries["refused"] = catalog.ScoreQuery{Below: true}, catalog.ScoreQuery{Refused: true}
	// By a score: what the whole list says, read row by row.
	naive := func(q *catalog.ScoreQuery) []string {
		out := []string{}
		for i := range all.Items {
			s := &all.Items[i].Said
			score := s.Score
			if p := s.Profile(q.Profile); p != nil {
				score = p.Score
			}
			ok := score >= q.Min && (q.Max == 0 || score <= q.Max) && (len(q.Grades) == 0 || quality.Grade(score) == q.Grades[0]) && (!q.Below || s.Below) && (!q.Refused || s.Refused)
			unmet := q.Unmet == ""
			for _, p := range s.Profiles {
				unmet = unmet || (q.Profile == "" || q.Profile == p.ID) && slices.Contains(p.Unmet, q.Unmet)
			}
			if ok && unmet {
				out = append(out, all.Items[i].Document.Subject.Name)
			}
		}
		return out
	}
	clock.forward(time.Hour)
	nonempty := 0
	for name, q := range queries {
		want := naive(&q)
		if strings.Trim(name, " ") == "" || slices.ContainsFunc([]string{"1good", "2good", "poor", "running"}, func(s string) bool { return strings.HasPrefix(name, s) }) {
			want = strings.Fields(name)
		}
		got := scores(t, c, q)
		if !slices.Equal(titles(got), want) || got.Total != len(want) {
			t.Errorf("%s: %q (%d), want %q", name, titles(got), got.Total, want)
		}
		if len(want) > 0 {
			nonempty++
		}
		// The past answers alike, from what was written down.
		q.At = begun.Add(time.Minute)
		if got := scores(t, c, q); !slices.Equal(titles(got), want) && !q.Running && q.Zone == "" && q.Cluster == "" {
			t.Errorf("%s, in the past: %q, want %q", name, titles(got), want)
		}
	}
	if nonempty < 30 {
		t.Errorf("only %d questions found anything", nonempty)
	}
	for _, bad := range []catalog.ScoreQuery{{Profile: "no-such"}, {Unmet: "no-such"}, {Grades: []string{"E"}}, {Profile: "ntia-2021", Unmet: "sbom-author-signature"}} {
		if _, err := c.Scores(ctx, bad); err == nil {
			t.Errorf("%+v is understood", bad)
		}
	}
	var paged []string
	q := catalog.ScoreQuery{Limit: 2}
	for more := true; more; {
		p := scores(t, c, q)
		paged, more = append(paged, titles(p)...), p.More
		last := &p.Items[len(p.Items)-1]
		q.After = &catalog.ScoreCursor{Document: last.Document.ID, From: last.From}
	}
	if !slices.Equal(paged, titles(all)) {
		t.Errorf("by pages: %q", paged)
	}
	seq := all.Sequence
	judged(t, c)
	if again := scores(t, c, catalog.ScoreQuery{}); again.Sequence != seq {
		t.Errorf("nothing changed, and it was judged again: %d, %d", seq, again.Sequence)
	}
	end()

	// Another policy judges everything anew; what it said before stays known.
	policy, err := quality.ParsePolicy([]byte("kind: SBOMQualityPolicy\nname: strict\nchecks: {missing-hash: refuse}\n"))
	if err != nil {
		t.Fatal(err)
	}
	clock.forward(time.Hour)
	o.Scoring = &catalog.Scoring{Policy: policy}
	c, end = open(t, reopen(), o)
	defer func() { end() }()
	judged(t, c)
	if got := scores(t, c, catalog.ScoreQuery{Refused: true}); !slices.Equal(titles(got), []string{"poor", "empty", "running"}) || got.Refused != 3 || !got.Items[0].From.Equal(clock.Now()) {
		t.Errorf("%q are refused, %d", titles(got), got.Refused)
	}
	if got := scores(t, c, catalog.ScoreQuery{Refused: true, At: begun}); len(got.Items) != 0 {
		t.Errorf("%q was refused before there was a policy", titles(got))
	}
	if got := scores(t, c, catalog.ScoreQuery{History: true}); len(got.Items) != 10 {
		t.Errorf("%d intervals", len(got.Items))
	}
	clock.forward(time.Hour)
	if err := c.Archive(ctx, authz.Actor{Subject: "token:approver", Roles: []authz.Role{authz.SBOMApprover}}, receipts["poor"].Document); err != nil {
		t.Fatal(err)
	}
	judged(t, c)
	if got := scores(t, c, catalog.ScoreQuery{}); slices.Contains(titles(got), "poor") || got.Total != 4 {
		t.Errorf("what left is listed: %q", titles(got))
	}
	h := scores(t, c, catalog.ScoreQuery{History: true, Service: "svc-poor"})
	if len(h.Items) != 2 || !h.Items[1].Until.Equal(clock.Now()) {
		t.Errorf("%+v", h.Items)
	}
}

// Documents below the floor, and those that a policy refuses, are refused where that is
// configured: they are in quarantine with the reason, and nowhere else.
func TestQualityIsAskedFor(t *testing.T) {
	policy, err := quality.ParsePolicy([]byte("kind: SBOMQualityPolicy\nname: strict\nchecks: {missing-hash: refuse}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]struct {
		scoring catalog.Scoring
		want    string
	}{
		"its score is": {catalog.Scoring{Floor: 50, Profile: "ntia-2021", Refuse: true}, "by ntia-2021, and documents below 50 are refused"},
		"the policy":   {catalog.Scoring{Policy: policy, Refuse: true}, "the policy strict refuses missing-hash, at 2 places"},
		"":             {catalog.Scoring{Policy: policy, Floor: 100}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, end := open(t, embedded(t, t.TempDir()), catalog.Options{Scoring: &s.scoring})
			defer end()
			take(t, c, catalog.Upload{}, good("1good"))
			poor := text("poor", "pkg:npm/a@1")
			_, err := c.Take(context.Background(), ci, catalog.Upload{Body: bytes.NewReader(poor), Size: int64(len(poor))})
			var rejected *catalog.RejectedError
			if s.want == "" {
				if err != nil {
					t.Errorf("by default documents are marked, and taken in: %v", err)
				}
			} else if !errors.As(err, &rejected) || !strings.Contains(err.Error(), s.want) {
				t.Errorf("%v, want %q", err, s.want)
			}
			rows, err := c.Rejected(context.Background(), "", 0, 10)
			if err != nil || (len(rows) == 1) != (s.want != "") {
				t.Errorf("quarantine: %+v, %v", rows, err)
			}
		})
	}
}

// A document's licences that nobody knows become a fault as it grows older: it is judged
// again without anybody touching it.
func TestScoresAge(t *testing.T) {
	policy, err := quality.ParsePolicy([]byte("kind: SBOMQualityPolicy\nname: sla\nchecks: {noassertion-license: {level: refuse, maxAgeDays: 30}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	clock := clockAt(time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC))
	c, end := open(t, embedded(t, t.TempDir()), catalog.Options{Now: clock.Now, Scoring: &catalog.Scoring{Policy: policy}})
	defer end()
	take(t, c, catalog.Upload{}, bytes.ReplaceAll(good("1good"), []byte(`{"license":{"id":"MIT"}}`), []byte(`{"license":{"name":"NOASSERTION"}}`)))
	for _, step := range []struct{ days, refused int }{{0, 0}, {5, 0}, {20, 1}, {1, 1}} {
		clock.forward(time.Duration(step.days) * 24 * time.Hour)
		judged(t, c)
		if got := scores(t, c, catalog.ScoreQuery{}); got.Refused != step.refused || got.Total != 1 {
			t.Errorf("on %s: %d of %d are refused, want %d", clock.Now(), got.Refused, got.Total, step.refused)
		}
	}
	if h := scores(t, c, catalog.ScoreQuery{History: true}); len(h.Items) != 2 {
		t.Errorf("%d intervals of two verdicts", len(h.Items))
	}
}

// readBack counts documents that are read back from a store.
type readBack struct {
	store.Store
	times atomic.Int64
}

func (r *readBack) Original(ctx context.Context, tenant string, digest ident.Digest) (store.Original, error) {
	r.times.Add(1)
	return r.Store.Original(ctx, tenant, digest)
}

// A document is judged when it comes in, from what was read of it then, and read again
// only by other rules. Both ways say the same, of every kind of document.
func TestJudgedAtIntake(t *testing.T) {
	dir := t.TempDir()
	texts := [][]byte{good("1"), text("poor", "pkg:npm/a@1"), text("empty"), []byte(spdxOf("one")), []byte(spdxOf("two"))}
	said := func(o *catalog.Scoring) ([]string, int64) {
		s := &readBack{Store: embedded(t, dir)}
		c, end := open(t, s, catalog.Options{Now: clockAt(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)).Now, Scoring: o})
		defer end()
		for _, raw := range texts {
			take(t, c, catalog.Upload{}, raw)
		}
		judged(t, c)
		var out []string
		for _, x := range scores(t, c, catalog.ScoreQuery{}).Items {
			out = append(out, fmt.Sprintf("%s %+v %v", x.Document.Subject.Name, x.Said.Summary, x.Said.Fault))
		}
		return out, s.times.Load()
	}
	first, read := said(&catalog.Scoring{})
	if len(first) != len(texts) || read != 0 {
		t.Errorf("%d documents are judged, %d read again for it", len(first), read)
	}
	again, read := said(&catalog.Scoring{Floor: 1})
	if !slices.Equal(first, again) || read != int64(len(texts)) {
		t.Errorf("as they are stored, of which %d were read:\n%q\nand as they came in:\n%q", read, again, first)
	}
}

// spdxOf is an SPDX document whose packages are in others too.
func spdxOf(name string) string {
	pkg := func(n int) string {
		return fmt.Sprintf(`{"name":"p%d","SPDXID":"SPDXRef-Package-%d","versionInfo":"1.%d","supplier":"Organization: Somebody","downloadLocation":"https://example.org/p%d","filesAnalyzed":false,"licenseDeclared":"MIT","licenseConcluded":"NOASSERTION","copyrightText":"someone","checksums":[{"algorithm":"SHA1","checksumValue":"0B"}],"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/p%d@1.%d"}]}`, n, n, n, n, n, n)
	}
	return `{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"` + name + `","documentNamespace":"https://example.org/` + name + `","creationInfo":{"created":"2026-01-02T03:04:05Z","creators":["Tool: t-1"]},"packages":[` + pkg(1) + `,` + pkg(2) + `,` + pkg(3) + `]}`
}
