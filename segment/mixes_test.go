package segment_test

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"

	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

// long reports whether `make test-long` asked for the large sizes.
func long() bool { return os.Getenv("COFFERDAM_LONG") != "" }

// TestMixesAgainstTwin holds the engine against the naive evaluator on made
// estates of every mix: exactly, since nothing in them is in doubt.
func TestMixesAgainstTwin(t *testing.T) {
	t.Parallel()
	const estates, triples = uint64(1000), 1000
	for _, mix := range synth.Mixes() {
		t.Run(string(mix), func(t *testing.T) {
			t.Parallel()
			seen := map[segment.Verdict]int{}
			for seed := range estates {
				r := rand.New(rand.NewPCG(seed, 77))
				workloads := 5 + r.IntN(36)
				m := synth.Model(synth.Config{Pods: workloads + r.IntN(61-min(60, workloads)), Workloads: workloads, Policies: r.IntN(41),
					Nodes: int(seed % 3 * 2), Mix: mix, Seed: seed}) //nolint:gosec // at most 4
				b := [][3]int{{64, 48, 256}, {2, 1, 2}, {-1, -1, -1}}[seed%3]
				g, err := segment.BuildWithBreadth(context.Background(), m, b[0], b[1], b[2])
				if err != nil {
					t.Fatal(err)
				}
				compareTriples(t, m, g, r, triples, seen)
			}
			t.Logf("verdicts %v", seen)
			if seen[segment.Unknown] > 0 || seen[segment.Allowed] == 0 || mix != synth.None && mix != synth.Open && seen[segment.Denied] == 0 {
				t.Errorf("the estates do not exercise the engine: %v", seen)
			}
		})
	}
}

// TestFullSizeAgainstTwin does the same at full size: some thousand triples, or a
// million under make test-long.
func TestFullSizeAgainstTwin(t *testing.T) {
	t.Parallel()
	triples := 10_000
	if long() {
		triples = 1_000_000
	}
	for _, mix := range []synth.Mix{synth.Rich, synth.Tiered} {
		m := synth.Model(synth.Config{Pods: 100_000, Workloads: 10_000, Policies: 10_000, Mix: mix, Seed: 1})
		g, err := segment.Build(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[segment.Verdict]int{}
		compareTriples(t, m, g, rand.New(rand.NewPCG(1, 2)), triples, seen)
		t.Logf("%s: verdicts %v", mix, seen)
	}
}

func compareTriples(t *testing.T, m *segment.Model, g *segment.Graph, r *rand.Rand, triples int, seen map[segment.Verdict]int) {
	t.Helper()
	twin := newIndexed(m)
	ports := []uint16{22, 53, 80, 443, 1001, 5001, 5432, 6379, 8000, 8015, 8080, 9090, 9100, 50051}
	outside := []netip.Addr{netip.MustParseAddr("52.1.2.3"), netip.MustParseAddr("59.127.0.9"), netip.MustParseAddr("20.0.0.1"), netip.MustParseAddr("8.8.8.8"),
		netip.MustParseAddr("172.16.0.1")} // of a node where the estate has any
	for range triples {
		a, b := end{ep: &m.Endpoints[r.IntN(len(m.Endpoints))]}, end{ep: &m.Endpoints[r.IntN(len(m.Endpoints))]}
		switch r.IntN(6) {
		case 0:
			a = end{addr: outside[r.IntN(len(outside))]}
		case 1:
			b = end{addr: outside[r.IntN(len(outside))]}
		}
		if a.ep == b.ep {
			continue
		}
		port := segment.Port{Protocol: segment.Protocol(r.IntN(2)), Number: ports[r.IntN(len(ports))]} //nolint:gosec // two protocols
		edges, err := g.Between(refOf(a), refOf(b))
		if err != nil {
			t.Fatal(err)
		}
		got, want := verdictOn(edges, port), twin.verdict(a, b, port)
		if seen[got]++; got != want {
			t.Fatalf("%s -> %s on %s: engine %s, twin %s", refOf(a), refOf(b), port, got, want)
		}
	}
}

// indexed is the naive evaluator on the policies of the namespaces of both ends
// only: at full size the others, which select neither, would take days.
type indexed struct {
	twin *naive
	byNS map[string][]*segment.Policy
}

func newIndexed(m *segment.Model) *indexed {
	x := &indexed{twin: newNaive(m), byNS: make(map[string][]*segment.Policy)}
	for i := range m.Policies {
		ns := m.Policies[i].Namespace // "" for those of the cluster
		x.byNS[ns] = append(x.byNS[ns], &m.Policies[i])
	}
	return x
}

func (x *indexed) verdict(a, b end, port segment.Port) segment.Verdict {
	list := x.twin.policies[:0]
	list = append(list, x.byNS[""]...)
	last := ""
	for _, e := range []end{a, b} {
		if e.ep == nil {
			continue
		}
		if ns := x.twin.m.Namespaces[e.ep.Namespace].Name; ns != last {
			list, last = append(list, x.byNS[ns]...), ns
		}
	}
	x.twin.policies = list
	return x.twin.verdict(a, b, port)
}
