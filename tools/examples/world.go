package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// world is the estate as a naive evaluator sees it: a second opinion on the
// story, written apart from the engine of cofferdam and as directly as the API
// documentation reads. Pods on the host network and addresses are left out.
type world struct {
	namespaces map[string]map[string]string // labels
	workloads  []*load
	policies   []*policy
	cluster    []*clusterPolicy
}

type meta struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
}

type template struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		HostNetwork bool `json:"hostNetwork"`
		Containers  []struct {
			Image string `json:"image"`
			Ports []struct {
				Name          string `json:"name"`
				ContainerPort int    `json:"containerPort"`
				Protocol      string `json:"protocol"`
			} `json:"ports"`
		} `json:"containers"`
	} `json:"spec"`
}

type load struct {
	meta meta
	kind string
	pod  template
}

func (l *load) name() string { return l.meta.Namespace + "/" + l.meta.Name }

type selector struct {
	MatchLabels      map[string]string `json:"matchLabels"`
	MatchExpressions []struct {
		Key      string   `json:"key"`
		Operator string   `json:"operator"`
		Values   []string `json:"values"`
	} `json:"matchExpressions"`
}

func (s selector) matches(labels map[string]string) bool {
	for k, v := range s.MatchLabels {
		if labels[k] != v {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		v, has := labels[e.Key]
		switch e.Operator {
		case "In":
			if !has || !slices.Contains(e.Values, v) {
				return false
			}
		case "NotIn":
			if has && slices.Contains(e.Values, v) {
				return false
			}
		case "Exists":
			if !has {
				return false
			}
		case "DoesNotExist":
			if has {
				return false
			}
		default:
			return false
		}
	}
	return true
}

type peer struct {
	PodSelector       *selector `json:"podSelector"`
	NamespaceSelector *selector `json:"namespaceSelector"`
	IPBlock           *struct {
		CIDR   string   `json:"cidr"`
		Except []string `json:"except"`
	} `json:"ipBlock"`
}

type port struct {
	Port     any    `json:"port"` // a number or a name
	EndPort  int    `json:"endPort"`
	Protocol string `json:"protocol"`
}

type rule struct {
	From  []peer `json:"from"`
	To    []peer `json:"to"`
	Ports []port `json:"ports"`
}

type policy struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		PodSelector selector `json:"podSelector"`
		PolicyTypes []string `json:"policyTypes"`
		Ingress     []rule   `json:"ingress"`
		Egress      []rule   `json:"egress"`
	} `json:"spec"`
}

func (p *policy) selects(l *load) bool {
	return p.Metadata.Namespace == l.meta.Namespace && !l.pod.Spec.HostNetwork && p.Spec.PodSelector.matches(l.pod.Metadata.Labels)
}

// clusterPeer is also the form of a ClusterNetworkPolicy's subject.
type clusterPeer struct {
	Namespaces *selector `json:"namespaces"`
	Pods       *struct {
		NamespaceSelector selector `json:"namespaceSelector"`
		PodSelector       selector `json:"podSelector"`
	} `json:"pods"`
}

type clusterRule struct {
	Action    string        `json:"action"`
	From      []clusterPeer `json:"from"`
	To        []clusterPeer `json:"to"`
	Protocols []struct {
		TCP *struct {
			DestinationPort struct {
				Number int `json:"number"`
			} `json:"destinationPort"`
		} `json:"tcp"`
	} `json:"protocols"`
}

type clusterPolicy struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		Tier     string        `json:"tier"`
		Priority int           `json:"priority"`
		Subject  clusterPeer   `json:"subject"`
		Ingress  []clusterRule `json:"ingress"`
		Egress   []clusterRule `json:"egress"`
	} `json:"spec"`
}

func readWorld(dir string) (*world, error) {
	w := &world{namespaces: map[string]map[string]string{}}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for i, doc := range bytes.Split(raw, []byte("\n---\n")) {
			if err := w.add(doc); err != nil {
				return fmt.Errorf("%s: document %d: %w", p, i+1, err)
			}
		}
		return nil
	})
	slices.SortFunc(w.cluster, func(a, b *clusterPolicy) int { return a.Spec.Priority - b.Spec.Priority })
	return w, err
}

func (w *world) add(doc []byte) error {
	var head struct {
		Kind     string `json:"kind"`
		Metadata meta   `json:"metadata"`
		Spec     struct {
			Template    template `json:"template"`
			JobTemplate struct {
				Spec struct {
					Template template `json:"template"`
				} `json:"spec"`
			} `json:"jobTemplate"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(doc, &head); err != nil {
		return err
	}
	l := &load{meta: head.Metadata, kind: head.Kind, pod: head.Spec.Template}
	switch head.Kind {
	case "Namespace":
		w.namespaces[head.Metadata.Name] = head.Metadata.Labels
	case "Deployment", "StatefulSet", "DaemonSet", "Job":
		w.workloads = append(w.workloads, l)
	case "CronJob":
		l.pod = head.Spec.JobTemplate.Spec.Template
		w.workloads = append(w.workloads, l)
	case "Pod":
		if err := yaml.Unmarshal(doc, &l.pod); err != nil {
			return err
		}
		w.workloads = append(w.workloads, l)
	case "NetworkPolicy":
		p := new(policy)
		w.policies = append(w.policies, p)
		return yaml.Unmarshal(doc, p)
	case "ClusterNetworkPolicy":
		p := new(clusterPolicy)
		w.cluster = append(w.cluster, p)
		return yaml.Unmarshal(doc, p)
	case "Service", "ServiceAccount", "Ingress", "GatewayClass", "Gateway", "HTTPRoute", "ReferenceGrant":
	default:
		return fmt.Errorf("kind %q is not expected here", head.Kind)
	}
	return nil
}

func (w *world) peerMatches(home string, p peer, l *load) bool {
	if p.IPBlock != nil || l.pod.Spec.HostNetwork {
		return false
	}
	if p.NamespaceSelector == nil {
		if l.meta.Namespace != home {
			return false
		}
	} else if !p.NamespaceSelector.matches(w.namespaces[l.meta.Namespace]) {
		return false
	}
	return p.PodSelector == nil || p.PodSelector.matches(l.pod.Metadata.Labels)
}

func (w *world) matches(home string, p peer) int {
	n := 0
	for _, l := range w.workloads {
		if w.peerMatches(home, p, l) {
			n++
		}
	}
	return n
}

// protocol of a port, TCP where none is given.
func protocol(p string) string {
	if p == "" {
		return "TCP"
	}
	return p
}

// portMatches asks whether the policy's port means this port of dst.
func portMatches(p port, dst *load, proto string, number int) bool {
	if protocol(p.Protocol) != proto {
		return false
	}
	switch v := p.Port.(type) {
	case nil:
		return true
	case float64:
		return int(v) == number || p.EndPort > 0 && number >= int(v) && number <= p.EndPort
	case string:
		for _, c := range dst.pod.Spec.Containers {
			for _, cp := range c.Ports {
				if cp.Name == v && cp.ContainerPort == number && protocol(cp.Protocol) == proto {
					return true
				}
			}
		}
	}
	return false
}

func (w *world) clusterPeerMatches(p clusterPeer, l *load) bool {
	if p.Namespaces != nil {
		return p.Namespaces.matches(w.namespaces[l.meta.Namespace])
	}
	return p.Pods != nil && p.Pods.NamespaceSelector.matches(w.namespaces[l.meta.Namespace]) && p.Pods.PodSelector.matches(l.pod.Metadata.Labels)
}

// tier gives Accept, Deny, Pass or "" for one direction.
func (w *world) tier(tier string, egress bool, src, dst *load, proto string, number int) string {
	self, other := dst, src
	if egress {
		self, other = src, dst
	}
	for _, p := range w.cluster {
		if p.Spec.Tier != tier || !w.clusterPeerMatches(p.Spec.Subject, self) {
			continue
		}
		rules := p.Spec.Ingress
		if egress {
			rules = p.Spec.Egress
		}
		for _, r := range rules {
			peers := r.From
			if egress {
				peers = r.To
			}
			hit := slices.ContainsFunc(peers, func(c clusterPeer) bool { return w.clusterPeerMatches(c, other) })
			if hit && len(r.Protocols) > 0 {
				hit = false
				for _, q := range r.Protocols {
					hit = hit || proto == "TCP" && q.TCP != nil && q.TCP.DestinationPort.Number == number
				}
			}
			if hit {
				return r.Action
			}
		}
	}
	return ""
}

// direction asks one side: admin tier, then NetworkPolicies if any selects the pod, else the baseline.
func (w *world) direction(egress bool, src, dst *load, proto string, number int) bool {
	switch w.tier("Admin", egress, src, dst, proto, number) {
	case "Accept":
		return true
	case "Deny":
		return false
	}
	self, other, kind := dst, src, "Ingress"
	if egress {
		self, other, kind = src, dst, "Egress"
	}
	isolated := false
	for _, p := range w.policies {
		if !p.selects(self) || !slices.Contains(p.Spec.PolicyTypes, kind) {
			continue
		}
		isolated = true
		rules := p.Spec.Ingress
		if egress {
			rules = p.Spec.Egress
		}
		for _, r := range rules {
			peers := append(append([]peer{}, r.From...), r.To...)
			peerOK := len(peers) == 0 || slices.ContainsFunc(peers, func(q peer) bool { return w.peerMatches(p.Metadata.Namespace, q, other) })
			portOK := len(r.Ports) == 0 || slices.ContainsFunc(r.Ports, func(q port) bool { return portMatches(q, dst, proto, number) })
			if peerOK && portOK {
				return true
			}
		}
	}
	return !isolated && w.tier("Baseline", egress, src, dst, proto, number) != "Deny"
}

// edge: some port that dst declares, or, where it declares none, any port, is open from src.
func (w *world) edge(src, dst *load) bool {
	declared := map[string]bool{"TCP/5432": true}
	for _, c := range dst.pod.Spec.Containers {
		for _, p := range c.Ports {
			declared[fmt.Sprintf("%s/%d", protocol(p.Protocol), p.ContainerPort)] = true
		}
	}
	for d := range declared {
		proto, number, _ := strings.Cut(d, "/")
		var n int
		if _, err := fmt.Sscan(number, &n); err == nil && w.direction(true, src, dst, proto, n) && w.direction(false, src, dst, proto, n) {
			return true
		}
	}
	return false
}

// reach is the number of hops to everything that can be reached from a workload, through compromise at each hop.
func (w *world) reach(from string) map[string]int {
	hops := map[string]int{from: 0}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, src := range w.workloads {
			if src.name() != queue[0] || src.pod.Spec.HostNetwork {
				continue
			}
			for _, dst := range w.workloads {
				if _, seen := hops[dst.name()]; !seen && !dst.pod.Spec.HostNetwork && w.edge(src, dst) {
					hops[dst.name()] = hops[src.name()] + 1
					queue = append(queue, dst.name())
				}
			}
		}
	}
	delete(hops, from)
	return hops
}
