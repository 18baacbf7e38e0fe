package inventory

import (
	"iter"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// SameNode sums up the edges that are unknown for one reason only: traffic
// between a pod and its own node passes whatever the policies say, and which
// pods share a node with these host-network workloads is not in the input.
// Where workloads are known by their templates alone, that is every pair of
// one of them and any other, so that listing the edges hides the rest.
type SameNode struct {
	Hosts []ident.Ref `json:"hosts"` // host-network workloads whose nodes are not known
	Edges int         `json:"edges"`

	pairs map[[2]ident.Ref]bool
}

// ownNodeReason is how package segment words the cause, for the estate and for
// one pair.
const ownNodeReason = "traffic between a pod and its own node passes whatever the policies say"

func ownNode(u Unknown) bool { return strings.Contains(u.Reason, ownNodeReason) }

// mostExplained bounds how many edges are explained one by one, at some
// milliseconds each in the largest estates; beyond it an edge that other
// unknowns might touch too is listed like any other.
const mostExplained = 500

// SameNode tells which of edges are unknown only for want of knowing who shares
// a node; nil if none is.
func (s *Snapshot) SameNode(edges iter.Seq[segment.Edge]) *SameNode {
	hosts := map[ident.Ref]bool{}
	others := map[ident.Ref]bool{} // what any other unknown touches
	everything := false
	out := &SameNode{pairs: map[[2]ident.Ref]bool{}}
	for _, c := range s.in.Graph.Causes() {
		if ownNode(c) {
			out.Hosts = append(out.Hosts, c.Affects...)
			s.withPods(hosts, c.Affects)
			continue
		}
		if c.Object == segment.NodeAddresses {
			continue // it touches no edge between workloads
		}
		everything = everything || len(c.Affects) == 0
		s.withPods(others, c.Affects)
	}
	if len(hosts) == 0 {
		return nil
	}
	cuts := map[ident.Ref]map[segment.Protocol][]uint16{}
	explained := 0
	for e := range edges {
		if e.Verdict != segment.Unknown || !hosts[e.Src] && !hosts[e.Dst] {
			continue
		}
		if everything || others[e.Src] || others[e.Dst] {
			if explained++; explained > mostExplained {
				continue
			}
			end := e.Src
			if hosts[end] {
				end = e.Dst
			}
			if cuts[end] == nil {
				cuts[end] = s.cutsOf(end)
			}
			if !s.onlySameNode(e, cuts[end]) {
				continue
			}
		}
		out.pairs[[2]ident.Ref{e.Src, e.Dst}] = true
		out.Edges++
	}
	if out.Edges == 0 {
		return nil
	}
	return out
}

// sameNode is SameNode of the whole graph by workload. It asks for the lines of
// the host-network workloads only: all pairs would cost more than the question.
func (s *Snapshot) sameNode() *SameNode {
	var edges []segment.Edge
	done := map[ident.Ref]bool{}
	for _, c := range s.in.Graph.Causes() {
		if !ownNode(c) {
			continue
		}
		for _, h := range c.Affects {
			for _, line := range []func(ident.Ref) ([]segment.Edge, error){s.in.Graph.Row, s.in.Graph.Column} {
				es, err := line(h)
				if err != nil {
					continue // it has no pods, and so no edges
				}
				for _, e := range es {
					if !done[e.Src] && !done[e.Dst] {
						edges = append(edges, e)
					}
				}
			}
			done[h] = true
		}
	}
	return s.SameNode(slices.Values(edges))
}

// withPods adds workloads and their pods to a set.
func (s *Snapshot) withPods(set map[ident.Ref]bool, refs []ident.Ref) {
	for _, r := range refs {
		set[r] = true
		if w := s.byRef[r]; w != nil {
			for _, p := range w.Pods {
				set[podRef(p)] = true
			}
		}
	}
}

// cutsOf lists the ports at which some answer from or to a workload changes, by
// protocol: between two of them one port speaks for all.
func (s *Snapshot) cutsOf(end ident.Ref) map[segment.Protocol][]uint16 {
	out := map[segment.Protocol][]uint16{segment.TCP: {1}, segment.UDP: {1}, segment.SCTP: {1}}
	row, err := s.in.Graph.Row(end)
	column, errC := s.in.Graph.Column(end)
	if err != nil || errC != nil {
		return out // it has no pods, and so no edges
	}
	for _, e := range append(row, column...) {
		for _, c := range e.Connections {
			out[c.Protocol] = append(out[c.Protocol], c.From)
			if c.To < 65535 {
				out[c.Protocol] = append(out[c.Protocol], c.To+1)
			}
		}
	}
	for p, ports := range out {
		slices.Sort(ports)
		out[p] = slices.Compact(ports)
	}
	return out
}

// onlySameNode asks the engine for the causes of one edge, port by port: another
// cause may touch some of its ports only.
func (s *Snapshot) onlySameNode(e segment.Edge, cuts map[segment.Protocol][]uint16) bool {
	for _, c := range e.Connections {
		for _, port := range append([]uint16{c.From}, cuts[c.Protocol]...) {
			if port < c.From || port > c.To {
				continue
			}
			x, err := s.in.Graph.Why(e.Src, e.Dst, &segment.Port{Protocol: c.Protocol, Number: port})
			if err != nil || len(x.Unknowns) == 0 || slices.ContainsFunc(x.Unknowns, func(u Unknown) bool { return !ownNode(u) }) {
				return false
			}
		}
	}
	return true
}

// Holds reports whether an edge is one of them. The nil SameNode holds none.
func (n *SameNode) Holds(e segment.Edge) bool {
	return n != nil && e.Verdict == segment.Unknown && n.pairs[[2]ident.Ref{e.Src, e.Dst}]
}

// OnPath reports whether all that is unknown of a path is such an edge.
func (n *SameNode) OnPath(path []segment.Hop) bool {
	found := false
	for _, h := range path {
		if h.Verdict != segment.Unknown {
			continue
		}
		if n == nil || !n.pairs[[2]ident.Ref{h.From, h.To}] {
			return false
		}
		found = true
	}
	return found
}

// among restricts the sum to the edges of a selection.
func (n *SameNode) among(edges []segment.Edge) *SameNode {
	if n == nil {
		return nil
	}
	out := &SameNode{Hosts: n.Hosts, pairs: n.pairs}
	for _, e := range edges {
		if n.Holds(e) {
			out.Edges++
		}
	}
	if out.Edges == 0 {
		return nil
	}
	return out
}
