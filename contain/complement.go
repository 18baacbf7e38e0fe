package contain

import (
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// denied is what a denial says of some pods: all connections but some.
type denied struct {
	namespaces segment.Selector // by the name that the API server gives them
	pods       segment.Selector
	but        []segment.Conn
}

// maxDenied bounds the rules that a reduction is written in by denials: more than
// these nobody reviews.
const maxDenied = 64

// complement lists denials of everything that a reduction does not keep, of pods
// that are and of pods to come. No two of them are about the same pod and both
// leave something open.
func (n *network) complement(r *reduction, ps *picks) ([]denied, error) {
	type alike struct {
		conns    []segment.Conn
		nodes    []int
		selector segment.Selector // where there are no nodes
	}
	spaces := make(map[string][]alike)
	put := func(ns string, x alike) {
		for i := range spaces[ns] {
			if o := &spaces[ns][i]; len(x.nodes) > 0 && len(o.nodes) > 0 && slices.Equal(o.conns, x.conns) {
				o.nodes = append(o.nodes, x.nodes...)
				return
			}
		}
		spaces[ns] = append(spaces[ns], x)
	}
	own := n.refs[r.node]
	put(ps.of([]int{r.node}).Namespace, alike{conns: segment.EveryPort(), nodes: []int{r.node}})
	for _, v := range sortedKeys(r.keep) {
		if x := r.keep[v]; !x.free {
			put(ps.of([]int{v}).Namespace, alike{conns: x.conns, nodes: []int{v}})
		}
	}
	if r.dir == segment.Egress && n.unseenNames(own.Cluster) {
		put("kube-system", alike{conns: dnsPorts, selector: segment.MatchLabels(map[string]string{"k8s-app": "kube-dns"})})
	}
	var out []denied
	var names []string
	for ns := range spaces {
		names = append(names, ns)
	}
	slices.Sort(names)
	for _, ns := range names {
		here := segment.Selector{{Key: namespaceName, Op: segment.In, Values: []string{ns}}}
		rest := []segment.Selector{{}}
		for _, x := range spaces[ns] {
			selectors := []segment.Selector{x.selector}
			if len(x.nodes) > 0 {
				selectors = ps.exactly(x.nodes)
			}
			for _, s := range selectors {
				if len(segment.Minus(segment.EveryPort(), x.conns)) > 0 {
					out = append(out, denied{here, s, x.conns})
				}
				rest = without(rest, s)
			}
			if len(out)+len(rest) > maxDenied {
				return nil, ident.Errorf(ident.KindUnsupported, "what %s keeps cannot be left out of a denial in fewer than %d rules", own.Short(), maxDenied)
			}
		}
		for _, s := range rest {
			out = append(out, denied{namespaces: here, pods: s})
		}
	}
	return append(out, denied{namespaces: segment.Selector{{Key: namespaceName, Op: segment.NotIn, Values: names}}}), nil
}

// without takes what a selector selects out of others, no two of which overlap.
func without(from []segment.Selector, s segment.Selector) []segment.Selector {
	var out []segment.Selector
	for _, x := range from {
		for _, not := range pick.Not(s) {
			if y, ok := pick.And(x, not); ok {
				out = append(out, y)
			}
		}
	}
	return out
}

// exactly returns selectors of workloads of one namespace: one for all of them if
// that brings no other along, else one for each.
func (p *picks) exactly(nodes []int) []segment.Selector {
	all := p.of(nodes)
	if len(all.Also) == 0 {
		return []segment.Selector{all.Selector}
	}
	var out []segment.Selector
	for _, v := range nodes {
		out = append(out, p.of([]int{v}).Selector)
	}
	return out
}

// unseenNames reports whether names are resolved by pods that the input does not
// show, and that the plan must not cut.
func (n *network) unseenNames(cluster string) bool {
	if n.rails.mayCut[GuardDNS] {
		return false
	}
	for u := range n.rails.dns {
		if n.refs[u].Cluster == cluster {
			return false
		}
	}
	return true
}

// newPodWords says what the objects of a reduction mean for pods to come.
func (n *network) newPodWords(r *reduction, p pick.Pick) []string {
	other := "may not be opened by it"
	if r.dir == segment.Ingress {
		other = "may not open anything to it"
	}
	return []string{p.NewPods, "a new pod anywhere that is none of those kept " + other}
}

// whyReduced is the sentence above the objects of a reduction.
func (n *network) whyReduced(r *reduction) string {
	var kept []ident.Ref
	for _, v := range sortedKeys(r.keep) {
		if !r.keep[v].free {
			kept = append(kept, n.refs[v])
		}
	}
	what := "nobody"
	if len(kept) > 0 {
		what = "what was seen and what is needed: " + names(kept, 5)
	}
	own := n.refs[r.node].Short()
	if r.dir == segment.Egress {
		return fmt.Sprintf("%s: %s may open connections to no pods but %s.", n.p.Query, own, what)
	}
	return fmt.Sprintf("%s: %s may be opened by no pods but %s.", n.p.Query, own, what)
}

// hardened is a reduction as the plan tells it.
func (n *network) hardened(r *reduction) Hardened {
	h := Hardened{Workload: n.refs[r.node], Direction: r.dir.String(), Keeps: []Keeping{}}
	for _, v := range sortedKeys(r.keep) {
		if x := r.keep[v]; !x.free {
			h.Keeps = append(h.Keeps, Keeping{Peer: n.refs[v], Connections: x.conns, Why: x.why})
		}
	}
	return h
}

// adminReduced writes a reduction as rules of a ClusterNetworkPolicy.
func adminReduced(ds []denied, dir segment.Gress) []any {
	word := map[segment.Gress]string{segment.Egress: "to", segment.Ingress: "from"}[dir]
	var rules, whole []any
	for _, d := range ds {
		peer := map[string]any{"pods": map[string]any{"namespaceSelector": selectorTree(d.namespaces), "podSelector": selectorTree(d.pods)}}
		if len(d.but) > 0 {
			rules = append(rules, map[string]any{"name": "all-but-what-is-kept", "action": "Deny", word: []any{peer}, "protocols": protocolTrees(segment.Minus(segment.EveryPort(), d.but))})
		} else {
			whole = append(whole, peer)
		}
	}
	for peers := range slices.Chunk(whole, maxPeers) {
		rules = append(rules, map[string]any{"name": "all-but-who-is-kept", "action": "Deny", word: peers})
	}
	return rules
}

// ciliumReduced writes a reduction as rules of a CiliumNetworkPolicy, which knows
// the name of a pod's namespace as one of the pod's labels.
func ciliumReduced(ds []denied, dir segment.Gress) []any {
	word := map[segment.Gress]string{segment.Egress: "toEndpoints", segment.Ingress: "fromEndpoints"}[dir]
	var rules []any
	for _, d := range ds {
		s := slices.Clone(d.pods)
		for _, r := range d.namespaces {
			r.Key = ciliumNamespace
			if s = append(s, r); r.Op == segment.NotIn { // what is no pod has no such label
				s = append(s, segment.Requirement{Key: ciliumNamespace, Op: segment.Exists})
			}
		}
		rule := map[string]any{word: []any{selectorTree(s)}}
		if len(d.but) > 0 {
			rule["toPorts"] = ciliumPorts(segment.Minus(segment.EveryPort(), d.but))
		}
		rules = append(rules, rule)
	}
	return rules
}

// reducedPart ends the names of the objects of reductions.
const reducedPart = "-reduced"

// reducedObjects writes reductions as denials, of which several together deny what
// any does.
func (n *network) reducedObjects(m Means, id string, rs []*reduction, ps *picks) ([]*object, error) {
	var out []*object
	for _, r := range rs {
		ds, err := n.complement(r, ps)
		if err != nil {
			return nil, err
		}
		subject := ps.of([]int{r.node})
		var os []*object
		if m == CiliumDeny {
			os, err = n.ciliumPolicy(id, reducedPart, []int{r.node}, r.dir, n.whyReduced(r), ciliumReduced(ds, r.dir), ps)
		} else {
			os, err = n.adminPolicies(id, reducedPart, []int{r.node}, r.dir, n.whyReduced(r), adminReduced(ds, r.dir), ps)
		}
		if err != nil {
			return nil, err
		}
		for _, o := range os {
			o.newPods = n.newPodWords(r, subject)
		}
		out = append(out, os...)
	}
	return out, nil
}
