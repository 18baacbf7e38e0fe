package segment

import (
	"maps"
	"slices"
)

// sharesPods reports whether changes of pods can be applied on a fork: those on
// the host network stay as they are, what nodes mean does not begin to matter,
// and the address families stay.
func (g *Graph) sharesPods(d *Delta) bool {
	frees := g.m.Profile.freesOwnNodes() // then their addresses are those of nodes, even where policies select them
	host := func(e *Endpoint) bool { return g.compiler.projection.onHost(e) || e.HostNetwork && frees }
	for i := range d.PutEndpoints {
		e := &d.PutEndpoints[i]
		if host(e) || len(e.IPs) > 0 && g.v.podAddresses {
			return false
		}
		if e.Node != "" && !g.v.nodes && g.nodes.present() {
			return false // pods of several workloads may share a class
		}
	}
	if g.v.podAddresses && len(d.DropEndpoints) > 0 {
		return false
	}
	if !g.nodes.present() {
		return true
	}
	g.compiler.prepare(g)
	was := func(i int, ok bool) bool { return ok && host(&g.m.Endpoints[i]) }
	for _, r := range d.DropEndpoints {
		if i, ok := g.compiler.endpoints[r]; was(i, ok) {
			return false
		}
	}
	for i := range d.PutEndpoints {
		if i, ok := g.compiler.endpoints[d.PutEndpoints[i].Ref]; was(i, ok) {
			return false
		}
	}
	return true
}

// renode finds again on which nodes the pods of a class run. Where nodes matter
// a class is of one workload.
func (c *change) renode(class int) {
	g := c.g
	if !g.nodes.present() || g.classes.ref(class).host {
		return
	}
	if !c.nodes {
		c.nodes = true
		nc := &g.nodes
		nc.some, nc.unknown, nc.of = maps.Clone(nc.some), slices.Clone(nc.unknown), nc.of.fork()
	}
	var of []string
	unknown := false
	for _, end := range g.workloads.ends.at(class) {
		for _, i := range c.k.pods[g.modelOf[end]] {
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
