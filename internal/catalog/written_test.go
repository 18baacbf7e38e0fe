package catalog_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// failing is a store whose changes of findings fail now and then, after they were made or
// instead of it, as a database that went away does.
type failing struct {
	store.Store
	next atomic.Int32 // how the next one ends: 0 well, 1 nothing is changed, 2 it is and nobody is told
}

func (f *failing) Amend(ctx context.Context, by store.Mutation, kind store.StateKind, changes []store.StateChange) ([]store.Amended, error) {
	switch f.next.Swap(0) {
	case 1:
		return nil, store.ErrRetryLater
	case 2:
		if _, err := f.Store.Amend(ctx, by, kind, changes); err != nil {
			return nil, err
		}
		return nil, store.ErrUnknownOutcome
	}
	return f.Store.Amend(ctx, by, kind, changes)
}

// Two servers write down the findings of the same containers, each after the other or not,
// and their database fails them now and then. What is written down is what a server says
// that compares everything with the same advisories, and nothing is written twice.
func TestFindingsOfTwoServers(t *testing.T) { onEngines(t, findingsOfTwoServers) }

func findingsOfTwoServers(t *testing.T, reopen func() store.Store) {
	ctx, clock := context.Background(), clockAt(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	r := rand.New(rand.NewPCG(9, 1))
	var both [2]*catalog.Catalog
	var stores [2]*failing
	for i := range both {
		stores[i] = &failing{Store: reopen()}
		c, end := open(t, stores[i], catalog.Options{Now: clock.Now, Shared: true})
		defer end()
		both[i] = c
	}
	for n := 1; n <= 4; n++ {
		take(t, both[0], catalog.Upload{Artifact: digest(n)}, text(fmt.Sprint("image", n), fmt.Sprintf("pkg:npm/a@1.%d.0", n), "pkg:npm/b@2.0.0", fmt.Sprintf("pkg:npm/c@%d.0.0", n)))
	}
	if _, err := both[0].Report(ctx, ci, "prod", []catalog.Workload{container("one", 1), container("two", 2), container("three", 3), container("four", 4)}); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(time.Minute); both[1].Revision() != both[0].Revision(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the second server does not follow the first")
		}
	}
	known := map[string]*vuln.Advisory{}
	for step := range 40 {
		clock.forward(time.Minute)
		a := advisory(fmt.Sprint("GHSA-", r.IntN(6)), string("abc"[r.IntN(3)]), fmt.Sprintf("%d.%d.0", 1+r.IntN(3), r.IntN(5)))
		if r.IntN(4) == 0 {
			a.Withdrawn = clock.Now()
		}
		first := len(known) == 0
		known[a.ID] = a
		order := r.Perm(2)
		for _, i := range order {
			if first {
				advise(t, both[i], clock.Now(), a)
			} else if err := both[i].ChangeAdvisories(ctx, catalog.Advisories{Loaded: clock.Now()}, []*vuln.Advisory{a}); err != nil {
				t.Fatal(err)
			}
			stores[i].next.Store(int32(r.IntN(3))) //nolint:gosec // small
		}
		for _, i := range order {
			for range 3 { // one may fail, of either's looks
				_, err := both[i].AuditFindings(ctx)
				if err == nil {
					break
				}
			}
		}
		a0, a1 := findings(t, both[0], catalog.FindingQuery{}), findings(t, both[1], catalog.FindingQuery{})
		if !slices.Equal(saidOf(a0), saidOf(a1)) {
			t.Fatalf("step %d: %q and %q", step, saidOf(a0), saidOf(a1))
		}
		rows, err := stores[0].States(ctx, store.StateQuery{Kind: store.StateFinding, Limit: store.MaxPage})
		if err != nil || len(rows) != a0.Total {
			t.Fatalf("step %d: %d are written down, of %d (%v)", step, len(rows), a0.Total, err)
		}
		for _, f := range slices.Concat(a0.Items, a1.Items) {
			if f.From.IsZero() {
				t.Fatalf("step %d: nobody knows since when %s of %s is so", step, f.ID, f.Container)
			}
		}
	}
	for _, s := range stores {
		if _, err := s.Audit(ctx); err != nil {
			t.Error(err)
		}
	}
}

// What a program before schema 5 wrote down while it was being replaced, by containers, hides
// nothing, and is told by nobody.
func TestFindingsOfAnOlderServer(t *testing.T) {
	ctx, clock := context.Background(), clockAt(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	s := embedded(t, t.TempDir())
	old := []store.State{{Key: "GHSA-a pkg:npm/a@1.0.0 " + digest(1).String(), Subject: "GHSA-a", Body: []byte(`{"severity":"high"}`)}}
	if _, err := s.Assert(ctx, store.Mutation{Actor: "server", Time: clock.Now()}, store.StateFinding, "prod/shop/Deployment/web/app", old); err != nil {
		t.Fatal(err)
	}
	c, end := open(t, s, catalog.Options{Now: clock.Now})
	defer end()
	take(t, c, catalog.Upload{Artifact: digest(1)}, text("image1", "pkg:npm/a@1.0.0"))
	advise(t, c, clock.Now(), advisory("GHSA-a", "a", "2.0.0"))
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{container("web", 1)}); err != nil {
		t.Fatal(err)
	}
	audit(t, c)
	for _, q := range []catalog.FindingQuery{{}, {History: true}, {At: clock.Now()}} {
		if got := findings(t, c, q); len(got.Items) != 1 || got.Items[0].Container != "shop/Deployment/web/app" || got.Items[0].Said.PURL == "" {
			t.Errorf("%+v: %q", q, saidOf(got))
		}
	}
}

// An advisory whose findings were written down without anybody being told, and that was
// withdrawn before the next look: nothing of it holds.
func TestFindingsOfALostLook(t *testing.T) {
	ctx, clock := context.Background(), clockAt(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	s := &failing{Store: embedded(t, t.TempDir())}
	c, end := open(t, s, catalog.Options{Now: clock.Now, Shared: true})
	defer end()
	take(t, c, catalog.Upload{Artifact: digest(1)}, text("image1", "pkg:npm/a@1.0.0", "pkg:npm/b@1.0.0"))
	advise(t, c, clock.Now(), advisory("GHSA-b", "b", "2.0.0"))
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{container("web", 1)}); err != nil {
		t.Fatal(err)
	}
	audit(t, c)
	change := func(withdrawn bool, answer int32) {
		t.Helper()
		clock.forward(time.Minute)
		a := advisory("GHSA-a", "a", "2.0.0")
		if withdrawn {
			a.Withdrawn = clock.Now()
		}
		s.next.Store(answer)
		if err := c.ChangeAdvisories(ctx, catalog.Advisories{Loaded: clock.Now()}, []*vuln.Advisory{a}); err != nil {
			t.Fatal(err)
		}
		// The server may look by itself just then, and be the one that fails.
		if _, err := c.AuditFindings(ctx); err != nil && answer == 0 {
			t.Fatal(err)
		}
	}
	change(false, 2)
	change(true, 0)
	rows, err := s.States(ctx, store.StateQuery{Kind: store.StateFinding, Limit: 10})
	if err != nil || len(rows) != 1 || rows[0].Scope != "GHSA-b" {
		t.Errorf("%+v, %v", rows, err)
	}
}
