package report

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/vuln"
)

// reconciled lists what only one side has of our findings and other scanners' reports.
func (p *printer) reconciled(r *vuln.Reconciliation) {
	if r == nil {
		return
	}
	p.blank()
	p.linef("other scanners: %d agreed, %d only ours, %d only theirs", r.Agreed, len(r.OnlyOurs), len(r.OnlyTheirs))
	if len(r.OnlyTheirs) > 0 {
		p.heading("ONLY THEIRS", len(r.OnlyTheirs), "")
		rows := make([][]string, 0, len(r.OnlyTheirs))
		for _, x := range r.OnlyTheirs {
			rows = append(rows, []string{clean(x.Tool), p.bold(clean(strings.Join(x.IDs, ", "))), clean(strings.TrimSpace(x.Name + " " + x.Version)), clean(x.Reason), clean(x.File)})
		}
		p.table([]column{{"TOOL", 0}, {"ID", 16}, {"COMPONENT", 24}, {"NOT OURS BECAUSE", 24}, {"REPORT", 16}}, rows)
	}
	if len(r.Cleared) > 0 {
		p.heading("CLEARED", len(r.Cleared), "agreed, and a statement says that there is nothing to mend")
		rows := make([][]string, 0, len(r.Cleared))
		for _, x := range r.Cleared {
			rows = append(rows, []string{clean(x.Tool), p.bold(clean(strings.Join(x.IDs, ", "))), clean(strings.TrimSpace(x.Name + " " + x.Version)), clean(x.Reason)})
		}
		p.table([]column{{"TOOL", 0}, {"ID", 16}, {"COMPONENT", 24}, {"BY", 24}}, rows)
	}
	if len(r.OnlyOurs) > 0 {
		p.heading("ONLY OURS", len(r.OnlyOurs), "the reports do not have them")
		rows := make([][]string, 0, len(r.OnlyOurs))
		for _, f := range r.OnlyOurs {
			rows = append(rows, []string{p.severity(f.Severity), p.bold(clean(f.ID)), clean(f.Component.Name) + " " + clean(f.Component.Version), clean(f.Range)})
		}
		p.table([]column{{"SEVERITY", 0}, {"ID", 0}, {"COMPONENT", 24}, {"AFFECTED", 16}}, rows)
	}
}
