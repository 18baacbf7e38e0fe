package app

import (
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// findingsConfig says until when vulnerabilities are to be gone from what runs, and who accepts
// those that stay.
type findingsConfig struct {
	// DeadlineDays are days by severity, and of "exploited".
	DeadlineDays map[string]float64 `json:"deadlineDays"`
	// Approval is true where an acceptance counts once a second person has approved it.
	Approval bool `json:"approval"`
	// EPSSSteps are the likelihoods of exploitation by which findings are told apart; nil:
	// those of usualSteps.
	EPSSSteps []float64 `json:"epssSteps"`
}

// usualSteps are one in ten and one in two.
var usualSteps = []float64{0.1, 0.5}

// mostSteps bounds findings.epssSteps: each that a score crosses is written down for every
// container.
const mostSteps = 8

// steps are the likelihoods by which findings are told apart, checked.
func (f *findingsConfig) steps() ([]float64, error) {
	if f.EPSSSteps == nil {
		return usualSteps, nil
	}
	for i, s := range f.EPSSSteps {
		if !(s > 0 && s <= 1) || i > 0 && s <= f.EPSSSteps[i-1] || i == mostSteps {
			return nil, ident.Errorf(ident.KindUsage, "findings.epssSteps: at most %d likelihoods above 0 and up to 1, each above the one before", mostSteps).WithHint("epssSteps: [0.1, 0.5], which is what is so without it")
		}
	}
	return f.EPSSSteps, nil
}

// likely checks a likelihood by which findings are selected.
func (f *findingsConfig) likely(epss float64) error {
	steps, err := f.steps()
	if err == nil && epss != 0 && !slices.Contains(steps, epss) {
		err = ident.Errorf(ident.KindUsage, "epss %g is none of findings.epssSteps, by which findings are told apart: %v", epss, steps)
	}
	return err
}

// deadlines checks the configuration; nil where there are none.
func (f *findingsConfig) deadlines() (*vuln.Deadlines, error) {
	if len(f.DeadlineDays) == 0 {
		return nil, nil //nolint:nilnil // no deadlines
	}
	out, err := vuln.DeadlinesOf(f.DeadlineDays)
	if err != nil {
		bad := ident.Errorf(ident.KindUsage, "findings.deadlineDays: %w", err)
		bad.Hint = hintOf(err)
		return nil, bad
	}
	return out, nil
}

// goalsConfig is what indicators are held against.
type goalsConfig struct {
	SBOMAgeDays float64  `json:"sbomAgeDays"`
	LicenseDays float64  `json:"licenseDays"`
	OwnImages   []string `json:"ownImages"` // the beginnings of the names of one's own images
}

func (g *goalsConfig) goals() (out catalog.Goals, err error) {
	for name, days := range map[string]float64{"sbomAgeDays": g.SBOMAgeDays, "licenseDays": g.LicenseDays} {
		if !(days >= 0 && days <= mostDays) {
			return out, ident.Errorf(ident.KindUsage, "goals.%s is %g: a number of days above 0, or left out", name, days)
		}
	}
	for _, own := range g.OwnImages {
		if !strings.Contains(own, "/") {
			return out, ident.Errorf(ident.KindUsage, "goals.ownImages: %.100q is the beginning of no image's name", own).WithHint("registry.example/shop/, with the registry and its slash")
		}
	}
	span := func(days float64) time.Duration { return time.Duration(days * float64(24*time.Hour)) }
	return catalog.Goals{SBOMAge: span(g.SBOMAgeDays), Licenses: span(g.LicenseDays), Own: g.OwnImages}, nil
}
