package policy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/vuln"
)

func TestRemediation(t *testing.T) {
	deadlines, err := vuln.DeadlinesOf(map[string]float64{"exploited": 3, "critical": 7, "high": 30})
	if err != nil {
		t.Fatal(err)
	}
	ago := func(days int) vuln.FirstKnown {
		at := noon.AddDate(0, 0, -days)
		return vuln.FirstKnown{After: at, By: at}
	}
	severe := func(known vuln.FirstKnown) policy.Finding {
		return policy.Finding{ID: "CVE-1", Aliases: []string{"GHSA-1"}, Component: "pkg:npm/a@1", Severity: ident.SeverityCritical, Known: known}
	}
	with := func(f policy.Finding, change func(*policy.Finding)) []policy.Finding {
		change(&f)
		return []policy.Finding{f}
	}
	about := granted()
	about.Findings = []string{"GHSA-1"}
	about.Approvals = append([]fact.Fact{}, about.Approvals...)
	ended := about
	ended.ExpiresAt = noon
	unapproved := about
	unapproved.Approvals = about.Approvals[:1]
	for name, c := range map[string]struct {
		findings  []policy.Finding
		change    func(*policy.Input)
		exception *policy.Exception
		server    bool
		want      policy.Result
		words     string
	}{
		"nothing found":                       {nil, nil, nil, false, policy.Held, ""},
		"in time":                             {[]policy.Finding{severe(ago(7))}, nil, nil, false, policy.Held, ""},
		"beyond its deadline":                 {[]policy.Finding{severe(ago(8))}, nil, nil, false, policy.Broken, "1 of 1 findings are beyond their deadline: CVE-1 (critical) in pkg:npm/a@1, known since 2026-11-12, due 2026-11-19"},
		"exploited":                           {with(severe(ago(4)), func(f *policy.Finding) { f.KEV = true }), nil, nil, false, policy.Broken, "exploited"},
		"exploited, nobody knows":             {[]policy.Finding{severe(ago(4))}, func(in *policy.Input) { in.NoKEV = true }, nil, false, policy.Undecided, "known since 2026-11-16, due 2026-11-19 if it is exploited, which is not known"},
		"not long enough to matter":           {[]policy.Finding{severe(ago(3))}, func(in *policy.Input) { in.NoKEV = true }, nil, false, policy.Held, ""},
		"without a deadline":                  {with(severe(ago(900)), func(f *policy.Finding) { f.Severity = ident.SeverityLow }), nil, nil, false, policy.Held, ""},
		"of a severity nobody knows":          {with(severe(ago(31)), func(f *policy.Finding) { f.Severity = ident.SeverityUnknown }), nil, nil, false, policy.Broken, "CVE-1 (unknown)"},
		"nobody says since when":              {[]policy.Finding{severe(vuln.FirstKnown{})}, nil, nil, false, policy.Undecided, "since when is not known"},
		"known by then, maybe longer":         {[]policy.Finding{severe(vuln.FirstKnown{By: noon})}, nil, nil, false, policy.Undecided, "perhaps earlier"},
		"nobody looked for long":              {[]policy.Finding{severe(vuln.FirstKnown{After: ago(9).By})}, nil, nil, false, policy.Undecided, "not known yet on 2026-11-11"},
		"nobody scanned":                      {nil, func(in *policy.Input) { in.Scanned = false }, nil, false, policy.Undecided, "not scanned"},
		"cleared":                             {with(severe(ago(90)), func(f *policy.Finding) { f.VEX = "not_affected" }), nil, nil, false, policy.Held, ""},
		"being looked into":                   {with(severe(ago(90)), func(f *policy.Finding) { f.VEX = "under_investigation" }), nil, nil, false, policy.Broken, "known since"},
		"excepted by another name":            {[]policy.Finding{severe(ago(90))}, nil, &about, false, policy.Held, ""},
		"excepted until today":                {[]policy.Finding{severe(ago(90))}, nil, &ended, false, policy.Broken, "known since"},
		"excepted by one of two":              {[]policy.Finding{severe(ago(90))}, nil, &unapproved, false, policy.Broken, "known since"},
		"accepted, which the policy asks for": {with(severe(ago(90)), func(f *policy.Finding) { f.Accepted = true }), nil, nil, true, policy.Held, ""},
		"accepted, which it does not":         {with(severe(ago(90)), func(f *policy.Finding) { f.Accepted = true }), nil, nil, false, policy.Broken, "known since"},
		"beyond it, and one unknown": {append([]policy.Finding{severe(ago(90))}, with(severe(vuln.FirstKnown{}), func(f *policy.Finding) { f.ID = "CVE-2" })...), nil, nil, false, policy.Broken,
			"due 2026-08-29; of 1 of 2 findings it is not known whether their deadline has passed: CVE-2"},
	} {
		in := input()
		in.Scanned, in.Findings = true, c.findings
		if c.change != nil {
			c.change(&in)
		}
		prepared, err := policy.Prepare(in)
		if err != nil {
			t.Fatal(err)
		}
		ctx := policy.Context{At: noon}
		if c.exception != nil {
			ctx.Exceptions = []policy.Exception{*c.exception}
		}
		p := compile(t, policy.Spec{Name: "p", Mode: policy.Enforce, Exceptions: policy.Approval{Approvers: []policy.Identity{{Issuer: people, Subject: "*@sec.example"}}},
			Remediation: &policy.Remediation{Name: "remediation", Deadlines: deadlines, ServerAcceptances: c.server}})
		r := p.Evaluate(prepared, ctx).Rules[0]
		if r.Result != c.want || !strings.Contains(r.Found, c.words) {
			t.Errorf("%s: %s, %s", name, r.Result, r.Found)
		}
		if open := r.Result != policy.Held && in.Scanned; open != (len(r.Overdue) > 0) || open && r.Overdue[0].Unknown != (c.want == policy.Undecided) {
			t.Errorf("%s: %+v", name, r.Overdue)
		}
	}
}

// What expressions see of since when a finding is known; and what is overdue in JSON.
func TestSinceInExpressions(t *testing.T) {
	since := noon.AddDate(0, 0, -8)
	for name, c := range map[string]struct {
		known vuln.FirstKnown
		want  policy.Result
	}{
		"long ago": {vuln.FirstKnown{After: since, By: since}, policy.Broken}, "lately": {vuln.FirstKnown{After: noon, By: noon}, policy.Held}, "perhaps earlier": {vuln.FirstKnown{By: noon}, policy.Undecided},
	} {
		in := input()
		in.Scanned, in.Findings = true, []policy.Finding{{ID: "CVE-1", Known: c.known}}
		prepared, err := policy.Prepare(in)
		if err != nil {
			t.Fatal(err)
		}
		p := compile(t, policy.Spec{Name: "p", Mode: policy.Enforce, Rules: []policy.Rule{{Name: "r", Expression: `findings.all(f, f.accepted || now - f.since <= duration("168h"))`}}})
		if r := p.Evaluate(prepared, policy.Context{At: noon}).Rules[0]; r.Result != c.want {
			t.Errorf("%s: %s, %s", name, r.Result, r.Found)
		}
	}
	raw, err := json.Marshal(policy.Overdue{ID: "CVE-1", Severity: ident.SeverityHigh, Known: vuln.FirstKnown{By: since}, Due: since.Add(time.Hour), Unknown: true})
	if want := `{"id":"CVE-1","severity":"high","kev":false,"known":{"by":"2026-11-12T12:00:00Z"},"due":"2026-11-12T13:00:00Z","unknown":true}`; err != nil || string(raw) != want {
		t.Errorf("%s %v", raw, err)
	}
}
