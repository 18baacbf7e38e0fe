package inventory

import (
	"cmp"
	"context"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// BlastOptions tune Blast. The zero value has no limit of hops and protects
// what the estate file protects.
type BlastOptions struct {
	Protect []string // SELECTORs, besides those of the estate file
	MaxHops int      // 0: no limit
	// Among restricts from which affected workloads reach is told; nil: from all.
	// The affected workloads that it leaves out are counted in Blast.LeftOut.
	Among *Selection
}

// Blast answers what the workloads that run the query's subject can reach, who
// can reach them, and which protected workloads are among what is reached.
func (s *Snapshot) Blast(ctx context.Context, q Query, o BlastOptions) (*Blast, error) {
	protect, err := s.selectors(o.Protect)
	if err != nil {
		return nil, err
	}
	f, err := s.find(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &Blast{SchemaVersion: SchemaVersion, Query: q.text, Advisory: f.summary, Components: s.components(f), Affected: []Affected{},
		Reach: []ReachedWorkload{}, ReachedBy: []ReachedWorkload{}, Protected: []string{}, ProtectedReached: []ident.Ref{},
		ProtectedUnknown: []ident.Ref{}, FromInternet: []ReachedWorkload{}, NotCovered: []NotCovered{}, Unknowns: []Unknown{}, Coverage: s.Coverage()}
	if out.Reports, err = s.Reports(ctx, &q); err != nil {
		return nil, err
	}
	if q.advisory != "" {
		known := f.group != nil
		out.Coverage.AdvisoryKnown = &known
	}
	if s.in.Config != nil {
		out.Protected = append(out.Protected, s.in.Config.Protected...)
	}
	out.Protected = mergeTexts(out.Protected, o.Protect)

	out.Coverage = o.Among.Cover(out.Coverage)
	from := s.affected(f, o.Among, out)
	if len(from) > 0 {
		if err := s.spread(ctx, from, o.MaxHops, out); err != nil {
			return nil, err
		}
	}
	isProtected := func(r ident.Ref) bool {
		w := s.byRef[r]
		return w != nil && (w.protected || slices.ContainsFunc(protect, func(sel estate.Selector) bool { return sel.Matches(&w.member) }))
	}
	for _, r := range out.Reach {
		if !isProtected(r.Workload) {
			continue
		}
		if r.Verdict == segment.Allowed {
			out.ProtectedReached = append(out.ProtectedReached, r.Workload)
		} else {
			out.ProtectedUnknown = append(out.ProtectedUnknown, r.Workload)
		}
	}
	if err := s.fromInternet(ctx, o.MaxHops, isProtected, out); err != nil {
		return nil, err
	}
	if f.workload.IsZero() {
		out.NotCovered = o.Among.uncovered(s.notCovered())
		out.Unknowns = append(out.Unknowns, o.Among.unknowns(s.doubtUnknowns(f))...)
		out.Unknowns = append(out.Unknowns, o.Among.unknowns(s.imageUnknowns())...)
	}
	out.Unknowns = append(out.Unknowns, s.bearing(out)...)
	if len(from) > 0 {
		out.SameNode = s.sameNode()
	}
	return out, nil
}

// affected fills the affected workloads of a selection and returns their references.
func (s *Snapshot) affected(f *search, among *Selection, out *Blast) []ident.Ref {
	var from []ident.Ref
	byWorkload := map[ident.Ref][]Site{}
	for _, site := range s.sites(f) {
		byWorkload[site.Workload] = append(byWorkload[site.Workload], site)
	}
	if !f.workload.IsZero() && byWorkload[f.workload] == nil {
		w := s.byRef[f.workload]
		byWorkload[f.workload] = []Site{{Workload: w.Ref, Zone: w.zone, Owner: w.owner, Contact: w.contact}}
	}
	for _, w := range s.workloads {
		sites := byWorkload[w.Ref]
		if len(sites) == 0 {
			continue
		}
		if !among.Holds(w.Ref) {
			out.LeftOut++
			continue
		}
		x := s.in.Graph.Exposure(w.Ref)
		status, source := vexOf(sites)
		out.Affected = append(out.Affected, Affected{
			Workload: w.Ref, Zone: w.zone, Owner: w.owner, Criticality: w.criticality,
			Isolated: s.in.Graph.Isolation(w.Ref), Exposure: x.Level, Ways: x.Ways, VEX: status, VEXSource: source,
			SBOM: sites[0].SBOM, OtherWays: s.otherWays(w), Sites: sites,
		})
		from = append(from, w.Ref)
	}
	slices.SortStableFunc(out.Affected, func(a, b Affected) int { return cmp.Compare(a.Zone, b.Zone) })
	return from
}

// spread fills what is reached and what reaches.
func (s *Snapshot) spread(ctx context.Context, from []ident.Ref, maxHops int, out *Blast) error {
	for _, x := range []struct {
		dir  segment.Direction
		into *[]ReachedWorkload
	}{{segment.Forward, &out.Reach}, {segment.Backward, &out.ReachedBy}} {
		rs, err := s.in.Graph.Reach(ctx, from, x.dir, maxHops)
		if err != nil {
			return err
		}
		for _, r := range rs {
			if slices.Contains(from, r.Workload) {
				continue
			}
			zone := ""
			if w := s.byRef[r.Workload]; w != nil {
				zone = w.zone
			}
			*x.into = append(*x.into, ReachedWorkload{Workload: r.Workload, Zone: zone, Hops: r.Hops, Verdict: r.Verdict, Path: r.Path})
		}
		slices.SortStableFunc(*x.into, func(a, b ReachedWorkload) int {
			return cmp.Or(cmp.Compare(a.Hops, b.Hops), a.Workload.Compare(b.Workload))
		})
	}
	return nil
}

// fromInternet finds the paths that matter most: they begin at an affected
// workload that the internet reaches and end at a protected one.
func (s *Snapshot) fromInternet(ctx context.Context, maxHops int, isProtected func(ident.Ref) bool, out *Blast) error {
	var exposed []ident.Ref
	for _, a := range out.Affected {
		if a.Exposure == segment.ExposedInternet {
			exposed = append(exposed, a.Workload)
		}
	}
	if len(exposed) == 0 || len(out.ProtectedReached)+len(out.ProtectedUnknown) == 0 {
		return nil
	}
	rs, err := s.in.Graph.Reach(ctx, exposed, segment.Forward, maxHops)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if isProtected(r.Workload) && !slices.Contains(exposed, r.Workload) {
			out.FromInternet = append(out.FromInternet, ReachedWorkload{Workload: r.Workload, Zone: s.byRef[r.Workload].zone, Hops: r.Hops, Verdict: r.Verdict, Path: r.Path})
		}
	}
	rank := map[string]int{"critical": 4, "high": 3, "medium": 2, "low": 1}
	level := func(r ReachedWorkload) int { return rank[s.byRef[r.Workload].criticality] }
	slices.SortStableFunc(out.FromInternet, func(a, b ReachedWorkload) int {
		return cmp.Or(boolOrder(a.Verdict == segment.Allowed, b.Verdict == segment.Allowed), cmp.Compare(level(b), level(a)),
			cmp.Compare(a.Hops, b.Hops), a.Workload.Compare(b.Workload))
	})
	return nil
}

// boolOrder puts true first.
func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// bearing are the graph's unknowns that touch what this answer speaks of.
func (s *Snapshot) bearing(b *Blast) []Unknown {
	touched := map[ident.Ref]bool{}
	for _, a := range b.Affected {
		touched[a.Workload] = true
	}
	for _, rs := range [][]ReachedWorkload{b.Reach, b.ReachedBy} {
		for _, r := range rs {
			touched[r.Workload] = true
		}
	}
	var out []Unknown
	for _, c := range s.in.Graph.Causes() {
		if len(b.Affected) > 0 && (len(c.Affects) == 0 || slices.ContainsFunc(c.Affects, func(r ident.Ref) bool { return touched[r] })) {
			out = append(out, c)
		}
	}
	return out
}

// metadataAddress is where the large clouds serve credentials to instances.
const metadataAddress = "169.254.169.254/32"

// otherWays are the ways out of a workload that no network policy holds, and
// the two that policies usually leave open: DNS and the metadata address.
func (s *Snapshot) otherWays(w *workload) []string {
	out := []string{}
	if spec := w.spec; spec != nil {
		if automounts(w) {
			out = append(out, "service-account token")
		}
		for i := range spec.Containers {
			c := &spec.Containers[i]
			if c.Privileged && !slices.Contains(out, "privileged") {
				out = append(out, "privileged")
			}
			for _, k := range c.Capabilities {
				switch k {
				case "NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE", "ALL":
					if t := "capability " + k; !slices.Contains(out, t) {
						out = append(out, t)
					}
				}
			}
		}
		for _, h := range spec.HostPaths {
			t := "hostPath " + h.Path
			if h.ReadOnly {
				t += " (read-only)"
			}
			out = append(out, t)
		}
		for _, x := range []struct {
			on   bool
			name string
		}{{spec.HostNetwork, "host network"}, {spec.HostPID, "host PID namespace"}, {spec.HostIPC, "host IPC namespace"}} {
			if x.on {
				out = append(out, x.name)
			}
		}
	}
	edges, err := s.in.Graph.Between(w.Ref, ident.Ref{CIDR: metadataAddress})
	if err == nil {
		for _, e := range edges {
			if covers(e.Connections, segment.TCP, 80) {
				t := "metadata address"
				if e.Verdict == segment.Unknown {
					t += " (unknown)"
				}
				out = append(out, t)
				break
			}
		}
	}
	if s.resolvesNames(w) {
		out = append(out, "DNS")
	}
	return out
}

// automounts follows the API: the pod's word wins, then the service account's,
// and the default is to mount.
func automounts(w *workload) bool {
	if w.spec.ServiceAccountVolume {
		return true
	}
	if v := w.spec.AutomountServiceAccount; v != nil {
		return *v
	}
	if v := w.serviceAccountAutomountKnown; v != nil {
		return *v
	}
	return true
}

// resolvesNames reports whether some end may be asked on the DNS port: a
// tunnel through names needs no more.
func (s *Snapshot) resolvesNames(w *workload) bool {
	edges, err := s.in.Graph.Row(w.Ref)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(edges, func(e segment.Edge) bool {
		return e.Verdict == segment.Allowed && (covers(e.Connections, segment.UDP, 53) || covers(e.Connections, segment.TCP, 53))
	})
}

func covers(cs []segment.Conn, p segment.Protocol, port uint16) bool {
	return slices.ContainsFunc(cs, func(c segment.Conn) bool { return c.Protocol == p && c.From <= port && port <= c.To })
}
