package report

import (
	"bytes"
	"strings"
	"testing"
)

// What a document does not say is said so in tables, never left as a gap.
func TestTablesNameWhatIsMissing(t *testing.T) {
	t.Parallel()
	if got := (&DocumentName{File: "a.json"}).title(); got != "a.json" {
		t.Errorf("a file is called %q", got)
	}
	documents := NewDocuments()
	documents.Documents = make([]DocumentView, 1)
	for answer, want := range map[any]string{documents: "by a tool that it does not name, at a time that it does not say", &BenchIndex{}: "MB; without scores", &BenchIndex{Scored: 3}: "MB; 3 scored"} {
		var b bytes.Buffer
		if err := Write(&b, answer, Options{Format: "table"}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}
