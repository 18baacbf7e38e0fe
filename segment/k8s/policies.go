package k8s

import (
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/clusterpolicy"
)

// policies adds what the policies of every kind say, as far as the network
// enforces the kind.
func (b *builder) policies() {
	profile := &b.m.Profile
	var (
		policies []segment.Policy
		taints   []segment.Taint
	)
	for _, o := range b.set.NetworkPolicies {
		p, t := networkPolicy(o.Policy.Cluster, o.Object, *profile)
		if p != nil {
			policies = append(policies, *p)
		}
		if t != nil {
			taints = append(taints, *t)
		}
	}
	b.enforce(profile.NetworkPolicy, policies, taints)
	policies, taints = clusterpolicy.Translate(b.set.ClusterNetworkPolicies)
	b.enforce(profile.ClusterNetworkPolicy, policies, taints)
	if profile.Isolating && profile.Enforced {
		b.isolateAll()
	}
}

// enforce adds policies of a kind with an effect, names those without one, and
// makes what they select unknown where that is not known. taints are of objects
// that could not be translated.
func (b *builder) enforce(support segment.Answer, policies []segment.Policy, taints []segment.Taint) {
	switch support {
	case segment.Yes:
		b.m.Policies = append(b.m.Policies, policies...)
		b.m.Taints = append(b.m.Taints, taints...)
	case segment.Maybe:
		for i := range policies {
			t := policies[i].Unknown("whether " + b.m.Profile.Name + " enforces it is not known")
			b.m.Taints = append(b.m.Taints, t)
		}
		b.m.Taints = append(b.m.Taints, taints...)
	default:
		seen := make(map[string]bool)
		idle := func(object string) {
			if !seen[object] {
				seen[object] = true
				b.m.WithoutEffect = append(b.m.WithoutEffect, segment.WithoutEffect{Object: object, Reason: b.m.Profile.Name + " does not enforce it"})
			}
		}
		for i := range policies {
			idle(policies[i].Object())
		}
		for i := range taints {
			idle(taints[i].Object)
		}
	}
}

// isolateAll isolates every pod of every cluster, as a network set to enforce
// policies always does.
func (b *builder) isolateAll() {
	seen := make(map[string]bool)
	for _, n := range b.m.Namespaces {
		if seen[n.Cluster] {
			continue
		}
		seen[n.Cluster] = true
		b.m.Policies = append(b.m.Policies, segment.Policy{Kind: "setting of the network", Cluster: n.Cluster, Name: b.m.Profile.Note,
			Tier: segment.NetworkPolicyTier, Isolates: [2]bool{true, true}})
	}
}
