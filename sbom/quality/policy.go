package quality

import (
	"maps"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Severity is what a policy does about a fault.
type Severity string

// The severities.
const (
	Off    Severity = "off"
	Warn   Severity = "warn"
	Refuse Severity = "refuse"
)

// Policy says what is done about each check.
type Policy struct {
	Name   string
	Checks map[string]Rule // by the ID of a check; one that is not there is warned of
	// formats are accepted, of a policy that lists some; others are refused unless Checks say
	// otherwise.
	formats []acceptedFormat
}

// Rule is what a policy says of one check.
type Rule struct {
	Level Severity
	// MaxAge is how old the document may be before an unresolved licence counts, of the
	// check noassertion-license alone; 0: it counts at once.
	MaxAge time.Duration
}

// DefaultPolicy warns of everything and refuses nothing: the tools that most people
// use leave hashes and licences out, and refusing those would refuse nearly everything.
func DefaultPolicy() *Policy { return &Policy{Name: "default"} }

// maxPolicyBytes bounds a policy file: one that names every check has two kilobytes.
const maxPolicyBytes = 1 << 20

// policyFile is how a policy is written.
type policyFile struct {
	Kind    string          `json:"kind"`
	Name    string          `json:"name"`
	Formats []string        `json:"formats"`
	Checks  map[string]rule `json:"checks"`
}

type rule struct {
	Level      Severity `json:"level"`
	MaxAgeDays int      `json:"maxAgeDays"`
}

// UnmarshalJSON reads a severity alone, or an object with one. A bare off is YAML's
// word for false.
func (r *rule) UnmarshalJSON(raw []byte) error {
	if string(raw) == "false" {
		r.Level = Off
		return nil
	}
	if strings.HasPrefix(string(raw), `"`) {
		r.Level = Severity(strings.Trim(string(raw), `"`))
		return nil
	}
	type plain rule
	return yaml.UnmarshalStrict(raw, (*plain)(r))
}

// ParsePolicy reads a policy file: YAML or JSON, of kind SBOMQualityPolicy. A member,
// check or severity that is not known is an error: a policy with a typing error would
// refuse nothing.
func ParsePolicy(raw []byte) (*Policy, error) {
	if len(raw) > maxPolicyBytes {
		return nil, ident.Errorf(ident.KindLimit, "a policy of more than %d bytes", maxPolicyBytes)
	}
	var f policyFile
	if err := yaml.UnmarshalStrict(raw, &f); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the policy cannot be read: %w", err)
	}
	if f.Kind != "SBOMQualityPolicy" {
		return nil, ident.Errorf(ident.KindInvalid, "the policy is of kind %.40q, and kind SBOMQualityPolicy is wanted", f.Kind)
	}
	p := &Policy{Name: f.Name, Checks: make(map[string]Rule, len(f.Checks))}
	for _, id := range slices.Sorted(maps.Keys(f.Checks)) {
		r := f.Checks[id]
		if checkNamed(id) == nil {
			return nil, ident.Errorf(ident.KindInvalid, "the policy names a check %.60q, which there is not", id).WithHint("one of: %s", strings.Join(CheckIDs(), ", "))
		}
		switch r.Level {
		case Off, Warn, Refuse:
		default:
			return nil, ident.Errorf(ident.KindInvalid, "the policy says %.40q of %s", string(r.Level), id).WithHint("one of: off, warn, refuse")
		}
		if r.MaxAgeDays != 0 && (id != noassertionLicense || r.MaxAgeDays < 0 || r.MaxAgeDays > maxAgeDays) {
			return nil, ident.Errorf(ident.KindInvalid, "maxAgeDays of %s is not understood", id).WithHint("it belongs to %s, and is between 1 and %d", noassertionLicense, maxAgeDays)
		}
		p.Checks[id] = Rule{Level: r.Level, MaxAge: time.Duration(r.MaxAgeDays) * 24 * time.Hour}
	}
	var err error
	if p.formats, err = parseFormats(f.Formats); err != nil {
		return nil, err
	}
	if _, said := p.Checks[unacceptedFormat]; !said && len(p.formats) > 0 {
		p.Checks[unacceptedFormat] = Rule{Level: Refuse} // who lists what is accepted means it
	}
	if p.Name == "" {
		p.Name = "unnamed"
	}
	return p, nil
}

// maxAgeDays is a century: what is beyond is a typing error, and would overflow.
const maxAgeDays = 36_500

func (p *Policy) rule(id string) Rule {
	r, ok := p.Checks[id]
	if !ok {
		r.Level = Warn
	}
	return r
}

// PolicyResult is what a policy says of a document.
type PolicyResult struct {
	Name    string        `json:"name"`
	Refused bool          `json:"refused"`
	Checks  []CheckResult `json:"checks"` // those that found something
}

// CheckResult is what one check found.
type CheckResult struct {
	ID       string      `json:"id"`
	Title    string      `json:"title"`
	Level    Severity    `json:"level"`
	Places   int         `json:"places"`
	Findings []Violation `json:"findings"`
	Unlisted int         `json:"unlisted,omitempty"`
}

// Violation is one place where a check found something.
type Violation struct {
	Pointer   string `json:"pointer"`
	Component string `json:"component,omitempty"`
	Message   string `json:"message"`
}

// judge runs the checks that are not off.
func (p *Policy) judge(v *view, o Options) PolicyResult {
	res := PolicyResult{Name: p.Name, Checks: []CheckResult{}}
	run := &inspection{view: v, policy: p, at: o.At, most: o.Findings, found: make([]CheckResult, len(checks))}
	run.inspect()
	for i := range run.found {
		f := &run.found[i]
		if f.Places == 0 {
			continue
		}
		f.ID, f.Title, f.Level = checks[i].ID, checks[i].Title, p.rule(checks[i].ID).Level
		f.Unlisted = f.Places - len(f.Findings)
		res.Refused = res.Refused || f.Level == Refuse
		res.Checks = append(res.Checks, *f)
	}
	return res
}
