package segment

import (
	"context"
	"slices"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
)

// PolicyRef names the object that policies were translated from: one, or two
// where an object both grants and denies above every grant.
type PolicyRef struct{ Kind, Cluster, Namespace, Name string }

// Ref returns the name of the policy's object.
func (p *Policy) Ref() PolicyRef { return PolicyRef{p.Kind, p.Cluster, p.Namespace, p.Name} }

// Delta is a set of changes of a model. Indexes are those of Graph.Model, to
// which what the delta adds is appended: they never change under Apply.
type Delta struct {
	// DropEndpoints, DropPolicies and DropWorkloads name what goes; a workload's
	// endpoints and ways in go with it. A name that is not there is an error.
	DropEndpoints []ident.Ref
	DropPolicies  []PolicyRef
	DropWorkloads []ident.Ref
	// PutNamespaces, PutWorkloads, PutEndpoints and PutPolicies are added, or
	// replace those of the same name: policies replace all of the same object.
	PutNamespaces []Namespace
	PutWorkloads  []Workload
	PutEndpoints  []Endpoint
	PutPolicies   []Policy
	// Entries and Taints, if not nil, replace all of them.
	Entries *[]Entry
	Taints  *[]Taint
}

// Apply returns the graph of the changed model. It shares with g what did not
// change; g stays as it is. Changes of policies, and of pods of known workloads,
// cost what they concern, even where they bring new label keys, ports or address
// blocks; so do those of ways in, of namespaces and of taints, and new workloads
// cost a list of all. Workloads that go, clusters that nobody knew, and pods on the
// host network that tell of an address that it is their node's compile the model
// anew. So does every Apply but the first on the same graph: a line of changes is
// cheap, a tree of them is not.
func (g *Graph) Apply(ctx context.Context, d *Delta) (*Graph, error) {
	k := g.compiler
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := g.checkDelta(d); err != nil {
		return nil, err
	}
	if k.newest == g {
		n, err := g.applyShared(ctx, d)
		if n != nil || err != nil {
			return n, err
		}
	}
	m, err := g.changed(d)
	if err != nil {
		return nil, err
	}
	return build(ctx, m, g.asked, nil)
}

// Model returns the model that the graph was compiled from, with all changes.
// Workloads and namespaces keep their indexes. It must not be changed.
func (g *Graph) Model() *Model {
	m := *g.m
	if m.Profile.Enforced { // else none is compiled
		ordered := g.ordered()
		m.Policies = make([]Policy, 0, len(ordered))
		for _, c := range ordered {
			m.Policies = append(m.Policies, *c.p)
		}
	}
	m.Endpoints = slices.Clip(g.m.Endpoints)
	for i := range g.m.Endpoints {
		if g.classOf.at(i) != gone {
			continue
		}
		m.Endpoints = make([]Endpoint, i, len(g.m.Endpoints))
		copy(m.Endpoints, g.m.Endpoints)
		for j := i; j < len(g.m.Endpoints); j++ {
			if g.classOf.at(j) != gone {
				m.Endpoints = append(m.Endpoints, g.m.Endpoints[j])
			}
		}
		break
	}
	return &m
}

func (g *Graph) checkDelta(d *Delta) error {
	m := Model{Endpoints: d.PutEndpoints, Policies: d.PutPolicies}
	if d.Entries != nil {
		m.Entries = *d.Entries
	}
	return m.check(len(g.m.Workloads)+len(d.PutWorkloads), len(g.m.Namespaces)+len(d.PutNamespaces))
}

// changed returns a changed copy of the model.
func (g *Graph) changed(d *Delta) (*Model, error) {
	m := g.Model()
	m.Endpoints = slices.Clone(m.Endpoints)
	missing := func(what, name string) error {
		return ident.Errorf(ident.KindNotFound, "%s %s is not in the model", what, name)
	}
	m.Namespaces = slices.Clone(m.Namespaces)
	for _, n := range d.PutNamespaces {
		i := slices.IndexFunc(m.Namespaces, func(o Namespace) bool { return o.Cluster == n.Cluster && o.Name == n.Name })
		if i < 0 {
			m.Namespaces = append(m.Namespaces, n)
		} else {
			m.Namespaces[i] = n
		}
	}
	m.Workloads = slices.Clone(m.Workloads)
	for _, w := range d.PutWorkloads {
		i := slices.IndexFunc(m.Workloads, func(o Workload) bool { return o.Ref == w.Ref })
		if i < 0 {
			m.Workloads = append(m.Workloads, w)
		} else {
			m.Workloads[i] = w
		}
	}
	for _, r := range d.DropEndpoints {
		n := len(m.Endpoints)
		if m.Endpoints = slices.DeleteFunc(m.Endpoints, func(e Endpoint) bool { return e.Ref == r }); len(m.Endpoints) == n {
			return nil, missing("endpoint", r.String())
		}
	}
	for _, e := range d.PutEndpoints {
		m.Endpoints = slices.DeleteFunc(m.Endpoints, func(o Endpoint) bool { return o.Ref == e.Ref })
		m.Endpoints = append(m.Endpoints, e)
	}
	for _, r := range d.DropPolicies {
		n := len(m.Policies)
		if m.Policies = slices.DeleteFunc(m.Policies, func(p Policy) bool { return p.Ref() == r }); len(m.Policies) == n {
			return nil, missing(r.Kind, r.Namespace+"/"+r.Name)
		}
	}
	for i := range d.PutPolicies {
		ref := d.PutPolicies[i].Ref()
		m.Policies = slices.DeleteFunc(m.Policies, func(o Policy) bool { return o.Ref() == ref })
	}
	m.Policies = append(m.Policies, d.PutPolicies...)
	if d.Entries != nil {
		m.Entries = *d.Entries
	}
	if d.Taints != nil {
		m.Taints = *d.Taints
	}
	if len(d.DropWorkloads) > 0 {
		if err := m.dropWorkloads(d.DropWorkloads); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// dropWorkloads takes workloads out, and renumbers the rest.
func (m *Model) dropWorkloads(refs []ident.Ref) error {
	drop := make(map[ident.Ref]bool, len(refs))
	for _, r := range refs {
		drop[r] = true
	}
	index := make([]int, len(m.Workloads))
	var kept []Workload
	for i, w := range m.Workloads {
		index[i] = -1
		if !drop[w.Ref] {
			index[i] = len(kept)
			kept = append(kept, w)
		}
		delete(drop, w.Ref)
	}
	for r := range drop {
		return ident.Errorf(ident.KindNotFound, "workload %s is not in the model", r)
	}
	m.Workloads = kept
	m.Endpoints = slices.DeleteFunc(m.Endpoints, func(e Endpoint) bool { return index[e.Workload] < 0 })
	for i := range m.Endpoints {
		m.Endpoints[i].Workload = index[m.Endpoints[i].Workload]
	}
	var entries []Entry
	for _, e := range m.Entries {
		if e.Workload = index[e.Workload]; e.Workload < 0 {
			continue
		}
		var controllers []int
		for _, c := range e.Controllers {
			if index[c] >= 0 {
				controllers = append(controllers, index[c])
			}
		}
		e.Controllers = controllers
		entries = append(entries, e)
	}
	m.Entries = entries
	return nil
}

// compiler is what Build needs and queries do not. The newest graph of a line of
// Apply calls owns it, and Apply hands it on.
type compiler struct {
	mu         sync.Mutex
	newest     *Graph
	projection *projection
	atoms      *atoms
	specs      map[string]int // key of a port list → index
	signatures [numHalves]map[string]uint32
	buf        []byte

	// Made by the first Apply that needs them.
	policies  map[PolicyRef][]int
	selecting map[int][]int // atom → policies whose subject it is
	endpoints map[ident.Ref]int
	pods      [][]uint32 // workload of the model → endpoints
	freePod   int        // the next unused class of pods, and of cells
	freeCell  int
}
