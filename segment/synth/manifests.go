package synth

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/segment"
)

// Files writes an estate that Model made as Kubernetes manifests, one file for
// each namespace and one for the policies of the cluster and its nodes. create is called once
// for each file, and its writer is closed.
func Files(m *segment.Model, create func(name string) (io.WriteCloser, error)) error {
	pods := make([][]int, len(m.Workloads))
	for i := range m.Endpoints {
		pods[m.Endpoints[i].Workload] = append(pods[m.Endpoints[i].Workload], i)
	}
	workloads := make(map[string][]int)
	for i := range m.Workloads {
		ns := m.Workloads[i].Ref.Namespace
		workloads[ns] = append(workloads[ns], i)
	}
	policies := make(map[string][]int)
	for i := range m.Policies {
		policies[m.Policies[i].Namespace] = append(policies[m.Policies[i].Namespace], i)
	}
	for i := range m.Namespaces {
		n := &m.Namespaces[i]
		err := file(n.Name+".yaml", create, func(w *writer) {
			w.namespace(n)
			for _, wl := range workloads[n.Name] {
				w.workload(m, wl, pods[wl])
			}
			for _, p := range policies[n.Name] {
				w.networkPolicy(&m.Policies[p])
			}
		})
		if err != nil {
			return err
		}
	}
	if len(policies[""]) == 0 && len(m.Nodes) == 0 {
		return nil
	}
	return file("cluster.yaml", create, func(w *writer) {
		for i := range m.Nodes {
			w.node(&m.Nodes[i])
		}
		for _, p := range policies[""] {
			w.clusterPolicy(&m.Policies[p])
		}
	})
}

func file(name string, create func(string) (io.WriteCloser, error), fill func(*writer)) error {
	f, err := create(name)
	if err != nil {
		return err
	}
	w := &writer{b: bufio.NewWriter(f)}
	fill(w)
	return errors.Join(w.b.Flush(), f.Close())
}

// writer writes objects as YAML. bufio keeps the first error for Flush.
type writer struct{ b *bufio.Writer }

func (w *writer) line(indent int, format string, args ...any) {
	for range indent {
		_ = w.b.WriteByte(' ')
	}
	_, _ = fmt.Fprintf(w.b, format, args...)
	_ = w.b.WriteByte('\n')
}

func (w *writer) head(apiVersion, kind, namespace, name string) {
	w.line(0, "---")
	w.line(0, "apiVersion: %s", apiVersion)
	w.line(0, "kind: %s", kind)
	w.line(0, "metadata:")
	w.line(2, "name: %s", name)
	if namespace != "" {
		w.line(2, "namespace: %s", namespace)
	}
}

func (w *writer) labels(indent int, key string, labels map[string]string) {
	w.line(indent, "%s:", key)
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		w.line(indent+2, "%s: %s", k, strconv.Quote(labels[k]))
	}
}

func (w *writer) namespace(n *segment.Namespace) {
	w.head("v1", "Namespace", "", n.Name)
	w.labels(2, "labels", n.Labels)
}

func (w *writer) node(n *segment.Node) {
	w.head("v1", "Node", "", n.Name)
	w.labels(2, "labels", n.Labels)
	w.line(0, "status:")
	w.line(2, "addresses:")
	for _, a := range n.IPs {
		w.line(2, "- type: InternalIP")
		w.line(4, "address: %s", a)
	}
}

// workload writes a Deployment and, where it has more than one pod or it is known
// where they run, its ReplicaSet and its pods.
func (w *writer) workload(m *segment.Model, i int, pods []int) {
	wl := &m.Workloads[i]
	first := &m.Endpoints[pods[0]]
	w.head("apps/v1", "Deployment", wl.Ref.Namespace, wl.Ref.Name)
	w.line(0, "spec:")
	w.line(2, "replicas: %d", len(pods))
	w.line(2, "selector:")
	w.labels(4, "matchLabels", map[string]string{"app": wl.Labels["app"]})
	w.line(2, "template:")
	w.line(4, "metadata:")
	w.labels(6, "labels", wl.Labels)
	w.podSpec(4, wl.Ref.Name, first, "")
	if len(pods) == 1 && first.Node == "" {
		return
	}
	set := wl.Ref.Name + "-" + wl.Labels["pod-template-hash"]
	w.head("apps/v1", "ReplicaSet", wl.Ref.Namespace, set)
	w.owner("Deployment", wl.Ref.Name)
	w.line(0, "spec:")
	w.line(2, "replicas: %d", len(pods))
	w.line(2, "selector:")
	w.labels(4, "matchLabels", wl.Labels)
	for _, p := range pods {
		e := &m.Endpoints[p]
		w.head("v1", "Pod", e.Ref.Namespace, e.Ref.Name)
		w.labels(2, "labels", e.Labels)
		w.owner("ReplicaSet", set)
		w.podSpec(0, wl.Ref.Name, e, e.Node)
		w.line(0, "status:")
		w.line(2, "phase: Running")
		w.line(2, "podIP: %s", e.IPs[0])
	}
}

func (w *writer) owner(kind, name string) {
	w.line(2, "ownerReferences:")
	w.line(2, "- apiVersion: apps/v1")
	w.line(4, "kind: %s", kind)
	w.line(4, "name: %s", name)
	w.line(4, "controller: true")
}

func (w *writer) podSpec(indent int, name string, e *segment.Endpoint, node string) {
	w.line(indent, "spec:")
	if node != "" {
		w.line(indent+2, "nodeName: %s", node)
	}
	w.line(indent+2, "containers:")
	w.line(indent+2, "- name: %s", name)
	w.line(indent+4, "image: registry.example/%s:1.0.0", name)
	w.line(indent+4, "ports:")
	for _, p := range e.Ports {
		w.line(indent+4, "- name: %s", p.Name)
		w.line(indent+6, "containerPort: %d", p.Number)
	}
}

// selector writes a selector behind a prefix: spaces, or the dash of a list.
func (w *writer) selector(prefix, key string, s segment.Selector) {
	indent := len(prefix)
	if len(s) == 0 {
		w.line(0, "%s%s: {}", prefix, key)
		return
	}
	w.line(0, "%s%s:", prefix, key)
	labels := map[string]string{}
	var rest segment.Selector
	for _, r := range s {
		if r.Op == segment.In && len(r.Values) == 1 {
			labels[r.Key] = r.Values[0]
		} else {
			rest = append(rest, r)
		}
	}
	if len(labels) > 0 {
		w.labels(indent+2, "matchLabels", labels)
	}
	if len(rest) == 0 {
		return
	}
	w.line(indent+2, "matchExpressions:")
	for _, r := range rest {
		w.line(indent+2, "- key: %s", r.Key)
		w.line(indent+4, "operator: %s", [...]string{segment.In: "In", segment.NotIn: "NotIn", segment.Exists: "Exists", segment.DoesNotExist: "DoesNotExist"}[r.Op])
		if len(r.Values) > 0 {
			w.line(indent+4, "values:")
			for _, v := range r.Values {
				w.line(indent+4, "- %s", strconv.Quote(v))
			}
		}
	}
}

func (w *writer) networkPolicy(p *segment.Policy) {
	w.head("networking.k8s.io/v1", "NetworkPolicy", p.Namespace, p.Name)
	w.line(0, "spec:")
	w.selector("  ", "podSelector", p.Subject.Pods)
	w.line(2, "policyTypes:")
	for d, is := range p.Isolates {
		if is {
			w.line(2, "- %s", [...]string{"Egress", "Ingress"}[d])
		}
	}
	for d, names := range [...][2]string{{"egress", "to"}, {"ingress", "from"}} {
		if len(p.Rules[d]) == 0 {
			continue
		}
		w.line(2, "%s:", names[0])
		for i := range p.Rules[d] {
			w.rule(&p.Rules[d][i], names[1], p.Namespace)
		}
	}
}

func (w *writer) rule(r *segment.Rule, list, own string) {
	if len(r.Peers) == 0 && len(r.Ports) == 0 {
		w.line(2, "- {}")
		return
	}
	dash := "- "
	if len(r.Peers) > 0 {
		w.line(2, "%s%s:", dash, list)
		dash = "  "
		for i := range r.Peers {
			w.peer(&r.Peers[i], own)
		}
	}
	if len(r.Ports) > 0 {
		w.line(2, "%sports:", dash)
		for _, p := range r.Ports {
			w.line(4, "- protocol: %s", p.Protocol)
			if p.Name != "" {
				w.line(6, "port: %s", p.Name)
				continue
			}
			w.line(6, "port: %d", p.From)
			if p.To != p.From {
				w.line(6, "endPort: %d", p.To)
			}
		}
	}
}

func (w *writer) peer(p *segment.Peer, own string) {
	if p.Kind == segment.PeerCIDR {
		w.line(4, "- ipBlock:")
		w.line(8, "cidr: %s", p.CIDR)
		if len(p.Except) > 0 {
			w.line(8, "except:")
			for _, e := range p.Except {
				w.line(8, "- %s", e)
			}
		}
		return
	}
	prefix := "    - "
	if p.Pods.InNamespace != own || own == "" {
		w.selector(prefix, "namespaceSelector", p.Pods.Namespaces)
		prefix = "      "
		if len(p.Pods.Pods) == 0 {
			return
		}
	}
	w.selector(prefix, "podSelector", p.Pods.Pods)
}

func (w *writer) clusterPolicy(p *segment.Policy) {
	w.head("policy.networking.k8s.io/v1alpha2", p.Kind, "", p.Name)
	w.line(0, "spec:")
	w.line(2, "tier: %s", map[segment.Tier]string{segment.AdminTier: "Admin", segment.BaselineTier: "Baseline"}[p.Tier])
	w.line(2, "priority: %d", p.Priority)
	w.line(2, "subject:")
	w.scope("    ", &p.Subject)
	for d, names := range [...][2]string{{"egress", "to"}, {"ingress", "from"}} {
		if len(p.Rules[d]) == 0 {
			continue
		}
		w.line(2, "%s:", names[0])
		for i := range p.Rules[d] {
			r := &p.Rules[d][i]
			w.line(2, "- name: %s", r.Name)
			w.line(4, "action: %s", map[segment.Action]string{segment.Allow: "Accept", segment.Deny: "Deny", segment.Pass: "Pass"}[r.Action])
			w.line(4, "%s:", names[1])
			for j := range r.Peers {
				w.scope("    - ", &r.Peers[j].Pods)
			}
			if len(r.Ports) > 0 {
				w.line(4, "protocols:")
				for _, pm := range r.Ports {
					w.line(4, "- tcp:")
					w.line(8, "destinationPort:")
					w.line(10, "number: %d", pm.From)
				}
			}
		}
	}
}

// scope writes namespaces, or namespaces and pods.
func (w *writer) scope(prefix string, s *segment.PodSelector) {
	if len(s.Pods) == 0 {
		w.selector(prefix, "namespaces", s.Namespaces)
		return
	}
	w.line(0, "%spods:", prefix)
	inner := strings.Repeat(" ", len(prefix)+2)
	w.selector(inner, "namespaceSelector", s.Namespaces)
	w.selector(inner, "podSelector", s.Pods)
}
