package report

import (
	"cmp"
	"fmt"
	"time"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/vuln"
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
	if c.VEXStatements > 0 && c.VEX == nil {
		out = append(out, plural(c.VEXStatements, "statement")+" of VEX")
	}
	if v := c.VEX; v != nil {
		out = append(out, fmt.Sprintf("%s of VEX, %d about a finding, %d applied", plural(v.Statements, "statement"), v.Bound, v.Applied))
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

// likelyStep writes a step of EPSS that is reached; "" for none.
func likelyStep(step float64) string {
	if step == 0 {
		return ""
	}
	return "≥ " + likely(&step)
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

// split2 parts a list in two, each in its order.
func split2[T any](list []T, first func(T) bool) (yes, no []T) {
	for _, x := range list {
		if first(x) {
			yes = append(yes, x)
		} else {
			no = append(no, x)
		}
	}
	return yes, no
}

// stated is the cell of what statements say of a finding that stays open.
func stated(f vuln.Finding) string {
	switch {
	case len(f.VEX) == 0:
		return ""
	case f.VEXSource == "":
		return "not applied"
	}
	return string(f.Status)
}

// because is why a claim says what it says.
func because(c vuln.Claim) string { return cmp.Or(c.Impact, c.Justification, c.Action) }

// made is the day of a statement; "" where nothing tells.
func made(c vuln.Claim) string {
	if c.At.IsZero() {
		return ""
	}
	return c.At.Format(time.DateOnly)
}

// cleared lists the findings that statements clear: they stay in sight, with their source.
func (p *printer) cleared(fs []vuln.Finding) {
	if len(fs) == 0 {
		return
	}
	p.heading("CLEARED BY VEX", len(fs), "a gate does not count them; authors are who documents say they are")
	rows := make([][]string, 0, len(fs))
	for _, f := range fs {
		var c vuln.Claim
		if len(f.VEX) > 0 {
			c = f.VEX[0]
		}
		rows = append(rows, []string{p.severity(f.Severity), p.exploited(f.KEV), p.bold(clean(f.ID)), clean(f.Component.Name) + " " + clean(f.Component.Version),
			clean(string(f.Status)), clean(because(c)), clean(c.Author), made(c), c.Bound.String(), clean(f.VEXSource)})
	}
	p.table([]column{{"SEVERITY", 0}, {"EXPLOITED", 0}, {"ID", 0}, {"COMPONENT", 24}, {"STATUS", 0}, {"BECAUSE", 24}, {"AUTHOR", 12}, {"OF", 0}, {"BY", 0}, {"SOURCE", 20}}, rows)
}

// unapplied lists statements about findings that were not applied, and why.
func (p *printer) unapplied(fs []vuln.Finding) {
	var rows [][]string
	for _, f := range fs {
		for _, c := range f.VEX {
			if c.NotApplied != "" {
				rows = append(rows, []string{p.bold(clean(f.ID)), clean(f.Component.Name) + " " + clean(f.Component.Version), clean(string(c.Status)), clean(c.Author), made(c),
					clean(c.NotApplied), clean(c.Source)})
			}
		}
	}
	if len(rows) > 0 {
		p.heading("VEX NOT APPLIED", len(rows), "")
		p.table([]column{{"ID", 0}, {"COMPONENT", 24}, {"SAYS", 0}, {"AUTHOR", 12}, {"OF", 0}, {"NOT APPLIED BECAUSE", 24}, {"SOURCE", 20}}, rows)
	}
}

// unbound says which statements are about nothing that is here.
func (p *printer) unbound(v *vuln.VEXCount) {
	if v == nil || len(v.Unbound) == 0 {
		return
	}
	p.heading("VEX ABOUT NOTHING HERE", v.Statements-v.Bound, "")
	rows := make([][]string, 0, len(v.Unbound))
	for _, u := range v.Unbound {
		rows = append(rows, []string{p.bold(clean(u.Vulnerability)), clean(u.Product), clean(u.Author), clean(u.Reason), clean(u.Source)})
	}
	p.table([]column{{"ID", 0}, {"PRODUCT", 24}, {"AUTHOR", 12}, {"REASON", 24}, {"SOURCE", 20}}, rows)
}
