package ledger

import (
	"context"
	"math"
	"slices"
	"strconv"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// step is how many documents one transaction deletes or purges, so that intake
// waits for none for long.
const step = 512

// gone is a document and what deleting it needs to know.
type gone struct {
	store.Document
	original int64
	state    string // stateDigest
}

func loadGone(ctx context.Context, tx Tx, where string, args, ids []any) (map[uint32]*gone, error) {
	found := map[uint32]*gone{}
	each := func(scan func(...any) error) error {
		g := &gone{}
		var row []byte
		d, text, err := scanDocument(func(dest ...any) error { return scan(append(dest, &g.original, &row)...) })
		if err != nil {
			return err
		}
		g.Document = d
		g.state = stateDigest(d.Tenant, d.Original, d.Size, d.Media, d.Format, text, d.Actor, micros(d.Time), row)
		found[d.ID] = g
		return nil
	}
	const columns = "SELECT d.id, d.seq, d.artifact, d.tenant, o.digest, o.size, d.media, d.format, d.status, d.subject, d.actor, d.at, d.deleted, d.original, f.components " +
		"FROM document d JOIN original o ON o.id = d.original JOIN forward f ON f.document = d.id WHERE "
	if ids == nil {
		return found, tx.Query(ctx, columns+where, args, each)
	}
	return found, selectIn(ctx, tx, columns+where+" AND d.id", args, ids, each)
}

// Delete is store.Store's.
func (l *Ledger) Delete(ctx context.Context, by store.Mutation, documents []uint32) (int, error) {
	if err := by.Check(); err != nil {
		return 0, err
	}
	documents = slices.Compact(slices.Sorted(slices.Values(documents)))
	total := 0
	for part := range slices.Chunk(documents, step) {
		n := 0
		err := l.write(ctx, func(tx Tx) error {
			n = 0
			c, err := l.counter(ctx, tx, l.engine.LockCounter())
			if err != nil {
				return err
			}
			found, err := loadGone(ctx, tx, "d.deleted = 0", nil, values(part))
			if err != nil || len(found) == 0 {
				return err
			}
			journal := rows{table: l.tables.journal}
			list := []Statement{}
			for _, id := range part {
				g, ok := found[id]
				if !ok {
					continue
				}
				if err := c.journal(&journal, evidence.Record{Time: by.Time, Actor: by.Actor, Action: "document.delete", Object: "document/" + number(id), Before: g.state}, store.ChangeDeleted, int64(id), nil); err != nil {
					return err
				}
				list = append(list, Statement{"UPDATE document SET deleted = ? WHERE id = ?", []any{int64(c.head.Seq), int64(id)}}) // #nosec G115 -- as in save
				n++
			}
			_, err = tx.Exec(ctx, append(journal.statements(list), c.save())...)
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

// Purge is store.Store's.
func (l *Ledger) Purge(ctx context.Context, by store.Mutation, through uint64, keep ...uint32) (int, error) {
	if err := by.Check(); err != nil {
		return 0, err
	}
	through = min(through, math.MaxInt64)
	kept := make(map[uint32]bool, len(keep))
	for _, id := range keep {
		kept[id] = true
	}
	total := 0
	after, last := uint64(0), uint64(0) // what was looked at already; changed only once a step is done
	for {
		n, seen := 0, 0
		err := l.write(ctx, func(tx Tx) error {
			n = 0
			c, err := l.counter(ctx, tx, l.engine.LockCounter())
			if err != nil {
				return err
			}
			found, err := loadGone(ctx, tx, "d.deleted > ? AND d.deleted <= ? ORDER BY d.deleted LIMIT ?", []any{int64(after), int64(through), int64(step)}, nil) // #nosec G115 -- as in save
			if seen = len(found); err != nil || seen == 0 {
				return err
			}
			for id, g := range found {
				if last = max(last, g.Deleted); kept[id] {
					delete(found, id)
				}
			}
			if len(found) == 0 {
				return nil
			}
			journal := rows{table: l.tables.journal}
			var list []Statement
			var ids, originals []any
			for _, id := range sortedKeys(found) {
				g := found[id]
				if err := c.journal(&journal, evidence.Record{Time: by.Time, Actor: by.Actor, Action: "document.purge", Object: "document/" + number(id), Before: g.state}, store.ChangeOther, nil, nil); err != nil {
					return err
				}
				ids, originals = append(ids, int64(id)), append(originals, g.original)
				for _, name := range g.Subject.Names() {
					list = append(list, Statement{"DELETE FROM named WHERE name = ? AND document = ?", []any{nameHash(g.Tenant, name.Kind, name.Text), int64(id)}})
				}
				n++
			}
			list = append(list, execIn("DELETE FROM forward WHERE document", ids)...)
			list = append(list, execIn("DELETE FROM document WHERE id", ids)...)
			if _, err := tx.Exec(ctx, list...); err != nil {
				return err
			}
			const unused = " original WHERE NOT EXISTS (SELECT 1 FROM document d WHERE d.original = original.id) AND id"
			lines := map[int64]int64{} // of originals
			err = selectIn(ctx, tx, "SELECT id, line FROM"+unused, nil, originals, func(scan func(...any) error) error {
				var id, line int64
				err := scan(&id, &line)
				lines[id] = line
				return err
			})
			if err != nil {
				return err
			}
			list = append(execIn("DELETE FROM"+unused, originals), dropTexts(lines)...)
			_, err = tx.Exec(ctx, append(journal.statements(list), c.save())...)
			return err
		})
		total += n
		if err != nil || seen < step {
			return total, err
		}
		after = last
	}
}

func sortedKeys(m map[uint32]*gone) []uint32 {
	keys := make([]uint32, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// SetStatus is store.Store's.
func (l *Ledger) SetStatus(ctx context.Context, by store.Mutation, document uint32, status store.Status) error {
	if err := by.Check(); err != nil {
		return err
	}
	if status > store.StatusPublished {
		return ident.Errorf(ident.KindUsage, "%d is no status of a document", status)
	}
	return l.write(ctx, func(tx Tx) error {
		c, err := l.counter(ctx, tx, l.engine.LockCounter())
		if err != nil {
			return err
		}
		found, err := loadGone(ctx, tx, "d.deleted = 0", nil, []any{int64(document)})
		if err != nil {
			return err
		}
		g := found[document]
		switch {
		case g == nil:
			return notFound("there is no document %d", document)
		case g.Status == status:
			return nil
		}
		journal := rows{table: l.tables.journal}
		err = c.journal(&journal, evidence.Record{Time: by.Time, Actor: by.Actor, Action: "document.status", Object: "document/" + number(document) + " is " + status.String(),
			Before: statusDigest(g.state, g.Status), After: statusDigest(g.state, status)}, store.ChangeStatus, int64(document), nil)
		if err != nil {
			return err
		}
		list := journal.statements([]Statement{{"UPDATE document SET status = ? WHERE id = ?", []any{int64(status), int64(document)}}})
		_, err = tx.Exec(ctx, append(list, c.save())...)
		return err
	})
}

func statusDigest(state string, s store.Status) string {
	return ident.SHA256([]byte("cofferdam.dev/status/v1\x00" + state + " " + s.String())).String()
}

// DropRejected is store.Store's.
func (l *Ledger) DropRejected(ctx context.Context, by store.Mutation, ids []uint64) (int, error) {
	if err := by.Check(); err != nil {
		return 0, err
	}
	if len(ids) > store.MaxPage {
		return 0, ident.Errorf(ident.KindLimit, "%d documents are to be dropped at once; at most %d fit", len(ids), store.MaxPage)
	}
	dropped := 0
	err := l.write(ctx, func(tx Tx) error {
		dropped = 0
		c, err := l.counter(ctx, tx, l.engine.LockCounter())
		if err != nil {
			return err
		}
		args := make([]any, len(ids))
		for i, id := range ids {
			args[i] = int64(id) // #nosec G115 -- an id that does not fit is not found
		}
		journal := rows{table: l.tables.journal}
		var found []any
		seen := map[int64]bool{}
		err = selectIn(ctx, tx, "SELECT id, digest FROM rejected WHERE id", nil, args, func(scan func(...any) error) error {
			var id int64
			var raw []byte
			if err := scan(&id, &raw); err != nil || seen[id] {
				return err
			}
			seen[id] = true
			found = append(found, id)
			dropped++
			return c.journal(&journal, evidence.Record{Time: by.Time, Actor: by.Actor, Action: "rejected.drop", Object: "rejected/" + strconv.FormatInt(id, 10), Before: digestText(raw)}, store.ChangeOther, nil, nil)
		})
		if err != nil || len(found) == 0 {
			return err
		}
		list := journal.statements(execIn("DELETE FROM rejected WHERE id", found))
		_, err = tx.Exec(ctx, append(list, c.save())...)
		return err
	})
	return dropped, err
}
