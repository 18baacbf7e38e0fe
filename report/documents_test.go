package report_test

import (
	"bytes"
	"testing"

	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// The documents that are written component by component are what JSON writes at once.
func TestDocumentsInPieces(t *testing.T) {
	trick := "\n      \"components\": [<&>"
	some := func(n int) []sbom.Component {
		cs := make([]sbom.Component, n)
		for i := range cs {
			cs[i] = sbom.Component{Name: trick, Version: "1", Pointer: "/x"}
			for range i {
				cs[i].Licenses = append(cs[i].Licenses, sbom.License{Expression: "MIT"})
			}
		}
		return cs
	}
	for _, documents := range [][]int{{}, {0}, {1}, {0, 3, 0}, {2, 2}} {
		a := report.NewDocuments()
		for _, n := range documents {
			a.Add(&sbom.Document{Name: trick, Serial: "[]", Components: some(n), Warnings: []sbom.Warning{{Pointer: trick}}})
		}
		var want, got bytes.Buffer
		if err := report.JSON(&want, a); err != nil {
			t.Fatal(err)
		}
		if err := report.Write(&got, a, report.Options{Format: "json"}); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Errorf("%v: %s\nwant %s", documents, got.String(), want.String())
		}
	}
}
