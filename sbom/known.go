package sbom

import "sync/atomic"

// Known is a component that a reader has met before and remembers: documents that hold it
// share it. What others worked out of it lies beside it, so that it need not be worked out
// again for the next document. It may be used by many goroutines.
type Known struct {
	// Component is what was read, detached (Detached) and never changed. A component that
	// names this one may have been changed since: who uses what lies here compares.
	Component Component
	// Number and Worked are for package index, Judged for package sbom/quality.
	Number         atomic.Uint64
	Worked, Judged atomic.Value
}
