package zstdframe

import (
	"encoding/binary"
	"slices"
)

// sequence is literals and the match behind them, and how zstd spells them
// (section 3.1.1.3.2.1): a code, and as many of the number's lowest bits as belong to it.
type sequence struct {
	literals, match, offset             uint32 // match is less by minMatch; offset is spelled
	literalsCode, matchCode, offsetCode uint8
}

// The bits that belong to each code of lengths. A code's first number has them all 0,
// so that they are simply the number's lowest.
var (
	literalsBits = [36]uint8{16: 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	matchBits    = [53]uint8{32: 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

	literalsCodes = codesOf[[64]uint8](literalsBits[:])
	matchCodes    = codesOf[[128]uint8](matchBits[:])
)

// codesOf lists the codes of the small numbers.
func codesOf[T [64]uint8 | [128]uint8](bits []uint8) (codes T) {
	n := 0
	for code, b := range bits {
		for range 1 << b {
			if n == len(codes) {
				return codes
			}
			codes[n] = uint8(code) //nolint:gosec // below 53
			n++
		}
	}
	return codes
}

// sequence spells one more and counts its codes.
func (e *Encoder) sequence(literals, match int, offset uint32) {
	length, beyond := uint32(literals), uint32(match-minMatch) //nolint:gosec // below maxBlock
	spelled := e.spell(literals > 0, offset)
	offsetCode := highest(spelled)
	var lengthCode, matchCode uint8
	if length < uint32(len(literalsCodes)) {
		lengthCode = literalsCodes[length]
	} else {
		lengthCode = highest(length) + 19 // 64 begins code 25, and each power of two the next
	}
	if beyond < uint32(len(matchCodes)) {
		matchCode = matchCodes[beyond]
	} else {
		matchCode = highest(beyond) + 36 // 128 begins code 43
	}
	e.lengths.counts[lengthCode]++
	e.matches.counts[matchCode]++
	e.offsets.counts[offsetCode]++
	// In its place, field by field: copying a structure that was just filled waits for it.
	e.sequences = append(e.sequences, sequence{})
	s := &e.sequences[len(e.sequences)-1]
	s.literals, s.match, s.offset = length, beyond, spelled
	s.literalsCode, s.matchCode, s.offsetCode = lengthCode, matchCode, offsetCode
}

// spell returns the number that stands for an offset, 1 to 3 for one of the recent
// (section 3.1.1.5). Without literals before it a match cannot be at the most recent
// one, unless a block's end cut it, and the numbers mean the two others.
func (e *Encoder) spell(literals bool, offset uint32) uint32 {
	r := &e.recent
	if literals && offset == r[0] {
		return 1
	}
	name := offset + 3
	switch offset {
	case r[1]:
		name = 2
	case r[2]:
		name, r[2] = 3, r[1]
	default:
		r[2] = r[1]
	}
	r[1], r[0] = r[0], offset
	if !literals && name <= 3 {
		name--
	}
	return name
}

// appendSequences writes the sequences section (section 3.1.1.3.2): the codes' tables,
// and one stream of bits that is read from its end.
func (e *Encoder) appendSequences(dst []byte) []byte {
	n := len(e.sequences)
	switch {
	case n < 128:
		dst = append(dst, byte(n))
	case n < 0x7f00:
		dst = append(dst, byte(n>>8)+128, byte(n))
	default:
		dst = append(dst, 255, byte(n-0x7f00), byte((n-0x7f00)>>8))
	}
	if n == 0 {
		return dst
	}
	modes := len(dst)
	dst = append(dst, 0)
	for i, t := range [...]struct {
		*table
		most uint8
	}{{&e.lengths, 9}, {&e.offsets, 8}, {&e.matches, 9}} {
		var mode uint8
		dst, mode = t.build(dst, n, t.most)
		dst[modes] |= mode << (6 - 2*i)
	}
	return e.appendBits(dst)
}

// appendBits writes the states and the numbers' lowest bits, the last sequence first.
// All that changes is in variables of its own: a structure would live in memory, and each
// step wait for the one before to be written there.
func (e *Encoder) appendBits(dst []byte) []byte {
	// A sequence has at most 80 bits: 26 of states, 54 of numbers.
	out, at := slices.Grow(dst, 10*len(e.sequences)+16), len(dst)
	out = out[:cap(out)]
	var acc uint64 // bits that are not in out yet
	var n uint     // how many; at most 7 after some were moved there
	var literals, match, offset uint32
	for i := len(e.sequences) - 1; i >= 0; i-- {
		s := &e.sequences[i]
		if i == len(e.sequences)-1 {
			literals, match, offset = e.lengths.first(s.literalsCode), e.matches.first(s.matchCode), e.offsets.first(s.offsetCode)
		} else {
			var b uint64
			var width uint
			b, width, offset = e.offsets.next(offset, s.offsetCode)
			acc, n = acc|b<<(n&63), n+width
			b, width, match = e.matches.next(match, s.matchCode)
			acc, n = acc|b<<(n&63), n+width
			b, width, literals = e.lengths.next(literals, s.literalsCode)
			acc, n = acc|b<<(n&63), n+width
		}
		if s.literalsCode >= 25 || s.matchCode >= 43 { // up to 32 bits, and not up to 9
			binary.LittleEndian.PutUint64(out[at:], acc)
			acc, at, n = acc>>(n&^7&63), at+int(n>>3), n&7 //nolint:gosec // below 64
		}
		width := uint(literalsBits[s.literalsCode])
		acc, n = acc|uint64(s.literals&(1<<(width&31)-1))<<(n&63), n+width
		width = uint(matchBits[s.matchCode])
		acc, n = acc|uint64(s.match&(1<<(width&31)-1))<<(n&63), n+width
		binary.LittleEndian.PutUint64(out[at:], acc)
		acc, at, n = acc>>(n&^7&63), at+int(n>>3), n&7 //nolint:gosec // below 64
		width = uint(s.offsetCode)
		acc, n = acc|uint64(s.offset&(1<<(width&31)-1))<<(n&63), n+width
	}
	w := bitWriter{out: out[:at], bits: acc, n: n}
	w.flush()
	w.add(match, e.matches.log)
	w.add(offset, e.offsets.log)
	w.add(literals, e.lengths.log)
	w.add(1, 1) // where a reader begins
	return w.end()
}

// bitWriter appends bits, the lowest first. Between two flushes there is room for 57.
type bitWriter struct {
	out  []byte // with room for what is appended, and 8 bytes more
	bits uint64
	n    uint // of bits
}

// add appends the n lowest bits of v.
func (w *bitWriter) add(v uint32, n uint8) {
	w.bits |= uint64(v&(1<<n-1)) << w.n
	w.n += uint(n)
}

// flush moves whole bytes out; at most 7 bits stay.
func (w *bitWriter) flush() {
	at := len(w.out)
	binary.LittleEndian.PutUint64(w.out[at:at+8], w.bits)
	w.out = w.out[:at+int(w.n>>3)] //nolint:gosec // below 64
	w.bits >>= w.n &^ 7
	w.n &= 7
}

// end moves all bits out.
func (w *bitWriter) end() []byte {
	w.n += 7
	w.flush()
	return w.out
}
