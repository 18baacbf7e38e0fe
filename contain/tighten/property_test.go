package tighten_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/contain/tighten"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/flow"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

func manifests(t *rapid.T, m *segment.Model) []manifest.Input {
	files := make(map[string]*buffer)
	if err := synth.Files(m, func(name string) (io.WriteCloser, error) {
		files[name] = &buffer{}
		return files[name], nil
	}); err != nil {
		t.Fatal(err)
	}
	var in []manifest.Input
	for _, name := range slices.Sorted(maps.Keys(files)) {
		in = append(in, manifest.Input{Name: name, Data: files[name].Bytes()})
	}
	return in
}

func compile(t *rapid.T, in []manifest.Input) (*manifest.Set, *segment.Graph) {
	set, err := manifest.Decode(context.Background(), in, manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Estate.Faults) > 0 {
		t.Fatalf("%+v", set.Estate.Faults[0])
	}
	m, err := k8s.Model(set, segment.Generic())
	if err != nil {
		t.Fatal(err)
	}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return set, g
}

// applied is the estate as a cluster has it with a folder applied: decoded and
// compiled anew, by none of the steps that made the plan.
func applied(t *rapid.T, in []manifest.Input, files []contain.File, removals ...string) *segment.Graph {
	in = slices.Clone(in)
	var drop []segment.PolicyRef
	for _, f := range files {
		switch {
		case strings.HasPrefix(f.Name, "apply/") && !strings.HasSuffix(f.Name, "kustomization.yaml"):
			in = append(in, manifest.Input{Name: f.Name, Data: f.Data, Layer: 1})
		case slices.Contains(removals, f.Name):
			for line := range strings.Lines(string(f.Data)) {
				x := strings.Fields(line)
				drop = append(drop, segment.PolicyRef{Kind: "NetworkPolicy", Namespace: x[1], Name: x[2]})
			}
		}
	}
	_, g := compile(t, in)
	if len(drop) == 0 {
		return g
	}
	g, err := g.Apply(context.Background(), &segment.Delta{DropPolicies: drop})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// use is one connection that the records or the needs name.
type use struct {
	src, dst ident.Ref
	conn     segment.Conn
}

func passes(t *rapid.T, g *segment.Graph, u use) segment.Verdict {
	edges, err := g.Between(u.src, u.dst)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edges {
		if slices.ContainsFunc(e.Connections, func(c segment.Conn) bool {
			return c.Protocol == u.conn.Protocol && c.From <= u.conn.From && u.conn.From <= c.To
		}) {
			return e.Verdict
		}
	}
	return segment.Denied
}

// TestLeast draws estates and what of them is in use: after tightening everything
// in use passes, nothing passes that did not, and where a side was tightened and
// nothing shared is left, nothing passes but what is in use.
func TestLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { least(t) })
	// How much is tightened is told by draws that are the same each time.
	sides, exact := 0, 0
	for seed := range 12 {
		held := rapid.Custom(least).Example(seed)
		sides, exact = sides+held.sides, exact+held.exact
	}
	t.Logf("%d sides tightened, %d of them to exactly what is in use", sides, exact)
	if sides == 0 || exact*4 < sides {
		t.Errorf("of %d sides that were tightened only %d were held against what is in use", sides, exact)
	}
}

// held are sides that were tightened, and how many of them were held against what is in use.
type held struct{ sides, exact int }

func least(t *rapid.T) held {
	mix := rapid.SampledFrom([]synth.Mix{synth.Rich, synth.Open, synth.None, synth.Tiered, synth.Scale}).Draw(t, "mix")
	n := rapid.IntRange(2, 26).Draw(t, "workloads")
	in := manifests(t, synth.Model(synth.Config{Workloads: n, Pods: n + rapid.IntRange(0, 6).Draw(t, "pods"), Policies: rapid.IntRange(0, 2*n).Draw(t, "policies"),
		Mix: mix, Seed: rapid.Uint64().Draw(t, "seed")}))
	set, before := compile(t, in)

	var uses []use
	var needs []contain.Need
	var csv strings.Builder
	csv.WriteString("time,src,dst,protocol,port\n")
	share := rapid.IntRange(1, 8).Draw(t, "one in")
	dice := rapid.IntRange(0, 1<<30)
	for e := range before.Edges(segment.ByWorkload) {
		if dice.Draw(t, "edge")%share != 0 {
			continue
		}
		c := e.Connections[dice.Draw(t, "connection")%len(e.Connections)]
		c.From += uint16(dice.Draw(t, "port") % (int(c.To) - int(c.From) + 1)) //nolint:gosec // within a range of ports
		c.To = c.From
		u := use{e.Src, e.Dst, c}
		if u.src.IsCIDR() {
			u.src = address(t, u.src)
		}
		if u.dst.IsCIDR() {
			u.dst = address(t, u.dst)
		}
		if block(u.src) || block(u.dst) {
			continue
		}
		if !u.src.IsCIDR() && !u.dst.IsCIDR() && dice.Draw(t, "declared")%8 == 0 {
			needs = append(needs, contain.Need{Src: u.src, Dst: u.dst, Conns: []segment.Conn{c}, Why: "declared"})
		} else {
			fmt.Fprintf(&csv, "2026-11-20T10:00:00Z,%s,%s,%s,%d\n", named(u.src), named(u.dst), c.Protocol, c.From)
		}
		uses = append(uses, u)
	}
	a := flow.NewAggregator(flow.Options{Book: flow.NewBook(set.Estate, flow.BookOptions{})})
	if err := a.Read(context.Background(), "flows.csv", strings.NewReader(csv.String()), flow.CSV); err != nil {
		t.Fatal(err)
	}
	p := &tighten.Problem{Graph: before, Set: set, Observed: a.Observed(), Needs: needs, AcceptUnobserved: rapid.Bool().Draw(t, "accept"), At: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)}
	plan, err := tighten.Make(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	files, err := plan.Folder()
	if err != nil {
		t.Fatal(err)
	}
	first := applied(t, in, files, "remove.txt")
	last := applied(t, in, files, "remove.txt", "remove-last.txt")
	for _, after := range []*segment.Graph{first, last} {
		changes, err := segment.Diff(context.Background(), before, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if c.Opens() {
				t.Fatalf("%s → %s %v opens", c.Src, c.Dst, c.Connections)
			}
		}
		for _, u := range uses {
			if was, is := passes(t, before, u), passes(t, after, u); was == segment.Allowed && is != segment.Allowed || is == segment.Denied {
				t.Fatalf("%s → %s %v was %s and is %s", u.src, u.dst, u.conn, was, is)
			}
		}
	}
	if count, err := last.Count(context.Background()); err != nil || count.Edges != plan.Proof.Final.Edges {
		t.Fatalf("the plan says %d edges, the files have %d (%v)", plan.Proof.Final.Edges, count.Edges, err)
	}
	if dice.Draw(t, "check")%4 == 0 { // it is most of the time
		opened, faults, err := tighten.Open(files)
		if err != nil || len(faults) > 0 || !tighten.IsFolder(files) {
			t.Fatalf("the folder is refused: %v, %v", err, faults)
		}
		proof, faults, err := opened.Check(context.Background(), before, first, last, set.Estate, "test")
		if err != nil || len(faults) > 0 || !proof.Proved {
			t.Fatalf("the proposal does not hold when it is checked: %v, %v", err, faults)
		}
	}
	sides, exact := exactness(t, plan, last, uses)
	return held{sides, exact}
}

// exactness asks of every tightened side that is left to its own policy whether
// anything passes that is not in use.
func exactness(t *rapid.T, plan *tighten.Plan, after *segment.Graph, uses []use) (sides, exact int) {
	shared := make(map[ident.Ref]bool)
	for _, l := range plan.Left {
		if !l.RemovedLast && !strings.HasPrefix(l.Why, "it allows nothing") {
			for _, r := range after.Selected(segment.PolicyRef{Kind: l.Kind, Cluster: l.Cluster, Namespace: l.Namespace, Name: l.Name}) {
				shared[r] = true
			}
		}
	}
	for _, w := range plan.Workloads {
		for _, s := range w.Sides {
			if s.State != tighten.Tightened {
				continue
			}
			sides++
			higher := slices.ContainsFunc(s.Unused, func(x tighten.Permission) bool { return x.Stays && x.Rule.Tier == "admin" })
			kept := slices.ContainsFunc(s.Needed, func(x tighten.Use) bool { return x.Why != "declared" })
			if len(s.Notes) > 0 || shared[w.Workload] || higher || kept {
				continue
			}
			exact++
			ask := after.Row
			if s.Direction == "ingress" {
				ask = after.Column
			}
			edges, err := ask(w.Workload)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range edges {
				for _, c := range e.Connections {
					for port := int(c.From); port <= int(c.To); port++ {
						if port-int(c.From) > 100 {
							t.Fatalf("%s: %s → %s %v passes, more than is in use", s.Direction, e.Src, e.Dst, c)
						}
						one := segment.Conn{Protocol: c.Protocol, From: uint16(port), To: uint16(port)} //nolint:gosec // a port
						if !slices.ContainsFunc(uses, func(u use) bool { return u.conn == one && meets(u.src, e.Src) && meets(u.dst, e.Dst) }) {
							t.Fatalf("%s: %s → %s %v passes, and nothing uses it", s.Direction, e.Src, e.Dst, one)
						}
					}
				}
			}
		}
	}
	return sides, exact
}

// meets reports whether an end that is in use is an end of an edge, or lies in it.
func meets(used, end ident.Ref) bool {
	a, errA := netip.ParsePrefix(used.CIDR)
	b, errB := netip.ParsePrefix(end.CIDR)
	return used == end || errA == nil && errB == nil && b.Bits() <= a.Bits() && b.Contains(a.Addr())
}

// named is an end as the CSV has it.
func named(r ident.Ref) string {
	if p, err := netip.ParsePrefix(r.CIDR); err == nil {
		return p.Addr().String()
	}
	return r.String()
}

// address is one public address of a block; the block itself where it has none
// that is easily found.
func address(t *rapid.T, r ident.Ref) ident.Ref {
	p, err := netip.ParsePrefix(r.CIDR)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []netip.Addr{p.Addr(), p.Addr().Next(), netip.MustParseAddr("8.8.4.4"), netip.MustParseAddr("2620:fe::9")} {
		if p.Contains(a) && segment.Public(a) {
			return ident.Ref{CIDR: netip.PrefixFrom(a, a.BitLen()).String()}
		}
	}
	return r
}

// block reports whether an end is a range of addresses.
func block(r ident.Ref) bool {
	p, err := netip.ParsePrefix(r.CIDR)
	return r.IsCIDR() && (err != nil || !p.IsSingleIP())
}
