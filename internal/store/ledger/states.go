package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// open is the end of an interval that has none yet.
const open = math.MaxInt64

var stateNames = [...]string{store.StateRuns: "runs", store.StateFinding: "finding", store.StateVEX: "vex", store.StateDeployable: "deployable", store.StateReport: "report",
	store.StateBlocked: "blocked", store.StateDrift: "drift", store.StateTriage: "triage", store.StateScore: "score", store.StateJob: "job", store.StateTrust: "trust", store.StateBase: "base", store.StateDecision: "decision"}

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
		if inLeaves(kind) {
			err = l.eachLeaf(ctx, tx, kind, scope, func(s *leafState) { old[s.name] = row{s.subject, []byte(s.body), s.from} })
		} else {
			err = tx.Query(ctx, "SELECT name, subject, body, valid_from FROM state WHERE kind = ? AND scope = ? AND valid_to = ?", []any{int64(kind), scope, int64(open)}, func(scan func(...any) error) error {
				var key string
				var r row
				if err := scan(&key, &r.subject, &r.body, &r.from); err != nil {
					return err
				}
				old[key] = r
				return nil
			})
		}
		if err != nil {
			return err
		}
		d := delta{scope: scope, at: at}
		for i := range given {
			g := &given[i]
			o, known := old[g.Key]
			if known && o.subject == g.Subject && bytes.Equal(o.body, g.Body) {
				delete(old, g.Key)
				continue
			}
			d.open = append(d.open, g)
		}
		for key, o := range old {
			d.ends = append(d.ends, end{key, o.from})
		}
		slices.SortFunc(d.ends, end.compare)
		if changed = len(d.open) + len(d.ends); changed == 0 {
			return nil
		}
		return l.turn(ctx, tx, &c, by, kind, []*delta{&d})
	})
	return changed, err
}

// Amend is store.Store's.
func (l *Ledger) Amend(ctx context.Context, by store.Mutation, kind store.StateKind, changes []store.StateChange) ([]store.Amended, error) {
	if err := by.Check(); err != nil {
		return nil, err
	}
	if err := store.CheckChanges(kind, changes); err != nil {
		return nil, err
	}
	list := make([]*delta, len(changes))
	scopes := make([]any, len(changes))
	for i := range changes {
		c := &changes[i]
		d := &delta{scope: c.Scope}
		for j := range c.Open {
			d.open = append(d.open, &c.Open[j])
		}
		for j := range c.Close {
			d.ends = append(d.ends, end{c.Close[j].Key, micros(c.Close[j].From)})
		}
		slices.SortFunc(d.open, func(a, b *store.State) int { return strings.Compare(a.Key, b.Key) })
		slices.SortFunc(d.ends, end.compare)
		list[i], scopes[i] = d, c.Scope
	}
	err := l.write(ctx, func(tx Tx) error {
		c, err := l.counter(ctx, tx, l.engine.LockCounter())
		if err != nil {
			return err
		}
		type scopeRow struct{ last, seq int64 }
		have := make(map[string]scopeRow, len(changes))
		err = selectIn(ctx, tx, "SELECT scope, last, seq FROM state_scope WHERE kind = ? AND scope", []any{int64(kind)}, scopes, func(scan func(...any) error) error {
			var scope string
			var r scopeRow
			err := scan(&scope, &r.last, &r.seq)
			have[scope] = r
			return err
		})
		if err != nil {
			return err
		}
		moved := map[string]uint64{}
		var some []*delta
		for i, d := range list {
			h, there := have[d.scope]
			if v := uint64(h.seq); v != changes[i].Version { // #nosec G115 -- as in save
				moved[d.scope] = v
			}
			d.version, d.at = changes[i].Version, micros(by.Time)
			if there {
				d.at = max(d.at, h.last)
			}
			if len(d.open)+len(d.ends) > 0 {
				some = append(some, d)
			}
		}
		switch {
		case len(moved) > 0:
			return &store.ScopesMoved{Kind: kind, Versions: moved}
		case len(some) == 0:
			return nil
		}
		return l.turn(ctx, tx, &c, by, kind, some)
	})
	if err != nil {
		return nil, err
	}
	out := make([]store.Amended, len(list))
	for i, d := range list {
		out[i] = store.Amended{Version: d.version, At: fromMicros(d.at)}
	}
	return out, nil
}

// Forget is store.Store's.
func (l *Ledger) Forget(ctx context.Context, by store.Mutation, kind store.StateKind, scopes []string) (int, error) {
	if err := by.Check(); err != nil {
		return 0, err
	}
	if !kind.Valid() {
		return 0, ident.Errorf(ident.KindUsage, "%d is no kind of state", kind)
	}
	if len(scopes) > store.MaxPage {
		return 0, ident.Errorf(ident.KindLimit, "%d scopes are to be forgotten at once; at most %d fit", len(scopes), store.MaxPage)
	}
	given := make([]any, 0, len(scopes))
	for _, s := range slices.Compact(slices.Sorted(slices.Values(scopes))) {
		given = append(given, s)
	}
	forgotten := 0
	err := l.write(ctx, func(tx Tx) error {
		forgotten = 0
		c, err := l.counter(ctx, tx, l.engine.LockCounter())
		if err != nil {
			return err
		}
		there := map[string]bool{}
		err = selectIn(ctx, tx, "SELECT scope FROM state_scope WHERE kind = ? AND scope", []any{int64(kind)}, given, func(scan func(...any) error) error {
			var scope string
			err := scan(&scope)
			there[scope] = true
			return err
		})
		if err != nil || len(there) == 0 {
			return err
		}
		journal, found := rows{table: l.tables.journal}, make([]any, 0, len(there))
		for _, scope := range slices.Sorted(maps.Keys(there)) {
			if err := c.journal(&journal, evidence.Record{Time: by.Time, Actor: by.Actor, Action: "state.forget", Object: stateNames[kind] + "/" + clip(scope)}, store.ChangeState, int64(kind), nil); err != nil {
				return err
			}
			found = append(found, scope)
			forgotten++
		}
		of := " WHERE kind = " + strconv.Itoa(int(kind)) + " AND scope"
		table := "state"
		if inLeaves(kind) {
			table = "state_leaf"
		}
		list := append(execIn("DELETE FROM "+table+of, found), execIn("DELETE FROM state_scope"+of, found)...)
		_, err = tx.Exec(ctx, append(journal.statements(list), c.save())...)
		return err
	})
	return forgotten, err
}

// delta is a change of a scope's states at a time: what is opened, and the intervals that
// end, both in the order of their keys.
type delta struct {
	scope   string
	at      int64
	open    []*store.State
	ends    []end
	version uint64 // of the scope, set when it was written
}

// end is an interval that is open, by its key and its beginning.
type end struct {
	key  string
	from int64
}

func (e end) compare(o end) int { return strings.Compare(e.key, o.key) }

// turn writes changes of states, with one record in the journal for all of them, and says
// which version of its scope each is.
func (l *Ledger) turn(ctx context.Context, tx Tx, c *counter, by store.Mutation, kind store.StateKind, list []*delta) error {
	fresh, last, journal := rows{table: l.tables.state}, rows{table: l.tables.stateScope}, rows{table: l.tables.journal}
	closed, undone, packed := map[int64][]any{}, []any(nil), inLeaves(kind)
	// The journal's record covers what was closed and what was opened, and where it is of
	// several scopes, in which.
	sum := sha256.New()
	var length [binary.MaxVarintLen64]byte
	field := func(parts ...string) {
		n := 0
		for _, p := range parts {
			n += len(p)
		}
		sum.Write(length[:binary.PutUvarint(length[:], uint64(n))]) // #nosec G115 -- a length
		for _, p := range parts {
			io.WriteString(sum, p) //nolint:errcheck,gosec // a hash takes everything
		}
	}
	for _, d := range list {
		if len(list) > 1 {
			field("=", d.scope)
		}
		for _, s := range d.open {
			field("+", s.Key)
			field(s.Subject)
			field(string(s.Body))
			if !packed {
				fresh.add(int64(kind), d.scope, s.Key, s.Subject, present(s.Body), d.at, int64(open))
			}
		}
		for _, e := range d.ends {
			field("-", e.key)
			switch {
			case packed:
			case e.from == d.at:
				// It was asserted for this very moment: an interval of no length.
				undone = append(undone, d.scope, e.key, e.from)
			default:
				closed[d.at] = append(closed[d.at], d.scope, e.key, e.from)
			}
		}
	}
	object := stateNames[kind] + "/" + clip(list[0].scope)
	if more := len(list) - 1; more > 0 {
		object += fmt.Sprintf(" and %d more", more)
	}
	err := c.journal(&journal, evidence.Record{Time: by.Time, Actor: by.Actor, Action: "state.assert", Object: object, After: digestText(sum.Sum(nil))}, store.ChangeState, int64(kind), nil)
	if err != nil {
		return err
	}
	for _, d := range list {
		d.version = c.head.Seq
		last.add(int64(kind), d.scope, d.at, int64(c.head.Seq)) // #nosec G115 -- as in save
	}
	for at, ends := range closed {
		if err := endStates(ctx, tx, "UPDATE state SET valid_to = ?", []any{at, int64(kind), int64(open)}, ends); err != nil {
			return err
		}
	}
	if err := endStates(ctx, tx, "DELETE FROM state", []any{int64(kind), int64(open)}, undone); err != nil {
		return err
	}
	states := fresh.statements(nil)
	if packed {
		if states, err = l.turnLeaves(ctx, tx, kind, list); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, append(journal.statements(last.statements(states)), c.save())...)
	return err
}

// endStates runs a statement for open intervals by scope, key and beginning, and fails
// where one of them is not there.
func endStates(ctx context.Context, tx Tx, what string, args, ends []any) error {
	for len(ends) > 0 {
		n := len(ends)
		var now []any
		now, ends = padRows(ends, 3)
		touched, err := tx.Exec(ctx, Statement{what + " WHERE kind = ? AND valid_to = ? AND (scope, name, valid_from) IN " + intervals[len(now)/3], append(args[:len(args):len(args)], now...)})
		if err != nil {
			return err
		}
		if want := int64(n-len(ends)) / 3; touched != want {
			return ident.Errorf(ident.KindFailure, "of %d states that end, the database has %d", want, touched)
		}
	}
	return nil
}

// intervals holds the lists of parameters for each chunk. PostgreSQL takes a parameter in
// VALUES for text where nothing else is said; and SQLite looks at every row of the kind for
// bare VALUES, but finds what a SELECT has by the key.
var intervals = func() map[int]string {
	m := make(map[int]string, len(chunks))
	const row = "(?, ?, CAST(? AS BIGINT))"
	for _, n := range chunks {
		m[n] = "(SELECT * FROM (VALUES " + row + strings.Repeat(", "+row, n-1) + ") AS v)"
	}
	return m
}()

// clip keeps a scope within a field of the journal, of which what stands around it takes a
// little.
func clip(s string) string {
	if most := evidence.MaxField - 48; len(s) > most {
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
	if inLeaves(q.Kind) {
		return l.statesInLeaves(ctx, q, int(most))
	}
	by := ""
	if q.Subject != "" {
		by = l.engine.ByIndex("state_subject")
	}
	sql, args := "SELECT scope, name, subject, body, valid_from, valid_to FROM state"+by+" WHERE kind = ?", []any{int64(q.Kind)}
	where := func(text string, values ...any) {
		sql += " AND " + text
		args = append(args, values...)
	}
	if q.Scope != "" {
		where("scope = ?", q.Scope)
	}
	if q.Subject != "" {
		where("subject = ? AND subject <> ''", q.Subject) // as the index has it
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
