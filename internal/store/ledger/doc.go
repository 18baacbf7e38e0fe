// Package ledger decides what each change writes and what each question reads,
// once for every SQL engine: duplicates, ids, artifacts, the journal's chain and
// validity intervals are the same on SQLite and PostgreSQL because they are the
// same code. An engine brings transactions, statements and the classes of its
// errors.
//
// It is not for callers of the store, who see only store.Store, and it opens no
// database.
//
//	l, err := ledger.New(engine, store.Coding{Encode: encode, Known: known})
//	receipts, err := l.Commit(ctx, group)
//	changes, err := l.Since(ctx, seq, 1000)
package ledger
