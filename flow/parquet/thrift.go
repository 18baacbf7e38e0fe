package parquet

import (
	"encoding/binary"
	"errors"
)

// The types of fields in Thrift's compact protocol
// (thrift/doc/specs/thrift-compact-protocol.md).
const (
	typeStop   = 0
	typeTrue   = 1
	typeFalse  = 2
	typeByte   = 3
	typeI16    = 4
	typeI32    = 5
	typeI64    = 6
	typeDouble = 7
	typeBinary = 8
	typeList   = 9
	typeSet    = 10
	typeMap    = 11
	typeStruct = 12
)

// maxDepth bounds structures in structures; metadata of Parquet have about six.
const maxDepth = 16

var errThrift = errors.New("its metadata break off or contradict themselves")

// thrift reads the compact protocol. After the first fault everything is empty.
type thrift struct {
	b     []byte
	depth int
	bad   bool
}

func (t *thrift) fail() { t.b, t.bad = nil, true }

func (t *thrift) octet() byte {
	if len(t.b) == 0 {
		t.fail()
		return 0
	}
	c := t.b[0]
	t.b = t.b[1:]
	return c
}

func (t *thrift) uvarint() uint64 {
	v, n := binary.Uvarint(t.b)
	if n <= 0 {
		t.fail()
		return 0
	}
	t.b = t.b[n:]
	return v
}

// integer reads an i16, i32 or i64.
func (t *thrift) integer() int64 {
	v := t.uvarint()
	return int64(v>>1) ^ -int64(v&1) //nolint:gosec // zigzag
}

func (t *thrift) binary() []byte {
	n := t.uvarint()
	if n > uint64(len(t.b)) {
		t.fail()
		return nil
	}
	v := t.b[:n]
	t.b = t.b[n:]
	return v
}

// fields hands each field of a structure to f, which reads it and reports so; what it
// does not read is skipped.
func (t *thrift) fields(f func(id int16, kind byte) bool) {
	if t.depth++; t.depth > maxDepth {
		t.fail()
	}
	defer func() { t.depth-- }()
	id := int16(0)
	for !t.bad {
		head := t.octet()
		kind := head & 15
		if kind == typeStop {
			return
		}
		if delta := int16(head >> 4); delta != 0 {
			id += delta
		} else {
			id = int16(t.integer()) //nolint:gosec // a wrong one is no field that is known
		}
		if !f(id, kind) {
			t.skip(kind)
		}
	}
}

// list hands each element of a list to f, which has to read it.
func (t *thrift) list(want byte, f func()) {
	head := t.octet()
	n, kind := uint64(head>>4), head&15
	if n == 15 {
		n = t.uvarint()
	}
	if n > uint64(len(t.b)) || n > 0 && kind != want { // an element has a byte at least
		t.fail()
	}
	for ; n > 0 && !t.bad; n-- {
		f()
	}
}

func (t *thrift) skip(kind byte) {
	if t.depth++; t.depth > maxDepth {
		t.fail()
	}
	defer func() { t.depth-- }()
	switch kind {
	case typeTrue, typeFalse:
	case typeByte:
		t.octet()
	case typeI16, typeI32, typeI64:
		t.uvarint()
	case typeDouble:
		if len(t.b) < 8 {
			t.fail()
			return
		}
		t.b = t.b[8:]
	case typeBinary:
		t.binary()
	case typeStruct:
		t.fields(func(int16, byte) bool { return false })
	case typeList, typeSet:
		t.skipList()
	case typeMap:
		n := t.uvarint()
		if n == 0 {
			return
		}
		kinds := t.octet()
		if n > uint64(len(t.b)) {
			t.fail()
		}
		for ; n > 0 && !t.bad; n-- {
			t.skipElement(kinds >> 4)
			t.skipElement(kinds & 15)
		}
	default:
		t.fail()
	}
}

func (t *thrift) skipList() {
	head := t.octet()
	n, kind := uint64(head>>4), head&15
	if n == 15 {
		n = t.uvarint()
	}
	if n > uint64(len(t.b)) {
		t.fail()
	}
	for ; n > 0 && !t.bad; n-- {
		t.skipElement(kind)
	}
}

// skipElement skips what stands in a list or a map, where a truth value is a byte.
func (t *thrift) skipElement(kind byte) {
	if kind == typeTrue || kind == typeFalse {
		kind = typeByte
	}
	t.skip(kind)
}
