package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy"
)

const (
	ci         = "https://token.actions.githubusercontent.com"
	workflow   = "https://github.com/shop/web/.github/workflows/release.yml@refs/heads/main"
	provenance = "https://slsa.dev/provenance/v1"
	scan       = "https://cosign.sigstore.dev/attestation/vuln/v1"
)

var (
	noon  = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	image = ident.SHA256([]byte("image"))
)

func compiler(tb testing.TB) *policy.Compiler {
	tb.Helper()
	c, err := policy.NewCompiler()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func compile(tb testing.TB, s policy.Spec) *policy.Policy {
	tb.Helper()
	p, faults := compiler(tb).Compile(s)
	if len(faults) > 0 {
		tb.Fatalf("%+v", faults)
	}
	return p
}

func by(issuer, subject string) fact.Signer {
	return fact.Signer{Certificate: &fact.Certificate{Issuer: issuer, Subject: subject, Extensions: map[string]string{"sourceRepositoryRef": "refs/heads/main"}}}
}

func attested(of ident.Digest, predicateType, predicate string, who fact.Signer, at time.Time) fact.Fact {
	f := fact.Fact{Artifact: of, Claim: fact.Attestation, PredicateType: predicateType, Predicate: []byte(predicate), Signer: who}
	if !at.IsZero() {
		f.Times = []fact.Time{{Source: fact.FromAuthority, At: at}}
		f.Log = []fact.LogEntry{{Log: "https://log.example"}}
	}
	return f
}

// input is an image of the shop: signed, with provenance and a scan of an hour ago.
func input() policy.Input {
	ref, err := ident.ParseImageRef("r.example/shop/web:1.4")
	if err != nil {
		panic(err)
	}
	return policy.Input{
		Reference: "r.example/shop/web:1.4", Image: ref, Digests: []ident.Digest{image},
		Facts: []fact.Fact{
			{Artifact: image, Claim: fact.Signature, Signer: by(ci, workflow), Times: []fact.Time{{At: noon.Add(-2 * time.Hour)}}},
			attested(image, provenance, `{"runDetails":{"builder":{"id":"https://builder.example"}}}`, by(ci, workflow), noon.Add(-2*time.Hour)),
			attested(image, scan, `{"scanner":{"uri":"scanner.example"}}`, by(ci, workflow), noon.Add(-time.Hour)),
		},
		Scanned:  true,
		Findings: []policy.Finding{{ID: "CVE-2026-0001", Aliases: []string{"GHSA-x"}, Component: "pkg:npm/a@1", Severity: ident.SeverityHigh, Fixable: true}},
		SBOMs:    []policy.SBOM{{Format: "CycloneDX", Version: "1.6", Components: 12, Verified: true, Score: 80, Licenses: []string{"MIT"}}},
	}
}

func prepare(tb testing.TB, in policy.Input) *policy.Prepared {
	tb.Helper()
	p, err := policy.Prepare(in)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func rule(expression string) policy.Spec {
	return policy.Spec{Name: "p", Mode: policy.Enforce, Rules: []policy.Rule{{Name: "r", Expression: expression, Message: "what is due", Hint: "do it"}}}
}

func TestExpressions(t *testing.T) {
	for _, c := range []struct {
		expression string
		want       policy.Result
		found      string // part of it
	}{
		{`true`, policy.Held, ""},
		{`false`, policy.Broken, "a signature by " + workflow},
		{`facts.signatures().signedBy("` + ci + `", "https://github.com/shop/**").size() == 1`, policy.Held, ""},
		{`facts.signatures().signedBy("` + ci + `", "https://github.com/shop/*").size() == 1`, policy.Broken, ""}, // * ends at a slash
		{`facts.signatures().signedBy("` + ci + `", "").size() == 0`, policy.Held, ""},
		{`facts.signedWith("").size() == 0`, policy.Held, ""},
		{`facts.attestations("https://slsa.dev/provenance").exists(f, f.predicate.runDetails.builder.id == "https://builder.example")`, policy.Held, ""},
		{`facts.attestations("https://slsa.dev/prov").size() == 0`, policy.Held, ""}, // half a word is no type
		{`facts.attestations("` + provenance + `").all(f, f.predicate.absent == 1)`, policy.Undecided, "no such key: absent"},
		{`facts.attestations("` + provenance + `").all(f, has(f.predicate.absent))`, policy.Broken, ""},
		{`facts.attestations("` + scan + `").since(now - duration("24h")).size() > 0`, policy.Held, ""},
		{`facts.attestations("` + scan + `").since(now - duration("30m")).size() > 0`, policy.Broken, ""},
		{`facts.all(f, f.signer.extensions["sourceRepositoryRef"] == "refs/heads/main")`, policy.Held, ""},
		{`facts.exists(f, f.logged && f.timed && f.time < now && f.claim == "attestation")`, policy.Held, ""},
		{`findings.all(f, !f.atLeast("high"))`, policy.Broken, ""},
		{`findings.all(f, !f.atLeast("critical"))`, policy.Held, ""},
		{`findings.all(f, !f.atLeast("terrible"))`, policy.Undecided, "is no severity"},
		{`findings.exists(f, f.vex == "none" && f.fixable && !f.kev && "GHSA-x" in f.aliases && !has(f.score) && !has(f.epss))`, policy.Held, ""},
		{`findings.all(f, f.score < 7.0)`, policy.Undecided, "the score of CVE-2026-0001 is not known"},
		{`findings.all(f, f.epss < 0.5)`, policy.Undecided, "the EPSS of CVE-2026-0001 is not known"},
		{`findings.exists(f, f.score < 7.0 || f.fixable)`, policy.Held, ""},
		{`workload.name != "db"`, policy.Undecided, "the workload's name is not known"},
		{`!has(workload.cluster) || workload.cluster == "eu"`, policy.Held, ""},
		{`sboms.exists(s, s.verified && s.format in ["CycloneDX", "SPDX"] && s.score >= 70 && s.licenses.all(l, l != "GPL-3.0-only"))`, policy.Held, ""},
		{`image.registry == "r.example" && image.repository == "shop/web" && image.tag == "1.4" && image.digests[0] == "` + image.String() + `"`, policy.Held, ""},
		{`workload.labels["tier"] == "web" && workload.namespace == "shop" && workload.namespaceLabels.env == "prod"`, policy.Held, ""},
		{`image.tag.matches("^[0-9.]+$")`, policy.Held, ""},
		{`type(image) == type(facts)`, policy.Broken, ""},
		{`facts[0] == facts[0] && facts[0] != facts[1]`, policy.Held, ""},
		{`facts[10].logged`, policy.Undecided, "index out of bounds"},
	} {
		t.Run(c.expression, func(t *testing.T) {
			p := compile(t, rule(c.expression))
			v := p.Evaluate(prepare(t, input()), policy.Context{At: noon, Workload: policy.Workload{Labels: map[string]string{"tier": "web"}}, Namespace: policy.Namespace{Name: "shop", Labels: map[string]string{"env": "prod"}}})
			r := v.Rules[0]
			if r.Result != c.want || !strings.Contains(r.Found, c.found) {
				t.Errorf("%s, found %q", r.Result, r.Found)
			}
			if denied := v.Decision == policy.Deny; denied == (c.want == policy.Held) {
				t.Errorf("%s is %s", r.Result, v.Decision)
			}
			if r.Result != policy.Held && (r.Mend != "do it" || r.Expected != "what is due" || r.Found == "") {
				t.Errorf("a refusal without its words: %+v", r)
			}
		})
	}
}

// What nobody looked for is not absent: rules about it cannot be evaluated.
func TestUnknownIsNoPass(t *testing.T) {
	in := input()
	in.Scanned, in.Findings = false, nil
	for expression, want := range map[string]policy.Result{
		`findings.all(f, !f.atLeast("high"))`:            policy.Undecided,
		`findings.size() == 0`:                           policy.Undecided,
		`facts.size() > 0 || findings.size() == 0`:       policy.Held,
		`facts.size() > 100 && findings.size() == 0`:     policy.Broken,
		`findings.exists(f, f.kev) || facts.size() == 0`: policy.Undecided,
	} {
		p := compile(t, rule(expression))
		if v := p.Evaluate(prepare(t, in), policy.Context{At: noon}); v.Rules[0].Result != want {
			t.Errorf("%s: %+v", expression, v.Rules[0])
		}
	}
}

func TestCompileFaults(t *testing.T) {
	deep := strings.Repeat("(", 500) + "true" + strings.Repeat(")", 500)
	for name, c := range map[string]struct {
		spec policy.Spec
		want string // part:index field line:column words
	}{
		"syntax":           {rule("facts.size( > 0"), "rules:0 expression 1:13 Syntax error"},
		"second line":      {rule("true &&\n  fakts.size() > 0"), "rules:0 expression 2:3 undeclared reference to 'fakts'"},
		"field":            {rule("image.name == 'x'"), "rules:0 expression 1:6 undefined field 'name'"},
		"types":            {rule("image.tag == 1"), "rules:0 expression 1:11 found no matching overload"},
		"no boolean":       {rule("facts.size()"), "rules:0 expression 1:1 the expression is of the type int, and bool is due"},
		"an object":        {rule("cofferdam.Fact{claim: 'signature'}.claim == 'signature'"), ""},
		"environment":      {rule("env('HOME') == ''"), "rules:0 expression 1:4 undeclared reference to 'env'"},
		"network":          {rule("http.get('https://x') == ''"), "rules:0 expression 1:1 undeclared reference to 'http'"},
		"a regexp":         {rule("image.tag.matches('(')"), "rules:0 expression 1:19 invalid matches argument"},
		"deep":             {rule(deep), "rules:0 expression"},
		"long":             {rule("true || " + strings.Repeat("x", 20<<10)), "rules:0 expression"},
		"found of a type":  {policy.Spec{Rules: []policy.Rule{{Name: "r", Expression: "true", Found: "1"}}}, "rules:0 found 1:1"},
		"twice":            {policy.Spec{Rules: []policy.Rule{{Name: "r", Expression: "true"}, {Name: "r", Expression: "true"}}}, "rules:1 name"},
		"cycle":            {policy.Spec{Variables: []policy.Variable{{"a", "b"}, {"b", "c"}, {"c", "a || true"}}}, "variables:0 expression 0:0 the variable leads back to itself: a → b → c → a"},
		"itself":           {policy.Spec{Variables: []policy.Variable{{"a", "a"}}}, "variables:0 expression 0:0 the variable leads back to itself: a → a"},
		"reserved":         {policy.Spec{Variables: []policy.Variable{{"now", "true"}}}, "variables:0 name"},
		"variable's fault": {policy.Spec{Variables: []policy.Variable{{"a", "1 + true"}}}, "variables:0 expression 1:3"},
		"no age":           {policy.Spec{Freshness: []policy.Freshness{{Name: "f"}}}, "freshness:0 maxAge"},
		"too many":         {policy.Spec{Rules: make([]policy.Rule, 501)}, "rules:0 name 0:0 the policy has more than 500"},
	} {
		t.Run(name, func(t *testing.T) {
			p, faults := compiler(t).Compile(c.spec)
			if c.want == "" {
				// Objects cannot be made: it is found out when it is tried.
				if len(faults) > 0 {
					return
				}
				if v := p.Evaluate(prepare(t, input()), policy.Context{At: noon}); v.Decision != policy.Deny {
					t.Errorf("%+v", v)
				}
				return
			}
			if p != nil || len(faults) == 0 {
				t.Fatalf("it compiles")
			}
			f := faults[0]
			got := fmt.Sprintf("%s:%d %s %d:%d %s", f.Part, f.Index, f.Field, f.Line, f.Column, f.Message)
			if !strings.HasPrefix(got, c.want) || f.Hint == "" {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	p := compile(t, policy.Spec{Mode: policy.Enforce, Variables: []policy.Variable{
		{"signatures", `facts.filter(f, f.claim != "signatures")`}, {"ours", `signed.filter(f, f.logged)`}, {"signed", `facts.signedBy("` + ci + `", "**")`}, {"broken", `facts[99].logged`},
	}, Rules: []policy.Rule{{Name: "a", Expression: "ours.size() == 2"}, {Name: "b", Expression: "broken"}, {Name: "c", Expression: "ours.size() > 1 || broken"}}})
	v := p.Evaluate(prepare(t, input()), policy.Context{At: noon})
	if v.Rules[0].Result != policy.Held || v.Rules[1].Result != policy.Undecided || !strings.Contains(v.Rules[1].Found, "the variable broken") || v.Rules[2].Result != policy.Held {
		t.Errorf("%+v", v)
	}
}

// An expression that walks lists within lists is stopped by its cost, and refuses.
func TestCost(t *testing.T) {
	in := input()
	for range 2000 {
		in.Findings = append(in.Findings, in.Findings[0])
	}
	p := compile(t, rule(`findings.all(a, findings.all(b, findings.all(c, a.id == b.id && b.id == c.id)))`))
	v := p.Evaluate(prepare(t, in), policy.Context{At: noon})
	if v.Decision != policy.Deny || !strings.Contains(v.Rules[0].Found, "cost") {
		t.Errorf("%+v", v)
	}
}

func TestAllThatGovernMustPass(t *testing.T) {
	yes, no := rule("true"), rule("false")
	in := prepare(t, input())
	elsewhere := no
	elsewhere.Match = policy.Match{Images: []string{"other.example/**"}}
	space := no
	space.Match = policy.Match{Namespaces: []string{"prod-*"}}
	labelled := no
	labelled.Match = policy.Match{Images: []string{"r.example/**"}, Namespace: &estate.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}, Workload: &estate.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}
	mode := func(s policy.Spec, m policy.Mode) policy.Spec { s.Mode = m; return s }
	for name, c := range map[string]struct {
		specs   []policy.Spec
		noMatch policy.Mode
		want    policy.Decision
		judged  int
	}{
		"all":         {[]policy.Spec{yes, yes}, "", policy.Pass, 2},
		"one":         {[]policy.Spec{yes, no}, "", policy.Deny, 2},
		"warned":      {[]policy.Spec{yes, mode(no, policy.Warn)}, "", policy.Told, 2},
		"written":     {[]policy.Spec{mode(no, policy.Audit)}, "", policy.Pass, 1},
		"the worst":   {[]policy.Spec{no, mode(no, policy.Warn)}, "", policy.Deny, 2},
		"elsewhere":   {[]policy.Spec{yes, elsewhere, space}, "", policy.Pass, 1},
		"nobody":      {[]policy.Spec{elsewhere}, "", policy.Deny, 0},
		"nobody warn": {[]policy.Spec{elsewhere}, policy.Warn, policy.Told, 0},
		"nobody ok":   {nil, policy.Audit, policy.Pass, 0},
		"labels":      {[]policy.Spec{labelled}, "", policy.Deny, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var ps []*policy.Policy
			for _, s := range c.specs {
				ps = append(ps, compile(t, s))
			}
			v := policy.Evaluate(ps, in, policy.Context{At: noon, NoMatch: c.noMatch, Namespace: policy.Namespace{Name: "shop", Labels: map[string]string{"env": "prod"}}, Workload: policy.Workload{Labels: map[string]string{"a": "b"}}})
			if v.Decision != c.want || len(v.Policies) != c.judged || v.Ungoverned != (c.judged == 0) {
				t.Errorf("%+v", v)
			}
		})
	}
}

// A policy does not fall away because nobody said where the image is to run.
func TestUnknownPlacesAreGoverned(t *testing.T) {
	prod := &estate.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}
	none := map[string]string{}
	for name, c := range map[string]struct {
		match policy.Match
		where policy.Context
		want  bool
	}{
		"namespace unknown":          {policy.Match{Namespaces: []string{"prod-*"}}, policy.Context{}, true},
		"namespace matches":          {policy.Match{Namespaces: []string{"prod-*"}}, policy.Context{Namespace: policy.Namespace{Name: "prod-eu"}}, true},
		"another namespace":          {policy.Match{Namespaces: []string{"prod-*"}}, policy.Context{Namespace: policy.Namespace{Name: "lab"}}, false},
		"its labels unknown":         {policy.Match{Namespace: prod}, policy.Context{Namespace: policy.Namespace{Name: "lab"}}, true},
		"it has no labels":           {policy.Match{Namespace: prod}, policy.Context{Namespace: policy.Namespace{Name: "lab", Labels: none}}, false},
		"labels of workload unknown": {policy.Match{Workload: prod}, policy.Context{}, true},
		"the workload has no labels": {policy.Match{Workload: prod}, policy.Context{Workload: policy.Workload{Labels: none}}, false},
		"another image all the same": {policy.Match{Images: []string{"other.example/**"}, Namespaces: []string{"prod-*"}}, policy.Context{}, false},
	} {
		s := rule("false")
		s.Match = c.match
		c.where.At = noon
		if v := policy.Evaluate([]*policy.Policy{compile(t, s)}, prepare(t, input()), c.where); v.Ungoverned == c.want {
			t.Errorf("%s: %+v", name, v)
		}
	}
	// An exception for a namespace is none for one that is not known.
	s := rule("false")
	s.Exceptions = policy.Approval{Approvers: []policy.Identity{{Issuer: people, Subject: "*@sec.example"}}}
	e := granted()
	e.Namespaces = []string{"lab"}
	if v := compile(t, s).Evaluate(prepare(t, input()), policy.Context{At: noon, Exceptions: []policy.Exception{e}}); v.Decision != policy.Deny {
		t.Errorf("%+v", v)
	}
}

// A fact about another artifact is no fact about this one.
func TestFactsOfOthersDoNotCount(t *testing.T) {
	in := input()
	in.Digests = []ident.Digest{ident.SHA256([]byte("another"))}
	if v := compile(t, rule("facts.size() == 0")).Evaluate(prepare(t, in), policy.Context{At: noon}); v.Decision != policy.Pass {
		t.Errorf("%+v", v)
	}
}

func TestIndeterminate(t *testing.T) {
	in := input()
	in.Unchecked = []string{"r.example did not answer"}
	p := []*policy.Policy{compile(t, rule("facts.size() > 5"))}
	if v := policy.Evaluate(p, prepare(t, in), policy.Context{At: noon}); !v.Indeterminate || v.Decision != policy.Deny || !strings.Contains(v.Policies[0].Rules[0].Found, "did not answer") {
		t.Errorf("%+v", v)
	}
}

func TestFreshness(t *testing.T) {
	us := []policy.Identity{{Issuer: ci, Subject: "https://github.com/shop/**"}}
	for name, c := range map[string]struct {
		facts []fact.Fact
		want  policy.Result
		found string
	}{
		"none":      {nil, policy.Broken, "there is none"},
		"today":     {[]fact.Fact{attested(image, scan, "{}", by(ci, workflow), noon.Add(-23*time.Hour))}, policy.Held, ""},
		"yesterday": {[]fact.Fact{attested(image, scan, "{}", by(ci, workflow), noon.Add(-25*time.Hour))}, policy.Broken, "25h0m0s ago"},
		"untimed":   {[]fact.Fact{attested(image, scan, "{}", by(ci, workflow), time.Time{})}, policy.Broken, "nobody vouches"},
		"tomorrow":  {[]fact.Fact{attested(image, scan, "{}", by(ci, workflow), noon.Add(time.Hour))}, policy.Broken, "not yet"},
		"a guest":   {[]fact.Fact{attested(image, scan, "{}", by(ci, "https://github.com/evil/x"), noon)}, policy.Broken, "who is not asked"},
		"another":   {[]fact.Fact{attested(image, provenance, "{}", by(ci, workflow), noon)}, policy.Broken, "there is none"},
	} {
		t.Run(name, func(t *testing.T) {
			in := input()
			in.Facts = c.facts
			p := compile(t, policy.Spec{Mode: policy.Enforce, Freshness: []policy.Freshness{{Name: "f", PredicateType: "https://cosign.sigstore.dev/attestation/vuln", MaxAge: 24 * time.Hour, From: us}}})
			r := p.Evaluate(prepare(t, in), policy.Context{At: noon}).Rules[0]
			if r.Result != c.want || !strings.Contains(r.Found, c.found) {
				t.Errorf("%+v", r)
			}
		})
	}
	// A second timestamp that is had later does not make an old scan new.
	old := attested(image, scan, "{}", by(ci, workflow), noon.Add(-48*time.Hour))
	old.Times = append(old.Times, fact.Time{At: noon})
	in := input()
	in.Facts = []fact.Fact{old}
	p := compile(t, policy.Spec{Mode: policy.Enforce, Freshness: []policy.Freshness{{Name: "f", PredicateType: scan, MaxAge: 24 * time.Hour}}})
	if v := p.Evaluate(prepare(t, in), policy.Context{At: noon}); v.Decision != policy.Deny {
		t.Errorf("%+v", v)
	}
}

func Example() {
	c, err := policy.NewCompiler()
	if err != nil {
		panic(err)
	}
	p, _ := c.Compile(policy.Spec{Name: "signed", Mode: policy.Enforce, Rules: []policy.Rule{{
		Name: "by-our-ci", Message: "a signature by our build system", Hint: "sign it in the pipeline: cofferdam sign",
		Expression: `facts.signatures().signedBy("https://token.example", "https://git.example/shop/**").size() > 0`,
	}}})
	in, _ := policy.Prepare(policy.Input{Reference: "r.example/web"})
	v := policy.Evaluate([]*policy.Policy{p}, in, policy.Context{At: noon})
	r := v.Policies[0].Rules[0]
	fmt.Printf("%s: %s expected, found %s; %s\n", v.Decision, r.Expected, r.Found, r.Mend)
	// Output: deny: a signature by our build system expected, found nothing that verifies; sign it in the pipeline: cofferdam sign
}
