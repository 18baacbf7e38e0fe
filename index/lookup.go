package index

import (
	"hash/maphash"
	"sync"
)

// lookup finds the id of a key: an open-addressing table of hash and id, eight
// bytes an entry, at most three quarters full. Keys themselves are compared
// in the lexicons, so that a collision costs time and never a wrong id.
type lookup struct {
	mu    sync.RWMutex
	seed  maphash.Seed // by chance, so that no document can choose collisions; no answer depends on it
	slots []uint64     // upper half of the hash <<32 | id+1; 0 is free
	n     uint32       // ids below n are in the table
}

func newLookup() *lookup { return &lookup{seed: maphash.MakeSeed()} }

// fill takes in every id of a dictionary that is not in the table yet.
func (t *lookup) fill(d *dictionary) error {
	t.mu.RLock()
	n := t.n
	t.mu.RUnlock()
	if n >= d.n {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reserve(d.n)
	for _, x := range d.parts {
		if x.lo+x.n <= t.n {
			continue
		}
		c := x.cursor()
		var buf []byte
		for rank := range int(x.n) {
			if err := c.next(rank%blockEntries == 0); err != nil {
				return err
			}
			if id := x.lo + x.local[rank]; id >= t.n {
				buf = c.key(buf[:0])
				t.put(maphash.Bytes(t.seed, buf), id)
			}
		}
		t.n = x.lo + x.n
	}
	return nil
}

func (t *lookup) reserve(n uint32) {
	if uint64(n)*4 < uint64(len(t.slots))*3 {
		return
	}
	size := 1024
	for uint64(n)*2 > uint64(size) {
		size *= 2
	}
	old := t.slots
	t.slots = make([]uint64, size)
	if t.n == 0 {
		return
	}
	// Only half of each hash was kept, and a slot's place needs no more: tables of
	// more than 2³² slots are beyond what ids can fill.
	for _, s := range old {
		if s != 0 {
			t.place(s)
		}
	}
}

func (t *lookup) put(hash uint64, id uint32) { t.place(hash&^(1<<32-1) | uint64(id+1)) }

func (t *lookup) place(slot uint64) {
	mask := uint64(len(t.slots) - 1) //nolint:gosec // a length
	for i := (slot >> 32) & mask; ; i = (i + 1) & mask {
		if t.slots[i] == 0 {
			t.slots[i] = slot
			return
		}
	}
}

// find returns the id of a key.
func (t *lookup) find(d *dictionary, key string, c *lexiconCursor) (uint32, bool, error) {
	if len(t.slots) == 0 {
		return 0, false, nil
	}
	hash := maphash.String(t.seed, key)
	mask := uint64(len(t.slots) - 1) //nolint:gosec // a length
	for i := (hash >> 32) & mask; t.slots[i] != 0; i = (i + 1) & mask {
		s := t.slots[i]
		id := uint32(s) - 1 //nolint:gosec // the low half
		if s>>32 != hash>>32 || id >= d.n {
			continue
		}
		if err := d.seek(c, id); err != nil {
			return 0, false, err
		}
		if c.is(key) {
			return id, true, nil
		}
	}
	return 0, false, nil
}

// A dictionary is an immutable list of lexicons of adjacent ids from 0 on.
type dictionary struct {
	parts []*lexicon
	n     uint32
}

// part returns the lexicon of an id below n.
func (d *dictionary) part(id uint32) *lexicon {
	lo, hi := 0, len(d.parts)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; d.parts[mid].lo <= id {
			lo = mid
		} else {
			hi = mid
		}
	}
	return d.parts[lo]
}

// seek moves a cursor to an entry of any lexicon.
func (d *dictionary) seek(c *lexiconCursor, id uint32) error {
	x := d.part(id)
	if c.x != x.entries {
		identity := c.identity
		*c = x.cursor()
		c.identity = identity
	}
	return c.seek(id - x.lo)
}
