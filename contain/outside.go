package contain

import (
	"context"
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/contain/rewrite"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// internet is where a cut begins that keeps the addresses of the public internet out.
// Other addresses outside the cluster stay as they are: nodes and their probes, the
// API server, an owner's own networks.
var internet = ident.Ref{CIDR: ident.Internet}

// closing finds the minimum cuts between the workloads that the internet reaches
// and the affected ones. Where it reaches an affected one itself, each way also keeps
// the internet out of that.
func (s *solver) closing(ctx context.Context) ([]way, error) {
	var sources []ident.Ref
	var direct []int
	for _, r := range s.n.entrances(s.p.Graph) {
		if !slices.Contains(s.p.Affected, r) {
			sources = append(sources, r)
			continue
		}
		itself, err := s.reachedItself(r)
		if err != nil {
			return nil, err
		}
		if itself {
			direct = append(direct, s.n.index[r])
		}
	}
	ways, err := s.separating(ctx, s.n.numbers(sources), s.n.numbers(s.p.Affected))
	if err != nil || len(direct) == 0 {
		return ways, err
	}
	if len(ways) == 0 {
		ways = []way{{grain: Edges, nearest: "source"}}
	}
	for i := range ways {
		ways[i].outside = direct
	}
	return ways, nil
}

// reachedItself reports whether a way in ends at an affected workload itself, so that
// its own policies see addresses of the internet. It fails where no policy can close
// a way: the error says what has to be done by hand.
func (s *solver) reachedItself(r ident.Ref) (bool, error) {
	u, direct := s.n.index[r], false
	x := s.p.Graph.Exposure(r)
	if len(x.Ways) == 0 {
		return false, ident.Errorf(ident.KindUnsupported, "whether the internet reaches %s itself is not known: no Service is in the input", r.Short()).
			WithHint("add the Services, Ingresses and routes of its namespace to the input")
	}
	for _, w := range x.Ways {
		switch {
		case w.Level != segment.ExposedInternet && w.Level != segment.ExposedUnknown:
		case s.n.rails.host[u]:
			return false, ident.Errorf(ident.KindUnsupported, "the internet reaches %s itself, through %s, and it is on the network of its node, where %s enforces no policy: not enforceable", r.Short(), w.Object, s.p.Graph.Profile().Name).
				WithHint("close its port by hand: a firewall rule of its nodes, or of the cloud's network, or take %s away; --objective isolate cuts it off from every pod that policies hold", w.Object)
		case s.n.rails.vital[u]:
			return false, ident.Errorf(ident.KindUnsupported, "the internet reaches %s itself, through %s, and it is declared vital", r.Short(), w.Object).
				WithHint("--may-cut %s lets the plan keep the internet out of it", r.Short())
		case !routed(w.Kind):
			direct = true
		case len(w.Via) == 0 || w.Level == segment.ExposedUnknown:
			return false, ident.Errorf(ident.KindUnsupported, "the internet may reach %s through %s, and the controller that serves it is not certainly known: no cut can be named", r.Short(), w.Object).
				WithHint("take %s out of %s by hand, or add the controller's pods and Service to the input", r.Short(), w.Object)
		}
	}
	return direct, nil
}

// routed reports whether a controller stands in a kind of way in, and opens
// connections of its own.
func routed(kind string) bool {
	switch kind {
	case "LoadBalancer", "NodePort", "hostPort", "hostNetwork", "externalIPs":
		return false
	}
	return true
}

// internetObjects writes what keeps the internet out of workloads, for means that can.
func (n *network) internetObjects(c *candidate, ps *picks) ([]*object, error) {
	var out []*object
	for _, u := range c.outside {
		if c.means != CiliumDeny {
			return nil, ident.Errorf(ident.KindUnsupported, "the internet reaches %s itself, and a %s names no addresses on the way in", n.refs[u].Short(), c.means)
		}
		var except [2][]any
		for _, p := range segment.SpecialRanges() {
			switch {
			case p.Addr().Is4():
				except[0] = append(except[0], p.String())
			case !p.Addr().Is4In6(): // which no packet has
				except[1] = append(except[1], p.String())
			}
		}
		rules := []any{map[string]any{"fromCIDRSet": []any{
			map[string]any{"cidr": "0.0.0.0/0", "except": except[0]}, map[string]any{"cidr": "::/0", "except": except[1]},
		}}}
		os, err := n.ciliumPolicy(c.id, "-internet", []int{u}, segment.Ingress, n.p.Query+": "+n.refs[u].Short()+" may no longer be opened from the internet.", rules, ps)
		if err != nil {
			return nil, err
		}
		p := ps.of([]int{u})
		for _, o := range os {
			o.also, o.newPods = p.Also, []string{p.NewPods}
		}
		out = append(out, os...)
	}
	return out, nil
}

// internetEdges are what a rewriting takes from the internet, but for workloads that it
// reduces, which lose it with the rest.
func (c *candidate) internetEdges(n *network) []rewrite.Edge {
	var out []rewrite.Edge
	for _, u := range c.outside {
		if slices.Contains(c.harden[segment.Ingress], u) {
			continue
		}
		out = append(out, rewrite.Edge{Src: internet, Dst: n.refs[u], At: segment.Ingress})
	}
	return out
}

// internetCuts declares what a candidate takes from the internet. Where labels bring a
// neighbour along, that loses the same.
func (s *solver) internetCuts(c *candidate) ([]Cut, error) {
	var out []Cut
	seen := make(map[ident.Ref]bool)
	put := func(r ident.Ref, neighbour bool) error {
		if seen[r] {
			return nil
		}
		seen[r] = true
		edges, err := s.p.Graph.Column(r)
		if err != nil {
			return err
		}
		x := Cut{From: internet, To: r, Connections: []segment.Conn{}, Verdict: segment.Unknown.String(), AllowedBy: []segment.RuleRef{}, At: segment.Ingress.String(), Neighbour: neighbour}
		for _, e := range edges {
			if !fromInternet(e.Src) {
				continue
			}
			if x.Connections = segment.Union(x.Connections, e.Connections); e.Verdict == segment.Allowed {
				x.Verdict = e.Verdict.String()
			}
		}
		for _, f := range s.n.arrivals[s.n.index[r]] {
			if len(segment.Common(x.Connections, []segment.Conn{f.Conn})) > 0 {
				x.Observed = append(x.Observed, f)
			}
		}
		if len(x.Connections) > 0 {
			out = append(out, x)
		}
		return nil
	}
	for _, u := range c.outside {
		if err := put(s.n.refs[u], false); err != nil {
			return nil, err
		}
	}
	if c.means != CiliumDeny {
		return out, nil
	}
	for _, u := range c.outside {
		for _, r := range s.picks.of([]int{u}).Also {
			if err := put(r, true); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// fromInternet reports whether an end is a block with addresses of the public internet.
func fromInternet(r ident.Ref) bool {
	if r.CIDR == ident.Internet {
		return true
	}
	p, err := netip.ParsePrefix(r.CIDR)
	return err == nil && segment.PublicBlock(p)
}

// onlyInternet reports whether an end is a block with no other addresses, but for
// IPv4 addresses in the form of IPv6, which no packet has.
func onlyInternet(r ident.Ref) bool {
	p, err := netip.ParsePrefix(r.CIDR)
	return err == nil && !slices.ContainsFunc(segment.SpecialRanges(), func(s netip.Prefix) bool { return s.Overlaps(p) && !s.Addr().Is4In6() })
}
