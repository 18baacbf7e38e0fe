package cli_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/sigstore"
	"github.com/cofferdam-io/cofferdam/internal/testenv/tuf"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

const (
	suiteSubject = "https://git.example/conformance/beacon/.ci/beacon.yml@refs/heads/main"
	suiteIssuer  = "https://token.issuer.example"
	material     = "verificationMaterial"
)

// suiteCase is one folder of the public suite's test/assets/bundle-verify, by its name,
// which ends in _fail where a client must refuse. What is in it is made here.
type suiteCase struct {
	name     string
	signing  synth.Signing
	by       *synth.Deployment
	change   func(t *testing.T, b synth.Object)
	raw      func([]byte) []byte
	root     func(r synth.Object)
	artifact []byte
	key      crypto.Signer // whose public key is handed over instead of an identity
	identity bool          // both are
	reason   string        // why it is refused; "": the question is refused (exit 2)
}

// TestConformance asks as the public suite of Sigstore clients does (its
// docs/cli_protocol.md), of every case that it names, by file and by digest. The
// material is our own: what is held is that each case is told as its name says, and why.
func TestConformance(t *testing.T) {
	at := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	deployment := func(at time.Time) *synth.Deployment {
		t.Helper()
		d, err := synth.New(synth.Options{At: at})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	key := func() *ecdsa.PrivateKey {
		t.Helper()
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	d, other := deployment(at), deployment(at)
	content := []byte("artifact of the suite\n")
	// An authority stamps with the time that it is: in a bubble that is long ago, and by now
	// all its certificates have expired.
	var past *synth.Deployment
	var pastBundle synth.Object
	synctest.Test(t, func(t *testing.T) {
		past = deployment(time.Now())
		var err error
		if pastBundle, err = past.Sign(content, synth.Signing{Subject: suiteSubject, Issuer: suiteIssuer}); err != nil {
			t.Fatal(err)
		}
	})
	managed, leaf := key(), key()
	sum := sha256.Sum256(content)
	statement := []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a.txt","digest":{"sha256":"` + hex.EncodeToString(sum[:]) + `"}}],"predicateType":"https://example.com/p/v1","predicate":{}}`)
	otherStatement := bytes.Replace(statement, []byte("a.txt"), []byte("b.txt"), 1)

	sign := func(t *testing.T, about []byte, s synth.Signing) synth.Object {
		t.Helper()
		s.Subject, s.Issuer = suiteSubject, suiteIssuer
		b, err := d.Sign(about, s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	entry := func(more ...any) []any { return append([]any{material, "tlogEntries", 0}, more...) }
	signature := []any{"messageSignature", "signature"}
	envelopeSignature := []any{"dsseEnvelope", "signatures", 0, "sig"}
	set := func(value any, path ...any) func(*testing.T, synth.Object) {
		return func(_ *testing.T, b synth.Object) { synth.Set(b, value, path...) }
	}
	flip := func(path ...any) func(*testing.T, synth.Object) {
		return func(_ *testing.T, b synth.Object) { synth.Flip(b, path...) }
	}
	// swapped has a part of what else was signed.
	swapped := func(about []byte, s synth.Signing, path ...any) func(*testing.T, synth.Object) {
		return func(t *testing.T, b synth.Object) { synth.Set(b, synth.In(sign(t, about, s), path...), path...) }
	}
	checkpoint := func(edit func(text string) string) func(*testing.T, synth.Object) {
		return func(t *testing.T, b synth.Object) {
			path := entry("inclusionProof", "checkpoint", "envelope")
			before := synth.In(b, path...).(string)
			after := edit(before)
			if after == before {
				t.Fatal("the checkpoint is as it was")
			}
			synth.Set(b, after, path...)
		}
	}
	line := func(n int) func(string) string { // without one line
		return func(text string) string {
			lines := strings.Split(text, "\n")
			return strings.Join(append(append([]string{}, lines[:n]...), lines[n+1:]...), "\n")
		}
	}
	// cosignature is a line of somebody else's under a name.
	cosignature := func(name string, hint byte) string {
		return "— " + name + " " + base64.StdEncoding.EncodeToString(append([]byte{hint, 2, 3, 4}, make([]byte, 64)...)) + "\n"
	}
	const logName = "log2.synth.example"
	// first puts a line before the log's own.
	before := func(cosigned string) func(string) string {
		return func(text string) string { return strings.Replace(text, "\n\n", "\n\n"+cosigned, 1) }
	}
	again := func(stamped bool) func(*testing.T, synth.Object) { // the same key signs the same statement again
		return func(t *testing.T, b synth.Object) {
			pae := sha256.Sum256(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len("application/vnd.in-toto+json"), "application/vnd.in-toto+json", len(statement), statement))
			raw, err := leaf.Sign(rand.Reader, pae[:], crypto.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			synth.Set(b, base64.StdEncoding.EncodeToString(raw), envelopeSignature...)
			if stamped {
				stamp, err := d.Stamp(raw, at)
				if err != nil {
					t.Fatal(err)
				}
				synth.Set(b, base64.StdEncoding.EncodeToString(stamp), material, "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp")
			}
		}
	}
	validFor := func(list string, end time.Time) func(synth.Object) {
		return func(r synth.Object) {
			o := synth.In(r, list, 0).(map[string]any)
			if list == "tlogs" {
				o = o["publicKey"].(map[string]any)
			}
			o["validFor"] = synth.Object{"start": "2026-11-01T00:00:00Z", "end": end.Format(time.RFC3339)}
		}
	}
	strangers := func(lists ...string) func(synth.Object) {
		return func(r synth.Object) {
			for _, list := range lists {
				r[list] = other.Root()[list]
			}
		}
	}
	// How the public good signed, and signs; how a key is logged.
	v1 := synth.Signing{FirstLog: true, NoStamp: true}
	inToto := func(version string) synth.Signing {
		return synth.Signing{FirstLog: true, IntotoEntry: true, Version: version, Statement: statement}
	}
	dsse, digest := synth.Signing{FirstLog: true, NoStamp: true, Statement: statement, LeafKey: leaf}, synth.Signing{FirstLog: true, DigestEntry: true, Statement: statement, LeafKey: leaf}
	v2dsse := synth.Signing{Statement: statement, LeafKey: leaf}
	with := func(s synth.Signing, change func(*synth.Signing)) synth.Signing {
		change(&s)
		return s
	}
	version := func(v string) synth.Signing { return with(v1, func(s *synth.Signing) { s.Version = v }) }
	keyed := func(statement []byte) synth.Signing {
		return synth.Signing{Key: managed, FirstLog: true, BareOrigin: true, NoStamp: true, Statement: statement}
	}

	cases := []suiteCase{
		{name: "bundle-empty-certificate-chain_fail", signing: version("0.2"), change: set([]any{}, material, "x509CertificateChain", "certificates"), reason: "malformed-bundle"},
		{name: "bundle-from-wrong-instance_fail", signing: v1, by: other, reason: "unknown-log"},
		{name: "bundle-invalid-base64-signature_fail", signing: v1, change: set("!!!", signature...), reason: "malformed-bundle"},
		{name: "bundle-malformed-json_fail", signing: v1, raw: func(b []byte) []byte { return b[:len(b)-2] }, reason: "malformed-bundle"},
		{name: "bundle-negative-log-index_fail", signing: v1, change: set("-1", entry("logIndex")...), reason: "malformed-bundle"},
		{name: "bundle-unknown-version_fail", signing: v1, change: set("application/vnd.dev.sigstore.bundle+json;version=99.9", "mediaType"), reason: "malformed-bundle"},
		{name: "bundle-with-root-cert_fail", signing: version("0.2"), change: func(_ *testing.T, b synth.Object) {
			list := synth.In(b, material, "x509CertificateChain", "certificates").([]any)
			own := synth.In(d.Root(), "certificateAuthorities", 0, "certChain", "certificates").([]any)
			synth.Set(b, append(list, own[len(own)-1]), material, "x509CertificateChain", "certificates")
		}, reason: "malformed-bundle"},
		{name: "bundle-with-sct-with-extensions", signing: with(v1, func(s *synth.Signing) { s.SCTMore = []byte{0, 0, 5, 1, 2, 3, 4, 5} })},
		{name: "checkpoint-bad-keyhint_fail", signing: v1, change: checkpoint(func(text string) string {
			i := strings.LastIndex(text, " ") + 1
			return text[:i] + "AAAA" + text[i+4:]
		}), reason: "log-proof"},
		{name: "checkpoint-wrong-roothash_fail", signing: v1, change: swapped(content, v1, entry("inclusionProof", "checkpoint")...), reason: "log-proof"},
		{name: "cve-2022-36056-swapped-tlog-entry_fail", signing: v1, change: swapped(content, v1, entry()...), reason: "log-entry-mismatch"},
		{name: "dsse-invalid-sig_fail", signing: dsse, change: flip(envelopeSignature...), reason: "log-entry-mismatch"},
		{name: "dsse-mismatch-envelope_fail", signing: dsse, change: func(t *testing.T, b synth.Object) {
			synth.Set(b, base64.StdEncoding.EncodeToString(otherStatement), "dsseEnvelope", "payload")
		}, reason: "log-entry-mismatch"},
		{name: "dsse-mismatch-sig_fail", signing: dsse, change: again(false), reason: "log-entry-mismatch"},
		{name: "dsse-statement-missing-type_fail", signing: keyed(bytes.Replace(statement, []byte(`"_type":"https://in-toto.io/Statement/v1",`), nil, 1)), key: managed, reason: "malformed-statement"},
		{name: "dsse-statement-unknown-type_fail", signing: keyed(bytes.Replace(statement, []byte(`Statement/v1`), []byte(`Statement/v99`), 1)), key: managed, reason: "malformed-statement"},
		{name: "dsse-with-hashedrekord-happy-path", signing: digest},
		{name: "dsse-with-hashedrekord-invalid-sig_fail", signing: digest, change: flip(envelopeSignature...), reason: "log-entry-mismatch"},
		{name: "dsse-with-hashedrekord-mismatch-envelope_fail", signing: digest, change: swapped(content, with(digest, func(s *synth.Signing) { s.Statement = otherStatement }), entry()...), reason: "log-entry-mismatch"},
		{name: "dsse-with-hashedrekord-mismatch-sig_fail", signing: digest, change: again(true), reason: "log-entry-mismatch"},
		{name: "happy-path", signing: v1},
		{name: "happy-path-intoto-in-dsse-v3", signing: dsse},
		{name: "happy-path-v0.1", signing: version("0.1")},
		{name: "happy-path-v0.2", signing: version("0.2")},
		{name: "happy-path-v0.3", signing: v1, change: set("application/vnd.dev.sigstore.bundle+json;version=0.3", "mediaType")},
		{name: "happy-path-v0.3-new-mediaType", signing: v1},
		{name: "inclusion-proof-corrupted-hash_fail", signing: v1, change: flip(entry("inclusionProof", "hashes", 2)...), reason: "log-proof"},
		{name: "incorrect-public-key_fail", signing: with(v1, func(s *synth.Signing) {
			s.LogBody = func(b synth.Object) {
				synth.Set(b, encodedKey(t, other, suiteSubject), "spec", "signature", "publicKey", "content")
			}
		}), reason: "log-entry-mismatch"},
		{name: "integrated-time-in-future_fail", signing: with(v1, func(s *synth.Signing) { s.LoggedAt = 24 * time.Hour }), reason: "certificate-time"},
		{name: "intoto-canonical-log-entry", signing: with(keyed(statement), func(s *synth.Signing) { s.IntotoEntry = true }), key: managed, change: set("0", entry("integratedTime")...)},
		{name: "intoto-expired-certificate_fail", signing: inToto("0.2"), root: validFor("certificateAuthorities", at.Add(-time.Hour)), reason: "certificate-time"},
		{name: "intoto-log-entry-mismatch_fail", signing: inToto("0.2"), change: swapped(content, with(inToto("0.2"), func(s *synth.Signing) { s.Statement = otherStatement }), entry()...), reason: "log-entry-mismatch"},
		{name: "intoto-missing-inclusion-proof_fail", signing: inToto("0.2"), change: set(nil, entry("inclusionProof")...), reason: "malformed-bundle"},
		{name: "intoto-set-outside-signing-cert-validity_fail", signing: with(inToto("0.2"), func(s *synth.Signing) { s.LoggedAt = -time.Hour }), reason: "certificate-time"},
		{name: "intoto-tsa-timestamp-outside-cert-validity_fail", signing: with(inToto("0.2"), func(s *synth.Signing) { s.StampAt = time.Hour }), reason: "certificate-time"},
		{name: "intoto-with-custom-trust-root", signing: inToto("0.2")},
		{name: "invalid-checkpoint-signature_fail", signing: v1, change: checkpoint(func(text string) string {
			i := strings.LastIndex(text, " ") + 1
			raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text[i:]))
			if err != nil {
				t.Fatal(err)
			}
			raw[len(raw)/2] ^= 1
			return text[:i] + base64.StdEncoding.EncodeToString(raw) + "\n"
		}), reason: "log-proof"},
		{name: "invalid-ct-key_fail", signing: v1, root: func(r synth.Object) {
			synth.Set(r, synth.In(other.Root(), "ctlogs", 0, "publicKey", "rawBytes"), "ctlogs", 0, "publicKey", "rawBytes")
		}, reason: "sct-invalid"},
		{name: "invalid-inclusion-proof_fail", signing: v1, change: swapped(content, v1, entry("inclusionProof")...), reason: "log-proof"},
		{name: "managed-key-and-client-identity_fail", signing: keyed(nil), key: managed, identity: true},
		{name: "managed-key-and-trusted-root", signing: synth.Signing{Key: managed, FirstLog: true, NoStamp: true}, key: managed},
		{name: "managed-key-happy-path", signing: synth.Signing{Key: managed}, key: managed},
		{name: "managed-key-no-key_fail", signing: synth.Signing{Key: managed}, reason: "wrong-material"},
		{name: "managed-key-wrong-key_fail", signing: synth.Signing{Key: managed}, key: leaf, reason: "log-proof"},
		{name: "message-digest-mismatch_fail", signing: v1, change: flip("messageSignature", "messageDigest", "digest"), reason: "artifact-mismatch"},
		{name: "rekor2-checkpoint-cosigned", change: checkpoint(func(text string) string { return text + cosignature("witness.example", 9) })},
		{name: "rekor2-checkpoint-missing-log-signature_fail", change: checkpoint(line(4)), reason: "log-proof"},
		{name: "rekor2-checkpoint-missing-origin_fail", change: checkpoint(line(0)), reason: "log-proof"},
		{name: "rekor2-checkpoint-missing-root-hash_fail", change: checkpoint(line(2)), reason: "log-proof"},
		{name: "rekor2-checkpoint-missing-size_fail", change: checkpoint(line(1)), reason: "log-proof"},
		{name: "rekor2-checkpoint-multiple-cosigs", change: checkpoint(func(text string) string {
			return text + cosignature("witness.example", 9) + cosignature("other.example", 8)
		})},
		{name: "rekor2-checkpoint-no-matching-signature_fail", change: checkpoint(func(text string) string {
			return strings.Replace(text, "— "+logName, "— other.example", 1)
		}), reason: "log-proof"},
		{name: "rekor2-checkpoint-origin-not-first", change: checkpoint(before(cosignature("witness.example", 9)))},
		{name: "rekor2-checkpoint-two-sigs-cosigned", change: checkpoint(func(text string) string {
			return before(cosignature(logName, 7))(text) + cosignature("witness.example", 9)
		})},
		{name: "rekor2-checkpoint-two-sigs-from-origin", change: checkpoint(func(text string) string { return text + cosignature(logName, 7) })},
		{name: "rekor2-dsse-happy-path", signing: v2dsse},
		{name: "rekor2-dsse-invalid-sig_fail", signing: v2dsse, change: flip(envelopeSignature...), reason: "log-proof"},
		{name: "rekor2-dsse-mismatch-envelope_fail", signing: v2dsse, change: set(base64.StdEncoding.EncodeToString(otherStatement), "dsseEnvelope", "payload"), reason: "log-proof"},
		{name: "rekor2-dsse-mismatch-sig_fail", signing: v2dsse, change: again(true), reason: "log-proof"},
		{name: "rekor2-happy-path"},
		{name: "rekor2-multiple-timestamps-one-outside-cert-validity_fail", change: func(t *testing.T, b synth.Object) {
			raw, err := base64.StdEncoding.DecodeString(synth.In(b, signature...).(string))
			if err != nil {
				t.Fatal(err)
			}
			late, err := d.Stamp(raw, at.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			list := synth.In(b, material, "timestampVerificationData", "rfc3161Timestamps").([]any)
			synth.Set(b, append(list, synth.Object{"signedTimestamp": base64.StdEncoding.EncodeToString(late)}), material, "timestampVerificationData", "rfc3161Timestamps")
		}, reason: "certificate-time"},
		{name: "rekor2-no-inclusion-proof_fail", change: set(nil, entry("inclusionProof")...), reason: "malformed-bundle"},
		{name: "rekor2-no-timestamp_fail", signing: synth.Signing{NoStamp: true}, reason: "no-signed-time"},
		{name: "rekor2-timestamp-outside-trust-root-tsa-validity_fail", root: validFor("timestampAuthorities", at.Add(-time.Second)), reason: "timestamp-invalid"},
		{name: "rekor2-timestamp-outside-tsa-cert-validity_fail", signing: synth.Signing{StampAt: 11 * 365 * 24 * time.Hour, Validity: 20 * 365 * 24 * time.Hour}, reason: "timestamp-invalid"},
		{name: "rekor2-timestamp-payload-mismatch_fail", change: swapped(content, synth.Signing{}, material, "timestampVerificationData"), reason: "timestamp-invalid"},
		{name: "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail", signing: synth.Signing{Embedded: true}, root: strangers("timestampAuthorities"), reason: "timestamp-invalid"},
		{name: "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail", root: strangers("timestampAuthorities"), reason: "timestamp-invalid"},
		{name: "rekor2-timestamp-with-embedded-cert", signing: synth.Signing{Embedded: true}},
		{name: "rekor2-timestamp-with-expired-cert-chain", change: func(_ *testing.T, b synth.Object) {
			for name, part := range pastBundle {
				b[name] = part
			}
		}, root: func(r synth.Object) {
			for name, part := range past.Root() {
				r[name] = part
			}
		}},
		{name: "rekor2-timestamp-with-incorrect-time_fail", signing: synth.Signing{StampAt: -24 * time.Hour}, reason: "certificate-time"},
		{name: "rekor2-timestamp-without-embedded-cert"},
		{name: "rekor2-timestamp-wrong-tsa-validity-borrow_fail", root: func(r synth.Object) {
			validFor("timestampAuthorities", at.Add(-time.Second))(r)
			empty := synth.In(other.Root(), "timestampAuthorities", 0).(map[string]any)
			empty["certChain"] = synth.Object{"certificates": []any{}}
			r["timestampAuthorities"] = append(r["timestampAuthorities"].([]any), empty)
		}, reason: "malformed-trusted-root"},
		{name: "sct-duplicate-intermediate-name", signing: v1, root: func(r synth.Object) {
			r["certificateAuthorities"] = append([]any{synth.In(other.Root(), "certificateAuthorities", 0)}, r["certificateAuthorities"].([]any)...)
		}},
		{name: "set-invalid-signature_fail", signing: v1, change: flip(entry("inclusionPromise", "signedEntryTimestamp")...), reason: "log-promise"},
		{name: "signature-mismatch_fail", signing: v1, change: swapped(content, v1, signature...), reason: "log-entry-mismatch"},
		{name: "trust-root-tlog-missing-validity-start_fail", signing: v1, root: func(r synth.Object) {
			synth.Set(r, synth.Object{}, "tlogs", 0, "publicKey", "validFor")
		}, reason: "malformed-trusted-root"},
		{name: "trust-root-tlog-validity-end-inclusive", signing: v1, root: validFor("tlogs", at)},
		{name: "trust-root-tsa-validity-end-inclusive", root: validFor("timestampAuthorities", at)},
		{name: "wrong-hashedrekord-artifact_fail", signing: v1, artifact: []byte("something else\n"), reason: "artifact-mismatch"},
		{name: "wrong-hashedrekord-cert-and-sig_fail", signing: v1, change: swapped(content, v1, entry("canonicalizedBody")...), reason: "log-promise"},
		{name: "wrong-hashedrekord-entry_fail", signing: v1, change: swapped([]byte("something else\n"), v1, entry()...), reason: "log-entry-mismatch"},
		{name: "wrong-material_fail", signing: v1, change: swapped([]byte("something else\n"), v1, "messageSignature"), reason: "artifact-mismatch"},
	}
	if len(cases) < 83 {
		t.Fatalf("%d cases", len(cases))
	}
	t.Setenv("COFFERDAM_CACHE", t.TempDir())
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			by := c.by
			if by == nil {
				by = d
			}
			c.signing.Subject, c.signing.Issuer = suiteSubject, suiteIssuer
			b, err := by.Sign(content, c.signing)
			if err != nil {
				t.Fatal(err)
			}
			if c.change != nil {
				c.change(t, b)
			}
			raw, root := synth.Write(b), d.Root()
			if c.raw != nil {
				raw = c.raw(raw)
			}
			if c.root != nil {
				c.root(root)
			}
			artifact := content
			if c.artifact != nil {
				artifact = c.artifact
			}
			file := filesIn[[]byte](t, t.TempDir())
			args := []string{"verify-bundle", "--bundle", file("bundle.sigstore.json", raw)}
			if c.key != nil {
				der, err := x509.MarshalPKIXPublicKey(c.key.Public())
				if err != nil {
					t.Fatal(err)
				}
				args = append(args, "--key", file("key.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
			}
			if c.key == nil || c.identity {
				args = append(args, "--certificate-identity", suiteSubject, "--certificate-oidc-issuer", suiteIssuer)
			}
			args = append(args, "--trusted-root", file("trusted_root.json", synth.Write(root)))
			want := 0
			switch {
			case strings.HasSuffix(c.name, "_fail") && c.reason == "":
				want = 2
			case strings.HasSuffix(c.name, "_fail"):
				want = 3
			}
			for _, about := range []string{file("artifact", artifact), ident.SHA256(artifact).String()} {
				code, out, errs := run(t, nil, append(args[:len(args):len(args)], about)...)
				if code != want || !strings.Contains(out, c.reason) {
					t.Errorf("%s: exit %d, want %d: %s\n%s%s", about, code, want, c.reason, out, errs)
				}
			}
		})
	}
}

// encodedKey is somebody else's certificate as a log of the first generation keeps it.
func encodedKey(t *testing.T, d *synth.Deployment, subject string) string {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Certificate(k.Public(), synth.Signing{Subject: subject, Issuer: suiteIssuer})
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// TestConformanceSigning signs as the suite asks for it, with services in process, and
// verifies what came of it.
func TestConformanceSigning(t *testing.T) {
	m := sigstore.NewMade(t, nil)
	t.Setenv("COFFERDAM_CACHE", t.TempDir())
	file := filesIn[[]byte](t, t.TempDir())
	start := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	service := func(path string, version int) synth.Object {
		return synth.Object{"url": m.URL + path, "majorApiVersion": version, "validFor": synth.Object{"start": start}, "operator": "synth.example"}
	}
	any1 := synth.Object{"selector": "ANY"}
	config := file("config.json", synth.Write(synth.Object{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json", "caUrls": []any{service("", 1)},
		"rekorTlogUrls": []any{service("", 2)}, "rekorTlogConfig": any1, "tsaUrls": []any{service("/timestamp", 1)}, "tsaConfig": any1}))
	artifact := file("a.txt", []byte("artifact of the suite\n"))
	statement := file("statement.json", []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a.txt","digest":{`+`"sha256":"`+ident.SHA256([]byte("artifact of the suite\n")).Hex()+`"}}],"predicateType":"https://example.com/p/v1","predicate":{"kept":[1, 2]}}`))
	broken := file("broken.json", []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[]}`))
	bundle := filepath.Join(t.TempDir(), "b.json")
	token := m.Token(t, "beacon@example.com")
	for name, c := range map[string]struct {
		args   []string
		code   int
		stderr string
	}{
		"a file":                 {[]string{"--identity-token", token, "--bundle", bundle, "--trusted-root", m.TrustedRoot, "--signing-config", config, artifact}, 0, ""},
		"a statement":            {[]string{"--in-toto", "--identity-token", token, "--bundle", bundle, "--trusted-root", m.TrustedRoot, "--signing-config", config, statement}, 0, ""},
		"a statement of nothing": {[]string{"--in-toto", "--identity-token", token, "--bundle", bundle, "--trusted-root", m.TrustedRoot, "--signing-config", config, broken}, 1, "statement"},
		"no token":               {[]string{"--bundle", bundle, artifact}, 2, "--identity-token"},
		"no bundle":              {[]string{"--identity-token", token, artifact}, 2, "--bundle"},
		"no file":                {[]string{"--identity-token", token, "--bundle", bundle}, 2, "needs"},
		"what is no token":       {[]string{"--identity-token", "hello", "--bundle", bundle, "--signing-config", config, artifact}, 1, "token"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(t, nil, append([]string{"sign-bundle"}, c.args...)...)
			if code != c.code || !strings.Contains(errs, c.stderr) {
				t.Fatalf("exit %d, want %d\n%s%s", code, c.code, out, errs)
			}
			if code != 0 {
				return
			}
			code, out, errs = run(t, nil, "verify-bundle", "--bundle", bundle, "--certificate-identity", "beacon@example.com", "--certificate-oidc-issuer", m.Issuer, "--trusted-root", m.TrustedRoot, artifact)
			if code != 0 || !strings.Contains(out, "VERIFIED") {
				t.Errorf("exit %d\n%s%s", code, out, errs)
			}
		})
	}
}

// TestVerifyByMirror takes the trusted root from a TUF repository that flags name.
func TestVerifyByMirror(t *testing.T) {
	at := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	d, err := synth.New(synth.Options{At: at})
	if err != nil {
		t.Fatal(err)
	}
	m, stranger := tuf.New(t, at), tuf.New(t, at)
	m.Publish(t, 1, at, "trusted_root.json", string(d.TrustedRoot()))
	b, err := d.Sign([]byte("a"), synth.Signing{Subject: "ci@example.com", Issuer: "https://issuer.example"})
	if err != nil {
		t.Fatal(err)
	}
	file := filesIn[[]byte](t, t.TempDir())
	a, first, other, trusted := file("a.tar", []byte("a")), file("root.json", m.Root), file("other.json", stranger.Root), file("trusted.json", d.TrustedRoot())
	file("a.tar.sigstore.json", synth.Write(b))
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"its root":              {[]string{"--tuf-mirror", m.URL, "--tuf-root", first}, 0, "VERIFIED"},
		"another's root":        {[]string{"--tuf-mirror", m.URL, "--tuf-root", other}, 1, "there is no trusted root"},
		"past its end":          {[]string{"--tuf-mirror", m.URL, "--tuf-root", first, "--at", "2026-12-20T00:00:00Z"}, 1, "there is no trusted root"},
		"no root":               {[]string{"--tuf-mirror", m.URL}, 2, "go together"},
		"no mirror":             {[]string{"--tuf-root", first}, 2, "go together"},
		"no such file":          {[]string{"--tuf-mirror", m.URL, "--tuf-root", "missing.json"}, 1, "missing.json"},
		"a trusted root beside": {[]string{"--tuf-mirror", m.URL, "--tuf-root", first, "--trusted-root", trusted}, 2, "would not be asked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("COFFERDAM_CACHE", t.TempDir())
			code, out, errs := run(t, nil, append([]string{"verify", "bundle", "--at", at.Format(time.RFC3339), "--certificate-identity", "ci@example.com", "--certificate-oidc-issuer", "https://issuer.example", a}, c.args...)...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("exit %d, want %d: %s\n%s%s", code, c.code, c.says, out, errs)
			}
		})
	}
}
