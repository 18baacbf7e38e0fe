package inventory

import (
	"time"

	"github.com/cofferdam-io/cofferdam/sbom"
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
	c.VEXStatements = in.Statements.Len()
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

// stated is what statements of trusted authors say about a vulnerability in a component
// of an artifact; "" where none is about it.
func (s *Snapshot) stated(g *vuln.Group, a *vuln.Artifact, c *sbom.Component) (status, source string) {
	if g == nil || s.in.Intelligence == nil {
		return "", ""
	}
	f := vuln.Finding{ID: g.ID, Aliases: g.Aliases}
	s.in.Intelligence.Judge(&f, a, c)
	return string(f.Status), f.VEXSource
}

// vexOf is the status of a workload: the worst of its sites, of which one without a
// statement is the worst.
func vexOf(sites []Site) (status, source string) {
	rank := map[string]int{string(vuln.StatusFixed): 1, string(vuln.StatusNotAffected): 2, string(vuln.StatusUnderInvestigation): 3, string(vuln.StatusAffected): 4, "": 5}
	worst := sites[0]
	for _, s := range sites[1:] {
		if rank[s.VEX] > rank[worst.VEX] {
			worst = s
		}
	}
	if worst.VEX == "" {
		return "none", ""
	}
	return worst.VEX, worst.VEXSource
}
