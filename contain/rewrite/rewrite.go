package rewrite

import (
	"context"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Edge is what is to be cut: all connections that workload Src opens to workload
// Dst, but those in Keep. Src may be ident.Internet, for all addresses of the public
// internet, at Ingress and with nothing in Keep; other addresses outside stay as they are.
type Edge struct {
	Src, Dst ident.Ref
	// At is whose policies change: those of Dst, for Ingress, or those of Src.
	At segment.Gress
	// Keep are connections, by ports of Dst's pods, that stay as they are.
	Keep []segment.Conn
}

// subject returns the end whose policies change, and the other.
func (e *Edge) ends() (subject, peer ident.Ref) {
	if e.At == segment.Ingress {
		return e.Dst, e.Src
	}
	return e.Src, e.Dst
}

// Change is one NetworkPolicy before and after.
type Change struct {
	Cluster string
	Old     *networkingv1.NetworkPolicy // nil: New is an object of its own
	New     *networkingv1.NetworkPolicy
	// Policy and Source are of the object that changes, or that a new one is a part of.
	Policy *estate.Policy
	Source estate.Source
	Why    string
	Edges  []int // positions in what was asked for, ascending: edges, then hardenings
	// NewPods says what the selectors that changed mean for pods that do not exist yet.
	NewPods []string
}

// Outcome says what came of one edge.
type Outcome struct {
	Edge Edge
	// Cut is true where the policies, with the changes, admit nothing but Keep on that side.
	Cut bool
	// NotIsolated is true where no policy isolates all pods of the end in that
	// direction: then nothing that allows can be taken away, and only a default deny
	// (DefaultDeny) cuts.
	NotIsolated bool
	// Reason says why the edge was left alone; "" where Cut.
	Reason string
	// Also are neighbours that labels cannot separate from what would be excluded,
	// and Quarantine is the label that would ("key=value").
	Also       []ident.Ref
	Quarantine string
}

// Result is what to change, sorted by cluster, namespace and name, with every
// object before the new ones that are parts of it.
type Result struct {
	Changes  []Change
	Outcomes []Outcome  // in the order of the edges
	Hardened []Hardened // in the order of the hardenings
}

// Rewriter answers for one estate. It may be used by many at once.
type Rewriter struct {
	set      *manifest.Set
	picker   *pick.Picker
	m        *segment.Model
	index    map[ident.Ref]int // workload → position in the model
	pods     [][]int           // workload → endpoints
	members  [][]int           // namespace → endpoints
	policies []*policy
	among    [][]*policy        // by namespace of the model
	names    map[[3]string]bool // cluster, namespace, name of NetworkPolicies
}

// policy is a NetworkPolicy that has effect.
type policy struct {
	typed manifest.Typed[networkingv1.NetworkPolicy]
	read  *segment.Policy
	ns    int // its namespace in the model; -1 if no object lies there
}

// New indexes an estate: the set, the model that segment/k8s made of it, and a
// Picker of that model.
func New(set *manifest.Set, m *segment.Model, picker *pick.Picker) *Rewriter {
	r := &Rewriter{set: set, picker: picker, m: m, index: make(map[ident.Ref]int, len(m.Workloads)), pods: make([][]int, len(m.Workloads)),
		members: make([][]int, len(m.Namespaces)), names: make(map[[3]string]bool, len(set.NetworkPolicies))}
	for i := range m.Workloads {
		r.index[m.Workloads[i].Ref] = i
	}
	for i := range m.Endpoints {
		e := &m.Endpoints[i]
		r.pods[e.Workload] = append(r.pods[e.Workload], i)
		r.members[e.Namespace] = append(r.members[e.Namespace], i)
	}
	read := make(map[[3]string]*segment.Policy, len(m.Policies))
	for i := range m.Policies {
		if p := &m.Policies[i]; p.Kind == kind {
			read[[3]string{p.Cluster, p.Namespace, p.Name}] = p
		}
	}
	for _, t := range set.NetworkPolicies {
		key := [3]string{t.Policy.Cluster, t.Object.Namespace, t.Object.Name}
		r.names[key] = true
		if p := read[key]; p != nil {
			r.policies = append(r.policies, &policy{typed: t, read: p})
		}
	}
	slices.SortFunc(r.policies, func(a, b *policy) int { return comparePolicies(a.read, b.read) })
	spaces := make(map[[2]string]int, len(m.Namespaces))
	for i := range m.Namespaces {
		spaces[[2]string{m.Namespaces[i].Cluster, m.Namespaces[i].Name}] = i
	}
	r.among = make([][]*policy, len(m.Namespaces))
	for _, p := range r.policies {
		if ns, ok := spaces[[2]string{p.read.Cluster, p.read.Namespace}]; ok {
			p.ns = ns
			r.among[ns] = append(r.among[ns], p)
		} else {
			p.ns = -1
		}
	}
	return r
}

const kind = "NetworkPolicy"

// Cut rewrites policies until they admit none of the edges. An edge that cannot be
// cut exactly is left alone, wholly, and its Outcome says why. An error means that
// ctx ended, or that the edges contradict each other.
func (r *Rewriter) Cut(ctx context.Context, edges []Edge) (*Result, error) {
	return r.Harden(ctx, edges, nil)
}

// Harden is Cut, and reduces whole workloads beside the edges, none of which may be
// asked for on a side that is reduced.
func (r *Rewriter) Harden(ctx context.Context, edges []Edge, hard []Hardening) (*Result, error) {
	res := &Result{Outcomes: make([]Outcome, len(edges)+len(hard))}
	seen := make(map[[2]ident.Ref][2]bool, len(edges))
	work := &work{r: r, ctx: ctx, entries: make(map[side][]entry), hard: make(map[side]*hardening), names: make(map[[3]string]bool)}
	if err := work.begin(res, len(edges), hard); err != nil {
		return nil, err
	}
	for i := range edges {
		e := &edges[i]
		key := [2]ident.Ref{e.Src, e.Dst}
		at := seen[key]
		if at[e.At&1] {
			return nil, ident.Errorf(ident.KindUsage, "%s to %s is asked for twice", e.Src, e.Dst)
		}
		at[e.At&1] = true
		seen[key] = at
		out := &res.Outcomes[i]
		out.Edge = *e
		if subject, _ := e.ends(); work.reduces(subject, e.At&1) {
			return nil, ident.Errorf(ident.KindUsage, "%s to %s is asked for where %s is reduced as a whole", e.Src, e.Dst, subject)
		}
		if out.Reason, out.NotIsolated = r.impossible(e); out.Reason == "" {
			subject, peer := e.ends()
			s, of := side{r.index[subject], e.At & 1}, internet
			if peer.CIDR != ident.Internet {
				of = r.index[peer]
			}
			work.entries[s] = append(work.entries[s], entry{edge: i, subject: s.workload, peer: of, keep: segment.Union(e.Keep, nil)})
		} else if out.NotIsolated && e.Src.CIDR == ident.Internet {
			out.Reason, out.NotIsolated = work.onlyInside(i, e.Dst), false
		}
	}
	// Each edge by itself first, so that one which cannot be cut takes no other down.
	for s, entries := range work.entries {
		for _, x := range entries {
			if err := work.alone(s, x); err != nil {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				work.refuse(res, x.edge, err)
			}
		}
	}
	for {
		changes, refused := work.attempt()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(refused) == 0 {
			res.Changes = changes
			break
		}
		for edge, why := range refused {
			work.refuse(res, edge, why)
		}
	}
	for i := range res.Outcomes {
		res.Outcomes[i].Cut = res.Outcomes[i].Reason == ""
	}
	for i := range hard {
		o := &res.Outcomes[len(edges)+i]
		res.Hardened = append(res.Hardened, Hardened{Hardening: hard[i], Done: o.Cut, Reason: o.Reason, Also: o.Also, Quarantine: o.Quarantine})
	}
	res.Outcomes = res.Outcomes[:len(edges)]
	return res, nil
}

// refuse leaves an edge alone.
func (w *work) refuse(res *Result, edge int, why *refusal) {
	out := &res.Outcomes[edge]
	out.Reason, out.Also, out.Quarantine = why.reason, why.also, why.quarantine
	for s, entries := range w.entries {
		w.entries[s] = slices.DeleteFunc(entries, func(x entry) bool { return x.edge == edge })
	}
}
