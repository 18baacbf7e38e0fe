package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	driver "modernc.org/sqlite" // also registers itself with database/sql

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/ledger"
)

// File is the name of the database in its folder.
const File = "catalogue.db"

// applicationID marks the file as ours ("Cfdm"), so that no other SQLite file is
// taken for a catalogue.
const applicationID = 0x4366646d

// pageSize is SQLite's own. Sizes from 4 to 32 KiB took the same time for originals
// of 30 kB (docs/design/store.md), and a commit writes every leaf that it touched
// whole: the tables of names, whose keys are hashes, touch one for each name.
const pageSize = 4096

// walPages is after how many pages of log a commit also moves them into the file:
// 32 MiB, some thousand documents.
const walPages = 4096

//go:embed migrations/*.sql
var migrations embed.FS

// Options are how a store is opened.
type Options struct {
	store.Coding
	Readers int    // concurrent readers; 0: as many as there are processors, at least 4
	vfs     string // tests name a file system of their own
	sync    string // tests turn durability off to show that it is needed
	steps   fs.FS  // tests bring other migrations
	pages   int    // tests move the log into the file more often than after walPages
}

// Store is a catalogue in a folder.
type Store struct {
	*ledger.Ledger
	engine *engine
}

// Open opens the catalogue in a folder, and makes both where they are missing. The
// folder is only for its owner.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, ident.Errorf(ident.KindFailure, "the data folder %s cannot be made: %w", dir, err)
	}
	path, err := filepath.Abs(filepath.Join(dir, File))
	if err != nil {
		return nil, err
	}
	// SQLite gives its log and its shared memory the mode of the file.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- the folder is the operator's choice
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "the catalogue cannot be opened: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	e, err := open(ctx, path, o)
	if err != nil {
		return nil, err
	}
	l, err := ledger.New(e, o.Coding)
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	return &Store{Ledger: l, engine: e}, nil
}

// Close is store.Store's.
func (s *Store) Close() error { return s.engine.close() }

// engine is one connection that writes and a pool that reads.
type engine struct {
	path  string
	name  func(pragmas ...string) string // of a further connection
	sync  string                         // how durable a commit is: "FULL", but for tests
	write *sql.DB
	read  *readers

	mu         sync.Mutex // held by the transaction that writes
	conn       *sql.Conn
	statements map[string]*sql.Stmt // of conn; their number is bounded by ledger's chunks
	closed     atomic.Bool
}

func open(ctx context.Context, path string, o Options) (_ *engine, err error) {
	if o.sync == "" {
		o.sync = "FULL"
	}
	if o.pages == 0 {
		o.pages = walPages
	}
	if o.Readers <= 0 {
		o.Readers = max(4, runtime.NumCPU())
	}
	e := &engine{path: path, sync: o.sync, statements: map[string]*sql.Stmt{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	common := url.Values{"_pragma": {"busy_timeout(10000)", "temp_store(MEMORY)"}}
	if o.vfs != "" {
		common.Set("vfs", o.vfs)
	}
	e.name = func(more ...string) string {
		q := url.Values{"_pragma": append(append([]string{}, common["_pragma"]...), more...)}
		if v := common.Get("vfs"); v != "" {
			q.Set("vfs", v)
		}
		return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
	}
	e.write, err = sql.Open("sqlite", e.name("page_size("+strconv.Itoa(pageSize)+")", "journal_mode(WAL)", "synchronous("+o.sync+")",
		"wal_autocheckpoint("+strconv.Itoa(o.pages)+")", "journal_size_limit(67108864)", "cache_size(-65536)", "foreign_keys(0)"))
	if err != nil {
		return e, err
	}
	e.write.SetMaxOpenConns(1)
	if e.conn, err = e.write.Conn(ctx); err != nil {
		return e, explain("open the catalogue", err, false)
	}
	if err = e.check(ctx, o); err != nil {
		return e, err
	}
	steps := o.steps
	if steps == nil {
		if steps, err = fs.Sub(migrations, "migrations"); err != nil {
			return e, err
		}
	}
	list, err := ledger.Migrations(steps)
	if err != nil {
		return e, err
	}
	if err = ledger.Migrate(ctx, schema{e}, list); err != nil {
		return e, err
	}
	db, err := sql.Open("sqlite", e.name("query_only(1)", "cache_size(-16384)"))
	if err != nil {
		return e, err
	}
	e.read = newReaders(db, o.Readers)
	return e, nil
}

// check refuses a file of somebody else, and a file system on which the log or
// its durability could not be had: durability is asked for and then asserted.
func (e *engine) check(ctx context.Context, o Options) error {
	var id, tables, sync int64
	var mode string
	for _, q := range []struct {
		sql  string
		into any
	}{
		{"PRAGMA application_id", &id}, {"SELECT COUNT(*) FROM sqlite_schema", &tables},
		{"PRAGMA journal_mode", &mode}, {"PRAGMA synchronous", &sync},
	} {
		if err := e.conn.QueryRowContext(ctx, q.sql).Scan(q.into); err != nil {
			return explain("open the catalogue", err, false)
		}
	}
	switch {
	case id != applicationID && (id != 0 || tables != 0):
		return ident.Errorf(ident.KindInvalid, "%s is not a catalogue of cofferdam", File).WithHint("name another data folder")
	case mode != "wal":
		return ident.Errorf(ident.KindUnsupported, "the data folder's file system cannot hold a write-ahead log (journal mode %s)", mode).
			WithHint("use a local file system, or PostgreSQL")
	case sync < 2 && o.sync == "FULL":
		return ident.Errorf(ident.KindFailure, "SQLite did not accept synchronous=FULL")
	}
	return nil
}

func (e *engine) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Swap(true) {
		return nil
	}
	var errs []error
	for _, s := range e.statements {
		errs = append(errs, s.Close())
	}
	// Readers first: the last connection to close moves the log into the file.
	if e.read != nil {
		errs = append(errs, e.read.close())
	}
	if e.conn != nil {
		errs = append(errs, e.conn.Close())
	}
	if e.write != nil {
		errs = append(errs, e.write.Close())
	}
	return errors.Join(errs...)
}

// schema migrates through the writing connection.
type schema struct{ *engine }

func (s schema) Applied(ctx context.Context) ([]string, error) {
	// The user_version counts migrations; their checksums are a table that the first
	// Apply makes.
	var n int64
	if err := s.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&n); err != nil {
		return nil, explain("read the schema", err, false)
	}
	if n == 0 {
		return nil, nil
	}
	rows, err := s.conn.QueryContext(ctx, "SELECT sum FROM migration ORDER BY version")
	if err != nil {
		return nil, explain("read the schema", err, false)
	}
	defer rows.Close()
	var sums []string
	for rows.Next() {
		var sum string
		if err := rows.Scan(&sum); err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if int64(len(sums)) != n {
		return nil, ident.Errorf(ident.KindFailure, "the database has schema %d and the checksums of %d migrations", n, len(sums)).WithHint("restore a backup")
	}
	return sums, nil
}

func (s schema) Apply(ctx context.Context, m ledger.Migration) error {
	return s.Write(ctx, func(tx ledger.Tx) error {
		var n int64
		if err := s.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&n); err != nil || n >= int64(m.Version) {
			return err
		}
		for _, sql := range []string{
			"PRAGMA application_id = " + strconv.Itoa(applicationID),
			"CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, sum TEXT NOT NULL)",
			m.SQL,
			"PRAGMA user_version = " + strconv.Itoa(m.Version),
		} {
			if _, err := s.conn.ExecContext(ctx, sql); err != nil {
				return err
			}
		}
		if m.Then != nil {
			if err := m.Then(ctx, tx); err != nil {
				return err
			}
		}
		_, err := s.conn.ExecContext(ctx, "INSERT INTO migration (version, name, sum) VALUES (?, ?, ?)", m.Version, m.Name, m.Sum)
		return err
	})
}

// explain turns an error of SQLite into the class that says what to do. commit is
// set where the commit itself failed.
func explain(what string, err error, commit bool) error {
	var e *driver.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	const busy, locked, ioerr, corrupt, full, notadb = 5, 6, 10, 11, 13, 26
	out := ident.Errorf(ident.KindFailure, "could not %s: %w", what, err)
	class := func(c error) error {
		return &ident.Error{Kind: ident.KindFailure, Message: out.Message, Hint: out.Hint, Err: fmt.Errorf("%w: %w", c, err)}
	}
	switch e.Code() & 0xff {
	case busy, locked:
		out = out.WithHint("another process holds the catalogue")
		return class(store.ErrRetryLater)
	case full:
		out = out.WithHint("the disk is full: free space in the data folder")
		return class(store.ErrRetryLater)
	case ioerr:
		out = out.WithHint("the disk reports an error: look at the system's log")
		if commit {
			return class(store.ErrUnknownOutcome)
		}
		return class(store.ErrRetryLater)
	case corrupt, notadb:
		return out.WithHint("the file is damaged: restore a backup")
	}
	return out
}
