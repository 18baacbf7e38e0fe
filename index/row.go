package index

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/cofferdam-io/cofferdam/ident"
)

// MaxRowComponents bounds a forward row: eight times what decoders accept of one
// document. A row of a few bytes can claim four billion components, since runs
// are counted.
const MaxRowComponents = 16 << 20

const rowFormat = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// EncodeRow appends the forward row of a document to dst: its component ids,
// which must be sorted and unique (it panics where they are not, since a row is
// the truth that everything else is derived from).
//
//	row   = format(1 byte) count tokens crc32c(4 bytes, little endian, of all before)
//	token = gap<<1                 one id, gap ids after the last one ended
//	      | gap<<1|1  length-2     that many consecutive ids
//
// Numbers are unsigned varints. Documents of one base image share long runs of
// ids, because ids are given in the order in which components first came.
func EncodeRow(dst []byte, components []uint32) []byte {
	start := len(dst)
	dst = append(dst, rowFormat)
	dst = binary.AppendUvarint(dst, uint64(len(components)))
	next := uint64(0) // the least id that may follow
	for i := 0; i < len(components); {
		first := uint64(components[i])
		if first < next {
			panic("index: component ids of a row are not sorted and unique")
		}
		j := i + 1
		for j < len(components) && uint64(components[j]) == first+uint64(j-i) {
			j++
		}
		if run := j - i; run == 1 {
			dst = binary.AppendUvarint(dst, (first-next)<<1)
		} else {
			dst = binary.AppendUvarint(dst, (first-next)<<1|1)
			dst = binary.AppendUvarint(dst, uint64(run-2))
		}
		next = first + uint64(j-i)
		i = j
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// DecodeRow appends the component ids of a row to dst. The error, of KindInvalid,
// says at which byte the row is not what EncodeRow wrote.
func DecodeRow(dst []uint32, row []byte) ([]uint32, error) {
	if len(row) < 6 {
		return dst, damaged("a forward row has %d bytes, less than any", len(row))
	}
	body := row[:len(row)-4]
	if got, want := crc32.Checksum(body, castagnoli), binary.LittleEndian.Uint32(row[len(body):]); got != want {
		return dst, damaged("the checksum of a forward row of %d bytes is %08x, not %08x", len(row), got, want)
	}
	if body[0] != rowFormat {
		return dst, ident.Errorf(ident.KindUnsupported, "a forward row is in format %d; this version reads %d", body[0], rowFormat)
	}
	r := reader{what: "forward row", b: body, at: 1}
	count := r.uvarint()
	if count > MaxRowComponents {
		return dst, ident.Errorf(ident.KindLimit, "a forward row claims %d components, more than %d", count, MaxRowComponents)
	}
	have, next := uint64(0), uint64(0)
	for have < count && r.err == nil {
		token := r.uvarint()
		run := uint64(1)
		if token&1 == 1 {
			run = min(r.uvarint(), MaxRowComponents) + 2
		}
		first := next + token>>1
		if token>>1 > maxID || run > count-have || first+run-1 > maxID {
			r.fail("the ids run beyond what the row announces")
			break
		}
		for k := range run {
			dst = append(dst, uint32(first+k)) //nolint:gosec // at most maxID
		}
		have, next = have+run, first+run
	}
	if r.err == nil && r.at != len(body) {
		r.fail("there are bytes after the last id")
	}
	return dst, r.err
}
