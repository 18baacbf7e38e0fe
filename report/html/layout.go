package html

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// The geometry of the picture, in pixels of the SVG's own units.
const (
	columnWidth = 250
	columnGap   = 92
	rowHeight   = 24
	cardHead    = 30
	cardPad     = 8
	cardGap     = 18
	zoneHead    = 40 // from a zone's top to its first card
	margin      = 24
	lanes       = 8 // of the corridor above the zones, for flows past a zone
	laneGap     = 5
	corner      = 9 // radius
	outsideX    = margin
	outsideW    = 104
	outsideH    = 60
	wide        = 1200
)

// picture is the laid-out map.
type picture struct {
	Width, Height int
	OutsideX      int
	OutsideY      int
	OutsideW      int
	HasOutside    bool
	HasOthers     bool // ends that a selector leaves out
	OthersY       int
	Wide          bool // wider than a small screen shows
	Top           int  // of the zones
	Zones         []zoneBox
	Flows         []curve // between namespaces of different zones: always drawn
	Edges         []curve // between workloads: drawn for the workload that is looked at
	Layer         *overlay
}

type zoneBox struct {
	Name          string
	X, Y, W, H    int
	Cards         []card
	WorkloadCount int
}

type card struct {
	Name       string
	X, Y, W, H int
	Nodes      []nodeBox
}

type nodeBox struct {
	ID         string
	Name, Full string
	X, Y, W, H int
	TextX      int
	TextY      int
	MarkX      int
	Mark       string // what is wrong with it, as words
	Role       string // in the layer, as a word
	Class      string
	Title      string
}

type curve struct {
	From, To string // identifiers of the ends
	Path     string
	Class    string
	Width    string
	Title    string
}

// zoneOrder puts zones in the order in which traffic from outside meets them:
// by the share of workloads that the internet reaches, then by how many
// connections lead onwards, then by name; what is unzoned stands last.
func zoneOrder(m *inventory.Map) []string {
	count := map[string]int{}
	exposed := map[string]int{}
	zone := map[ident.Ref]string{}
	for _, w := range m.Workloads {
		count[w.Zone]++
		zone[w.Workload] = w.Zone
		if w.Exposure == segment.ExposedInternet {
			exposed[w.Zone]++
		}
	}
	protected := map[string]int{}
	for _, w := range m.Workloads {
		if w.Protected {
			protected[w.Zone]++
		}
	}
	names := make([]string, 0, len(count))
	for n := range count {
		names = append(names, n)
	}
	rank := func(n string) int {
		switch {
		case n == "unzoned" || n == "":
			return 3
		case protected[n] == count[n]:
			return 2
		case exposed[n]*2 >= count[n]:
			return 0
		default:
			return 1
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
	return names
}

type spot struct{ x, y, w, column int } // left edge, middle, width; the column it stands in, 0 outside

func layOut(m *inventory.Map, l *Layer) picture {
	p := picture{OutsideX: outsideX, OutsideW: outsideW, Top: margin}
	ids := map[ident.Ref]string{}
	at := map[string]spot{}
	cardAt := map[string]spot{}
	cardOf := map[ident.Ref]string{}
	roles := l.roles()
	zoneOf := map[ident.Ref]string{}
	for i, w := range m.Workloads {
		ids[w.Workload] = fmt.Sprintf("w%d", i)
		zoneOf[w.Workload] = w.Zone
	}
	for _, e := range m.Edges {
		p.HasOutside = p.HasOutside || (e.Src.IsCIDR() || e.Dst.IsCIDR()) && !m.OfNodes[e.Src] && !m.OfNodes[e.Dst]
	}
	p.HasOthers = m.Coverage.Selector != ""
	x := margin
	if p.HasOutside || p.HasOthers {
		x += outsideW + columnGap
	}
	names := zoneOrder(m)
	if passesBy(m, names, zoneOf) {
		p.Top += lanes*laneGap + corner
	}
	for column, name := range names {
		z := zoneBox{Name: name, X: x, Y: p.Top, W: columnWidth}
		y := p.Top + zoneHead
		rows := workloadsOf(m, name)
		for len(rows) > 0 {
			n := 1
			for n < len(rows) && rows[n].Workload.Namespace == rows[0].Workload.Namespace && rows[n].Workload.Cluster == rows[0].Workload.Cluster {
				n++
			}
			c := card{Name: space(rows[0].Workload), X: x + cardPad, Y: y, W: columnWidth - 2*cardPad, H: cardHead + n*rowHeight + cardPad}
			key := name + "\x00" + c.Name
			cardAt[key] = spot{c.X, c.Y + cardHead/2, c.W, column + 1}
			for i, w := range rows[:n] {
				b := nodeBox{ID: ids[w.Workload], Name: shorten(w.Workload.Name, 22), Full: w.Workload.String(), X: c.X + cardPad, W: c.W - 2*cardPad, H: rowHeight - 3}
				b.Y = c.Y + cardHead + i*rowHeight
				b.TextX, b.TextY, b.MarkX = b.X+8, b.Y+15, b.X+b.W-8
				b.Mark, b.Class = mark(w)
				b.Role = roles[w.Workload]
				b.Title = describe(w)
				at[b.ID] = spot{b.X, b.Y + b.H/2, b.W, column + 1}
				cardOf[w.Workload] = key
				c.Nodes = append(c.Nodes, b)
			}
			z.Cards = append(z.Cards, c)
			z.WorkloadCount += n
			y += c.H + cardGap
			rows = rows[n:]
		}
		p.Height = max(p.Height, y)
		p.Zones = append(p.Zones, z)
		x += columnWidth + columnGap
	}
	p.Width = max(x-columnGap+margin, 480)
	p.Height += margin
	for i := range p.Zones {
		p.Zones[i].H = p.Height - margin - p.Top
	}
	p.Wide = p.Width > wide
	p.OutsideY = p.outsideY(m, at, ids)
	at["outside"] = spot{outsideX, p.OutsideY + outsideH/2, outsideW, 0}
	p.OthersY = p.OutsideY + outsideH + cardGap
	at["others"] = spot{outsideX, p.OthersY + outsideH/2, outsideW, 0}
	if p.HasOthers {
		p.Height = max(p.Height, p.OthersY+outsideH+margin)
	}
	p.flows(m, cardOf, cardAt, zoneOf)
	p.edges(m, l, ids, at)
	p.lay(l, m, ids, at)
	return p
}

// outsideY puts the box of what is outside level with what it may enter.
func (p *picture) outsideY(m *inventory.Map, at map[string]spot, ids map[ident.Ref]string) int {
	sum, n := 0, 0
	for _, w := range m.Workloads {
		if w.Exposure == segment.ExposedInternet {
			sum += at[ids[w.Workload]].y
			n++
		}
	}
	if n == 0 {
		return p.Height/2 - outsideH/2
	}
	return sum/n - outsideH/2
}

// passesBy reports whether some flow leads past a zone: it then takes the
// corridor above the zones instead of crossing what it has nothing to do with.
func passesBy(m *inventory.Map, names []string, zoneOf map[ident.Ref]string) bool {
	column := map[string]int{}
	for i, n := range names {
		column[n] = i
	}
	return slices.ContainsFunc(m.Edges, func(e segment.Edge) bool {
		from, okFrom := zoneOf[e.Src]
		to, okTo := zoneOf[e.Dst]
		return okFrom && okTo && far(column[from], column[to])
	})
}

func far(a, b int) bool { return a-b > 1 || b-a > 1 }

// past reports whether the way between two boxes leads past a zone. What is
// outside stands before all of them and enters where it enters.
func past(a, b spot) bool { return a.column > 0 && b.column > 0 && far(a.column, b.column) }

func workloadsOf(m *inventory.Map, zone string) []inventory.WorkloadRow {
	var out []inventory.WorkloadRow
	for _, w := range m.Workloads {
		if w.Zone == zone {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(out, func(a, b inventory.WorkloadRow) int { return a.Workload.Compare(b.Workload) })
	return out
}

func space(r ident.Ref) string {
	if r.Cluster != "" {
		return r.Cluster + ":" + r.Namespace
	}
	return r.Namespace
}

// flows draws one curve for each pair of namespaces in different zones.
func (p *picture) flows(m *inventory.Map, cardOf map[ident.Ref]string, cardAt map[string]spot, zoneOf map[ident.Ref]string) {
	type pair struct{ from, to string }
	count := map[pair]int{}
	var order []pair
	for _, e := range m.Edges {
		if e.Verdict != segment.Allowed || e.Src.IsCIDR() || e.Dst.IsCIDR() || zoneOf[e.Src] == zoneOf[e.Dst] {
			continue
		}
		k := pair{cardOf[e.Src], cardOf[e.Dst]}
		if k.from == "" || k.to == "" {
			continue
		}
		if count[k] == 0 {
			order = append(order, k)
		}
		count[k]++
	}
	lane := 0
	for _, k := range order {
		path, width := bow(cardAt[k.from], cardAt[k.to]), 1+min(count[k], 8)/2
		if past(cardAt[k.from], cardAt[k.to]) {
			path, width = p.over(cardAt[k.from], cardAt[k.to], lane), min(width, laneGap/2)
			lane++
		}
		p.Flows = append(p.Flows, curve{Path: path, Class: "flow", Width: fmt.Sprint(width),
			Title: fmt.Sprintf("%s → %s: %d connections between workloads", after(k.from), after(k.to), count[k])})
	}
	for _, w := range m.Workloads {
		if w.Exposure == segment.ExposedInternet && p.HasOutside {
			p.Flows = append(p.Flows, curve{Path: bow(spot{outsideX, p.OutsideY + outsideH/2, outsideW, 0}, cardAt[cardOf[w.Workload]]), Class: "flow in", Width: "2",
				Title: "internet → " + w.Workload.Short()})
		}
	}
}

func after(key string) string { _, name, _ := strings.Cut(key, "\x00"); return name }

func (p *picture) edges(m *inventory.Map, l *Layer, ids map[ident.Ref]string, at map[string]spot) {
	type pair struct {
		from, to string
		v        segment.Verdict
	}
	seen := map[pair]bool{}
	for _, e := range m.Edges {
		if m.OfNodes[e.Src] || m.OfNodes[e.Dst] {
			continue
		}
		k := pair{ids[e.Src], ids[e.Dst], e.Verdict}
		if e.Src.IsCIDR() {
			k.from = "outside"
		}
		if e.Dst.IsCIDR() {
			k.to = "outside"
		}
		if p.HasOthers && k.from == "" {
			k.from = "others"
		}
		if p.HasOthers && k.to == "" {
			k.to = "others"
		}
		if k.from == "" || k.to == "" || seen[k] {
			continue
		}
		seen[k] = true
		c := curve{From: k.from, To: k.to, Path: p.lead(at[k.from], at[k.to], len(p.Edges)), Class: "edge", Width: "1.5", Title: end(e.Src) + " → " + end(e.Dst) + " " + segment.Summary(e.Connections, 4)}
		if e.Verdict == segment.Unknown {
			c.Class, c.Title = "edge unknown", c.Title+" (unknown)"
		}
		if l.gone(&e) {
			c.Class += " gone"
		}
		p.Edges = append(p.Edges, c)
	}
}

func end(r ident.Ref) string {
	if r.IsCIDR() {
		return "outside"
	}
	return r.Short()
}

// bow is a Bézier curve from one box to another: it leaves and enters at the
// facing sides, and on the right side of both where they stand in one column.
func bow(a, b spot) string {
	x1, c1, c2, x2 := facing(a, b)
	return fmt.Sprintf("M%d %d C%d %d %d %d %d %d", x1, a.y, c1, a.y, c2, b.y, x2, b.y)
}

// facing are the ends of such a curve and its control points, from left to right.
func facing(a, b spot) (x1, c1, c2, x2 int) {
	switch x1, x2 = a.x+a.w, b.x; {
	case a.x == b.x:
		x2 = b.x + b.w
		return x1, x1 + 70, x2 + 70, x2
	case a.x > b.x:
		x1, x2 = a.x, b.x+b.w
		return x1, x1 - 60, x2 + 60, x2
	}
	return x1, x1 + 60, x2 - 60, x2
}

// over leads from one box to another through the corridor above the zones: up
// beside the one column, along, and down beside the other, with round corners.
func (p *picture) over(a, b spot, lane int) string {
	lane %= lanes
	off := 2*corner + lane*laneGap
	y := p.Top - corner - lane*laneGap
	x1, x2 := a.x+a.w, b.x // where it leaves and enters
	up, down, dir := x1+off, x2-off, 1
	if a.x > b.x {
		x1, x2 = a.x, b.x+b.w
		up, down, dir = x1-off, x2+off, -1
	}
	r := corner
	return fmt.Sprintf("M%d %d H%d Q%d %d %d %d V%d Q%d %d %d %d H%d Q%d %d %d %d V%d Q%d %d %d %d H%d",
		x1, a.y, up-dir*r, up, a.y, up, a.y-r, y+r, up, y, up+dir*r, y, down-dir*r, down, y, down, y+r, b.y-r, down, b.y, down+dir*r, b.y, x2)
}

// mark is the word beside a workload: the worst thing about it.
func mark(w inventory.WorkloadRow) (text, class string) {
	worst := ident.SeverityUnknown
	for _, f := range w.Findings {
		worst = max(worst, f.Severity)
	}
	switch {
	case w.Exposure == segment.ExposedInternet:
		text, class = "exposed", "exposed"
	case w.Isolated.Ingress == segment.No && w.Isolated.Egress == segment.No:
		text, class = "no policy", "open"
	case w.HostNetwork:
		text = "host network"
	case w.Protected:
		text, class = "protected", "protected"
	}
	if worst >= ident.SeverityHigh {
		if text != "" {
			text += " · "
		}
		text += worst.String()
	}
	return text, class
}

func describe(w inventory.WorkloadRow) string {
	s := w.Workload.String() + "\nzone " + w.Zone
	if w.Owner != "" {
		s += ", " + w.Owner
	}
	s += fmt.Sprintf("\nisolated in/out: %s/%s; exposed to: %s; %d findings", w.Isolated.Ingress, w.Isolated.Egress, w.Exposure, len(w.Findings))
	return s
}

func shorten(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}
