package segment

import (
	"net/netip"
	"slices"
)

// addressSpace cuts IPv4 and IPv6 into cells that no block in use tells apart.
// Blocks nest, so a cell is a block without the blocks directly inside it, and
// the innermost block around an address decides everything about it.
type addressSpace struct {
	cells []addressCell // sorted by block, IPv4 first
	index map[netip.Prefix]int
	lens4 []int // lengths in use, longest first
	lens6 []int
}

type addressCell struct {
	block  netip.Prefix   // the innermost block; what contains it contains the cell
	parts  []netip.Prefix // the cell as disjoint prefixes; none if nested blocks fill it
	public bool           // outside every range of specialRanges
	// unnamed is true where no rule names the block: policies treat it as the cell
	// around it, which has addresses left.
	unnamed bool
}

// specialRanges are the addresses that are not on the public internet: IANA's
// special-purpose registries (RFC 6890) and multicast, reduced to those that
// are not globally reachable.
func specialRanges() []netip.Prefix {
	list := []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
		"::/96", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "ff00::/8",
	}
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func newAddressSpace(blocks []netip.Prefix) *addressSpace {
	special := specialRanges()
	all := slices.Concat(blocks, special, []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")})
	for i := range all {
		all[i] = all[i].Masked()
	}
	slices.SortFunc(all, comparePrefix)
	all = slices.Compact(all)
	as := &addressSpace{index: make(map[netip.Prefix]int, len(all))}
	children := make([][]netip.Prefix, len(all))
	var open []int // indexes of the blocks around the present one
	for i, p := range all {
		for len(open) > 0 && !contains(all[open[len(open)-1]], p) {
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			parent := open[len(open)-1]
			children[parent] = append(children[parent], p)
		}
		open = append(open, i)
		as.index[p] = i
		if p.Addr().Is4() {
			as.lens4 = append(as.lens4, p.Bits())
		} else {
			as.lens6 = append(as.lens6, p.Bits())
		}
	}
	as.lens4, as.lens6 = descending(as.lens4), descending(as.lens6)
	for i, p := range all {
		c := addressCell{block: p, public: true}
		c.parts = subtract(nil, p, children[i])
		for _, s := range special {
			if contains(s, p) {
				c.public = false
			}
		}
		as.cells = append(as.cells, c)
	}
	return as
}

// markUnnamed marks the cells that are cut out of another by no rule's block. A
// cell that fills the one around it is not marked.
func (as *addressSpace) markUnnamed(named []netip.Prefix) {
	is := make(map[netip.Prefix]bool, len(named))
	for _, p := range slices.Concat(named, specialRanges()) {
		is[p.Masked()] = true
	}
	var open []int
	for i := range as.cells {
		c := &as.cells[i]
		for len(open) > 0 && !contains(as.cells[open[len(open)-1]].block, c.block) {
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			c.unnamed = !is[c.block] && len(as.cells[open[len(open)-1]].parts) > 0
		}
		open = append(open, i)
	}
}

func descending(lens []int) []int {
	slices.Sort(lens)
	lens = slices.Compact(lens)
	slices.Reverse(lens)
	return lens
}

// contains reports whether every address of b is in a.
func contains(a, b netip.Prefix) bool { return a.Bits() <= b.Bits() && a.Contains(b.Addr()) }

// comparePrefix puts IPv4 first, and a block before the blocks inside it.
func comparePrefix(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

// subtract appends to out the prefixes of p without holes, which are disjoint,
// sorted and inside p.
func subtract(out []netip.Prefix, p netip.Prefix, holes []netip.Prefix) []netip.Prefix {
	switch {
	case len(holes) == 0:
		return append(out, p)
	case holes[0] == p:
		return out
	}
	low, high := halves(p)
	i, _ := slices.BinarySearchFunc(holes, high.Addr(), func(h netip.Prefix, a netip.Addr) int { return h.Addr().Compare(a) })
	out = subtract(out, low, holes[:i])
	return subtract(out, high, holes[i:])
}

func halves(p netip.Prefix) (low, high netip.Prefix) {
	n := p.Bits() + 1
	low = netip.PrefixFrom(p.Addr(), n)
	if p.Addr().Is4() {
		b := p.Addr().As4()
		b[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
		return low, netip.PrefixFrom(netip.AddrFrom4(b), n)
	}
	b := p.Addr().As16()
	b[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	return low, netip.PrefixFrom(netip.AddrFrom16(b), n)
}

// merge returns the fewest prefixes that hold exactly the addresses of ps,
// which are disjoint.
func mergePrefixes(ps []netip.Prefix) []netip.Prefix {
	return mergeInPlace(slices.Clone(ps))
}

func mergeInPlace(ps []netip.Prefix) []netip.Prefix {
	slices.SortFunc(ps, comparePrefix)
	out := ps[:0]
	for _, p := range ps {
		out = append(out, p)
		for len(out) > 1 {
			a, b := out[len(out)-2], out[len(out)-1]
			if a.Bits() != b.Bits() || a.Bits() == 0 {
				break
			}
			up := netip.PrefixFrom(a.Addr(), a.Bits()-1).Masked()
			if up.Addr() != a.Addr() || !up.Contains(b.Addr()) {
				break
			}
			out = append(out[:len(out)-2], up)
		}
	}
	return out
}

// cellOf returns the cell of an address.
func (as *addressSpace) cellOf(a netip.Addr) int {
	a = a.Unmap().WithZone("")
	return as.around(netip.PrefixFrom(a, a.BitLen()))
}

// around returns the cell of the innermost block that holds a block.
func (as *addressSpace) around(p netip.Prefix) int {
	lens := as.lens6
	if p.Addr().Is4() {
		lens = as.lens4
	}
	for _, n := range lens {
		if n > p.Bits() {
			continue
		}
		if i, ok := as.index[netip.PrefixFrom(p.Addr(), n).Masked()]; ok {
			return i
		}
	}
	return 0 // not reached: the whole of either family is a block
}

// SpecialRanges returns the addresses that are not on the public internet, as Public
// has it: ranges of both families, none inside another.
func SpecialRanges() []netip.Prefix { return specialRanges() }

// Public reports whether an address belongs to the public internet: it is in no
// range of the special-purpose registries that is not globally reachable.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsValid() && !slices.ContainsFunc(specialRanges(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// PublicBlock reports whether a block holds any address of the public internet.
func PublicBlock(p netip.Prefix) bool {
	return p.IsValid() && !slices.ContainsFunc(specialRanges(), func(s netip.Prefix) bool { return contains(s, p.Masked()) })
}
