package catalog_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Decisions are there for good: each once, in the order of their times, found by artifact,
// verdict and time, page after page, apart by tenant, with the answer that says all.
func TestDecisions(t *testing.T) { onEngines(t, decisionsKept) }

func decisionsKept(t *testing.T, reopen func() store.Store) {
	ctx := context.Background()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := clockAt(begin.Add(24 * time.Hour))
	s := reopen()
	c, end := open(t, s, catalog.Options{Now: now.Now})
	defer end()
	other := authz.Actor{Subject: "token:other"}
	of := func(n int, verdict string, at time.Duration, answer []byte) evidence.Decision {
		return evidence.Decision{What: "gate", Verdict: verdict, At: begin.Add(at), Artifact: digest(n), Why: evidence.ReasonsDigest(nil), Answer: ident.SHA256(answer), Subject: fmt.Sprint("app", n), Reasons: []string{"why"}}
	}
	take := func(by authz.Actor, tenant string, want int, answer []byte, list ...evidence.Decision) {
		t.Helper()
		if n, err := c.TakeDecisions(ctx, by, tenant, list, answer); err != nil || n != want {
			t.Fatalf("%d are new, %v; want %d", n, err, want)
		}
	}
	// An answer that does not pack, of several pieces.
	large := make([]byte, 200<<10)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // of a test
	for i := range large {
		large[i] = byte(random.Uint32())
	}
	take(ci, "shop", 2, large, of(1, "failed", 0, large), of(2, "passed", 0, large))
	take(ci, "shop", 0, large, of(1, "failed", 0, large), of(2, "passed", 0, large)) // sent again
	take(other, "shop", 1, large, of(1, "failed", 0, large))                         // somebody else came to the same
	take(ci, "shop", 1, []byte("b"), of(1, "passed", time.Hour, []byte("b")))
	take(ci, "sho", 1, []byte("c"), of(1, "failed", time.Minute, []byte("c")))
	take(ci, "shop2", 1, []byte("c"), of(1, "failed", time.Minute, []byte("c")))
	take(ci, "", 1, []byte("c"), of(3, "passed", time.Minute, []byte("c")))

	ask := func(q catalog.DecisionQuery) (got []string) {
		t.Helper()
		for q.Limit = cmp.Or(q.Limit, 100); ; {
			list, more, err := c.Decisions(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for i := range list {
				d := &list[i]
				got = append(got, fmt.Sprint(d.Subject, " ", d.Verdict, " ", d.At.Sub(begin), " ", d.By))
				if !d.Recorded.Equal(now.Now()) || d.Reasons[0] != "why" {
					t.Errorf("%+v", d)
				}
			}
			if !more {
				return got
			}
			q.After = list[len(list)-1].Cursor(q.Tenant)
		}
	}
	is := func(q catalog.DecisionQuery, want ...string) {
		t.Helper()
		got := ask(q)
		slices.Sort(got) // within a second there is no order
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%+v: %q, want %q", q, got, want)
		}
	}
	a, b, a2, late := "app1 failed 0s "+ci.Subject, "app2 passed 0s "+ci.Subject, "app1 failed 0s token:other", "app1 passed 1h0m0s "+ci.Subject
	is(catalog.DecisionQuery{Tenant: "shop"}, a, b, a2, late)
	is(catalog.DecisionQuery{Tenant: "shop", Limit: 1}, a, b, a2, late)
	if got := ask(catalog.DecisionQuery{Tenant: "shop", Limit: 2}); got[3] != late {
		t.Errorf("not in the order of times: %q", got)
	}
	is(catalog.DecisionQuery{Tenant: "shop", Artifact: digest(1), Limit: 2}, a, a2, late)
	is(catalog.DecisionQuery{Tenant: "shop", Artifact: digest(1), Verdict: "passed"}, late)
	is(catalog.DecisionQuery{Tenant: "shop", What: "verify-image"})
	is(catalog.DecisionQuery{Tenant: "shop", Since: begin.Add(time.Second)}, late)
	is(catalog.DecisionQuery{Tenant: "shop", Until: begin.Add(time.Hour), Verdict: "failed"}, a, a2)
	is(catalog.DecisionQuery{Tenant: "shop", Artifact: ident.SHA256(large)}) // an answer is no decision
	is(catalog.DecisionQuery{Tenant: "sho"}, "app1 failed 1m0s "+ci.Subject)
	is(catalog.DecisionQuery{}, "app3 passed 1m0s "+ci.Subject)
	foreign := of(1, "failed", 0, large)
	if _, _, err := c.Decisions(ctx, catalog.DecisionQuery{Tenant: "sho", After: foreign.Name("shop", ci.Subject), Limit: 1}); err == nil {
		t.Error("another tenant's cursor is taken")
	}

	if got, err := c.DecisionAnswer(ctx, "shop", ident.SHA256(large)); err != nil || !bytes.Equal(got, large) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := c.DecisionAnswer(ctx, "sho", ident.SHA256(large)); ident.KindOf(err) != ident.KindNotFound {
		t.Errorf("another tenant's answer: %v", err)
	}
	for name, x := range map[string]struct {
		d      evidence.Decision
		answer []byte
	}{
		"of tomorrow":   {of(1, "passed", 48*time.Hour, []byte("d")), []byte("d")},
		"too large":     {of(1, "passed", 0, nil), make([]byte, 16<<20+1)},
		"packs too ill": {of(1, "passed", 0, nil), bytes.Repeat(large, 12)[1:]},
	} {
		if name == "packs too ill" {
			for i := range x.answer {
				x.answer[i] ^= byte(random.Uint32())
			}
		}
		if _, err := c.TakeDecisions(ctx, ci, "shop", []evidence.Decision{x.d}, x.answer); err == nil {
			t.Errorf("%s: taken", name)
		}
	}

	// The journal alone says what was decided.
	rows, err := c.Journal(ctx, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, raw := range rows {
		r, err := evidence.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if d, tenant, ok := evidence.ParseDecision(r.Object); ok && tenant == "shop" && d.Artifact == digest(1) {
			n++
			if d.Answer.IsZero() || d.What != "gate" || r.After == "" {
				t.Errorf("%+v says %+v", r, d)
			}
		}
	}
	if n != 3 {
		t.Errorf("%d records of the journal are about the artifact", n)
	}
}

// Decisions leave with their answers once they are old, of every tenant, more than one step of them;
// younger ones stay, and the journal keeps all. Nobody has to report for it.
func TestDecisionsLeave(t *testing.T) { onEngines(t, decisionsLeave) }

func decisionsLeave(t *testing.T, reopen func() store.Store) {
	ctx, begin := context.Background(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := clockAt(begin.Add(30 * day))
	c, end := open(t, reopen(), catalog.Options{Now: clock.Now})
	defer end()
	decide := func(tenant string, at time.Duration, answer string, digests ...int) {
		t.Helper()
		var list []evidence.Decision
		for _, n := range digests {
			list = append(list, evidence.Decision{What: evidence.ByGate, Verdict: evidence.GateFailed, At: begin.Add(at), Artifact: ident.SHA256(fmt.Append(nil, n)), Why: evidence.ReasonsDigest(nil), Answer: ident.SHA256([]byte(answer)), Subject: "app"})
		}
		if _, err := c.TakeDecisions(ctx, ci, tenant, list, []byte(answer)); err != nil {
			t.Fatal(err)
		}
	}
	var many []int
	for i := range 300 {
		many = append(many, i)
	}
	decide("", 0, "old", 1, 2)
	decide("", 25*day, "new", 1)
	decide("shop", 0, "old", many...)
	decide("shop", 25*day, "new", 1)
	decide("shop-2", 25*day, "new", 1)
	decide("zoo", 1*day, "old", 1)
	keep := catalog.Retention{Decisions: 20 * day}
	due, err := c.Due(ctx, keep)
	if err != nil || due.Decisions != 303 || len(due.Held) != 0 {
		t.Fatalf("%+v %v", due, err)
	}
	if due, err := c.Due(ctx, catalog.Retention{Archive: day, Decisions: 20 * day}); err != nil || due.Decisions != 303 || len(due.Held) != 1 {
		t.Errorf("%+v %v", due, err)
	}
	for _, want := range []int{303, 0} {
		if did, err := c.Retire(ctx, ci, keep); err != nil || did.Decisions != want {
			t.Errorf("%+v %v, want %d", did, err, want)
		}
	}
	for tenant, want := range map[string]int{"": 1, "shop": 1, "shop-2": 1, "zoo": 0} {
		list, _, err := c.Decisions(ctx, catalog.DecisionQuery{Tenant: tenant, Limit: 400})
		if err != nil || len(list) != want {
			t.Errorf("%q: %d, %v; want %d", tenant, len(list), err, want)
		}
		if _, err := c.DecisionAnswer(ctx, tenant, ident.SHA256([]byte("old"))); ident.KindOf(err) != ident.KindNotFound {
			t.Errorf("%q: the answer of what left: %v", tenant, err)
		}
		if raw, err := c.DecisionAnswer(ctx, tenant, ident.SHA256([]byte("new"))); (err == nil && string(raw) == "new") != (want == 1) {
			t.Errorf("%q: the answer of what stays: %q %v", tenant, raw, err)
		}
	}
	made, gone := 0, 0
	for after := uint64(0); ; {
		rows, err := c.Journal(ctx, after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range rows {
			r, err := evidence.Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, ok := evidence.ParseDecision(r.Object); ok && r.Action == "state.assert" {
				made++
			} else if ok && r.Action == "state.forget" {
				gone++
			}
		}
		if after += uint64(len(rows)); len(rows) < 1000 {
			break
		}
	}
	if made != 306 || gone != 303 {
		t.Errorf("the journal has %d decisions, of which %d left", made, gone)
	}
	if did, err := c.Retire(ctx, ci, catalog.Retention{Archive: day}); err != nil || did.Decisions != 0 {
		t.Errorf("without a bound: %+v %v", did, err)
	}
}
