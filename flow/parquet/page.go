package parquet

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/cofferdam-io/cofferdam/ident"
)

// The kinds of pages, the encodings and the codecs that are read (parquet.thrift,
// PageType, Encoding, CompressionCodec).
const (
	dataPage       = 0
	indexPage      = 1
	dictionaryPage = 2
	dataPageV2     = 3

	plain           = 0
	plainDictionary = 2
	rle             = 3
	deltaNumbers    = 5
	deltaLengths    = 6
	deltaTexts      = 7
	rleDictionary   = 8

	uncompressed = 0
	snappyCodec  = 1
	gzipCodec    = 2
	zstdCodec    = 6
)

// header is PageHeader with what the kind of page has.
type header struct {
	kind, inflated, stored int64
	values, nulls          int64
	encoding, levels       int64 // levels: the encoding of definition levels
	defs, reps             int64 // bytes of levels, in a page of version 2
	compressed             bool
	found                  bool // the header of that kind of page
}

func readHeader(t *thrift) header {
	h := header{kind: -1, compressed: true, levels: rle}
	inner := func(kind int64, ids map[int16]*int64) {
		h.found = h.found || h.kind == kind
		t.fields(func(id int16, k byte) bool {
			if p := ids[id]; p != nil && k == typeI32 {
				*p = t.integer()
				return true
			}
			if kind == dataPageV2 && id == 7 && (k == typeTrue || k == typeFalse) {
				h.compressed = k == typeTrue
				return true
			}
			return false
		})
	}
	t.fields(func(id int16, kind byte) bool {
		switch {
		case kind == typeI32 && id == 1:
			h.kind = t.integer()
		case kind == typeI32 && id == 2:
			h.inflated = t.integer()
		case kind == typeI32 && id == 3:
			h.stored = t.integer()
		case kind == typeStruct && id == 5:
			inner(dataPage, map[int16]*int64{1: &h.values, 2: &h.encoding, 3: &h.levels})
		case kind == typeStruct && id == 7:
			inner(dictionaryPage, map[int16]*int64{1: &h.values, 2: &h.encoding})
		case kind == typeStruct && id == 8:
			inner(dataPageV2, map[int16]*int64{1: &h.values, 2: &h.nulls, 4: &h.encoding, 5: &h.defs, 6: &h.reps})
		default:
			return false
		}
		return true
	})
	return h
}

// inflater takes compression off pages, into memory that it uses again.
type inflater struct {
	zstd  *zstd.Decoder
	gzip  *gzip.Reader
	words int // in the dictionaries of all columns
}

func (x *inflater) inflate(codec int64, from, into []byte, size int) ([]byte, error) {
	if codec == uncompressed {
		if len(from) != size {
			return nil, errThrift
		}
		return append(into[:0], from...), nil
	}
	switch codec {
	case snappyCodec:
		if n, err := s2.DecodedLen(from); err != nil || n != size {
			return nil, errThrift
		}
		return s2.Decode(room(into, size), from)
	case gzipCodec:
		var err error
		if x.gzip == nil {
			x.gzip, err = gzip.NewReader(bytes.NewReader(from))
		} else {
			err = x.gzip.Reset(bytes.NewReader(from))
		}
		if err != nil {
			return nil, err
		}
		into = room(into, size)
		_, err = io.ReadFull(x.gzip, into)
		return into, err
	case zstdCodec:
		if x.zstd == nil {
			var err error
			if x.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxPage), zstd.WithDecoderMaxWindow(MaxPage)); err != nil {
				return nil, err
			}
		}
		out, err := x.zstd.DecodeAll(from, into[:0])
		if err == nil && len(out) != size {
			err = errThrift
		}
		return out, err
	}
	names := map[int64]string{3: "LZO", 4: "Brotli", 5: "LZ4", 7: "LZ4"}
	return nil, ident.Errorf(ident.KindUnsupported, "Parquet: columns compressed with %s (codec %d)", names[codec], codec).
		WithHint("write it with snappy, gzip, zstd or no compression, or as CSV with the columns of docs/flows.md")
}

func (x *inflater) close() {
	if x.zstd != nil {
		x.zstd.Close()
	}
}

// room is a slice of a size, in the memory of another where that has so much.
func room(b []byte, size int) []byte {
	if cap(b) < size {
		return make([]byte, size)
	}
	return b[:size]
}

// values splits plainly written values off a page.
type values struct {
	kind int64
	b    []byte
}

func (v *values) next(into *Value) bool {
	switch v.kind {
	case int32Type:
		if len(v.b) < 4 {
			return false
		}
		*into = Value{kind: number, n: int64(int32(binary.LittleEndian.Uint32(v.b)))} //nolint:gosec // as it was written
		v.b = v.b[4:]
	case int64Type:
		if len(v.b) < 8 {
			return false
		}
		*into = Value{kind: number, n: int64(binary.LittleEndian.Uint64(v.b))} //nolint:gosec // as it was written
		v.b = v.b[8:]
	default:
		if len(v.b) < 4 {
			return false
		}
		n := uint64(binary.LittleEndian.Uint32(v.b))
		if n > uint64(len(v.b)-4) {
			return false
		}
		*into = Value{kind: text, b: v.b[4 : 4+n]}
		v.b = v.b[4+n:]
	}
	return true
}
