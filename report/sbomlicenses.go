package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom/licensing"
)

// Licenses is the answer of `sbom licenses`.
type Licenses struct {
	SchemaVersion string `json:"schemaVersion"`
	*licensing.Report
	Coverage inventory.Coverage `json:"coverage"`
}

func licensesTable(w io.Writer, a *Licenses, o Options) error {
	p := newPrinter(w, o)
	word := p.green("PASSED")
	switch {
	case a.Denied > 0:
		word = p.red("DENIED")
	case a.Coverage.Quarantined > 0: // what could not be read may hold anything
		word = p.yellow("NOT DECIDED")
	}
	p.linef("%s  policy %s, %s: %d allowed (%d by exception), %d restricted, %d unknown, %d denied", word, clean(a.Policy), clean(a.Usage), a.Allowed, a.Excepted, a.Restricted, a.Unknown, a.Denied)
	rows := [][]string{}
	all := 0
	for _, c := range a.Components {
		if c.Verdict == licensing.Allowed && !o.All {
			continue
		}
		if all++; all > mostRows && !o.All {
			continue
		}
		rows = append(rows, []string{c.Verdict.String(), clean(c.Component), clean(c.License), clean(c.Families), clean(c.Why), clean(c.File + " " + pointer(c.Pointer))})
	}
	if all > 0 {
		p.heading("Components", all, "that are not allowed come first")
		p.table([]column{{"VERDICT", 0}, {"COMPONENT", 20}, {"LICENCE", 20}, {"FAMILIES", 0}, {"WHY", 16}, {"WHERE", 16}}, rows)
		p.rest(all, len(rows))
	}
	if len(a.Obligations) > 0 {
		rows := [][]string{}
		for i, l := range a.Obligations {
			if i == mostRows && !o.All {
				break
			}
			rows = append(rows, []string{clean(l.License), clean(l.Family), strings.Join(l.Obligations, ", "), fmt.Sprint(len(l.Components)), clean(strings.Join(l.Components[:min(3, len(l.Components))], ", "))})
		}
		p.heading("Obligations", len(a.Obligations), "where the product is "+clean(a.Usage))
		p.table([]column{{"LICENCE", 18}, {"FAMILY", 0}, {"ASKS FOR", 24}, {"COMPONENTS", 0}, {"SUCH AS", 24}}, rows)
		p.rest(len(a.Obligations), len(rows))
	}
	if len(a.Conflicts) > 0 {
		rows := [][]string{}
		for i, c := range a.Conflicts {
			if i == mostRows && !o.All {
				break
			}
			rows = append(rows, []string{clean(c.From), clean(c.FromLicense), clean(c.To), clean(c.ToLicense), clean(c.Source)})
		}
		p.heading("Combinations", len(a.Conflicts), "of licences that cannot be in one work; whether a dependency makes one, a document does not say")
		p.table([]column{{"COMPONENT", 18}, {"LICENCE", 14}, {"NEEDS", 18}, {"LICENCE", 14}, {"BY", 24}}, rows)
		p.rest(len(a.Conflicts), len(rows))
	}
	if n := len(a.ExportHints); n > 0 {
		names := []string{}
		for i, h := range a.ExportHints {
			if i == mostRows && !o.All {
				names = append(names, fmt.Sprintf("… and %d more (--all)", n-i))
				break
			}
			names = append(names, clean(h.Component))
		}
		p.heading("Export control: cryptography", n, "hints by name for a review, no classification")
		p.text(strings.Join(names, ", "))
	}
	p.blank()
	c := a.Combinations
	p.linef("%s", p.dim(fmt.Sprintf("%s of licences over dependencies judged, %d not for want of a licence or a rule, %d within a distribution passed over", plural(c.Judged, "combination"), c.Unknown, c.PassedOver)))
	if n := a.Coverage.Quarantined; n > 0 {
		p.linef("%s", p.yellow(plural(n, "input")+" could not be read and was not judged"))
	}
	return p.done()
}

func (p *printer) rest(all, shown int) {
	if all > shown {
		p.linef("%s", p.dim(fmt.Sprintf("  … and %d more (--all)", all-shown)))
	}
}

// licensesCSV writes one line for each component, for spreadsheets: a cell that one
// would take for a formula begins with an apostrophe.
func licensesCSV(w io.Writer, a *Licenses, _ Options) error {
	out := csv.NewWriter(w)
	asks := map[string][]string{}
	for _, l := range a.Obligations {
		for _, c := range l.Components {
			asks[c] = append(asks[c], l.License+": "+strings.Join(l.Obligations, " "))
		}
	}
	line := func(cells ...string) error {
		for i, c := range cells {
			c = clean(c)
			if c != "" && strings.ContainsAny(c[:1], "=+-@\t\r") {
				c = "'" + c
			}
			cells[i] = c
		}
		return out.Write(cells)
	}
	if err := line("verdict", "component", "purl", "license", "stated", "chosen", "families", "why", "obligations", "file", "pointer"); err != nil {
		return err
	}
	for _, c := range a.Components {
		if err := line(c.Verdict.String(), c.Component, c.PURL, c.License, c.Stated, c.Chosen, c.Families, c.Why, strings.Join(asks[c.Component], "; "), c.File, c.Pointer); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
