package spdx

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// Seen remembers packages by their text. Images share base images and libraries, and a
// scanner writes the same package in the same words each time: comparing those is ten
// times as fast as reading them. A text counts as seen only where every byte is the
// same and reading it gave nothing to warn of; what the package is called by and where
// it stands is looked at anew each time. It may be used by many goroutines at once.
type Seen struct {
	most int          // bytes of each half
	seed maphash.Seed // by chance, so that no document can choose collisions; no answer depends on it

	mu          sync.RWMutex
	young, aged map[uint64]*seen // by the hash of how the text begins; of several the latest
	size        int              // of young

	lists sync.Pool // of *lists, that Done took back
	names sync.Pool // of *places, empty
}

// lists are what a document is read into.
type lists struct {
	components []sbom.Component
	edges      []sbom.Dependency
}

// Text is what a package is written as, and where somebody keeps it beside the memory of
// Seen. Neither is changed once others can see it.
type Text struct {
	Bytes []byte
	In    any // what keeps it; nil: nothing but Seen
	At    int // where in there
	Was   Place
}

// Place is where a text was kept before.
type Place struct {
	In any
	At int
}

// Repeat is a package of an input whose text was seen before.
type Repeat struct {
	From, To int    // of the input
	Times    uint32 // how often it came again, this time included
	of       *seen
}

// Text returns the text, which is the input's from From to To.
func (r *Repeat) Text() *Text { return r.of.text.Load() }

// Move says that the same text is kept as another one; was is what Text returned. It
// returns false where somebody else moved it meanwhile.
func (r *Repeat) Move(was, to *Text) bool { return r.of.text.CompareAndSwap(was, to) }

// seen is one package.
type seen struct {
	text    atomic.Pointer[Text]
	times   atomic.Uint32 // that it came again
	head    uint64        // of how text begins, by Seen.head
	details bool          // it was read with details, or without
	id      uint32        // hash of its identifier
	room    int           // levels that JSON could still nest where it was read
	known   sbom.Known
}

// seenHead is how many bytes of a text it is looked up by: name and identifier, which
// stand first. seenLongest bounds a text that is remembered, and seenOfOne how many of
// one document are: one of a million packages must not drive out what others share.
const (
	seenHead    = 160
	seenLongest = 8 << 10
	seenOfOne   = 4096
)

// NewSeen returns a memory of about so many bytes.
func NewSeen(bytes int) *Seen {
	return &Seen{most: max(bytes/2, 2*seenLongest), seed: maphash.MakeSeed(), young: map[uint64]*seen{}}
}

// head is what a text is looked up by: how it begins, and whether it is read with details.
func (s *Seen) head(text []byte, details bool) uint64 {
	h := maphash.Bytes(s.seed, text[:seenHead])
	if details {
		h = ^h
	}
	return h
}

func (s *Seen) find(head uint64) *seen {
	s.mu.RLock()
	e := s.young[head]
	if e != nil {
		s.mu.RUnlock()
		return e
	}
	e = s.aged[head]
	s.mu.RUnlock()
	if e != nil {
		s.put(e)
	}
	return e
}

func (s *Seen) put(e *seen) {
	const overhead = 1 << 10                   // component, lists, map entry
	n := 2*len(e.text.Load().Bytes) + overhead // what it says is about as long as its text
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size+n > s.most {
		s.young, s.aged, s.size = make(map[uint64]*seen, len(s.young)), s.young, 0
	}
	s.young[e.head] = e
	s.size += n
}

// Done takes back the lists of a document that was read with s and that nobody looks at
// any more, and leaves it without: the next document is read into them. It may be called
// with any document; what cannot be used again is left to the collector.
func (s *Seen) Done(d *sbom.Document) {
	if n := cap(d.Components); d.Format == sbom.SPDX && n > 0 && n <= mostKept && cap(d.Dependencies) <= mostKept {
		clear(d.Components) // what they point to
		s.lists.Put(&lists{d.Components[:0], d.Dependencies[:0]})
	}
	d.Components, d.Dependencies = nil, nil
}

// mostKept bounds the lists that are used again: one giant must not stay for ever.
const mostKept = 4096

// remember keeps a package that was read, with a copy of everything that it says: what
// it shares memory with is a block of the whole document's strings. The document has that
// copy too from now on, so that what is worked out of it is kept at once.
func (s *Seen) remember(text []byte, c *sbom.Component, room int, details bool) {
	if len(text) < seenHead || len(text) > seenLongest {
		return
	}
	kept := c.Detached()
	kept.Details = c.Details.Detached()
	e := &seen{head: s.head(text, details), details: details, id: hashOf(kept.ID), known: sbom.Known{Component: kept}, room: room}
	e.text.Store(&Text{Bytes: bytes.Clone(text)})
	s.put(e)
	kept.Pointer, kept.Known = c.Pointer, &e.known
	*c = kept
}

// again adds the package that is due, if its text was seen before.
func (j *jsonDocument) again(room int) bool {
	r := j.r
	head := r.Ahead(seenHead)
	if len(head) < seenHead {
		return false
	}
	e := j.opt.Seen.find(j.opt.Seen.head(head, j.opt.Details))
	if e == nil || e.room > room || e.details != j.opt.Details {
		return false
	}
	text := e.text.Load().Bytes
	if !r.SkipSame(text) {
		return false
	}
	if j.opt.Repeated != nil {
		j.opt.Repeated(Repeat{From: r.Offset() - len(text), To: r.Offset(), Times: e.times.Add(1), of: e})
	}
	c := e.known.Component
	c.Pointer, c.Known = r.Pointer(), &e.known
	if j.hands() {
		j.hand(&c, nil, false)
		return true
	}
	j.place(&c, e.id, nil)
	return true
}
