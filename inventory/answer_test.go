package inventory_test

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/inventory"
)

// Advisories without dates are no advisories of the year 1.
func TestAdvisoriesOfCoverage(t *testing.T) {
	for asOf, want := range map[string]string{"": "", "2026-11-20": "advisories of 2026-11-20", "0001-01-01": "advisories that bear no date"} {
		if got := (&inventory.Coverage{AdvisoriesAsOf: asOf}).Advisories(); got != want {
			t.Errorf("%q: %q", asOf, got)
		}
	}
}
