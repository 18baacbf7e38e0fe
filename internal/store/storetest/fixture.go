package storetest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Open opens a store on a database that is empty and the test's own; the test
// closes it.
type Open func(t *testing.T, c store.Coding) store.Store

// EncodeRow is the forward row of the tests: deltas as varints.
func EncodeRow(dst []byte, ids []uint32) []byte {
	last := uint32(0)
	for i, id := range ids {
		if i > 0 && id <= last {
			panic("ids are not sorted and unique")
		}
		dst = binary.AppendUvarint(dst, uint64(id-last))
		last = id
	}
	return dst
}

// DecodeRow reads what EncodeRow wrote.
func DecodeRow(b []byte) []uint32 {
	var ids []uint32
	last := uint64(0)
	for len(b) > 0 {
		d, n := binary.Uvarint(b)
		if n <= 0 {
			panic("damaged row")
		}
		last += d
		ids, b = append(ids, uint32(last)), b[n:]
	}
	return ids
}

// Dictionary is a caller's cache of component ids; its Known is a Coding's.
type Dictionary struct {
	mu    sync.RWMutex
	ids   map[string]uint32
	has   map[uint32]bool
	count uint32 // every entry below was learnt
}

// Coding is a store's with this dictionary.
func (d *Dictionary) Coding() store.Coding {
	return store.Coding{Encode: EncodeRow, Known: d.Known, Count: d.Count}
}

// Learn takes entries that are committed.
func (d *Dictionary) Learn(entries []store.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ids == nil {
		d.ids, d.has = map[string]uint32{}, map[uint32]bool{}
	}
	for _, e := range entries {
		d.ids[e.Key], d.has[e.ID] = e.ID, true
	}
	for d.has[d.count] {
		d.count++
	}
}

// Count is store.Coding's.
func (d *Dictionary) Count() uint32 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.count
}

// Known is store.Coding's.
func (d *Dictionary) Known(keys []string, ids []uint32, missing []int) []int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for i, k := range keys {
		if id, ok := d.ids[k]; ok {
			ids[i] = id
		} else {
			missing = append(missing, i)
		}
	}
	return missing
}

// Noon is a time for tests that have no other.
var Noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// By is a mutation at a number of seconds after Noon.
func By(seconds int) store.Mutation {
	return store.Mutation{Actor: "ci@example.test", Time: Noon.Add(time.Duration(seconds) * time.Second)}
}

// Doc is an intake whose bytes, digest and artifact follow from a number, with
// these component keys.
func Doc(n int, keys ...string) store.Intake {
	data := fmt.Appendf(nil, "document %d %0*d", n, n%97, n)
	slices.Sort(keys)
	return store.Intake{
		Mutation: By(n), Tenant: "acme", Original: ident.SHA256(data), Size: int64(len(data)) * 10, Data: data,
		Media: "application/spdx+json", Format: "spdx-2.3",
		Subject: store.Subject{Name: fmt.Sprintf("registry.example.test/shop/app-%d", n), Version: "1.0",
			Digests: []ident.RoledDigest{{Role: ident.RoleManifest, Digest: Manifest(n)}}},
		Keys: slices.Compact(keys),
	}
}

// Manifest is the digest of Doc(n)'s manifest.
func Manifest(n int) ident.Digest { return ident.SHA256(fmt.Appendf(nil, "manifest %d", n)) }

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Commit takes documents in and fails the test where that fails.
func Commit(t *testing.T, s store.Intaker, group ...store.Intake) []store.Receipt {
	t.Helper()
	r, err := s.Commit(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	if len(r) != len(group) {
		t.Fatalf("%d receipts for %d documents", len(r), len(group))
	}
	return r
}

// Changes reads the whole sequence in small pages, and fails where it has a gap.
func Changes(t *testing.T, s store.Reader, after uint64) []store.Change {
	t.Helper()
	var all []store.Change
	for {
		page := must(s.Since(t.Context(), after, 7))(t)
		if len(page) == 0 {
			return all
		}
		for _, c := range page {
			if c.Seq != after+1 {
				t.Fatalf("after change %d comes %d", after, c.Seq)
			}
			after = c.Seq
		}
		all = append(all, page...)
	}
}

// Entries reads the whole dictionary, and fails where its ids are not dense.
func Entries(t *testing.T, s store.Reader) []store.Entry {
	t.Helper()
	var all []store.Entry
	for {
		limit := 11
		if len(all) > 10*limit {
			limit = 1000 // each page takes a whole run apart
		}
		page := must(s.Dictionary(t.Context(), uint32(len(all)), limit))(t)
		if len(page) == 0 {
			return all
		}
		for _, e := range page {
			if e.ID != uint32(len(all)) {
				t.Fatalf("entry %d has id %d", len(all), e.ID)
			}
			all = append(all, e)
		}
	}
}

// Whole checks what must hold of any store at any time: the sequence and the
// dictionary have no gap, the journal's chain holds and ends where the counter
// says, every live document has its row, whose ids exist, and its original.
func Whole(t *testing.T, s store.Reader) {
	t.Helper()
	p := must(s.Position(t.Context()))(t)
	changes := Changes(t, s, 0)
	if uint64(len(changes)) < p.Seq {
		t.Errorf("the sequence is at %d and has %d changes", p.Seq, len(changes))
	}
	v := evidence.NewVerifier(evidence.Head{}, evidence.Checkpoint{Head: p.Journal})
	for at := uint64(0); ; {
		page := must(s.Journal(t.Context(), at, 100))(t)
		if len(page) == 0 {
			break
		}
		for _, b := range page {
			if _, err := v.Add(b); err != nil {
				t.Fatal(err)
			}
		}
		at = v.Head().Seq
	}
	if _, err := v.Finish(); err != nil {
		t.Error(err)
	}
	entries := Entries(t, s)
	if uint32(len(entries)) < p.Components {
		t.Errorf("the dictionary has %d entries, and %d were assigned", len(entries), p.Components)
	}
	documents := uint32(0)
	gone := map[uint32]bool{}
	for _, c := range changes {
		if c.Kind == store.ChangeDeleted {
			gone[c.Document] = true
		}
	}
	for _, c := range changes {
		if c.Kind != store.ChangeAdded {
			continue
		}
		if c.Document != documents {
			t.Errorf("document %d was added where %d was due", c.Document, documents)
		}
		documents++
		if gone[c.Document] {
			continue
		}
		if c.Row == nil {
			t.Errorf("document %d has no row", c.Document)
		}
		for _, id := range DecodeRow(c.Row) {
			if id >= uint32(len(entries)) {
				t.Errorf("document %d has component %d, and the dictionary %d entries", c.Document, id, len(entries))
			}
		}
		d := must(s.Documents(t.Context(), []uint32{c.Document}))(t)
		if len(d) != 1 || d[0].Seq != c.Seq || d[0].Artifact != c.Artifact || d[0].Tenant != c.Tenant {
			t.Fatalf("document %d: %+v does not go with %+v", c.Document, d, c)
		}
		o, err := s.Original(t.Context(), d[0].Tenant, d[0].Original)
		if err == nil && o.Texts.Line != 0 {
			_, err = s.Texts(t.Context(), o.Texts)
		}
		if err != nil {
			t.Errorf("document %d: %v", c.Document, err)
		}
	}
	if documents < p.Documents {
		t.Errorf("%d documents were assigned, and %d are in the sequence", p.Documents, documents)
	}
}
