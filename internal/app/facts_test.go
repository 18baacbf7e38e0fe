package app

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

const (
	workflow          = "https://git.example/shop/web/.ci/release.yml@refs/heads/main"
	signerIssuer      = "https://issuer.example"
	bundleType        = "application/vnd.dev.sigstore.bundle.v0.3+json"
	simpleSigningType = "application/vnd.dev.cosign.simplesigning.v1+json"
	dsseType          = "application/vnd.dsse.envelope.v1+json"
	provenanceV1      = "https://slsa.dev/provenance/v1"
)

var factsAt = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

// vouching is a registry, a deployment that signs, and somebody who does not belong to it.
type vouching struct {
	t        testing.TB
	reg      *oci.Registry
	ours     *synth.Deployment
	theirs   *synth.Deployment
	key      *ecdsa.PrivateKey
	keyFile  string
	rootFile string
	requests sync.Map // path → *atomic.Int64
	before   atomic.Pointer[http.HandlerFunc]
}

// newVouching starts a registry. What before holds answers first, and passes on by
// answering nothing.
func newVouching(t testing.TB, referrers bool) *vouching {
	t.Helper()
	v := &vouching{t: t}
	v.reg = oci.New(t, oci.Options{Referrers: referrers, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			n, _ := v.requests.LoadOrStore(q.Method+" "+q.URL.Path, new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
			if h := v.before.Load(); h != nil {
				answered := &noting{ResponseWriter: w}
				if (*h)(answered, q); answered.any {
					return
				}
			}
			next.ServeHTTP(w, q)
		})
	}})
	var err error
	if v.ours, err = synth.New(synth.Options{At: factsAt}); err != nil {
		t.Fatal(err)
	}
	if v.theirs, err = synth.New(synth.Options{At: factsAt}); err != nil {
		t.Fatal(err)
	}
	if v.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	v.keyFile, v.rootFile = v.file("cosign.pub", publicPEM(t, v.key)), v.file("root.json", v.ours.TrustedRoot())
	return v
}

type noting struct {
	http.ResponseWriter
	any bool
}

func (n *noting) WriteHeader(code int) { n.any = true; n.ResponseWriter.WriteHeader(code) }

func (n *noting) Write(b []byte) (int, error) { n.any = true; return n.ResponseWriter.Write(b) }

func publicPEM(t testing.TB, k *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func (v *vouching) file(name string, content []byte) string {
	v.t.Helper()
	p := filepath.Join(v.t.TempDir(), name)
	if err := os.WriteFile(p, content, 0o600); err != nil {
		v.t.Fatal(err)
	}
	return p
}

// answer has something answer before the registry does.
func (v *vouching) answer(h http.HandlerFunc) { v.before.Store(&h) }

// asked is how often a path was asked for.
func (v *vouching) asked(part string) int {
	n := 0
	v.requests.Range(func(k, c any) bool {
		if strings.Contains(k.(string), part) {
			n += int(c.(*atomic.Int64).Load())
		}
		return true
	})
	return n
}

func (v *vouching) sign(d *synth.Deployment, content []byte, s synth.Signing) []byte {
	v.t.Helper()
	b, err := d.Sign(content, s)
	if err != nil {
		v.t.Fatal(err)
	}
	return synth.Write(b)
}

// byCertificate is a signature as our pipeline makes it.
var byCertificate = synth.Signing{Subject: workflow, Issuer: signerIssuer}

// stating is byCertificate over a statement.
func stating(predicateType string, predicate string, about ...ident.Digest) synth.Signing {
	s := byCertificate
	s.Statement = statementOf(predicateType, predicate, about...)
	return s
}

func statementOf(predicateType, predicate string, about ...ident.Digest) []byte {
	var subjects []string
	for _, d := range about {
		subjects = append(subjects, fmt.Sprintf(`{"name":"web","digest":{"sha256":%q}}`, d.Hex()))
	}
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[%s],"predicateType":%q,"predicate":%s}`, strings.Join(subjects, ","), predicateType, predicate)
}

// attach attaches a bundle as clients do.
func (v *vouching) attach(to oci.Image, bundle []byte) oci.Image {
	return v.reg.Attach(v.t, to, bundleType, oci.Layer{MediaType: bundleType, Content: bundle})
}

// announce attaches a blob under a size that it does not have.
func (v *vouching) announce(i oci.Image, blob ident.Digest, size int) {
	a := v.reg.Put(v.t, i.Repository, "", oci.Manifest{SchemaVersion: 2, MediaType: oci.ManifestType, ArtifactType: bundleType, Config: &oci.Descriptor{MediaType: oci.EmptyType, Digest: blob.String(), Size: 2},
		Subject: &oci.Descriptor{MediaType: oci.ManifestType, Digest: i.Digest.String(), Size: len(i.Raw)}, Layers: []oci.Descriptor{{MediaType: bundleType, Digest: blob.String(), Size: size}}})
	v.reg.List(v.t, i, oci.Descriptor{MediaType: oci.ManifestType, Digest: a.Digest.String(), Size: len(a.Raw)})
}

// cosign puts layers under cosign's tag.
func (v *vouching) cosign(to oci.Image, suffix, mediaType string, d *synth.Deployment, content []byte, signings ...synth.Signing) oci.Image {
	v.t.Helper()
	var layers []oci.Layer
	for _, s := range signings {
		layer, notes, err := d.Cosign(content, s)
		if err != nil {
			v.t.Fatal(err)
		}
		layers = append(layers, oci.Layer{MediaType: mediaType, Content: layer, Annotations: notes})
	}
	return v.reg.Cosign(v.t, to, suffix, layers...)
}

// inputs ask for our pipeline's identity under our trusted root.
func (v *vouching) inputs(i oci.Image) FactInputs {
	return FactInputs{Image: v.reg.Reference(i), Verify: VerifyInputs{TrustedRoots: []string{v.rootFile}, At: factsAt,
		Options: verify.Options{Identities: []verify.Identity{{Subject: workflow, Issuer: signerIssuer}}}}}
}

// byKey asks for our key.
func (v *vouching) byKey(i oci.Image) FactInputs {
	in := v.inputs(i)
	in.Verify.Keys, in.Verify.Options.Identities = []string{v.keyFile}, nil
	return in
}

func (v *vouching) verify(in FactInputs) *report.ImageVerification {
	v.t.Helper()
	a, err := (&Loader{}).VerifyImage(v.t.Context(), in, "")
	if err != nil {
		v.t.Fatal(err)
	}
	return a
}

// want compares a verdict and its reason; reason may be that of a candidate.
func want(t testing.TB, a *report.ImageVerification, verdict report.VerdictWord, reason string) {
	t.Helper()
	reasons := []string{a.Reason}
	for _, c := range a.Candidates {
		reasons = append(reasons, c.Reason)
	}
	found := false
	for _, r := range reasons {
		found = found || r == reason
	}
	if a.Verdict != verdict || !found {
		t.Errorf("%s %v, want %s %s: %s; unchecked %v", a.Verdict, reasons, verdict, reason, a.Message, a.Unchecked)
	}
}

// TestForgedReferrer is about the worst of all: attestations that somebody who may push
// attached as referrers of OCI 1.1. Nothing of them may become a fact.
func TestForgedReferrer(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		t.Run(map[bool]string{true: "referrers API", false: "tag schema"}[referrers], func(t *testing.T) {
			v := newVouching(t, referrers)
			forged := func(name string, bundle func(i oci.Image) []byte, reason verify.Reason) {
				t.Run(name, func(t *testing.T) {
					i := v.reg.Image(t, "shop/"+strings.ReplaceAll(name, " ", "-"), "1")
					v.attach(i, bundle(i))
					a := v.verify(v.inputs(i))
					want(t, a, report.Refused, string(reason))
					if a.Reason != report.NotAccepted || a.Candidates[0].Fact != nil {
						t.Errorf("%+v", a)
					}
				})
			}
			forged("another deployment", func(i oci.Image) []byte { return v.sign(v.theirs, nil, stating(provenanceV1, "{}", i.Digest)) }, verify.UnknownLog)
			forged("no signature at all", func(i oci.Image) []byte {
				return statementOf(provenanceV1, "{}", i.Digest)
			}, verify.BadBundle)
			forged("a bare envelope", func(i oci.Image) []byte {
				return []byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"sig":"AAAA"}]}`)
			}, verify.BadBundle)
			forged("another identity", func(i oci.Image) []byte {
				s := stating(provenanceV1, "{}", i.Digest)
				s.Subject = "https://git.example/mallory/web/.ci/release.yml@refs/heads/main"
				return v.sign(v.ours, nil, s)
			}, verify.WrongSubject)
			other := v.reg.Image(t, "shop/other", "1")
			forged("copied from another image", func(oci.Image) []byte { return v.sign(v.ours, nil, stating(provenanceV1, "{}", other.Digest)) }, verify.WrongArtifact)
			forged("the predicate was changed", func(i oci.Image) []byte {
				good := v.sign(v.ours, nil, stating(provenanceV1, `{"builder":"ours"}`, i.Digest))
				bad := v.sign(v.ours, nil, stating(provenanceV1, `{"builder":"evil"}`, i.Digest))
				return []byte(strings.Replace(string(good), payloadOf(good), payloadOf(bad), 1))
			}, verify.LogProof) // the log's entry is made anew from what it is about
			forged("signed with a key that nobody named", func(i oci.Image) []byte {
				s := stating(provenanceV1, "{}", i.Digest)
				s.Key = v.key
				return v.sign(v.ours, nil, s)
			}, verify.WrongMaterial)

			// The same with an honest one beside it: the fact is the honest one's alone.
			i := v.reg.Image(t, "shop/both", "1")
			v.attach(i, v.sign(v.theirs, nil, stating(provenanceV1, `{"who":"theirs"}`, i.Digest)))
			v.attach(i, v.sign(v.ours, nil, stating(provenanceV1, `{"who":"ours"}`, i.Digest)))
			facts, err := (&Loader{}).ImageFacts(t.Context(), v.inputs(i))
			if err != nil || len(facts.Facts) != 1 || string(facts.Facts[0].Predicate) != `{"who":"ours"}` || len(facts.Candidates) != 2 {
				t.Errorf("%+v, %v", facts, err)
			}
		})
	}
}

func payloadOf(bundle []byte) string {
	_, rest, _ := strings.Cut(string(bundle), `"payload":"`)
	payload, _, _ := strings.Cut(rest, `"`)
	return payload
}

// TestImageVerdicts goes through the formats and places in which signatures of an image
// lie, good and bad ones, by each kind of registry.
func TestImageVerdicts(t *testing.T) {
	keySigned := func(v *vouching) synth.Signing { return synth.Signing{Key: v.key, NoLog: true, NoStamp: true} }
	for name, c := range map[string]struct {
		setup   func(v *vouching, i oci.Image) FactInputs
		verdict report.VerdictWord
		reason  string
	}{
		"nothing is attached": {func(v *vouching, i oci.Image) FactInputs { return v.inputs(i) }, report.Refused, report.NothingSigned},
		"a bundle over the manifest": {func(v *vouching, i oci.Image) FactInputs {
			v.attach(i, v.sign(v.ours, i.Raw, byCertificate))
			return v.inputs(i)
		}, report.Verified, ""},
		"a bundle as cosign v3 signs": {func(v *vouching, i oci.Image) FactInputs {
			v.attach(i, v.sign(v.ours, nil, stating("https://sigstore.dev/cosign/sign/v1", "{}", i.Digest)))
			return v.inputs(i)
		}, report.Verified, ""},
		"an attestation in a bundle": {func(v *vouching, i oci.Image) FactInputs {
			v.attach(i, v.sign(v.ours, nil, stating(provenanceV1, "{}", i.Digest)))
			return v.inputs(i)
		}, report.Verified, ""},
		"a bundle under a type that lies": {func(v *vouching, i oci.Image) FactInputs {
			v.reg.Attach(t, i, "application/vnd.example.cat-picture", oci.Layer{MediaType: "application/json", Content: v.sign(v.ours, nil, stating(provenanceV1, "{}", i.Digest))})
			return v.inputs(i)
		}, report.Verified, ""},
		"cosign's signature by key": {func(v *vouching, i oci.Image) FactInputs {
			v.cosign(i, ".sig", simpleSigningType, v.ours, synth.Payload(i.Digest.String()), keySigned(v))
			return v.byKey(i)
		}, report.Verified, ""},
		"cosign's signature by certificate": {func(v *vouching, i oci.Image) FactInputs {
			v.cosign(i, ".sig", simpleSigningType, v.ours, synth.Payload(i.Digest.String()), byCertificate)
			return v.inputs(i)
		}, report.Verified, ""},
		"cosign's attestation": {func(v *vouching, i oci.Image) FactInputs {
			v.cosign(i, ".att", dsseType, v.ours, nil, stating(provenanceV1, "{}", i.Digest))
			return v.inputs(i)
		}, report.Verified, ""},
		"cosign's layers as a referrer": {func(v *vouching, i oci.Image) FactInputs {
			layer, notes, err := v.ours.Cosign(synth.Payload(i.Digest.String()), keySigned(v))
			if err != nil {
				t.Fatal(err)
			}
			v.reg.Attach(t, i, "application/vnd.dev.cosign.artifact.sig.v1+json", oci.Layer{MediaType: simpleSigningType, Content: layer, Annotations: notes})
			return v.byKey(i)
		}, report.Verified, ""},
		"one good among bad ones": {func(v *vouching, i oci.Image) FactInputs {
			payload := synth.Payload(i.Digest.String())
			other := byCertificate
			other.Subject = "mallory@example.com"
			v.cosign(i, ".sig", simpleSigningType, v.ours, payload, other, byCertificate, keySigned(v))
			v.attach(i, []byte("not even JSON"))
			return v.inputs(i)
		}, report.Verified, ""},
		"cosign's signature of another image": {func(v *vouching, i oci.Image) FactInputs {
			other := v.reg.Image(t, "shop/other", "1")
			v.cosign(i, ".sig", simpleSigningType, v.ours, synth.Payload(other.Digest.String()), byCertificate)
			return v.inputs(i)
		}, report.Refused, string(verify.WrongArtifact)},
		"cosign's attestation of another image": {func(v *vouching, i oci.Image) FactInputs {
			other := v.reg.Image(t, "shop/other", "1")
			v.cosign(i, ".att", dsseType, v.ours, nil, stating(provenanceV1, "{}", other.Digest))
			return v.inputs(i)
		}, report.Refused, string(verify.WrongArtifact)},
		"a gzip bomb": {func(v *vouching, i oci.Image) FactInputs {
			v.reg.Attach(t, i, bundleType, oci.Layer{MediaType: bundleType + "+gzip", Content: gzipBomb(t)})
			return v.inputs(i)
		}, report.Refused, string(verify.BadBundle)},
		"a bundle that claims to be enormous": {func(v *vouching, i oci.Image) FactInputs {
			d := v.reg.PutBlob(t, i.Repository, []byte("{}"))
			v.announce(i, d, 1<<40)
			return v.inputs(i)
		}, report.Refused, report.TooLarge},
		"a bundle that does not say how large it is": {func(v *vouching, i oci.Image) FactInputs {
			d := v.reg.PutBlob(t, i.Repository, []byte("{}"))
			v.announce(i, d, 0)
			return v.inputs(i)
		}, report.Refused, report.TooLarge},
		"a statement about two images": {func(v *vouching, i oci.Image) FactInputs {
			other := v.reg.Image(t, "shop/other", "1")
			v.attach(i, v.sign(v.ours, nil, stating(provenanceV1, "{}", other.Digest, i.Digest)))
			return v.inputs(i)
		}, report.Verified, ""},
		"an old set that was pushed again": {func(v *vouching, i oci.Image) FactInputs {
			old := v.reg.Image(t, "shop/web-old", "1")
			layer, notes, err := v.ours.Cosign(synth.Payload(old.Digest.String()), byCertificate)
			if err != nil {
				t.Fatal(err)
			}
			v.reg.Cosign(t, i, ".sig", oci.Layer{MediaType: simpleSigningType, Content: layer, Annotations: notes})
			return v.inputs(i)
		}, report.Refused, string(verify.WrongArtifact)},
		"a distrusted signer": {func(v *vouching, i oci.Image) FactInputs {
			v.attach(i, v.sign(v.ours, i.Raw, byCertificate))
			in := v.inputs(i)
			in.Verify.DistrustFile = v.file("distrust.yaml", []byte("distrust:\n- subject: "+workflow+"\n  why: it was broken into\n"))
			return in
		}, report.Refused, string(verify.Distrusted)},
	} {
		for _, referrers := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, API %v", name, referrers), func(t *testing.T) {
				v := newVouching(t, referrers)
				i := v.reg.Image(t, "shop/web", "1.4")
				a := v.verify(c.setup(v, i))
				want(t, a, c.verdict, c.reason)
				if a.Verdict == report.Verified && (len(a.Digests) != 1 || a.Digests[0] != i.Digest.String()) {
					t.Errorf("%v, want %s", a.Digests, i.Digest)
				}
			})
		}
	}
}

// gzipBomb is 100 MB of zeros, compressed.
func gzipBomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for range 100 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestImageCouldNotBeChecked has a registry not answer, at each place where a signature
// may lie and in each way: that is never "nothing is signed", and never a refusal.
func TestImageCouldNotBeChecked(t *testing.T) {
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for n := 0; n+1 < len(header); n += 2 {
				w.Header().Set(header[n], header[n+1])
			}
			w.WriteHeader(code)
		}
	}
	v := newVouching(t, true)
	bare := v.reg.Image(t, "shop/bare", "1")
	wrong := v.reg.Image(t, "shop/wrong", "1")
	v.attach(wrong, v.sign(v.theirs, wrong.Raw, byCertificate))
	for what, outage := range map[string]http.HandlerFunc{
		"401": status(401, "WWW-Authenticate", `Basic realm="x"`), "403": status(403), "429 with a time": status(429, "Retry-After", "3600"), "501": status(501),
		"no JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"broken off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", "y")
			w.WriteHeader(http.StatusOK)
			panic(http.ErrAbortHandler)
		},
		"a list without end": func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Link", fmt.Sprintf(`<%s?page=%sx>; rel="next"`, q.URL.Path, q.URL.Query().Get("page")))
			_, _ = w.Write([]byte(`{"schemaVersion":2,"manifests":[]}`))
		},
	} {
		for where, at := range map[string]string{"the image": "/manifests/1", "the referrers API": "/referrers/", "the tag schema": "TAG", "cosign's signature": "TAG.sig", "cosign's attestation": "TAG.att"} {
			// What may pass is asked again, which takes time: one place stands for all.
			if (what == "a list without end" || what == "broken off") && where != "the referrers API" {
				continue
			}
			t.Run(what+" at "+where, func(t *testing.T) {
				for _, i := range []oci.Image{bare, wrong} {
					if what == "broken off" && i.Digest == wrong.Digest {
						continue
					}
					suffix := strings.ReplaceAll(at, "TAG", strings.Replace(i.Digest.String(), ":", "-", 1))
					v.answer(func(w http.ResponseWriter, q *http.Request) {
						if strings.HasSuffix(q.URL.Path, suffix) || at == "/referrers/" && strings.Contains(q.URL.Path, at) {
							outage(w, q)
						}
					})
					want(t, v.verify(v.inputs(i)), report.Indeterminate, report.NotAnswered)
				}
			})
		}
	}
	v.answer(func(http.ResponseWriter, *http.Request) {})
	want(t, v.verify(v.inputs(bare)), report.Refused, report.NothingSigned)
	want(t, v.verify(v.inputs(wrong)), report.Refused, report.NotAccepted)

	// What is enough is enough, whatever else does not answer.
	good := v.reg.Image(t, "shop/good", "1")
	v.attach(good, v.sign(v.ours, good.Raw, byCertificate))
	v.answer(func(w http.ResponseWriter, q *http.Request) {
		if strings.HasSuffix(q.URL.Path, ".sig") {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	if a := v.verify(v.inputs(good)); a.Verdict != report.Verified || len(a.Unchecked) != 1 {
		t.Errorf("%+v", a)
	}

	// A blob that is named and not there is no answer, either.
	v.answer(func(w http.ResponseWriter, q *http.Request) {
		if strings.Contains(q.URL.Path, "/blobs/") {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	want(t, v.verify(v.inputs(good)), report.Indeterminate, report.NotAnswered)

	// Nor is a mirror's word.
	v.answer(func(w http.ResponseWriter, q *http.Request) { w.WriteHeader(http.StatusNotImplemented) })
	mirror := newVouching(t, true)
	copied := mirror.reg.Image(t, "shop/bare", "1")
	in := v.inputs(copied)
	in.Image = v.reg.Reference(copied)
	in.Registry.Mirrors = []string{v.reg.Host + "=" + mirror.reg.Host}
	want(t, v.verify(in), report.Indeterminate, report.NotAnswered)
}

// TestTagMovesWhileItIsVerified: the reference is resolved once, and everything is about
// the digest that it meant then.
func TestTagMovesWhileItIsVerified(t *testing.T) {
	v := newVouching(t, true)
	signed := v.reg.Image(t, "shop/web", "1.4")
	v.attach(signed, v.sign(v.ours, signed.Raw, byCertificate))
	var moved atomic.Bool
	var unsigned oci.Image
	v.answer(func(_ http.ResponseWriter, q *http.Request) {
		if strings.Contains(q.URL.Path, "/referrers/") && moved.CompareAndSwap(false, true) {
			unsigned = v.reg.PutRaw(t, "shop/web", "1.4", oci.ManifestType, append(signed.Raw, ' '))
		}
	})
	a := v.verify(v.inputs(signed))
	want(t, a, report.Verified, "")
	if a.Digests[0] != signed.Digest.String() || v.asked("GET /v2/shop/web/manifests/1.4") != 1 {
		t.Errorf("%v, asked %d times", a.Digests, v.asked("/manifests/1.4"))
	}
	a = v.verify(v.inputs(signed))
	want(t, a, report.Refused, report.NothingSigned)
	if a.Digests[0] != unsigned.Digest.String() {
		t.Errorf("%v", a.Digests)
	}
}

// TestReferrersThatLie: what a registry lists counts only if the manifest itself says so.
func TestReferrersThatLie(t *testing.T) {
	v := newVouching(t, false)
	i, other := v.reg.Image(t, "shop/web", "1.4"), v.reg.Image(t, "shop/web", "1.3")
	elsewhere := v.attach(other, v.sign(v.ours, i.Raw, byCertificate)) // signs i, and is attached to another
	v.reg.List(t, i, oci.Descriptor{MediaType: oci.ManifestType, Digest: elsewhere.Digest.String(), Size: len(elsewhere.Raw), ArtifactType: bundleType})
	a := v.verify(v.inputs(i))
	if a.Verdict != report.Indeterminate || len(a.Candidates) != 0 || !strings.Contains(strings.Join(a.Unchecked, " "), "does not say so") {
		t.Errorf("%+v", a)
	}
	// A list whose types lie is read all the same.
	good := v.attach(i, v.sign(v.ours, i.Raw, byCertificate))
	v.reg.List(t, i, oci.Descriptor{MediaType: oci.ManifestType, Digest: good.Digest.String(), Size: len(good.Raw), ArtifactType: "image/png"})
	want(t, v.verify(v.inputs(i)), report.Verified, "")
}

// TestOneSignatureAThousandTimes: it is fetched once and judged once; a thousand
// different ones are bounded.
func TestOneSignatureAThousandTimes(t *testing.T) {
	v := newVouching(t, true)
	i := v.reg.Image(t, "shop/web", "1.4")
	layer, notes, err := v.ours.Cosign(synth.Payload(i.Digest.String()), synth.Signing{Key: v.key, NoLog: true, NoStamp: true})
	if err != nil {
		t.Fatal(err)
	}
	layers := make([]oci.Layer, 1000)
	for n := range layers {
		layers[n] = oci.Layer{MediaType: simpleSigningType, Content: layer, Annotations: notes}
	}
	v.reg.Cosign(t, i, ".sig", layers...)
	a := v.verify(v.byKey(i))
	want(t, a, report.Verified, "")
	if n := v.asked("/blobs/" + ident.SHA256(layer).String()); len(a.Candidates) != 1 || n != 1 {
		t.Errorf("%d candidates, the payload was fetched %d times", len(a.Candidates), n)
	}
}

// TestOneFetchForEachObject: however many keys are tried, each object is fetched once.
func TestOneFetchForEachObject(t *testing.T) {
	v := newVouching(t, true)
	i := v.reg.Image(t, "shop/web", "1.4")
	v.attach(i, v.sign(v.ours, i.Raw, synth.Signing{Key: v.key, NoLog: true, NoStamp: true}))
	in := v.byKey(i)
	for range 14 {
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		in.Verify.Keys = append([]string{v.file("other.pub", publicPEM(t, other))}, in.Verify.Keys...)
	}
	want(t, v.verify(in), report.Verified, "")
	v.requests.Range(func(k, n any) bool {
		if n.(*atomic.Int64).Load() != 1 {
			t.Errorf("%v was asked for %d times", k, n.(*atomic.Int64).Load())
		}
		return true
	})
}

// TestPlatforms: what vouches for one platform says nothing about the others.
func TestPlatforms(t *testing.T) {
	v := newVouching(t, true)
	amd, arm := v.reg.Image(t, "shop/web", ""), v.reg.Image(t, "shop/web", "arm")
	index := v.reg.Index(t, "shop/web", "1.4", []oci.Image{amd, arm})
	v.attach(arm, v.sign(v.ours, arm.Raw, byCertificate))
	on := func(platform string) FactInputs {
		in := v.inputs(index)
		in.Platform = platform
		return in
	}
	want(t, v.verify(on("")), report.Refused, report.NothingSigned)
	want(t, v.verify(on("linux/amd64")), report.Refused, report.NothingSigned)
	want(t, v.verify(on("linux/arm64")), report.Verified, "")
	if _, err := (&Loader{}).VerifyImage(t.Context(), on("plan9/386"), ""); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("%v", err)
	}
	// Attached to the index, about a platform of it.
	v.attach(index, v.sign(v.ours, nil, stating(provenanceV1, "{}", amd.Digest)))
	want(t, v.verify(on("")), report.Refused, string(verify.WrongArtifact))
	want(t, v.verify(on("linux/amd64")), report.Verified, "")
	v.attach(index, v.sign(v.ours, index.Raw, byCertificate))
	want(t, v.verify(on("")), report.Verified, "")
	// An index of one platform is that platform.
	single := v.reg.Index(t, "shop/single", "1", []oci.Image{v.reg.Image(t, "shop/single", "")})
	if a := v.verify(v.inputs(single)); len(a.Digests) != 2 || a.Verdict != report.Refused {
		t.Errorf("%+v", a)
	}
}
