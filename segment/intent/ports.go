package intent

import (
	"net/netip"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// wanted returns the ports of a rule: every port where it names none.
func wanted(ports []segment.Conn) []segment.Conn {
	if len(ports) > 0 {
		return ports
	}
	return []segment.Conn{{Protocol: segment.TCP, From: 1, To: 65535}, {Protocol: segment.UDP, From: 1, To: 65535}, {Protocol: segment.SCTP, From: 1, To: 65535}}
}

// overlap returns what of conns is among ports; all where ports are none.
func overlap(conns, ports []segment.Conn) []segment.Conn {
	if len(ports) == 0 {
		return conns
	}
	var out []segment.Conn
	for _, c := range conns {
		for _, p := range ports {
			if from, to := max(c.From, p.From), min(c.To, p.To); c.Protocol == p.Protocol && from <= to {
				out = append(out, segment.Conn{Protocol: c.Protocol, From: from, To: to})
			}
		}
	}
	return out
}

// subtract returns what of conns is not among ports.
func subtract(conns, ports []segment.Conn) []segment.Conn {
	out := conns
	for _, p := range ports {
		var rest []segment.Conn
		for _, c := range out {
			if c.Protocol != p.Protocol || p.To < c.From || p.From > c.To {
				rest = append(rest, c)
				continue
			}
			if c.From < p.From {
				rest = append(rest, segment.Conn{Protocol: c.Protocol, From: c.From, To: p.From - 1})
			}
			if c.To > p.To {
				rest = append(rest, segment.Conn{Protocol: c.Protocol, From: p.To + 1, To: c.To})
			}
		}
		out = rest
	}
	return out
}

// inside reports whether a block outside lies in what a rule names. The word
// internet stands for every address outside.
func inside(block, of ident.Ref) bool {
	if of.CIDR == ident.Internet {
		return true
	}
	b, errB := netip.ParsePrefix(block.CIDR)
	p, errP := netip.ParsePrefix(of.CIDR)
	return errB == nil && errP == nil && p.Bits() <= b.Bits() && p.Contains(b.Addr())
}

// overlaps reports whether a block shares an address with what a rule names; the
// word internet stands for public addresses.
func overlaps(block, of ident.Ref) bool {
	b, err := netip.ParsePrefix(block.CIDR)
	if err != nil {
		return false
	}
	if of.CIDR == ident.Internet {
		return segment.PublicBlock(b)
	}
	p, err := netip.ParsePrefix(of.CIDR)
	return err == nil && p.Overlaps(b)
}
