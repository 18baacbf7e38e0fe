package flow

import (
	"cmp"
	"net/netip"
	"slices"
)

// sketchSize is how many unplaced ends are told apart.
const sketchSize = 1024

// unplacedShown is how many of them an answer lists.
const unplacedShown = 100

// unplacedKey names an end: by its address, or where name is not -1 by that end.
type unplacedKey struct {
	addr netip.Addr
	name int32
	why  reason
}

type unplacedCount struct {
	key         unplacedKey
	count, over uint64 // over: by how much count may be too high
}

// sketch keeps the most frequent keys of a stream in bounded memory, by the
// space-saving algorithm (Metwally, Agrawal, El Abbadi, 2005): a new key takes
// the place of the rarest, with its count as error. A key that makes up more
// than 1/sketchSize of the stream is surely kept. slots is a heap by count.
type sketch struct {
	slots []unplacedCount
	at    map[unplacedKey]int
}

func newSketch() sketch { return sketch{at: make(map[unplacedKey]int)} }

func (s *sketch) add(k unplacedKey, n uint64) {
	if k.name >= 0 {
		k.addr = netip.Addr{}
	}
	if i, ok := s.at[k]; ok {
		s.slots[i].count += n
		s.down(i)
		return
	}
	if len(s.slots) < sketchSize {
		s.slots = append(s.slots, unplacedCount{key: k, count: n})
		s.at[k] = len(s.slots) - 1
		s.up(len(s.slots) - 1)
		return
	}
	root := &s.slots[0]
	delete(s.at, root.key)
	s.at[k] = 0
	root.key, root.over = k, root.count
	root.count += n
	s.down(0)
}

func (s *sketch) swap(i, j int) {
	s.slots[i], s.slots[j] = s.slots[j], s.slots[i]
	s.at[s.slots[i].key], s.at[s.slots[j].key] = i, j
}

func (s *sketch) up(i int) {
	for i > 0 && s.slots[i].count < s.slots[(i-1)/2].count {
		s.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (s *sketch) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(s.slots); c++ {
			if s.slots[c].count < s.slots[least].count {
				least = c
			}
		}
		if least == i {
			return
		}
		s.swap(i, least)
		i = least
	}
}

// top returns the most frequent, the most certain first among equals.
func (s *sketch) top() []unplacedCount {
	all := slices.Clone(s.slots)
	slices.SortFunc(all, func(a, b unplacedCount) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.over, b.over), a.key.addr.Compare(b.key.addr),
			cmp.Compare(a.key.name, b.key.name), cmp.Compare(a.key.why, b.key.why))
	})
	return all[:min(len(all), unplacedShown)]
}
