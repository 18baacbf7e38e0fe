package zstdframe

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"sort"
)

// Span is bytes of a source that the reader's dictionary has too, or the source itself
// further ahead.
type Span struct {
	From, To int  // of the source
	At       int  // where the dictionary has them, or the source
	Own      bool // the source has
}

// MaxShared is the longest source that can refer to a dictionary: what its first byte
// refers to must still be in the window of its last.
const MaxShared = chunk

const (
	// minPart is from how many bytes on what lies between two spans is worth a search.
	minPart = 64
	// minAlike is from how many bytes on what the source itself has again is worth a match
	// that nobody searched for.
	minAlike = 8
	// alikeSlots is how many different ones are remembered, as a power of two.
	alikeSlots = 6
)

// stretch is what lies between two spans, and the span behind it. What is worth a search is
// laid together with that of all other stretches, so that they are matched with one another;
// a few bytes are literals.
type stretch struct {
	from   int // of the source
	at, n  int // of what is searched
	few    int // literals
	span   int // how many bytes; 0: the source ends
	offset uint32
}

// between is bytes of a source that lay between two spans.
type between struct{ from, to int }

// taken is a source that was taken apart, and how far it is packed.
type taken struct {
	stretches []stretch
	searched  []byte
	at        int // which stretch is due
	done      int // of searched
	alike     [1 << alikeSlots]between
}

// AppendShared appends the frame of src, for a reader that is given the first bytes of a
// dictionary, as many as size says: its content is raw (RFC 8878 section 5), and its number is
// not in the frame. spans lie within both, and ascend; one that overlaps the one before it, or
// is the source's own and not the same there, is passed over. That the bytes of others are the
// same is the caller's word, and only the checksum tells a reader if it was wrong.
// src has at most MaxShared bytes.
func (e *Encoder) AppendShared(dst, src []byte, size int, spans []Span) []byte {
	if len(src) == 0 {
		return e.Append(dst, src)
	}
	dst = e.open(dst, src)
	e.begin(0)
	x := &e.shared
	x.plan(src, size, spans)
	e.sharing = true
	dst, _ = e.pass(dst, src, 0)
	ok := true
	if len(x.searched) > 0 {
		dst, ok = e.follow(dst, src, e.search(x.searched), 0, len(x.searched))
	}
	e.sharing = false
	if !ok || x.at != len(x.stretches)-1 {
		return e.close(e.plain(dst, src, len(src)))
	}
	if last := &x.stretches[x.at]; last.few > 0 {
		dst = e.add(dst, src, last.few, 0, 0)
	}
	return e.close(e.flush(dst, src))
}

// plan says how a source is taken apart. A list of relationships says the same between one
// identifier and the next, again and again: that needs no search either.
func (x *taken) plan(src []byte, size int, spans []Span) {
	x.stretches, x.searched, x.at, x.done = x.stretches[:0], x.searched[:0], 0, 0
	clear(x.alike[:])
	from := 0
	for _, s := range spans {
		n := s.To - s.From
		away := s.From - s.At
		switch {
		case n < minMatch || s.From < from:
			continue
		case !s.Own:
			away += size
		case n < minAlike || away <= 0 || !bytes.Equal(src[s.From:s.To], src[s.At:s.At+n]):
			continue
		}
		if before, ok := x.same(src, from, s.From); ok {
			x.stretches = append(x.stretches, stretch{from: from, at: len(x.searched), span: s.From - from, offset: uint32(from - before)}) //nolint:gosec // within the source
			from = s.From
		}
		x.add(src, from, s.From, n, uint32(away)) //nolint:gosec // a dictionary is far below 4 GB
		from = s.To
	}
	x.add(src, from, len(src), 0, 0)
}

// add adds src[from:to] and the span behind it.
func (x *taken) add(src []byte, from, to, span int, offset uint32) {
	s := stretch{from: from, at: len(x.searched), span: span, offset: offset}
	if to-from < minPart {
		s.few = to - from
	} else {
		s.n = to - from
		x.searched = append(x.searched, src[from:to]...)
	}
	x.stretches = append(x.stretches, s)
}

// same returns where the bytes of src[from:to] lay between two other spans before, and
// remembers them where they did not.
func (x *taken) same(src []byte, from, to int) (at int, ok bool) {
	if to-from < minAlike {
		return 0, false
	}
	b := src[from:to]
	const spread = 0x9e3779b97f4a7c15
	h := (binary.LittleEndian.Uint64(b) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(b[len(b)-8:]), 29) ^ uint64(len(b))) * spread
	s := &x.alike[h>>(64-alikeSlots)]
	if bytes.Equal(b, src[s.from:s.to]) {
		return s.from, true
	}
	*s = between{from, to}
	return 0, false
}

// pass adds the spans that are due once what lies before them was added, but for some
// literals. It returns how many literals are left.
func (e *Encoder) pass(dst, src []byte, literals int) ([]byte, int) {
	x := &e.shared
	for {
		s := &x.stretches[x.at]
		if x.done < s.at+s.n || s.span == 0 {
			return dst, literals
		}
		dst = e.add(dst, src, literals+s.few, s.span, s.offset)
		literals = 0
		x.at++
	}
}

// split adds literals and the match behind them, as they are in what is searched, to where
// they are in the source. false: they do not add up.
func (e *Encoder) split(dst, src []byte, literals, match int, offset uint32) ([]byte, bool) {
	x := &e.shared
	if s, end := &x.stretches[x.at], x.done+literals+match; end < s.at+s.n && (match == 0 || x.done+literals-int(offset) >= s.at) {
		// Most lie in one stretch with what they are copied from.
		if match > 0 && !e.holds(src, 0, literals, match, offset) {
			return dst, false
		}
		x.done = end
		return e.add(dst, src, literals, match, offset), true
	}
	left := 0
	for literals > 0 {
		s := &x.stretches[x.at]
		n := min(literals, s.at+s.n-x.done)
		if n <= 0 {
			return dst, false
		}
		x.done, literals = x.done+n, literals-n
		dst, left = e.pass(dst, src, left+n)
	}
	for match > 0 {
		s, p := &x.stretches[x.at], x.done-int(offset)
		if p < 0 {
			return dst, false
		}
		o := x.holding(p)
		n := min(match, s.at+s.n-x.done, o.at+o.n-p)
		if n <= 0 {
			return dst, false
		}
		if n < minMatch {
			left += n
		} else {
			away := uint32(s.from + x.done - s.at - (o.from + p - o.at)) //nolint:gosec // within the source
			if !e.holds(src, 0, left, n, away) {
				return dst, false
			}
			dst, left = e.add(dst, src, left, n, away), 0
		}
		x.done, match = x.done+n, match-n
		dst, left = e.pass(dst, src, left)
	}
	if left > 0 {
		dst = e.add(dst, src, left, 0, 0)
	}
	return dst, true
}

// holding returns the stretch that has a byte of what is searched.
func (x *taken) holding(p int) *stretch {
	if s := &x.stretches[x.at]; p >= s.at { // most of what is searched is in few
		return s
	}
	i := sort.Search(x.at+1, func(i int) bool { return x.stretches[i].at > p }) - 1
	for x.stretches[i].n == 0 && i > 0 { // of those that begin there only the last has bytes
		i--
	}
	return &x.stretches[i]
}
