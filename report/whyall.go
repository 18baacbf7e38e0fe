package report

import (
	"io"
	"iter"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// WhyAll is the answer of `reach why` where an end is every workload.
type WhyAll struct {
	SchemaVersion string             `json:"schemaVersion"`
	Explanations  []*PairWhy         `json:"explanations"`
	Coverage      inventory.Coverage `json:"coverage"`
	// Asked is the port that was asked for; nil explains the telling port of each.
	Asked *segment.Port `json:"-"`
	// Stream, if not nil, gives the explanations instead of Explanations, for
	// formats that can write them one by one.
	Stream iter.Seq2[*PairWhy, error] `json:"-"`
}

// PairWhy explains one pair among many: what decides it on one port, and what is
// open on any.
type PairWhy struct {
	Explained
	Allowed   []segment.Conn      `json:"allowed"`
	Undecided []segment.Conn      `json:"undecided,omitempty"`
	Unknowns  []inventory.Unknown `json:"unknowns,omitempty"`
}

// NewPairWhy brings an explanation into the form of a list.
func NewPairWhy(e *segment.Explanation) *PairWhy {
	return &PairWhy{Explained: explained(e), Allowed: append([]segment.Conn{}, e.Allowed...), Undecided: e.Undecided, Unknowns: e.Unknowns}
}

// Each returns the explanations, wherever they are.
func (a *WhyAll) Each() iter.Seq2[*PairWhy, error] {
	if a.Stream != nil {
		return a.Stream
	}
	return func(yield func(*PairWhy, error) bool) {
		for _, x := range a.Explanations {
			if !yield(x, nil) {
				return
			}
		}
	}
}

// whyAllTable has a row for each pair, with the rule that decides: of a denied
// connection that of the direction that denies it.
func whyAllTable(w io.Writer, a *WhyAll, o Options) error {
	p := newPrinter(w, o)
	counts, partly := map[segment.Verdict]int{}, 0 // partly: allowed on some ports, unknown on others
	var rows [][]string
	for x, err := range a.Each() {
		if err != nil {
			return err
		}
		counts[x.Verdict]++
		by := rule(x.Egress.RuleRef) + ", " + rule(x.Ingress.RuleRef)
		switch segment.Denied {
		case x.Egress.Verdict:
			by = rule(x.Egress.RuleRef)
		case x.Ingress.Verdict:
			by = rule(x.Ingress.RuleRef)
		}
		on := x.on(a.Asked, x.Allowed, x.Undecided)
		if a.Asked == nil && x.Verdict == segment.Allowed && len(x.Undecided) > 0 {
			on += ", unknown " + ports(x.Undecided)
			partly++
		}
		rows = append(rows, []string{who(x.Src), "→ " + who(x.Dst), p.cyan(on), p.verdict(x.Verdict), by})
	}
	p.linef("%s: %d allowed, %d denied, %d unknown", p.bold(plural(len(rows), "pair")), counts[segment.Allowed], counts[segment.Denied], counts[segment.Unknown])
	p.table([]column{{"FROM", 18}, {"TO", 18}, {"PORTS", 12}, {"", 0}, {"DECIDED BY", 24}}, rows)
	p.reachCoverage(a.Coverage, counts[segment.Unknown]+partly)
	return p.done()
}
