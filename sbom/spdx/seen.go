package spdx

import (
	"bytes"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// Seen remembers packages by their text. Images share base images and libraries, and a
// scanner writes the same package in the same words each time: comparing those is ten
// times as fast as reading them. A text counts as seen only where every byte is the
// same and reading it gave nothing to warn of; what the package is called by and where
// it stands is looked at anew each time. It may be used by many goroutines at once.
//
// Documents that share packages have most of them in the same order. So a package knows
// which one came behind it last, and that one is compared first: its memory is on its way
// while the text before it is compared, and nobody looks anything up.
type Seen struct {
	most int          // bytes
	seed maphash.Seed // by chance, so that no document can choose collisions; no answer depends on it

	mu   sync.RWMutex
	by   map[uint64]*seen // by the hash of how the text begins; of several the latest
	ring []*seen          // the same, in the order in which they are looked at for what can go
	hand int              // of ring, which is looked at next
	size int              // bytes of all

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

// Repeat is what an input says again: a package whose text was seen before, or an
// identifier that the input has as a package's own too.
type Repeat struct {
	From, To int    // of the input
	At       int    // where the input has the identifier as the package's; that it is spelled alike is not checked
	Times    uint32 // how often the package came again, this time included
	of       *seen
}

// Text returns the text of a package, which is the input's from From to To; nil: it is an
// identifier.
func (r *Repeat) Text() *Text {
	if r.of == nil {
		return nil
	}
	return r.of.text.Load()
}

// Move says that the same text is kept as another one; was is what Text returned. It
// returns false where somebody else moved it meanwhile.
func (r *Repeat) Move(was, to *Text) bool { return r.of.text.CompareAndSwap(was, to) }

// seen is one package. What is asked of it each time stands first.
type seen struct {
	text    atomic.Pointer[Text]
	next    atomic.Pointer[seen] // which came behind it last; a guess, and perhaps gone
	times   atomic.Uint32        // that it came again
	id      uint32               // hash of its identifier
	idAt    int32                // where that stands in the text, as it would in any string of JSON; or -1
	room    int32                // levels that JSON could still nest where it was read
	details bool                 // it was read with details, or without
	marks   bool                 // what marks says of it
	used    atomic.Bool          // since it was last looked at for what can go
	gone    atomic.Bool          // it is not in the ring
	known   sbom.Known
	head    uint64 // of how text begins, by Seen.head
	at      int    // of the ring
	size    int
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
	return &Seen{most: max(bytes, 4*seenLongest), seed: maphash.MakeSeed(), by: map[uint64]*seen{}}
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
	e := s.by[head]
	s.mu.RUnlock()
	return e
}

// use notes that a package came again. One that had to go meanwhile, and that somebody
// still knew as the next, is back.
func (s *Seen) use(e *seen) {
	if !e.used.Load() {
		e.used.Store(true)
	}
	if e.gone.Load() {
		s.put(e)
	}
}

// mostLooked bounds how many packages are looked at before one of them goes, used or not.
const mostLooked = 64

// put adds a package, and lets go of others where they are too many: of those that were
// not used since the hand passed them last.
func (s *Seen) put(e *seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch was := s.by[e.head]; {
	case was == e:
		return // another goroutine was faster
	case was != nil:
		s.drop(was)
	}
	s.by[e.head] = e
	e.at = len(s.ring)
	s.ring = append(s.ring, e)
	s.size += e.size
	e.gone.Store(false)
	for looked := 0; s.size > s.most && len(s.ring) > 1; looked++ {
		s.hand %= len(s.ring)
		v := s.ring[s.hand]
		if n := v.next.Load(); n != nil && n.gone.Load() {
			v.next.Store(nil) // nobody else needs its memory
		}
		s.hand++ // also past what takes the place of one that goes: it came last
		if v == e || v.used.Load() && looked < mostLooked {
			v.used.Store(false)
			continue
		}
		s.drop(v)
	}
}

// drop lets go of a package. Documents that hold it keep it until they go.
func (s *Seen) drop(e *seen) {
	last := len(s.ring) - 1
	s.ring[e.at], s.ring[last].at = s.ring[last], e.at
	s.ring[last] = nil
	s.ring = s.ring[:last]
	s.size -= e.size
	delete(s.by, e.head)
	e.gone.Store(true)
	e.next.Store(nil)
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
// copy too from now on, so that what is worked out of it is kept at once. It returns where
// in the text the package's identifier stands, or -1.
func (s *Seen) remember(text []byte, c *sbom.Component, room int, details bool) int {
	if len(text) < seenHead || len(text) > seenLongest {
		return -1
	}
	kept := c.Detached()
	kept.Details = c.Details.Detached()
	const overhead = 1 << 10 // component, lists, map entry
	e := &seen{
		head: s.head(text, details), details: details, id: hashOf(kept.ID), marks: marks(&kept), known: sbom.Known{Component: kept},
		idAt: int32(plainly(text, kept.ID)),   //nolint:gosec // no longer than seenLongest
		room: int32(min(room, math.MaxInt32)), //nolint:gosec // more than any text needs
		size: 2*len(text) + overhead,          // what it says is about as long as its text
	}
	e.text.Store(&Text{Bytes: bytes.Clone(text)})
	s.put(e)
	kept.Pointer, kept.Known = c.Pointer, &e.known
	*c = kept
	return int(e.idAt)
}

// plainly returns where an identifier stands in a text, if it needs no escapes; or -1.
func plainly(text []byte, id string) int {
	for i := range len(id) {
		if id[i] < ' ' || id[i] == '"' || id[i] == '\\' {
			return -1
		}
	}
	if id == "" {
		return -1
	}
	return bytes.Index(text, []byte(id))
}

// follow is where a document stands among the packages that were seen.
type follow struct {
	last *seen  // that came again last
	next *seen  // which may be next
	text []byte // of next
}

// again adds the package that is due, if its text was seen before.
func (j *jsonDocument) again(room int) bool {
	r := j.r
	e, text := j.follow.next, j.follow.text
	next, behind := e.ahead() // read while the text is compared, which needs none of it
	if e == nil || !e.fits(room, j.opt.Details) || !r.SkipSame(text) {
		head := r.Ahead(seenHead)
		if len(head) < seenHead {
			return false
		}
		if e = j.opt.Seen.find(j.opt.Seen.head(head, j.opt.Details)); e == nil || !e.fits(room, j.opt.Details) {
			return false
		}
		if text = e.text.Load().Bytes; !r.SkipSame(text) {
			return false
		}
		if j.follow.last != nil {
			j.follow.last.next.Store(e)
		}
		next, behind = e.ahead()
	}
	j.follow = follow{e, next, behind}
	j.opt.Seen.use(e)
	if j.opt.Repeated != nil {
		j.opt.Repeated(Repeat{From: r.Offset() - len(text), To: r.Offset(), Times: e.times.Add(1), of: e})
	}
	if j.hands() {
		c := e.known.Component
		c.Pointer, c.Known = r.Pointer(), &e.known
		j.hand(&c, nil, false)
		return true
	}
	j.marked = j.marked || e.marks
	if j.place(&e.known.Component, r.Pointer(), &e.known, e.id, nil) && e.idAt >= 0 {
		j.ids.stands(r.Offset() - len(text) + int(e.idAt))
	}
	return true
}

// ahead returns what may come behind a package.
func (e *seen) ahead() (next *seen, text []byte) {
	if e == nil {
		return nil, nil
	}
	if next = e.next.Load(); next != nil {
		text = next.text.Load().Bytes
	}
	return next, text
}

// fits reports whether a package would be read now as it was.
func (e *seen) fits(room int, details bool) bool { return int(e.room) <= room && e.details == details }
