package segment

import (
	"maps"
	"net/netip"
	"slices"
)

// sharesPods reports whether changes of pods can be applied on a fork: what nodes
// mean does not begin to matter, and their addresses and the families of all
// addresses stay.
func (g *Graph) sharesPods(d *Delta) bool {
	k := g.compiler
	k.prepare(g)
	k.indexEndpoints(g)
	for i := range d.PutEndpoints {
		e := &d.PutEndpoints[i]
		if e.Node != "" && !g.v.nodes && g.nodes.present() {
			return false // pods of several workloads may share a class
		}
		if !g.sharesHost(e) || g.newFamily(e) {
			return false
		}
		if i, ok := k.endpoints[e.Ref]; ok && !g.sharesDrop(&g.m.Endpoints[i]) {
			return false
		}
	}
	for _, r := range d.DropEndpoints {
		if i, ok := k.endpoints[r]; ok && !g.sharesDrop(&g.m.Endpoints[i]) {
			return false
		}
	}
	return true
}

// sharesHost reports whether an endpoint may come or go on a fork, as far as it is
// on the network of its node: where that is free for the node's other pods, which
// pods share a node has to matter already, and the endpoint must not be what
// tells of an address that it is the node's.
func (g *Graph) sharesHost(e *Endpoint) bool {
	if !e.HostNetwork || !g.m.Profile.freesOwnNodes() {
		return true
	}
	if !g.v.nodes || !g.nodes.present() {
		return false
	}
	if len(e.IPs) == 0 {
		return true
	}
	node := g.compiler.atoms.nodes[[2]string{g.m.Namespaces[e.Namespace].Cluster, e.Node}]
	return node != nil && !slices.ContainsFunc(e.IPs, func(a netip.Addr) bool { return !slices.Contains(node.IPs, a) })
}

// sharesDrop reports whether an endpoint may go on a fork.
func (g *Graph) sharesDrop(e *Endpoint) bool {
	if !g.sharesHost(e) {
		return false
	}
	// It may have been the last of its family.
	return len(e.IPs) == 0 || g.v.families[0] && !g.v.families[1] || !g.assumesFamilies()
}

// newFamily reports whether an endpoint brings a family of addresses that is then
// assumed of others.
func (g *Graph) newFamily(e *Endpoint) bool {
	return slices.ContainsFunc(e.IPs, func(a netip.Addr) bool {
		return a.Unmap().Is4() && !g.v.families[0] || !a.Unmap().Is4() && !g.v.families[1]
	}) &&
		g.assumesFamilies()
}

// assumesFamilies reports whether something that blocks are compared with has no
// known address, so that it may be of any family that the input shows.
func (g *Graph) assumesFamilies() bool {
	return g.v.podAddresses || slices.ContainsFunc(g.compiler.atoms.hosts, func(c uint32) bool {
		return len(g.m.Endpoints[g.classes.ref(int(c)).rep].IPs) == 0
	})
}

// rehost puts a class of pods on the host network among those of its node when the
// first comes, and takes it out when the last goes.
func (c *change) rehost(class int) {
	g := c.g
	c.forkNodes()
	c.fresh = true
	cl := g.classes.ref(class)
	in, id := cl.size > 0, uint32(class) //nolint:gosec // a class number
	nc := &g.nodes
	nc.hosts.put(class, in)
	nc.ends[cl.cluster].put(class, in)
	switch k := (nodeKey{cl.cluster, cl.node}); {
	case cl.node == "":
		nc.unplaced[cl.cluster].put(class, in)
	case in:
		nc.hostsOn[k] = nc.hostsOn[k].with(id, g.classes.len())
	default:
		nc.hostsOn[k] = nc.hostsOn[k].without(id)
	}
	nc.free = g.m.Profile.freesOwnNodes() && nc.present()
}

// forkNodes gives the fork sets of its own, once.
func (c *change) forkNodes() {
	if c.nodes {
		return
	}
	c.nodes = true
	nc := &c.g.nodes
	nc.hosts, nc.unknown, nc.of = slices.Clone(nc.hosts), slices.Clone(nc.unknown), nc.of.fork()
	nc.some, nc.hostsOn = maps.Clone(nc.some), maps.Clone(nc.hostsOn)
	nc.ends, nc.unplaced = slices.Clone(nc.ends), slices.Clone(nc.unplaced)
	for i := range nc.ends {
		nc.ends[i], nc.unplaced[i] = slices.Clone(nc.ends[i]), slices.Clone(nc.unplaced[i])
	}
}

// renode finds again on which nodes the pods of a class run. Where nodes matter
// a class is of one workload.
func (c *change) renode(class int) {
	g := c.g
	if !g.nodes.present() || g.classes.ref(class).host {
		return
	}
	c.forkNodes()
	var of []string
	unknown := false
	for _, w := range g.workloads.members.at(class) {
		for _, i := range c.k.pods[w] {
			if int(g.classOf.at(int(i))) != class {
				continue
			}
			if node := g.m.Endpoints[i].Node; node != "" {
				of = append(of, node)
			} else {
				unknown = true
			}
		}
	}
	slices.Sort(of)
	of = slices.Compact(of)
	if old := g.nodes.of.at(class); !slices.Equal(old, of) || g.nodes.unknown.has(class) != unknown {
		cluster := g.classes.ref(class).cluster
		id := uint32(class) //nolint:gosec // a class number
		for _, node := range old {
			k := nodeKey{cluster, node}
			g.nodes.some[k] = g.nodes.some[k].without(id)
		}
		for _, node := range of {
			k := nodeKey{cluster, node}
			g.nodes.some[k] = g.nodes.some[k].with(id, g.classes.len())
		}
		if g.nodes.unknown.has(class) != unknown {
			g.nodes.unknown.put(class, unknown)
			c.fresh = true // it stands in what the lines of host-network classes share
		}
		g.nodes.of.set(class, of)
		c.own[id], c.peer[id], c.dirty[id] = true, true, true
		for _, node := range slices.Concat(old, of) { // the lines of who is on the node there
			for h := range g.nodes.hostsOn[nodeKey{cluster, node}].all() {
				c.dirty[uint32(h)] = true //nolint:gosec // a class number
			}
		}
	}
}
