// Package store says what the catalogue keeps and how durably: documents with
// their original bytes, the dictionary of components, forward rows, segments of
// the index, states with validity intervals, and the journal. It is the contract;
// the engines are store/sqlite and store/postgres, and store/storetest holds both
// to it.
//
// It knows nothing of SBOM formats or of the index: documents come compressed
// and with their component keys, forward rows and segments are bytes. It has no
// clock: every mutation is given its time.
//
//	s, err := sqlite.Open(ctx, dir, sqlite.Options{Coding: coding})
//	g := store.NewGroup(s, store.GroupOptions{}) // concurrent Puts share one fsync
//	receipt, err := g.Put(ctx, store.Intake{…})   // on disk when it returns
package store
