package contain_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

// traffic is what was seen, as a test has it.
type traffic struct {
	flows    []contain.Flow
	doubtful []ident.Ref
}

func (x traffic) Flows() []contain.Flow { return x.flows }
func (x traffic) Doubtful() []ident.Ref { return x.doubtful }
func (traffic) Window() contain.Window {
	return contain.Window{From: time.Unix(0, 0), To: time.Unix(86400, 0)}
}

// decoded makes a problem of the manifests of a model, so that its NetworkPolicies
// can be rewritten.
func decoded(t testing.TB, m *segment.Model, profile segment.Profile) *contain.Problem {
	t.Helper()
	profile.Origin = "chosen" // where it is only assumed no new policy lists addresses
	var inputs []manifest.Input
	texts := make(map[string]*bytes.Buffer)
	var names []string
	if err := synth.Files(m, func(name string) (io.WriteCloser, error) {
		texts[name] = &bytes.Buffer{}
		names = append(names, name)
		return closer{texts[name]}, nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		inputs = append(inputs, manifest.Input{Name: name, Data: texts[name].Bytes()})
	}
	set, err := manifest.Decode(context.Background(), inputs, manifest.Options{})
	if err != nil || len(set.Estate.Faults) > 0 {
		t.Fatal(err, set.Estate.Faults)
	}
	read, err := k8s.Model(set, profile)
	if err != nil {
		t.Fatal(err)
	}
	g, err := segment.Build(context.Background(), read)
	if err != nil {
		t.Fatal(err)
	}
	return &contain.Problem{Graph: g, Set: set, Engine: "test", Text: func(name string) ([]byte, error) {
		return texts[name[strings.LastIndex(name, "/")+1:]].Bytes(), nil
	}}
}

type closer struct{ io.Writer }

func (closer) Close() error { return nil }

// tiny makes an estate of few workloads with what was seen on its network, and a
// problem about it.
func tiny(t testing.TB, seed uint64) *contain.Problem {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 29))
	mixes := synth.Mixes()
	n := 3 + r.IntN(3)
	m := synth.Model(synth.Config{Pods: n + r.IntN(n), Workloads: n, Policies: r.IntN(2 * n), Mix: mixes[r.IntN(len(mixes))], Seed: seed})
	if r.IntN(6) == 0 {
		if w, o := r.IntN(n), r.IntN(n); m.Workloads[o].Ref.Namespace == m.Workloads[w].Ref.Namespace {
			m.Workloads[w].Labels = m.Workloads[o].Labels
			each(m, w, func(e *segment.Endpoint) { e.Labels = m.Workloads[o].Labels })
		}
	}
	p := decoded(t, m, segment.Generic())
	p.Query = fmt.Sprint("estate ", seed)
	refs := p.Graph.Workloads()
	var seen traffic
	for e := range p.Graph.Edges(segment.ByWorkload) {
		if e.Src.IsCIDR() || e.Dst.IsCIDR() || r.IntN(3) > 0 {
			continue
		}
		c := e.Connections[r.IntN(len(e.Connections))]
		c.To = c.From
		seen.flows = append(seen.flows, contain.Flow{Src: e.Src, Dst: e.Dst, Conn: c, Count: 1 + uint64(r.IntN(9))}) //nolint:gosec // few
	}
	p.Traffic = seen
	r.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
	p.Affected, p.Protected = refs[:1], refs[1:2]
	return p
}

// cheapest is the least price of parting T from S by hardening workloads and naming
// edges, over every choice of what is hardened and every set that S could be left
// with. Hardening one direction costs one.
func cheapest(p *contain.Problem) int64 {
	refs, out := graphOf(p.Graph)
	n := len(refs)
	index := make(map[ident.Ref]int)
	watched := make([]bool, n)
	for i, r := range refs {
		index[r] = i
	}
	open := make(map[[2]int]int64) // kept edges, with the price of naming them
	for _, f := range p.Traffic.Flows() {
		i, j := index[f.Src], index[f.Dst]
		watched[i], watched[j] = true, true
		var count uint64
		for _, g := range p.Traffic.Flows() {
			if g.Src == f.Src && g.Dst == f.Dst {
				count += g.Count
			}
		}
		bits := int64(0)
		for ; count > 0; count >>= 1 {
			bits++
		}
		open[[2]int{i, j}] = 1 << 26 * 2 * (bits + 1)
	}
	s, t := index[p.Affected[0]], index[p.Protected[0]]
	best := int64(-1)
	for hard := range uint64(1) << (2 * n) {
		egress, ingress := hard&(1<<n-1), hard>>n
		price := int64(0)
		ok := true
		for i := range n {
			if (egress|ingress)>>i&1 == 1 && !watched[i] {
				ok = false
			}
			price += int64(egress>>i&1 + ingress>>i&1)
		}
		if !ok || best >= 0 && price >= best {
			continue
		}
		for side := range uint64(1) << n {
			if side>>s&1 == 0 || side>>t&1 == 1 {
				continue
			}
			sum := price
			for i := range n {
				for j := range n {
					if side>>i&1 == 0 || side>>j&1 == 1 || out[i]>>j&1 == 0 {
						continue
					}
					dear, kept := open[[2]int{i, j}]
					switch {
					case kept:
						sum += dear
					case !watched[i]:
						sum += 1 << 10 // nothing says what it opens: hardening does not take it
					case egress>>i&1 == 0 && ingress>>j&1 == 0:
						sum += 1 << 10
					}
				}
			}
			if best < 0 || sum < best {
				best = sum
			}
		}
	}
	return best
}

// priceOf is what a plan in the grain of workloads costs.
func priceOf(p *contain.Problem, plan *contain.Plan) int64 {
	hard := make(map[string]bool)
	for _, h := range plan.Hardened {
		hard[h.Workload.String()+h.Direction] = true
	}
	price := int64(len(plan.Hardened))
	for _, c := range plan.Cuts {
		if len(c.Observed) == 0 {
			if !hard[c.From.String()+"egress"] && !hard[c.To.String()+"ingress"] || silent(p, c.From) {
				price += 1 << 10
			}
			continue
		}
		var count uint64
		for _, g := range p.Traffic.Flows() {
			if g.Src == c.From && g.Dst == c.To {
				count += g.Count
			}
		}
		bits := int64(0)
		for ; count > 0; count >>= 1 {
			bits++
		}
		price += 1 << 26 * 2 * (bits + 1)
	}
	return price
}

// silent reports whether no record mentions a workload.
func silent(p *contain.Problem, r ident.Ref) bool {
	return !slices.ContainsFunc(p.Traffic.Flows(), func(f contain.Flow) bool { return f.Src == r || f.Dst == r })
}

// TestHardeningAgainstBruteForce: plans in the grain of workloads cost what the
// cheapest of all choices costs, whatever enforces them; what they leave each
// hardened workload is what was seen, and nothing else changes.
func TestHardeningAgainstBruteForce(t *testing.T) {
	estates := uint64(estatesTried) / 20
	var planned, twins, contained, refused, named int
	for seed := range estates {
		for _, means := range []contain.Means{contain.AdminTier, contain.Rewrite, contain.CiliumDeny} {
			p := tiny(t, seed)
			p.Grain, p.Means = contain.Workloads, means
			switch means {
			case contain.AdminTier:
				p.Set = nil
			case contain.CiliumDeny:
				m := *p.Graph.Model()
				m.Profile.CiliumNetworkPolicy = segment.Yes
				g, err := segment.Build(context.Background(), &m)
				if err != nil {
					t.Fatal(err)
				}
				p.Graph = g
			case contain.Rewrite:
			}
			plan, err := contain.Make(context.Background(), p)
			if err != nil {
				if ident.KindOf(err) != ident.KindUnsupported || means != contain.Rewrite {
					t.Fatalf("seed %d, %s: %v", seed, means, err)
				}
				refused++
				continue
			}
			if plan.Contained {
				contained++
				continue
			}
			after := checkProof(t, seed, p, plan, nil)
			planned++
			if len(plan.Neighbours) > 0 || labelled(p) {
				twins++
				continue
			}
			// A rewriting hardens more where there is nothing that could be taken away.
			if want, got := cheapest(p), priceOf(p, plan); got != want && (means != contain.Rewrite || got < want || got > want+int64(len(plan.Cuts))) {
				t.Fatalf("seed %d, %s: costs %d, and %d would do: %+v", seed, means, got, want, plan.Cuts)
			}
			named += exactlyKept(t, seed, p, plan, after)
		}
	}
	t.Logf("%d plans, %d with twins, %d contained already, %d rewrites refused, %d flows that have to break", planned, twins, contained, refused, named)
	if planned < int(estates) || named == 0 || refused > planned/4 { //nolint:gosec // few
		t.Error("the estates do not exercise it")
	}
}

// labelled reports whether labels cannot tell some workload from another.
func labelled(p *contain.Problem) bool {
	seen := make(map[string]bool)
	for _, w := range p.Graph.Model().Workloads {
		key := w.Ref.Namespace + fmt.Sprint(w.Labels)
		if seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}

// exactlyKept holds what hardened workloads have afterwards against what was seen,
// and returns how many flows break.
func exactlyKept(t *testing.T, seed uint64, p *contain.Problem, plan *contain.Plan, after *segment.Graph) (breaks int) {
	t.Helper()
	cut := make(map[[2]ident.Ref]bool)
	for _, c := range plan.Cuts {
		cut[[2]ident.Ref{c.From, c.To}] = true
		breaks += len(c.Observed)
	}
	for _, h := range plan.Hardened {
		edges, err := map[string]func(ident.Ref) ([]segment.Edge, error){"egress": after.Row, "ingress": after.Column}[h.Direction](h.Workload)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range edges {
			if e.Src.IsCIDR() || e.Dst.IsCIDR() || silent(p, e.Src) {
				continue
			}
			var seen []segment.Conn
			for _, f := range p.Traffic.Flows() {
				if f.Src == e.Src && f.Dst == e.Dst {
					seen = append(seen, f.Conn)
				}
			}
			if rest := segment.Minus(e.Connections, seen); len(rest) > 0 {
				t.Fatalf("seed %d: %s of %s is hardened, and %s → %s keeps %v, which nobody used", seed, h.Direction, h.Workload, e.Src, e.Dst, rest)
			}
		}
	}
	for _, f := range p.Traffic.Flows() {
		is, err := after.Between(f.Src, f.Dst)
		if err != nil {
			t.Fatal(err)
		}
		passes := slices.ContainsFunc(is, func(e segment.Edge) bool { return len(segment.Common(e.Connections, []segment.Conn{f.Conn})) > 0 })
		breaks := slices.ContainsFunc(plan.Cost.Observed, func(x contain.Flow) bool { return x == f })
		if passes == breaks {
			t.Fatalf("seed %d: %s → %s %v passes: %t, and the plan says that it breaks: %t", seed, f.Src, f.Dst, f.Conn, passes, breaks)
		}
	}
	return breaks
}

// TestMeansAgree: the same cut by the Admin tier and by rewriting, with objects and
// with texts that have nothing in common, leaves the same edges.
func TestMeansAgree(t *testing.T) {
	estates := max(uint64(estatesTried)/20, 100)
	if os.Getenv("COFFERDAM_LONG") != "" {
		estates = 10_000
	}
	var compared, refused, different int
	for seed := range estates {
		p := tiny(t, seed)
		p.Grain = []contain.Grain{contain.Edges, contain.Workloads}[seed&1]
		p.Means = contain.Rewrite
		rewritten, err := contain.Make(context.Background(), p)
		if err != nil {
			refused++
			continue
		}
		q := *p
		q.Set, q.Means = nil, contain.AdminTier
		denied, err := contain.Make(context.Background(), &q)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if rewritten.Contained || len(denied.Neighbours) > 0 {
			continue
		}
		if len(rewritten.Hardened) != len(denied.Hardened) || rewritten.Nearest != denied.Nearest {
			different++ // a default deny where nothing could be taken away, or another minimum cut
			continue
		}
		compared++
		a, b := edges(t, seed, p, rewritten), edges(t, seed, &q, denied)
		if d := cmp.Diff(a, b); d != "" {
			t.Fatalf("seed %d: what is left (-rewritten +denied):\n%s", seed, d)
		}
	}
	t.Logf("%d compared, %d of different cuts, %d rewrites refused", compared, different, refused)
	if compared < int(estates)/4 { //nolint:gosec // few
		t.Error("the estates do not exercise it")
	}
}

// edges are those of the estate with a plan applied.
func edges(t *testing.T, seed uint64, p *contain.Problem, plan *contain.Plan) []string {
	t.Helper()
	folder, err := plan.Folder(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for e := range applied(t, seed, p, plan, folder).Edges(segment.ByWorkload) {
		out = append(out, fmt.Sprint(e.Src, " → ", e.Dst, " ", e.Verdict, " ", e.Connections, " ", e.Partial))
	}
	return out
}
