package textset

import "hash/maphash"

// Set is a set of texts, an open-addressing table at most half full. The zero value is an
// empty one. It is not safe for concurrent use.
type Set struct {
	seed  maphash.Seed
	slots []uint64 // 0 is free
	n     int
}

// Add adds a text and reports whether it was not there.
func (s *Set) Add(text string) bool {
	if 2*s.n >= len(s.slots) {
		s.grow()
	}
	hash := maphash.String(s.seed, text) | 1
	at, fresh := s.place(hash)
	if fresh {
		s.slots[at] = hash
		s.n++
	}
	return fresh
}

// Has reports whether a text was added.
func (s *Set) Has(text []byte) bool {
	if s.n == 0 {
		return false
	}
	_, free := s.place(maphash.Bytes(s.seed, text) | 1)
	return !free
}

// Len returns how many texts were added that were not there.
func (s *Set) Len() int { return s.n }

func (s *Set) place(hash uint64) (at uint64, free bool) {
	mask := uint64(len(s.slots) - 1) //nolint:gosec // a length
	for at = hash >> 32 & mask; s.slots[at] != 0; at = (at + 1) & mask {
		if s.slots[at] == hash {
			return at, false
		}
	}
	return at, true
}

func (s *Set) grow() {
	if s.slots == nil {
		s.seed = maphash.MakeSeed()
	}
	old := s.slots
	s.slots = make([]uint64, max(1024, 2*len(old)))
	for _, hash := range old {
		if hash != 0 {
			at, _ := s.place(hash)
			s.slots[at] = hash
		}
	}
}
