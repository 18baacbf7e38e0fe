package segment

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// gone is the class of an endpoint that was dropped.
const gone = ^uint32(0)

// change is an Apply in progress: a fork of the graph, and which of its classes
// have to be signed again.
type change struct {
	g    *Graph
	k    *compiler
	own  map[uint32]bool // classes whose own policies changed
	peer map[uint32]bool // classes that are among a peer whose place in signatures changed
	// dirty are the classes about which other classes' lines may be wrong; with
	// fresh, nothing of any line is kept; with cuts, ports or blocks are cut anew.
	dirty       map[uint32]bool
	fresh, cuts bool
	nodes       bool      // g.nodes is the fork's own where it is changed
	sets        []*uint64 // where sets of classes begin that are the fork's own
}

// applyShared applies a delta on a fork. A nil graph without an error means that
// the model has to be compiled anew. The caller holds the compiler's lock.
func (g *Graph) applyShared(ctx context.Context, d *Delta) (*Graph, error) {
	k := g.compiler
	d = g.numbered(d)
	if k.prepare(g); k.worn > wearsOut(g) || len(d.PutEndpoints)+len(d.DropEndpoints) > 0 && !g.sharesPods(d) {
		return nil, ctx.Err()
	}
	out, ok, err := g.leaves(d)
	if err != nil || !ok {
		return nil, cmp.Or(err, ctx.Err())
	}
	policies := make([]int, 0, len(d.DropPolicies))
	for _, r := range d.DropPolicies {
		of, ok := k.policies[r]
		if !ok {
			return nil, ctx.Err() // perhaps nothing is enforced; the compiler says so
		}
		policies = append(policies, of...)
	}
	endpoints := make([]int, 0, len(d.DropEndpoints))
	for _, r := range d.DropEndpoints {
		i, ok := k.endpoints[r]
		if !ok {
			return nil, notThere("endpoint", r.String())
		}
		endpoints = append(endpoints, i)
	}
	if len(d.PutPolicies) > 0 && !g.m.Profile.Enforced {
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// From here on the compiler changes; it is nobody's until it is done.
	k.newest = nil
	c := &change{g: g.fork(), k: k, own: make(map[uint32]bool), peer: make(map[uint32]bool), dirty: make(map[uint32]bool)}
	for _, i := range policies {
		c.dropPolicy(i)
	}
	for _, i := range endpoints {
		c.dropEndpoint(i)
	}
	for i := range d.PutPolicies {
		for _, old := range slices.Clone(k.policies[d.PutPolicies[i].Ref()]) {
			c.dropPolicy(old)
		}
	}
	again, ok := c.putNamespaces(d.PutNamespaces)
	if !ok {
		return nil, nil
	}
	c.putWorkloads(d.PutWorkloads)
	if d.Entries != nil {
		c.g.m.Entries = *d.Entries
		c.g.frameEntries()
	}
	if !c.grow(d) {
		return nil, nil
	}
	if d.Taints != nil {
		c.putTaints(*d.Taints)
	}
	for i := range d.PutEndpoints {
		if old, ok := k.endpoints[d.PutEndpoints[i].Ref]; ok {
			c.dropEndpoint(old)
		}
		if !c.putEndpoint(&d.PutEndpoints[i]) {
			return nil, nil
		}
	}
	for _, list := range [][]Policy{again, d.PutPolicies} {
		for i := range list {
			p := list[i]
			c.putPolicy(&p)
		}
	}
	c.leave(&out)
	c.sign()
	c.inherit(g)
	k.newest = c.g
	k.worn += len(d.PutEndpoints) + len(d.PutPolicies) + len(d.PutWorkloads) + len(d.PutNamespaces)
	if c.cuts { // nobody puts the pieces together again
		k.worn += wornByCut
	}
	return c.g, nil
}

// fork returns a graph that shares everything with g.
func (g *Graph) fork() *Graph {
	n := *g
	m := *g.m
	n.m = &m
	n.classes, n.classOf = g.classes.fork(), g.classOf.fork()
	n.policies, n.atoms = g.policies.fork(), g.atoms.fork()
	for d := range 2 {
		n.own[d], n.allows[d], n.marks[d] = g.own[d].fork(), g.allows[d].fork(), g.marks[d].fork()
		n.slots[d], n.inverted[d] = g.slots[d].fork(), g.inverted[d].fork()
	}
	n.places, n.spread = g.places.fork(), g.spread.fork()
	for h := range n.signature {
		n.signature[h] = g.signature[h].fork()
	}
	n.workloads.classes, n.workloads.members = g.workloads.classes.fork(), g.workloads.members.fork()
	n.universe, n.named = slices.Clone(g.universe), slices.Clone(g.named)
	n.pool, n.byPod, n.byAddress, n.doubts = newPool(g.classes.len()), &podGrain{}, &addressTable{}, &doubts{}
	n.pool.tallies = g.pool.tallies
	g.compiler.atoms.m = n.m
	return &n
}

// wearsOut is how much a line of changes may put until the model is compiled anew:
// what goes leaves numbers, selectors and cuts behind that nobody uses.
func wearsOut(g *Graph) int {
	return 4096 + (len(g.m.Endpoints)+len(g.m.Workloads)+g.policies.len())/4
}

// wornByCut is what a change counts that cuts ports or addresses anew: the pieces
// make every line longer.
const wornByCut = 16

// prepare makes the indexes that only changes need.
func (k *compiler) prepare(g *Graph) {
	if k.policies != nil {
		return
	}
	k.policies = make(map[PolicyRef][]int, g.policies.len())
	k.policiesIn = make(map[NamespaceRef][]PolicyRef)
	k.selecting = make(map[int][]int)
	for i := range g.policies.len() {
		if c := g.policies.at(i); c != nil {
			k.list(c.p.Ref(), i)
			k.selecting[c.subject] = append(k.selecting[c.subject], i)
		}
	}
	count := make([]int, len(g.m.Workloads))
	for i := range g.m.Endpoints {
		count[g.m.Endpoints[i].Workload]++
	}
	k.pods = make([][]uint32, len(g.m.Workloads))
	room := make([]uint32, len(g.m.Endpoints))
	for w, n := range count {
		k.pods[w], room = room[:0:n], room[n:]
	}
	for i := range g.m.Endpoints {
		e := &g.m.Endpoints[i]
		k.pods[e.Workload] = append(k.pods[e.Workload], uint32(i)) //nolint:gosec // Build limits the number
	}
	for k.freePod = g.pods; k.freePod > 0 && g.classes.ref(k.freePod-1).size == 0; {
		k.freePod--
	}
	for k.freeCell = g.classes.len(); k.freeCell > g.pods && g.classes.ref(k.freeCell-1).size == 0; {
		k.freeCell--
	}
}

// indexEndpoints makes the index that changes of pods need beside.
func (k *compiler) indexEndpoints(g *Graph) {
	if k.endpoints != nil {
		return
	}
	k.endpoints = make(map[ident.Ref]int, len(g.m.Endpoints))
	for i := range g.m.Endpoints {
		if g.classOf.at(i) != gone {
			k.endpoints[g.m.Endpoints[i].Ref] = i
		}
	}
}

// list makes a policy known by its name.
func (k *compiler) list(r PolicyRef, i int) {
	if k.policies[r] = append(k.policies[r], i); len(k.policies[r]) == 1 {
		in := NamespaceRef{r.Cluster, r.Namespace}
		k.policiesIn[in] = append(k.policiesIn[in], r)
	}
}

// unlist is its counterpart.
func (k *compiler) unlist(r PolicyRef, i int) {
	if k.policies[r] = slices.DeleteFunc(k.policies[r], func(j int) bool { return i == j }); len(k.policies[r]) > 0 {
		return
	}
	delete(k.policies, r)
	in := NamespaceRef{r.Cluster, r.Namespace}
	if k.policiesIn[in] = slices.DeleteFunc(k.policiesIn[in], func(o PolicyRef) bool { return o == r }); len(k.policiesIn[in]) == 0 {
		delete(k.policiesIn, in)
	}
}

// dropPolicy takes a policy out.
func (c *change) dropPolicy(i int) {
	g := c.g
	p := g.policies.at(i)
	c.k.unlist(p.p.Ref(), i)
	c.k.selecting[p.subject] = slices.DeleteFunc(slices.Clone(c.k.selecting[p.subject]), func(j int) bool { return i == j })
	if p.p.Tier != NetworkPolicyTier {
		c.fresh = true
		g.eachMark(i, func(d Gress, class int, _ mark) {
			if list := g.marks[d].at(class); slices.ContainsFunc(list, func(m mark) bool { return m.policy() == i }) {
				g.marks[d].set(class, slices.DeleteFunc(slices.Clone(list), func(m mark) bool { return m.policy() == i }))
			}
			c.own[uint32(class)], c.peer[uint32(class)] = true, true //nolint:gosec // a class number
		})
		g.policies.set(i, nil)
		g.tiers[p.p.Tier] = slices.DeleteFunc(slices.Clone(g.tiers[p.p.Tier]), func(j int) bool { return i == j })
		g.orderTier(p.p.Tier)
		return
	}
	g.policies.set(i, nil)
	for d := range Gress(2) {
		if !p.filters(d) {
			continue
		}
		for _, class := range g.atoms.at(p.subject).classes() {
			c.setOwn(d, int(class), slices.DeleteFunc(slices.Clone(g.own[d].at(int(class))), func(j uint32) bool { return int(j) == i }))
		}
		c.regrant(d, p, false)
	}
}

// putPolicy adds a policy whose vocabulary is known.
func (c *change) putPolicy(p *Policy) {
	g, k := c.g, c.k
	cp := g.compilePolicy(p)
	for at := g.atoms.len(); at < len(k.atoms.list); at++ {
		c.addAtom(at)
	}
	i := g.policies.len()
	g.policies.push(cp)
	k.list(p.Ref(), i)
	k.selecting[cp.subject] = append(slices.Clone(k.selecting[cp.subject]), i)
	if p.Tier != NetworkPolicyTier {
		c.fresh = true
		g.eachMark(i, func(d Gress, class int, m mark) {
			g.marks[d].set(class, append(slices.Clone(g.marks[d].at(class)), m))
			c.own[uint32(class)], c.peer[uint32(class)] = true, true //nolint:gosec // a class number
		})
		g.tiers[p.Tier] = append(slices.Clone(g.tiers[p.Tier]), i)
		g.orderTier(p.Tier)
		return
	}
	for d := range Gress(2) {
		if !cp.filters(d) {
			continue
		}
		for _, class := range g.atoms.at(cp.subject).classes() {
			c.select1(d, int(class), i)
		}
		c.regrant(d, cp, true)
	}
}

// select1 puts a policy among those of a class, in their order.
func (c *change) select1(d Gress, class, i int) {
	g := c.g
	list := slices.Clone(g.own[d].at(class))
	at, _ := slices.BinarySearchFunc(list, i, func(j uint32, i int) int { return g.policies.at(int(j)).compare(g.policies.at(i)) })
	c.setOwn(d, class, slices.Insert(list, at, uint32(i))) //nolint:gosec // an index
}

// setOwn changes the policies of a class.
func (c *change) setOwn(d Gress, class int, policies []uint32) {
	g := c.g
	g.own[d].set(class, policies)
	g.allows[d].set(class, g.allowancesOf(d, class))
	c.isolate(d, class)
	c.own[uint32(class)], c.dirty[uint32(class)] = true, true //nolint:gosec // a class number
}

// isolate decides again whether a class is isolated.
func (c *change) isolate(d Gress, class int) {
	g := c.g
	sure, perhaps := false, false
	for _, i := range g.own[d].at(class) {
		if p := g.policies.at(int(i)); p.p.Isolates[d] {
			if g.atoms.at(p.subject).must.has(class) {
				sure = true
			} else {
				perhaps = true
			}
		}
	}
	c.put(&g.isolated[d], class, sure)
	c.put(&g.perhapsIsolated[d], class, perhaps && !sure)
}

// put adds a class to one of the graph's own sets, or removes it. The set is the
// former graph's, too, until it is written to.
func (c *change) put(b *bitset, class int, in bool) {
	if b.has(class) == in {
		return
	}
	if !slices.Contains(c.sets, &(*b)[0]) {
		*b = slices.Clone(*b)
		c.sets = append(c.sets, &(*b)[0])
	}
	b.put(class, in)
}

// addAtom takes over an atom that the compiler has just resolved.
func (c *change) addAtom(at int) {
	g := c.g
	a := c.k.atoms.list[at]
	g.atoms.push(a)
	for d := range 2 {
		g.slots[d].push(nil)
		g.inverted[d].push(nil)
	}
	g.spread.push(spread{})
	for class := range a.must.all() {
		g.places.set(class, append(slices.Clone(g.places.at(class)), placeIn(at, false)))
	}
	for class := range a.maybe.all() {
		g.places.set(class, append(slices.Clone(g.places.at(class)), placeIn(at, true)))
	}
	g.spread.set(at, g.spreadOf(at))
}

// regrant adds or removes what a policy grants, peer by peer.
func (c *change) regrant(d Gress, p *compiled, add bool) {
	g := c.g
	for _, s := range p.appendSlots(nil, d) {
		list := slices.Clone(g.slots[d].at(int(s.atom)))
		i, found := slices.BinarySearchFunc(list, s, slot.compare)
		switch {
		case add:
			g.slots[d].set(int(s.atom), slices.Insert(list, i, s))
			subject := g.atoms.at(p.subject)
			c.grantMore(d, int(s.atom), granted{int(s.spec), subject.must, false})
			c.grantMore(d, int(s.atom), granted{int(s.spec), subject.maybe, true})
		case found:
			list = slices.Delete(list, i, i+1)
			if g.slots[d].set(int(s.atom), list); i == len(list) || list[i] != s { // else another policy grants the same
				c.grantAgain(d, int(s.atom), s.spec)
			}
		}
	}
}

// grantMore adds to what the slots of a peer add up to.
func (c *change) grantMore(d Gress, at int, more granted) {
	g := c.g
	if more.who.empty() {
		return
	}
	list := slices.Clone(g.inverted[d].at(at))
	i, found := slices.BinarySearchFunc(list, more, func(x, y granted) int {
		return cmp.Or(cmp.Compare(x.spec, y.spec), cmp.Compare(flag(x.perhaps), flag(y.perhaps)))
	})
	switch {
	case !found:
		list = slices.Insert(list, i, more)
	default:
		list[i].who = unite([]members{list[i].who, more.who}, g.classes.len())
	}
	g.inverted[d].set(at, list)
	c.spreadAgain(at)
}

// grantAgain adds up the slots of one peer and port list.
func (c *change) grantAgain(d Gress, at int, spec uint32) {
	g := c.g
	slots := g.slots[d].at(at)
	lo, _ := slices.BinarySearchFunc(slots, spec, func(s slot, x uint32) int { return int(s.spec) - int(x) })
	hi := lo
	for hi < len(slots) && slots[hi].spec == spec {
		hi++
	}
	old := g.inverted[d].at(at)
	from, _ := slices.BinarySearchFunc(old, int(spec), func(gr granted, x int) int { return gr.spec - x })
	to := from
	for to < len(old) && old[to].spec == int(spec) {
		to++
	}
	fresh := g.grantsOf(slots[lo:hi])
	list := make([]granted, 0, len(old)-(to-from)+len(fresh))
	list = append(append(append(list, old[:from]...), fresh...), old[to:]...)
	g.inverted[d].set(at, list)
	c.spreadAgain(at)
}

// spreadAgain decides again what part of signatures an atom is.
func (c *change) spreadAgain(at int) {
	g := c.g
	was, is := g.spread.at(at), g.spreadOf(at)
	if was == is {
		return
	}
	g.spread.set(at, is)
	if was.common != is.common {
		for _, class := range g.atoms.at(at).classes() {
			c.peer[class] = true
		}
	}
	if was.wide != is.wide {
		for d := range Gress(2) {
			for _, s := range g.slots[d].at(at) {
				for _, class := range g.atoms.at(int(s.subject)).classes() {
					c.own[class] = true
				}
			}
		}
	}
}

// sign signs again what changed.
func (c *change) sign() {
	g := c.g
	for h := range numHalves {
		dirty := c.peer
		if h.own() {
			dirty = c.own
		}
		for class := range dirty {
			if id := g.signatureOf(h, int(class)); id != g.signature[h].at(int(class)) {
				g.signature[h].set(int(class), id)
			}
		}
	}
}

// inherit lets the new graph ask the old one, and those that it asks itself, for
// what lines share. What a half says about a class depends on the policies that
// select that class and on the peers that it is among; so only the classes for
// which those changed are evaluated again.
func (c *change) inherit(old *Graph) {
	p := c.g.pool
	if !c.cuts {
		p.interned = old.pool.interned
	}
	if c.fresh || c.cuts || len(c.dirty)*8 > c.g.pods {
		return
	}
	dirty := slices.Sorted(maps.Keys(c.dirty))
	p.layers = append(p.layers, layer{old.pool.known, dirty})
	for _, l := range old.pool.layers[:min(len(old.pool.layers), maxLayers-1)] {
		both := append(slices.Clone(l.dirty), dirty...)
		slices.Sort(both)
		if both = slices.Compact(both); len(both)*8 > c.g.pods {
			break
		}
		p.layers = append(p.layers, layer{l.from, both})
	}
}
