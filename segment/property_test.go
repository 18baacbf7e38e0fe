package segment_test

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// verdictOn reads the verdict of one port out of the edges between two ends.
func verdictOn(edges []segment.Edge, p segment.Port) segment.Verdict {
	for _, e := range edges {
		for _, c := range e.Connections {
			if c.Contains(p) {
				return e.Verdict
			}
		}
	}
	return segment.Denied
}

// buildVaried compiles a model with one of several bounds on what lines share:
// nothing, some of it, everything.
func buildVaried(m *segment.Model, seed uint64) (*segment.Graph, error) {
	b := [][3]int{{64, 64, 64}, {2, 1, 2}, {-1, -1, -1}, {1, 3, 8}}[seed%4]
	return segment.BuildWithBreadth(context.Background(), m, b[0], b[1], b[2])
}

// TestAgainstTwin holds every verdict of the engine against the naive evaluator.
// The engine may answer unknown where worlds that it does not correlate would
// agree; it must never be certain and wrong, and without doubtful facts it must
// agree exactly.
func TestAgainstTwin(t *testing.T) {
	t.Parallel()
	const estates, triples = 1000, 300
	outside := []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:4860::1"),
		netip.MustParseAddr("172.18.0.1"), netip.MustParseAddr("172.18.0.2")}
	seen := map[segment.Verdict]int{}
	loose := 0
	for seed := range uint64(estates) {
		m := randomModel(seed)
		g, err := buildVaried(m, seed)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(seed, 99))
		twin := newNaive(m)
		outside := outside
		for _, e := range m.Endpoints { // the addresses of nodes, too
			if e.HostNetwork {
				outside = append(slices.Clip(outside), e.IPs...)
			}
		}
		for i := range triples {
			a, b := randomEnd(r, m, outside), randomEnd(r, m, outside)
			if a.ep == nil && b.ep == nil || a.ep == b.ep || cluster(m, a) != cluster(m, b) && a.ep != nil && b.ep != nil {
				continue
			}
			port := segment.Port{Protocol: randomProtocol(r), Number: []uint16{1, 2, 53, 79, 80, 81, 443, 8080, 65535}[r.IntN(9)]}
			src, dst := refOf(a), refOf(b)
			edges, err := g.Between(src, dst)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			got, want := verdictOn(edges, port), twin.verdict(a, b, port)
			seen[got]++
			if got != want {
				if got == segment.Unknown && len(twin.order) > 0 {
					loose++
				} else {
					why, err := g.Why(src, dst, &port)
					t.Fatalf("seed %d: %s -> %s on %s: engine %s, twin %s with %q\n%+v %v", seed, src, dst, port, got, want, twin.order, why, err)
				}
			}
			if i%4 != 0 {
				continue // explanations cost more than verdicts
			}
			why, err := g.Why(src, dst, &port)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if why.Verdict != got {
				t.Fatalf("seed %d: %s -> %s on %s: Why says %s, Between %s", seed, src, dst, port, why.Verdict, got)
			}
			if by, err := g.DecidedBy(src, dst, port); err != nil || !slices.Equal(by, []segment.RuleRef{why.Egress.Rule, why.Ingress.Rule}) {
				t.Fatalf("seed %d: %s -> %s on %s: decided by %+v, and Why says %+v and %+v: %v", seed, src, dst, port, by, why.Egress.Rule, why.Ingress.Rule, err)
			}
			if by := combined(why); by != got {
				t.Fatalf("seed %d: %s -> %s on %s: verdict %s, but the directions give %s\n%+v", seed, src, dst, port, got, by, why)
			}
		}
	}
	t.Logf("verdicts %v, unknown where worlds agree: %d", seen, loose)
	total := seen[segment.Allowed] + seen[segment.Denied] + seen[segment.Unknown]
	if seen[segment.Allowed] == 0 || seen[segment.Denied] == 0 || seen[segment.Unknown] == 0 || loose*50 > total {
		t.Errorf("the estates do not exercise the engine: %v, %d loose of %d", seen, loose, total)
	}
}

func combined(x *segment.Explanation) segment.Verdict {
	a, b := x.Egress.Verdict, x.Ingress.Verdict
	switch {
	case a == segment.Denied || b == segment.Denied:
		return segment.Denied
	case a == segment.Unknown || b == segment.Unknown:
		return segment.Unknown
	}
	return segment.Allowed
}

func randomEnd(r *rand.Rand, m *segment.Model, outside []netip.Addr) end {
	if r.IntN(4) == 0 {
		return end{addr: outside[r.IntN(len(outside))]}
	}
	return end{ep: &m.Endpoints[r.IntN(len(m.Endpoints))]}
}

func cluster(m *segment.Model, e end) string {
	if e.ep == nil {
		return ""
	}
	return m.Namespaces[e.ep.Namespace].Cluster
}

func refOf(e end) ident.Ref {
	if e.ep != nil {
		return e.ep.Ref
	}
	return ident.Ref{CIDR: netip.PrefixFrom(e.addr, e.addr.BitLen()).String()}
}

// TestListsAgree holds rows, columns, pod edges and workload edges against the
// pair questions.
func TestListsAgree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(150) {
		g, err := buildVaried(randomModel(seed), seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range []segment.By{segment.ByWorkload, segment.ByPod} {
			var last segment.Edge
			n := 0
			for e := range g.Edges(by) {
				if e.Src == e.Dst {
					t.Fatalf("seed %d: self edge %v", seed, e)
				}
				if n++; n > 1 && (last.Src.Compare(e.Src) > 0 && last.Src.IsCIDR() == e.Src.IsCIDR() && !e.Src.IsCIDR()) {
					t.Fatalf("seed %d: %v after %v", seed, e, last)
				}
				last = e
				between, err := g.Between(e.Src, e.Dst)
				if err != nil {
					t.Fatal(err)
				}
				if !holds(between, e) {
					t.Fatalf("seed %d: edge %+v, pair %+v", seed, e, between)
				}
			}
		}
		want, unknown := 0, 0
		for e := range g.Edges(segment.ByWorkload) {
			if want++; e.Verdict == segment.Unknown {
				unknown++
			}
		}
		count, err := g.Count(context.Background())
		if err != nil || count.Edges != want || count.Unknown != unknown {
			t.Fatalf("seed %d: counted %+v, listed %d, %d unknown: %v", seed, count, want, unknown, err)
		}
		podsAgree(t, seed, g)
		for _, w := range g.Workloads() {
			rowEdges, err := g.Row(w)
			if err != nil {
				t.Fatal(err)
			}
			linesAgree(t, g, w, rowEdges)
			for _, e := range rowEdges {
				col, err := g.Column(e.Dst)
				if err != nil {
					t.Fatal(err)
				}
				found := false
				for _, c := range col {
					found = found || c.Src == e.Src && c.Verdict == e.Verdict && sameConns(c.Connections, e.Connections) && (c.Partial == e.Partial || e.Dst.IsCIDR())
				}
				if !found {
					t.Fatalf("seed %d: %+v is in the row and not in the column", seed, e)
				}
			}
		}
	}
}

// podsAgree holds the row and the column of single pods against the pair
// questions: which node a pod runs on decides for that pod alone.
func podsAgree(t *testing.T, seed uint64, g *segment.Graph) {
	pods := map[ident.Ref]bool{}
	for e := range g.Edges(segment.ByPod) {
		for _, r := range []ident.Ref{e.Src, e.Dst} {
			pods[r] = pods[r] || !r.IsCIDR()
		}
	}
	for p := range pods {
		for i, line := range []func(ident.Ref) ([]segment.Edge, error){g.Row, g.Column} {
			edges, err := line(p)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range edges {
				between, err := g.Between(e.Src, e.Dst)
				if err != nil {
					t.Fatal(err)
				}
				if !holds(between, e) {
					t.Fatalf("seed %d: %d: edge of a pod %+v, pair %+v", seed, i, e, between)
				}
			}
		}
	}
}

func holds(edges []segment.Edge, e segment.Edge) bool {
	for _, x := range edges {
		if x.Verdict == e.Verdict && sameConns(x.Connections, e.Connections) && x.Partial == e.Partial {
			return true
		}
	}
	return false
}

func sameConns(a, b []segment.Conn) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestExternalsCoverEverythingOnce(t *testing.T) {
	for seed := range uint64(50) {
		g, err := segment.Build(context.Background(), randomModel(seed))
		if err != nil {
			t.Fatal(err)
		}
		blocks := g.Externals()
		next := netip.MustParseAddr("0.0.0.0")
		for _, p := range blocks {
			if p.Addr().Is6() && next.IsValid() && next.Is4() {
				t.Fatalf("IPv4 ends at %s", next)
			}
			if !next.IsValid() {
				next = netip.MustParseAddr("::")
			}
			if p.Addr() != next {
				t.Fatalf("seed %d: block %s, expected one at %s", seed, p, next)
			}
			next = after(p)
		}
		if next.IsValid() {
			t.Fatalf("IPv6 ends at %s", next)
		}
	}
}

// after returns the address after a block; the zero Addr after the last.
func after(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a.Next()
}
