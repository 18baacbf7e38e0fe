package cni

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Names returns the names of the profiles, sorted but for generic, the first, and
// none, the last.
func Names() []string {
	return []string{Generic, AWS, Calico, Cilium, Kindnet, KubeNP, OVN, None}
}

// ByName returns the profile of a plugin of which only the name is known: what
// differs between its versions, or hangs on its settings, is unknown, except
// that settings have their default values.
func ByName(name string) (segment.Profile, bool) {
	if !slices.Contains(Names(), name) {
		return segment.Profile{}, false
	}
	p := at(name, Version{})
	p.Origin = "chosen"
	return p, true
}

// Auto is the name that leaves the choice to what the input shows.
const Auto = "auto"

// For returns the profile of a name, or for auto, or none, what an estate shows.
// The error is for the person who named it.
func For(name string, e *estate.Estate) (segment.Profile, error) {
	if name == "" || name == Auto {
		return Choose(e), nil
	}
	p, ok := ByName(name)
	if !ok {
		return p, ident.Errorf(ident.KindUsage, "the network profile %.60q is not known", name).WithHint("cni is one of: %s, %s", Auto, strings.Join(Names(), ", "))
	}
	return p, nil
}

// at returns the profile of a plugin at a version, with its settings at their
// defaults.
func at(name string, v Version) segment.Profile {
	switch name {
	case Generic:
		return segment.Generic()
	case None:
		return segment.None()
	}
	facts := Facts()
	say := func(s Switch) segment.Answer { return value(facts, name, s, v) }
	p := segment.Profile{Name: name, Version: v.String(), Enforced: true,
		NetworkPolicy: say(NetworkPolicy), ClusterNetworkPolicy: say(ClusterNetworkPolicy),
		AdminNetworkPolicy: say(AdminNetworkPolicy), CiliumNetworkPolicy: say(CiliumNetworkPolicy),
		HostNetworkPoliced: say(HostNetworkPoliced) == segment.Yes, EstablishedCut: say(EstablishedCut)}
	p.IPBlockMatchesPods, p.PodBlockDoubt = settle(say(IPBlockMatchesPods), p, "compares an ipBlock with the addresses of pods")
	var matches bool
	matches, p.NodeBlockDoubt = settle(say(IPBlockMatchesNodes), p, "compares an ipBlock with the addresses of nodes")
	p.IPBlockSkipsNodes = !matches
	p.BaselineDirectionBlind, p.BaselineDoubt = settle(say(BaselineDirectionBlind), p, "then skips the Baseline tier in both directions")
	if name == Cilium {
		ciliumBlocks(&p, "", v)
		p.AdminBeforeDenials = say(AdminBeforeDenials) == segment.Yes
		p.BaselineTierDoubt = "Cilium evaluates the Baseline tier before it denies what no policy grants, and what that does to pods that policies select is not established"
	}
	if name != KubeNP {
		// What sources say of ClusterNetworkPolicy is of its standard fields.
		p.NodesDoubt = fmt.Sprintf("whether %s knows the experimental peers of a ClusterNetworkPolicy, nodes and domainNames, is not known", title(&p))
	}
	p.SidecarPortsUnnamed, p.SidecarPortsDoubt = settle(say(SidecarPortsUnnamed), p, "knows the names that sidecars give to ports")
	p.PortNamesUnread, p.PortNamesDoubt = settle(say(PortNamesUnread), p, "reads the port names of NetworkPolicies")
	p.NodeToPodFree, p.NodeToPodDoubt = settle(say(NodeToPodFree), p, "polices traffic from a node to the pods that run on it")
	p.PodToNodeFree, p.PodToNodeDoubt = settle(say(PodToNodeFree), p, "polices traffic from a pod to the node that it runs on")
	return p
}

// settle returns an answer as a profile has it: a value, or why it is not known.
func settle(a segment.Answer, p segment.Profile, what string) (is bool, doubt string) {
	if a == segment.Maybe {
		return false, fmt.Sprintf("whether %s %s is not known", title(&p), what)
	}
	return a == segment.Yes, ""
}

// title names a plugin with its version.
func title(p *segment.Profile) string {
	if p.Version == "" {
		return p.Name
	}
	return p.Name + " " + p.Version
}
