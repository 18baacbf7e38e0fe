package rewrite

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// nameLabel is set by the API server on every namespace.
const nameLabel = "kubernetes.io/metadata.name"

func comparePolicies(a, b *segment.Policy) int {
	return cmp.Or(strings.Compare(a.Cluster, b.Cluster), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

// onHost reports whether policies see a pod as its node.
func (r *Rewriter) onHost(endpoint int) bool {
	return r.m.Endpoints[endpoint].HostNetwork && !r.m.Profile.HostNetworkPoliced
}

// inSpace says whether a selector selects a namespace: Maybe where its labels are
// not known.
func inSpace(n *segment.Namespace, s segment.Selector) segment.Answer {
	if n.Declared {
		if s.Matches(n.Labels) {
			return segment.Yes
		}
		return segment.No
	}
	out := segment.Yes
	for i := range s {
		if _, known := n.Labels[s[i].Key]; !known {
			out = segment.Maybe
		} else if !s[i : i+1].Matches(n.Labels) {
			return segment.No
		}
	}
	return out
}

// selects says whether a selection of pods may hold an endpoint of its cluster.
func (r *Rewriter) selects(cluster string, s *segment.PodSelector, endpoint int) bool {
	e := &r.m.Endpoints[endpoint]
	n := &r.m.Namespaces[e.Namespace]
	if n.Cluster != cluster || r.onHost(endpoint) || s.InNamespace != "" && s.InNamespace != n.Name {
		return false
	}
	return (s.InNamespace != "" || inSpace(n, s.Namespaces) != segment.No) && s.Pods.Matches(e.Labels)
}

// selected lists the endpoints of a workload that a policy may select.
func (r *Rewriter) selected(p *segment.Policy, workload int) []int {
	var out []int
	for _, e := range r.pods[workload] {
		if r.selects(p.Cluster, &p.Subject, e) {
			out = append(out, e)
		}
	}
	return out
}

// impossible says why an edge cannot be cut by taking anything away from
// NetworkPolicies; "" if nothing is known against it.
func (r *Rewriter) impossible(e *Edge) (reason string, notIsolated bool) {
	subject, peer := e.ends()
	s, ok := r.index[subject]
	if !ok {
		return "no workload " + subject.String() + " is in the input", false
	}
	o, ok := r.index[peer]
	outside := peer.CIDR == ident.Internet && e.At == segment.Ingress && len(e.Keep) == 0
	switch p := &r.m.Profile; {
	case outside && p.Enforced && p.NetworkPolicy == segment.Yes:
		o = s // the subject is all there is to look at
	case !ok && !outside:
		return "no workload " + peer.String() + " is in the input", false
	case s == o && !outside:
		return "connections of a workload to itself are not cut", false
	case subject.Cluster != peer.Cluster && !outside:
		return "they are in different clusters", false
	case !p.Enforced || p.NetworkPolicy == segment.No:
		return p.Name + " does not enforce NetworkPolicies", false
	case p.NetworkPolicy != segment.Yes:
		return "whether " + p.Name + " enforces NetworkPolicies is not known", false
	}
	for _, w := range [...]int{s, o} {
		if len(r.pods[w]) == 0 {
			return r.m.Workloads[w].Ref.Short() + " has no pods in the input, and no template of one", false
		}
		if slices.ContainsFunc(r.pods[w], r.onHost) {
			return r.m.Workloads[w].Ref.Short() + " has pods on the host network, which NetworkPolicies cannot name", false
		}
	}
	d := e.At & 1
	for _, pod := range r.pods[s] {
		if !r.isolated(pod, d) {
			return "no NetworkPolicy isolates " + r.m.Endpoints[pod].Ref.Short() + " for " + d.String(), true
		}
	}
	if outside {
		return "", false // what else lets it in, the proof finds
	}
	return r.otherwise(s, o, d), false
}

// isolated reports whether a pod accepts only what some rule allows.
func (r *Rewriter) isolated(pod int, d segment.Gress) bool {
	for i := range r.m.Policies {
		if p := &r.m.Policies[i]; p.Tier == segment.NetworkPolicyTier && p.Isolates[d] && r.certainly(p, pod) {
			return true
		}
	}
	return false
}

// certainly reports whether a policy selects a pod beyond doubt.
func (r *Rewriter) certainly(p *segment.Policy, pod int) bool {
	if !r.selects(p.Cluster, &p.Subject, pod) {
		return false
	}
	return p.Subject.InNamespace != "" || inSpace(&r.m.Namespaces[r.m.Endpoints[pod].Namespace], p.Subject.Namespaces) == segment.Yes
}

// otherwise says what allows, or may allow, traffic between two workloads whatever
// NetworkPolicies say; "" if nothing does.
func (r *Rewriter) otherwise(subject, peer int, d segment.Gress) string {
	for i := range r.m.Policies {
		p := &r.m.Policies[i]
		final := p.Tier == segment.AdminTier
		if !final && (p.Tier != segment.NetworkPolicyTier || p.Kind == kind) || len(r.selected(p, subject)) == 0 {
			continue
		}
		for j := range p.Rules[d] {
			if x := &p.Rules[d][j]; x.Action == segment.Allow && r.mayName(p, x, peer) {
				if final {
					return p.Object() + " may accept it in the Admin tier, above every NetworkPolicy"
				}
				return p.Object() + " may allow it beside the NetworkPolicies"
			}
		}
	}
	for i := range r.m.Taints {
		t := &r.m.Taints[i]
		if !t.CanAllow || !t.Gress[d] {
			continue
		}
		for _, e := range r.pods[subject] {
			if r.touches(t, e) {
				return t.Object + " may allow it: " + t.Reason
			}
		}
	}
	return ""
}

func (r *Rewriter) touches(t *segment.Taint, endpoint int) bool {
	e := &r.m.Endpoints[endpoint]
	n := &r.m.Namespaces[e.Namespace]
	return n.Cluster == t.Cluster && (t.Namespace == "" || t.Namespace == n.Name) && inSpace(n, t.Namespaces) != segment.No &&
		t.Only != segment.HostEndpoints && t.Pods.Matches(e.Labels)
}

// mayName reports whether a rule may name pods of a workload among its peers.
func (r *Rewriter) mayName(p *segment.Policy, x *segment.Rule, workload int) bool {
	if len(x.Peers) == 0 {
		return true
	}
	for i := range x.Peers {
		peer := &x.Peers[i]
		for _, e := range r.pods[workload] {
			hit := true
			switch peer.Kind {
			case segment.PeerPods:
				hit = r.selects(p.Cluster, &peer.Pods, e)
			case segment.PeerCIDR:
				hit = peer.MatchesPods && r.inBlock(peer, e)
			case segment.PeerNodes, segment.PeerDomain:
				hit = false // pods on the host network are not asked about
			}
			if hit {
				return true
			}
		}
	}
	return false
}

// inBlock reports whether a block of addresses may hold an endpoint.
func (r *Rewriter) inBlock(p *segment.Peer, endpoint int) bool {
	ips := r.m.Endpoints[endpoint].IPs
	for _, a := range ips {
		if in := p.CIDR.Contains(a); in {
			for _, x := range p.Except {
				in = in && !x.Contains(a)
			}
			if in {
				return true
			}
		}
	}
	return len(ips) == 0
}

func (r *Rewriter) ref(workload int) ident.Ref { return r.m.Workloads[workload].Ref }
