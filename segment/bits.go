package segment

import (
	"iter"
	"math/bits"
	"slices"
)

// bitset is a set of small integers. The operations that the engine needs fuse
// a test with the update, which the libraries' do not; it is 1 bit per class.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) add(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }

func (b bitset) empty() bool {
	for _, w := range b {
		if w != 0 {
			return false
		}
	}
	return true
}

func (b bitset) or(o bitset) {
	for i, w := range o {
		b[i] |= w
	}
}

func (b bitset) and(o bitset) {
	for i := range b {
		b[i] &= o[i]
	}
}

func (b bitset) andNot(o bitset) {
	for i := range b {
		b[i] &^= o[i]
	}
}

// remove takes the elements of a set out of b.
func (b bitset) remove(s classSet) {
	if s.bits != nil {
		b.andNot(s.bits)
		return
	}
	for _, c := range s.ids {
		b[c>>6] &^= 1 << (c & 63)
	}
}

// within says whether every element of b is in o.
func (b bitset) within(o bitset) bool {
	for i, w := range b {
		if w&^o[i] != 0 {
			return false
		}
	}
	return true
}

// meets says whether b and o share an element.
func (b bitset) meets(o bitset) bool {
	for i, w := range b {
		if w&o[i] != 0 {
			return true
		}
	}
	return false
}

func (b bitset) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range b {
			for w != 0 {
				if !yield(i<<6 + bits.TrailingZeros64(w)) {
					return
				}
				w &= w - 1
			}
		}
	}
}

// members is a set of classes that is small most of the time: sorted ids, or
// bits once those are smaller.
type members struct {
	ids  []uint32
	bits bitset // nil: ids
	n    int    // how many
}

// makeMembers takes ids in ascending order, without repeats, out of n.
func makeMembers(ids []uint32, n int) members {
	if len(ids)*32 <= n {
		return members{ids: ids, n: len(ids)}
	}
	b := newBitset(n)
	for _, i := range ids {
		b.add(int(i))
	}
	return members{bits: b, n: len(ids)}
}

func (m members) empty() bool { return m.bits == nil && len(m.ids) == 0 }

func (m members) addTo(b bitset) {
	if m.bits != nil {
		b.or(m.bits)
		return
	}
	for _, i := range m.ids {
		b.add(int(i))
	}
}

// appendTo appends the elements in ascending order.
func (m members) appendTo(buf []uint32) []uint32 {
	if m.bits == nil {
		return append(buf, m.ids...)
	}
	for i, w := range m.bits {
		for ; w != 0; w &= w - 1 {
			buf = append(buf, uint32(i<<6+bits.TrailingZeros64(w))) //nolint:gosec // a class number
		}
	}
	return buf
}

func (m members) has(i int) bool {
	if m.bits != nil {
		return m.bits.has(i)
	}
	lo, hi := 0, len(m.ids)
	for lo < hi {
		if mid := (lo + hi) / 2; int(m.ids[mid]) < i {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(m.ids) && int(m.ids[lo]) == i
}

func (m members) all() iter.Seq[int] {
	if m.bits != nil {
		return m.bits.all()
	}
	return func(yield func(int) bool) {
		for _, i := range m.ids {
			if !yield(int(i)) {
				return
			}
		}
	}
}

// classSet is the mutable set of classes of one group: sorted ids, or bits.
type classSet struct {
	ids  []uint32
	bits bitset // nil: ids
}

func (s classSet) empty() bool {
	if s.bits != nil {
		return s.bits.empty()
	}
	return len(s.ids) == 0
}

// between iterates over the elements from lo up to hi.
func (s classSet) between(lo, hi int) iter.Seq[int] {
	return func(yield func(int) bool) {
		if s.bits == nil {
			i, _ := slices.BinarySearch(s.ids, uint32(lo)) //nolint:gosec // a class number
			for ; i < len(s.ids) && int(s.ids[i]) < hi; i++ {
				if !yield(int(s.ids[i])) {
					return
				}
			}
			return
		}
		for i := lo >> 6; i < len(s.bits) && i<<6 < hi; i++ {
			for w := s.bits[i]; w != 0; w &= w - 1 {
				if c := i<<6 + bits.TrailingZeros64(w); c >= hi || c >= lo && !yield(c) {
					return
				}
			}
		}
	}
}

func (s classSet) members() members { return members{ids: s.ids, bits: s.bits} }

func (s classSet) clone() classSet {
	return classSet{ids: slices.Clone(s.ids), bits: slices.Clone(s.bits)}
}

// within says whether every element of s is in o.
func (s classSet) within(o bitset) bool {
	if s.bits != nil {
		return s.bits.within(o)
	}
	for _, c := range s.ids {
		if !o.has(int(c)) {
			return false
		}
	}
	return true
}

// meet returns the intersection, in memory of its own.
func (s classSet) meet(o classSet) classSet {
	if s.bits != nil && o.bits != nil {
		if !s.bits.meets(o.bits) {
			return classSet{}
		}
		b := slices.Clone(s.bits)
		b.and(o.bits)
		return classSet{bits: b}
	}
	if s.bits != nil {
		s, o = o, s
	}
	var out classSet
	has := o.members().has
	for _, c := range s.ids {
		if has(int(c)) {
			out.ids = append(out.ids, c)
		}
	}
	return out
}

// split parts s by who. s must not be used afterwards.
func (s classSet) split(who bitset) (in, rest classSet) {
	if s.bits == nil {
		for _, c := range s.ids {
			if who.has(int(c)) {
				in.ids = append(in.ids, c)
			} else {
				rest.ids = append(rest.ids, c)
			}
		}
		return in, rest
	}
	switch {
	case !s.bits.meets(who):
		return classSet{}, s
	case s.bits.within(who):
		return s, classSet{}
	}
	in.bits = make(bitset, len(s.bits))
	for i, w := range s.bits {
		in.bits[i] = w & who[i]
		s.bits[i] = w &^ who[i]
	}
	return in, s
}

// take removes the ids, which are sorted, from s and returns those it held.
func (s *classSet) take(ids []uint32) []uint32 {
	var out []uint32
	if s.bits != nil {
		for _, c := range ids {
			if s.bits.has(int(c)) {
				s.bits[c>>6] &^= 1 << (c & 63)
				out = append(out, c)
			}
		}
		return out
	}
	var rest []uint32
	for _, c := range s.ids {
		if _, ok := slices.BinarySearch(ids, c); ok {
			out = append(out, c)
		} else {
			rest = append(rest, c)
		}
	}
	s.ids = rest
	return out
}

// join returns the union of two disjoint sets, reusing one of them.
func (s classSet) join(o classSet) classSet {
	switch {
	case s.bits != nil:
		o.members().addTo(s.bits)
		return s
	case o.bits != nil:
		s.members().addTo(o.bits)
		return o
	}
	s.ids = append(s.ids, o.ids...)
	slices.Sort(s.ids)
	return s
}

// unite returns the union of sets out of n.
func unite(sets []members, n int) members {
	if len(sets) == 1 {
		return sets[0]
	}
	total := 0
	for i := range sets {
		total += sets[i].n
	}
	if total*32 <= n {
		ids := make([]uint32, 0, total)
		for i := range sets {
			ids = sets[i].appendTo(ids)
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		return members{ids: ids, n: len(ids)}
	}
	b := newBitset(n)
	for i := range sets {
		sets[i].addTo(b)
	}
	count := 0
	for _, w := range b {
		count += bits.OnesCount64(w)
	}
	if count*32 <= n {
		ids := members{bits: b}.appendTo(make([]uint32, 0, count))
		return members{ids: ids, n: count}
	}
	return members{bits: b, n: count}
}

// ragged makes a list for each class in one piece of memory: everything is added
// twice, in the same order, first to count and then to fill.
type ragged[T any] struct {
	start []uint32 // of each class; while filling, where its next element goes
	data  []T
	fill  bool
}

func newRagged[T any](n int) *ragged[T] { return &ragged[T]{start: make([]uint32, n+2)} }

// add puts elements into the lists of some classes.
func (r *ragged[T]) add(m *members, xs ...T) {
	if len(xs) == 0 {
		return
	}
	if m.bits != nil {
		for c := range m.bits.all() {
			r.put(c, xs)
		}
		return
	}
	for _, c := range m.ids {
		r.put(int(c), xs)
	}
}

func (r *ragged[T]) put(c int, xs []T) {
	if !r.fill {
		r.start[c+2] += uint32(len(xs)) //nolint:gosec // a few
		return
	}
	copy(r.data[r.start[c+1]:], xs)
	r.start[c+1] += uint32(len(xs)) //nolint:gosec // a few
}

// next ends the counting.
func (r *ragged[T]) next() {
	if r.fill {
		return
	}
	r.fill = true
	for i := 2; i < len(r.start); i++ {
		r.start[i] += r.start[i-1]
	}
	r.data = make([]T, r.start[len(r.start)-1])
}

// lists returns the list of each class.
func (r *ragged[T]) lists() lists[T] { return newLists(r.start[:len(r.start)-1], r.data) }

// put adds or removes an element.
func (b bitset) put(i int, in bool) {
	if in {
		b.add(i)
	} else {
		b[i>>6] &^= 1 << (i & 63)
	}
}

// with returns m with an element more, out of n.
func (m members) with(c uint32, n int) members {
	if m.has(int(c)) {
		return m
	}
	if m.bits != nil {
		b := slices.Clone(m.bits)
		b.add(int(c))
		return members{bits: b, n: m.n + 1}
	}
	i, _ := slices.BinarySearch(m.ids, c)
	return makeMembers(slices.Insert(slices.Clone(m.ids), i, c), n)
}

// without returns m without an element.
func (m members) without(c uint32) members {
	if !m.has(int(c)) {
		return m
	}
	if m.n == 1 {
		return members{}
	}
	if m.bits != nil {
		b := slices.Clone(m.bits)
		b.put(int(c), false)
		return members{bits: b, n: m.n - 1}
	}
	i, _ := slices.BinarySearch(m.ids, c)
	return members{ids: slices.Delete(slices.Clone(m.ids), i, i+1), n: m.n - 1}
}
