package segment

import "encoding/binary"

// Lines are not computed class by class. What one direction of policy says about
// a class depends on what can be seen of it: the policies that select it and the
// peers that it is among. Most of that is shared: a zone, "everybody", no policy
// at all. Where it is shared it makes up the class's signature, and the classes
// of one signature share one half of a line. What concerns few classes only (the
// peer "app=web in my namespace") stays out of the signature; the classes for
// which it could matter are the line's exceptions, and those are asked one by
// one. The split changes what is cached, never an answer.

// breadth bounds what stays out of signatures, in classes.
type breadth struct {
	// peer: up to so many others, granted by the class's own policies. A rule with
	// more peers than that has one atom for all of them.
	peer int
	// member: a peer with up to so many classes, among which the class is.
	member int
	// exceptions: a peer is in the signature all the same if it would make more
	// exceptions than this.
	exceptions int
}

// narrowest is the default of breadth.peer.
const narrowest = 64

func defaultBreadth(classes int) breadth {
	return breadth{peer: narrowest, member: 48, exceptions: max(256, classes/64)}
}

// spread says whether an atom is part of signatures: as what a class's own
// policies name, and, by Gress, as what the class is among.
type spread struct {
	wide   bool
	common [2]bool
}

// measure decides it for each atom.
func (g *Graph) measure() {
	all := make([]spread, g.atoms.len())
	for at := range all {
		all[at] = g.spreadOf(at)
	}
	g.spread = vecOf(all)
}

func (g *Graph) spreadOf(at int) spread {
	if at == g.any {
		return spread{true, [2]bool{true, true}}
	}
	size := g.atoms.at(at).size()
	s := spread{wide: size > g.breadth.peer}
	for d := range s.common {
		who := 0
		for _, gr := range g.inverted[d].at(at) {
			who += gr.who.n
		}
		s.common[d] = who > 0 && (size > g.breadth.member || who > g.breadth.exceptions)
	}
	return s
}

// half identifies one side of a line.
type half uint8

// The halves: what a class's own policies say, and what those of the others say
// about it, for rows and for columns.
const (
	rowOwn half = iota
	rowOthers
	columnOwn
	columnOthers
	numHalves
)

func (k lineKind) halves() (own, others half) {
	if k == row {
		return rowOwn, rowOthers
	}
	return columnOwn, columnOthers
}

func (h half) kind() lineKind { return lineKind(h >> 1) }
func (h half) own() bool      { return h&1 == 0 }

func (h half) gress() Gress {
	own, others := h.kind().directions()
	if h.own() {
		return own
	}
	return others
}

// sign numbers the signatures of every class, for each half.
func (g *Graph) sign() {
	g.marks = g.sharedMarks()
	for h := range numHalves {
		ids := make([]uint32, g.classes.len())
		g.compiler.signatures[h] = make(map[string]uint32)
		for c := range ids {
			if g.classes.ref(c).size > 0 {
				ids[c] = g.signatureOf(h, c)
			}
		}
		g.signature[h] = vecOf(ids)
	}
}

// signatureOf numbers the signature of one class.
func (g *Graph) signatureOf(h half, c int) uint32 {
	k := g.compiler
	k.buf = g.appendSignature(k.buf[:0], h, c, g.marks[h.gress()].at(c))
	id, ok := k.signatures[h][string(k.buf)]
	if !ok {
		id = uint32(len(k.signatures[h])) //nolint:gosec // fewer than 2³² are ever made
		k.signatures[h][string(k.buf)] = id
	}
	return id
}

// mark is something of the ordered tiers that concerns a class: a policy that
// selects it, or a rule that names it as a peer.
type mark struct {
	own bool
	key uint64
}

// sharedMarks lists by direction and class what the ordered tiers and the taints
// can see of it.
func (g *Graph) sharedMarks() [2]vec[[]mark] {
	var lists [2][][]mark
	for d := range lists {
		lists[d] = make([][]mark, g.classes.len())
	}
	put := func(d Gress, c int, m mark) { lists[d][c] = append(lists[d][c], m) }
	for _, t := range orderedTiers() {
		for _, i := range g.tiers[t] {
			g.eachMark(i, put)
		}
	}
	for i := range g.taints {
		for d := range Gress(2) {
			if g.taints[i].t.Gress[d] {
				for c := range g.taints[i].who.all() {
					put(d, c, taintedBy(i))
				}
			}
		}
	}
	return [2]vec[[]mark]{vecOf(lists[0]), vecOf(lists[1])}
}

// taintMark sets the marks of taints apart from those of policies.
const taintMark = 1 << 62

func taintedBy(i int) mark { return mark{true, taintMark | uint64(i)} } //nolint:gosec // an index

// policy returns the policy of a mark; -1 for a taint.
func (m mark) policy() int {
	if m.key&taintMark != 0 {
		return -1
	}
	return int(m.key >> 21) //nolint:gosec // an index
}

// eachMark hands over the marks of one policy of the ordered tiers.
func (g *Graph) eachMark(i int, f func(d Gress, class int, m mark)) {
	g.eachPeerMark(i, func(d Gress, at int, own bool, key uint64) {
		for c := range g.atoms.at(at).must.all() {
			f(d, c, mark{own, key << 1})
		}
		for c := range g.atoms.at(at).maybe.all() {
			f(d, c, mark{own, key<<1 | 1})
		}
	})
}

// eachPeerMark hands over the subject and the peers of one policy of the ordered
// tiers with the keys of their marks.
func (g *Graph) eachPeerMark(i int, f func(d Gress, at int, own bool, key uint64)) {
	p := g.policies.at(i)
	for d := range Gress(2) {
		if len(p.rules[d]) == 0 {
			continue
		}
		f(d, p.subject, true, uint64(i)<<20) //nolint:gosec // an index
		for r := range p.rules[d] {
			for n, at := range p.rules[d][r].peers {
				f(d, at, false, uint64(i)<<20|uint64(r)<<8|uint64(min(n, 255))) //nolint:gosec // indexes
			}
		}
	}
}

// appendSignature writes everything that half h can see of class c, but for the
// narrow peers.
func (g *Graph) appendSignature(b []byte, h half, c int, marks []mark) []byte {
	d := h.gress()
	cl := g.classes.ref(c)
	b = binary.AppendUvarint(b, uint64(cl.cluster+1)) //nolint:gosec // an index
	for _, m := range marks {
		if m.own == h.own() {
			b = binary.AppendUvarint(b, m.key+1)
		}
	}
	b = append(b, 0)
	if h.own() {
		b = g.appendOwn(b, d, c)
	} else {
		for _, p := range g.places.at(c) {
			if g.spread.ref(p.atom()).common[d] {
				b = binary.AppendUvarint(b, uint64(p)+1)
			}
		}
		b = append(b, 0)
	}
	if h.kind() == column {
		// The ports of a column are resolved on its own class.
		for u := range g.named {
			for i := range g.named[u] {
				if g.named[u][i].who.has(c) {
					b = binary.AppendUvarint(b, uint64(u)+1)
					b = binary.AppendUvarint(b, uint64(i)) //nolint:gosec // an index
				}
			}
		}
	}
	return b
}

// appendOwn writes what the policies of the NetworkPolicy tier that select c say
// about wide peers, and how c stands to nodes.
func (g *Graph) appendOwn(b []byte, d Gress, c int) []byte {
	var flags byte
	for i, is := range []bool{g.isolated[d].has(c), g.isolated[1-d].has(c), g.perhapsIsolated[d].has(c), g.perhapsIsolated[1-d].has(c),
		g.classes.ref(c).host, g.classes.ref(c).host && g.classes.ref(c).node == "", g.nodes.unknown.has(c), g.nodes.address.has(c)} {
		if is {
			flags |= 1 << i
		}
	}
	b = append(b, flags)
	if cl := g.classes.ref(c); cl.cell >= 0 && g.nodes.address.has(c) {
		for cluster, cells := range g.nodes.cells {
			if node, ok := cells[uint32(c)]; ok { //nolint:gosec // a class number
				b = append(binary.AppendUvarint(b, uint64(cluster)+1), flag(node == ""))
			}
		}
		b = append(b, 0)
	}
	if !g.filtered(d, c) {
		return b
	}
	list := g.allows[d].at(c)
	for i, a := range list {
		if g.spread.ref(a.peer()).wide && (i == 0 || a != list[i-1]) {
			b = binary.AppendUvarint(b, uint64(a)+1)
		}
	}
	return b
}
