package vuln

import (
	"maps"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Deadlines say within which time a vulnerability is to be gone, from when it was first
// known. A zero time is no deadline; nil has none.
type Deadlines struct {
	Exploited time.Duration // of what is known to be exploited, where that is the shorter one
	// Severity is by severity. That of SeverityUnknown is high's where it is not given, and
	// critical's where high has none: unknown is not low.
	Severity map[ident.Severity]time.Duration
}

// exploitedWord is the deadline of what is known to be exploited, whatever its severity.
const exploitedWord = "exploited"

// mostDeadlineDays is a hundred years: what is longer is a mistake.
const mostDeadlineDays = 36_500

// DeadlinesOf reads days by severity, and of "exploited". The error, an ident.Error of
// KindInvalid, names the first word that is wrong, in their order.
func DeadlinesOf(days map[string]float64) (*Deadlines, error) {
	out := &Deadlines{Severity: map[ident.Severity]time.Duration{}}
	for _, word := range slices.Sorted(maps.Keys(days)) {
		n := days[word]
		s, ok := ident.ParseSeverity(word)
		if !ok && word != exploitedWord {
			return nil, ident.Errorf(ident.KindInvalid, "%.40q is no severity", word).WithHint("critical, high, medium, low, none, unknown, or %s", exploitedWord)
		}
		if !(n > 0 && n <= mostDeadlineDays) { // not where it is NaN
			return nil, ident.Errorf(ident.KindInvalid, "%.40s is %g", word, n).WithHint("a number of days above 0 and up to %d, or left out", mostDeadlineDays)
		}
		d := time.Duration(n * float64(24*time.Hour))
		if word == exploitedWord {
			out.Exploited = d
		} else {
			out.Severity[s] = d
		}
	}
	return out, nil
}

// Of is the deadline of a finding; 0 for none.
func (d *Deadlines) Of(s ident.Severity, kev bool) time.Duration {
	if d == nil {
		return 0
	}
	out, given := d.Severity[s]
	if !given && s == ident.SeverityUnknown {
		if out = d.Severity[ident.SeverityHigh]; out == 0 {
			out = d.Severity[ident.SeverityCritical]
		}
	}
	if kev && d.Exploited > 0 && (out == 0 || d.Exploited < out) {
		out = d.Exploited
	}
	return out
}
