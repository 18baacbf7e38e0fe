package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Set is what a cache holds.
type Set struct {
	Note    []byte // about the whole; its form is the caller's
	Sources []Source
}

// Source is where some of the advisories came from.
type Source struct {
	Name   string
	Pieces []Piece
}

// Piece is the smallest part of a source that is read anew or not: a file, or a member
// of an archive.
type Piece struct {
	Name       string
	Stamp      string // differs where the piece's bytes do
	Advisories []*vuln.Advisory
}

// Len returns how many advisories the source has.
func (s *Source) Len() int {
	n := 0
	for i := range s.Pieces {
		n += len(s.Pieces[i].Advisories)
	}
	return n
}

// Advisories returns those of all sources, in order.
func (s *Set) Advisories() []*vuln.Advisory {
	n := 0
	for i := range s.Sources {
		n += s.Sources[i].Len()
	}
	out := make([]*vuln.Advisory, 0, n)
	for i := range s.Sources {
		for j := range s.Sources[i].Pieces {
			out = append(out, s.Sources[i].Pieces[j].Advisories...)
		}
	}
	return out
}

// magic begins every pack, and its last byte is the version of what follows.
const magic = "cofferdam advisories\x00\x01"

const headerBytes = len(magic) + sha256.Size

// Encode writes a set.
func Encode(s *Set) []byte {
	w := writer{b: make([]byte, headerBytes, 1<<20)}
	w.text(string(s.Note))
	w.count(len(s.Sources))
	for i := range s.Sources {
		src := &s.Sources[i]
		w.text(src.Name)
		w.count(len(src.Pieces))
		for j := range src.Pieces {
			p := &src.Pieces[j]
			w.text(p.Name)
			w.text(p.Stamp)
			w.advisories(p.Advisories)
		}
	}
	sum := sha256.Sum256(w.b[headerBytes:])
	copy(w.b, magic)
	copy(w.b[len(magic):], sum[:])
	return w.b
}

// Decode reads what Encode wrote. The error is an ident.Error: KindUnsupported for what
// is no pack of this version, KindInvalid for one that is damaged.
func Decode(raw []byte) (*Set, error) {
	body, err := verified(raw)
	if err != nil {
		return nil, err
	}
	r := reader{s: string(body)}
	s := &Set{Note: []byte(r.text())}
	s.Sources = list(&r, func() Source {
		return Source{Name: r.text(), Pieces: list(&r, func() Piece {
			p := Piece{Name: r.text(), Stamp: r.text()}
			p.Advisories = list(&r, r.advisory)
			return p
		})}
	})
	if r.bad || r.at != len(r.s) {
		return nil, damaged()
	}
	return s, nil
}

// Compact returns copies of advisories that hold what a pack keeps of them and no more,
// as Decode returns them: without their details and the events of git ranges, and apart
// from the text that they were read from, of which each would keep some alive. Who reads
// many records and keeps them does it with every few.
func Compact(as []*vuln.Advisory) []*vuln.Advisory {
	if len(as) == 0 {
		return nil
	}
	w := writer{}
	w.advisories(as)
	r := reader{s: string(w.b)}
	return list(&r, r.advisory)
}

// Note returns the note of a pack alone.
func Note(raw []byte) ([]byte, error) {
	body, err := verified(raw)
	if err != nil {
		return nil, err
	}
	n, k := binary.Uvarint(body)
	if k <= 0 || n > uint64(len(body)-k) {
		return nil, damaged()
	}
	return body[k : k+int(n)], nil //nolint:gosec // it is at most len(body)
}

func verified(raw []byte) ([]byte, error) {
	if !bytes.HasPrefix(raw, []byte(magic)) || len(raw) < headerBytes {
		return nil, ident.Errorf(ident.KindUnsupported, "was not written by this version of the program")
	}
	if sum := sha256.Sum256(raw[headerBytes:]); !bytes.Equal(sum[:], raw[len(magic):headerBytes]) {
		return nil, damaged()
	}
	return raw[headerBytes:], nil
}

func damaged() error { return ident.Errorf(ident.KindInvalid, "is damaged") }
