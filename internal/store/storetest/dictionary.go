package storetest

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
)

// dictionaryGrows brings entries in commits of every size, so that they are kept
// together in every way, and asks for them from every id on and by their keys.
func dictionaryGrows(t *testing.T, s store.Store, _ *Dictionary) {
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- a test that can be repeated
	var want []store.Entry
	document := 0
	commit := func(keys ...string) {
		t.Helper()
		slices.Sort(keys)
		document++
		got := Commit(t, s, Doc(document, keys...))[0]
		for _, e := range got.Added {
			if e.ID != uint32(len(want)) { // #nosec G115 -- a small number
				t.Fatalf("entry %d has id %d", len(want), e.ID)
			}
			want = append(want, e)
		}
	}
	for i, n := range []int{1, 1, 2, 30, 40, 63, 64, 65, 1, 256, 257, 3, 700, 1, 1, 5} {
		var keys []string
		for range n {
			keys = append(keys, fmt.Sprintf("pkg:generic/%d/%016x", i, r.Uint64()))
		}
		if i > 0 { // and some that are there already
			keys = append(keys, want[r.IntN(len(want))].Key)
		}
		commit(slices.Compact(slices.Sorted(slices.Values(keys)))...)
	}
	long := strings.Repeat("x", store.MaxKey-1)
	commit(long+"1", long+"2", "short")
	commit("behind a long one")
	commit(alike(0)...) // in one run
	for _, k := range alike(1) {
		commit(k) // one after another
	}
	all := Entries(t, s)
	if !slices.Equal(all, want) {
		t.Fatalf("%d entries came back as %d", len(want), len(all))
	}
	for range 300 {
		from, limit := r.IntN(len(want)), 1+r.IntN(600)
		page := must(s.Dictionary(t.Context(), uint32(from), limit))(t) // #nosec G115 -- a small number
		if len(page) == 0 || len(page) > limit || !slices.Equal(page, want[from:from+len(page)]) {
			t.Fatalf("%d entries from %d on: %d", limit, from, len(page))
		}
	}
	if page := must(s.Dictionary(t.Context(), uint32(len(want)), 10))(t); len(page) != 0 { // #nosec G115 -- as above
		t.Errorf("behind the last entry are %d", len(page))
	}
	// The caller's dictionary knows nothing, so each key is looked for in the database.
	keys := make([]string, len(want))
	for i := range want {
		keys[i] = want[i].Key
	}
	slices.Sort(keys)
	got := Commit(t, s, Doc(10_000, keys...))[0]
	if row := DecodeRow(got.Row); len(got.Added) != 0 || len(row) != len(want) {
		t.Errorf("%d of %d keys are in the row, and %d are new", len(row), len(want), len(got.Added))
	}
}

// alike returns two keys that share the hash by which the database finds them: 32 bits,
// of which any two of some ten thousand are the same.
func alike(seed int) []string {
	seen := map[[4]byte]string{}
	for i := 0; ; i++ {
		k := fmt.Sprintf("alike-%d-%d", seed, i)
		sum := sha256.Sum256([]byte(k))
		h := [4]byte(sum[:4])
		if other, ok := seen[h]; ok {
			return []string{other, k}
		}
		seen[h] = k
	}
}
