package segment_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// linesAgree holds what is put together against the row and the column of a
// workload, edge by edge, and what is asked by number against what is by name.
func linesAgree(t *testing.T, g *segment.Graph, w ident.Ref, row []segment.Edge) {
	t.Helper()
	refs := g.Workloads()
	column, err := g.Column(w)
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range [][]segment.Edge{segment.Egress: row, segment.Ingress: column} {
		peers, err := g.PeersOf(w, segment.Gress(d)) //nolint:gosec // two directions
		if err != nil {
			t.Fatal(err)
		}
		var got []segment.Edge
		for _, x := range peers {
			put := func(other ident.Ref) {
				e := segment.Edge{Src: w, Dst: other, Connections: x.Connections, Verdict: x.Verdict, Partial: x.Partial}
				if segment.Gress(d) == segment.Ingress { //nolint:gosec // as above
					e.Src, e.Dst = other, w
				}
				got = append(got, e)
			}
			for _, i := range x.Workloads {
				put(refs[i])
			}
			for _, b := range x.Blocks {
				put(ident.Ref{CIDR: b})
			}
		}
		order := func(a, b segment.Edge) int {
			if c := a.Src.Compare(b.Src); c != 0 {
				return c
			}
			if c := a.Dst.Compare(b.Dst); c != 0 {
				return c
			}
			return int(a.Verdict) - int(b.Verdict)
		}
		want = slices.Clone(want)
		slices.SortFunc(want, order)
		slices.SortFunc(got, order)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s of %s: -edges +peers\n%s", segment.Gress(d), w, diff) //nolint:gosec // as above
		}
	}
	u, ok := g.Number(w)
	if !ok || refs[u] != w {
		t.Fatalf("%s has number %d, %v", w, u, ok)
	}
	for v, r := range refs {
		between, err := g.Between(w, r)
		if err != nil {
			t.Fatal(err)
		}
		open := slices.Clone(g.Opens(u, v))
		for i := range open {
			open[i].Src, open[i].Dst = w, r
		}
		if diff := cmp.Diff(between, open); diff != "" {
			t.Fatalf("%s -> %s: -between +opens\n%s", w, r, diff)
		}
	}
}

// TestNumbers writes runs and reads them again.
func TestNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.SliceOfDistinct(rapid.Uint32Range(0, 60), func(n uint32) uint32 { return n }).Draw(t, "numbers")
		slices.Sort(ns)
		text, err := segment.Numbers(ns).MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var got segment.Numbers
		if err := got.UnmarshalText(text); err != nil || !slices.Equal(got, ns) {
			t.Fatalf("%v as %s is %v: %v", ns, text, got, err)
		}
	})
	text, err := json.Marshal(segment.Peers{Connections: []segment.Conn{{From: 80, To: 80}}, Verdict: segment.Allowed, Workloads: segment.Numbers{0, 1, 2, 7, 9, 10}, Blocks: []string{"10.0.0.0/8"}})
	if want := `{"connections":[{"protocol":"TCP","from":80,"to":80}],"verdict":"allowed","workloads":"0-2,7,9-10","blocks":["10.0.0.0/8"]}`; err != nil || string(text) != want {
		t.Errorf("%s, want %s: %v", text, want, err)
	}
	for _, s := range []string{"x", "1-", "-1", "2-1", "1,1", "3,2", "0-4294967295", "0-1048576", "5000000000", "1,,2", " 1"} {
		var n segment.Numbers
		if err := n.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("%q was read as %d numbers", s, len(n))
		}
	}
}

// FuzzNumbers reads runs that anybody may have written.
func FuzzNumbers(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 4 {
		var n segment.Numbers
		for i := range uint32(40) {
			if r.IntN(2) == 0 {
				n = append(n, i)
			}
		}
		text, _ := n.MarshalText()
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var n segment.Numbers
		if n.UnmarshalText(text) != nil {
			return
		}
		again, err := n.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var m segment.Numbers
		if err := m.UnmarshalText(again); err != nil || !slices.Equal(n, m) || !slices.IsSorted(n) {
			t.Fatalf("%q is %v, and that is %q: %v", text, n, again, err)
		}
	})
}
