package segment

import (
	"slices"
	"sync"
	"sync/atomic"
)

// base is what a line says to every class but its exceptions, which may be
// granted more, never less. It is shared by all classes of a pair of signatures.
type base struct {
	number uint32   // of those that its pool made
	parts  [][]part // by chunk; sets are read-only
	must   bitset   // classes that some port is certainly open to
	may    bitset   // and possibly
	// perhaps holds the classes with a port that is only possibly open; nil if
	// there are none.
	perhaps bitset
	count   atomic.Pointer[[2]int]
	list    atomic.Pointer[list]
	blocks  atomic.Pointer[[]block]
	ends    atomic.Pointer[bitset] // workloads that some port is possibly open to
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
	tallies *[2]sync.Pool                 // by By; of all graphs of a line of changes
	scratch sync.Pool                     // []uint32
	lines   [2][]atomic.Pointer[linePage] // by lineKind, and class

	known *known

	mu    sync.Mutex
	bases map[baseKey]*base
	made  uint32 // bases so far
	cost  int    // words held by these

	interned *interned
	// layers are what graphs before this one knew, the newest first, with the
	// classes about which they may be wrong by now.
	layers []layer
}

// known holds the halves of lines that a graph evaluated, some at a time. It is
// safe for concurrent use.
type known struct {
	mu     sync.Mutex
	halves map[halfKey][][]part
}

func (n *known) half(k halfKey) [][]part {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.halves[k]
}

func (n *known) keep(k halfKey, out [][]part) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.halves[k] = out
}

func (n *known) drop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.halves)
}

// layer is what an earlier graph of a line of changes knew.
type layer struct {
	from  *known   // no more than that: it would hold on to the layers before it
	dirty []uint32 // sorted
}

// maxLayers bounds how many earlier graphs are asked, and kept in memory.
const maxLayers = 8

// interned holds what is equal wherever it occurs, as long as ports and blocks
// are cut alike. It is safe for concurrent use.
type interned struct {
	mu      sync.Mutex
	replies map[string]*reply
	outside map[string][]outside // by set of cells
	cost    int                  // words held by these
}

func newInterned() *interned {
	return &interned{replies: make(map[string]*reply), outside: make(map[string][]outside)}
}

// room makes place for so many words.
func (n *interned) room(words int) {
	if n.cost += words; n.cost > maxPoolWords/4 {
		clear(n.replies)
		clear(n.outside)
		n.cost = words
	}
}

// maxPoolWords bounds what a graph keeps of its lines (8 bytes each): when it is
// full everything is dropped, and what is needed is computed anew.
const maxPoolWords = 64 << 20

func newPool(classes int) *pool {
	pages := (classes + linesPage - 1) / linesPage
	return &pool{tallies: new([2]sync.Pool), lines: [2][]atomic.Pointer[linePage]{make([]atomic.Pointer[linePage], pages), make([]atomic.Pointer[linePage], pages)},
		known: &known{halves: make(map[halfKey][][]part)}, bases: make(map[baseKey]*base), interned: newInterned()}
}

// linePage holds the lines of neighbouring classes.
type linePage [linesPage]atomic.Pointer[classLine]

// linesPage is large because every graph of a line of changes begins with a list
// of empty pages.
const (
	linesBits = 9
	linesPage = 1 << linesBits
)

func (p *pool) line(kind lineKind, c int) *classLine {
	if page := p.lines[kind][c>>linesBits].Load(); page != nil {
		return page[c&(linesPage-1)].Load()
	}
	return nil
}

// keep stores the line of a class. The caller holds the lock.
func (p *pool) keep(kind lineKind, c int, l *classLine) {
	page := p.lines[kind][c>>linesBits].Load()
	if page == nil {
		page = &linePage{}
		p.lines[kind][c>>linesBits].Store(page)
	}
	page[c&(linesPage-1)].Store(l)
}

func (p *pool) base(k baseKey) *base {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bases[k]
}

// room makes place for so many words.
func (p *pool) room(words int) {
	if p.cost += words; p.cost > maxPoolWords {
		p.known.drop()
		clear(p.bases)
		for k := range p.lines {
			for i := range p.lines[k] {
				p.lines[k][i].Store(nil)
			}
		}
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
	k := halfKey{h, g.signature[h].at(c)}
	if out := g.pool.known.half(k); out != nil {
		return out
	}
	out := g.inherited(k, c)
	if out == nil {
		out = make([][]part, g.ports.chunks)
		for chunk := range out {
			out[chunk] = g.evaluate(h, c, chunk, g.meets(c))
		}
	}
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	g.pool.room(wordsOf(out))
	g.pool.known.keep(k, out)
	return out
}

// evaluate computes a half on some classes.
func (g *Graph) evaluate(h half, c, chunk int, on bitset) []part {
	e := &lineEval{g: g, c: c, chunk: chunk, kind: h.kind(), d: h.gress(), own: h.own(), full: g.ports.full[chunk]}
	return e.direction(slices.Clone(on))
}

// inherited takes a half over from an earlier graph, and evaluates it again for
// the classes that changed since; nil if none had it.
func (g *Graph) inherited(k halfKey, c int) [][]part {
	for _, l := range g.pool.layers {
		old := l.from.half(k)
		if old == nil {
			continue
		}
		if len(l.dirty) == 0 {
			return old
		}
		on := newBitset(g.classes.len())
		uni := g.meets(c)
		for _, d := range l.dirty {
			if uni.has(int(d)) {
				on.add(int(d))
			}
		}
		out := make([][]part, len(old))
		for chunk := range old {
			for _, x := range old[chunk] {
				x.who = x.who.clone()
				x.who.take(l.dirty)
				if !x.who.empty() {
					out[chunk] = append(out[chunk], x)
				}
			}
			out[chunk] = coalesce(append(out[chunk], g.evaluate(k.h, c, chunk, on)...))
		}
		return out
	}
	return nil
}

// baseOf returns what c's line shares with the classes of its signatures.
func (g *Graph) baseOf(c int, kind lineKind) *base {
	own, others := kind.halves()
	k := baseKey{kind, g.signature[own].at(c), g.signature[others].at(c)}
	if b := g.pool.base(k); b != nil {
		return b
	}
	b := &base{must: newBitset(g.classes.len()), may: newBitset(g.classes.len())}
	if g.m.Profile.Enforced {
		x, y := g.halfOf(own, c), g.halfOf(others, c)
		for chunk := range g.ports.chunks {
			ps := g.intersect(x[chunk], y[chunk], chunk)
			b.parts = append(b.parts, g.perhapsOwnNode(c, kind, chunk, ps))
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
			if ps[i].out.may&^ps[i].out.must != 0 {
				if b.perhaps == nil {
					b.perhaps = newBitset(g.classes.len())
				}
				ps[i].who.members().addTo(b.perhaps)
			}
		}
	}
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	g.pool.room(wordsOf(b.parts) + 2*len(b.may))
	b.number = g.pool.made
	g.pool.made++
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

// perhapsOwnNode opens a base, perhaps, between the ends of nodes and pods one of
// whose nodes is unknown. Pairs on known nodes are exceptions.
func (g *Graph) perhapsOwnNode(c int, kind lineKind, chunk int, ps []part) []part {
	if !g.freesOwnNode() {
		return ps
	}
	free := g.ownNodeOf(c, kind)
	if free == No {
		return ps
	}
	doubted := free == Maybe
	who := g.mayShareNode(c)
	if who == nil {
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
			y := part{who: in, byNode: true, policy: x.out, out: span{x.out.must, full}, doubted: doubted}
			out = append(out, y)
			denied.remove(in)
		}
	}
	if !denied.empty() {
		out = append(out, part{who: classSet{bits: denied}, byNode: true, out: span{0, full}, doubted: doubted})
	}
	return coalesce(out)
}

// eachNarrow hands over sets of classes for which c's line may grant more than its
// base because narrow peers concern them. The sets may overlap.
func (g *Graph) eachNarrow(c int, kind lineKind, f func(members)) {
	if !g.m.Profile.Enforced {
		return
	}
	own, others := kind.directions()
	if g.filtered(own, c) {
		last := -1
		for _, a := range g.allows[own].at(c) {
			if at := a.peer(); at != last && !g.spread.ref(at).wide {
				f(g.atoms.at(at).must)
				f(g.atoms.at(at).maybe)
				last = at
			}
		}
	}
	for _, p := range g.places.at(c) {
		if at := p.atom(); !g.spread.ref(at).common[others] {
			granted := g.inverted[others].at(at)
			for i := range granted {
				f(granted[i].who)
			}
		}
	}
}

// exceptions appends the classes for which c's line may grant more than its base,
// sorted. Those of own are at the other end of traffic between a pod and its own
// node that certainly passes, whatever the policies say; they may be among the
// others, too. Where it is not certain all are in narrow.
func (g *Graph) exceptions(buf []uint32, c int, kind lineKind, only func(members) members) (narrow, own []uint32) {
	put := func(who members) { buf = only(who).appendTo(buf) }
	g.eachNarrow(c, kind, put)
	sure := g.freesOwnNode() && g.ownNodeOf(c, kind) == Yes
	if g.freesOwnNode() && !sure {
		g.eachOwnNode(c, put)
	}
	n := len(buf)
	if sure {
		g.eachOwnNode(c, put)
	}
	narrow, own = buf[:n:n], buf[n:]
	slices.Sort(narrow)
	slices.Sort(own)
	return slices.Compact(narrow), slices.Compact(own)
}

// classLine is the line of one class: its base, and the exceptions to it.
type classLine struct {
	base   *base
	except []uint32 // sorted: exceptions to which some port is possibly open
	sure   []uint32 // those to which one certainly is
}

// open returns what a class's line leads to on some port: the base's part as a
// set, and the exceptions.
func (l *classLine) open(unknown bool) (bitset, []uint32) {
	if unknown {
		return l.base.may, l.except
	}
	return l.base.must, l.sure
}

// lineOf returns the line of a class.
func (g *Graph) lineOf(c int, kind lineKind) *classLine {
	if l := g.pool.line(kind, c); l != nil {
		return l
	}
	l := &classLine{base: g.baseOf(c, kind)}
	s, _ := g.pool.scratch.Get().(*[]uint32)
	if s == nil {
		s = new([]uint32)
	}
	ids, own := g.exceptions((*s)[:0], c, kind, func(m members) members { return m })
	uni := g.meets(c)
	beyond := func(d uint32) bool { return !uni.has(int(d)) }
	own = slices.DeleteFunc(own, beyond)
	sure := 0
	ids = slices.DeleteFunc(ids, func(d uint32) bool {
		if beyond(d) {
			return true
		}
		if _, open := slices.BinarySearch(own, d); open {
			return true
		}
		var open span
		for chunk := range g.ports.chunks {
			x := g.exception(c, int(d), kind, chunk).out
			open.must |= x.must
			open.may |= x.may
		}
		if open.must != 0 {
			sure++
		}
		return open.may == 0
	})
	l.except = union(ids, own)
	if l.sure = l.except; sure < len(ids) {
		ids = slices.DeleteFunc(ids, func(d uint32) bool {
			for chunk := range g.ports.chunks {
				if g.exception(c, int(d), kind, chunk).out.must != 0 {
					return false
				}
			}
			return true
		})
		l.sure = union(ids, own)
	}
	g.pool.scratch.Put(s)
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	g.pool.room(8 + len(l.except))
	g.pool.keep(kind, c, l)
	return l
}

// union merges two sorted lists that share nothing into one of their own memory.
func union(a, b []uint32) []uint32 {
	out := make([]uint32, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0] < b[0] {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// line returns both directions between class c and all others, for one chunk.
// Parts are disjoint; classes in none are denied every port. The caller must
// not change the sets.
func (g *Graph) line(c int, kind lineKind, chunk int) []part {
	l := g.lineOf(c, kind)
	if len(l.except) == 0 {
		return l.base.parts[chunk]
	}
	out := make([]part, 0, len(l.base.parts[chunk])+4)
	for _, x := range l.base.parts[chunk] {
		x.who = x.who.clone()
		x.who.take(l.except)
		if !x.who.empty() {
			out = append(out, x)
		}
	}
	for _, d := range l.except {
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
	return part{out: out, policy: policy, byNode: out != policy, doubted: out != policy && g.ownNodePair(c, d) == Maybe}
}
