package segment

import "slices"

// EveryPort returns all connections there are.
func EveryPort() []Conn {
	return []Conn{{TCP, 1, maxPort}, {UDP, 1, maxPort}, {SCTP, 1, maxPort}}
}

// Union returns what is in either of two lists: sorted, disjoint and merged. With
// nothing as one of them it brings the other into that form.
func Union(a, b []Conn) []Conn {
	return mergeConns(slices.Concat(a, b))
}

// Common returns what is in both of two lists, sorted, disjoint and merged.
func Common(a, b []Conn) []Conn {
	var out []Conn
	for _, x := range a {
		for _, y := range b {
			if from, to := max(x.From, y.From), min(x.To, y.To); x.Protocol == y.Protocol && from <= to {
				out = append(out, Conn{Protocol: x.Protocol, From: from, To: to})
			}
		}
	}
	return Union(out, nil)
}

// Minus returns what of a is not in b, in the order of a.
func Minus(a, b []Conn) []Conn {
	out := a
	for _, p := range b {
		var rest []Conn
		for _, c := range out {
			if c.Protocol != p.Protocol || p.To < c.From || p.From > c.To {
				rest = append(rest, c)
				continue
			}
			if c.From < p.From {
				rest = append(rest, Conn{Protocol: c.Protocol, From: c.From, To: p.From - 1})
			}
			if c.To > p.To {
				rest = append(rest, Conn{Protocol: c.Protocol, From: p.To + 1, To: c.To})
			}
		}
		out = rest
	}
	return out
}
