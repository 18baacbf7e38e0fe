package clusterpolicy

import (
	"fmt"
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Kind is the kind that policies and reasons are named with.
const Kind = "ClusterNetworkPolicy"

// Limits of the API (kubebuilder validation of v1alpha2 and v1alpha1). An API
// server admits nothing beyond them.
const (
	maxPriority   = 1000
	maxItems      = 25
	maxAdminItems = 100 // rules, peers and ports of AdminNetworkPolicy
)

// form is how a kind spells what the kinds have in common.
type form struct {
	kind  string
	ports string // the field of a rule that lists ports
	items int    // at most so many rules in one direction
}

func clusterForm() form { return form{Kind, "protocols", maxItems} }

// Translate returns the policies, and a taint for each object that an API
// server would refuse.
func Translate(objects []manifest.Typed[v1alpha2.ClusterNetworkPolicy]) ([]segment.Policy, []segment.Taint) {
	var (
		policies []segment.Policy
		taints   []segment.Taint
	)
	for _, o := range objects {
		p, err := translate(clusterForm(), o.Object)
		policies, taints = keep(policies, taints, clusterForm(), o.Policy, &o.Object.Spec.Subject, p, err)
	}
	return policies, taints
}

// keep adds a translated policy, or the taint of one that an API server would
// refuse: on what its subject selects, if that can be read.
func keep(policies []segment.Policy, taints []segment.Taint, f form, o *estate.Policy, s *v1alpha2.ClusterNetworkPolicySubject, p *segment.Policy, err error) ([]segment.Policy, []segment.Taint) {
	if err != nil {
		t := segment.Taint{Object: f.kind + " " + o.Name, Reason: "its effect is not known: " + err.Error(), Cluster: o.Cluster,
			Only: segment.PodEndpoints, CanAllow: true, CanDeny: true, Gress: [2]bool{true, true}, Tier: segment.AdminTier}
		if (s.Namespaces == nil) != (s.Pods == nil) {
			if on, err := podSelector("spec.subject", s.Namespaces, s.Pods); err == nil {
				t.Pods, t.Namespaces = on.Pods, on.Namespaces
			}
		}
		return policies, append(taints, t)
	}
	p.Cluster = o.Cluster
	return append(policies, *p), taints
}

func translate(f form, o *v1alpha2.ClusterNetworkPolicy) (*segment.Policy, error) {
	p := &segment.Policy{Kind: f.kind, Name: o.Name, Priority: int(o.Spec.Priority)}
	switch o.Spec.Tier {
	case v1alpha2.AdminTier:
		p.Tier = segment.AdminTier
	case v1alpha2.BaselineTier:
		p.Tier = segment.BaselineTier
	default:
		return nil, fmt.Errorf("spec.tier %q is neither Admin nor Baseline", o.Spec.Tier)
	}
	if o.Spec.Priority < 0 || o.Spec.Priority > maxPriority {
		return nil, fmt.Errorf("spec.priority %d is not within 0–%d", o.Spec.Priority, maxPriority)
	}
	if (o.Spec.Subject.Namespaces == nil) == (o.Spec.Subject.Pods == nil) {
		return nil, fmt.Errorf("spec.subject must have exactly one of namespaces and pods")
	}
	var err error
	if p.Subject, err = podSelector("spec.subject", o.Spec.Subject.Namespaces, o.Spec.Subject.Pods); err != nil {
		return nil, err
	}
	if len(o.Spec.Ingress) > f.items || len(o.Spec.Egress) > f.items {
		return nil, fmt.Errorf("spec has more than %d rules in one direction", f.items)
	}
	for i := range o.Spec.Ingress {
		in := &o.Spec.Ingress[i]
		path := fmt.Sprintf("spec.ingress[%d]", i)
		r, err := rule(f, path, i, in.Name, in.Action, in.Protocols)
		if err != nil {
			return nil, err
		}
		for j := range in.From {
			from := &in.From[j]
			peers, err := podPeer(fmt.Sprintf("%s.from[%d]", path, j), from.Namespaces, from.Pods)
			if err != nil {
				return nil, err
			}
			r.Peers = append(r.Peers, peers...)
		}
		if len(r.Peers) == 0 {
			return nil, fmt.Errorf("%s.from is empty", path)
		}
		p.Rules[segment.Ingress] = append(p.Rules[segment.Ingress], r)
	}
	for i := range o.Spec.Egress {
		e := &o.Spec.Egress[i]
		path := fmt.Sprintf("spec.egress[%d]", i)
		r, err := rule(f, path, i, e.Name, e.Action, e.Protocols)
		if err != nil {
			return nil, err
		}
		for j := range e.To {
			peers, err := egressPeer(fmt.Sprintf("%s.to[%d]", path, j), &e.To[j], e.Action)
			if err != nil {
				return nil, err
			}
			r.Peers = append(r.Peers, peers...)
		}
		if len(r.Peers) == 0 {
			return nil, fmt.Errorf("%s.to is empty", path)
		}
		p.Rules[segment.Egress] = append(p.Rules[segment.Egress], r)
	}
	return p, nil
}

func rule(f form, path string, index int, name string, action v1alpha2.ClusterNetworkPolicyRuleAction, protocols []v1alpha2.ClusterNetworkPolicyProtocol) (segment.Rule, error) {
	r := segment.Rule{Index: index, Name: name}
	switch action {
	case v1alpha2.ClusterNetworkPolicyRuleActionAccept:
		r.Action = segment.Allow
	case v1alpha2.ClusterNetworkPolicyRuleActionDeny:
		r.Action = segment.Deny
	case v1alpha2.ClusterNetworkPolicyRuleActionPass:
		r.Action = segment.Pass
	default:
		return r, fmt.Errorf("%s.action %q is none of Accept, Deny, Pass", path, action)
	}
	for i := range protocols {
		pm, err := portMatch(&protocols[i])
		if err != nil {
			return r, fmt.Errorf("%s.%s[%d]: %w", path, f.ports, i, err)
		}
		r.Ports = append(r.Ports, pm)
	}
	return r, nil
}

func portMatch(p *v1alpha2.ClusterNetworkPolicyProtocol) (segment.PortMatch, error) {
	set := 0
	var (
		proto segment.Protocol
		port  *v1alpha2.Port
	)
	if p.TCP != nil {
		set, proto, port = set+1, segment.TCP, p.TCP.DestinationPort
	}
	if p.UDP != nil {
		set, proto, port = set+1, segment.UDP, p.UDP.DestinationPort
	}
	if p.SCTP != nil {
		set, proto, port = set+1, segment.SCTP, p.SCTP.DestinationPort
	}
	if p.DestinationNamedPort != "" {
		set++
	}
	if set != 1 {
		return segment.PortMatch{}, fmt.Errorf("exactly one of tcp, udp, sctp and destinationNamedPort must be set")
	}
	switch {
	case p.DestinationNamedPort != "":
		return segment.PortMatch{Name: p.DestinationNamedPort, AnyProtocol: true}, nil
	case port == nil:
		return segment.PortMatch{Protocol: proto, From: 1, To: 65535}, nil
	case port.Range != nil && port.Number != 0:
		return segment.PortMatch{}, fmt.Errorf("destinationPort has both number and range")
	case port.Range != nil:
		return interval(proto, port.Range.Start, port.Range.End)
	default:
		return interval(proto, port.Number, port.Number)
	}
}

func interval(proto segment.Protocol, from, to int32) (segment.PortMatch, error) {
	const maxPort = 65535
	if from < 1 || from > maxPort || to > maxPort || to < from {
		return segment.PortMatch{}, fmt.Errorf("destinationPort %d–%d is not within 1–%d", from, to, maxPort)
	}
	return segment.PortMatch{Protocol: proto, From: uint16(from), To: uint16(to)}, nil
}

func podSelector(path string, namespaces *metav1.LabelSelector, pods *v1alpha2.NamespacedPod) (segment.PodSelector, error) {
	var (
		s   segment.PodSelector
		err error
	)
	if pods == nil {
		s.Namespaces, err = Selector(path+".namespaces", namespaces)
		return s, err
	}
	if s.Namespaces, err = Selector(path+".pods.namespaceSelector", &pods.NamespaceSelector); err != nil {
		return s, err
	}
	s.Pods, err = Selector(path+".pods.podSelector", &pods.PodSelector)
	return s, err
}

// podPeer translates the peers that both directions know.
func podPeer(path string, namespaces *metav1.LabelSelector, pods *v1alpha2.NamespacedPod) ([]segment.Peer, error) {
	switch {
	case namespaces != nil && pods != nil:
		return nil, fmt.Errorf("%s has both namespaces and pods", path)
	case namespaces == nil && pods == nil:
		return []segment.Peer{{Kind: segment.PeerUnreadable}}, nil
	}
	s, err := podSelector(path, namespaces, pods)
	if err != nil {
		return nil, err
	}
	return []segment.Peer{{Kind: segment.PeerPods, Pods: s}}, nil
}

func egressPeer(path string, p *v1alpha2.ClusterNetworkPolicyEgressPeer, action v1alpha2.ClusterNetworkPolicyRuleAction) ([]segment.Peer, error) {
	set := 0
	for _, b := range []bool{p.Namespaces != nil, p.Pods != nil, p.Nodes != nil, len(p.Networks) > 0, len(p.DomainNames) > 0} {
		if b {
			set++
		}
	}
	if set > 1 {
		return nil, fmt.Errorf("%s has more than one kind of peer", path)
	}
	switch {
	case p.Nodes != nil:
		s, err := Selector(path+".nodes", p.Nodes)
		if err != nil {
			return nil, err
		}
		return []segment.Peer{{Kind: segment.PeerNodes, Nodes: s}}, nil
	case len(p.Networks) > 0:
		if len(p.Networks) > maxItems {
			return nil, fmt.Errorf("%s has more than %d networks", path, maxItems)
		}
		var out []segment.Peer
		for _, n := range p.Networks {
			prefix, err := netip.ParsePrefix(string(n))
			if err != nil || prefix.Addr().Is4In6() { // the API's isCIDR refuses IPv4-mapped addresses
				return nil, fmt.Errorf("%s: %.60q is not a CIDR", path, string(n))
			}
			out = append(out, segment.Peer{Kind: segment.PeerCIDR, CIDR: prefix.Masked(), MatchesPods: true})
		}
		return out, nil
	case len(p.DomainNames) > 0:
		if action != v1alpha2.ClusterNetworkPolicyRuleActionAccept {
			return nil, fmt.Errorf("%s has domainNames, which only Accept rules may have", path)
		}
		if len(p.DomainNames) > maxItems {
			return nil, fmt.Errorf("%s has more than %d domain names", path, maxItems)
		}
		peer := segment.Peer{Kind: segment.PeerDomain}
		for _, n := range p.DomainNames {
			peer.Domains = append(peer.Domains, string(n))
		}
		return []segment.Peer{peer}, nil
	}
	return podPeer(path, p.Namespaces, p.Pods)
}

var operators = map[metav1.LabelSelectorOperator]segment.Operator{
	metav1.LabelSelectorOpIn: segment.In, metav1.LabelSelectorOpNotIn: segment.NotIn,
	metav1.LabelSelectorOpExists: segment.Exists, metav1.LabelSelectorOpDoesNotExist: segment.DoesNotExist,
}

// Selector translates a label selector that an API server would admit; nil
// selects everything, as the empty one does. path names the field in errors.
func Selector(path string, s *metav1.LabelSelector) (segment.Selector, error) {
	if s == nil {
		return nil, nil
	}
	if !admitted(s) {
		if errs := validation.ValidateLabelSelector(s, validation.LabelSelectorValidationOptions{}, field.NewPath(path)); len(errs) > 0 {
			return nil, errs[0]
		}
	}
	reqs := make([]segment.Requirement, 0, len(s.MatchLabels)+len(s.MatchExpressions))
	for k, v := range s.MatchLabels {
		reqs = append(reqs, segment.Requirement{Key: k, Op: segment.In, Values: []string{v}})
	}
	for _, e := range s.MatchExpressions {
		reqs = append(reqs, segment.Requirement{Key: e.Key, Op: operators[e.Operator], Values: e.Values})
	}
	return segment.NewSelector(reqs), nil
}

// admitted reports whether a selector certainly has no fault: it is labels, as most
// are, and each is one. Of any other, the validator that says what is wrong is asked.
func admitted(s *metav1.LabelSelector) bool {
	if len(s.MatchExpressions) > 0 {
		return false
	}
	for k, v := range s.MatchLabels {
		if !segment.ValidLabelKey(k) || !segment.ValidLabelValue(v) {
			return false
		}
	}
	return true
}
