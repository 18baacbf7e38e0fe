package segment

import (
	"iter"
	"math/bits"
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

func (b bitset) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
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

// overlap says whether a meets b, and whether it lies wholly inside.
func (b bitset) overlap(o bitset) (meets, inside bool) {
	inside = true
	for i, w := range b {
		if w&o[i] != 0 {
			meets = true
		}
		if w&^o[i] != 0 {
			inside = false
		}
		if meets && !inside {
			return true, false
		}
	}
	return meets, inside
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
}

// makeMembers takes ids in ascending order, without repeats, out of n.
func makeMembers(ids []uint32, n int) members {
	if len(ids)*32 <= n {
		return members{ids: ids}
	}
	b := newBitset(n)
	for _, i := range ids {
		b.add(int(i))
	}
	return members{bits: b}
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
