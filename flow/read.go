package flow

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/cofferdam-io/cofferdam/flow/parquet"
	"github.com/cofferdam-io/cofferdam/ident"
)

// source is one input while it is read.
type source struct {
	a           *Aggregator
	info        SourceInfo
	line        uint64
	first, last int64
	rec         record
	key         []byte // a name that is being composed
}

// lineParser reads one line, or one JSON value, of a format.
type lineParser interface {
	parse(s *source, b []byte)
}

// fault counts a record that could not be read and keeps the first ones. What
// does not alias the line that it complains of.
func (s *source) fault(why string, what []byte) {
	s.info.Faulty++
	if len(s.info.Faults) >= s.a.o.MaxFaults {
		return
	}
	if what != nil {
		why += ": " + clip(what)
	}
	s.info.Faults = append(s.info.Faults, Fault{Line: s.line, Reason: why})
}

// ignore counts a record that makes no edge.
func (s *source) ignore(why ignoring) {
	s.info.Records++
	s.a.records++
	s.a.ignored[why]++
}

// otherProtocol counts a record of a protocol that policies do not speak of.
func (s *source) otherProtocol(n uint64) {
	s.info.Records++
	s.a.records++
	s.a.protocols[n&0xff]++
}

// finish checks what all formats have in common, and adds the record; false if it is a fault.
func (s *source) finish(r *record) bool {
	if r.first == noTime {
		r.first = r.last
	}
	if r.last == noTime {
		r.last = r.first
	}
	const least, most = firstSecond * 1e9, lastSecond*1e9 - 1
	switch {
	case r.first == noTime:
	case r.first < least || r.last < least || r.first > most || r.last > most:
		s.fault("a time before 2000 or after 2199", nil)
		return false
	case r.last < r.first:
		s.fault("the end is before the start", nil)
		return false
	}
	s.a.add(s, r)
	return true
}

// Read reads one input to its end and adds its records up. Records that cannot
// be read cost only themselves; they are counted and the first are named in
// SourceInfo. gzip and zstd are inflated. The error is of ctx, of r, or says that the format is
// not one of these; what was read before it stays counted.
func (a *Aggregator) Read(ctx context.Context, name string, r io.Reader, format Format) error {
	s := &source{a: a, info: SourceInfo{Name: name, Format: format}, first: noTime, last: noTime}
	err := s.read(ctx, r, format)
	if err != nil && s.info.Truncated == "" {
		s.info.Truncated = err.Error()
		var known *ident.Error
		if errors.As(err, &known) {
			s.info.Truncated = known.Message
		}
	}
	s.info.First, s.info.Last = timeOf(s.first), timeOf(s.last)
	a.sources = append(a.sources, s.info)
	return err
}

func (s *source) read(ctx context.Context, r io.Reader, format Format) error {
	in := newInput(&limited{r: r, left: s.a.o.MaxBytes}, s.a.o.MaxLine)
	unpacked, done, err := s.unpack(in)
	if err != nil {
		return err
	}
	defer done()
	if unpacked != nil {
		in = newInput(&limited{r: unpacked, left: s.a.o.MaxBytes}, s.a.o.MaxLine)
	}
	head := in.peek(detectBytes)
	if parquet.Is(head) && (format == Auto || format == AWS) {
		s.info.Format = AWS
		return s.parquet(ctx, in)
	}
	if bytes.HasPrefix(head, []byte("\uFEFF")) {
		in.skip(len("\uFEFF"))
		head = head[len("\uFEFF"):]
	}
	if format == Auto {
		if format = detect(head); format == Auto {
			if in.err != nil && !errors.Is(in.err, io.EOF) {
				return s.readError(in.err)
			}
			if len(bytes.TrimSpace(head)) == 0 && len(head) < detectBytes {
				return nil // an empty file holds no records
			}
			return unsupported(s.info.Name)
		}
	}
	s.info.Format = format
	p := format.parser()
	if p == nil {
		return ident.Errorf(ident.KindUsage, "there is no flow format %d", format).At(s.info.Name)
	}
	if format.json() && inValues(head) {
		return s.values(ctx, in, p)
	}
	return s.lines(ctx, in, p)
}

// maxWindow is how far back zstd may refer: what its own program reads without being
// told to, and a buffer of it is held.
const maxWindow = 8 << 20

// unpack returns what is inside of an input that begins as gzip or zstd do; nil of any
// other. done has to be called.
func (s *source) unpack(in *input) (r io.Reader, done func(), err error) {
	done = func() {}
	switch head := in.peek(4); {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, done, ident.Errorf(ident.KindInvalid, "gzip: %w", err).At(s.info.Name)
		}
		return &unpacked{z, in, "gzip"}, done, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, done, ident.Errorf(ident.KindInvalid, "zstd: %w", err).At(s.info.Name)
		}
		return &unpacked{z, in, "zstd"}, z.Close, nil
	}
	return nil, done, nil
}

// unpacked reads what is inside of an input. An error that is not the input's own is
// one of what it holds.
type unpacked struct {
	r    io.Reader
	in   *input
	name string
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && (u.in.err == nil || errors.Is(u.in.err, io.EOF)) {
		err = ident.Errorf(ident.KindInvalid, "%s: %w", u.name, err)
	}
	return n, err
}

// lines hands each line to p.
func (s *source) lines(ctx context.Context, in *input, p lineParser) error {
	for {
		if s.line&0xfff == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		b, err := in.line()
		if len(b) > 0 {
			s.line++
		}
		if errors.Is(err, errLongLine) {
			s.fault(errLongLine.Error(), b[:min(len(b), 40)])
			for errors.Is(err, errLongLine) {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				_, err = in.line()
			}
			b = nil
		}
		if err != nil && !errors.Is(err, io.EOF) && len(b) > 0 {
			s.fault("the input breaks off in this line", nil) // and the reader says why
			b = nil
		}
		s.info.Unterminated = s.info.Unterminated || err != nil && len(b) > 0
		if b = trim(b); len(b) > 0 {
			p.parse(s, b)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return s.readError(err)
		}
	}
}

func (s *source) readError(err error) error {
	if errors.Is(err, errTooMuch) {
		return ident.Errorf(ident.KindLimit, "holds more than %d MiB; the rest was not read", s.a.o.MaxBytes>>20).At(s.info.Name)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var known *ident.Error
	if !errors.As(err, &known) {
		known = ident.Errorf(ident.KindFailure, "reading: %w", err)
	}
	return known.At(s.info.Name)
}

// values hands each JSON object of an array, or of a sequence over many lines, to p.
func (s *source) values(ctx context.Context, in *input, p lineParser) error {
	var value []byte
	depth, quoted, escaped, outside, tooLong := 0, false, false, false, false
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk := in.chunk()
		start := 0 // of the part of the value that is in chunk
		for i, c := range chunk {
			switch {
			case depth == 0:
				switch c {
				case '{':
					depth, start, value, tooLong, outside = 1, i, value[:0], false, false
					s.line++
				case ' ', '\t', '\r', '\n', ',', '[', ']':
				default:
					if !outside {
						s.line++
						s.fault("text between JSON objects", chunk[i:min(len(chunk), i+40)])
					}
					outside = true
				}
				continue
			case escaped:
				escaped = false
				continue
			case quoted:
				escaped, quoted = c == '\\', c != '"'
				continue
			case c == '"':
				quoted = true
				continue
			case c == '{' || c == '[':
				depth = min(depth+1, math.MaxInt32)
				continue
			case c == '}' || c == ']':
				depth--
			}
			if depth > 0 {
				continue
			}
			if !tooLong && len(value)+i+1-start <= s.a.o.MaxLine {
				whole := chunk[start : i+1]
				if len(value) > 0 {
					value = append(value, whole...)
					whole = value
				}
				p.parse(s, whole)
			} else {
				s.fault("a value longer than is read", nil)
			}
		}
		if depth > 0 && !tooLong {
			if tooLong = len(value)+len(chunk)-start > s.a.o.MaxLine; !tooLong {
				value = append(value, chunk[start:]...)
			}
		}
		if len(chunk) == 0 {
			if depth > 0 {
				s.fault("the input ends within this value", nil)
			}
			if errors.Is(in.err, io.EOF) {
				return nil
			}
			return s.readError(in.err)
		}
	}
}

// trim takes the line end and blanks off, and what is only blanks away.
func trim(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] <= ' ' && b[len(b)-1] != 0 {
		b = b[:len(b)-1]
	}
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// clip makes foreign text short enough for a message, and printable.
func clip(b []byte) string {
	const most = 80
	out := make([]byte, 0, most+3)
	for _, c := range b {
		if len(out) >= most {
			return string(out) + "..."
		}
		if c < ' ' || c > '~' {
			c = '?'
		}
		out = append(out, c)
	}
	return string(out)
}
