package report

import (
	"fmt"
	"io"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// ReachDiff is the answer of `reach diff`: what passes that did not, and what no
// longer does.
type ReachDiff struct {
	SchemaVersion string              `json:"schemaVersion"`
	Old           string              `json:"old"`
	New           string              `json:"new"`
	Changes       []DiffChange        `json:"changes"`
	Exposure      []DiffExposure      `json:"exposure"`
	Added         []ident.Ref         `json:"workloadsAdded"`
	Removed       []ident.Ref         `json:"workloadsRemoved"`
	Gate          []Breach            `json:"gate"` // what --fail-on refuses
	Unknowns      []inventory.Unknown `json:"unknowns"`
	Coverage      inventory.Coverage  `json:"coverage"` // of NEW

	// Before and After find what a change is about in the inputs.
	Before Places `json:"-"`
	After  Places `json:"-"`
}

// DiffChange is a change with where it crosses.
type DiffChange struct {
	segment.Change
	SrcZone string `json:"srcZone,omitempty"`
	DstZone string `json:"dstZone,omitempty"`
	// By is the rule that makes the difference, where one does; Gone is true where
	// it is one of OLD that does not decide any more.
	By   *segment.RuleRef `json:"by,omitempty"`
	Gone bool             `json:"gone,omitempty"`
}

// DiffExposure is a workload whose way in from outside changed.
type DiffExposure struct {
	Workload ident.Ref             `json:"workload"`
	Zone     string                `json:"zone"`
	Before   segment.ExposureLevel `json:"before"`
	After    segment.ExposureLevel `json:"after"`
	// Ways are the ports on which ways in from the internet came or went.
	Ways []segment.Change `json:"ways,omitempty"`
}

// Breach is one reason for the gate to fail.
type Breach struct {
	Gate    string          `json:"gate"`    // new-internet, new-cross-zone, any
	Verdict segment.Verdict `json:"verdict"` // Unknown: it may be one
	Text    string          `json:"text"`

	Change   *DiffChange `json:"-"` // that breaches it; nil for a way in
	Workload ident.Ref   `json:"-"` // whose way in does; zero for a change
}

// Says puts a change into words for a breach.
func (c *DiffChange) Says() string {
	return fmt.Sprintf("%s → %s on %s: %s, was %s", who(c.Src), who(c.Dst), ports(c.Connections), c.After, c.Before)
}

func reachDiffTable(w io.Writer, a *ReachDiff, o Options) error {
	p := newPrinter(w, o)
	var opened, closed, doubtful [][]string
	for i := range a.Changes {
		c := &a.Changes[i]
		zones := ""
		if c.SrcZone != c.DstZone && c.SrcZone != "" && c.DstZone != "" {
			zones = clean(c.SrcZone) + " → " + clean(c.DstZone)
		}
		row := []string{who(c.Src), "→ " + who(c.Dst), p.cyan(ports(c.Connections)), zones, ""}
		switch {
		case c.After == segment.Allowed && c.Before == segment.Denied:
			opened = append(opened, row)
		case c.After == segment.Denied && c.Before == segment.Allowed:
			closed = append(closed, row)
		default:
			row[4] = p.verdict(c.Before) + " → " + p.verdict(c.After)
			doubtful = append(doubtful, row)
		}
	}
	switch {
	case len(a.Gate) > 0:
		p.linef("%s  the gate refuses %s", p.red("FAILED"), plural(len(a.Gate), "change"))
	case len(a.Changes)+len(a.Exposure)+len(a.Added)+len(a.Removed) == 0:
		p.linef("%s  nothing that passes has changed", p.green("SAME"))
	}
	if len(a.Changes) > 0 {
		p.linef("%s opened, %s closed, %s in doubt", plural(len(opened), "connection"), plural(len(closed), "connection"), plural(len(doubtful), "connection"))
	}
	for i, b := range a.Gate {
		if i == mostRows && !o.All {
			p.linef("  %s", p.dim(fmt.Sprintf("… and %d more (--all)", len(a.Gate)-i)))
			break
		}
		p.linef("  %s  %s", p.red(b.Gate), clean(b.Text))
	}
	cols := []column{{"FROM", 18}, {"TO", 18}, {"PORTS", 16}, {"ZONES", 12}, {"", 0}}
	for _, s := range []struct {
		title string
		rows  [][]string
	}{{"OPENED", opened}, {"CLOSED", closed}, {"IN DOUBT", doubtful}} {
		if len(s.rows) > 0 {
			p.heading(s.title, len(s.rows), "")
			p.table(cols, s.rows)
		}
	}
	p.diffWorkloads(a)
	p.unknowns(a.Unknowns)
	p.reachCoverage(a.Coverage, len(a.Unknowns))
	return p.done()
}

func (p *printer) diffWorkloads(a *ReachDiff) {
	if len(a.Exposure) > 0 {
		p.heading("EXPOSURE", len(a.Exposure), "")
		var rows [][]string
		for _, x := range a.Exposure {
			text := string(x.Before) + " → " + string(x.After)
			if x.Before == x.After {
				text = string(x.After)
			}
			for _, c := range x.Ways {
				text += fmt.Sprintf("; %s %s, was %s", ports(c.Connections), c.After, c.Before)
			}
			rows = append(rows, []string{who(x.Workload), clean(x.Zone), text})
		}
		p.table([]column{{"WORKLOAD", 18}, {"ZONE", 12}, {"REACHED FROM", 0}}, rows)
	}
	for _, s := range []struct {
		title string
		refs  []ident.Ref
	}{{"WORKLOADS ADDED", a.Added}, {"WORKLOADS REMOVED", a.Removed}} {
		if len(s.refs) == 0 {
			continue
		}
		p.heading(s.title, len(s.refs), "")
		var rows [][]string
		for _, r := range s.refs {
			rows = append(rows, []string{who(r)})
		}
		p.table([]column{{"WORKLOAD", 18}}, rows)
	}
}

// maxNotes bounds how many changes that no gate refuses are results of SARIF: a
// page shows no more of them, and refuses files that hold many more.
const maxNotes = 5000

// The rules of SARIF for changes that no gate refuses.
const (
	changeOpens  = "opened"
	changeCloses = "closed"
	changeDoubts = "in-doubt"
	changeWaysIn = "exposure"
)

// reachDiffSARIF writes a result for each breach of a gate, and a note for every
// other change: a page without results must not look as if nothing had changed.
func reachDiffSARIF(w io.Writer, a *ReachDiff, o Options) error {
	run := newRun(o)
	index := map[string]int{}
	put := func(rule, level, text, key string, c *DiffChange, workload ident.Ref) {
		id := run.rule(index, rule, func() sarifRule {
			return sarifRule{ID: rule, ShortDescription: sarifText{gateMeaning(rule)}, Default: &sarifDefault{level},
				Properties: map[string]any{"tags": []string{"security", "network-policy"}}}
		})
		res := sarifResult{RuleID: rule, RuleIndex: id, Level: level, PartialFingerprints: map[string]string{"cofferdam/v1": rule + " " + key}}
		text = bracketed(text)
		at, by, related := a.cause(c, workload)
		if by != "" {
			text += "; " + by
		}
		res.Locations, res.RelatedLocations, res.Message = []sarifLocation{at}, related, sarifText{text}
		run.Results = append(run.Results, res)
	}
	refused := map[*DiffChange]bool{}
	exposed := map[ident.Ref]bool{}
	for i := range a.Gate {
		b := &a.Gate[i]
		level := "error"
		if b.Verdict == segment.Unknown {
			level = "warning"
		}
		put(b.Gate, level, b.Text, b.Text, b.Change, b.Workload)
		refused[b.Change], exposed[b.Workload] = true, true
	}
	left := 0
	for i := range a.Changes {
		c := &a.Changes[i]
		rule := changeDoubts
		switch {
		case refused[c]:
			continue
		case c.After == segment.Allowed && c.Before == segment.Denied:
			rule = changeOpens
		case c.After == segment.Denied && c.Before == segment.Allowed:
			rule = changeCloses
		}
		if i >= maxNotes {
			left++
			continue
		}
		put(rule, "note", c.Says(), c.Says(), c, ident.Ref{})
	}
	for i := range a.Exposure {
		x := &a.Exposure[i]
		if text := x.says(); !exposed[x.Workload] {
			put(changeWaysIn, "note", text, text, nil, x.Workload)
		}
	}
	if left > 0 {
		run.remark(plural(left, "more change") + " that no gate refuses are not listed here; -o json lists all")
	}
	if n := a.Coverage.Quarantined; n > 0 {
		run.incomplete(plural(n, "input") + " could not be read and was not judged")
	}
	return run.write(w)
}

// says puts a change of ways in into words.
func (x *DiffExposure) says() string {
	if x.Before != x.After {
		return fmt.Sprintf("%s is reached from %s, was %s", who(x.Workload), x.After, x.Before)
	}
	return fmt.Sprintf("%s is reached from %s by other ways in", who(x.Workload), x.After)
}

// cause finds where a change comes from: the policy of NEW that makes it, or the
// workload that a policy of OLD left open, which is then related to it. What is
// neither is a matter of the whole input.
func (a *ReachDiff) cause(c *DiffChange, workload ident.Ref) (at sarifLocation, by string, related []sarifLocation) {
	ends := []ident.Ref{workload}
	if c != nil {
		ends = []ident.Ref{c.Dst, c.Src}
		if c.By != nil {
			if at, ok := a.After.policy(*c.By); ok {
				if c.Gone {
					return at, "it was " + bracketed(rule(*c.By)) + " that decided", nil
				}
				return at, "by " + bracketed(rule(*c.By)), nil
			}
			if was, ok := a.Before.policy(*c.By); ok {
				was.ID, was.Message = 1, &sarifText{"the policy that is gone"}
				by, related = "[the policy](1) that decided is gone: "+bracketed(rule(*c.By)), []sarifLocation{was}
			}
		}
	}
	for _, r := range ends {
		if at, ok := a.After.workload(r); ok {
			return at, by, related
		}
	}
	return inFile(a.New, 0), by, related
}

func gateMeaning(gate string) string {
	return map[string]string{
		"new-internet":   "a connection with addresses outside that was not possible before",
		"new-cross-zone": "a connection between zones that was not possible before",
		"any":            "a connection that was not possible before, or no longer is",
		changeOpens:      "a connection that was not possible before",
		changeCloses:     "a connection that is not possible any more",
		changeDoubts:     "a connection of which it was not, or is not, known whether it is possible",
		changeWaysIn:     "a workload that is reached from outside in other ways",
	}[gate]
}

func reachDiffJUnit(w io.Writer, a *ReachDiff, _ Options) error {
	s := junitSuite{Name: a.Old + " → " + a.New}
	for _, b := range a.Gate {
		c := junitCase{Name: b.Text}
		if f := (&junitFailure{Message: b.Text, Type: b.Gate}); b.Verdict == segment.Unknown {
			c.Error = f
		} else {
			c.Failure = f
		}
		s.add(c)
	}
	if len(a.Gate) == 0 {
		s.add(junitCase{Name: fmt.Sprintf("%s, none refused", plural(len(a.Changes), "change"))})
	}
	return junitSuites{Suites: []junitSuite{s}}.write(w)
}
