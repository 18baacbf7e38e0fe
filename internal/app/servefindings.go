package app

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
)

// findingsConfig says until when vulnerabilities are to be gone from what runs, and who accepts
// those that stay.
type findingsConfig struct {
	// DeadlineDays are days by severity, and of "exploited".
	DeadlineDays map[string]float64 `json:"deadlineDays"`
	// Approval is true where an acceptance counts once a second person has approved it.
	Approval bool `json:"approval"`
}

// exploitedWord is the deadline of what is known to be exploited, whatever its severity.
const exploitedWord = "exploited"

// deadlines checks the configuration; nil where there are none.
func (f *findingsConfig) deadlines() (*catalog.Deadlines, error) {
	if len(f.DeadlineDays) == 0 {
		return nil, nil //nolint:nilnil // no deadlines
	}
	out := &catalog.Deadlines{Severity: map[ident.Severity]time.Duration{}}
	for _, word := range slices.Sorted(maps.Keys(f.DeadlineDays)) {
		days := f.DeadlineDays[word]
		if !(days > 0 && days <= mostDays) {
			return nil, ident.Errorf(ident.KindUsage, "findings.deadlineDays.%.40s is %g: a number of days above 0, or left out", word, days)
		}
		d := time.Duration(days * float64(24*time.Hour))
		if word == exploitedWord {
			out.Exploited = d
			continue
		}
		s, ok := ident.ParseSeverity(word)
		if !ok {
			return nil, ident.Errorf(ident.KindUsage, "findings.deadlineDays: %.40q is no severity", word).WithHint("critical, high, medium, low, none, unknown, or %s", exploitedWord)
		}
		out.Severity[s] = d
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
