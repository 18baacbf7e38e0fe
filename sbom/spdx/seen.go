package spdx

import (
	"strings"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Seen remembers packages by their text. Images share base images and libraries, and a
// scanner writes the same package in the same words each time: comparing those is ten
// times as fast as reading them. A text counts as seen only where every byte is the
// same and reading it gave nothing to warn of; what the package is called by and where
// it stands is looked at anew each time. It may be used by many goroutines at once.
type Seen struct {
	most int // bytes of each half

	mu          sync.RWMutex
	young, aged map[string]*seen // by how the text begins
	size        int              // of young
}

// seen is one package.
type seen struct {
	text      []byte
	component sbom.Component
	room      int // levels that JSON could still nest where it was read
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
	return &Seen{most: max(bytes/2, 2*seenLongest), young: map[string]*seen{}}
}

func (s *Seen) find(head []byte) *seen {
	s.mu.RLock()
	e := s.young[string(head)]
	if e != nil {
		s.mu.RUnlock()
		return e
	}
	e = s.aged[string(head)]
	s.mu.RUnlock()
	if e != nil {
		s.put(e)
	}
	return e
}

func (s *Seen) put(e *seen) {
	const overhead = 1 << 10 // component, lists, map entry
	n := 2*len(e.text) + overhead
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size+n > s.most {
		s.young, s.aged, s.size = make(map[string]*seen, len(s.young)), s.young, 0
	}
	s.young[string(e.text[:seenHead])] = e
	s.size += n
}

// remember keeps a package that was read, with a copy of everything that it says: what
// it shares memory with is a block of the whole document's strings.
func (s *Seen) remember(text []byte, c *sbom.Component, room int) {
	if len(text) < seenHead || len(text) > seenLongest {
		return
	}
	e := &seen{text: append([]byte(nil), text...), component: *c, room: room}
	k := &e.component
	k.Pointer = ""
	var all strings.Builder
	visit(k, func(t *string) { all.WriteString(*t) })
	rest := all.String()
	k.CPEs, k.Locations = append([]string(nil), k.CPEs...), append([]string(nil), k.Locations...)
	k.Hashes, k.Licenses = append([]sbom.Hash(nil), k.Hashes...), append([]sbom.License(nil), k.Licenses...)
	visit(k, func(t *string) {
		n := len(*t)
		*t, rest = rest[:n], rest[n:]
	})
	if !k.Layer.IsZero() {
		k.Layer, _ = ident.ParseDigest(strings.Clone(k.Layer.String())) // it was one
	}
	s.put(e)
}

// visit calls f for every text of a component, always in the same order.
func visit(c *sbom.Component, f func(*string)) {
	for _, t := range [...]*string{&c.ID, &c.Type, &c.Group, &c.Name, &c.Version, &c.PURL, &c.Supplier, &c.Origin, &c.Scope, &c.Source.Name, &c.Source.Version} {
		f(t)
	}
	for i := range c.CPEs {
		f(&c.CPEs[i])
	}
	for i := range c.Locations {
		f(&c.Locations[i])
	}
	for i := range c.Hashes {
		f(&c.Hashes[i].Algorithm)
		f(&c.Hashes[i].Value)
	}
	for i := range c.Licenses {
		f(&c.Licenses[i].Expression)
	}
}

// again adds the package that is due, if its text was seen before.
func (j *jsonDocument) again(room int) bool {
	r := j.r
	head := r.Ahead(seenHead)
	if len(head) < seenHead {
		return false
	}
	e := j.opt.Seen.find(head)
	if e == nil || e.room > room || !r.SkipSame(e.text) {
		return false
	}
	c := e.component
	c.Pointer = r.Pointer()
	j.add(c, nil)
	return true
}
