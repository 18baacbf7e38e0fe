package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
)

// emptied puts documents into quarantine, from a number on, and drops them: what they had
// is room that nothing is in.
func emptied(t *testing.T, s *Store, from, n uint64) {
	t.Helper()
	var ids []uint64
	for i := range n {
		in := storetest.Numbered(from + i)
		in.Rejected = "for the test"
		ids = append(ids, storetest.Commit(t, s, in)[0].Rejected)
	}
	if got, err := s.DropRejected(t.Context(), storetest.By(10), ids); err != nil || got != len(ids) {
		t.Fatalf("dropped %d of %d, %v", got, n, err)
	}
}

// purged takes documents in, from a number on, and purges them.
func purged(t *testing.T, s *Store, from, n uint64) {
	t.Helper()
	var ids []uint32
	for i := range n {
		ids = append(ids, storetest.Commit(t, s, storetest.Numbered(from+i))[0].Document)
	}
	if _, err := s.Delete(t.Context(), storetest.By(10), ids); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Purge(t.Context(), storetest.By(11), 1<<62); err != nil || got != len(ids) {
		t.Fatalf("purged %d of %d, %v", got, n, err)
	}
}

// freePages is how many pages of the file nothing is in.
func freePages(t *testing.T, s *Store) (n int) {
	t.Helper()
	if err := s.engine.conn.QueryRowContext(t.Context(), "PRAGMA freelist_count").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A catalogue whose documents were purged gives their room back, while others come in and are
// read, and loses nothing.
func TestCompactUnderLoad(t *testing.T) {
	dir := t.TempDir()
	s := openIn(t, dir, store.Coding{Encode: storetest.EncodeRow})
	purged(t, s, 1<<30, 300)
	free := freePages(t, s)
	g := store.NewGroup(s, store.GroupOptions{})
	acked, stop := uploading(t, g)
	// As cofferdam catalogue compact does: beside the server, by another connection.
	other := openIn(t, dir, store.Coding{Encode: storetest.EncodeRow})
	c, err := other.Compact(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stop()
	// How large the file is says nothing: what comes in meanwhile makes it larger.
	if left := freePages(t, s); free < 300 || left > free/10 {
		t.Errorf("of %d pages that nothing was in %d are left: %+v", free, left, c)
	}
	storetest.Acknowledged(t, s, acked())
	if a, err := s.Audit(t.Context()); err != nil || a.Purged != 300 {
		t.Errorf("%+v, %v", a, err)
	}
	again, err := other.Compact(t.Context()) // nothing is written meanwhile
	if err != nil || again.Waits || again.After > again.Before {
		t.Errorf("%+v, %v", again, err)
	}
	if st, err := os.Stat(filepath.Join(dir, File)); err != nil || st.Size() != again.After {
		t.Errorf("the file has %d bytes, want %d, %v", st.Size(), again.After, err)
	}
	if err := errors.Join(other.Close(), g.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	back := openIn(t, dir, store.Coding{Encode: storetest.EncodeRow})
	integrity(t, back)
	storetest.Acknowledged(t, back, acked())
	storetest.Commit(t, back, storetest.Numbered(1<<40))
	if _, err := back.Audit(t.Context()); err != nil {
		t.Error(err)
	}
	if err := back.Close(); err != nil {
		t.Fatal(err)
	}
}

// Whoever gives up while the file is written anew has the catalogue as it was.
func TestCompactIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	s := openIn(t, dir, store.Coding{Encode: storetest.EncodeRow})
	for n := range uint64(20) {
		storetest.Commit(t, s, storetest.Numbered(n))
	}
	emptied(t, s, 1000, 50)
	// Somebody else writes: it waits for them.
	if _, err := s.engine.conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	begun := time.Now()
	if _, err := s.Compact(ctx); err == nil || !strings.Contains(err.Error(), "the catalogue is as it was") {
		t.Errorf("nobody wants it any more: %v", err)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("it was given up after %v", took)
	}
	if _, err := s.engine.conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	storetest.Whole(t, s)
	c, err := s.Compact(t.Context())
	if err != nil || c.After >= c.Before {
		t.Errorf("%+v, %v", c, err)
	}
	integrity(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
