package parquet

import (
	"context"
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Value is one of a row: a number, a text, or nothing.
type Value struct {
	kind byte
	n    int64
	b    []byte // of a text; of a number, too, that stands in a dictionary
}

const (
	nothing = iota
	number
	text
)

// Null reports whether there is no value: the row has none, or the file no such column.
func (v *Value) Null() bool { return v.kind == nothing }

// Bytes is the value as text, none where there is none; it may be in the memory of
// scratch, whose bytes it does not keep.
func (v *Value) Bytes(scratch []byte) []byte {
	if v.kind == number && v.b == nil {
		return strconv.AppendInt(scratch[:0], v.n, 10)
	}
	return v.b
}

// Text is the value as text, "" for none.
func (v *Value) Text() string { return string(v.Bytes(nil)) }

// Has reports whether the file has a column at the top of its schema.
func (f *File) Has(column string) bool {
	_, ok := f.columns[column]
	return ok
}

// Rows hands every row to f: the values of columns, in their order, valid until the
// next row. Of a column that the file does not have every value is nothing. It ends
// with the first error of f, and with one of kind invalid, limit or unsupported where
// the file is not what it claims; what was handed out before stands.
func (f *File) Rows(ctx context.Context, columns []string, each func(row []Value) error) error {
	x := &inflater{}
	defer x.close()
	cursors := make([]*cursor, len(columns))
	row := make([]Value, len(columns))
	for i := range f.groups {
		g := &f.groups[i]
		if err := f.begin(g, columns, cursors, x); err != nil {
			return err
		}
		for n := range g.rows {
			if n&0xfff == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			for k, c := range cursors {
				if c == nil {
					continue
				}
				if err := c.next(&row[k]); err != nil {
					var known *ident.Error
					if errors.As(err, &known) {
						return err
					}
					return invalid("column %.60q: %w", columns[k], err)
				}
			}
			if err := each(row); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// begin sets cursors to the first row of a group.
func (f *File) begin(g *group, columns []string, cursors []*cursor, x *inflater) error {
	for k, name := range columns {
		col, has := f.columns[name]
		if !has {
			continue
		}
		c, has := g.chunks[name]
		switch {
		case !col.usable || has && c.kind != col.kind:
			return invalid("column %.60q is not one of plain values", name)
		case col.kind != int32Type && col.kind != int64Type && col.kind != byteArrayType:
			return ident.Errorf(ident.KindUnsupported, "Parquet: column %.60q is neither whole numbers nor texts (type %d)", name, col.kind).
				WithHint("docs/flows.md says what the columns are")
		case g.rows == 0:
		case !has || c.values != g.rows:
			return invalid("column %.60q has another number of values than there are rows", name)
		}
		if cursors[k] == nil {
			cursors[k] = &cursor{}
		}
		cursors[k].begin(f.data[c.from:c.from+c.size], c, col, x)
	}
	return nil
}

// How the values of a page are written.
const (
	whole  = iota
	byRef  // as positions in the dictionary
	byDiff // numbers
	byLength
)

// cursor reads one column of one row group.
type cursor struct {
	kind, codec int64
	optional    bool

	x       *inflater
	rest    []byte // pages to come
	dict    []Value
	page    []byte // inflated; kept for its memory
	words   []byte // the dictionary, as it was inflated
	names   []byte // its numbers as text
	counted int    // values of it that the inflater has counted
	left    int64  // values of the page, nothing counted
	defs    hybrid // is there a value; of an optional column
	plain   values
	index   hybrid
	diffs   deltas
	texts   texts
	how     byte // values are written
}

func (c *cursor) begin(b []byte, of chunk, col column, x *inflater) {
	c.kind, c.codec, c.optional, c.x, c.rest, c.dict, c.left = of.kind, of.codec, col.optional, x, b, c.dict[:0], 0
}

// next reads the next value.
func (c *cursor) next(into *Value) error {
	for c.left == 0 {
		if err := c.turn(); err != nil {
			return err
		}
	}
	c.left--
	if c.optional {
		is, ok := c.defs.next()
		if !ok {
			return errThrift
		}
		if is == 0 {
			*into = Value{}
			return nil
		}
	}
	switch c.how {
	case whole:
		if !c.plain.next(into) {
			return errThrift
		}
	case byRef:
		at, ok := c.index.next()
		if !ok || uint64(at) >= uint64(len(c.dict)) {
			return errThrift
		}
		*into = c.dict[at]
	case byDiff:
		n, ok := c.diffs.next()
		if !ok {
			return errThrift
		}
		if c.kind == int32Type {
			n = int64(int32(n)) //nolint:gosec // sums go round at the end of 32 bits
		}
		*into = Value{kind: number, n: n}
	case byLength:
		b, ok := c.texts.next()
		if !ok {
			return errThrift
		}
		*into = Value{kind: text, b: b}
	}
	return nil
}

// turn reads the next page.
func (c *cursor) turn() error {
	t := &thrift{b: c.rest}
	h := readHeader(t)
	if t.bad || h.stored < 0 || h.inflated < 0 || h.stored > int64(len(t.b)) || !h.found && h.kind != indexPage {
		return errThrift
	}
	if h.inflated > MaxPage {
		return ident.Errorf(ident.KindLimit, "Parquet: a page of more than %d MiB", MaxPage>>20).WithHint("write it with pages of a megabyte, as is usual")
	}
	body := t.b[:h.stored]
	c.rest = t.b[h.stored:]
	switch h.kind {
	case indexPage:
		return nil
	case dictionaryPage:
		return c.dictionary(&h, body)
	case dataPage:
		return c.version1(&h, body)
	case dataPageV2:
		return c.version2(&h, body)
	}
	return errThrift
}

func (c *cursor) dictionary(h *header, body []byte) error {
	var err error
	if c.words, err = c.x.inflate(c.codec, body, c.words, int(h.inflated)); err != nil {
		return err
	}
	if h.encoding != plain && h.encoding != plainDictionary || h.values < 0 || h.values > h.inflated { // four bytes a value, at least
		return errThrift
	}
	c.x.words += int(h.values) - c.counted
	if c.counted = int(h.values); c.x.words > MaxWords {
		return ident.Errorf(ident.KindLimit, "Parquet: dictionaries of more than %d values", MaxWords).WithHint("write it with dictionaries of a megabyte, as is usual")
	}
	c.dict, c.names = c.dict[:0], c.names[:0]
	v := values{c.kind, c.words}
	for range h.values {
		var x Value
		if !v.next(&x) {
			return errThrift
		}
		if x.kind == number { // written out once, not in every row
			from := len(c.names)
			c.names = strconv.AppendInt(c.names, x.n, 10)
			x.b = c.names[from:len(c.names):len(c.names)]
		}
		c.dict = append(c.dict, x)
	}
	return nil
}

func (c *cursor) version1(h *header, body []byte) error {
	var err error
	if c.page, err = c.x.inflate(c.codec, body, c.page, int(h.inflated)); err != nil {
		return err
	}
	b := c.page
	if c.optional {
		if h.levels != rle || len(b) < 4 {
			return errThrift
		}
		n := uint64(binary.LittleEndian.Uint32(b))
		if n > uint64(len(b)-4) {
			return errThrift
		}
		c.defs = hybrid{b: b[4 : 4+n], width: 1}
		b = b[4+n:]
	}
	return c.data(h, b)
}

func (c *cursor) version2(h *header, body []byte) error {
	levels := h.defs + h.reps
	if h.defs < 0 || h.reps != 0 || levels > int64(len(body)) || levels > h.inflated {
		return errThrift
	}
	codec := c.codec
	if !h.compressed {
		codec = uncompressed
	}
	var err error
	if c.page, err = c.x.inflate(codec, body[levels:], c.page, int(h.inflated-levels)); err != nil {
		return err
	}
	c.defs = hybrid{b: body[:h.defs], width: 1}
	return c.data(h, c.page)
}

// data begins the values of a page.
func (c *cursor) data(h *header, b []byte) error {
	if h.values < 0 || h.values > MaxRows {
		return errThrift
	}
	c.left = h.values
	switch h.encoding {
	case plain:
		c.how, c.plain = whole, values{c.kind, b}
	case plainDictionary, rleDictionary:
		c.how = byRef
		if c.index = (hybrid{}); len(b) > 0 { // a page of nothing but nulls may have no more
			if b[0] > 32 {
				return errThrift
			}
			c.index = hybrid{b: b[1:], width: uint(b[0])}
		}
	case deltaNumbers:
		if c.how = byDiff; c.kind == byteArrayType || !c.diffs.begin(b) {
			return errThrift
		}
	case deltaLengths, deltaTexts:
		if c.how = byLength; c.kind != byteArrayType || !c.texts.begin(b, h.encoding == deltaTexts) {
			return errThrift
		}
	default:
		return ident.Errorf(ident.KindUnsupported, "Parquet: values in encoding %d", h.encoding).
			WithHint("plain values, dictionaries and differences are read: write it for readers of version 1, or as CSV with the columns of docs/flows.md")
	}
	return nil
}
