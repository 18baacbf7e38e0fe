package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// blastTable says the verdict first, then the path, and keeps direct reach
// (one hop: the network allows it) apart from onward reach (a compromise at
// each hop is needed).
func blastTable(w io.Writer, b *inventory.Blast, o Options) error {
	p := newPrinter(w, o)
	p.title(b.Query, b.Advisory)
	p.blank()
	p.linef("%s", p.blastVerdict(b))
	if b.LeftOut > 0 {
		p.linef("%s", p.yellow(plural(b.LeftOut, "more affected workload")+" the selector leaves out: what follows starts at the selected ones only"))
	}
	if len(b.Affected) > 0 {
		p.affected(b.Affected)
		if path := protectedPath(b); path != nil {
			p.heading("PATH to "+who(path.Workload)+" in zone "+clean(path.Zone), -1, plural(path.Hops, "hop"))
			p.entrance(b, path)
			for i, h := range path.Path {
				p.hop(i+1, h)
			}
		}
		direct, onward, maybe := split(b.Reach)
		p.reached("REACHES DIRECTLY", "one hop: the network allows it", direct, false)
		p.reached("REACHES ONWARD", "needs a compromise at each hop", onward, true)
		p.maybe("MAY REACH", maybe, b.SameNode)
		from, behind, maybeFrom := split(b.ReachedBy)
		p.reached("REACHED DIRECTLY BY", "one hop: the network allows it", from, false)
		p.reached("REACHED ONWARD BY", "needs a compromise at each hop", behind, true)
		p.maybe("MAY BE REACHED BY", maybeFrom, b.SameNode)
	}
	p.notCovered(b.NotCovered)
	if len(b.Affected) > 0 {
		p.sameNode(b.SameNode)
	}
	p.reported(b.Reports)
	p.unknowns(b.Unknowns)
	if len(b.ProtectedReached)+len(b.ProtectedUnknown) > 0 {
		p.commands("Next", []string{o.Command + " contain " + shellWord(b.Query) + " " + o.Inputs + " --out plan"})
	}
	p.coverage(b.Coverage)
	return p.done()
}

// title names the question, and the advisory where there is one.
func (p *printer) title(query string, a *inventory.AdvisorySummary) {
	if a == nil {
		p.linef("%s", p.bold(clean(query)))
		return
	}
	head := p.bold(clean(a.ID))
	if !strings.EqualFold(a.ID, query) {
		head = p.bold(clean(query)) + " (" + clean(a.ID) + ")"
	}
	p.linef("%s  %s  %s", head, p.severity(a.Severity), clean(a.Summary))
	if a.Withdrawn != "" {
		p.linef("%s", p.yellow("withdrawn "+clean(a.Withdrawn)))
	}
	if s := p.knownExploited(a); s != "" {
		p.linef("%s", s)
	}
	var fixed []string
	for _, f := range a.Fixed {
		if len(f.Versions) > 0 {
			fixed = append(fixed, clean(f.Package)+" "+clean(strings.Join(f.Versions, ", ")))
		}
	}
	switch {
	case len(fixed) > 4 && !p.o.All:
		p.linef("%s", p.dim("fixed in "+strings.Join(fixed[:4], "; ")+fmt.Sprintf("; and %d more", len(fixed)-4)))
	case len(fixed) > 0:
		p.linef("%s", p.dim("fixed in "+strings.Join(fixed, "; ")))
	default:
		p.linef("%s", p.dim("no fixed version is published"))
	}
}

// blastVerdict is one sentence: the worst thing that is true.
func (p *printer) blastVerdict(b *inventory.Blast) string {
	n := len(b.Affected)
	switch {
	case n == 0 && b.LeftOut > 0:
		return p.yellow("NONE OF THE SELECTED WORKLOADS") + " is affected"
	case n == 0 && b.Reports.Open():
		return p.yellow("NOT FOUND by what is loaded here") + ", and another scanner reports it"
	case n == 0 && len(b.NotCovered)+len(b.Unknowns) > 0:
		return p.yellow("NOT FOUND in what was searched") + ", which is not everything"
	case n == 0:
		return p.green("NOT RUNNING") + ": " + everything(b.Coverage) + " was searched"
	case len(b.ProtectedReached) > 0:
		return p.red("REACHES "+strings.ToUpper(plural(len(b.ProtectedReached), "protected workload"))) + ": " + affects(b.ProtectedReached)
	case len(b.ProtectedUnknown) > 0:
		return p.yellow("MAY REACH "+strings.ToUpper(plural(len(b.ProtectedUnknown), "protected workload"))) + ": " + affects(b.ProtectedUnknown)
	case len(b.Protected) > 0:
		return p.green("DOES NOT REACH what is protected") + fmt.Sprintf(": %s, runs in %s", clean(strings.Join(b.Protected, ", ")), plural(n, "workload"))
	default:
		return p.bold("RUNS in "+plural(n, "workload")) + ", which reach " + plural(len(b.Reach), "other end")
	}
}

func (p *printer) affected(as []inventory.Affected) {
	p.heading("AFFECTED", len(as), "")
	rows := make([][]string, 0, len(as))
	for _, a := range as {
		rows = append(rows, []string{
			clean(a.Zone), p.bold(who(a.Workload)), clean(a.Owner), components(a.Sites), p.exposure(a.Exposure),
			a.Isolated.Ingress.String() + "/" + a.Isolated.Egress.String(), vex(a), matched(a.SBOM), clean(strings.Join(a.OtherWays, ", ")),
		})
	}
	p.table([]column{{"ZONE", 0}, {"WORKLOAD", 18}, {"OWNER", 8}, {"COMPONENT", 24}, {"EXPOSED TO", 0}, {"ISOLATED IN/OUT", 0}, {"VEX", 0}, {"SBOM", 9}, {"WAYS OUT NO POLICY HOLDS", 20}}, rows)
}

// vex is a column only where a statement was read.
func vex(a inventory.Affected) string {
	if a.VEX == "none" {
		return ""
	}
	return clean(a.VEX)
}

func components(sites []inventory.Site) string {
	var out []string
	for _, s := range sites {
		t := clean(s.Name) + " " + clean(s.Version)
		if len(s.Fixed) > 0 {
			t += " → " + clean(s.Fixed[0])
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	if len(out) > 2 {
		out = append(out[:2], fmt.Sprintf("and %d more", len(out)-2))
	}
	return strings.Join(out, ", ")
}

// protectedPath picks the path to tell: one that begins where the internet comes
// in, if there is any, else to the nearest protected workload.
func protectedPath(b *inventory.Blast) *inventory.ReachedWorkload {
	if len(b.FromInternet) > 0 && (b.FromInternet[0].Verdict == segment.Allowed || len(b.ProtectedReached) == 0) {
		return &b.FromInternet[0]
	}
	want := b.ProtectedReached
	if len(want) == 0 {
		want = b.ProtectedUnknown
	}
	var best *inventory.ReachedWorkload
	for i := range b.Reach {
		r := &b.Reach[i]
		if slices.Contains(want, r.Workload) && (best == nil || r.Hops < best.Hops) {
			best = r
		}
	}
	return best
}

// hop prints one step: who to whom on which ports, then the rules that allow it.
func (p *printer) hop(n int, h segment.Hop) {
	mark := ""
	if h.Verdict == segment.Unknown {
		mark = "  " + p.yellow("unknown")
	}
	p.linef("  %d  %s → %s  %s%s", n, p.bold(who(h.From)), p.bold(who(h.To)), p.cyan(ports(h.Connections)), mark)
	if h.Verdict == segment.Unknown {
		return // no rule allows it for certain; the unknowns name what could
	}
	for i, r := range h.AllowedBy {
		dir := "out"
		if i == len(h.AllowedBy)-1 {
			dir = "in "
		}
		p.linef("       %s  %s", p.dim(dir), rule(r))
	}
}

// split tells one hop from several, and what is certain from what an unknown
// edge would have to allow.
func split(rs []inventory.ReachedWorkload) (direct, onward, maybe []inventory.ReachedWorkload) {
	for _, r := range rs {
		switch {
		case r.Verdict != segment.Allowed:
			maybe = append(maybe, r)
		case r.Hops <= 1:
			direct = append(direct, r)
		default:
			onward = append(onward, r)
		}
	}
	return direct, onward, maybe
}

// maybe sums up, by zone, what only an unknown edge leads to: the UNKNOWN
// section names the causes. What hangs on nothing but a shared node is one row.
func (p *printer) maybe(title string, all []inventory.ReachedWorkload, n *inventory.SameNode) {
	if len(all) == 0 {
		return
	}
	var rs, shared []inventory.ReachedWorkload
	for _, r := range all {
		if n.OnPath(r.Path) && !p.o.All {
			shared = append(shared, r)
		} else {
			rs = append(rs, r)
		}
	}
	p.heading(title, len(all), "only if an edge that is unknown allows it")
	if len(shared) > 0 {
		p.linef("  %s %s: %s", plural(len(shared), "end"), p.yellow("only through a shared node"), byZone(shared))
	}
	zones := map[string][]ident.Ref{}
	var names []string
	for _, r := range rs {
		z := zoneOf(r)
		if zones[z] == nil {
			names = append(names, z)
		}
		zones[z] = append(zones[z], r.Workload)
	}
	slices.Sort(names)
	rows := make([][]string, 0, len(names))
	for _, z := range names {
		refs := zones[z]
		text := affects(refs)
		if z == outside {
			text = plural(len(refs), "address range")
		}
		rows = append(rows, []string{clean(z), fmt.Sprint(len(refs)), text})
	}
	if len(rows) > 0 {
		p.table([]column{{"ZONE", 0}, {"COUNT", 0}, {"SUCH AS", 30}}, rows)
	}
}

// outside stands where a zone would for what is no workload.
const outside = "outside"

func zoneOf(r inventory.ReachedWorkload) string {
	if r.Workload.IsCIDR() {
		return outside
	}
	return r.Zone
}

// byZone counts ends: "dmz 5, internal 14, outside 32 ranges".
func byZone(rs []inventory.ReachedWorkload) string {
	count := map[string]int{}
	for _, r := range rs {
		count[zoneOf(r)]++
	}
	out := make([]string, 0, len(count))
	for _, z := range slices.Sorted(maps.Keys(count)) {
		t := fmt.Sprintf("%s %d", clean(z), count[z])
		if z == outside {
			t = "outside " + plural(count[z], "address range")
		}
		out = append(out, t)
	}
	return strings.Join(out, ", ")
}

func (p *printer) reached(title, remark string, rs []inventory.ReachedWorkload, onward bool) {
	if len(rs) == 0 {
		return
	}
	p.heading(title, len(rs), remark)
	sorted := slices.Clone(rs)
	slices.SortStableFunc(sorted, func(a, b inventory.ReachedWorkload) int {
		if c := strings.Compare(a.Zone, b.Zone); c != 0 {
			return c
		}
		return a.Workload.Compare(b.Workload)
	})
	rows := make([][]string, 0, len(sorted))
	alike := map[string]int{} // ranges that differ in nothing else are one row
	ranges := map[int]int{}
	for _, r := range sorted {
		var conns []segment.Conn
		var by, via string
		if n := len(r.Path); n > 0 {
			last := r.Path[n-1]
			conns, by = last.Connections, rules(last.AllowedBy)
			via = steps(r.Path)
		}
		hops := ""
		if onward {
			hops = fmt.Sprint(r.Hops)
		}
		zone := zoneOf(r)
		if onward {
			by = ""
		} else {
			via = ""
		}
		if r.Workload.IsCIDR() {
			first := r.Path
			if len(first) > 0 && first[0].From.IsCIDR() {
				via = "" // the way in begins at the range itself
			}
			key := hops + "\x00" + ports(conns) + "\x00" + via + "\x00" + by
			if at, ok := alike[key]; ok {
				ranges[at]++
				continue
			}
			alike[key] = len(rows)
			ranges[len(rows)] = 1
		}
		rows = append(rows, []string{clean(zone), p.bold(who(r.Workload)), hops, ports(conns), via, by})
	}
	for at, n := range ranges {
		if n > 1 {
			rows[at][1] = p.bold(fmt.Sprintf("%d address ranges", n))
		}
	}
	p.table([]column{{"ZONE", 0}, {"WORKLOAD", 18}, {"HOPS", 0}, {"PORTS", 14}, {"VIA", 24}, {"ALLOWED BY", 24}}, rows)
}

// steps names the workloads in between.
func steps(path []segment.Hop) string {
	var out []string
	for _, h := range path {
		out = append(out, who(h.From))
	}
	return strings.Join(out, " → ")
}

func (p *printer) notCovered(ns []inventory.NotCovered) {
	if len(ns) == 0 {
		return
	}
	p.heading("NOT SEARCHED", len(ns), "these could hold it too")
	rows := make([][]string, 0, len(ns))
	for _, n := range ns {
		rows = append(rows, []string{clean(n.Zone), who(n.Workload), clean(shortImage(n.Image)), clean(n.Reason)})
	}
	p.table([]column{{"ZONE", 0}, {"WORKLOAD", 18}, {"IMAGE", 20}, {"REASON", 24}}, rows)
}

func shortImage(s string) string {
	if r, err := ident.ParseImageRef(s); err == nil {
		return r.Short()
	}
	return s
}
