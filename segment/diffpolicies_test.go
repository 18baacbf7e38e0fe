package segment_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// TestDiffPolicies holds what is told of changes of policies against the
// comparison of everything, and against the lists of what each pod may open: a
// pair of workloads has pods that differ where some change says so, and nowhere else.
func TestDiffPolicies(t *testing.T) {
	told, hidden, split, cut := 0, 0, 0, 0
	for seed := range uint64(48) {
		m := randomModel(seed)
		if seed%3 == 0 { // else there are nodes, with which no class is split
			for i := range m.Endpoints {
				m.Endpoints[i].HostNetwork = false
				m.Endpoints[i].Labels = maps.Clone(m.Endpoints[i].Labels)
				m.Endpoints[i].Labels[fmt.Sprint("extra", i%3)] = []string{"u", "v"}[i%2]
			}
			m.Nodes = nil
			if seed%6 == 0 { // every label that is asked for is new
				m.Policies = nil
			}
		}
		before, err := segment.Build(context.Background(), m)
		if seed%2 == 0 {
			before, err = segment.BuildWithBreadth(context.Background(), m, 1, 1, 1)
		}
		if err != nil {
			t.Fatal(err)
		}
		was, err := before.Count(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		after := before
		p := &replay{m: *m, r: rand.New(rand.NewPCG(seed, 31))}
		for step := range 3 {
			d := &segment.Delta{}
			for range 1 + p.r.IntN(2) {
				if p.r.IntN(3) == 0 {
					p.dropPolicy(d)
				} else {
					p.putPolicy(d)
				}
			}
			if after, err = after.Apply(context.Background(), d); err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("seed %d, step %d", seed, step)
			changed, pods, ok, err := segment.DiffPolicies(context.Background(), before, after)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break // it was compiled anew
			}
			want, err := segment.Diff(context.Background(), before, after)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(want, changed) {
				t.Fatalf("%s: -everything +policies\n%s", name, cmp.Diff(want, changed))
			}
			c2, p2, _, err := segment.DiffPoliciesByHalves(context.Background(), before, after)
			if err != nil || !reflect.DeepEqual(changed, c2) || !reflect.DeepEqual(pods, p2) {
				t.Fatalf("%s: %v -by pairs +by halves\n%s", name, err, cmp.Diff([][]segment.Change{changed, pods}, [][]segment.Change{c2, p2}))
			}
			told += len(changed)
			if len(pods) > 0 && len(changed) == 0 {
				hidden++
			}
			if len(before.Externals()) != len(after.Externals()) {
				cut++
			}
			if is, err := after.Count(context.Background()); err != nil || is.Classes > was.Classes {
				split++
			}
			checkPods(t, name, before, after, changed, pods)
		}
	}
	t.Logf("%d changes, %d times of pods only, %d times addresses cut, %d times classes split", told, hidden, cut, split)
	if told < 500 || hidden < 3 || split < 5 || cut < 3 {
		t.Error("the estates do not exercise the comparison")
	}
}

// checkPods holds changes against what each pod may open, in both graphs.
func checkPods(t *testing.T, name string, before, after *segment.Graph, changed, pods []segment.Change) {
	t.Helper()
	m := before.Model()
	workload := make(map[ident.Ref]ident.Ref)
	for i := range m.Endpoints {
		workload[m.Endpoints[i].Ref] = m.Workloads[m.Endpoints[i].Workload].Ref
	}
	of := func(r ident.Ref) ident.Ref {
		if w, ok := workload[r]; ok {
			return w
		}
		if r.IsCIDR() {
			return ident.Ref{CIDR: "outside"}
		}
		return r
	}
	list := func(g *segment.Graph) map[[2]ident.Ref]string {
		out := make(map[[2]ident.Ref]string)
		for e := range g.Edges(segment.ByPod) {
			k := [2]ident.Ref{e.Src, e.Dst}
			for i, r := range k {
				if r.IsCIDR() {
					k[i] = ident.Ref{CIDR: "outside"}
				}
			}
			out[k] += fmt.Sprint(e.Src.CIDR, e.Dst.CIDR, e.Verdict, e.Connections)
		}
		return out
	}
	differ := make(map[[2]ident.Ref]bool) // workloads
	single := make(map[[2]ident.Ref]bool) // pods
	was, is := list(before), list(after)
	for _, k := range slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is))) {
		if was[k] != is[k] {
			single[k] = true
			differ[[2]ident.Ref{of(k[0]), of(k[1])}] = true
		}
	}
	got := make(map[[2]ident.Ref]bool)
	for _, c := range slices.Concat(changed, pods) {
		got[[2]ident.Ref{of(c.Src), of(c.Dst)}] = true
	}
	if d := cmp.Diff(differ, got); d != "" {
		t.Fatalf("%s: workloads with pods that differ, -by the lists +told\n%s", name, d)
	}
	for _, c := range pods {
		if !c.Src.IsCIDR() && !c.Dst.IsCIDR() && !single[[2]ident.Ref{c.Src, c.Dst}] {
			t.Fatalf("%s: %+v, and the lists agree", name, c)
		}
	}
}

// TestDiffPoliciesOnly: graphs between which something else changed are not
// compared.
func TestDiffPoliciesOnly(t *testing.T) {
	g, err := segment.Build(context.Background(), randomModel(1))
	if err != nil {
		t.Fatal(err)
	}
	m := g.Model()
	e := m.Endpoints[0]
	e.Labels = map[string]string{"app": "another"}
	other, err := g.Apply(context.Background(), &segment.Delta{PutEndpoints: []segment.Endpoint{e}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]*segment.Graph{"a pod": other, "another line": again} {
		if _, _, ok, err := segment.DiffPolicies(context.Background(), g, x); ok || err != nil {
			t.Errorf("%s: compared, %v", name, err)
		}
	}
	if changed, pods, ok, err := segment.DiffPolicies(context.Background(), g, g); !ok || err != nil || len(changed)+len(pods) > 0 {
		t.Errorf("with itself: %t %v %v %v", ok, err, changed, pods)
	}
}
