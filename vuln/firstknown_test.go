package vuln_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
)

const day = 24 * time.Hour

func TestDeadlines(t *testing.T) {
	d, err := vuln.DeadlinesOf(map[string]float64{"exploited": 3, "critical": 7, "high": 30, "low": 0.5})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		severity ident.Severity
		kev      bool
		want     time.Duration
	}{
		{ident.SeverityCritical, false, 7 * day}, {ident.SeverityCritical, true, 3 * day}, {ident.SeverityHigh, false, 30 * day}, {ident.SeverityMedium, false, 0},
		{ident.SeverityMedium, true, 3 * day}, {ident.SeverityLow, true, day / 2}, {ident.SeverityUnknown, false, 30 * day}, {ident.SeverityUnknown, true, 3 * day},
	} {
		if got := d.Of(c.severity, c.kev); got != c.want {
			t.Errorf("%s, exploited %t: %s, want %s", c.severity, c.kev, got, c.want)
		}
	}
	if only, _ := vuln.DeadlinesOf(map[string]float64{"critical": 7}); only.Of(ident.SeverityUnknown, false) != 7*day || only.Of(ident.SeverityHigh, false) != 0 {
		t.Error("what is not known may be critical")
	}
	if (*vuln.Deadlines)(nil).Of(ident.SeverityCritical, true) != 0 {
		t.Error("a deadline of none")
	}
	for word, n := range map[string]float64{"dire": 1, "high": 0, "low": -1, "medium": math.NaN(), "critical": 36_501, "exploited": math.Inf(1)} {
		if _, err := vuln.DeadlinesOf(map[string]float64{word: n}); ident.KindOf(err) != ident.KindInvalid || !strings.Contains(err.Error(), word) {
			t.Errorf("%s %g: %v", word, n, err)
		}
	}
}

func TestLate(t *testing.T) {
	at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return at.AddDate(0, 0, -days) }
	for name, c := range map[string]struct {
		known vuln.FirstKnown
		want  vuln.Lateness
	}{
		"nobody says":                       {vuln.FirstKnown{}, vuln.LateUnknown},
		"known since before the deadline":   {vuln.FirstKnown{After: ago(8), By: ago(8)}, vuln.Late},
		"on its last moment":                {vuln.FirstKnown{After: ago(7), By: ago(7)}, vuln.InTime},
		"known lately":                      {vuln.FirstKnown{After: ago(1), By: ago(1)}, vuln.InTime},
		"known by then, perhaps longer":     {vuln.FirstKnown{By: ago(8)}, vuln.Late},
		"known lately, perhaps longer":      {vuln.FirstKnown{By: ago(1)}, vuln.LateUnknown},
		"not known a week ago":              {vuln.FirstKnown{After: ago(7)}, vuln.InTime},
		"not known long ago, nobody looked": {vuln.FirstKnown{After: ago(8)}, vuln.LateUnknown},
		"between":                           {vuln.FirstKnown{After: ago(9), By: ago(2)}, vuln.LateUnknown},
	} {
		if got := c.known.Late(7*day, at); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// A baseline says since when its findings are known, also of those that it never hides, and
// that what it does not list was not known: of the artifacts that it names.
func TestSightings(t *testing.T) {
	first := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	later, at := first.AddDate(0, 0, 30), first.AddDate(0, 0, 60)
	web := func(*vuln.Finding) string { return "web" }
	fs := []vuln.Finding{
		{ID: "CVE-1", Aliases: []string{"GHSA-1"}, PURL: "pkg:npm/a@1", Severity: ident.SeverityHigh},
		{ID: "CVE-2", PURL: "pkg:npm/a@1", Severity: ident.SeverityHigh, KEV: true},
	}
	written := func(b *vuln.Baseline) *vuln.Baseline {
		b.Subjects = []string{"web", ""}
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if b, err = vuln.DecodeBaseline("f", raw); err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := written(vuln.NewBaseline(fs, web, first))
	if len(b.Findings) != 1 || len(b.Exploited) != 1 {
		t.Fatalf("%+v", b)
	}
	var seen vuln.Sightings
	seen.AddBaseline(b)
	// The next scan finds one more; what it writes keeps since when the others are known.
	fs = append(fs, vuln.Finding{ID: "CVE-3", PURL: "pkg:npm/a@1", Severity: ident.SeverityLow})
	seen.Apply(fs, web, later)
	if k := fs[2].FirstKnown; k == nil || !k.After.Equal(first) || !k.By.IsZero() {
		t.Errorf("what was not known: %+v", k)
	}
	b = written(vuln.NewBaseline(fs, web, later))
	seen = vuln.Sightings{}
	seen.AddBaseline(b)
	exactly := func(x time.Time) vuln.FirstKnown { return vuln.FirstKnown{After: x, By: x} }
	for name, c := range map[string]struct {
		f       vuln.Finding
		subject string
		at      time.Time
		want    vuln.FirstKnown
	}{
		"since the first":               {fs[0], "web", at, exactly(first)},
		"by another name and version":   {vuln.Finding{ID: "ghsa-1", PURL: "pkg:npm/a@2"}, "web", at, exactly(first)},
		"exploited":                     {fs[1], "web", at, exactly(first)},
		"since the second":              {fs[2], "web", at, exactly(later)},
		"in another package":            {vuln.Finding{ID: "CVE-1", PURL: "pkg:npm/b@1"}, "web", at, vuln.FirstKnown{After: later}},
		"in another artifact":           {fs[0], "api", at, vuln.FirstKnown{}},
		"in one without a name":         {fs[0], "", at, vuln.FirstKnown{}},
		"new":                           {vuln.Finding{ID: "CVE-4", PURL: "pkg:npm/a@1"}, "web", at, vuln.FirstKnown{After: later}},
		"before the baseline was made":  {fs[2], "web", first.Add(day), vuln.FirstKnown{}},
		"as of the day it became known": {fs[0], "web", first, exactly(first)},
	} {
		if got, accepted := seen.Known(&c.f, c.subject, c.at); got != c.want || accepted {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	// One of before, which does not say since when.
	old, err := vuln.DecodeBaseline("f", []byte(`{"schemaVersion":"1","kind":"FindingBaseline","created":"2026-10-01T00:00:00Z","findings":[{"id":"CVE-1","package":"pkg:npm/a"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	seen = vuln.Sightings{}
	seen.AddBaseline(old)
	if got, _ := seen.Known(&fs[0], "web", at); !got.After.IsZero() || !got.By.Equal(old.Created) {
		t.Errorf("%+v", got)
	}
	if got, _ := seen.Known(&fs[1], "web", at); got != (vuln.FirstKnown{}) {
		t.Errorf("a baseline that does not say what it looked at: %+v", got)
	}
}

func TestSightingsOfWhatRuns(t *testing.T) {
	at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	since := func(days int) vuln.FirstKnown {
		x := at.AddDate(0, 0, -days)
		return vuln.FirstKnown{After: x, By: x}
	}
	var seen vuln.Sightings
	for _, x := range []vuln.Sighting{
		{IDs: []string{"CVE-1"}, Known: since(3), PURL: "pkg:npm/a@1", Accepted: true},
		{IDs: []string{"CVE-1"}, Known: since(9), PURL: "pkg:npm/b@1"},
		{IDs: []string{"CVE-2"}, Known: since(3), PURL: "pkg:npm/a@1", Accepted: true},
		{IDs: []string{"CVE-2"}, Known: since(2), PURL: "pkg:npm/a@1"}, // in another container, where nobody accepted it
	} {
		seen.Add(x)
	}
	seen.Looked("", at.AddDate(0, 0, -1))
	seen.Looked("", at.AddDate(0, 0, 1)) // a day to come
	for _, c := range []struct {
		id, purl string
		want     vuln.FirstKnown
		accepted bool
	}{
		{"CVE-1", "pkg:npm/a@1", since(9), true},
		{"CVE-1", "pkg:npm/b@1", since(9), false},
		{"CVE-1", "pkg:npm/a@2", since(9), false},
		{"CVE-2", "pkg:npm/a@1", since(3), false},
		{"CVE-3", "pkg:npm/a@1", vuln.FirstKnown{After: at.AddDate(0, 0, -1)}, false},
	} {
		if got, accepted := seen.Known(&vuln.Finding{ID: c.id, PURL: c.purl}, "whatever", at); got != c.want || accepted != c.accepted {
			t.Errorf("%s in %s: %+v %t, want %+v %t", c.id, c.purl, got, accepted, c.want, c.accepted)
		}
	}
}

func TestBrokenSince(t *testing.T) {
	for text, want := range map[string]string{
		`"findings":[{"id":"a","package":"b","firstKnown":{}}]`:                                                           "#/findings/0: firstKnown needs",
		`"findings":[{"id":"a","package":"b","firstKnown":{"after":"2026-10-02T00:00:00Z","by":"2026-10-01T00:00:00Z"}}]`: "#/findings/0: firstKnown needs",
		`"findings":[],"exploited":[{"id":"a"}]`:                                                                          "#/exploited/0: the finding has no id",
		`"findings":[],"exploited":[{"id":"a","package":"b","accepted":true,"until":"2026-10-01","reason":"never"}]`:      "#/exploited/0: what is known to be exploited is never accepted",
		`"findings":[],"exploited":[{"id":"a","package":"b","firstKnown":{"by":"yesterday"}}]`:                            "cannot be read",
	} {
		if _, err := vuln.DecodeBaseline("f", []byte(`{"schemaVersion":"1","kind":"FindingBaseline",`+text+`}`)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
