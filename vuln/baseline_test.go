package vuln_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
)

func TestBaseline(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	subject := func(f *vuln.Finding) string { return f.File }
	base := []vuln.Finding{
		{ID: "CVE-1", Aliases: []string{"GHSA-1"}, PURL: "pkg:npm/lodash@1.0.0", File: "web", Severity: ident.SeverityHigh},
		{ID: "CVE-2", PURL: "pkg:npm/lodash@1.0.0", File: "web", Severity: ident.SeverityHigh, KEV: true},
		{ID: "CVE-3", PURL: "pkg:npm/gone@1", File: "web", Severity: ident.SeverityLow},
		{ID: "CVE-4", PURL: "pkg:npm/lodash@1.0.0", File: "web", Severity: ident.SeverityLow, Status: vuln.StatusNotAffected},
		{ID: "CVE-5", PURL: "pkg:npm/lodash@1.0.0", File: "web", Severity: ident.SeverityLow},
	}
	b := vuln.NewBaseline(base, subject, at)
	if len(b.Findings) != 3 {
		t.Fatalf("%+v", b.Findings)
	}
	raw, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = vuln.DecodeBaseline("f", raw); err != nil {
		t.Fatal(err)
	}
	for i := range b.Findings {
		if k := &b.Findings[i]; k.ID == "CVE-5" {
			k.Accepted, k.Until, k.Reason = true, "2026-11-20", "not reachable"
		}
	}
	for name, c := range map[string]struct {
		f    vuln.Finding
		any  bool
		at   time.Time
		want vuln.State
	}{
		"the same":                          {vuln.Finding{ID: "CVE-1", PURL: "pkg:npm/lodash@1.0.0", File: "web", Severity: ident.SeverityHigh}, false, at, vuln.StateTriaged},
		"by an alias, in another version":   {vuln.Finding{ID: "GHSA-1", PURL: "pkg:npm/lodash@1.0.1?x=y", File: "web", Severity: ident.SeverityHigh}, false, at, vuln.StateTriaged},
		"in another artifact":               {vuln.Finding{ID: "CVE-1", PURL: "pkg:npm/lodash@1.0.0", File: "api", Severity: ident.SeverityHigh}, false, at, vuln.StateNew},
		"in the release after":              {vuln.Finding{ID: "CVE-1", PURL: "pkg:npm/lodash@1.0.0", File: "api", Severity: ident.SeverityHigh}, true, at, vuln.StateTriaged},
		"in another package":                {vuln.Finding{ID: "CVE-1", PURL: "pkg:npm/other@1.0.0", File: "web", Severity: ident.SeverityHigh}, false, at, vuln.StateNew},
		"more severe than it was":           {vuln.Finding{ID: "CVE-1", PURL: "pkg:npm/lodash@1.0.0", File: "web", Severity: ident.SeverityCritical}, false, at, vuln.StateNew},
		"exploited since":                   {vuln.Finding{ID: "CVE-1", PURL: "pkg:npm/lodash@1.0.0", File: "web", Severity: ident.SeverityHigh, KEV: true}, false, at, vuln.StateNew},
		"exploited already then":            {vuln.Finding{ID: "CVE-2", PURL: "pkg:npm/lodash@1.0.0", File: "web", Severity: ident.SeverityHigh}, false, at, vuln.StateNew},
		"accepted, on its last day":         {vuln.Finding{ID: "CVE-5", PURL: "pkg:npm/lodash@1.0.0", File: "web", Severity: ident.SeverityLow}, false, at, vuln.StateAccepted},
		"accepted, the day after":           {vuln.Finding{ID: "CVE-5", PURL: "pkg:npm/lodash@1.0.0", File: "web", Severity: ident.SeverityLow}, false, at.AddDate(0, 0, 1), vuln.StateNew},
		"what statements cleared that time": {vuln.Finding{ID: "CVE-4", PURL: "pkg:npm/lodash@1.0.0", File: "web", Severity: ident.SeverityLow}, false, at, vuln.StateNew},
	} {
		fs := []vuln.Finding{c.f}
		gone := b.Apply(fs, subject, c.any, c.at)
		if fs[0].State != c.want || (fs[0].Accepted != nil) != (c.want == vuln.StateAccepted) {
			t.Errorf("%s: %s, want %s", name, fs[0].State, c.want)
		}
		for _, k := range gone {
			if c.want != vuln.StateNew && k.ID == fs[0].ID {
				t.Errorf("%s: %s is found and said to be gone", name, k.ID)
			}
		}
	}
	if gone := b.Apply(nil, subject, false, at); len(gone) != 3 {
		t.Errorf("%+v", gone)
	}
}

func TestBaselinesThatAreRefused(t *testing.T) {
	const head = `{"schemaVersion":"1","kind":"FindingBaseline","findings":[`
	for name, c := range map[string]struct{ text, says string }{
		"another document":       {`{"bomFormat":"CycloneDX"}`, "no baseline"},
		"cut short":              {head + `{"id":"CVE-1"`, "cannot be read"},
		"a word of its own":      {head + `{"id":"CVE-1","package":"pkg:npm/a","severity":"low","end":"2026-01-01"}]}`, "end"},
		"no package":             {head + `{"id":"CVE-1","severity":"low"}]}`, "f#/findings/0"},
		"accepted for ever":      {head + `{"id":"CVE-1","package":"pkg:npm/a","severity":"low","accepted":true,"reason":"x"}]}`, "a day until"},
		"accepted for no reason": {head + `{"id":"CVE-1","package":"pkg:npm/a","severity":"low","accepted":true,"until":"2026-01-01"}]}`, "needs a reason"},
		"no date":                {head + `{"id":"CVE-1","package":"pkg:npm/a","severity":"low","until":"soon"}]}`, "no date"},
		"another version":        {strings.Replace(head, `"1"`, `"2"`, 1) + `]}`, "of this version"},
	} {
		if _, err := vuln.DecodeBaseline("f", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeBaseline(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":"1","kind":"FindingBaseline","findings":[{"id":"CVE-1","package":"pkg:npm/a","severity":"low"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := vuln.DecodeBaseline("f", raw)
		if err != nil {
			return
		}
		fs := []vuln.Finding{{ID: "CVE-1", PURL: "pkg:npm/a@1", KEV: true}}
		b.Apply(fs, func(*vuln.Finding) string { return "" }, true, time.Time{})
		if fs[0].State != vuln.StateNew {
			t.Fatal("a baseline hides what is known to be exploited")
		}
	})
}

func TestUpgrades(t *testing.T) {
	find := func(id, purl, name, version, fix string, fixed ...string) vuln.Finding {
		return vuln.Finding{ID: id, PURL: purl, Component: vuln.FindingComponent{Name: name, Version: version}, Fix: "upgrade " + name + " to " + fix, Fixed: fixed, Severity: ident.SeverityHigh}
	}
	net := "pkg:golang/golang.org/x/net@v0.9.0"
	fs := []vuln.Finding{
		find("CVE-1", net, "golang.org/x/net", "v0.9.0", "v0.17.0", "0.17.0"),
		find("CVE-2", net, "golang.org/x/net", "v0.9.0", "v0.23.0", "0.23.0"),
		find("CVE-3", net, "golang.org/x/net", "v0.9.0", "v0.10.0", "0.10.0", "0.30.0"), // another branch is affected until 0.30.0
		find("CVE-4", "pkg:npm/a@1.0.0", "a", "1.0.0", "1.0.1", "1.0.1"),
		{ID: "CVE-5", PURL: "pkg:npm/b@1", Component: vuln.FindingComponent{Name: "b", Version: "1"}},
	}
	fs[3].KEV = true
	cleared := find("CVE-6", "pkg:npm/c@1", "c", "1", "2", "2")
	cleared.Status = vuln.StatusFixed
	got := vuln.Upgrades(append(fs, cleared))
	want := []vuln.Upgrade{
		{Kind: vuln.UpgradePackage, Component: "a", From: "1.0.0", To: "1.0.1", Clears: 1, KEV: 1, Worst: ident.SeverityHigh, Documents: 1},
		{Kind: vuln.UpgradePackage, Component: "golang.org/x/net", From: "v0.9.0", To: "v0.23.0", Clears: 2, Worst: ident.SeverityHigh, Documents: 1},
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v", got)
	}
}
