package policytest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/policytest"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

const facts = `apiVersion: cofferdam.dev/v1alpha1
kind: ImageFacts
image: r.example/web:1
digests: [sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef]
facts:
- {claim: signature, signer: {issuer: https://i.example, subject: s, scts: 1, extensions: {a: b}}, time: "2026-11-20T06:00:00Z", log: https://l.example}
- {claim: attestation, predicateType: https://p.example, predicate: {a: [1, 2.5, true]}, signer: {key: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}}
findings: [{id: CVE-1, aliases: [GHSA-1], severity: high, score: 7.5, epss: 0.5, kev: true, fixable: true, vex: affected, since: "2026-11-01T12:00:00Z", accepted: true}]
sboms: [{format: SPDX, version: "2.3", components: 3, score: 50, verified: true, licenses: [MIT]}]
unchecked: [one registry]
`

const suite = `apiVersion: cofferdam.dev/v1alpha1
kind: PolicyTest
policies: [p.yaml]
cases:
- name: c
  facts: f.yaml
  at: "2026-11-20T12:00:00Z"
  workload: {cluster: k, kind: Pod, name: x, version: v1, resource: pods, labels: {a: b}}
  namespace: {name: shop, labels: {c: d}}
  noMatch: Warn
  expect: {decision: deny, rules: {signature: passed, p/fails: failed}}
`

func document(tb testing.TB, text string) manifest.Value {
	tb.Helper()
	docs, err := manifest.Documents(context.Background(), manifest.Input{Data: []byte(text)}, manifest.Options{})
	if err != nil || len(docs) != 1 {
		tb.Fatal(err, len(docs))
	}
	return docs[0].Root
}

func policies(tb testing.TB) []*policy.Policy {
	tb.Helper()
	c, err := policy.NewCompiler()
	if err != nil {
		tb.Fatal(err)
	}
	p, faults := c.Compile(policy.Spec{Name: "p", Mode: policy.Enforce, Rules: []policy.Rule{
		{Name: "signature", Expression: `facts.signatures().signedBy("https://i.example", "s").size() >= 1 && facts.attestations("https://p.example").exists(f, f.predicate.a[1] == 2.5) &&
			findings.exists(f, f.kev && f.epss == 0.5 && f.score == 7.5 && f.accepted && now - f.since == duration("456h")) && sboms.exists(s, s.components == 3) && workload.namespace == "shop" && workload.labels.a == "b"`},
		{Name: "fails", Expression: "false"},
	}})
	if len(faults) > 0 {
		tb.Fatalf("%+v", faults)
	}
	return []*policy.Policy{p}
}

func TestRun(t *testing.T) {
	in, faults := policytest.ReadFacts(document(t, facts))
	s, more := policytest.ReadSuite(document(t, suite))
	if len(faults)+len(more) > 0 {
		t.Fatalf("%+v %+v", faults, more)
	}
	if r := s.Cases[0].Run(policies(t), nil, in); len(r.Wrong) > 0 || !r.Verdict.Indeterminate {
		t.Errorf("%+v", r)
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"decision": {"decision: deny", "decision: pass", "the verdict is deny and not pass; p/fails is failed"},
		"rule":     {"fails: failed", "fails: excepted", "the rule p/fails is failed and not excepted"},
		"no rule":  {"p/fails", "q/fails", "no rule q/fails was judged"},
		"approval": {"  expect:", "  approvals: [{exception: e, by: {issuer: i, subject: s}}]\n  expect:", `no exception is called "e"`},
	} {
		s, faults := policytest.ReadSuite(document(t, strings.Replace(suite, c.from, c.to, 1)))
		if len(faults) > 0 {
			t.Fatalf("%+v", faults)
		}
		if r := s.Cases[0].Run(policies(t), nil, in); len(r.Wrong) != 1 || !strings.HasPrefix(r.Wrong[0], c.want) {
			t.Errorf("%s: %q", name, r.Wrong)
		}
	}
}

func TestFaults(t *testing.T) {
	_, cases, _ := strings.Cut(suite, "cases:")
	for name, c := range map[string]struct{ text, from, to, want string }{
		"no digest":       {facts, "digests: [sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef]\n", "", "digests"},
		"bad digest":      {facts, "digests: [sha256:01", "digests: [md5:01", "digests[0]"},
		"no image":        {facts, "image: r.example/web:1\n", "", "image"},
		"bad image":       {facts, "r.example/web:1", "'a b'", "image"},
		"claim":           {facts, "claim: signature", "claim: rumour", "facts[0].claim"},
		"no signer":       {facts, "{issuer: https://i.example, subject: s, scts: 1, extensions: {a: b}}", "null", "facts[0].signer"},
		"no time":         {facts, "2026-11-20T06:00:00Z", "today", "facts[0].time"},
		"severity":        {facts, "severity: high", "severity: awful", "findings[0].severity"},
		"score":           {facts, "score: 7.5", "score: 75", "findings[0].score"},
		"unknown field":   {facts, "unchecked:", "uncheked:", "uncheked"},
		"no cases":        {suite, "cases:" + cases, "cases: []\n", "cases"},
		"no policies":     {suite, "policies: [p.yaml]\n", "", "policies"},
		"no time of case": {suite, "  at: \"2026-11-20T12:00:00Z\"\n", "", "cases[0].at"},
		"no expectation":  {suite, "  expect: {decision: deny, rules: {signature: passed, p/fails: failed}}\n", "", "cases[0].expect"},
		"decision":        {suite, "decision: deny", "decision: refuse", "cases[0].expect.decision"},
		"result":          {suite, "signature: passed", "signature: fine", "cases[0].expect.rules.signature"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(c.text, c.from, c.to, 1)
			var faults []strict.Fault
			if c.text == facts {
				_, faults = policytest.ReadFacts(document(t, text))
			} else {
				_, faults = policytest.ReadSuite(document(t, text))
			}
			if len(faults) == 0 || faults[0].Path != c.want || faults[0].Hint == "" {
				t.Errorf("%+v", faults)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(facts))
	f.Add([]byte(suite))
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := manifest.Documents(context.Background(), manifest.Input{Data: data}, manifest.Options{})
		if err != nil {
			return
		}
		for _, d := range docs {
			if d.Err != nil {
				continue
			}
			if in, faults := policytest.ReadFacts(d.Root); !strict.Broken(faults) {
				if _, err := policy.Prepare(in); err != nil {
					t.Fatalf("facts without a fault cannot be prepared: %v", err)
				}
			}
			policytest.ReadSuite(d.Root)
		}
	})
}

func Example() {
	docs, err := manifest.Documents(context.Background(), manifest.Input{Data: []byte(facts)}, manifest.Options{})
	if err != nil {
		panic(err)
	}
	in, faults := policytest.ReadFacts(docs[0].Root)
	fmt.Println(in.Reference, len(in.Facts), len(faults))
	// Output: r.example/web:1 2 0
}
