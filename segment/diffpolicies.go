package segment

import (
	"context"
	"iter"
	"maps"
	"math/bits"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// DiffPolicies compares two graphs of one line of changes (Graph.Apply) between
// which nothing but policies changed, and costs what these concern. changed is
// what Diff returns. pods is what Diff cannot show: changes between pods of one
// workload, and for some pods that leave what all of their workload may open
// together as it was; of pods that look alike in both graphs, one speaks for all.
// ok is false where anything else differs, or the graphs are of two lines: then
// nothing is compared.
//
// A policy decides about the connections of its subjects. One that changes whom it
// isolates is compared for all peers of its subjects, any other for the peers that
// its rules name; both in the direction that it filters.
func DiffPolicies(ctx context.Context, before, after *Graph) (changed, pods []Change, ok bool, err error) {
	return diffPolicies(ctx, before, after, manyPeers)
}

// diffPolicies is DiffPolicies with so many peers in place of manyPeers.
func diffPolicies(ctx context.Context, before, after *Graph, many int) (changed, pods []Change, ok bool, err error) {
	x := &policyDiff{old: before, now: after, many: many, origin: make(map[uint32]uint32), parts: make(map[uint32][]uint32), halves: make(map[halvesKey]bitset)}
	if !x.comparable() {
		return nil, nil, false, nil
	}
	for d := range x.outside {
		x.outside[d] = newBitset(after.classes.len())
	}
	for _, c := range x.concerned() {
		if err := ctx.Err(); err != nil {
			return nil, nil, false, err
		}
		if err := x.compare(ctx, &c); err != nil {
			return nil, nil, false, err
		}
	}
	changed, pods = x.list()
	return changed, pods, true, ctx.Err()
}

// policyDiff compares class by class; classes are those of now unless said
// otherwise. Ends of workloads are the same in both graphs.
type policyDiff struct {
	old, now *Graph
	many     int                 // peers from which on halves are compared first
	origin   map[uint32]uint32   // class that was split off → class of old that it was part of
	parts    map[uint32][]uint32 // the other way round
	finer    [][]uint64          // bit of a port of old → its bits in now; nil where ports are cut alike
	was, is  []span              // by chunk, scratch
	mask     [2][]uint64         // the same
	halves   map[halvesKey]bitset
	pairs    []uint64  // source << 32 | destination: something differs
	outside  [2]bitset // by Gress: subjects for which addresses outside may differ
}

// concern is subjects and peers between which a policy may decide otherwise.
type concern struct {
	d               Gress
	subjects, peers bitset
}

// follows reports whether an endpoint's class is as it was, or a part of that.
func (x *policyDiff) follows(endpoint int) bool {
	was, is := x.old.classOf.at(endpoint), x.now.classOf.at(endpoint)
	if was == is {
		return true
	}
	from, known := x.origin[is]
	if was == gone || is == gone || known && from != was {
		return false
	}
	if !known {
		x.origin[is] = was
		x.parts[was] = append(x.parts[was], is)
	}
	return true
}

// comparable reports whether nothing but policies differs, and finds which
// classes were split and how ports were cut.
func (x *policyDiff) comparable() bool {
	a, b := x.old, x.now
	if a.compiler != b.compiler || a.pods != b.pods || a.classes.len() != b.classes.len() || !sameSlice(a.m.Endpoints, b.m.Endpoints) ||
		!sameSlice(a.m.Workloads, b.m.Workloads) || !sameSlice(a.workloads.order, b.workloads.order) || !sameSlice(a.m.Namespaces, b.m.Namespaces) || !sameSlice(a.m.Taints, b.m.Taints) {
		return false
	}
	if !b.classOf.changed(&a.classOf, x.follows) {
		return false
	}
	x.was, x.is = make([]span, a.ports.chunks), make([]span, b.ports.chunks)
	if a.ports == b.ports {
		return true
	}
	for i := range x.mask {
		x.mask[i] = make([]uint64, b.ports.chunks)
	}
	x.finer = make([][]uint64, len(a.ports.elems))
	for bit, elems := range a.ports.elems {
		x.finer[bit] = make([]uint64, b.ports.chunks)
		for _, c := range elems {
			r := portRange{c.Protocol, c.From, c.To}
			if !b.ports.cuts(r) {
				return false
			}
			b.ports.cover(x.finer[bit], r)
		}
	}
	return true
}

// sameSlice reports whether two slices are the same memory.
func sameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// before names the class of old that a class was part of.
func (x *policyDiff) before(c int) int {
	if from, ok := x.origin[uint32(c)]; ok { //nolint:gosec // a class number
		return int(from)
	}
	return c
}

// concerned lists what the policies that differ may decide.
func (x *policyDiff) concerned() []concern {
	type sides struct{ was, is []*compiled }
	by := make(map[PolicyRef]*sides)
	var order []PolicyRef
	note := func(c *compiled, is bool) {
		if c == nil {
			return
		}
		s := by[c.p.Ref()]
		if s == nil {
			s = &sides{}
			by[c.p.Ref()] = s
			order = append(order, c.p.Ref())
		}
		if is {
			s.is = append(s.is, c)
		} else {
			s.was = append(s.was, c)
		}
	}
	for i := range max(x.old.policies.len(), x.now.policies.len()) {
		var was, is *compiled
		if i < x.old.policies.len() {
			was = x.old.policies.at(i)
		}
		if i < x.now.policies.len() {
			is = x.now.policies.at(i)
		}
		if was != is {
			note(was, false)
			note(is, true)
		}
	}
	var out []concern
	for _, r := range order {
		s := by[r]
		var was, is *compiled
		if len(s.was) == 1 && len(s.is) == 1 && alike(s.was[0], s.is[0]) {
			was, is = s.was[0], s.is[0]
		}
		for _, c := range s.was {
			out = x.appendConcerns(out, x.old, c, is)
		}
		for _, c := range s.is {
			out = x.appendConcerns(out, x.now, c, was)
		}
	}
	return out
}

// alike reports whether two versions of a policy of the NetworkPolicy tier, where
// rules add up in any order, differ in rules at most.
func alike(a, b *compiled) bool {
	return a.p.Tier == NetworkPolicyTier && b.p.Tier == NetworkPolicyTier && a.subject == b.subject && a.p.Isolates == b.p.Isolates
}

func (r *compiledRule) same(o *compiledRule) bool {
	return r.spec == o.spec && r.closed == o.closed && r.r.Action == o.r.Action && slices.Equal(r.peers, o.peers)
}

// appendConcerns appends what one version of a policy may decide; what it has in
// common with the other, if that is alike, makes no difference.
func (x *policyDiff) appendConcerns(out []concern, g *Graph, c, other *compiled) []concern {
	isolates := c.p.Isolates
	if (isolates[0] || isolates[1]) && g.m.Profile.skipsBaseline() != No {
		isolates = [2]bool{true, true} // of the Baseline tier in the other direction, too
	}
	if other != nil {
		isolates = [2]bool{}
	}
	for d := range Gress(2) {
		peers := newBitset(x.now.classes.len())
		if isolates[d] {
			for i := range peers {
				peers[i] = ^uint64(0)
			}
			clearFrom(peers, x.now.classes.len())
		}
		for i := range c.rules[d] {
			if isolates[d] {
				break
			}
			r := &c.rules[d][i]
			if other != nil && slices.ContainsFunc(other.rules[d], func(o compiledRule) bool { return r.same(&o) }) {
				continue
			}
			for _, at := range r.peers {
				x.addAtom(peers, g, at)
			}
		}
		if peers.empty() {
			continue
		}
		subjects := newBitset(x.now.classes.len())
		x.addAtom(subjects, g, c.subject)
		out = append(out, concern{d, subjects, peers})
	}
	return out
}

// addAtom adds the classes that an atom of one of the graphs matches, certainly or perhaps.
func (x *policyDiff) addAtom(into bitset, g *Graph, at int) {
	a := g.atoms.at(at)
	a.must.addTo(into)
	a.maybe.addTo(into)
	for from, parts := range x.parts {
		if g == x.old && a.must.has(int(from)) || g == x.old && a.maybe.has(int(from)) {
			for _, c := range parts {
				into.add(int(c))
			}
		}
	}
}

// clearFrom takes out the elements from n on.
func clearFrom(b bitset, n int) {
	if n&63 != 0 {
		b[n>>6] &= 1<<(n&63) - 1
	}
}

// manyPeers is from how many peers on the halves of lines are compared first, so
// that subjects of one signature share what that costs.
const manyPeers = 128

// compare finds the pairs of classes on which the graphs differ.
func (x *policyDiff) compare(ctx context.Context, c *concern) error {
	pods, count := slices.Clone(c.peers), 0
	for i := x.now.pods >> 6; i < len(pods); i++ {
		if i == x.now.pods>>6 {
			pods[i] &= 1<<(x.now.pods&63) - 1
		} else {
			pods[i] = 0
		}
	}
	for _, w := range pods {
		count += bits.OnesCount64(w)
	}
	cells := !c.peers.within(pods)
	candidates := newBitset(x.now.classes.len())
	for s := range c.subjects.all() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s >= x.now.pods || x.now.classes.ref(s).size == 0 && x.old.classes.ref(x.before(s)).size == 0 {
			continue
		}
		if cells {
			x.outside[c.d].add(s)
		}
		among := pods
		if count > x.many && x.candidates(c.d, s, candidates) {
			candidates.and(pods)
			among = candidates
		}
		for p := range among.all() {
			if x.differs(c.d, s, p) {
				src, dst := s, p
				if c.d == Ingress {
					src, dst = p, s
				}
				x.pairs = append(x.pairs, uint64(src)<<32|uint64(dst)) //nolint:gosec // class numbers
			}
		}
	}
	return nil
}

// differs compares the answers for two classes of pods in one direction. Where the
// other one says the same, or keeps closed what differs, list finds out.
func (x *policyDiff) differs(d Gress, subject, peer int) bool {
	dst := peer
	if d == Ingress {
		dst = subject
	}
	s, p, at := x.before(subject), x.before(peer), x.before(dst)
	for chunk := range x.was {
		x.was[chunk] = x.old.pairDirection(d, s, p, at, chunk)
	}
	for chunk := range x.is {
		x.is[chunk] = x.now.pairDirection(d, subject, peer, dst, chunk)
	}
	return !x.same()
}

// same reports whether was and is are the same ports.
func (x *policyDiff) same() bool {
	if x.finer == nil {
		return slices.Equal(x.was, x.is)
	}
	clear(x.mask[0])
	clear(x.mask[1])
	for chunk, s := range x.was {
		x.refine(x.mask[0], chunk, s.must)
		x.refine(x.mask[1], chunk, s.may)
	}
	for chunk, s := range x.is {
		if s.must != x.mask[0][chunk] || s.may != x.mask[1][chunk] {
			return false
		}
	}
	return true
}

// refine adds to a mask of now the ports of a mask of old.
func (x *policyDiff) refine(into []uint64, chunk int, m uint64) {
	for ; m != 0; m &= m - 1 {
		for i, w := range x.finer[chunk<<6+bits.TrailingZeros64(m)] {
			into[i] |= w
		}
	}
}

// halvesKey names the halves of lines of two signatures.
type halvesKey struct {
	h       half
	was, is uint32
}

// candidates sets the classes about which what a subject's policies say may
// differ. It reports false where ports are cut so that this is not found at once.
func (x *policyDiff) candidates(d Gress, s int, into bitset) bool {
	if x.finer != nil && (len(x.was) > 1 || len(x.is) > 1) {
		return false
	}
	h := rowOwn
	if d == Ingress {
		h = columnOwn
	}
	b := x.before(s)
	k := halvesKey{h, x.old.signature[h].at(b), x.now.signature[h].at(s)}
	if x.halves[k] == nil {
		x.halves[k] = x.halvesDiffer(x.old.halfOf(h, b), x.now.halfOf(h, s))
	}
	copy(into, x.halves[k])
	for c := range x.origin { // old knows it by another number
		into.add(int(c))
	}
	for _, of := range []struct {
		g *Graph
		c int
	}{{x.old, b}, {x.now, s}} {
		for _, i := range of.g.own[d].at(of.c) { // what narrow peers are granted is in no half
			for _, r := range of.g.policies.at(int(i)).rules[d] {
				for _, at := range r.peers {
					if !of.g.spread.ref(at).wide {
						x.addAtom(into, of.g, at)
					}
				}
			}
		}
	}
	return true
}

// halvesDiffer returns the classes on which two halves differ.
func (x *policyDiff) halvesDiffer(was, is [][]part) bitset {
	n := x.now.classes.len()
	out, a, b := newBitset(n), newBitset(n), newBitset(n)
	for chunk := range was {
		matched := make([]bool, len(is[chunk]))
		for i := range was[chunk] {
			o := was[chunk][i].out
			if x.finer != nil {
				m := [2][1]uint64{}
				x.refine(m[0][:], chunk, o.must)
				x.refine(m[1][:], chunk, o.may)
				o = span{m[0][0], m[1][0]}
			}
			clear(a)
			clear(b)
			was[chunk][i].who.members().addTo(a)
			if j := slices.IndexFunc(is[chunk], func(p part) bool { return p.out == o }); j >= 0 {
				matched[j] = true
				is[chunk][j].who.members().addTo(b)
			}
			for w := range out {
				out[w] |= a[w] ^ b[w]
			}
		}
		for j := range is[chunk] {
			if !matched[j] {
				is[chunk][j].who.members().addTo(out)
			}
		}
	}
	return out
}

// sortedPairs returns what was found, once each.
func (x *policyDiff) sortedPairs() []uint64 {
	slices.Sort(x.pairs)
	return slices.Compact(x.pairs)
}

// ends are workloads, numbered alike in both graphs.
func (x *policyDiff) ends(class int) iter.Seq[uint32] { return x.now.workloads.ends(class) }

// list turns pairs of classes into changes of workloads and of pods.
func (x *policyDiff) list() (changed, pods []Change) {
	ofWorkloads, ofPods := newDifference(x.old, x.now), newDifference(x.old, x.now)
	defer ofWorkloads.release()
	defer ofPods.release()
	pairs := x.sortedPairs()
	var workloads []uint64
	for _, k := range pairs {
		for src := range x.ends(int(k >> 32)) {
			for dst := range x.ends(int(uint32(k))) { //nolint:gosec // the lower half
				if src != dst {
					workloads = append(workloads, uint64(src)<<32|uint64(dst))
				}
			}
		}
	}
	slices.Sort(workloads)
	workloads = slices.Compact(workloads)
	ofWorkloads.out = slices.Grow(ofWorkloads.out, len(workloads))
	for _, k := range workloads {
		src, dst := int(k>>32), int(uint32(k)) //nolint:gosec // the lower half
		ofWorkloads.between(x.old.endSide(ByWorkload, src), x.old.endSide(ByWorkload, dst), x.now.endSide(ByWorkload, src), x.now.endSide(ByWorkload, dst))
	}
	for d, kind := range []lineKind{Egress: row, Ingress: column} {
		found := make(map[uint32]bool)
		for c := range x.outside[d].all() {
			for end := range x.ends(c) {
				found[end] = true
			}
		}
		for _, end := range slices.Sorted(maps.Keys(found)) {
			ofWorkloads.beyond(x.old.endSide(ByWorkload, int(end)), x.now.endSide(ByWorkload, int(end)), kind)
		}
	}
	x.listPods(ofPods, pairs)
	return ofWorkloads.changes(), ofPods.changes()
}

// between compares two ends inside, given as either graph has them. Many pairs have
// few answers: what differs between two of those is found once.
func (d *difference) between(src, dst, newSrc, newDst side) {
	d.old.g.betweenInto(&d.old.t.ask, src, dst)
	d.now.g.betweenInto(&d.now.t.ask, newSrc, newDst)
	k := [2]*reply{d.old.g.reply(&d.old.t.ask), d.now.g.reply(&d.now.t.ask)}
	what, known := d.known[k]
	if !known {
		if d.known == nil {
			d.known = make(map[[2]*reply][]Change)
		}
		what = appendChanges(nil, ident.Ref{}, ident.Ref{}, k[0].edges, k[1].edges)
		d.known[k] = what
	}
	for _, c := range what {
		c.Src, c.Dst = src.ref, dst.ref
		d.out = append(d.out, c)
	}
}

// beyond compares what is open between an end and addresses outside.
func (d *difference) beyond(was, is side, kind lineKind) {
	for _, c := range diffBlocks(d.old.g.blocks(d.old.t, was, kind), d.now.g.blocks(d.now.t, is, kind)) {
		if c.Src = was.ref; kind == row {
			d.out = append(d.out, c)
			continue
		}
		c.Src, c.Dst = c.Dst, was.ref
		d.incoming = append(d.incoming, c)
	}
}
