package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"github.com/cofferdam-io/cofferdam/internal/testenv/sigstore"
)

// signers gives scripts who can sign: keys of two people, one of them encrypted as cosign
// does it, and the token of a deployment that is at $SIGSTORE.
func signers(t *testing.T, m *sigstore.Made) func(e *testscript.Env) error {
	t.Helper()
	files := map[string][]byte{"token": []byte(m.Token(t, "ci@shop.example")), "ann.token": []byte(m.Token(t, "ann@shop.example"))}
	for _, name := range []string{"ci", "ann", "bob"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		files[name+".key"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
		files[name+".pub"] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
		if name == "ann" {
			sealed, err := encrypted.EncryptWithCustomKDFParameters(private, []byte("open sesame"), encrypted.Legacy)
			if err != nil {
				t.Fatal(err)
			}
			files["ann.key"] = pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: sealed})
		}
	}
	return func(e *testscript.Env) error {
		e.Setenv("SIGSTORE", m.URL)
		e.Setenv("ISSUER", m.Issuer)
		e.Setenv("TRUSTED_ROOT", m.TrustedRoot)
		e.Setenv("SIGNERS", filepath.Join(e.WorkDir, "signers"))
		for name, raw := range files {
			if err := os.MkdirAll(filepath.Join(e.WorkDir, "signers"), 0o700); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(e.WorkDir, "signers", name), raw, 0o600); err != nil {
				return err
			}
		}
		return nil
	}
}
