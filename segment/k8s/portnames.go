package k8s

import (
	"cmp"
	"slices"

	"github.com/cofferdam-io/cofferdam/segment"
)

// unread turns a rule into what a network makes of it that does not read port
// names, or may not: where a rule has nothing but names for a protocol they stand
// for all of its ports. What they do beside numbers is in doubt.
func unread(r segment.Rule, profile *segment.Profile) []segment.Rule {
	named := func(p segment.PortMatch) bool { return p.Name != "" }
	if !profile.PortNamesUnread && profile.PortNamesDoubt == "" || !slices.ContainsFunc(r.Ports, named) {
		return []segment.Rule{r}
	}
	sure, perhaps := r, r
	sure.Ports, perhaps.Ports, perhaps.Peers = nil, nil, nil
	for _, p := range r.Ports {
		all := segment.PortMatch{Protocol: p.Protocol, From: 1, To: maxPort}
		beside := slices.ContainsFunc(r.Ports, func(o segment.PortMatch) bool { return o.Name == "" && o.Protocol == p.Protocol })
		switch {
		case p.Name == "":
			sure.Ports = append(sure.Ports, p)
		case profile.PortNamesUnread && !beside:
			sure.Ports = append(sure.Ports, all)
		default:
			perhaps.Ports = append(perhaps.Ports, all)
			if !beside {
				sure.Ports = append(sure.Ports, p)
			}
		}
	}
	if len(perhaps.Ports) == 0 {
		return []segment.Rule{sure}
	}
	peers := r.Peers
	if len(peers) == 0 {
		peers = []segment.Peer{{Kind: segment.PeerAny}}
	}
	for _, p := range peers {
		p.Doubt = cmp.Or(p.Doubt, profile.PortNamesDoubt, "what "+profile.Name+" makes of a port name beside port numbers differs by version: every port of the protocol, or none")
		perhaps.Peers = append(perhaps.Peers, p)
	}
	return []segment.Rule{sure, perhaps}
}
