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
	return segment.EveryPort()
}

// overlap returns what of conns is among ports; all where ports are none.
func overlap(conns, ports []segment.Conn) []segment.Conn {
	if len(ports) == 0 {
		return conns
	}
	return segment.Common(conns, ports)
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
