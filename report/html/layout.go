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
	columnGap   = 108
	rowHeight   = 24
	cardHead    = 30
	cardPad     = 8
	cardGap     = 18
	top         = 64
	margin      = 24
	outsideX    = margin
	outsideW    = 104
)

// picture is the laid-out map.
type picture struct {
	Width, Height int
	OutsideX      int
	OutsideY      int
	OutsideW      int
	HasOutside    bool
	Zones         []zoneBox
	Flows         []curve // between namespaces of different zones: always drawn
	Edges         []curve // between workloads: drawn for the workload that is looked at
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

type spot struct{ x, y, w int } // left edge, middle, width

func layOut(m *inventory.Map) picture {
	p := picture{OutsideX: outsideX, OutsideW: outsideW}
	ids := map[ident.Ref]string{}
	at := map[string]spot{}
	cardAt := map[string]spot{}
	cardOf := map[ident.Ref]string{}
	zoneOf := map[ident.Ref]string{}
	for i, w := range m.Workloads {
		ids[w.Workload] = fmt.Sprintf("w%d", i)
		zoneOf[w.Workload] = w.Zone
	}
	for _, e := range m.Edges {
		p.HasOutside = p.HasOutside || e.Src.IsCIDR() || e.Dst.IsCIDR()
	}
	x := margin
	if p.HasOutside {
		x += outsideW + columnGap
	}
	for _, name := range zoneOrder(m) {
		z := zoneBox{Name: name, X: x, Y: margin, W: columnWidth}
		y := top
		rows := workloadsOf(m, name)
		for len(rows) > 0 {
			n := 1
			for n < len(rows) && rows[n].Workload.Namespace == rows[0].Workload.Namespace && rows[n].Workload.Cluster == rows[0].Workload.Cluster {
				n++
			}
			c := card{Name: space(rows[0].Workload), X: x + cardPad, Y: y, W: columnWidth - 2*cardPad, H: cardHead + n*rowHeight + cardPad}
			key := name + "\x00" + c.Name
			cardAt[key] = spot{c.X, c.Y + cardHead/2, c.W}
			for i, w := range rows[:n] {
				b := nodeBox{ID: ids[w.Workload], Name: shorten(w.Workload.Name, 22), Full: w.Workload.String(), X: c.X + cardPad, W: c.W - 2*cardPad, H: rowHeight - 3}
				b.Y = c.Y + cardHead + i*rowHeight
				b.TextX, b.TextY, b.MarkX = b.X+8, b.Y+15, b.X+b.W-8
				b.Mark, b.Class = mark(w)
				b.Title = describe(w)
				at[b.ID] = spot{b.X, b.Y + b.H/2, b.W}
				cardOf[w.Workload] = key
				c.Nodes = append(c.Nodes, b)
			}
			z.Cards = append(z.Cards, c)
			z.WorkloadCount += n
			y += c.H + cardGap
			rows = rows[n:]
		}
		z.H = y - margin
		p.Height = max(p.Height, y)
		p.Zones = append(p.Zones, z)
		x += columnWidth + columnGap
	}
	p.Width = max(x-columnGap+margin, 480)
	p.Height += margin
	for i := range p.Zones {
		p.Zones[i].H = p.Height - 2*margin
	}
	p.OutsideY = p.Height/2 - 30
	at["outside"] = spot{outsideX, p.OutsideY + 30, outsideW}
	p.flows(m, cardOf, cardAt, zoneOf)
	p.edges(m, ids, at)
	return p
}

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
	for _, k := range order {
		p.Flows = append(p.Flows, curve{Path: bow(cardAt[k.from], cardAt[k.to]), Class: "flow", Width: fmt.Sprint(1 + min(count[k], 8)/2),
			Title: fmt.Sprintf("%s → %s: %d connections between workloads", after(k.from), after(k.to), count[k])})
	}
	for _, w := range m.Workloads {
		if w.Exposure == segment.ExposedInternet && p.HasOutside {
			p.Flows = append(p.Flows, curve{Path: bow(spot{outsideX, p.OutsideY + 30, outsideW}, cardAt[cardOf[w.Workload]]), Class: "flow in", Width: "2",
				Title: "internet → " + w.Workload.Short()})
		}
	}
}

func after(key string) string { _, name, _ := strings.Cut(key, "\x00"); return name }

func (p *picture) edges(m *inventory.Map, ids map[ident.Ref]string, at map[string]spot) {
	type pair struct {
		from, to string
		v        segment.Verdict
	}
	seen := map[pair]bool{}
	for _, e := range m.Edges {
		k := pair{ids[e.Src], ids[e.Dst], e.Verdict}
		if e.Src.IsCIDR() {
			k.from = "outside"
		}
		if e.Dst.IsCIDR() {
			k.to = "outside"
		}
		if k.from == "" || k.to == "" || seen[k] {
			continue
		}
		seen[k] = true
		c := curve{From: k.from, To: k.to, Path: bow(at[k.from], at[k.to]), Class: "edge", Width: "1.5", Title: end(e.Src) + " → " + end(e.Dst) + " " + segment.Summary(e.Connections, 4)}
		if e.Verdict == segment.Unknown {
			c.Class, c.Title = "edge unknown", c.Title+" (unknown)"
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
	x1, x2 := a.x+a.w, b.x
	c1, c2 := x1+60, x2-60
	switch {
	case a.x == b.x:
		x2 = b.x + b.w
		c1, c2 = x1+70, x2+70
	case a.x > b.x:
		x1, x2 = a.x, b.x+b.w
		c1, c2 = x1-60, x2+60
	}
	return fmt.Sprintf("M%d %d C%d %d %d %d %d %d", x1, a.y, c1, a.y, c2, b.y, x2, b.y)
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
