package licensing

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/license"
)

func parse(tb testing.TB, s string) *license.Expression {
	tb.Helper()
	e, err := license.Parse(s)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func Example() {
	doc := &sbom.Document{Components: []sbom.Component{{Name: "a", Licenses: []sbom.License{{Expression: "MIT OR GPL-3.0-only"}}}, {Name: "b", Licenses: []sbom.License{{Expression: "SSPL-1.0"}}}, {Name: "c"}}}
	r, _ := Judge(context.Background(), []*sbom.Document{doc}, Options{})
	for _, c := range r.Components {
		fmt.Println(c.Component, c.Verdict)
	}
	// Output:
	// b denied
	// c unknown
	// a allowed
}

func TestTablesNameListedLicences(t *testing.T) {
	for id, terms := range tables().terms {
		if !license.Listed(id) || !slices.Contains(families, terms.Family) {
			t.Errorf("%s %v", id, terms)
		}
		for _, o := range terms.Obligations {
			if !strings.Contains(termLines, o+":") && o != "no-derivatives" && o != "noncommercial" {
				t.Errorf("%s asks for %q, which is not explained", id, o)
			}
		}
	}
	for _, r := range tables().conflicts {
		if r.verdict != compatible && r.verdict != conflicting && r.verdict != unknown || len(r.source) < 8 {
			t.Errorf("%+v", r)
		}
		for _, id := range []string{r.a, r.b} {
			found := false
			for known := range tables().terms {
				found = found || fits(id, known)
			}
			if !found {
				t.Errorf("%s of %+v fits no licence", id, r)
			}
		}
	}
}

func TestCurrent(t *testing.T) {
	for s, want := range map[string]string{"GPL-2.0": "GPL-2.0-only", "GPL-2.0+": "GPL-2.0-or-later", "GPL-2.0-only+": "GPL-2.0-or-later", "LGPL-2.1-or-later": "LGPL-2.1-or-later", "AGPL-3.0": "AGPL-3.0-only",
		"GPL-3.0-with-GCC-exception": "GPL-3.0-only", "MIT+": "MIT", "GFDL-1.2-invariants-only": "GFDL-1.2-invariants-only"} {
		if got := current(parse(t, s)); got != want {
			t.Errorf("%s is %s, want %s", s, got, want)
		}
	}
}

func TestCombinations(t *testing.T) {
	for _, c := range [][3]string{
		{"GPL-2.0-only", "Apache-2.0", conflicting}, {"GPL-2.0-or-later", "Apache-2.0", compatible}, {"GPL-3.0-only", "Apache-2.0", compatible},
		{"GPL-2.0", "GPL-3.0", conflicting}, {"GPL-2.0+", "GPL-3.0", compatible}, {"MIT", "BSD-3-Clause", compatible}, {"MIT", "SSPL-1.0", unknown},
		{"GPL-3.0-only", "BSD-4-Clause", conflicting}, {"AGPL-3.0-only", "BSD-4-Clause", conflicting}, {"AGPL-3.0-only", "MIT", compatible}, {"GPL-2.0-only", "LGPL-2.1-or-later", compatible},
		{"GPL-2.0-only", "CDDL-1.0", conflicting}, {"GPL-2.0-only WITH Classpath-exception-2.0", "CDDL-1.0", unknown}, {"MPL-2.0", "GPL-2.0-only", compatible}, {"LicenseRef-x", "MIT", unknown},
		{"MIT OR GPL-2.0-only", "Apache-2.0", compatible}, {"MIT AND GPL-2.0-only", "Apache-2.0", conflicting}, {"Apache-2.0", "GPL-2.0-only OR LicenseRef-x", unknown},
		{"GPL-2.0-only OR EPL-2.0", "Apache-2.0 AND MIT", compatible}, {"EPL-2.0", "GPL-3.0-only", unknown}, {"MPL-2.0-no-copyleft-exception", "GPL-3.0-only", conflicting},
	} {
		for range 2 {
			if got, source := together(parse(t, c[0]), parse(t, c[1])); got != c[2] || got != compatible && source == "" {
				t.Errorf("%s with %s: %s (%s), want %s", c[0], c[1], got, source, c[2])
			}
			c[0], c[1] = c[1], c[0]
		}
	}
}

const policy = `
kind: LicensePolicy
name: product
default: unknown
allow: [MIT, "family:permissive", GPL-2.0-only WITH Classpath-exception-2.0]
restrict: ["family:weak-copyleft", "family:strong-copyleft", "family:network-copyleft"]
deny: [JSON, "family:non-commercial", GPL-2.0-only]
usages:
  saas: {deny: ["family:network-copyleft"], allow: [GPL-3.0-only]}
exceptions:
  - {package: "pkg:npm/json-lib", license: JSON, reason: being replaced, until: 2026-12-31}
  - {package: "pkg:npm/pinned@1.0.0", reason: bought}
`

func TestPolicy(t *testing.T) {
	p, err := ParsePolicy([]byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		usage, expression string
		want              Verdict
		chosen            string
	}{
		{"distributed", "MIT", Allowed, "MIT"}, {"distributed", "JSON", Denied, "JSON"}, {"distributed", "MIT OR JSON", Allowed, "MIT"}, {"distributed", "MIT AND JSON", Denied, "MIT AND JSON"},
		{"distributed", "(JSON OR MPL-2.0) AND MIT", Restricted, "MPL-2.0 AND MIT"}, {"distributed", "LicenseRef-x", Unknown, "LicenseRef-x"}, {"distributed", "LicenseRef-x OR JSON", Unknown, "LicenseRef-x"},
		{"distributed", "GPL-2.0", Denied, "GPL-2.0"}, {"distributed", "GPL-2.0-only WITH Classpath-exception-2.0", Allowed, "GPL-2.0-only WITH Classpath-exception-2.0"},
		{"distributed", "GPL-2.0-only WITH Bison-exception-2.2", Denied, ""}, {"distributed", "GPL-3.0-only", Restricted, ""}, {"saas", "GPL-3.0-only", Allowed, ""},
		{"saas", "AGPL-3.0-only", Denied, ""}, {"distributed", "AGPL-3.0", Restricted, ""}, {"saas", "GPL-3.0-only WITH LLVM-exception", Restricted, ""},
	} {
		if err := p.SetUsage(c.usage); err != nil {
			t.Fatal(err)
		}
		got, chosen := p.verdict(parse(t, c.expression))
		if got != c.want || c.chosen != "" && chosen.String() != c.chosen {
			t.Errorf("%s, %s: %s of %s, want %s", c.usage, c.expression, got, chosen, c.want)
		}
	}
	for raw, want := range map[string]string{
		"kind: X": "kind", "kind: LicensePolicy\nallow: [BSD]": `"BSD" is no licence`, "kind: LicensePolicy\nallow: [MIT OR ISC]": "several licences", "kind: LicensePolicy\ndeny: ['family:x']": "no family",
		"kind: LicensePolicy\nusage: x": "no usage", "kind: LicensePolicy\nusages: {x: {}}": "no usage", "kind: LicensePolicy\ndefault: x": "default", "kind: LicensePolicy\nexceptions: [{package: x, reason: y}]": "package URL",
		"kind: LicensePolicy\nexceptions: [{package: 'pkg:npm/x'}]": "no reason", "kind: LicensePolicy\nexceptions: [{package: 'pkg:npm/x', reason: y, until: soon}]": "ends at", "kind: LicensePolicy\nalow: []": "alow",
		strings.Repeat("#", maxPolicyBytes+1): "more than",
	} {
		if _, err := ParsePolicy([]byte(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50q: %v", raw, err)
		}
	}
}

func TestJudge(t *testing.T) {
	p, err := ParsePolicy([]byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	say := func(kind sbom.LicenseKind, texts ...string) (out []sbom.License) {
		for _, s := range texts {
			out = append(out, sbom.License{Expression: s, Kind: kind, Name: strings.Contains(s, "my ")})
		}
		return out
	}
	doc := &sbom.Document{
		Subject: sbom.Subject{Component: &sbom.Component{Name: "app", Licenses: say(0, "Apache-2.0")}},
		Components: []sbom.Component{
			{Name: "concluded", Licenses: append(say(sbom.LicenseDeclared, "JSON"), say(sbom.LicenseConcluded, "MIT")...)},
			{Name: "declared", Licenses: append(say(sbom.LicenseConcluded, "NOASSERTION"), say(sbom.LicenseDeclared, "JSON")...)},
			{Name: "listed", Licenses: say(0, "MIT OR JSON", "MPL-2.0")},
			{Name: "free", Licenses: say(0, "my licence")},
			{Name: "none", Licenses: say(sbom.LicenseDeclared, "NONE")},
			{Name: "json-lib", Version: "2", PURL: "pkg:npm/json-lib@2", Licenses: say(0, "JSON")},
			{Name: "pinned", Version: "1.0.1", PURL: "pkg:npm/pinned@1.0.1", Licenses: say(0, "JSON")},
			{Name: "gpl", Licenses: say(0, "GPL-2.0-only")},
			{Name: "openssl", Version: "3", PURL: "pkg:deb/debian/openssl@3", Licenses: say(0, "Apache-2.0")},
			{Name: "bash", PURL: "pkg:deb/debian/bash@5", Licenses: say(0, "GPL-2.0-only")},
		},
		Dependencies: []sbom.Dependency{{From: -1, To: 7}, {From: -1, To: 3}, {From: 9, To: 8}, {From: -1, To: 0}, {From: -1, To: 7, Kind: sbom.Contains}},
	}
	for at, want := range map[string]string{
		"2026-12-31T23:00:00Z": "declared=denied pinned=denied gpl=denied bash=denied free=unknown none=unknown listed=restricted concluded=allowed json-lib=allowed openssl=allowed 3 1 2 4 1",
		"2027-01-01T00:00:00Z": "declared=denied json-lib=denied pinned=denied gpl=denied bash=denied free=unknown none=unknown listed=restricted concluded=allowed openssl=allowed 2 1 2 5 0",
	} {
		now, _ := time.Parse(time.RFC3339, at)
		r, err := Judge(context.Background(), []*sbom.Document{doc}, Options{Policy: p, At: now})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range r.Components {
			name, _, _ := strings.Cut(c.Component, "@")
			got += name + "=" + c.Verdict.String() + " "
		}
		if got += fmt.Sprint(r.Allowed, r.Restricted, r.Unknown, r.Denied, r.Excepted); got != want {
			t.Errorf("at %s:\n%s\nwant\n%s", at, got, want)
		}
		if len(r.Conflicts) != 1 || r.Conflicts[0].To != "gpl" || r.Combinations.Judged != 2 || r.Combinations.Unknown != 1 || r.Combinations.PassedOver != 1 {
			t.Errorf("%+v %+v", r.Conflicts, r.Combinations)
		}
		if len(r.ExportHints) != 1 || r.ExportHints[0].Component != "openssl@3" {
			t.Errorf("%+v", r.ExportHints)
		}
	}
}

func TestObligationsDependOnUsage(t *testing.T) {
	for _, c := range [][3]string{
		{"GPL-3.0-only", "distributed", "notice changes source share-alike"}, {"GPL-3.0-only", "saas", ""}, {"GPL-3.0-only", "internal", ""},
		{"AGPL-3.0-only", "saas", "notice changes source network share-alike"}, {"AGPL-3.0-only", "internal", ""}, {"CC-BY-NC-4.0", "internal", "noncommercial"},
	} {
		if got := strings.Join(binding(TermsOf(parse(t, c[0])), c[1]), " "); got != c[2] {
			t.Errorf("%s, %s: %q", c[0], c[1], got)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(policy), "MIT OR (JSON AND GPL-2.0+)")
	f.Fuzz(func(t *testing.T, raw []byte, expression string) {
		p, err := ParsePolicy(raw)
		if err != nil {
			return
		}
		e, err := license.Parse(expression)
		if err != nil {
			return
		}
		if v, chosen := p.verdict(e); v > Denied || chosen == nil {
			t.Errorf("%s: %d", expression, v)
		}
	})
}
