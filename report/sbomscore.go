package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report/html"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
)

// Scores is the answer of `sbom score`.
type Scores struct {
	SchemaVersion string             `json:"schemaVersion"`
	At            string             `json:"at,omitempty"` // when they were judged, RFC 3339
	Documents     []quality.Report   `json:"documents"`
	Gate          *ScoreGate         `json:"gate,omitempty"`
	Coverage      inventory.Coverage `json:"coverage"`
}

// ScoreGate is what --min and a policy made of the scores.
type ScoreGate struct {
	Min     float64 `json:"min,omitempty"`
	Below   int     `json:"below"`   // documents with a lower score
	Refused int     `json:"refused"` // documents that the policy refuses
	Failed  bool    `json:"failed"`
}

// Judge holds the scores against a minimum, 0 for none, and the policy's refusals.
func (a *Scores) Judge(least float64) {
	g := &ScoreGate{Min: least}
	for i := range a.Documents {
		if a.Documents[i].Score < least {
			g.Below++
		}
		if a.Documents[i].Policy.Refused {
			g.Refused++
		}
	}
	g.Failed = g.Below+g.Refused > 0
	a.Gate = g
}

// words say what stands behind the gate's verdict.
func (g *ScoreGate) words() string {
	text := fmt.Sprintf("%d refused by the policy", g.Refused)
	if g.Min > 0 {
		text = fmt.Sprintf("%d below %g, ", g.Below, g.Min) + text
	}
	return text
}

func scoresHTML(w io.Writer, a *Scores, o Options) error {
	var gate *html.ScoresGate
	if a.Gate != nil {
		gate = &html.ScoresGate{Failed: a.Gate.Failed, Text: a.Gate.words()}
	}
	return html.Scores(w, a.Documents, gate, a.At, a.Coverage.Quarantined, html.Options{ToolName: o.Tool.Name, ToolVersion: o.Tool.Version})
}

// ShownScores is how many documents a table looks into; of the others it has a row.
const ShownScores = 3

// scoresJSON writes what JSON would, a document at a time: the places of a thousand documents
// are more text than one wants to hold twice.
func scoresJSON(w io.Writer, a *Scores, _ Options) error {
	if len(a.Documents) == 0 {
		return JSON(w, a)
	}
	rest := *a
	rest.Documents = nil
	return streamed(w, rest, "documents", func(b *bufio.Writer, next func()) error {
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		enc.SetIndent("    ", "  ")
		for i := range a.Documents {
			text.Reset()
			if err := enc.Encode(&a.Documents[i]); err != nil {
				return err
			}
			next()
			if _, err := b.Write(bytes.TrimSuffix(text.Bytes(), []byte("\n"))); err != nil {
				return err
			}
		}
		return nil
	})
}

func scoresTable(w io.Writer, a *Scores, o Options) error {
	p := newPrinter(w, o)
	if len(a.Documents) > 1 {
		p.scoreList(a)
	}
	for i := range a.Documents {
		if len(a.Documents) > 1 {
			if i >= ShownScores && !o.All {
				p.blank()
				p.linef("%s", p.dim(fmt.Sprintf("… and %d more documents (--all)", len(a.Documents)-i)))
				break
			}
			p.blank()
		}
		p.score(&a.Documents[i], o)
	}
	if g := a.Gate; g != nil {
		p.blank()
		word := p.green("PASSED")
		if g.Failed {
			word = p.red("FAILED")
		}
		p.linef("%s  %s", word, g.words())
	}
	if n := a.Coverage.Quarantined; n > 0 {
		p.linef("%s", p.yellow(plural(n, "input")+" could not be read and was not judged"))
	}
	return p.done()
}

func (p *printer) scoreList(a *Scores) {
	rows := make([][]string, 0, len(a.Documents))
	for i := range a.Documents {
		d := &a.Documents[i]
		rows = append(rows, []string{d.Grade, fmt.Sprintf("%.1f", d.Score), clean(d.File), clean(d.Name), fmt.Sprint(d.Components)})
	}
	p.table([]column{{"GRADE", 0}, {"SCORE", 0}, {"DOCUMENT", 24}, {"ABOUT", 18}, {"COMPONENTS", 0}}, rows)
}

func (p *printer) score(d *quality.Report, o Options) {
	p.linef("%s  %s  %s", p.grade(d.Grade, d.Score), p.bold(clean(d.File)), p.dim(clean(fmt.Sprintf("%s %s, %s", d.Format, d.SpecVersion, plural(d.Components, "component")))))
	rows := [][]string{}
	for i := range d.Profiles {
		r := &d.Profiles[i]
		rows = append(rows, []string{clean(r.ID), clean(r.Grade), fmt.Sprintf("%.1f", r.Score), r.Conforms, clean(r.Version)})
	}
	if len(rows) > 0 {
		p.table([]column{{"PROFILE", 0}, {"GRADE", 0}, {"SCORE", 0}, {"CONFORMS", 0}, {"VERSION", 18}}, rows)
	}
	for i := range d.Profiles {
		p.elements(&d.Profiles[i], o)
	}
	if c := d.Policy.Checks; len(c) > 0 {
		p.heading("Policy "+clean(d.Policy.Name), len(c), "")
		rows := [][]string{}
		for _, f := range c {
			first := ""
			if len(f.Findings) > 0 {
				first = pointer(f.Findings[0].Pointer) + " " + f.Findings[0].Message
			}
			rows = append(rows, []string{string(f.Level), clean(f.ID), fmt.Sprint(f.Places), clean(f.Title), clean(first)})
		}
		p.table([]column{{"LEVEL", 0}, {"CHECK", 0}, {"PLACES", 0}, {"WHAT", 24}, {"FIRST", 24}}, rows)
	}
	s := &d.Signals
	since := ""
	if s.UnresolvedSince != "" {
		since = ", the oldest since " + s.UnresolvedSince[:len("2006-01-02")]
	}
	p.linef("%s", p.dim(clean(fmt.Sprintf("%s of the operating system, %d of languages; dependencies recorded: %d, transitive: %s; licences not asserted: %d%s",
		plural(s.OSPackages, "package"), s.LanguagePackages, s.Dependencies, s.Transitive, s.Unresolved, since))))
}

func (p *printer) grade(grade string, score float64) string {
	text := clean(fmt.Sprintf("%s %.1f", grade, score))
	switch grade {
	case "A", "B":
		return p.green(text)
	case "C", "D":
		return p.yellow(text)
	}
	return p.red(text)
}

// elements lists what a profile misses.
func (p *printer) elements(r *quality.ProfileResult, o Options) {
	rows, all := [][]string{}, 0
	for i := range r.Elements {
		e := &r.Elements[i]
		if e.Level == quality.Practice || e.Outcome == quality.Present {
			continue
		}
		all++
		if len(rows) == mostRows && !o.All {
			continue
		}
		first := ""
		if len(e.Findings) > 0 {
			f := e.Findings[0]
			if first = pointer(f.Pointer); f.Says != "" {
				first += " " + f.Says
			}
		}
		rows = append(rows, []string{e.Outcome.String(), clean(e.Title), string(e.Level), fmt.Sprintf("%d/%d", e.Present, e.Present+e.Declared+e.Absent+e.NotExamined), clean(first)})
	}
	if all == 0 {
		return
	}
	p.heading(clean(r.ID), all, "elements that are not present everywhere")
	p.table([]column{{"OUTCOME", 0}, {"ELEMENT", 20}, {"LEVEL", 0}, {"PRESENT", 0}, {"FIRST PLACE", 24}}, rows)
}

func scoresJUnit(w io.Writer, a *Scores, _ Options) error {
	var out junitSuites
	for i := range a.Documents {
		d := &a.Documents[i]
		for n := range d.Profiles {
			r := &d.Profiles[n]
			s := junitSuite{Name: clean(d.File + " " + r.ID)}
			for _, e := range r.Elements {
				if e.Level == quality.Practice {
					continue
				}
				c := junitCase{Name: clean(e.ID)}
				text := fmt.Sprintf("%s (%s): present %d, declared %d, absent %d", e.Title, e.Level, e.Present, e.Declared, e.Absent)
				if len(e.Findings) > 0 {
					text += ", first at " + pointer(e.Findings[0].Pointer)
				}
				switch {
				case e.Outcome == quality.NotExamined:
					c.Error = &junitFailure{Message: clean(text) + ": not examined", Type: "not examined"}
				case e.Outcome == quality.Absent && e.Level == quality.Required:
					c.Failure = &junitFailure{Message: clean(text), Type: "absent"}
				case e.Outcome != quality.Present:
					c.SystemOut = clean(text)
				}
				s.add(c)
			}
			out.Suites = append(out.Suites, s)
		}
		s := junitSuite{Name: clean(d.File + " policy " + d.Policy.Name)}
		for _, c := range d.Policy.Checks {
			one := junitCase{Name: clean(c.ID), SystemOut: clean(fmt.Sprintf("%s: %d places", c.Title, c.Places))}
			if c.Level == quality.Refuse {
				one.Failure = &junitFailure{Message: clean(fmt.Sprintf("%s: %d places, first at %s", c.Title, c.Places, pointer(c.Findings[0].Pointer))), Type: "refused"}
			}
			s.add(one)
		}
		if a.Gate != nil && a.Gate.Min > 0 {
			one := junitCase{Name: fmt.Sprintf("score of at least %g", a.Gate.Min)}
			if d.Score < a.Gate.Min {
				one.Failure = &junitFailure{Message: fmt.Sprintf("the score is %.1f", d.Score), Type: "score"}
			}
			s.add(one)
		}
		if s.Tests > 0 {
			out.Suites = append(out.Suites, s)
		}
	}
	out.unread(a.Coverage.Quarantined)
	return out.write(w)
}

// unread adds a suite with an error where inputs could not be read.
func (o *junitSuites) unread(n int) {
	if n > 0 {
		s := junitSuite{Name: "inputs"}
		s.add(junitCase{Name: "everything was read", Error: &junitFailure{Message: plural(n, "input") + " could not be read", Type: "quarantined"}})
		o.Suites = append(o.Suites, s)
	}
}

// scoresSARIF writes a rule for each element and check, and a result for each place.
func scoresSARIF(w io.Writer, a *Scores, o Options) error {
	run := newRun(o)
	index := map[string]int{}
	for i := range a.Documents {
		d := &a.Documents[i]
		add := func(id, title, help, level, at, text string) {
			n := run.rule(index, id, func() sarifRule {
				r := sarifRule{ID: id, ShortDescription: sarifText{title}}
				if help != "" {
					r.Help = &sarifText{help}
				}
				return r
			})
			at = pointer(at)
			run.Results = append(run.Results, sarifResult{RuleID: id, RuleIndex: n, Level: level, Message: sarifText{at + " " + text},
				Locations:           []sarifLocation{inFile(d.File, 0, sarifLogical{FullyQualifiedName: at, Kind: "value"})},
				PartialFingerprints: map[string]string{"cofferdam/v1": d.File + " " + at + " " + id}})
		}
		for n := range d.Profiles {
			r := &d.Profiles[n]
			for _, e := range r.Elements {
				level := "note"
				if e.Level == quality.Required {
					level = "warning"
				}
				for _, f := range e.Findings {
					text := e.Title + ": " + f.Outcome.String()
					if f.Component != "" {
						text = f.Component + ": " + text
					}
					if f.Says != "" {
						text += ", " + f.Says
					}
					add(r.ID+"/"+e.ID, r.Title+", "+e.Section+": "+e.Title, e.How, level, f.Pointer, text)
				}
				if e.Unlisted > 0 {
					run.remark(fmt.Sprintf("%s: %s/%s at %d more places", d.File, r.ID, e.ID, e.Unlisted))
				}
			}
		}
		for _, c := range d.Policy.Checks {
			level := "warning"
			if c.Level == quality.Refuse {
				level = "error"
			}
			for _, f := range c.Findings {
				add(c.ID, c.Title, "", level, f.Pointer, f.Component+": "+f.Message)
			}
			if c.Unlisted > 0 {
				run.remark(fmt.Sprintf("%s: %s at %d more places", d.File, c.ID, c.Unlisted))
			}
		}
	}
	if n := a.Coverage.Quarantined; n > 0 {
		run.incomplete(plural(n, "input") + " could not be read and was not judged")
	}
	return run.write(w)
}
