package app

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/trustroot"
	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
	"github.com/cofferdam-io/cofferdam/verify"
)

// trustOf makes the trusted root that a TrustRoot describes.
func (l *Loader) trustOf(ctx context.Context, r *clusterimage.TrustRoot, in VerifyInputs) (*verify.Trust, error) {
	switch {
	case r == nil:
		return nil, ident.Errorf(ident.KindNotFound, "it is not among the policies that were read").WithHint("--policy FILE of the TrustRoot")
	case r.Keys != nil:
		raw, err := json.Marshal(trustedRoot(r.Keys))
		if err != nil {
			return nil, err
		}
		return verify.ParseTrustedRoot(raw)
	case r.Remote != nil && in.Mirror != nil:
		raw, _, err := in.Mirror(ctx, Mirror{Address: r.Remote.Mirror, Root: r.Remote.Root, Targets: r.Remote.Targets, File: r.Remote.TrustedRootTarget}, in.At)
		if err != nil {
			return nil, err
		}
		return verify.ParseTrustedRoot(raw)
	case r.Repository != nil:
		raw, err := trustroot.Carried{Root: r.Repository.Root, Files: r.Repository.Files, Targets: r.Repository.Targets, File: r.Repository.TrustedRootTarget}.TrustedRoot(in.At)
		if err != nil {
			return nil, err
		}
		return verify.ParseTrustedRoot(raw)
	}
	return nil, ident.Errorf(ident.KindUnsupported, "it names a TUF repository, and none is asked here").WithHint("sigstoreKeys or repository, which need no network")
}

// trustedRoot writes the keys of a TrustRoot as a TrustedRoot of Sigstore's. They have no
// times: they are trusted for all of it.
func trustedRoot(k *clusterimage.Keys) map[string]any {
	chain := func(a clusterimage.Authorities) map[string]any {
		var certs []any
		for _, c := range a.Chain {
			certs = append(certs, map[string]any{"rawBytes": base64.StdEncoding.EncodeToString(c.Raw)})
		}
		return map[string]any{"uri": a.URI, "subject": map[string]any{"organization": a.Organization, "commonName": a.CommonName},
			"certChain": map[string]any{"certificates": certs}, "validFor": always()}
	}
	chains := func(list []clusterimage.Authorities) []any {
		out := []any{}
		for _, a := range list {
			out = append(out, chain(a))
		}
		return out
	}
	return map[string]any{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"tlogs": trustedLogs(k.TLogs), "ctlogs": trustedLogs(k.CTLogs), "certificateAuthorities": chains(k.CertificateAuthorities), "timestampAuthorities": chains(k.TimestampAuthorities)}
}

// trustedLogs writes logs by their keys. A log's id is the digest of its key (RFC 6962
// section 3.2); logs with Ed25519 are of the second generation, whose id is that of the
// key under the log's name (C2SP signed-note), and are written under both.
func trustedLogs(list []clusterimage.LogKey) []any {
	out := []any{}
	for _, g := range list {
		details, public := keyDetails(g.DER)
		add := func(id []byte) {
			out = append(out, map[string]any{"baseUrl": g.BaseURL, "hashAlgorithm": "SHA2_" + strings.TrimLeft(strings.ToLower(g.HashAlgorithm), "sha-"),
				"publicKey": map[string]any{"rawBytes": base64.StdEncoding.EncodeToString(g.DER), "keyDetails": details, "validFor": always()},
				"logId":     map[string]any{"keyId": base64.StdEncoding.EncodeToString(id)}})
		}
		id := sha256.Sum256(g.DER)
		add(id[:])
		if key, ok := public.(ed25519.PublicKey); ok {
			if u, err := url.Parse(g.BaseURL); err == nil {
				id := sha256.Sum256(append([]byte(u.Hostname()+"\n\x01"), key...))
				add(id[:])
			}
		}
	}
	return out
}

// always is the time for which a key is trusted of which nobody says for which.
func always() map[string]any { return map[string]any{"start": "1970-01-01T00:00:00Z"} }

// keyDetails names a log's key as the protobuf specification does; what is not taken has
// no name, and the trusted root is then refused.
func keyDetails(der []byte) (string, crypto.PublicKey) {
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return "", nil
	}
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		bits := k.Curve.Params().BitSize
		return fmt.Sprintf("PKIX_ECDSA_P%d_SHA_%d", bits, map[int]int{256: 256, 384: 384, 521: 512}[bits]), public
	case *rsa.PublicKey:
		return fmt.Sprintf("PKIX_RSA_PKCS1V15_%d_SHA256", k.N.BitLen()), public
	case ed25519.PublicKey:
		return "PKIX_ED25519", public
	}
	return "", public
}
