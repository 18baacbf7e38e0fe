package index

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// hashIndex finds entries by the first bytes of a hash. It is made when a hash is
// first asked for: few are, and it takes twelve bytes for each.
type hashIndex struct {
	prefix []uint64 // sorted
	local  []uint32
}

// byHash returns the entries that have a hash with this value, in lower-case
// hexadecimal, whatever its algorithm, ascending.
func (x *lexicon) byHash(value string) ([]uint32, error) {
	h := x.hashes.Load()
	if h == nil {
		var err error
		if h, err = x.indexHashes(); err != nil {
			return nil, err
		}
		x.hashes.Store(h) // a second one made at the same time is the same
	}
	p := hashPrefix(value)
	i, _ := slices.BinarySearch(h.prefix, p)
	var out []uint32
	c := x.cursor()
	for ; i < len(h.prefix) && h.prefix[i] == p; i++ {
		if err := c.seek(h.local[i]); err != nil {
			return nil, err
		}
		hashes, err := parseHashes(c.hashes)
		if err != nil {
			return nil, err
		}
		for _, have := range hashes {
			if strings.EqualFold(have.Value, value) {
				out = append(out, h.local[i])
				break
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (x *lexicon) indexHashes() (*hashIndex, error) {
	type entry struct {
		prefix uint64
		local  uint32
	}
	var list []entry
	c := x.cursor()
	for rank := range int(x.n) {
		if err := c.next(rank%blockEntries == 0); err != nil {
			return nil, err
		}
		if len(c.hashes) == 0 {
			continue
		}
		hashes, err := parseHashes(c.hashes)
		if err != nil {
			return nil, err
		}
		for _, h := range hashes {
			list = append(list, entry{hashPrefix(h.Value), x.local[rank]})
		}
	}
	slices.SortFunc(list, func(a, b entry) int {
		switch {
		case a.prefix < b.prefix:
			return -1
		case a.prefix > b.prefix:
			return 1
		}
		return int(a.local) - int(b.local)
	})
	out := &hashIndex{make([]uint64, len(list)), make([]uint32, len(list))}
	for i, e := range list {
		out.prefix[i], out.local[i] = e.prefix, e.local
	}
	return out, nil
}

// hashPrefix is the first eight bytes of a value, or of its text where it is no hexadecimal.
func hashPrefix(value string) uint64 {
	var b [8]byte
	head := strings.ToLower(value[:min(16, len(value))])
	if n, err := hex.Decode(b[:], []byte(head)); err != nil || n < len(head)/2 {
		b = [8]byte{}
		copy(b[:], head)
	}
	return binary.BigEndian.Uint64(b[:])
}
