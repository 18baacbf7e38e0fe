package segment

import (
	"maps"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// maxRelabelled bounds the policies that a change of a namespace's labels may
// concern on a fork; beyond it compiling anew is not much slower.
const maxRelabelled = 256

// putWorkloads adds workloads; others of the same name are replaced.
func (c *change) putWorkloads(list []Workload) {
	g, gr := c.g, &c.g.workloads
	var fresh []Workload
	replaced := make(map[int]Workload)
	at := make(map[ident.Ref]int, len(list))
	for _, w := range list {
		if end := gr.find(&w.Ref); end >= 0 {
			replaced[int(gr.order[end])] = w
		} else if i, twice := at[w.Ref]; twice {
			fresh[i] = w
		} else {
			at[w.Ref] = len(fresh)
			fresh = append(fresh, w)
		}
	}
	if len(replaced) > 0 {
		g.m.Workloads = slices.Clone(g.m.Workloads)
		for i, w := range replaced {
			g.m.Workloads[i] = w
		}
	}
	before := len(g.m.Workloads)
	g.m.Workloads = append(g.m.Workloads, fresh...)
	gr.workloads = g.m.Workloads
	if len(fresh) > 0 {
		gr.enlist(uint32(before), uint32(len(g.m.Workloads))) //nolint:gosec // Build limits the number
		c.k.pods = append(c.k.pods, make([][]uint32, len(fresh))...)
	}
}

// putNamespaces adds namespaces and changes the labels of those there are. It
// returns the policies that have to be put again, because what they select
// changed, and reports false where the model has to be compiled anew.
func (c *change) putNamespaces(list []Namespace) (again []Policy, ok bool) {
	if len(list) == 0 {
		return nil, true
	}
	g, a := c.g, c.k.atoms
	g.m.Namespaces, g.clusterOf = slices.Clone(g.m.Namespaces), slices.Clone(g.clusterOf)
	a.nsByKey, a.nsWith = make(map[string]nsMatch), nil
	affected := make(map[int]bool) // atoms
	for _, n := range list {
		i, known := a.nsIndex[[2]string{n.Cluster, n.Name}]
		if !known {
			cluster := slices.Index(g.clusters, n.Cluster)
			if cluster < 0 {
				return nil, false
			}
			a.nsIndex[[2]string{n.Cluster, n.Name}] = len(g.m.Namespaces)
			g.m.Namespaces, g.clusterOf, a.byNS = append(g.m.Namespaces, n), append(g.clusterOf, cluster), append(a.byNS, nil)
			continue
		}
		old := g.m.Namespaces[i]
		if old.Declared == n.Declared && maps.Equal(old.Labels, n.Labels) {
			continue
		}
		for t := range g.m.Taints {
			if len(g.m.Taints[t].Namespaces) > 0 {
				return nil, false
			}
		}
		for at := range a.defs {
			if a.defs[at].asksOf(&old, &n) {
				affected[at] = true
			}
		}
		g.m.Namespaces[i] = n
	}
	if len(affected) == 0 {
		return nil, true
	}
	for key, at := range a.index {
		if affected[at] {
			delete(a.index, key) // whoever names it next has it resolved anew
		}
	}
	for i := range g.policies.len() {
		p := g.policies.at(i)
		if p == nil || !p.names(affected) {
			continue
		}
		if again = append(again, *p.p); len(again) > maxRelabelled {
			return nil, false
		}
		c.dropPolicy(i)
	}
	return again, true
}

// asksOf reports whether a definition answers otherwise for a namespace after its
// labels changed.
func (def *definition) asksOf(old, now *Namespace) bool {
	if def.cluster != old.Cluster {
		return false
	}
	asks := func(p *Peer) bool {
		return p.Kind == PeerPods && p.Pods.InNamespace == "" && namespaceMatches(old, p.Pods.Namespaces) != namespaceMatches(now, p.Pods.Namespaces)
	}
	for i := range def.union {
		if asks(&def.union[i]) {
			return true
		}
	}
	return def.union == nil && asks(&def.peer)
}

// names reports whether a policy's subject or peers are among some atoms.
func (p *compiled) names(atoms map[int]bool) bool {
	if atoms[p.subject] {
		return true
	}
	for _, rules := range p.rules {
		for i := range rules {
			if slices.ContainsFunc(rules[i].peers, func(at int) bool { return atoms[at] }) {
				return true
			}
		}
	}
	return false
}
