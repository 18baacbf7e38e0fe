package ledger

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Migration is one step of a schema. The database keeps the checksums of those
// that it went through.
type Migration struct {
	Version int // from 1, without gaps
	Name    string
	SQL     string
	Sum     string
	// Then is what SQL cannot do: it runs in the same transaction, behind SQL. May be nil.
	Then func(context.Context, Tx) error
}

// then are the migrations that go on in Go, by the name of their file.
func then(name string) func(context.Context, Tx) error {
	switch name {
	case "0002_dictionary.sql":
		return packDictionary
	case "0006_leaves.sql":
		return packStates
	}
	return nil
}

// packDictionary moves the entries of schema 1, a row each, into runs.
func packDictionary(ctx context.Context, tx Tx) error {
	const page = 32 * runEntries
	p, t := newPacker(), newTables()
	for from := int64(0); ; {
		var keys []string
		err := tx.Query(ctx, "SELECT id, name FROM component WHERE id >= ? ORDER BY id LIMIT ?", []any{from, int64(page)}, func(scan func(...any) error) error {
			var id int64
			var key []byte
			if err := scan(&id, &key); err != nil {
				return err
			}
			if id != from+int64(len(keys)) {
				return ident.Errorf(ident.KindFailure, "the dictionary has no entry %d", from+int64(len(keys))).WithHint("restore a backup")
			}
			keys = append(keys, string(key))
			return nil
		})
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			_, err := tx.Exec(ctx, Statement{SQL: "DROP TABLE component"})
			return err
		}
		dictionary, hashes := newRuns(p, &t, from, keys)
		if _, err := tx.Exec(ctx, hashes.statements(&t, dictionary.statements(nil))...); err != nil {
			return err
		}
		from += int64(len(keys))
	}
}

// Migrations reads the *.sql files of an engine, whose names begin with their
// number: 0001_catalogue.sql.
func Migrations(fsys fs.FS) ([]Migration, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	var list []Migration
	for i, name := range names { // fs.Glob sorts
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		if want := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(name, want) {
			return nil, ident.Errorf(ident.KindFailure, "migration %s should begin with %s", name, want)
		}
		sum := sha256.Sum256(b)
		list = append(list, Migration{Version: i + 1, Name: name, SQL: string(b), Sum: digestText(sum[:]), Then: then(name)})
	}
	return list, nil
}

// Schema is what Migrate needs of a database.
type Schema interface {
	// Applied returns the checksums of the migrations that the database went through, in
	// order; none for an empty one.
	Applied(ctx context.Context) ([]string, error)
	// Apply runs a migration and records its checksum in one transaction. Where another
	// process applied it meanwhile, it does nothing.
	Apply(ctx context.Context, m Migration) error
}

// Migrate brings a database to the last migration. It refuses one that a newer
// program wrote (store.ErrNewerSchema), and one whose migrations were others.
func Migrate(ctx context.Context, s Schema, list []Migration) error {
	applied, err := s.Applied(ctx)
	if err != nil {
		return err
	}
	if len(applied) > len(list) {
		return ident.Errorf(ident.KindUnsupported, "the database has schema %d and this program knows %d: %w", len(applied), len(list), store.ErrNewerSchema).
			WithHint("run the version of cofferdam that wrote it, or a newer one")
	}
	for i, sum := range applied {
		if sum != list[i].Sum {
			return ident.Errorf(ident.KindFailure, "the database went through another migration %d than this program's %s", i+1, list[i].Name).
				WithHint("the database was made by a changed program, or altered by hand; restore a backup")
		}
	}
	for _, m := range list[len(applied):] {
		if err := s.Apply(ctx, m); err != nil {
			return ident.Errorf(ident.KindFailure, "migration %s failed, and the database is as it was: %w", m.Name, err)
		}
	}
	return nil
}
