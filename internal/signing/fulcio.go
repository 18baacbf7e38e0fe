package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"slices"
	"strings"

	"github.com/digitorus/timestamp"

	"github.com/cofferdam-io/cofferdam/ident"
)

// certify has Fulcio certify a key for whom a token names (Fulcio's API, v2 signingCert),
// and returns the certificate in DER.
func (c *Client) certify(ctx context.Context, address string, k *Key, t *Token) ([]byte, error) {
	if address == "" {
		return nil, ident.Errorf(ident.KindUsage, "a token is certified by Fulcio, and no Fulcio is named").WithHint("--fulcio URL, or --signing-config FILE")
	}
	proof, err := k.Sign(ctx, []byte(t.name()))
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "signing: %w", err)
	}
	body, err := json.Marshal(map[string]any{"publicKeyRequest": map[string]any{
		"publicKey": map[string]any{"algorithm": k.kind, "content": string(k.Public())}, "proofOfPossession": proof}})
	if err != nil {
		return nil, err
	}
	raw, err := c.ask(ctx, request{service: "Fulcio", address: strings.TrimRight(address, "/") + "/api/v2/signingCert", method: http.MethodPost, body: body, secret: true, wants: []int{http.StatusOK},
		header: http.Header{"Authorization": {"Bearer " + t.raw}, "Content-Type": {"application/json"}}})
	if err != nil {
		return nil, err
	}
	type chain struct {
		Chain struct {
			Certificates []string `json:"certificates"`
		} `json:"chain"`
	}
	var answer struct {
		Embedded chain `json:"signedCertificateEmbeddedSct"`
		Detached chain `json:"signedCertificateDetachedSct"`
	}
	bad := ident.Errorf(ident.KindFailure, "Fulcio at %s answers with no certificate of our key", address)
	if json.Unmarshal(raw, &answer) != nil {
		return nil, bad
	}
	list := slices.Concat(answer.Embedded.Chain.Certificates, answer.Detached.Chain.Certificates)
	if len(list) == 0 {
		return nil, bad
	}
	block, _ := pem.Decode([]byte(list[0]))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, bad
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil || !bytes.Equal(leaf.RawSubjectPublicKeyInfo, k.der) {
		return nil, bad
	}
	return block.Bytes, nil
}

// stamp has a timestamp authority vouch for the time of a signature (RFC 3161).
func (c *Client) stamp(ctx context.Context, address string, signature []byte) ([]byte, error) {
	sum := sha256.Sum256(signature)
	body, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:]}).Marshal()
	if err != nil {
		return nil, err
	}
	q := request{service: "the timestamp authority", address: address, method: http.MethodPost, body: body, wants: []int{http.StatusOK, http.StatusCreated}, header: http.Header{"Content-Type": {"application/timestamp-query"}}}
	raw, err := c.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	t, err := timestamp.ParseResponse(raw)
	if err != nil || !bytes.Equal(t.HashedMessage, sum[:]) {
		return nil, ident.Errorf(ident.KindFailure, "the timestamp authority at %s answers with no timestamp of our signature", address)
	}
	return raw, nil
}
