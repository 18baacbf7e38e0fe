package report

import (
	"bytes"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom/quality"
)

// What is written a document at a time is what would be written at once.
func TestScoresJSON(t *testing.T) {
	hostile := "a\"b\\<&>\u2028\x00\n\"documents\": null"
	doc := quality.Report{File: hostile, Name: hostile, Grade: "F", Profiles: []quality.ProfileResult{{ID: hostile, Elements: []quality.ElementResult{
		{Title: hostile, Findings: []quality.Finding{{Pointer: hostile, Says: hostile}, {}}}, {},
	}}}, Policy: quality.PolicyResult{Checks: []quality.CheckResult{}}}
	for n := range 4 {
		a := &Scores{SchemaVersion: "1", Documents: []quality.Report{}, Gate: &ScoreGate{Min: 3}}
		for range n {
			a.Documents = append(a.Documents, doc)
		}
		var streamed, plain bytes.Buffer
		if err := Write(&streamed, a, Options{Format: "json"}); err != nil {
			t.Fatal(err)
		}
		if err := JSON(&plain, a); err != nil {
			t.Fatal(err)
		}
		if streamed.String() != plain.String() {
			t.Errorf("%d documents:\n%s\nwant\n%s", n, &streamed, &plain)
		}
	}
}
