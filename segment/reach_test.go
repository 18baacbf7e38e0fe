package segment_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// TestReachAgainstEdges holds the search on shared lines against a plain one over
// the list of edges: the same ends, hops and verdicts, and paths whose every step
// is an edge.
func TestReachAgainstEdges(t *testing.T) {
	t.Parallel()
	reached, far := 0, 0
	for seed := range uint64(400) {
		m := randomModel(seed)
		m.NotSeen = append(m.NotSeen, "Service") // the policies alone decide
		g, err := buildVaried(m, seed)
		if err != nil {
			t.Fatal(err)
		}
		var edges []segment.Edge
		for e := range g.Edges(segment.ByWorkload) {
			edges = append(edges, e)
		}
		r := rand.New(rand.NewPCG(seed, 5))
		ws := g.Workloads()
		for _, dir := range []segment.Direction{segment.Forward, segment.Backward} {
			from := []ident.Ref{ws[r.IntN(len(ws))]}
			if r.IntN(3) == 0 {
				from = append(from, ws[r.IntN(len(ws))])
			}
			maxHops := r.IntN(4)
			got, err := g.Reach(context.Background(), from, dir, maxHops)
			if err != nil {
				t.Fatal(err)
			}
			want := plainReach(edges, from, dir, maxHops)
			inside := 0
			for _, x := range got {
				if x.Workload.IsCIDR() {
					continue
				}
				inside++
				w, ok := want[x.Workload]
				if !ok || w.hops != x.Hops || w.verdict != x.Verdict {
					t.Fatalf("seed %d, from %v %d: %s in %d hops, %s; the edges say %+v", seed, from, dir, x.Workload, x.Hops, x.Verdict, w)
				}
				if reached++; x.Hops > 1 {
					far++
				}
				checkPath(t, g, x, from, dir)
			}
			if inside != len(want) {
				t.Fatalf("seed %d, from %v %d: %d workloads reached, the edges say %d: %+v", seed, from, dir, inside, len(want), want)
			}
		}
	}
	if reached < 1000 || far < 100 {
		t.Errorf("the estates do not exercise the search: %d reached, %d in more than one hop", reached, far)
	}
}

type plainStep struct {
	hops    int
	verdict segment.Verdict
}

func plainReach(edges []segment.Edge, from []ident.Ref, dir segment.Direction, maxHops int) map[ident.Ref]plainStep {
	out := make(map[ident.Ref]plainStep)
	for _, verdict := range []segment.Verdict{segment.Allowed, segment.Unknown} {
		dist := make(map[ident.Ref]int)
		for _, f := range from {
			dist[f] = 0
		}
		for hop := 1; maxHops == 0 && hop < 100 || hop <= maxHops; hop++ {
			fresh := make(map[ident.Ref]bool)
			for _, e := range edges {
				a, b := e.Src, e.Dst
				if dir == segment.Backward {
					a, b = b, a
				}
				if e.Verdict == segment.Unknown && verdict == segment.Allowed || a.IsCIDR() || b.IsCIDR() {
					continue
				}
				if d, ok := dist[a]; ok && d == hop-1 {
					if _, ok := dist[b]; !ok {
						fresh[b] = true
					}
				}
			}
			for r := range fresh {
				dist[r] = hop
			}
		}
		for r, d := range dist {
			if _, ok := out[r]; !ok && d > 0 {
				out[r] = plainStep{d, verdict}
			}
		}
	}
	return out
}

func checkPath(t *testing.T, g *segment.Graph, x segment.Reached, from []ident.Ref, dir segment.Direction) {
	t.Helper()
	if len(x.Path) != x.Hops {
		t.Fatalf("%d steps for %d hops", len(x.Path), x.Hops)
	}
	first, last := x.Path[0].From, x.Path[len(x.Path)-1].To
	if dir == segment.Backward {
		first, last = last, first
	}
	starts := false
	for _, f := range from {
		starts = starts || f == first
	}
	if !starts || last != x.Workload {
		t.Fatalf("a path from %s to %s for %s from %v", first, last, x.Workload, from)
	}
	for _, h := range x.Path {
		edges, err := g.Between(h.From, h.To)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, e := range edges {
			found = found || e.Verdict == h.Verdict && sameConns(e.Connections, h.Connections)
		}
		if !found {
			t.Fatalf("the step %+v is no edge of %+v", h, edges)
		}
	}
}
