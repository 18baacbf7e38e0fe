//go:build sigstore

package sigstore_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/sigstore"
	"github.com/cofferdam-io/cofferdam/verify"
)

const who = "ci@example.com"

// TestCosign verifies what the real cosign signs with a real deployment: signatures and
// attestations, under certificates and with keys; and refuses each of them once one part
// of it is changed.
func TestCosign(t *testing.T) {
	s := sigstore.Start(t)
	dir := t.TempDir()
	content := []byte("what was built\n")
	file := filepath.Join(dir, "artifact")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	predicate := filepath.Join(dir, "predicate.json")
	if err := os.WriteFile(predicate, []byte(`{"buildDefinition":{"buildType":"https://example.com/build"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	private := filepath.Join(dir, "cosign")
	s.Cosign(t, "generate-key-pair", "--output-key-prefix", private)
	raw, err := os.ReadFile(private + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	key, err := verify.ParseKey("cosign.pub", raw)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = os.ReadFile(s.TrustedRoot); err != nil {
		t.Fatal(err)
	}
	trust, err := verify.ParseTrustedRoot(raw)
	if err != nil {
		t.Fatal(err)
	}
	keyless := verify.Options{Trust: trust, Identities: []verify.Identity{{Subject: who, Issuer: s.Issuer}}}
	keyed := verify.Options{Trust: trust, Keys: []*verify.Key{key}}
	attest := []string{"attest-blob", "--predicate", predicate, "--type", "slsaprovenance1"}
	for _, c := range []struct {
		name    string
		bundle  string
		options verify.Options
		claim   fact.Claim
	}{
		{"signature", s.Sign(t, file, who), keyless, fact.Signature},
		{"attestation", s.Sign(t, file, who, attest...), keyless, fact.Attestation},
		{"signature with a key", s.Sign(t, file, "", "--key", private+".key"), keyed, fact.Signature},
		{"attestation with a key", s.Sign(t, file, "", append(attest, "--key", private+".key")...), keyed, fact.Attestation},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, err := os.ReadFile(c.bundle)
			if err != nil {
				t.Fatal(err)
			}
			f, err := judge(raw, c.options, verify.Artifact{Content: bytes.NewReader(content)})
			if err != nil {
				t.Fatalf("%v (%+v)\n%s", err, errors.Unwrap(errors.Unwrap(err)), raw)
			}
			if f.Claim != c.claim || len(f.Log) != 1 || !f.Log[0].Proof || len(f.Times) != 1 || f.Times[0].Source != fact.FromAuthority || len(f.Notes) > 0 {
				t.Errorf("%+v", f)
			}
			if cert := f.Signer.Certificate; cert != nil && (cert.Subject != who || cert.Issuer != s.Issuer || cert.SCTs != 1) {
				t.Errorf("%+v", cert)
			}
			if _, err := judge(raw, c.options, verify.Artifact{Digest: ident.SHA256(content)}); err != nil {
				t.Errorf("by digest: %v", err)
			}
			if _, err := judge(raw, c.options, verify.Artifact{Content: bytes.NewReader([]byte("x"))}); reason(err) != verify.WrongArtifact {
				t.Errorf("another file: %v", err)
			}
			everyBit(t, raw, c.options, content)
		})
	}
	other := keyless
	other.Identities = []verify.Identity{{Subject: "nobody@example.com", Issuer: s.Issuer}}
	raw, err = os.ReadFile(s.Sign(t, file, who))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := judge(raw, other, verify.Artifact{Content: bytes.NewReader(content)}); reason(err) != verify.WrongSubject {
		t.Errorf("another subject: %v", err)
	}
}

// everyBit changes, one after the other, each text of a bundle that is bytes in base64,
// and wants every change refused but those of what nobody relies on.
func everyBit(t *testing.T, raw []byte, o verify.Options, content []byte) {
	t.Helper()
	var b any
	if err := json.Unmarshal(raw, &b); err != nil {
		t.Fatal(err)
	}
	changed := 0
	var walk func(v any, path string, put func(any))
	walk = func(v any, path string, put func(any)) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				walk(x, path+"/"+k, func(n any) { v[k] = n })
			}
		case []any:
			for i, x := range v {
				walk(x, path+"/"+"item", func(n any) { v[i] = n })
			}
		case string:
			bytes_, err := base64.StdEncoding.DecodeString(v)
			if err != nil || len(bytes_) < 16 {
				return
			}
			bytes_[len(bytes_)/2] ^= 1
			put(base64.StdEncoding.EncodeToString(bytes_))
			changed++
			again, err := json.Marshal(b)
			put(v)
			if err != nil {
				t.Fatal(err)
			}
			f, err := judge(again, o, verify.Artifact{Content: bytes.NewReader(content)})
			switch path {
			// The checkpoint's copy of the root is what counts, the log's entry is made anew from
			// what it is about, and a hint which key it was proves nothing.
			case "/verificationMaterial/tlogEntries/item/inclusionProof/rootHash", "/verificationMaterial/tlogEntries/item/canonicalizedBody", "/verificationMaterial/publicKey/hint":
				return
			case "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/item/signedTimestamp":
				if err == nil && len(f.Notes) == 0 {
					t.Errorf("%s was changed, and nobody says so: %+v", path, f)
				}
				return
			}
			if reason(err) == "" {
				t.Errorf("%s was changed: %v, %+v", path, err, f)
			}
		}
	}
	walk(b, "", nil)
	if changed < 5 {
		t.Errorf("only %d texts were changed", changed)
	}
}

func judge(raw []byte, o verify.Options, a verify.Artifact) (*fact.Fact, error) {
	b, err := verify.ParseBundle(raw)
	if err != nil {
		return nil, err
	}
	v, err := verify.New(o)
	if err != nil {
		return nil, err
	}
	return v.Bundle(b, a)
}

func reason(err error) verify.Reason {
	var r *verify.Refusal
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}
