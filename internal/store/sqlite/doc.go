// Package sqlite is the embedded engine of the store: one folder, one file, and
// nothing else to install.
//
// It is for one machine. Several processes may open one folder (SQLite's own locks
// order them), but not over a network file system, whose locks and whose fsync are
// not to be trusted; several replicas share store/postgres instead.
//
//	s, err := sqlite.Open(ctx, dir, sqlite.Options{Coding: store.Coding{Encode: index.EncodeRow}})
//	defer s.Close()
//	receipts, err := s.Commit(ctx, group) // on disk when it returns
//
// The file is in write-ahead mode with synchronous=FULL: a commit is one fsync of
// the log, and is acknowledged after it.
package sqlite
