package rewrite_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	policyv1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

func some(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// randomEstate makes a small estate in which everything is likely to meet: few
// keys, few values, few ports. Each seed gives one.
func randomEstate(seed uint64) (*manifest.Set, segment.Profile) {
	r := rand.New(rand.NewPCG(seed, 11))
	set := &manifest.Set{Estate: &estate.Estate{}}
	spaces := 1 + r.IntN(3)
	clusters := make([]string, spaces) // by namespace
	for i := range spaces {
		if spaces > 1 && r.IntN(8) == 0 {
			clusters[i] = "other"
		}
		n := &estate.Namespace{Cluster: clusters[i], Name: fmt.Sprintf("ns%d", i), Declared: r.IntN(8) > 0}
		n.Labels = map[string]string{"kubernetes.io/metadata.name": n.Name}
		if n.Declared && r.IntN(2) == 0 {
			n.Labels["team"] = some(r, "x", "y")
		}
		set.Estate.Namespaces = append(set.Estate.Namespaces, n)
	}
	for i := range 2 + r.IntN(6) {
		at := r.IntN(spaces)
		ns, cluster := fmt.Sprintf("ns%d", at), clusters[at]
		w := &estate.Workload{Ref: ident.Ref{Cluster: cluster, Namespace: ns, Kind: "Deployment", Name: fmt.Sprintf("w%d", i)}}
		labels := randomLabels(r)
		if r.IntN(3) > 0 {
			labels["id"] = w.Ref.Name // most can be told apart
		}
		w.Template = &estate.PodTemplate{Labels: labels, Spec: randomPodSpec(r)}
		if r.IntN(4) > 0 {
			for j := range 1 + r.IntN(2) {
				p := &estate.Pod{Cluster: cluster, Namespace: ns, Name: fmt.Sprintf("w%d-%d", i, j), Labels: labels, Workload: w, Spec: w.Template.Spec}
				if r.IntN(8) == 0 {
					p.Labels = randomLabels(r)
				}
				if r.IntN(3) == 0 {
					p.Spec = randomPodSpec(r)
				}
				if r.IntN(4) > 0 {
					p.IPs = []netip.Addr{netip.AddrFrom4([4]byte{10, byte(r.IntN(2)), 0, byte(1 + len(set.Estate.Pods))})} //nolint:gosec // few
				}
				set.Estate.Pods = append(set.Estate.Pods, p)
				w.Pods = append(w.Pods, p)
			}
		}
		set.Estate.Workloads = append(set.Estate.Workloads, w)
	}
	for i := range 1 + r.IntN(5) {
		at := r.IntN(spaces)
		np := randomPolicy(r, fmt.Sprintf("ns%d", at), fmt.Sprintf("np%d", i))
		set.NetworkPolicies = append(set.NetworkPolicies, manifest.Typed[networkingv1.NetworkPolicy]{Object: np,
			Policy: &estate.Policy{Cluster: clusters[at], Namespace: np.Namespace, Name: np.Name, Kind: "NetworkPolicy"}})
	}
	if r.IntN(3) == 0 {
		set.ClusterNetworkPolicies = append(set.ClusterNetworkPolicies, randomClusterPolicy(r))
	}
	if r.IntN(10) == 0 {
		set.Estate.Unmodelled = append(set.Estate.Unmodelled, &estate.Unmodelled{Namespace: "ns0", Name: "foreign", Kind: "Foreign",
			Selector: map[string]string{"app": some(r, "a", "b")}, Effect: estate.Effect(r.IntN(2))}) //nolint:gosec // two of them
	}
	profile := segment.Generic()
	profile.IPBlockMatchesPods = r.IntN(5) == 0
	profile.IPBlockSkipsNodes = r.IntN(6) == 0
	profile.HostNetworkPoliced = r.IntN(4) == 0
	if r.IntN(12) == 0 {
		profile.PodBlockDoubt = "it is not known"
	}
	if r.IntN(12) == 0 {
		profile.NodeBlockDoubt = "it is not known"
	}
	return set, profile
}

// randomClusterPolicy makes an object of a tier around that of NetworkPolicies.
func randomClusterPolicy(r *rand.Rand) manifest.Typed[policyv1alpha2.ClusterNetworkPolicy] {
	o := &policyv1alpha2.ClusterNetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "cnp"}}
	o.Spec.Tier = policyv1alpha2.Tier(some(r, "Admin", "Baseline"))
	pods := func() *policyv1alpha2.NamespacedPod {
		return &policyv1alpha2.NamespacedPod{NamespaceSelector: *randomSelector(r, []string{"team", "kubernetes.io/metadata.name"}, []string{"x", "ns0"}), PodSelector: *randomPods(r)}
	}
	o.Spec.Subject.Pods = pods()
	action := func() policyv1alpha2.ClusterNetworkPolicyRuleAction {
		return policyv1alpha2.ClusterNetworkPolicyRuleAction(some(r, "Accept", "Deny", "Pass"))
	}
	for range r.IntN(3) {
		o.Spec.Ingress = append(o.Spec.Ingress, policyv1alpha2.ClusterNetworkPolicyIngressRule{Action: action(), From: []policyv1alpha2.ClusterNetworkPolicyIngressPeer{{Pods: pods()}}})
		o.Spec.Egress = append(o.Spec.Egress, policyv1alpha2.ClusterNetworkPolicyEgressRule{Action: action(), To: []policyv1alpha2.ClusterNetworkPolicyEgressPeer{{Pods: pods()}}})
	}
	return manifest.Typed[policyv1alpha2.ClusterNetworkPolicy]{Object: o, Policy: &estate.Policy{Name: o.Name, Kind: "ClusterNetworkPolicy"}}
}

func randomLabels(r *rand.Rand) map[string]string {
	l := map[string]string{"pod-template-hash": fmt.Sprint(r.IntN(50))}
	for _, k := range []string{"app", "tier"} {
		if r.IntN(4) > 0 {
			l[k] = some(r, "a", "b", "c")
		}
	}
	return l
}

func randomPodSpec(r *rand.Rand) estate.PodSpec {
	s := estate.PodSpec{HostNetwork: r.IntN(40) == 0}
	c := estate.Container{Name: "c", Kind: estate.Ordinary}
	for _, name := range []string{"http", "dns"} {
		if r.IntN(2) == 0 {
			c.Ports = append(c.Ports, estate.ContainerPort{Name: name, Port: []uint16{53, 80, 8080}[r.IntN(3)], Protocol: some(r, "TCP", "UDP")})
		}
	}
	s.Containers = []estate.Container{c}
	return s
}

func randomSelector(r *rand.Rand, keys, values []string) *metav1.LabelSelector {
	s := &metav1.LabelSelector{}
	for range []int{0, 1, 1, 1, 2}[r.IntN(5)] {
		k := some(r, keys...)
		switch r.IntN(6) {
		case 0:
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: k, Operator: metav1.LabelSelectorOpIn, Values: []string{some(r, values...), some(r, values...)}})
		case 1:
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: k, Operator: metav1.LabelSelectorOpNotIn, Values: []string{some(r, values...)}})
		case 2:
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: k, Operator: metav1.LabelSelectorOperator(some(r, "Exists", "DoesNotExist"))})
		default:
			if s.MatchLabels == nil {
				s.MatchLabels = make(map[string]string)
			}
			s.MatchLabels[k] = some(r, values...)
		}
	}
	return s
}

func randomPods(r *rand.Rand) *metav1.LabelSelector {
	return randomSelector(r, []string{"app", "tier", "app", "tier", "id", "pod-template-hash"}, []string{"a", "b", "c", "w1", "w2"})
}

func randomPolicy(r *rand.Rand, ns, name string) *networkingv1.NetworkPolicy {
	np := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	if r.IntN(2) == 0 {
		np.Spec.PodSelector = *randomPods(r)
	}
	switch r.IntN(4) {
	case 0:
		np.Spec.PolicyTypes = []networkingv1.PolicyType{"Ingress"}
	case 1:
		np.Spec.PolicyTypes = []networkingv1.PolicyType{"Egress"}
	case 2:
		np.Spec.PolicyTypes = []networkingv1.PolicyType{"Ingress", "Egress"}
	}
	for range r.IntN(3) {
		np.Spec.Ingress = append(np.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: randomPeers(r), Ports: randomPorts(r)})
	}
	for range r.IntN(3) {
		np.Spec.Egress = append(np.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: randomPeers(r), Ports: randomPorts(r)})
	}
	return np
}

func randomPeers(r *rand.Rand) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for range r.IntN(3) {
		var p networkingv1.NetworkPolicyPeer
		switch r.IntN(8) {
		case 0:
			p.IPBlock = &networkingv1.IPBlock{CIDR: some(r, "0.0.0.0/0", "10.0.0.0/16", "8.8.0.0/16", "::/0")}
			if p.IPBlock.CIDR == "0.0.0.0/0" && r.IntN(2) == 0 {
				p.IPBlock.Except = []string{"10.0.0.0/8"}
			}
		case 1, 2, 3:
			p.PodSelector = randomPods(r)
		default:
			p.NamespaceSelector = randomSelector(r, []string{"team", "kubernetes.io/metadata.name", "kubernetes.io/metadata.name"}, []string{"x", "ns0", "ns1"})
			if r.IntN(2) == 0 {
				p.PodSelector = randomPods(r)
			}
		}
		out = append(out, p)
	}
	return out
}

func randomPorts(r *rand.Rand) []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for range r.IntN(3) {
		var p networkingv1.NetworkPolicyPort
		if r.IntN(2) == 0 {
			proto := corev1.Protocol(some(r, "TCP", "UDP"))
			p.Protocol = &proto
		}
		switch r.IntN(4) {
		case 0, 1:
			name := intstr.FromString(some(r, "http", "dns"))
			p.Port = &name
		case 2:
		default:
			n := intstr.FromInt32([]int32{53, 80, 443}[r.IntN(3)])
			p.Port = &n
			if r.IntN(3) == 0 {
				to := int32(8080)
				p.EndPort = &to
			}
		}
		out = append(out, p)
	}
	return out
}

func randomKeep(r *rand.Rand) []segment.Conn {
	if r.IntN(2) == 0 {
		return nil
	}
	var out []segment.Conn
	for range 1 + r.IntN(2) {
		from := []uint16{53, 80, 8080}[r.IntN(3)]
		out = append(out, segment.Conn{Protocol: segment.Protocol(r.IntN(2)), From: from, To: max(from, []uint16{53, 80, 443, 65535}[r.IntN(4)])}) //nolint:gosec // two of them
	}
	return out
}
