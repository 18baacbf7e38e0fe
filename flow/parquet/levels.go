package parquet

import "encoding/binary"

// hybrid reads small numbers written as runs and as packed bits ("RLE/Bit-Packing
// Hybrid", Encodings.md of the Parquet format).
type hybrid struct {
	b      []byte
	width  uint
	left   int // of the run or the packed numbers
	value  uint32
	packed []byte
	bit    uint // of packed, that is next
}

// next returns the next number; false where there is none.
func (h *hybrid) next() (uint32, bool) {
	for h.left == 0 {
		if !h.run() {
			return 0, false
		}
	}
	h.left--
	if h.packed == nil {
		return h.value, true
	}
	at := h.bit >> 3
	var word uint64
	if int(at)+8 <= len(h.packed) { //nolint:gosec // within a page
		word = binary.LittleEndian.Uint64(h.packed[at:])
	} else {
		for i, c := range h.packed[at:] {
			word |= uint64(c) << (8 * i)
		}
	}
	v := uint32(word >> (h.bit & 7) & (1<<h.width - 1)) //nolint:gosec // at most 32 bits
	h.bit += h.width
	return v, true
}

// run reads the head of the next run.
func (h *hybrid) run() bool {
	head, n := binary.Uvarint(h.b)
	if n <= 0 || head>>1 > MaxRows {
		return false
	}
	h.b = h.b[n:]
	count := int(head >> 1) //nolint:gosec // checked above
	if head&1 == 1 {        // groups of eight numbers
		size := count * int(h.width) //nolint:gosec // 32 at most
		if size > len(h.b) {
			return false
		}
		h.packed, h.bit, h.left = h.b[:size], 0, 8*count
		h.b = h.b[size:]
		if h.width == 0 {
			h.packed, h.value = nil, 0
		}
		return true
	}
	size := int(h.width+7) / 8 //nolint:gosec // 4 at most
	if size > len(h.b) {
		return false
	}
	h.packed, h.value, h.left = nil, 0, count
	for i, c := range h.b[:size] {
		h.value |= uint32(c) << (8 * i)
	}
	h.b = h.b[size:]
	return true
}
