package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// mapTable answers without a question: what is open, what crosses zones, what
// has no SBOM, and what to type next.
func mapTable(w io.Writer, m *inventory.Map, o Options) error {
	p := newPrinter(w, o)
	p.mapHead(m)
	if len(m.Workloads) == 0 {
		p.linef("%s: nothing of kind Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod or with a pod template was read", p.yellow("NO WORKLOAD"))
	} else {
		p.zones(m)
	}
	p.exposed(m)
	p.unprotected(m)
	p.crossZone(m)
	p.gaps(m)
	p.findings(m)
	p.reported(m.Reports)
	p.sameNode(m.SameNode)
	p.unknowns(m.Unknowns)
	p.next(m)
	p.coverage(m.Coverage)
	return p.done()
}

func (p *printer) mapHead(m *inventory.Map) {
	name := m.Cluster
	if name == "" {
		name = "estate"
	}
	workloads := plural(len(m.Workloads), "workload")
	if m.Coverage.Selector != "" {
		workloads = fmt.Sprintf("%d of %s (-l %s)", len(m.Workloads), plural(m.Coverage.Workloads, "workload"), clean(m.Coverage.Selector))
	}
	p.linef("%s  %s in %s, %s, %s", p.bold(clean(name)), workloads, plural(countNamespaces(m), "namespace"),
		plural(len(m.Policies), "policy"), plural(len(m.Segments), "segment"))
}

func countNamespaces(m *inventory.Map) int {
	seen := map[[2]string]bool{}
	for _, w := range m.Workloads {
		seen[[2]string{w.Workload.Cluster, w.Workload.Namespace}] = true
	}
	return len(seen)
}

// zones sums up each zone in one row.
func (p *printer) zones(m *inventory.Map) {
	type sum struct{ workloads, open, exposed, sbom int }
	sums := map[string]*sum{}
	var names []string
	for _, w := range m.Workloads {
		s := sums[w.Zone]
		if s == nil {
			s = &sum{}
			sums[w.Zone] = s
			names = append(names, w.Zone)
		}
		s.workloads++
		if w.Isolated.Ingress == segment.No && w.Isolated.Egress == segment.No {
			s.open++
		}
		if w.Exposure == segment.ExposedInternet {
			s.exposed++
		}
		if covered(w) {
			s.sbom++
		}
	}
	slices.Sort(names)
	p.heading("ZONES", len(names), "")
	rows := make([][]string, 0, len(names))
	for _, n := range names {
		s := sums[n]
		rows = append(rows, []string{p.bold(clean(n)), fmt.Sprint(s.workloads), fmt.Sprint(s.open), fmt.Sprint(s.exposed), fmt.Sprintf("%d of %d", s.sbom, s.workloads)})
	}
	p.table([]column{{"ZONE", 0}, {"WORKLOADS", 0}, {"WITHOUT POLICY", 0}, {"EXPOSED TO INTERNET", 0}, {"WITH SBOM", 0}}, rows)
}

func covered(w inventory.WorkloadRow) bool {
	for _, i := range w.Images {
		if i.SBOM == nil && i.Kind != "ephemeral" {
			return false
		}
	}
	return len(w.Images) > 0
}

func (p *printer) exposed(m *inventory.Map) {
	var rows [][]string
	for _, w := range m.Workloads {
		if w.Exposure != segment.ExposedInternet && w.Exposure != segment.ExposedUnknown {
			continue
		}
		var ways []string
		for _, x := range w.Ways {
			ways = append(ways, clean(x.Object)+" "+ports(x.Conns))
		}
		rows = append(rows, []string{clean(w.Zone), p.bold(who(w.Workload)), p.exposure(w.Exposure), strings.Join(ways, "; ")})
	}
	if len(rows) > 0 {
		p.heading("EXPOSED", len(rows), "from outside the cluster, policies considered")
		p.table([]column{{"ZONE", 0}, {"WORKLOAD", 18}, {"TO", 0}, {"THROUGH", 24}}, rows)
	}
}

func (p *printer) unprotected(m *inventory.Map) {
	if len(m.Unprotected) == 0 {
		return
	}
	zone := map[ident.Ref]string{}
	for _, w := range m.Workloads {
		zone[w.Workload] = w.Zone
	}
	remark := "no policy selects them, in either direction"
	if slices.Contains(m.Coverage.NotSeen, "NetworkPolicy") {
		remark = "no NetworkPolicy object is in the input: if the cluster has some, add them (kubectl get networkpolicies -A -o yaml)"
	}
	p.heading("UNPROTECTED", len(m.Unprotected), remark)
	// Grouped by zone and namespace: people mend a namespace, not a pod.
	type key struct{ zone, ns string }
	groups := map[key][]string{}
	for _, r := range m.Unprotected {
		k := key{zone[r], r.Namespace}
		groups[k] = append(groups[k], clean(r.Name))
	}
	keys := make([]key, 0, len(groups))
	for k := range groups {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(strings.Compare(a.zone, b.zone), strings.Compare(a.ns, b.ns)) })
	rows := make([][]string, 0, len(keys))
	for _, k := range keys {
		rows = append(rows, []string{clean(k.zone), p.bold(clean(k.ns)), fmt.Sprint(len(groups[k])), strings.Join(groups[k], ", ")})
	}
	p.table([]column{{"ZONE", 0}, {"NAMESPACE", 12}, {"COUNT", 0}, {"WORKLOADS", 30}}, rows)
}

func (p *printer) crossZone(m *inventory.Map) {
	rows := make([][]string, 0, len(m.CrossZone))
	for _, c := range m.CrossZone {
		var ex []string
		edges, unknown := 0, 0
		for _, e := range c.Edges {
			if m.SameNode.Holds(e) && !p.o.All {
				continue
			}
			edges++
			if e.Verdict == segment.Unknown {
				unknown++
			}
			if len(ex) < 2 {
				ex = append(ex, who(e.Src)+" → "+who(e.Dst)+" "+ports(e.Connections))
			}
		}
		note := ""
		if unknown > 0 {
			note = p.yellow(fmt.Sprintf("%d unknown", unknown))
		}
		if edges > 0 {
			rows = append(rows, []string{p.bold(clean(c.From) + " → " + clean(c.To)), fmt.Sprint(edges), note, strings.Join(ex, "; ")})
		}
	}
	if len(rows) == 0 {
		return
	}
	p.heading("CROSS-ZONE FLOWS", len(rows), "what the policies allow, not what was observed")
	p.table([]column{{"ZONES", 0}, {"EDGES", 0}, {"", 0}, {"SUCH AS", 30}}, rows)
}

func (p *printer) gaps(m *inventory.Map) {
	if len(m.WithoutSBOM) > 0 {
		p.heading("IMAGES WITHOUT SBOM", len(m.WithoutSBOM), "those behind most workloads first")
		rows := make([][]string, 0, len(m.WithoutSBOM))
		for _, g := range m.WithoutSBOM {
			rows = append(rows, []string{p.bold(clean(shortImage(g.Image))), fmt.Sprint(len(g.Workloads)), affects(g.Workloads), clean(g.Reason)})
		}
		p.table([]column{{"IMAGE", 20}, {"WORKLOADS", 0}, {"SUCH AS", 20}, {"REASON", 24}}, rows)
	}
	if m.Coverage.SBOMTrust != nil {
		list := m.SBOMs()
		p.heading("SBOMS AND WHO VOUCHES FOR THEM", len(list), "")
		rows := make([][]string, 0, len(list))
		for _, s := range list {
			rows = append(rows, []string{clean(shortImage(s.Image)), p.trust(s.Trust), clean(s.Vouched()), s.Match, short(s.Digest.String())})
		}
		p.table([]column{{"IMAGE", 18}, {"TRUST", 0}, {"BY, OR WHY NOT", 30}, {"MATCHED BY", 0}, {"SBOM", 0}}, rows)
	}
	if len(m.SBOMsWithoutRuntime) > 0 {
		p.heading("SBOMS WITHOUT WORKLOAD", len(m.SBOMsWithoutRuntime), "")
		rows := make([][]string, 0, len(m.SBOMsWithoutRuntime))
		for _, s := range m.SBOMsWithoutRuntime {
			rows = append(rows, []string{clean(s.Subject), clean(s.File), s.Digest.Short(), clean(s.Reason)})
		}
		p.table([]column{{"SUBJECT", 24}, {"FILE", 24}, {"DOCUMENT", 0}, {"NO MATCH BECAUSE", 16}}, rows)
	}
}

// findings lists the workloads with the worst findings, most exposed first.
func (p *printer) findings(m *inventory.Map) {
	type row struct {
		w      inventory.WorkloadRow
		counts [6]int
		worst  ident.Severity
		kev    int // findings that are known to be exploited
		clear  int // findings that statements clear, which count in nothing else
	}
	var found []row
	for _, w := range m.Workloads {
		if len(w.Findings) == 0 {
			continue
		}
		r := row{w: w}
		for _, f := range w.Findings {
			if f.Status.Clears() {
				r.clear++
				continue
			}
			r.counts[f.Severity]++
			r.worst = max(r.worst, f.Severity)
			if f.KEV {
				r.kev++
			}
		}
		found = append(found, r)
	}
	if len(found) == 0 {
		return
	}
	slices.SortStableFunc(found, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.kev, a.kev), cmp.Compare(b.worst, a.worst), cmp.Compare(b.counts[b.worst], a.counts[a.worst]), a.w.Workload.Compare(b.w.Workload))
	})
	p.heading("FINDINGS", len(found), "workloads with known vulnerabilities, worst first")
	rows := make([][]string, 0, len(found))
	for _, r := range found {
		exploited := ""
		if r.kev > 0 {
			exploited = p.red(fmt.Sprintf("%d in KEV", r.kev))
		}
		rows = append(rows, []string{clean(r.w.Zone), p.bold(who(r.w.Workload)), exploited, p.severity(r.worst),
			counted(r.counts, r.clear), p.exposure(r.w.Exposure), ids(r.w.Findings)})
	}
	p.table([]column{{"ZONE", 0}, {"WORKLOAD", 18}, {"EXPLOITED", 0}, {"WORST", 0}, {"COUNT", 0}, {"EXPOSED TO", 0}, {"SUCH AS", 24}}, rows)
}

// counted is counts, with how many more statements clear.
func counted(c [6]int, cleared int) string {
	s := counts(c)
	if cleared == 0 {
		return s
	}
	if s != "" {
		s += ", "
	}
	return s + fmt.Sprintf("%d cleared by VEX", cleared)
}

func counts(c [6]int) string {
	var out []string
	for s := ident.SeverityCritical; ; s-- {
		if c[s] > 0 {
			out = append(out, fmt.Sprintf("%d %s", c[s], s))
		}
		if s == ident.SeverityUnknown {
			return strings.Join(out, ", ")
		}
	}
}

func ids(fs []inventory.FindingRow) string {
	sorted := slices.Clone(fs)
	slices.SortStableFunc(sorted, func(a, b inventory.FindingRow) int {
		switch {
		case a.KEV && !b.KEV:
			return -1
		case b.KEV && !a.KEV:
			return 1
		}
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), strings.Compare(a.ID, b.ID))
	})
	var out []string
	for _, f := range sorted {
		if len(out) == 3 {
			break
		}
		if id := clean(f.ID); !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return strings.Join(out, ", ")
}

// next is the command to type next, made from what this answer lacks or shows.
func (p *printer) next(m *inventory.Map) {
	in := p.o.Inputs
	if in == "" || len(m.Workloads) == 0 {
		return
	}
	var cmds []string
	switch id := worstExposed(m); {
	case m.Coverage.WithSBOM == 0 && len(m.WithoutSBOM) > 0:
		img := m.WithoutSBOM[0].Image
		cmds = append(cmds, "syft "+shellWord(img)+" -o cyclonedx-json > sbom/"+fileWord(img)+".json",
			p.o.Command+" map "+in+" --sbom ./sbom")
	case m.Coverage.AdvisoriesAsOf == "":
		cmds = append(cmds, p.o.Command+" map "+in+" --advisories ./advisories")
	case id != "":
		cmds = append(cmds, p.o.Command+" blast "+shellWord(id)+" "+in)
	}
	if len(cmds) == 0 {
		return
	}
	p.commands("NEXT", cmds)
}

// worstExposed picks the finding to look at first: on a workload that the internet
// reaches if there is any, one that is known to be exploited, or the most severe one.
func worstExposed(m *inventory.Map) string {
	best, id := 0, ""
	for _, w := range m.Workloads {
		for _, f := range w.Findings {
			if f.Status.Clears() {
				continue
			}
			rank := int(f.Severity)
			if f.KEV {
				rank += 1 << 4
			}
			if w.Exposure == segment.ExposedInternet {
				rank += 1 << 5
			}
			if id == "" || rank > best {
				best, id = rank, f.ID
			}
		}
	}
	return id
}

// shellWord quotes foreign text so that a pasted command runs nothing else.
func shellWord(s string) string {
	s = clean(s)
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// fileWord makes a file name of an image reference.
func fileWord(image string) string {
	r, err := ident.ParseImageRef(image)
	if err != nil {
		return "image"
	}
	return strings.ReplaceAll(r.Repository, "/", "-")
}
