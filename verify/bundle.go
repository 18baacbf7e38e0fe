package verify

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"strings"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/provenance"
)

// Limits on what is read. They lie far above what signers write.
const (
	MaxBundleBytes = 128 << 20 // an attested SBOM of a large image, in base64, takes 60 MiB
	maxRootBytes   = 4 << 20   // public good's trusted root has 7 KiB
	maxKeyBytes    = 64 << 10
	maxDepth       = 64 // of JSON; a bundle needs 8
	maxSubjects    = 1024
)

// Bundle is a Sigstore bundle (v0.1 to v0.3) that was read, and of which nothing was
// verified. It is safe for concurrent use once it is made.
type Bundle struct {
	digest    ident.Digest
	read      *bundle.Bundle
	content   sigverify.SignatureContent
	material  sigverify.VerificationContent
	entries   []*tlog.Entry
	stamps    [][]byte
	statement *provenance.Statement // of a DSSE envelope; else nil
	signed    []byte                // the statement's bytes

	// Of what cosign attached before there were bundles (ParseCosign):
	payload []byte       // simple signing: what was signed, instead of the artifact
	named   ident.Digest // the image that the payload is about
	stamped []byte       // an envelope that timestamps are over, instead of its signature
}

// ParseBundle reads a bundle in JSON. What is malformed, of a version that is not known
// or larger than MaxBundleBytes is a *Refusal with the reason BadBundle, or BadStatement
// where an envelope holds something else than an in-toto statement.
func ParseBundle(raw []byte) (*Bundle, error) {
	if len(raw) > MaxBundleBytes {
		return nil, refuse(BadBundle, "the bundle has %d bytes, more than %d", len(raw), MaxBundleBytes)
	}
	if bytes.HasPrefix(raw, []byte("-----BEGIN")) {
		return nil, refuse(BadBundle, "the bundle is PEM: a key or certificate").hint("--bundle takes the Sigstore bundle that the signer wrote, such as FILE.sigstore.json")
	}
	pb, ok := plainBundle(raw)
	if !ok {
		if err := strictJSON(raw); err != nil {
			return nil, refuse(BadBundle, "the bundle is malformed: %w", err).hint("a Sigstore bundle is one JSON document with mediaType and verificationMaterial")
		}
		pb = new(bundlepb.Bundle)
		if err := protojson.Unmarshal(raw, pb); err != nil {
			return nil, unread(err)
		}
	}
	return (&Bundle{digest: ident.SHA256(raw)}).open(pb)
}

func unread(err error) *Refusal {
	return refuse(BadBundle, "is no Sigstore bundle that is read: %s", plain(err)).because(err)
}

// open takes a bundle apart, and refuses what two readers could take for two things.
//
// Log entries are read here, once. sigstore-go would read them to find out whether they
// have promises and proofs, and again to hand them out; each time it verifies the
// signature in them.
func (b *Bundle) open(pb *bundlepb.Bundle) (*Bundle, error) {
	entries := pb.GetVerificationMaterial().GetTlogEntries()
	if len(entries) > 0 {
		pb.VerificationMaterial.TlogEntries = nil
	}
	read, err := bundle.NewBundle(pb)
	if err != nil {
		return nil, unread(err)
	}
	if len(entries) > 0 {
		pb.VerificationMaterial.TlogEntries = entries
	}
	b.read = read
	if b.content, err = b.read.SignatureContent(); err == nil {
		b.material, err = b.read.VerificationContent()
	}
	if err == nil {
		b.stamps, err = b.read.Timestamps()
	}
	if err != nil {
		return nil, refuse(BadBundle, "the bundle is malformed: %s", plain(err)).because(err)
	}
	if b.entries, err = b.read.TlogEntries(); err != nil {
		if strings.Contains(err.Error(), "verifying signature") {
			return nil, refuse(LogMismatch, "the log entry of the bundle does not agree with itself: its signature is not over its digest by its key").because(err)
		}
		return nil, refuse(BadBundle, "a log entry of the bundle is malformed: %s", plain(err)).because(err)
	}
	// What each version asks of entries (protobuf specification, sigstore_bundle.proto).
	switch later := b.read.MinVersion("v0.2"); {
	case len(b.entries) == 0:
	case !later && !b.read.HasInclusionPromise():
		return nil, refuse(BadBundle, "the log promises nothing of its entry, which a bundle of version 0.1 needs")
	case later && !b.read.HasInclusionProof():
		return nil, refuse(BadBundle, "nothing proves that the log holds its entry, which a bundle of version 0.2 and later needs")
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	return b, nil
}

// check refuses what two readers could take for two things.
func (b *Bundle) check() error {
	for _, e := range b.entries {
		if err := strictJSON(e.TransparencyLogEntry().GetCanonicalizedBody()); err != nil {
			return refuse(BadBundle, "a log entry of the bundle is malformed: %w", err)
		}
		// Logs of the first generation number shards apart; in the second there is one index.
		if t := e.TransparencyLogEntry(); e.IsRekorV2() && e.HasInclusionProof() && t.GetLogIndex() != t.GetInclusionProof().GetLogIndex() {
			return refuse(BadBundle, "a log entry of the bundle says that it is number %d, and its proof that it is %d", t.GetLogIndex(), t.GetInclusionProof().GetLogIndex())
		}
	}
	certs := b.read.GetVerificationMaterial().GetX509CertificateChain().GetCertificates()
	for i := 1; i < len(certs); i++ {
		c, err := x509.ParseCertificate(certs[i].GetRawBytes())
		if err != nil {
			return refuse(BadBundle, "certificate %d of the bundle's chain is malformed", i+1).because(err)
		}
		if bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignatureFrom(c) == nil {
			return refuse(BadBundle, "the bundle brings a root certificate").hint("roots come from the trusted root alone; the signer must leave its own out")
		}
	}
	if leaf := b.material.Certificate(); leaf != nil && leaf.IsCA {
		return refuse(BadBundle, "the bundle's certificate is that of an authority, which signs no artifacts")
	}
	if len(b.content.Signature()) == 0 {
		return refuse(BadBundle, "the bundle has no signature")
	}
	envelope := b.content.EnvelopeContent()
	if envelope == nil {
		return nil
	}
	raw := envelope.RawEnvelope()
	if n := len(raw.Signatures); n != 1 {
		return refuse(BadBundle, "the envelope of the bundle has %d signatures; a bundle has one", n)
	}
	if raw.PayloadType != provenance.InTotoPayload {
		return refuse(BadStatement, "the envelope holds %.120q and no in-toto statement", raw.PayloadType)
	}
	payload, err := base64.StdEncoding.DecodeString(raw.Payload)
	if err != nil {
		return refuse(BadBundle, "the payload of the envelope is no base64").because(err)
	}
	if b.statement, err = provenance.ParseStatement(payload, provenance.Limits{Bytes: MaxBundleBytes, Subjects: maxSubjects}); err != nil {
		return refuse(BadStatement, "what is signed is no in-toto statement: %w", err)
	}
	b.signed = payload
	return nil
}

// Certified reports whether the bundle was signed under a certificate, and not with a
// key that the verifier must know.
func (b *Bundle) Certified() bool { return b.material.Certificate() != nil }

// Logged reports whether the bundle has log entries or timestamps, which only a trusted
// root can judge.
func (b *Bundle) Logged() bool { return len(b.entries) > 0 || len(b.stamps) > 0 }

// Digest is that of the document.
func (b *Bundle) Digest() ident.Digest { return b.digest }

// strictJSON refuses what RFC 8259 leaves to readers: names that occur twice, at any
// depth, bytes that are not UTF-8, and what is nested deeper than any signer writes.
func strictJSON(raw []byte) error {
	r := jsonscan.New(raw, jsonscan.Options{MaxDepth: maxDepth, MaxStringBytes: MaxBundleBytes, StrictSkip: true})
	if r.Kind() != jsonscan.Object {
		if err := r.Err(); err != nil {
			return err
		}
		return ident.Errorf(ident.KindInvalid, "is no JSON object")
	}
	r.Skip()
	return r.End()
}
