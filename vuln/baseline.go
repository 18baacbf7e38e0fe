package vuln

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// State says where a finding stands against a baseline.
type State string

// The states. What a baseline has and a scan does not find any more is remediated.
const (
	StateNew      State = "new"      // not in the baseline, or worse than it was
	StateTriaged  State = "triaged"  // somebody has seen it
	StateAccepted State = "accepted" // somebody has accepted it, with a reason, for a time
)

// Baseline is what was known when it was made: findings that need no second look. What
// is known to be exploited is never among them.
type Baseline struct {
	SchemaVersion  string    `json:"schemaVersion"`
	Kind           string    `json:"kind"` // BaselineKind
	Created        time.Time `json:"created"`
	AdvisoriesAsOf string    `json:"advisoriesAsOf,omitempty"`
	// Subjects are the artifacts that were looked at, without tag and digest: what is not
	// listed of them was not known, or cleared. Absent: nobody says which.
	Subjects []string `json:"subjects,omitempty"`
	Findings []Known  `json:"findings"`
	// Exploited are those that are known to be exploited. They are listed for since when
	// they are known, and hide nothing.
	Exploited []Known `json:"exploited,omitempty"`
}

// BaselineKind is Baseline.Kind.
const BaselineKind = "FindingBaseline"

// Known is one finding of a baseline.
type Known struct {
	ID       string         `json:"id"`
	Aliases  []string       `json:"aliases,omitempty"`
	Package  string         `json:"package"`           // package URL without version, qualifiers and subpath
	Version  string         `json:"version,omitempty"` // that was found, for people
	Subject  string         `json:"subject,omitempty"` // the artifact without tag and digest; "": any
	Severity ident.Severity `json:"severity"`
	Accepted bool           `json:"accepted,omitempty"`
	Until    string         `json:"until,omitempty"` // RFC 3339 date, the last day of it; needed where it is accepted
	Reason   string         `json:"reason,omitempty"`
	Fix      string         `json:"fix,omitempty"` // what would mend it, for people
	// FirstKnown is since when it is known; nil: when the baseline was made at the latest.
	FirstKnown *FirstKnown `json:"firstKnown,omitempty"`
}

// maxBaseline bounds a baseline's file; a finding takes some 200 bytes of it.
const maxBaseline = 256 << 20

// NewBaseline takes what is found as known, but for what is known to be exploited and
// what statements clear. subject names the artifact of a finding. What nobody has seen
// before is known from then on.
func NewBaseline(fs []Finding, subject func(*Finding) string, at time.Time) *Baseline {
	b := &Baseline{SchemaVersion: "1", Kind: BaselineKind, Created: at.UTC(), Findings: []Known{}}
	type same struct{ id, pkg, subject string }
	seen := map[same]bool{}
	for i := range fs {
		f := &fs[i]
		k := same{f.ID, packageOf(f.PURL), subject(f)}
		if f.Status.Clears() || seen[k] {
			continue
		}
		seen[k] = true
		since := &FirstKnown{at.UTC(), at.UTC()}
		if f.FirstKnown != nil && !f.FirstKnown.By.IsZero() {
			since = f.FirstKnown
		}
		list := &b.Findings
		if f.KEV {
			list = &b.Exploited
		}
		*list = append(*list, Known{ID: f.ID, Aliases: f.Aliases, Package: k.pkg, Version: f.Component.Version, Subject: k.subject, Severity: f.Severity, Fix: f.Fix, FirstKnown: since})
	}
	for _, list := range [][]Known{b.Findings, b.Exploited} {
		slices.SortFunc(list, func(x, y Known) int {
			return strings.Compare(x.Subject+"\x00"+x.Package+"\x00"+x.ID, y.Subject+"\x00"+y.Package+"\x00"+y.ID)
		})
	}
	return b
}

// DecodeBaseline reads a baseline. The error is an ident.Error: KindUnsupported for
// another document, KindInvalid for a broken one, KindLimit beyond a limit.
func DecodeBaseline(name string, raw []byte) (*Baseline, error) {
	if len(raw) > maxBaseline {
		return nil, ident.Errorf(ident.KindLimit, "the baseline is larger than %d MiB", maxBaseline>>20).At(name)
	}
	if !bytes.Contains(raw, []byte(`"`+BaselineKind+`"`)) {
		return nil, ident.Errorf(ident.KindUnsupported, "is no baseline of findings").At(name)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var b Baseline
	if err := d.Decode(&b); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the baseline cannot be read: %w", err).At(name)
	}
	if b.Kind != BaselineKind || b.SchemaVersion != "1" {
		return nil, ident.Errorf(ident.KindUnsupported, "is no baseline of this version").At(name)
	}
	for i := range b.Findings {
		if why := b.Findings[i].fault(); why != "" {
			return nil, ident.Errorf(ident.KindInvalid, "%s", why).At(fmt.Sprintf("%s#/findings/%d", name, i))
		}
	}
	for i := range b.Exploited {
		k := &b.Exploited[i]
		why := k.fault()
		if why == "" && k.Accepted {
			why = "what is known to be exploited is never accepted"
		}
		if why != "" {
			return nil, ident.Errorf(ident.KindInvalid, "%s", why).At(fmt.Sprintf("%s#/exploited/%d", name, i))
		}
	}
	return &b, nil
}

// fault says what is wrong with an entry; "" is nothing.
func (k *Known) fault() string {
	_, err := time.Parse(time.DateOnly, k.Until)
	switch {
	case k.ID == "" || k.Package == "":
		return "the finding has no id or no package, and would hide what it does not mean"
	case k.Until != "" && err != nil:
		return "until is no date as 2026-11-20"
	case k.Accepted && (k.Until == "" || strings.TrimSpace(k.Reason) == ""):
		return "what is accepted needs a reason, and a day until which it is"
	case k.FirstKnown != nil && (k.FirstKnown.By.IsZero() || k.FirstKnown.After.After(k.FirstKnown.By)):
		return "firstKnown needs a time by which it was known, and none after it"
	}
	return ""
}

// Apply gives every finding its state, and returns what of the baseline was not found
// any more. anySubject holds findings of every artifact against it: that of a release
// before. What is known to be exploited stays new, and so does what has become more
// severe, and what was known or accepted until a day before at.
func (b *Baseline) Apply(fs []Finding, subject func(*Finding) string, anySubject bool, at time.Time) (remediated []Known) {
	type place struct{ id, pkg string }
	known := map[place][]int{}
	for i := range b.Findings {
		k := &b.Findings[i]
		for _, id := range append([]string{k.ID}, k.Aliases...) {
			p := place{strings.ToUpper(id), packageOf(k.Package)}
			known[p] = append(known[p], i)
		}
	}
	found := make([]bool, len(b.Findings))
	for i := range fs {
		f := &fs[i]
		f.State, f.Accepted = StateNew, nil
		pkg, of := packageOf(f.PURL), subject(f)
		f.vulnerability(func(id string) bool {
			for _, n := range known[place{strings.ToUpper(id), pkg}] {
				k := &b.Findings[n]
				if !anySubject && k.Subject != "" && k.Subject != of {
					continue
				}
				found[n] = true
				f.stand(k, at)
			}
			return true
		})
	}
	for i, is := range found {
		if !is {
			remediated = append(remediated, b.Findings[i])
		}
	}
	return remediated
}

// stand moves a finding to the state that an entry of a baseline gives it.
func (f *Finding) stand(k *Known, at time.Time) {
	switch {
	case f.KEV, k.Until != "" && k.Until < at.UTC().Format(time.DateOnly):
	case k.Severity != ident.SeverityUnknown && f.Severity > k.Severity:
	case k.Accepted:
		f.State, f.Accepted = StateAccepted, &Acceptance{Until: k.Until, Reason: k.Reason}
	case f.State == StateNew:
		f.State = StateTriaged
	}
}

// Acceptance is why a finding was accepted, and for how long.
type Acceptance struct {
	Until  string `json:"until"`
	Reason string `json:"reason"`
}

// packageOf is a package URL without version, qualifiers and subpath; what is none is
// as it is written.
func packageOf(purl string) string {
	p, err := ParsePURL(purl)
	if err != nil {
		return purl
	}
	return PURL{Type: p.Type, Namespace: p.Namespace, Name: p.Name}.String()
}
