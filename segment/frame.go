package segment

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
)

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
	order := make([]uint32, len(g.m.Workloads))
	for i := range order {
		order[i] = uint32(i) //nolint:gosec // Build limits the number
	}
	gr := g.newGrain(g.m.Workloads, nil, order)
	for end := 1; end < len(order); end++ {
		if *gr.ref(end) == *gr.ref(end - 1) {
			return ident.Errorf(ident.KindInvalid, "workload %s is in the model twice", gr.ref(end))
		}
	}
	classes, members := make([][]uint32, len(order)), make([][]uint32, g.pods)
	cells := make([]uint32, g.pods+len(order)) // most lists have one element
	push := func(l []uint32, x uint32) []uint32 {
		if len(l) > 0 {
			return append(l, x)
		}
		if len(cells) == 0 {
			cells = make([]uint32, g.pods)
		}
		cells[0] = x
		l, cells = cells[:1:1], cells[1:]
		return l
	}
	for i := range g.m.Endpoints {
		w := g.m.Endpoints[i].Workload
		if c := g.classOf.at(i); c != gone && !slices.Contains(classes[w], c) {
			classes[w] = push(classes[w], c)
			members[c] = push(members[c], uint32(w)) //nolint:gosec // Build limits the number
		}
	}
	gr.classes, gr.members = listsOf(classes), listsOf(members)
	g.workloads = gr
	return nil
}

// podGrain is the grain of single pods, made when it is first asked for.
type podGrain struct {
	once  sync.Once
	grain grain
}

func (g *Graph) pod() *grain {
	g.byPod.once.Do(func() {
		order := make([]uint32, 0, len(g.m.Endpoints))
		classes, members := make([][]uint32, len(g.m.Endpoints)), make([][]uint32, g.pods)
		of := make([]uint32, len(g.m.Endpoints))
		for i := range of {
			c, m := g.classOf.at(i), uint32(i) //nolint:gosec // Build limits the number
			if c == gone {
				continue
			}
			order = append(order, m)
			of[i] = c
			classes[i], members[c] = of[i:i+1:i+1], append(members[c], m)
		}
		gr := g.newGrain(nil, g.m.Endpoints, order)
		gr.classes, gr.members = listsOf(classes), listsOf(members)
		g.byPod.grain = gr
	})
	return &g.byPod.grain
}

// grain returns the ends of edges at a grain.
func (g *Graph) grain(by By) *grain {
	if by == ByPod {
		return g.pod()
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
