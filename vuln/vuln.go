package vuln

import (
	"encoding/json"
	"math"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Advisory is one record about a vulnerability, in the terms of the OSV schema
// (https://ossf.github.io/osv-schema/), whatever it was read from.
type Advisory struct {
	ID        string
	Aliases   []string
	Upstream  []string
	Related   []string
	Summary   string
	Details   string
	Published time.Time
	Modified  time.Time
	Withdrawn time.Time // zero unless withdrawn
	Severity  []Score   // of the record as a whole
	Affected  []Affected
	// References are URLs of the record, in order.
	References []Reference
	// DatabaseSeverity is the word of database_specific.severity, if any.
	DatabaseSeverity string
	Source           string // file (and member of an archive) it was read from
}

// Score is a severity as published: a CVSS vector, or an ecosystem's own word.
type Score struct {
	Type   string  // "CVSS_V2", "CVSS_V3", "CVSS_V4", or an ecosystem's own word
	Vector string  // as written
	Base   float64 // base score 0.0–10.0; NaN where the vector could not be computed
}

// MarshalJSON writes {"type","vector","base"}; base is null where there is none.
func (s Score) MarshalJSON() ([]byte, error) {
	out := struct {
		Type   string   `json:"type"`
		Vector string   `json:"vector"`
		Base   *float64 `json:"base"`
	}{s.Type, s.Vector, nil}
	if !math.IsNaN(s.Base) {
		out.Base = &s.Base
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Score) UnmarshalJSON(b []byte) error {
	var in struct {
		Type, Vector string
		Base         *float64
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*s = Score{Type: in.Type, Vector: in.Vector, Base: math.NaN()}
	if in.Base != nil {
		s.Base = *in.Base
	}
	return nil
}

// Reference is a URL with the type that the OSV schema gives it.
type Reference struct{ Type, URL string }

// Affected is one affected package with its ranges.
type Affected struct {
	Ecosystem string // as written: "Go", "Debian:12", "npm"
	Name      string
	PURL      string // as written
	Ranges    []Range
	Versions  []string // enumerated affected versions
	Severity  []Score
	// Unparsable says why the entry cannot be compared with any version (its
	// structure breaks the schema); components of the package are then
	// unmatched. Faults in the order of events are found by NewDatabase.
	Unparsable string
}

// Range is a sequence of events that switch between affected and unaffected.
type Range struct {
	Type   RangeType
	Events []Event
}

// RangeType is the order that versions of a range follow.
type RangeType string

// The range types of the OSV schema. GIT ranges are kept and never matched.
const (
	RangeSemver    RangeType = "SEMVER"
	RangeEcosystem RangeType = "ECOSYSTEM"
	RangeGit       RangeType = "GIT"
)

// Event has exactly one of its fields set.
type Event struct {
	Introduced   string // "0" is before every version
	Fixed        string
	LastAffected string
	Limit        string
}

// Identity is what a component is for the purpose of matching: the ecosystem
// in OSV's spelling, the package name in that ecosystem's canonical form, and
// the version. It is comparable. For Go it names the module, folded to lower
// case (SBOM tools disagree about the case of module paths).
type Identity struct {
	Ecosystem string // "Go", "npm", "PyPI", "Debian:12", "Alpine:v3.18"
	Name      string
	Version   string
}

// Unmatched is a component that could not be compared with all advisories that
// may concern it. One component can be unmatched for several reasons.
type Unmatched struct {
	Document  ident.Digest   `json:"document"`
	File      string         `json:"file,omitempty"`
	Component int            `json:"-"` // index in Document.Components
	Name      string         `json:"name"`
	Version   string         `json:"version,omitempty"`
	PURL      string         `json:"purl"`
	Class     UnmatchedClass `json:"class"`
	Reason    string         `json:"reason"`
	Advisory  string         `json:"advisory,omitempty"` // where one advisory is in doubt
	Pointer   string         `json:"pointer,omitempty"`
}

// UnmatchedClass groups the reasons for not matching.
type UnmatchedClass string

// The classes.
const (
	// UnmatchedIdentity: no ecosystem, name or usable version is known, so no
	// advisory can be compared.
	UnmatchedIdentity UnmatchedClass = "identity"
	// UnmatchedEcosystem: no advisory of the ecosystem (and release) is loaded.
	UnmatchedEcosystem UnmatchedClass = "ecosystem"
	// UnmatchedAdvisory: one advisory names the package and cannot be evaluated.
	UnmatchedAdvisory UnmatchedClass = "advisory"
)
