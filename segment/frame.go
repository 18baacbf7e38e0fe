package segment

import (
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// grain is a list of the ends of edges: workloads or pods, sorted by reference,
// then external cells.
type grain struct {
	refs    []ident.Ref // of inside ends
	classes [][]uint32  // end → its classes
	ends    [][]uint32  // class → ends
	inside  int         // ends before the external ones
	// endpoint is the endpoint of an inside end, by pod only.
	endpoint []int
}

// nodeClasses says which classes run on which node, for the rule that a pod and
// its own node are never cut off from each other.
type nodeClasses struct {
	hosts     bitset // classes on the host network
	hostsOn   map[nodeKey]bitset
	hostsAny  bitset             // hosts whose node is unknown
	some, all map[nodeKey]bitset // other classes with some, with all pods on the node
	unknown   bitset             // other classes with a pod whose node is unknown
	of        [][]string         // other class → nodes of its pods
}

type nodeKey struct {
	cluster int
	node    string
}

// frame prepares what queries iterate over.
func (g *Graph) frame() {
	n := len(g.classes)
	g.universe = make([]bitset, len(g.clusters))
	g.allPods = newBitset(n)
	for i := range g.universe {
		g.universe[i] = newBitset(n)
		for c := range g.classes {
			if g.classes[c].cell >= 0 || g.classes[c].cluster == i {
				g.universe[i].add(c)
			}
		}
	}
	for c := range g.pods {
		g.allPods.add(c)
	}
	g.frameEnds()
	g.frameNodes()
	g.frameEntries()
}

func (g *Graph) frameEnds() {
	n := len(g.classes)
	order := make([]int, len(g.m.Workloads))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return g.m.Workloads[a].Ref.Compare(g.m.Workloads[b].Ref) })
	w := grain{classes: make([][]uint32, len(order)), ends: make([][]uint32, n), inside: len(order)}
	rank := make([]int, len(order))
	g.byRef = make(map[ident.Ref]int, len(order))
	for i, x := range order {
		rank[x] = i
		w.refs = append(w.refs, g.m.Workloads[x].Ref)
		g.byRef[g.m.Workloads[x].Ref] = i
	}
	eps := make([]int, len(g.m.Endpoints))
	for i := range eps {
		eps[i] = i
		end := rank[g.m.Endpoints[i].Workload]
		if c := g.classOf[i]; !slices.Contains(w.classes[end], c) {
			w.classes[end] = append(w.classes[end], c)
			w.ends[c] = append(w.ends[c], uint32(end)) //nolint:gosec // an index
		}
	}
	slices.SortStableFunc(eps, func(a, b int) int { return g.m.Endpoints[a].Ref.Compare(g.m.Endpoints[b].Ref) })
	p := grain{classes: make([][]uint32, len(eps)), ends: make([][]uint32, n), inside: len(eps), endpoint: eps}
	g.podByRef = make(map[ident.Ref]int, len(eps))
	for i, x := range eps {
		p.refs = append(p.refs, g.m.Endpoints[x].Ref)
		g.podByRef[g.m.Endpoints[x].Ref] = i
		c := g.classOf[x]
		p.classes[i] = []uint32{c}
		p.ends[c] = append(p.ends[c], uint32(i)) //nolint:gosec // an index
	}
	for _, gr := range []*grain{&w, &p} {
		for c := g.pods; c < n; c++ {
			gr.ends[c] = []uint32{uint32(len(gr.classes))}       //nolint:gosec // an index
			gr.classes = append(gr.classes, []uint32{uint32(c)}) //nolint:gosec // an index
		}
	}
	g.grains = [2]grain{ByWorkload: w, ByPod: p}
}

func (g *Graph) frameNodes() {
	n := len(g.classes)
	nc := nodeClasses{hosts: newBitset(n), hostsOn: map[nodeKey]bitset{}, hostsAny: newBitset(n), some: map[nodeKey]bitset{},
		all: map[nodeKey]bitset{}, unknown: newBitset(n), of: make([][]string, n)}
	put := func(m map[nodeKey]bitset, k nodeKey, c int) {
		if m[k] == nil {
			m[k] = newBitset(n)
		}
		m[k].add(c)
	}
	for c := range g.pods {
		cl := &g.classes[c]
		if cl.host {
			nc.hosts.add(c)
			if cl.node == "" {
				nc.hostsAny.add(c)
			} else {
				put(nc.hostsOn, nodeKey{cl.cluster, cl.node}, c)
			}
		}
	}
	if !nc.hosts.empty() {
		for c := range g.pods {
			if g.classes[c].host {
				continue
			}
			var names []string
			for _, e := range g.classes[c].endpoints {
				if node := g.m.Endpoints[e].Node; node != "" {
					names = append(names, node)
				} else {
					nc.unknown.add(c)
				}
			}
			slices.Sort(names)
			nc.of[c] = slices.Compact(names)
			for _, node := range nc.of[c] {
				k := nodeKey{g.classes[c].cluster, node}
				put(nc.some, k, c)
				if len(nc.of[c]) == 1 && !nc.unknown.has(c) {
					put(nc.all, k, c)
				}
			}
		}
	}
	g.nodes = nc
}

// freesOwnNode reports whether the rule about a pod's own node applies to any pair.
func (g *Graph) freesOwnNode() bool {
	return g.m.Profile.Enforced && g.m.Profile.OwnNodeFree && !g.nodes.hosts.empty()
}

// Externals returns the blocks that the policies cut external addresses into:
// disjoint, and together 0.0.0.0/0 and ::/0.
func (g *Graph) Externals() []netip.Prefix {
	var out []netip.Prefix
	for c := g.pods; c < len(g.classes); c++ {
		out = append(out, g.v.addresses.cells[g.classes[c].cell].parts...)
	}
	slices.SortFunc(out, comparePrefix)
	return out
}

// onNodes returns a group's answer for two endpoints.
func (g *Graph) onNodes(x *part, a, b int) span {
	m, n := g.m.Endpoints[a].Node, g.m.Endpoints[b].Node
	switch full := x.out.may; {
	case m == "" || n == "":
		return span{x.policy.must, full}
	case m == n:
		return span{full, full}
	default:
		return x.policy
	}
}
