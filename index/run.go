package index

import (
	"math/bits"
	"slices"
	"sort"
)

// A run is the postings of a few documents in memory: pairs component<<32|document,
// sorted. Eight bytes an occurrence are many; runs live until the next checkpoint.
type run struct {
	lo, n uint32 // documents
	pairs []uint64
}

// tierWidth is how many parts of one tier are merged into one of the next: eight
// times larger is a tier higher. What is applied is copied once for each tier, not
// once for each commit.
const tierWidth = 8

// crowded returns how many parts at the end are to be merged into one: those whose
// tier is at most that of the last, once there are tierWidth of them; else 0.
func crowded(sizes []int) int {
	tier := func(n int) int { return bits.Len(uint(n)) / 3 } //nolint:gosec // a length
	n := 0
	for n < len(sizes) && tier(sizes[len(sizes)-1-n]) <= tier(sizes[len(sizes)-1]) {
		n++
	}
	if n < tierWidth {
		return 0
	}
	return n
}

// appendRun adds a run, merging it with others that begin at seal or later: what a
// checkpoint has under its hands is left alone.
func appendRun(runs []run, r run, seal uint32) []run {
	runs = append(slices.Clip(runs), r)
	first := slices.IndexFunc(runs, func(r run) bool { return r.lo >= seal })
	for {
		sizes := make([]int, 0, len(runs)-first)
		for _, r := range runs[first:] {
			sizes = append(sizes, len(r.pairs))
		}
		n := crowded(sizes)
		if n == 0 {
			return runs
		}
		merged := mergeRuns(runs[len(runs)-n:])
		runs = append(runs[:len(runs)-n], merged)
	}
}

// mergeRuns merges adjacent runs, two by two.
func mergeRuns(runs []run) run {
	if len(runs) == 1 {
		return runs[0]
	}
	a, b := mergeRuns(runs[:len(runs)/2]), mergeRuns(runs[len(runs)/2:])
	return run{lo: a.lo, n: a.n + b.n, pairs: mergePairs(a.pairs, b.pairs)}
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
