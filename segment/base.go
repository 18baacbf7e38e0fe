package segment

import (
	"slices"
	"sync"
	"sync/atomic"
)

// base is what a line says to every class but its exceptions, which may be
// granted more, never less. It is shared by all classes of a pair of signatures.
type base struct {
	parts  [][]part // by chunk; sets are read-only
	must   bitset   // classes that some port is certainly open to
	may    bitset   // and possibly
	list   atomic.Pointer[list]
	blocks atomic.Pointer[[]block]
}

type baseKey struct {
	kind        lineKind
	own, others uint32
}

type halfKey struct {
	h  half
	id uint32
}

// pool holds scratch memory and what lines share. It is safe for concurrent use.
type pool struct {
	grants  sync.Pool
	tallies [2]sync.Pool // by By

	mu      sync.Mutex
	halves  map[halfKey][][]part
	bases   map[baseKey]*base
	replies map[string]*reply
	cost    int // words held by these
}

// maxPoolWords bounds what a graph keeps of its lines (8 bytes each): when it is
// full everything is dropped, and what is needed is computed anew.
const maxPoolWords = 64 << 20

func newPool() *pool {
	return &pool{halves: make(map[halfKey][][]part), bases: make(map[baseKey]*base), replies: make(map[string]*reply)}
}

func (p *pool) half(k halfKey) [][]part {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.halves[k]
}

func (p *pool) base(k baseKey) *base {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bases[k]
}

// room makes place for so many words.
func (p *pool) room(words int) {
	if p.cost += words; p.cost > maxPoolWords {
		clear(p.halves)
		clear(p.bases)
		clear(p.replies)
		p.cost = words
	}
}

func wordsOf(chunks [][]part) int {
	n := 0
	for _, ps := range chunks {
		for i := range ps {
			n += 8 + len(ps[i].who.bits) + len(ps[i].who.ids)/2
		}
	}
	return n
}

// halfOf returns one half of the lines of every class with c's signature.
func (g *Graph) halfOf(h half, c int) [][]part {
	k := halfKey{h, g.signature[h][c]}
	if out := g.pool.half(k); out != nil {
		return out
	}
	out := make([][]part, g.ports.chunks)
	for chunk := range out {
		e := &lineEval{g: g, c: c, chunk: chunk, kind: h.kind(), d: h.gress(), own: h.own(), full: g.ports.full[chunk]}
		out[chunk] = e.direction()
	}
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	g.pool.room(wordsOf(out))
	g.pool.halves[k] = out
	return out
}

// baseOf returns what c's line shares with the classes of its signatures.
func (g *Graph) baseOf(c int, kind lineKind) *base {
	own, others := kind.halves()
	k := baseKey{kind, g.signature[own][c], g.signature[others][c]}
	if b := g.pool.base(k); b != nil {
		return b
	}
	b := &base{must: newBitset(len(g.classes)), may: newBitset(len(g.classes))}
	if g.m.Profile.Enforced {
		x, y := g.halfOf(own, c), g.halfOf(others, c)
		for chunk := range g.ports.chunks {
			ps := g.intersect(x[chunk], y[chunk], chunk)
			b.parts = append(b.parts, g.perhapsOwnNode(c, chunk, ps))
		}
	} else {
		for chunk := range g.ports.chunks {
			full := g.ports.full[chunk]
			b.parts = append(b.parts, []part{{who: classSet{bits: g.meets(c)}, out: span{full, full}}})
		}
	}
	for _, ps := range b.parts {
		for i := range ps {
			if ps[i].out.must != 0 {
				ps[i].who.members().addTo(b.must)
			}
			ps[i].who.members().addTo(b.may)
		}
	}
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	g.pool.room(wordsOf(b.parts) + 2*len(b.may))
	g.pool.bases[k] = b
	return b
}

// intersect joins the two directions: a connection needs both.
func (g *Graph) intersect(a, b []part, chunk int) []part {
	full := g.ports.full[chunk]
	for _, x := range [][2][]part{{a, b}, {b, a}} {
		// One side leaves everything open that the other could.
		if len(x[0]) == 1 && x[0][0].out == (span{full, full}) && covers(x[0][0].who, x[1]) {
			return x[1]
		}
	}
	var out []part
	for i := range a {
		for j := range b {
			s := span{a[i].out.must & b[j].out.must, a[i].out.may & b[j].out.may}
			if s.may == 0 {
				continue
			}
			if who := a[i].who.meet(b[j].who); !who.empty() {
				out = append(out, part{who: who, out: s})
			}
		}
	}
	return coalesce(out)
}

func covers(who classSet, ps []part) bool {
	if who.bits == nil {
		return false
	}
	for i := range ps {
		if !ps[i].who.within(who.bits) {
			return false
		}
	}
	return true
}

// perhapsOwnNode opens a base, perhaps, between host-network endpoints and pods
// one of whose nodes is unknown. Pairs on known nodes are exceptions.
func (g *Graph) perhapsOwnNode(c, chunk int, ps []part) []part {
	if !g.freesOwnNode() || g.classes[c].cell >= 0 {
		return ps
	}
	var who bitset
	switch cl := &g.classes[c]; {
	case cl.host && cl.node == "":
		who = slices.Clone(g.universe[cl.cluster])
		who.and(g.allPods)
		who.andNot(g.nodes.hosts)
	case cl.host:
		who = slices.Clone(g.nodes.unknown)
	case g.nodes.unknown.has(c):
		who = slices.Clone(g.nodes.hosts)
	default:
		who = slices.Clone(g.nodes.hostsAny)
	}
	who.and(g.meets(c))
	if who.empty() {
		return ps
	}
	full := g.ports.full[chunk]
	denied := slices.Clone(who)
	out := make([]part, 0, len(ps)+2)
	for _, x := range ps {
		in, rest := x.who.clone().split(who)
		if !rest.empty() {
			y := x
			y.who = rest
			out = append(out, y)
		}
		if !in.empty() {
			y := part{who: in, byNode: true, policy: x.out, out: span{x.out.must, full}}
			out = append(out, y)
			denied.remove(in)
		}
	}
	if !denied.empty() {
		out = append(out, part{who: classSet{bits: denied}, byNode: true, out: span{0, full}})
	}
	return coalesce(out)
}

// exceptions appends to buf the classes, sorted, for which c's line may differ
// from its base: those that narrow peers concern, and those on its own node.
func (g *Graph) exceptions(c int, kind lineKind, buf []uint32) []uint32 {
	if !g.m.Profile.Enforced {
		return buf
	}
	own, others := kind.directions()
	start := len(buf)
	if g.filtered(own, c) {
		for _, i := range g.own[own][c] {
			for r := range g.policies[i].rules[own] {
				for _, at := range g.policies[i].rules[own][r].peers {
					if !g.wide[at] {
						buf = g.atoms[at].appendTo(buf)
					}
				}
			}
		}
	}
	for _, list := range [][]uint32{g.atomsOf[c], g.maybeOf[c]} {
		for _, at := range list {
			if !g.common[others][at] {
				for _, gr := range g.inverted[others][at] {
					buf = gr.who.appendTo(buf)
				}
			}
		}
	}
	buf = g.ownNodeExceptions(c, buf)
	tail := buf[start:]
	slices.Sort(tail)
	tail = slices.Compact(tail)
	if g.classes[c].cell >= 0 || len(g.clusters) > 1 {
		uni := g.meets(c)
		tail = slices.DeleteFunc(tail, func(d uint32) bool { return !uni.has(int(d)) })
	}
	return buf[:start+len(tail)]
}

func (g *Graph) ownNodeExceptions(c int, buf []uint32) []uint32 {
	if !g.freesOwnNode() || g.classes[c].cell >= 0 {
		return buf
	}
	cl := &g.classes[c]
	if cl.host {
		if cl.node == "" {
			return buf
		}
		return members{bits: g.nodes.some[nodeKey{cl.cluster, cl.node}]}.appendTo(buf)
	}
	for _, node := range g.nodes.of[c] {
		buf = members{bits: g.nodes.hostsOn[nodeKey{cl.cluster, node}]}.appendTo(buf)
	}
	return buf
}

// line returns both directions between class c and all others, for one chunk.
// Parts are disjoint; classes in none are denied every port. The caller must
// not change the sets.
func (g *Graph) line(c int, kind lineKind, chunk int) []part {
	b := g.baseOf(c, kind)
	except := g.exceptions(c, kind, nil)
	if len(except) == 0 {
		return b.parts[chunk]
	}
	out := make([]part, 0, len(b.parts[chunk])+4)
	for _, x := range b.parts[chunk] {
		x.who = x.who.clone()
		x.who.take(except)
		if !x.who.empty() {
			out = append(out, x)
		}
	}
	for _, d := range except {
		x := g.exception(c, int(d), kind, chunk)
		x.who.ids = []uint32{d}
		out = append(out, x)
	}
	return coalesce(out)
}

// exception evaluates one class of a line by itself.
func (g *Graph) exception(c, d int, kind lineKind, chunk int) part {
	if kind == column {
		c, d = d, c
	}
	out, policy := g.pairSpans(c, d, chunk, -1, -1)
	return part{out: out, policy: policy, byNode: out != policy}
}
