package catalog

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom/quality"
)

// The rows that filters read have room for every profile and element there is.
func TestScoreRowsHaveRoom(t *testing.T) {
	if n := len(quality.Profiles()); n > mostProfiles {
		t.Errorf("%d profiles do not fit %d", n, mostProfiles)
	}
	for _, p := range quality.Profiles() {
		if n := len(p.Elements); n > mostElements {
			t.Errorf("%s: %d elements do not fit %d", p.ID, n, mostElements)
		}
	}
}

// Verdicts that nobody takes are bounded, and go when their documents were looked at.
func TestVerdictsThatWait(t *testing.T) {
	var table scoresTable
	for id := range uint32(mostFresh + 3) {
		table.keep(id, &ScoreSaid{})
	}
	if len(table.fresh) != mostFresh {
		t.Errorf("%d verdicts wait", len(table.fresh))
	}
	if table.take(5) == nil || table.take(5) != nil || table.take(mostFresh+1) != nil {
		t.Error("a verdict is not taken exactly once, or one is there that had no room")
	}
	if table.forget(100); len(table.fresh) != mostFresh-100 || table.take(99) != nil || table.take(100) == nil {
		t.Errorf("%d verdicts wait after a look at 100 documents", len(table.fresh))
	}
}
