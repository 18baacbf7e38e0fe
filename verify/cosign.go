package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	dssepb "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	rekorpb "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/provenance"
)

// The annotations of a layer that cosign put beside an image before there were bundles
// (cosign specs/SIGNATURE_SPEC.md).
const (
	noteSignature   = "dev.cosignproject.cosign/signature"
	noteCertificate = "dev.sigstore.cosign/certificate"
	noteLogEntry    = "dev.sigstore.cosign/bundle"
	noteTimestamp   = "dev.sigstore.cosign/rfc3161timestamp"
)

// CosignAnnotations are the annotations that ParseCosign reads: two layers that agree in
// them and in their content are one signature.
func CosignAnnotations() []string {
	return []string{noteSignature, noteCertificate, noteLogEntry, noteTimestamp}
}

// signPredicate is the type of the statement that cosign v3 signs where it signs an
// image and says no more of it.
const signPredicate = "https://sigstore.dev/cosign/sign/v1"

// simpleTypes are what a simple signing payload may say that it is.
var simpleTypes = []string{"cosign container image signature", signPredicate}

// ParseCosign reads a layer of cosign's tags .sig and .att: content, which is a simple
// signing payload or a DSSE envelope, and the layer's annotations, in which certificate,
// log entry and timestamp stand. What is read is then judged like any other bundle: of a
// simple signing payload, it is the image that its docker-manifest-digest names that is
// signed. The certificate chain beside the certificate is not looked at.
func ParseCosign(content []byte, annotations map[string]string) (*Bundle, error) {
	if len(content) > MaxBundleBytes {
		return nil, refuse(BadBundle, "the signature's content has %d bytes, more than %d", len(content), MaxBundleBytes)
	}
	if err := strictJSON(content); err != nil {
		return nil, refuse(BadBundle, "what is signed is malformed: %w", err)
	}
	b := &Bundle{digest: ident.SHA256(content)}
	pb := &bundlepb.Bundle{MediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1", VerificationMaterial: &bundlepb.VerificationMaterial{}}
	sig, err := base64.StdEncoding.DecodeString(annotations[noteSignature])
	if err != nil {
		return nil, refuse(BadBundle, "the annotation %s is no base64", noteSignature).because(err)
	}
	if envelope, err := provenance.ParseEnvelope(content, provenance.Limits{Bytes: MaxBundleBytes}); err == nil {
		pb.Content = enveloped(envelope)
		b.stamped = content // what timestamps are over
	} else if ident.KindOf(err) != ident.KindUnsupported {
		return nil, refuse(BadBundle, "the envelope is malformed: %w", err)
	} else {
		if b.named, err = simpleSigning(content); err != nil {
			return nil, err
		}
		b.payload = content
		sum, _ := hex.DecodeString(b.digest.Hex())
		pb.Content = &bundlepb.Bundle_MessageSignature{MessageSignature: &commonpb.MessageSignature{
			MessageDigest: &commonpb.HashOutput{Algorithm: commonpb.HashAlgorithm_SHA2_256, Digest: sum}, Signature: sig}}
	}
	if err := cosignMaterial(pb.VerificationMaterial, annotations); err != nil {
		return nil, err
	}
	return b.open(pb)
}

func enveloped(e *provenance.Envelope) *bundlepb.Bundle_DsseEnvelope {
	out := &dssepb.Envelope{Payload: e.Payload, PayloadType: e.PayloadType}
	for _, s := range e.Signatures {
		out.Signatures = append(out.Signatures, &dssepb.Signature{Sig: s.Sig, Keyid: s.KeyID})
	}
	return &bundlepb.Bundle_DsseEnvelope{DsseEnvelope: out}
}

// SignsImage reports whether the bundle is a simple signing payload with its signature.
func (b *Bundle) SignsImage() bool { return b.payload != nil }

// trusting is what a bundle is judged by. Timestamps of an attestation that cosign
// attached without a bundle are over the envelope, signature included, and not over the
// signature alone.
func (b *Bundle) trusting(m root.TrustedMaterial) root.TrustedMaterial {
	if b.stamped == nil || len(b.stamps) == 0 {
		return m
	}
	return &stampedMaterial{TrustedMaterial: m, content: b.stamped}
}

type stampedMaterial struct {
	root.TrustedMaterial
	content []byte
}

func (m *stampedMaterial) TimestampingAuthorities() []root.TimestampingAuthority {
	var out []root.TimestampingAuthority
	for _, a := range m.TrustedMaterial.TimestampingAuthorities() {
		out = append(out, stampedContent{a, m.content})
	}
	return out
}

type stampedContent struct {
	root.TimestampingAuthority
	content []byte
}

func (s stampedContent) Verify(stamp, _ []byte) (*root.Timestamp, error) {
	return s.TimestampingAuthority.Verify(stamp, s.content)
}

// simpleSigning returns the digest of the image that a payload is about (containers/image
// docs/containers-signature.5.md, "critical").
func simpleSigning(payload []byte) (ident.Digest, error) {
	r := jsonscan.New(payload, jsonscan.Options{MaxDepth: maxDepth})
	var kind, digest string
	r.RequireObject()
	for name, ok := r.NextKey(); ok; name, ok = r.NextKey() {
		if string(name) != "critical" {
			continue
		}
		r.RequireObject()
		for name, ok := r.NextKey(); ok; name, ok = r.NextKey() {
			switch string(name) {
			case "type":
				kind = r.RequireString()
			case "image":
				r.RequireObject()
				for name, ok := r.NextKey(); ok; name, ok = r.NextKey() {
					if string(name) == "docker-manifest-digest" {
						digest = r.RequireString()
					}
				}
			}
		}
	}
	if err := r.End(); err != nil {
		return ident.Digest{}, refuse(BadStatement, "what is signed is no simple signing payload: %w", err)
	}
	if kind != simpleTypes[0] && kind != simpleTypes[1] {
		return ident.Digest{}, refuse(BadStatement, "what is signed is neither a simple signing payload nor a DSSE envelope: its type is %.80q", kind)
	}
	d, err := ident.ParseDigest(digest)
	if err != nil {
		return d, refuse(BadStatement, "the simple signing payload names no image by its digest: %w", err)
	}
	return d, nil
}

// cosignMaterial reads what annotations say of the signer, the log and the time.
func cosignMaterial(m *bundlepb.VerificationMaterial, notes map[string]string) error {
	m.Content = &bundlepb.VerificationMaterial_PublicKey{PublicKey: &commonpb.PublicKeyIdentifier{}}
	if text := notes[noteCertificate]; text != "" {
		block, rest := pem.Decode([]byte(text))
		if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
			return refuse(BadBundle, "the annotation %s is not one certificate in PEM", noteCertificate)
		}
		m.Content = &bundlepb.VerificationMaterial_X509CertificateChain{X509CertificateChain: &commonpb.X509CertificateChain{Certificates: []*commonpb.X509Certificate{{RawBytes: block.Bytes}}}}
	}
	if text := notes[noteLogEntry]; text != "" {
		e, err := cosignEntry([]byte(text))
		if err != nil {
			return refuse(BadBundle, "the annotation %s is malformed: %w", noteLogEntry, err)
		}
		m.TlogEntries = []*rekorpb.TransparencyLogEntry{e}
	}
	if text := notes[noteTimestamp]; text != "" {
		r := jsonscan.New([]byte(text), jsonscan.Options{MaxDepth: maxDepth, StrictSkip: true})
		var stamp []byte
		var err error
		r.RequireObject()
		for name, ok := r.NextKey(); ok && err == nil; name, ok = r.NextKey() {
			if string(name) == "SignedRFC3161Timestamp" {
				stamp, err = base64.StdEncoding.DecodeString(r.RequireString())
			}
		}
		if err == nil {
			err = r.End()
		}
		if err != nil || len(stamp) == 0 {
			return refuse(BadBundle, "the annotation %s holds no timestamp", noteTimestamp).because(err)
		}
		m.TimestampVerificationData = &bundlepb.TimestampVerificationData{Rfc3161Timestamps: []*commonpb.RFC3161SignedTimestamp{{SignedTimestamp: stamp}}}
	}
	return nil
}

// cosignEntry reads the log entry of an annotation: the entry's body, and what the log
// promised of it (Rekor v1, "SignedEntryTimestamp").
func cosignEntry(raw []byte) (*rekorpb.TransparencyLogEntry, error) {
	e := &rekorpb.TransparencyLogEntry{LogId: &commonpb.LogId{}, KindVersion: &rekorpb.KindVersion{}, InclusionPromise: &rekorpb.InclusionPromise{}}
	r := jsonscan.New(raw, jsonscan.Options{MaxDepth: maxDepth, StrictSkip: true, MaxStringBytes: MaxBundleBytes})
	var fault error
	take := func(to *[]byte, b []byte, err error) {
		if *to = b; err != nil && fault == nil {
			fault = err
		}
	}
	r.RequireObject()
	for name, ok := r.NextKey(); ok; name, ok = r.NextKey() {
		switch string(name) {
		case "SignedEntryTimestamp":
			b, err := base64.StdEncoding.DecodeString(r.RequireString())
			take(&e.InclusionPromise.SignedEntryTimestamp, b, err)
		case "Payload":
			r.RequireObject()
			for name, ok := r.NextKey(); ok; name, ok = r.NextKey() {
				switch string(name) {
				case "body":
					b, err := base64.StdEncoding.DecodeString(r.RequireString())
					take(&e.CanonicalizedBody, b, err)
				case "integratedTime":
					e.IntegratedTime = r.Int()
				case "logIndex":
					e.LogIndex = r.Int()
				case "logID":
					b, err := hex.DecodeString(r.RequireString())
					take(&e.LogId.KeyId, b, err)
				}
			}
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	if fault != nil {
		return nil, fault
	}
	if err := strictJSON(e.CanonicalizedBody); err != nil {
		return nil, err
	}
	b := jsonscan.New(e.CanonicalizedBody, jsonscan.Options{MaxDepth: maxDepth})
	b.RequireObject()
	for name, ok := b.NextKey(); ok; name, ok = b.NextKey() {
		switch string(name) {
		case "kind":
			e.KindVersion.Kind = b.RequireString()
		case "apiVersion":
			e.KindVersion.Version = b.RequireString()
		}
	}
	return e, b.End()
}
