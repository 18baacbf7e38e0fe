package clusterpolicy

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/segment"
)

// The kinds of v1alpha1, which ClusterNetworkPolicy replaces.
const (
	AdminKind    = "AdminNetworkPolicy"
	BaselineKind = "BaselineAdminNetworkPolicy"
)

// baselineName is the only name that the API server admits for the baseline.
const baselineName = "default"

// TranslateAdmin returns the policies of the v1alpha1 kinds, and a taint for each
// object that an API server would refuse. What v1alpha2 says in other words is
// put into those first: the tiers, the actions and the peers are the same.
func TranslateAdmin(admin []manifest.Typed[v1alpha1.AdminNetworkPolicy], baseline []manifest.Typed[v1alpha1.BaselineAdminNetworkPolicy]) ([]segment.Policy, []segment.Taint) {
	var (
		policies []segment.Policy
		taints   []segment.Taint
	)
	for _, o := range admin {
		f := form{AdminKind, "ports", maxAdminItems}
		c, err := fromAdmin(o.Object)
		var p *segment.Policy
		if err == nil {
			p, err = translate(f, c)
		}
		policies, taints = keep(policies, taints, f, o.Policy, subject(&o.Object.Spec.Subject), p, err)
	}
	for _, o := range baseline {
		f := form{BaselineKind, "ports", maxAdminItems}
		c, err := fromBaseline(o.Object)
		var p *segment.Policy
		if err == nil {
			p, err = translate(f, c)
		}
		policies, taints = keep(policies, taints, f, o.Policy, subject(&o.Object.Spec.Subject), p, err)
	}
	return policies, taints
}

func fromAdmin(o *v1alpha1.AdminNetworkPolicy) (*v1alpha2.ClusterNetworkPolicy, error) {
	c := &v1alpha2.ClusterNetworkPolicy{ObjectMeta: o.ObjectMeta}
	c.Spec.Tier, c.Spec.Priority, c.Spec.Subject = v1alpha2.AdminTier, o.Spec.Priority, *subject(&o.Spec.Subject)
	for i := range o.Spec.Ingress {
		in := &o.Spec.Ingress[i]
		if err := addIngress(c, in.Name, string(in.Action), in.From, in.Ports); err != nil {
			return nil, err
		}
	}
	for i := range o.Spec.Egress {
		e := &o.Spec.Egress[i]
		r, err := egressRule(c, e.Name, string(e.Action), e.Ports)
		if err != nil {
			return nil, err
		}
		for j := range e.To {
			to := &e.To[j]
			p := v1alpha2.ClusterNetworkPolicyEgressPeer{Namespaces: to.Namespaces, Pods: pods(to.Pods), Nodes: to.Nodes, Networks: networks(to.Networks)}
			for _, d := range to.DomainNames {
				p.DomainNames = append(p.DomainNames, v1alpha2.DomainName(d))
			}
			r.To = append(r.To, p)
		}
		c.Spec.Egress = append(c.Spec.Egress, *r)
	}
	return c, nil
}

func fromBaseline(o *v1alpha1.BaselineAdminNetworkPolicy) (*v1alpha2.ClusterNetworkPolicy, error) {
	if o.Name != baselineName {
		return nil, fmt.Errorf("metadata.name must be %q: a cluster has one baseline", baselineName)
	}
	c := &v1alpha2.ClusterNetworkPolicy{ObjectMeta: o.ObjectMeta}
	c.Spec.Tier, c.Spec.Subject = v1alpha2.BaselineTier, *subject(&o.Spec.Subject)
	for i := range o.Spec.Ingress {
		in := &o.Spec.Ingress[i]
		if err := addIngress(c, in.Name, baselineAction(in.Action), in.From, in.Ports); err != nil {
			return nil, err
		}
	}
	for i := range o.Spec.Egress {
		e := &o.Spec.Egress[i]
		r, err := egressRule(c, e.Name, baselineAction(e.Action), e.Ports)
		if err != nil {
			return nil, err
		}
		for j := range e.To {
			to := &e.To[j]
			r.To = append(r.To, v1alpha2.ClusterNetworkPolicyEgressPeer{Namespaces: to.Namespaces, Pods: pods(to.Pods), Nodes: to.Nodes, Networks: networks(to.Networks)})
		}
		c.Spec.Egress = append(c.Spec.Egress, *r)
	}
	return c, nil
}

// baselineAction leaves out Pass, which a baseline has nothing to pass to.
func baselineAction(a v1alpha1.BaselineAdminNetworkPolicyRuleAction) string {
	if string(a) == string(v1alpha1.AdminNetworkPolicyRuleActionPass) {
		return "Pass in a baseline"
	}
	return string(a)
}

func addIngress(c *v1alpha2.ClusterNetworkPolicy, name, action string, from []v1alpha1.AdminNetworkPolicyIngressPeer, ports *[]v1alpha1.AdminNetworkPolicyPort) error {
	path := fmt.Sprintf("spec.ingress[%d]", len(c.Spec.Ingress))
	r := v1alpha2.ClusterNetworkPolicyIngressRule{Name: name}
	var err error
	if r.Action, r.Protocols, err = filter(path, action, ports); err != nil {
		return err
	}
	if len(from) > maxAdminItems {
		return fmt.Errorf("%s.from has more than %d items", path, maxAdminItems)
	}
	for i := range from {
		r.From = append(r.From, v1alpha2.ClusterNetworkPolicyIngressPeer{Namespaces: from[i].Namespaces, Pods: pods(from[i].Pods)})
	}
	c.Spec.Ingress = append(c.Spec.Ingress, r)
	return nil
}

// egressRule is the next egress rule, without its peers.
func egressRule(c *v1alpha2.ClusterNetworkPolicy, name, action string, ports *[]v1alpha1.AdminNetworkPolicyPort) (*v1alpha2.ClusterNetworkPolicyEgressRule, error) {
	r := &v1alpha2.ClusterNetworkPolicyEgressRule{Name: name}
	var err error
	r.Action, r.Protocols, err = filter(fmt.Sprintf("spec.egress[%d]", len(c.Spec.Egress)), action, ports)
	return r, err
}

// filter translates the action and the ports of a rule.
func filter(path, action string, ports *[]v1alpha1.AdminNetworkPolicyPort) (v1alpha2.ClusterNetworkPolicyRuleAction, []v1alpha2.ClusterNetworkPolicyProtocol, error) {
	var a v1alpha2.ClusterNetworkPolicyRuleAction
	switch v1alpha1.AdminNetworkPolicyRuleAction(action) {
	case v1alpha1.AdminNetworkPolicyRuleActionAllow:
		a = v1alpha2.ClusterNetworkPolicyRuleActionAccept
	case v1alpha1.AdminNetworkPolicyRuleActionDeny:
		a = v1alpha2.ClusterNetworkPolicyRuleActionDeny
	case v1alpha1.AdminNetworkPolicyRuleActionPass:
		a = v1alpha2.ClusterNetworkPolicyRuleActionPass
	default:
		return a, nil, fmt.Errorf("%s.action %.30q is none of Allow, Deny, Pass", path, action)
	}
	if ports == nil {
		return a, nil, nil
	}
	if n := len(*ports); n == 0 || n > maxAdminItems {
		return a, nil, fmt.Errorf("%s.ports has %d items, and may have 1–%d", path, n, maxAdminItems)
	}
	var out []v1alpha2.ClusterNetworkPolicyProtocol
	for i := range *ports {
		p, err := protocol(&(*ports)[i])
		if err != nil {
			return a, nil, fmt.Errorf("%s.ports[%d]: %w", path, i, err)
		}
		out = append(out, p)
	}
	return a, out, nil
}

func protocol(p *v1alpha1.AdminNetworkPolicyPort) (v1alpha2.ClusterNetworkPolicyProtocol, error) {
	set := 0
	for _, b := range []bool{p.PortNumber != nil, p.NamedPort != nil, p.PortRange != nil} {
		if b {
			set++
		}
	}
	switch {
	case set != 1:
		return v1alpha2.ClusterNetworkPolicyProtocol{}, fmt.Errorf("exactly one of portNumber, namedPort and portRange must be set")
	case p.NamedPort != nil:
		if *p.NamedPort == "" {
			return v1alpha2.ClusterNetworkPolicyProtocol{}, fmt.Errorf("namedPort is empty")
		}
		return v1alpha2.ClusterNetworkPolicyProtocol{DestinationNamedPort: *p.NamedPort}, nil
	case p.PortRange != nil:
		return onPort(p.PortRange.Protocol, &v1alpha2.Port{Range: &v1alpha2.PortRange{Start: p.PortRange.Start, End: p.PortRange.End}})
	}
	return onPort(p.PortNumber.Protocol, &v1alpha2.Port{Number: p.PortNumber.Port})
}

// onPort names a port of a protocol, which is TCP where none is given.
func onPort(proto corev1.Protocol, port *v1alpha2.Port) (v1alpha2.ClusterNetworkPolicyProtocol, error) {
	switch proto {
	case corev1.ProtocolTCP, "":
		return v1alpha2.ClusterNetworkPolicyProtocol{TCP: &v1alpha2.ClusterNetworkPolicyProtocolTCP{DestinationPort: port}}, nil
	case corev1.ProtocolUDP:
		return v1alpha2.ClusterNetworkPolicyProtocol{UDP: &v1alpha2.ClusterNetworkPolicyProtocolUDP{DestinationPort: port}}, nil
	case corev1.ProtocolSCTP:
		return v1alpha2.ClusterNetworkPolicyProtocol{SCTP: &v1alpha2.ClusterNetworkPolicyProtocolSCTP{DestinationPort: port}}, nil
	}
	return v1alpha2.ClusterNetworkPolicyProtocol{}, fmt.Errorf("protocol %.20q is none of TCP, UDP, SCTP", proto)
}

func subject(s *v1alpha1.AdminNetworkPolicySubject) *v1alpha2.ClusterNetworkPolicySubject {
	return &v1alpha2.ClusterNetworkPolicySubject{Namespaces: s.Namespaces, Pods: pods(s.Pods)}
}

func pods(p *v1alpha1.NamespacedPod) *v1alpha2.NamespacedPod {
	if p == nil {
		return nil
	}
	return &v1alpha2.NamespacedPod{NamespaceSelector: p.NamespaceSelector, PodSelector: p.PodSelector}
}

func networks(list []v1alpha1.CIDR) []v1alpha2.CIDR {
	var out []v1alpha2.CIDR
	for _, n := range list {
		out = append(out, v1alpha2.CIDR(n))
	}
	return out
}
