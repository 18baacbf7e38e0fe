package spdx

import (
	"bytes"
	"hash/maphash"
	"math"
)

// places are where the packages of a document stand among its components, by their SPDX
// identifiers. They keep the hashes beside the places: a package that was seen before
// brings that of its identifier, and its text is then looked at only where the hashes of
// two are the same.
type places struct {
	slots []place  // a power of two of them, at most half of them used
	ids   []string // by component; "" where it has none that names it
	used  int

	// in is the document that is read, and at where in it an identifier stands, as it would
	// in any string of JSON; 0: somewhere else. What was read of the document just now is
	// nearer than what a package that was seen before is remembered as.
	in []byte
	at []int32
}

type place struct {
	hash  uint32
	above int32 // by one than the component's index; 0: free
}

// spread is chosen by chance, so that no document can choose collisions; no answer depends
// on it.
var spread = maphash.MakeSeed()

func hashOf(id string) uint32 { return uint32(maphash.String(spread, id)) } //nolint:gosec // the lower half

// first returns the first slot with a hash, and what it leads to; -1 where there is none.
// next goes on from a slot.
func (p *places) first(hash uint32) (slot uint32, component int32) {
	if len(p.slots) == 0 {
		return 0, -1
	}
	return p.from(hash, hash)
}

func (p *places) next(hash, slot uint32) (uint32, int32) { return p.from(hash, slot+1) }

func (p *places) from(hash, slot uint32) (uint32, int32) {
	mask := uint32(len(p.slots) - 1) //nolint:gosec // far below
	for {
		slot &= mask
		if s := p.slots[slot]; s.above == 0 || s.hash == hash {
			return slot, s.above - 1
		}
		slot++
	}
}

// of returns the component that an identifier names.
func (p *places) of(id string) (int32, bool) { return p.hashed(id, hashOf(id)) }

func (p *places) hashed(id string, hash uint32) (int32, bool) {
	for slot, i := p.first(hash); i >= 0; slot, i = p.next(hash, slot) {
		if p.ids[i] == id {
			return i, true
		}
	}
	return 0, false
}

// written is of, for an identifier as it stands in the document. guess is a component
// that it may name, or -1.
func (p *places) written(id []byte, guess int32) (int32, bool) {
	if p.is(guess, id) {
		return guess, true
	}
	hash := uint32(maphash.Bytes(spread, id)) //nolint:gosec // as in hashOf
	for slot, i := p.first(hash); i >= 0; slot, i = p.next(hash, slot) {
		if p.is(i, id) {
			return i, true
		}
	}
	return 0, false
}

// is reports whether an identifier names a component; i may be none.
func (p *places) is(i int32, id []byte) bool {
	if i < 0 || int(i) >= len(p.ids) || len(p.ids[i]) != len(id) || len(id) == 0 {
		return false
	}
	if text := p.text(i); text != nil {
		return bytes.Equal(text, id)
	}
	return p.ids[i] == string(id)
}

// text returns the identifier of a component as it stands in the document, or nil.
func (p *places) text(i int32) []byte {
	if i < 0 || int(i) >= len(p.at) || p.at[i] == 0 {
		return nil
	}
	at := int(p.at[i])
	return p.in[at : at+len(p.ids[i])]
}

// stands says where in the document the identifier stands that was put last.
func (p *places) stands(at int) {
	last := len(p.ids) - 1
	if at > math.MaxInt32 || p.in == nil || p.ids[last] == "" {
		return
	}
	p.at[last] = int32(at)
}

// put gives the next component a name, which no other has, or none.
func (p *places) put(id string, hash uint32) {
	p.ids, p.at = append(p.ids, id), append(p.at, 0)
	if id == "" {
		return
	}
	if p.used++; 2*p.used > len(p.slots) {
		p.grow()
	}
	p.take(place{hash, int32(len(p.ids))}) //nolint:gosec // MaxPackages is far below
}

func (p *places) grow() {
	was := p.slots
	p.slots = make([]place, max(2*len(was), 64))
	for _, s := range was {
		if s.above != 0 {
			p.take(s)
		}
	}
}

func (p *places) take(s place) {
	mask := uint32(len(p.slots) - 1) //nolint:gosec // far below
	for slot := s.hash & mask; ; slot = (slot + 1) & mask {
		if p.slots[slot].above == 0 {
			p.slots[slot] = s
			return
		}
	}
}

// clear empties them; their memory stays.
func (p *places) clear() {
	clear(p.slots)
	clear(p.ids)
	p.ids, p.used, p.in, p.at = p.ids[:0], 0, nil, p.at[:0]
}
