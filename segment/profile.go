package segment

// Profile says what a cluster's network plugin really enforces. It is data:
// the evaluation reads only these switches, never the name.
type Profile struct {
	Name    string // "generic", "none", …
	Version string // "" if it has none
	// Origin is "assumed", "chosen" or "detected"; it is shown with the name.
	Origin string
	// Enforced is false where nothing is enforced at all: every edge is allowed.
	Enforced bool
	// IPBlockMatchesPods is true where the ipBlock of a NetworkPolicy is
	// compared with pod addresses. NetworkPolicy v1 intends ipBlock for
	// addresses outside the cluster and leaves pod addresses to the plugin.
	IPBlockMatchesPods bool
	// HostNetworkPoliced is true where pods on the host network are selected,
	// and matched as peers, like ordinary pods. The Kubernetes documentation
	// ("NetworkPolicy and hostNetwork pods") calls the contrary the most common.
	HostNetworkPoliced bool
	// BaselineDirectionBlind is true where a NetworkPolicy that selects a pod in
	// either direction takes it out of the Baseline tier in both.
	BaselineDirectionBlind bool
	// NodeToPodFree and PodToNodeFree are true where traffic from a node to the
	// pods that run on it, or from them to it, passes whatever the policies say
	// (Kubernetes documentation, "Network Policies": it "is always allowed").
	NodeToPodFree bool
	PodToNodeFree bool
}

// Generic is the behaviour that the NetworkPolicy and ClusterNetworkPolicy
// specifications describe, with ipBlock read as addresses outside the cluster.
func Generic() Profile {
	return Profile{Name: "generic", Origin: "assumed", Enforced: true, NodeToPodFree: true, PodToNodeFree: true}
}

// None is a network on which no policy has any effect.
func None() Profile { return Profile{Name: "none", Origin: "chosen"} }

// String returns "generic (assumed)" or "cilium 1.19 (detected)".
func (p Profile) String() string {
	s := p.Name
	if p.Version != "" {
		s += " " + p.Version
	}
	if p.Origin != "" {
		s += " (" + p.Origin + ")"
	}
	return s
}
