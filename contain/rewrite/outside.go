package rewrite

import (
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// ranges are the addresses outside the public internet that an ipBlock can name. IPv4
// addresses in the form of IPv6 are none: the API refuses them, and no packet has one.
func ranges() []netip.Prefix {
	return slices.DeleteFunc(segment.SpecialRanges(), func(p netip.Prefix) bool { return p.Addr().Is4In6() })
}

// notPublic reports whether a block holds no address of the public internet. One that
// cannot be read may.
func notPublic(b *networkingv1.IPBlock) bool {
	p, err := netip.ParsePrefix(b.CIDR)
	return err == nil && !segment.PublicBlock(p)
}

// withoutPublic is what a block names outside the public internet; false if it cannot
// be read.
func withoutPublic(b *networkingv1.IPBlock) ([]networkingv1.NetworkPolicyPeer, bool) {
	block, err := netip.ParsePrefix(b.CIDR)
	if err != nil || block.Addr().Is4In6() {
		return nil, false
	}
	var out []networkingv1.NetworkPolicyPeer
	for _, r := range ranges() {
		switch {
		case !r.Overlaps(block):
			continue
		case r.Bits() <= block.Bits(): // the whole of it
			return []networkingv1.NetworkPolicyPeer{{IPBlock: b.DeepCopy()}}, true
		}
		inside := &networkingv1.IPBlock{CIDR: r.String()}
		all := false
		for _, x := range b.Except {
			except, err := netip.ParsePrefix(x)
			if err != nil {
				return nil, false
			}
			if !except.Overlaps(r) {
				continue
			}
			if all = all || except.Bits() <= r.Bits(); !all {
				inside.Except = append(inside.Except, x)
			}
		}
		if !all {
			out = append(out, networkingv1.NetworkPolicyPeer{IPBlock: inside})
		}
	}
	return out, true
}

// onlyInside makes a policy for a workload that none isolates: every pod and every
// address stays but those of the public internet. It says why there is none.
func (w *work) onlyInside(edge int, workload ident.Ref) (reason string) {
	r := w.r
	i := r.index[workload]
	if slices.ContainsFunc(r.pods[i], func(pod int) bool { return r.isolated(pod, segment.Ingress) }) {
		return "NetworkPolicies isolate some of its pods and not all"
	}
	everybody, why := (&narrowing{r: r}).everybody(true)
	if why != "" {
		return "no NetworkPolicy isolates it, and one that does must let all others through: " + why
	}
	got := r.picker.Pick([]int{i})
	if len(got.Missing) > 0 {
		return workload.Short() + " has pods in several namespaces"
	}
	if len(got.Also) > 0 {
		return inseparable(&got, []int{i}, r).reason
	}
	var from []networkingv1.NetworkPolicyPeer
	for _, p := range everybody {
		if p.IPBlock == nil {
			from = append(from, p)
			continue
		}
		inside, _ := withoutPublic(p.IPBlock) // the whole of a family
		from = append(from, inside...)
	}
	at := segment.Policy{Cluster: workload.Cluster, Namespace: got.Namespace}
	w.inside = append(w.inside, Change{Cluster: workload.Cluster, Edges: []int{edge}, NewPods: []string{"as a pod that the policy is about: " + got.NewPods},
		Why: "the internet may open no connections to " + workload.Short() + "; whoever else may, still may",
		New: &networkingv1.NetworkPolicy{
			TypeMeta:   metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: kind},
			ObjectMeta: metav1.ObjectMeta{Namespace: got.Namespace, Name: r.named(&at, dns(workload.Name)+"-not-from-internet", w.names)},
			Spec: networkingv1.NetworkPolicySpec{
				PodSelector: pick.LabelSelector(got.Selector),
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
				Ingress:     []networkingv1.NetworkPolicyIngressRule{{From: from}},
			},
		}})
	return ""
}
