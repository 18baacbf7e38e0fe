package segment

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Resolve turns what a user typed into the references of the graph: workloads,
// or else pods, of that name (several where clusters or kinds share it), the pod
// that has an address, or the address block as it is. Nothing of that name is
// an ident.KindNotFound whose hint names what is near.
func (g *Graph) Resolve(r ident.Ref) ([]ident.Ref, error) {
	if r.IsCIDR() {
		if r.CIDR == ident.Internet {
			return []ident.Ref{r}, nil
		}
		p, err := netip.ParsePrefix(r.CIDR)
		if err != nil {
			return nil, ident.Errorf(ident.KindUsage, "%.60q is not an address block", r.CIDR)
		}
		if p.IsSingleIP() {
			if found := g.withAddress(p.Addr()); len(found) > 0 {
				return found, nil
			}
		}
		return []ident.Ref{{CIDR: p.Masked().String()}}, nil
	}
	if g.workloads.find(&r) >= 0 {
		return []ident.Ref{r}, nil
	}
	for _, by := range []By{ByWorkload, ByPod} {
		var found []ident.Ref
		gr := g.grain(by)
		for end := range gr.inside() {
			if ref := gr.ref(end); r.Matches(*ref) {
				found = append(found, *ref)
			}
		}
		if len(found) > 0 {
			return slices.Compact(found), nil
		}
	}
	err := ident.Errorf(ident.KindNotFound, "no workload or pod %s", r)
	if near := g.near(r); len(near) > 0 {
		return nil, err.WithHint("near it: %s", strings.Join(near, ", "))
	}
	return nil, err.WithHint("list the workloads with: cofferdam reach list")
}

// withAddress returns the pods that have an address of their own.
func (g *Graph) withAddress(a netip.Addr) []ident.Ref {
	g.byAddress.once.Do(func() { g.byAddress.table = g.tableOfAddresses() })
	t := &g.byAddress.table
	var out []ident.Ref
	h := t.hashAddr(a)
	for s := t.first(h); s >= 0; s = t.after(s, h) {
		if e := &g.m.Endpoints[t.at(s)]; slices.Contains(e.IPs, a) { // in the order of endpoints
			out = append(out, e.Ref)
		}
	}
	return out
}

// addressTable finds the endpoints that have an address, made when it is first
// asked for.
type addressTable struct {
	once sync.Once
	table
}

func (g *Graph) tableOfAddresses() table {
	n := 0
	for i := range g.m.Endpoints {
		n += len(g.m.Endpoints[i].IPs)
	}
	t := newTable(n)
	for i := range g.m.Endpoints {
		if e := &g.m.Endpoints[i]; g.classOf.at(i) != gone && !e.HostNetwork {
			for j, a := range e.IPs {
				if slices.Index(e.IPs, a) == j {
					t.put(t.hashAddr(a), i)
				}
			}
		}
	}
	return t
}

// near returns up to five names like r's: the same name elsewhere, then a small
// edit distance in the same namespace.
func (g *Graph) near(r ident.Ref) []string {
	const most = 5
	var out []string
	add := func(want func(ident.Ref) bool) {
		for end := range g.workloads.inside() {
			ref := g.workloads.ref(end)
			if s := ref.Short(); len(out) < most && want(*ref) && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	add(func(o ident.Ref) bool { return o.Name == r.Name })
	add(func(o ident.Ref) bool {
		return o.Namespace == r.Namespace && (strings.Contains(o.Name, r.Name) || strings.Contains(r.Name, o.Name) || within(o.Name, r.Name, 2))
	})
	return out
}

// within reports whether two names are at most k edits apart.
func within(a, b string, k int) bool {
	const longest = 253 // of a Kubernetes name
	if len(a) > longest || len(b) > longest || len(a)-len(b) > k || len(b)-len(a) > k {
		return false
	}
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		cur := make([]int, len(b)+1)
		cur[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			cur[j+1] = min(prev[j]+cost, prev[j+1]+1, cur[j]+1)
		}
		prev = cur
	}
	return prev[len(b)] <= k
}

// side resolves a reference to one end. Names that mean several are refused.
func (g *Graph) side(r ident.Ref) (side, error) {
	if m := g.workloads.seek(&r); m != gone {
		return g.memberSide(ByWorkload, m), nil
	}
	if !r.IsCIDR() {
		if m := g.pod().seek(&r); m != gone {
			return g.memberSide(ByPod, m), nil
		}
	}
	refs, err := g.Resolve(r)
	if err != nil {
		return side{}, err
	}
	if len(refs) > 1 {
		names := make([]string, len(refs))
		for i := range refs {
			names[i] = refs[i].String()
		}
		return side{}, ident.Errorf(ident.KindUsage, "%s is ambiguous", r).WithHint("write one of %s", strings.Join(names, ", "))
	}
	ref := refs[0]
	if ref.IsCIDR() {
		s := side{ref: ref, end: -1, endpoint: -1}
		if ref.CIDR == ident.Internet {
			s.classes = g.internetClasses()
		} else if p, err := netip.ParsePrefix(ref.CIDR); err == nil { // as Resolve wrote it
			s.classes = g.addressClasses(p)
		}
		return s, nil
	}
	if m := g.workloads.seek(&ref); m != gone {
		return g.memberSide(ByWorkload, m), nil
	}
	return g.memberSide(ByPod, g.pod().seek(&ref)), nil
}

// addressClasses returns the external cells that meet a block: of the blocks
// around it only the innermost, whose addresses are not in a smaller one; and
// those inside it, which follow it in the order of blocks.
func (g *Graph) addressClasses(p netip.Prefix) []uint32 {
	p = p.Masked()
	as := g.v.addresses
	var out []uint32
	put := func(cell int) {
		if c := g.cellClass[cell]; c >= 0 {
			out = append(out, uint32(c)) //nolint:gosec // a class number
		}
	}
	if around := as.around(p); slices.ContainsFunc(as.cells[around].parts, p.Overlaps) && as.cells[around].block != p {
		put(around)
	}
	i, _ := slices.BinarySearchFunc(as.cells, p, func(c addressCell, p netip.Prefix) int { return comparePrefix(c.block, p) })
	for ; i < len(as.cells) && contains(p, as.cells[i].block); i++ {
		put(i)
	}
	slices.Sort(out)
	return out
}

// internetClasses returns the external cells that the word internet means: those
// of public addresses. A node's address is the node's own, public or not.
func (g *Graph) internetClasses() []uint32 {
	var out []uint32
	for cell, c := range g.cellClass {
		if c >= 0 && g.v.addresses.cells[cell].public && !g.nodes.address.has(c) {
			out = append(out, uint32(c)) //nolint:gosec // a class number
		}
	}
	slices.Sort(out)
	return out
}
