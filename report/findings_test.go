package report_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/report"
)

// What people look at first stands first, and the answer's own order, which a cursor
// follows, stays as it is.
func TestFindingsWorstFirst(t *testing.T) {
	a := &report.RunningFindings{Counts: map[string]int{}, Items: []report.RunningFinding{
		{ID: "CVE-6-ended", Severity: "critical", KEV: true, Status: "affected", State: "remediated", Until: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)},
		{ID: "CVE-5-cleared", Severity: "critical", KEV: true, Status: "not_affected", State: "new"},
		{ID: "CVE-4-accepted", Severity: "critical", Status: "affected", State: "accepted"},
		{ID: "CVE-3-high", Severity: "high", Status: "affected", State: "new"},
		{ID: "CVE-2-critical", Severity: "critical", Status: "affected", State: "triaged"},
		{ID: "CVE-1-exploited", Severity: "low", KEV: true, Status: "affected", State: "new"},
		{ID: "CVE-3-another-word", Severity: "dire", Status: "affected", State: "new"},
	}}
	before := slices.Clone(a.Items)
	table := string(write(t, "table", a))
	at := -1
	for _, id := range []string{"CVE-1-exploited", "CVE-2-critical", "CVE-3-high", "CVE-3-another-word", "CVE-5-cleared", "CVE-4-accepted", "CVE-6-ended"} {
		i := strings.Index(table, id)
		if i <= at {
			t.Errorf("%s stands in the wrong place:\n%s", id, table)
		}
		at = i
	}
	if !strings.Contains(table, "1 unknown") {
		t.Errorf("a severity by another word is not counted:\n%s", table)
	}
	for i := range before {
		if a.Items[i].ID != before[i].ID {
			t.Fatal("the answer itself was sorted")
		}
	}
}
