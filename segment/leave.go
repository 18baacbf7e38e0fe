package segment

import (
	"cmp"
	"slices"
	"sort"

	"github.com/cofferdam-io/cofferdam/ident"
)

// holes are the numbers, sorted, of what is not there any more: what is left keeps
// its own. In a Model there are none, so numbers are counted over.
type holes []int

// number returns the number of what stands at a position of the model.
func (h holes) number(position int) int {
	return position + sort.Search(len(h), func(k int) bool { return h[k]-k > position })
}

// position is the way back.
func (h holes) position(number int) int {
	before, _ := slices.BinarySearch(h, number)
	return number - before
}

func (h holes) with(numbers []int) holes {
	out := slices.Concat(h, numbers)
	slices.Sort(out)
	return out
}

// numbered returns a delta with numbers for the positions that it names.
func (g *Graph) numbered(d *Delta) *Delta {
	if len(g.goneWorkloads)+len(g.goneNamespaces) == 0 {
		return d
	}
	n := *d
	n.PutEndpoints = slices.Clone(d.PutEndpoints)
	for i := range n.PutEndpoints {
		e := &n.PutEndpoints[i]
		e.Workload, e.Namespace = g.goneWorkloads.number(e.Workload), g.goneNamespaces.number(e.Namespace)
	}
	if d.Entries != nil {
		entries := leadTo(*d.Entries, g.goneWorkloads.number)
		n.Entries = &entries
	}
	return &n
}

// leadTo returns ways in to other numbers of workloads; what has none (below 0)
// is left out.
func leadTo(entries []Entry, number func(int) int) []Entry {
	out := make([]Entry, 0, len(entries))
	for _, e := range entries {
		if e.Workload = number(e.Workload); e.Workload < 0 {
			continue
		}
		controllers := e.Controllers
		e.Controllers = nil
		for _, c := range controllers {
			if n := number(c); n >= 0 {
				e.Controllers = append(e.Controllers, n)
			}
		}
		out = append(out, e)
	}
	return out
}

// leaving is what a delta takes out beside single pods and policies.
type leaving struct {
	workloads  []uint32
	namespaces []int
	strays     []int // endpoints in a namespace that goes, of a workload that stays
}

// leaves finds what goes. It reports false where pods are among it that compile
// the model anew.
func (g *Graph) leaves(d *Delta) (l leaving, ok bool, err error) {
	if len(d.DropWorkloads)+len(d.DropNamespaces) == 0 {
		return l, true, nil
	}
	k := g.compiler
	for _, r := range d.DropWorkloads {
		end := g.workloads.find(&r)
		if end < 0 {
			return l, false, notThere("workload", r.String())
		}
		l.workloads = append(l.workloads, g.workloads.order[end])
	}
	for _, r := range d.DropNamespaces {
		i, ok := k.atoms.nsIndex[[2]string{r.Cluster, r.Name}]
		if !ok {
			return l, false, notThere("namespace", r.Name)
		}
		l.namespaces = append(l.namespaces, i)
		l.workloads = append(l.workloads, g.workloads.in(r)...)
	}
	slices.Sort(l.workloads)
	l.workloads = slices.Compact(l.workloads)
	slices.Sort(l.namespaces)
	l.namespaces = slices.Compact(l.namespaces)
	for _, ns := range l.namespaces {
		for _, list := range [][]uint32{k.atoms.byNS[ns], k.atoms.hosts} {
			for _, class := range list {
				l.strays = g.appendStrays(l.strays, int(class), ns, l.workloads)
			}
		}
	}
	pods := slices.Clone(l.strays)
	for _, w := range l.workloads {
		for _, i := range k.pods[w] {
			pods = append(pods, int(i))
		}
	}
	return l, !slices.ContainsFunc(pods, func(i int) bool { return !g.sharesDrop(&g.m.Endpoints[i]) }), nil
}

// appendStrays appends the endpoints of a class that are in a namespace, of
// workloads that are not among some.
func (g *Graph) appendStrays(out []int, class, ns int, but []uint32) []int {
	if cl := g.classes.ref(class); cl.ns != ns || cl.size == 0 {
		return out
	}
	for _, w := range g.workloads.members.at(class) {
		if _, goes := slices.BinarySearch(but, w); goes {
			continue
		}
		for _, i := range g.compiler.pods[w] {
			if int(g.classOf.at(int(i))) == class {
				out = append(out, int(i))
			}
		}
	}
	return out
}

// in returns the members whose references are in a namespace.
func (gr *grain) in(r NamespaceRef) []uint32 {
	compare := func(m uint32, r NamespaceRef) int {
		ref := gr.member(m)
		return cmp.Or(cmp.Compare(ref.Cluster, r.Cluster), cmp.Compare(ref.Namespace, r.Name))
	}
	from, _ := slices.BinarySearchFunc(gr.order, r, compare)
	to := from
	for to < len(gr.order) && compare(gr.order[to], r) == 0 {
		to++
	}
	return gr.order[from:to]
}

// leave takes out what goes, with all that belongs to it.
func (c *change) leave(l *leaving) {
	g, k := c.g, c.k
	for _, w := range l.workloads {
		c.dropEndpoints(int(w), slices.Clone(k.pods[w]))
	}
	for _, i := range l.strays {
		if g.classOf.at(i) != gone { // else it was put elsewhere
			c.dropEndpoint(i)
		}
	}
	for _, i := range l.namespaces {
		n := &g.m.Namespaces[i]
		for _, r := range slices.Clone(k.policiesIn[NamespaceRef{n.Cluster, n.Name}]) {
			for _, p := range slices.Clone(k.policies[r]) {
				c.dropPolicy(p)
			}
		}
		// One of the same name that comes is another; selectors that mean it find it by its name.
		delete(k.atoms.nsIndex, [2]string{n.Cluster, n.Name})
		k.atoms.elsewhere = append(k.atoms.elsewhere, k.atoms.inNS[i]...)
		delete(k.atoms.inNS, i)
	}
	g.goneNamespaces = g.goneNamespaces.with(l.namespaces)
	if len(l.workloads) == 0 {
		return
	}
	numbers := make([]int, len(l.workloads))
	for i, w := range l.workloads {
		numbers[i] = int(w)
	}
	g.goneWorkloads = g.goneWorkloads.with(numbers)
	g.workloads.strike(l.workloads)
	goes := func(w int) bool { return g.workloads.rank[w] == gone }
	if slices.ContainsFunc(g.m.Entries, func(e Entry) bool { return goes(e.Workload) || slices.ContainsFunc(e.Controllers, goes) }) {
		g.m.Entries = leadTo(g.m.Entries, func(w int) int {
			if goes(w) {
				return -1
			}
			return w
		})
		g.frameEntries()
	}
}

// leave takes out of a model what a delta takes out beside single pods and
// policies, and counts the rest anew.
func (m *Model) leave(d *Delta) error {
	namespaces := make(map[NamespaceRef]bool, len(d.DropNamespaces))
	for _, r := range d.DropNamespaces {
		namespaces[r] = true
	}
	workloads := make(map[ident.Ref]bool, len(d.DropWorkloads))
	for _, r := range d.DropWorkloads {
		workloads[r] = true
	}
	there := make(map[NamespaceRef]bool, len(namespaces))
	var goneWorkloads, goneNamespaces holes
	for i, n := range m.Namespaces {
		if r := (NamespaceRef{n.Cluster, n.Name}); namespaces[r] {
			there[r] = true
			goneNamespaces = append(goneNamespaces, i)
		}
	}
	for _, r := range d.DropNamespaces {
		if !there[r] {
			return notThere("namespace", r.Name)
		}
	}
	goes := make([]bool, len(m.Workloads))
	for i, w := range m.Workloads {
		if goes[i] = workloads[w.Ref] || namespaces[NamespaceRef{w.Ref.Cluster, w.Ref.Namespace}]; goes[i] {
			goneWorkloads = append(goneWorkloads, i)
		}
		delete(workloads, w.Ref)
	}
	for _, r := range d.DropWorkloads {
		if workloads[r] {
			return notThere("workload", r.String())
		}
	}
	endpoints := m.Endpoints
	m.Endpoints = nil
	for _, e := range endpoints {
		if n := m.Namespaces[e.Namespace]; !goes[e.Workload] && !namespaces[NamespaceRef{n.Cluster, n.Name}] {
			e.Workload, e.Namespace = goneWorkloads.position(e.Workload), goneNamespaces.position(e.Namespace)
			m.Endpoints = append(m.Endpoints, e)
		}
	}
	m.Workloads, m.Namespaces = left(m.Workloads, goneWorkloads), left(m.Namespaces, goneNamespaces)
	m.Policies = slices.DeleteFunc(m.Policies, func(p Policy) bool { return namespaces[NamespaceRef{p.Cluster, p.Namespace}] })
	m.Entries = leadTo(m.Entries, func(w int) int {
		if goes[w] {
			return -1
		}
		return goneWorkloads.position(w)
	})
	return nil
}

// checkDrops says whether a delta takes out what it puts, or puts something into.
func (g *Graph) checkDrops(d *Delta) error {
	if len(d.DropWorkloads)+len(d.DropNamespaces) == 0 {
		return nil
	}
	namespaces := make(map[NamespaceRef]bool, len(d.DropNamespaces))
	for _, r := range d.DropNamespaces {
		namespaces[r] = true
	}
	workloads := make(map[ident.Ref]bool, len(d.DropWorkloads))
	for _, r := range d.DropWorkloads {
		workloads[r] = true
	}
	goes := func(r *ident.Ref) bool { return workloads[*r] || namespaces[NamespaceRef{r.Cluster, r.Namespace}] }
	refuse := func(what string) error {
		return ident.Errorf(ident.KindInvalid, "%s comes in a change in which what it belongs to goes", what).
			WithHint("put what is to stay in a change after the one that takes the old one out")
	}
	for i := range d.PutNamespaces {
		if n := &d.PutNamespaces[i]; namespaces[NamespaceRef{n.Cluster, n.Name}] {
			return refuse("namespace " + n.Name)
		}
	}
	fresh := make([]ident.Ref, 0, len(d.PutWorkloads))
	for i := range d.PutWorkloads {
		r := &d.PutWorkloads[i].Ref
		if goes(r) {
			return refuse("workload " + r.String())
		}
		if g.workloads.find(r) < 0 && !slices.Contains(fresh, *r) {
			fresh = append(fresh, *r)
		}
	}
	for i := range d.PutPolicies {
		if p := &d.PutPolicies[i]; namespaces[NamespaceRef{p.Cluster, p.Namespace}] {
			return refuse(p.Object())
		}
	}
	for i := range d.PutEndpoints {
		e := &d.PutEndpoints[i]
		w := &ident.Ref{}
		if at := e.Workload - g.workloads.inside(); at < 0 {
			w = &g.m.Workloads[g.goneWorkloads.number(e.Workload)].Ref
		} else if at < len(fresh) {
			w = &fresh[at]
		}
		in := NamespaceRef{}
		if n := g.goneNamespaces.number(e.Namespace); n < len(g.m.Namespaces) {
			in = NamespaceRef{g.m.Namespaces[n].Cluster, g.m.Namespaces[n].Name}
		}
		if goes(w) || namespaces[in] {
			return refuse("endpoint " + e.Ref.String())
		}
	}
	return nil
}

func notThere(what, name string) error {
	return ident.Errorf(ident.KindNotFound, "%s %s is not in the model", what, name)
}
