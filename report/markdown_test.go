package report_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom/licensing"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
	"github.com/cofferdam-io/cofferdam/sbom/witness"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// hostile are texts that would be something else in Markdown, HTML or a terminal.
var hostile = []string{
	"a|b", "`code`", "```\nfence", "<script>alert(1)</script>", "<!-- x", "**bold**", "_it_", "~~del~~", "[x](https://evil.example)", "![x](y)",
	"https://evil.example/", "www.evil.example", "@everyone", "&lt;b&gt;", "line\nbreak", "cr\rlf", "\x1b[2J", "\ue000forged\ue001", "\u202ereordered",
	"# heading", "- item", "1. item", "$x$", "\\|", "\\\\|", "| --- |", "a\tb", "",
}

func markdown(t *testing.T, answer any) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, answer, report.Options{Format: "markdown", Command: "cofferdam", Inputs: "-f `x`"}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestMarkdownOfHostileNames: whatever names, summaries and versions say, the
// page has the lines and cells that we wrote, and no markup of theirs.
func TestMarkdownOfHostileNames(t *testing.T) {
	for _, h := range hostile {
		ref := ident.Ref{Namespace: h, Name: h}
		unknowns := []inventory.Unknown{{Object: h, Reason: h, Affects: []ident.Ref{ref}}}
		site := inventory.Site{Workload: ref, Zone: h, Owner: h, Container: h, Image: h, Name: h, Version: h, Fixed: []string{h}}
		advisory := &inventory.AdvisorySummary{ID: h, Summary: h, Fixed: []inventory.FixedIn{{Package: h, Versions: []string{h}}}}
		conns := []segment.Conn{{Protocol: segment.TCP, From: 80, To: 80}}
		hop := segment.Hop{From: ref, To: ident.Ref{Namespace: "x", Name: h}, Connections: conns, Verdict: segment.Allowed,
			AllowedBy: []segment.RuleRef{{Kind: h, Namespace: h, Name: h, RuleName: h, Direction: "egress"}, {Default: true}}}
		cover := inventory.Coverage{Enforcement: h, NotSeen: []string{h}, Selector: h}
		why := report.Explained{Src: ref, Dst: ref, Considered: []report.Considered{{RuleRef: segment.RuleRef{Kind: h, Name: h, Direction: "egress"}, Outcome: h, Reason: h}}}
		plain := map[string]any{
			"where": &inventory.Where{Query: h, Advisory: advisory, Found: true, Sites: []inventory.Site{site}, NotCovered: []inventory.NotCovered{{Workload: ref, Zone: h, Image: h, Reason: h}}, Unknowns: unknowns, Coverage: cover},
			"blast": &inventory.Blast{Query: h, Advisory: advisory, Affected: []inventory.Affected{{Workload: ref, Zone: h, Owner: h, Sites: []inventory.Site{site}, OtherWays: []string{h}}},
				Reach: []inventory.ReachedWorkload{{Workload: hop.To, Zone: h, Hops: 1, Verdict: segment.Allowed, Path: []segment.Hop{hop}}}, ProtectedReached: []ident.Ref{hop.To}, Unknowns: unknowns, Coverage: cover},
			"map": &inventory.Map{Cluster: h, Workloads: []inventory.WorkloadRow{{Workload: ref, Zone: h, Findings: []inventory.FindingRow{{ID: h, Severity: ident.SeverityHigh}}, Exposure: segment.ExposedInternet, Ways: []segment.Way{{Object: h, Conns: conns}}}},
				WithoutSBOM: []inventory.ImageGap{{Image: h, Reason: h, Workloads: []ident.Ref{ref}}}, Unprotected: []ident.Ref{ref}, SBOMsWithoutRuntime: []inventory.UnusedSBOM{{Subject: h, File: h}},
				CrossZone: []inventory.CrossZone{{From: h, To: h, Edges: []segment.Edge{{Src: ref, Dst: ref, Connections: conns}}}}, Unknowns: unknowns, Coverage: cover},
			"reach list":    &report.ReachList{Edges: []segment.Edge{{Src: ref, Dst: ref, Connections: conns, Verdict: segment.Unknown, Partial: true}}, Unknowns: unknowns, Coverage: cover},
			"reach why":     &report.Why{Explained: why, Unknowns: unknowns, Coverage: cover},
			"reach why all": &report.WhyAll{Explanations: []*report.PairWhy{{Explained: why, Allowed: conns, Unknowns: unknowns}}, Coverage: cover},
			"scan": &report.Scan{Findings: []vuln.Finding{{ID: h, PURL: h, Summary: h, Fix: h, Range: h, File: h, Component: vuln.FindingComponent{Name: h, Version: h}}},
				Unmatched: []vuln.Unmatched{{Reason: h, Name: h}}, Gate: &report.Gate{FailOn: []string{h}, Failed: true}, Coverage: cover},
			"sbom licenses": &report.Licenses{Report: &licensing.Report{Policy: h, Usage: h, Components: []licensing.Row{{Component: h, License: h, Families: h, Why: h, Pointer: h, Verdict: licensing.Denied}},
				Obligations: []licensing.Obligation{{License: h, Family: h, Components: []string{h}}}, Conflicts: []licensing.Conflict{{From: h, To: h, Source: h, FromLicense: h, ToLicense: h}}, ExportHints: []licensing.ExportHint{{Component: h}}}},
			"sbom check": &report.SBOMCheck{Document: report.DocumentName{File: h}, Witnesses: []report.WitnessNamed{{Source: h, Kind: h}}, Result: &witness.Result{Omitted: []witness.Omission{{Package: h, Witness: h, Why: h}},
				Perhaps: []witness.Omission{{Package: h}}, Added: []witness.Addition{{Package: h, Pointer: h}}, Versions: []witness.Difference{{Package: h, Found: h, Witness: h}}, Unknown: []string{h}}},
			"sbom score": &report.Scores{Documents: []quality.Report{{File: h, Name: h, Profiles: []quality.ProfileResult{{ID: h, Elements: []quality.ElementResult{{Title: h, Outcome: quality.Absent, Findings: []quality.Finding{{Pointer: h, Says: h}}}}}},
				Policy: quality.PolicyResult{Name: h, Checks: []quality.CheckResult{{ID: h, Title: h, Findings: []quality.Violation{{Pointer: h, Message: h}}}}}}, {File: h}}, Gate: &report.ScoreGate{}},
			"sbom validate": &report.Validations{Documents: []report.Validation{{File: h, Violations: []report.Violation{{Pointer: h, Message: h}}}, {File: h, NotJudged: h}, {File: h, Valid: true, Format: h}}},
		}
		for name, answer := range plain {
			out := markdown(t, answer)
			if err := judgeMarkdown(out); err != "" {
				t.Errorf("%s with %q: %s\n%s", name, h, err, out)
			}
		}
	}
}

// judgeMarkdown says what is wrong with a page of ours; "" if nothing is.
func judgeMarkdown(out string) string {
	columns, fence := 0, ""
	for line := range strings.SplitSeq(strings.TrimSuffix(out, "\n"), "\n") {
		if fence != "" {
			if line == fence {
				fence = ""
			}
			continue
		}
		if strings.HasPrefix(line, "```") {
			fence = strings.TrimSuffix(line, "sh")
			continue
		}
		for _, r := range line {
			if !unicode.IsPrint(r) {
				return "an invisible character in " + line
			}
		}
		rest := strings.ReplaceAll(line, "@<!-- -->", "")
		bare := unescaped(rest)
		if i := strings.IndexAny(bare, "<`_~[]&$"); i >= 0 {
			return "bare " + bare[i:i+1] + " in " + line
		}
		if strings.Count(bare, "**")*2 != strings.Count(bare, "*") || strings.Count(bare, "**")%2 != 0 {
			return "emphasis that does not close in " + line
		}
		if strings.Contains(bare, "://") || strings.Contains(strings.ToLower(bare), "www.") {
			return "an autolink in " + line
		}
		if !strings.HasPrefix(line, "|") {
			columns = 0
			if strings.Contains(bare, "|") {
				return "a cell outside a table: " + line
			}
			continue
		}
		n := strings.Count(bare, "|")
		if columns == 0 {
			columns = n
		}
		if n != columns {
			return "a row of another width: " + line
		}
	}
	if fence != "" {
		return "a fence that does not close"
	}
	return ""
}

// unescaped removes every backslash with what it escapes (GFM 6.1).
func unescaped(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// TestMarkdownProperty: any name at all.
func TestMarkdownProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("|\\`*_~<>[]()!&$#@:/w.-+=1 \n\t\ue000\ue001é")))).Draw(rt, "name")
		out := markdown(t, &report.ReachList{Edges: []segment.Edge{{Src: ident.Ref{Namespace: "a", Name: name}, Dst: ident.Ref{Namespace: name, Name: "b"}}}, Coverage: inventory.Coverage{Enforcement: name}})
		if err := judgeMarkdown(out); err != "" {
			rt.Fatalf("%q: %s\n%s", name, err, out)
		}
	})
}
