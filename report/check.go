package report

import (
	"fmt"
	"io"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/intent"
)

// Check is the answer of `reach check`.
type Check struct {
	SchemaVersion string              `json:"schemaVersion"`
	RulesFile     string              `json:"rulesFile"`
	Rules         []CheckedRule       `json:"rules"`
	Unknowns      []inventory.Unknown `json:"unknowns"`
	Coverage      inventory.Coverage  `json:"coverage"`

	// Sources finds the object of a rule in the input, for formats that point
	// into files.
	Sources map[segment.PolicyRef]estate.Source `json:"-"`
}

// CheckedRule is one rule and what became of it.
type CheckedRule struct {
	ID         string             `json:"id"`
	Line       int                `json:"line"`
	Text       string             `json:"text"`
	Outcome    intent.Outcome     `json:"outcome"`
	Reason     string             `json:"reason,omitempty"`
	Violations []intent.Violation `json:"violations"`
	More       int                `json:"moreViolations,omitempty"`
}

// NewCheck brings results into the form of the answer.
func NewCheck(file string, results []intent.Result, unknowns []inventory.Unknown, c inventory.Coverage, sources map[segment.PolicyRef]estate.Source) *Check {
	a := &Check{SchemaVersion: inventory.SchemaVersion, RulesFile: file, Rules: []CheckedRule{}, Unknowns: unknowns, Coverage: c, Sources: sources}
	for _, r := range results {
		x := CheckedRule{ID: r.Rule.ID, Line: r.Rule.Line, Text: r.Rule.Text, Outcome: r.Outcome, Reason: r.Reason, Violations: r.Violations, More: r.More}
		if x.Violations == nil {
			x.Violations = []intent.Violation{}
		}
		a.Rules = append(a.Rules, x)
	}
	return a
}

// Failed counts the rules that do not hold, and those of which it is not known.
func (a *Check) Failed() (failed, unknown int) {
	for i := range a.Rules {
		switch a.Rules[i].Outcome {
		case intent.Fails, intent.Empty:
			failed++
		case intent.Unknown:
			unknown++
		}
	}
	return failed, unknown
}

// says puts a violation into one sentence.
func says(v *intent.Violation) string {
	list := ports(v.Connections)
	switch {
	case v.Missing && v.Verdict == segment.Unknown:
		return fmt.Sprintf("%s may not reach %s on %s", who(v.From), who(v.To), list)
	case v.Missing:
		return fmt.Sprintf("%s does not reach %s on %s", who(v.From), who(v.To), list)
	case v.Verdict == segment.Unknown:
		return fmt.Sprintf("%s may reach %s on %s", who(v.From), who(v.To), list)
	case len(v.Path) > 1:
		return fmt.Sprintf("%s reaches %s on %s in %s", who(v.From), who(v.To), list, plural(len(v.Path), "hop"))
	}
	return fmt.Sprintf("%s reaches %s on %s", who(v.From), who(v.To), list)
}

func checkTable(w io.Writer, a *Check, o Options) error {
	p := newPrinter(w, o)
	failed, unknown := a.Failed()
	switch {
	case failed > 0:
		p.linef("%s  %d of %s", p.red("FAILED"), failed, plural(len(a.Rules), "rule"))
	case unknown > 0:
		p.linef("%s  %d of %s", p.yellow("UNKNOWN"), unknown, plural(len(a.Rules), "rule"))
	default:
		p.linef("%s  %s", p.green("HOLDS"), plural(len(a.Rules), "rule"))
	}
	for i := range a.Rules {
		p.checkedRule(&a.Rules[i])
	}
	p.unknowns(a.Unknowns)
	p.reachCoverage(a.Coverage, len(a.Unknowns))
	return p.done()
}

func (p *printer) checkedRule(r *CheckedRule) {
	word := map[intent.Outcome]string{intent.Holds: p.green("holds"), intent.Fails: p.red("fails"), intent.Empty: p.red("empty"), intent.Unknown: p.yellow("unknown")}[r.Outcome]
	p.blank()
	p.linef("%s  %s", p.bold(clean(r.Text)), word)
	if r.Reason != "" {
		p.linef("  %s", clean(r.Reason))
	}
	shown := r.Violations
	if !p.o.All && len(shown) > mostRows {
		shown = shown[:mostRows]
	}
	for i := range shown {
		v := &shown[i]
		p.linef("  %s", says(v))
		for n, h := range v.Path {
			p.hop(n+1, h)
		}
	}
	if n := len(r.Violations) - len(shown) + r.More; n > 0 {
		p.linef("  %s", p.dim(fmt.Sprintf("… and %d more (--all shows up to %d)", n, len(r.Violations))))
	}
}

// source finds the policy that decides a violation: of its last hop whose rule
// is in the input.
func (a *Check) source(v *intent.Violation) (segment.RuleRef, estate.Source, bool) {
	for i := len(v.Path) - 1; i >= 0; i-- {
		by := v.Path[i].AllowedBy
		for j := len(by) - 1; j >= 0; j-- {
			if s, ok := a.Sources[segment.PolicyRef{Kind: by[j].Kind, Cluster: by[j].Cluster, Namespace: by[j].Namespace, Name: by[j].Name}]; ok {
				return by[j], s, true
			}
		}
	}
	return segment.RuleRef{}, estate.Source{}, false
}

func checkSARIF(w io.Writer, a *Check, o Options) error {
	run := newRun(o)
	index := map[string]int{}
	for i := range a.Rules {
		r := &a.Rules[i]
		id := run.rule(index, r.ID, func() sarifRule { return sarifRule{ID: r.ID, ShortDescription: sarifText{r.Text}} })
		own := inFile(a.RulesFile, r.Line)
		if r.Outcome == intent.Empty {
			run.Results = append(run.Results, sarifResult{RuleID: r.ID, RuleIndex: id, Level: "error", Message: sarifText{r.Reason},
				Locations: []sarifLocation{own}, PartialFingerprints: map[string]string{"cofferdam/v1": r.ID + " empty"}})
		}
		for j := range r.Violations {
			v := &r.Violations[j]
			at, text := own, says(v)
			if ref, s, ok := a.source(v); ok {
				at = inFile(s.File, s.Line, sarifLogical{FullyQualifiedName: rule(ref), Kind: "object"})
				text += ", by " + rule(ref)
			}
			level := "error"
			if v.Verdict == segment.Unknown {
				level = "warning"
			}
			run.Results = append(run.Results, sarifResult{RuleID: r.ID, RuleIndex: id, Level: level, Message: sarifText{text},
				Locations: []sarifLocation{at}, PartialFingerprints: map[string]string{"cofferdam/v1": r.ID + " " + v.From.String() + " " + v.To.String()}})
		}
		if r.More > 0 {
			run.incomplete(fmt.Sprintf("%s: %d more violations are not listed", r.ID, r.More), own)
		}
	}
	return run.write(w)
}

func checkJUnit(w io.Writer, a *Check, _ Options) error {
	s := junitSuite{Name: a.RulesFile}
	for i := range a.Rules {
		r := &a.Rules[i]
		c := junitCase{Name: r.ID + ": " + r.Text}
		text := r.Reason
		for j := range r.Violations {
			if j > 0 {
				text += "; "
			}
			text += says(&r.Violations[j])
		}
		switch r.Outcome {
		case intent.Fails, intent.Empty:
			c.Failure = &junitFailure{Message: text, Type: string(r.Outcome)}
		case intent.Unknown:
			c.Error = &junitFailure{Message: text, Type: string(r.Outcome)}
		}
		s.add(c)
	}
	return junitSuites{Suites: []junitSuite{s}}.write(w)
}
