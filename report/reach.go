package report

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// ReachList is the answer of `reach list`.
type ReachList struct {
	SchemaVersion string              `json:"schemaVersion"`
	Edges         []segment.Edge      `json:"edges"`
	SameNode      *inventory.SameNode `json:"sameNode,omitempty"`
	Unknowns      []inventory.Unknown `json:"unknowns"`
	Coverage      inventory.Coverage  `json:"coverage"`
	// Stream, if not nil, gives the edges instead of Edges, for formats that can
	// write them one by one.
	Stream iter.Seq[segment.Edge] `json:"-"`
}

// Each returns the edges, wherever they are.
func (a *ReachList) Each() iter.Seq[segment.Edge] {
	if a.Stream != nil {
		return a.Stream
	}
	return slices.Values(a.Edges)
}

// Why is the answer of `reach why`: the contract's form of segment.Explanation.
type Why struct {
	SchemaVersion string `json:"schemaVersion"`
	Explained
	// Allowed and Undecided are all connections between the two, whatever Port the
	// explanation is about.
	Allowed   []segment.Conn      `json:"allowed"`
	Undecided []segment.Conn      `json:"undecided,omitempty"`
	Unknowns  []inventory.Unknown `json:"unknowns"`
	Coverage  inventory.Coverage  `json:"coverage"`
	// Asked is the port that was asked for; nil explains the telling one.
	Asked *segment.Port `json:"-"`
}

// Explained is what decides one connection.
type Explained struct {
	Src        ident.Ref       `json:"src"`
	Dst        ident.Ref       `json:"dst"`
	Port       segment.Conn    `json:"port"`
	Verdict    segment.Verdict `json:"verdict"`
	Partial    bool            `json:"partial,omitempty"`
	Egress     Decided         `json:"egress"`
	Ingress    Decided         `json:"ingress"`
	Considered []Considered    `json:"considered"`
}

// Decided is the RULE that decides one direction, with its verdict.
type Decided struct {
	segment.RuleRef
	Verdict segment.Verdict `json:"verdict"`
}

// Considered is one rule that was looked at, flattened.
type Considered struct {
	segment.RuleRef
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
}

// NewWhy brings an explanation into the contract's form. asked is the port that it
// was asked for, nil if none.
func NewWhy(e *segment.Explanation, asked *segment.Port, c inventory.Coverage) *Why {
	x := NewPairWhy(e)
	w := &Why{SchemaVersion: inventory.SchemaVersion, Explained: x.Explained, Allowed: x.Allowed, Undecided: x.Undecided, Unknowns: x.Unknowns, Coverage: c, Asked: asked}
	if w.Unknowns == nil {
		w.Unknowns = []inventory.Unknown{}
	}
	return w
}

// on says on which ports an explanation's verdict holds: on the one that was asked
// for, or on all that share it.
func (x *Explained) on(asked *segment.Port, allowed, undecided []segment.Conn) string {
	switch {
	case asked != nil:
		return portRange(x.Port)
	case x.Verdict == segment.Allowed:
		return ports(allowed)
	case x.Verdict == segment.Unknown:
		return ports(undecided)
	}
	return "any port"
}

// explained lists what was considered with egress first.
func explained(e *segment.Explanation) Explained {
	x := Explained{
		Src: e.Src, Dst: e.Dst, Port: e.Port, Verdict: e.Verdict, Partial: e.Partial,
		Egress: Decided{e.Egress.Rule, e.Egress.Verdict}, Ingress: Decided{e.Ingress.Rule, e.Ingress.Verdict},
		Considered: make([]Considered, 0, len(e.Egress.Considered)+len(e.Ingress.Considered)),
	}
	for _, d := range []segment.Decision{e.Egress, e.Ingress} {
		for _, c := range d.Considered {
			x.Considered = append(x.Considered, Considered{c.Rule, c.Outcome, c.Reason})
		}
	}
	return x
}

func reachListTable(w io.Writer, a *ReachList, o Options) error {
	p := newPrinter(w, o)
	head := p.bold(plural(len(a.Edges), "edge"))
	if a.Coverage.Selector != "" {
		head += " from or to " + plural(a.Coverage.Selected, "selected workload")
	}
	if a.SameNode != nil && !o.All {
		head += fmt.Sprintf(", %d of them summed up under SAME NODE", a.SameNode.Edges)
	}
	p.linef("%s", head)
	p.table([]column{{"FROM", 18}, {"TO", 18}, {"PORTS", 16}, {"", 0}}, p.edgeRows(a))
	p.sameNode(a.SameNode)
	p.unknowns(a.Unknowns)
	p.reachCoverage(a.Coverage, len(a.Unknowns))
	return p.done()
}

// edgeRows leaves out what sameNode sums up, and makes one row of address ranges
// that differ in nothing else; with --all every edge has its row.
func (p *printer) edgeRows(a *ReachList) [][]string {
	rows := make([][]string, 0, len(a.Edges))
	type ranges struct{ row, count int }
	alike := map[string]*ranges{}
	for _, e := range a.Edges {
		if a.SameNode.Holds(e) && !p.o.All {
			continue
		}
		note := ""
		if e.Verdict != segment.Allowed {
			note = p.verdict(e.Verdict)
		}
		if e.Partial {
			note = strings.TrimSpace(note + " some pods")
		}
		row := []string{who(e.Src), "→ " + who(e.Dst), p.cyan(ports(e.Connections)), note}
		if column, ok := rangeColumn(e); ok && !p.o.All {
			key := strings.Join([]string{fmt.Sprint(column), row[1-column], row[2], note}, "\x00")
			if r := alike[key]; r != nil {
				if row[column] == rows[r.row][column] {
					continue // the whole of IPv4 and the whole of IPv6 are both the internet
				}
				r.count++
				rows[r.row][column] = strings.Repeat("→ ", column) + plural(r.count, "address range")
				continue
			}
			alike[key] = &ranges{row: len(rows), count: 1}
		}
		rows = append(rows, row)
	}
	return rows
}

// rangeColumn is where an address range stands in a row: 0 before, 1 behind the arrow.
func rangeColumn(e segment.Edge) (int, bool) {
	switch {
	case e.Src.IsCIDR():
		return 0, true
	case e.Dst.IsCIDR():
		return 1, true
	}
	return 0, false
}

// whyText explains a pair as a network engineer would: the verdict, then each
// direction in the order of evaluation with what decided it.
func whyText(w io.Writer, a *Why, o Options) error {
	p := newPrinter(w, o)
	verb := map[segment.Verdict]string{
		segment.Allowed: p.green("ALLOWED"), segment.Denied: p.red("DENIED"), segment.Unknown: p.yellow("UNKNOWN"),
	}[a.Verdict]
	on := a.on(a.Asked, a.Allowed, a.Undecided)
	p.linef("%s  %s → %s  %s", verb, p.bold(who(a.Src)), p.bold(who(a.Dst)), p.cyan(on))
	if one := portRange(a.Port); on != one && a.Verdict != segment.Denied {
		p.linef("what decides is said of %s; of another port it may be something else (--port)", p.cyan(one))
	}
	if a.Asked == nil && a.Verdict == segment.Allowed && len(a.Undecided) > 0 {
		p.linef("%s", p.yellow("unknown on "+ports(a.Undecided)+"; --port says why"))
	}
	if a.Partial {
		p.linef("%s", p.yellow("not every pod or address of the two ends gets this answer; this is one that does"))
	}
	p.direction("out of "+who(a.Src), a.Egress, a.Considered, "egress")
	p.direction("into "+who(a.Dst), a.Ingress, a.Considered, "ingress")
	p.unknowns(a.Unknowns)
	p.reachCoverage(a.Coverage, len(a.Unknowns))
	return p.done()
}

func (p *printer) direction(title string, d Decided, all []Considered, direction string) {
	p.blank()
	p.linef("%s  %s by %s", p.bold(title), p.verdict(d.Verdict), rule(d.RuleRef))
	var rows [][]string
	for _, c := range all {
		if c.Direction != direction {
			continue
		}
		rows = append(rows, []string{clean(c.Tier), rule(c.RuleRef), p.outcome(c.Outcome), clean(c.Reason)})
	}
	if len(rows) > 0 {
		p.table([]column{{"TIER", 0}, {"RULE", 24}, {"OUTCOME", 0}, {"BECAUSE", 30}}, rows)
	}
}

func (p *printer) outcome(s string) string {
	switch s {
	case "allow":
		return p.green(s)
	case "deny":
		return p.red(s)
	case "unknown":
		return p.yellow(s)
	default:
		return clean(s)
	}
}

// Validation is the answer of `sbom validate` for one document.
type Validation struct {
	File        string `json:"file"`
	Format      string `json:"format,omitempty"`
	SpecVersion string `json:"specVersion,omitempty"`
	Encoding    string `json:"encoding,omitempty"`
	Rules       string `json:"rules,omitempty"` // what it was judged by
	Valid       bool   `json:"valid"`
	// NotJudged is why nothing could be said about the document; it is then
	// neither valid nor invalid.
	NotJudged  string      `json:"notJudged,omitempty"`
	Violations []Violation `json:"violations"`
}

// Violation is one breach of the schema, or of a resource's rules.
type Violation struct {
	Pointer string `json:"pointer"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Rule    string `json:"rule,omitempty"`
	Hint    string `json:"hint,omitempty"` // how to mend it
	// Warning says that the document is valid as it stands, and likely does not do
	// what it was written for.
	Warning bool `json:"warning,omitempty"`
}

// Validations is the answer of `sbom validate` and `policy validate`.
type Validations struct {
	SchemaVersion string       `json:"schemaVersion"`
	Documents     []Validation `json:"documents"`
	Valid         int          `json:"valid"`
	Invalid       int          `json:"invalid"`
	NotJudged     int          `json:"notJudged"`
}

// Count sums up the documents.
func (a *Validations) Count() {
	for _, d := range a.Documents {
		switch {
		case d.NotJudged != "":
			a.NotJudged++
		case d.Valid:
			a.Valid++
		default:
			a.Invalid++
		}
	}
}

func validationsTable(w io.Writer, a *Validations, o Options) error {
	p := newPrinter(w, o)
	for _, d := range a.Documents {
		what := strings.TrimSpace(d.Format + " " + d.SpecVersion + " " + d.Encoding)
		if d.Format == "SPDX" {
			what = d.Rules
		}
		if d.NotJudged != "" {
			p.linef("%s  %s  %s", p.yellow("NOT JUDGED"), p.bold(clean(d.File)), clean(d.NotJudged))
			continue
		}
		if d.Valid {
			if len(a.Documents) <= mostRows || len(d.Violations) > 0 || o.All {
				p.linef("%s  %s  %s", p.green("valid  "), clean(d.File), p.dim(clean(what)))
			}
		} else {
			p.linef("%s  %s  %s", p.red("INVALID"), p.bold(clean(d.File)), p.dim(clean(what)))
		}
		for i, v := range d.Violations {
			if i == mostRows && !o.All {
				p.linef("         %s", p.dim(fmt.Sprintf("… and %d more (--all)", len(d.Violations)-i)))
				break
			}
			violationLines(p, v)
		}
	}
	if len(a.Documents) > 1 {
		p.blank()
		line := fmt.Sprintf("%d valid, %d invalid", a.Valid, a.Invalid)
		if a.NotJudged > 0 {
			line += fmt.Sprintf(", %d not judged", a.NotJudged)
		}
		p.linef("%s", p.bold(line))
	}
	return p.done()
}

func violationLines(p *printer, v Violation) {
	at := ""
	if v.Line > 0 {
		at = fmt.Sprintf("  line %d", v.Line)
		if v.Column > 0 {
			at += fmt.Sprintf(", column %d", v.Column)
		}
	}
	word := ""
	if v.Warning {
		word = p.yellow("warning: ")
	}
	p.linef("         %s  %s%s%s", p.cyan(clean(pointer(v.Pointer))), word, clean(v.Message), p.dim(at))
	if v.Hint != "" {
		p.linef("           %s", p.dim("hint: "+clean(v.Hint)))
	}
}

func pointer(s string) string {
	if s == "" {
		return "(document)"
	}
	return s
}
