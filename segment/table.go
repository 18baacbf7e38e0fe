package segment

import (
	"hash/maphash"
	"net/netip"

	"github.com/cofferdam-io/cofferdam/ident"
)

// table finds numbers by hash in one piece of memory: open addressing, the upper
// half of the hash beside each number, so that most of what is not meant is passed
// without a look at it. Numbers of equal hashes are all kept; the caller compares.
type table struct {
	seed  maphash.Seed
	slots []tableSlot // a power of two, at most half of them taken
}

type tableSlot struct {
	hash uint32
	at   uint32 // the number plus 1; 0: free
}

// newTable makes a table with room for n numbers below 2³²-1.
func newTable(n int) table {
	size := 8
	for size < 2*n {
		size *= 2
	}
	return table{seed: maphash.MakeSeed(), slots: make([]tableSlot, size)}
}

func (t *table) put(hash uint64, i int) {
	s := int(hash) & (len(t.slots) - 1) //nolint:gosec // masked
	for t.slots[s].at != 0 {
		s = (s + 1) & (len(t.slots) - 1)
	}
	t.slots[s] = tableSlot{uint32(hash >> 32), uint32(i) + 1} //nolint:gosec // below 2³²-1
}

// first and after go through the numbers of a hash: slots that hold one, and -1
// at the end.
func (t *table) first(hash uint64) int {
	return t.from(int(hash)&(len(t.slots)-1), hash) //nolint:gosec // masked
}

func (t *table) after(s int, hash uint64) int { return t.from((s+1)&(len(t.slots)-1), hash) }

func (t *table) from(s int, hash uint64) int {
	for {
		switch x := t.slots[s]; {
		case x.at == 0:
			return -1
		case x.hash == uint32(hash>>32): //nolint:gosec // shifted
			return s
		}
		s = (s + 1) & (len(t.slots) - 1)
	}
}

func (t *table) at(s int) int { return int(t.slots[s].at) - 1 }

func (t *table) hashRef(r *ident.Ref) uint64 {
	h := maphash.String(t.seed, r.Name)*31 + maphash.String(t.seed, r.Namespace)
	if r.Cluster != "" {
		h = h*31 + maphash.String(t.seed, r.Cluster)
	}
	if r.CIDR != "" {
		h = h*31 + maphash.String(t.seed, r.CIDR)
	}
	return (h + uint64(len(r.Kind))) * 0x9e3779b97f4a7c15 // few kinds share a name
}

func (t *table) hashAddr(a netip.Addr) uint64 { return maphash.Comparable(t.seed, a) }
