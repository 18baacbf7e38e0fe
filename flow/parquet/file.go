package parquet

import (
	"bytes"
	"encoding/binary"

	"github.com/cofferdam-io/cofferdam/ident"
)

// The limits. Amazon closes a file of flow logs at 75 MB and once an hour; writers
// make pages of a megabyte, and dictionaries of one or two.
const (
	// MaxBytes is the largest file.
	MaxBytes = 128 << 20
	// MaxPage is the largest page, inflated: one is held for each column, and a dictionary.
	MaxPage = 8 << 20
	// MaxRows is the most rows of a file.
	MaxRows = 64 << 20
	// MaxWords is the most values in the dictionaries of all columns that are read at a time.
	MaxWords = 2 << 20

	maxFooter  = 16 << 20
	maxColumns = 4096 // of the schema
	maxGroups  = 1 << 16
)

// magic begins and ends a file.
var magic = []byte("PAR1")

// Is reports whether a file that begins so is Parquet.
func Is(head []byte) bool { return bytes.HasPrefix(head, magic) }

// The physical types that are read (parquet.thrift, Type).
const (
	int32Type     = 1
	int64Type     = 2
	byteArrayType = 6
)

// File is one whose footer was read. It may be used by one at a time.
type File struct {
	data    []byte
	columns map[string]column
	groups  []group
	rows    int64
}

// column is a leaf at the top of the schema.
type column struct {
	kind     int64
	optional bool
	usable   bool
}

// group is a row group.
type group struct {
	rows   int64
	chunks map[string]chunk
}

// chunk is where a column's values of a row group stand.
type chunk struct {
	kind, codec, values int64
	from, size          int64
}

// Open reads the footer of a file, of which it keeps the bytes. An error of kind
// limit says what there is too much of, one of kind invalid what is wrong.
func Open(data []byte) (*File, error) {
	if len(data) > MaxBytes {
		return nil, ident.Errorf(ident.KindLimit, "Parquet: more than %d MiB", MaxBytes>>20).WithHint("split the file")
	}
	end := len(data) - 8
	if end < len(magic) || !Is(data) || !bytes.Equal(data[end+4:], magic) {
		return nil, invalid("it does not end as it begins: it was cut off, or is encrypted")
	}
	n := int64(binary.LittleEndian.Uint32(data[end:]))
	if n > maxFooter || n > int64(end-len(magic)) {
		return nil, invalid("a footer of %d bytes", n)
	}
	f := &File{data: data[:int64(end)-n], columns: make(map[string]column)}
	t := &thrift{b: data[int64(end)-n : end]}
	if err := f.footer(t); err != nil {
		return nil, err
	}
	if t.bad {
		return nil, invalid("%v", errThrift)
	}
	return f, f.check()
}

func invalid(format string, args ...any) error {
	return ident.Errorf(ident.KindInvalid, "Parquet: "+format, args...)
}

// check holds the row groups against the limits: together they claim no more than
// the file has, so that no byte of it is read for two columns.
func (f *File) check() error {
	var claimed int64
	for i := range f.groups {
		g := &f.groups[i]
		if g.rows < 0 || g.rows > MaxRows-f.rows {
			return ident.Errorf(ident.KindLimit, "Parquet: more than %d rows, or fewer than none", MaxRows).WithHint("split the file")
		}
		f.rows += g.rows
		for _, c := range g.chunks {
			if c.from < int64(len(magic)) || c.size < 0 || c.from > int64(len(f.data)) || c.size > int64(len(f.data))-c.from {
				return invalid("a column stands outside of the file")
			}
			if claimed += c.size; claimed > int64(len(f.data)) {
				return invalid("columns overlap")
			}
		}
	}
	return nil
}

// footer reads FileMetaData.
func (f *File) footer(t *thrift) error {
	var schema []element
	tooMany := ""
	t.fields(func(id int16, kind byte) bool {
		switch {
		case id == 2 && kind == typeList:
			t.list(typeStruct, func() {
				if schema = append(schema, readElement(t)); len(schema) > maxColumns {
					tooMany = "columns"
					t.fail()
				}
			})
		case id == 4 && kind == typeList:
			t.list(typeStruct, func() {
				if f.groups = append(f.groups, readGroup(t)); len(f.groups) > maxGroups {
					tooMany = "row groups"
					t.fail()
				}
			})
		default:
			return false
		}
		return true
	})
	if tooMany != "" {
		return ident.Errorf(ident.KindLimit, "Parquet: more %s than are read", tooMany)
	}
	f.top(schema)
	return nil
}

// element is one of the schema, which lists a tree depth first.
type element struct {
	name             string
	kind, repetition int64
	children         int64
}

func readElement(t *thrift) element {
	e := element{kind: -1}
	t.fields(func(id int16, kind byte) bool {
		switch {
		case id == 1 && kind == typeI32:
			e.kind = t.integer()
		case id == 3 && kind == typeI32:
			e.repetition = t.integer()
		case id == 4 && kind == typeBinary:
			e.name = string(t.binary())
		case id == 5 && kind == typeI32:
			e.children = t.integer()
		default:
			return false
		}
		return true
	})
	return e
}

// top keeps the leaves directly under the root.
func (f *File) top(schema []element) {
	if len(schema) == 0 {
		return
	}
	for i := 1; i < len(schema); {
		e := &schema[i]
		_, twice := f.columns[e.name]
		f.columns[e.name] = column{kind: e.kind, optional: e.repetition == 1, usable: !twice && e.children == 0 && (e.repetition == 0 || e.repetition == 1)}
		i = after(schema, i)
	}
}

// after is the position behind an element and what is in it.
func after(schema []element, i int) int {
	for left := int64(1); left > 0 && i < len(schema); i++ {
		left--
		if c := schema[i].children; c > 0 {
			left += min(c, maxColumns)
		}
	}
	return i
}

func readGroup(t *thrift) group {
	g := group{}
	t.fields(func(id int16, kind byte) bool {
		switch {
		case id == 1 && kind == typeList:
			t.list(typeStruct, func() { g.add(t) })
		case id == 3 && kind == typeI64:
			g.rows = t.integer()
		default:
			return false
		}
		return true
	})
	return g
}

// add reads a ColumnChunk, and keeps it where it is of a column at the top.
func (g *group) add(t *thrift) {
	c, name, parts, elsewhere := chunk{codec: -1}, "", 0, false
	dictionary := int64(0)
	t.fields(func(id int16, kind byte) bool {
		switch {
		case id == 1 && kind == typeBinary: // file_path: in another file
			elsewhere = len(t.binary()) > 0
		case id == 3 && kind == typeStruct:
			t.fields(func(id int16, kind byte) bool {
				switch {
				case id == 3 && kind == typeList:
					t.list(typeBinary, func() {
						name = string(t.binary())
						parts++
					})
				case kind != typeI32 && kind != typeI64:
					return false
				case id == 1:
					c.kind = t.integer()
				case id == 4:
					c.codec = t.integer()
				case id == 5:
					c.values = t.integer()
				case id == 7:
					c.size = t.integer()
				case id == 9:
					c.from = t.integer()
				case id == 11:
					dictionary = t.integer()
				default:
					return false
				}
				return true
			})
		default:
			return false
		}
		return true
	})
	if parts != 1 || elsewhere {
		return
	}
	if dictionary > 0 && dictionary < c.from { // it stands first, where there is one
		c.from = dictionary
	}
	if g.chunks == nil {
		g.chunks = make(map[string]chunk)
	}
	g.chunks[name] = c
}
