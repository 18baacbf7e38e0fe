package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// minHeap is what the heap may grow to before it is collected: the runtime's own
// four megabytes make a command that lives for a tenth of a second collect half a
// dozen times what it needs until its end.
const minHeap = 64 << 20

// LateCollection leaves a small heap alone. A larger one is collected as always, at
// twice what was alive; so is any where GOGC says something.
func LateCollection() {
	if os.Getenv("GOGC") == "" {
		afterCollection(&watch{})
	}
}

// watch is found dead by every collection.
type watch struct{ _ [1]*int }

// afterCollection sets what the next collection waits for, by what this one left.
func afterCollection(w *watch) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(max(100, percentTo(minHeap, live[0].Value.Uint64())))
	runtime.SetFinalizer(w, afterCollection)
}

// percentTo is by how much a heap has to grow to reach a size. The runtime reckons
// with four megabytes at least.
func percentTo(size, live uint64) int {
	live = max(live, 4<<20)
	if live >= size {
		return 0
	}
	return int((size - live) * 100 / live) //nolint:gosec // at most 1500
}
