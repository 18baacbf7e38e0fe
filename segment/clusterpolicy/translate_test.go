package clusterpolicy_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/clusterpolicy"
)

// valid returns an object that an API server admits.
func valid() *v1alpha2.ClusterNetworkPolicy {
	all := &metav1.LabelSelector{}
	return &v1alpha2.ClusterNetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Spec: v1alpha2.ClusterNetworkPolicySpec{
			Tier: v1alpha2.AdminTier, Priority: 10, Subject: v1alpha2.ClusterNetworkPolicySubject{Namespaces: all},
			Ingress: []v1alpha2.ClusterNetworkPolicyIngressRule{{Action: v1alpha2.ClusterNetworkPolicyRuleActionDeny, From: []v1alpha2.ClusterNetworkPolicyIngressPeer{{Namespaces: all}}}},
			Egress:  []v1alpha2.ClusterNetworkPolicyEgressRule{{Action: v1alpha2.ClusterNetworkPolicyRuleActionAccept, To: []v1alpha2.ClusterNetworkPolicyEgressPeer{{Networks: []v1alpha2.CIDR{"10.0.0.0/8"}}}}},
		},
	}
}

func typed(o *v1alpha2.ClusterNetworkPolicy) []manifest.Typed[v1alpha2.ClusterNetworkPolicy] {
	return []manifest.Typed[v1alpha2.ClusterNetworkPolicy]{{Policy: &estate.Policy{Cluster: "c1", Name: o.Name}, Object: o}}
}

func TestRefusedObjectsBecomeTaints(t *testing.T) {
	for want, spoil := range map[string]func(*v1alpha2.ClusterNetworkPolicySpec){
		"spec.tier":              func(s *v1alpha2.ClusterNetworkPolicySpec) { s.Tier = "Middle" },
		"spec.priority":          func(s *v1alpha2.ClusterNetworkPolicySpec) { s.Priority = 1001 },
		"spec.subject":           func(s *v1alpha2.ClusterNetworkPolicySpec) { s.Subject.Pods = &v1alpha2.NamespacedPod{} },
		"spec.ingress[0].action": func(s *v1alpha2.ClusterNetworkPolicySpec) { s.Ingress[0].Action = "Allow" },
		"spec.ingress[0].from":   func(s *v1alpha2.ClusterNetworkPolicySpec) { s.Ingress[0].From = nil },
		"spec.egress[0].to is":   func(s *v1alpha2.ClusterNetworkPolicySpec) { s.Egress[0].To = nil },
		"spec.egress[0].to[0]": func(s *v1alpha2.ClusterNetworkPolicySpec) {
			s.Egress[0].To[0].Networks = []v1alpha2.CIDR{"10.0.0.0/99"}
		},
		"::ffff:10.0.0.0/104": func(s *v1alpha2.ClusterNetworkPolicySpec) {
			s.Egress[0].To[0].Networks = []v1alpha2.CIDR{"::ffff:10.0.0.0/104"}
		},
		"more than one kind": func(s *v1alpha2.ClusterNetworkPolicySpec) { s.Egress[0].To[0].Nodes = &metav1.LabelSelector{} },
		"only Accept":        func(s *v1alpha2.ClusterNetworkPolicySpec) { s.Egress[0] = domainDeny() },
		"more than 25 rules": func(s *v1alpha2.ClusterNetworkPolicySpec) {
			s.Ingress = make([]v1alpha2.ClusterNetworkPolicyIngressRule, 26)
		},
		"operator": func(s *v1alpha2.ClusterNetworkPolicySpec) { s.Subject.Namespaces = badSelector() },
		"exactly one of tcp": func(s *v1alpha2.ClusterNetworkPolicySpec) {
			s.Ingress[0].Protocols = []v1alpha2.ClusterNetworkPolicyProtocol{{}}
		},
		"destinationPort 0–0": func(s *v1alpha2.ClusterNetworkPolicySpec) { s.Ingress[0].Protocols = tcp(v1alpha2.Port{}) },
		"both number and range": func(s *v1alpha2.ClusterNetworkPolicySpec) {
			s.Ingress[0].Protocols = tcp(v1alpha2.Port{Number: 1, Range: &v1alpha2.PortRange{Start: 1, End: 2}})
		},
		"destinationPort 9–8": func(s *v1alpha2.ClusterNetworkPolicySpec) {
			s.Ingress[0].Protocols = tcp(v1alpha2.Port{Range: &v1alpha2.PortRange{Start: 9, End: 8}})
		},
		"both namespaces and pods": func(s *v1alpha2.ClusterNetworkPolicySpec) { s.Ingress[0].From[0].Pods = &v1alpha2.NamespacedPod{} },
	} {
		o := valid()
		spoil(&o.Spec)
		policies, taints := clusterpolicy.Translate(typed(o))
		if len(policies) != 0 || len(taints) != 1 || !strings.Contains(taints[0].Reason, want) || taints[0].Cluster != "c1" || !taints[0].CanAllow || !taints[0].CanDeny {
			t.Errorf("want a taint about %q, got %+v and %+v", want, policies, taints)
		}
	}
}

func domainDeny() v1alpha2.ClusterNetworkPolicyEgressRule {
	return v1alpha2.ClusterNetworkPolicyEgressRule{Action: v1alpha2.ClusterNetworkPolicyRuleActionDeny, To: []v1alpha2.ClusterNetworkPolicyEgressPeer{{DomainNames: []v1alpha2.DomainName{"example.org"}}}}
}

func badSelector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
}

func tcp(p v1alpha2.Port) []v1alpha2.ClusterNetworkPolicyProtocol {
	return []v1alpha2.ClusterNetworkPolicyProtocol{{TCP: &v1alpha2.ClusterNetworkPolicyProtocolTCP{DestinationPort: &p}}}
}

func TestPeersThatAreNotPods(t *testing.T) {
	o := valid()
	o.Spec.Egress[0].To = []v1alpha2.ClusterNetworkPolicyEgressPeer{{Nodes: &metav1.LabelSelector{}}, {DomainNames: []v1alpha2.DomainName{"*.example.org"}}, {}}
	policies, taints := clusterpolicy.Translate(typed(o))
	if len(policies) != 1 || len(taints) != 0 {
		t.Fatalf("%+v, %+v", policies, taints)
	}
	var kinds []segment.PeerKind
	for _, p := range policies[0].Rules[segment.Egress][0].Peers {
		kinds = append(kinds, p.Kind)
	}
	if fmt.Sprint(kinds) != fmt.Sprint([]segment.PeerKind{segment.PeerNodes, segment.PeerDomain, segment.PeerUnreadable}) {
		t.Errorf("%v", kinds)
	}
}

func ExampleTranslate() {
	policies, taints := clusterpolicy.Translate(typed(valid()))
	p := policies[0]
	fmt.Println(p.Object(), p.Tier, p.Priority, p.Rules[segment.Ingress][0].Action, len(taints))
	// Output: ClusterNetworkPolicy p admin 10 deny 0
}
