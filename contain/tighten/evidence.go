package tighten

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/flow"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// piece is what passes now of something that was asked about.
type piece struct {
	peer    ident.Ref
	conns   []segment.Conn
	verdict segment.Verdict
	partial bool
}

// evidence gathers what is used and needed on one side of a workload, and holds it
// back where that is not certain.
func (s *solver) evidence(u *unit) error {
	about := s.p.about(u.ref)
	switch {
	case about.Vital && !s.p.mayCut(u.ref.Short(), u.ref.String()):
		u.hold(false, "it is declared vital; --may-cut %s gives that up", u.ref.Short())
	case s.servers[u.ref] && !s.p.mayCut(contain.GuardDNS, u.ref.Short(), u.ref.String()):
		u.hold(false, "it resolves names for the cluster; --may-cut %s gives that up", contain.GuardDNS)
	}
	if s.silent[u.ref] && !s.p.AcceptUnobserved {
		u.hold(true, "no record mentions it; --accept-unobserved takes that for not in use")
	}
	edges := s.p.Observed.Out(u.ref)
	if u.dir == segment.Ingress {
		edges = s.p.Observed.In(u.ref)
	}
	for i := range edges {
		if err := s.seen(u, &edges[i]); err != nil {
			return err
		}
	}
	if err := s.declared(u); err != nil {
		return err
	}
	if u.dir == segment.Egress {
		if err := s.resolves(u); err != nil {
			return err
		}
		if about.UsesAPI && !slices.ContainsFunc(u.side.Used, func(x Use) bool { return x.Peer.IsCIDR() }) {
			u.side.Notes = append(u.side.Notes, "its pods hold a token for the API server, which no record shows them to use: the proposal does not allow it")
		}
	}
	slices.SortFunc(u.wants, func(a, b want) int { return a.peer.Compare(b.peer) })
	return nil
}

// seen judges one observed edge.
func (s *solver) seen(u *unit, e *flow.Edge) error {
	peer, at := e.Dst, e.DstPlace
	if u.dir == segment.Ingress {
		peer, at = e.Src, e.SrcPlace
	}
	use := Use{Peer: peer, Connections: []segment.Conn{e.Conn()}, Count: e.Count + e.Replies, Last: e.Last, Refused: e.Dropped(), Guessed: e.Guessed, Folded: e.Folded}
	if at == flow.PlaceUnknown {
		u.side.Unplaced = append(u.side.Unplaced, use)
		if !use.Refused {
			u.hold(true, "%s is in use and no certain workload's: what the proposal would break there is not known", described(u, &use))
		}
		return nil
	}
	pieces, free, err := s.passing(u, peer, use.Connections)
	if err != nil {
		u.hold(true, "%s: %v", described(u, &use), err)
		return nil //nolint:nilerr // it is told as the reason
	}
	if use.Refused {
		for _, x := range pieces {
			use.Verdict = x.verdict
		}
		if len(pieces) == 0 {
			use.Verdict = segment.Denied
		} else {
			u.side.Notes = append(u.side.Notes, described(u, &use)+" was refused or never answered although the policies let it pass: it is not kept")
		}
		u.side.Denied = append(u.side.Denied, use)
		return nil
	}
	if len(pieces) == 0 && !free {
		use.Verdict = segment.Denied
		u.side.Denied = append(u.side.Denied, use)
		u.hold(true, "%s passed although the policies deny it: the records are older than the policies, or the cluster is not what the manifests say", described(u, &use))
		return nil
	}
	use.Verdict = segment.Allowed
	for _, x := range pieces {
		if x.verdict == segment.Unknown {
			use.Verdict = segment.Unknown
		}
		s.keep(u, &x, &use, false)
	}
	if use.Folded {
		u.side.Notes = append(u.side.Notes, described(u, &use)+" stands for more addresses than the records keep apart: the proposal allows the range")
	}
	u.side.Used = append(u.side.Used, use)
	return nil
}

// keep adds a piece to what the policy must allow.
func (s *solver) keep(u *unit, x *piece, use *Use, onlyNames bool) {
	if x.partial {
		u.hold(false, "%s passes for some of the pods only: one policy for all of them would open it for the others", described(u, use))
		return
	}
	for i := range u.wants {
		if w := &u.wants[i]; w.peer == x.peer {
			w.conns, w.names = segment.Union(w.conns, x.conns), w.names && onlyNames
			return
		}
	}
	u.wants = append(u.wants, want{x.peer, x.conns, onlyNames})
}

func described(u *unit, x *Use) string {
	src, dst := u.ends(x.Peer)
	return fmt.Sprintf("%s → %s %s", src.Short(), dst.Short(), segment.Summary(x.Connections, 3))
}

// passing returns what passes now between a unit's workload and a peer. It is free
// where it passes between a pod and its own node, whatever policies say.
func (s *solver) passing(u *unit, peer ident.Ref, conns []segment.Conn) (out []piece, free bool, err error) {
	src, dst := u.ends(peer)
	if block, err := netip.ParsePrefix(peer.CIDR); err == nil && !block.IsSingleIP() || peer.CIDR == ident.Internet {
		out, err = s.passingBlock(u, peer, block, conns)
		return out, false, err
	}
	judge := s.p.Graph.Between
	if peer.IsCIDR() {
		judge = s.p.Graph.Policed
	}
	edges, err := judge(src, dst)
	if err != nil {
		return nil, false, err
	}
	rest := conns
	for _, e := range edges {
		if c := segment.Common(e.Connections, conns); len(c) > 0 {
			out = append(out, piece{peer, c, e.Verdict, e.Partial})
			rest = segment.Minus(rest, c)
		}
	}
	if peer.IsCIDR() && len(rest) > 0 {
		if edges, err = s.p.Graph.Between(src, dst); err != nil {
			return nil, false, err
		}
		free = slices.ContainsFunc(edges, func(e segment.Edge) bool { return len(segment.Common(e.Connections, rest)) > 0 })
	}
	return out, free, nil
}

// passingBlock is passing for a range, which the policies may divide.
func (s *solver) passingBlock(u *unit, peer ident.Ref, block netip.Prefix, conns []segment.Conn) ([]piece, error) {
	src, dst := u.ends(peer)
	whole, err := s.p.Graph.Policed(src, dst)
	if err != nil {
		return nil, err
	}
	for _, e := range whole {
		if c := segment.Common(e.Connections, conns); !e.Partial && len(segment.Minus(conns, c)) == 0 {
			return []piece{{peer, c, e.Verdict, false}}, nil
		}
	}
	edges, err := s.edges(u)
	if err != nil {
		return nil, err
	}
	var out []piece
	for _, e := range edges {
		other := s.other(u, &e)
		b, err := netip.ParsePrefix(other.CIDR)
		c := segment.Common(e.Connections, conns)
		switch {
		case err != nil || len(c) == 0:
		case peer.CIDR == ident.Internet && segment.PublicBlock(b), block.IsValid() && block.Overlaps(b) && block.Bits() <= b.Bits():
			out = append(out, piece{other, c, e.Verdict, e.Partial})
		case block.IsValid() && block.Overlaps(b):
			out = append(out, piece{peer, c, e.Verdict, e.Partial})
		}
	}
	return out, nil
}

// edges are those on a unit's side.
func (s *solver) edges(u *unit) ([]segment.Edge, error) {
	if u.dir == segment.Egress {
		return s.p.Graph.Row(u.ref)
	}
	return s.p.Graph.Column(u.ref)
}

func (*solver) other(u *unit, e *segment.Edge) ident.Ref {
	if u.dir == segment.Egress {
		return e.Dst
	}
	return e.Src
}

// declared adds the needs of a unit.
func (s *solver) declared(u *unit) error {
	for _, n := range s.p.Needs {
		subject, peer := n.Src, n.Dst
		if u.dir == segment.Ingress {
			subject, peer = n.Dst, n.Src
		}
		if subject != u.ref {
			continue
		}
		conns := n.Conns
		if len(conns) == 0 {
			conns = segment.EveryPort()
		}
		if err := s.need(u, peer, conns, n.Why, false); err != nil {
			return err
		}
	}
	return nil
}

func (s *solver) need(u *unit, peer ident.Ref, conns []segment.Conn, why string, onlyNames bool) error {
	pieces, free, err := s.passing(u, peer, conns)
	if err != nil {
		return err
	}
	rest := conns
	for _, x := range pieces {
		use := Use{Peer: x.peer, Connections: x.conns, Verdict: x.verdict, Why: why}
		s.keep(u, &x, &use, onlyNames)
		u.side.Needed = append(u.side.Needed, use)
		rest = segment.Minus(rest, x.conns)
	}
	if len(rest) > 0 && !onlyNames && !free {
		u.side.Denied = append(u.side.Denied, Use{Peer: peer, Connections: rest, Verdict: segment.Denied, Why: why})
	}
	return nil
}

// namePort is where names are asked for (RFC 1035, section 4.2).
const namePort = 53

// resolves keeps name resolution as it passes now.
func (s *solver) resolves(u *unit) error {
	found := false
	for _, r := range s.resolvers {
		if r.Cluster != u.ref.Cluster {
			continue
		}
		found = true
		if r == u.ref {
			continue
		}
		conns := []segment.Conn{{Protocol: segment.TCP, From: namePort, To: namePort}, {Protocol: segment.UDP, From: namePort, To: namePort}}
		for _, svc := range s.p.Set.Estate.Services {
			if svc.Cluster != r.Cluster || svc.Namespace != r.Namespace {
				continue
			}
			for _, port := range svc.Ports {
				if proto, ok := segment.ParseProtocol(port.Protocol); ok && port.Port == namePort && port.TargetPort > 0 {
					conns = append(conns, segment.Conn{Protocol: proto, From: port.TargetPort, To: port.TargetPort})
				}
			}
		}
		if err := s.need(u, r, segment.Union(conns, nil), "name resolution", true); err != nil {
			return err
		}
	}
	switch kept := slices.ContainsFunc(u.wants, func(w want) bool { return s.servers[w.peer] }); {
	case !found:
		u.usual = true // what it is called is said once the policy is made
	case kept:
		u.side.Names = "kept as it passes now"
	default:
		u.side.Names = "none: the policies let it ask nobody for names"
	}
	return nil
}

// unused lists what passes on one side and is neither used nor needed.
func (s *solver) unused(u *unit) error {
	edges, err := s.edges(u)
	if err != nil {
		return err
	}
	for _, e := range edges {
		peer := s.other(u, &e)
		rest, within := s.rest(u, peer, e.Connections)
		if rest, err = s.policed(u, peer, rest); err != nil {
			return err
		}
		if len(rest) == 0 {
			continue
		}
		if u.dir == segment.Ingress && s.silent[peer] && !s.host[peer] && !s.p.AcceptUnobserved {
			use := Use{Peer: peer, Connections: rest, Verdict: e.Verdict, Why: "no record mentions " + peer.Short() + ": what it may open stays"}
			s.keep(u, &piece{peer, rest, e.Verdict, e.Partial}, &use, false)
			u.side.Needed = append(u.side.Needed, use)
			continue
		}
		x := Permission{Peer: peer, Connections: rest, Verdict: e.Verdict, Within: within}
		if x.Rule, err = s.rule(u, peer, rest[0]); err != nil {
			return err
		}
		x.Source = s.sourceOf(x.Rule)
		if s.listed++; s.listed > mostPermissions {
			return ident.Errorf(ident.KindLimit, "more than %d permissions of workloads are not in use: they cannot be listed at once", mostPermissions).
				WithHint("name fewer workloads, a namespace at a time")
		}
		u.side.Unused = append(u.side.Unused, x)
	}
	return nil
}

// rest returns what of connections with a peer nobody used or needs, and how many
// addresses of a block are in use.
func (s *solver) rest(u *unit, peer ident.Ref, conns []segment.Conn) (rest []segment.Conn, within int) {
	rest = conns
	block, err := netip.ParsePrefix(peer.CIDR)
	for _, w := range u.wants {
		switch {
		case w.peer == peer:
			rest = segment.Minus(rest, w.conns)
		case err != nil || !w.peer.IsCIDR() || len(segment.Common(w.conns, conns)) == 0:
		case w.peer.CIDR == ident.Internet && segment.PublicBlock(block):
			within++
		default:
			if p, err := netip.ParsePrefix(w.peer.CIDR); err == nil && p.Overlaps(block) {
				if p.Bits() <= block.Bits() {
					rest = segment.Minus(rest, w.conns)
				} else {
					within++
				}
			}
		}
	}
	return rest, within
}

// policed leaves out what no policy can stop: what passes between a pod and its own node.
func (s *solver) policed(u *unit, peer ident.Ref, conns []segment.Conn) ([]segment.Conn, error) {
	nodes := s.host[peer] || s.host[u.ref]
	if block, err := netip.ParsePrefix(peer.CIDR); err == nil {
		nodes = nodes || s.p.Graph.NodesOnly(block)
	}
	if len(conns) == 0 || !nodes {
		return conns, nil
	}
	edges, err := s.p.Graph.Policed(u.ends(peer))
	if err != nil {
		return nil, err
	}
	var open []segment.Conn
	for _, e := range edges {
		open = append(open, e.Connections...)
	}
	return segment.Common(conns, open), nil
}

// mostPermissions bounds what is listed as not in use: each, and the change that
// takes it away, is some kilobytes.
const mostPermissions = 1_000_000

// mostRules bounds how many permissions are explained by their rules: each asks the
// engine anew.
const mostRules = 50_000

func (s *solver) rule(u *unit, peer ident.Ref, c segment.Conn) (segment.RuleRef, error) {
	if s.asked++; s.asked > mostRules {
		return segment.RuleRef{Rule: -1}, nil
	}
	src, dst := u.ends(peer)
	ex, err := s.p.Graph.Why(src, dst, &segment.Port{Protocol: c.Protocol, Number: c.From})
	if err != nil {
		return segment.RuleRef{}, err
	}
	if u.dir == segment.Egress {
		return ex.Egress.Rule, nil
	}
	return ex.Ingress.Rule, nil
}

func (s *solver) sourceOf(r segment.RuleRef) string {
	return s.places[segment.PolicyRef{Kind: r.Kind, Cluster: r.Cluster, Namespace: r.Namespace, Name: r.Name}]
}
