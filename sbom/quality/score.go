package quality

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// declaredWorth is what an element counts that is declared unknown, of one that is
// present: to say so is what the rules ask for, and it is no data.
const declaredWorth = 0.5

// DefaultFindings is how many places of one element are listed.
const DefaultFindings = 20

// Options of Score.
type Options struct {
	Profiles []*Profile // nil: all
	Policy   *Policy    // nil: DefaultPolicy
	At       time.Time  // for ages; zero: ages are not known
	Findings int        // places listed of each element and check; 0: DefaultFindings, below 0: all
	Signed   bool       // the caller has verified a signature of the author over the document
	// Earlier are documents of the same artifact or product: what no licence is asserted of
	// is so since the first of them from which on no one asserts it.
	Earlier []*sbom.Document
}

// Report is what was found of one document.
type Report struct {
	File        string          `json:"file,omitempty"`
	Digest      ident.Digest    `json:"digest"`
	Name        string          `json:"name,omitempty"` // what the document is about
	Format      string          `json:"format"`
	SpecVersion string          `json:"specVersion,omitempty"`
	Encoding    string          `json:"encoding,omitempty"`
	Components  int             `json:"components"` // that were judged: those listed, and what the document is about
	Score       float64         `json:"score"`      // the mean of the profiles'
	Grade       string          `json:"grade"`
	Profiles    []ProfileResult `json:"profiles"`
	Policy      PolicyResult    `json:"policy"`
	Signals     Signals         `json:"signals"`
}

// ProfileResult is what was found by one profile.
type ProfileResult struct {
	ID       string  `json:"id"`
	Title    string  `json:"title"`
	Version  string  `json:"version"`
	Source   string  `json:"source"`
	Citation string  `json:"citation"`
	Score    float64 `json:"score"` // 0 to 100, one decimal
	Grade    string  `json:"grade"`
	// Conforms is "yes" where every required element is present or declared everywhere,
	// "no" where one is absent somewhere, "unknown" where one was not examined.
	Conforms string          `json:"conforms"`
	Elements []ElementResult `json:"elements"`
}

// ElementResult is what was found of one element.
type ElementResult struct {
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Section string  `json:"section"`
	Level   Level   `json:"level"`
	Applies Scope   `json:"applies"`
	How     string  `json:"how,omitempty"`
	Weight  int     `json:"weight"`
	Outcome Outcome `json:"outcome"` // the worst of all places
	// Counts of places: the document is one, or there is one for each component.
	Present     int       `json:"present"`
	Declared    int       `json:"declared"`
	Absent      int       `json:"absent"`
	NotExamined int       `json:"notExamined"`
	Score       float64   `json:"score"` // 0 to 100: what the places are worth
	Findings    []Finding `json:"findings,omitempty"`
	Unlisted    int       `json:"unlisted,omitempty"` // findings beyond those listed
}

// Finding is one place where an element is not present.
type Finding struct {
	Pointer   string  `json:"pointer"` // into the document: JSON pointer, XML path, "line N"; "" is the whole
	Component string  `json:"component,omitempty"`
	Outcome   Outcome `json:"outcome"`
	Says      string  `json:"says,omitempty"`
}

// Profile returns the result of a profile, nil where it was not asked for.
func (r *Report) Profile(id string) *ProfileResult {
	for i := range r.Profiles {
		if r.Profiles[i].ID == id {
			return &r.Profiles[i]
		}
	}
	return nil
}

// Shorten leaves of the report what a list of documents says: what it is of, score and grade,
// and whether the policy refuses it.
func (r *Report) Shorten() {
	r.Profiles, r.Policy.Checks, r.Signals = nil, nil, Signals{}
}

// Grade names a score: A from 90, B from 80, C from 70, D from 50, else F.
func Grade(score float64) string {
	for _, g := range []struct {
		least float64
		name  string
	}{{90, "A"}, {80, "B"}, {70, "C"}, {50, "D"}} {
		if score >= g.least {
			return g.name
		}
	}
	return "F"
}

// tally gathers one fact over all components.
type tally struct {
	counts [len(outcomeWords)]int
	found  []found
	listed []Finding // of found, once an element has asked: several profiles ask for the same
}

// found is a component at which a fact is not present; the subject is sbom.SubjectIndex.
type found struct {
	component int32
	outcome   Outcome
}

// Score judges a document. It should be decoded with details: what needs them is
// otherwise not examined, and says so.
func Score(d *sbom.Document, o Options) Report {
	if o.Profiles == nil {
		o.Profiles = Profiles()
	}
	if o.Policy == nil {
		o.Policy = DefaultPolicy()
	}
	if o.Findings == 0 {
		o.Findings = DefaultFindings
	}
	v := newView(d, o)
	v.licensed = newLicenseHistory(d, o.Earlier)
	s := &scorer{view: v, most: o.Findings}
	s.components()
	r := Report{File: d.File, Digest: d.Digest, Name: strings.Clone(d.Subject.Name), Format: string(d.Format), SpecVersion: d.SpecVersion,
		Encoding: string(d.Encoding), Components: s.judged, Profiles: make([]ProfileResult, 0, len(o.Profiles))}
	total := 0.0
	for _, p := range o.Profiles {
		res := s.profile(p)
		total += res.Score
		r.Profiles = append(r.Profiles, res)
	}
	if len(r.Profiles) > 0 {
		r.Score = tenth(total / float64(len(r.Profiles)))
	}
	r.Grade = Grade(r.Score)
	r.Signals = v.signals(o.At)
	r.Policy = o.Policy.judge(v, o)
	return r
}

type scorer struct {
	*view
	most    int // findings of one element
	judged  int
	tallies [facts]tally
	answers [lastDocumentFact + 1]*answer
}

// components judges each component once for all profiles.
func (s *scorer) components() {
	var r row
	one := func(c *sbom.Component, i int32) {
		s.judged++
		s.judge(c, i, &r)
		for n, o := range r {
			t := &s.tallies[lastDocumentFact+1+fact(n)] //nolint:gosec // a few dozen
			t.counts[o]++
			if o != Present && o != NotExamined && (s.most < 0 || len(t.found) < s.most) {
				t.found = append(t.found, found{i, o})
			}
		}
	}
	if c := s.subject(); c != nil {
		one(c, sbom.SubjectIndex)
	}
	for i := range s.d.Components {
		one(&s.d.Components[i], int32(i)) //nolint:gosec // decoders bound it
	}
}

// subject is what the document is about, where it describes it and does not list it
// among its components too.
func (v *view) subject() *sbom.Component {
	c := v.d.Subject.Component
	if c == nil {
		return nil
	}
	for i := range v.d.Components {
		if v.d.Components[i].Pointer == c.Pointer {
			return nil
		}
	}
	return c
}

func (v *view) component(i int32) *sbom.Component {
	if i == sbom.SubjectIndex {
		return v.d.Subject.Component
	}
	return &v.d.Components[i]
}

func (s *scorer) profile(p *Profile) ProfileResult {
	res := ProfileResult{ID: p.ID, Title: p.Title, Version: p.Version, Source: p.Source, Citation: p.Citation, Conforms: "yes", Elements: make([]ElementResult, 0, len(p.Elements))}
	got, of := 0.0, 0
	for i := range p.Elements {
		e := s.element(&p.Elements[i])
		if e.NotExamined == 0 || e.Present+e.Declared+e.Absent > 0 {
			got += e.Score * float64(e.Weight)
			of += e.Weight
		}
		if e.Level == Required {
			switch {
			case e.Absent > 0:
				res.Conforms = "no"
			case e.NotExamined > 0 && res.Conforms == "yes":
				res.Conforms = "unknown"
			}
		}
		res.Elements = append(res.Elements, e)
	}
	if of > 0 {
		res.Score = tenth(got / float64(of))
	}
	res.Grade = Grade(res.Score)
	return res
}

func (s *scorer) element(e *Element) ElementResult {
	r := ElementResult{ID: e.ID, Title: e.Title, Section: e.Section, Level: e.Level, Applies: e.Applies(), How: e.How, Weight: e.Level.weight()}
	if e.of <= lastDocumentFact {
		s.ofDocument(e, &r)
	} else {
		s.ofComponents(e, &r)
	}
	switch examined := r.Present + r.Declared + r.Absent; {
	case r.Absent > 0:
		r.Outcome = Absent
	case r.NotExamined > 0:
		r.Outcome = NotExamined
	case r.Declared > 0:
		r.Outcome = Declared
	case examined > 0:
		r.Outcome = Present
	default: // no component is listed: of what is asked nothing is there
		r.Outcome, r.Absent = Absent, 1
		r.Findings = []Finding{{Pointer: s.place(""), Outcome: Absent, Says: "no component is listed"}}
	}
	if examined := r.Present + r.Declared + r.Absent; examined > 0 {
		r.Score = tenth(100 * (float64(r.Present) + declaredWorth*float64(r.Declared)) / float64(examined))
	}
	return r
}

func (r *ElementResult) count(o Outcome, n int) {
	switch o {
	case Present:
		r.Present += n
	case Declared:
		r.Declared += n
	case Absent:
		r.Absent += n
	case NotExamined:
		r.NotExamined += n
	}
}

func (s *scorer) ofDocument(e *Element, r *ElementResult) {
	a := s.answers[e.of]
	if a == nil {
		found := s.document(e.of)
		a = &found
		s.answers[e.of] = a
	}
	r.count(a.outcome, 1)
	if a.outcome == Absent || a.outcome == Declared {
		r.Findings = []Finding{{Pointer: a.pointer, Outcome: a.outcome, Says: a.says}}
	}
}

func (s *scorer) ofComponents(e *Element, r *ElementResult) {
	t := &s.tallies[e.of]
	for o, n := range t.counts {
		r.count(Outcome(o), n) //nolint:gosec // four outcomes
	}
	if len(t.found) == 0 {
		return
	}
	if t.listed == nil {
		t.listed = make([]Finding, len(t.found))
		for n, f := range t.found {
			c := s.component(f.component)
			t.listed[n] = Finding{Pointer: s.pointer(c, e.of, f.outcome), Component: s.label(f.component), Outcome: f.outcome}
		}
	}
	r.Findings = slices.Clip(t.listed)
	r.Unlisted = r.Declared + r.Absent - len(t.found)
}

// label is how a person knows a component.
func label(c *sbom.Component) string {
	name := c.Name
	if c.Group != "" {
		name = c.Group + "/" + name
	}
	if c.Version != "" {
		name += "@" + c.Version
	}
	return name
}

// tenth rounds down to one decimal: what is not quite 100 must not read as 100.
func tenth(x float64) float64 { return math.Floor(x*10+1e-9) / 10 }
