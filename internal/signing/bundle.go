package signing

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/json"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance"
)

// BundleType is the media type of the bundles that are made (Sigstore bundle v0.3).
const BundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// Content is what is signed: exactly one of the two.
type Content struct {
	Statement []byte // an in-toto statement, in a DSSE envelope
	Message   []byte // bytes, whose digest the bundle names
}

// By is who signs: exactly one of the two.
type By struct {
	Key   *Key
	Token *Token
}

// The bundle as it is written (protobuf-specs, sigstore_bundle.proto, in JSON).
type (
	bundle struct {
		MediaType string            `json:"mediaType"`
		Material  material          `json:"verificationMaterial"`
		Message   *messageSignature `json:"messageSignature,omitempty"`
		Envelope  *envelope         `json:"dsseEnvelope,omitempty"`
	}
	material struct {
		Certificate *rawBytes         `json:"certificate,omitempty"`
		PublicKey   *publicKey        `json:"publicKey,omitempty"`
		Entries     []json.RawMessage `json:"tlogEntries"`
		Stamps      *stamps           `json:"timestampVerificationData,omitempty"`
	}
	rawBytes struct {
		Raw []byte `json:"rawBytes"`
	}
	publicKey struct {
		Hint string `json:"hint"`
	}
	stamps struct {
		List []stamp `json:"rfc3161Timestamps"`
	}
	stamp struct {
		Signed []byte `json:"signedTimestamp"`
	}
	digest struct {
		Algorithm string `json:"algorithm"`
		Digest    []byte `json:"digest"`
	}
	messageSignature struct {
		Digest    digest `json:"messageDigest"`
		Signature []byte `json:"signature"`
	}
	envelope struct {
		Payload    []byte              `json:"payload"`
		Type       string              `json:"payloadType"`
		Signatures []envelopeSignature `json:"signatures"`
	}
	envelopeSignature struct {
		Sig []byte `json:"sig"`
	}
)

// signed is a signature on its way into a bundle.
type signed struct {
	key         *Key
	certificate []byte // DER; nil: the key itself is known
	content     Content
	message     []byte // what the signature is over
	signature   []byte
}

// Bundle signs, has what is asked for certified, stamped and logged, and returns a
// Sigstore bundle.
func (c *Client) Bundle(ctx context.Context, content Content, by By, at Services) ([]byte, error) {
	s := &signed{key: by.Key, content: content, message: content.Message}
	if content.Statement != nil {
		s.message = (&provenance.Envelope{PayloadType: provenance.InTotoPayload, Payload: content.Statement}).SignedBytes()
	}
	if s.key != nil && s.key.hash == 0 && len(at.Logs) > 0 {
		return nil, ident.Errorf(ident.KindUsage, "transparency logs take no signatures of Ed25519").WithHint("a key of ECDSA or RSA, or --log none")
	}
	var err error
	if by.Token != nil {
		if s.key, err = made(); err != nil {
			return nil, err
		}
		if s.certificate, err = c.certify(ctx, at.Fulcio, s.key, by.Token); err != nil {
			return nil, err
		}
	}
	if s.signature, err = s.key.Sign(ctx, s.message); err != nil {
		return nil, ident.Errorf(ident.KindFailure, "signing: %w", err)
	}
	b := bundle{MediaType: BundleType, Material: material{Entries: []json.RawMessage{}}}
	if s.certificate != nil {
		b.Material.Certificate = &rawBytes{s.certificate}
	} else {
		b.Material.PublicKey = &publicKey{s.key.hint()}
	}
	if content.Statement != nil {
		b.Envelope = &envelope{content.Statement, provenance.InTotoPayload, []envelopeSignature{{s.signature}}}
	} else {
		b.Message = &messageSignature{s.key.named(s.message), s.signature}
	}
	for _, address := range at.Stampers {
		token, err := c.stamp(ctx, address, s.signature)
		if err != nil {
			return nil, err
		}
		if b.Material.Stamps == nil {
			b.Material.Stamps = &stamps{}
		}
		b.Material.Stamps.List = append(b.Material.Stamps.List, stamp{token})
	}
	for _, l := range at.Logs {
		entry, err := c.log(ctx, l, s)
		if err != nil {
			return nil, err
		}
		b.Material.Entries = append(b.Material.Entries, entry)
	}
	return json.Marshal(b)
}

// named is a message's digest as a bundle names it. Ed25519 signs the message itself,
// whose SHA-256 is named then.
func (k *Key) named(message []byte) digest {
	if k.hash == 0 {
		sum := sha256.Sum256(message)
		return digest{"SHA2_256", sum[:]}
	}
	return digest{map[crypto.Hash]string{crypto.SHA256: "SHA2_256", crypto.SHA384: "SHA2_384", crypto.SHA512: "SHA2_512"}[k.hash], k.digest(message)}
}
