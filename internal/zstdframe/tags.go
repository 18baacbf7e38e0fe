package zstdframe

import (
	"bytes"
	"encoding/binary"
)

// S2 describes a chunk by tags: literals, copies of what came before, and repeats of the
// last copy's offset. https://github.com/google/snappy/blob/main/format_description.txt
// says how Snappy writes it, the documentation of package s2 what it adds: a copy
// of one byte's offset that is 0 repeats.

// slack is what must lie behind the tags, so that a copy's offset is read in one.
const slack = 4

// copyTag is what a tag says of a copy: its length, the offset's upper bits, and how
// many bytes behind the tag have the others. Looking it up costs less than guessing
// wrong which of three kinds it is.
type copyTag struct {
	mask, high uint32
	length     uint8
	width      uint8
}

var copyTags = func() (list [256]copyTag) {
	for tag := range list {
		t := &list[tag]
		switch tag & 3 {
		case 1:
			*t = copyTag{mask: 1<<8 - 1, high: uint32(tag&0xe0) << 3, length: uint8(tag>>2&7) + 4, width: 1}
		case 2:
			*t = copyTag{mask: 1<<16 - 1, length: uint8(tag>>2) + 1, width: 2}
		case 3:
			*t = copyTag{mask: 1<<32 - 1, length: uint8(tag>>2) + 1, width: 4}
		}
	}
	return list
}()

// number reads n of 1 to 4 bytes, the lowest first.
func number(b []byte, n int) int {
	return int(binary.LittleEndian.Uint32(b) & (1<<(8*n) - 1))
}

// follow adds what tags say of src[at:end], joining copies that continue one another.
// false: they do not add up. tags has slack more bytes than are tags.
func (e *Encoder) follow(dst, src, tags []byte, at, end int) ([]byte, bool) {
	last := len(tags) - slack
	n, s := binary.Uvarint(tags[:last])
	if s <= 0 || n != uint64(end-at) { //nolint:gosec // a length
		return dst, false
	}
	left := end - at // of the source
	var ok bool
	var literals, match int
	var offset uint32
	for s < last {
		tag := tags[s]
		if tag&3 == 0 {
			n := int(tag >> 2)
			s++
			if n >= 60 {
				if s+n-59 > last {
					return dst, false
				}
				n, s = number(tags[s:], n-59), s+n-59
			}
			n++
			if match > 0 {
				if left -= literals + match; left < 0 {
					return dst, false
				}
				if dst, ok = e.put(dst, src, at, literals, match, offset); !ok {
					return dst, false
				}
				literals, match = 0, 0
			}
			literals += n
			s += n
			continue
		}
		c := &copyTags[tag]
		from := c.high | binary.LittleEndian.Uint32(tags[s+1:])&c.mask
		n := int(c.length)
		s += 1 + int(c.width)
		if from == 0 && c.width == 1 {
			from = offset
			if more := n - 8; more > 0 { // a repeat that is longer than three bits say
				if s+more > last {
					return dst, false
				}
				n, s = number(tags[s:], more)+repeated[more], s+more
			}
		}
		if from == 0 || s > last {
			return dst, false
		}
		if match > 0 && from != offset {
			if left -= literals + match; left < 0 {
				return dst, false
			}
			if dst, ok = e.put(dst, src, at, literals, match, offset); !ok {
				return dst, false
			}
			literals, match = 0, 0
		}
		match, offset = match+n, from
	}
	if left != literals+match || s != last {
		return dst, false
	}
	return e.put(dst, src, at, literals, match, offset)
}

// put adds literals and the match behind them, if there is one and it holds.
func (e *Encoder) put(dst, src []byte, at, literals, match int, offset uint32) ([]byte, bool) {
	if e.sharing {
		return e.split(dst, src, literals, match, offset)
	}
	if match > 0 && !e.holds(src, at, literals, match, offset) {
		return dst, false
	}
	return e.add(dst, src, literals, match, offset), true
}

// holds reports whether a match behind literals is one: a document must not be lost
// for a fault in what found it. Comparing costs a fortieth of packing.
func (e *Encoder) holds(src []byte, at, literals, match int, offset uint32) bool {
	p := e.start + e.size + literals
	from := p - int(offset)
	if match < minMatch || from < at {
		return false
	}
	a, b := src[p:p+match], src[from:from+match]
	if match < 8 || match > 32 {
		return bytes.Equal(a, b)
	}
	// Two thirds are this long, and then the call costs more than the comparison.
	differ := binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b)
	differ |= binary.LittleEndian.Uint64(a[match-8:]) ^ binary.LittleEndian.Uint64(b[match-8:])
	if match > 16 {
		differ |= binary.LittleEndian.Uint64(a[8:]) ^ binary.LittleEndian.Uint64(b[8:])
		differ |= binary.LittleEndian.Uint64(a[match-16:]) ^ binary.LittleEndian.Uint64(b[match-16:])
	}
	return differ == 0
}

// repeated is the least length of a repeat with so many bytes for its length.
var repeated = [4]int{0, 8, 1<<8 + 4, 1<<16 + 4}
