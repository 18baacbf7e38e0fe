package contain

import (
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// The limits of a ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2).
const (
	maxPriority    = 1000
	maxRules       = 25 // of a direction
	maxPeers       = 25 // of a rule
	clusterVersion = "policy.networking.k8s.io/v1alpha2"
	clusterKind    = "ClusterNetworkPolicy"
)

// adminPriority returns the priority for denials in the Admin tier: one that no
// policy there has, before every rule that accepts or passes on, since either
// would decide instead.
func adminPriority(m *segment.Model, cluster string) (int, error) {
	taken := make(map[int]bool)
	before, by := maxPriority+1, ""
	for i := range m.Policies {
		p := &m.Policies[i]
		if p.Tier != segment.AdminTier || p.Cluster != cluster {
			continue
		}
		taken[p.Priority] = true
		denies := func(r segment.Rule) bool { return r.Action == segment.Deny }
		if all := func(rs []segment.Rule) bool {
			return !slices.ContainsFunc(rs, func(r segment.Rule) bool { return !denies(r) })
		}; all(p.Rules[0]) && all(p.Rules[1]) {
			continue
		}
		if p.Priority < before {
			before, by = p.Priority, p.Object()
		}
	}
	for priority := min(before-1, maxPriority/10); priority >= 0; priority-- {
		if !taken[priority] {
			return priority, nil
		}
	}
	return 0, ident.Errorf(ident.KindUnsupported, "no priority of the Admin tier is free before %s, which accepts or passes on", by)
}

// adminObjects writes denials as ClusterNetworkPolicies. They hold no rule that
// accepts or passes on: what is denied is named exactly, so that nothing that
// stands behind them is skipped.
func (n *network) adminObjects(id string, ds []denial, ps *picks) ([]*object, error) {
	var out []*object
	for _, d := range ds {
		rules, also, newPods := n.adminRules(d, ps)
		subject := ps.of(d.subjects)
		os, err := n.adminPolicies(id, "", d.subjects, d.dir, n.why(d), rules, ps)
		if err != nil {
			return nil, err
		}
		also, newPods = append(also, subject.Also...), append(newPods, subject.NewPods)
		for _, o := range os {
			o.also, o.newPods = also, newPods
		}
		out = append(out, os...)
	}
	return out, nil
}

// adminPolicies writes rules that deny for some workloads of a namespace, in as
// many ClusterNetworkPolicies as they need.
func (n *network) adminPolicies(id, part string, subjects []int, dir segment.Gress, why string, rules []any, ps *picks) ([]*object, error) {
	first, subject := n.refs[subjects[0]], ps.of(subjects)
	priority, known := n.priority[first.Cluster]
	if !known {
		var err error
		if priority, err = adminPriority(n.model, first.Cluster); err != nil {
			return nil, err
		}
		n.priority[first.Cluster] = priority
	}
	var out []*object
	for batch := range slices.Chunk(rules, maxRules) {
		name := objectName(id, "cofferdam", first.Namespace, n.nameOf(subjects[0]), dir.String()+part)
		if len(out) > 0 {
			name = fmt.Sprintf("%s-%d", name, len(out)+1)
		}
		o, err := newObject(first.Cluster, why, map[string]any{
			"apiVersion": clusterVersion, "kind": clusterKind,
			"metadata": map[string]any{"name": name, "labels": n.marks(id), "annotations": n.notes()},
			"spec": map[string]any{
				"tier": "Admin", "priority": priority,
				"subject":    map[string]any{"pods": namespacedPods(subject.Namespace, subject.Selector)},
				dir.String(): batch,
			},
		})
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// adminRules writes the rules of one denial.
func (n *network) adminRules(d denial, ps *picks) (rules []any, also []ident.Ref, newPods []string) {
	word := map[segment.Gress]string{segment.Egress: "to", segment.Ingress: "from"}[d.dir]
	var whole []any
	flush := func() {
		if len(whole) > 0 {
			rules = append(rules, map[string]any{"name": "cut", "action": "Deny", word: whole})
			whole = nil
		}
	}
	for _, group := range d.groups {
		p := ps.of(nodesOf(group))
		also = append(also, p.Also...)
		newPods = append(newPods, p.NewPods)
		tree := map[string]any{"pods": namespacedPods(p.Namespace, p.Selector)}
		if keep := group[0].keep; len(keep) > 0 {
			rules = append(rules, map[string]any{"name": "cut-all-but-" + portWords(keep), "action": "Deny", word: []any{tree}, "protocols": protocolTrees(segment.Minus(segment.EveryPort(), keep))})
			continue
		}
		if whole = append(whole, tree); len(whole) == maxPeers {
			flush()
		}
	}
	flush()
	return rules, also, newPods
}

func namespacedPods(namespace string, pods segment.Selector) map[string]any {
	return map[string]any{
		"namespaceSelector": map[string]any{"matchLabels": map[string]any{namespaceName: namespace}},
		"podSelector":       selectorTree(pods),
	}
}

// protocolTrees writes ports as a ClusterNetworkPolicy does. A protocol all of
// whose ports are meant is not narrowed.
func protocolTrees(conns []segment.Conn) []any {
	var out []any
	for _, c := range conns {
		name := map[segment.Protocol]string{segment.TCP: "tcp", segment.UDP: "udp", segment.SCTP: "sctp"}[c.Protocol]
		port := map[string]any{"range": map[string]any{"start": int(c.From), "end": int(c.To)}}
		if c.From == c.To {
			port = map[string]any{"number": int(c.From)}
		}
		out = append(out, map[string]any{name: map[string]any{"destinationPort": port}})
	}
	return out
}

func portWords(conns []segment.Conn) string {
	s := ""
	for i, c := range conns {
		if i > 0 {
			s += "-"
		}
		s += fmt.Sprintf("%s%d", map[segment.Protocol]string{segment.TCP: "tcp", segment.UDP: "udp", segment.SCTP: "sctp"}[c.Protocol], c.From)
	}
	return s
}

// marks are the labels of every object that a plan adds: they name the plan, so
// that it can be found and lifted.
func (n *network) marks(id string) map[string]any {
	return map[string]any{"app.kubernetes.io/managed-by": "cofferdam", "cofferdam.dev/plan": id}
}

func (n *network) notes() map[string]any {
	return map[string]any{"cofferdam.dev/query": n.p.Query, "cofferdam.dev/objective": string(n.p.Objective)}
}

// why is the sentence above an object.
func (n *network) why(d denial) string {
	const most = 5
	subjects := n.refsOf(d.subjects[:min(len(d.subjects), most+1)])
	peers := n.refsOf(nodesOf(d.peers[:min(len(d.peers), most+1)]))
	if d.dir == segment.Egress {
		return fmt.Sprintf("%s: %s may no longer open connections to %s.", n.p.Query, names(subjects, most), names(peers, most))
	}
	return fmt.Sprintf("%s: %s may no longer be opened by %s.", n.p.Query, names(subjects, most), names(peers, most))
}
