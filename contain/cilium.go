package contain

import (
	"fmt"

	"github.com/cofferdam-io/cofferdam/segment"
)

const (
	ciliumVersion = "cilium.io/v2"
	ciliumKind    = "CiliumNetworkPolicy"
	// ciliumNamespace is the label by which Cilium tells the namespace of an endpoint.
	ciliumNamespace = "k8s:io.kubernetes.pod.namespace"
)

// ciliumObjects writes denials as CiliumNetworkPolicies in the namespaces of their
// subjects. They close nothing by default (enableDefaultDeny): what is not denied
// stays as it is.
func (n *network) ciliumObjects(id string, ds []denial, ps *picks) ([]*object, error) {
	var out []*object
	for _, d := range ds {
		subject := ps.of(d.subjects)
		also, newPods := subject.Also, []string{subject.NewPods}
		word := map[segment.Gress]string{segment.Egress: "toEndpoints", segment.Ingress: "fromEndpoints"}[d.dir]
		var rules []any
		for _, group := range d.groups {
			p := ps.of(nodesOf(group))
			also, newPods = append(also, p.Also...), append(newPods, p.NewPods)
			tree := selectorTree(p.Selector)
			labels, _ := tree["matchLabels"].(map[string]any)
			if labels == nil {
				labels = make(map[string]any, 1)
			}
			labels[ciliumNamespace] = p.Namespace
			tree["matchLabels"] = labels
			rule := map[string]any{word: []any{tree}}
			if keep := group[0].keep; len(keep) > 0 {
				rule["toPorts"] = ciliumPorts(segment.Minus(segment.EveryPort(), keep))
			}
			rules = append(rules, rule)
		}
		os, err := n.ciliumPolicy(id, "", d.subjects, d.dir, n.why(d), rules, ps)
		if err != nil {
			return nil, err
		}
		for _, o := range os {
			o.also, o.newPods = also, newPods
		}
		out = append(out, os...)
	}
	return out, nil
}

// ciliumPolicy writes rules that deny for some workloads of a namespace.
func (n *network) ciliumPolicy(id, part string, subjects []int, dir segment.Gress, why string, rules []any, ps *picks) ([]*object, error) {
	first := n.refs[subjects[0]]
	o, err := newObject(first.Cluster, why, map[string]any{
		"apiVersion": ciliumVersion, "kind": ciliumKind,
		"metadata": map[string]any{"name": objectName(id, "cofferdam", n.nameOf(subjects[0]), dir.String()+part), "namespace": first.Namespace,
			"labels": n.marks(id), "annotations": n.notes()},
		"spec": map[string]any{
			"endpointSelector":    selectorTree(ps.of(subjects).Selector),
			"enableDefaultDeny":   map[string]any{"ingress": false, "egress": false},
			dir.String() + "Deny": rules,
		},
	})
	return []*object{o}, err
}

func ciliumPorts(conns []segment.Conn) []any {
	var ports []any
	for _, c := range conns {
		p := map[string]any{"port": fmt.Sprint(c.From), "protocol": c.Protocol.String()}
		if c.To != c.From {
			p["endPort"] = int(c.To)
		}
		ports = append(ports, p)
	}
	return []any{map[string]any{"ports": ports}}
}
