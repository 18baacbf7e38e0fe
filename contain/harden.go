package contain

import (
	"math/bits"
	"slices"

	"github.com/cofferdam-io/cofferdam/contain/cut"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Hardened is one direction of a workload that a plan reduces: of what it has with
// pods of others, Keeps is all that stays.
type Hardened struct {
	Workload  ident.Ref `json:"workload"`
	Direction string    `json:"direction"` // "ingress" or "egress"
	Keeps     []Keeping `json:"keeps"`
}

// Keeping is what a hardened workload keeps with another.
type Keeping struct {
	Peer        ident.Ref      `json:"peer"`
	Connections []segment.Conn `json:"connections"`
	Why         string         `json:"why"`
}

// The prices of the grain of workloads: hardening one direction costs one, and an
// edge that hardening would take is named only where neither end can be hardened.
const (
	hardenPrice  = 1
	unkeptPrice  = 1 << 10
	keptForSeen  = "seen in use"
	keptForNeeds = "declared necessary"
)

// kept is what stays of an edge when one of its ends is hardened.
type kept struct {
	conns []segment.Conn
	why   string
	// free is true where no policy holds the edge, so that none has to let it through.
	free bool
}

// spared returns what stays of an edge: what guard rails keep, was seen or is
// declared, of what is open. Nothing is an answer, too.
func (n *network) spared(u, v int) (kept, error) {
	edges, err := n.connections(u, v)
	if err != nil {
		return kept{}, err
	}
	var open []segment.Conn
	for _, e := range edges {
		open = segment.Union(open, e.Connections)
	}
	if n.rails.host[u] || n.rails.host[v] {
		return kept{open, "no policy holds the network of a node", true}, nil
	}
	if why := n.rails.why(u, v); why != "" && !n.rails.onlyNames(u, v) {
		return kept{conns: open, why: why}, nil
	}
	var out kept
	add := func(conns []segment.Conn, why string) {
		if more := segment.Common(open, conns); len(more) > 0 {
			if out.why == "" {
				out.why = why
			}
			out.conns = segment.Union(out.conns, more)
		}
	}
	k := cut.Pair{From: int32(u), To: int32(v)} //nolint:gosec // numbers of workloads
	if n.p.Objective != Isolate {
		for _, x := range n.needs[k] {
			conns := x.Conns
			if len(conns) == 0 {
				conns = segment.EveryPort()
			}
			add(conns, keptForNeeds)
		}
		for _, f := range n.flows[k] {
			add([]segment.Conn{f.Conn}, keptForSeen)
		}
	}
	if n.rails.dns[v] {
		add(n.rails.namePorts(v), "it resolves names")
	}
	if n.p.Objective != Isolate && n.silent(u) {
		add(open, "no record mentions "+n.refs[u].Short()+": what it may open stays")
	}
	return out, nil
}

// silent reports whether records were given and none says what a workload opens.
// What hardening others would take from it is then not known.
func (n *network) silent(u int) bool {
	return n.p.Traffic != nil && !n.watched(u)
}

// mostSilent bounds the connections of workloads that no record mentions, all of
// which hardening has to spare: with more of them the records are none to harden by.
const mostSilent = 1 << 18

// spareSilent adds to what hardening leaves whatever workloads that no record
// mentions may open to some.
func (n *network) spareSilent(h *cut.Hardening, among []uint64) error {
	spared := 0
	for _, u := range members(among) {
		if !n.silent(u) || n.rails.host[u] {
			continue
		}
		for w, word := range n.row(u) {
			for word &= among[w]; word != 0; word &= word - 1 {
				h.Kept[cut.Pair{From: int32(u), To: int32(w<<6 + bits.TrailingZeros64(word))}] = true //nolint:gosec // numbers of workloads
				spared++
			}
		}
		if spared > mostSilent {
			return ident.Errorf(ident.KindUnsupported, "the records do not mention workloads that may open more than %d connections, so that they do not say what a workload needs", mostSilent).
				WithHint("--accept-unobserved takes what was not seen for not in use; --grain edges cuts connections by name")
		}
	}
	return nil
}

// openings are the workloads that u may open something to, also where paths are not
// taken to go on from it.
func (n *network) openings(u int) []uint64 {
	if n.leadsOn(u) {
		return n.row(u)
	}
	out := make([]uint64, n.words)
	n.p.Graph.Openings(u, out)
	return out
}

// onlyNames reports whether nothing but name resolution keeps an edge.
func (r *rails) onlyNames(u, v int) bool {
	return r.dns[v] && !r.host[u] && !r.host[v] && !r.unpicked[u] && !r.unpicked[v] && !r.vital[u] && !r.vital[v] && !r.api[v]
}

// partners lists, by workload and direction, those that something is to be kept with.
func (n *network) partners() [2]map[int][]int {
	if n.with[0] != nil {
		return n.with
	}
	n.with = [2]map[int][]int{{}, {}}
	put := func(k cut.Pair) {
		u, v := int(k.From), int(k.To)
		n.with[segment.Egress][u] = append(n.with[segment.Egress][u], v)
		n.with[segment.Ingress][v] = append(n.with[segment.Ingress][v], u)
	}
	for k := range n.flows {
		put(k)
	}
	for k := range n.needs {
		put(k)
	}
	return n.with
}

// reduction is one direction of a workload that is hardened, with all that it
// keeps, by peer.
type reduction struct {
	dir  segment.Gress
	node int
	keep map[int]kept
}

// ends puts the reduced workload and a peer in the order of travel.
func (r *reduction) ends(peer int) cut.Pair {
	u, v := int32(r.node), int32(peer) //nolint:gosec // numbers of workloads
	if r.dir == segment.Ingress {
		u, v = v, u
	}
	return cut.Pair{From: u, To: v}
}

// reduce finds what hardening leaves a workload in one direction. Pairs in named
// are to go as a whole. Where labels cannot tell a peer from another, both keep
// what either does.
func (n *network) reduce(ps *picks, node int, dir segment.Gress, named map[cut.Pair]bool) (*reduction, error) {
	r := &reduction{dir: dir, node: node, keep: make(map[int]kept)}
	peers := n.peers(r)
	if dir == segment.Ingress && n.p.Traffic != nil {
		for u := range n.refs {
			if n.silent(u) && n.openings(u)[node>>6]>>(node&63)&1 == 1 {
				peers = append(peers, u)
			}
		}
	}
	if err := n.spare(r, peers, named); err != nil {
		return nil, err
	}
	return r, r.widen(n, ps)
}

// peers lists those that something was seen or declared with, and guard rails.
func (n *network) peers(r *reduction) []int {
	out := slices.Clone(n.partners()[r.dir][r.node])
	for v := range n.rails.guarded {
		out = append(out, v)
	}
	return out
}

// spare fills what a reduction keeps with some peers.
func (n *network) spare(r *reduction, peers []int, named map[cut.Pair]bool) error {
	slices.Sort(peers)
	for _, v := range slices.Compact(peers) {
		k := r.ends(v)
		if v == r.node || named[k] && n.rails.why(int(k.From), int(k.To)) == "" {
			continue
		}
		x, err := n.spared(int(k.From), int(k.To))
		if err != nil {
			return err
		}
		if len(x.conns) > 0 {
			r.keep[v] = x
		}
	}
	return nil
}

// widen lets neighbours that labels cannot separate from a peer keep the same.
func (r *reduction) widen(n *network, ps *picks) error {
	for more := true; more; {
		more = false
		for _, v := range sortedKeys(r.keep) {
			x := r.keep[v]
			if x.free {
				continue
			}
			p := ps.of([]int{v})
			if len(p.Missing) > 0 {
				return ident.Errorf(ident.KindUnsupported, "%s keeps connections with %s, whose pods no label selector picks", n.refs[r.node].Short(), n.refs[v].Short())
			}
			for _, ref := range p.Also {
				w := n.index[ref]
				if w == r.node || n.rails.host[w] {
					continue
				}
				y := r.keep[w]
				both := segment.Union(x.conns, y.conns)
				if slices.Equal(both, segment.Union(y.conns, nil)) && slices.Equal(both, segment.Union(x.conns, nil)) {
					continue
				}
				if x.conns = both; y.why == "" {
					y.why = "labels cannot tell it from " + n.refs[v].Short()
				}
				y.conns = both
				r.keep[v], r.keep[w], more = x, y, true
			}
		}
	}
	return nil
}

// hardening is the network in the grain of workloads: what hardening leaves, and
// what hardening each workload costs.
func (n *network) hardening(ps *picks, among []uint64) (*cut.Hardening, error) {
	h := &cut.Hardening{Egress: make([]cut.Price, len(n.refs)), Ingress: make([]cut.Price, len(n.refs)), Kept: make(map[cut.Pair]bool)}
	for u := range n.refs {
		h.Egress[u], h.Ingress[u] = cut.Never, cut.Never
		if among[u>>6]>>(u&63)&1 == 1 && n.hardenable(ps, u) {
			h.Egress[u], h.Ingress[u] = hardenPrice, hardenPrice
		}
	}
	if err := n.spareSilent(h, among); err != nil {
		return nil, err
	}
	for _, u := range members(among) {
		for d := range segment.Gress(2) {
			if h.Egress[u] == cut.Never {
				continue
			}
			r := &reduction{dir: d, node: u, keep: make(map[int]kept)}
			err := n.spare(r, n.peers(r), nil)
			if err == nil {
				err = r.widen(n, ps)
			}
			if err != nil {
				h.Egress[u], h.Ingress[u] = cut.Never, cut.Never
				continue
			}
			for v := range r.keep {
				h.Kept[r.ends(v)] = true
			}
		}
	}
	return h, nil
}

// hardenable reports whether a workload may be hardened: a guard rail does not
// forbid it, labels tell its pods from all others, and it was watched.
func (n *network) hardenable(ps *picks, u int) bool {
	if n.rails.guarded[u] || !n.watched(u) {
		return false
	}
	p := ps.of([]int{u})
	return len(p.Also) == 0 && len(p.Missing) == 0
}

// watched reports whether what a workload uses is known, or is not asked for.
func (n *network) watched(u int) bool {
	switch {
	case n.p.AcceptUnobserved:
		return true
	case n.p.Traffic == nil:
		return false
	}
	if n.seen == nil {
		n.seen = make(map[int]bool)
		for k := range n.flows {
			n.seen[int(k.From)], n.seen[int(k.To)] = true, true
		}
		for _, r := range n.p.Traffic.Doubtful() {
			if i, ok := n.index[r]; ok {
				n.seen[i] = false
			}
		}
	}
	return n.seen[u]
}
