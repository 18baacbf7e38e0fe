package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
)

// manyStates changes findings of a few vulnerabilities again and again, of which there are so
// many that they lie in several leaves, and holds what is told of every time, and of every page,
// against a list.
func manyStates(t *testing.T, s store.Store, _ *Dictionary) {
	ctx, r := t.Context(), rand.New(rand.NewPCG(13, 7)) // #nosec G404 -- the same each time
	const rounds = 14
	w := &twin{kind: store.StateFinding, latest: map[string]int{}, turns: map[string]int{}}
	believed := map[string]known{}
	for round := range rounds {
		var changes []store.StateChange
		for i, scope := range []string{"CVE-1", "CVE-2", "CVE-10"} {
			c := store.StateChange{Scope: scope, Version: believed[scope].version}
			share := []float64{1, 0.5, 0.02, 0.3}[(round+i)%4] // of the names, which change
			for n := range 130 {
				key := fmt.Sprintf("prod/shop/Deployment/app-%d/app %s pkg:npm/a@1 %d", n, scope, n%3)
				if r.Float64() >= share {
					continue
				}
				at := slices.IndexFunc(believed[scope].rows, func(s store.State) bool { return s.Key == key })
				if at >= 0 {
					c.Close = append(c.Close, believed[scope].rows[at])
				}
				if at < 0 || r.IntN(2) == 0 {
					body := fmt.Appendf(nil, `{"image":"sha256:%064d","round":%d,"purl":"pkg:npm/a@1"}`, n, round)
					if n == 7 { // a leaf by itself, nearly
						body = append(body, bytes.Repeat([]byte{byte(round), 1, 2, 3, 5}, store.MaxState/10)...)
					}
					c.Open = append(c.Open, store.State{Key: key, Body: body, Subject: []string{"", "", "x"}[n%3]})
				}
			}
			changes = append(changes, c)
		}
		at := round / 2 // what is opened is ended for the same moment, too
		done := must(s.Amend(ctx, By(at), w.kind, changes))(t)
		for i, c := range changes {
			w.amend(w.kind, c, at)
			believed[c.Scope] = known{version: done[i].Version, rows: must(s.States(ctx, store.StateQuery{Kind: w.kind, Scope: c.Scope, Limit: 1000}))(t)}
		}
	}
	text := func(list []store.State) (out []string) {
		for _, s := range list {
			out = append(out, fmt.Sprintf("%s|%s|%d|%d|%s|%.200q %d", s.Scope, s.Key, s.From.UnixMicro(), s.Until.UnixMicro(), s.Subject, s.Body, len(s.Body)))
		}
		return out
	}
	paged := func(q store.StateQuery) (all []store.State) {
		for {
			page := must(s.States(ctx, q))(t)
			all = append(all, page...)
			if len(page) < q.Limit {
				return all
			}
			q.After = &all[len(all)-1]
		}
	}
	slices.SortFunc(w.states, func(a, b store.State) int {
		if c := strings.Compare(a.Scope+"\x00"+a.Key, b.Scope+"\x00"+b.Key); c != 0 {
			return c
		}
		return a.From.Compare(b.From)
	})
	queries := []store.StateQuery{{}, {History: true}, {Scope: "CVE-1"}, {Scope: "CVE-1", History: true}, {Subject: "x"}, {Scope: "CVE-10", Subject: "x", History: true}}
	for at := -1; at <= rounds/2; at++ {
		queries = append(queries, store.StateQuery{At: By(at).Time}, store.StateQuery{At: By(at).Time, Scope: "CVE-2"})
	}
	for i, q := range queries {
		var want []store.State
		for _, s := range w.states {
			holds := s.Until.IsZero()
			if !q.At.IsZero() {
				holds = !s.From.After(q.At) && (s.Until.IsZero() || s.Until.After(q.At))
			}
			if (holds || q.History) && (q.Scope == "" || q.Scope == s.Scope) && (q.Subject == "" || q.Subject == s.Subject) {
				want = append(want, s)
			}
		}
		q.Kind = w.kind
		for _, q.Limit = range []int{store.MaxPage, 1000, 97 + i} {
			if got := paged(q); !slices.Equal(text(got), text(want)) {
				t.Fatalf("%+v: %d states, want %d", q, len(got), len(want))
			}
		}
	}
	if len(w.states) < 1000 {
		t.Errorf("only %d states were compared", len(w.states))
	}
	// What holds already is not opened a second time, and nothing of such a change is there.
	one := believed["CVE-1"].rows[0]
	if _, err := s.Amend(ctx, By(90), w.kind, []store.StateChange{{Scope: "CVE-1", Version: believed["CVE-1"].version, Open: []store.State{{Key: "a"}, {Key: one.Key}}}}); err == nil {
		t.Error("a state that holds was opened again")
	}
	if got := must(s.States(ctx, store.StateQuery{Kind: w.kind, Scope: "CVE-1", Limit: 1000}))(t); !slices.Equal(text(got), text(believed["CVE-1"].rows)) {
		t.Error("a refused change left something")
	}
	if n := must(s.Forget(ctx, By(91), w.kind, []string{"CVE-2"}))(t); n != 1 {
		t.Errorf("%d scopes were forgotten", n)
	}
	for _, st := range must(s.States(ctx, store.StateQuery{Kind: w.kind, History: true, Limit: store.MaxPage}))(t) {
		if st.Scope == "CVE-2" {
			t.Fatal("a forgotten scope has states")
		}
	}
}
