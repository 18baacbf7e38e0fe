package tighten

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/cofferdam-io/cofferdam/segment"
)

func itoa(n int) string { return strconv.Itoa(n) }

// everyPort is what a need without ports means.
func everyPort() []segment.Conn {
	return []segment.Conn{{Protocol: segment.TCP, From: 1, To: 65535}, {Protocol: segment.UDP, From: 1, To: 65535}, {Protocol: segment.SCTP, From: 1, To: 65535}}
}

// join returns the connections of two lists, sorted, disjoint and merged.
func join(a, b []segment.Conn) []segment.Conn {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y segment.Conn) int {
		return cmp.Or(cmp.Compare(x.Protocol, y.Protocol), cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To))
	})
	out := all[:0]
	for _, c := range all {
		if n := len(out); n > 0 && out[n-1].Protocol == c.Protocol && int(c.From) <= int(out[n-1].To)+1 {
			out[n-1].To = max(out[n-1].To, c.To)
			continue
		}
		out = append(out, c)
	}
	return out
}

// both returns what is in two lists.
func both(a, b []segment.Conn) []segment.Conn {
	var out []segment.Conn
	for _, x := range a {
		for _, y := range b {
			if from, to := max(x.From, y.From), min(x.To, y.To); x.Protocol == y.Protocol && from <= to {
				out = append(out, segment.Conn{Protocol: x.Protocol, From: from, To: to})
			}
		}
	}
	return join(out, nil)
}

// without returns what of a is not in b.
func without(a, b []segment.Conn) []segment.Conn {
	out := a
	for _, p := range b {
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
