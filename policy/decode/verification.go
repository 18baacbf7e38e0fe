package decode

import (
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
	"github.com/cofferdam-io/cofferdam/policy/strict"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// The identity of our own kinds.
const (
	Group         = "cofferdam.dev"
	Version       = "v1alpha1"
	PolicyKind    = "VerificationPolicy"
	ExceptionKind = "PolicyException"
)

// The rules of this file, beside those of package strict.
const (
	RuleExpression  = "expression"
	RuleFreshness   = "freshness"
	RuleRemediation = "remediation"
	RuleApproval    = "approval"
	RuleExpiry      = "expiry"
	RuleScope       = "scope"
)

// readVerification reads a VerificationPolicy and compiles it. It is nil where the
// policy cannot be used.
func readVerification(root strict.Node, faults *[]strict.Fault, c *policy.Compiler) *policy.Policy {
	from := len(*faults)
	root.Object("apiVersion", "kind", "metadata", "spec", "status")
	s := policy.Spec{Name: clusterimage.ReadName(root)}
	if !root.Require("spec", "spec holds mode and rules") {
		return nil
	}
	spec := root.Get("spec").Object("mode", "match", "variables", "rules", "freshness", "remediation", "exceptions")
	if spec.Require("mode", "mode: Audit, Warn or Enforce") {
		s.Mode = policy.Mode(spec.Get("mode").OneOf(string(policy.Audit), string(policy.Warn), string(policy.Enforce)))
	}
	s.Match = readMatch(spec.Get("match"))
	if spec.Get("rules").Empty() && spec.Get("freshness").Empty() && !spec.Get("remediation").Present() {
		spec.Get("rules").Fault(strict.RuleMissing, "neither rules nor freshness nor remediation: the policy would let everything pass").Mend("add a rule")
	}
	variables, rules, freshness := spec.Get("variables").Items(), spec.Get("rules").Items(), spec.Get("freshness").Items()
	for _, n := range variables {
		n = n.Object("name", "expression")
		n.Require("name", "name: how rules refer to it")
		n.Require("expression", "expression: in CEL")
		s.Variables = append(s.Variables, policy.Variable{Name: n.Get("name").Text(), Expression: n.Get("expression").Text()})
	}
	for _, n := range rules {
		n = n.Object("name", "expression", "message", "found", "hint")
		for _, field := range []string{"name", "expression", "message"} {
			n.Require(field, map[string]string{"name": "name: how reports and exceptions refer to it", "expression": "expression: in CEL, true where all is well", "message": "message: what is expected, in a user's words"}[field])
		}
		if !n.Get("hint").Present() {
			n.Warn(strict.RuleMissing, "the rule does not say how to mend what it refuses").Mend("hint: what to type or change")
		}
		s.Rules = append(s.Rules, policy.Rule{Name: n.Get("name").Text(), Expression: n.Get("expression").Text(), Message: n.Get("message").Text(), Found: n.Get("found").Text(), Hint: n.Get("hint").Text()})
	}
	for _, n := range freshness {
		s.Freshness = append(s.Freshness, readFreshness(n))
	}
	if n := spec.Get("remediation"); n.Present() {
		s.Remediation = readRemediation(n)
	}
	if e := spec.Get("exceptions"); e.Present() {
		e = e.Object("approvers", "required", "people")
		s.Exceptions = policy.Approval{Approvers: readIdentities(e.Get("approvers")), Required: e.Get("required").Count(), People: readPeople(e.Get("people"))}
		if e.Get("approvers").Empty() {
			e.Fault(RuleApproval, "nobody may approve an exception").Mend("approvers: [{issuer: …, subject: …}], or remove exceptions: then none counts under Enforce")
		}
		if s.Exceptions.Required == 1 {
			e.Get("required").Warn(RuleApproval, "one person approves alone").Mend("required: 2")
		}
	}
	broken := strict.Broken((*faults)[from:])
	if broken && slices.ContainsFunc(variables, func(n strict.Node) bool { return n.Get("name").Empty() || n.Get("expression").Empty() }) {
		return nil // every rule that uses it would be wrong, too
	}
	p, wrong := c.Compile(s)
	if broken {
		p = nil
	}
	parts := map[string][]strict.Node{policy.PartVariable: variables, policy.PartRule: rules, policy.PartFreshness: freshness}
	for _, f := range wrong {
		n := spec.Get(f.Part)
		if nodes := parts[f.Part]; f.Index < len(nodes) {
			n = nodes[f.Index].Get(f.Field)
			if broken && (n.Empty() || slices.ContainsFunc((*faults)[from:], func(f strict.Fault) bool { return f.Path == n.Path && !f.Warning })) {
				continue // what is wrong there was told
			}
		}
		if f.Line > 0 {
			n.At = n.Value.Inside(f.Line, f.Column)
		}
		n.Fault(RuleExpression, "%s", f.Message).Mend("%s", f.Hint)
	}
	return p
}

// readPeople reads who has several identities.
func readPeople(n strict.Node) [][]policy.Identity {
	var out [][]policy.Identity
	for _, p := range n.Items() {
		p = p.Object("name", "identities")
		p.Require("name", "name: for who reads the policy")
		all := readIdentities(p.Get("identities"))
		if len(all) < 2 {
			p.Fault(RuleApproval, "somebody with %d identities counts as one without being named here", len(all)).Mend("identities: [{issuer: …, subject: …}, {key: sha256:…}]")
		}
		out = append(out, all)
	}
	return out
}

func readMatch(n strict.Node) policy.Match {
	n = n.Object("images", "namespaces", "namespaceSelector", "selector")
	m := policy.Match{Images: n.Get("images").Texts(), Namespaces: n.Get("namespaces").Texts()}
	judgeGlobs(n.Get("images"))
	for name, to := range map[string]**estate.LabelSelector{"namespaceSelector": &m.Namespace, "selector": &m.Workload} {
		if s := n.Get(name); s.Present() {
			*to = clusterimage.ReadSelector(s)
		}
	}
	return m
}

// judgeGlobs warns of patterns of images that match none. Ours match a reference as
// it was asked for, and in full with docker.io.
func judgeGlobs(n strict.Node) {
	for _, i := range n.Items() {
		g, err := clusterimage.ParseGlob(i.Text())
		if err != nil {
			i.Fault(clusterimage.RuleGlob, "%s", err).Mend("letters, digits and _ : / . @ - stand for themselves, * for all but a slash, ** for anything")
			continue
		}
		if slices.Contains([]string{"*", "*/*"}, g.Pattern) {
			i.Warn(clusterimage.RuleGlob, "the glob %q matches short references only: a slash is none of its characters", g.Pattern).Mend("** matches every image")
			continue
		}
		if doubt, hint := g.Emptiness(); doubt != "" {
			i.Warn(clusterimage.RuleGlob, "the glob %q %s", g.Pattern, doubt).Mend("%s", hint)
		}
	}
}

func readFreshness(n strict.Node) policy.Freshness {
	n = n.Object("name", "predicateType", "maxAge", "from", "hint")
	n.Require("name", "name: how reports and exceptions refer to it")
	n.Require("predicateType", "predicateType: https://cosign.sigstore.dev/attestation/vuln")
	f := policy.Freshness{Name: n.Get("name").Text(), PredicateType: n.Get("predicateType").Text(), From: readIdentities(n.Get("from")), Hint: n.Get("hint").Text()}
	if n.Require("maxAge", "maxAge: 24h") {
		age := n.Get("maxAge")
		d, err := time.ParseDuration(age.Text())
		if err != nil || d <= 0 {
			age.Fault(RuleFreshness, "%q is no age", age.Text()).Mend("hours, minutes and seconds: 24h, 1h30m")
		}
		f.MaxAge = d
	}
	if len(f.From) == 0 {
		n.Warn(RuleFreshness, "anybody whose signature verifies may say so").Mend("from: [{issuer: …, subject: …}]")
	}
	return f
}

// readRemediation reads until when findings are to be gone. Its rule is called as reports
// and exceptions refer to it.
func readRemediation(n strict.Node) *policy.Remediation {
	n = n.Object("name", "deadlineDays", "serverAcceptances", "hint")
	r := &policy.Remediation{Name: n.Get("name").Text(), Hint: n.Get("hint").Text()}
	if r.Name == "" {
		r.Name = "remediation"
	}
	if b := n.Get("serverAcceptances").Bool(); b != nil {
		r.ServerAcceptances = *b
	}
	days := map[string]float64{}
	const usual = "deadlineDays: {exploited: 3, critical: 7, high: 30}"
	if n.Require("deadlineDays", usual) {
		all := n.Get("deadlineDays")
		for i, d := range all.Fields() {
			number, is := d.Number()
			if !is {
				continue // told
			}
			word := all.Value.Entries()[i].Key
			if _, err := vuln.DeadlinesOf(map[string]float64{word: number}); err != nil {
				d.Fault(RuleRemediation, "%s", err).Mend(usual)
				continue
			}
			days[word] = number
		}
		if len(all.Value.Entries()) == 0 {
			all.Fault(strict.RuleMissing, "no deadline is given: nothing is ever overdue").Mend(usual)
		}
	}
	r.Deadlines, _ = vuln.DeadlinesOf(days) // what is wrong with it was told
	return r
}

func readIdentities(n strict.Node) []policy.Identity {
	var out []policy.Identity
	for _, i := range n.Items() {
		out = append(out, readIdentity(i))
	}
	return out
}

func readIdentity(n strict.Node) policy.Identity {
	n = n.Object("issuer", "subject", "key")
	id := policy.Identity{Issuer: n.Get("issuer").Text(), Subject: n.Get("subject").Text()}
	key := n.Get("key")
	switch {
	case !n.Present():
	case key.Present() && (id.Issuer != "" || id.Subject != ""):
		key.Fault(strict.RuleConflict, "a key has neither issuer nor subject").Mend("write two identities")
	case key.Present():
		d, err := ident.ParseDigest(key.Text())
		if err != nil {
			key.Fault(strict.RuleValue, "%q is no digest of a key", key.Text()).Mend("sha256: and the SHA-256 of its SubjectPublicKeyInfo: openssl pkey -pubin -outform DER | sha256sum")
		}
		id.Key = d
	case id.Issuer == "" || id.Subject == "":
		n.Fault(strict.RuleMissing, "an identity needs issuer and subject, or a key").Mend("{issuer: https://…, subject: …}")
	case id.Subject == "**" || id.Issuer == "**":
		n.Warn(clusterimage.RuleIdentity, "anybody has this identity").Mend("name the part that is yours")
	}
	return id
}

// readException reads a PolicyException. Approvals are no part of it: they are signed
// statements about its digest.
func readException(root strict.Node, faults *[]strict.Fault) *policy.Exception {
	from := len(*faults)
	root.Object("apiVersion", "kind", "metadata", "spec", "status")
	e := &policy.Exception{Name: clusterimage.ReadName(root)}
	if !root.Require("spec", "spec holds ticket, reason, requestedBy, images and expiresAt") {
		return nil
	}
	n := root.Get("spec").Object("ticket", "reason", "requestedBy", "policies", "rules", "images", "namespaces", "findings", "expiresAt")
	for field, hint := range map[string]string{"ticket": "ticket: where it is talked about", "reason": "reason: why it has to be", "expiresAt": "expiresAt: 2027-01-31T00:00:00Z"} {
		if n.Require(field, hint) && strings.TrimSpace(n.Get(field).Text()) == "" {
			n.Get(field).Fault(strict.RuleMissing, "%s is empty", field).Mend("%s", hint)
		}
	}
	e.Ticket, e.Reason = n.Get("ticket").Text(), n.Get("reason").Text()
	if n.Require("requestedBy", "requestedBy: {issuer: …, subject: …}: who asks cannot approve") {
		e.Requester = readIdentity(n.Get("requestedBy"))
	}
	e.Policies, e.Rules, e.Images, e.Namespaces, e.Findings = n.Get("policies").Texts(), n.Get("rules").Texts(), n.Get("images").Texts(), n.Get("namespaces").Texts(), n.Get("findings").Texts()
	if len(e.Images) == 0 {
		n.Get("images").Fault(strict.RuleMissing, "images is missing or empty: an exception for everything is none").Mend(`images: ["registry.example/shop/web@sha256:…"]`)
	}
	judgeGlobs(n.Get("images"))
	if slices.Contains(e.Images, "**") {
		n.Get("images").Warn(RuleScope, "the exception is for every image").Mend(`images: ["registry.example/shop/web@sha256:…"]`)
	}
	if len(e.Rules) == 0 && len(e.Findings) == 0 {
		n.Get("rules").Warn(RuleExpiry, "neither rules nor findings: every rule of the policy is excused").Mend("name what is excused")
	}
	if at := n.Get("expiresAt"); at.Present() {
		t, err := time.Parse(time.RFC3339, at.Text())
		if err != nil {
			at.Fault(RuleExpiry, "%q is no time", at.Text()).Mend("RFC 3339, in quotes: \"2027-01-31T00:00:00Z\"")
		}
		e.ExpiresAt = t
	}
	if strict.Broken((*faults)[from:]) {
		return nil
	}
	e.Digest = ident.SHA256(append([]byte(Group+"/"+Version+" "+ExceptionKind+" "+e.Name+"\n"), n.Value.Canonical()...))
	return e
}
