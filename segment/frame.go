package segment

import (
	"net/netip"
	"slices"
	"sync"

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
func (g *Graph) frame() error {
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
	if err := g.frameWorkloads(); err != nil {
		return err
	}
	g.byPod = &podGrain{}
	g.frameNodes()
	g.frameEntries()
	return nil
}

func (g *Graph) frameWorkloads() error {
	n := len(g.classes)
	order := make([]int, len(g.m.Workloads))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return g.m.Workloads[a].Ref.Compare(g.m.Workloads[b].Ref) })
	w := grain{classes: make([][]uint32, len(order), len(order)+n-g.pods), ends: make([][]uint32, n), inside: len(order), refs: make([]ident.Ref, len(order))}
	rank := make([]int, len(order))
	g.byRef = make(map[ident.Ref]int, len(order))
	for i, x := range order {
		rank[x] = i
		w.refs[i] = g.m.Workloads[x].Ref
		g.byRef[w.refs[i]] = i
		if i > 0 && w.refs[i] == w.refs[i-1] {
			return ident.Errorf(ident.KindInvalid, "workload %s is in the model twice", w.refs[i])
		}
	}
	cells := make([]uint32, n+len(order)) // most lists have one element
	one := func(x uint32) []uint32 {
		if len(cells) == 0 {
			cells = make([]uint32, n)
		}
		cells[0] = x
		l := cells[:1:1]
		cells = cells[1:]
		return l
	}
	push := func(l []uint32, x uint32) []uint32 {
		if len(l) == 0 {
			return one(x)
		}
		return append(l, x)
	}
	for i := range g.m.Endpoints {
		end := rank[g.m.Endpoints[i].Workload]
		if c := g.classOf[i]; !slices.Contains(w.classes[end], c) {
			w.classes[end] = push(w.classes[end], c)
			w.ends[c] = push(w.ends[c], uint32(end)) //nolint:gosec // an index
		}
	}
	for c := g.pods; c < n; c++ {
		w.ends[c] = one(uint32(len(w.classes)))       //nolint:gosec // an index
		w.classes = append(w.classes, one(uint32(c))) //nolint:gosec // an index
	}
	g.workloads = w
	return nil
}

// podGrain is the grain of single pods, made when it is first asked for.
type podGrain struct {
	once  sync.Once
	grain grain
	byRef map[ident.Ref]int
}

func (g *Graph) pod() *podGrain {
	g.byPod.once.Do(func() {
		n := len(g.classes)
		eps := make([]int, len(g.m.Endpoints))
		for i := range eps {
			eps[i] = i
		}
		slices.SortStableFunc(eps, func(a, b int) int { return g.m.Endpoints[a].Ref.Compare(g.m.Endpoints[b].Ref) })
		p := grain{classes: make([][]uint32, len(eps)), ends: make([][]uint32, n), inside: len(eps), endpoint: eps, refs: make([]ident.Ref, len(eps))}
		byRef := make(map[ident.Ref]int, len(eps))
		for i, x := range eps {
			p.refs[i] = g.m.Endpoints[x].Ref
			byRef[p.refs[i]] = i
			p.classes[i] = g.classOf[x : x+1 : x+1]
			p.ends[g.classOf[x]] = append(p.ends[g.classOf[x]], uint32(i)) //nolint:gosec // an index
		}
		for c := g.pods; c < n; c++ {
			p.ends[c] = []uint32{uint32(len(p.classes))}       //nolint:gosec // an index
			p.classes = append(p.classes, []uint32{uint32(c)}) //nolint:gosec // an index
		}
		g.byPod.grain, g.byPod.byRef = p, byRef
	})
	return g.byPod
}

// grain returns the ends of edges at a grain.
func (g *Graph) grain(by By) *grain {
	if by == ByPod {
		return &g.pod().grain
	}
	return &g.workloads
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
		for i := range g.m.Endpoints {
			c := int(g.classOf[i])
			if g.classes[c].host {
				continue
			}
			if node := g.m.Endpoints[i].Node; node != "" {
				nc.of[c] = append(nc.of[c], node)
			} else {
				nc.unknown.add(c)
			}
		}
		for c := range g.pods {
			slices.Sort(nc.of[c])
			nc.of[c] = slices.Compact(nc.of[c])
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
