package parquet

import "encoding/binary"

// The most numbers of a block, and runs of equal width in it: writers take 128 or
// 256 and 4 or 8.
const (
	maxBlock = 1 << 16
	maxRuns  = 1 << 9
)

// deltas reads whole numbers written as differences in packed bits
// ("DELTA_BINARY_PACKED", Encodings.md of the Parquet format).
type deltas struct {
	b      []byte // behind what was read
	left   uint64 // numbers to come, the first counted
	value  uint64 // the last one; sums go round at the end of 64 bits
	least  uint64 // what every difference of the block has in common
	run    int    // numbers of one width
	runs   int    // in a block
	widths []byte // of the runs of the block to come
	packed []byte // the run at hand
	width  uint
	bit    uint
	inRun  int // differences of it to come
	first  bool
}

// begin reads the head.
func (d *deltas) begin(b []byte) bool {
	*d = deltas{b: b, first: true}
	block, ok := d.uvarint()
	runs, ok2 := d.uvarint()
	total, ok3 := d.uvarint()
	first, n := binary.Varint(d.b)
	if !ok || !ok2 || !ok3 || n <= 0 || block == 0 || block > maxBlock || runs == 0 || runs > maxRuns || block%runs != 0 || block/runs%8 != 0 || total > MaxRows {
		return false
	}
	d.b = d.b[n:]
	d.run, d.runs, d.left, d.value = int(block/runs), int(runs), total, uint64(first) //nolint:gosec // a few; sums go round
	return true
}

func (d *deltas) uvarint() (uint64, bool) {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		return 0, false
	}
	d.b = d.b[n:]
	return v, true
}

// next returns the next number; false where there is none.
func (d *deltas) next() (int64, bool) {
	if d.left == 0 {
		return 0, false
	}
	if d.first {
		d.first = false
		d.left--
		return int64(d.value), true //nolint:gosec // as it was written
	}
	if d.inRun == 0 && !d.turn() {
		return 0, false
	}
	d.inRun--
	d.left--
	d.value += d.least + d.bits()
	return int64(d.value), true //nolint:gosec // as it was written
}

// bits are the next ones of the run.
func (d *deltas) bits() uint64 {
	if d.width == 0 {
		return 0
	}
	at, off := d.bit>>3, d.bit&7
	d.bit += d.width
	var word uint64
	rest := d.packed[at:]
	if len(rest) >= 8 {
		word = binary.LittleEndian.Uint64(rest) >> off
	} else {
		for i, c := range rest {
			word |= uint64(c) << (8 * i)
		}
		word >>= off
	}
	if off+d.width > 64 { // nine bytes
		word |= uint64(rest[8]) << (64 - off)
	}
	if d.width < 64 {
		word &= 1<<d.width - 1
	}
	return word
}

// turn begins the next run, of the next block where this one is at its end.
func (d *deltas) turn() bool {
	if len(d.widths) == 0 {
		least, n := binary.Varint(d.b)
		if n <= 0 || d.runs > len(d.b)-n {
			return false
		}
		d.least = uint64(least) //nolint:gosec // sums go round
		d.widths, d.b = d.b[n:n+d.runs], d.b[n+d.runs:]
	}
	d.width = uint(d.widths[0])
	size := d.run / 8 * int(d.width) //nolint:gosec // a byte
	if d.width > 64 || size > len(d.b) {
		return false
	}
	d.packed, d.b, d.widths = d.b[:size], d.b[size:], d.widths[1:]
	d.bit, d.inRun = 0, d.run
	return true
}

// end is what stands behind the numbers. Nothing is kept for them: a claim of
// many costs no more than the bytes that they have.
func (d deltas) end() ([]byte, bool) {
	if d.first && d.left > 0 {
		d.left--
	}
	for n := uint64(0); n < d.left; n += uint64(d.run) { //nolint:gosec // more than none
		if !d.turn() {
			return nil, false
		}
	}
	return d.b, true
}

// texts reads texts whose lengths stand before them ("DELTA_LENGTH_BYTE_ARRAY"), or
// that share what they begin with ("DELTA_BYTE_ARRAY").
type texts struct {
	shared  deltas // how much each has of the one before it
	lengths deltas
	b       []byte
	last    []byte
	sharing bool
}

func (x *texts) begin(b []byte, sharing bool) (ok bool) {
	x.sharing, x.last = sharing, x.last[:0]
	if sharing {
		if !x.shared.begin(b) {
			return false
		}
		if b, ok = x.shared.end(); !ok {
			return false
		}
	}
	if !x.lengths.begin(b) {
		return false
	}
	x.b, ok = x.lengths.end()
	return ok
}

// next returns the next text, which is valid until the one after it.
func (x *texts) next() ([]byte, bool) {
	n, ok := x.lengths.next()
	if !ok || n < 0 || n > int64(len(x.b)) {
		return nil, false
	}
	own := x.b[:n]
	x.b = x.b[n:]
	if !x.sharing {
		return own, true
	}
	n, ok = x.shared.next()
	if !ok || n < 0 || n > int64(len(x.last)) {
		return nil, false
	}
	x.last = append(x.last[:n], own...) // no longer than all that stands in the page
	return x.last, true
}
