package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Scan is the answer of `scan`.
type Scan struct {
	SchemaVersion string             `json:"schemaVersion"`
	Findings      []vuln.Finding     `json:"findings"`
	Unmatched     []vuln.Unmatched   `json:"unmatched"`
	Documents     int                `json:"documents"`
	Components    int                `json:"components"`
	Coverage      inventory.Coverage `json:"coverage"`
	Gate          *Gate              `json:"gate,omitempty"`
}

// Gate is the outcome of --fail-on.
type Gate struct {
	FailOn []string `json:"failOn"`
	Failed bool     `json:"failed"`
	Count  int      `json:"count"` // findings that made it fail
}

func scanTable(w io.Writer, a *Scan, o Options) error {
	p := newPrinter(w, o)
	var n [6]int
	for _, f := range a.Findings {
		n[f.Severity]++
	}
	head := p.green("NO FINDINGS")
	switch {
	case len(a.Findings) > 0:
		head = p.bold(plural(len(a.Findings), "finding")) + ": " + counts(n)
	case len(a.Unmatched) > 0:
		head = p.yellow("NO FINDINGS in what could be matched")
	}
	p.linef("%s, in %s of %s", head, plural(a.Components, "component"), plural(a.Documents, "document"))
	if g := a.Gate; g != nil {
		if g.Failed {
			p.linef("%s: %s at or above the line", p.red("GATE FAILED on "+clean(strings.Join(g.FailOn, ","))), plural(g.Count, "finding"))
		} else {
			p.linef("%s", p.green("GATE PASSED on "+clean(strings.Join(g.FailOn, ","))))
		}
	}
	if len(a.Findings) > 0 {
		p.heading("FINDINGS", len(a.Findings), "")
		rows := make([][]string, 0, len(a.Findings))
		for _, f := range a.Findings {
			rows = append(rows, []string{p.severity(f.Severity), p.bold(clean(f.ID)), clean(f.Component.Name) + " " + clean(f.Component.Version),
				clean(f.Fix), clean(f.Range), clean(f.File)})
		}
		p.table([]column{{"SEVERITY", 0}, {"ID", 0}, {"COMPONENT", 24}, {"FIX", 20}, {"AFFECTED", 16}, {"DOCUMENT", 16}}, rows)
	}
	p.unmatchedReasons(a.Unmatched)
	p.blank()
	line := fmt.Sprintf("searched %s; %s without identity", plural(a.Documents, "document"), plural(a.Coverage.ComponentsWithoutIdentity, "component"))
	if a.Coverage.AdvisoriesAsOf != "" {
		line += "; advisories of " + clean(a.Coverage.AdvisoriesAsOf)
	}
	p.linef("%s", p.dim(line))
	return p.done()
}

// unmatchedReasons sums up what could not be compared, by reason: thousands of
// rows of it say no more than their counts.
func (p *printer) unmatchedReasons(us []vuln.Unmatched) {
	if len(us) == 0 {
		return
	}
	count := map[string]int{}
	example := map[string]string{}
	for _, u := range us {
		count[u.Reason]++
		if _, ok := example[u.Reason]; !ok {
			example[u.Reason] = strings.TrimSpace(u.Name + " " + u.Version)
		}
	}
	reasons := make([]string, 0, len(count))
	for r := range count {
		reasons = append(reasons, r)
	}
	slices.SortFunc(reasons, func(a, b string) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return strings.Compare(a, b)
	})
	p.heading("NOT MATCHED", len(us), "these were compared with no advisory, or not with all")
	rows := make([][]string, 0, len(reasons))
	for _, r := range reasons {
		rows = append(rows, []string{fmt.Sprint(count[r]), clean(r), clean(example[r])})
	}
	p.table([]column{{"COUNT", 0}, {"REASON", 30}, {"SUCH AS", 20}}, rows)
}

// The part of SARIF 2.1.0 that a code-scanning page reads.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string            `json:"id"`
		ShortDescription sarifText         `json:"shortDescription"`
		Properties       map[string]string `json:"properties,omitempty"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		PhysicalLocation struct {
			ArtifactLocation struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
		} `json:"physicalLocation"`
		LogicalLocations []sarifLogical `json:"logicalLocations"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

// scanSARIF writes SARIF 2.1.0 (OASIS): one rule for each vulnerability, one
// result for each finding, fingerprinted by vulnerability and package URL.
func scanSARIF(w io.Writer, a *Scan, o Options) error {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: o.Tool.Name, Version: o.Tool.Version, Rules: []sarifRule{}}}, Results: []sarifResult{}}
	index := map[string]int{}
	for _, f := range a.Findings {
		i, ok := index[f.ID]
		if !ok {
			i = len(run.Tool.Driver.Rules)
			index[f.ID] = i
			summary := f.Summary
			if summary == "" {
				summary = f.ID
			}
			r := sarifRule{ID: f.ID, ShortDescription: sarifText{summary}}
			if s := score(f); s != "" {
				r.Properties = map[string]string{"security-severity": s}
			}
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, r)
		}
		res := sarifResult{RuleID: f.ID, RuleIndex: i, Level: sarifLevel(f.Severity), Message: sarifText{findingText(f)},
			PartialFingerprints: map[string]string{"cofferdam/v1": f.ID + " " + f.PURL}}
		var loc sarifLocation
		loc.PhysicalLocation.ArtifactLocation.URI = f.File
		if f.File == "" {
			loc.PhysicalLocation.ArtifactLocation.URI = f.Document.String()
		}
		loc.LogicalLocations = []sarifLogical{{FullyQualifiedName: f.PURL, Kind: "package"}}
		res.Locations = []sarifLocation{loc}
		run.Results = append(run.Results, res)
	}
	return JSON(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func sarifLevel(s ident.Severity) string {
	switch s {
	case ident.SeverityCritical, ident.SeverityHigh:
		return "error"
	case ident.SeverityMedium, ident.SeverityUnknown:
		return "warning"
	default:
		return "note"
	}
}

// score is the highest base score, in the decimal form that code scanning sorts by.
func score(f vuln.Finding) string {
	best := -1.0
	for _, c := range f.CVSS {
		if c.Base > best { // NaN compares false
			best = c.Base
		}
	}
	if best < 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", best)
}

func findingText(f vuln.Finding) string {
	s := fmt.Sprintf("%s %s is affected by %s (%s)", f.Component.Name, f.Component.Version, f.ID, f.Severity)
	if f.Fix != "" {
		s += "; " + f.Fix
	}
	return s
}

// JUnit as test reporters read it: a suite for each document, a case for each finding.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		Failure   *junitFailure `xml:"failure,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
	}
)

func scanJUnit(w io.Writer, a *Scan, _ Options) error {
	var out junitSuites
	index := map[string]int{}
	for _, f := range a.Findings {
		name := f.File
		if name == "" {
			name = f.Document.String()
		}
		i, ok := index[name]
		if !ok {
			i = len(out.Suites)
			index[name] = i
			out.Suites = append(out.Suites, junitSuite{Name: name})
		}
		s := &out.Suites[i]
		s.Tests++
		s.Failures++
		s.Cases = append(s.Cases, junitCase{Name: f.ID + " " + f.PURL, Classname: name, Failure: &junitFailure{Message: findingText(f), Type: f.Severity.String()}})
	}
	if len(out.Suites) == 0 {
		out.Suites = []junitSuite{{Name: "scan", Tests: 1, Cases: []junitCase{{Name: "no findings", Classname: "scan"}}}}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
