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
	refs    []ident.Ref   // of inside ends
	classes vec[[]uint32] // end → its classes
	ends    vec[[]uint32] // class → ends
	inside  int           // ends before the external ones
	// endpoint is the endpoint of an inside end, by pod only.
	endpoint []int
}

// frame prepares what queries iterate over.
func (g *Graph) frame() error {
	n := g.classes.len()
	g.universe = make([]bitset, len(g.clusters))
	g.allPods = newBitset(n)
	for i := range g.universe {
		g.universe[i] = newBitset(n)
		for c := range g.classes.len() {
			if g.classes.ref(c).cell >= 0 || g.classes.ref(c).cluster == i {
				g.universe[i].add(c)
			}
		}
	}
	for c := range g.pods {
		if g.classes.ref(c).size > 0 {
			g.allPods.add(c)
		}
	}
	if err := g.frameWorkloads(); err != nil {
		return err
	}
	g.byPod, g.byAddress = &podGrain{}, &addressTable{}
	g.frameNodes()
	g.frameEntries()
	return nil
}

func (g *Graph) frameWorkloads() error {
	n := g.classes.len()
	order := make([]int, len(g.m.Workloads))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return g.m.Workloads[a].Ref.Compare(g.m.Workloads[b].Ref) })
	w := grain{inside: len(order), refs: make([]ident.Ref, len(order))}
	classes, ends := make([][]uint32, len(order), len(order)+n-g.pods), make([][]uint32, n)
	rank := make([]int, len(order))
	for i, x := range order {
		rank[x] = i
		w.refs[i] = g.m.Workloads[x].Ref
		if i > 0 && w.refs[i] == w.refs[i-1] {
			return ident.Errorf(ident.KindInvalid, "workload %s is in the model twice", w.refs[i])
		}
	}
	g.byRef = tableOf(w.refs)
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
		if c := g.classOf.at(i); c != gone && !slices.Contains(classes[end], c) {
			classes[end] = push(classes[end], c)
			ends[c] = push(ends[c], uint32(end)) //nolint:gosec // an index
		}
	}
	for c := g.pods; c < n; c++ {
		ends[c] = one(uint32(len(classes)))       //nolint:gosec // an index
		classes = append(classes, one(uint32(c))) //nolint:gosec // an index
	}
	w.classes, w.ends = vecOf(classes), vecOf(ends)
	g.workloads = w
	return nil
}

// podGrain is the grain of single pods, made when it is first asked for.
type podGrain struct {
	once  sync.Once
	grain grain
	byRef refTable
}

func (g *Graph) pod() *podGrain {
	g.byPod.once.Do(func() {
		n := g.classes.len()
		eps := make([]int, 0, len(g.m.Endpoints))
		for i := range g.m.Endpoints {
			if g.classOf.at(i) != gone {
				eps = append(eps, i)
			}
		}
		slices.SortStableFunc(eps, func(a, b int) int { return g.m.Endpoints[a].Ref.Compare(g.m.Endpoints[b].Ref) })
		p := grain{inside: len(eps), endpoint: eps, refs: make([]ident.Ref, len(eps))}
		classes, ends := make([][]uint32, len(eps), len(eps)+n-g.pods), make([][]uint32, n)
		for i, x := range eps {
			p.refs[i] = g.m.Endpoints[x].Ref
			c := g.classOf.at(x)
			classes[i] = []uint32{c}
			ends[c] = append(ends[c], uint32(i)) //nolint:gosec // an index
		}
		for c := g.pods; c < n; c++ {
			ends[c] = []uint32{uint32(len(classes))}       //nolint:gosec // an index
			classes = append(classes, []uint32{uint32(c)}) //nolint:gosec // an index
		}
		p.classes, p.ends = vecOf(classes), vecOf(ends)
		g.byPod.grain, g.byPod.byRef = p, tableOf(p.refs)
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

// Externals returns the blocks that the policies cut external addresses into:
// disjoint, and together 0.0.0.0/0 and ::/0.
func (g *Graph) Externals() []netip.Prefix {
	var out []netip.Prefix
	for c := g.pods; c < g.classes.len(); c++ {
		if cell := g.classes.ref(c).cell; cell >= 0 {
			out = append(out, g.v.addresses.cells[cell].parts...)
		}
	}
	slices.SortFunc(out, comparePrefix)
	return out
}
