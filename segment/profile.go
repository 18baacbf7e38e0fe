package segment

// Profile says what a cluster's network plugin really enforces. It is data: the
// evaluation and the front ends read only these switches, never the name.
type Profile struct {
	Name    string // "generic", "none", …
	Version string // "" if it has none
	// Origin is "assumed", "chosen" or "detected"; it is shown with the name.
	Origin string
	// Note is a setting that bears on every verdict: "audit mode".
	Note string
	// Enforced is false where nothing is enforced at all: every edge is allowed.
	Enforced bool
	// NetworkPolicy, ClusterNetworkPolicy, AdminNetworkPolicy (with
	// BaselineAdminNetworkPolicy) and CiliumNetworkPolicy (with
	// CiliumClusterwideNetworkPolicy) say which kinds have any effect. Under Maybe,
	// what an object selects is unknown.
	NetworkPolicy, ClusterNetworkPolicy, AdminNetworkPolicy, CiliumNetworkPolicy Answer
	// Isolating is true where every pod is isolated in both directions, whether or
	// not a policy selects it.
	Isolating bool
	// IPBlockMatchesPods is true where the ipBlock of a NetworkPolicy is
	// compared with pod addresses. NetworkPolicy v1 intends ipBlock for
	// addresses outside the cluster and leaves pod addresses to the plugin.
	IPBlockMatchesPods bool
	// IPBlockSkipsNodes is true where it is not compared with the addresses of
	// nodes either.
	IPBlockSkipsNodes bool
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
	// EstablishedCut says whether new policies end connections that are open already
	// ("implementation defined", Kubernetes documentation, "Network Policies"). It
	// changes no verdict.
	EstablishedCut Answer
	// SidecarPortsUnnamed is true where the name that a sidecar (an init container
	// that goes on running) gives a port means nothing to policies.
	SidecarPortsUnnamed bool
	// PortNamesUnread is true where a NetworkPolicy's port name is not read: alone it
	// stands for every port of its protocol.
	PortNamesUnread bool
	// AdminBeforeDenials is true where what the Admin tier decides stands above the
	// denials of Cilium's kinds.
	AdminBeforeDenials bool
	// A doubt that is not empty says why it is not known what the field of its
	// subject says; the field is then ignored, and what hangs on it is unknown.
	IsolatingDoubt string
	PodBlockDoubt  string // of IPBlockMatchesPods
	NodeBlockDoubt string // of IPBlockSkipsNodes
	BaselineDoubt  string // of BaselineDirectionBlind
	NodeToPodDoubt string
	PodToNodeDoubt string
	// SidecarPortsDoubt is of SidecarPortsUnnamed, PortNamesDoubt of PortNamesUnread.
	SidecarPortsDoubt string
	PortNamesDoubt    string
	// PodToNodeCut, if not empty, says why what a pod sends to a node may be stopped
	// though the policies allow it. Front ends make a denial in doubt of it.
	PodToNodeCut string
	// NetworksDoubt is of the networks of ClusterNetworkPolicies, which are to be
	// compared with every address, NodesDoubt of their experimental peers, nodes and
	// domainNames, and CiliumBlockDoubt of the blocks of Cilium's kinds, which match
	// neither pods nor nodes.
	NetworksDoubt    string
	NodesDoubt       string
	CiliumBlockDoubt string
	// BaselineTierDoubt is of what the Baseline tier does at all.
	BaselineTierDoubt string
	// Unseen names what would say more about the network and was not in the
	// input: "ConfigMap kube-system/cilium-config". It is listed with the kinds that
	// were not seen, and changes no verdict.
	Unseen string
}

// ownNode says whether traffic between a pod and its own node passes whatever
// the policies say: from the node, or to it.
func (p *Profile) ownNode(toPod bool) Answer {
	free, doubt := p.PodToNodeFree, p.PodToNodeDoubt
	if toPod {
		free, doubt = p.NodeToPodFree, p.NodeToPodDoubt
	}
	return answerOf(free, doubt)
}

// skipsBaseline says whether a NetworkPolicy that selects a pod in one direction
// takes it out of the Baseline tier in the other.
func (p *Profile) skipsBaseline() Answer { return answerOf(p.BaselineDirectionBlind, p.BaselineDoubt) }

func answerOf(known bool, doubt string) Answer {
	switch {
	case doubt != "":
		return Maybe
	case known:
		return Yes
	}
	return No
}

// Generic is the behaviour that the specifications of the Kubernetes project
// describe, with ipBlock read as addresses outside the cluster.
func Generic() Profile {
	return Profile{Name: "generic", Origin: "assumed", Enforced: true, NodeToPodFree: true, PodToNodeFree: true,
		NetworkPolicy: Yes, ClusterNetworkPolicy: Yes, AdminNetworkPolicy: Yes, CiliumNetworkPolicy: Maybe}
}

// None is a network on which no policy has any effect.
func None() Profile {
	return Profile{Name: "none", Origin: "chosen", NetworkPolicy: No, ClusterNetworkPolicy: No, AdminNetworkPolicy: No, CiliumNetworkPolicy: No}
}

// String returns "generic (assumed)" or "cilium 1.19 (detected, audit mode)".
func (p Profile) String() string {
	s := p.Name
	if p.Version != "" {
		s += " " + p.Version
	}
	in := p.Origin
	if p.Note != "" {
		if in != "" {
			in += ", "
		}
		in += p.Note
	}
	if in != "" {
		s += " (" + in + ")"
	}
	return s
}
