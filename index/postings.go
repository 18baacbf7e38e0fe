package index

import (
	"encoding/binary"
	"math/bits"
	"sort"

	"github.com/cofferdam-io/cofferdam/ident"
)

const postingsMagic = "CFDP"

// blockComponents is how many components share an entry of the block index: a
// look-up reads half of them on its way.
const blockComponents = 64

// A segment is the immutable postings of the documents [lo, lo+n), those aside
// that were deleted before it was made. Its piece has the sections
//
//	header      lo n components occurrences                      uvarints
//	artifacts   for each document: 0 if it is not there, else 1 + zigzag(artifact − the last one − 1)
//	blocks      64 components each: gap count<<1|dense payload
//	index       for each block: first component (4 bytes), offset in blocks (8 bytes)
//
// gap is the component less the one before (0 for the first of a block). The
// payload of one document is its number − lo; of several, a length and that many
// bytes of gaps less one; or, dense, a length and: the number of zero bytes, and the
// bits of the documents from there on.
type segment struct {
	name        string
	piece       []byte
	lo, n       uint32
	artifacts   []uint32 // of each document; none where it is not there
	occurrences uint64
	components  uint64
	blocks      []byte
	first       []uint32
	offset      []uint64
	live        uint32 // documents in it
}

// openSegment reads a piece. The postings themselves are read as they are asked for.
func openSegment(name string, piece []byte) (*segment, error) {
	sections, err := open(name, postingsMagic, piece, 4)
	if err != nil {
		return nil, err
	}
	s := &segment{name: name, piece: piece, blocks: sections[2]}
	h := reader{what: name + ", header", b: sections[0]}
	s.lo, s.n = h.id(), h.id()
	s.components, s.occurrences = h.uvarint(), h.uvarint()
	if h.err == nil && (!h.done() || uint64(s.lo)+uint64(s.n) > maxID) {
		h.fail("it is not what a segment's is")
	}
	if h.err != nil {
		return nil, h.err
	}
	if uint64(s.n) > uint64(len(sections[1])) {
		return nil, damaged("%s has %d bytes for the artifacts of %d documents", name, len(sections[1]), s.n)
	}
	a := reader{what: name + ", artifacts", b: sections[1]}
	s.artifacts = make([]uint32, s.n)
	last := int64(-1)
	for i := range s.artifacts {
		v := a.uvarint()
		if v == 0 {
			s.artifacts[i] = none
			continue
		}
		v--
		last += 1 + (int64(v>>1) ^ -int64(v&1)) //nolint:gosec // checked below
		if last < 0 || last >= maxArtifacts {
			a.fail("document %d is of no artifact that can be", uint64(s.lo)+uint64(i))
			break
		}
		s.artifacts[i] = uint32(last)
		s.live++
	}
	if a.err == nil && !a.done() {
		a.fail("there are bytes after the last document")
	}
	if a.err != nil {
		return nil, a.err
	}
	if len(sections[3])%12 != 0 || uint64(len(sections[3])/12) != (s.components+blockComponents-1)/blockComponents {
		return nil, damaged("%s has a block index of %d bytes for %d components", name, len(sections[3]), s.components)
	}
	blocks := len(sections[3]) / 12
	s.first, s.offset = make([]uint32, blocks), make([]uint64, blocks)
	for i := range s.first {
		s.first[i] = binary.LittleEndian.Uint32(sections[3][12*i:])
		s.offset[i] = binary.LittleEndian.Uint64(sections[3][12*i+4:])
		if s.offset[i] > uint64(len(s.blocks)) || i > 0 && (s.first[i] <= s.first[i-1] || s.offset[i] <= s.offset[i-1]) {
			return nil, damaged("%s: block %d is not in order", name, i)
		}
	}
	return s, nil
}

// blockReader reads the postings of one block after the other.
type blockReader struct {
	s         *segment
	r         reader
	left      uint64 // entries of the segment that follow
	inBlock   int
	component uint32
	count     uint64
	dense     bool
	payload   []byte
	single    uint32
}

func (b *blockReader) to(block int) {
	b.r = reader{what: b.s.name, b: b.s.blocks, at: int(b.s.offset[block])} //nolint:gosec // checked when opened
	b.left = b.s.components - uint64(block)*blockComponents                 //nolint:gosec // checked when opened
	b.inBlock = 0
	b.component = b.s.first[block]
}

// next reads the head of the next entry and finds its payload.
func (b *blockReader) next() bool {
	if b.left == 0 || b.r.err != nil {
		return false
	}
	if b.inBlock == blockComponents {
		b.inBlock = 0
	}
	at := uint64(b.r.at) //nolint:gosec // a position
	gap := b.r.uvarint()
	switch {
	case b.inBlock == 0:
		block := int((b.s.components - b.left) / blockComponents) //nolint:gosec // below the number of blocks
		b.component = b.s.first[block]
		if gap != 0 || at != b.s.offset[block] {
			b.r.fail("block %d does not begin where the block index says", block)
		}
	case gap == 0 || gap > maxID-uint64(b.component):
		b.r.fail("component %d is followed by none above it", b.component)
	default:
		b.component += uint32(gap) //nolint:gosec // checked
	}
	head := b.r.uvarint()
	b.count, b.dense = head>>1, head&1 == 1
	switch {
	case b.count == 0 || b.count > uint64(b.s.n):
		b.r.fail("component %d is in %d of %d documents", b.component, b.count, b.s.n)
	case b.count == 1 && !b.dense:
		v := b.r.uvarint()
		if v >= uint64(b.s.n) {
			b.r.fail("component %d is in document %d of %d", b.component, v, b.s.n)
		}
		b.single = uint32(v) //nolint:gosec // checked
	default:
		b.payload = b.r.bytes()
	}
	b.left--
	b.inBlock++
	return b.r.err == nil
}

// add puts the documents of the current entry into a set that is large enough for all.
func (b *blockReader) add(into *Set) error {
	if b.count == 1 && !b.dense {
		into.Add(b.s.lo + b.single)
		return nil
	}
	p := reader{what: b.s.name, b: b.payload}
	if b.dense {
		base, bits, err := b.bits(&p)
		for i, v := range bits {
			at := base + uint64(i) //nolint:gosec // a position
			into.words[at/8] |= uint64(v) << (8 * (at % 8))
		}
		return err
	}
	doc, n := uint64(b.s.lo), uint64(b.s.lo)+uint64(b.s.n)
	for i := range b.count {
		gap := p.uvarint()
		if i > 0 {
			gap++
		}
		if doc += gap; gap > maxID || doc >= n {
			return b.outside(&p, doc)
		}
		into.words[doc>>6] |= 1 << (doc & 63)
	}
	return b.end(&p)
}

// documents appends the documents of the current entry to dst.
func (b *blockReader) documents(dst []uint32) ([]uint32, error) {
	if b.count == 1 && !b.dense {
		return append(dst, b.s.lo+b.single), nil
	}
	p := reader{what: b.s.name, b: b.payload}
	if b.dense {
		base, set, err := b.bits(&p)
		for i, v := range set {
			for at := (base + uint64(i)) * 8; v != 0; v &= v - 1 { //nolint:gosec // a position
				dst = append(dst, uint32(at)+uint32(bits.TrailingZeros8(v))) //nolint:gosec // checked by bits
			}
		}
		return dst, err
	}
	doc, n := uint64(b.s.lo), uint64(b.s.lo)+uint64(b.s.n)
	for i := range b.count {
		gap := p.uvarint()
		if i > 0 {
			gap++
		}
		if doc += gap; gap > maxID || doc >= n {
			return dst, b.outside(&p, doc)
		}
		dst = append(dst, uint32(doc)) //nolint:gosec // below n
	}
	return dst, b.end(&p)
}

func (b *blockReader) outside(p *reader, doc uint64) error {
	p.fail("component %d is in document %d of %d", b.component, doc-uint64(b.s.lo), b.s.n)
	return p.err
}

func (b *blockReader) end(p *reader) error {
	if p.err == nil && !p.done() {
		p.fail("component %d has bytes after its last document", b.component)
	}
	return p.err
}

// bits returns the bytes of a dense payload and the number of the first: bit 0 of
// byte k is document 8k. (Bits count from lo rounded down to a byte, so that bytes
// are added whole.) It refuses bits of documents that are not the segment's.
func (b *blockReader) bits(p *reader) (base uint64, set []byte, err error) {
	skip := p.uvarint()
	set = p.take(uint64(len(p.b) - p.at)) //nolint:gosec // what is left
	from := uint64(b.s.lo % 8)
	most := from + uint64(b.s.n)
	n := uint64(len(set))
	if p.err == nil && (n == 0 || skip > most || (skip+n-1)*8 >= most ||
		skip == 0 && set[0]&(1<<from-1) != 0 ||
		(skip+n)*8 > most && set[n-1]>>(8-((skip+n)*8-most)) != 0) {
		p.fail("component %d has bits of documents that are not there", b.component)
	}
	if p.err != nil {
		return 0, nil, p.err
	}
	return uint64(b.s.lo)/8 + skip, set, nil
}

// add puts the documents of some components, sorted, into a set that is large
// enough for all documents.
func (s *segment) add(components []uint32, into *Set) error {
	b := blockReader{s: s}
	at := -1 // the block that b is in
	pending := false
	for _, c := range components {
		block := sort.Search(len(s.first), func(i int) bool { return s.first[i] > c }) - 1
		if block < 0 {
			continue
		}
		if block != at {
			b.to(block)
			at, pending = block, false
		}
		for {
			if !pending {
				if b.inBlock == blockComponents || !b.next() {
					break
				}
				pending = true
			}
			if b.component > c {
				break
			}
			pending = false
			if b.component == c {
				if err := b.add(into); err != nil {
					return err
				}
				break
			}
		}
		if b.r.err != nil {
			return b.r.err
		}
	}
	return nil
}

// walk yields each component with its documents, ascending; documents is
// overwritten by the next.
func (s *segment) walk() postingWalk {
	b := blockReader{s: s, left: s.components, r: reader{what: s.name, b: s.blocks}}
	var docs []uint32
	return func() (uint32, []uint32, bool, error) {
		if !b.next() {
			if b.r.err == nil && !b.r.done() {
				b.r.fail("there are bytes after the last component")
			}
			return 0, nil, false, b.r.err
		}
		var err error
		docs, err = b.documents(docs[:0])
		return b.component, docs, true, err
	}
}

// encodeSegment writes the postings of adjacent parts. artifacts are those of the
// documents from lo on; a document whose artifact is none is left out.
func encodeSegment(lo uint32, artifacts []uint32, parts []postingWalk) ([]byte, error) {
	w := segmentWriter{lo: lo, n: uint32(len(artifacts))} //nolint:gosec // the number of documents is 32 bits wide
	if err := w.merge(artifacts, parts); err != nil {
		return nil, err
	}
	header := binary.AppendUvarint(nil, uint64(lo))
	for _, v := range []uint64{uint64(w.n), w.components, w.occurrences} {
		header = binary.AppendUvarint(header, v)
	}
	arts := make([]byte, 0, len(artifacts))
	last := int64(-1)
	for _, a := range artifacts {
		if a == none {
			arts = append(arts, 0)
			continue
		}
		d := int64(a) - last - 1
		arts = binary.AppendUvarint(arts, 1+uint64(d<<1^d>>63)) //nolint:gosec // zigzag
		last = int64(a)
	}
	s := newSealer(postingsMagic)
	s.b = append(make([]byte, 0, len(w.blocks)+len(w.index)+len(arts)+len(header)+64), s.b...)
	for _, section := range [][]byte{header, arts, w.blocks, w.index} {
		s.section(section)
	}
	return s.seal(), nil
}

// segmentWriter encodes postings as they come.
type segmentWriter struct {
	lo, n       uint32
	blocks      []byte
	index       []byte
	components  uint64
	occurrences uint64
	last        uint32
	gaps, bits  []byte
}

func (w *segmentWriter) merge(artifacts []uint32, parts []postingWalk) error {
	type head struct {
		component uint32
		docs      []uint32
		ok        bool
	}
	heads := make([]head, len(parts))
	advance := func(i int) error {
		c, d, ok, err := parts[i]()
		heads[i] = head{c, d, ok}
		return err
	}
	for i := range parts {
		if err := advance(i); err != nil {
			return err
		}
	}
	var docs []uint32
	for {
		least, found := uint32(none), false
		for i := range heads {
			if heads[i].ok && (!found || heads[i].component < least) {
				least, found = heads[i].component, true
			}
		}
		if !found {
			return nil
		}
		docs = docs[:0]
		for i := range heads { // parts are in the order of their documents
			if !heads[i].ok || heads[i].component != least {
				continue
			}
			for _, d := range heads[i].docs {
				if d < w.lo || d-w.lo >= w.n {
					return ident.Errorf(ident.KindInvalid, "document %d is outside the segment from %d to %d", d, w.lo, uint64(w.lo)+uint64(w.n))
				}
				if artifacts[d-w.lo] != none {
					docs = append(docs, d-w.lo)
				}
			}
			if err := advance(i); err != nil {
				return err
			}
		}
		if len(docs) > 0 {
			w.add(least, docs)
		}
	}
}

// add writes the entry of a component; docs are relative to lo, ascending.
func (w *segmentWriter) add(component uint32, docs []uint32) {
	gap := uint64(component - w.last)
	if w.components%blockComponents == 0 {
		w.index = binary.LittleEndian.AppendUint32(w.index, component)
		w.index = binary.LittleEndian.AppendUint64(w.index, uint64(len(w.blocks)))
		gap = 0
	}
	w.last = component
	w.components++
	w.occurrences += uint64(len(docs))
	w.blocks = binary.AppendUvarint(w.blocks, gap)
	if len(docs) == 1 {
		w.blocks = binary.AppendUvarint(w.blocks, 1<<1)
		w.blocks = binary.AppendUvarint(w.blocks, uint64(docs[0]))
		return
	}
	w.gaps = w.gaps[:0]
	last := uint32(0)
	for i, d := range docs {
		g := d - last
		if i > 0 {
			g--
		}
		w.gaps = binary.AppendUvarint(w.gaps, uint64(g))
		last = d
	}
	// Bits are added by the word and gaps one by one, so bits may cost an eighth more.
	from := w.lo % 8
	skip := (docs[0] + from) / 8
	if end := (docs[len(docs)-1]+from)/8 + 1; int(end-skip) <= len(w.gaps)+len(w.gaps)/8 {
		w.bits = binary.AppendUvarint(w.bits[:0], uint64(skip))
		head := len(w.bits)
		w.bits = append(w.bits, make([]byte, end-skip)...)
		for _, d := range docs {
			at := d + from - skip*8
			w.bits[head+int(at/8)] |= 1 << (at % 8)
		}
		w.blocks = binary.AppendUvarint(w.blocks, uint64(len(docs))<<1|1)
		w.blocks = binary.AppendUvarint(w.blocks, uint64(len(w.bits)))
		w.blocks = append(w.blocks, w.bits...)
		return
	}
	w.blocks = binary.AppendUvarint(w.blocks, uint64(len(docs))<<1)
	w.blocks = binary.AppendUvarint(w.blocks, uint64(len(w.gaps)))
	w.blocks = append(w.blocks, w.gaps...)
}
