package sigstore

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// Made is a deployment in process, of the services that package verify/synth makes: what
// it hands out verifies under its trusted root. It needs no programs, and judges what is
// sent to it: a proof of possession that is none is refused.
type Made struct {
	URL         string // of Fulcio and both logs; the timestamp authority is at /timestamp
	Issuer      string
	TrustedRoot string // file
	issuer      *issuer
	deployment  *synth.Deployment
}

// NewMade starts one; it ends with the test. wrap, where given, stands before it.
func NewMade(t *testing.T, wrap func(http.Handler) http.Handler) *Made {
	t.Helper()
	d, err := synth.New(synth.Options{At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	m := &Made{issuer: newIssuer(t), deployment: d, TrustedRoot: filepath.Join(t.TempDir(), "root.json")}
	m.Issuer = m.issuer.URL
	if err := os.WriteFile(m.TrustedRoot, d.TrustedRoot(), 0o600); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/signingCert", m.certify)
	mux.HandleFunc("POST /api/v2/log/entries", m.logV2)
	mux.HandleFunc("POST /api/v1/log/entries", m.logV1)
	mux.HandleFunc("POST /timestamp", m.stamp)
	var h http.Handler = mux
	if wrap != nil {
		h = wrap(mux)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	m.URL = s.URL
	return m
}

// Token vouches for an address, as Stack's issuer does.
func (m *Made) Token(t *testing.T, address string) string { return m.issuer.token(t, address) }

func (m *Made) certify(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Request struct {
			Key struct {
				Content string `json:"content"`
			} `json:"publicKey"`
			Proof []byte `json:"proofOfPossession"`
		} `json:"publicKeyRequest"`
	}
	var claims struct {
		Issuer string `json:"iss"`
		Email  string `json:"email"`
	}
	parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
	if len(parts) != 3 || json.NewDecoder(r.Body).Decode(&q) != nil {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Issuer != m.Issuer {
		http.Error(w, "there was an error processing the identity token", http.StatusUnauthorized)
		return
	}
	block, _ := pem.Decode([]byte(q.Request.Key.Content))
	if block == nil {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	v, err := signature.LoadDefaultVerifier(public)
	if err != nil || v.VerifySignature(strings.NewReader(string(q.Request.Proof)), strings.NewReader(claims.Email)) != nil {
		http.Error(w, "The signature supplied in the request could not be verified", http.StatusBadRequest)
		return
	}
	leaf, err := m.deployment.Certificate(public, synth.Signing{Subject: claims.Email, Issuer: claims.Issuer})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	chain := []string{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))}
	answer(w, map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": chain}}})
}

func (m *Made) logV2(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Request struct {
			Digest    string `json:"digest"`
			Signature any    `json:"signature"`
		} `json:"hashedRekordRequestV002"`
	}
	if json.NewDecoder(r.Body).Decode(&q) != nil {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	entry, err := m.deployment.LogV2(synth.Object{"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": synth.Object{"hashedRekordV002": synth.Object{
		"data": synth.Object{"algorithm": "SHA2_256", "digest": q.Request.Digest}, "signature": q.Request.Signature}}}, synth.Signing{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(entry)
}

func (m *Made) logV1(w http.ResponseWriter, r *http.Request) {
	var q synth.Object
	if json.NewDecoder(r.Body).Decode(&q) != nil {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	if q["kind"] == "dsse" {
		var err error
		if q, err = keptEnvelope(q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	e, err := m.deployment.LogV1(q, synth.Signing{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"24296fb24b8ad77a": apiEntry(e)})
}

// keptEnvelope is what a log of the first generation keeps of a proposed envelope.
func keptEnvelope(q synth.Object) (synth.Object, error) {
	raw, err := json.Marshal(q["spec"])
	if err != nil {
		return nil, err
	}
	var spec struct {
		Content struct {
			Envelope  string   `json:"envelope"`
			Verifiers []string `json:"verifiers"`
		} `json:"proposedContent"`
	}
	var envelope struct {
		Payload    []byte `json:"payload"`
		Signatures []struct {
			Sig string `json:"sig"`
		} `json:"signatures"`
	}
	if err := json.Unmarshal(raw, &spec); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(spec.Content.Envelope), &envelope); err != nil {
		return nil, err
	}
	if len(envelope.Signatures) != 1 || len(spec.Content.Verifiers) != 1 {
		return nil, io.ErrUnexpectedEOF
	}
	hash := func(b []byte) synth.Object {
		sum := sha256.Sum256(b)
		return synth.Object{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}
	}
	return synth.Object{"apiVersion": "0.0.1", "kind": "dsse", "spec": synth.Object{"envelopeHash": hash([]byte(spec.Content.Envelope)), "payloadHash": hash(envelope.Payload),
		"signatures": []any{synth.Object{"signature": envelope.Signatures[0].Sig, "verifier": spec.Content.Verifiers[0]}}}}, nil
}

// apiEntry is a bundle's entry as Rekor's API of the first generation answers it.
func apiEntry(e synth.Object) any {
	raw := synth.Write(e)
	var x struct {
		Index string                 `json:"logIndex"`
		LogID struct{ KeyID []byte } `json:"logId"`
		Time  json.Number            `json:"integratedTime"`
		Body  string                 `json:"canonicalizedBody"`
		Prom  struct {
			Set string `json:"signedEntryTimestamp"`
		} `json:"inclusionPromise"`
		Proof struct {
			Index      json.Number `json:"logIndex"`
			Root       []byte      `json:"rootHash"`
			Size       json.Number `json:"treeSize"`
			Hashes     [][]byte    `json:"hashes"`
			Checkpoint struct {
				Envelope string `json:"envelope"`
			} `json:"checkpoint"`
		} `json:"inclusionProof"`
	}
	if err := json.Unmarshal(raw, &x); err != nil {
		panic(err) // what synth wrote
	}
	hashes := []string{}
	for _, h := range x.Proof.Hashes {
		hashes = append(hashes, hex.EncodeToString(h))
	}
	return map[string]any{"body": x.Body, "integratedTime": x.Time, "logID": hex.EncodeToString(x.LogID.KeyID), "logIndex": json.Number(x.Index),
		"verification": map[string]any{"signedEntryTimestamp": x.Prom.Set, "inclusionProof": map[string]any{"logIndex": x.Proof.Index, "rootHash": hex.EncodeToString(x.Proof.Root),
			"treeSize": x.Proof.Size, "hashes": hashes, "checkpoint": x.Proof.Checkpoint.Envelope}}}
}

func (m *Made) stamp(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	q, err := timestamp.ParseRequest(raw)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	token, err := m.deployment.StampDigest(q.HashedMessage, time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(token)
}
