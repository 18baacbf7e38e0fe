package report

import (
	"fmt"
	"io"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom/witness"
)

// SBOMCheck is the answer of `sbom check`.
type SBOMCheck struct {
	SchemaVersion string         `json:"schemaVersion"`
	Document      DocumentName   `json:"document"`
	Witnesses     []WitnessNamed `json:"witnesses"`
	*witness.Result
	Coverage inventory.Coverage `json:"coverage"`
}

// WitnessNamed names one witness.
type WitnessNamed struct {
	Source   string `json:"source"`
	Kind     string `json:"kind"`
	Packages int    `json:"packages"`
}

// Agrees reports whether nothing that a witness is sure of contradicts the document.
func (a *SBOMCheck) Agrees() bool { return len(a.Omitted)+len(a.Added)+len(a.Versions) == 0 }

func sbomCheckTable(w io.Writer, a *SBOMCheck, o Options) error {
	p := newPrinter(w, o)
	word := p.green("AGREES")
	if !a.Agrees() {
		word = p.red("DIFFERS")
	}
	p.linef("%s  %s  %d confirmed, %d omitted (and %d perhaps), %d added, %d at another version, %d not judged", word, p.bold(clean(a.Document.File)),
		a.Matched, len(a.Omitted), len(a.Perhaps), len(a.Added), len(a.Versions), a.NotJudged)
	rows := [][]string{}
	for _, x := range a.Witnesses {
		rows = append(rows, []string{clean(x.Kind), clean(x.Source), fmt.Sprint(x.Packages)})
	}
	if len(rows) > 0 {
		p.table([]column{{"WITNESS", 0}, {"FILE", 24}, {"PACKAGES", 0}}, rows)
	}
	section := func(title, remark string, cols []column, n int, row func(i int) []string) {
		if n == 0 {
			return
		}
		rows := [][]string{}
		for i := range n {
			if i == mostRows && !o.All {
				break
			}
			rows = append(rows, row(i))
		}
		p.heading(title, n, remark)
		p.table(cols, rows)
		p.rest(n, len(rows))
	}
	omissions := func(list []witness.Omission) func(int) []string {
		return func(i int) []string {
			return []string{clean(list[i].Package), clean(list[i].Witness), clean(list[i].Why)}
		}
	}
	cols := []column{{"PACKAGE", 24}, {"LISTED AT", 24}, {"WHY", 0}}
	section("Omitted", "that are there, and the document does not list", cols, len(a.Omitted), omissions(a.Omitted))
	section("Added", "that the document lists, and no witness", []column{{"PACKAGE", 24}, {"IN THE DOCUMENT", 24}}, len(a.Added), func(i int) []string {
		return []string{clean(a.Added[i].Package), clean(a.Added[i].Pointer)}
	})
	section("Other versions", "than the witness has", []column{{"PACKAGE", 24}, {"FOUND", 0}, {"LISTED AT", 24}}, len(a.Versions), func(i int) []string {
		return []string{clean(a.Versions[i].Package), clean(a.Versions[i].Found), clean(a.Versions[i].Witness)}
	})
	section("Perhaps omitted", "which may rightly be missing", cols, len(a.Perhaps), omissions(a.Perhaps))
	section("Unknown", "", []column{{"WHAT", 40}}, len(a.Unknown), func(i int) []string { return []string{clean(a.Unknown[i])} })
	return p.done()
}
