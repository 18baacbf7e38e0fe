package contain_test

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

// small makes an estate of a few workloads and a problem about it.
func small(t testing.TB, seed uint64) *contain.Problem {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 23))
	mixes := synth.Mixes()
	n := 4 + r.IntN(8)
	c := synth.Config{Pods: n + r.IntN(2*n), Workloads: n, Policies: r.IntN(2 * n), Mix: mixes[r.IntN(len(mixes))], Seed: seed}
	m := synth.Model(c)
	for w := range m.Workloads {
		switch r.IntN(12) {
		case 0: // on the network of its node
			each(m, w, func(e *segment.Endpoint) { e.HostNetwork, e.Node = true, fmt.Sprint("node-", r.IntN(3)) })
		case 1: // labelled as another is
			if o := r.IntN(len(m.Workloads)); m.Workloads[o].Ref.Namespace == m.Workloads[w].Ref.Namespace {
				m.Workloads[w].Labels = m.Workloads[o].Labels
				each(m, w, func(e *segment.Endpoint) { e.Labels = m.Workloads[o].Labels })
			}
		}
	}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	p := &contain.Problem{Query: fmt.Sprint("estate ", seed), Graph: g, Engine: "test"}
	refs := g.Workloads()
	r.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
	k := 1 + r.IntN(2)
	p.Affected = slices.Clone(refs[:k])
	p.Protected = slices.Clone(refs[k : k+1+r.IntN(min(3, len(refs)-k))])
	slices.SortFunc(p.Affected, ident.Ref.Compare)
	slices.SortFunc(p.Protected, ident.Ref.Compare)
	return p
}

// each changes the pods of a workload.
func each(m *segment.Model, w int, f func(*segment.Endpoint)) {
	for i := range m.Endpoints {
		if m.Endpoints[i].Workload == w {
			f(&m.Endpoints[i])
		}
	}
}

// hosts are the workloads with pods on the network of their node.
func hosts(m *segment.Model) map[ident.Ref]bool {
	out := make(map[ident.Ref]bool)
	for _, e := range m.Endpoints {
		if e.HostNetwork {
			out[m.Workloads[e.Workload].Ref] = true
		}
	}
	return out
}

// graphOf is the plain list of what each workload may open to others.
func graphOf(g *segment.Graph) (refs []ident.Ref, out []uint64) {
	refs = g.Workloads()
	out = make([]uint64, len(refs))
	index := make(map[ident.Ref]int)
	for i, r := range refs {
		index[r] = i
	}
	for e := range g.Edges(segment.ByWorkload) {
		if !e.Src.IsCIDR() && !e.Dst.IsCIDR() {
			out[index[e.Src]] |= 1 << index[e.Dst]
		}
	}
	return refs, out
}

// fewest is the least number of edges that parts T from S, over every set of
// workloads that S could be left with; -1 where an edge that no policy holds is in
// every cut.
func fewest(refs []ident.Ref, out []uint64, p *contain.Problem, host map[ident.Ref]bool, pastNodes bool) int {
	var s, t, h uint64
	for i, r := range refs {
		if slices.Contains(p.Affected, r) {
			s |= 1 << i
		} else if slices.Contains(p.Protected, r) {
			t |= 1 << i
		}
		if host[r] {
			h |= 1 << i
		}
	}
	best := -1
	for side := range uint64(1) << len(refs) {
		if side&s != s || side&t != 0 {
			continue
		}
		n := 0
		for i := range refs {
			if side>>i&1 == 0 || pastNodes && h>>i&1 == 1 && s>>i&1 == 0 {
				continue
			}
			cut := out[i] &^ side
			if cut != 0 && h>>i&1 == 1 || cut&h != 0 {
				n = -1
				break
			}
			n += bits.OnesCount64(cut)
		}
		if n >= 0 && (best < 0 || n < best) {
			best = n
		}
	}
	return best
}

// reaches reports whether a path leads from S to T, host pods walked or not.
func reaches(refs []ident.Ref, out []uint64, p *contain.Problem, host map[ident.Ref]bool, pastNodes bool) bool {
	var seen uint64
	for i, r := range refs {
		if slices.Contains(p.Affected, r) {
			seen |= 1 << i
		}
	}
	for last := uint64(0); last != seen; {
		last = seen
		for i, r := range refs {
			if last>>i&1 == 1 && (slices.Contains(p.Affected, r) || !pastNodes || !host[r]) {
				seen |= out[i]
			}
		}
	}
	for i, r := range refs {
		if seen>>i&1 == 1 && slices.Contains(p.Protected, r) && !slices.Contains(p.Affected, r) {
			return true
		}
	}
	return false
}

// TestPlansAgainstBruteForce holds plans for small random estates against what a
// search of every cut finds, and their proofs against an estate that is built anew
// from the texts of the plan.
func TestPlansAgainstBruteForce(t *testing.T) {
	estates := uint64(estatesTried)
	var planned, contained, impossible, passed int
	for seed := range estates {
		p := small(t, seed)
		host := hosts(p.Graph.Model())
		refs, out := graphOf(p.Graph)
		strict, past := fewest(refs, out, p, host, false), fewest(refs, out, p, host, true)
		plan, err := contain.Make(context.Background(), p)
		if err != nil {
			if past >= 0 && ident.KindOf(err) != ident.KindUnsupported {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if past >= 0 {
				t.Fatalf("seed %d: %d edges would do: %v", seed, past, err)
			}
			impossible++
			continue
		}
		want := strict
		if plan.PastNodes {
			passed++
			if want >= 0 {
				t.Fatalf("seed %d: paths through nodes are left out, and %d edges cut them, too", seed, want)
			}
			want = past
		}
		n := 0
		for _, c := range plan.Cuts {
			if !c.Neighbour {
				n++
			}
		}
		if n != want {
			t.Fatalf("seed %d: %d edges are cut, %d would do", seed, n, want)
		}
		if !plan.Proof.Proved {
			t.Fatalf("seed %d: a plan that is not proved: %v", seed, plan.Proof.NotProved)
		}
		if plan.Contained {
			contained++
		} else {
			planned++
		}
		if plan.Cost.Known != plan.Contained {
			t.Fatalf("seed %d: without flow records the cost is %+v", seed, plan.Cost)
		}
		checkProof(t, seed, p, plan, host)
	}
	t.Logf("%d plans (%d past nodes), %d contained already, %d impossible", planned, passed, contained, impossible)
	if uint64(planned) < estates/4 || uint64(contained) < estates/50 || uint64(impossible) < estates/500 {
		t.Errorf("%d plans, %d contained already, %d impossible: the estates do not exercise all of it", planned, contained, impossible)
	}
}

// builtAnew writes a plan and is the estate with its texts, compiled from the beginning, and how
// it differs from the one before.
func builtAnew(t *testing.T, seed uint64, p *contain.Problem, plan *contain.Plan) (folder []contain.File, after *segment.Graph, changes []segment.Change) {
	t.Helper()
	folder, err := plan.Folder(nil)
	if err != nil {
		t.Fatal(err)
	}
	after = applied(t, seed, p, plan, folder)
	changes, err = segment.Diff(context.Background(), p.Graph, after)
	if err != nil {
		t.Fatal(err)
	}
	return folder, after, changes
}

// checkProof builds the estate with the plan's texts from the beginning.
func checkProof(t *testing.T, seed uint64, p *contain.Problem, plan *contain.Plan, host map[ident.Ref]bool) *segment.Graph {
	t.Helper()
	folder, after, changes := builtAnew(t, seed, p, plan)
	if changes == nil {
		changes = []segment.Change{}
	}
	if d := cmp.Diff(changes, plan.Proof.Changed); d != "" {
		t.Fatalf("seed %d: what changes (-built anew +proved):\n%s", seed, d)
	}
	refs, out := graphOf(after)
	if reaches(refs, out, p, host, plan.PastNodes) {
		t.Fatalf("seed %d: a path is left", seed)
	}
	opened, faults, err := contain.Open(folder)
	if err != nil || len(faults) > 0 {
		t.Fatalf("seed %d: %v, %v", seed, err, faults)
	}
	proof, faults, err := opened.Check(context.Background(), p.Graph, after, nil, "test")
	if err != nil || len(faults) > 0 || !proof.Proved {
		t.Fatalf("seed %d: the plan does not hold when it is checked: %v, %v", seed, err, faults)
	}
	return after
}

// applied is the estate with the texts of a plan's folder, from the beginning.
func applied(t *testing.T, seed uint64, p *contain.Problem, plan *contain.Plan, folder []contain.File) *segment.Graph {
	t.Helper()
	var inputs []manifest.Input
	for _, f := range folder {
		if len(f.Name) > 6 && f.Name[:6] == "apply/" && f.Name != "apply/kustomization.yaml" {
			inputs = append(inputs, manifest.Input{Name: f.Name, Data: f.Data})
		}
	}
	m := *p.Graph.Model()
	if len(inputs) > 0 {
		set, err := manifest.Decode(context.Background(), inputs, manifest.Options{})
		if err != nil || len(set.Estate.Faults) > 0 {
			t.Fatalf("seed %d: %v, %+v", seed, err, set.Estate.Faults)
		}
		policies, taints := k8s.Policies(&m, set)
		if len(taints) > 0 {
			t.Fatalf("seed %d: %+v", seed, taints)
		}
		for _, x := range policies {
			m.Policies = slices.DeleteFunc(slices.Clone(m.Policies), func(o segment.Policy) bool { return o.Ref() == x.Ref() })
		}
		m.Policies = append(slices.Clone(m.Policies), policies...)
	}
	for _, gone := range plan.Removed() {
		m.Policies = slices.DeleteFunc(slices.Clone(m.Policies), func(o segment.Policy) bool { return o.Ref() == gone })
	}
	after, err := segment.Build(context.Background(), &m)
	if err != nil {
		t.Fatal(err)
	}
	if after, err = plan.Labelled(context.Background(), after); err != nil {
		t.Fatal(err)
	}
	return after
}
