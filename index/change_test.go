package index_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// changedRecord makes another record of one that there is: another range, another alias,
// withdrawn, about another release, or under another identifier.
func changedRecord(r *rand.Rand, have []*vuln.Advisory, n int) *vuln.Advisory {
	a := *have[r.IntN(len(have))]
	a.Affected = slices.Clone(a.Affected)
	switch r.IntN(6) {
	case 0:
		a.Withdrawn = time.Unix(1, 0)
	case 1:
		a.ID = fmt.Sprint("NEW-", n)
	case 2:
		a.Aliases = []string{have[r.IntN(len(have))].ID}
	case 3: // cannot be evaluated
		a.Affected[0].Ranges = []vuln.Range{{Type: vuln.RangeEcosystem, Events: []vuln.Event{{Fixed: "1"}}}}
	case 4:
		a.Affected[0].Ecosystem = "Debian:99"
	}
	if r.IntN(2) == 0 && len(a.Affected[0].Ranges) > 0 {
		a.Affected[0].Ranges = []vuln.Range{{Type: vuln.RangeEcosystem, Events: []vuln.Event{{Introduced: "0"}}}}
	}
	return &a
}

// TestAdvisoriesWithAreThoseMatchedAnew: after any changes of the advisories and of what
// there is, an index says what one says that compares everything.
func TestAdvisoriesWithAreThoseMatchedAnew(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 3))
		v, err := synth.MakeVulnerable(synth.VulnerableConfig{Components: 400, Ranges: 600, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		first, rest := v.Batch(), v.Batch()
		first.Keys, rest.Keys = first.Keys[:300], rest.Keys[300:]
		first.Documents, rest.Documents = nil, nil
		for i := range 400 {
			into := &first
			if i >= 300 {
				into = &rest
			}
			into.Documents = append(into.Documents, index.Document{ID: uint32(i), Artifact: uint32(i), Components: []uint32{uint32(i)}})
		}
		first.Seq, rest.Seq = 1, 2
		x := index.New()
		if err := x.Apply(first); err != nil {
			t.Fatal(err)
		}
		db, err := vuln.NewDatabase(v.Advisories, vuln.Options{})
		if err != nil {
			t.Fatal(err)
		}
		a, err := index.NewAdvisoryIndex(ctx, x.Snapshot(), db)
		if err != nil {
			t.Fatal(err)
		}
		moved := 0
		for step := range 30 {
			if step == 15 { // more comes in
				if err := x.Apply(rest); err != nil {
					t.Fatal(err)
				}
				if a, err = a.Extend(ctx, x.Snapshot()); err != nil {
					t.Fatal(err)
				}
			}
			have := db.Advisories()
			var put []*vuln.Advisory
			var drop []string
			for n := range 1 + r.IntN(3) {
				put = append(put, changedRecord(r, have, 10*step+n))
			}
			if r.IntN(3) == 0 {
				drop = append(drop, have[r.IntN(len(have))].ID)
			}
			next, c, err := db.With(put, drop...)
			if err != nil {
				t.Fatal(err)
			}
			if a, err = a.With(ctx, next, c); err != nil {
				t.Fatal(err)
			}
			db = next
			want, err := index.NewAdvisoryIndex(ctx, x.Snapshot(), db)
			if err != nil {
				t.Fatal(err)
			}
			moved += sameAnswers(t, x.Snapshot(), db, a, want, c)
		}
		if moved == 0 {
			t.Error("no change had a component")
		}
	}
}

// sameAnswers compares two indexes on every record, and says how many components those of
// a change concern.
func sameAnswers(t *testing.T, s *index.Snapshot, db *vuln.Database, a, want *index.AdvisoryIndex, c *vuln.Change) (moved int) {
	t.Helper()
	for _, v := range db.Advisories() {
		got, err := a.Find(t.Context(), s, v.ID, nil)
		if err != nil {
			t.Fatal(err)
		}
		as, err := want.Find(t.Context(), s, v.ID, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Components, as.Components) || !slices.Equal(got.Doubts, as.Doubts) {
			t.Fatalf("%s affects %v and may affect %v; compared anew %v and %v", v.ID, got.Components, got.Doubts, as.Components, as.Doubts)
		}
		if slices.Contains(c.After, v) {
			moved += len(got.Components) + len(got.Doubts)
		}
	}
	all := func(x *index.AdvisoryIndex) (out []string) {
		for g, ids := range x.Affecting() {
			out = append(out, fmt.Sprint(g.ID, ids))
			if by := x.AffectedBy(g); !slices.Equal(by, ids) {
				t.Fatalf("%s affects %v, and by itself %v", g.ID, ids, by)
			}
		}
		return out
	}
	if got, as := all(a), all(want); !slices.Equal(got, as) {
		t.Fatalf("%d groups affect components, compared anew %d, or others", len(got), len(as))
	}
	return moved
}
