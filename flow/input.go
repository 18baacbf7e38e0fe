package flow

import (
	"bytes"
	"errors"
	"io"
)

// input hands out lines of a stream from a buffer that stays small enough for
// the processor's cache, and grows only for a long line, up to a limit.
type input struct {
	r          io.Reader
	buf        []byte
	start, end int // what is read and not handed out
	most       int // bytes of a line
	err        error
}

// inputBytes is the buffer's first size. It is also what a format is told from.
const inputBytes = 128 << 10

var (
	errLongLine = errors.New("a line longer than is read")
	errTooMuch  = errors.New("more than is read")
	errStuck    = errors.New("a reader that gives nothing and no error")
)

func newInput(r io.Reader, most int) *input {
	return &input{r: r, buf: make([]byte, inputBytes), most: max(most, detectBytes)}
}

// fill reads more, once; it is false where the stream has ended or failed, or the buffer is full.
func (in *input) fill() bool {
	if in.start > 0 && in.end == len(in.buf) {
		in.end = copy(in.buf, in.buf[in.start:in.end])
		in.start = 0
	}
	if in.end == len(in.buf) {
		if len(in.buf) >= in.most {
			return false
		}
		in.buf = append(in.buf, make([]byte, min(len(in.buf), in.most-len(in.buf)))...)
	}
	const patience = 100 // of a Reader, as bufio has
	for range patience {
		if in.err != nil {
			return false
		}
		var n int
		n, in.err = in.r.Read(in.buf[in.end:])
		in.end += n
		if n > 0 {
			return true
		}
	}
	in.err = errStuck
	return false
}

// peek returns what the stream goes on with: n bytes, or fewer at its end.
func (in *input) peek(n int) []byte {
	for in.end-in.start < n && in.fill() {
	}
	return in.buf[in.start:min(in.end, in.start+n)]
}

func (in *input) skip(n int) { in.start += n }

// line returns the next line with its end, or what is left with the error that
// ended the stream, or the start of a line that is too long with errLongLine. It
// is valid until the next call.
func (in *input) line() ([]byte, error) {
	for from := in.start; ; {
		if i := bytes.IndexByte(in.buf[from:in.end], '\n'); i >= 0 {
			b := in.buf[in.start : from+i+1]
			in.start = from + i + 1
			return b, nil
		}
		seen := in.end - in.start
		if !in.fill() {
			b := in.buf[in.start:in.end]
			in.start = in.end
			if in.err != nil {
				return b, in.err
			}
			return b, errLongLine
		}
		from = in.start + seen
	}
}

// chunk returns all that is in the buffer, reading if there is nothing.
func (in *input) chunk() []byte {
	if in.start == in.end {
		in.start, in.end = 0, 0
		in.fill()
	}
	b := in.buf[in.start:in.end]
	in.start = in.end
	return b
}

// limited reads no more than left bytes, and then fails if there are more.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		var one [1]byte
		if n, err := l.r.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, errTooMuch
	}
	if int64(len(p)) > l.left {
		p = p[:l.left]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	return n, err
}

// Read hands out what is in the buffer before the stream goes on: for a
// decompressor that has to see the bytes that were peeked.
func (in *input) Read(p []byte) (int, error) {
	if in.start == in.end {
		if in.err != nil {
			return 0, in.err
		}
		n, err := in.r.Read(p)
		in.err = err
		return n, err
	}
	n := copy(p, in.buf[in.start:in.end])
	in.start += n
	return n, nil
}
