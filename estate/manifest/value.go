package manifest

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Value is one value of a document, with its place in the file, for packages that
// read kinds of their own. It is read by the same parsers, under the same limits, as
// every manifest. The zero Value is absent.
type Value struct {
	n    *node
	data []byte // of the whole input
}

// ValueKind is what a Value is.
type ValueKind uint8

// The kinds of value. Absent is a field that is not there, Null one that says nothing.
const (
	Absent ValueKind = iota
	Null
	Bool
	Number
	String
	Map
	List
)

// String says what a value is, in the words that a fault uses.
func (k ValueKind) String() string {
	return [...]string{"nothing", "null", "a boolean", "a number", "a string", "an object", "a list"}[k]
}

// Place is a position in a file: both count from one, Column in characters.
type Place struct{ Line, Column int }

// Document is one value at the top of a file. Where Err is set it could not be read
// and Root is absent.
type Document struct {
	Root Value
	At   Place
	Err  *ident.Error
}

// Documents reads the YAML documents and JSON values of an input as they stand. One
// that does not parse costs only itself; an error is for an input that is too large
// or no text, or for a cancelled context.
func Documents(ctx context.Context, in Input, o Options) ([]Document, error) {
	l := o.limits()
	if len(in.Data) > l.bytes {
		return nil, ident.Errorf(ident.KindLimit, "%d bytes are more than the limit of %d", len(in.Data), l.bytes).At(in.Name)
	}
	if line, err := checkText(in.Data); err != nil {
		return nil, err.At(fmt.Sprintf("%s:%d", in.Name, line))
	}
	docs, err := documents(in.Data, l.documents)
	if err != nil {
		return nil, err
	}
	var out []Document
	for _, doc := range docs {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("reading %s: %w", in.Name, ctx.Err())
		}
		roots(doc, l, func(_ document, root *node, perr *parseError) {
			switch {
			case perr != nil:
				out = append(out, Document{At: lineStart(in.Data, perr.line), Err: perr.err})
			case root != nil:
				v := Value{root, in.Data}
				out = append(out, Document{Root: v, At: v.At()})
			}
		})
	}
	return out, nil
}

// lineStart is the place of a line's first byte that is no blank.
func lineStart(data []byte, line int) Place {
	for range line - 1 {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			break
		}
		data = data[i+1:]
	}
	column := 1
	for column <= len(data) && data[column-1] == ' ' {
		column++
	}
	return Place{line, column}
}

// Kind says what the value is.
func (v Value) Kind() ValueKind {
	if v.n == nil {
		return Absent
	}
	return [...]ValueKind{nullNode: Null, boolNode: Bool, intNode: Number, floatNode: Number, stringNode: String, mapNode: Map, listNode: List}[v.n.kind]
}

// Text is a scalar's text, canonical for booleans and numbers; "" for what is none.
func (v Value) Text() string {
	if v.n == nil || v.n.kind == nullNode {
		return ""
	}
	return v.n.text
}

// At is where the value begins.
func (v Value) At() Place {
	if v.n == nil {
		return Place{}
	}
	return v.place(v.n.start)
}

func (v Value) place(offset int) Place {
	offset = min(max(offset, 0), len(v.data))
	from := bytes.LastIndexByte(v.data[:offset], '\n') + 1
	return Place{1 + bytes.Count(v.data[:from], []byte{'\n'}), 1 + utf8.RuneCount(v.data[from:offset])}
}

// Inside is the place of a position in a string's text, counted from one as other
// parsers report it: for a literal block by its lines, for a scalar on one line by its
// columns, and otherwise where the value begins.
func (v Value) Inside(line, column int) Place {
	at := v.At()
	switch {
	case v.n == nil || v.n.kind != stringNode || line < 1 || column < 1:
		return at
	case v.n.block:
		end := len(v.data)
		return Place{at.Line + line, (spanner{data: v.data}).scalarIndent(v.n.start, end) + column}
	case line > 1:
		return at
	}
	if c := v.data[min(v.n.start, len(v.data)-1)]; c == '"' || c == '\'' {
		column++
	}
	return Place{at.Line, at.Column + column - 1}
}

// Entry is one field of an object.
type Entry struct {
	Key   string
	At    Place // of the key
	Value Value
}

// Entries are the fields of an object, in the order of the text; none for anything else.
func (v Value) Entries() []Entry {
	if v.n == nil {
		return nil
	}
	out := make([]Entry, 0, len(v.n.fields))
	for _, f := range v.n.fields {
		e := Entry{Key: f.key, Value: Value{f.value, v.data}}
		e.At = v.place(v.keyBefore(f.key, f.value.start))
		out = append(out, e)
	}
	return out
}

// maxKeyDistance bounds the way back from a value to its key: a comment may stand
// between them, an essay need not be read.
const maxKeyDistance = 4 << 10

// keyBefore finds the key that a value belongs to, going back from it, so that nodes
// need not hold two places. A value that an alias repeats stands elsewhere than its
// key; it is then named itself.
func (v Value) keyBefore(key string, value int) int {
	value = min(value, len(v.data))
	from := max(0, value-maxKeyDistance-len(key))
	for end := value; ; {
		i := bytes.LastIndex(v.data[from:end], []byte(key))
		if i < 0 || key == "" {
			return value
		}
		rest := strings.TrimLeft(string(v.data[from+i+len(key):value]), "\"' ")
		if strings.HasPrefix(rest, ":") {
			return from + i
		}
		end = from + i
	}
}

// Field is the value of a field; absent where there is none, or v is no object.
func (v Value) Field(key string) Value {
	if n := v.n.lookup(key); n != nil {
		return Value{n, v.data}
	}
	return Value{}
}

// Items are the values of a list; none for anything else.
func (v Value) Items() []Value {
	if v.n == nil {
		return nil
	}
	out := make([]Value, len(v.n.items))
	for i, n := range v.n.items {
		out[i] = Value{n, v.data}
	}
	return out
}

// Any is the value as encoding/json would decode it: nil, bool, int64, float64,
// string, map[string]any or []any.
func (v Value) Any() any {
	if v.n == nil {
		return nil
	}
	switch v.n.kind {
	case boolNode:
		return v.n.text == "true"
	case intNode, floatNode:
		if i, err := strconv.ParseInt(v.n.text, 10, 64); err == nil {
			return i
		}
		f, err := strconv.ParseFloat(v.n.text, 64)
		if err != nil {
			return v.n.text
		}
		return f
	case stringNode:
		return v.n.text
	case mapNode:
		m := make(map[string]any, len(v.n.fields))
		for _, f := range v.n.fields {
			m[f.key] = Value{f.value, v.data}.Any()
		}
		return m
	case listNode:
		l := make([]any, len(v.n.items))
		for i, n := range v.n.items {
			l[i] = Value{n, v.data}.Any()
		}
		return l
	}
	return nil
}

// Canonical is the value as JSON with sorted keys and without nulls: bytes that stay
// the same however a file is formatted, for a digest.
func (v Value) Canonical() []byte { return appendCanonical(nil, v.n) }
