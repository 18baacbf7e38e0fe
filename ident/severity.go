package ident

import "strings"

// Severity is the qualitative rating of CVSS (v3.1 section 5, v4.0 section 6),
// from none to critical. Unknown is not none.
type Severity uint8

// The ratings, in ascending order.
const (
	SeverityUnknown Severity = iota
	SeverityNone
	SeverityLow
	SeverityMedium
	SeverityHigh
	SeverityCritical
)

var severityNames = [...]string{"unknown", "none", "low", "medium", "high", "critical"}

// String returns the rating in lower case.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return severityNames[SeverityUnknown]
}

// MarshalText writes String.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Severity) UnmarshalText(text []byte) error {
	v, ok := ParseSeverity(string(text))
	if !ok {
		return Errorf(KindInvalid, "%.40q is no severity", text)
	}
	*s = v
	return nil
}

// ParseSeverity reads a rating in any case; "moderate" is medium. Other words
// are SeverityUnknown with ok false.
func ParseSeverity(s string) (sev Severity, ok bool) {
	s = strings.ToLower(s)
	if s == "moderate" {
		return SeverityMedium, true
	}
	for i, n := range severityNames {
		if n == s {
			return Severity(i), true
		}
	}
	return SeverityUnknown, false
}

// SeverityOfScore rates a CVSS base score of 0.0 to 10.0.
func SeverityOfScore(score float64) Severity {
	switch {
	case score < 0 || score > 10 || score != score:
		return SeverityUnknown
	case score == 0:
		return SeverityNone
	case score < 4:
		return SeverityLow
	case score < 7:
		return SeverityMedium
	case score < 9:
		return SeverityHigh
	default:
		return SeverityCritical
	}
}
