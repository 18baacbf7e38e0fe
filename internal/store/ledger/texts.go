package ledger

import (
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// AddTexts is store.Store's. The counter's lock orders it with commits and Purge.
func (l *Ledger) AddTexts(ctx context.Context, p store.TextPiece) (uint32, error) {
	switch {
	case p.At < 0 || p.Size <= 0 || p.At+p.Size > store.MaxTexts:
		return 0, ident.Errorf(ident.KindLimit, "texts of %d bytes at %d; a line has at most %d", p.Size, p.At, int64(store.MaxTexts))
	case p.Line == 0 && p.At != 0:
		return 0, ident.Errorf(ident.KindUsage, "a line of texts begins at 0 and not at %d", p.At)
	}
	line := int64(p.Line)
	err := l.write(ctx, func(tx Tx) error {
		if _, err := l.counter(ctx, tx, l.engine.LockCounter()); err != nil {
			return err
		}
		if p.Line == 0 {
			line = 1
			err := tx.Query(ctx, "SELECT line FROM text_line ORDER BY line DESC LIMIT 1", nil, func(scan func(...any) error) error {
				err := scan(&line)
				line++
				return err
			})
			if err != nil {
				return err
			}
			number := line
			if _, err := next(&number, "text line"); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, Statement{"INSERT INTO text_line (line, size, uses) VALUES (?, 0, 0)", []any{line}}); err != nil {
				return err
			}
		}
		n, err := tx.Exec(ctx, Statement{"UPDATE text_line SET size = ? WHERE line = ? AND size = ?", []any{p.At + p.Size, line, p.At}})
		if err != nil {
			return err
		}
		if n != 1 {
			return textsGone(line)
		}
		_, err = tx.Exec(ctx, Statement{"INSERT INTO text_piece (line, at, size, data) VALUES (?, ?, ?, ?)", []any{line, p.At, p.Size, present(p.Data)}})
		return err
	})
	if err != nil {
		return 0, err
	}
	return uint32(line), nil // #nosec G115 -- checked above
}

func textsGone(line int64) error {
	return ident.Errorf(ident.KindFailure, "line %d: %w", line, store.ErrTextsGone)
}

// Texts is store.Reader's.
func (l *Ledger) Texts(ctx context.Context, ref store.TextRef) ([]store.TextPiece, error) {
	var list []store.TextPiece
	end := int64(0)
	err := l.engine.Read(ctx, func(tx Tx) error {
		list, end = list[:0], 0
		return tx.Query(ctx, "SELECT at, size, data FROM text_piece WHERE line = ? AND at < ? ORDER BY at", []any{int64(ref.Line), ref.Through}, func(scan func(...any) error) error {
			p := store.TextPiece{Line: ref.Line}
			if err := scan(&p.At, &p.Size, &p.Data); err != nil {
				return err
			}
			if p.At != end {
				return ident.Errorf(ident.KindFailure, "line %d of texts has nothing from %d to %d", ref.Line, end, p.At).WithHint("restore a backup")
			}
			end = p.At + p.Size
			list = append(list, p)
			return nil
		})
	})
	if err == nil && end < ref.Through {
		err = ident.Errorf(ident.KindFailure, "line %d of texts ends at %d, and %d bytes are needed", ref.Line, end, ref.Through).WithHint("restore a backup")
	}
	return list, err
}

// useTexts counts originals that refer to lines, and refuses the group where a line is gone,
// or does not reach far enough.
func (c *commit) useTexts(ctx context.Context) error {
	type use struct{ originals, through int64 }
	uses := map[int64]use{}
	for i := 0; i < len(c.original.args); i += c.original.table.columns {
		line, through := c.original.args[i+4].(int64), c.original.args[i+5].(int64)
		if line != 0 {
			u := uses[line]
			uses[line] = use{u.originals + 1, max(u.through, through)}
		}
	}
	for line, u := range uses { // one, or two where a server begins another
		n, err := c.tx.Exec(ctx, Statement{"UPDATE text_line SET uses = uses + ? WHERE line = ? AND size >= ?", []any{u.originals, line, u.through}})
		if err != nil {
			return err
		}
		if n != 1 {
			return textsGone(line)
		}
	}
	return nil
}

// dropTexts is what removes the texts of lines that lose originals, given with the line of
// each, and have none left.
func dropTexts(lines map[int64]int64) (list []Statement) {
	lost := map[int64]int64{}
	for _, line := range lines {
		lost[line]++
	}
	delete(lost, 0)
	for line, n := range lost {
		list = append(list, Statement{"UPDATE text_line SET uses = uses - ? WHERE line = ?", []any{n, line}})
	}
	if len(lost) > 0 {
		list = append(list, Statement{"DELETE FROM text_piece WHERE line IN (SELECT line FROM text_line WHERE uses = 0)", nil},
			Statement{"UPDATE text_line SET size = 0 WHERE uses = 0", nil})
	}
	return list
}
