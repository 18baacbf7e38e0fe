package inventory

import (
	"time"

	"github.com/cofferdam-io/cofferdam/vuln"
)

// Intelligence says of which day the intelligence is that an answer rests on.
func (c *Coverage) Intelligence(in *vuln.Intelligence) {
	if in == nil {
		return
	}
	if in.Exploited != nil {
		c.KEVAsOf = in.Exploited.Released.Format(time.DateOnly)
	}
	if in.Likelihoods != nil {
		c.EPSSAsOf = in.Likelihoods.AsOf.Format(time.DateOnly)
	}
}

// know adds what is known of the vulnerability beside its advisories.
func (a *AdvisorySummary) know(in *vuln.Intelligence) {
	if in == nil {
		return
	}
	f := vuln.Finding{ID: a.ID, Aliases: a.Aliases}
	if x, ok := in.Exploited.Of(&f); ok {
		a.Exploited = &Exploited{Added: day(x.Added), Due: day(x.Due), Action: x.Action, Ransomware: x.Ransomware}
	}
	if l, ok := in.Likelihoods.Of(&f); ok {
		a.EPSS = &l.Probability
	}
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}
