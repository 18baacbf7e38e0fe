package clusterimage_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
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

func TestPolicyOverAllIsNotEvaluated(t *testing.T) {
	for mode, want := range map[string]policy.Decision{"enforce": policy.Deny, "warn": policy.Told} {
		p, _, faults := read(t, "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: p}\nspec:\n  mode: "+mode+"\n  images: [{glob: \"**\"}]\n  policy: {type: cue, data: \"a: 1\"}\n  authorities: [{static: {action: pass}}]\n")
		if p == nil {
			t.Fatalf("%+v", faults)
		}
		in, err := policy.Prepare(policy.Input{Reference: "r.example/web"})
		if err != nil {
			t.Fatal(err)
		}
		v := policy.Evaluate([]*policy.Policy{p.Compile(clusterimage.Resolved{})}, in, policy.Context{})
		if v.Decision != want || v.Policies[0].Rules[1].Result != policy.Undecided {
			t.Errorf("%s: %+v", mode, v)
		}
	}
}
