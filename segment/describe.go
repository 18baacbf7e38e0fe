package segment

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// port names the port that the walk is about.
func (w *walk) port() string { return w.asked.String() }

// name returns "shop/web", the address that was asked about, or the block of a cell.
func (w *walk) name(c int) string {
	cl := w.g.classes.ref(c)
	if cl.cell >= 0 {
		if w.outside != "" {
			return w.outside
		}
		return w.g.v.addresses.cells[cl.cell].parts[0].String()
	}
	return w.g.m.Workloads[w.g.m.Endpoints[cl.rep].Workload].Ref.Short()
}

// describe returns "shop/web (app=web)" with the labels that policies ask for.
func (w *walk) describe(c int) string {
	cl := w.g.classes.ref(c)
	if cl.cell >= 0 {
		if n := w.g.nodeAt(cl.cell); n != nil {
			return w.name(c) + " (the address of node " + n.Name + ")"
		}
		return w.name(c) + " (outside the cluster)"
	}
	if cl.host {
		return w.name(c) + " (on the host network)"
	}
	labels := w.g.m.Endpoints[cl.rep].Labels
	var parts []string
	for _, k := range slices.Sorted(slices.Values(w.g.v.keys)) {
		if v, ok := labels[k]; ok {
			if v == "" {
				parts = append(parts, k)
			} else {
				parts = append(parts, k+"="+v)
			}
		}
	}
	if len(parts) == 0 {
		return w.name(c) + " (without labels that policies ask for)"
	}
	return w.name(c) + " (" + strings.Join(parts, ",") + ")"
}

// nodeAt returns the node whose address a cell is, if it is one.
func (g *Graph) nodeAt(cell int) *Node {
	block := g.v.addresses.cells[cell].block
	for i := range g.m.Nodes {
		for _, a := range g.m.Nodes[i].IPs {
			if block.IsSingleIP() && block.Addr() == a.Unmap().WithZone("") {
				return &g.m.Nodes[i]
			}
		}
	}
	return nil
}

// undeclared says which namespace's labels are unknown.
func (w *walk) undeclared(c int) string {
	if cl := w.g.classes.ref(c); cl.cell < 0 {
		if ns := &w.g.m.Namespaces[cl.ns]; !ns.Declared {
			return "the labels of namespace " + ns.Name + " were not in the input"
		}
	}
	return "its address is not known"
}

// peerDoubt says why it is not known whether a rule's peers match.
func (w *walk) peerDoubt(r *compiledRule, peer int) string {
	cl := w.g.classes.ref(peer)
	for i := range r.r.Peers {
		p := &r.r.Peers[i]
		switch {
		case len(r.peers) == len(r.r.Peers):
			if membership(w.g.atoms.at(r.peers[i]), peer) != Maybe {
				continue
			}
		case p.Kind == PeerNodes && !cl.host && cl.cell < 0 || p.Kind == PeerDomain && cl.cell < 0: // of many, the first that may be meant
			continue
		}
		switch {
		case p.Doubt != "":
			return p.Doubt
		case p.Kind == PeerUnreadable:
			return "one of its peers has no field that is understood"
		case p.Kind == PeerNodes && w.g.classes.ref(peer).cell >= 0:
			if len(p.Nodes) == 0 {
				return "whether " + w.name(peer) + " holds the address of a node is not known"
			}
			return "whether " + w.name(peer) + " holds the address of one of the nodes with " + p.Nodes.String() + " is not known"
		case p.Kind == PeerNodes:
			return "whether " + w.name(peer) + " runs on a node with " + p.Nodes.String() + " is not known"
		case p.Kind == PeerDomain:
			return "which addresses are behind " + strings.Join(p.Domains, ", ") + " is not known"
		}
	}
	if cl.cell < 0 {
		if ns := &w.g.m.Namespaces[cl.ns]; !ns.Declared && !cl.host {
			return "the labels of namespace " + ns.Name + " were not in the input, and the rule selects namespaces by label"
		}
		if len(w.g.m.Endpoints[cl.rep].IPs) > 0 {
			return "the rule names an address block that holds one address of " + w.name(peer) + " and not the other, and which of them a connection uses is not known"
		}
	}
	return "the address of " + w.name(peer) + " is not known, and the rule names an address block"
}

const mostNamed = 4 // peers and ports that a reason spells out before it counts the rest

func describePeers(peers []Peer, namespace string) string {
	if len(peers) == 0 {
		return "anywhere"
	}
	parts := make([]string, 0, mostNamed)
	for i := range peers {
		if len(parts) == mostNamed {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, describePeer(&peers[i], namespace))
	}
	return strings.Join(parts, " or ")
}

// matched describes the peers of a rule that matches a class: of a long list, the
// one that does.
func (w *walk) matched(r *compiledRule, namespace string, class int) string {
	peers := r.r.Peers
	if len(peers) <= mostNamed {
		return describePeers(peers, namespace)
	}
	cell := w.g.classes.ref(class).cell
	for i := range peers {
		hit := false
		if len(r.peers) == len(peers) {
			hit = w.g.atoms.at(r.peers[i]).must.has(class)
		} else if cell >= 0 && peers[i].Kind == PeerCIDR {
			hit = inBlock(w.g.v.addresses.cells[cell].block, &peers[i])
		}
		if hit {
			return describePeer(&peers[i], namespace) + ", one of " + strconv.Itoa(len(peers)) + " peers,"
		}
	}
	return describePeers(peers, namespace)
}

func describePeer(p *Peer, namespace string) string {
	switch p.Kind {
	case PeerPods:
		return describePods(&p.Pods, namespace)
	case PeerCIDR:
		s := p.CIDR.String()
		for i, e := range p.Except {
			if i == mostNamed {
				return s + " …"
			}
			s += " except " + e.String()
		}
		return s
	case PeerNodes:
		if len(p.Nodes) == 0 {
			return "every node"
		}
		return "nodes with " + p.Nodes.String()
	case PeerDomain:
		return strings.Join(p.Domains, ", ")
	case PeerAny:
		return "anywhere"
	default:
		return "a peer of which no field is understood"
	}
}

func describePods(s *PodSelector, namespace string) string {
	pods := "every pod"
	if len(s.Pods) > 0 {
		pods = "pods with " + s.Pods.String()
	}
	switch {
	case s.InNamespace != "" && s.InNamespace == namespace:
		return pods + " in the same namespace"
	case s.InNamespace != "":
		return pods + " in namespace " + s.InNamespace
	case len(s.Namespaces) == 0:
		return pods + " in every namespace"
	default:
		return pods + " in namespaces with " + s.Namespaces.String()
	}
}

func describePorts(ports []PortMatch) string {
	if len(ports) == 0 {
		return "every port"
	}
	parts := make([]string, 0, mostNamed)
	for i, p := range ports {
		if i == mostNamed {
			parts = append(parts, "…")
			break
		}
		if p.Name == "" {
			parts = append(parts, Conn{p.Protocol, p.From, p.To}.String())
		} else if p.AnyProtocol {
			parts = append(parts, "the port named "+p.Name)
		} else {
			parts = append(parts, "the "+p.Protocol.String()+" port named "+p.Name)
		}
	}
	return strings.Join(parts, ", ")
}

// ownNodeRule is the rule about a pod's own node, as causes word it.
const ownNodeRule = "traffic between a pod and its own node passes whatever the policies say"

// ownNodeReason is the rule about a pod's own node, or why it is not known
// whether it holds; together says that the two are known to share the node.
func (g *Graph) ownNodeReason(toPod, together bool) string {
	doubt := g.m.Profile.PodToNodeDoubt
	if toPod {
		doubt = g.m.Profile.NodeToPodDoubt
	}
	switch {
	case doubt == "":
		return ownNodeRule
	case together:
		return doubt
	}
	return "perhaps " + ownNodeRule + ": " + doubt
}

// Enforcement returns the profile and how it was chosen: "generic (assumed)".
func (g *Graph) Enforcement() string { return g.m.Profile.String() }

// Profile returns what the network enforces, as the graph was built for it.
func (g *Graph) Profile() Profile { return g.m.Profile }

// NotSeen returns the kinds of which the input held no object and no index that
// says there is none, and what else would say more about the network, sorted.
func (g *Graph) NotSeen() []string {
	out := slices.Clone(g.m.NotSeen)
	if g.m.Profile.Unseen != "" {
		out = append(out, g.m.Profile.Unseen)
	}
	slices.Sort(out)
	return out
}

// WithoutEffect returns the policies that the network does not enforce.
func (g *Graph) WithoutEffect() []WithoutEffect { return slices.Clone(g.m.WithoutEffect) }

// Causes returns what makes verdicts unknown, one entry for each reason and
// object, with the workloads whose verdicts it can change.
func (g *Graph) Causes() []Cause {
	g.doubts.causes.Do(func() { g.doubts.list = g.findCauses() })
	return slices.Clone(g.doubts.list)
}

func (g *Graph) findCauses() []Cause {
	var out []Cause
	if !g.m.Profile.Enforced {
		return nil
	}
	for i := range g.taints {
		out = append(out, Cause{Reason: g.taints[i].t.Reason, Object: g.taints[i].t.Object, Affects: g.workloadsOf(g.taints[i].who)})
	}
	for _, p := range g.ordered() {
		out = append(out, g.policyCauses(p)...)
	}
	out = append(out, g.levelCauses()...)
	if g.freesOwnNode() {
		if hosts := g.undecidedHosts(); !hosts.empty() {
			out = append(out, Cause{Object: "host network", Affects: g.workloadsOf(hosts),
				Reason: ownNodeRule + ", and which pods share these workloads' nodes is not in the input"})
		}
		for _, doubt := range []string{g.m.Profile.NodeToPodDoubt, g.m.Profile.PodToNodeDoubt} {
			if hosts := g.placedHosts(); doubt != "" && !hosts.empty() {
				out = append(out, Cause{Object: "host network", Affects: g.workloadsOf(hosts), Reason: doubt})
			}
		}
		out = append(out, g.addressCauses()...)
	}
	if skipped := g.perhapsSkipped(); !skipped.empty() {
		out = append(out, Cause{Object: "the Baseline tier", Affects: g.workloadsOf(skipped), Reason: g.m.Profile.BaselineDoubt})
	}
	return joinCauses(out)
}

// perhapsSkipped are the subjects of the Baseline tier of which it is not known
// whether a NetworkPolicy for the other direction takes them out of it.
func (g *Graph) perhapsSkipped() bitset {
	out := newBitset(g.classes.len())
	if g.m.Profile.skipsBaseline() != Maybe {
		return out
	}
	for _, i := range g.tiers[BaselineTier] {
		p := g.policies.at(i)
		for d := range p.rules {
			if len(p.rules[d]) == 0 {
				continue
			}
			who := newBitset(g.classes.len())
			g.atoms.at(p.subject).must.addTo(who)
			g.atoms.at(p.subject).maybe.addTo(who)
			other := slices.Clone(g.isolated[1-d])
			other.or(g.perhapsIsolated[1-d])
			who.and(other)
			who.andNot(g.isolated[d])
			out.or(who)
		}
	}
	return out
}

// joinCauses makes one cause of those with the same reason, in the order in
// which they were found.
func joinCauses(in []Cause) []Cause {
	index := make(map[string]int)
	more := make(map[int]int)
	var out []Cause
	for _, c := range in {
		i, ok := index[c.Reason]
		if !ok {
			index[c.Reason] = len(out)
			out = append(out, c)
			continue
		}
		if out[i].Object != c.Object {
			more[i]++
		}
		out[i].Affects = append(slices.Clone(out[i].Affects), c.Affects...)
	}
	for i := range out {
		if more[i] > 0 {
			out[i].Object += " and " + strconv.Itoa(more[i]) + " more"
		}
		slices.SortFunc(out[i].Affects, ident.Ref.Compare)
		out[i].Affects = slices.Compact(out[i].Affects)
	}
	return out
}

// workloadsOf returns the workloads with a class in the set, sorted.
func (g *Graph) workloadsOf(who bitset) []ident.Ref {
	gr := &g.workloads
	hit := newBitset(gr.len())
	for c := range who.all() {
		for e := range gr.ends(c) {
			hit.add(int(e))
		}
	}
	out := []ident.Ref{}
	for e := range hit.all() {
		if e < gr.inside() {
			out = append(out, *gr.ref(e))
		}
	}
	return out
}

// policyCauses names what one policy asks that the model does not hold.
func (g *Graph) policyCauses(p *compiled) []Cause {
	subject, there := g.atoms.at(p.subject), g.meeting(p.p.Cluster)
	var out []Cause
	doubt := newBitset(g.classes.len())
	subject.maybe.addTo(doubt)
	if doubt.and(there); !doubt.empty() {
		out = append(out, Cause{Object: p.p.Object(), Affects: g.workloadsOf(doubt),
			Reason: "whether it selects them is not known: " + g.doubtOf(doubt)})
	}
	if subject.empty() {
		return out
	}
	for d := range p.rules {
		for i := range p.rules[d] {
			r := &p.rules[d][i]
			out = append(out, g.nameCauses(p, r, Gress(d), there)...)
			first := g.firstDoubt(r, there)
			if first < 0 {
				continue
			}
			subjects := newBitset(g.classes.len())
			subject.must.addTo(subjects)
			subject.maybe.addTo(subjects)
			w := &walk{g: g}
			out = append(out, Cause{Object: p.p.Object(), Affects: g.workloadsOf(subjects), Reason: w.peerDoubt(r, first)})
		}
	}
	return slices.CompactFunc(out, func(a, b Cause) bool { return a.Reason == b.Reason && a.Object == b.Object })
}

// nameCauses names the ports of which it is not known whether a rule's names mean
// them: one cause for each name.
func (g *Graph) nameCauses(p *compiled, r *compiledRule, d Gress, there bitset) []Cause {
	var out []Cause
	for _, u := range g.specs[r.spec].named {
		for i := range g.named[u] {
			if !g.named[u][i].maybe {
				continue
			}
			subjects, ends := newBitset(g.classes.len()), newBitset(g.classes.len())
			g.atoms.at(p.subject).must.addTo(subjects)
			g.atoms.at(p.subject).maybe.addTo(subjects)
			if d == Ingress {
				ends = slices.Clone(subjects)
			} else {
				for _, at := range r.peers {
					g.atoms.at(at).must.addTo(ends)
					g.atoms.at(at).maybe.addTo(ends)
				}
			}
			named := newBitset(g.classes.len())
			g.named[u][i].who.addTo(named)
			ends.and(named)
			ends.and(there)
			for c := range ends.all() {
				if doubt := g.portDoubt(c, u); doubt != "" {
					if d == Ingress {
						subjects = ends
					}
					w := &walk{g: g}
					out = append(out, Cause{Object: p.p.Object(), Affects: g.workloadsOf(subjects), Reason: doubt + " on " + w.name(c)})
					break
				}
			}
		}
	}
	return out
}

// meeting returns the classes that pods of a cluster may meet: those of its pods,
// and addresses outside; none that changes left empty.
func (g *Graph) meeting(cluster string) bitset {
	if i := slices.Index(g.clusters, cluster); i >= 0 {
		return g.universe[i]
	}
	return newBitset(g.classes.len())
}

// firstDoubt returns the first of some classes that a rule's peers match perhaps
// and none of them certainly; -1 if there is none.
func (g *Graph) firstDoubt(r *compiledRule, of bitset) int {
	first := -1
	for _, at := range r.peers {
		for c := range g.atoms.at(at).maybe.all() {
			if first >= 0 && c > first {
				break
			}
			if !of.has(c) {
				continue
			}
			if r.closed || !slices.ContainsFunc(r.peers, func(at int) bool { return g.atoms.at(at).must.has(c) }) {
				first = c
				break
			}
		}
	}
	return first
}

// doubtOf names the namespaces of classes whose labels are unknown.
func (g *Graph) doubtOf(who bitset) string {
	var names []string
	for c := range who.all() {
		if cl := g.classes.ref(c); cl.cell < 0 && !g.m.Namespaces[cl.ns].Declared {
			names = append(names, g.m.Namespaces[cl.ns].Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return "the labels of namespace " + strings.Join(names, ", ") + " were not in the input"
}

// levelCauses names policies of equal priority that share subjects in a
// direction and hold different actions.
func (g *Graph) levelCauses() []Cause {
	var out []Cause
	for _, t := range orderedTiers() {
		for _, level := range g.levels[t] {
			for i, a := range level {
				for _, b := range level[i+1:] {
					if both := g.disagree(g.policies.at(a), g.policies.at(b)); both != nil {
						out = append(out, Cause{Object: g.policies.at(a).p.Object() + " and " + g.policies.at(b).p.Object(), Affects: g.workloadsOf(both),
							Reason: "they have the same priority and different outcomes for the same traffic, and which one wins is not defined"})
					}
				}
			}
		}
	}
	return out
}

// disagree returns the subjects for which rules of two policies with different
// actions meet in a peer; nil if there are none.
func (g *Graph) disagree(a, b *compiled) bitset {
	n := g.classes.len()
	both, of := newBitset(n), newBitset(n)
	g.atoms.at(a.subject).must.addTo(both)
	g.atoms.at(a.subject).maybe.addTo(both)
	g.atoms.at(b.subject).must.addTo(of)
	g.atoms.at(b.subject).maybe.addTo(of)
	both.and(of)
	there := g.meeting(a.p.Cluster)
	if both.and(there); both.empty() || a.p.Cluster != b.p.Cluster {
		return nil
	}
	for d := range a.rules {
		for i := range a.rules[d] {
			for j := range b.rules[d] {
				x, y := &a.rules[d][i], &b.rules[d][j]
				if x.r.Action != y.r.Action && g.specsMeet(x.spec, y.spec) && g.peersMeet(x.peers, y.peers, there) {
					return both
				}
			}
		}
	}
	return nil
}

func (g *Graph) specsMeet(a, b int) bool {
	x, y := &g.specs[a], &g.specs[b]
	for i := range x.mask {
		if x.mask[i]&y.mask[i] != 0 {
			return true
		}
	}
	return len(x.named)+len(y.named) > 0
}

// peersMeet reports whether two rules share a peer among some classes.
func (g *Graph) peersMeet(a, b []int, of bitset) bool {
	n := g.classes.len()
	sets := [2]bitset{newBitset(n), newBitset(n)}
	for i, list := range [][]int{a, b} {
		for _, at := range list {
			g.atoms.at(at).must.addTo(sets[i])
			g.atoms.at(at).maybe.addTo(sets[i])
		}
	}
	sets[0].and(of)
	return sets[0].meets(sets[1])
}

// placedHosts are the host-network classes that are known to share their node
// with pods.
func (g *Graph) placedHosts() bitset {
	out := newBitset(g.classes.len())
	for c := range g.nodes.hosts.all() {
		cl := g.classes.ref(c)
		if cl.node != "" && !g.nodes.some[nodeKey{cl.cluster, cl.node}].empty() {
			out.add(c)
		}
	}
	return out
}

// policedClasses are the classes that some policy selects, or may.
func (g *Graph) policedClasses() bitset {
	out := newBitset(g.classes.len())
	for _, p := range g.ordered() {
		g.atoms.at(p.subject).must.addTo(out)
		g.atoms.at(p.subject).maybe.addTo(out)
	}
	return out
}

// undecidedHosts are the host-network classes for which some policed pod may or
// may not share the node.
func (g *Graph) undecidedHosts() bitset {
	out := newBitset(g.classes.len())
	policed := g.policedClasses()
	if policed.empty() {
		return out
	}
	unknown := g.nodes.unknown.meets(policed)
	for c := range g.nodes.hosts.all() {
		if unknown || g.nodes.unplaced[g.classes.ref(c).cluster].has(c) {
			out.add(c)
		}
	}
	return out
}
