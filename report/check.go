package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

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

	// Places finds what a violation is about in the input.
	Places Places `json:"-"`
}

// CheckedRule is one rule and what became of it.
type CheckedRule struct {
	ID         string             `json:"id"`
	Line       int                `json:"line"`
	Column     int                `json:"column"`
	Text       string             `json:"text"`
	Severity   intent.Severity    `json:"severity"`
	Outcome    intent.Outcome     `json:"outcome"`
	Reason     string             `json:"reason,omitempty"`
	Violations []intent.Violation `json:"violations"`
	More       int                `json:"moreViolations,omitempty"`

	named        bool // ID is a name, and no line
	reasonColumn int  // of what Reason is about
}

// NewCheck brings results into the form of the answer.
func NewCheck(file string, results []intent.Result, unknowns []inventory.Unknown, c inventory.Coverage, places Places) *Check {
	a := &Check{SchemaVersion: inventory.SchemaVersion, RulesFile: file, Rules: []CheckedRule{}, Unknowns: unknowns, Coverage: c, Places: places}
	for _, r := range results {
		x := CheckedRule{ID: r.Rule.ID, Line: r.Rule.Line, Column: r.Rule.Column, Text: r.Rule.Text, Severity: r.Rule.Severity, Outcome: r.Outcome,
			Reason: r.Reason, Violations: r.Violations, More: r.More, named: r.Rule.Named, reasonColumn: r.Column}
		if x.Violations == nil {
			x.Violations = []intent.Violation{}
		}
		a.Rules = append(a.Rules, x)
	}
	return a
}

// Failed counts the rules that do not hold, and those of which it is not known.
// Those that do not hold and are no errors are told apart.
func (a *Check) Failed() (failed, told, unknown int) {
	for i := range a.Rules {
		switch a.Rules[i].Outcome {
		case intent.Fails, intent.Empty:
			if a.Rules[i].Severity == intent.Error {
				failed++
			} else {
				told++
			}
		case intent.Unknown:
			unknown++
		}
	}
	return failed, told, unknown
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
	failed, told, unknown := a.Failed()
	switch {
	case failed > 0:
		p.linef("%s  %d of %s", p.red("FAILED"), failed, plural(len(a.Rules), "rule"))
	case unknown > 0:
		p.linef("%s  %d of %s", p.yellow("UNKNOWN"), unknown, plural(len(a.Rules), "rule"))
	case told > 0:
		p.linef("%s  %d of %s, none of them an error", p.yellow("BROKEN"), told, plural(len(a.Rules), "rule"))
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
	if r.Severity != intent.Error && r.Outcome != intent.Holds {
		word += " (" + string(r.Severity) + ")"
	}
	p.blank()
	p.linef("%s  %s", p.bold(clean(r.Text)), word)
	if r.Reason != "" {
		p.linef("  %s", clean(r.Reason))
	}
	shown := r.Violations
	if !p.o.All && len(shown) > mostRows {
		shown = shown[:mostRows]
	}
	said := ""
	for i := range shown {
		v := &shown[i]
		s := says(v)
		if s == said { // the internet is two blocks, one of each address family
			continue
		}
		said = s
		p.linef("  %s", s)
		for n, h := range v.Path {
			p.hop(n+1, h)
		}
	}
	if n := len(r.Violations) - len(shown) + r.More; n > 0 {
		p.linef("  %s", p.dim(fmt.Sprintf("… and %d more (--all shows up to %d)", n, len(r.Violations))))
	}
}

// level is that of a result: of the rule where it is broken for certain, one less
// where it may be.
func (r *CheckedRule) level(v segment.Verdict) string {
	switch {
	case v != segment.Unknown:
		return string(r.Severity)
	case r.Severity == intent.Error:
		return string(intent.Warning)
	}
	return string(intent.Note)
}

// place of a rule in its file, from a column on.
func (a *Check) place(r *CheckedRule, column int) sarifLocation {
	at := inFile(a.RulesFile, r.Line)
	if column > 0 && at.PhysicalLocation.Region != nil {
		at.PhysicalLocation.Region.StartColumn = column
		at.PhysicalLocation.Region.EndColumn = r.Column + utf8.RuneCountInString(r.Text)
	}
	return at
}

func checkSARIF(w io.Writer, a *Check, o Options) error {
	run := newRun(o)
	index := map[string]int{}
	for i := range a.Rules {
		r := &a.Rules[i]
		// Lines move; a name or the text stays, and with it what a page knows of it.
		id := r.ID
		if !r.named {
			id = r.Text
		}
		at := run.rule(index, id, func() sarifRule {
			return sarifRule{ID: id, ShortDescription: sarifText{r.Text}, FullDescription: &sarifText{"What is meant: " + r.Text},
				Help: &sarifText{"Change the policy that is named, or the rule in " + a.RulesFile + " if the connection is meant. " +
					"`cofferdam reach why FROM TO` explains any connection."},
				Default:    &sarifDefault{string(r.Severity)},
				Properties: map[string]any{"tags": []string{"security", "network-policy"}}}
		})
		own := a.place(r, r.Column)
		if r.Outcome == intent.Empty {
			run.Results = append(run.Results, sarifResult{RuleID: id, RuleIndex: at, Level: string(r.Severity), Message: sarifText{r.Reason},
				Locations: []sarifLocation{a.place(r, r.reasonColumn)}, PartialFingerprints: map[string]string{"cofferdam/v1": id + " empty"}})
		}
		for j := range r.Violations {
			res := a.result(r, &r.Violations[j], own)
			res.RuleID, res.RuleIndex = id, at
			res.PartialFingerprints = map[string]string{"cofferdam/v1": id + " " + fingerprint(&r.Violations[j])}
			run.Results = append(run.Results, res)
		}
		if r.More > 0 {
			run.incomplete(fmt.Sprintf("%s: %d more violations are not listed", r.ID, r.More), own)
		}
	}
	if n := a.Coverage.Quarantined; n > 0 {
		run.incomplete(plural(n, "input") + " could not be read and was not judged")
	}
	return run.write(w)
}

// fingerprint tells a violation from the others of its rule, whatever else changes.
func fingerprint(v *intent.Violation) string {
	s := v.From.String() + " " + v.To.String()
	if v.Missing {
		s += " missing"
	}
	if v.Verdict == segment.Unknown {
		s += " unknown"
	}
	return s
}

// result is a violation at the policy that decides its last step that one decides,
// else at the workload that none protects, else at the rule itself. The rule is
// related to it, and a way of several steps is one that a page can walk.
func (a *Check) result(r *CheckedRule, v *intent.Violation, own sarifLocation) sarifResult {
	res := sarifResult{Level: r.level(v.Verdict), Locations: []sarifLocation{own}}
	text := bracketed(says(v))
	var steps []sarifStep
	named := false
	for i := len(v.Path) - 1; i >= 0; i-- {
		h := &v.Path[i]
		at, by, ok := a.Places.hop(h)
		if !ok {
			at = own
		}
		if ok && (i == len(v.Path)-1 || by != "" && !named) {
			res.Locations[0] = at
			named = by != ""
		}
		step := at
		step.Message = &sarifText{strings.TrimSuffix(fmt.Sprintf("%s → %s on %s, by %s", who(h.From), who(h.To), ports(h.Connections), by), ", by ")}
		steps = append(steps, sarifStep{step})
	}
	slices.Reverse(steps)
	if len(steps) > 1 {
		res.CodeFlows = []sarifCodeFlow{{[]sarifThreadFlow{{steps}}}}
	}
	if len(res.Locations[0].LogicalLocations) > 0 && named {
		text += ", by " + bracketed(res.Locations[0].LogicalLocations[0].FullyQualifiedName)
	}
	if res.Locations[0].PhysicalLocation != own.PhysicalLocation {
		related := own
		related.ID, related.Message = 1, &sarifText{"the rule"}
		res.RelatedLocations = []sarifLocation{related}
		text += "; [the rule](1): " + bracketed(r.Text)
	}
	res.Message = sarifText{text}
	return res
}

// bracketed escapes what SARIF reads as the beginning of a link (3.11.6).
func bracketed(s string) string { return strings.NewReplacer("[", "\\[", "]", "\\]").Replace(s) }

func checkJUnit(w io.Writer, a *Check, _ Options) error {
	s := junitSuite{Name: a.RulesFile}
	for i := range a.Rules {
		r := &a.Rules[i]
		c := junitCase{Name: r.ID + ": " + r.Text}
		text, said := r.Reason, ""
		for j := range r.Violations {
			if s := says(&r.Violations[j]); s != said {
				if text != "" {
					text += "; "
				}
				text, said = text+s, s
			}
		}
		switch {
		case r.Outcome == intent.Holds:
		case r.Severity != intent.Error:
			c.SystemOut = string(r.Severity) + ": " + text
		case r.Outcome == intent.Fails, r.Outcome == intent.Empty:
			c.Failure = &junitFailure{Message: text, Type: string(r.Outcome)}
		default:
			c.Error = &junitFailure{Message: text, Type: string(r.Outcome)}
		}
		s.add(c)
	}
	return junitSuites{Suites: []junitSuite{s}}.write(w)
}
