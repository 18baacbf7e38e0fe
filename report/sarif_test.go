package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

func write(t *testing.T, format string, answer any) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, answer, report.Options{Format: format, Tool: report.ToolInfo{Name: "cofferdam", Version: "v1"}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func someScan() *report.Scan {
	doc := &sbom.Document{Digest: ident.SHA256([]byte("doc")), File: "sbom/a b.json", Components: []sbom.Component{
		{Name: "x", PURL: "pkg:npm/x@1", Pointer: "/components/0"}, {Name: "y"}, {Name: "x", PURL: "pkg:npm/x@1", Pointer: "/components/2"}}}
	a := &report.Scan{Findings: []vuln.Finding{
		{ID: "CVE-1", PURL: "pkg:npm/x@1", Severity: ident.SeverityCritical, File: doc.File, Document: doc.Digest, Indices: []int{0, 2}, Summary: "it <breaks>", Component: vuln.FindingComponent{Name: "x", Version: "1"}},
		{ID: "CVE-2", PURL: "pkg:npm/s@1", Severity: ident.SeverityLow, File: doc.File, Document: doc.Digest, Indices: []int{-1}, Component: vuln.FindingComponent{Name: "x", Version: "1"}},
		{ID: "CVE-1", PURL: "pkg:npm/x@2", Severity: ident.SeverityUnknown, Document: ident.SHA256([]byte("unnamed")), Component: vuln.FindingComponent{Name: "x", Version: "2"}},
	}, Coverage: inventory.Coverage{Quarantined: 1}}
	a.Locate([]*sbom.Document{doc})
	return a
}

func someValidations() *report.Validations {
	return &report.Validations{Documents: []report.Validation{
		{File: "/abs/a.json", Format: "CycloneDX", SpecVersion: "1.6", Encoding: "json", Rules: "official schema", Violations: []report.Violation{
			{Pointer: "/components/0", Line: 7, Column: 3, Message: "must be x", Rule: "s#/a"}, {Pointer: "", Message: "must be y", Rule: "s#/b"}, {Pointer: "/c", Message: "z", Rule: "s#/a"}}},
		{File: "b.xml", Encoding: "xml", Violations: []report.Violation{{Pointer: "/bom", Message: "broken"}}},
		{File: "c.json", Valid: true, Rules: "official schema", Violations: []report.Violation{}},
		{File: "d.json", NotJudged: "is not judged"},
	}}
}

// TestSARIF holds the structure that SARIF 2.1.0 requires of what we write:
// 3.13 (log), 3.14 (run), 3.19 (driver), 3.27 (result), 3.28 (location).
func TestSARIF(t *testing.T) {
	for name, c := range map[string]struct {
		answer             any
		results, rules     int
		complete           bool
		pointers, artifact []string
	}{
		"scan":       {someScan(), 3, 2, false, []string{"/components/0", "/components/2", "pkg:npm/s@1", "pkg:npm/x@2"}, []string{"sbom/a%20b.json"}},
		"validate":   {someValidations(), 4, 3, false, []string{"/components/0", "(document)", "/c", "/bom"}, []string{"file:///abs/a.json", "b.xml"}},
		"empty scan": {&report.Scan{}, 0, 0, true, nil, nil},
		"all valid":  {&report.Validations{Documents: []report.Validation{{File: "x", Valid: true}}}, 0, 0, true, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			raw := write(t, "sarif", c.answer)
			var log map[string]any
			if err := json.Unmarshal(raw, &log); err != nil {
				t.Fatal(err)
			}
			if log["version"] != "2.1.0" || !strings.HasSuffix(log["$schema"].(string), "sarif-2.1.0.json") {
				t.Errorf("head: %v %v", log["version"], log["$schema"])
			}
			run := log["runs"].([]any)[0].(map[string]any)
			driver := run["tool"].(map[string]any)["driver"].(map[string]any)
			if driver["name"] != "cofferdam" {
				t.Errorf("driver %v", driver["name"])
			}
			rules, results := driver["rules"].([]any), run["results"].([]any) // both must be arrays, never null
			if len(rules) != c.rules || len(results) != c.results {
				t.Fatalf("%d rules, %d results", len(rules), len(results))
			}
			ids := map[string]bool{}
			for _, r := range rules {
				id := r.(map[string]any)["id"].(string)
				if id == "" || ids[id] || r.(map[string]any)["shortDescription"].(map[string]any)["text"] == "" {
					t.Errorf("rule %v", r)
				}
				ids[id] = true
			}
			var pointers, artifacts []string
			for _, r := range results {
				res := r.(map[string]any)
				at := int(res["ruleIndex"].(float64))
				if rules[at].(map[string]any)["id"] != res["ruleId"] {
					t.Errorf("ruleIndex %d is not %v", at, res["ruleId"])
				}
				if !slices.Contains([]string{"none", "note", "warning", "error"}, res["level"].(string)) || res["message"].(map[string]any)["text"] == "" {
					t.Errorf("result %v", res)
				}
				for _, l := range res["locations"].([]any) {
					place := l.(map[string]any)["physicalLocation"].(map[string]any)
					uri := place["artifactLocation"].(map[string]any)["uri"].(string)
					if u, err := url.Parse(uri); err != nil || strings.ContainsAny(uri, " \\") || u.String() != uri {
						t.Errorf("%q is no URI reference (%v)", uri, err)
					}
					artifacts = append(artifacts, uri)
					if g, ok := place["region"].(map[string]any); ok && g["startLine"].(float64) < 1 {
						t.Errorf("region %v", g)
					}
					for _, x := range l.(map[string]any)["logicalLocations"].([]any) {
						pointers = append(pointers, x.(map[string]any)["fullyQualifiedName"].(string))
					}
				}
			}
			for _, p := range c.pointers {
				if !slices.Contains(pointers, p) {
					t.Errorf("%s is not pointed at: %v", p, pointers)
				}
			}
			for _, a := range c.artifact {
				if !slices.Contains(artifacts, a) {
					t.Errorf("%s is no artifact: %v", a, artifacts)
				}
			}
			if got := run["invocations"].([]any)[0].(map[string]any)["executionSuccessful"]; got != c.complete {
				t.Errorf("executionSuccessful is %v", got)
			}
		})
	}
}

// TestJUnit: the counts are those of the cases, and what was not judged is an error.
func TestJUnit(t *testing.T) {
	for name, c := range map[string]struct {
		answer                  any
		tests, failures, errors int
	}{
		"scan":       {someScan(), 4, 3, 1},
		"validate":   {someValidations(), 6, 4, 1},
		"empty scan": {&report.Scan{}, 1, 0, 0},
		"unread":     {&report.Scan{Coverage: inventory.Coverage{Quarantined: 2}}, 2, 0, 1},
		"hostile":    {&report.Validations{Documents: []report.Validation{{File: "a\x1b\x00]]>", Violations: []report.Violation{{Message: "\ufffe<x>&\x01"}}}}}, 1, 1, 0},
	} {
		var doc struct {
			Suites []struct {
				Tests    int `xml:"tests,attr"`
				Failures int `xml:"failures,attr"`
				Errors   int `xml:"errors,attr"`
				Cases    []struct {
					Failure *struct{} `xml:"failure"`
					Error   *struct{} `xml:"error"`
				} `xml:"testcase"`
			} `xml:"testsuite"`
		}
		raw := write(t, "junit", c.answer)
		if err := xml.Unmarshal(raw, &doc); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, raw)
		}
		tests, failures, errors := 0, 0, 0
		for _, s := range doc.Suites {
			tests, failures, errors = tests+s.Tests, failures+s.Failures, errors+s.Errors
			f, e := 0, 0
			for _, k := range s.Cases {
				if k.Failure != nil {
					f++
				}
				if k.Error != nil {
					e++
				}
			}
			if len(s.Cases) != s.Tests || f != s.Failures || e != s.Errors {
				t.Errorf("%s: the counts of a suite are not its cases': %+v", name, s)
			}
		}
		if tests != c.tests || failures != c.failures || errors != c.errors {
			t.Errorf("%s: %d tests, %d failures, %d errors\n%s", name, tests, failures, errors, raw)
		}
	}
}
