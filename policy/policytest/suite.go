package policytest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// Suite is a file of tests.
type Suite struct {
	Name     string
	Policies []string // files, relative to the suite's own; exceptions stand there too
	Cases    []Case
}

// Case is one image, when and where it is judged, and what is expected.
type Case struct {
	Name      string
	At        manifest.Place
	Facts     string // a file of ImageFacts, relative to the suite's own
	When      time.Time
	Workload  policy.Workload
	Namespace policy.Namespace
	NoMatch   policy.Mode
	Approvals []Approval
	Decision  policy.Decision
	Rules     map[string]policy.Result // by "policy/rule" or, where one policy is judged, "rule"
}

// Approval is a signed consent to an exception, as a test states it.
type Approval struct {
	Exception string
	By        fact.Signer
	At        time.Time
}

// ReadSuite reads a PolicyTest.
func ReadSuite(v manifest.Value) (*Suite, []strict.Fault) {
	var faults []strict.Fault
	root := strict.Root(v, &faults).Object("apiVersion", "kind", "metadata", "policies", "cases")
	s := &Suite{Name: root.Get("metadata").Get("name").Text(), Policies: root.Get("policies").Texts()}
	if len(s.Policies) == 0 {
		root.Get("policies").Fault(strict.RuleMissing, "policies is missing or empty").Mend("policies: [policy.yaml]")
	}
	if root.Get("cases").Empty() {
		root.Get("cases").Fault(strict.RuleMissing, "cases is missing or empty: nothing would be tested").Mend("cases: [{name: …, facts: …, at: …, expect: {decision: …}}]")
	}
	for _, n := range root.Get("cases").Items() {
		s.Cases = append(s.Cases, readCase(n))
	}
	strict.Sort(faults)
	return s, faults
}

func readCase(n strict.Node) Case {
	n = n.Object("name", "facts", "at", "workload", "namespace", "noMatch", "approvals", "expect")
	c := Case{Name: n.Get("name").Text(), At: n.At, Facts: n.Get("facts").Text(), When: readTime(n.Get("at"))}
	n.Require("name", "name: what the case shows")
	n.Require("facts", "facts: image.yaml")
	n.Require("at", "at: \"2026-11-20T12:00:00Z\": a test that depends on the day it runs is none")
	if w := n.Get("workload"); w.Present() {
		w = w.Object("cluster", "kind", "name", "group", "version", "resource", "labels")
		c.Workload = policy.Workload{Cluster: w.Get("cluster").Text(), Kind: w.Get("kind").Text(), Name: w.Get("name").Text(), Group: w.Get("group").Text(), Version: w.Get("version").Text(),
			Resource: w.Get("resource").Text(), Labels: labelsOf(w)}
	}
	if s := n.Get("namespace"); s.Present() {
		s = s.Object("name", "labels")
		c.Namespace = policy.Namespace{Name: s.Get("name").Text(), Labels: labelsOf(s)}
	}
	c.NoMatch = policy.Mode(n.Get("noMatch").OneOf(string(policy.Audit), string(policy.Warn), string(policy.Enforce)))
	for _, a := range n.Get("approvals").Items() {
		a = a.Object("exception", "by", "at")
		a.Require("exception", "exception: the name of a PolicyException")
		a.Require("by", "by: {issuer: …, subject: …}")
		c.Approvals = append(c.Approvals, Approval{Exception: a.Get("exception").Text(), By: readSigner(a.Get("by")), At: readTime(a.Get("at"))})
	}
	if n.Require("expect", "expect: {decision: deny, rules: {provenance: failed}}") {
		e := n.Get("expect").Object("decision", "rules")
		if e.Require("decision", "decision: pass, warn or deny") {
			c.Decision = policy.Decision(e.Get("decision").OneOf(string(policy.Pass), string(policy.Told), string(policy.Deny)))
		}
		if rules := e.Get("rules"); rules.Present() {
			c.Rules = map[string]policy.Result{}
			for _, r := range rules.Value.Entries() {
				c.Rules[r.Key] = policy.Result(rules.Get(r.Key).OneOf(string(policy.Held), string(policy.Broken), string(policy.Excused), string(policy.Undecided)))
			}
		}
	}
	return c
}

// labelsOf are the labels of what a case describes: where it gives none, there are none.
func labelsOf(n strict.Node) map[string]string {
	if m := n.Get("labels").TextMap(); m != nil {
		return m
	}
	return map[string]string{}
}

// Result is what became of a case. It passed where nothing is Wrong.
type Result struct {
	Case    string
	At      manifest.Place
	Verdict policy.Verdict
	Wrong   []string
}

// Run judges the image of a case and compares.
func (c Case) Run(policies []*policy.Policy, exceptions []policy.Exception, in policy.Input) Result {
	out := Result{Case: c.Name, At: c.At}
	prepared, err := policy.Prepare(in)
	if err != nil {
		out.Wrong = append(out.Wrong, err.Error())
		return out
	}
	own := slices.Clone(exceptions)
	for _, a := range c.Approvals {
		i := slices.IndexFunc(own, func(e policy.Exception) bool { return e.Name == a.Exception })
		if i < 0 {
			out.Wrong = append(out.Wrong, fmt.Sprintf("no exception is called %q", a.Exception))
			continue
		}
		f := fact.Fact{Artifact: own[i].Digest, Claim: fact.Attestation, PredicateType: policy.ApprovalPredicate, Predicate: []byte("{}"), Signer: a.By}
		if !a.At.IsZero() {
			f.Times = []fact.Time{{Source: fact.FromAuthority, At: a.At}}
		}
		own[i].Approvals = append(slices.Clone(own[i].Approvals), f)
	}
	out.Verdict = policy.Evaluate(policies, prepared, policy.Context{At: c.When, Workload: c.Workload, Namespace: c.Namespace, Exceptions: own, NoMatch: c.NoMatch})
	out.compare(c)
	return out
}

func (r *Result) compare(c Case) {
	if r.Verdict.Decision != c.Decision {
		r.Wrong = append(r.Wrong, fmt.Sprintf("the verdict is %s and not %s%s", r.Verdict.Decision, c.Decision, r.reasons()))
	}
	seen := map[string]bool{}
	for _, p := range r.Verdict.Policies {
		for _, v := range p.Rules {
			for _, name := range []string{v.Rule, p.Policy + "/" + v.Rule} {
				want, ok := c.Rules[name]
				if !ok {
					continue
				}
				seen[name] = true
				if v.Result != want {
					r.Wrong = append(r.Wrong, fmt.Sprintf("the rule %s is %s and not %s: found %s", name, v.Result, want, orNothing(v.Found)))
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Rules)) {
		if !seen[name] {
			r.Wrong = append(r.Wrong, fmt.Sprintf("no rule %s was judged", name))
		}
	}
}

// reasons are the rules that were broken, for a verdict that was not expected.
func (r *Result) reasons() string {
	var s string
	for _, p := range r.Verdict.Policies {
		for _, v := range p.Rules {
			if v.Result == policy.Broken || v.Result == policy.Undecided {
				s += fmt.Sprintf("; %s/%s is %s: found %s", p.Policy, v.Rule, v.Result, orNothing(v.Found))
			}
		}
	}
	if r.Verdict.Ungoverned {
		s += "; no policy governs the image"
	}
	return s
}

func orNothing(s string) string {
	if s == "" {
		return "nothing amiss"
	}
	return s
}
