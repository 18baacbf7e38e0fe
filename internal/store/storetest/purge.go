package storetest

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

func purge(t *testing.T, s store.Store, _ *Dictionary) {
	shared := Doc(1, "a")
	shared.Subject.Build = "other"
	Commit(t, s, Doc(1, "a"), shared, Doc(2, "b"), Doc(3, "c"))
	must(s.Delete(t.Context(), By(10), []uint32{0, 2}))(t)
	through := must(s.Position(t.Context()))(t).Seq
	must(s.Delete(t.Context(), By(11), []uint32{3}))(t)
	if n := must(s.Purge(t.Context(), By(12), through, 0, 2))(t); n != 0 || len(must(s.Documents(t.Context(), []uint32{0, 2}))(t)) != 2 {
		t.Errorf("purged %d of those that are kept", n)
	}
	if n := must(s.Purge(t.Context(), By(12), through))(t); n != 2 {
		t.Errorf("purged %d", n)
	}
	if d := must(s.Documents(t.Context(), []uint32{0, 1, 2, 3}))(t); len(d) != 2 || d[0].ID != 1 || d[1].ID != 3 {
		t.Errorf("left are %+v", d)
	}
	if _, err := s.Original(t.Context(), "acme", Doc(1).Original); err != nil {
		t.Errorf("bytes that another document has: %v", err)
	}
	if _, err := s.Original(t.Context(), "acme", Doc(2).Original); ident.KindOf(err) != ident.KindNotFound {
		t.Errorf("bytes that nobody has: %v", err)
	}
	c := Changes(t, s, 0)
	if c[0].Kind != store.ChangeAdded || c[0].Row != nil || c[4].Kind != store.ChangeDeleted {
		t.Errorf("changes of a purged document: %+v", c)
	}
	if r := Commit(t, s, Doc(2, "b"))[0]; r.Duplicate || r.Artifact != 1 {
		t.Errorf("taken in anew: %+v", r)
	}
	// More than one step of documents that are kept hides none behind them.
	var many []store.Intake
	var keep []uint32
	for i := range 520 {
		many = append(many, Doc(100+i))
	}
	for _, r := range Commit(t, s, many...) {
		keep = append(keep, r.Document)
	}
	must(s.Delete(t.Context(), By(20), keep))(t)
	last := keep[len(keep)-1]
	if n := must(s.Purge(t.Context(), By(21), 1<<62, keep[:len(keep)-1]...))(t); n != 2 { // and what was deleted before
		t.Errorf("purged %d behind those that are kept", n)
	}
	if d := must(s.Documents(t.Context(), []uint32{keep[0], last}))(t); len(d) != 1 || d[0].ID != keep[0] {
		t.Errorf("left are %+v", d)
	}
}
