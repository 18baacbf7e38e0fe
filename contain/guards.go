package contain

import (
	"bytes"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Guard is what becomes of something that a plan must not break.
type Guard struct {
	What string `json:"what"`
	// State is "kept", "given up" where the user said so, or "not known" where the
	// input does not show it.
	State string `json:"state"`
	Why   string `json:"why"`
}

// guards says of name resolution, the API server and the kubelet's probes whether
// the plan keeps them, and of what the input shows nothing.
func (n *network) guards() []Guard {
	e := &estate.Estate{}
	if n.p.Set != nil {
		e = n.p.Set.Estate
	}
	return []Guard{n.guardDNS(), n.guardAPI(e), n.guardProbes()}
}

func (n *network) guardDNS() Guard {
	g := Guard{What: "name resolution", State: "not known", Why: "no pod of the input resolves names: what serves them elsewhere is an address, and no plan cuts what pods open to one"}
	if n.rails.mayCut[GuardDNS] {
		g.State, g.Why = "given up", "--may-cut "+GuardDNS
	} else if len(n.rails.dns) > 0 {
		g.State, g.Why = "kept", names(n.refsOf(sortedKeys(n.rails.dns)), 3)+" on port 53"
	}
	return g
}

// guardAPI says where the API server is. A plan takes from pods only what they open to
// pods, and its proof finds no connection to an address that goes: behind addresses it
// is kept, whichever they are. A pod that nothing shows to be one is the case that is not known.
func (n *network) guardAPI(e *estate.Estate) Guard {
	g := Guard{What: "API server", State: "not known",
		Why: "neither a pod of it nor Service default/kubernetes is in the input; outside the pods it is kept, since no plan cuts what pods open to an address, and one that runs as a pod here is not recognised"}
	switch {
	case n.rails.mayCut[GuardAPI]:
		g.State, g.Why = "given up", "--may-cut "+GuardAPI
	case len(n.rails.api) > 0:
		g.State, g.Why = "kept", names(n.refsOf(sortedKeys(n.rails.api)), 3)
	default:
		if at := apiAddresses(e); len(at) > 0 {
			g.State, g.Why = "kept", "Service default/kubernetes at "+strings.Join(at, ", ")+": no pod of the input stands behind it, and no plan cuts what pods open to an address"
		}
	}
	return g
}

// apiAddresses are the cluster addresses of the Service that every cluster has
// for its API server (Kubernetes documentation, "Accessing the API from within a Pod").
func apiAddresses(e *estate.Estate) []string {
	var out []string
	for _, s := range e.Services {
		if s.Namespace == "default" && s.Name == "kubernetes" && len(s.Selector) == 0 {
			for _, ip := range s.ClusterIPs {
				if ip != "" && ip != "None" && !slices.Contains(out, ip) {
					out = append(out, ip)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func (n *network) guardProbes() Guard {
	p := n.p.Graph.Profile()
	g := Guard{What: "kubelet probes", State: "kept"}
	switch {
	case p.NodeToPodDoubt != "":
		g.State, g.Why = "not known", p.NodeToPodDoubt+"; no rule of the plan names a node, and no connection from one goes that was certain"
	case p.NodeToPodFree:
		g.Why = p.Name + " lets a node talk to its own pods whatever the policies say"
	default:
		g.Why = p.Name + " polices what comes from nodes; no rule of the plan names one, and the proof finds no connection from an address that goes"
	}
	return g
}

// assumedBlocks refuses new policies that list addresses outside as blocks where
// the network is only assumed: many match blocks against pods, too, and what a plan
// calls closed would be open there. A network that was detected or named is proved
// as what it is.
//
// Where the internet is kept out, too, what stays of a policy's blocks is an owner's
// own networks, and pods are likely to be in those.
func (n *network) assumedBlocks(objects []*object, internet bool) error {
	p := n.p.Graph.Profile()
	if p.Origin != "assumed" || p.IPBlockMatchesPods {
		return nil
	}
	for _, o := range objects {
		if !o.removed && (o.was == nil || internet) && bytes.Contains(o.text, []byte("ipBlock:")) {
			return ident.Errorf(ident.KindUnsupported, "%s would keep addresses outside by ipBlock, and the network is only assumed: one that matches blocks against pods lets them in (--cni NAME says which it is)", o).
				WithHint("--cni NAME says which network it is")
		}
	}
	return nil
}

// apiPods are those of API servers that run in the cluster: static pods, what
// Service default/kubernetes selects where it has a selector, and who has the
// addresses of its slices.
func apiPods(e *estate.Estate) []ident.Ref {
	out := apiServers(e)
	for _, s := range e.Slices {
		if s.Namespace != "default" || s.Service != "kubernetes" {
			continue
		}
		for _, w := range e.Workloads {
			if w.Ref.Cluster == s.Cluster && slices.ContainsFunc(w.Pods, func(p *estate.Pod) bool { return !p.Spec.HostNetwork && s.Has(p.IPs) }) {
				out = append(out, w.Ref)
			}
		}
	}
	for _, s := range e.Services {
		if s.Namespace != "default" || s.Name != "kubernetes" || len(s.Selector) == 0 {
			continue
		}
		for _, w := range e.Workloads {
			if w.Ref.Cluster == s.Cluster && w.Ref.Namespace == "default" && selects(s.Selector, podLabels(w)) {
				out = append(out, w.Ref)
			}
		}
	}
	return out
}
