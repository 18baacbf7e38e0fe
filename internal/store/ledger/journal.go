package ledger

import (
	"context"
	"math"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Journal is store.Reader's.
func (l *Ledger) Journal(ctx context.Context, after uint64, limit int) ([][]byte, error) {
	return l.blobs(ctx, "SELECT record FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
}

// Checkpoints is store.Reader's.
func (l *Ledger) Checkpoints(ctx context.Context, from uint64, limit int) ([][]byte, error) {
	return l.blobs(ctx, "SELECT note FROM checkpoint WHERE seq >= ? ORDER BY seq LIMIT ?", from, limit)
}

func (l *Ledger) blobs(ctx context.Context, sql string, seq uint64, limit int) ([][]byte, error) {
	most, err := page(limit)
	if err != nil || seq > math.MaxInt64 {
		return nil, err
	}
	var list [][]byte
	err = l.engine.Read(ctx, func(tx Tx) error {
		list = list[:0]
		return tx.Query(ctx, sql, []any{int64(seq), most}, func(scan func(...any) error) error {
			var b []byte
			err := scan(&b)
			list = append(list, b)
			return err
		})
	})
	return list, err
}

// Checkpoint is store.Store's. The signer is asked outside of any transaction: it
// may be slow.
func (l *Ledger) Checkpoint(ctx context.Context, origin string, signer evidence.Signer) ([]byte, error) {
	p, err := l.Position(ctx)
	if err != nil {
		return nil, err
	}
	if last, err := l.Checkpoints(ctx, p.Seq, 1); err != nil || len(last) > 0 {
		if err != nil {
			return nil, err
		}
		return last[0], nil
	}
	note, err := evidence.Sign(evidence.Checkpoint{Origin: origin, Head: p.Journal}, signer)
	if err != nil {
		return nil, err
	}
	err = l.write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, Statement{"INSERT INTO checkpoint (seq, note) VALUES (?, ?) ON CONFLICT DO NOTHING", []any{int64(p.Seq), note}}) // #nosec G115 -- as in save
		return err
	})
	return note, err
}

var _ interface {
	store.Intaker
	store.Reader
} = (*Ledger)(nil)
