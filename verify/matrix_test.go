package verify_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

var (
	signedAt = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	content  = []byte("what was built\n")
)

const (
	subject = "https://git.example/shop/web/.ci/release.yml@refs/heads/main"
	issuer  = "https://issuer.example"
)

// world is a deployment with the keys that tests sign with.
type world struct {
	d, other *synth.Deployment
	keys     map[string]crypto.Signer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{keys: map[string]crypto.Signer{}}
	var err error
	if w.d, err = synth.New(synth.Options{At: signedAt}); err != nil {
		t.Fatal(err)
	}
	if w.other, err = synth.New(synth.Options{At: signedAt}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521(), "other": elliptic.P256()} {
		if w.keys[name], err = ecdsa.GenerateKey(c, rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	if w.keys["rsa"], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.keys["ed25519"] = ed
	return w
}

func (w *world) key(t testing.TB, name string) *verify.Key {
	t.Helper()
	k, err := verify.ParseKey(name, publicPEM(t, w.keys[name].Public()))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func publicPEM(t testing.TB, public crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func statement(digest, more string) []byte {
	return []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"web","digest":{` + digest + `}}],"predicateType":"https://slsa.dev/provenance/v1"` + more + `,"predicate":{"buildDefinition":{}}}`)
}

func sha256of(b []byte) string {
	sum := sha256.Sum256(b)
	return `"sha256":"` + hex.EncodeToString(sum[:]) + `"`
}

func sha512of(b []byte) string {
	sum := sha512.Sum512(b)
	return `"sha512":"` + hex.EncodeToString(sum[:]) + `"`
}

var in, set = synth.In, synth.Set

// flip changes one bit in the middle of what is encoded at a place.
func flip(_ *testing.T, o synth.Object, path ...any) { synth.Flip(o, path...) }

const vm = "verificationMaterial"

// TestMatrix signs in all the ways there are, changes one thing, and holds the verdict
// and the reason against what is expected. Where reason is empty it must verify.
func TestMatrix(t *testing.T) {
	w := newWorld(t)
	type test struct {
		name    string
		signing synth.Signing
		by      *synth.Deployment                  // who signs; nil: the trusted one
		change  func(t *testing.T, b synth.Object) // of the bundle
		raw     func(raw []byte) []byte            // of its bytes
		root    func(r synth.Object)               // of the trusted root
		options func(t *testing.T, o *verify.Options)
		about   *verify.Artifact // nil: the content
		reason  verify.Reason
		says    string
	}
	keyed := func(names ...string) func(*testing.T, *verify.Options) {
		return func(t *testing.T, o *verify.Options) {
			o.Identities = nil
			for _, n := range names {
				o.Keys = append(o.Keys, w.key(t, n))
			}
		}
	}
	identity := func(i verify.Identity) func(*testing.T, *verify.Options) {
		return func(_ *testing.T, o *verify.Options) { o.Identities = []verify.Identity{i} }
	}
	digest := ident.SHA256(content)
	other := &verify.Artifact{Content: bytes.NewReader([]byte("something else\n"))}
	byDigest := &verify.Artifact{Digest: digest}
	entry := []any{vm, "tlogEntries", 0}
	at := func(path ...any) []any { return append(append([]any{}, entry...), path...) }
	stamp := []any{vm, "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp"}
	about := statement(sha256of(content), "")

	tests := []test{
		// What is good.
		{name: "today's signature"},
		{name: "today's signature, by digest", about: byDigest},
		{name: "today's attestation", signing: synth.Signing{Statement: about}},
		{name: "today's attestation, by digest", signing: synth.Signing{Statement: about}, about: byDigest},
		{name: "first log", signing: synth.Signing{FirstLog: true, NoStamp: true}},
		{name: "first log with timestamp", signing: synth.Signing{FirstLog: true}},
		{name: "first log under a bare name", signing: synth.Signing{FirstLog: true, BareOrigin: true}},
		{name: "attestation in the first log under a bare name", signing: synth.Signing{FirstLog: true, BareOrigin: true, Statement: about}},
		{name: "key in the first log under a bare name", signing: synth.Signing{Key: w.keys["p256"], FirstLog: true, BareOrigin: true, NoStamp: true}, options: keyed("p256")},
		{name: "attestation whose digest the first log holds", signing: synth.Signing{FirstLog: true, DigestEntry: true, Statement: about}},
		{name: "attestation whose digest the first log holds, under a bare name", signing: synth.Signing{FirstLog: true, DigestEntry: true, BareOrigin: true, Statement: about}},
		{name: "key's attestation whose digest the first log holds", signing: synth.Signing{Key: w.keys["p256"], FirstLog: true, DigestEntry: true, NoStamp: true, Statement: about}, options: keyed("p256")},
		{name: "attestation in the first log's older kind", signing: synth.Signing{FirstLog: true, IntotoEntry: true, NoStamp: true, Statement: about}},
		{name: "attestation in the first log", signing: synth.Signing{FirstLog: true, NoStamp: true, Statement: about}},
		{name: "version 0.1", signing: synth.Signing{FirstLog: true, NoStamp: true, Version: "0.1"}},
		{name: "version 0.1 without proof", signing: synth.Signing{FirstLog: true, NoStamp: true, Version: "0.1"}, change: func(_ *testing.T, b synth.Object) { set(b, nil, at("inclusionProof")...) }},
		{name: "version 0.2", signing: synth.Signing{FirstLog: true, NoStamp: true, Version: "0.2"}},
		{name: "version 0.3 in the older form", change: func(_ *testing.T, b synth.Object) {
			set(b, "application/vnd.dev.sigstore.bundle+json;version=0.3", "mediaType")
		}},
		{name: "leaf on P-384", signing: synth.Signing{LeafKey: w.keys["p384"]}},
		{name: "leaf on Ed25519", signing: synth.Signing{LeafKey: w.keys["ed25519"]}},
		{name: "subject of sha512 alone", signing: synth.Signing{Statement: statement(sha512of(content), "")}},
		{name: "statement of v0.1", signing: synth.Signing{Statement: bytes.Replace(about, []byte("Statement/v1"), []byte("Statement/v0.1"), 1)}},
		{name: "identity by expression", options: identity(verify.Identity{SubjectRegexp: `^https://git\.example/shop/`, IssuerRegexp: `issuer\.example$`})},
		{name: "identity with extensions", signing: synth.Signing{Extensions: map[int]string{12: "https://git.example/shop/web", 14: "refs/heads/main", 11: "hosted"}},
			options: identity(verify.Identity{Subject: subject, Issuer: issuer, Extensions: map[string]string{"sourceRepositoryURI": "https://git.example/shop/web", "sourceRepositoryRef": "refs/heads/main", "runnerEnvironment": "hosted"}})},
		{name: "one of two identities", options: func(_ *testing.T, o *verify.Options) {
			o.Identities = append([]verify.Identity{{Subject: "nobody", Issuer: issuer}}, o.Identities...)
		}},
		{name: "two times asked for, from log and authority", signing: synth.Signing{FirstLog: true}, options: func(_ *testing.T, o *verify.Options) { o.Times = 2 }},
		{name: "no certificate log kept", signing: synth.Signing{NoSCT: true}, options: func(_ *testing.T, o *verify.Options) { o.SCTs = -1 }},
		{name: "no log kept", signing: synth.Signing{NoLog: true}, options: func(_ *testing.T, o *verify.Options) { o.Logs = -1 }},
		{name: "end of the time of a log is included", signing: synth.Signing{FirstLog: true, NoStamp: true}, root: func(r synth.Object) {
			in(r, "tlogs", 0, "publicKey").(map[string]any)["validFor"] = synth.Object{"start": "2026-11-01T00:00:00Z", "end": signedAt.Format(time.RFC3339)}
		}},
		{name: "end of the time of a timestamp authority is included", root: func(r synth.Object) {
			in(r, "timestampAuthorities", 0).(map[string]any)["validFor"] = synth.Object{"start": "2026-11-01T00:00:00Z", "end": signedAt.Format(time.RFC3339)}
		}},
		{name: "a namesake of the authority stands before it", root: func(r synth.Object) {
			namesake := in(w.other.Root(), "certificateAuthorities", 0)
			r["certificateAuthorities"] = append([]any{namesake}, r["certificateAuthorities"].([]any)...)
		}},
		{name: "a timestamp of a stranger beside a good one", change: func(t *testing.T, b synth.Object) {
			sig, _ := base64.StdEncoding.DecodeString(in(b, "messageSignature", "signature").(string))
			foreign, err := w.other.Stamp(sig, signedAt)
			if err != nil {
				t.Fatal(err)
			}
			list := in(b, vm, "timestampVerificationData", "rfc3161Timestamps").([]any)
			set(b, append(list, synth.Object{"signedTimestamp": base64.StdEncoding.EncodeToString(foreign)}), vm, "timestampVerificationData", "rfc3161Timestamps")
		}},
		{name: "key on P-256", signing: synth.Signing{Key: w.keys["p256"]}, options: keyed("p256")},
		{name: "key on P-384", signing: synth.Signing{Key: w.keys["p384"]}, options: keyed("p384")},
		{name: "key on P-521", signing: synth.Signing{Key: w.keys["p521"]}, options: keyed("p521")},
		{name: "RSA key", signing: synth.Signing{Key: w.keys["rsa"]}, options: keyed("rsa")},
		{name: "Ed25519 key, logged", signing: synth.Signing{Key: w.keys["ed25519"]}, options: keyed("ed25519")},
		{name: "Ed25519 key, attestation", signing: synth.Signing{Key: w.keys["ed25519"], Statement: about}, options: keyed("ed25519")},
		{name: "Ed25519 key, pure over the file", signing: synth.Signing{Key: w.keys["ed25519"], NoLog: true, NoStamp: true}, options: keyed("ed25519"), change: func(_ *testing.T, b synth.Object) { pure(b, w.keys["ed25519"], content) }},
		{name: "key alone", signing: synth.Signing{Key: w.keys["p256"], NoLog: true, NoStamp: true}, options: func(t *testing.T, o *verify.Options) {
			keyed("p256")(t, o)
			o.Trust = nil
		}},
		{name: "key alone, by digest", signing: synth.Signing{Key: w.keys["p256"], NoLog: true, NoStamp: true}, about: byDigest, options: keyed("p256")},
		{name: "key alone, attestation", signing: synth.Signing{Key: w.keys["p256"], NoLog: true, NoStamp: true, Statement: about}, options: keyed("p256")},
		{name: "key in the first log", signing: synth.Signing{Key: w.keys["p256"], FirstLog: true, NoStamp: true}, options: keyed("p256")},
		{name: "one of three keys", signing: synth.Signing{Key: w.keys["p256"]}, options: keyed("other", "rsa", "p256")},
		{name: "key with a timestamp of a stranger", signing: synth.Signing{Key: w.keys["p256"], NoLog: true, NoStamp: true}, options: keyed("p256"), change: func(t *testing.T, b synth.Object) { strange(t, w, b) }},
		{name: "key within its time", signing: synth.Signing{Key: w.keys["p256"]}, options: func(t *testing.T, o *verify.Options) {
			keyed("p256")(t, o)
			o.Keys[0].From, o.Keys[0].Until = signedAt.Add(-time.Hour), signedAt
		}},
		{name: "distrusted from an hour later on", options: func(_ *testing.T, o *verify.Options) {
			o.Distrust = []verify.Distrust{{Subject: subject, From: signedAt.Add(time.Hour)}}
		}},

		// The document.
		{name: "no JSON", raw: func([]byte) []byte { return []byte("hello") }, reason: verify.BadBundle},
		{name: "empty", raw: func([]byte) []byte { return nil }, reason: verify.BadBundle},
		{name: "cut short", raw: func(raw []byte) []byte { return raw[:len(raw)/2] }, reason: verify.BadBundle},
		{name: "a second document behind it", raw: func(raw []byte) []byte { return append(raw, "{}"...) }, reason: verify.BadBundle},
		{name: "compressed", raw: func([]byte) []byte { return []byte("\x1f\x8b\x08\x00bomb") }, reason: verify.BadBundle},
		{name: "nested without end", raw: func([]byte) []byte { return []byte(strings.Repeat(`{"a":`, 100_000)) }, reason: verify.BadBundle},
		{name: "a name twice", raw: func(raw []byte) []byte { return bytes.Replace(raw, []byte(`{`), []byte(`{"mediaType":"x",`), 1) }, reason: verify.BadBundle},
		{name: "a name twice, deep inside", raw: func(raw []byte) []byte {
			return bytes.Replace(raw, []byte(`"logIndex":`), []byte(`"logIndex":"1","logIndex":`), 1)
		}, reason: verify.BadBundle},
		{name: "a name in two spellings", raw: func(raw []byte) []byte {
			return bytes.Replace(raw, []byte(`"logIndex":`), []byte(`"log_index":"1","logIndex":`), 1)
		}, reason: verify.BadBundle},
		{name: "an unknown name", change: func(_ *testing.T, b synth.Object) { b["trustMe"] = true }, reason: verify.BadBundle},
		{name: "a public key instead", raw: func([]byte) []byte { return publicPEM(t, w.keys["p256"].Public()) }, reason: verify.BadBundle, says: "PEM"},
		{name: "version 0.4", change: func(_ *testing.T, b synth.Object) {
			set(b, "application/vnd.dev.sigstore.bundle.v0.4+json", "mediaType")
		}, reason: verify.BadBundle},
		{name: "another media type", change: func(_ *testing.T, b synth.Object) { set(b, "application/json", "mediaType") }, reason: verify.BadBundle},
		{name: "no content", change: func(_ *testing.T, b synth.Object) { set(b, nil, "messageSignature") }, reason: verify.BadBundle},
		{name: "two contents", change: func(_ *testing.T, b synth.Object) {
			b["dsseEnvelope"] = synth.Object{"payload": "e30=", "payloadType": "x", "signatures": []any{synth.Object{"sig": "AA=="}}}
		}, reason: verify.BadBundle},
		{name: "no material", change: func(_ *testing.T, b synth.Object) { set(b, nil, vm) }, reason: verify.BadBundle},
		{name: "no signature", change: func(_ *testing.T, b synth.Object) { set(b, "", "messageSignature", "signature") }, reason: verify.BadBundle},
		{name: "two signatures in the envelope", signing: synth.Signing{Statement: about}, change: func(_ *testing.T, b synth.Object) {
			list := in(b, "dsseEnvelope", "signatures").([]any)
			set(b, append(list, list[0]), "dsseEnvelope", "signatures")
		}, reason: verify.BadBundle},
		{name: "a chain in version 0.3", change: func(_ *testing.T, b synth.Object) {
			cert := in(b, vm, "certificate")
			set(b, nil, vm, "certificate")
			set(b, synth.Object{"certificates": []any{cert}}, vm, "x509CertificateChain")
		}, reason: verify.BadBundle},
		{name: "its own root in the chain", signing: synth.Signing{FirstLog: true, NoStamp: true, Version: "0.2"}, change: func(_ *testing.T, b synth.Object) {
			certs := in(w.d.Root(), "certificateAuthorities", 0, "certChain", "certificates").([]any)
			list := in(b, vm, "x509CertificateChain", "certificates").([]any)
			set(b, append(list, certs[len(certs)-1]), vm, "x509CertificateChain", "certificates")
		}, reason: verify.BadBundle, says: "root certificate"},
		{name: "certificate of an authority", signing: synth.Signing{Authority: &x509.Certificate{IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}}, reason: verify.BadBundle},
		{name: "version 0.1 without promise", signing: synth.Signing{FirstLog: true, Version: "0.1"}, change: func(_ *testing.T, b synth.Object) { set(b, nil, at("inclusionPromise")...) }, reason: verify.BadBundle},
		{name: "version 0.2 without proof", signing: synth.Signing{FirstLog: true, NoStamp: true, Version: "0.2"}, change: func(_ *testing.T, b synth.Object) { set(b, nil, at("inclusionProof")...) }, reason: verify.BadBundle},

		// What is signed.
		{name: "another file", about: other, reason: verify.WrongArtifact},
		{name: "another digest", about: &verify.Artifact{Digest: ident.SHA256([]byte("x"))}, reason: verify.WrongArtifact},
		{name: "a digest of another algorithm", about: &verify.Artifact{Digest: mustDigest(t, "sha512:"+strings.Repeat("0", 128))}, reason: verify.NeedsArtifact},
		{name: "a statement about something else", signing: synth.Signing{Statement: statement(sha256of([]byte("x")), "")}, reason: verify.WrongArtifact},
		{name: "one digest right, one wrong", signing: synth.Signing{Statement: statement(sha256of(content)+","+sha512of([]byte("x")), "")}, reason: verify.WrongArtifact},
		{name: "the digest under another name", signing: synth.Signing{Statement: statement(strings.Replace(sha256of(content), "sha256", "gitCommit", 1), "")}, reason: verify.WrongArtifact},
		{name: "a digest in the message that is another's", change: func(_ *testing.T, b synth.Object) {
			set(b, base64.StdEncoding.EncodeToString(make([]byte, 32)), "messageSignature", "messageDigest", "digest")
		}, reason: verify.WrongArtifact},
		{name: "statement of no type", signing: synth.Signing{Statement: bytes.Replace(about, []byte(`"_type":"https://in-toto.io/Statement/v1",`), nil, 1)}, reason: verify.BadStatement},
		{name: "statement of an unknown type", signing: synth.Signing{Statement: bytes.Replace(about, []byte("Statement/v1"), []byte("Statement/v9"), 1)}, reason: verify.BadStatement},
		{name: "statement without predicate type", signing: synth.Signing{Statement: bytes.Replace(about, []byte(`"predicateType":"https://slsa.dev/provenance/v1",`), nil, 1)}, reason: verify.BadStatement},
		{name: "statement with a name twice", signing: synth.Signing{Statement: statement(sha256of(content), `,"subject":[]`)}, reason: verify.BadStatement},
		{name: "statement about nothing", signing: synth.Signing{Statement: []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x"}`)}, reason: verify.BadStatement},
		{name: "statement of too many subjects", signing: synth.Signing{Statement: many(2000)}, reason: verify.BadStatement},
		{name: "no statement in the envelope", signing: synth.Signing{Statement: []byte("hello"), PayloadType: "text/plain"}, reason: verify.BadStatement},
		{name: "payload changed", signing: synth.Signing{Statement: about, NoLog: true}, options: func(_ *testing.T, o *verify.Options) { o.Logs = -1 }, change: func(_ *testing.T, b synth.Object) {
			set(b, base64.StdEncoding.EncodeToString(bytes.Replace(about, []byte("web"), []byte("api"), 1)), "dsseEnvelope", "payload")
		}, reason: verify.BadSignature},
		{name: "signature changed, not logged", signing: synth.Signing{NoLog: true, NoStamp: true, Key: w.keys["p256"]}, options: keyed("p256"), change: func(t *testing.T, b synth.Object) { flip(t, b, "messageSignature", "signature") }, reason: verify.BadSignature},

		// The log.
		{name: "not logged", signing: synth.Signing{NoLog: true}, reason: verify.NotLogged},
		{name: "signature changed", change: func(t *testing.T, b synth.Object) { flip(t, b, "messageSignature", "signature") }, reason: verify.LogProof},
		{name: "signature changed, in the first log", signing: synth.Signing{FirstLog: true, NoStamp: true}, change: func(t *testing.T, b synth.Object) { flip(t, b, "messageSignature", "signature") }, reason: verify.LogMismatch},
		{name: "another's entry", change: func(t *testing.T, b synth.Object) { set(b, in(w.sign(t, synth.Signing{}), entry...), entry...) }, reason: verify.LogProof},
		{name: "another's entry of the first log", signing: synth.Signing{FirstLog: true, NoStamp: true}, change: func(t *testing.T, b synth.Object) {
			set(b, in(w.sign(t, synth.Signing{FirstLog: true}), entry...), entry...)
		}, reason: verify.LogMismatch},
		{name: "an entry that holds another digest", signing: synth.Signing{FirstLog: true, NoStamp: true, LogBody: func(b synth.Object) {
			set(b, strings.Repeat("0", 64), "spec", "data", "hash", "value")
		}}, reason: verify.LogMismatch},
		{name: "an entry that holds another key", signing: synth.Signing{Key: w.keys["p256"], FirstLog: true, NoStamp: true, LogBody: func(b synth.Object) {
			set(b, base64.StdEncoding.EncodeToString(publicPEM(t, w.keys["other"].Public())), "spec", "signature", "publicKey", "content")
		}}, options: keyed("p256"), reason: verify.LogMismatch},
		{name: "an attestation's entry over another payload", signing: synth.Signing{Statement: about, FirstLog: true, NoStamp: true, LogBody: func(b synth.Object) {
			set(b, strings.Repeat("0", 64), "spec", "payloadHash", "value")
		}}, reason: verify.LogMismatch},
		{name: "an attestation's digest that is another's", signing: synth.Signing{Statement: about, FirstLog: true, DigestEntry: true}, change: func(t *testing.T, b synth.Object) {
			set(b, in(w.sign(t, synth.Signing{Statement: about, FirstLog: true, DigestEntry: true}), entry...), entry...)
		}, reason: verify.LogMismatch},
		{name: "an attestation's digest whose promise was changed", signing: synth.Signing{Statement: about, FirstLog: true, DigestEntry: true}, change: func(t *testing.T, b synth.Object) {
			flip(t, b, at("inclusionPromise", "signedEntryTimestamp")...)
		}, reason: verify.LogPromise},
		{name: "an attestation's digest whose proof was changed", signing: synth.Signing{Statement: about, FirstLog: true, DigestEntry: true}, change: func(t *testing.T, b synth.Object) {
			flip(t, b, at("inclusionProof", "hashes", 3)...)
		}, reason: verify.LogProof},
		{name: "an attestation's digest without promise and proof", signing: synth.Signing{Statement: about, FirstLog: true, DigestEntry: true, Version: "0.1"}, change: func(_ *testing.T, b synth.Object) {
			set(b, nil, at("inclusionPromise")...)
			set(b, nil, at("inclusionProof")...)
		}, reason: verify.BadBundle},
		{name: "an attestation's digest logged after the certificate had expired", signing: synth.Signing{Statement: about, FirstLog: true, DigestEntry: true, LoggedAt: time.Hour}, reason: verify.OutsideTime},
		{name: "an attestation's digest with the log's time alone", signing: synth.Signing{Statement: about, FirstLog: true, DigestEntry: true, NoStamp: true}, reason: verify.NoTime},
		{name: "an attestation's digest of the payload alone", signing: synth.Signing{Statement: about, FirstLog: true, DigestEntry: true, LogBody: func(b synth.Object) {
			sum := sha256.Sum256(about)
			set(b, hex.EncodeToString(sum[:]), "spec", "data", "hash", "value")
		}}, reason: verify.LogMismatch},
		{name: "another payload's entry of the older kind", signing: synth.Signing{Statement: about, FirstLog: true, IntotoEntry: true, NoStamp: true, LogBody: func(b synth.Object) {
			set(b, strings.Repeat("0", 64), "spec", "content", "payloadHash", "value")
		}}, reason: verify.LogMismatch},
		{name: "another's entry under a bare name", signing: synth.Signing{FirstLog: true, BareOrigin: true}, change: func(t *testing.T, b synth.Object) {
			set(b, in(w.sign(t, synth.Signing{FirstLog: true, BareOrigin: true}), entry...), entry...)
		}, reason: verify.LogMismatch},
		{name: "another payload's entry under a bare name", signing: synth.Signing{Statement: about, FirstLog: true, BareOrigin: true, LogBody: func(b synth.Object) {
			set(b, strings.Repeat("0", 64), "spec", "payloadHash", "value")
		}}, reason: verify.LogMismatch},
		{name: "a hash of a proof under a bare name changed", signing: synth.Signing{FirstLog: true, BareOrigin: true}, change: func(t *testing.T, b synth.Object) { flip(t, b, at("inclusionProof", "hashes", 3)...) }, reason: verify.LogProof},
		{name: "a checkpoint under a bare name of another tree", signing: synth.Signing{FirstLog: true, BareOrigin: true}, change: func(t *testing.T, b synth.Object) {
			set(b, in(w.sign(t, synth.Signing{FirstLog: true, BareOrigin: true}), at("inclusionProof", "checkpoint")...), at("inclusionProof", "checkpoint")...)
		}, reason: verify.LogProof},
		{name: "one entry under a bare name twice", signing: synth.Signing{FirstLog: true, BareOrigin: true}, options: func(_ *testing.T, o *verify.Options) { o.Logs = 2 }, change: func(_ *testing.T, b synth.Object) {
			list := in(b, vm, "tlogEntries").([]any)
			set(b, append(list, list[0]), vm, "tlogEntries")
		}, reason: verify.LogDuplicate},
		{name: "promise changed", signing: synth.Signing{FirstLog: true, NoStamp: true}, change: func(t *testing.T, b synth.Object) { flip(t, b, at("inclusionPromise", "signedEntryTimestamp")...) }, reason: verify.LogPromise},
		{name: "time of the log changed", signing: synth.Signing{FirstLog: true, NoStamp: true}, change: func(_ *testing.T, b synth.Object) { set(b, fmt.Sprint(signedAt.Unix()+1), at("integratedTime")...) }, reason: verify.LogPromise},
		{name: "log index changed", change: func(_ *testing.T, b synth.Object) { set(b, "0", at("inclusionProof", "logIndex")...) }, reason: verify.BadBundle},
		{name: "both log indexes changed", change: func(_ *testing.T, b synth.Object) {
			set(b, "5", at("inclusionProof", "logIndex")...)
			set(b, "5", at("logIndex")...)
		}, reason: verify.LogProof},
		{name: "a hash of the proof changed", change: func(t *testing.T, b synth.Object) { flip(t, b, at("inclusionProof", "hashes", 3)...) }, reason: verify.LogProof},
		{name: "a hash of the first log's proof changed", signing: synth.Signing{FirstLog: true}, change: func(t *testing.T, b synth.Object) { flip(t, b, at("inclusionProof", "hashes", 3)...) }, reason: verify.LogProof},
		{name: "a hash too many", change: func(_ *testing.T, b synth.Object) {
			list := in(b, at("inclusionProof", "hashes")...).([]any)
			set(b, append(list, list[0]), at("inclusionProof", "hashes")...)
		}, reason: verify.LogProof},
		{name: "checkpoint changed", change: func(_ *testing.T, b synth.Object) {
			text := in(b, at("inclusionProof", "checkpoint", "envelope")...).(string)
			set(b, strings.Replace(text, "\n1048576\n", "\n2097152\n", 1), at("inclusionProof", "checkpoint", "envelope")...)
		}, reason: verify.LogProof},
		{name: "checkpoint of another tree", change: func(t *testing.T, b synth.Object) {
			set(b, in(w.sign(t, synth.Signing{}), at("inclusionProof", "checkpoint")...), at("inclusionProof", "checkpoint")...)
		}, reason: verify.LogProof},
		{name: "checkpoint of the first log of another tree", signing: synth.Signing{FirstLog: true}, change: func(t *testing.T, b synth.Object) {
			set(b, in(w.sign(t, synth.Signing{FirstLog: true}), at("inclusionProof", "checkpoint")...), at("inclusionProof", "checkpoint")...)
		}, reason: verify.LogProof},
		{name: "no proof in the second log", change: func(_ *testing.T, b synth.Object) { set(b, nil, at("inclusionProof")...) }, reason: verify.BadBundle},
		{name: "one entry twice", options: func(_ *testing.T, o *verify.Options) { o.Logs = 2 }, change: func(_ *testing.T, b synth.Object) {
			list := in(b, vm, "tlogEntries").([]any)
			set(b, append(list, list[0]), vm, "tlogEntries")
		}, reason: verify.LogDuplicate},
		{name: "two logs asked for", options: func(_ *testing.T, o *verify.Options) { o.Logs = 2 }, reason: verify.NotLogged},
		{name: "a log that is not known", root: func(r synth.Object) { r["tlogs"] = []any{} }, reason: verify.UnknownLog},
		{name: "the log's time is over", signing: synth.Signing{FirstLog: true, NoStamp: true}, root: func(r synth.Object) {
			in(r, "tlogs", 0, "publicKey").(map[string]any)["validFor"] = synth.Object{"start": "2026-11-01T00:00:00Z", "end": signedAt.Add(-time.Second).Format(time.RFC3339)}
		}, reason: verify.LogPromise},
		{name: "the log's time has no beginning", root: func(r synth.Object) {
			in(r, "tlogs", 0, "publicKey").(map[string]any)["validFor"] = synth.Object{}
		}, reason: verify.BadTrustedRoot},
		{name: "logged after the certificate had expired", signing: synth.Signing{FirstLog: true, NoStamp: true, LoggedAt: time.Hour}, reason: verify.OutsideTime},
		{name: "logged before the certificate was valid", signing: synth.Signing{FirstLog: true, NoStamp: true, LoggedAt: -time.Hour}, reason: verify.OutsideTime},
		{name: "a body with a name twice", change: func(_ *testing.T, b synth.Object) {
			raw, _ := base64.StdEncoding.DecodeString(in(b, at("canonicalizedBody")...).(string))
			set(b, base64.StdEncoding.EncodeToString(bytes.Replace(raw, []byte("{"), []byte(`{"kind":"x",`), 1)), at("canonicalizedBody")...)
		}, reason: verify.BadBundle},

		// The times.
		{name: "no time", signing: synth.Signing{NoStamp: true}, reason: verify.NoTime},
		{name: "two times asked for", options: func(_ *testing.T, o *verify.Options) { o.Times = 2 }, reason: verify.NoTime},
		{name: "a timestamp of a stranger", signing: synth.Signing{NoStamp: true}, change: func(t *testing.T, b synth.Object) { strange(t, w, b) }, reason: verify.BadTimestamp},
		{name: "a timestamp over another signature", change: func(t *testing.T, b synth.Object) { set(b, in(w.sign(t, synth.Signing{}), stamp...), stamp...) }, reason: verify.BadTimestamp, says: "another signature"},
		{name: "a timestamp changed", change: func(t *testing.T, b synth.Object) { flip(t, b, stamp...) }, reason: verify.BadTimestamp},
		{name: "no timestamp at all in it", change: func(_ *testing.T, b synth.Object) { set(b, "AAAA", stamp...) }, reason: verify.BadTimestamp},
		{name: "one timestamp twice for two", options: func(_ *testing.T, o *verify.Options) { o.Times = 2 }, change: func(_ *testing.T, b synth.Object) {
			list := in(b, vm, "timestampVerificationData", "rfc3161Timestamps").([]any)
			set(b, append(list, list[0]), vm, "timestampVerificationData", "rfc3161Timestamps")
		}, reason: verify.BadTimestamp},
		{name: "signed after the certificate had expired", signing: synth.Signing{StampAt: time.Hour}, reason: verify.OutsideTime},
		{name: "signed before the certificate was valid", signing: synth.Signing{StampAt: -time.Hour}, reason: verify.OutsideTime},
		{name: "one of two times of one authority is outside", change: func(t *testing.T, b synth.Object) {
			sig, _ := base64.StdEncoding.DecodeString(in(b, "messageSignature", "signature").(string))
			late, err := w.d.Stamp(sig, signedAt.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			list := in(b, vm, "timestampVerificationData", "rfc3161Timestamps").([]any)
			set(b, append(list, synth.Object{"signedTimestamp": base64.StdEncoding.EncodeToString(late)}), vm, "timestampVerificationData", "rfc3161Timestamps")
		}, reason: verify.OutsideTime},
		{name: "one of two times is outside", signing: synth.Signing{FirstLog: true, StampAt: time.Hour}, reason: verify.OutsideTime},
		{name: "the timestamp authority's time is over", root: func(r synth.Object) {
			in(r, "timestampAuthorities", 0).(map[string]any)["validFor"] = synth.Object{"start": "2026-11-01T00:00:00Z", "end": signedAt.Add(-time.Second).Format(time.RFC3339)}
		}, reason: verify.BadTimestamp},
		{name: "another's time is borrowed", root: func(r synth.Object) {
			in(r, "timestampAuthorities", 0).(map[string]any)["validFor"] = synth.Object{"start": "2026-11-01T00:00:00Z", "end": signedAt.Add(-time.Second).Format(time.RFC3339)}
			r["timestampAuthorities"] = append(r["timestampAuthorities"].([]any), in(w.other.Root(), "timestampAuthorities", 0))
		}, reason: verify.BadTimestamp},

		// The certificate.
		{name: "another deployment's", by: w.other, reason: verify.UnknownLog},
		{name: "another deployment's certificate", by: w.other, root: func(r synth.Object) {
			o := w.other.Root()
			r["tlogs"], r["timestampAuthorities"], r["ctlogs"] = o["tlogs"], o["timestampAuthorities"], o["ctlogs"]
		}, reason: verify.UnknownIssuer},
		{name: "the authority's time is over", root: func(r synth.Object) {
			in(r, "certificateAuthorities", 0).(map[string]any)["validFor"] = synth.Object{"start": "2026-11-01T00:00:00Z", "end": signedAt.Add(-time.Hour).Format(time.RFC3339)}
		}, reason: verify.OutsideTime},
		{name: "the authority's time has not begun", root: func(r synth.Object) {
			in(r, "certificateAuthorities", 0).(map[string]any)["validFor"] = synth.Object{"start": signedAt.Add(time.Hour).Format(time.RFC3339)}
		}, reason: verify.OutsideTime},
		{name: "a certificate for something else than code", signing: synth.Signing{Authority: &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}}, reason: verify.UnknownIssuer},
		{name: "not seen by a certificate log", signing: synth.Signing{NoSCT: true}, reason: verify.NoSCT},
		{name: "a certificate log that is not known", root: func(r synth.Object) { r["ctlogs"] = []any{} }, reason: verify.NoSCT},
		{name: "two certificate logs asked for", options: func(_ *testing.T, o *verify.Options) { o.SCTs = 2 }, reason: verify.NoSCT},
		{name: "a certificate log that signed with another key", root: func(r synth.Object) {
			mine := in(r, "ctlogs", 0, "publicKey").(map[string]any)
			mine["rawBytes"] = in(w.other.Root(), "ctlogs", 0, "publicKey", "rawBytes")
		}, reason: verify.BadSCT},
		{name: "a certificate log whose time is over", signing: synth.Signing{LaterSCT: -48 * time.Hour}, reason: verify.BadSCT},

		// Who it is.
		{name: "another subject", options: identity(verify.Identity{Subject: "someone@example.com", Issuer: issuer}), reason: verify.WrongSubject, says: subject},
		{name: "another issuer", options: identity(verify.Identity{Subject: subject, Issuer: "https://other.example"}), reason: verify.WrongIssuer, says: issuer},
		{name: "a subject that the expression does not match", options: identity(verify.Identity{SubjectRegexp: "^shop$", Issuer: issuer}), reason: verify.WrongSubject},
		{name: "an issuer that the expression does not match", options: identity(verify.Identity{Subject: subject, IssuerRegexp: "^http:"}), reason: verify.WrongIssuer},
		{name: "the subject in other letters", options: identity(verify.Identity{Subject: strings.ToUpper(subject), Issuer: issuer}), reason: verify.WrongSubject},
		{name: "the expression matches and the text does not", options: identity(verify.Identity{Subject: "x", SubjectRegexp: ".", Issuer: issuer}), reason: verify.WrongSubject},
		{name: "another repository", signing: synth.Signing{Extensions: map[int]string{12: "https://git.example/fork/web"}},
			options: identity(verify.Identity{Subject: subject, Issuer: issuer, Extensions: map[string]string{"sourceRepositoryURI": "https://git.example/shop/web"}}), reason: verify.WrongExtension, says: "fork"},
		{name: "no repository", options: identity(verify.Identity{Subject: subject, Issuer: issuer, Extensions: map[string]string{"sourceRepositoryURI": "x"}}), reason: verify.WrongExtension},
		{name: "distrusted at that time", options: func(_ *testing.T, o *verify.Options) {
			o.Distrust = []verify.Distrust{{Subject: subject, Issuer: issuer, From: signedAt.Add(-time.Hour), Until: signedAt.Add(time.Hour), Why: "the runner was broken into"}}
		}, reason: verify.Distrusted, says: "broken into"},
		{name: "issuer distrusted", options: func(_ *testing.T, o *verify.Options) { o.Distrust = []verify.Distrust{{Issuer: issuer}} }, reason: verify.Distrusted},

		// Keys.
		{name: "a certificate where a key is accepted", options: keyed("p256"), reason: verify.WrongMaterial},
		{name: "a key where a certificate is accepted", signing: synth.Signing{Key: w.keys["p256"]}, reason: verify.WrongMaterial},
		{name: "another key", signing: synth.Signing{Key: w.keys["p256"], NoLog: true}, options: keyed("other"), reason: verify.BadSignature},
		{name: "another key, logged", signing: synth.Signing{Key: w.keys["p256"], FirstLog: true}, options: keyed("other"), reason: verify.LogMismatch},
		{name: "none of two keys", signing: synth.Signing{Key: w.keys["p256"], NoLog: true, NoStamp: true}, options: keyed("other", "rsa"), reason: verify.BadSignature, says: "none of the 2"},
		{name: "a key of another algorithm", signing: synth.Signing{Key: w.keys["p256"], NoLog: true, NoStamp: true}, options: keyed("ed25519"), reason: verify.BadSignature},
		{name: "Ed25519 over nothing, by digest", signing: synth.Signing{Key: w.keys["ed25519"], NoLog: true, NoStamp: true}, options: keyed("ed25519"), change: func(_ *testing.T, b synth.Object) { pure(b, w.keys["ed25519"], nil) }, about: byDigest, reason: verify.BadSignature},
		{name: "Ed25519 over the file, by digest", signing: synth.Signing{Key: w.keys["ed25519"], NoLog: true, NoStamp: true}, options: keyed("ed25519"), change: func(_ *testing.T, b synth.Object) { pure(b, w.keys["ed25519"], content) }, about: byDigest, reason: verify.BadSignature},
		{name: "a key's log entry of a log that is not known", signing: synth.Signing{Key: w.keys["p256"]}, options: keyed("p256"), root: func(r synth.Object) { r["tlogs"] = []any{} }, reason: verify.UnknownLog},
		{name: "a key that must be logged", signing: synth.Signing{Key: w.keys["p256"], NoLog: true}, options: func(t *testing.T, o *verify.Options) {
			keyed("p256")(t, o)
			o.Logs = 1
		}, reason: verify.NotLogged},
		{name: "a key that must be stamped", signing: synth.Signing{Key: w.keys["p256"], NoLog: true, NoStamp: true}, options: func(t *testing.T, o *verify.Options) {
			keyed("p256")(t, o)
			o.Times = 1
		}, reason: verify.NoTime},
		{name: "a key after its time", signing: synth.Signing{Key: w.keys["p256"]}, options: func(t *testing.T, o *verify.Options) {
			keyed("p256")(t, o)
			o.Keys[0].Until = signedAt.Add(-time.Second)
		}, reason: verify.KeyTime},
		{name: "a key of some time, and no time", signing: synth.Signing{Key: w.keys["p256"], NoLog: true, NoStamp: true}, options: func(t *testing.T, o *verify.Options) {
			keyed("p256")(t, o)
			o.Keys[0].Until = signedAt.Add(time.Hour)
		}, reason: verify.KeyTime},
		{name: "a key that is distrusted for some time, and no time", signing: synth.Signing{Key: w.keys["p256"], NoLog: true, NoStamp: true}, options: func(t *testing.T, o *verify.Options) {
			keyed("p256")(t, o)
			o.Distrust = []verify.Distrust{{Key: o.Keys[0].ID, From: signedAt.Add(time.Hour)}}
		}, reason: verify.Distrusted},
		{name: "a key that is distrusted", signing: synth.Signing{Key: w.keys["p256"], NoLog: true, NoStamp: true}, options: func(t *testing.T, o *verify.Options) {
			keyed("p256")(t, o)
			o.Distrust = []verify.Distrust{{Key: o.Keys[0].ID}}
		}, reason: verify.Distrusted},
	}
	if len(tests) < 80 {
		t.Fatalf("%d cases", len(tests))
	}
	good := 0
	for _, c := range tests {
		if c.reason == "" {
			good++
		}
		t.Run(c.name, func(t *testing.T) {
			by := c.by
			if by == nil {
				by = w.d
			}
			c.signing.Subject, c.signing.Issuer = subject, issuer
			b, err := by.Sign(content, c.signing)
			if err != nil {
				t.Fatal(err)
			}
			if c.change != nil {
				c.change(t, b)
			}
			raw := synth.Write(b)
			if c.raw != nil {
				raw = c.raw(raw)
			}
			root := w.d.Root()
			if c.root != nil {
				c.root(root)
			}
			a := verify.Artifact{Content: bytes.NewReader(content)}
			if c.about != nil {
				a = *c.about
			}
			f, err := judge(t, raw, synth.Write(root), a, c.options)
			if c.reason == "" {
				if err != nil {
					t.Fatalf("%v\n%+v", err, errors.Unwrap(errors.Unwrap(err)))
				}
				checkFact(t, f, c.signing)
				return
			}
			var r *verify.Refusal
			if !errors.As(err, &r) {
				t.Fatalf("no refusal but %v, fact %+v", err, f)
			}
			if r.Reason != c.reason || !strings.Contains(r.Error(), c.says) || ident.KindOf(err) != ident.KindRefused {
				t.Errorf("%s: %s (%s), want %s: %s", r.Reason, r.Error(), r.Detail(), c.reason, c.says)
			}
		})
	}
	t.Logf("%d cases, %d of them good", len(tests), good)
}

func judge(t *testing.T, raw, root []byte, a verify.Artifact, options func(*testing.T, *verify.Options)) (*fact.Fact, error) {
	t.Helper()
	o := verify.Options{Identities: []verify.Identity{{Subject: subject, Issuer: issuer}}}
	var err error
	if o.Trust, err = verify.ParseTrustedRoot(root); err != nil {
		return nil, err
	}
	if options != nil {
		options(t, &o)
	}
	v, err := verify.New(o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := verify.ParseBundle(raw)
	if err != nil {
		return nil, err
	}
	return v.Bundle(b, a)
}

// checkFact holds what a fact says against what was signed.
func checkFact(t *testing.T, f *fact.Fact, s synth.Signing) {
	t.Helper()
	if f.Artifact.IsZero() || f.Source.IsZero() {
		t.Errorf("a fact about nothing: %+v", f)
	}
	if want := s.Statement != nil; want != (f.Claim == fact.Attestation) || want && (f.PredicateType != "https://slsa.dev/provenance/v1" || string(f.Predicate) != `{"buildDefinition":{}}`) {
		t.Errorf("claim %s %s %s", f.Claim, f.PredicateType, f.Predicate)
	}
	if c := f.Signer.Certificate; (c != nil) != (s.Key == nil) || (f.Signer.Key != nil) == (c != nil) || c != nil && (c.Subject != subject || c.Issuer != issuer) {
		t.Errorf("signer %+v", f.Signer)
	}
	if (len(f.Log) > 0) == s.NoLog {
		t.Errorf("log %+v", f.Log)
	}
	for _, at := range f.Times {
		if !at.At.Equal(signedAt) {
			t.Errorf("time %+v", at)
		}
	}
	if len(f.Times) == 0 && s.Key == nil {
		t.Error("a certificate without a time")
	}
}

func (w *world) sign(t *testing.T, s synth.Signing) synth.Object {
	t.Helper()
	s.Subject, s.Issuer = subject, issuer
	b, err := w.d.Sign(content, s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// strange adds a timestamp of an authority that nobody trusts.
func strange(t *testing.T, w *world, b synth.Object) {
	t.Helper()
	sig, err := base64.StdEncoding.DecodeString(in(b, "messageSignature", "signature").(string))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := w.other.Stamp(sig, signedAt)
	if err != nil {
		t.Fatal(err)
	}
	set(b, synth.Object{"rfc3161Timestamps": []any{synth.Object{"signedTimestamp": base64.StdEncoding.EncodeToString(foreign)}}}, vm, "timestampVerificationData")
}

// pure replaces the signature by one of pure Ed25519 over a message.
func pure(b synth.Object, key crypto.Signer, message []byte) {
	sig := ed25519.Sign(key.(ed25519.PrivateKey), message)
	sum := sha256.Sum256(content)
	set(b, synth.Object{"messageDigest": synth.Object{"algorithm": "SHA2_256", "digest": base64.StdEncoding.EncodeToString(sum[:])}, "signature": base64.StdEncoding.EncodeToString(sig)}, "messageSignature")
}

func many(n int) []byte {
	var list []string
	for range n {
		list = append(list, `{"name":"x","digest":{`+sha256of(content)+`}}`)
	}
	return []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[` + strings.Join(list, ",") + `],"predicateType":"x"}`)
}

func mustDigest(t *testing.T, s string) ident.Digest {
	t.Helper()
	d, err := ident.ParseDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
