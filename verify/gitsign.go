package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekorpb "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"google.golang.org/protobuf/proto"

	"github.com/cofferdam-io/cofferdam/ident"
)

// What CMS (RFC 5652) makes of a signature over a git object.
type (
	cmsContent struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue // [0]
	}
	cmsSigner struct {
		digest           asn1.ObjectIdentifier
		signed, unsigned asn1.RawValue // attributes; empty where there are none
		signature        []byte
	}
	cmsAlgorithm struct {
		Algorithm  asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	cmsAttribute struct {
		Type   asn1.ObjectIdentifier
		Values []asn1.RawValue `asn1:"set"`
	}
)

var (
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidData       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidKind       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3} // RFC 5652 section 11.1
	oidDigest     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4} // section 11.2
	oidSHA256     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidTimestamp  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14} // RFC 3161, appendix A
	oidLogEntry   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 3, 1}      // gitsign's, a TransparencyLogEntry without its body
)

// maxGitsign bounds a signature in a commit; gitsign's have some 4 KiB.
const maxGitsign = 1 << 20

// ParseGitsign reads a signature as gitsign puts it into commits and tags: CMS in PEM,
// over content, under a certificate. Its log entry stands in it where gitsign was told to
// work offline, and the times of its timestamps. The bundle is then about content, by its
// SHA-256. A malformed one, or one over something else, is a *Refusal.
func ParseGitsign(armoured, content []byte) (*Bundle, error) {
	bad := func(format string, args ...any) (*Bundle, error) {
		return nil, refuse(BadBundle, "the signature is malformed: "+format, args...)
	}
	if len(armoured) > maxGitsign {
		return bad("it has %d bytes, more than %d", len(armoured), maxGitsign)
	}
	block, rest := pem.Decode(armoured)
	if block == nil || block.Type != "SIGNED MESSAGE" || len(bytes.TrimSpace(rest)) > 0 {
		return bad("it is not one signed message in PEM")
	}
	var outer cmsContent
	if rest, err := asn1.Unmarshal(block.Bytes, &outer); err != nil || len(rest) > 0 || !outer.Type.Equal(oidSignedData) || !tagged(outer.Content, 0) {
		return bad("it is no signed data (RFC 5652)")
	}
	certificate, signers, err := cmsSigned(outer.Content.Bytes)
	if err != nil {
		return bad("it is no signed data (RFC 5652)")
	}
	if len(signers) != 1 || len(signers[0].signed.Bytes) == 0 || !signers[0].digest.Equal(oidSHA256) {
		return bad("it has %d signers; one is taken, over attributes with SHA-256", len(signers))
	}
	signer := &signers[0]
	attributes, err := cmsAttributes(signer.signed.Bytes)
	if err != nil {
		return bad("its signed attributes cannot be read")
	}
	var digest []byte
	var kind asn1.ObjectIdentifier
	if one(attributes, oidDigest, &digest) != nil || one(attributes, oidKind, &kind) != nil || !kind.Equal(oidData) {
		return bad("it does not say over what it is")
	}
	sum := sha256.Sum256(content)
	if !bytes.Equal(digest, sum[:]) {
		return nil, refuse(WrongArtifact, "the signature is over something else").hint("what it is in was changed after it was signed")
	}
	// Signed are the attributes as a SET, whatever they were tagged as (section 5.4).
	signed := append([]byte{asn1.TagSet | 0x20}, signer.signed.FullBytes[1:]...)
	b := &Bundle{digest: ident.SHA256(armoured), payload: signed, named: ident.SHA256(content)}
	over := sha256.Sum256(signed)
	pb := &bundlepb.Bundle{MediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1", VerificationMaterial: &bundlepb.VerificationMaterial{
		Content: &bundlepb.VerificationMaterial_X509CertificateChain{X509CertificateChain: &commonpb.X509CertificateChain{Certificates: []*commonpb.X509Certificate{{RawBytes: certificate}}}}},
		Content: &bundlepb.Bundle_MessageSignature{MessageSignature: &commonpb.MessageSignature{
			MessageDigest: &commonpb.HashOutput{Algorithm: commonpb.HashAlgorithm_SHA2_256, Digest: over[:]}, Signature: signer.signature}}}
	if err := gitsignMaterial(pb.VerificationMaterial, signer, over[:], certificate); err != nil {
		return nil, err
	}
	return b.open(pb)
}

// tagged reports whether a value has a context-specific tag.
func tagged(v asn1.RawValue, tag int) bool {
	return v.Class == asn1.ClassContextSpecific && v.Tag == tag && v.IsCompound
}

// elements are the values of a constructed one.
func elements(raw []byte) ([]asn1.RawValue, error) {
	var out []asn1.RawValue
	for len(raw) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(raw, &v)
		if err != nil {
			return nil, err
		}
		out, raw = append(out, v), rest
	}
	return out, nil
}

var errCMS = ident.Errorf(ident.KindInvalid, "is no signed data")

// cmsSigned reads SignedData (section 5.1): its certificates, and who signed.
func cmsSigned(raw []byte) (certificates []byte, signers []cmsSigner, err error) {
	var whole asn1.RawValue
	if rest, err := asn1.Unmarshal(raw, &whole); err != nil || len(rest) > 0 || whole.Tag != asn1.TagSequence {
		return nil, nil, errCMS
	}
	parts, err := elements(whole.Bytes)
	if err != nil || len(parts) < 4 {
		return nil, nil, errCMS
	}
	for _, p := range parts[3:] { // after version, algorithms and what is signed
		switch {
		case tagged(p, 0):
			certificates = p.Bytes
		case p.Class == asn1.ClassUniversal && p.Tag == asn1.TagSet:
			list, err := elements(p.Bytes)
			if err != nil {
				return nil, nil, errCMS
			}
			for _, one := range list {
				s, err := cmsSignerInfo(one.Bytes)
				if err != nil {
					return nil, nil, err
				}
				signers = append(signers, s)
			}
		}
	}
	return certificates, signers, nil
}

// cmsSignerInfo reads SignerInfo (section 5.3).
func cmsSignerInfo(raw []byte) (s cmsSigner, err error) {
	parts, err := elements(raw)
	if err != nil || len(parts) < 5 {
		return s, errCMS
	}
	var algorithm cmsAlgorithm
	if _, err := asn1.Unmarshal(parts[2].FullBytes, &algorithm); err != nil {
		return s, errCMS
	}
	s.digest = algorithm.Algorithm
	for _, p := range parts[3:] {
		switch {
		case tagged(p, 0):
			s.signed = p
		case tagged(p, 1):
			s.unsigned = p
		case p.Class == asn1.ClassUniversal && p.Tag == asn1.TagOctetString:
			s.signature = p.Bytes
		}
	}
	return s, nil
}

func cmsAttributes(raw []byte) ([]cmsAttribute, error) {
	var out []cmsAttribute
	for len(raw) > 0 {
		var a cmsAttribute
		rest, err := asn1.Unmarshal(raw, &a)
		if err != nil {
			return nil, err
		}
		out, raw = append(out, a), rest
	}
	return out, nil
}

// one reads the only value of the only attribute of a type.
func one(list []cmsAttribute, kind asn1.ObjectIdentifier, to any) error {
	var found []asn1.RawValue
	for _, a := range list {
		if a.Type.Equal(kind) {
			found = append(found, a.Values...)
		}
	}
	if len(found) != 1 {
		return ident.Errorf(ident.KindInvalid, "%d values of %s", len(found), kind)
	}
	_, err := asn1.Unmarshal(found[0].FullBytes, to)
	return err
}

// gitsignMaterial reads the log entry and the timestamp beside a signature. The entry's
// body is not kept there: it is what the log must have been given.
func gitsignMaterial(m *bundlepb.VerificationMaterial, signer *cmsSigner, over, certificate []byte) error {
	attributes, err := cmsAttributes(signer.unsigned.Bytes)
	if err != nil {
		return refuse(BadBundle, "the attributes beside the signature are malformed").because(err)
	}
	for _, a := range attributes {
		switch {
		case a.Type.Equal(oidLogEntry):
			var raw []byte
			if err := one(attributes, oidLogEntry, &raw); err != nil {
				return refuse(BadBundle, "the log entry beside the signature is malformed").because(err)
			}
			e := &rekorpb.TransparencyLogEntry{}
			if err := proto.Unmarshal(raw, e); err != nil {
				return refuse(BadBundle, "the log entry beside the signature is malformed").because(err)
			}
			body, err := json.Marshal(map[string]any{"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": map[string]any{
				"data":      map[string]any{"hash": map[string]any{"algorithm": "sha256", "value": hex.EncodeToString(over)}},
				"signature": map[string]any{"content": signer.signature, "publicKey": map[string]any{"content": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})}}}})
			if err != nil {
				return refuse(BadBundle, "the log entry beside the signature is malformed").because(err)
			}
			e.CanonicalizedBody = body
			m.TlogEntries = []*rekorpb.TransparencyLogEntry{e}
		case a.Type.Equal(oidTimestamp):
			for _, token := range a.Values {
				// A bundle holds the answer of the authority, of which the token is a part.
				answer, err := asn1.Marshal(struct {
					Status struct{ Status int }
					Token  asn1.RawValue
				}{Token: token})
				if err != nil {
					return refuse(BadBundle, "the timestamp beside the signature is malformed").because(err)
				}
				if m.TimestampVerificationData == nil {
					m.TimestampVerificationData = &bundlepb.TimestampVerificationData{}
				}
				m.TimestampVerificationData.Rfc3161Timestamps = append(m.TimestampVerificationData.Rfc3161Timestamps, &commonpb.RFC3161SignedTimestamp{SignedTimestamp: answer})
			}
		}
	}
	return nil
}
