package report

import (
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/inventory"
)

// reported tells what other scanners found and we did not, or what a statement clears,
// with what runs it.
func (p *printer) reported(r *inventory.Reports) {
	if r == nil {
		return
	}
	text := strconv.Itoa(r.Agreed) + " agreed, " + strconv.Itoa(len(r.OnlyTheirs)) + " only theirs"
	if r.OnlyOurs > 0 {
		text += ", " + strconv.Itoa(r.OnlyOurs) + " only ours"
	}
	p.blank()
	p.linef("other scanners: %s", text)
	p.reportedRows("ONLY REPORTED", "by other scanners; not among our findings", "NOT OURS BECAUSE", r.OnlyTheirs)
	p.reportedRows("REPORTED AND CLEARED", "statements say that there is nothing to mend", "BY", r.Cleared)
}

func (p *printer) reportedRows(title, note, why string, list []inventory.ReportedFinding) {
	if len(list) == 0 {
		return
	}
	rows := make([][]string, 0, len(list))
	for i := range list {
		x := &list[i]
		where := "nothing that runs"
		if len(x.Sites) > 0 {
			where = x.Sites[0].Workload.String()
			if n := len(x.Sites) - 1; n > 0 {
				where += " and " + strconv.Itoa(n) + " more"
			}
		}
		reason := clean(x.Reason)
		if x.Contradicted {
			reason = p.yellow("contradicted: ") + reason
		}
		rows = append(rows, []string{p.severity(x.Severity), p.bold(clean(strings.Join(x.IDs, ", "))), clean(strings.TrimSpace(x.Name + " " + x.Version)), clean(where), reason, clean(x.Tool + ", " + x.File)})
	}
	p.heading(title, len(rows), note)
	p.table([]column{{"SEVERITY", 0}, {"ID", 16}, {"COMPONENT", 20}, {"RUNS IN", 20}, {why, 24}, {"REPORT", 16}}, rows)
}
