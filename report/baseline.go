package report

import (
	"fmt"

	"github.com/cofferdam-io/cofferdam/vuln"
)

// standing says how the findings stand against a baseline.
func (p *printer) standing(a *Scan) {
	if a.Baseline == "" {
		return
	}
	count := map[vuln.State]int{}
	for _, f := range a.Findings {
		count[f.State]++
	}
	p.linef("against %s: %s, %d triaged, %d accepted, %d remediated", clean(a.Baseline), p.bold(fmt.Sprintf("%d new", count[vuln.StateNew])),
		count[vuln.StateTriaged], count[vuln.StateAccepted], len(a.Remediated))
}
