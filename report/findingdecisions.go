package report

import (
	"io"
	"time"
)

// FindingDecisions is the answer of `findings decisions`: what was decided about
// vulnerabilities of what runs, by whom, and whether it counts.
type FindingDecisions struct {
	SchemaVersion string            `json:"schemaVersion"`
	At            time.Time         `json:"at" doc:"When what counts was judged"`
	Approval      bool              `json:"approval" doc:"Whether somebody else has to approve acceptances"`
	Items         []FindingDecision `json:"items"`
}

// Standing says in a word how a decision stands at a time.
func (d *FindingDecision) Standing(at time.Time) string {
	switch {
	case !d.Ended.IsZero() && !d.Ended.After(at):
		return "replaced"
	case !d.Until.IsZero() && !d.Until.After(at):
		return "expired"
	case d.State == "accepted" && !d.Counts:
		return "awaits approval"
	}
	return d.State
}

func findingDecisionsTable(w io.Writer, a *FindingDecisions, o Options) error {
	p := newPrinter(w, o)
	waits := 0
	rows := make([][]string, 0, len(a.Items))
	for i := range a.Items {
		d := &a.Items[i]
		standing := d.Standing(a.At)
		switch standing {
		case "awaits approval":
			waits++
			standing = p.yellow(standing)
		case "expired":
			standing = p.red(standing)
		}
		about := d.Component
		if d.Cluster != "" {
			about += " " + d.Cluster + ":" + d.Container
		}
		if about == "" {
			about = "everywhere"
		}
		until := ""
		if !d.Until.IsZero() {
			until = d.Until.UTC().Format(time.DateOnly)
		}
		rows = append(rows, []string{p.bold(clean(d.ID)), standing, until, clean(about), clean(d.Reason), clean(d.Ticket), clean(d.By), clean(d.Approved), d.Since.UTC().Format(time.DateOnly)})
	}
	p.linef("%s, %d await approval", p.bold(plural(len(a.Items), "decision")), waits)
	if len(rows) > 0 {
		p.heading("DECISIONS", len(rows), "")
		p.table([]column{{"ID", 0}, {"STANDING", 0}, {"UNTIL", 0}, {"ABOUT", 20}, {"REASON", 20}, {"TICKET", 0}, {"BY", 12}, {"APPROVED BY", 12}, {"SINCE", 0}}, rows)
	}
	return p.done()
}
