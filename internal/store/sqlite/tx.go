package sqlite

import (
	"context"
	"database/sql"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/ledger"
)

// LockCounter is ledger.Engine's: BEGIN IMMEDIATE lets one transaction write at a
// time, also among processes.
func (*engine) LockCounter() string { return "" }

// ByIndex is ledger.Engine's: without statistics SQLite takes the key that has the order
// of the answer, and reads all of a table for a few rows.
func (*engine) ByIndex(name string) string { return " INDEXED BY " + name }

// Write is ledger.Engine's. Statements run without the caller's cancellation,
// which is looked at between them: an interrupted statement would leave the
// connection to be cleaned up, and each is bounded.
func (e *engine) Write(ctx context.Context, f func(ledger.Tx) error) (err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed.Load() {
		return ident.Errorf(ident.KindFailure, "%w", store.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	whole := context.WithoutCancel(ctx)
	if err := e.run(whole, "BEGIN IMMEDIATE"); err != nil {
		return explain("begin a change", err, false)
	}
	done := false
	defer func() {
		if !done { // f failed or panicked
			if undo := e.run(whole, "ROLLBACK"); undo != nil && err == nil {
				err = undo
			}
		}
	}()
	if err := f(writing{e}); err != nil {
		return err
	}
	if err := e.run(whole, "COMMIT"); err != nil {
		return explain("commit a change", err, true)
	}
	done = true
	return nil
}

// prepare returns the writing connection's statement.
func (e *engine) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := e.statements[text]; s != nil {
		return s, nil
	}
	s, err := e.conn.PrepareContext(ctx, text)
	if err == nil {
		e.statements[text] = s
	}
	return s, err
}

func (e *engine) run(ctx context.Context, text string, args ...any) error {
	s, err := e.prepare(ctx, text)
	if err == nil {
		_, err = s.ExecContext(ctx, args...)
	}
	return err
}

// writing is the transaction of the writing connection.
type writing struct{ *engine }

func (t writing) Query(ctx context.Context, text string, args []any, each func(func(...any) error) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	whole := context.WithoutCancel(ctx)
	s, err := t.prepare(whole, text)
	if err != nil {
		return explain("read the catalogue", err, false)
	}
	rows, err := s.QueryContext(whole, args...)
	if err != nil {
		return explain("read the catalogue", err, false)
	}
	return scanAll(rows, each)
}

func (t writing) Exec(ctx context.Context, list ...ledger.Statement) (int64, error) {
	whole := context.WithoutCancel(ctx)
	var touched int64
	for _, st := range list {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		s, err := t.prepare(whole, st.SQL)
		if err != nil {
			return 0, explain("write the catalogue", err, false)
		}
		r, err := s.ExecContext(whole, st.Args...)
		if err != nil {
			return 0, explain("write the catalogue", err, false)
		}
		if touched, err = r.RowsAffected(); err != nil {
			return 0, err
		}
	}
	return touched, nil
}

func scanAll(rows *sql.Rows, each func(func(...any) error) error) error {
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			_ = rows.Close() // the scan's error says more
			return err
		}
	}
	if err := rows.Err(); err != nil {
		_ = rows.Close() // as above
		return explain("read the catalogue", err, false)
	}
	return rows.Close()
}
