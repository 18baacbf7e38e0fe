package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// open is the end of an interval that has none yet.
const open = math.MaxInt64

var stateNames = [...]string{store.StateRuns: "runs", store.StateFinding: "finding", store.StateVEX: "vex", store.StateDeployable: "deployable", store.StateReport: "report",
	store.StateBlocked: "blocked", store.StateDrift: "drift", store.StateTriage: "triage", store.StateScore: "score"}

// Assert is store.Store's.
func (l *Ledger) Assert(ctx context.Context, by store.Mutation, kind store.StateKind, scope string, given []store.State) (int, error) {
	if err := by.Check(); err != nil {
		return 0, err
	}
	if err := store.CheckStates(kind, scope, given); err != nil {
		return 0, err
	}
	at := micros(by.Time)
	given = slices.Clone(given)
	slices.SortFunc(given, func(a, b store.State) int { return strings.Compare(a.Key, b.Key) })
	changed := 0
	err := l.write(ctx, func(tx Tx) error {
		changed = 0
		c, err := l.counter(ctx, tx, l.engine.LockCounter())
		if err != nil {
			return err
		}
		last := int64(math.MinInt64)
		err = tx.Query(ctx, "SELECT last FROM state_scope WHERE kind = ? AND scope = ?", []any{int64(kind), scope}, func(scan func(...any) error) error { return scan(&last) })
		if err != nil {
			return err
		}
		if at < last {
			return ident.Errorf(ident.KindInvalid, "the %s states of %q were asserted for %s already, which is after %s", stateNames[kind], scope, fromMicros(last), by.Time.UTC())
		}
		type row struct {
			subject string
			body    []byte
			from    int64
		}
		old := map[string]row{}
		err = tx.Query(ctx, "SELECT name, subject, body, valid_from FROM state WHERE kind = ? AND scope = ? AND valid_to = ?", []any{int64(kind), scope, int64(open)}, func(scan func(...any) error) error {
			var key string
			var r row
			if err := scan(&key, &r.subject, &r.body, &r.from); err != nil {
				return err
			}
			old[key] = r
			return nil
		})
		if err != nil {
			return err
		}
		fresh := rows{table: l.tables.state}
		// The journal's record covers what was closed and what was opened.
		delta := sha256.New()
		field := func(b []byte) {
			delta.Write(binary.AppendUvarint(nil, uint64(len(b))))
			delta.Write(b)
		}
		var closed, undone []any
		for i := range given {
			g := &given[i]
			o, known := old[g.Key]
			if known && o.subject == g.Subject && bytes.Equal(o.body, g.Body) {
				delete(old, g.Key)
				continue
			}
			field([]byte("+" + g.Key))
			field([]byte(g.Subject))
			field(g.Body)
			fresh.add(int64(kind), scope, g.Key, g.Subject, present(g.Body), at, int64(open))
			changed++
		}
		ends := make([]string, 0, len(old))
		for key := range old {
			ends = append(ends, key)
		}
		slices.Sort(ends)
		for _, key := range ends {
			field([]byte("-" + key))
			changed++
			if old[key].from == at {
				// It was asserted for this very moment: an interval of no length.
				undone = append(undone, key)
			} else {
				closed = append(closed, key)
			}
		}
		if changed == 0 {
			return nil
		}
		list := execIn("UPDATE state SET valid_to = ? WHERE kind = ? AND scope = ? AND valid_to = ? AND name", []any{at, int64(kind), scope, int64(open)}, closed)
		list = append(list, execIn("DELETE FROM state WHERE kind = ? AND scope = ? AND valid_to = ? AND name", []any{int64(kind), scope, int64(open)}, undone)...)
		list = fresh.statements(list)
		list = append(list, Statement{"DELETE FROM state_scope WHERE kind = ? AND scope = ?", []any{int64(kind), scope}},
			Statement{"INSERT INTO state_scope (kind, scope, last) VALUES (?, ?, ?)", []any{int64(kind), scope, at}})
		journal := rows{table: l.tables.journal}
		err = c.journal(&journal, evidence.Record{Time: by.Time, Actor: by.Actor, Action: "state.assert", Object: stateNames[kind] + "/" + clip(scope), After: digestText(delta.Sum(nil))},
			store.ChangeState, int64(kind), nil)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, append(journal.statements(list), c.save())...)
		return err
	})
	return changed, err
}

// clip keeps a scope within a field of the journal, whose prefix takes a little.
func clip(s string) string {
	if most := evidence.MaxField - 16; len(s) > most {
		return strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// States is store.Reader's.
func (l *Ledger) States(ctx context.Context, q store.StateQuery) ([]store.State, error) {
	most, err := page(q.Limit)
	if err != nil {
		return nil, err
	}
	if !q.Kind.Valid() {
		return nil, ident.Errorf(ident.KindUsage, "%d is no kind of state", q.Kind)
	}
	sql, args := "SELECT scope, name, subject, body, valid_from, valid_to FROM state WHERE kind = ?", []any{int64(q.Kind)}
	where := func(text string, values ...any) {
		sql += " AND " + text
		args = append(args, values...)
	}
	if q.Scope != "" {
		where("scope = ?", q.Scope)
	}
	if q.Subject != "" {
		where("subject = ?", q.Subject)
	}
	switch {
	case q.History:
	case q.At.IsZero():
		where("valid_to = ?", int64(open))
	default:
		where("valid_from <= ? AND valid_to > ?", micros(q.At), micros(q.At))
	}
	if p := q.After; p != nil {
		where("(scope, name, valid_from) > (?, ?, ?)", p.Scope, p.Key, micros(p.From))
	}
	var list []store.State
	err = l.engine.Read(ctx, func(tx Tx) error {
		list = list[:0]
		return tx.Query(ctx, sql+" ORDER BY scope, name, valid_from LIMIT ?", append(args, most), func(scan func(...any) error) error {
			s := store.State{Kind: q.Kind}
			var from, to int64
			if err := scan(&s.Scope, &s.Key, &s.Subject, &s.Body, &from, &to); err != nil {
				return err
			}
			if s.From = fromMicros(from); to != open {
				s.Until = fromMicros(to)
			}
			list = append(list, s)
			return nil
		})
	})
	return list, err
}
