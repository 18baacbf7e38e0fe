package inventory_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

func selected(t *testing.T, s *inventory.Snapshot, text string) *inventory.Selection {
	t.Helper()
	x, err := s.Select(text)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestSelect(t *testing.T) {
	w := shop
	w.manifests = strings.Replace(small, "metadata: {name: web, namespace: shop}, spec: {template", "metadata: {name: web, namespace: shop, labels: {app: shop, team: web}}, spec: {template", 1)
	s := build(t, w)
	m, err := s.Map(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		"app=api":                {"api"},
		"app==db":                {"db"},
		"app in (api, db)":       {"db", "api"}, // by namespace
		"app=shop":               {"web"},       // the object's own label goes before its pods'
		"app!=api":               {"db", "web"},
		"team":                   {"web"},
		"!team":                  {"db", "api"},
		"app notin (db),!absent": {"api", "web"},
	} {
		x := selected(t, s, text)
		got := x.Map(m)
		var names []string
		for _, r := range got.Workloads {
			names = append(names, r.Workload.Name)
		}
		if !slices.Equal(names, want) || got.Coverage.Selected != len(want) || got.Coverage.Selector != text || got.Coverage.Workloads != 3 {
			t.Errorf("%s lists %v, coverage %+v; want %v", text, names, got.Coverage, want)
		}
		for _, e := range got.Edges {
			if !x.Holds(e.Src) && !x.Holds(e.Dst) {
				t.Errorf("%s lists %s → %s", text, e.Src, e.Dst)
			}
		}
		// No edge with a selected end is lost: the selection restricts rows only.
		n := 0
		for _, e := range m.Edges {
			if x.Holds(e.Src) || x.Holds(e.Dst) {
				n++
			}
		}
		if n != len(got.Edges) || len(got.Policies) != len(m.Policies) || len(got.Unknowns) != len(m.Unknowns) {
			t.Errorf("%s: %d of %d edges, %d policies", text, len(got.Edges), n, len(got.Policies))
		}
	}
	for _, bad := range []string{"app=nothing", "app=web", "app in (", "=", ""} {
		if _, err := s.Select(bad); ident.KindOf(err) != ident.KindUsage || err == nil {
			t.Errorf("%q: %v", bad, err)
		}
	}
	var everything *inventory.Selection
	if got := everything.Map(m); got != m || !everything.Holds(ident.Ref{}) {
		t.Error("the nil selection changes an answer")
	}
}

func TestBlastOfASelection(t *testing.T) {
	w := shop
	w.sboms = []string{bill("web", "pkg:npm/lodash@4.17.20"), bill("api", "pkg:npm/lodash@4.17.20"), bill("db")}
	s := build(t, w)
	all, err := s.Blast(context.Background(), query(t, "lodash"), inventory.BlastOptions{})
	if err != nil {
		t.Fatal(err)
	}
	one, err := s.Blast(context.Background(), query(t, "lodash"), inventory.BlastOptions{Among: selected(t, s, "app=web")})
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Affected) != 2 || all.LeftOut != 0 || len(one.Affected) != 1 || one.LeftOut != 1 || one.Coverage.Selected != 1 {
		t.Errorf("%d affected, then %d with %d left out", len(all.Affected), len(one.Affected), one.LeftOut)
	}
	// What is protected is still reached, through a workload that is not selected.
	if len(one.ProtectedReached) != 1 || one.Reach[0].Workload.Name != "api" {
		t.Errorf("reach of the selected one: %+v", one.Reach)
	}
}

func TestFindingsNameTheirPackage(t *testing.T) {
	m, err := build(t, shop).Map(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range m.Workloads {
		if w.Workload.Name == "web" && (len(w.Findings) != 1 || w.Findings[0].PURL != "pkg:npm/lodash@4.17.20") {
			t.Errorf("findings %+v", w.Findings)
		}
	}
}

// TestTheSubjectIsSearched: an application's SBOM is about a package, and where
// finds what scan finds.
func TestTheSubjectIsSearched(t *testing.T) {
	w := shop
	w.sboms = []string{`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"application","name":"lodash","version":"4.17.20","purl":"pkg:npm/lodash@4.17.20"}},"components":[]}`}
	for _, q := range []string{"CVE-2021-23337", "pkg:npm/lodash", "lodash"} {
		a, err := build(t, w).Where(context.Background(), query(t, q))
		if err != nil || !a.Found || len(a.Components) != 1 || a.Components[0].Version != "4.17.20" {
			t.Errorf("%s: %v, %+v", q, err, a)
		}
	}
}

// onHosts adds a DaemonSet on the host network to an estate.
const onHosts = `
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent, namespace: shop}, spec: {template: {metadata: {labels: {app: agent}}, spec: {hostNetwork: true, containers: [{name: a, image: "registry.example/agent:1"}]}}}}
`

// TestSameNode: what is unknown only because nobody knows who shares a node is
// summed up, the same in every answer; a second reason keeps an edge out of it.
func TestSameNode(t *testing.T) {
	w := shop
	w.manifests = small + onHosts
	s := build(t, w)
	m, err := s.Map(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var unknown []segment.Edge
	for _, e := range m.Edges {
		if e.Verdict == segment.Unknown {
			unknown = append(unknown, e)
		}
		if m.SameNode.Holds(e) != (e.Verdict == segment.Unknown) {
			t.Errorf("%s → %s %s", e.Src, e.Dst, e.Verdict)
		}
	}
	if len(unknown) == 0 || m.SameNode == nil || m.SameNode.Edges != len(unknown) || len(m.SameNode.Hosts) != 1 || m.SameNode.Hosts[0].Name != "agent" {
		t.Fatalf("%d unknown edges, %+v", len(unknown), m.SameNode)
	}
	b, err := s.Blast(context.Background(), query(t, "lodash"), inventory.BlastOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if b.SameNode == nil || b.SameNode.Edges != m.SameNode.Edges {
		t.Errorf("blast counts %+v, the map %+v", b.SameNode, m.SameNode)
	}
	shared := 0
	for _, r := range b.Reach {
		if b.SameNode.OnPath(r.Path) {
			shared++
			if r.Verdict != segment.Unknown {
				t.Errorf("%s is %s", r.Workload, r.Verdict)
			}
		}
	}
	if shared == 0 {
		t.Errorf("no end is reached through a shared node only: %+v", b.Reach)
	}
	if got := selected(t, s, "app=db").Map(m).SameNode; got == nil || got.Edges >= m.SameNode.Edges {
		t.Errorf("of a selection: %+v", got)
	}

	// db also lets an address block in, and the address of the host is not known:
	// on that port a second reason stands, so that these edges stay in the list.
	w.manifests += "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: office, namespace: data}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: 9187}]}]}}\n"
	two, err := build(t, w).Map(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range two.Edges {
		if e.Src.Name == "agent" && e.Dst.Name == "db" && e.Verdict == segment.Unknown && two.SameNode.Holds(e) {
			t.Errorf("%s → %s hangs on an address too", e.Src, e.Dst)
		}
	}

	// Without host-network workloads there is nothing to sum up.
	plain, err := build(t, shop).Map(context.Background())
	if err != nil || plain.SameNode != nil {
		t.Errorf("%v, %+v", err, plain.SameNode)
	}
}
