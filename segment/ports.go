package segment

import (
	"cmp"
	"slices"
)

// maxPort is the largest port; 0 is no port.
const maxPort = 65535

// portSpace cuts the ports of all protocols into elementary sets that no rule
// tells apart, one bit each. Ports that no rule names share one bit for each
// protocol. Bits are worked on in chunks of 64, so that a mask is a word.
type portSpace struct {
	elems  [][]Conn // by bit
	chunks int
	// starts and bitOf find the bit of a port: the elementary interval that
	// begins at starts[p][i] has bit bitOf[p][i].
	starts [numProtocols][]uint16
	bitOf  [numProtocols][]int
	full   []uint64 // by chunk: the bits in use
}

type portRange struct {
	proto    Protocol
	from, to uint16
}

// newPortSpace cuts at the ends of every range.
func newPortSpace(ranges []portRange) *portSpace {
	ps := &portSpace{}
	type event struct {
		at    int
		delta int
	}
	for p := range numProtocols {
		var events []event
		for _, r := range ranges {
			if r.proto == p {
				events = append(events, event{int(r.from), 1}, event{int(r.to) + 1, -1})
			}
		}
		slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
		rest := len(ps.elems)
		ps.elems = append(ps.elems, nil)
		emit := func(from, to, depth int) {
			if from > to {
				return
			}
			bit := rest
			if depth > 0 {
				bit = len(ps.elems)
				ps.elems = append(ps.elems, nil)
			}
			ps.elems[bit] = append(ps.elems[bit], Conn{p, uint16(from), uint16(to)}) //nolint:gosec // within 1–65535 by construction
			ps.starts[p] = append(ps.starts[p], uint16(from))                        //nolint:gosec // as above
			ps.bitOf[p] = append(ps.bitOf[p], bit)
		}
		at, depth := 1, 0
		for i := 0; i < len(events); {
			here := events[i].at
			emit(at, here-1, depth)
			for ; i < len(events) && events[i].at == here; i++ {
				depth += events[i].delta
			}
			at = here
		}
		emit(at, maxPort, depth)
	}
	ps.chunks = (len(ps.elems) + 63) / 64
	ps.full = make([]uint64, ps.chunks)
	for i := range ps.elems {
		if len(ps.elems[i]) > 0 { // the rest of a protocol may be empty
			ps.full[i>>6] |= 1 << (i & 63)
		}
	}
	return ps
}

// bit returns the bit of a port.
func (ps *portSpace) bit(p Port) int {
	i, ok := slices.BinarySearch(ps.starts[p.Protocol], p.Number)
	if !ok {
		i--
	}
	return ps.bitOf[p.Protocol][i]
}

// cover sets in m, which has a word for each chunk, the bits of a range whose
// ends are cuts.
func (ps *portSpace) cover(m []uint64, r portRange) {
	i, _ := slices.BinarySearch(ps.starts[r.proto], r.from)
	for ; i < len(ps.starts[r.proto]) && ps.starts[r.proto][i] <= r.to; i++ {
		b := ps.bitOf[r.proto][i]
		m[b>>6] |= 1 << (b & 63)
	}
}

// conns turns a mask into sorted, disjoint, merged intervals.
func (ps *portSpace) conns(m []uint64) []Conn {
	if slices.Equal(m, ps.full) {
		return EveryPort()
	}
	var out []Conn
	for c, w := range m {
		for b := range (bitset{w}).all() {
			out = append(out, ps.elems[c*64+b]...)
		}
	}
	return mergeConns(out)
}

// mergeConns sorts and joins overlapping and adjacent intervals in place.
func mergeConns(c []Conn) []Conn {
	slices.SortFunc(c, func(a, b Conn) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	out := c[:0]
	for _, x := range c {
		if n := len(out); n > 0 && out[n-1].Protocol == x.Protocol && int(x.From) <= int(out[n-1].To)+1 {
			out[n-1].To = max(out[n-1].To, x.To)
			continue
		}
		out = append(out, x)
	}
	return out
}

// namedUse is a port name that some rule asks for. A pod offers it if one of
// its named ports has the name and, unless any is set, the protocol.
type namedUse struct {
	name  string
	proto Protocol
	any   bool
}

func (u namedUse) matches(p NamedPort) bool {
	return p.Name == u.name && (u.any || p.Protocol == u.proto)
}

// portSpec is one distinct list of port matches.
type portSpec struct {
	all    bool
	ranges []portRange
	named  []int    // indexes of namedUse
	mask   []uint64 // by chunk, of ranges; every bit if all
}

// appendSpecKey appends a key that is equal for lists that mean the same.
func appendSpecKey(b []byte, ports []PortMatch) []byte {
	if len(ports) > 1 {
		ports = slices.Clone(ports)
		slices.SortFunc(ports, func(x, y PortMatch) int {
			return cmp.Or(cmp.Compare(x.Protocol, y.Protocol), cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To),
				cmp.Compare(x.Name, y.Name), cmp.Compare(b2i(x.AnyProtocol), b2i(y.AnyProtocol)))
		})
		ports = slices.Compact(ports)
	}
	for i := range ports {
		p := &ports[i]
		b = append(b, byte(p.Protocol), byte(b2i(p.AnyProtocol)))
		if p.Name != "" {
			b = appendString(append(b, 1), p.Name)
		} else {
			b = append(b, 0, byte(p.From>>8), byte(p.From), byte(p.To>>8), byte(p.To))
		}
	}
	return b
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
