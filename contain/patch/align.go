package patch

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
)

// step is one move from an old list to a new one.
type step struct {
	old  int // index in the old list, -1 for an element that is inserted
	want int // index in the new list, -1 for one that is removed
}

const (
	// maxCells bounds the table of an alignment; beyond it only equal elements
	// are matched.
	maxCells = 1 << 20
	// alike is the least share of leaves that two elements have in common for the
	// one to be an edit of the other.
	alike = 0.3
	// sameShape is the likeness of small objects with the same keys, such as two
	// ports, that share no value: the least that matches.
	sameShape = 0.1
)

// align matches the elements of two lists so that as much as possible of the
// old ones stays: equal elements first, then elements that share most of their
// leaves, in order. Scalars match only where they are equal.
func align(old, want []any) []step {
	before, after := make([]leaves, len(old)), make([]leaves, len(want))
	for i := range old {
		before[i] = leavesOf(old[i])
	}
	for i := range want {
		after[i] = leavesOf(want[i])
	}
	head := 0
	for head < len(old) && head < len(want) && before[head].same(after[head]) {
		head++
	}
	tail := 0
	for tail < len(old)-head && tail < len(want)-head && before[len(old)-1-tail].same(after[len(want)-1-tail]) {
		tail++
	}
	var out []step
	for i := range head {
		out = append(out, step{i, i})
	}
	n, m := len(old)-head-tail, len(want)-head-tail
	middle := table
	if n*m > maxCells {
		middle = greedy
	}
	for _, s := range middle(before[head:head+n], after[head:head+m]) {
		if s.old >= 0 {
			s.old += head
		}
		if s.want >= 0 {
			s.want += head
		}
		out = append(out, s)
	}
	for i := range tail {
		out = append(out, step{len(old) - tail + i, len(want) - tail + i})
	}
	return out
}

// table finds the alignment of the greatest likeness by dynamic programming.
func table(before, after []leaves) steps {
	n, m := len(before), len(after)
	if n == 0 || m == 0 {
		return greedy(before, after)
	}
	best := make([]float32, (n+1)*(m+1))
	match := make([]float32, n*m)
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			s := before[i].likeness(after[j])
			match[i*m+j] = s
			v := max(best[(i+1)*(m+1)+j], best[i*(m+1)+j+1])
			if s > 0 {
				v = max(v, s+best[(i+1)*(m+1)+j+1])
			}
			best[i*(m+1)+j] = v
		}
	}
	var out steps
	i, j := 0, 0
	for i < n && j < m {
		here := best[i*(m+1)+j]
		switch s := match[i*m+j]; {
		case s > 0 && here == s+best[(i+1)*(m+1)+j+1]:
			out = append(out, step{i, j})
			i, j = i+1, j+1
		case here == best[(i+1)*(m+1)+j]:
			out = append(out, step{i, -1})
			i++
		default:
			out = append(out, step{-1, j})
			j++
		}
	}
	return append(out, greedy(before[i:], after[j:]).shift(i, j)...)
}

// steps of a part of two lists.
type steps []step

func (s steps) shift(i, j int) []step {
	for k := range s {
		if s[k].old >= 0 {
			s[k].old += i
		}
		if s[k].want >= 0 {
			s[k].want += j
		}
	}
	return s
}

// greedy matches equal elements in the order in which they are met.
func greedy(before, after []leaves) steps {
	places := map[uint64][]int{}
	for j := range after {
		places[after[j].whole] = append(places[after[j].whole], j)
	}
	var out steps
	j := 0
	for i := range before {
		at, _ := slices.BinarySearch(places[before[i].whole], j)
		if at == len(places[before[i].whole]) {
			out = append(out, step{i, -1})
			continue
		}
		for to := places[before[i].whole][at]; j < to; j++ {
			out = append(out, step{-1, j})
		}
		out = append(out, step{i, j})
		j++
	}
	for ; j < len(after); j++ {
		out = append(out, step{-1, j})
	}
	return out
}

// leaves are the hashes of an element's leaves with their paths, sorted, and the
// hash of the whole.
type leaves struct {
	whole  uint64
	scalar bool
	shape  string // the keys of an object that holds scalars alone, "" of others
	sorted []uint64
}

func leavesOf(v any) leaves {
	var l leaves
	l.add(v, "")
	slices.Sort(l.sorted)
	h := fnv.New64a()
	for _, x := range l.sorted {
		_, _ = fmt.Fprintf(h, "%x ", x) // a hash takes everything
	}
	l.whole = h.Sum64()
	switch v := v.(type) {
	case map[string]any:
		l.shape = shapeOf(v)
	case []any:
	default:
		l.scalar = true
	}
	return l
}

func shapeOf(m map[string]any) string {
	shape := ""
	for _, k := range orderedKeys(m) {
		if !isInline(m[k]) {
			return ""
		}
		shape += k + "\x00"
	}
	return shape
}

// add takes in a value. The items of a list share a path, so that an insertion
// at its head leaves the others alike; their order counts by a leaf of its own.
func (l *leaves) add(v any, path string) uint64 {
	h := fnv.New64a()
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, cmp.Compare[string])
		_, _ = fmt.Fprintf(h, "%q{", path)
		for _, k := range keys {
			_, _ = fmt.Fprintf(h, "%x,", l.add(v[k], path+"\x00"+k))
		}
	case []any:
		_, _ = fmt.Fprintf(h, "%q[", path)
		for _, w := range v {
			_, _ = fmt.Fprintf(h, "%x,", l.add(w, path+"\x00[]"))
		}
	default:
		_, _ = fmt.Fprintf(h, "%q=%T%q", path, v, fmt.Sprint(v))
		l.sorted = append(l.sorted, h.Sum64())
		return h.Sum64()
	}
	if path == "" || isEmpty(v) {
		l.sorted = append(l.sorted, h.Sum64())
	}
	return h.Sum64()
}

func (l leaves) same(m leaves) bool { return l.whole == m.whole && len(l.sorted) == len(m.sorted) }

// likeness is 2 for equal elements, up to 1 for others, and 0 for those that
// have too little in common.
func (l leaves) likeness(m leaves) float32 {
	if l.same(m) {
		return 2
	}
	if l.scalar || m.scalar {
		return 0
	}
	common, i, j := 0, 0, 0
	for i < len(l.sorted) && j < len(m.sorted) {
		switch {
		case l.sorted[i] < m.sorted[j]:
			i++
		case l.sorted[i] > m.sorted[j]:
			j++
		default:
			common, i, j = common+1, i+1, j+1
		}
	}
	share := 2 * float32(common) / float32(len(l.sorted)+len(m.sorted))
	switch {
	case share >= alike:
		return share
	case l.shape != "" && l.shape == m.shape:
		return sameShape
	}
	return 0
}
