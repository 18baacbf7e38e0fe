package mapped

import "os"

// New returns n bytes of zeros. Whoever has them calls Free once, and nobody may look at
// them afterwards. The error says that there are none to be had: make them.
func New(n int64) ([]byte, error) { return acquire(int(n)) }

// Release gives back the memory of b[from:to], of which b is New's and nobody will look
// at the part again: there may be zeros now. Whole pages only are given back.
func Release(b []byte, from, to int) {
	page := os.Getpagesize()
	if from, to = (from+page-1)/page*page, to/page*page; from < to {
		forget(b[from:to])
	}
}

// Free gives back all of what New returned, from its first byte and with its capacity.
func Free(b []byte) { free(b[:cap(b)]) }
