package ledger

import (
	"context"
	"strings"
)

// chunks are the numbers of rows that one INSERT takes, and of values in one IN
// list: few of them, so that an engine prepares few statements, and large ones, for
// what a statement costs is mostly fixed. PostgreSQL numbers 65535 parameters,
// SQLite 32766: the widest table times the largest chunk stays below.
var chunks = [...]int{512, 256, 64, 16, 4, 1}

// table is a table that rows are appended to.
type table struct {
	sql     map[int]string // by number of rows
	columns int
}

func newTable(name string, columns ...string) *table {
	t := &table{sql: make(map[int]string, len(chunks)), columns: len(columns)}
	head := "INSERT INTO " + name + " (" + strings.Join(columns, ", ") + ") VALUES "
	row := "(?" + strings.Repeat(", ?", len(columns)-1) + ")"
	for _, n := range chunks {
		t.sql[n] = head + row + strings.Repeat(", "+row, n-1)
	}
	return t
}

// ignoring makes inserting a row that is there already no error.
func (t *table) ignoring() *table { return t.otherwise("DO NOTHING") }

// otherwise says what happens where a row is there already.
func (t *table) otherwise(do string) *table {
	for n, sql := range t.sql {
		t.sql[n] = sql + " ON CONFLICT " + do
	}
	return t
}

type tables struct {
	original, document, forward, named, identity, dictionary, keyHash, journal, rejected, state, stateLeaf, stateScope *table
}

func newTables() tables {
	return tables{
		original:   newTable("original", "id", "digest", "size", "data", "line", "through"),
		document:   newTable("document", "id", "tenant", "original", "fingerprint", "seq", "artifact", "status", "media", "format", "subject", "actor", "at"),
		forward:    newTable("forward", "document", "components"),
		named:      newTable("named", "name", "document"),
		identity:   newTable("identity", "name", "artifact"),
		dictionary: newTable("dictionary", "first", "keys"),
		// Of keys of one run that have the same hash, one is enough to find it.
		keyHash:  newTable("key_hash", "hash", "first").ignoring(),
		journal:  newTable("journal", "seq", "kind", "subject", "other", "record"),
		rejected: newTable("rejected", "id", "tenant", "digest", "size", "data", "media", "reason", "actor", "at"),
		state:    newTable("state", "kind", "scope", "name", "subject", "body", "valid_from", "valid_to"),
		stateLeaf: newTable("state_leaf", "kind", "scope", "first", "since", "last", "valid_from", "valid_to", "packed").
			otherwise("(kind, scope, first, since) DO UPDATE SET last = excluded.last, valid_from = excluded.valid_from, valid_to = excluded.valid_to, packed = excluded.packed"),
		stateScope: newTable("state_scope", "kind", "scope", "last", "seq").otherwise("(kind, scope) DO UPDATE SET last = excluded.last, seq = excluded.seq"),
	}
}

// rows collects rows of one table.
type rows struct {
	table *table
	args  []any
}

func (r *rows) add(values ...any) { r.args = append(r.args, values...) }

// statements appends the INSERTs of all rows to list.
func (r *rows) statements(list []Statement) []Statement {
	for args := r.args; len(args) > 0; {
		n := fit(len(args) / r.table.columns)
		list = append(list, Statement{r.table.sql[n], args[:n*r.table.columns]})
		args = args[n*r.table.columns:]
	}
	return list
}

// fit returns the largest chunk that is at most n.
func fit(n int) int {
	for _, c := range chunks {
		if c <= n {
			return c
		}
	}
	return 1
}

// in holds the lists of parameters for each chunk.
var in = func() map[int]string {
	m := make(map[int]string, len(chunks))
	for _, n := range chunks {
		m[n] = "(?" + strings.Repeat(", ?", n-1) + ")"
	}
	return m
}()

// pad returns the first values and the rest: as many as the smallest chunk that
// holds them all, the last one repeated, or a whole largest chunk.
func pad(values []any) (now, rest []any) { return padRows(values, 1) }

// padRows is pad for rows of several values.
func padRows(values []any, columns int) (now, rest []any) {
	if most := chunks[0] * columns; len(values) >= most {
		return values[:most], values[most:]
	}
	n := chunks[0] * columns
	for _, c := range chunks {
		if c*columns >= len(values) {
			n = c * columns
		}
	}
	now = append(make([]any, 0, n), values...)
	for last := values[len(values)-columns:]; len(now) < n; {
		now = append(now, last...)
	}
	return now, nil
}

// selectIn runs before + "IN (…)" for all values, in chunks, and calls
// each for every row. The other parameters stand in before, with args.
func selectIn(ctx context.Context, tx Tx, before string, args, values []any, each func(scan func(...any) error) error) error {
	return selectWithin(ctx, tx, before, "", args, values, each)
}

// selectWithin is selectIn where more stands behind the list.
func selectWithin(ctx context.Context, tx Tx, before, after string, args, values []any, each func(scan func(...any) error) error) error {
	for len(values) > 0 {
		var now []any
		now, values = pad(values)
		if err := tx.Query(ctx, before+" IN "+in[len(now)]+after, append(args[:len(args):len(args)], now...), each); err != nil {
			return err
		}
	}
	return nil
}

// execIn is selectIn for a statement that changes rows.
func execIn(before string, values []any) (list []Statement) {
	for len(values) > 0 {
		var now []any
		now, values = pad(values)
		list = append(list, Statement{before + " IN " + in[len(now)], now})
	}
	return list
}
