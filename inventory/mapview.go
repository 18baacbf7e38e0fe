package inventory

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Map answers without a question: the whole join.
func (s *Snapshot) Map(ctx context.Context) (*Map, error) {
	out := &Map{SchemaVersion: SchemaVersion, At: s.in.At.UTC().Format(time.RFC3339), Workloads: []WorkloadRow{}, Segments: []Segment{},
		Edges: []segment.Edge{}, Policies: []PolicyRow{}, Unprotected: []ident.Ref{}, CrossZone: []CrossZone{}, WithoutSBOM: []ImageGap{},
		SBOMsWithoutRuntime: []UnusedSBOM{}, Unknowns: []Unknown{}, Coverage: s.Coverage()}
	if s.in.Config != nil {
		out.Cluster = s.in.Config.Cluster
	}
	for e := range s.in.Graph.Edges(segment.ByWorkload) {
		out.Edges = append(out.Edges, e)
		if len(out.Edges)%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	out.OfNodes = s.ofNodes(out.Edges)
	s.mapSegments(out)
	segmentOf := map[ident.Ref]string{}
	for _, g := range out.Segments {
		for _, m := range g.Members {
			segmentOf[m] = g.Name
		}
	}
	selects := map[ident.Ref]int{}
	for _, w := range s.workloads {
		row := s.row(w)
		row.Segment = segmentOf[w.Ref]
		for _, p := range row.Policies {
			selects[p]++
		}
		if row.Isolated.Ingress == segment.No && row.Isolated.Egress == segment.No {
			out.Unprotected = append(out.Unprotected, w.Ref)
		}
		out.Workloads = append(out.Workloads, row)
	}
	s.mapPolicies(out, selects)
	s.mapCrossZone(out)
	s.mapGaps(out)
	out.SameNode = s.SameNode(slices.Values(out.Edges))
	out.Unknowns = append(out.Unknowns, s.in.Graph.Causes()...)
	out.Unknowns = append(out.Unknowns, s.imageUnknowns()...)
	out.Unknowns = append(out.Unknowns, s.zoneUnknowns()...)
	var err error
	out.Reports, err = s.Reports(ctx, nil)
	return out, err
}

func (s *Snapshot) row(w *workload) WorkloadRow {
	x := s.in.Graph.Exposure(w.Ref)
	row := WorkloadRow{
		Workload: w.Ref, Zone: w.zone, Owner: w.owner, Criticality: w.criticality, Protected: w.protected, Vital: w.vital, Pods: len(w.Pods),
		Isolated: s.in.Graph.Isolation(w.Ref), Exposure: x.Level, Ways: x.Ways, Images: []Image{}, Selector: w.member.Labels,
		Findings: []FindingRow{}, Policies: []ident.Ref{}, OtherWays: s.otherWays(w), HostNetwork: w.spec != nil && w.spec.HostNetwork,
	}
	for _, im := range w.images {
		row.Images = append(row.Images, im.Image)
	}
	for _, r := range s.in.Graph.PoliciesOf(w.Ref) {
		p := ident.Ref{Cluster: r.Cluster, Namespace: r.Namespace, Name: r.Name, Kind: r.Kind}
		if !slices.Contains(row.Policies, p) {
			row.Policies = append(row.Policies, p)
		}
	}
	slices.SortFunc(row.Policies, ident.Ref.Compare)
	found := s.assessments()
	seen := map[[2]string]bool{}
	for _, im := range w.images {
		for _, d := range im.join.docs {
			artifact := vuln.ArtifactOf(d.Document, im.Digests...)
			for i, a := range found[d.at] {
				if a == nil {
					continue
				}
				for _, f := range a.Findings {
					s.in.Intelligence.Judge(&f, artifact, &d.Components[i])
					purl := d.Components[i].PURL // an assessment is of a component, and does not repeat its name
					key := [2]string{f.ID, purl}
					if !seen[key] {
						seen[key] = true
						row.Findings = append(row.Findings, FindingRow{ID: f.ID, Severity: f.Severity, PURL: purl, Fixed: f.Fixed, KEV: f.KEV, EPSS: f.EPSS, Status: f.Status, VEXSource: f.VEXSource})
					}
				}
			}
		}
	}
	slices.SortFunc(row.Findings, func(a, b FindingRow) int {
		return cmp.Or(boolOrder(a.KEV, b.KEV), cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.ID, b.ID), cmp.Compare(a.PURL, b.PURL))
	})
	return row
}

func (s *Snapshot) mapSegments(out *Map) {
	for _, g := range s.in.Graph.Segments() {
		zone, same := "", true
		for i, m := range g.Members {
			z := estate.Unzoned
			if w := s.byRef[m]; w != nil {
				z = w.zone
			}
			if i == 0 {
				zone = z
			}
			same = same && z == zone
		}
		if !same {
			zone = ""
		}
		out.Segments = append(out.Segments, Segment{Name: g.Name, Zone: zone, Members: g.Members})
	}
}

func (s *Snapshot) mapPolicies(out *Map, selects map[ident.Ref]int) {
	for _, p := range s.in.Estate.Policies {
		ref := ident.Ref{Cluster: p.Cluster, Namespace: p.Namespace, Name: p.Name, Kind: p.Kind}
		row := PolicyRow{Policy: ref, Tier: tierOf(p), File: p.Source.File, Line: p.Source.Line, Digest: p.Digest, Selects: selects[ref]}
		out.Policies = append(out.Policies, row)
	}
	slices.SortFunc(out.Policies, func(a, b PolicyRow) int { return a.Policy.Compare(b.Policy) })
}

// tierOf names the tier that a policy kind belongs to; a ClusterNetworkPolicy
// says so itself, and then Policy.Tier has it.
func tierOf(p *estate.Policy) string {
	if p.Tier != "" {
		return p.Tier
	}
	return "networkpolicy"
}

func (s *Snapshot) mapCrossZone(out *Map) {
	at := map[[2]string]int{}
	for _, e := range out.Edges {
		from, to := s.byRef[e.Src], s.byRef[e.Dst]
		if from == nil || to == nil || from.zone == to.zone {
			continue
		}
		k := [2]string{from.zone, to.zone}
		i, ok := at[k]
		if !ok {
			i = len(out.CrossZone)
			at[k] = i
			out.CrossZone = append(out.CrossZone, CrossZone{From: from.zone, To: to.zone})
		}
		out.CrossZone[i].Edges = append(out.CrossZone[i].Edges, e)
	}
	slices.SortFunc(out.CrossZone, func(a, b CrossZone) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
}

// mapGaps lists images without SBOM, those behind most workloads first, and
// SBOMs whose artifact nothing runs.
func (s *Snapshot) mapGaps(out *Map) {
	at := map[string]int{}
	for _, w := range s.workloads {
		for _, im := range w.images {
			if im.SBOM != nil || im.Kind == "ephemeral" {
				continue
			}
			i, ok := at[im.Image.Image]
			if !ok {
				i = len(out.WithoutSBOM)
				at[im.Image.Image] = i
				out.WithoutSBOM = append(out.WithoutSBOM, ImageGap{Image: im.Image.Image, Reason: cmp.Or(im.Unresolved, im.join.reason)})
			}
			if g := &out.WithoutSBOM[i]; !slices.Contains(g.Workloads, w.Ref) {
				g.Workloads = append(g.Workloads, w.Ref)
			}
		}
	}
	slices.SortStableFunc(out.WithoutSBOM, func(a, b ImageGap) int {
		return cmp.Or(cmp.Compare(len(b.Workloads), len(a.Workloads)), cmp.Compare(a.Image, b.Image))
	})
	for _, d := range s.docs.docs {
		if !d.running {
			u := UnusedSBOM{Digest: d.Digest, File: d.File, Subject: cmp.Or(artifactOf(d).Image, d.Name)}
			if len(d.Subject.Digests) == 0 && len(d.Subject.References) == 0 {
				u.Reason = "it identifies no image"
			}
			out.SBOMsWithoutRuntime = append(out.SBOMsWithoutRuntime, u)
		}
	}
}

// zoneUnknowns are workloads whose zone hangs on labels of a namespace that was
// not in the input.
func (s *Snapshot) zoneUnknowns() []Unknown {
	var out []Unknown
	at := map[string]int{}
	for _, w := range s.workloads {
		if w.zoneKnown {
			continue
		}
		i, ok := at[w.Ref.Namespace]
		if !ok {
			i = len(out)
			at[w.Ref.Namespace] = i
			out = append(out, Unknown{Object: "Namespace " + w.Ref.Namespace, Reason: "its labels are not in the input, and a zone is declared by them"})
		}
		out[i].Affects = append(out[i].Affects, w.Ref)
	}
	return out
}

// ofNodes returns the external ranges of edges that are nodes' addresses.
func (s *Snapshot) ofNodes(edges []segment.Edge) map[ident.Ref]bool {
	out := map[ident.Ref]bool{}
	for _, e := range edges {
		for _, r := range []ident.Ref{e.Src, e.Dst} {
			if _, seen := out[r]; seen || !r.IsCIDR() {
				continue
			}
			p, err := netip.ParsePrefix(r.CIDR)
			out[r] = err == nil && s.in.Graph.NodesOnly(p)
		}
	}
	return out
}
