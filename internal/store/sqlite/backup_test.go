package sqlite

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
)

// uploading puts documents into a group from several goroutines until stop is called, which
// waits for them. It returns once some are acknowledged; acked are those that are so far.
func uploading(t *testing.T, g *store.Group) (acked func() []storetest.Ack, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var list []storetest.Ack
	var wg sync.WaitGroup
	first := make(chan struct{})
	var once sync.Once
	for w := range uint64(4) {
		wg.Go(func() {
			for n := w; ctx.Err() == nil; {
				r, err := g.Put(t.Context(), storetest.Numbered(n))
				if errors.Is(err, store.ErrRetryLater) {
					continue
				}
				if err != nil {
					t.Error(err)
					once.Do(func() { close(first) })
					return
				}
				mu.Lock()
				if list = append(list, storetest.Ack{Number: n, Document: r.Document}); len(list) > 20 {
					once.Do(func() { close(first) })
				}
				mu.Unlock()
				n += 4
			}
		})
	}
	<-first
	acked = func() []storetest.Ack {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}
	return acked, func() { cancel(); wg.Wait() }
}

// A backup that is taken while documents come in is one moment of the catalogue:
// all that was acknowledged before it began, and nothing half.
func TestBackupUnderLoad(t *testing.T) {
	dir := t.TempDir()
	s := openIn(t, dir, store.Coding{Encode: storetest.EncodeRow})
	g := store.NewGroup(s, store.GroupOptions{})
	acked, stop := uploading(t, g)
	before := acked()
	var backup bytes.Buffer
	if err := s.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := errors.Join(g.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "backup-*")); err != nil || len(left) > 0 {
		t.Errorf("the backup left %v, %v", left, err)
	}

	fresh := filepath.Join(t.TempDir(), "restored")
	if err := Restore(t.Context(), fresh, bytes.NewReader(backup.Bytes())); err != nil {
		t.Fatal(err)
	}
	back := openIn(t, fresh, store.Coding{Encode: storetest.EncodeRow})
	storetest.Acknowledged(t, back, before)
	storetest.Tail(t, back, evidence.Head{})
	integrity(t, back)
	// And it goes on from there.
	storetest.Commit(t, back, storetest.Numbered(1<<40))
	storetest.Whole(t, back)
	if err := back.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), fresh, bytes.NewReader(backup.Bytes())); ident.KindOf(err) != ident.KindRefused {
		t.Errorf("restored over a catalogue: %v", err)
	}
	if entries, err := os.ReadDir(fresh); err != nil || len(entries) != 1 {
		t.Errorf("the restored folder has %v, %v", entries, err)
	}
}

func TestRestoreRefusesDamage(t *testing.T) {
	s := openIn(t, t.TempDir(), store.Coding{Encode: storetest.EncodeRow})
	for n := range uint64(20) {
		storetest.Commit(t, s, storetest.Numbered(n))
	}
	var backup bytes.Buffer
	if err := s.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	journal := bytes.Index(backup.Bytes(), []byte("ci@example.test"))
	for what, b := range map[string][]byte{
		"nothing":          {},
		"another file":     []byte("not a database, not at all"),
		"half of it":       backup.Bytes()[:backup.Len()/2],
		"a changed record": bytes.Replace(backup.Bytes(), []byte("document.add"), []byte("document.ADD"), 1),
	} {
		dir := filepath.Join(t.TempDir(), "d")
		if err := Restore(t.Context(), dir, bytes.NewReader(b)); err == nil {
			t.Errorf("%s was restored", what)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%s left %v, %v", what, entries, err)
		}
	}
	if journal < 0 {
		t.Error("the backup does not hold the journal")
	}
	if err := Restore(t.Context(), t.TempDir(), io.MultiReader(bytes.NewReader(backup.Bytes()[:100]), broken{})); err == nil {
		t.Error("a backup that broke off was restored")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the pipe broke") }
