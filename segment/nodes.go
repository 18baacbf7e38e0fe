package segment

import (
	"net/netip"
	"slices"
)

// nodeClasses says which classes run on which node, for the rule that a pod and
// its own node are never cut off from each other. A node is at the other end as
// the pods on its host network, and as its addresses.
type nodeClasses struct {
	free    bool   // the rule applies to some pair
	hosts   bitset // classes on the host network
	address bitset // cells that are an address of a node of some cluster
	// cells holds, by cluster, the cells that are addresses of its nodes, each with
	// the name of the node; "" where it is not known whose of them it is.
	cells    []map[uint32]string
	ends     []bitset // by cluster: hosts and cells of its nodes
	unplaced []bitset // of ends, those of which the node is not known
	hostsOn  map[nodeKey]members
	some     map[nodeKey]members // other classes with a pod on the node
	unknown  bitset              // other classes with a pod whose node is unknown
	of       vec[[]string]       // other class → nodes of its pods, sorted
}

type nodeKey struct {
	cluster int
	node    string
}

// nodeAddress is an address that a node of a cluster is known to have.
type nodeAddress struct {
	cluster string
	addr    netip.Addr
	node    string // "" where it is not known which
}

// freesOwnNodes reports whether a network leaves anything between a pod and its
// own node open whatever the policies say.
func (p *Profile) freesOwnNodes() bool {
	return p.Enforced && (p.ownNode(true) != No || p.ownNode(false) != No)
}

// nodeAddresses lists the known addresses of nodes: those of the node objects,
// and those of the pods on their host network. Nothing is listed where it cannot
// matter whose they are.
func (m *Model) nodeAddresses() []nodeAddress {
	if !m.Profile.freesOwnNodes() {
		return nil
	}
	type at struct {
		cluster string
		addr    netip.Addr
	}
	known := make(map[at]string)
	shared := make(map[at]bool) // by nodes of different names
	var order []at
	add := func(cluster, node string, ips []netip.Addr) {
		for _, a := range ips {
			k := at{cluster, a.Unmap().WithZone("")}
			was, seen := known[k]
			switch {
			case !seen:
				order = append(order, k)
				known[k] = node
			case was == "":
				known[k] = node
			case node != "" && node != was:
				shared[k] = true
			}
		}
	}
	for i := range m.Nodes {
		add(m.Nodes[i].Cluster, m.Nodes[i].Name, m.Nodes[i].IPs)
	}
	for i := range m.Endpoints {
		if e := &m.Endpoints[i]; e.HostNetwork {
			add(m.Namespaces[e.Namespace].Cluster, e.Node, e.IPs)
		}
	}
	out := make([]nodeAddress, 0, len(order))
	for _, k := range order {
		x := nodeAddress{cluster: k.cluster, addr: k.addr, node: known[k]}
		if shared[k] {
			x.node = ""
		}
		out = append(out, x)
	}
	return out
}

// nodesMatter reports whether it can change a verdict which node a pod runs on:
// some traffic between a pod and its own node is free, something is known to be
// at the other end of it, and some pod's node is known.
func (m *Model) nodesMatter(addresses []nodeAddress) bool {
	hosts, known := false, false
	for i := range m.Endpoints {
		e := &m.Endpoints[i]
		hosts = hosts || e.HostNetwork && !m.Profile.HostNetworkPoliced
		known = known || e.Node != ""
	}
	return known && m.Profile.freesOwnNodes() && (hosts || len(addresses) > 0)
}

// present reports whether the input shows anything at the node's end of traffic
// between a pod and its own node.
func (nc *nodeClasses) present() bool { return !nc.hosts.empty() || !nc.address.empty() }

func (g *Graph) frameNodes() {
	n := g.classes.len()
	nc := nodeClasses{hosts: newBitset(n), address: newBitset(n), unknown: newBitset(n)}
	of := make([][]string, n)
	hostsOn, some := map[nodeKey][]uint32{}, map[nodeKey][]uint32{}
	for range g.clusters {
		nc.cells, nc.ends, nc.unplaced = append(nc.cells, map[uint32]string{}), append(nc.ends, newBitset(n)), append(nc.unplaced, newBitset(n))
	}
	end := func(c, cluster int, node string) {
		if nc.ends[cluster].add(c); node == "" {
			nc.unplaced[cluster].add(c)
		} else {
			k := nodeKey{cluster, node}
			hostsOn[k] = append(hostsOn[k], uint32(c)) //nolint:gosec // a class number
		}
	}
	for c := range g.pods {
		if cl := g.classes.ref(c); cl.host {
			nc.hosts.add(c)
			end(c, cl.cluster, cl.node)
		}
	}
	for _, x := range g.v.nodeAddresses {
		cluster := slices.Index(g.clusters, x.cluster)
		if cluster < 0 {
			continue // nothing runs there
		}
		c := g.cellClass[g.v.addresses.cellOf(x.addr)]
		nc.address.add(c)
		nc.cells[cluster][uint32(c)] = x.node //nolint:gosec // a class number
		end(c, cluster, x.node)
	}
	if nc.present() {
		for i := range g.m.Endpoints {
			c := int(g.classOf.at(i))
			if g.classes.ref(c).host {
				continue
			}
			if node := g.m.Endpoints[i].Node; node != "" {
				of[c] = append(of[c], node)
			} else {
				nc.unknown.add(c)
			}
		}
		for c := range g.pods {
			slices.Sort(of[c])
			of[c] = slices.Compact(of[c])
			for _, node := range of[c] {
				k := nodeKey{g.classes.ref(c).cluster, node}
				some[k] = append(some[k], uint32(c)) //nolint:gosec // a class number
			}
		}
	}
	nc.of, nc.hostsOn, nc.some = vecOf(of), membersOf(hostsOn, n), membersOf(some, n)
	nc.free = g.m.Profile.freesOwnNodes() && nc.present()
	g.nodes = nc
}

// membersOf makes the sets of classes, out of n, of nodes.
func membersOf(lists map[nodeKey][]uint32, n int) map[nodeKey]members {
	out := make(map[nodeKey]members, len(lists))
	for k, ids := range lists {
		slices.Sort(ids)
		out[k] = makeMembers(slices.Compact(ids), n)
	}
	return out
}

// freesOwnNode reports whether the rule about a pod's own node applies to any pair.
func (g *Graph) freesOwnNode() bool { return g.nodes.free }

// nodeEnd returns the node that a class stands for to the pods of a cluster: that
// of host-network pods, or the one whose address a cell is. ok is false if it is
// neither, and the node is "" if it is not known.
func (g *Graph) nodeEnd(c, cluster int) (node string, ok bool) {
	switch cl := g.classes.ref(c); {
	case cl.host:
		return cl.node, cl.cluster == cluster
	case cl.cell < 0 || !g.nodes.address.has(c):
		return "", false
	}
	node, ok = g.nodes.cells[cluster][uint32(c)] //nolint:gosec // a class number
	return node, ok
}

// ownNodePair says whether traffic from class c to class d passes, whatever the
// policies say, where a pod and its own node are the ends.
func (g *Graph) ownNodePair(c, d int) Answer {
	if !g.nodes.free {
		return No
	}
	_, _, toPod, ok := g.podAndNode(c, d)
	if !ok {
		return No
	}
	return g.m.Profile.ownNode(toPod)
}

// ownNodeOf says whether what c's line tells of traffic between a pod and its own
// node passes, whatever the policies say.
func (g *Graph) ownNodeOf(c int, kind lineKind) Answer {
	cl := g.classes.ref(c)
	return g.m.Profile.ownNode((cl.host || cl.cell >= 0) == (kind == row))
}

// podAndNode tells which of two classes is one of pods, and which node the other
// is at the end of; toPod says that traffic goes from the node to the pod. ok is
// false unless the two are a pod and a node's end in one cluster.
func (g *Graph) podAndNode(c, d int) (pod int, node string, toPod, ok bool) {
	policed := func(c int) bool { cl := g.classes.ref(c); return cl.cell < 0 && !cl.host }
	switch {
	case policed(d) && !policed(c):
		node, ok = g.nodeEnd(c, g.classes.ref(d).cluster)
		return d, node, true, ok
	case policed(c) && !policed(d):
		node, ok = g.nodeEnd(d, g.classes.ref(c).cluster)
		return c, node, false, ok
	}
	return 0, "", false, false
}

// onNode says whether some pod of a class, and whether every one, runs on a node;
// of a question about a single pod both are about that endpoint.
func (g *Graph) onNode(pod int, node string, endpoint int) (some, every Answer) {
	if endpoint >= 0 {
		switch of := g.m.Endpoints[endpoint].Node; {
		case node == "" || of == "":
			return Maybe, Maybe
		case node == of:
			return Yes, Yes
		}
		return No, No
	}
	if node == "" {
		return Maybe, No
	}
	of, unknown := g.nodes.of.at(pod), g.nodes.unknown.has(pod)
	_, on := slices.BinarySearch(of, node)
	switch {
	case on && len(of) == 1 && !unknown:
		return Yes, Yes
	case on:
		return Yes, No
	case unknown:
		return Maybe, No
	}
	return No, No
}

// mayShareNode returns the classes of which it is not known whether they share a
// node with c; nil if there are none. Those that certainly do are exceptions.
func (g *Graph) mayShareNode(c int) bitset {
	var who bitset
	switch cl := g.classes.ref(c); {
	case cl.cell >= 0:
		if !g.nodes.address.has(c) {
			return nil
		}
		who = newBitset(g.classes.len())
		for cluster, cells := range g.nodes.cells {
			if node, ok := cells[uint32(c)]; ok { //nolint:gosec // a class number
				pods := g.unsureOf(node)
				pods.and(g.universe[cluster])
				who.or(pods)
			}
		}
	case cl.host:
		who = g.unsureOf(cl.node)
	case g.nodes.unknown.has(c):
		who = slices.Clone(g.nodes.ends[cl.cluster])
	default:
		who = slices.Clone(g.nodes.unplaced[cl.cluster])
	}
	who.and(g.meets(c))
	if who.empty() {
		return nil
	}
	return who
}

// unsureOf returns the classes of pods that may run on a node: where the node is
// not known, all; else those with a pod of which the node is not known.
func (g *Graph) unsureOf(node string) bitset {
	if node != "" {
		return slices.Clone(g.nodes.unknown)
	}
	all := slices.Clone(g.allPods)
	all.andNot(g.nodes.hosts)
	return all
}

// eachOwnNode hands over sets of classes that hold all that share a node with
// some pod of c for certain. The sets may overlap.
func (g *Graph) eachOwnNode(c int, f func(members)) {
	switch cl := g.classes.ref(c); {
	case cl.cell >= 0:
		if !g.nodes.address.has(c) {
			return
		}
		for cluster, cells := range g.nodes.cells {
			if node := cells[uint32(c)]; node != "" { //nolint:gosec // a class number
				f(g.nodes.some[nodeKey{cluster, node}])
			}
		}
	case cl.host:
		if cl.node != "" {
			f(g.nodes.some[nodeKey{cl.cluster, cl.node}])
		}
	default:
		for _, node := range g.nodes.of.at(c) {
			f(g.nodes.hostsOn[nodeKey{cl.cluster, node}])
		}
	}
}

// onNodes returns a group's answer for a pod and a node's end.
func onNodes(x *part, of, end string) span {
	switch full := x.out.may; {
	case of == "" || end == "":
		return span{x.policy.must, full}
	case of == end && x.doubted:
		return span{x.policy.must, full}
	case of == end:
		return span{full, full}
	default:
		return x.policy
	}
}

// NodesOnly reports whether every address of a block is known to be a node's. It
// is false of every block where the network leaves nothing open between a pod
// and its own node, since it then matters to no answer.
func (g *Graph) NodesOnly(block netip.Prefix) bool {
	if !block.IsValid() || g.nodes.address.empty() {
		return false
	}
	block = block.Masked()
	found := false
	for _, c := range g.addressClasses(block) {
		if !g.nodes.address.has(int(c)) {
			return false
		}
		found = true
	}
	return found
}

// nodesDoubtful reports whether what is free between a pod and its own node may
// make a verdict unknown.
func (g *Graph) nodesDoubtful() bool {
	if !g.nodes.free {
		return false
	}
	p := &g.m.Profile
	return p.ownNode(true) == Maybe || p.ownNode(false) == Maybe || !g.nodes.unknown.empty() ||
		slices.ContainsFunc(g.nodes.unplaced, func(b bitset) bool { return !b.empty() })
}

// NodeAddresses is the Object of causes that concern edges between pods and the
// addresses of their nodes alone.
const NodeAddresses = "addresses of nodes"

// addressCauses names what is not known of traffic between pods and the addresses
// of their nodes.
func (g *Graph) addressCauses() []Cause {
	if g.nodes.address.empty() {
		return nil
	}
	const rule = "what passes between a node's address and its own pods no policy stops"
	var out []Cause
	add := func(who bitset, reason string) {
		if !who.empty() {
			out = append(out, Cause{Object: NodeAddresses, Affects: g.workloadsOf(who), Reason: reason})
		}
	}
	policed := g.policedClasses()
	policed.andNot(g.nodes.hosts)
	n := g.classes.len()
	unplaced, unowned, placed := newBitset(n), newBitset(n), newBitset(n)
	for cluster, cells := range g.nodes.cells {
		if len(cells) == 0 {
			continue
		}
		pods := slices.Clone(policed)
		pods.and(g.universe[cluster])
		for _, node := range cells {
			if node == "" {
				unowned.or(pods)
				break
			}
		}
		placed.or(pods)
		pods.and(g.nodes.unknown)
		unplaced.or(pods)
	}
	add(unplaced, rule+", and on which nodes these workloads' pods run is not in the input")
	unowned.andNot(unplaced)
	add(unowned, rule+", and which node has one of the addresses is not known")
	placed.andNot(unplaced)
	for _, doubt := range []string{g.m.Profile.NodeToPodDoubt, g.m.Profile.PodToNodeDoubt} {
		if doubt != "" {
			add(placed, doubt)
		}
	}
	return out
}
