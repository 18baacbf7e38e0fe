package ledger

import (
	"context"
	"fmt"
	"math"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Engine is a database with the schema of the package's statements.
type Engine interface {
	// Read calls f with a transaction that sees one committed state.
	Read(ctx context.Context, f func(Tx) error) error
	// ReadOne is Read for an f that makes one query and nothing else: a statement by itself
	// sees one committed state, and beginning and ending a transaction around it costs
	// as much as a look-up does.
	ReadOne(ctx context.Context, f func(Tx) error) error
	// Write calls f with a transaction that may write, and commits where f returns nil.
	// It returns nil only when the commit is on stable storage. f may be called again
	// after a failure that is known to have changed nothing. Failures of the database
	// wrap store.ErrRetryLater or store.ErrUnknownOutcome where these hold; f's own
	// errors are returned as they are.
	Write(ctx context.Context, f func(Tx) error) error
	// LockCounter is what makes a SELECT of one row, the counter's for example, hold it until the
	// transaction ends: " FOR UPDATE", or nothing where a writing transaction is alone.
	LockCounter() string
	// ByIndex is what stands behind a table's name in FROM to read it by an index:
	// " INDEXED BY name", or nothing where the database judges by what is in its tables.
	ByIndex(name string) string
}

// Tx runs statements of one transaction. Parameters are written as question marks.
type Tx interface {
	// Query calls each for every row; scan reads its columns into pointers to int64,
	// string and []byte. Byte slices are the caller's own.
	Query(ctx context.Context, sql string, args []any, each func(scan func(...any) error) error) error
	// Exec runs statements in order and returns how many rows the last one touched.
	Exec(ctx context.Context, statements ...Statement) (int64, error)
}

// Statement is SQL with the values of its parameters: int64, string or []byte.
type Statement struct {
	SQL  string
	Args []any
}

// Ledger is a store.Store without Close on an engine.
type Ledger struct {
	engine Engine
	coding store.Coding
	tables tables
	packer *packer
	recent recent
}

// New returns the ledger of a database.
func New(e Engine, c store.Coding) (*Ledger, error) {
	if c.Encode == nil {
		return nil, ident.Errorf(ident.KindUsage, "a store needs to be told how forward rows are encoded")
	}
	if c.Known == nil {
		c.Known = func(keys []string, _ []uint32, missing []int) []int {
			for i := range keys {
				missing = append(missing, i)
			}
			return missing
		}
	}
	if c.Count == nil {
		c.Count = func() uint32 { return 0 }
	}
	return &Ledger{engine: e, coding: c, tables: newTables(), packer: newPacker()}, nil
}

// NewReader returns what reads a database, for a caller that was not told how rows
// are encoded.
func NewReader(e Engine) store.Reader { return &Ledger{engine: e, packer: newPacker()} }

// counter is the one row under whose lock everything is numbered.
type counter struct {
	documents, components, artifacts, originals int64
	head                                        evidence.Head
}

func (l *Ledger) counter(ctx context.Context, tx Tx, lock string) (counter, error) {
	var c counter
	var seq int64
	var hash []byte
	found := false
	err := tx.Query(ctx, "SELECT seq, documents, components, artifacts, originals, head FROM counter WHERE one = 1"+lock, nil, func(scan func(...any) error) error {
		found = true
		return scan(&seq, &c.documents, &c.components, &c.artifacts, &c.originals, &hash)
	})
	if err == nil && (!found || len(hash) != len(c.head.Hash) || seq < 0) {
		err = ident.Errorf(ident.KindFailure, "the database's counter row is missing or damaged").WithHint("restore a backup")
	}
	if err != nil {
		return c, err
	}
	c.head.Seq = uint64(seq)
	copy(c.head.Hash[:], hash)
	return c, nil
}

func (c *counter) save() Statement {
	return Statement{"UPDATE counter SET seq = ?, documents = ?, components = ?, artifacts = ?, originals = ?, head = ? WHERE one = 1",
		[]any{int64(c.head.Seq), c.documents, c.components, c.artifacts, c.originals, c.head.Hash[:]}} // #nosec G115 -- a sequence stays far below 2^63
}

// next hands out a number of a counter whose ids are 32 bits wide.
func next(n *int64, what string) (uint32, error) {
	if *n > math.MaxUint32 {
		return 0, ident.Errorf(ident.KindLimit, "the store has used up its %d %s numbers", int64(math.MaxUint32)+1, what)
	}
	*n++
	return uint32(*n - 1), nil // #nosec G115 -- checked above
}

// journal appends a record to the chain and to the journal's rows.
func (c *counter) journal(rows *rows, r evidence.Record, k store.ChangeKind, subject, other any) error {
	head, b, err := c.head.Append(r)
	if err != nil {
		return err
	}
	c.head = head
	rows.add(int64(head.Seq), int64(k), subject, other, b) // #nosec G115 -- as in save
	return nil
}

// page bounds a caller's limit.
func page(limit int) (int64, error) {
	if limit <= 0 {
		return 0, ident.Errorf(ident.KindUsage, "a page needs a limit of at least 1, not %d", limit)
	}
	return int64(min(limit, store.MaxPage)), nil
}

func notFound(format string, args ...any) error {
	return ident.Errorf(ident.KindNotFound, "%s", fmt.Sprintf(format, args...))
}
