package k8s

import (
	"cmp"
	"maps"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/cilium"
	"github.com/cofferdam-io/cofferdam/segment/clusterpolicy"
)

// Policies translates the policies of a set as if they were part of a model that
// Model has made: for a change of policies whose effect is asked about. Objects
// that cannot be translated become taints, as those of a kind do of which it is
// not known whether the network enforces it.
func Policies(m *segment.Model, set *manifest.Set) ([]segment.Policy, []segment.Taint) {
	b := &builder{set: set, m: &segment.Model{Profile: m.Profile, Namespaces: m.Namespaces, Endpoints: m.Endpoints}}
	b.translate()
	b.policiesInMesh()
	return b.m.Policies, b.m.Taints
}

// policies adds what the policies of every kind say, as far as the network
// enforces the kind.
func (b *builder) policies() {
	b.translate()
	b.boundPorts()
	b.labelServiceAccounts()
	profile := &b.m.Profile
	if (profile.Isolating || profile.IsolatingDoubt != "") && profile.Enforced {
		b.isolateAll()
	}
	b.ambient()
}

// translate adds the policies of the set.
func (b *builder) translate() {
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
	policies = nodesInDoubt(blocksInDoubt(policies, profile.NetworksDoubt), profile.NodesDoubt)
	policies, taints = baselineInDoubt(policies, taints, profile.BaselineTierDoubt)
	b.enforce(profile.ClusterNetworkPolicy, policies, taints)
	policies, taints = clusterpolicy.TranslateAdmin(b.set.AdminNetworkPolicies, b.set.BaselineAdminNetworkPolicies)
	b.enforce(profile.AdminNetworkPolicy, policies, taints)
	policies, taints = cilium.Translate(b.set.CiliumPolicies)
	b.enforce(profile.CiliumNetworkPolicy, blocksInDoubt(policies, profile.CiliumBlockDoubt), taints)
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
		reason := b.m.Profile.Name + " does not enforce it"
		if !b.m.Profile.Enforced {
			reason = "nothing is enforced"
		}
		seen := make(map[string]bool)
		idle := func(object string) {
			if !seen[object] {
				seen[object] = true
				b.m.WithoutEffect = append(b.m.WithoutEffect, segment.WithoutEffect{Object: object, Reason: reason})
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

// blocksInDoubt leaves it open, for a reason that is not empty, whether blocks of
// addresses match pods and nodes.
func blocksInDoubt(policies []segment.Policy, doubt string) []segment.Policy {
	if doubt == "" {
		return policies
	}
	unsure := segment.Profile{PodBlockDoubt: doubt, NodeBlockDoubt: doubt}
	for i := range policies {
		for _, rules := range policies[i].Rules {
			for j := range rules {
				var peers []segment.Peer
				for _, p := range rules[j].Peers {
					peers = append(peers, inDoubt(p, &unsure)...)
				}
				rules[j].Peers = peers
			}
		}
	}
	return policies
}

// nodesInDoubt leaves it open, for a reason that is not empty, whether peers that
// are nodes or domain names match.
func nodesInDoubt(policies []segment.Policy, doubt string) []segment.Policy {
	if doubt == "" {
		return policies
	}
	for i := range policies {
		for _, rules := range policies[i].Rules {
			for j := range rules {
				for k := range rules[j].Peers {
					if p := &rules[j].Peers[k]; (p.Kind == segment.PeerNodes || p.Kind == segment.PeerDomain) && p.Doubt == "" {
						p.Doubt = doubt
					}
				}
			}
		}
	}
	return policies
}

// baselineInDoubt makes what policies of the Baseline tier select unknown, for a
// reason that is not empty.
func baselineInDoubt(policies []segment.Policy, taints []segment.Taint, doubt string) ([]segment.Policy, []segment.Taint) {
	if doubt == "" {
		return policies, taints
	}
	var rest []segment.Policy
	for i := range policies {
		if p := &policies[i]; p.Tier == segment.BaselineTier {
			taints = append(taints, p.Unknown(doubt))
		} else {
			rest = append(rest, *p)
		}
	}
	return rest, taints
}

// labelServiceAccounts gives endpoints the label of their service account where a
// policy asks for it.
func (b *builder) labelServiceAccounts() {
	if len(b.set.CiliumPolicies) == 0 {
		return
	}
	asks := func(s segment.PodSelector) bool {
		return slices.ContainsFunc(s.Pods, func(r segment.Requirement) bool { return r.Key == cilium.ServiceAccountLabel })
	}
	wanted := slices.ContainsFunc(b.m.Policies, func(p segment.Policy) bool {
		for _, rules := range p.Rules {
			for i := range rules {
				if slices.ContainsFunc(rules[i].Peers, func(p segment.Peer) bool { return asks(p.Pods) }) {
					return true
				}
			}
		}
		return asks(p.Subject)
	}) || slices.ContainsFunc(b.m.Taints, func(t segment.Taint) bool { return asks(segment.PodSelector{Pods: t.Pods}) })
	if !wanted {
		return
	}
	for i := range b.m.Endpoints {
		labels := maps.Clone(b.m.Endpoints[i].Labels)
		if labels == nil {
			labels = make(map[string]string, 1)
		}
		labels[cilium.ServiceAccountLabel] = cmp.Or(b.specs[i].ServiceAccount, "default")
		b.m.Endpoints[i].Labels = labels
	}
}

// isolateAll isolates every pod of every cluster, as a network set to enforce
// policies always does, or leaves it unknown.
func (b *builder) isolateAll() {
	seen := make(map[string]bool)
	for _, n := range b.m.Namespaces {
		if seen[n.Cluster] {
			continue
		}
		seen[n.Cluster] = true
		p := segment.Policy{Kind: "setting of the network", Cluster: n.Cluster, Name: b.m.Profile.Note,
			Tier: segment.NetworkPolicyTier, Isolates: [2]bool{true, true}}
		if doubt := b.m.Profile.IsolatingDoubt; doubt != "" {
			b.m.Taints = append(b.m.Taints, p.Unknown(doubt))
			continue
		}
		b.m.Policies = append(b.m.Policies, p)
	}
}
