package jsonscan

import (
	"bytes"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Skip passes over the value that is due. The package comment says what it checks.
func (r *Reader) Skip() {
	if !r.due() {
		return
	}
	if r.opt.StrictSkip {
		r.skipStrict()
		return
	}
	r.pending = false
	r.pos = r.skipFrom(r.pos)
}

// skipMember is Skip for a value that is due. Most values are short strings,
// numbers and literals, for which no level need be remembered.
func (r *Reader) skipMember() {
	i := spaceEnd(r.data, r.pos)
	if i < len(r.data) && !r.opt.StrictSkip {
		switch r.data[i] {
		case '{', '[':
		case '"':
			r.pending = false
			r.pos = r.skipString(i + 1)
			return
		default:
			r.pending = false
			r.pos = r.scalarEnd(i)
			return
		}
	}
	r.Skip()
}

// SkipSame passes over the value that is due if its text is parts, one behind the other,
// and otherwise leaves it due. They must be the whole of an object, array or string that a
// Reader with the same options has passed without an error, no deeper than here, or would
// have: for streams in which the same values come again and again.
func (r *Reader) SkipSame(parts ...[]byte) bool {
	if r.err != nil || !r.pending {
		return false
	}
	r.pos = spaceEnd(r.data, r.pos)
	end := r.pos
	for _, part := range parts {
		if !bytes.HasPrefix(r.data[end:], part) {
			return false
		}
		end += len(part)
	}
	if end == r.pos {
		return false
	}
	r.pos = end
	r.pending = false
	return true
}

// Ahead returns up to n bytes from the value that is due on, or nil after an error.
func (r *Reader) Ahead(n int) []byte {
	if r.err != nil {
		return nil
	}
	r.pos = spaceEnd(r.data, r.pos)
	return r.data[r.pos:min(len(r.data), r.pos+n)]
}

// Since returns the input from an earlier Offset to where the Reader stands; nil after an error.
func (r *Reader) Since(offset int) []byte {
	if r.err != nil || offset < 0 || offset > r.pos {
		return nil
	}
	return r.data[offset:r.pos:r.pos]
}

// skipFrom checks and passes the value at i without touching the levels: inside
// a skipped value one byte per level is all that is remembered.
func (r *Reader) skipFrom(i int) int {
	d, open := r.data, r.open[:0]
	room := r.opt.MaxDepth - r.depth0 - len(r.levels)
	defer func() { r.open = open }()
	for {
		if i = spaceEnd(d, i); i >= len(d) {
			r.unexpected(i, "a value")
			return i
		}
		switch c := d[i]; c {
		case '"':
			if i = r.skipString(i + 1); r.err != nil {
				return i
			}
		case '{', '[':
			if len(open) >= room {
				r.tooDeep(i)
				return i
			}
			open = append(open, c)
			i = spaceEnd(d, i+1)
			switch {
			case i < len(d) && d[i] == c+2: // '[' and '{' precede their closers by two
			case c == '[':
				continue
			default:
				if i = r.skipKey(i); r.err != nil {
					return i
				}
				continue
			}
		default:
			end := r.scalarEnd(i)
			if r.err != nil {
				return end
			}
			i = end
		}
		// A value ended, or a closer stands at i.
		for {
			if len(open) == 0 {
				return i
			}
			if i = spaceEnd(d, i); i >= len(d) {
				r.unexpected(i, "a comma or the end of an object or array")
				return i
			}
			top := open[len(open)-1]
			if d[i] == top+2 {
				open = open[:len(open)-1]
				i++
				continue
			}
			if d[i] != ',' {
				r.unexpected(i, "a comma or '"+string(rune(top+2))+"'")
				return i
			}
			i++
			if top == '{' {
				if i = r.skipKey(spaceEnd(d, i)); r.err != nil {
					return i
				}
			}
			break
		}
	}
}

// skipString passes the rest of a string whose opening quote is before i.
func (r *Reader) skipString(i int) int {
	end := plainEnd(r.data, i)
	if end < len(r.data) && r.data[end] == '"' {
		return end + 1
	}
	end, _, f := stringEnd(r.data, end)
	if f != fine {
		r.invalid(end, "%s", f.message())
		return end
	}
	return end + 1
}

// skipKey passes a name and its colon.
func (r *Reader) skipKey(i int) int {
	d := r.data
	if i >= len(d) || d[i] != '"' {
		r.unexpected(i, "a name")
		return i
	}
	if i = r.skipString(i + 1); r.err != nil {
		return i
	}
	if i = spaceEnd(d, i); i >= len(d) || d[i] != ':' {
		r.unexpected(i, "a colon")
		return i
	}
	return i + 1
}

// scalarEnd passes a number or a literal.
func (r *Reader) scalarEnd(i int) int {
	d := r.data
	if end := literalEnd(d, i); end >= 0 {
		return end
	}
	if c := d[i]; c != '-' && (c < '0' || c > '9') {
		r.unexpected(i, "a value")
		return i
	}
	end, ok := numberEnd(d, i)
	if !ok {
		r.unexpected(end, "a digit")
	}
	return end
}

func (r *Reader) tooDeep(off int) {
	r.fail(ident.KindLimit, off, "objects and arrays are nested deeper than %d", r.opt.MaxDepth)
}

// skipStrict walks the value as a caller would, so that every name is compared.
func (r *Reader) skipStrict() {
	depth := len(r.levels)
	for r.err == nil {
		switch r.Kind() {
		case Object:
			r.Object()
		case Array:
			r.Array()
		case String:
			r.Bytes()
		default:
			r.pending = false
			if r.pos >= len(r.data) {
				r.unexpected(r.pos, "a value")
				return
			}
			r.pos = r.scalarEnd(r.pos)
		}
		for more := false; !more; {
			if r.err != nil || len(r.levels) == depth {
				return
			}
			if r.levels[len(r.levels)-1].array {
				more = r.NextItem()
			} else {
				_, more = r.NextKey()
			}
		}
	}
}
