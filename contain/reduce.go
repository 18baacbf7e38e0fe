package contain

import (
	"slices"

	"github.com/cofferdam-io/cofferdam/contain/cut"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// reduce finds what each hardened workload of a candidate keeps, and which pairs
// are left to be cut by themselves.
func (s *solver) reduce(c *candidate) error {
	named := make(map[cut.Pair]bool, len(c.pairs))
	for _, k := range c.pairs {
		named[k] = true
	}
	c.reduced, c.rest = nil, nil
	taken := make(map[cut.Pair]bool)
	for d := range segment.Gress(2) {
		for _, u := range c.harden[d] {
			r, err := s.n.reduce(s.picks, u, d, named)
			if err != nil {
				return err
			}
			c.reduced = append(c.reduced, r)
			for _, k := range c.pairs {
				if at, peer := int(k.From), int(k.To); d == segment.Egress && at == u {
					_, stays := r.keep[peer]
					taken[k] = taken[k] || !stays
				} else if d == segment.Ingress && peer == u {
					_, stays := r.keep[at]
					taken[k] = taken[k] || !stays
				}
			}
		}
	}
	for _, k := range c.pairs {
		if !taken[k] {
			c.rest = append(c.rest, k)
		}
	}
	return nil
}

// lost lists what reductions close, of pairs that are not declared already.
func (s *solver) lost(rs []*reduction, declared map[cut.Pair]bool) ([]Cut, error) {
	keeps := make(map[cut.Pair][]segment.Conn)
	at := make(map[cut.Pair]segment.Gress)
	var pairs []cut.Pair
	for _, r := range rs {
		open, other := s.p.Graph.Row, func(e segment.Edge) ident.Ref { return e.Dst }
		if r.dir == segment.Ingress {
			open, other = s.p.Graph.Column, func(e segment.Edge) ident.Ref { return e.Src }
		}
		edges, err := open(s.n.refs[r.node])
		if err != nil {
			return nil, err
		}
		mine := make(map[cut.Pair]bool)
		for _, e := range edges {
			v, inside := s.n.index[other(e)]
			k := r.ends(v)
			if !inside || v == r.node || mine[k] || declared[k] || s.n.rails.host[v] {
				continue
			}
			mine[k] = true
			if before, twice := keeps[k]; twice {
				keeps[k] = segment.Common(before, r.keep[v].conns)
				continue
			}
			keeps[k], at[k] = r.keep[v].conns, r.dir
			pairs = append(pairs, k)
		}
	}
	slices.SortFunc(pairs, comparePairs)
	var out []Cut
	for _, k := range pairs {
		x := s.cutOf(k, keeps[k])
		if x.At = at[k].String(); len(x.Connections) > 0 {
			out = append(out, x)
		}
	}
	return out, nil
}
