package sigstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/tls"
)

// issuer is an OIDC issuer that vouches for whomever a test names.
type issuer struct {
	*httptest.Server
	key *rsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": raw64(key.N.Bytes()), "e": raw64(big.NewInt(int64(key.E)).Bytes())}}})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// token vouches for an address (RFC 7519, RS256).
func (i *issuer) token(t *testing.T, address string) string {
	t.Helper()
	now := time.Now().Unix()
	claims, err := json.Marshal(map[string]any{"iss": i.URL, "sub": address, "aud": "sigstore", "iat": now, "exp": now + 600, "email": address, "email_verified": true})
	if err != nil {
		t.Fatal(err)
	}
	text := raw64([]byte(`{"alg":"RS256","kid":"1","typ":"JWT"}`)) + "." + raw64(claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + raw64(sig)
}

// certificateLog promises to log certificates (RFC 6962), and logs nothing.
type certificateLog struct {
	*httptest.Server
	public []byte // PEM
}

func newCertificateLog(t *testing.T) *certificateLog {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	l := &certificateLog{public: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
	mux := http.NewServeMux()
	for path, kind := range map[string]ct.LogEntryType{"/ct/v1/add-pre-chain": ct.PrecertLogEntryType, "/ct/v1/add-chain": ct.X509LogEntryType} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			sct, err := promise(r, kind, key, sha256.Sum256(der))
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			answer(w, sct)
		})
	}
	l.Server = httptest.NewServer(mux)
	t.Cleanup(l.Close)
	return l
}

func promise(r *http.Request, kind ct.LogEntryType, key *ecdsa.PrivateKey, id [32]byte) (any, error) {
	var q struct {
		Chain [][]byte `json:"chain"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		return nil, err
	}
	var chain []ct.ASN1Cert
	for _, c := range q.Chain {
		chain = append(chain, ct.ASN1Cert{Data: c})
	}
	at := uint64(time.Now().UnixMilli()) // #nosec G115 -- after 1970
	leaf, err := ct.MerkleTreeLeafFromRawChain(chain, kind, at)
	if err != nil {
		return nil, err
	}
	signed, err := ct.SerializeSCTSignatureInput(ct.SignedCertificateTimestamp{SCTVersion: ct.V1, LogID: ct.LogID{KeyID: id}, Timestamp: at}, ct.LogEntry{Leaf: *leaf})
	if err != nil {
		return nil, err
	}
	sig, err := tls.CreateSignature(*key, tls.SHA256, signed)
	if err != nil {
		return nil, err
	}
	raw, err := tls.Marshal(sig)
	return map[string]any{"sct_version": 0, "id": id[:], "timestamp": at, "extensions": "", "signature": raw}, err
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(fmt.Sprintf("answering: %v", err))
	}
}

func raw64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
