package rewrite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/contain/rewrite"
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"

	networkingv1 "k8s.io/api/networking/v1"
)

// applied returns the set with the changes made.
func applied(set *manifest.Set, changes []rewrite.Change) *manifest.Set {
	out := *set
	out.NetworkPolicies = slices.Clone(set.NetworkPolicies)
	for _, c := range changes {
		t := manifest.Typed[networkingv1.NetworkPolicy]{Object: c.New,
			Policy: &estate.Policy{Cluster: c.Cluster, Namespace: c.New.Namespace, Name: c.New.Name, Kind: "NetworkPolicy"}}
		if c.Old == nil {
			out.NetworkPolicies = append(out.NetworkPolicies, t)
			continue
		}
		i := slices.IndexFunc(out.NetworkPolicies, func(x manifest.Typed[networkingv1.NetworkPolicy]) bool { return x.Object == c.Old })
		out.NetworkPolicies[i] = t
	}
	return &out
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func modelOf(t fataler, set *manifest.Set, profile segment.Profile) *segment.Model {
	t.Helper()
	m, err := k8s.Model(set, profile)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return m
}

func graphOf(t fataler, m *segment.Model) *segment.Graph {
	t.Helper()
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return g
}

// checkCut holds what the engine says of the changed estate against what was
// asked for and what the outcomes say: pod by pod, everything that was to go is
// gone, and nothing else has changed.
func checkCut(t fataler, set *manifest.Set, profile segment.Profile, edges []rewrite.Edge) (res *rewrite.Result, gone int) {
	t.Helper()
	m := modelOf(t, set, profile)
	res, err := rewrite.New(set, m, pick.New(m)).Cut(context.Background(), edges)
	if err != nil {
		t.Fatalf("%v", err)
	}
	after := modelOf(t, applied(set, res.Changes), profile)
	if len(after.Taints) != len(m.Taints) {
		t.Fatalf("an API server would refuse a change: %+v", after.Taints)
	}
	names := map[string]bool{}
	for _, c := range res.Changes {
		if errs := validation.IsDNS1123Subdomain(c.New.Name); len(errs) > 0 || c.Old == nil && len(c.New.Name) > 63 || names[c.New.Namespace+"/"+c.New.Name] {
			t.Fatalf("%q is no name, or there twice: %v", c.New.Name, errs)
		}
		names[c.New.Namespace+"/"+c.New.Name] = true
		if c.Old != nil && reflect.DeepEqual(c.Old.Spec, c.New.Spec) {
			t.Fatalf("%s is not changed", c.Old.Name)
		}
		if c.Why == "" || len(c.Edges) == 0 || len(c.NewPods) == 0 && len(edges[c.Edges[0]].Keep) == 0 {
			t.Fatalf("%s: nothing says why", c.New.Name)
		}
	}
	a, b := graphOf(t, m), graphOf(t, after)
	keep := map[[2]ident.Ref][]segment.Conn{}
	cut := map[[2]ident.Ref]bool{}
	for _, o := range res.Outcomes {
		if o.Cut == (o.Reason != "") {
			t.Fatalf("%+v", o)
		}
		key := [2]ident.Ref{o.Edge.Src, o.Edge.Dst}
		if !o.Cut {
			continue
		}
		if cut[key] {
			keep[key] = both(edges, key) // cut at both ends
			continue
		}
		cut[key], keep[key] = true, o.Edge.Keep
	}
	pod := func(e *segment.Endpoint) ident.Ref { return e.Ref }
	for i := range m.Endpoints {
		for j := range m.Endpoints {
			src, dst := &m.Endpoints[i], &m.Endpoints[j]
			if i == j {
				continue
			}
			was, err1 := a.Between(pod(src), pod(dst))
			is, err2 := b.Between(pod(src), pod(dst))
			if err1 != nil || err2 != nil {
				t.Fatalf("%v %v", err1, err2)
			}
			key := [2]ident.Ref{m.Workloads[src.Workload].Ref, m.Workloads[dst.Workload].Ref}
			if !cut[key] && slices.EqualFunc(was, is, func(x, y segment.Edge) bool {
				return x.Verdict == y.Verdict && slices.Equal(x.Connections, y.Connections)
			}) {
				continue
			}
			for _, port := range probes(was, is, keep[key]) {
				want := at(was, port)
				if cut[key] && !slices.ContainsFunc(keep[key], func(c segment.Conn) bool { return c.Contains(port) }) {
					if want != segment.Denied {
						gone++
					}
					want = segment.Denied
				}
				if got := at(is, port); got != want {
					t.Fatalf("%s -> %s on %s: was %s, is %s, want %s (cut %v)\n%s", src.Ref, dst.Ref, port, at(was, port), got, want, cut[key], dump(res))
				}
			}
		}
	}
	outside(t, a, b)
	return res, gone
}

func both(edges []rewrite.Edge, key [2]ident.Ref) []segment.Conn {
	var lists [][]segment.Conn
	for _, e := range edges {
		if [2]ident.Ref{e.Src, e.Dst} == key {
			lists = append(lists, e.Keep)
		}
	}
	var out []segment.Conn
	for _, x := range lists[0] {
		for _, y := range lists[1] {
			if from, to := max(x.From, y.From), min(x.To, y.To); x.Protocol == y.Protocol && from <= to {
				out = append(out, segment.Conn{Protocol: x.Protocol, From: from, To: to})
			}
		}
	}
	return out
}

// outside checks that nothing changed between workloads and addresses.
func outside(t fataler, a, b *segment.Graph) {
	t.Helper()
	changes, err := segment.Diff(context.Background(), a, b)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, c := range changes {
		if c.Src.IsCIDR() || c.Dst.IsCIDR() {
			t.Fatalf("%s -> %s %v: %s became %s", c.Src, c.Dst, c.Connections, c.Before, c.After)
		}
	}
}

// probes are ports around every end of an interval, and some others.
func probes(was, is []segment.Edge, keep []segment.Conn) []segment.Port {
	conns := slices.Clone(keep)
	for _, e := range slices.Concat(was, is) {
		conns = append(conns, e.Connections...)
	}
	var out []segment.Port
	for _, c := range conns {
		for _, n := range []int{int(c.From) - 1, int(c.From), int(c.To), int(c.To) + 1} {
			if n > 0 && n < 1<<16 {
				out = append(out, segment.Port{Protocol: c.Protocol, Number: uint16(n)})
			}
		}
	}
	for _, p := range []segment.Protocol{segment.TCP, segment.UDP, segment.SCTP} {
		out = append(out, segment.Port{Protocol: p, Number: 7})
	}
	return out
}

func at(edges []segment.Edge, p segment.Port) segment.Verdict {
	for _, e := range edges {
		for _, c := range e.Connections {
			if c.Contains(p) {
				return e.Verdict
			}
		}
	}
	return segment.Denied
}

func dump(res *rewrite.Result) string {
	var s string
	for _, c := range res.Changes {
		if c.Old != nil {
			b, _ := yaml.Marshal(c.Old.Spec)
			s += fmt.Sprintf("--- was %s/%s\n%s", c.Old.Namespace, c.Old.Name, b)
		}
		b, _ := yaml.Marshal(c.New.Spec)
		s += fmt.Sprintf("--- is %s/%s\n%s", c.New.Namespace, c.New.Name, b)
	}
	return s
}

type seeded struct {
	*testing.T
	seed uint64
}

func (s seeded) Fatalf(format string, args ...any) {
	s.Helper()
	s.T.Fatalf("seed %d: "+format, append([]any{s.seed}, args...)...)
}

// TestExactlyTheEdgesGo cuts random edges of random estates.
func TestExactlyTheEdgesGo(t *testing.T) {
	estates := uint64(estatesTried)
	if os.Getenv("COFFERDAM_LONG") != "" {
		estates = 100_000
	}
	var cuts, refused, gone, changed, created int
	reasons := map[string]int{}
	for seed := range estates {
		set, profile := randomEstate(seed)
		r := rand.New(rand.NewPCG(seed, 12))
		var edges []rewrite.Edge
		asked := map[string]bool{}
		for range 1 + r.IntN(4) {
			ws := set.Estate.Workloads
			e := rewrite.Edge{Src: ws[r.IntN(len(ws))].Ref, Dst: ws[r.IntN(len(ws))].Ref, At: segment.Gress(r.IntN(2)), Keep: randomKeep(r)} //nolint:gosec // two of them
			if key := fmt.Sprint(e.Src, e.Dst, e.At); !asked[key] && (e.Src != e.Dst || r.IntN(10) == 0) {
				asked[key] = true
				edges = append(edges, e)
			}
		}
		res, n := checkCut(seeded{t, seed}, set, profile, edges)
		gone += n
		for _, o := range res.Outcomes {
			if o.Cut {
				cuts++
			} else {
				refused++
				reasons[gist(o.Reason)]++
			}
		}
		for _, c := range res.Changes {
			changed++
			if c.Old == nil {
				created++
			}
		}
	}
	t.Logf("%d edges cut with %d connections of pods, %d left alone, %d changes of which %d are new objects", cuts, gone, refused, changed, created)
	for why, n := range reasons {
		t.Logf("%6d %s", n, why)
	}
	if gone == 0 || created == 0 || refused == 0 || refused > 4*cuts {
		t.Error("the estates do not exercise the rewriting")
	}
}

// gist leaves names and numbers out of a reason.
func gist(s string) string {
	if _, after, ok := strings.Cut(s, "gress: "); ok {
		s = after
	}
	words := strings.Fields(s)
	words = slices.DeleteFunc(words, func(w string) bool { return strings.ContainsAny(w, "/0123456789") || w == "and" })
	return strings.Join(words[:min(len(words), 9)], " ")
}
