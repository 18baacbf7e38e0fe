package zstdframe

import (
	"math/bits"
	"slices"
)

// The modes of a table in a block (section 3.1.1.3.2.1.1).
const (
	modeRepeat = 1 // one code, always
	modeTable  = 2
)

// codes is more than there are codes of any kind, and most a power of two that all
// tables fit in.
const (
	codes       = 64
	mostStates  = 1 << 9
	leastStates = 5 // its logarithm; what the format allows
)

// table is a Finite State Entropy code of a block (section 4.1), made of how often each
// code is there.
type table struct {
	counts [codes]uint32
	shares [codes]uint32 // of the states, at least one where there is any count
	log    uint8         // of the number of states
	states [mostStates]uint16
	steps  [codes]step
}

// step is how a code leads from a state to the next: bits is what is added to a state to
// find in the upper half how many of its bits are written out, and from where its states are
// numbered. Both may be negative, as numbers that wrap.
type step struct {
	bits, from uint32
}

func (t *table) clear() { t.counts = [codes]uint32{} }

// build makes the table of n codes, of at most 2^most states, and appends how a reader makes it.
func (t *table) build(dst []byte, n int, most uint8) ([]byte, uint8) {
	distinct, last := 0, 0
	for code, c := range t.counts {
		if c > 0 {
			distinct, last = distinct+1, code
		}
	}
	if distinct == 1 { // one state that stays
		t.log, t.states[0], t.steps[last] = 0, 0, step{}
		return append(dst, byte(last)), modeRepeat
	}
	t.log = uint8(min(max(bits.Len(uint(n-1))-2, bits.Len(uint(distinct)), leastStates), int(most))) //nolint:gosec // at most 9
	t.share(n)
	dst = t.appendShares(dst, last)
	t.spread(last)
	return dst, modeTable
}

// share gives each code its share of the states, rounded; what is left over or missing
// is the largest's.
func (t *table) share(n int) {
	states := uint32(1) << t.log
	left := int(states)
	for code, c := range t.counts {
		t.shares[code] = 0
		if c > 0 {
			t.shares[code] = max(1, uint32((uint64(c)*uint64(states)+uint64(n)/2)/uint64(n))) //nolint:gosec // at most states
			left -= int(t.shares[code])
		}
	}
	for left != 0 {
		largest := 0
		for code, s := range t.shares {
			if s > t.shares[largest] {
				largest = code
			}
		}
		change := max(left, 1-int(t.shares[largest]), -int(t.shares[largest])/2) // the largest stays large
		t.shares[largest] = uint32(int(t.shares[largest]) + change)              //nolint:gosec // at least 1
		left -= change
	}
}

// appendShares describes the table (section 4.1.1): each share in as few bits as what is
// left to share allows.
func (t *table) appendShares(dst []byte, last int) []byte {
	w := bitWriter{out: slices.Grow(dst, 3*codes)[:len(dst)]}
	w.add(uint32(t.log-leastStates), 4)
	left, limit, width := uint32(1)<<t.log+1, uint32(1)<<t.log, t.log+1
	for code := 0; code <= last; code++ {
		spare := 2*limit - 1 - left // as many of the numbers need one bit less
		v := t.shares[code] + 1
		left -= t.shares[code]
		if v >= limit {
			v += spare
		}
		n := width
		if v < spare {
			n--
		}
		w.add(v, n)
		for left < limit && limit > 1 {
			limit, width = limit>>1, width-1
		}
		if t.shares[code] == 0 { // how many more have none, by threes
			more := 0
			for t.shares[code+1] == 0 {
				code, more = code+1, more+1
			}
			for ; more >= 3; more -= 3 {
				w.add(3, 2)
				w.flush()
			}
			w.add(uint32(more), 2) //nolint:gosec // below 3
		}
		w.flush()
	}
	return w.end()
}

// spread lays the codes out over the states (section 4.1.1) and numbers each code's.
func (t *table) spread(last int) {
	states := uint32(1) << t.log
	var at [mostStates]uint8
	pos := uint32(0)
	for code := 0; code <= last; code++ {
		for range t.shares[code] {
			at[pos] = uint8(code) //nolint:gosec // below 64
			pos = (pos + states>>1 + states>>3 + 3) & (states - 1)
		}
	}
	var begin [codes]uint32
	total := uint32(0)
	for code := 0; code <= last; code++ {
		share := t.shares[code]
		begin[code] = total
		if share > 0 {
			width := uint32(t.log)
			if share > 1 {
				width -= uint32(highest(share - 1))
			}
			t.steps[code] = step{bits: width<<16 - share<<width, from: total - share}
		}
		total += share
	}
	for state := range states {
		code := at[state]
		t.states[begin[code]] = uint16(states + state) //nolint:gosec // below 1024
		begin[code]++
	}
}

// first is a state that stands for a code, chosen so that few bits follow.
func (t *table) first(code uint8) uint32 {
	s := t.steps[code]
	width := (s.bits + 1<<15) >> 16
	return uint32(t.states[((width<<16-s.bits)>>width+s.from)&(mostStates-1)])
}

// next returns the bits that lead from a state to one that stands for a code, and that.
func (t *table) next(state uint32, code uint8) (bits uint64, width uint, to uint32) {
	s := &t.steps[code&(codes-1)]
	width = uint((state+s.bits)>>16) & 15 // at most 9
	return uint64(state & (1<<width - 1)), width, uint32(t.states[(state>>width+s.from)&(mostStates-1)])
}
