package zstdframe

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/s2"
)

const (
	// maxBlock is how many bytes a block may stand for (RFC 8878 section 3.1.1.2.4).
	maxBlock = 128 << 10
	// chunk is how much S2 is given at once, and so how far back a match can lie: what a
	// reader must keep of a long frame. S2 is fastest up to this size.
	chunk     = 4 << 20
	windowLog = 22
	// minRoom is how much of a block must be free for a piece of a match to go there.
	minRoom = 16
	// minMatch is the shortest match: zstd allows 3, S2 finds 4.
	minMatch = 3
)

// Encoder writes frames. The zero value is ready; its memory, some hundred kilobytes
// and what S2 needs of a chunk, is used again. It is for one goroutine at a time.
type Encoder struct {
	tags   []byte // what S2 made of a chunk
	huff   huff0.Scratch
	sum    uint32    // of the source
	recent [3]uint32 // offsets that have short names (section 3.1.1.5)

	sharing bool // AppendShared is at work
	shared  taken

	// The block that is being filled. Its bytes are the source's, from start on.
	start, size int
	before      [3]uint32 // recent, at the block's beginning
	literals    []byte
	pending     int // literals behind the last match
	sequences   []sequence
	lengths     table // of literals
	matches     table
	offsets     table
}

// Append appends the frame of src to dst, with its size and a checksum.
func (e *Encoder) Append(dst, src []byte) []byte {
	dst = e.open(dst, src)
	for at := 0; at < len(src); at += chunk {
		e.begin(at)
		dst = e.finish(dst, src, at, min(at+chunk, len(src)))
	}
	if len(src) == 0 {
		dst = appendBlockHeader(dst, blockRaw, 0, true)
	}
	return e.close(dst)
}

// open begins a frame. The checksum comes first: whoever reads the source from one end to the
// other has the processor fetch it, and what follows looks here and there.
func (e *Encoder) open(dst, src []byte) []byte {
	e.recent, e.sum = [3]uint32{1, 4, 8}, uint32(xxhash.Sum64(src)) //nolint:gosec // its low half is what is meant
	return appendHeader(dst, len(src))
}

// close ends a frame with the checksum.
func (e *Encoder) close(dst []byte) []byte { return binary.LittleEndian.AppendUint32(dst, e.sum) }

// finish appends the blocks of src[at:end] and ends the last one.
func (e *Encoder) finish(dst, src []byte, at, end int) []byte {
	dst, ok := e.chunk(dst, src, at, end)
	if !ok {
		// Never seen: S2's own description of the chunk does not add up. What is left is kept
		// as it is, since a document must not be lost for that.
		return e.plain(dst, src, end)
	}
	return e.flush(dst, src)
}

// MaxSize is how many bytes the frame of n bytes has at most.
func MaxSize(n int) int {
	// A block is full but for minRoom or less, and each chunk ends one.
	return 32 + n + 3*(n/(maxBlock-minRoom)+n/chunk+2)
}

// appendHeader writes magic number, descriptor, window and size (section 3.1.1.1).
func appendHeader(dst []byte, n int) []byte {
	const (
		checksum = 1 << 2
		single   = 1 << 5 // segment: the window is the content
	)
	dst = append(dst, 0x28, 0xb5, 0x2f, 0xfd)
	switch {
	case n < 256:
		return append(dst, checksum|single, byte(n))
	case n <= chunk:
		return binary.LittleEndian.AppendUint32(append(dst, 2<<6|checksum|single), uint32(n)) //nolint:gosec // at most 4 MB
	}
	dst = append(dst, 3<<6|checksum, (windowLog-10)<<3)
	return binary.LittleEndian.AppendUint64(dst, uint64(n)) //nolint:gosec // a length
}

// The types of blocks that are written.
const (
	blockRaw        = 0
	blockCompressed = 2
)

func appendBlockHeader(dst []byte, kind, n int, last bool) []byte {
	h := kind<<1 | n<<3
	if last {
		h |= 1
	}
	return append(dst, byte(h), byte(h>>8), byte(h>>16))
}

// chunk adds src[at:end] to the block and appends those that are full. false: what S2 says
// of it does not add up.
func (e *Encoder) chunk(dst, src []byte, at, end int) ([]byte, bool) {
	return e.follow(dst, src, e.search(src[at:end]), at, end)
}

// search returns S2's tags of a chunk, with slack behind them.
func (e *Encoder) search(chunk []byte) []byte {
	if need := s2.MaxEncodedLen(len(chunk)) + slack; need > len(e.tags) {
		e.tags = make([]byte, need+need/4)
	}
	return e.tags[:len(s2.Encode(e.tags[:len(e.tags)-slack], chunk))+slack]
}

// plain appends src from the block's start to end without compressing it.
func (e *Encoder) plain(dst, src []byte, end int) []byte {
	e.recent = e.before
	for e.start < end {
		n := min(maxBlock, end-e.start)
		dst = appendBlockHeader(dst, blockRaw, n, e.start+n == len(src))
		dst = append(dst, src[e.start:e.start+n]...)
		e.begin(e.start + n)
	}
	return dst
}

// begin begins a block.
func (e *Encoder) begin(at int) {
	e.start, e.size, e.pending, e.before = at, 0, 0, e.recent
	e.literals, e.sequences = e.literals[:0], e.sequences[:0]
	e.lengths.clear()
	e.matches.clear()
	e.offsets.clear()
}

// add adds literals and the match behind them, if there is one, to the block, and ends
// blocks that are full.
func (e *Encoder) add(dst, src []byte, literals, match int, offset uint32) []byte {
	for literals > maxBlock-e.size {
		n := maxBlock - e.size
		e.literals = append(e.literals, src[e.start+e.size:e.start+maxBlock]...)
		e.size, literals = maxBlock, literals-n
		dst = e.flush(dst, src)
	}
	if at := e.start + e.size; literals <= 16 && at+16 <= len(src) {
		// Most are short: copying always as much costs less than asking how much.
		e.literals = append(e.literals, src[at:at+16]...)[:len(e.literals)+literals]
	} else {
		e.literals = append(e.literals, src[at:at+literals]...)
	}
	e.size += literals
	e.pending += literals
	for match > 0 {
		room := maxBlock - e.size
		if room < minRoom {
			dst = e.flush(dst, src) // the literals were its last ones
			continue
		}
		n := match
		if n > room {
			n = min(room, match-minMatch) // what is left is a match too
		}
		e.sequence(e.pending, n, offset)
		e.size, match, e.pending = e.size+n, match-n, 0
	}
	return dst
}

// flush appends the block and begins the next.
func (e *Encoder) flush(dst, src []byte) []byte {
	at, last := len(dst), e.start+e.size == len(src)
	dst = append(dst, 0, 0, 0)
	dst = e.appendLiterals(dst)
	dst = e.appendSequences(dst)
	kind, n := blockCompressed, len(dst)-at-3
	if n >= e.size {
		kind, n = blockRaw, e.size
		dst = append(dst[:at+3], src[e.start:e.start+e.size]...)
		e.recent = e.before // a raw block has no sequences
	}
	appendBlockHeader(dst[:at], kind, n, last)
	e.begin(e.start + e.size)
	return dst
}

// The types of literals (section 3.1.1.3.1.1), and the sizes from which Huffman codes
// are tried, and in four streams.
const (
	literalsRaw     = 0
	literalsRepeat  = 1
	literalsHuffman = 2

	huffmanFrom = 64
	fourFrom    = 1 << 10
)

func (e *Encoder) appendLiterals(dst []byte) []byte {
	n := len(e.literals)
	var out []byte
	err := huff0.ErrIncompressible
	e.huff.Reuse = huff0.ReusePolicyNone
	switch {
	case n >= fourFrom:
		out, _, err = huff0.Compress4X(e.literals, &e.huff)
	case n >= huffmanFrom:
		out, _, err = huff0.Compress1X(e.literals, &e.huff)
	}
	switch {
	case err == huff0.ErrUseRLE: //nolint:errorlint // returned as it is
		return append(appendLiteralsHeader(dst, literalsRepeat, n), e.literals[0])
	case err != nil || len(out) >= n:
		return append(appendLiteralsHeader(dst, literalsRaw, n), e.literals...)
	}
	h, width := uint64(literalsHuffman), 3
	switch {
	case n < fourFrom: // one stream, two sizes of 10 bits
		h |= uint64(n)<<4 | uint64(len(out))<<14
	case n < 1<<14:
		h |= 2<<2 | uint64(n)<<4 | uint64(len(out))<<18
		width = 4
	default:
		h |= 3<<2 | uint64(n)<<4 | uint64(len(out))<<22
		width = 5
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], h)
	return append(append(dst, b[:width]...), out...)
}

// appendLiteralsHeader writes the header of literals that are not coded.
func appendLiteralsHeader(dst []byte, kind, n int) []byte {
	switch {
	case n < 1<<5:
		return append(dst, byte(kind|n<<3))
	case n < 1<<12:
		return append(dst, byte(kind|1<<2|n<<4), byte(n>>4))
	}
	return append(dst, byte(kind|3<<2|n<<4), byte(n>>4), byte(n>>12))
}

// highest is the number of the highest bit of a number that is not 0.
func highest(n uint32) uint8 { return uint8(bits.Len32(n) - 1) } //nolint:gosec // below 32
