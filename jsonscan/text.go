package jsonscan

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	internSlots   = 1 << 8   // direct-mapped by eight bits of hash; a collision only costs a copy
	internLongest = 64       // longer strings seldom repeat
	blockSmallest = 1 << 10  // the first block, so that a small document stays small
	blockLargest  = 32 << 10 // what one kept string can keep alive
)

// texts makes strings out of byte slices of the input.
type texts struct {
	slots *[internSlots]string // made when first needed: readers of small texts need none
	block strings.Builder
	size  int
}

// of returns b as a string that does not alias b.
func (t *texts) of(b []byte) string {
	n := len(b)
	if n == 0 {
		return ""
	}
	if n > internLongest {
		return t.pack(b)
	}
	if t.slots == nil {
		t.slots = new([internSlots]string)
	}
	slot := &t.slots[slotOf(b)]
	if *slot != string(b) {
		*slot = t.pack(b)
	}
	return *slot
}

// slotOf is the slot of a text: a product for every eight bytes of it, the last of which
// overlap, since one for every byte took longer than copying the text.
func slotOf(b []byte) uint8 {
	const odd = 0x9e3779b97f4a7c15
	h := uint64(len(b)) * odd
	last := b
	for len(b) > 8 {
		h = (h ^ binary.LittleEndian.Uint64(b)) * odd
		h ^= h >> 32
		b = b[8:]
	}
	switch {
	case len(last) >= 8:
		h ^= binary.LittleEndian.Uint64(last[len(last)-8:])
	case len(b) >= 4:
		h ^= uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[len(b)-4:]))<<32
	default:
		for _, c := range b {
			h = h<<8 ^ uint64(c)
		}
	}
	return uint8(h * odd >> 56) //nolint:gosec // eight bits are left
}

// pack appends b to the current block. A strings.Builder never rewrites what it
// has handed out, so earlier strings stay valid.
func (t *texts) pack(b []byte) string {
	if len(b) > blockLargest/8 {
		return string(b)
	}
	if t.block.Cap()-t.block.Len() < len(b) {
		t.size = min(max(2*t.size, blockSmallest), blockLargest)
		t.block = strings.Builder{}
		t.block.Grow(max(t.size, len(b)))
	}
	start := t.block.Len()
	t.block.Write(b)
	return t.block.String()[start:]
}

// unescape appends the text of a checked string body to dst.
func unescape(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		c := src[i]
		if c != '\\' {
			j := i + 1
			for j < len(src) && src[j] != '\\' {
				j++
			}
			dst = append(dst, src[i:j]...)
			i = j
			continue
		}
		c = src[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			u := codeUnit(src[i:])
			i += 4
			if utf16.IsSurrogate(u) {
				var low rune = -1
				if i+6 <= len(src) && src[i] == '\\' && src[i+1] == 'u' {
					low = codeUnit(src[i+2:])
				}
				if u = utf16.DecodeRune(u, low); u != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, u)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

func codeUnit(b []byte) rune {
	return hexValue(b[0])<<12 | hexValue(b[1])<<8 | hexValue(b[2])<<4 | hexValue(b[3])
}
