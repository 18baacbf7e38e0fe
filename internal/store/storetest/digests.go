package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// digests lists what a store has, by pages of any size.
func digests(t *testing.T, s store.Store, _ *Dictionary) {
	var want []ident.Digest
	var group []store.Intake
	for i := range 30 {
		group = append(group, Doc(i))
		want = append(want, group[i].Original)
	}
	group[3].Tenant = "umbrella"
	group[29].Rejected = "for the test"
	slices.SortFunc(want[:29], func(a, b ident.Digest) int { return strings.Compare(a.String(), b.String()) })
	Commit(t, s, append(group, group[5])...)
	for _, limit := range []int{1, 7, 29, 100} {
		var got []ident.Digest
		for after := (ident.Digest{}); ; {
			page := must(s.Digests(t.Context(), after, limit))(t)
			if len(page) > limit {
				t.Fatalf("%d of at most %d", len(page), limit)
			}
			if len(page) == 0 {
				break
			}
			got, after = append(got, page...), page[len(page)-1]
		}
		if !slices.Equal(got, want[:29]) {
			t.Errorf("%d at a time: %v, want %v", limit, got, want[:29])
		}
	}
	must(s.Delete(t.Context(), By(1), []uint32{0, 1}))(t)
	if n := len(must(s.Digests(t.Context(), ident.Digest{}, 100))(t)); n != 29 {
		t.Errorf("%d with tombstones", n)
	}
	must(s.Purge(t.Context(), By(2), 1<<40))(t)
	if n := len(must(s.Digests(t.Context(), ident.Digest{}, 100))(t)); n != 27 {
		t.Errorf("%d are left", n)
	}
	if _, err := s.Digests(t.Context(), ident.Digest{}, 0); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("a page of none: %v", err)
	}
}
