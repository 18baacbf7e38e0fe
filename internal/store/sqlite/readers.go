package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/ledger"
)

// readers are the connections that read. Each keeps its statements prepared: parsing
// one costs more than running most.
type readers struct {
	db    *sql.DB
	turns chan struct{} // one for each reading transaction under way

	mu   sync.Mutex
	idle []*reader
}

// reader is one connection that reads.
type reader struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt // their number is bounded by ledger's chunks
}

func newReaders(db *sql.DB, n int) *readers {
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return &readers{db: db, turns: make(chan struct{}, n)}
}

// take returns a reader that nobody else has; give gives it back.
func (p *readers) take(ctx context.Context) (*reader, error) {
	select {
	case p.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		r := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return r, nil
	}
	p.mu.Unlock()
	conn, err := p.db.Conn(ctx)
	if err != nil {
		<-p.turns
		return nil, explain("read the catalogue", err, false)
	}
	return &reader{conn: conn, statements: map[string]*sql.Stmt{}}, nil
}

func (p *readers) give(r *reader, whole bool) {
	if whole {
		p.mu.Lock()
		p.idle = append(p.idle, r)
		p.mu.Unlock()
	} else {
		_ = r.close() // it could not even end its transaction, and that error is told
	}
	<-p.turns
}

// close waits for who reads.
func (p *readers) close() error {
	for range cap(p.turns) {
		p.turns <- struct{}{}
	}
	var errs []error
	for _, r := range p.idle {
		errs = append(errs, r.close())
	}
	p.idle = nil
	for range cap(p.turns) {
		<-p.turns
	}
	return errors.Join(append(errs, p.db.Close())...)
}

func (r *reader) close() error {
	var errs []error
	for _, s := range r.statements {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, r.conn.Close())...)
}

func (r *reader) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := r.statements[text]; s != nil {
		return s, nil
	}
	s, err := r.conn.PrepareContext(ctx, text)
	if err == nil {
		r.statements[text] = s
	}
	return s, err
}

func (r *reader) run(ctx context.Context, text string) error {
	s, err := r.prepare(ctx, text)
	if err == nil {
		_, err = s.ExecContext(ctx)
	}
	return explain("read the catalogue", err, false)
}

// Read is ledger.Engine's. As in Write, the caller's cancellation is looked at
// between statements and rows.
func (e *engine) Read(ctx context.Context, f func(ledger.Tx) error) error {
	return e.reading(ctx, func(r *reader) (whole bool, err error) {
		all := context.WithoutCancel(ctx)
		if err := r.run(all, "BEGIN"); err != nil {
			return false, err
		}
		err = f(reading{r})
		end := r.run(all, "COMMIT") // nothing was written: it lets go of the snapshot
		if err == nil {
			err = end
		}
		return end == nil, err
	})
}

// ReadOne is ledger.Engine's.
func (e *engine) ReadOne(ctx context.Context, f func(ledger.Tx) error) error {
	return e.reading(ctx, func(r *reader) (whole bool, err error) {
		err = f(reading{r})
		return err == nil, err
	})
}

// reading calls f with a connection; whole says that it can be used again.
func (e *engine) reading(ctx context.Context, f func(*reader) (whole bool, err error)) error {
	if e.closed.Load() {
		return ident.Errorf(ident.KindFailure, "%w", store.ErrClosed)
	}
	r, err := e.read.take(ctx)
	if err != nil {
		if e.closed.Load() {
			err = ident.Errorf(ident.KindFailure, "%w", store.ErrClosed)
		}
		return err
	}
	whole := false
	defer func() { e.read.give(r, whole) }() // f may panic
	whole, err = f(r)
	return err
}

// reading is a transaction that reads.
type reading struct{ r *reader }

func (t reading) Query(ctx context.Context, text string, args []any, each func(func(...any) error) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	whole := context.WithoutCancel(ctx)
	s, err := t.r.prepare(whole, text)
	if err != nil {
		return explain("read the catalogue", err, false)
	}
	rows, err := s.QueryContext(whole, args...)
	if err != nil {
		return explain("read the catalogue", err, false)
	}
	n := 0
	return scanAll(rows, func(scan func(...any) error) error {
		if n++; n%256 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return each(scan)
	})
}

func (reading) Exec(context.Context, ...ledger.Statement) (int64, error) {
	return 0, ident.Errorf(ident.KindUsage, "a reading transaction does not write")
}
