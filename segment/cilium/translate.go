package cilium

import (
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/estate/manifest/ciliumv2"
	"github.com/cofferdam-io/cofferdam/segment"
)

// ServiceAccountLabel is the label that a pod's identity has for its service
// account; selectors may ask for it (Endpoints does), and no pod carries it.
const ServiceAccountLabel = "io.cilium.k8s.policy.serviceaccount"

// Translate returns the policies of the objects: for each rule one in the
// NetworkPolicy tier, and one in the Deny tier if it has denials. Objects that
// Cilium would refuse, and parts of which the effect is not known, become taints.
func Translate(objects []manifest.Typed[ciliumv2.Policy]) ([]segment.Policy, []segment.Taint) {
	var (
		policies []segment.Policy
		taints   []segment.Taint
	)
	for _, o := range objects {
		for i, r := range o.Object.Rules() {
			t := &translation{cluster: o.Policy.Cluster, kind: o.Policy.Kind, namespace: o.Policy.Namespace, name: o.Policy.Name, path: "spec"}
			if o.Object.Spec == nil || i > 0 {
				n := i
				if o.Object.Spec != nil {
					n--
				}
				t.path = fmt.Sprintf("specs[%d]", n)
			}
			ps, ts := t.rule(r)
			policies, taints = append(policies, ps...), append(taints, ts...)
		}
	}
	return policies, taints
}

// translation of one rule of an object.
type translation struct {
	cluster, kind, namespace, name string
	path                           string // "spec" or "specs[2]"
	taints                         []segment.Taint
}

// rule translates one spec.
func (t *translation) rule(r *ciliumv2.Rule) ([]segment.Policy, []segment.Taint) {
	if (r.EndpointSelector == nil) == (r.NodeSelector == nil) {
		return nil, t.unknown(segment.PodSelector{InNamespace: t.namespace}, [2]bool{true, true},
			fmt.Errorf("%s must have exactly one of endpointSelector and nodeSelector", t.path))
	}
	filters := [2]bool{}
	filters[segment.Ingress] = len(r.Ingress)+len(r.IngressDeny) > 0
	filters[segment.Egress] = len(r.Egress)+len(r.EgressDeny) > 0
	if r.NodeSelector != nil {
		if t.namespace != "" {
			return nil, t.unknown(segment.PodSelector{InNamespace: t.namespace}, filters, fmt.Errorf("%s.nodeSelector is for the clusterwide kind only", t.path))
		}
		return nil, []segment.Taint{{Object: t.object(), Reason: "policies for nodes (the host firewall) are not modelled", Cluster: t.cluster,
			Only: segment.HostEndpoints, CanDeny: true, Gress: filters, Tier: segment.AdminTier}}
	}
	subject, some, err := t.subject(r.EndpointSelector)
	if err != nil {
		return nil, t.unknown(segment.PodSelector{InNamespace: t.namespace}, filters, err)
	}
	if !some {
		return nil, nil // it selects endpoints of Cilium's own, and no pods
	}
	allow := segment.Policy{Kind: t.kind, Cluster: t.cluster, Namespace: t.namespace, Name: t.name, Tier: segment.NetworkPolicyTier, Subject: subject.Pods}
	deny := allow
	deny.Tier = segment.DenyTier
	if err := t.rules(r, &allow, &deny, filters); err != nil {
		return nil, t.unknown(subject.Pods, filters, err)
	}
	if subject.Doubt != "" {
		for _, p := range present(allow, deny) {
			t.taints = append(t.taints, p.Unknown(subject.Doubt))
		}
		return nil, t.taints
	}
	return present(allow, deny), t.taints
}

// present leaves out policies that say nothing.
func present(policies ...segment.Policy) []segment.Policy {
	return slices.DeleteFunc(policies, func(p segment.Policy) bool {
		return p.Isolates == [2]bool{} && len(p.Rules[0])+len(p.Rules[1]) == 0
	})
}

// rules fills both policies of a spec.
func (t *translation) rules(r *ciliumv2.Rule, allow, deny *segment.Policy, filters [2]bool) error {
	for d, explicit := range map[segment.Gress]*bool{segment.Ingress: r.EnableDefaultDeny.Ingress, segment.Egress: r.EnableDefaultDeny.Egress} {
		// A direction is closed by having rules in it, whatever they are, unless the
		// object says otherwise (Cilium documentation, "Policy Enforcement Modes").
		allow.Isolates[d] = filters[d]
		switch {
		case explicit == nil:
		case !*explicit:
			allow.Isolates[d] = false
		case !filters[d]:
			// Versions differ in whether a direction without rules is closed.
			taint := allow.Unknown("enableDefaultDeny without rules closes the direction in some versions of Cilium and not in others")
			taint.Gress[d], taint.CanDeny = true, true
			t.taints = append(t.taints, taint)
		}
	}
	add := func(list string, d segment.Gress, i int, isDeny bool, f *ciliumv2.Filter, peers func(path string) (*peerSet, error)) error {
		path := fmt.Sprintf("%s.%s[%d]", t.path, list, i)
		set, err := peers(path)
		if err != nil {
			return err
		}
		into, action := allow, segment.Allow
		if isDeny {
			into, action = deny, segment.Deny
		}
		ports, err := t.filter(path, f, isDeny)
		if err != nil {
			return err
		}
		rule := segment.Rule{Index: i, Name: t.ruleName(path), Action: action}
		into.Rules[d] = append(into.Rules[d], ports.rules(set, rule)...)
		if !allow.Isolates[d] {
			// Nothing closes the direction, but what a proxy sees it may refuse.
			rule.Action = segment.Deny
			deny.Rules[d] = append(deny.Rules[d], ports.doubts(set, rule)...)
		}
		return nil
	}
	for _, list := range []struct {
		name string
		of   []ciliumv2.IngressRule
		deny bool
	}{{"ingress", r.Ingress, false}, {"ingressDeny", r.IngressDeny, true}} {
		for i := range list.of {
			in := &list.of[i]
			if err := add(list.name, segment.Ingress, i, list.deny, &in.Filter, func(path string) (*peerSet, error) { return t.from(path, in) }); err != nil {
				return err
			}
		}
	}
	for _, list := range []struct {
		name string
		of   []ciliumv2.EgressRule
		deny bool
	}{{"egress", r.Egress, false}, {"egressDeny", r.EgressDeny, true}} {
		for i := range list.of {
			e := &list.of[i]
			if err := add(list.name, segment.Egress, i, list.deny, &e.Filter, func(path string) (*peerSet, error) { return t.to(path, e) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// ruleName tells rules of several specs of one object apart.
func (t *translation) ruleName(path string) string {
	if t.path == "spec" {
		return ""
	}
	return path
}

func (t *translation) object() string {
	if t.namespace == "" {
		return t.kind + " " + t.name
	}
	return t.kind + " " + t.namespace + "/" + t.name
}

// unknown is the taint of an object that Cilium would refuse, or that cannot be
// translated: on what it selects, in the directions that it filters.
func (t *translation) unknown(on segment.PodSelector, filters [2]bool, err error) []segment.Taint {
	if !filters[0] && !filters[1] {
		filters = [2]bool{true, true}
	}
	return []segment.Taint{{Object: t.object(), Reason: "its effect is not known: " + err.Error(), Cluster: t.cluster, Namespace: on.InNamespace,
		Pods: on.Pods, Namespaces: on.Namespaces, Only: segment.PodEndpoints, CanAllow: true, CanDeny: true, Gress: filters, Tier: segment.AdminTier}}
}
