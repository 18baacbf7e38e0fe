package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// amended changes states of many scopes at once: more than one statement takes.
func amended(t *testing.T, s store.Store, _ *Dictionary) {
	ctx := t.Context()
	const scopes = 700
	amend := func(at int, changes []store.StateChange) []store.Amended {
		t.Helper()
		return must(s.Amend(ctx, By(at), store.StateFinding, changes))(t)
	}
	open := func(q store.StateQuery) (out []string) {
		q.Kind, q.Limit = store.StateFinding, store.MaxPage
		for _, r := range must(s.States(ctx, q))(t) {
			out = append(out, fmt.Sprintf("%s/%s=%s%s", r.Scope, r.Key, r.Subject, r.Body))
		}
		return out
	}
	changes := make([]store.StateChange, scopes)
	for i := range changes {
		changes[i] = store.StateChange{Scope: fmt.Sprintf("c%03d", i), Open: []store.State{{Key: "a", Subject: "CVE-1", Body: []byte("1")}, {Key: "b", Subject: "CVE-2"}}}
	}
	first := amend(10, changes)
	if got := open(store.StateQuery{}); len(got) != 2*scopes || got[0] != "c000/a=CVE-11" || got[2*scopes-1] != "c699/b=CVE-2" {
		t.Fatalf("%d states: %q", len(got), got[:min(4, len(got))])
	}
	p := must(s.Position(ctx))(t)
	if p.Seq != 1 || first[0].Version != 1 || first[scopes-1].Version != 1 || !first[0].At.Equal(By(10).Time) {
		t.Errorf("%+v after %d scopes changed, %+v", p, scopes, first[0])
	}
	// The very same again, as after an outcome that could not be told: nothing twice.
	var moved *store.ScopesMoved
	if _, err := s.Amend(ctx, By(10), store.StateFinding, changes); !errors.As(err, &moved) || len(moved.Versions) != scopes || moved.Versions["c007"] != first[7].Version {
		t.Fatalf("the same again: %v", err)
	}
	// Half of what is known of the scopes is replaced, and the rest stays.
	second := make([]store.StateChange, scopes)
	for i := range second {
		second[i] = store.StateChange{Scope: changes[i].Scope, Version: first[i].Version, Close: []store.State{{Key: "a", From: first[i].At}}}
		if i%2 == 0 {
			second[i].Open = []store.State{{Key: "a", Subject: "CVE-1", Body: []byte("2")}}
		}
	}
	// One that somebody else changed holds up all of them.
	must(s.Assert(ctx, By(15), store.StateFinding, "c345", []store.State{{Key: "b", Subject: "CVE-2"}}))(t)
	moved = nil
	if _, err := s.Amend(ctx, By(20), store.StateFinding, second); !errors.As(err, &moved) || len(moved.Versions) != 1 || moved.Versions["c345"] != 2 {
		t.Fatalf("one scope moved: %v", err)
	}
	if got := open(store.StateQuery{Scope: "c000"}); !slices.Equal(got, []string{"c000/a=CVE-11", "c000/b=CVE-2"}) {
		t.Errorf("a refused change left %q", got)
	}
	second[345] = store.StateChange{Scope: "c345", Version: moved.Versions["c345"]} // it is so already
	seq := must(s.Position(ctx))(t).Seq
	third := amend(20, second)
	if third[345].Version != moved.Versions["c345"] || third[0].Version <= first[0].Version || must(s.Position(ctx))(t).Seq != seq+1 {
		t.Errorf("versions %d and %d; all is one record, and what has no rows is no change", third[345].Version, third[0].Version)
	}
	for q, want := range map[store.StateQuery][]string{
		{Scope: "c000"}:                    {"c000/a=CVE-12", "c000/b=CVE-2"},
		{Scope: "c001"}:                    {"c001/b=CVE-2"},
		{Scope: "c000", At: By(19).Time}:   {"c000/a=CVE-11", "c000/b=CVE-2"},
		{Scope: "c000", History: true}:     {"c000/a=CVE-11", "c000/a=CVE-12", "c000/b=CVE-2"},
		{Scope: "c345", At: By(14).Time}:   {"c345/a=CVE-11", "c345/b=CVE-2"},
		{Scope: "c345", At: By(9000).Time}: {"c345/b=CVE-2"},
	} {
		if got := open(q); !slices.Equal(got, want) {
			t.Errorf("%+v: %q, want %q", q, got, want)
		}
	}
	// A clock that is behind appends to history all the same, and an interval of no length
	// is none.
	late := amend(5, []store.StateChange{{Scope: "c000", Version: third[0].Version, Open: []store.State{{Key: "z"}}, Close: []store.State{{Key: "a", From: third[0].At}}}})
	if !late[0].At.Equal(By(20).Time) {
		t.Errorf("changed for %s", late[0].At)
	}
	if got, want := open(store.StateQuery{Scope: "c000", History: true}), []string{"c000/a=CVE-11", "c000/b=CVE-2", "c000/z="}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for what, bad := range map[string][]store.StateChange{
		"a scope twice":  {{Scope: "x"}, {Scope: "x"}},
		"no scope":       {{Open: []store.State{{Key: "k"}}}},
		"a key twice":    {{Scope: "x", Open: []store.State{{Key: "k"}, {Key: "k"}}}},
		"no key":         {{Scope: "x", Close: []store.State{{}}}},
		"too many":       {{Scope: "y"}, {Scope: "x", Open: make([]store.State, store.MaxChange+1)}},
		"too long a key": {{Scope: "x", Open: []store.State{{Key: strings.Repeat("k", store.MaxText+1)}}}},
	} {
		if _, err := s.Amend(ctx, By(30), store.StateFinding, bad); ident.KindOf(err) != ident.KindInvalid && ident.KindOf(err) != ident.KindLimit {
			t.Errorf("%s: %v", what, err)
		}
	}
	// What is said to end and is not there is a mistake that changes nothing.
	if _, err := s.Amend(ctx, By(30), store.StateFinding, []store.StateChange{{Scope: "c002", Version: third[2].Version, Open: []store.State{{Key: "n"}}, Close: []store.State{{Key: "unknown", From: By(1).Time}}}}); err == nil {
		t.Error("what is not there ended")
	}
	if got := open(store.StateQuery{Scope: "c002"}); len(got) != 2 {
		t.Errorf("a refused change left %q", got)
	}
}
