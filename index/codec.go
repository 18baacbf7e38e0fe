package index

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// maxID is the greatest component, document or artifact number. The one above it
// stands for "none".
const (
	maxID = 1<<32 - 2
	none  = 1<<32 - 1
)

// maxArtifacts bounds the numbers of artifacts, so that a set of them never takes
// more than 32 MiB.
const maxArtifacts = 1 << 28

// A piece is a sealed run of sections:
//
//	piece   = magic(4) format(1) section* crc32c(4, of all before)
//	section = length(uvarint) bytes
//
// Everything multi-byte is little endian. The checksum is verified when a piece is
// opened; what follows is still read with bounds, so that a piece whose checksum
// was forged gives an error and no panic.
const pieceFormat = 1

// sealer writes a piece.
type sealer struct{ b []byte }

func newSealer(magic string) *sealer { return &sealer{append([]byte(magic), pieceFormat)} }

func (s *sealer) section(b []byte) {
	s.b = binary.AppendUvarint(s.b, uint64(len(b)))
	s.b = append(s.b, b...)
}

// seal writes a piece of sections that are ready.
func seal(magic string, sections ...[]byte) []byte {
	s := newSealer(magic)
	size := len(s.b) + crc32.Size
	for _, b := range sections {
		size += binary.MaxVarintLen64 + len(b)
	}
	s.b = slices.Grow(s.b, size)
	for _, b := range sections {
		s.section(b)
	}
	return s.seal()
}

func (s *sealer) seal() []byte {
	return binary.LittleEndian.AppendUint32(s.b, crc32.Checksum(s.b, castagnoli))
}

// open verifies a piece and returns its sections, which share its memory.
func open(name, magic string, b []byte, sections int) ([][]byte, error) {
	if len(b) < len(magic)+5 || string(b[:len(magic)]) != magic {
		return nil, damaged("%s does not begin as a %s piece does", name, magic)
	}
	body := b[:len(b)-4]
	if got, want := crc32.Checksum(body, castagnoli), binary.LittleEndian.Uint32(b[len(body):]); got != want {
		return nil, damaged("the checksum of %s is %08x, not %08x", name, got, want)
	}
	if f := b[len(magic)]; f != pieceFormat {
		return nil, ident.Errorf(ident.KindUnsupported, "%s is in format %d; this version reads %d", name, f, pieceFormat).
			WithHint("the index is derived: rebuild it from the documents' rows")
	}
	r := reader{what: name, b: body, at: len(magic) + 1}
	out := make([][]byte, 0, sections)
	for len(out) < sections && r.err == nil {
		out = append(out, r.bytes())
	}
	if r.err == nil && r.at != len(body) {
		r.fail("there are bytes after the last section")
	}
	return out, r.err
}

// reader reads numbers and byte strings, and remembers the first fault.
type reader struct {
	what string
	b    []byte
	at   int
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = damaged("%s, byte %d: %s", r.what, r.at, fmt.Sprintf(format, args...))
	}
	r.at = len(r.b)
}

func (r *reader) uvarint() uint64 {
	if r.at < len(r.b) && r.b[r.at] < 0x80 { // most numbers are small
		r.at++
		return uint64(r.b[r.at-1])
	}
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 {
		r.fail("a number is cut off")
		return 0
	}
	r.at += n
	return v
}

// id reads a number of at most maxID.
func (r *reader) id() uint32 {
	v := r.uvarint()
	if v > maxID {
		r.fail("the number %d is no id", v)
		return 0
	}
	return uint32(v)
}

// take returns the next n bytes, which share memory with the input.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)-r.at) { //nolint:gosec // at never passes the end
		r.fail("%d bytes are announced and %d are left", n, len(r.b)-r.at)
		return nil
	}
	r.at += int(n) //nolint:gosec // bounded above
	return r.b[r.at-int(n) : r.at]
}

// bytes reads a length and that many bytes.
func (r *reader) bytes() []byte { return r.take(r.uvarint()) }

// count reads how many things follow that take at least one byte of the input
// each, so that memory can be set aside for them.
func (r *reader) count() int {
	v := r.uvarint()
	if v > uint64(len(r.b)-r.at) { //nolint:gosec // at never passes the end
		r.fail("%d things are announced and %d bytes are left", v, len(r.b)-r.at)
		return 0
	}
	return int(v) //nolint:gosec // bounded above
}

func (r *reader) done() bool { return r.at >= len(r.b) }
