package storetest

import (
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Scopes that are forgotten leave with their history; the journal says so, others and other kinds
// stay, and what is asserted again begins anew.
func forget(t *testing.T, s store.Store, _ *Dictionary) {
	row := func(body string) []store.State { return []store.State{{Key: "k", Subject: "s", Body: []byte(body)}} }
	assert := func(at int, kind store.StateKind, scope, body string) {
		t.Helper()
		must(s.Assert(t.Context(), By(at), kind, scope, row(body)))(t)
	}
	assert(1, store.StateDecision, "a", "1")
	assert(2, store.StateDecision, "a", "2")
	assert(1, store.StateDecision, "b", "1")
	assert(1, store.StateTriage, "a", "1")
	before := must(s.Position(t.Context()))(t).Seq
	if n := must(s.Forget(t.Context(), By(3), store.StateDecision, []string{"a", "nobody", "a"}))(t); n != 1 {
		t.Errorf("%d scopes were there", n)
	}
	all := func(kind store.StateKind) (out []string) {
		t.Helper()
		for _, x := range must(s.States(t.Context(), store.StateQuery{Kind: kind, History: true, Limit: 10}))(t) {
			out = append(out, x.Scope+string(x.Body))
		}
		return out
	}
	if got := all(store.StateDecision); !slices.Equal(got, []string{"b1"}) {
		t.Errorf("left are %q", got)
	}
	if got := all(store.StateTriage); !slices.Equal(got, []string{"a1"}) {
		t.Errorf("of another kind are left %q", got)
	}
	rows := must(s.Journal(t.Context(), before, 10))(t)
	if len(rows) != 1 {
		t.Fatalf("%d records", len(rows))
	}
	if r := must(evidence.Decode(rows[0]))(t); r.Action != "state.forget" || r.Object != "decision/a" || r.Actor != By(3).Actor {
		t.Errorf("%+v", r)
	}
	if n := must(s.Forget(t.Context(), By(4), store.StateDecision, []string{"a"}))(t); n != 0 || must(s.Position(t.Context()))(t).Seq != before+1 {
		t.Errorf("what is gone was forgotten %d times", n)
	}
	assert(1, store.StateDecision, "a", "3") // at an earlier time than it had
	if got := all(store.StateDecision); !slices.Equal(got, []string{"a3", "b1"}) {
		t.Errorf("asserted again: %q", got)
	}
	if _, err := s.Forget(t.Context(), By(5), store.StateDecision, make([]string, store.MaxPage+1)); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("too many at once: %v", err)
	}
	if _, err := s.Forget(t.Context(), By(5), 0, []string{"a"}); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("no kind: %v", err)
	}
}
