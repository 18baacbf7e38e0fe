package jsonscan

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
)

// SyntaxError says what is wrong with the input and where. It wraps an
// ident.Error of KindInvalid, or of KindLimit where an option's limit was met.
type SyntaxError struct {
	Kind    ident.Kind
	Offset  int    // bytes before the fault
	Line    int    // from 1
	Column  int    // from 1, in characters
	Pointer string // RFC 6901, of the value that was being read
	Message string
}

// Error returns "line 3, column 7: message".
func (e *SyntaxError) Error() string { return e.where() + ": " + e.Message }

// Unwrap returns the same fault as an ident.Error, without a file name.
func (e *SyntaxError) Unwrap() error {
	return &ident.Error{Kind: e.Kind, Message: e.Message, Where: e.where()}
}

func (e *SyntaxError) where() string {
	at := fmt.Sprintf("line %d, column %d", e.Line, e.Column)
	if e.Pointer != "" {
		at += " (" + e.Pointer + ")"
	}
	return at
}

// Position converts an offset into data to a line and a column, both from 1;
// the column counts characters. An offset outside data is moved to its end.
func Position(data []byte, off int) (line, col int) {
	if off < 0 || off > len(data) {
		off = len(data)
	}
	before := data[:off]
	line = 1 + bytes.Count(before, []byte{'\n'})
	if i := bytes.LastIndexByte(before, '\n'); i >= 0 {
		before = before[i+1:]
	}
	return line, 1 + utf8.RuneCount(before)
}

// fail records the first fault; later ones are consequences of it.
func (r *Reader) fail(kind ident.Kind, off int, format string, args ...any) {
	if r.err != nil {
		return
	}
	off = min(off, len(r.data))
	line, col := r.gone.position(r.data, off)
	r.err = &SyntaxError{
		Kind: kind, Offset: off, Line: line, Column: col,
		Pointer: clip(r.Pointer(), 200), Message: fmt.Sprintf(format, args...),
	}
}

func (r *Reader) invalid(off int, format string, args ...any) {
	r.fail(ident.KindInvalid, off, format, args...)
}

// unexpected reports the byte at off where want was due.
func (r *Reader) unexpected(off int, want string) {
	if off >= len(r.data) {
		r.invalid(len(r.data), "the input ends where %s is due", want)
		return
	}
	c, _ := utf8.DecodeRune(r.data[off:])
	r.invalid(off, "%q where %s is due", c, want)
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}
