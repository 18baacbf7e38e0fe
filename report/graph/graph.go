// Package graph draws the map of an estate as DOT (Graphviz) and as Mermaid:
// zones and namespaces as boxes, workloads as nodes, allowed connections as
// arrows with their ports. What is unknown is dashed and says so; what crosses
// zones is thicker.
//
// It computes nothing and lays nothing out; package report/html draws a picture.
//
//	err := graph.DOT(w, m)
//	err = graph.Mermaid(w, m)
package graph

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// outside is the one node that all external address ranges share: a picture
// with a node for each range shows nothing but ranges.
const outside = "outside"

// others is the one node of the workloads that a selector leaves out.
const others = "others"

// edge is one arrow: all that one node may open to another.
type edge struct {
	from, to string
	label    string
	unknown  bool
	crosses  bool
}

// picture is a map made ready for drawing: nodes have plain identifiers.
type picture struct {
	zones []zone
	edges []edge
	// outside is set where some edge begins or ends at an external range.
	outside bool
	others  bool
}

type zone struct {
	name       string
	namespaces []space
}

type space struct {
	name  string
	nodes []node
}

type node struct{ id, label string }

func draw(m *inventory.Map) picture {
	var p picture
	id := map[ident.Ref]string{}
	zoneOf := map[ident.Ref]string{}
	rows := slices.Clone(m.Workloads)
	slices.SortStableFunc(rows, func(a, b inventory.WorkloadRow) int {
		return cmp.Or(cmp.Compare(a.Zone, b.Zone), a.Workload.Compare(b.Workload))
	})
	for i, w := range rows {
		id[w.Workload] = fmt.Sprintf("w%d", i)
		zoneOf[w.Workload] = w.Zone
		if n := len(p.zones); n == 0 || p.zones[n-1].name != w.Zone {
			p.zones = append(p.zones, zone{name: w.Zone})
		}
		z := &p.zones[len(p.zones)-1]
		ns := w.Workload.Namespace
		if w.Workload.Cluster != "" {
			ns = w.Workload.Cluster + ":" + ns
		}
		if n := len(z.namespaces); n == 0 || z.namespaces[n-1].name != ns {
			z.namespaces = append(z.namespaces, space{name: ns})
		}
		s := &z.namespaces[len(z.namespaces)-1]
		label := w.Workload.Name
		if w.Exposure == segment.ExposedInternet {
			label += " (exposed)"
		}
		s.nodes = append(s.nodes, node{id[w.Workload], label})
	}
	type key struct {
		from, to string
		unknown  bool
	}
	at := map[key]int{}
	for _, e := range m.Edges {
		if m.OfNodes[e.Src] || m.OfNodes[e.Dst] {
			continue
		}
		k := key{id[e.Src], id[e.Dst], e.Verdict == segment.Unknown}
		if e.Src.IsCIDR() {
			k.from, p.outside = outside, true
		}
		if e.Dst.IsCIDR() {
			k.to, p.outside = outside, true
		}
		if m.Coverage.Selector != "" {
			for _, end := range []*string{&k.from, &k.to} {
				if *end == "" {
					*end, p.others = others, true
				}
			}
		}
		if k.from == "" || k.to == "" {
			continue // an end that is no workload of the map
		}
		label := segment.Summary(e.Connections, 3)
		if i, ok := at[k]; ok {
			if !strings.Contains(p.edges[i].label, label) {
				p.edges[i].label += ", " + label
			}
			continue
		}
		at[k] = len(p.edges)
		if k.unknown {
			label = "unknown: " + label
		}
		p.edges = append(p.edges, edge{from: k.from, to: k.to, label: label, unknown: k.unknown,
			crosses: id[e.Src] != "" && id[e.Dst] != "" && zoneOf[e.Src] != zoneOf[e.Dst]})
	}
	return p
}

// DOT writes the map for Graphviz.
func DOT(w io.Writer, m *inventory.Map) error {
	p := draw(m)
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "digraph estate {")
	fmt.Fprintln(b, `  graph [rankdir=LR, compound=true, fontname="Helvetica"]; node [shape=box, fontname="Helvetica"]; edge [fontname="Helvetica", fontsize=9];`)
	if p.outside {
		fmt.Fprintf(b, "  %s [shape=ellipse, label=\"outside the cluster\"];\n", outside)
	}
	if p.others {
		fmt.Fprintf(b, "  %s [shape=ellipse, label=\"workloads that are not listed\"];\n", others)
	}
	for i, z := range p.zones {
		fmt.Fprintf(b, "  subgraph cluster_z%d {\n    label=%s;\n", i, quoteDOT("zone "+z.name))
		for j, s := range z.namespaces {
			fmt.Fprintf(b, "    subgraph cluster_z%d_%d {\n      label=%s;\n", i, j, quoteDOT(s.name))
			for _, n := range s.nodes {
				fmt.Fprintf(b, "      %s [label=%s];\n", n.id, quoteDOT(n.label))
			}
			fmt.Fprintln(b, "    }")
		}
		fmt.Fprintln(b, "  }")
	}
	for _, e := range p.edges {
		style := ""
		if e.unknown {
			style += ", style=dashed"
		}
		if e.crosses {
			style += ", penwidth=2"
		}
		fmt.Fprintf(b, "  %s -> %s [label=%s%s];\n", e.from, e.to, quoteDOT(e.label), style)
	}
	fmt.Fprintln(b, "}")
	return b.Flush()
}

// quoteDOT writes a quoted ID of the DOT language: quotes and backslashes are
// escaped, and nothing is ever read as HTML, which begins with "<" unquoted only.
func quoteDOT(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(visible(s)) + `"`
}

// Mermaid writes the map as a Mermaid flowchart.
func Mermaid(w io.Writer, m *inventory.Map) error {
	p := draw(m)
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "flowchart LR")
	if p.outside {
		fmt.Fprintf(b, "  %s([\"outside the cluster\"])\n", outside)
	}
	if p.others {
		fmt.Fprintf(b, "  %s([\"workloads that are not listed\"])\n", others)
	}
	for i, z := range p.zones {
		fmt.Fprintf(b, "  subgraph z%d[%s]\n", i, quoteMermaid("zone "+z.name))
		for j, s := range z.namespaces {
			fmt.Fprintf(b, "    subgraph z%d_%d[%s]\n", i, j, quoteMermaid(s.name))
			for _, n := range s.nodes {
				fmt.Fprintf(b, "      %s[%s]\n", n.id, quoteMermaid(n.label))
			}
			fmt.Fprintln(b, "    end")
		}
		fmt.Fprintln(b, "  end")
	}
	for _, e := range p.edges {
		arrow := "-->"
		switch {
		case e.unknown:
			arrow = "-.->"
		case e.crosses:
			arrow = "==>"
		}
		fmt.Fprintf(b, "  %s %s|%s| %s\n", e.from, arrow, quoteMermaid(e.label), e.to)
	}
	return b.Flush()
}

// quoteMermaid writes a quoted label. Mermaid reads entities in labels, so that
// everything but letters, digits and plain punctuation is written as one.
func quoteMermaid(s string) string {
	const plain = " -_./:,()…"
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range visible(s) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(plain, r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// visible replaces what has no place in one line of text.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, s)
}
