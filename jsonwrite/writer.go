package jsonwrite

import (
	"io"
	"strconv"
	"unicode/utf8"
)

// Writer writes one JSON text. It is not safe for concurrent use.
type Writer struct {
	out    io.Writer
	buf    []byte
	depth  int
	begun  []bool // by level: something stands in it already
	member bool   // a name was written, its value is due
	err    error
}

const (
	bufferSize = 64 << 10
	indent     = "                                " // one space a level, up to 32 levels
)

// New returns a Writer to out.
func New(out io.Writer) *Writer {
	return &Writer{out: out, buf: make([]byte, 0, bufferSize+4<<10), begun: make([]bool, 1, 16)}
}

// Flush ends the text with a newline, writes what is buffered, and returns the
// first error of writing.
func (w *Writer) Flush() error {
	w.buf = append(w.buf, '\n')
	w.drain()
	return w.err
}

// Err returns the first error of writing, so that a long loop can stop early.
func (w *Writer) Err() error { return w.err }

func (w *Writer) drain() {
	if w.err == nil {
		_, w.err = w.out.Write(w.buf)
	}
	w.buf = w.buf[:0]
}

// value begins a value: after its name, or as the next item of an array.
func (w *Writer) value() {
	if w.member {
		w.member = false
		return
	}
	if w.depth > 0 {
		w.line()
	}
}

// line begins a member or item on a line of its own.
func (w *Writer) line() {
	if w.begun[w.depth] {
		w.buf = append(w.buf, ',')
	}
	w.begun[w.depth] = true
	if len(w.buf) > bufferSize {
		w.drain()
	}
	w.newline()
}

func (w *Writer) newline() {
	w.buf = append(w.buf, '\n')
	w.buf = append(w.buf, indent[:min(w.depth, len(indent))]...)
}

func (w *Writer) open(c byte) {
	w.value()
	w.buf = append(w.buf, c)
	w.depth++
	w.begun = append(w.begun, false)
}

func (w *Writer) shut(c byte) {
	some := w.begun[w.depth]
	w.begun = w.begun[:w.depth]
	w.depth--
	if some {
		w.newline()
	}
	w.buf = append(w.buf, c)
}

// Object opens an object as the next value.
func (w *Writer) Object() { w.open('{') }

// EndObject closes the innermost object.
func (w *Writer) EndObject() { w.shut('}') }

// Array opens an array as the next value.
func (w *Writer) Array() { w.open('[') }

// EndArray closes the innermost array.
func (w *Writer) EndArray() { w.shut(']') }

// Name names the member whose value comes next.
func (w *Writer) Name(name string) {
	w.line()
	w.text(name)
	w.buf = append(w.buf, ':', ' ')
	w.member = true
}

// String writes a string as the next value.
func (w *Writer) String(s string) {
	w.value()
	w.text(s)
}

// Int writes a number as the next value.
func (w *Writer) Int(n int64) {
	w.value()
	w.buf = strconv.AppendInt(w.buf, n, 10)
}

// Bool writes true or false as the next value.
func (w *Writer) Bool(b bool) {
	w.value()
	w.buf = strconv.AppendBool(w.buf, b)
}

// Member writes a member whose value is a string.
func (w *Writer) Member(name, value string) {
	w.Name(name)
	w.String(value)
}

// Some writes a member whose value is a string, unless that is empty.
func (w *Writer) Some(name, value string) {
	if value != "" {
		w.Member(name, value)
	}
}

const hexDigits = "0123456789abcdef"

// text writes a quoted string. Beside what section 7 asks for, U+2028 and U+2029
// are escaped, which JavaScript takes for ends of lines.
func (w *Writer) text(s string) {
	b := w.buf
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, s[start:i]...)
			b = append(b, "\uFFFD"...)
		case r == '\u2028' || r == '\u2029':
			b = append(b, s[start:i]...)
			b = append(b, `\u202`...)
			b = append(b, hexDigits[r&15])
		default:
			i += size
			continue
		}
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	b = append(b, '"')
	w.buf = b
}
