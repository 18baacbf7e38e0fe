package segment

import (
	"net/netip"
	"slices"
)

// grow extends what rules can ask about by what a delta asks. It reports false
// where the model has to be compiled anew.
func (c *change) grow(d *Delta) bool {
	g := c.g
	v := *g.v
	var keys []string
	var blocks []netip.Prefix
	var ranges []portRange
	selects := func(s Selector) {
		for i := range s {
			if _, ok := c.k.projection.keys[s[i].Key]; !ok && !slices.Contains(keys, s[i].Key) {
				keys = append(keys, s[i].Key)
			}
		}
	}
	block := func(p netip.Prefix) {
		if _, ok := v.addresses.index[p.Masked()]; !ok {
			blocks = append(blocks, p.Masked())
		}
	}
	for i := range d.PutPolicies {
		p := &d.PutPolicies[i]
		ranges = p.appendRanges(ranges)
		selects(p.Subject.Pods)
		for _, rules := range p.Rules {
			for r := range rules {
				for _, pm := range rules[r].Ports {
					if pm.Name != "" && !slices.Contains(v.named, namedUse{name: pm.Name, proto: pm.Protocol, any: pm.AnyProtocol}) {
						return false
					}
				}
				for j := range rules[r].Peers {
					peer := &rules[r].Peers[j]
					switch {
					case peer.Kind == PeerPods:
						selects(peer.Pods.Pods)
					case peer.Kind == PeerNodes:
						for _, b := range g.m.appendNodeBlocks(nil, p.Cluster) {
							block(b)
						}
					case peer.Kind != PeerCIDR:
					case peer.MatchesPods && !v.podAddresses:
						return false
					default:
						block(peer.CIDR)
						for _, e := range peer.Except {
							block(e)
						}
					}
				}
			}
		}
	}
	if d.Taints != nil {
		for i := range *d.Taints {
			selects((*d.Taints)[i].Pods)
		}
	}
	if d.Entries != nil {
		for i := range *d.Entries {
			e := &(*d.Entries)[i]
			for _, s := range e.Sources {
				block(s)
			}
			for _, x := range e.Conns {
				if x.From != 0 && x.From <= x.To {
					ranges = append(ranges, portRange{x.Protocol, x.From, x.To})
				}
			}
		}
	}
	for i := range d.PutEndpoints {
		for _, p := range d.PutEndpoints[i].Ports {
			if p.Number != 0 && slices.ContainsFunc(v.named, func(u namedUse) bool { return u.matches(p) }) {
				ranges = append(ranges, portRange{p.Protocol, p.Number, p.Number})
			}
		}
	}
	if len(blocks) > 0 && !c.growBlocks(blocks) {
		return false
	}
	if slices.ContainsFunc(ranges, func(r portRange) bool { return !g.ports.cuts(r) }) {
		c.recut(ranges)
	}
	return len(keys) == 0 || c.growKeys(keys)
}

// cuts reports whether a range is made of whole elementary sets of ports.
func (ps *portSpace) cuts(r portRange) bool {
	i, ok := slices.BinarySearch(ps.starts[r.proto], r.from)
	if !ok {
		return false
	}
	for ; i < len(ps.starts[r.proto]) && ps.starts[r.proto][i] <= r.to; i++ {
		for _, e := range ps.elems[ps.bitOf[r.proto][i]] {
			if e.From < r.from || e.To > r.to {
				return false
			}
		}
	}
	return true
}

// recut cuts the ports anew, and renews what speaks of bits.
func (c *change) recut(ranges []portRange) {
	g := c.g
	c.cuts = true
	for i := range g.specs {
		ranges = append(ranges, g.specs[i].ranges...)
	}
	for _, splits := range g.named {
		for i := range splits {
			ranges = g.namedRanges(ranges, splits[i].rep)
		}
	}
	g.ports = newPortSpace(g.withEntries(ranges))
	for u := range g.named {
		splits := slices.Clone(g.named[u])
		for i := range splits {
			g.eachNamed(splits[i].rep, func(of int, mask []uint64, maybe bool) {
				if of == u && maybe == splits[i].maybe {
					splits[i].mask = slices.Clone(mask)
				}
			})
		}
		g.named[u] = splits
	}
	specs := make([]portSpec, len(g.specs), len(g.specs)+16)
	masks := make([]uint64, len(specs)*g.ports.chunks)
	for i := range specs {
		s := g.specs[i]
		s.mask, masks = masks[:g.ports.chunks:g.ports.chunks], masks[g.ports.chunks:]
		if s.all {
			copy(s.mask, g.ports.full)
		}
		for _, r := range s.ranges {
			g.ports.cover(s.mask, r)
		}
		specs[i] = s
	}
	g.specs = specs
}

// growBlocks cuts the external addresses by more blocks. What is cut off a cell
// is among the same peers as the cell was.
func (c *change) growBlocks(blocks []netip.Prefix) bool {
	g, k := c.g, c.k
	if g.v.podAddresses || !g.nodes.hosts.empty() {
		return false // classes of pods would have to be split
	}
	c.cuts = true
	old := g.v.addresses
	v := *g.v
	v.blocks = append(slices.Clone(v.blocks), blocks...)
	v.addresses = v.cut()
	classOf := make(map[netip.Prefix]int, len(k.atoms.cellClass))
	for cell, class := range k.atoms.cellClass {
		if class >= 0 {
			classOf[old.cells[cell].block] = class
		}
	}
	g.v, k.projection.v, k.atoms.v = &v, &v, &v
	for cell := range v.addresses.cells {
		x := &v.addresses.cells[cell]
		class, known := classOf[x.block]
		switch {
		case known:
			cl := g.classes.at(class)
			if cl.cell = cell; len(x.parts) == 0 {
				cl.cell, cl.size = -1, 0 // the new blocks fill it
				for u := range g.universe {
					c.put(&g.universe[u], class, false)
				}
			}
			c.setClass(class, cl)
		case len(x.parts) > 0:
			if k.freeCell >= g.classes.len() {
				return false
			}
			parent := k.atoms.cellClass[old.cellOf(x.parts[0].Addr())]
			c.splitCell(k.freeCell, parent, cell)
			k.freeCell++
		}
	}
	k.atoms.fileCells()
	g.cellClass = k.atoms.cellClass
	return true
}

// splitCell takes an unused class for a part of a cell.
func (c *change) splitCell(id, parent, cell int) {
	g := c.g
	c.setClass(id, class{rep: -1, cell: cell, ns: -1, cluster: -1, size: 1})
	for u := range g.universe {
		c.put(&g.universe[u], id, true)
	}
	for _, p := range g.places.at(parent) {
		if c.join(p.atom(), uint32(id), p.perhaps()) { //nolint:gosec // a class number
			c.spreadAgain(p.atom())
		}
	}
	g.places.set(id, g.places.at(parent))
	for d := range g.marks {
		g.marks[d].set(id, g.marks[d].at(parent))
	}
	c.own[uint32(id)], c.peer[uint32(id)] = true, true //nolint:gosec // a class number
}

// growKeys lets rules ask about more labels: the classes whose endpoints differ
// in them are split. Nobody asked so far, so the parts are among the same peers.
func (c *change) growKeys(keys []string) bool {
	g, k := c.g, c.k
	carries := func(e *Endpoint) bool {
		return slices.ContainsFunc(keys, func(key string) bool { _, ok := e.Labels[key]; return ok })
	}
	split := make(map[int]string) // class → its projection so far
	for i := range g.m.Endpoints {
		class := int(g.classOf.at(i))
		if g.classOf.at(i) == gone || !carries(&g.m.Endpoints[i]) {
			continue
		}
		if _, ok := split[class]; !ok {
			split[class] = string(k.projection.endpoint(nil, &g.m.Endpoints[i]))
		}
	}
	for class := range k.freePod { // nobody is in it, and its labels are not known to be those of whoever comes
		if cl := g.classes.ref(class); cl.size == 0 && carries(&g.m.Endpoints[cl.rep]) {
			delete(k.projection.index, string(k.projection.endpoint(nil, &g.m.Endpoints[cl.rep])))
		}
	}
	v := *g.v
	v.keys = slices.Clone(v.keys)
	for _, key := range keys {
		k.projection.keys[key] = len(v.keys)
		v.keys = append(v.keys, key)
		k.atoms.byLabel[key] = make(map[string][]uint32)
	}
	g.v, k.projection.v, k.atoms.v = &v, &v, &v
	for class, key := range split {
		delete(k.projection.index, key)
		if !c.splitClass(class, keys) {
			return false
		}
	}
	return true
}

// splitClass parts a class by its endpoints' projections. One part keeps it.
func (c *change) splitClass(class int, keys []string) bool {
	g, k := c.g, c.k
	parts := make(map[string][]int)
	var order []string
	for _, w := range g.workloads.members.at(class) {
		for _, i := range k.pods[w] {
			if int(g.classOf.at(int(i))) == class {
				key := string(k.projection.endpoint(nil, &g.m.Endpoints[i]))
				if parts[key] == nil {
					order = append(order, key)
				}
				parts[key] = append(parts[key], int(i))
			}
		}
	}
	if len(order) > 1 && g.nodes.present() {
		return false // which classes share a node with whom would have to be found again
	}
	for n, key := range order {
		if n == 0 {
			cl := g.classes.at(class)
			cl.rep = parts[key][0]
			c.setClass(class, cl)
			k.projection.index[key] = uint32(class) //nolint:gosec // a class number
			for _, name := range keys {
				if cl.host {
					break // no selector matches it
				}
				if val, ok := g.m.Endpoints[cl.rep].Labels[name]; ok {
					k.atoms.byLabel[name][val] = append(k.atoms.byLabel[name][val], uint32(class)) //nolint:gosec // a class number
				}
			}
			continue
		}
		id, ok := c.newClass(key, parts[key][0])
		if !ok {
			return false
		}
		workloads := make(map[int]bool)
		for _, i := range parts[key] {
			c.move(i, int(id))
			workloads[g.m.Endpoints[i].Workload] = true
		}
		for w := range workloads {
			c.reclass(w)
		}
	}
	return true
}
