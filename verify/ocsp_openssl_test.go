package verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// TestOCSPOfOpenSSL reads what another implementation answers, of an authority that it
// keeps the index of.
func TestOCSPOfOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	now := time.Now().UTC().Truncate(time.Second)
	certify := func(c, parent *x509.Certificate, public any, by *ecdsa.PrivateKey) *x509.Certificate {
		t.Helper()
		c.NotBefore, c.NotAfter = now.Add(-time.Hour), now.Add(24*time.Hour)
		if parent == nil {
			parent = c
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, public, by)
		if err != nil {
			t.Fatal(err)
		}
		out, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := certify(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}, nil, key.Public(), key)
	leaf := func(serial int64) *x509.Certificate {
		return certify(&x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "leaf"}}, ca, key.Public(), key)
	}
	good, gone, lost := leaf(0x10), leaf(0x11), leaf(0x12)
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	caFile, keyFile := file("ca.pem", "CERTIFICATE", ca.Raw), file("ca.key", "EC PRIVATE KEY", private)
	index := filepath.Join(dir, "index.txt")
	end, since := now.Add(24*time.Hour).Format("060102150405Z"), now.Add(-time.Minute).Format("060102150405Z")
	if err := os.WriteFile(index, fmt.Appendf(nil, "V\t%s\t\t10\tunknown\t/CN=leaf\nR\t%s\t%s\t11\tunknown\t/CN=leaf\n", end, end, since), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cert *x509.Certificate
		want int
	}{"good": {good, ocsp.Good}, "revoked": {gone, ocsp.Revoked}, "unknown": {lost, ocsp.Unknown}} {
		t.Run(name, func(t *testing.T) {
			request, answer := filepath.Join(dir, name+".req"), filepath.Join(dir, name+".der")
			for _, args := range [][]string{
				{"ocsp", "-issuer", caFile, "-cert", file(name+".pem", "CERTIFICATE", c.cert.Raw), "-reqout", request, "-no_nonce"},
				{"ocsp", "-index", index, "-CA", caFile, "-rsigner", caFile, "-rkey", keyFile, "-reqin", request, "-respout", answer, "-ndays", "1"},
			} {
				if out, err := exec.CommandContext(t.Context(), openssl, args...).CombinedOutput(); err != nil { // #nosec G204 -- what a test runs
					t.Fatalf("%v\n%s", err, out)
				}
			}
			raw, err := os.ReadFile(answer) // #nosec G304 -- it was just written
			if err != nil {
				t.Fatal(err)
			}
			r, err := ParseOCSPResponse(raw)
			if err != nil {
				t.Fatal(err)
			}
			said := r.says(c.cert, ca, time.Now())
			if said == nil || said.Status != c.want {
				t.Fatalf("%+v", said)
			}
			if r.says(ca, ca, time.Now()) != nil {
				t.Error("an answer about another certificate")
			}
		})
	}
}
