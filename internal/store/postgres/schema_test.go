package postgres

import (
	"errors"
	"io/fs"
	"path"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
	"github.com/cofferdam-io/cofferdam/internal/testenv/pg"
)

// steps returns the first n migrations of the program, all of them for -1, and one
// more where text is not empty.
func steps(t *testing.T, n int, text string) (fs.FS, int) {
	t.Helper()
	own := must(fs.Glob(migrations, "migrations/*.sql"))(t)
	if n < 0 {
		n = len(own)
	}
	m := fstest.MapFS{}
	for _, name := range own[:n] {
		m[path.Base(name)] = &fstest.MapFile{Data: must(migrations.ReadFile(name))(t)}
	}
	if text != "" {
		m["000"+string(rune('1'+n))+"_more.sql"] = &fstest.MapFile{Data: []byte(text)}
	}
	return m, len(own)
}

func TestMigrations(t *testing.T) {
	server := pg.Start(t)
	open := func(dsn string, s fs.FS) (*Store, error) {
		return Open(t.Context(), dsn, Options{Coding: coding, steps: s})
	}
	_, versions := steps(t, -1, "")
	for from := 0; from <= versions; from++ {
		dsn := server.Database(t)
		if from > 0 {
			earlier, _ := steps(t, from, "")
			if err := must(open(dsn, earlier))(t).Close(); err != nil {
				t.Fatal(err)
			}
		}
		s := openAt(t, dsn, coding)
		storetest.Commit(t, s, storetest.Doc(1, "a"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		bad, _ := steps(t, -1, "CREATE TABLE half (a BIGINT); CREATE TABLE document (a BIGINT);")
		if _, err := open(dsn, bad); err == nil {
			t.Fatal("a migration that fails was applied")
		}
		good, _ := steps(t, -1, "CREATE TABLE half (a BIGINT); ALTER TABLE document ADD COLUMN extra TEXT;")
		s = must(open(dsn, good))(t)
		storetest.Commit(t, s, storetest.Doc(2, "a"))
		storetest.Whole(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := open(dsn, nil); !errors.Is(err, store.ErrNewerSchema) {
			t.Errorf("a newer schema: %v", err)
		}
	}
	// The entries of schema 1's dictionary, a row each, are all there.
	dsn := server.Database(t)
	first, _ := steps(t, 1, "")
	s := must(open(dsn, first))(t)
	storetest.FirstSchema(t, s.engine.Write)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dsn, coding)
	storetest.Migrated(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Replicas that start at once.
	dsn = server.Database(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			s, err := open(dsn, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s = openAt(t, dsn, coding)
	storetest.Whole(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
