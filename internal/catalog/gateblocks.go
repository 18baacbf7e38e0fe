package catalog

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
)

// GateBlocks says what gates kept from going on, and for how long, by the decisions that
// they recorded. What is blocked is a product: all images of one name. It is blocked from the
// first gate that fails for it to the next that passes; gates that fail in between are the same block.
type GateBlocks struct {
	Passed, Failed, NotChecked int // decisions
	LetPass                    int // failed, and only warned: they block nothing
	Classes                    []GateBlockClass
}

// GateBlockClass are the blocks of one cause. A block of several causes counts for each.
type GateBlockClass struct {
	By      string // "" for all, or one of GateCauses
	Began   int    // since IndicatorQuery.Since
	Open    int
	OpenAge Spread
	Ended   int // since IndicatorQuery.Since
	Took    Spread
}

// The causes of blocks.
const (
	BlockedBySBOM     = "sbom"     // no SBOM, or one that is broken, too bad, refused by the policy of documents or about something else
	BlockedByFindings = "findings" // vulnerabilities
	BlockedByPolicy   = "policy"   // rules of policies
)

// GateCauses are all causes.
func GateCauses() []string { return []string{BlockedBySBOM, BlockedByFindings, BlockedByPolicy} }

// gateMemory is how long before the time that is asked for a block may have been tried last to
// be one still: after that nobody waits for it.
const gateMemory = 90 * 24 * time.Hour

// causeOf is the cause that a check of a gate stands for.
func causeOf(check string) string {
	switch {
	case check == "sbom", strings.HasPrefix(check, "sbom-policy/"), slices.Contains([]string{"sbom-valid", "sbom-quality", "sbom-matches"}, check):
		return BlockedBySBOM
	case check == "findings":
		return BlockedByFindings
	}
	return BlockedByPolicy
}

// gateBlock is one while it is followed.
type gateBlock struct {
	from, tried, until time.Time // until is zero while it holds
	causes             []string
}

// productName is the name of an image without tag and digest; what is no reference to an image goes by
// its own text.
func productName(subject string) string {
	if r, err := ident.ParseImageRef(subject); err == nil {
		return r.Name()
	}
	return subject
}

// gates follows, over the decisions of gates that were recorded by the time that is asked for, what
// was blocked.
func (m *measuring) gates(ctx context.Context) error {
	running := map[string][]string{} // the rows of a product, by its name
	for _, ws := range m.runs.images {
		for i := range ws {
			w := &ws[i]
			if name, l := productName(w.Image), m.q.label(w); w.Image != "" && m.q.selects(w) && !slices.Contains(running[name], l) {
				running[name] = append(running[name], l)
			}
		}
	}
	rows := func(name string) (labels []string, asked bool) {
		switch l := running[name]; {
		case len(l) > 0:
			return l, true
		case m.q.Cluster != "" || m.q.Zone != "":
			return nil, false // of what does not run nobody knows where it would
		}
		return []string{m.q.label(&Workload{})}, true
	}
	blocks := map[string][]gateBlock{}
	follow := func(d *TakenDecision) {
		name := productName(d.Subject)
		labels, asked := rows(name)
		if !asked {
			return
		}
		m.decided = true
		tell := func(do func(*gatesMeasured)) {
			if d.At.Before(m.q.Since) {
				return
			}
			m.eachOf(labels, func(g *measured) { do(g.gated()) })
		}
		list := blocks[name]
		open := len(list) > 0 && list[len(list)-1].until.IsZero()
		switch {
		case d.Passed:
			tell(func(g *gatesMeasured) { g.LetPass++ })
		case d.Verdict == evidence.GatePassed:
			tell(func(g *gatesMeasured) { g.Passed++ })
			if open {
				list[len(list)-1].until = d.At
			}
		case d.Verdict == evidence.GateFailed:
			tell(func(g *gatesMeasured) { g.Failed++ })
			if !open {
				list = append(list, gateBlock{from: d.At})
			}
			b := &list[len(list)-1]
			b.tried = d.At
			for _, check := range d.FailedChecks() {
				if c := causeOf(check); !slices.Contains(b.causes, c) {
					b.causes = append(b.causes, c)
				}
			}
			blocks[name] = list
		default: // not checked: neither
			tell(func(g *gatesMeasured) { g.NotChecked++ })
		}
	}
	if err := m.eachGate(ctx, follow); err != nil {
		return err
	}
	for name, list := range blocks {
		labels, _ := rows(name)
		for i := range list {
			m.eachOf(labels, func(g *measured) { g.gated().add(&list[i], m.q.Since, m.at) })
		}
	}
	return nil
}

// eachGate hands over the decisions of gates that had been recorded at the time that is asked
// for, by when they were judged; what several recorded of one answer once.
func (m *measuring) eachGate(ctx context.Context, each func(*TakenDecision)) error {
	since := m.q.Since
	if since.IsZero() || since.After(m.at) {
		since = m.at
	}
	q := DecisionQuery{Tenant: m.q.Tenant, What: evidence.ByGate, Since: since.Add(-gateMemory), Until: m.at.Add(time.Second), Limit: statesAtOnce - 1}
	var last evidence.Decision // names of one answer stand together
	for {
		list, more, err := m.c.Decisions(ctx, q)
		if err != nil {
			return err
		}
		for i := range list {
			d := &list[i]
			if d.Recorded.After(m.at) || d.Answer == last.Answer && d.Artifact == last.Artifact && d.Subject == last.Subject {
				continue
			}
			each(d)
			last = d.Decision
		}
		if !more {
			return nil
		}
		q.After = list[len(list)-1].Cursor(q.Tenant)
	}
}

// gatesMeasured is GateBlocks while it is made: the first class is of all causes.
type gatesMeasured struct {
	GateBlocks
	open, took [][]time.Duration // by class
}

func (m *measured) gated() *gatesMeasured {
	if m.gates == nil {
		n := 1 + len(GateCauses())
		m.gates = &gatesMeasured{open: make([][]time.Duration, n), took: make([][]time.Duration, n)}
		m.gates.Classes = make([]GateBlockClass, n)
		for i, by := range GateCauses() {
			m.gates.Classes[i+1].By = by
		}
	}
	return m.gates
}

// add counts a block.
func (g *gatesMeasured) add(b *gateBlock, since, at time.Time) {
	for i := range g.Classes {
		c := &g.Classes[i]
		if c.By != "" && !slices.Contains(b.causes, c.By) {
			continue
		}
		if !b.from.Before(since) {
			c.Began++
		}
		switch {
		case b.until.IsZero() && at.Sub(b.tried) <= gateMemory:
			c.Open++
			g.open[i] = append(g.open[i], max(at.Sub(b.from), 0))
		case !b.until.IsZero() && !b.until.Before(since):
			c.Ended++
			g.took[i] = append(g.took[i], b.until.Sub(b.from))
		}
	}
}

// sum is what was counted; nil where no gate recorded anything.
func (g *gatesMeasured) sum(decided bool) *GateBlocks {
	if !decided {
		return nil
	}
	if g == nil {
		g = (&measured{}).gated()
	}
	for i := range g.Classes {
		g.Classes[i].OpenAge, g.Classes[i].Took = spread(g.open[i]), spread(g.took[i])
	}
	return &g.GateBlocks
}
