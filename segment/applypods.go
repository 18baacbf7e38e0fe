package segment

import (
	"slices"
)

// dropEndpoint takes an endpoint out. Its class stays, perhaps empty: whoever
// projects alike will be in it again.
func (c *change) dropEndpoint(i int) {
	c.dropEndpoints(c.g.m.Endpoints[i].Workload, []uint32{uint32(i)}) //nolint:gosec // Build limits the number
}

// dropEndpoints takes some endpoints of a workload out.
func (c *change) dropEndpoints(w int, list []uint32) {
	g, k := c.g, c.k
	var classes []int
	for _, i := range list {
		class := int(g.classOf.at(int(i)))
		g.classOf.set(int(i), gone)
		delete(k.endpoints, g.m.Endpoints[i].Ref)
		if c.resize(class, -1); !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
	}
	k.pods[w] = slices.DeleteFunc(slices.Clone(k.pods[w]), func(i uint32) bool { return g.classOf.at(int(i)) == gone })
	for _, class := range classes {
		if cl := g.classes.at(class); cl.size > 0 && g.classOf.at(cl.rep) == gone {
			cl.rep = c.member(class)
			c.setClass(class, cl)
		}
	}
	c.reclass(w)
	for _, class := range classes {
		c.renode(class)
	}
}

// resize changes the number of endpoints of a class.
func (c *change) resize(class, by int) {
	g := c.g
	cl := g.classes.at(class)
	cl.size += by
	c.setClass(class, cl)
	if g.allPods.has(class) == (cl.size > 0) {
		return
	}
	c.dirty[uint32(class)] = true //nolint:gosec // a class number
	c.put(&g.allPods, class, cl.size > 0)
	c.put(&g.universe[cl.cluster], class, cl.size > 0)
	if cl.host {
		c.rehost(class)
	}
}

func (c *change) setClass(class int, cl class) {
	c.g.classes.set(class, cl)
	c.k.atoms.classes[class] = cl
}

// member returns an endpoint of a class.
func (c *change) member(class int) int {
	g := c.g
	for _, w := range g.workloads.members.at(class) {
		for _, i := range c.k.pods[w] {
			if int(g.classOf.at(int(i))) == class {
				return int(i)
			}
		}
	}
	return g.classes.ref(class).rep
}

// reclass lists the classes of a workload again.
func (c *change) reclass(w int) {
	g := c.g
	var list []uint32
	for _, i := range c.k.pods[w] {
		if class := g.classOf.at(int(i)); !slices.Contains(list, class) {
			list = append(list, class)
		}
	}
	old := g.workloads.classes.at(w)
	if slices.Equal(old, list) {
		return
	}
	g.workloads.classes.set(w, list)
	for _, class := range old {
		if !slices.Contains(list, class) {
			members := slices.DeleteFunc(slices.Clone(g.workloads.members.at(int(class))), func(m uint32) bool { return int(m) == w })
			g.workloads.members.set(int(class), members)
		}
	}
	for _, class := range list {
		if !slices.Contains(old, class) {
			members := append(slices.Clone(g.workloads.members.at(int(class))), uint32(w)) //nolint:gosec // Build limits the number
			g.workloads.members.set(int(class), members)
		}
	}
}

// putEndpoint adds an endpoint whose vocabulary is known. It reports false if
// there is no room for its class.
func (c *change) putEndpoint(e *Endpoint) bool {
	g, k := c.g, c.k
	i := len(g.m.Endpoints)
	g.m.Endpoints = append(g.m.Endpoints, *e)
	k.endpoints[e.Ref] = i
	k.pods[e.Workload] = append(slices.Clone(k.pods[e.Workload]), uint32(i)) //nolint:gosec // Build limits the number
	g.classOf.push(gone)
	key := k.projection.endpoint(nil, e)
	class, ok := k.projection.index[string(key)]
	if !ok {
		if class, ok = c.newClass(string(key), i); !ok {
			return false
		}
	}
	c.move(i, int(class))
	c.reclass(e.Workload)
	c.renode(int(class))
	return true
}

// move puts an endpoint into a class.
func (c *change) move(i, class int) {
	g := c.g
	if old := g.classOf.at(i); old != gone {
		c.resize(int(old), -1)
	}
	g.classOf.set(i, uint32(class)) //nolint:gosec // a class number
	if cl := g.classes.at(class); cl.size == 0 {
		cl.rep = i
		c.setClass(class, cl)
	}
	c.resize(class, 1)
}

// newClass takes an unused class for what endpoint i projects to, and makes it
// known to everything that can see it.
func (c *change) newClass(key string, i int) (uint32, bool) {
	g, k := c.g, c.k
	if k.freePod >= g.pods {
		return 0, false
	}
	id := k.freePod
	k.freePod++
	cl := k.projection.class(&g.m.Endpoints[i], i, g.clusterOf)
	c.setClass(id, cl)
	k.projection.index[key] = uint32(id) //nolint:gosec // a class number
	k.atoms.file(id)
	var places []place
	var joined []int
	for _, at := range k.atoms.candidates(nil, &cl) {
		if at == g.any {
			continue
		}
		is := k.atoms.match(&k.atoms.defs[at], &cl)
		if is == No {
			continue
		}
		places = append(places, placeIn(at, is == Maybe))
		if c.join(at, uint32(id), is == Maybe) { //nolint:gosec // a class number
			joined = append(joined, at)
		}
	}
	slices.Sort(places)
	g.places.set(id, slices.Compact(places)) // a selector may name a value twice
	slices.Sort(joined)
	for _, at := range joined {
		c.spreadAgain(at)
		for _, i := range k.selecting[at] {
			c.selectClass(i, id)
		}
	}
	c.markClass(id)
	g.eachNamed(i, func(u int, mask []uint64, maybe bool) { c.nameClass(u, mask, maybe, id, cl.rep) })
	c.own[uint32(id)], c.peer[uint32(id)], c.dirty[uint32(id)] = true, true, true //nolint:gosec // a class number
	return uint32(id), true                                                       //nolint:gosec // a class number
}

// join adds a class to an atom, and reports whether it was not there yet.
func (c *change) join(at int, class uint32, perhaps bool) bool {
	g := c.g
	a := *g.atoms.at(at)
	switch is := membership(&a, int(class)); {
	case is == Yes, is == Maybe && perhaps:
		return false
	case is == Maybe: // a peer in doubt that may be anything has unused classes, too
		a.maybe = a.maybe.without(class)
	}
	if perhaps {
		a.maybe = a.maybe.with(class, g.classes.len())
	} else {
		a.must = a.must.with(class, g.classes.len())
	}
	g.atoms.set(at, &a)
	c.k.atoms.list[at] = &a
	return true
}

// selectClass lets a policy of the NetworkPolicy tier select a class.
func (c *change) selectClass(i, class int) {
	g := c.g
	p := g.policies.at(i)
	if p.p.Tier != NetworkPolicyTier {
		return
	}
	for d := range Gress(2) {
		if !p.filters(d) {
			continue
		}
		c.select1(d, class, i)
		perhaps := !g.atoms.at(p.subject).must.has(class)
		for _, s := range p.appendSlots(nil, d) {
			c.grantMore(d, int(s.atom), granted{int(s.spec), members{ids: []uint32{uint32(class)}, n: 1}, perhaps}) //nolint:gosec // a class number
		}
	}
}

// markClass lists the marks of a class.
func (c *change) markClass(class int) {
	g := c.g
	var marks [2][]mark
	for _, t := range orderedTiers() {
		for _, i := range g.tiers[t] {
			g.eachPeerMark(i, func(d Gress, at int, own bool, key uint64) {
				switch membership(g.atoms.at(at), class) {
				case Yes:
					marks[d] = append(marks[d], mark{own, key << 1})
				case Maybe:
					marks[d] = append(marks[d], mark{own, key<<1 | 1})
				}
			})
		}
	}
	cl := g.classes.ref(class)
	for i := range g.m.Taints {
		t := &g.m.Taints[i]
		if !g.m.Profile.Enforced || !t.CanAllow && !t.CanDeny || !g.touches(t, cl) {
			continue
		}
		c.fresh = true
		n := slices.IndexFunc(g.taints, func(s taintSet) bool { return s.t == t })
		if g.taints = slices.Clone(g.taints); n < 0 {
			n = len(g.taints)
			g.taints = append(g.taints, taintSet{t: t, who: newBitset(g.classes.len()), tier: t.Tier})
		}
		g.taints[n].who = slices.Clone(g.taints[n].who)
		g.taints[n].who.add(class)
		for d := range Gress(2) {
			if t.Gress[d] {
				marks[d] = append(marks[d], taintedBy(n))
			}
		}
	}
	for d := range marks {
		g.marks[d].set(class, marks[d])
	}
}

// nameClass says what a port name means on a class.
func (c *change) nameClass(u int, mask []uint64, maybe bool, id, rep int) {
	g := c.g
	splits := slices.Clone(g.named[u])
	i := slices.IndexFunc(splits, func(s namedSplit) bool { return s.maybe == maybe && slices.Equal(s.mask, mask) })
	if i < 0 {
		i = len(splits)
		splits = append(splits, namedSplit{rep: rep, mask: slices.Clone(mask), maybe: maybe})
	}
	splits[i].who = splits[i].who.with(uint32(id), g.classes.len()) //nolint:gosec // a class number
	g.named[u] = splits
}
