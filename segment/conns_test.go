package segment_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/segment"
)

// TestConns holds the algebra of connections against sets of single ports.
func TestConns(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 7))
	edges := []int{1, 2, 3, 52, 53, 54, 65533, 65534, 65535}
	random := func() []segment.Conn {
		var out []segment.Conn
		for range r.IntN(5) {
			i := r.IntN(len(edges))
			j := i + r.IntN(len(edges)-i)
			out = append(out, segment.Conn{Protocol: segment.Protocol(r.IntN(3)), From: uint16(edges[i]), To: uint16(edges[j])})
		}
		return out
	}
	in := func(cs []segment.Conn, p segment.Port) bool {
		return slices.ContainsFunc(cs, func(c segment.Conn) bool { return c.Contains(p) })
	}
	tidy := func(what string, cs []segment.Conn) {
		t.Helper()
		for i := 1; i < len(cs); i++ {
			if x, y := cs[i-1], cs[i]; x.Protocol > y.Protocol || x.Protocol == y.Protocol && int(y.From) <= int(x.To)+1 {
				t.Fatalf("%s: %v is not sorted, disjoint and merged", what, cs)
			}
		}
	}
	for range 3000 {
		a, b := random(), random()
		union, common, minus := segment.Union(a, b), segment.Common(a, b), segment.Minus(a, b)
		tidy("union", union)
		tidy("common", common)
		for _, n := range edges {
			for proto := range 3 {
				p := segment.Port{Protocol: segment.Protocol(proto), Number: uint16(n)}
				if in(union, p) != (in(a, p) || in(b, p)) || in(common, p) != (in(a, p) && in(b, p)) || in(minus, p) != (in(a, p) && !in(b, p)) {
					t.Fatalf("%v, %v at %s: union %v, common %v, minus %v", a, b, p, union, common, minus)
				}
			}
		}
	}
	if !slices.Equal(segment.Union(segment.EveryPort(), random()), segment.EveryPort()) {
		t.Error("every port is not every port")
	}
}
