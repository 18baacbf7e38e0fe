package html

import (
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Layer is a change of policies that is drawn over the map: what it cuts, for whom,
// and what still goes afterwards. It is shown until the reader takes it away.
type Layer struct {
	Name     string // "Plan f8e5bdc4"
	Sentence string // what holds afterwards
	Proof    string // "proved on the model, generic (assumed)"
	Affected []ident.Ref
	// Protected are kept from the affected ones; InReach still are within their reach.
	Protected []ident.Ref
	InReach   []ident.Ref
	Cuts      []Cut
	// Goes are the edges that the affected workloads keep, drawn from end to end.
	Goes []segment.Edge
}

// Cut is an edge that a layer takes away.
type Cut struct {
	From, To    ident.Ref
	Connections []segment.Conn // that go
	At          string         // "egress" or "ingress": where it is enforced
	AllowedBy   string         // now
	Neighbour   bool           // no label tells it from what is meant
}

// overlay is a laid-out layer.
type overlay struct {
	Name, Sentence, Proof string
	Goes                  []curve
	Cuts                  []cross
}

// cross is a curve with a mark on it: what is cut is told by more than a colour.
type cross struct {
	curve
	X, Y int // of the mark
}

// roles are the words beside workloads while a layer is shown.
func (l *Layer) roles() map[ident.Ref]string {
	out := make(map[ident.Ref]string)
	if l == nil {
		return out
	}
	for _, x := range []struct {
		refs []ident.Ref
		word string
	}{{l.InReach, "in reach"}, {l.Protected, "protected"}, {l.Affected, "affected"}} { // the last word counts
		for _, r := range x.refs {
			out[r] = x.word
		}
	}
	for _, r := range l.InReach {
		if out[r] == "protected" {
			out[r] = "protected, in reach"
		}
	}
	return out
}

// gone reports whether an edge is one that the layer cuts.
func (l *Layer) gone(e *segment.Edge) bool {
	return l != nil && slices.ContainsFunc(l.Cuts, func(c Cut) bool { return c.From == e.Src && c.To == e.Dst })
}

// lay places a layer's curves over the picture.
func (p *picture) lay(l *Layer, m *inventory.Map, ids map[ident.Ref]string, at map[string]spot) {
	if l == nil {
		return
	}
	p.Layer = &overlay{Name: l.Name, Sentence: l.Sentence, Proof: l.Proof}
	place := func(r ident.Ref) string {
		switch id := ids[r]; {
		case id != "":
			return id
		case m.OfNodes[r]:
			return "" // no end of its own in the picture
		case r.IsCIDR() && p.HasOutside:
			return "outside"
		case !r.IsCIDR() && p.HasOthers:
			return "others"
		}
		return ""
	}
	seen := make(map[[2]string]bool)
	for i, e := range l.Goes {
		from, to := place(e.Src), place(e.Dst)
		k := [2]string{from + e.Verdict.String(), to}
		if from == "" || to == "" || seen[k] {
			continue
		}
		seen[k] = true
		c := curve{From: from, To: to, Path: p.lead(at[from], at[to], i), Class: "goes", Width: "1.3", Title: end(e.Src) + " → " + end(e.Dst) + " " + segment.Summary(e.Connections, 4) + ": still goes"}
		if e.Verdict == segment.Unknown {
			c.Class, c.Title = "goes unknown", c.Title+", perhaps"
		}
		p.Layer.Goes = append(p.Layer.Goes, c)
	}
	for i, x := range l.Cuts {
		from, to := place(x.From), place(x.To)
		if from == "" || to == "" {
			continue
		}
		a, b := at[from], at[to]
		c := cross{curve: curve{From: from, To: to, Path: p.lead(a, b, i), Class: "cut", Width: "2", Title: end(x.From) + " → " + end(x.To) + " " + segment.Summary(x.Connections, 4) + ": cut"}}
		c.X, c.Y = p.middle(a, b, i)
		p.Layer.Cuts = append(p.Layer.Cuts, c)
	}
}

// lead is the way from one box to another.
func (p *picture) lead(a, b spot, lane int) string {
	if past(a, b) {
		return p.over(a, b, lane)
	}
	return bow(a, b)
}

// middle is a point on that way, some way along it for each of several that lie
// beside each other.
func (p *picture) middle(a, b spot, lane int) (x, y int) {
	if past(a, b) {
		return (a.x + b.x + b.w) / 2, p.Top - corner - lane%lanes*laneGap
	}
	x1, c1, c2, x2 := facing(a, b)
	t := 0.26 + 0.12*float64(lane%5)
	at := func(p0, p1, p2, p3 int) int {
		s := 1 - t
		return int(s*s*s*float64(p0) + 3*s*s*t*float64(p1) + 3*s*t*t*float64(p2) + t*t*t*float64(p3))
	}
	return at(x1, c1, c2, x2), at(a.y, a.y, b.y, b.y)
}

// layerTables list what the layer draws.
func layerTables(l *Layer, zone func(ident.Ref) string) []table {
	if l == nil {
		return nil
	}
	cuts := table{ID: "cut", Title: "Cut by " + l.Name, Note: l.Sentence + " · " + l.Proof, Columns: []string{"From zone", "To zone", "From", "To", "Ports that go", "Closed at", "Allowed now by"}}
	for _, c := range l.Cuts {
		by := c.AllowedBy
		if c.Neighbour {
			by += "; a neighbour: no label tells it from what is meant"
		}
		cuts.Rows = append(cuts.Rows, []string{zone(c.From), zone(c.To), c.From.Short(), c.To.Short(), segment.Summary(c.Connections, 4), c.At, by})
	}
	ends := table{ID: "ends", Title: "Workloads of " + l.Name, Columns: []string{"Role", "Zone", "Workload"}}
	roles := l.roles()
	for _, word := range []string{"affected", "protected", "protected, in reach", "in reach"} {
		var refs []ident.Ref
		for r, w := range roles {
			if w == word {
				refs = append(refs, r)
			}
		}
		slices.SortFunc(refs, ident.Ref.Compare)
		for _, r := range refs {
			ends.Rows = append(ends.Rows, []string{word, zone(r), r.String()})
		}
	}
	goes := table{ID: "goes", Title: "Still goes with " + l.Name, Note: "What the affected workloads keep.", Columns: []string{"From zone", "To zone", "From", "To", "Ports", "Verdict"}}
	for _, e := range l.Goes {
		goes.Rows = append(goes.Rows, []string{zone(e.Src), zone(e.Dst), e.Src.Short(), e.Dst.Short(), segment.Summary(e.Connections, 4), e.Verdict.String()})
	}
	return slices.DeleteFunc([]table{cuts, ends, goes}, func(t table) bool { return len(t.Rows) == 0 })
}

// layerFacts are the numbers of a layer, before those of the estate.
func layerFacts(l *Layer) []fact {
	if l == nil {
		return nil
	}
	return []fact{{fmt.Sprint(len(l.Cuts)), "connections cut by " + l.Name, ""}, {fmt.Sprint(len(l.Affected)), "affected workloads", "bad"},
		{fmt.Sprint(len(l.InReach)), "workloads still in their reach", ""}}
}
