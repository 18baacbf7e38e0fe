package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
)

var coding = store.Coding{Encode: storetest.EncodeRow}

// steps returns the first n migrations of the program, and more behind them.
func steps(t *testing.T, n int, more map[string]string) fs.FS {
	t.Helper()
	own, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	m := fstest.MapFS{}
	for _, name := range own[:n] {
		b, err := migrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m[filepath.Base(name)] = &fstest.MapFile{Data: b}
	}
	for name, text := range more {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func count(t *testing.T) int {
	own, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(own) == 0 {
		t.Fatal("there are no migrations", err)
	}
	return len(own)
}

// A database of every earlier version is brought to this one, and one of this
// version, with documents in it, to a next one.
func TestMigrateFromEveryVersion(t *testing.T) {
	for from := 0; from <= count(t); from++ {
		dir := t.TempDir()
		if from > 0 {
			if s, err := Open(t.Context(), dir, Options{Coding: coding, steps: steps(t, from, nil)}); err != nil {
				t.Fatal(err)
			} else if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		s := openIn(t, dir, coding)
		storetest.Commit(t, s, storetest.Doc(1, "a"))
		storetest.Whole(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	s := openIn(t, dir, coding)
	storetest.Commit(t, s, storetest.Doc(1, "a"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	n := count(t)
	next := steps(t, n, map[string]string{name(n+1, "later"): "ALTER TABLE document ADD COLUMN extra TEXT; CREATE INDEX document_extra ON document (extra);"})
	s, err := Open(t.Context(), dir, Options{Coding: coding, steps: next})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Commit(t, s, storetest.Doc(2, "a"))
	storetest.Whole(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// This program is now the older one.
	if _, err := Open(t.Context(), dir, Options{Coding: coding}); !errors.Is(err, store.ErrNewerSchema) || ident.KindOf(err) != ident.KindUnsupported {
		t.Errorf("a newer schema: %v", err)
	}
}

// The entries of schema 1, a row each, are all there afterwards, with their ids, and
// are found by their keys.
func TestMigrateDictionary(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{Coding: coding, steps: steps(t, 1, nil)})
	if err != nil {
		t.Fatal(err)
	}
	storetest.FirstSchema(t, s.engine.Write)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openIn(t, dir, coding)
	storetest.Migrated(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func name(n int, what string) string { return "000" + string(rune('0'+n)) + "_" + what + ".sql" }

func TestFailedMigrationLeavesNothing(t *testing.T) {
	dir, n := t.TempDir(), count(t)
	s := openIn(t, dir, coding)
	storetest.Commit(t, s, storetest.Doc(1, "a"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	bad := steps(t, n, map[string]string{name(n+1, "bad"): "CREATE TABLE half (a INTEGER); CREATE TABLE document (a INTEGER);"})
	if _, err := Open(t.Context(), dir, Options{Coding: coding, steps: bad}); err == nil {
		t.Fatal("a migration that fails was applied")
	}
	good := steps(t, n, map[string]string{name(n+1, "good"): "CREATE TABLE half (a INTEGER);"})
	s, err := Open(t.Context(), dir, Options{Coding: coding, steps: good})
	if err != nil {
		t.Fatalf("the failed migration left something: %v", err)
	}
	storetest.Whole(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	changed := steps(t, n, map[string]string{name(n+1, "good"): "CREATE TABLE half (b INTEGER);"})
	if _, err := Open(t.Context(), dir, Options{Coding: coding, steps: changed}); err == nil || errors.Is(err, store.ErrNewerSchema) {
		t.Errorf("another migration of the same number: %v", err)
	}
	if _, err := Open(t.Context(), t.TempDir(), Options{Coding: coding, steps: fstest.MapFS{"0002_x.sql": {}}}); err == nil {
		t.Error("migrations with a gap were applied")
	}
}

func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, File))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE somebody (s TEXT)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, Options{Coding: coding}); ident.KindOf(err) != ident.KindInvalid {
		t.Errorf("somebody else's database: %v", err)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, File), []byte("this is no database, and long enough to be looked at as one: "+string(make([]byte, 200))), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, Options{Coding: coding}); err == nil {
		t.Error("a file that is no database was opened")
	}
}

func TestFilesAreTheOwners(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := openIn(t, dir, coding)
	storetest.Commit(t, s, storetest.Doc(1))
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A full disk refuses a document; nothing acknowledged is lost, and with room
// again it goes on.
func TestDiskFull(t *testing.T) {
	s := openIn(t, t.TempDir(), coding)
	limit := func(pages int) {
		t.Helper()
		var n int
		if err := s.engine.conn.QueryRowContext(t.Context(), "PRAGMA max_page_count = "+strconv.Itoa(pages)).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	limit(100)
	var acks []storetest.Ack
	var n uint64
	for ; n < 1000; n++ {
		r, err := s.Commit(t.Context(), []store.Intake{storetest.Numbered(n)})
		if err != nil {
			if !errors.Is(err, store.ErrRetryLater) {
				t.Fatalf("the disk is full: %v", err)
			}
			break
		}
		acks = append(acks, storetest.Ack{Number: n, Document: r[0].Document})
	}
	if len(acks) == 0 || n == 1000 {
		t.Fatalf("%d documents fit", n)
	}
	storetest.Acknowledged(t, s, acks)
	limit(100000)
	storetest.Commit(t, s, storetest.Numbered(n))
	storetest.Acknowledged(t, s, acks)
	storetest.Whole(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Two stores on one folder take turns.
func TestTwoStoresOnOneFolder(t *testing.T) {
	dir := t.TempDir()
	a, b := openIn(t, dir, coding), openIn(t, dir, coding)
	done := make(chan error, 2)
	for w, s := range []*Store{a, b} {
		go func() {
			for i := range 20 {
				if _, err := s.Commit(context.Background(), []store.Intake{storetest.Numbered(uint64(i*2 + w)), storetest.Numbered(uint64(1000 + i))}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	storetest.Whole(t, a)
	if p, err := b.Position(t.Context()); err != nil || p.Documents != 60 {
		t.Errorf("%+v, %v", p, err)
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
}

// What is asked of one subject is found by its index, however many states of the kind there
// are: without it the question cannot be asked.
func TestStatesBySubjectNeedTheirIndex(t *testing.T) {
	s := openIn(t, t.TempDir(), coding)
	defer s.Close() //nolint:errcheck // nothing was written
	for _, q := range []store.StateQuery{{}, {History: true}, {At: time.Unix(5, 0)}, {Scope: "prod"}, {After: &store.State{Scope: "a"}}} {
		q.Kind, q.Subject, q.Limit = store.StateRuns, storetest.Manifest(1).String(), 10
		if _, err := s.States(t.Context(), q); err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
	}
	if _, err := s.engine.conn.ExecContext(t.Context(), "DROP INDEX state_subject"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.States(t.Context(), store.StateQuery{Kind: store.StateRuns, Subject: storetest.Manifest(1).String(), History: true, Limit: 10}); err == nil || !strings.Contains(err.Error(), "state_subject") {
		t.Errorf("without the index: %v", err)
	}
}
