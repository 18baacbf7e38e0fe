package zstdframe

// Span is bytes of a source that the reader's dictionary has too.
type Span struct {
	From, To int // of the source
	At       int // where the dictionary has them
}

// MaxShared is the longest source that can refer to a dictionary: what its first byte
// refers to must still be in the window of its last.
const MaxShared = chunk

// minPart is from how many bytes on what lies between two spans is worth a search.
const minPart = 64

// AppendShared appends the frame of src, for a reader that is given the first bytes of a
// dictionary, as many as size says: its content is raw (RFC 8878 section 5), and its number is
// not in the frame. spans ascend, do not overlap, and lie within both; that the bytes
// are the same is the caller's word, and only the checksum tells a reader if it was wrong.
// src has at most MaxShared bytes.
func (e *Encoder) AppendShared(dst, src []byte, size int, spans []Span) []byte {
	if len(src) == 0 {
		return e.Append(dst, src)
	}
	dst = appendHeader(dst, len(src))
	e.recent = [3]uint32{1, 4, 8}
	e.begin(0)
	at := 0
	for i := range spans {
		s := &spans[i]
		if s.To-s.From < minMatch {
			continue
		}
		literals := s.From - at
		if literals >= minPart {
			var ok bool
			if dst, ok = e.chunk(dst, src, at, s.From); !ok {
				return appendEnd(e.plain(dst, src, len(src)), src)
			}
			literals = 0
		}
		dst = e.add(dst, src, literals, s.To-s.From, uint32(s.From+size-s.At)) //nolint:gosec // a dictionary is far below 4 GB
		at = s.To
	}
	return appendEnd(e.finish(dst, src, at, len(src)), src)
}
