package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/ledger"
)

// commitPatience is for how long the answer to a COMMIT is waited for: it covers a
// slow disk and synchronous replicas. The caller's cancellation does not end it,
// for an answer that was not waited for is one that is not known.
const commitPatience = 30 * time.Second

// LockCounter is ledger.Engine's.
func (*engine) LockCounter() string { return " FOR UPDATE" }

// ByIndex is ledger.Engine's: PostgreSQL counts what is in its tables.
func (*engine) ByIndex(string) string { return "" }

// Write is ledger.Engine's. What failed before its COMMIT was sent has changed
// nothing, and is tried anew.
func (e *engine) Write(ctx context.Context, f func(ledger.Tx) error) error {
	return e.patiently(ctx, func() error { return e.attempt(ctx, f) })
}

// patiently tries something again, with growing pauses, for as long as it says
// that it may be and the engine's patience lasts.
func (e *engine) patiently(ctx context.Context, try func() error) error {
	until := time.Now().Add(e.patience)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := try()
		if !errors.Is(err, store.ErrRetryLater) || time.Now().Add(pause).After(until) {
			return err
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return err
		}
	}
}

func (e *engine) attempt(ctx context.Context, f func(ledger.Tx) error) error {
	tx, err := e.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return classify("begin a change", err, false)
	}
	t := &transaction{engine: e, tx: tx}
	if err := f(t); err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = tx.Rollback(undo) // where this fails, the connection is closed, which rolls back too
		return err
	}
	commit, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitPatience)
	defer cancel()
	if err := tx.Commit(commit); err != nil {
		return classify("commit a change", err, true)
	}
	if t.wrote {
		e.hints.send()
	}
	return nil
}

// Read is ledger.Engine's: one snapshot for all statements.
func (e *engine) Read(ctx context.Context, f func(ledger.Tx) error) error {
	return e.patiently(ctx, func() error { return e.read(ctx, f) })
}

// ReadOne is ledger.Engine's.
func (e *engine) ReadOne(ctx context.Context, f func(ledger.Tx) error) error {
	return e.patiently(ctx, func() error { return f(&transaction{engine: e, tx: e.pool}) })
}

func (e *engine) read(ctx context.Context, f func(ledger.Tx) error) error {
	tx, err := e.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return classify("read the catalogue", err, false)
	}
	err = f(&transaction{engine: e, tx: tx})
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if undo := tx.Rollback(end); err == nil {
		err = classify("read the catalogue", undo, false)
	}
	return err
}

// transaction runs the ledger's statements.
type transaction struct {
	engine *engine
	tx     interface { // pgx.Tx, or the pool where a statement is a transaction by itself
		Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
		SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	}
	wrote bool // there is something that other servers may want to look at
}

func (t *transaction) Query(ctx context.Context, text string, args []any, each func(func(...any) error) error) error {
	rows, err := t.tx.Query(ctx, t.engine.number(text), args...)
	if err != nil {
		return classify("read the catalogue", err, false)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			var own *ident.Error
			if errors.As(err, &own) {
				return err
			}
			return classify("read the catalogue", err, false)
		}
	}
	return classify("read the catalogue", rows.Err(), false)
}

// Exec sends all statements at once and waits once.
func (t *transaction) Exec(ctx context.Context, list ...ledger.Statement) (int64, error) {
	t.wrote = true
	var batch pgx.Batch
	for _, s := range list {
		batch.Queue(t.engine.number(s.SQL), s.Args...)
	}
	results := t.tx.SendBatch(ctx, &batch)
	var touched int64
	for range list {
		tag, err := results.Exec()
		if err != nil {
			_ = results.Close() // the first error says what happened
			return 0, classify("write the catalogue", err, false)
		}
		touched = tag.RowsAffected()
	}
	return touched, classify("write the catalogue", results.Close(), false)
}

// number turns question marks into $1, $2, …; the ledger's statements have none in
// quotes.
func (e *engine) number(text string) string {
	if done, ok := e.numbered.Load(text); ok {
		return done.(string)
	}
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(text, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	done, _ := e.numbered.LoadOrStore(text, b.String())
	return done.(string)
}
