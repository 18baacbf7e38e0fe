package storetest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
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

// byNumber gives components by their numbers, by their keys and by both: what is written
// is the same, to the byte.
func byNumber(t *testing.T, s store.Store, d *Dictionary) {
	Commit(t, s, Doc(1, "b", "d", "f"), Doc(2, "a", "b", "c")) // b d f a c
	after := func(seq uint64) string {
		return must(evidence.Decode(must(s.Journal(t.Context(), seq-1, 1))(t)[0]))(t).After
	}
	for name, learn := range map[string]func(){
		"the caller's dictionary knows nothing": func() {},
		"knows some":                            func() { d.Learn(Entries(t, s)[:2]) },
		"knows all":                             func() { d.Learn(Entries(t, s)) },
	} {
		learn()
		plain := Commit(t, s, Doc(3, "a", "b", "c", "d"))[0]
		for what, in := range map[string]store.Intake{
			"numbers":                {IDs: []uint32{4, 0, 3, 1}},
			"numbers and keys":       {IDs: []uint32{4, 0}, Keys: []string{"a", "d"}},
			"the same in both":       {IDs: []uint32{0, 3, 4}, Keys: []string{"a", "b", "c", "d"}},
			"one number three times": {IDs: []uint32{4, 4, 1, 0, 4}, Keys: []string{"a"}},
		} {
			doc := Doc(3)
			doc.IDs, doc.Keys = in.IDs, in.Keys
			if again := Commit(t, s, doc)[0]; !again.Duplicate {
				t.Errorf("%s, %s: known already: %+v", name, what, again)
			}
			must(s.Delete(t.Context(), By(1), []uint32{plain.Document}))(t)
			r := Commit(t, s, doc)[0]
			if !bytes.Equal(r.Row, plain.Row) || after(r.Seq) != after(plain.Seq) || len(r.Added) != 0 || r.Components != 4 || r.Duplicate {
				t.Errorf("%s, %s: %+v, by keys alone %+v", name, what, r, plain)
			}
			plain = r
		}
		must(s.Delete(t.Context(), By(1), []uint32{plain.Document}))(t)
	}
	// New keys, which the same group brings twice, beside numbers.
	first, second := Doc(4, "e", "g"), Doc(5, "e", "f", "h")
	first.IDs, second.IDs = []uint32{3, 1}, []uint32{2, 0}
	r := Commit(t, s, first, second, second)
	if a, b := DecodeRow(r[0].Row), DecodeRow(r[1].Row); !slices.Equal(a, []uint32{1, 3, 5, 6}) || !slices.Equal(b, []uint32{0, 2, 5, 7}) || r[0].Components != 4 || r[1].Components != 4 {
		t.Errorf("rows %v and %v of %+v", a, b, r)
	}
	if !r[2].Duplicate {
		t.Errorf("the same again in the group: %+v", r[2])
	}
	// A number that the dictionary does not have takes down nothing but its group, even one
	// that the group's own keys would be given.
	for _, id := range []uint32{8, 9, 1 << 31} {
		bad := Doc(6, "new")
		bad.IDs = []uint32{0, id}
		if _, err := s.Commit(t.Context(), []store.Intake{Doc(7, "i"), bad}); ident.KindOf(err) != ident.KindInvalid {
			t.Errorf("number %d of 8: %v", id, err)
		}
	}
	if p := must(s.Position(t.Context()))(t); p.Components != 8 {
		t.Errorf("the dictionary has %d entries", p.Components)
	}
	bad := Doc(6)
	bad.IDs, bad.Rejected = []uint32{99}, "for the test"
	if r := Commit(t, s, bad)[0]; r.Rejected == 0 {
		t.Errorf("a document in quarantine has its numbers looked at: %+v", r)
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
