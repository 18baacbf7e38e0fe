package verify_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notaryproject/notation-core-go/signature"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// script is what a plugin answers, and what it was asked. Real programs are asked in
// internal/notation.
type script struct {
	metadata, answer string
	fault            error
	asked            []string // names and commands
	request          map[string]any
}

func (s *script) Ask(_ context.Context, name, command string, request []byte) ([]byte, error) {
	s.asked = append(s.asked, name+" "+command)
	if command == verify.PluginMetadata {
		return []byte(s.metadata), s.fault
	}
	s.request = map[string]any{}
	if err := json.Unmarshal(request, &s.request); err != nil {
		return nil, err
	}
	return []byte(s.answer), s.fault
}

const (
	awsPlugin   = "com.amazonaws.signer.notation.plugin"
	awsProfile  = "arn:aws:signer:us-west-2:111122223333:/signing-profiles/web"
	awsMetadata = `{"name":"com.amazonaws.signer.notation.plugin","description":"d","version":"1.0.2217","url":"https://docs.example","supportedContractVersions":["1.0"],"capabilities":["SIGNATURE_GENERATOR.ENVELOPE","SIGNATURE_VERIFIER.TRUSTED_IDENTITY","SIGNATURE_VERIFIER.REVOCATION_CHECK"]}`
	awsAnswer   = `{"verificationResults":{"SIGNATURE_VERIFIER.TRUSTED_IDENTITY":{"success":true,"reason":"matched"},"SIGNATURE_VERIFIER.REVOCATION_CHECK":{"success":true}},"processedAttributes":["com.amazonaws.signer.signingProfileVersion","com.amazonaws.signer.signingJob"]}`
)

// awsAttributes are those that AWS Signer puts into its signatures.
func awsAttributes() []signature.Attribute {
	return []signature.Attribute{
		{Key: "io.cncf.notary.verificationPlugin", Critical: true, Value: awsPlugin},
		{Key: "io.cncf.notary.verificationPluginMinVersion", Critical: true, Value: "1.0.1"},
		{Key: "com.amazonaws.signer.signingProfileVersion", Critical: true, Value: awsProfile + "/aBcD"},
		{Key: "com.amazonaws.signer.signingJob", Critical: true, Value: "arn:aws:signer:us-west-2:111122223333:/signing-jobs/7"},
	}
}

// awsPolicy is a trust policy for its signatures, as AWS documents it.
func awsPolicy(level, more string) string {
	return strings.NewReplacer(`"ca:acme","signingAuthority:acme"`, `"signingAuthority:aws-signer-ts"`, "x509.subject: C=US, ST=WA, O=acme", awsProfile).Replace(policyOf(level, more))
}

// TestNotationPlugins is the matrix of signatures that name a plugin: verdict and reason.
func TestNotationPlugins(t *testing.T) {
	w := newNotaries(t)
	const unknown = "indeterminate"
	with := func(was, is string) string { return strings.Replace(awsAnswer, was, is, 1) }
	meta := func(was, is string) string { return strings.Replace(awsMetadata, was, is, 1) }
	attributes := func(change func(a []signature.Attribute) []signature.Attribute) []signature.Attribute {
		return change(awsAttributes())
	}
	set := func(at int, value any) func([]signature.Attribute) []signature.Attribute {
		return func(a []signature.Attribute) []signature.Attribute { a[at].Value = value; return a }
	}
	noIdentity := `"SIGNATURE_VERIFIER.TRUSTED_IDENTITY":{"success":true,"reason":"matched"},`
	onlyRevocation := meta(`"SIGNATURE_VERIFIER.TRUSTED_IDENTITY",`, "")
	native := strings.Replace(awsPolicy("strict", ""), awsProfile, "x509.subject: C=US, ST=WA, O=acme", 1)
	for _, c := range []struct {
		name             string
		metadata, answer string // "": AWS Signer's
		fault            error
		attributes       []signature.Attribute // nil: AWS Signer's
		policy           string                // "": for AWS Signer, strict
		signer, trust    string                // "": acme
		about            string
		expiry           time.Duration
		none             bool // no folder of plugins
		reason           verify.Reason
		says             string
		asked            int // commands
		logged           []string
	}{
		{name: "good", asked: 2},
		{name: "good, an answer with more in it", answer: with(`{"ver`, `{"x":[{}],"ver`), asked: 2},
		{name: "good, of just that version", metadata: meta("1.0.2217", "1.0.1"), asked: 2},
		{name: "good, of no least version", attributes: attributes(func(a []signature.Attribute) []signature.Attribute { return slices.Delete(a, 1, 2) }), asked: 2},
		{name: "good, revocation skipped", policy: awsPolicy("strict", `,"override":{"revocation":"skip"}`), answer: with(`,"SIGNATURE_VERIFIER.REVOCATION_CHECK":{"success":true}`, ""), asked: 2},
		{name: "good, the subject judged here", policy: native, metadata: onlyRevocation, answer: with(noIdentity, ""), asked: 2},
		{name: "good, revocation judged here", metadata: meta(`,"SIGNATURE_VERIFIER.REVOCATION_CHECK"`, ""), answer: with(`,"SIGNATURE_VERIFIER.REVOCATION_CHECK":{"success":true}`, ""), asked: 2},
		{name: "good, a number that must be understood", attributes: attributes(set(3, 7)), asked: 2},

		{name: "no folder of plugins", none: true, reason: unknown, says: "--notation-plugins"},
		{name: "… and a subject that the policy does not name", none: true, policy: strings.Replace(native, "O=acme", "O=other", 1), reason: verify.WrongSubject},
		{name: "the plugin is not there", fault: ident.Errorf(ident.KindIndeterminate, "not there"), reason: unknown, asked: 1},
		{name: "forged by another authority", trust: "other", reason: verify.UnknownIssuer},
		{name: "… and the policy only logs that", trust: "other", policy: awsPolicy("audit", ""), reason: verify.UnknownIssuer},
		{name: "about another artifact", about: "other", reason: verify.WrongArtifact},
		{name: "expired", expiry: -time.Minute, reason: verify.Expired, asked: 1},
		{name: "another profile", answer: with(`true,"reason":"matched"`, `false,"reason":"Signature publisher doesn't match any trusted identities."`), reason: verify.PluginRefused, says: "doesn't match any", asked: 2},
		{name: "… which is only logged", policy: awsPolicy("audit", ""), answer: with(`true,"reason":"matched"`, `false`), asked: 2, logged: []string{verify.CheckAuthenticity}},
		{name: "revoked", answer: with(`CHECK":{"success":true}`, `CHECK":{"success":false,"reason":"Resource(s) have been revoked."}`), reason: verify.PluginRefused, says: "been revoked", asked: 2},
		{name: "… which is only logged", policy: awsPolicy("permissive", ""), answer: with(`CHECK":{"success":true}`, `CHECK":{"success":false}`), asked: 2, logged: []string{verify.CheckRevocation}},
		{name: "revoked, and no reason", answer: with(`CHECK":{"success":true}`, `CHECK":{"success":false}`), reason: verify.PluginRefused, says: "no reason", asked: 2},
		{name: "the subject judged here is another", policy: strings.Replace(native, "O=acme", "O=other", 1), metadata: onlyRevocation, answer: with(noIdentity, ""), reason: verify.WrongSubject, asked: 1},
		{name: "identities of plugins that this one does not judge", metadata: onlyRevocation, answer: with(noIdentity, ""), reason: verify.WrongSubject, says: "names only identities", asked: 1},
		{name: "an attribute that it did not process", answer: with(`,"com.amazonaws.signer.signingJob"`, ""), reason: verify.BadAttribute, says: "signingJob", asked: 2},
		{name: "… under audit", policy: awsPolicy("audit", ""), answer: with(`,"com.amazonaws.signer.signingJob"`, ""), reason: verify.BadAttribute, asked: 2},
		{name: "none processed", answer: with(`["com.amazonaws.signer.signingProfileVersion","com.amazonaws.signer.signingJob"]`, "null"), reason: verify.BadAttribute, asked: 2},
		{name: "nothing left to ask", policy: strings.Replace(native, `"strict"`, `"strict","override":{"revocation":"skip"}`, 1), metadata: onlyRevocation, reason: verify.BadAttribute, says: "only judges revocation", asked: 1},

		{name: "another's name", metadata: meta(awsPlugin, "com.example"), reason: unknown, says: "calls itself", asked: 1},
		{name: "too old", metadata: meta("1.0.2217", "1.0.0"), reason: unknown, says: "1.0.1 at least", asked: 1},
		{name: "a prerelease of the least version", metadata: meta("1.0.2217", "1.0.1-rc.1"), reason: unknown, asked: 1},
		{name: "no version", metadata: meta("1.0.2217", "newest"), reason: unknown, says: "none (MAJOR", asked: 1},
		{name: "a version of two numbers", metadata: meta("1.0.2217", "2.0"), reason: unknown, asked: 1},
		{name: "another contract", metadata: meta(`["1.0"]`, `["2.0"]`), reason: unknown, says: "contract", asked: 1},
		{name: "it only signs", metadata: meta(`,"SIGNATURE_VERIFIER.TRUSTED_IDENTITY","SIGNATURE_VERIFIER.REVOCATION_CHECK"`, ""), reason: unknown, says: "does not verify", asked: 1},
		{name: "unknown capabilities", metadata: meta("TRUSTED_IDENTITY", "EVERYTHING"), answer: with(noIdentity, ""), reason: verify.WrongSubject, asked: 1},
		{name: "metadata that is none", metadata: "hello", reason: unknown, says: "does not say what it is", asked: 1},
		{name: "metadata of two readings", metadata: meta(`"version"`, `"version":"9.0.0","version"`), reason: unknown, asked: 1},
		{name: "an answer that is none", answer: "hello", reason: unknown, says: "does not answer as it has to", asked: 2},
		{name: "two answers", answer: awsAnswer + awsAnswer, reason: unknown, asked: 2},
		{name: "an answer of two readings", answer: with(`"success":true`, `"success":true,"success":false`), reason: unknown, asked: 2},
		{name: "an answer to half", answer: with(noIdentity, ""), reason: unknown, says: "1 questions", asked: 2},
		{name: "an answer to something else", answer: with("TRUSTED_IDENTITY", "EVERYTHING"), reason: unknown, says: "TRUSTED_IDENTITY", asked: 2},
		{name: "an answer to more", answer: with(noIdentity, noIdentity+`"SIGNATURE_VERIFIER.X":{"success":true},`), reason: unknown, asked: 2},
		{name: "no success", answer: with(`"success":true,`, ""), reason: unknown, says: "no success", asked: 2},
		{name: "null for success", answer: with(`"success":true`, `"success":null`), reason: unknown, says: "no success", asked: 2},
		{name: "a text for success", answer: with(`"success":true`, `"success":"true"`), reason: unknown, asked: 2},

		{name: "a name that is no text", attributes: attributes(set(0, 7)), reason: verify.BadAttribute},
		{name: "an empty name", attributes: attributes(set(0, "")), reason: verify.BadAttribute},
		{name: "a least version that is none", attributes: attributes(set(1, "new")), reason: verify.BadAttribute, says: "no version"},
		{name: "a least version of no plugin", attributes: attributes(func(a []signature.Attribute) []signature.Attribute { return a[1:] }), reason: verify.BadAttribute, says: "does not name"},
		{name: "a list that must be understood", attributes: attributes(set(3, []any{"a"})), reason: verify.BadAttribute, says: "no plugin can be told"},
		{name: "a plugin that need not be understood", attributes: attributes(func(a []signature.Attribute) []signature.Attribute { a[0].Critical = false; return a }), none: true, reason: unknown},
	} {
		for _, cose := range []bool{false, true} {
			name := c.name + ", JWS"
			if cose {
				name = c.name + ", COSE"
			}
			t.Run(name, func(t *testing.T) {
				how := synth.NotationSigning{COSE: cose, Authority: true, Attributes: c.attributes}
				if c.attributes == nil {
					how.Attributes = awsAttributes()
				}
				if c.expiry != 0 {
					how.Expiry = w.at.Add(time.Hour)
				}
				signer := w.byName[cmp.Or(c.signer, "acme")]
				raw, kind, err := signer.Sign(w.d.String(), how)
				if err != nil {
					t.Fatal(err)
				}
				plugin := &script{metadata: cmp.Or(c.metadata, awsMetadata), answer: cmp.Or(c.answer, awsAnswer), fault: c.fault}
				j := w.judge(t, cmp.Or(c.policy, awsPolicy("strict", "")), w.byName[cmp.Or(c.trust, "acme")], func(o *verify.NotationOptions) {
					o.Plugins, o.PluginConfig = plugin, map[string]string{"aws-region": "us-west-2"}
					if c.none {
						o.Plugins = nil
					}
					if c.expiry != 0 {
						o.At = w.at.Add(time.Hour - c.expiry)
					}
				})
				about := w.d
				if c.about != "" {
					about = ident.SHA256([]byte(c.about))
				}
				f, err := j.Signature(t.Context(), raw, kind, "registry.example/shop/web", about)
				var r *verify.Refusal
				got, hint := verify.Reason(""), ""
				switch e := (*ident.Error)(nil); {
				case errors.As(err, &r):
					got = r.Reason
				case errors.As(err, &e) && e.Kind == ident.KindIndeterminate:
					got, hint = unknown, e.Hint
				}
				if got != c.reason || (err == nil) != (c.reason == "") || err != nil && !strings.Contains(err.Error()+hint, c.says) {
					t.Fatalf("%v (%s), want %q, %q", err, got, c.reason, c.says)
				}
				if len(plugin.asked) != c.asked {
					t.Errorf("asked %q", plugin.asked)
				}
				if err != nil {
					return
				}
				x := f.Signer.X509
				if !slices.Equal(x.Logged, c.logged) || x.Plugin == nil || x.Plugin.Name != awsPlugin || x.Plugin.Attributes["com.amazonaws.signer.signingProfileVersion"] != awsProfile+"/aBcD" {
					t.Errorf("%+v %+v", x, x.Plugin)
				}
			})
		}
	}
}

// TestPluginRequest is what a plugin is told, in full.
func TestPluginRequest(t *testing.T) {
	w := newNotaries(t)
	n := w.byName["acme"]
	raw, kind, err := n.Sign(w.d.String(), synth.NotationSigning{Authority: true, Expiry: w.at.Add(time.Hour), Attributes: append(awsAttributes(), signature.Attribute{Key: "com.example.note", Value: "n"})})
	if err != nil {
		t.Fatal(err)
	}
	plugin := &script{metadata: awsMetadata, answer: awsAnswer}
	j := w.judge(t, awsPolicy("strict", ""), n, func(o *verify.NotationOptions) {
		o.Plugins, o.PluginConfig = plugin, map[string]string{"aws-region": "us-west-2"}
	})
	if _, err := j.Signature(t.Context(), raw, kind, "registry.example/shop/web", w.d); err != nil {
		t.Fatal(err)
	}
	chain := plugin.request["signature"].(map[string]any)
	if certs := chain["certificateChain"].([]any); len(certs) != 2 {
		t.Errorf("%v", certs)
	}
	delete(chain, "certificateChain")
	got, err := json.Marshal(plugin.request)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"contractVersion":"1.0","pluginConfig":{"aws-region":"us-west-2"},"signature":{"criticalAttributes":{"authenticSigningTime":"` + w.at.Format(time.RFC3339) + `","contentType":"application/vnd.cncf.notary.payload.v1+json","expiry":"` + w.at.Add(time.Hour).Format(time.RFC3339) + `",` +
		`"extendedAttributes":{"com.amazonaws.signer.signingJob":"arn:aws:signer:us-west-2:111122223333:/signing-jobs/7","com.amazonaws.signer.signingProfileVersion":"` + awsProfile + `/aBcD","com.example.note":"n"},"signingScheme":"notary.x509.signingAuthority","verificationPlugin":"` + awsPlugin + `","verificationPluginMinVersion":"1.0.1"},` +
		`"unprocessedAttributes":["com.amazonaws.signer.signingJob","com.amazonaws.signer.signingProfileVersion"]},"trustPolicy":{"signatureVerification":["SIGNATURE_VERIFIER.REVOCATION_CHECK","SIGNATURE_VERIFIER.TRUSTED_IDENTITY"],"trustedIdentities":["` + awsProfile + `"]}}`
	if string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// FuzzPluginAnswer: whatever a plugin answers, a signature is taken only where a plain
// reading of the answer says yes to both questions and names both attributes.
func FuzzPluginAnswer(f *testing.F) {
	w := newNotaries(f)
	n := w.byName["acme"]
	raw, kind, err := n.Sign(w.d.String(), synth.NotationSigning{Authority: true, Attributes: awsAttributes()})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{awsAnswer, "", "{}", `{"verificationResults":null}`, strings.Replace(awsAnswer, "true", "false", 1), strings.Replace(awsAnswer, "}}", `},"SIGNATURE_VERIFIER.X":{"success":true}}`, 1)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		j := w.judge(t, awsPolicy("strict", ""), n, func(o *verify.NotationOptions) { o.Plugins = &script{metadata: awsMetadata, answer: string(answer)} })
		if _, err := j.Signature(t.Context(), raw, kind, "registry.example/shop/web", w.d); err != nil {
			return
		}
		var a struct {
			VerificationResults map[string]struct{ Success *bool }
			ProcessedAttributes []string
		}
		if err := json.Unmarshal(answer, &a); err != nil {
			t.Fatalf("taken: %q: %v", answer, err)
		}
		for _, q := range []string{"TRUSTED_IDENTITY", "REVOCATION_CHECK"} {
			if said := a.VerificationResults["SIGNATURE_VERIFIER."+q].Success; said == nil || !*said {
				t.Errorf("taken without a yes to %s: %q", q, answer)
			}
		}
		for _, name := range []string{"signingJob", "signingProfileVersion"} {
			if !slices.Contains(a.ProcessedAttributes, "com.amazonaws.signer."+name) {
				t.Errorf("taken without %s: %q", name, answer)
			}
		}
	})
}
