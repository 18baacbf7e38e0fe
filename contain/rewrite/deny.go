package rewrite

import (
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Default asks for a default deny with an allow list.
type Default struct {
	Workload  ident.Ref
	Direction segment.Gress
	Allow     []Need
	// WithoutDNS leaves out that egress may ask the cluster's DNS.
	WithoutDNS bool
}

// Need is a connection that stays allowed: from Peer, for ingress, or to it.
type Need struct {
	Peer  ident.Ref // a workload, a block of addresses, or the word internet
	Conns []segment.Conn
}

// Denial is the policy that a default deny becomes, and what it does beyond what
// was asked for.
type Denial struct {
	Cluster string
	Policy  *networkingv1.NetworkPolicy
	// Isolated is true where a policy isolates the workload already: then this one
	// takes nothing away, and what it allows is allowed beside that.
	Isolated bool
	// Also are neighbours that it isolates too; Quarantine ("key=value") is the
	// label that would separate.
	Also       []ident.Ref
	Quarantine string
	// Wider are needs whose peer brings others along, Unwritten those that are not
	// in the policy.
	Wider, Unwritten []Remark
	NewPods          string
	// DNS says how the cluster's DNS was found; "" where it is not in the policy.
	DNS string
}

// Remark is about one need.
type Remark struct {
	Need   Need
	Reason string
}

// DefaultDeny makes a NetworkPolicy that isolates a workload in one direction but
// for what is needed. It fails where the workload is not one that a NetworkPolicy
// of this network isolates.
func (r *Rewriter) DefaultDeny(x *Default) (*Denial, error) {
	return r.denial(x, make(map[[3]string]bool))
}

func (r *Rewriter) denial(x *Default, taken map[[3]string]bool) (*Denial, error) {
	w, ok := r.index[x.Workload]
	profile := &r.m.Profile
	switch {
	case !ok:
		return nil, ident.Errorf(ident.KindNotFound, "no workload %s is in the input", x.Workload)
	case len(r.pods[w]) == 0:
		return nil, ident.Errorf(ident.KindUnsupported, "%s has no pods in the input, and no template of one", x.Workload)
	case slices.ContainsFunc(r.pods[w], r.onHost):
		return nil, ident.Errorf(ident.KindUnsupported, "%s has pods on the host network, which NetworkPolicies do not select", x.Workload)
	case !profile.Enforced || profile.NetworkPolicy != segment.Yes:
		return nil, ident.Errorf(ident.KindUnsupported, "%s is not known to enforce NetworkPolicies", profile.Name)
	}
	d := x.Direction & 1
	got := r.picker.Pick([]int{w})
	if len(got.Missing) > 0 {
		return nil, ident.Errorf(ident.KindUnsupported, "%s has pods in several namespaces", x.Workload)
	}
	out := &Denial{Cluster: x.Workload.Cluster, Also: got.Also, Quarantine: got.Quarantine, NewPods: got.NewPods}
	out.Isolated = slices.ContainsFunc(r.pods[w], func(pod int) bool { return r.isolated(pod, d) })
	np := &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: got.Namespace},
		Spec:       networkingv1.NetworkPolicySpec{PodSelector: pick.LabelSelector(got.Selector)},
	}
	at := segment.Policy{Cluster: x.Workload.Cluster, Namespace: got.Namespace}
	np.Name = r.named(&at, dns(x.Workload.Name)+"-default-deny-"+d.String(), taken)
	rules := r.allow(got.Namespace, x.Allow, out)
	if d == segment.Egress {
		if !x.WithoutDNS {
			rules = append([]rule{r.nameService(x.Workload.Cluster, out)}, rules...)
		}
		np.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
	} else {
		np.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	}
	setRules(&policy{read: &at}, &np.Spec, d, rules)
	out.Policy = np
	return out, nil
}

// allow makes a rule of all needs with the same connections.
func (r *Rewriter) allow(own string, needs []Need, out *Denial) []rule {
	type alike struct {
		conns  []segment.Conn
		spaces map[string][]int // namespace → workloads
		blocks []networkingv1.NetworkPolicyPeer
	}
	var found []*alike
	for _, n := range needs {
		conns := segment.Common(segment.EveryPort(), segment.Union(n.Conns, nil))
		leave := func(why string) { out.Unwritten = append(out.Unwritten, Remark{n, why}) }
		if len(conns) == 0 {
			leave("it names no connection")
			continue
		}
		i := slices.IndexFunc(found, func(x *alike) bool { return slices.Equal(x.conns, conns) })
		if i < 0 {
			i = len(found)
			found = append(found, &alike{conns: conns, spaces: make(map[string][]int)})
		}
		x := found[i]
		if n.Peer.IsCIDR() {
			blocks, err := blocksOf(n.Peer)
			if err != nil {
				leave(err.Error())
				continue
			}
			if p := &r.m.Profile; p.IPBlockMatchesPods || p.PodBlockDoubt != "" {
				out.Wider = append(out.Wider, Remark{n, "blocks of addresses may match pods on this network"})
			}
			x.blocks = append(x.blocks, blocks...)
			continue
		}
		w, ok := r.index[n.Peer]
		switch {
		case !ok:
			leave("no workload " + n.Peer.String() + " is in the input")
		case n.Peer.Cluster != out.Cluster:
			leave("it is in another cluster")
		case len(r.pods[w]) == 0:
			leave("it has no pods in the input, and no template of one")
		case slices.ContainsFunc(r.pods[w], r.onHost):
			leave("it has pods on the host network, which NetworkPolicies cannot name")
		default:
			ns := r.m.Namespaces[r.m.Endpoints[r.pods[w][0]].Namespace].Name
			if !slices.Contains(x.spaces[ns], w) {
				x.spaces[ns] = append(x.spaces[ns], w)
			}
		}
	}
	slices.SortFunc(found, func(a, b *alike) int {
		return strings.Compare(segment.Summary(a.conns, len(a.conns)), segment.Summary(b.conns, len(b.conns)))
	})
	var rules []rule
	for _, x := range found {
		var peers []networkingv1.NetworkPolicyPeer
		for _, ns := range sortedKeys(x.spaces) {
			for _, sel := range r.admitting(x.spaces[ns], x.conns, out) {
				p := networkingv1.NetworkPolicyPeer{PodSelector: &sel}
				if ns != own {
					p.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{nameLabel: ns}}
				}
				peers = append(peers, p)
			}
		}
		if peers = append(peers, x.blocks...); len(peers) > 0 { // no peers would be everybody
			rules = append(rules, rule{peers, asPorts(x.conns)})
		}
	}
	return rules
}

// admitting finds selectors for workloads of one namespace.
func (r *Rewriter) admitting(workloads []int, conns []segment.Conn, out *Denial) []metav1.LabelSelector {
	all := r.picker.Pick(workloads)
	if len(all.Also) == 0 {
		return []metav1.LabelSelector{pick.LabelSelector(all.Selector)}
	}
	var sels []metav1.LabelSelector
	for _, w := range workloads {
		one := r.picker.Pick([]int{w})
		if len(one.Also) > 0 {
			out.Wider = append(out.Wider, Remark{Need{r.ref(w), conns}, "labels cannot separate it from " + short(one.Also)})
		}
		sels = append(sels, pick.LabelSelector(one.Selector))
	}
	return sels
}

func sortedKeys(m map[string][]int) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// blocksOf writes addresses as peers. The word internet is every address but those
// of private networks (RFC 1918, RFC 6598, RFC 4193) and of links (RFC 3927,
// RFC 4291), where clouds have their metadata.
func blocksOf(p ident.Ref) ([]networkingv1.NetworkPolicyPeer, error) {
	if p.CIDR == ident.Internet {
		return []networkingv1.NetworkPolicyPeer{
			{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}}},
			{IPBlock: &networkingv1.IPBlock{CIDR: "::/0", Except: []string{"fc00::/7", "fe80::/10"}}},
		}, nil
	}
	b, err := netip.ParsePrefix(p.CIDR)
	if err != nil || b.Addr().Is4In6() {
		return nil, ident.Errorf(ident.KindInvalid, "%.60q is not a block of addresses that a policy may name", p.CIDR)
	}
	return []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: b.Masked().String()}}}, nil
}

// nameServicePort is where names are asked for (RFC 1035, section 4.2).
const nameServicePort = 53

// nameService makes the rule that lets DNS through: to the pods behind the
// cluster's DNS service, on the ports that they have, which need not be 53.
func (r *Rewriter) nameService(cluster string, out *Denial) rule {
	peer := networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{nameLabel: "kube-system"}},
		PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
	}
	conns := []segment.Conn{{Protocol: segment.TCP, From: nameServicePort, To: nameServicePort}, {Protocol: segment.UDP, From: nameServicePort, To: nameServicePort}}
	for _, s := range r.set.Estate.Services {
		standard := s.Namespace == "kube-system" && (s.Labels["k8s-app"] == "kube-dns" || s.Name == "kube-dns" || s.Name == "coredns")
		if s.Cluster != cluster || len(s.Selector) == 0 || !standard && (s.Namespace != "openshift-dns" || s.Name != "dns-default") {
			continue
		}
		peer.NamespaceSelector.MatchLabels[nameLabel] = s.Namespace
		peer.PodSelector = &metav1.LabelSelector{MatchLabels: s.Selector}
		for _, p := range s.Ports {
			proto, ok := segment.ParseProtocol(p.Protocol)
			if ok && p.Port == nameServicePort && p.TargetPort != 0 && p.TargetPort != nameServicePort {
				conns = append(conns, segment.Conn{Protocol: proto, From: p.TargetPort, To: p.TargetPort})
			}
		}
		out.DNS = "the pods of Service " + s.Namespace + "/" + s.Name
		return rule{[]networkingv1.NetworkPolicyPeer{peer}, asPorts(segment.Union(conns, nil))}
	}
	out.DNS = "pods with k8s-app=kube-dns in kube-system, as is usual; the input has no Service for DNS"
	for i := range r.m.Endpoints {
		e := &r.m.Endpoints[i]
		if n := &r.m.Namespaces[e.Namespace]; n.Cluster == cluster && n.Name == "kube-system" && e.Labels["k8s-app"] == "kube-dns" {
			out.DNS = "the pods with k8s-app=kube-dns in kube-system"
			break
		}
	}
	return rule{[]networkingv1.NetworkPolicyPeer{peer}, asPorts(conns)}
}
