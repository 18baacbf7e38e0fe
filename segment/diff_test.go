package segment_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// betweenThere is Between, where there is nothing to and from what a graph has not.
func betweenThere(g *segment.Graph, src, dst ident.Ref) ([]segment.Edge, error) {
	for _, r := range []ident.Ref{src, dst} {
		if !r.IsCIDR() && !slices.Contains(g.Workloads(), r) {
			return nil, nil
		}
	}
	return g.Between(src, dst)
}

// TestDiff holds the changes between two random graphs against the pair questions
// of both, port by port: every difference is told once, and nothing else is.
func TestDiff(t *testing.T) {
	t.Parallel()
	addresses := []string{"8.8.8.8/32", "10.1.2.3/32", "192.0.2.1/32", "2001:4860::1/128"}
	told := 0
	for seed := range uint64(150) {
		m := randomModel(seed)
		a, err := segment.Build(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		p := &replay{m: *m, r: rand.New(rand.NewPCG(seed, 17))}
		for range 1 + seed%4 {
			p.event(true)
		}
		b, err := segment.Build(context.Background(), &p.m)
		if err != nil {
			t.Fatal(err)
		}
		changes, err := segment.Diff(context.Background(), a, b)
		if err != nil {
			t.Fatal(err)
		}
		told += len(changes)
		checkDiffOf(t, a, b, changes)
		ends := slices.Concat(a.Workloads(), b.Workloads())
		slices.SortFunc(ends, ident.Ref.Compare)
		ends = slices.Compact(ends)
		for _, x := range addresses {
			ends = append(ends, ident.Ref{CIDR: x})
		}
		for _, src := range ends {
			for _, dst := range ends {
				if src == dst || src.IsCIDR() && dst.IsCIDR() || src.Cluster != dst.Cluster && !src.IsCIDR() && !dst.IsCIDR() {
					continue
				}
				before, errA := betweenThere(a, src, dst)
				after, errB := betweenThere(b, src, dst)
				if errA != nil || errB != nil {
					t.Fatal(errA, errB)
				}
				for _, port := range []segment.Port{{Number: 1}, {Number: 80}, {Number: 8001}, {Protocol: segment.UDP, Number: 53}, {Protocol: segment.SCTP, Number: 65535}} {
					was, is := verdictOn(before, port), verdictOn(after, port)
					n := 0
					for _, c := range changes {
						if !covers(c.Src, src) || !covers(c.Dst, dst) || !contains(c.Connections, port) {
							continue
						}
						if n++; c.Before != was || c.After != is {
							t.Fatalf("seed %d: %s -> %s on %s: %s then %s, told %+v", seed, src, dst, port, was, is, c)
						}
					}
					if want := map[bool]int{true: 1, false: 0}[was != is]; n != want {
						t.Fatalf("seed %d: %s -> %s on %s: %s then %s, told %d times", seed, src, dst, port, was, is, n)
					}
				}
			}
		}
	}
	if told < 500 {
		t.Errorf("only %d changes: the estates do not exercise the comparison", told)
	}
}

// checkDiffOf holds the changes of some workloads against those of all.
func checkDiffOf(t *testing.T, a, b *segment.Graph, all []segment.Change) {
	t.Helper()
	var some []ident.Ref
	for i, r := range a.Workloads() {
		if i%3 == 0 {
			some = append(some, r)
		}
	}
	got, err := segment.DiffOf(context.Background(), a, b, some)
	if err != nil {
		t.Fatal(err)
	}
	var want []segment.Change
	for _, c := range all {
		if slices.Contains(some, c.Src) || slices.Contains(some, c.Dst) {
			want = append(want, c)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("the changes of %v (-of all +of these):\n%s", some, d)
	}
}

// TestOpenings holds the sets of workloads that each may open something to
// against the list of edges.
func TestOpenings(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		g, err := segment.Build(context.Background(), randomModel(seed))
		if err != nil {
			t.Fatal(err)
		}
		refs := g.Workloads()
		got := make(map[[2]ident.Ref]bool)
		for i, src := range refs {
			bits := make([]uint64, (len(refs)+63)/64)
			g.Openings(i, bits)
			for j, dst := range refs {
				if bits[j/64]>>(j%64)&1 == 1 {
					got[[2]ident.Ref{src, dst}] = true
				}
			}
		}
		want := make(map[[2]ident.Ref]bool)
		for e := range g.Edges(segment.ByWorkload) {
			if !e.Src.IsCIDR() && !e.Dst.IsCIDR() {
				want[[2]ident.Ref{e.Src, e.Dst}] = true
			}
		}
		if !maps.Equal(got, want) {
			t.Fatalf("seed %d: %d openings, %d edges", seed, len(got), len(want))
		}
	}
}

func covers(change, asked ident.Ref) bool {
	if !asked.IsCIDR() || !change.IsCIDR() {
		return change == asked
	}
	return netip.MustParsePrefix(change.CIDR).Overlaps(netip.MustParsePrefix(asked.CIDR))
}

func contains(conns []segment.Conn, p segment.Port) bool {
	for _, c := range conns {
		if c.Contains(p) {
			return true
		}
	}
	return false
}

// TestDiffOfWorkloads says that a workload that comes or goes brings or takes its
// connections.
func TestDiffOfWorkloads(t *testing.T) {
	m := &segment.Model{Profile: segment.Generic(), Namespaces: []segment.Namespace{{Name: "n", Declared: true}}}
	for i := range 3 {
		ref := ident.Ref{Namespace: "n", Kind: "Deployment", Name: fmt.Sprint("w", i)}
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref})
		m.Endpoints = append(m.Endpoints, segment.Endpoint{Ref: ref, Workload: i})
	}
	all, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	two, err := all.Apply(context.Background(), &segment.Delta{DropWorkloads: []ident.Ref{m.Workloads[2].Ref}})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := segment.Diff(context.Background(), two, all)
	if err != nil {
		t.Fatal(err)
	}
	inside, outside := 0, 0
	for _, c := range changes {
		if c.Src != m.Workloads[2].Ref && c.Dst != m.Workloads[2].Ref || c.Before != segment.Denied || c.After != segment.Allowed || !c.Opens() {
			t.Errorf("%+v", c)
		}
		if c.Src.IsCIDR() || c.Dst.IsCIDR() {
			outside++
		} else {
			inside++
		}
	}
	if inside != 4 || outside != 4 { // both ways with two workloads, and with IPv4 and IPv6
		t.Errorf("%d changes inside, %d outside: %+v", inside, outside, changes)
	}
}

// TestDiffPods holds the changes between pods against the lists of what pods may
// open: where some pod's connections differ it tells of a change, and else of none.
func TestDiffPods(t *testing.T) {
	t.Parallel()
	differ, hidden := 0, 0
	for seed := range uint64(120) {
		m := randomModel(seed)
		a, err := segment.Build(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		p := &replay{m: *m, r: rand.New(rand.NewPCG(seed, 29))}
		d := &segment.Delta{}
		p.putPolicy(d)
		b, err := a.Apply(context.Background(), d)
		if err != nil {
			t.Fatal(err)
		}
		all := a.Workloads()
		pods, err := segment.DiffPods(context.Background(), a, b, all)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := segment.Diff(context.Background(), a, b)
		if err != nil {
			t.Fatal(err)
		}
		list := func(g *segment.Graph) map[[2]ident.Ref]string {
			out := make(map[[2]ident.Ref]string)
			for e := range g.Edges(segment.ByPod) {
				if !e.Src.IsCIDR() && !e.Dst.IsCIDR() {
					out[[2]ident.Ref{e.Src, e.Dst}] += fmt.Sprint(e.Verdict, e.Connections)
				}
			}
			return out
		}
		was, is := list(a), list(b)
		want := make(map[[2]ident.Ref]bool)
		for _, of := range []map[[2]ident.Ref]string{was, is} {
			for k := range of {
				if was[k] != is[k] {
					want[k] = true
				}
			}
		}
		for _, c := range pods {
			if k := [2]ident.Ref{c.Src, c.Dst}; !c.Src.IsCIDR() && !c.Dst.IsCIDR() && !want[k] {
				t.Fatalf("seed %d: %+v, and the lists agree", seed, c)
			}
		}
		inside := slices.ContainsFunc(pods, func(c segment.Change) bool { return !c.Src.IsCIDR() && !c.Dst.IsCIDR() })
		told := inside || slices.ContainsFunc(whole, func(c segment.Change) bool { return !c.Src.IsCIDR() && !c.Dst.IsCIDR() })
		if len(want) > 0 {
			differ++
			if !told {
				t.Fatalf("seed %d: %d pairs of pods differ, and nothing says so", seed, len(want))
			}
			if inside && len(whole) == 0 {
				hidden++
			}
		}
	}
	if differ < 40 || hidden < 1 {
		t.Errorf("%d estates differ, %d for some pods only: the estates do not exercise it", differ, hidden)
	}
}
