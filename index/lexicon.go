package index

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cofferdam-io/cofferdam/ident"
)

const lexiconMagic = "CFDD"

// blockEntries is how many sorted keys share one full one. Sixteen cost 6% more
// bytes than 64 on package URLs and make a look-up four times as fast.
const blockEntries = 16

// A lexicon is the immutable dictionary of the ids [lo, lo+n): their keys, sorted
// and front-coded. Its piece has the sections
//
//	header      lo n                                       uvarints
//	attributes  count { length text }                      the attribute parts, the most frequent first
//	blocks      16 entries each: shared length suffix attributes hash-length hashes
//	offsets     4 bytes for each block
//	order       for each entry the id − lo, in as many bytes as n needs
//
// "shared" is how many bytes of the identity are those of the entry before; it is
// 0 for the first of a block.
type lexicon struct {
	name string
	tail bool // no checkpoint has it yet
	*entries
}

// entries are what a lexicon is whatever it is called.
type entries struct {
	said   string // what messages call it
	piece  []byte
	lo, n  uint32
	tuples [][]byte // the attribute parts
	blocks []byte
	offset []uint32
	local  []uint32 // by rank: id − lo
	rank   []uint32 // by id − lo

	once    sync.Once
	derived error   // why what follows could not be derived
	byTuple grouped // tuple → id − lo
	words   words
	ready   preparedWords
	hashes  atomic.Pointer[hashIndex]
}

// kept is the lexicon of the tail under the name that a checkpoint gives it: its bytes are
// those that writing it anew would make, and what questions derived of it stays.
func (x *lexicon) kept(name string) (*lexicon, error) {
	return &lexicon{name: name, entries: x.entries}, x.derive()
}

// buildLexicon makes the lexicon of consecutive ids from lo on.
func buildLexicon(lo uint32, keys []string) (*lexicon, error) {
	piece, err := encodeLexicon(lo, keys)
	if err != nil {
		return nil, err
	}
	return readTail(piece)
}

// readTail reads a piece of the tail. What questions need is derived when the
// first one comes: most pieces are merged before.
func readTail(piece []byte) (*lexicon, error) {
	x, err := readLexicon(tailName, piece)
	if err != nil {
		return nil, err
	}
	x.tail = true
	return x, nil
}

const tailName = "the dictionary's tail"

// encodeLexicon writes the piece of consecutive ids from lo on.
func encodeLexicon(lo uint32, keys []string) ([]byte, error) {
	order := make([]uint32, len(keys))
	for i := range order {
		order[i] = uint32(i) //nolint:gosec // the number of ids is 32 bits wide
	}
	slices.SortFunc(order, func(a, b uint32) int { return strings.Compare(keys[a], keys[b]) })
	for i := 1; i < len(order); i++ {
		if keys[order[i]] == keys[order[i-1]] {
			return nil, ident.Errorf(ident.KindInvalid, "components %d and %d have the same key", uint64(lo)+uint64(min(order[i], order[i-1])), uint64(lo)+uint64(max(order[i], order[i-1])))
		}
	}

	type tuple struct {
		text  string
		count int
		at    int
	}
	tuples := map[string]*tuple{}
	var list []*tuple
	for _, i := range order {
		_, attributes, _, err := splitKey(keys[i])
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "component %d: %w", uint64(lo)+uint64(i), err)
		}
		t := tuples[attributes]
		if t == nil {
			t = &tuple{text: attributes}
			tuples[attributes] = t
			list = append(list, t)
		}
		t.count++
	}
	slices.SortStableFunc(list, func(a, b *tuple) int { return b.count - a.count })

	header := binary.AppendUvarint(nil, uint64(lo))
	header = binary.AppendUvarint(header, uint64(len(keys)))
	attributes := binary.AppendUvarint(nil, uint64(len(list)))
	for i, t := range list {
		t.at = i
		attributes = binary.AppendUvarint(attributes, uint64(len(t.text)))
		attributes = append(attributes, t.text...)
	}
	width := widthOf(len(keys))
	var blocks []byte
	offsets, ranks := make([]byte, 0, 4*(len(keys)/blockEntries+1)), make([]byte, 0, width*len(keys))
	last := ""
	for rank, i := range order {
		identity, attribute, hashes, _ := splitKey(keys[i])
		if rank%blockEntries == 0 {
			if len(blocks) > maxID {
				return nil, ident.Errorf(ident.KindLimit, "a dictionary piece would be longer than 4 GiB")
			}
			offsets = binary.LittleEndian.AppendUint32(offsets, uint32(len(blocks))) //nolint:gosec // checked
			last = ""
		}
		shared := 0
		for shared < min(len(last), len(identity)) && last[shared] == identity[shared] {
			shared++
		}
		blocks = binary.AppendUvarint(blocks, uint64(shared)) //nolint:gosec // a length
		blocks = binary.AppendUvarint(blocks, uint64(len(identity)-shared))
		blocks = append(blocks, identity[shared:]...)
		blocks = binary.AppendUvarint(blocks, uint64(tuples[attribute].at)) //nolint:gosec // a position
		blocks = binary.AppendUvarint(blocks, uint64(len(hashes)))
		blocks = append(blocks, hashes...)
		last = identity
		if rank == lexiconSample { // what else would grow is copied again and again
			blocks = slices.Grow(blocks, len(blocks)/lexiconSample*9/8*(len(order)-rank))
		}
		for b := range width {
			ranks = append(ranks, byte(i>>(8*b)))
		}
	}
	return seal(lexiconMagic, header, attributes, blocks, offsets, ranks), nil
}

// lexiconSample is how many entries tell how long the others will be.
const lexiconSample = 1 << 12

// widthOf is how many bytes a number below n needs.
func widthOf(n int) int {
	switch {
	case n <= 1<<8:
		return 1
	case n <= 1<<16:
		return 2
	case n <= 1<<24:
		return 3
	}
	return 4
}

// openLexicon reads a piece and derives what questions need of it: the words and
// the attributes that entries can be asked for by.
func openLexicon(name string, piece []byte) (*lexicon, error) {
	x, err := readLexicon(name, piece)
	if err != nil {
		return nil, err
	}
	return x, x.derive()
}

// readLexicon reads a piece.
func readLexicon(name string, piece []byte) (*lexicon, error) {
	sections, err := open(name, lexiconMagic, piece, 5)
	if err != nil {
		return nil, err
	}
	x := &lexicon{name: name, entries: &entries{said: name, piece: piece, blocks: sections[2]}}
	h := reader{what: name + ", header", b: sections[0]}
	x.lo, x.n = h.id(), h.id()
	if h.err == nil && (!h.done() || uint64(x.lo)+uint64(x.n) > maxID) {
		h.fail("it is not two ids")
	}
	if h.err != nil {
		return nil, h.err
	}
	a := reader{what: name + ", attributes", b: sections[1]}
	x.tuples = make([][]byte, 0, a.count())
	for range cap(x.tuples) {
		x.tuples = append(x.tuples, a.bytes())
	}
	if a.err == nil && !a.done() {
		a.fail("there are bytes after the last one")
	}
	if a.err != nil {
		return nil, a.err
	}
	n := int(x.n)
	width := widthOf(n)
	blocks := (n + blockEntries - 1) / blockEntries
	if len(sections[3]) != 4*blocks || len(sections[4]) != width*n {
		return nil, damaged("%s has %d bytes of offsets and %d of order, and should have %d and %d for %d entries",
			name, len(sections[3]), len(sections[4]), 4*blocks, width*n, n)
	}
	x.offset = make([]uint32, blocks)
	for i := range x.offset {
		x.offset[i] = binary.LittleEndian.Uint32(sections[3][4*i:])
	}
	x.local, x.rank = make([]uint32, n), make([]uint32, n)
	for i := range x.rank {
		x.rank[i] = none
	}
	for i := range n {
		v := uint32(0)
		for b := range width {
			v |= uint32(sections[4][i*width+b]) << (8 * b)
		}
		if v >= x.n || x.rank[v] != none {
			return nil, damaged("%s gives the id %d to two entries, or has no entry %d", name, uint64(x.lo)+uint64(v), v)
		}
		x.local[i], x.rank[v] = v, uint32(i) //nolint:gosec // below n
	}
	return x, nil
}

// derive walks all entries once, checks them, and files them by attributes and
// words. It does so at the first call only, and gives every caller its error.
func (x *entries) derive() error {
	x.once.Do(func() { x.derived = x.file() })
	return x.derived
}

func (x *entries) file() error {
	tuple := make([]uint32, x.n)
	var b wordBuilder
	var last []byte
	c := x.cursor()
	for rank := range int(x.n) {
		if rank%blockEntries == 0 && c.r.at != int(x.offset[rank/blockEntries]) {
			return damaged("%s: block %d begins at byte %d, not at %d", x.said, rank/blockEntries, c.r.at, x.offset[rank/blockEntries])
		}
		if err := c.next(rank%blockEntries == 0); err != nil {
			return err
		}
		if rank > 0 && bytes.Compare(last, c.identity) > 0 {
			return damaged("%s: the entry of rank %d is not in order", x.said, rank)
		}
		last = append(last[:0], c.identity...)
		tuple[x.local[rank]] = c.tuple
		if err := b.add(uint32(rank), c.identity); err != nil { //nolint:gosec // below n
			return err
		}
	}
	if !c.r.done() {
		return damaged("%s: there are bytes after the last entry", x.said)
	}
	x.byTuple = groupBy(tuple, len(x.tuples))
	x.words = b.build(x.n)
	return nil
}

// cursor reads entries in order.
type lexiconCursor struct {
	x        *entries
	r        reader
	identity []byte // of the current entry; overwritten by the next
	tuple    uint32
	hashes   []byte
}

func (x *entries) cursor() lexiconCursor {
	return lexiconCursor{x: x, r: reader{what: x.said, b: x.blocks}}
}

func (c *lexiconCursor) next(first bool) error {
	shared := c.r.uvarint()
	if shared > uint64(len(c.identity)) || first && shared != 0 {
		c.r.fail("an entry shares %d bytes with one of %d", shared, len(c.identity))
		return c.r.err
	}
	suffix := c.r.bytes()
	if shared+uint64(len(suffix)) > MaxKeyBytes {
		c.r.fail("a key is longer than %d bytes", MaxKeyBytes)
		return c.r.err
	}
	c.identity = append(c.identity[:shared], suffix...)
	t := c.r.uvarint()
	c.hashes = c.r.bytes()
	if c.r.err == nil && t >= uint64(len(c.x.tuples)) {
		c.r.fail("the attributes %d are not among %d", t, len(c.x.tuples))
	}
	c.tuple = uint32(t) //nolint:gosec // checked
	return c.r.err
}

// seek moves a cursor to an entry of this lexicon.
func (c *lexiconCursor) seek(local uint32) error {
	rank := c.x.rank[local]
	c.r.at, c.r.err = int(c.x.offset[rank/blockEntries]), nil
	c.identity = c.identity[:0]
	for i := range rank%blockEntries + 1 {
		if err := c.next(i == 0); err != nil {
			return err
		}
	}
	return nil
}

// key appends the current entry's key to dst.
func (c *lexiconCursor) key(dst []byte) []byte {
	dst = append(append(dst, c.identity...), partEnd)
	dst = append(append(dst, c.x.tuples[c.tuple]...), partEnd)
	return append(dst, c.hashes...)
}

// is reports whether the current entry has a key.
func (c *lexiconCursor) is(key string) bool {
	i, t := len(c.identity), c.x.tuples[c.tuple]
	return len(key) == i+len(t)+len(c.hashes)+2 && key[i] == partEnd && key[i+1+len(t)] == partEnd &&
		key[:i] == string(c.identity) && key[i+1:i+1+len(t)] == string(t) && key[i+len(t)+2:] == string(c.hashes)
}

// allKeys returns the keys by id − lo.
func (x *lexicon) allKeys(dst []string) ([]string, error) {
	at := len(dst)
	dst = slices.Grow(dst, int(x.n))[:at+int(x.n)]
	c := x.cursor()
	var buf []byte
	for rank := range int(x.n) {
		if err := c.next(rank%blockEntries == 0); err != nil {
			return nil, err
		}
		buf = c.key(buf[:0])
		dst[at+int(x.local[rank])] = string(buf)
	}
	return dst, nil
}

// mergeLexicons makes one piece of adjacent ones.
func mergeLexicons(parts []*lexicon) ([]byte, error) {
	var keys []string
	var err error
	for _, p := range parts {
		if keys, err = p.allKeys(keys); err != nil {
			return nil, err
		}
	}
	return encodeLexicon(parts[0].lo, keys)
}

// grouped files the numbers 0…n−1 under groups: those of group g are
// items[from[g]:from[g+1]], ascending.
type grouped struct {
	from  []uint32
	items []uint32
}

// groupBy files i under group[i], for each i.
func groupBy(group []uint32, groups int) grouped {
	g := grouped{from: make([]uint32, groups+1), items: make([]uint32, len(group))}
	for _, k := range group {
		g.from[k+1]++
	}
	for k := range groups {
		g.from[k+1] += g.from[k]
	}
	at := slices.Clone(g.from)
	for i, k := range group {
		g.items[at[k]] = uint32(i) //nolint:gosec // the number of ids is 32 bits wide
		at[k]++
	}
	return g
}

func (g grouped) of(k int) []uint32 { return g.items[g.from[k]:g.from[k+1]] }
