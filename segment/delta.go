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

// NamespaceRef names a namespace.
type NamespaceRef struct{ Cluster, Name string }

// Delta is a set of changes of a model. Indexes are those of Graph.Model of the
// graph that it is applied to, to which what the delta adds is appended; what goes
// leaves the model that the next delta speaks of, and what stood behind it moves up.
type Delta struct {
	// DropEndpoints and DropPolicies name what goes. DropWorkloads go with their
	// endpoints and ways in, and DropNamespaces with their endpoints, policies and
	// the workloads whose references are in them. A name that is not there is an
	// error, and so is one that the delta also puts, or puts something into.
	DropEndpoints  []ident.Ref
	DropPolicies   []PolicyRef
	DropWorkloads  []ident.Ref
	DropNamespaces []NamespaceRef
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
// blocks; so do those of ways in, of namespaces and of taints, and workloads that
// come or go cost a list of all beside. Clusters that nobody knew, pods that go where
// rules compare pod addresses, and pods on the host network that tell of an address
// that it is their node's compile the model anew. So does every Apply but the first
// on the same graph: a line of changes is cheap, a tree of them is not. And so does,
// now and then, a long line, because what goes leaves room that is not used again.
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

// Model returns the model that the graph was compiled from, with all changes. It
// must not be changed.
func (g *Graph) Model() *Model {
	m := *g.m
	m.Workloads, m.Namespaces = left(g.m.Workloads, g.goneWorkloads), left(g.m.Namespaces, g.goneNamespaces)
	if len(g.goneWorkloads) > 0 && len(m.Entries) > 0 {
		m.Entries = leadTo(m.Entries, g.goneWorkloads.position)
	}
	if m.Profile.Enforced { // else none is compiled
		ordered := g.ordered()
		m.Policies = make([]Policy, 0, len(ordered))
		for _, c := range ordered {
			m.Policies = append(m.Policies, *c.p)
		}
	}
	m.Endpoints = slices.Clip(g.m.Endpoints)
	holes := len(g.goneWorkloads)+len(g.goneNamespaces) > 0
	for i := 0; i < len(g.m.Endpoints) && !holes; i++ {
		holes = g.classOf.at(i) == gone
	}
	if holes {
		m.Endpoints = g.remaining()
	}
	return &m
}

// remaining returns the endpoints that are left, which name what is left.
func (g *Graph) remaining() []Endpoint {
	out := make([]Endpoint, 0, len(g.m.Endpoints))
	for i := range g.m.Endpoints {
		if g.classOf.at(i) != gone {
			e := g.m.Endpoints[i]
			e.Workload, e.Namespace = g.goneWorkloads.position(e.Workload), g.goneNamespaces.position(e.Namespace)
			out = append(out, e)
		}
	}
	return out
}

// left returns what is not gone.
func left[T any](all []T, h holes) []T {
	if len(h) == 0 {
		return slices.Clip(all) // behind it the next graph's begin
	}
	out := make([]T, 0, len(all)-len(h))
	from := 0
	for _, n := range h {
		out, from = append(out, all[from:n]...), n+1
	}
	return append(out, all[from:]...)
}

func (g *Graph) checkDelta(d *Delta) error {
	m := Model{Endpoints: d.PutEndpoints, Policies: d.PutPolicies}
	if d.Entries != nil {
		m.Entries = *d.Entries
	}
	workloads, namespaces := g.workloads.inside(), len(g.m.Namespaces)-len(g.goneNamespaces)
	if err := m.check(workloads+len(d.PutWorkloads), namespaces+len(d.PutNamespaces)); err != nil {
		return err
	}
	return g.checkDrops(d)
}

// changed returns a changed copy of the model.
func (g *Graph) changed(d *Delta) (*Model, error) {
	m := g.Model()
	m.Endpoints = slices.Clone(m.Endpoints)
	m.Policies = slices.Clone(m.Policies)
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
			return nil, notThere("endpoint", r.String())
		}
	}
	for _, e := range d.PutEndpoints {
		m.Endpoints = slices.DeleteFunc(m.Endpoints, func(o Endpoint) bool { return o.Ref == e.Ref })
		m.Endpoints = append(m.Endpoints, e)
	}
	for _, r := range d.DropPolicies {
		n := len(m.Policies)
		if m.Policies = slices.DeleteFunc(m.Policies, func(p Policy) bool { return p.Ref() == r }); len(m.Policies) == n {
			return nil, notThere(r.Kind, r.Namespace+"/"+r.Name)
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
	if len(d.DropWorkloads)+len(d.DropNamespaces) > 0 {
		if err := m.leave(d); err != nil {
			return nil, err
		}
	}
	return m, nil
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
	policies   map[PolicyRef][]int
	policiesIn map[NamespaceRef][]PolicyRef
	selecting  map[int][]int // atom → policies whose subject it is
	endpoints  map[ident.Ref]int
	pods       [][]uint32 // workload of the model → endpoints
	freePod    int        // the next unused class of pods, and of cells
	freeCell   int
	worn       int // what changes put so far
}
