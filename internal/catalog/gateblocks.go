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
// first gate that fails for it to the one that passes and asks for no less; gates that fail in between
// are the same block.
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
	// Otherwise are those of the open ones of which another gate let a newer image pass, one that asks
	// for other things.
	Otherwise int
	Ended     int // since IndicatorQuery.Since
	Excused   int // of the ended: by a verdict that an exception let pass
	Took      Spread
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

// gateRun is a decision of a gate about a product.
type gateRun struct {
	at       time.Time
	digest   ident.Digest         // zero: nobody could tell
	criteria []evidence.Criterion // what it was judged by
	failed   bool                 // and held the product up
	passed   bool
	excused  bool     // an exception let it pass
	causes   []string // of a failure
}

// gateBlock is a time in which a product was held up.
type gateBlock struct {
	criteria           []evidence.Criterion
	from, tried, until time.Time // until is zero while it holds
	causes             []string
	excused, otherwise bool
	held               map[ident.Digest]bool // the images that failed
}

// blocksOf finds the blocks of a product in its decisions, by when they began. Of decisions of one
// second, of which nobody knows the order, those that fail count as the later ones.
//
// A gate ends a block if it judged by all that the block was judged by, each criterion by its name or by
// what stands in it, and if its image is one that was held up, or one that nobody had judged
// before the block began: an older release that passes again, as it did, mends nothing.
func blocksOf(runs []gateRun) []*gateBlock {
	sortRuns(runs)
	var all, open []*gateBlock
	first := map[ident.Digest]time.Time{}
	for i := range runs {
		r := &runs[i]
		switch {
		case r.failed:
			k := slices.IndexFunc(open, func(b *gateBlock) bool { return covers(b.criteria, r.criteria) && covers(r.criteria, b.criteria) })
			if k < 0 {
				k = len(open)
				open = append(open, &gateBlock{criteria: r.criteria, from: r.at, held: map[ident.Digest]bool{}})
				all = append(all, open[k])
			}
			b := open[k]
			b.tried, b.held[r.digest] = r.at, true
			for _, c := range r.causes {
				if !slices.Contains(b.causes, c) {
					b.causes = append(b.causes, c)
				}
			}
		case r.passed && !r.digest.IsZero():
			open = slices.DeleteFunc(open, func(b *gateBlock) bool {
				if was, judged := first[r.digest]; judged && was.Before(b.from) && !b.held[r.digest] {
					return false
				}
				if !covers(r.criteria, b.criteria) {
					b.otherwise = true
					return false
				}
				b.until, b.excused = r.at, r.excused
				return true
			})
		}
		if _, judged := first[r.digest]; !judged {
			first[r.digest] = r.at
		}
	}
	return all
}

func sortRuns(runs []gateRun) {
	slices.SortStableFunc(runs, func(a, b gateRun) int {
		if c := a.at.Compare(b.at); c != 0 || a.failed == b.failed {
			return c
		}
		if a.failed {
			return 1
		}
		return -1
	})
}

// covers reports whether each of some criteria is among list, by its name or by what stands in
// it.
func covers(list, some []evidence.Criterion) bool {
	for _, x := range some {
		if !slices.ContainsFunc(list, func(y evidence.Criterion) bool { return x.Name == y.Name || x.Digest == y.Digest }) {
			return false
		}
	}
	return true
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
	runs := map[string][]gateRun{}
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
		r := gateRun{at: d.At, digest: d.Artifact, criteria: d.JudgedBy}
		switch {
		case d.Passed:
			tell(func(g *gatesMeasured) { g.LetPass++ })
		case d.Verdict == evidence.GatePassed:
			r.passed, r.excused = true, d.Excused()
			tell(func(g *gatesMeasured) { g.Passed++ })
		case d.Verdict == evidence.GateFailed:
			r.failed = true
			for _, check := range d.FailedChecks() {
				r.causes = append(r.causes, causeOf(check))
			}
			tell(func(g *gatesMeasured) { g.Failed++ })
		default:
			tell(func(g *gatesMeasured) { g.NotChecked++ })
		}
		runs[name] = append(runs[name], r)
	}
	if err := m.eachGate(ctx, follow); err != nil {
		return err
	}
	for name, list := range runs {
		labels, _ := rows(name)
		for _, b := range blocksOf(list) {
			m.eachOf(labels, func(g *measured) { g.gated().add(b, m.q.Since, m.at) })
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
			if b.otherwise {
				c.Otherwise++
			}
			g.open[i] = append(g.open[i], max(at.Sub(b.from), 0))
		case !b.until.IsZero() && !b.until.Before(since):
			c.Ended++
			if b.excused {
				c.Excused++
			}
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
