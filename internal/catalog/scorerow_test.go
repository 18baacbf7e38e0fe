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
