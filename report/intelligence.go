package report

import (
	"fmt"

	"github.com/cofferdam-io/cofferdam/inventory"
)

// known says of which day the intelligence is that an answer rests on.
func known(c inventory.Coverage) []string {
	var out []string
	if c.KEVAsOf != "" {
		out = append(out, "KEV of "+clean(c.KEVAsOf))
	}
	if c.EPSSAsOf != "" {
		out = append(out, "EPSS of "+clean(c.EPSSAsOf))
	}
	return out
}

// exploited is the cell of a vulnerability that is known to be exploited.
func (p *printer) exploited(is bool) string {
	if !is {
		return ""
	}
	return p.red("KEV") + " "
}

// likely writes an EPSS probability as a percentage; "" where there is none.
func likely(epss *float64) string {
	if epss == nil {
		return ""
	}
	return fmt.Sprintf("%.1f%%", 100**epss)
}

// knownExploited are the words about a vulnerability as a whole; "" where nothing is known.
func (p *printer) knownExploited(a *inventory.AdvisorySummary) string {
	s := ""
	if x := a.Exploited; x != nil {
		s = p.red("KNOWN TO BE EXPLOITED") + " since " + clean(x.Added)
		if x.Ransomware {
			s += ", in ransomware campaigns"
		}
		if x.Due != "" {
			s += "; action is due by " + clean(x.Due)
		}
	}
	if a.EPSS != nil {
		if s != "" {
			s += "; "
		}
		s += likely(a.EPSS) + " likely to be exploited within thirty days (EPSS)"
	}
	return s
}
