package contain

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/contain/cut"
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// leftOpen lists what the affected workloads can still do after a change, of which
// lines are all that is open to and from them: what guard rails keep, and what no
// network policy holds.
func (n *network) leftOpen(lines []Line) []Opening {
	out := []Opening{}
	if n.pastNodes {
		for _, u := range sortedKeys(n.rails.host) {
			out = append(out, Opening{Workload: n.refs[u], What: "the network of its node",
				Why: "whoever takes it over is on the node and reaches what the node reaches; " + n.p.Graph.Profile().Name + " enforces no policy there"})
		}
	}
	for _, r := range n.p.Affected {
		for _, w := range n.p.about(r).OtherWays {
			out = append(out, Opening{Workload: r, What: w, Why: "no plan of network policies closes it"})
		}
		outside, names := map[segment.Verdict]bool{}, map[int]bool{}
		for _, x := range rowOf(lines, r) {
			outside[x.Verdict] = outside[x.Verdict] || len(x.Blocks) > 0
			for _, v := range x.Workloads {
				if v := int(v); n.rails.dns[v] && len(segment.Common(x.Connections, n.rails.namePorts(v))) > 0 {
					names[v] = true
				}
			}
		}
		for _, v := range sortedKeys(names) {
			out = append(out, Opening{Workload: r, What: "DNS through " + n.refs[v].Short(), Why: "names must resolve; a tunnel through names needs no more"})
		}
		switch {
		case outside[segment.Allowed]:
			out = append(out, Opening{Workload: r, What: "addresses outside the cluster", Why: "the plan is about workloads inside; cofferdam reach list shows the blocks"})
		case outside[segment.Unknown]:
			out = append(out, Opening{Workload: r, What: "addresses outside the cluster, perhaps", Why: "whether they are open is unknown"})
		}
		if n.p.about(r).UsesAPI {
			out = append(out, Opening{Workload: r, What: "API server", Why: "a service account's token is mounted, and the plan keeps the way to the API server; revoke the token's rights if it may be stolen"})
		}
	}
	return slices.Compact(out)
}

// rowOf is what a workload may open, of lines.
func rowOf(lines []Line, r ident.Ref) []segment.Peers {
	i := slices.IndexFunc(lines, func(l Line) bool { return l.Workload == r && l.Direction == segment.Egress.String() })
	if i < 0 {
		return nil
	}
	return lines[i].Peers
}

// established says what becomes of connections that are open when the change is
// applied, which the specification leaves to the network plugin ("NetworkPolicy's
// impact on existing connections"), and how to end them.
func (s *solver) established(plan *Plan) Established {
	profile := s.p.Graph.Profile()
	e := Established{Answer: "unknown", Why: "what " + profile.Name + " does with connections that are open already is not established; the Kubernetes documentation leaves it to the network plugin"}
	switch profile.EstablishedCut {
	case segment.Yes:
		e.Answer, e.Why = "cut", profile.Name+" judges packets of open connections by the new policies, too"
	case segment.No:
		e.Answer, e.Why = "survive", profile.Name+" judges the first packet of a connection only: what is open stays open until it ends"
	case segment.Maybe:
	}
	e.Drain = []string{}
	if e.Answer == "cut" || len(plan.Cuts) == 0 {
		return e
	}
	var ends []ident.Ref
	for i := range plan.Cuts { // sorted by where they leave
		if r := plan.Cuts[i].From; len(ends) == 0 || ends[len(ends)-1] != r {
			ends = append(ends, r)
		}
	}
	e.Drain = append(e.Drain, "on the nodes of both ends, delete the entries of the cut pairs: conntrack -D -s SOURCE-POD-IP -d DESTINATION-POD-IP")
	if back := s.comeBack(plan.Cuts); len(back) > 0 {
		e.Drain = append(e.Drain, "once drained, connections come back where the destination may open some to the source, as soon as it sends first, or again what was not acknowledged; only a restart of either end is sure to end those of "+strings.Join(back, ", "))
	}
	for _, r := range ends {
		if r.Kind == "Deployment" || r.Kind == "StatefulSet" || r.Kind == "DaemonSet" {
			e.Drain = append(e.Drain, "or restart the pods that hold connections: kubectl -n "+r.Namespace+" rollout restart "+kindWord(r.Kind)+"/"+r.Name+" (loses what is in their memory: collect evidence first)")
		}
	}
	return e
}

// comeBack lists the cut pairs whose destination may open connections to the
// ports of the source that the kernel gives to whoever asks for none, perhaps. Once the
// entry of a connection is deleted, its next packet counts as the first of a new
// one, whose source is who sends it (nf_conntrack_tcp_loose, which is on by default).
func (s *solver) comeBack(cuts []Cut) (out []string) {
	goes := make(map[cut.Pair]bool, len(cuts))
	for i := range cuts {
		if k, inside := s.n.pair(cuts[i].From, cuts[i].To); inside {
			goes[k] = true
		}
	}
	more := 0
	for i := range cuts {
		c := &cuts[i]
		k, inside := s.n.pair(c.To, c.From)
		if !inside || goes[k] || s.n.openings(int(k.From))[k.To>>6]>>(k.To&63)&1 == 0 {
			continue
		}
		edges := s.p.Graph.Opens(int(k.From), int(k.To))
		if slices.ContainsFunc(edges, func(e segment.Edge) bool { return len(segment.Common(e.Connections, localPorts())) > 0 }) {
			if len(out) < mostPairs {
				out = append(out, c.From.Short()+" and "+c.To.Short())
			} else {
				more++
			}
		}
	}
	if more > 0 {
		out = append(out, counted(more, "other pair"))
	}
	return out
}

// mostPairs are listed in one sentence.
const mostPairs = 20

// localPorts are those that Linux gives to who asks for none (net.ipv4.ip_local_port_range).
func localPorts() []segment.Conn {
	out := segment.EveryPort()
	for i := range out {
		out[i].From, out[i].To = 32768, 60999
	}
	return out
}

func kindWord(kind string) string {
	return map[string]string{"Deployment": "deployment", "StatefulSet": "statefulset", "DaemonSet": "daemonset"}[kind]
}

// lasting says where a change of an object must be made to last.
func lasting(p *estate.Policy) string {
	advice := p.Management.Advice()
	switch {
	case p.Dumped:
		advice = append(advice, "what was read is a dump of the cluster and not the source: mergePatch changes the live object")
	case len(advice) == 0:
		advice = []string{"change it where it comes from: " + p.Source.File}
	}
	return strings.Join(advice, "; ")
}
