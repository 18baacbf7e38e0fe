// Package postgres is the engine of the store for several replicas: all share one
// PostgreSQL database, and any of them may be killed at any time.
//
// It is not for standby servers: reading from one would break the promise that an
// acknowledged document is seen, so a connection to a server that is not writable
// is refused.
//
//	s, err := postgres.Open(ctx, "postgres://…", postgres.Options{Coding: store.Coding{Encode: index.EncodeRow}})
//	defer s.Close()
//	receipts, err := s.Commit(ctx, group) // on disk when it returns
//
// Replicas take turns at the counter row (SELECT … FOR UPDATE), which is held
// until the commit is on disk. That is what makes the sequence gapless, and what
// settles a commit whose answer was lost: whoever gets the lock next knows that the
// lost transaction has ended.
package postgres
