package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"math"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// PutSegments is store.Store's.
func (l *Ledger) PutSegments(ctx context.Context, put []store.Segment, drop, need []string) error {
	var list []Statement
	for _, name := range drop {
		list = append(list, Statement{"DELETE FROM segment WHERE name = ?", []any{name}})
	}
	for _, s := range put {
		switch {
		case s.Name == "" || len(s.Name) > 255:
			return ident.Errorf(ident.KindUsage, "a segment's name has %d bytes; 1 to 255 fit", len(s.Name))
		case len(s.Data) > store.MaxSegment:
			return ident.Errorf(ident.KindLimit, "segment %q has %d bytes; at most %d fit", s.Name, len(s.Data), store.MaxSegment)
		case s.First > s.Last || s.Last > math.MaxInt64:
			return ident.Errorf(ident.KindUsage, "segment %q covers %d to %d", s.Name, s.First, s.Last)
		}
		sum := sha256.Sum256(s.Data)
		list = append(list, Statement{"DELETE FROM segment WHERE name = ?", []any{s.Name}},
			Statement{"INSERT INTO segment (name, first_seq, last_seq, size, sum, data) VALUES (?, ?, ?, ?, ?, ?)",
				[]any{s.Name, int64(s.First), int64(s.Last), int64(len(s.Data)), sum[:], present(s.Data)}})
	}
	if len(list) == 0 {
		return nil
	}
	return l.write(ctx, func(tx Tx) error {
		if err := l.haveSegments(ctx, tx, need); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, list...)
		return err
	})
}

// haveSegments takes the lock of segments, which is the first migration's row: nothing
// else asks for it, so that intake goes on. Then it looks for names.
func (l *Ledger) haveSegments(ctx context.Context, tx Tx, names []string) error {
	ignore := func(func(...any) error) error { return nil }
	if err := tx.Query(ctx, "SELECT version FROM migration WHERE version = 1"+l.engine.LockCounter(), nil, ignore); err != nil {
		return err
	}
	missing := map[string]bool{}
	for _, n := range names {
		missing[n] = true
	}
	// Few are in a checkpoint: pieces halve in size.
	err := tx.Query(ctx, "SELECT name FROM segment", nil, func(scan func(...any) error) error {
		var n string
		err := scan(&n)
		delete(missing, n)
		return err
	})
	if err == nil && len(missing) > 0 {
		err = ident.Errorf(ident.KindFailure, "%d segments are not there: %w", len(missing), store.ErrSegmentsGone)
	}
	return err
}

// Segments is store.Reader's.
func (l *Ledger) Segments(ctx context.Context) ([]store.Segment, error) {
	var list []store.Segment
	err := l.engine.Read(ctx, func(tx Tx) error {
		list = list[:0]
		return tx.Query(ctx, "SELECT name, first_seq, last_seq, size FROM segment ORDER BY name", nil, func(scan func(...any) error) error {
			var s store.Segment
			var first, last int64
			if err := scan(&s.Name, &first, &last, &s.Size); err != nil {
				return err
			}
			s.First, s.Last = uint64(first), uint64(last) // #nosec G115 -- numbers the store was given as such
			list = append(list, s)
			return nil
		})
	})
	return list, err
}

// Segment is store.Reader's.
func (l *Ledger) Segment(ctx context.Context, name string) (store.Segment, error) {
	s := store.Segment{Name: name}
	var sum []byte
	found := false
	err := l.engine.Read(ctx, func(tx Tx) error {
		return tx.Query(ctx, "SELECT first_seq, last_seq, size, sum, data FROM segment WHERE name = ?", []any{name}, func(scan func(...any) error) error {
			var first, last int64
			if err := scan(&first, &last, &s.Size, &sum, &s.Data); err != nil {
				return err
			}
			found = true
			s.First, s.Last = uint64(first), uint64(last) // #nosec G115 -- as above
			return nil
		})
	})
	if err != nil {
		return store.Segment{}, err
	}
	if !found {
		return store.Segment{}, notFound("there is no segment %q", name)
	}
	if got := sha256.Sum256(s.Data); !bytes.Equal(got[:], sum) {
		return store.Segment{}, ident.Errorf(ident.KindFailure, "segment %q does not match its checksum", name).WithHint("drop it: it is derived from the rows and can be built again")
	}
	return s, nil
}
