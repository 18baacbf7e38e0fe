package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/cofferdam-io/cofferdam/policy"
)

// Simulation is the answer of `policy simulate`.
type Simulation struct {
	SchemaVersion string            `json:"schemaVersion"`
	Denied        int               `json:"denied"`     // images, by the policies' modes as they are written
	WouldDeny     int               `json:"wouldDeny"`  // images, if every policy enforced
	NotChecked    int               `json:"notChecked"` // images of which not everything is known
	Ungoverned    int               `json:"ungoverned"` // images that no policy is about
	Policies      []SimulatedPolicy `json:"policies"`
	Images        []SimulatedImage  `json:"images"`
}

// SimulatedPolicy is what one policy did.
type SimulatedPolicy struct {
	Policy  string          `json:"policy"`
	Mode    policy.Mode     `json:"mode"`
	Images  int             `json:"images"`  // that it governs
	Refuses int             `json:"refuses"` // of them, whatever its mode
	Rules   []SimulatedRule `json:"rules"`
}

// SimulatedRule counts what one rule came to.
type SimulatedRule struct {
	Rule         string `json:"rule"`
	Passed       int    `json:"passed"`
	Failed       int    `json:"failed"`
	Excepted     int    `json:"excepted"`
	NotEvaluated int    `json:"notEvaluated"`
	// Only counts the images that nothing but this rule refuses.
	Only int `json:"only"`
}

// SimulatedImage is what policies make of one image; Verdict is nil where it cannot be read.
type SimulatedImage struct {
	Image   string          `json:"image"`
	Verdict *policy.Verdict `json:"verdict,omitempty"`
	Error   string          `json:"error,omitempty"`
}

// Add enters the verdict of an image.
func (a *Simulation) Add(image string, v policy.Verdict) {
	a.Images = append(a.Images, SimulatedImage{Image: image, Verdict: &v})
}

// Unread enters an image that cannot be read.
func (a *Simulation) Unread(image string, err error) {
	a.Images = append(a.Images, SimulatedImage{Image: image, Error: err.Error()})
}

// Count adds up what the images came to.
func (a *Simulation) Count() {
	for _, i := range a.Images {
		if i.Verdict == nil {
			a.NotChecked++
			continue
		}
		if i.Verdict.Indeterminate {
			a.NotChecked++
		}
		if i.Verdict.Decision == policy.Deny {
			a.Denied++
		}
		if i.Verdict.Ungoverned {
			a.Ungoverned++
			continue
		}
		var refusing []*SimulatedRule
		for _, j := range i.Verdict.Policies {
			if broken := a.policy(j).add(j); len(broken) > 0 {
				refusing = append(refusing, broken...)
			}
		}
		if len(refusing) > 0 {
			a.WouldDeny++
		}
		if len(refusing) == 1 {
			refusing[0].Only++
		}
	}
	slices.SortStableFunc(a.Policies, func(x, y SimulatedPolicy) int { return cmp.Compare(y.Refuses, x.Refuses) })
}

// policy finds the counts of a policy, whose judgements all have the same rules. Two of
// one name, which may be of different kinds, have others.
func (a *Simulation) policy(j policy.Judgement) *SimulatedPolicy {
	for i := range a.Policies {
		p := &a.Policies[i]
		if p.Policy == j.Policy && slices.EqualFunc(p.Rules, j.Rules, func(c SimulatedRule, r policy.RuleVerdict) bool { return c.Rule == r.Rule }) {
			return p
		}
	}
	p := SimulatedPolicy{Policy: j.Policy, Mode: j.Mode, Rules: make([]SimulatedRule, len(j.Rules))}
	for i, r := range j.Rules {
		p.Rules[i].Rule = r.Rule
	}
	a.Policies = append(a.Policies, p)
	return &a.Policies[len(a.Policies)-1]
}

// add counts one judgement, and returns the rules that refuse.
func (p *SimulatedPolicy) add(j policy.Judgement) []*SimulatedRule {
	p.Images++
	var refusing []*SimulatedRule
	for i, r := range j.Rules {
		c := &p.Rules[i]
		switch r.Result {
		case policy.Held:
			c.Passed++
		case policy.Excused:
			c.Excepted++
		case policy.Undecided:
			c.NotEvaluated++
			refusing = append(refusing, c)
		default:
			c.Failed++
			refusing = append(refusing, c)
		}
	}
	if len(refusing) > 0 {
		p.Refuses++
	}
	return refusing
}

func simulationTable(w io.Writer, a *Simulation, o Options) error {
	p := newPrinter(w, o)
	p.linef("%s", p.bold(fmt.Sprintf("%d of %s would be denied, %d if every policy enforced; %d not checked, %d that no policy governs", a.Denied, plural(len(a.Images), "image"), a.WouldDeny, a.NotChecked, a.Ungoverned)))
	for _, s := range a.Policies {
		p.blank()
		p.linef("policy %s (%s): refuses %d of %d", clean(s.Policy), s.Mode, s.Refuses, s.Images)
		for _, r := range s.Rules {
			line := fmt.Sprintf("  %s: %d passed, %d failed", clean(r.Rule), r.Passed, r.Failed)
			if r.Excepted > 0 {
				line += fmt.Sprintf(", %d excepted", r.Excepted)
			}
			if r.NotEvaluated > 0 {
				line += fmt.Sprintf(", %d not evaluated", r.NotEvaluated)
			}
			if r.Only > 0 {
				line += fmt.Sprintf("; alone refuses %d", r.Only)
			}
			p.linef("%s", line)
		}
	}
	shown := 0
	for _, i := range a.Images {
		if i.Verdict != nil && i.Verdict.Decision == policy.Pass {
			continue
		}
		if shown == 0 {
			p.blank()
		}
		if shown++; shown > mostRows && !o.All {
			continue
		}
		word := p.yellow("not checked")
		if i.Verdict != nil {
			word = p.red(string(i.Verdict.Decision))
		}
		line := fmt.Sprintf("%s  %s", word, clean(i.Image))
		if i.Error != "" {
			line += ": " + clean(i.Error)
		}
		p.linef("%s", line)
	}
	if shown > mostRows && !o.All {
		p.linef("%d more; --all shows them", shown-mostRows)
	}
	return p.done()
}
