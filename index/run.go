package index

import (
	"slices"
	"sort"
)

// A run is the postings of a few documents in memory: pairs component<<32|document,
// sorted. Eight bytes an occurrence are many; runs live until the next checkpoint.
type run struct {
	lo, n uint32 // documents
	pairs []uint64
}

// runRatio is how many times larger a run may be than those behind it before
// they are merged into it: a document's pairs are copied a few times, not once per commit.
const runRatio = 7

// appendRun adds a run, merging it with the last ones where they are small and
// begin at seal or later: what a checkpoint has under its hands is left alone.
func appendRun(runs []run, r run, seal uint32) []run {
	runs = slices.Clip(runs)
	for n := len(runs); n > 0 && runs[n-1].lo >= seal && len(runs[n-1].pairs) <= runRatio*len(r.pairs); n = len(runs) {
		r = run{lo: runs[n-1].lo, n: runs[n-1].n + r.n, pairs: mergePairs(runs[n-1].pairs, r.pairs)}
		runs = runs[: n-1 : n-1]
	}
	return append(runs, r)
}

func mergePairs(a, b []uint64) []uint64 {
	out := make([]uint64, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0] <= b[0] {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// add puts the documents of some components, sorted, into a set.
func (r *run) add(components []uint32, into *Set) {
	pairs := r.pairs
	for _, c := range components {
		if len(pairs) == 0 {
			break
		}
		// Gallop: the next component is near where many are asked for.
		step := 1
		for step < len(pairs) && uint32(pairs[step]>>32) < c {
			step *= 2
		}
		half := pairs[step/2 : min(step+1, len(pairs))]
		i := step/2 + sort.Search(len(half), func(k int) bool { return uint32(half[k]>>32) >= c })
		for ; i < len(pairs) && uint32(pairs[i]>>32) == c; i++ {
			into.Add(uint32(pairs[i])) //nolint:gosec // the low half
		}
		pairs = pairs[i:]
	}
}

// walk yields each component with its documents, ascending; documents is
// overwritten by the next.
func (r *run) walk() postingWalk {
	pairs := r.pairs
	var docs []uint32
	return func() (uint32, []uint32, bool, error) {
		if len(pairs) == 0 {
			return 0, nil, false, nil
		}
		c := uint32(pairs[0] >> 32)
		docs = docs[:0]
		for len(pairs) > 0 && uint32(pairs[0]>>32) == c {
			docs = append(docs, uint32(pairs[0])) //nolint:gosec // the low half
			pairs = pairs[1:]
		}
		return c, docs, true, nil
	}
}

// postingWalk returns the next component and its documents, or false at the end.
type postingWalk func() (component uint32, documents []uint32, ok bool, err error)
