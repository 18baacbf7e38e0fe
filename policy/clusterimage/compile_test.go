package clusterimage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
	"github.com/cofferdam-io/cofferdam/policy/cue"
	"github.com/cofferdam-io/cofferdam/policy/rego"
)

var (
	subject   = ident.SHA256([]byte("image"))
	ourKey    = ident.SHA256([]byte("key"))
	ourRoot   = ident.SHA256([]byte("root"))
	otherRoot = ident.SHA256([]byte("another root"))
)

// signed is a signature by the identity that the tests' policies name; change takes
// something away.
func signed(change func(*fact.Fact)) fact.Fact {
	f := fact.Fact{Artifact: subject, Claim: fact.Signature, Signer: fact.Signer{Certificate: &fact.Certificate{Issuer: "https://i.example", Subject: "s", SCTs: 1}},
		Times: []fact.Time{{Source: fact.FromAuthority, At: time.Unix(1, 0)}}, Log: []fact.LogEntry{{Log: "https://rekor.example/"}}, Trust: ourRoot}
	if change != nil {
		change(&f)
	}
	return f
}

func byKey(f *fact.Fact) { f.Signer = fact.Signer{Key: &fact.Key{ID: ourKey}} }

func about(predicateType string) func(*fact.Fact) {
	return func(f *fact.Fact) {
		f.Claim, f.PredicateType, f.Predicate = fact.Attestation, predicateType, []byte("{}")
	}
}

// TestAuthoritiesJudge has for each field of an authority facts that satisfy it and
// facts that do not.
func TestAuthoritiesJudge(t *testing.T) {
	resolved := clusterimage.Resolved{Keys: map[string][]ident.Digest{"gcpkms://k": {ourKey}, "secret://cosign-system/s": {ourKey}}, Roots: map[string]ident.Digest{"ours": ourRoot}}
	for _, c := range []struct {
		name, authorities string
		fact              func(*fact.Fact)
		want              policy.Result
		found             string
	}{
		{"keyless", "- " + keyed, nil, policy.Held, ""},
		{"another subject", "- " + keyed, func(f *fact.Fact) { f.Signer.Certificate.Subject = "t" }, policy.Broken, "signed by t of https://i.example"},
		{"another issuer", "- " + keyed, func(f *fact.Fact) { f.Signer.Certificate.Issuer = "https://evil.example" }, policy.Broken, "evil"},
		{"a key", "- " + keyed, byKey, policy.Broken, "signed by a key"},
		{"an attestation is no signature", "- " + keyed, about("https://p.example"), policy.Broken, "https://p.example by s"},
		{"without SCT", "- " + keyed, func(f *fact.Fact) { f.Signer.Certificate.SCTs = 0 }, policy.Broken, "no log promised"},
		{"without SCT, ignored", "- keyless: {insecureIgnoreSCT: true, identities: [{issuer: https://i.example, subject: s}]}", func(f *fact.Fact) { f.Signer.Certificate.SCTs = 0 }, policy.Held, ""},
		{"without log", "- " + keyed, func(f *fact.Fact) { f.Log = nil }, policy.Broken, "no transparency log"},
		{"expressions", "- keyless: {identities: [{issuerRegExp: ^https://i, subjectRegExp: ^s$}]}", nil, policy.Held, ""},
		{"expressions that do not match", "- keyless: {identities: [{issuerRegExp: ^https://i, subjectRegExp: ^t$}]}", nil, policy.Broken, ""},
		{"half an identity", "- keyless: {identities: [{issuer: https://x.example, subject: s}, {issuer: https://i.example, subject: t}]}", nil, policy.Broken, ""},
		{"trust root", "- keyless: {trustRootRef: ours, identities: [{issuer: https://i.example, subject: s}]}", nil, policy.Held, ""},
		{"another trust root", "- keyless: {trustRootRef: ours, identities: [{issuer: https://i.example, subject: s}]}", func(f *fact.Fact) { f.Trust = otherRoot }, policy.Broken, "another trusted root"},
		{"an unknown trust root", "- keyless: {trustRootRef: theirs, identities: [{issuer: https://i.example, subject: s}]}", nil, policy.Undecided, "was not read"},
		{"ca-cert", "- keyless: {ca-cert: {secretRef: {name: s}}, identities: [{issuer: https://i.example, subject: s}]}", nil, policy.Undecided, "ca-cert"},
		{"ctlog", "- " + keyed + "\n  ctlog: {url: https://rekor.example, trustRootRef: ours}", nil, policy.Held, ""},
		{"another ctlog", "- " + keyed + "\n  ctlog: {url: https://log.example}", nil, policy.Broken, "no transparency log"},
		{"ctlog of another root", "- " + keyed + "\n  ctlog: {trustRootRef: ours}", func(f *fact.Fact) { f.Trust = otherRoot }, policy.Broken, "another trusted root"},
		{"timestamp", "- " + keyed + "\n  rfc3161timestamp: {trustRootRef: ours}", func(f *fact.Fact) { f.Log = nil }, policy.Held, ""},
		{"a time of the log", "- " + keyed + "\n  rfc3161timestamp: {trustRootRef: ours}", func(f *fact.Fact) { f.Times[0].Source = fact.FromLog }, policy.Broken, "no timestamp authority"},
		{"key at a KMS", "- key: {kms: gcpkms://k}", byKey, policy.Held, ""},
		{"key without log", "- key: {kms: gcpkms://k}", func(f *fact.Fact) { byKey(f); f.Log = nil }, policy.Held, ""},
		{"key with log", "- key: {kms: gcpkms://k}\n  ctlog: {}", func(f *fact.Fact) { byKey(f); f.Log = nil }, policy.Broken, "no transparency log"},
		{"key in a secret", "- key: {secretRef: {name: s}}", byKey, policy.Held, ""},
		{"another key", "- key: {kms: gcpkms://k}", func(f *fact.Fact) { f.Signer = fact.Signer{Key: &fact.Key{ID: otherRoot}} }, policy.Broken, "another key"},
		{"a certificate for a key", "- key: {kms: gcpkms://k}", nil, policy.Broken, "another key or identity"},
		{"an unknown key", "- key: {kms: gcpkms://other}", byKey, policy.Undecided, "was not read"},
		{"static pass", "- static: {action: pass}", nil, policy.Held, ""},
		{"static fail", "- static: {action: fail, message: closed for good}", nil, policy.Broken, "closed for good"},
		{"any suffices", "- key: {kms: gcpkms://other}\n- " + keyed, nil, policy.Held, ""},
		{"none suffices", "- key: {kms: gcpkms://k}\n- static: {action: fail, message: closed}", nil, policy.Broken, "another key or identity; closed"},
		{"attestation", "- " + keyed + "\n  attestations: [{name: x, predicateType: https://p.example}]", about("https://p.example"), policy.Held, ""},
		{"attestation by a short name", "- " + keyed + "\n  attestations: [{name: x, predicateType: vuln}]", about("https://cosign.sigstore.dev/attestation/vuln/v1"), policy.Held, ""},
		{"another attestation", "- " + keyed + "\n  attestations: [{name: x, predicateType: https://p.example}]", about("https://q.example"), policy.Broken, "no attestation of the type https://p.example"},
		{"one of two attestations", "- " + keyed + "\n  attestations: [{name: x, predicateType: https://p.example}, {name: z, predicateType: https://q.example}]", about("https://p.example"), policy.Broken, "https://q.example"},
		{"attestation of somebody else", "- key: {kms: gcpkms://k}\n  attestations: [{name: x, predicateType: https://p.example}]", about("https://p.example"), policy.Broken, "another key"},
		{"a signature is no attestation", "- " + keyed + "\n  attestations: [{name: x, predicateType: https://p.example}]", nil, policy.Broken, "no attestation"},
		{"rego", "- " + keyed + "\n  attestations: [{name: x, predicateType: https://p.example, policy: {type: rego, data: package x}}]", about("https://p.example"), policy.Undecided, "rego"},
		{"about something else", "- " + keyed, func(f *fact.Fact) { f.Artifact = ourKey }, policy.Broken, "nothing that verifies"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _, faults := read(t, "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  images: [{glob: \"**\"}]\n  authorities:\n"+indent(2, c.authorities))
			if p == nil {
				t.Fatalf("%+v", faults)
			}
			in, err := policy.Prepare(policy.Input{Reference: "r.example/web", Digests: []ident.Digest{subject}, Facts: []fact.Fact{signed(c.fact)}})
			if err != nil {
				t.Fatal(err)
			}
			v := policy.Evaluate([]*policy.Policy{p.Compile(resolved)}, in, policy.Context{At: time.Unix(2, 0)})
			r := v.Policies[0].Rules[0]
			if r.Result != c.want || !strings.Contains(r.Found, c.found) || (v.Decision == policy.Pass) != (c.want == policy.Held) {
				t.Errorf("%s, %s: found %q", v.Decision, r.Result, r.Found)
			}
			if r.Expected == "" || r.Result != policy.Held && (r.Found == "" || r.Mend == "") {
				t.Errorf("a verdict without words: %+v", r)
			}
		})
	}
}

// asking answers with the real languages, in this process.
func asking(language, source string, document []byte) (string, []string, error) {
	if language == "cue" {
		refusal, err := cue.Evaluate(source, document)
		return refusal, nil, err
	}
	p, err := rego.Compile(context.Background(), source)
	if err != nil {
		return "", nil, err
	}
	return p.Evaluate(context.Background(), document)
}

// judged evaluates a policy over facts and returns what becomes of its rules.
func judged(t *testing.T, spec string, r clusterimage.Resolved, facts ...fact.Fact) (policy.Decision, []policy.RuleVerdict) {
	t.Helper()
	p, _, faults := read(t, "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  images: [{glob: \"**\"}]\n"+indent(2, spec))
	if p == nil {
		t.Fatalf("%+v", faults)
	}
	in, err := policy.Prepare(policy.Input{Reference: "r.example/web", Digests: []ident.Digest{subject}, Facts: facts})
	if err != nil {
		t.Fatal(err)
	}
	v := policy.Evaluate([]*policy.Policy{p.Compile(r)}, in, policy.Context{At: time.Unix(2, 0)})
	return v.Decision, v.Policies[0].Rules
}

func saying(predicate string) fact.Fact {
	f := signed(about("https://p.example"))
	f.Predicate = []byte(predicate)
	return f
}

// TestForeignPolicies has policies of attestations and over all authorities that hold, that
// do not, and that cannot be evaluated.
func TestForeignPolicies(t *testing.T) {
	attestation := func(policy string) string {
		return "authorities:\n- name: ci\n  " + keyed + "\n  attestations: [{name: scan, predicateType: https://p.example, policy: {" + policy + "}}]"
	}
	over := func(policy string) string {
		return "policy: {" + policy + "}\nauthorities: [{name: ci, " + keyed + "}, {name: ops, key: {kms: gcpkms://k}}]"
	}
	digest := strings.Repeat("a", 64)
	r := clusterimage.Resolved{Ask: asking, Keys: map[string][]ident.Digest{"gcpkms://k": {ourKey}}, Texts: map[string]string{
		"https://p.example/a.cue#sha256:" + digest: "predicate: ok: true", "configmap://cosign-system/policies/a": "predicate: ok: true", "configmap://shop/policies/a": "predicate: ok: false"}}
	rego := func(body string) string { return `type: rego, data: "package sigstore\nisCompliant ` + body + `"` }
	for name, c := range map[string]struct {
		spec  string
		facts []fact.Fact
		want  policy.Result
		found string
	}{
		"cue":                      {attestation("type: cue, data: \"predicate: ok: true\""), []fact.Fact{saying(`{"ok":true}`)}, policy.Held, ""},
		"cue refuses":              {attestation("type: cue, data: \"predicate: ok: true\""), []fact.Fact{saying(`{"ok":false}`)}, policy.Broken, "the attestation scan: the policy in CUE, predicate.ok"},
		"rego":                     {attestation(rego("{ input.predicate.ok }")), []fact.Fact{saying(`{"ok":true}`)}, policy.Held, ""},
		"rego refuses":             {attestation(rego("{ input.predicate.ok }")), []fact.Fact{saying(`{}`)}, policy.Broken, "not compliant"},
		"any of several":           {attestation(rego("{ input.predicate.ok }")), []fact.Fact{saying(`{}`), saying(`{"ok":true}`)}, policy.Held, ""},
		"the subject is seen":      {attestation(rego("{ input.subject[0].digest.sha256 == \\\"" + subject.Hex() + "\\\" }")), []fact.Fact{saying(`{}`)}, policy.Held, ""},
		"no attestation":           {attestation(rego("{ true }")), []fact.Fact{signed(nil)}, policy.Broken, "no attestation of the type"},
		"another's attestation":    {attestation(rego("{ true }")), []fact.Fact{signed(func(f *fact.Fact) { about("https://p.example")(f); byKey(f) })}, policy.Broken, "signed by a key"},
		"http.send":                {attestation(rego("{ http.send({}).status_code == 200 }")), []fact.Fact{saying(`{}`)}, policy.Undecided, "undefined function http.send"},
		"syntax":                   {attestation("type: cue, data: \"{\""), []fact.Fact{saying(`{}`)}, policy.Undecided, "line 1"},
		"remote":                   {attestation("type: cue, remote: {url: https://p.example/a.cue, sha256sum: " + digest + "}"), []fact.Fact{saying(`{"ok":true}`)}, policy.Held, ""},
		"remote that was not read": {attestation("type: cue, remote: {url: https://p.example/b.cue, sha256sum: " + digest + "}"), []fact.Fact{saying(`{"ok":true}`)}, policy.Undecided, "was not read"},
		"config map":               {attestation("type: cue, configMapRef: {name: policies, key: a}"), []fact.Fact{saying(`{"ok":true}`)}, policy.Held, ""},
		"another config map":       {attestation("type: cue, configMapRef: {name: policies, namespace: shop, key: a}"), []fact.Fact{saying(`{"ok":true}`)}, policy.Broken, "predicate.ok"},
		"config map not read":      {attestation("type: cue, configMapRef: {name: policies, key: b}"), []fact.Fact{saying(`{"ok":true}`)}, policy.Undecided, "configmap://cosign-system/policies/b"},
		"over all":                 {over(rego("{ input.authorityMatches.ci.signatures[_].subject == \\\"s\\\" }")), []fact.Fact{signed(nil)}, policy.Held, ""},
		"over all, cue":            {over("type: cue, data: \"authorityMatches: ci: signatures: [{issuer: \\\"https://i.example\\\"}]\""), []fact.Fact{signed(nil)}, policy.Held, ""},
		"over all, two of them":    {over(rego("{ count(input.authorityMatches) == 2 }")), []fact.Fact{signed(nil)}, policy.Broken, "not compliant"},
		"over all, both":           {over(rego("{ count(input.authorityMatches) == 2 }")), []fact.Fact{signed(nil), signed(byKey)}, policy.Held, ""},
		"over all, nobody":         {over(rego("{ true }")), nil, policy.Broken, "no authority is satisfied"},
		"over all, the pod":        {over("includeSpec: true, includeTypeMeta: true, " + rego("{ true }")), []fact.Fact{signed(nil)}, policy.Undecided, "includeSpec, includeTypeMeta"},
	} {
		t.Run(name, func(t *testing.T) {
			decision, rules := judged(t, c.spec, r, c.facts...)
			last := rules[len(rules)-1]
			if last.Result != c.want || !strings.Contains(last.Found, c.found) || (decision == policy.Pass) != (c.want == policy.Held) {
				t.Errorf("%s: %+v", decision, rules)
			}
		})
	}
}

// Where nobody can be asked, and where an authority could not be judged that the policy may
// want to be absent, nothing can be said: it denies under enforce.
func TestForeignPoliciesThatCannotBeAsked(t *testing.T) {
	for mode, want := range map[string]policy.Decision{"enforce": policy.Deny, "warn": policy.Told} {
		decision, rules := judged(t, "mode: "+mode+"\npolicy: {type: cue, data: \"a?: 1\"}\nauthorities: [{static: {action: pass}}]", clusterimage.Resolved{})
		if decision != want || rules[1].Result != policy.Undecided {
			t.Errorf("%s: %+v", mode, rules)
		}
	}
	_, rules := judged(t, "policy: {type: cue, data: \"authorityMatches: ops?: _|_\"}\nauthorities: [{name: ci, "+keyed+"}, {name: ops, key: {kms: gcpkms://unread}}]", clusterimage.Resolved{Ask: asking}, signed(nil))
	if rules[1].Result != policy.Undecided || !strings.Contains(rules[1].Found, "the authority ops could not be judged") {
		t.Errorf("%+v", rules)
	}
	_, rules = judged(t, "authorities:\n- "+keyed+"\n  attestations: [{name: x, predicateType: https://p.example, policy: {type: rego, data: \"package sigstore\\nisCompliant[r] { r := {\\\"result\\\": true, \\\"warning\\\": \\\"soon\\\"} }\"}}]", clusterimage.Resolved{Ask: asking}, saying("{}"))
	if rules[0].Result != policy.Held || len(rules[0].Warnings) != 1 {
		t.Errorf("%+v", rules)
	}
}

// What the image is to run in is seen where it is known.
func TestPolicyOverAllSeesTheKind(t *testing.T) {
	p, _, faults := read(t, "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  images: [{glob: \"**\"}]\n  authorities: [{static: {action: pass}}]\n  policy: {includeTypeMeta: true, type: cue, data: \"typemeta: {kind: \\\"Deployment\\\", apiVersion: \\\"apps/v1\\\"}\"}\n")
	if p == nil {
		t.Fatalf("%+v", faults)
	}
	in, err := policy.Prepare(policy.Input{Reference: "r.example/web"})
	if err != nil {
		t.Fatal(err)
	}
	for want, w := range map[policy.Result]policy.Workload{policy.Held: {Kind: "Deployment", Group: "apps", Version: "v1"}, policy.Broken: {Kind: "Pod", Version: "v1"}, policy.Undecided: {}} {
		v := policy.Evaluate([]*policy.Policy{p.Compile(clusterimage.Resolved{Ask: asking})}, in, policy.Context{Workload: w})
		if r := v.Policies[0].Rules[1]; r.Result != want {
			t.Errorf("%+v: %+v", w, r)
		}
	}
}

// A policy over all authorities may ask that nothing else is there: it holds of all that
// is there, or nothing can be said. An authority that is satisfied is so whatever else is.
func TestPolicyOverAllSeesAll(t *testing.T) {
	p, _, faults := read(t, "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  images: [{glob: \"**\"}]\n  authorities: [{static: {action: pass}}]\n  policy: {type: cue, data: \"authorityMatches: {}\"}\n")
	if p == nil {
		t.Fatalf("%+v", faults)
	}
	for unchecked, want := range map[string]policy.Result{"": policy.Held, "r.example did not answer": policy.Undecided} {
		in := policy.Input{Reference: "r.example/web"}
		if unchecked != "" {
			in.Unchecked = []string{unchecked}
		}
		prepared, err := policy.Prepare(in)
		if err != nil {
			t.Fatal(err)
		}
		v := policy.Evaluate([]*policy.Policy{p.Compile(clusterimage.Resolved{Ask: asking})}, prepared, policy.Context{})
		if rules := v.Policies[0].Rules; rules[0].Result != policy.Held || rules[1].Result != want || v.Indeterminate != (want == policy.Undecided) {
			t.Errorf("%q: %+v", unchecked, v)
		}
	}
}
