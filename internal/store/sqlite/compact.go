package sqlite

import (
	"context"
	"database/sql"
	"errors"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Compacted is what Compact did to the file.
type Compacted struct {
	Before, After int64 // bytes of the catalogue, whole pages
	// Waits is true where somebody read the old pages to the end: the file becomes as
	// small as After once the log is moved into it, which a server does as it goes on.
	Waits bool
}

// compactTries is how often Compact asks for the right to write, each time for a second:
// between them it looks whether it is still wanted.
const compactTries = 60

// Compact writes the file anew without the pages that nothing is in any more, such as
// those of purged documents, and gives their room back to the file system. It is one
// transaction: whoever reads goes on, whoever writes waits for it and is told to come
// again (store.ErrRetryLater) where that takes more than ten seconds, and what breaks off
// leaves the catalogue as it was. It needs room for two copies of what is left: one in
// the data folder, one where SQLite keeps temporary files (SQLITE_TMPDIR, TMPDIR).
func (s *Store) Compact(ctx context.Context) (c Compacted, err error) {
	db, err := sql.Open("sqlite", s.engine.name("synchronous("+s.engine.sync+")", "journal_size_limit(67108864)"))
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err == nil {
		c, err = compact(ctx, conn)
		err = errors.Join(err, conn.Close())
	}
	if err != nil && ctx.Err() != nil {
		return Compacted{}, ident.Errorf(ident.KindFailure, "compacting was given up, and the catalogue is as it was: %w", context.Cause(ctx))
	}
	return c, explain("compact the catalogue", err, true)
}

func compact(ctx context.Context, conn *sql.Conn) (c Compacted, err error) {
	// The other connections keep temporary tables in memory, which here would be the whole
	// catalogue.
	for _, q := range []string{"PRAGMA busy_timeout = 1000", "PRAGMA temp_store = FILE"} {
		if _, err = conn.ExecContext(ctx, q); err != nil {
			return c, err
		}
	}
	const size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
	if err = conn.QueryRowContext(ctx, size).Scan(&c.Before); err != nil {
		return c, err
	}
	for range compactTries {
		if _, err = conn.ExecContext(ctx, "VACUUM"); !isBusy(err) || ctx.Err() != nil {
			break
		}
	}
	if err == nil {
		err = conn.QueryRowContext(ctx, size).Scan(&c.After)
	}
	if err != nil {
		return c, err
	}
	var log, moved int64
	return c, conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&c.Waits, &log, &moved)
}

// isBusy reports whether another connection holds what was asked for.
func isBusy(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}
