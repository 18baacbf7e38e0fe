package intent

import (
	"net/netip"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// internet looks for what public addresses may open to the targets in one step.
// A path shows one way; a rule may speak of ports that only another block of
// addresses, or only an edge in doubt, has. So every connection from outside is
// looked at, for the workloads to which a way leads in.
func (c *checker) internet(res *Result, to []ident.Ref) error {
	from := ident.Ref{CIDR: ident.Internet}
	reached, err := c.g.Reach(c.ctx, []ident.Ref{from}, segment.Forward, 1)
	if err != nil {
		return err
	}
	verdicts := make(map[ident.Ref]segment.Verdict, len(reached))
	for i := range reached {
		verdicts[reached[i].Workload] = reached[i].Verdict
	}
	for _, dst := range to {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		var sure, perhaps []segment.Conn
		if verdict, hit := verdicts[dst]; hit {
			column, err := c.g.Column(dst)
			if err != nil {
				return err
			}
			for _, e := range column {
				if block, err := netip.ParsePrefix(e.Src.CIDR); err != nil || !segment.PublicBlock(block) || c.g.NodesOnly(block) {
					continue
				}
				over := overlap(e.Connections, res.Rule.Ports)
				if e.Verdict == segment.Allowed && verdict == segment.Allowed {
					sure = append(sure, segment.Minus(over, sure)...)
				} else {
					perhaps = append(perhaps, segment.Minus(over, perhaps)...)
				}
			}
		}
		perhaps = segment.Minus(perhaps, sure)
		if len(sure) > 0 {
			c.violate(res, Violation{From: from, To: dst, Connections: sure, Verdict: segment.Allowed})
		}
		if len(perhaps) > 0 {
			c.violate(res, Violation{From: from, To: dst, Connections: perhaps, Verdict: segment.Unknown})
		}
		c.routed(res, dst, append(sure, perhaps...))
	}
	return nil
}

// routed looks for ways in on which a controller passes the connection on: the
// policies of the workload see the controller, yet the internet is served, and
// nothing has to be taken over for it.
func (c *checker) routed(res *Result, dst ident.Ref, told []segment.Conn) {
	from := ident.Ref{CIDR: ident.Internet}
	for _, w := range c.g.Exposure(dst).Ways {
		verdict := segment.Allowed
		switch w.Level {
		case segment.ExposedInternet:
		case segment.ExposedUnknown:
			verdict = segment.Unknown
		default:
			continue
		}
		over := segment.Minus(overlap(w.Conns, res.Rule.Ports), told)
		if len(over) == 0 {
			continue
		}
		told = append(told, over...)
		v := Violation{From: from, To: dst, Connections: over, Verdict: verdict}
		if len(w.Via) > 0 {
			if column, err := c.g.Between(from, w.Via[0]); err == nil && len(column) > 0 {
				v.Path = c.path(Violation{From: from, To: w.Via[0], Connections: column[0].Connections, Verdict: column[0].Verdict})
			}
			v.Path = append(v.Path, c.path(Violation{From: w.Via[0], To: dst, Connections: over, Verdict: verdict})...)
		}
		c.violate(res, v)
	}
}
