// Package storetest holds every engine of the store to its contract: the comments
// of store.Store, one test each.
//
// It is imported by tests only, and knows nothing of any engine: what only one of
// them can do (backups, file permissions, a server that is killed) is tested beside
// it.
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func(t *testing.T, c store.Coding) store.Store { … })
//	}
package storetest
