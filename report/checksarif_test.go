package report_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/intent"
)

type sarifRun struct {
	Results []struct {
		RuleID                      string
		Level                       string
		Message                     struct{ Text string }
		Locations, RelatedLocations []struct {
			ID               int
			PhysicalLocation struct {
				ArtifactLocation struct{ URI string }
				Region           struct{ StartLine, StartColumn, EndColumn int }
			}
		}
		CodeFlows []struct {
			ThreadFlows []struct{ Locations []any }
		}
		PartialFingerprints map[string]string
	}
	Invocations []struct{ ExecutionSuccessful bool }
}

func readRun(t *testing.T, answer any) sarifRun {
	t.Helper()
	var log struct{ Runs []sarifRun }
	if err := json.Unmarshal(write(t, "sarif", answer), &log); err != nil {
		t.Fatal(err)
	}
	return log.Runs[0]
}

func pod(name string) ident.Ref { return ident.Ref{Namespace: "shop", Kind: "Pod", Name: name} }

// TestCheckSARIF says where a page shows a violation: at the policy that decides,
// else at the workload, else at the rule; how grave it is; and that two different
// results have different fingerprints, which a moved line does not change.
func TestCheckSARIF(t *testing.T) {
	conns := []segment.Conn{{From: 80, To: 80}}
	by := segment.RuleRef{Kind: "NetworkPolicy", Namespace: "shop", Name: "let", Direction: "ingress", Tier: "networkpolicy"}
	step := func(from, to string, rule segment.RuleRef) segment.Hop {
		return segment.Hop{From: pod(from), To: pod(to), Connections: conns, Verdict: segment.Allowed, AllowedBy: []segment.RuleRef{{Default: true}, rule}}
	}
	rule := func(line int, text string, s intent.Severity) intent.Rule {
		return intent.Rule{ID: "line", Line: line, Column: 3, Text: text, Severity: s}
	}
	results := func(line int) []intent.Result {
		return []intent.Result{
			{Rule: rule(line, "deny a -> [b]", intent.Error), Outcome: intent.Fails, Violations: []intent.Violation{
				{From: pod("a"), To: pod("b"), Connections: conns, Verdict: segment.Allowed, Path: []segment.Hop{step("a", "b", by)}},
				{From: pod("a"), To: pod("b"), Connections: conns, Verdict: segment.Unknown, Path: []segment.Hop{step("a", "b", by)}},
				{From: pod("a"), To: pod("c"), Connections: conns, Verdict: segment.Allowed, Path: []segment.Hop{step("a", "b", by), step("b", "c", segment.RuleRef{Default: true})}},
				{From: pod("a"), To: pod("d"), Connections: conns, Verdict: segment.Allowed, Path: []segment.Hop{step("x", "d", segment.RuleRef{Default: true})}},
			}},
			{Rule: rule(line+1, "warning deny q -> r", intent.Warning), Outcome: intent.Empty, Reason: "q selects nothing", Column: 9},
		}
	}
	places := report.NewPlaces(&estate.Estate{
		Policies:  []*estate.Policy{{Kind: "NetworkPolicy", Namespace: "shop", Name: "let", Source: estate.Source{File: "np.yaml", Line: 7}}},
		Workloads: []*estate.Workload{{Ref: pod("b"), Source: estate.Source{File: "w.yaml", Line: 1}}, {Ref: pod("c"), Source: estate.Source{File: "w.yaml", Line: 30}}},
	})
	run := readRun(t, report.NewCheck("rules.txt", results(4), nil, inventory.Coverage{Quarantined: 1}, places))
	want := []struct {
		level, file string
		line, steps int
		text        string
	}{
		{"error", "np.yaml", 7, 0, "shop/a reaches shop/b on 80/TCP, by NetworkPolicy shop/let, ingress rule 1; [the rule](1): deny a -> \\[b\\]"},
		{"warning", "np.yaml", 7, 0, "shop/a may reach shop/b"},
		{"error", "np.yaml", 7, 2, "in 2 hops"},
		{"error", "rules.txt", 4, 0, "shop/a reaches shop/d on 80/TCP"},
		{"warning", "rules.txt", 5, 0, "q selects nothing"},
	}
	if len(run.Results) != len(want) || run.Invocations[0].ExecutionSuccessful {
		t.Fatalf("%+v", run)
	}
	seen := map[string]bool{}
	for i, w := range want {
		r := run.Results[i]
		at := r.Locations[0].PhysicalLocation
		steps := 0
		if len(r.CodeFlows) > 0 {
			steps = len(r.CodeFlows[0].ThreadFlows[0].Locations)
		}
		if r.Level != w.level || at.ArtifactLocation.URI != w.file || at.Region.StartLine != w.line || steps != w.steps || !strings.Contains(r.Message.Text, w.text) {
			t.Errorf("%d: %+v, want %+v", i, r, w)
		}
		if related := len(r.RelatedLocations); (w.file == "rules.txt") != (related == 0) {
			t.Errorf("%d: %d related places", i, related)
		}
		if f := r.PartialFingerprints["cofferdam/v1"]; seen[f] {
			t.Errorf("%q is the fingerprint of two", f)
		} else {
			seen[f] = true
		}
	}
	if g := run.Results[4].Locations[0].PhysicalLocation.Region; g.StartColumn != 9 || g.EndColumn != 3+len("warning deny q -> r") {
		t.Errorf("columns %+v", g)
	}
	for i, r := range readRun(t, report.NewCheck("rules.txt", results(90), nil, inventory.Coverage{}, places)).Results {
		if r.RuleID != run.Results[i].RuleID || r.PartialFingerprints["cofferdam/v1"] != run.Results[i].PartialFingerprints["cofferdam/v1"] {
			t.Errorf("the rule moved, and what a page knows of %q is lost", r.Message.Text)
		}
	}
}

// TestDiffSARIF says the same of changes.
func TestDiffSARIF(t *testing.T) {
	by := segment.RuleRef{Kind: "NetworkPolicy", Namespace: "shop", Name: "let", Direction: "ingress"}
	gone := by
	gone.Name = "gone"
	change := func(to string, r *segment.RuleRef, isGone bool) report.DiffChange {
		return report.DiffChange{Change: segment.Change{Src: pod("a"), Dst: pod(to), Connections: []segment.Conn{{From: 80, To: 80}}, Before: segment.Denied, After: segment.Allowed}, By: r, Gone: isGone}
	}
	source := func(name, file string) *estate.Policy {
		return &estate.Policy{Kind: "NetworkPolicy", Namespace: "shop", Name: name, Source: estate.Source{File: file, Line: 3}}
	}
	a := &report.ReachDiff{New: "new", Changes: []report.DiffChange{change("b", &by, false), change("c", &gone, true), change("d", nil, false)},
		Exposure: []report.DiffExposure{{Workload: pod("c"), Before: segment.ExposedNone, After: segment.ExposedInternet}},
		Before:   report.NewPlaces(&estate.Estate{Policies: []*estate.Policy{source("let", "old.yaml"), source("gone", "old.yaml")}}),
		After: report.NewPlaces(&estate.Estate{Policies: []*estate.Policy{source("let", "new.yaml")},
			Workloads: []*estate.Workload{{Ref: pod("c"), Source: estate.Source{File: "w.yaml", Line: 9}}}})}
	a.Gate = []report.Breach{{Gate: "any", Verdict: segment.Allowed, Text: a.Changes[0].Says(), Change: &a.Changes[0]}}
	for i, w := range []struct{ rule, level, file, text string }{
		{"any", "error", "new.yaml", "; by NetworkPolicy shop/let, ingress rule 1"},
		{"opened", "note", "w.yaml", "[the policy](1) that decided is gone: NetworkPolicy shop/gone"},
		{"opened", "note", "new", "shop/a → shop/d on 80/TCP"},
		{"exposure", "note", "w.yaml", "shop/c is reached from internet, was none"},
	} {
		r := readRun(t, a).Results[i]
		if r.RuleID != w.rule || r.Level != w.level || r.Locations[0].PhysicalLocation.ArtifactLocation.URI != w.file || !strings.Contains(r.Message.Text, w.text) {
			t.Errorf("%d: %+v, want %+v", i, r, w)
		}
		if related := len(r.RelatedLocations); (related == 1) != (i == 1) {
			t.Errorf("%d: related %+v", i, r.RelatedLocations)
		}
	}
}
