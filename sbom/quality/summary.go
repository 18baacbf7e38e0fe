package quality

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
)

// Summary is a report without its places, for catalogues and lists.
type Summary struct {
	Score      float64          `json:"score"`
	Grade      string           `json:"grade"`
	Profiles   []ProfileSummary `json:"profiles"`
	Refused    bool             `json:"refused,omitempty"`            // by the policy
	Faults     map[string]int   `json:"faults,omitempty"`             // places by check
	Unresolved int              `json:"unresolvedLicenses,omitempty"` // components of which no licence is asserted
}

// ProfileSummary is what was found by one profile. Elements that count are counted by
// their outcome.
type ProfileSummary struct {
	ID          string  `json:"id"`
	Score       float64 `json:"score"`
	Grade       string  `json:"grade"`
	Conforms    string  `json:"conforms"`
	Present     int     `json:"present"`
	Declared    int     `json:"declared"`
	Absent      int     `json:"absent"`
	NotExamined int     `json:"notExamined"`
	// Unmet are the elements that are absent somewhere, required and recommended ones, in
	// the order of the profile.
	Unmet []string `json:"unmet,omitempty"`
}

// Summary sums the report up.
func (r *Report) Summary() Summary {
	s := Summary{Score: r.Score, Grade: r.Grade, Refused: r.Policy.Refused, Unresolved: r.Signals.Unresolved, Profiles: make([]ProfileSummary, 0, len(r.Profiles))}
	for i := range r.Profiles {
		p := &r.Profiles[i]
		x := ProfileSummary{ID: p.ID, Score: p.Score, Grade: p.Grade, Conforms: p.Conforms}
		for j := range p.Elements {
			e := &p.Elements[j]
			if e.Weight == 0 {
				continue
			}
			switch e.Outcome {
			case Present:
				x.Present++
			case Declared:
				x.Declared++
			case NotExamined:
				x.NotExamined++
			case Absent:
				x.Absent++
				x.Unmet = append(x.Unmet, e.ID)
			}
		}
		s.Profiles = append(s.Profiles, x)
	}
	for _, c := range r.Policy.Checks {
		if s.Faults == nil {
			s.Faults = map[string]int{}
		}
		s.Faults[c.ID] = c.Places
	}
	return s
}

// Profile returns the summary of a profile, nil where it was not asked for.
func (s *Summary) Profile(id string) *ProfileSummary {
	for i := range s.Profiles {
		if s.Profiles[i].ID == id {
			return &s.Profiles[i]
		}
	}
	return nil
}

// judging counts the changes of how facts are found out, which the tables do not show:
// whoever changes an outcome adds one.
const judging = 1

// Revision names the rules that documents are judged by: the profiles, the checks and a
// policy (nil: DefaultPolicy). A score of another revision may be another one today.
func Revision(p *Policy) string {
	if p == nil {
		p = DefaultPolicy()
	}
	h := sha256.New()
	fmt.Fprintln(h, judging, p.Name)
	for _, x := range Profiles() {
		fmt.Fprintf(h, "%+v\n", *x)
	}
	for _, c := range checks {
		fmt.Fprintf(h, "%+v %+v\n", c, p.rule(c.ID))
	}
	fmt.Fprintln(h, p.acceptedWords())
	for _, id := range slices.Sorted(maps.Keys(hashLengths)) {
		fmt.Fprintln(h, id, hashLengths[id], weakHashes[id])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Ages reports whether what a policy says of a document can change as it grows older.
func (p *Policy) Ages() bool {
	r := p.rule(noassertionLicense)
	return r.MaxAge > 0 && r.Level != Off
}
