package ledger

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// States of some kinds lie in leaves, many in a row of the database: states of one scope
// that hold until the same time, in the order of their names. Those that hold now are the
// leaves of a tree: no two of a scope overlap, and a state that comes goes where its name
// belongs. Those that are over stay as they are, and may overlap. A leaf has at most
// leafStates of them, and ends with the one that brings it to leafBytes.
const (
	leafStates = 32
	leafBytes  = 64 << 10
)

// mostLeaf is how much a leaf can be: the last state may be as large as any. Names of schema
// 4 have a scope and a key in them.
const mostLeaf = leafBytes + store.MaxState + 4*store.MaxText + leafStates*8*binary.MaxVarintLen64

// inLeaves reports whether states of a kind lie in leaves: where very many come and go at
// once, and have most of what they say in common.
func inLeaves(k store.StateKind) bool { return k == store.StateFinding }

// leafState is a state in a leaf.
type leafState struct {
	name, subject, body string
	from                int64
}

func (s *leafState) compare(o *leafState) int {
	return cmp.Or(strings.Compare(s.name, o.name), cmp.Compare(s.from, o.from))
}

func (s *leafState) size() int { return len(s.name) + len(s.subject) + len(s.body) }

// leafKey is what a leaf goes by in its scope: its first state.
type leafKey struct {
	first string
	since int64
}

// packLeaf writes states: what the next one has in common with the one before it is not
// repeated.
func (p *packer) packLeaf(list []leafState) []byte {
	return p.squeeze(func(plain []byte) []byte {
		put := func(n int) { plain = binary.AppendUvarint(plain, uint64(n)) } // #nosec G115 -- a length
		var was leafState
		for i := range list {
			s := &list[i]
			n := common(was.name, s.name)
			put(n)
			put(len(s.name) - n)
			plain = append(plain, s.name[n:]...)
			put(len(s.subject))
			plain = append(plain, s.subject...)
			plain = binary.AppendVarint(plain, s.from-was.from)
			n = common(was.body, s.body)
			end := commonEnd(was.body[n:], s.body[n:])
			put(n)
			put(end)
			put(len(s.body) - n - end)
			plain = append(plain, s.body[n:len(s.body)-end]...)
			was = *s
		}
		return plain
	})
}

// common is how many bytes two texts begin with that are the same.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// commonEnd is how many bytes two texts end with that are the same.
func commonEnd(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// unpackLeaf reads the states of a leaf.
func (p *packer) unpackLeaf(scope, first string, b []byte) ([]leafState, error) {
	damaged := func(err error) error {
		e := ident.Errorf(ident.KindFailure, "the states of %.80q from %.80q on are damaged", scope, first).WithHint("restore a backup")
		e.Err = err
		return e
	}
	text, ok, err := p.spread(b)
	if !ok {
		return nil, damaged(err)
	}
	list := make([]leafState, 0, leafStates)
	var was leafState
	for r := (fields{rest: text}); r.rest != ""; {
		var s leafState
		s.name = r.begin(was.name) + r.text()
		s.subject = r.text()
		s.from = was.from + r.signed()
		begin, end := r.begin(was.body), r.number()
		if end > uint64(len(was.body)-len(begin)) {
			return nil, damaged(nil)
		}
		s.body = begin + r.text() + was.body[len(was.body)-int(end):] // #nosec G115 -- checked above
		if r.bad || len(list) == leafStates || len(list) > 0 && was.compare(&s) >= 0 {
			return nil, damaged(nil)
		}
		list, was = append(list, s), s
	}
	if len(list) == 0 || list[0].name != first {
		return nil, damaged(nil)
	}
	return list, nil
}

// fields reads numbers and texts that lie one behind the other. From what is no such thing
// on, bad is true and nothing comes.
type fields struct {
	rest string
	bad  bool
}

func (r *fields) number() uint64 {
	n, width := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	r.skip(width)
	return n
}

func (r *fields) signed() int64 {
	n, width := binary.Varint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	r.skip(width)
	return n
}

func (r *fields) skip(width int) {
	if width <= 0 {
		r.bad, r.rest, width = true, "", 0
	}
	r.rest = r.rest[width:]
}

// text reads one behind its length.
func (r *fields) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return ""
	}
	t := r.rest[:n]
	r.rest = r.rest[n:]
	return t
}

// begin reads how much of a text to take.
func (r *fields) begin(of string) string {
	n := r.number()
	if n > uint64(len(of)) {
		r.bad, r.rest = true, ""
		return ""
	}
	return of[:n]
}

// leaves splits states, in their order, into leaves of about the same number.
func leaves(list []leafState, each func([]leafState)) {
	most := len(list)
	if n := (most + leafStates - 1) / leafStates; n > 0 {
		most = (most + n - 1) / n
	}
	for len(list) > 0 {
		n, size := 0, 0
		for n < len(list) && n < most && size < leafBytes {
			size += list[n].size()
			n++
		}
		each(list[:n])
		list = list[n:]
	}
}

// leafRows collects leaves that are written.
type leafRows struct {
	rows
	packer *packer
	kind   store.StateKind
	keys   map[string]map[leafKey]bool // by scope
}

func (l *Ledger) newLeaves(kind store.StateKind) *leafRows {
	return &leafRows{rows: rows{table: l.tables.stateLeaf}, packer: l.packer, kind: kind, keys: map[string]map[leafKey]bool{}}
}

// add writes states that hold until a time, in their order.
func (w *leafRows) add(scope string, list []leafState, until int64) {
	leaves(list, func(leaf []leafState) { w.leaf(scope, leaf, until, w.packer.packLeaf(leaf)) })
}

// leaf writes one that is packed already.
func (w *leafRows) leaf(scope string, leaf []leafState, until int64, packed []byte) {
	earliest := int64(math.MaxInt64)
	for i := range leaf {
		earliest = min(earliest, leaf[i].from)
	}
	first := &leaf[0]
	w.rows.add(int64(w.kind), scope, first.name, first.from, leaf[len(leaf)-1].name, earliest, until, packed)
	if w.keys[scope] == nil {
		w.keys[scope] = map[leafKey]bool{}
	}
	w.keys[scope][leafKey{first.name, first.from}] = true
}

// openLeaf is a leaf of states that hold, as it lies in the database.
type openLeaf struct {
	leafKey
	list   []leafState
	packed []byte
	opens  []leafState
	ends   []end
}

// turnLeaves writes changes of states that lie in leaves, and fails where one that ends is
// not there, or one that is opened is there already.
func (l *Ledger) turnLeaves(ctx context.Context, tx Tx, kind store.StateKind, list []*delta) ([]Statement, error) {
	trees, err := l.openLeaves(ctx, tx, kind, list)
	if err != nil {
		return nil, err
	}
	write, gone := l.newLeaves(kind), []any(nil)
	for _, d := range list {
		var over []leafState
		tree := trees[d.scope]
		for i := 0; i < len(tree); {
			// Leaves that lie side by side and change become one list.
			var stay []leafState
			from := i
			for ; i < len(tree) && tree[i].changes(); i++ {
				leaf := tree[i]
				kept, ended, err := leaf.turned(d)
				if err != nil {
					return nil, err
				}
				if len(kept) == 0 && len(ended) == len(leaf.list) {
					write.leaf(d.scope, ended, d.at, leaf.packed)
				} else {
					over = append(over, ended...)
				}
				stay = append(stay, kept...)
			}
			if i == from {
				i++
				continue
			}
			write.add(d.scope, stay, open)
		}
		slices.SortFunc(over, func(a, b leafState) int { return a.compare(&b) })
		write.add(d.scope, over, d.at)
		for _, leaf := range tree {
			if leaf.changes() && leaf.list != nil && !write.keys[d.scope][leaf.leafKey] {
				gone = append(gone, d.scope, leaf.first, leaf.since)
			}
		}
	}
	statements := write.statements(nil)
	for len(gone) > 0 {
		var now []any
		now, gone = padRows(gone, 3)
		statements = append(statements, Statement{"DELETE FROM state_leaf WHERE kind = ? AND (scope, first, since) IN " + intervals[len(now)/3], append([]any{int64(kind)}, now...)})
	}
	return statements, nil
}

func (f *openLeaf) changes() bool { return len(f.opens)+len(f.ends) > 0 }

// turned is what stays of a leaf, with what comes, and what of it is over. What was opened at
// the very time when it ends never was.
func (f *openLeaf) turned(d *delta) (stay, over []leafState, err error) {
	ends := f.ends
	for _, s := range f.list {
		if len(ends) > 0 && ends[0].key == s.name && ends[0].from == s.from {
			if ends = ends[1:]; s.from != d.at {
				over = append(over, s)
			}
			continue
		}
		stay = append(stay, s)
	}
	if len(ends) > 0 {
		return nil, nil, ident.Errorf(ident.KindFailure, "of %d states of %.80q that end, the database has %d: %.80q is not there", len(f.ends), d.scope, len(f.ends)-len(ends), ends[0].key)
	}
	stay = append(stay, f.opens...)
	slices.SortFunc(stay, func(a, b leafState) int { return a.compare(&b) })
	for i := 1; i < len(stay); i++ {
		if stay[i].name == stay[i-1].name {
			return nil, nil, ident.Errorf(ident.KindFailure, "the state %.80q of %.80q is opened and holds already", stay[i].name, d.scope)
		}
	}
	return stay, over, nil
}

// openLeaves are the leaves of some scopes that hold, in their order, each with what changes in
// it. Those that change are read; a scope that has none has an empty one.
func (l *Ledger) openLeaves(ctx context.Context, tx Tx, kind store.StateKind, list []*delta) (map[string][]*openLeaf, error) {
	trees := make(map[string][]*openLeaf, len(list))
	scopes := make([]any, len(list))
	for i, d := range list {
		scopes[i] = d.scope
	}
	err := selectIn(ctx, tx, "SELECT scope, first, since FROM state_leaf WHERE kind = ? AND valid_to = ? AND scope", []any{int64(kind), int64(open)}, scopes, func(scan func(...any) error) error {
		var scope string
		leaf := new(openLeaf)
		if err := scan(&scope, &leaf.first, &leaf.since); err != nil {
			return err
		}
		trees[scope] = append(trees[scope], leaf)
		return nil
	})
	if err != nil {
		return nil, err
	}
	type place struct {
		scope string
		leafKey
	}
	wanted, args := map[place]*openLeaf{}, []any(nil)
	for _, d := range list {
		tree := trees[d.scope]
		slices.SortFunc(tree, func(a, b *openLeaf) int { return strings.Compare(a.first, b.first) })
		if len(tree) == 0 {
			tree = []*openLeaf{{}}
			trees[d.scope] = tree
		}
		of := func(name string) *openLeaf {
			i, found := slices.BinarySearchFunc(tree, name, func(f *openLeaf, name string) int { return strings.Compare(f.first, name) })
			if !found {
				i = max(i-1, 0)
			}
			return tree[i]
		}
		for _, s := range d.open {
			f := of(s.Key)
			f.opens = append(f.opens, leafState{s.Key, s.Subject, string(s.Body), d.at})
		}
		for _, e := range d.ends {
			f := of(e.key)
			f.ends = append(f.ends, e)
		}
		for _, f := range tree {
			if f.changes() && f.first != "" {
				wanted[place{d.scope, f.leafKey}] = f
				args = append(args, d.scope, f.first, f.since)
			}
		}
	}
	for len(args) > 0 {
		var now []any
		now, args = padRows(args, 3)
		err := tx.Query(ctx, "SELECT scope, first, since, packed FROM state_leaf WHERE kind = ? AND (scope, first, since) IN "+intervals[len(now)/3], append([]any{int64(kind)}, now...), func(scan func(...any) error) error {
			var p place
			var packed []byte
			if err := scan(&p.scope, &p.first, &p.since, &packed); err != nil {
				return err
			}
			f := wanted[p]
			f.packed = packed
			var err error
			f.list, err = l.packer.unpackLeaf(p.scope, p.first, packed)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return trees, nil
}

// eachLeaf hands over the states of a scope that hold.
func (l *Ledger) eachLeaf(ctx context.Context, tx Tx, kind store.StateKind, scope string, each func(*leafState)) error {
	return tx.Query(ctx, "SELECT first, packed FROM state_leaf WHERE kind = ? AND valid_to = ? AND scope = ?", []any{int64(kind), int64(open), scope}, func(scan func(...any) error) error {
		var first string
		var packed []byte
		if err := scan(&first, &packed); err != nil {
			return err
		}
		leaf, err := l.packer.unpackLeaf(scope, first, packed)
		for i := range leaf {
			each(&leaf[i])
		}
		return err
	})
}

// leavesAtOnce bounds the leaves of one query.
const leavesAtOnce = 256

// statesInLeaves is States for the kinds that lie in leaves. Leaves come in the order of their
// first states; those that are over overlap, so a state is the next one as soon as no leaf
// that is still to come begins before it.
func (l *Ledger) statesInLeaves(ctx context.Context, q store.StateQuery, most int) ([]store.State, error) {
	by := ""
	if !q.History && q.At.IsZero() {
		by = l.engine.ByIndex("state_leaf_open")
	}
	sql, args := "SELECT scope, first, since, valid_to, packed FROM state_leaf"+by+" WHERE kind = ?", []any{int64(q.Kind)}
	where := func(text string, values ...any) {
		sql += " AND " + text
		args = append(args, values...)
	}
	at := int64(math.MaxInt64) // of what holds at no time in particular, all
	switch {
	case q.History:
	case q.At.IsZero():
		where("valid_to = ?", int64(open))
	default:
		at = micros(q.At)
		where("valid_from <= ? AND valid_to > ?", at, at)
	}
	if q.Scope != "" {
		where("scope = ?", q.Scope)
	}
	var after store.State
	if p := q.After; p != nil {
		where("scope >= ? AND (scope > ? OR last >= ?)", p.Scope, p.Scope, p.Key)
		after = store.State{Scope: p.Scope, Key: p.Key, From: fromMicros(micros(p.From))} // as they are kept
	}
	page := min(most, leavesAtOnce)
	var out []store.State
	err := l.engine.Read(ctx, func(tx Tx) error {
		out = out[:0]
		var waiting []store.State
		sort := most // looked at again when there are as many
		// settle moves what no leaf from there on begins before.
		settle := func(scope, first string, since int64) {
			slices.SortFunc(waiting, compareStates)
			next := store.State{Scope: scope, Key: first, From: fromMicros(since)}
			n, _ := slices.BinarySearchFunc(waiting, next, compareStates)
			out = append(out, waiting[:n]...)
			waiting = append(waiting[:0], waiting[n:]...)
			sort = max(most-len(out), 2*len(waiting))
		}
		more, behind := "", []any(nil)
		for len(out) < most {
			n := 0
			err := tx.Query(ctx, sql+more+" ORDER BY scope, first, since LIMIT ?", append(append(args[:len(args):len(args)], behind...), int64(page)), func(scan func(...any) error) error {
				var scope, first string
				var since, until int64
				var packed []byte
				if err := scan(&scope, &first, &since, &until, &packed); err != nil {
					return err
				}
				n++
				more, behind = " AND (scope, first, since) > (?, ?, ?)", []any{scope, first, since}
				if len(waiting) >= sort || len(waiting) > 0 && waiting[0].Scope != scope {
					settle(scope, first, since)
				}
				if len(out) >= most {
					return nil
				}
				leaf, err := l.packer.unpackLeaf(scope, first, packed)
				if err != nil {
					return err
				}
				for i := range leaf {
					s := &leaf[i]
					st := store.State{Kind: q.Kind, Scope: scope, Key: s.name, Subject: s.subject, From: fromMicros(s.from)}
					if s.from > at || q.Subject != "" && q.Subject != s.subject || q.After != nil && compareStates(st, after) <= 0 {
						continue
					}
					if st.Body = []byte(s.body); until != open {
						st.Until = fromMicros(until)
					}
					waiting = append(waiting, st)
				}
				return nil
			})
			if err != nil {
				return err
			}
			if n < page {
				slices.SortFunc(waiting, compareStates)
				out = append(out, waiting...)
				break
			}
		}
		out = out[:min(len(out), most)]
		return nil
	})
	return out, err
}

// compareStates is the order of pages.
func compareStates(a, b store.State) int {
	return cmp.Or(strings.Compare(a.Scope, b.Scope), strings.Compare(a.Key, b.Key), a.From.Compare(b.From))
}

// statesMoved is how many states a migration moves at once.
const statesMoved = 1 << 13

// packStates moves the states of schema 5, a row each, into leaves.
func packStates(ctx context.Context, tx Tx) error {
	kind := store.StateFinding
	l := &Ledger{tables: newTables(), packer: newPacker()}
	var after []any
	for more := ""; ; more = " AND (scope, name, valid_from) > (?, ?, ?)" {
		type group struct {
			scope string
			until int64
		}
		groups, order, n := map[group][]leafState{}, []group(nil), 0
		args := append(append([]any{int64(kind)}, after...), int64(statesMoved))
		err := tx.Query(ctx, "SELECT scope, name, subject, body, valid_from, valid_to FROM state WHERE kind = ?"+more+" ORDER BY scope, name, valid_from LIMIT ?", args, func(scan func(...any) error) error {
			var g group
			var s leafState
			var body []byte
			if err := scan(&g.scope, &s.name, &s.subject, &body, &s.from, &g.until); err != nil {
				return err
			}
			s.body = string(body)
			if groups[g] == nil {
				order = append(order, g)
			}
			groups[g] = append(groups[g], s)
			after, n = []any{g.scope, s.name, s.from}, n+1
			return nil
		})
		if err != nil {
			return err
		}
		if n == 0 {
			_, err := tx.Exec(ctx, Statement{"DELETE FROM state WHERE kind = ?", []any{int64(kind)}})
			return err
		}
		write := l.newLeaves(kind)
		for _, g := range order {
			write.add(g.scope, groups[g], g.until)
		}
		if _, err := tx.Exec(ctx, write.statements(nil)...); err != nil {
			return err
		}
	}
}
