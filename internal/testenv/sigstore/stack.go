package sigstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/testenv/program"
)

// Stack is a deployment that runs. It ends with the test.
type Stack struct {
	Issuer      string
	TrustedRoot string // file
	dir, bin    string
	issuer      *issuer
	config      string
	stamper     string // address of the timestamp authority
}

// Start starts a deployment of the programs in the folder that COFFERDAM_SIGSTORE names.
func Start(t *testing.T) *Stack {
	t.Helper()
	bin := os.Getenv("COFFERDAM_SIGSTORE")
	if bin == "" {
		t.Skip("COFFERDAM_SIGSTORE is not set: make sigstore builds the programs and sets it")
	}
	s := &Stack{dir: t.TempDir(), bin: bin, issuer: newIssuer(t)}
	s.Issuer = s.issuer.URL
	log := newCertificateLog(t)
	caCert, caKey := s.authority(t)
	logKey, logPublic := s.logKey(t)
	fulcioConfig := s.write(t, "fulcio.yaml", []byte(fmt.Sprintf("oidc-issuers:\n  %s:\n    issuer-url: %s\n    client-id: sigstore\n    type: email\n", s.Issuer, s.Issuer)))

	fulcio, rekor, tsa := program.FreePort(t), program.FreePort(t), program.FreePort(t)
	s.run(t, "http://127.0.0.1:"+fulcio+"/healthz", "fulcio", "serve", "--host", "127.0.0.1", "--port", fulcio, "--grpc-host", "127.0.0.1", "--grpc-port", program.FreePort(t), "--metrics-port", program.FreePort(t),
		"--legacy-unix-domain-socket", filepath.Join(s.dir, "fulcio.sock"), "--ca", "fileca", "--fileca-cert", caCert, "--fileca-key", caKey, "--fileca-key-passwd", passphrase, "--fileca-watch=false",
		"--ct-log-url", log.URL, "--config-path", fulcioConfig)
	s.run(t, "http://127.0.0.1:"+rekor+"/healthz", "rekor-server", "serve", "--http-address", "127.0.0.1", "--http-port", rekor, "--grpc-port", program.FreePort(t), "--http-metrics-port", program.FreePort(t),
		"--hostname", "127.0.0.1", "--storage-dir", filepath.Join(s.dir, "rekor"), "--signer-filepath", logKey, "--checkpoint-interval", "1s", "--batch-max-age", "200ms", "--persistent-antispam")
	s.run(t, "http://127.0.0.1:"+tsa+"/ping", "timestamp-server", "serve", "--host", "127.0.0.1", "--port", tsa, "--timestamp-signer", "memory", "--disable-ntp-monitoring")

	s.stamper = "http://127.0.0.1:" + tsa
	chain := s.write(t, "tsa.pem", s.get(t, "http://127.0.0.1:"+tsa+"/api/v1/timestamp/certchain"))
	ctKey := s.write(t, "ct.pub", log.public)
	since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	s.TrustedRoot, s.config = filepath.Join(s.dir, "root.json"), filepath.Join(s.dir, "signing.json")
	s.Cosign(t, "trusted-root", "create", "--fulcio", "url=http://127.0.0.1:"+fulcio+",certificate-chain="+caCert, "--rekor", "url=http://127.0.0.1:"+rekor+",public-key="+logPublic+",origin=127.0.0.1,start-time="+since,
		"--ctfe", "url="+log.URL+",public-key="+ctKey+",start-time="+since, "--tsa", "url=http://127.0.0.1:"+tsa+"/api/v1/timestamp,certificate-chain="+chain, "--out", s.TrustedRoot)
	s.Cosign(t, "signing-config", "create", "--fulcio", "url=http://127.0.0.1:"+fulcio+",api-version=1,operator=test,start-time="+since,
		"--rekor", "url=http://127.0.0.1:"+rekor+",api-version=2,operator=test,start-time="+since, "--rekor-config", "ANY",
		"--tsa", "url=http://127.0.0.1:"+tsa+"/api/v1/timestamp,api-version=1,operator=test,start-time="+since, "--tsa-config", "ANY",
		"--oidc-provider", "url="+s.Issuer+",api-version=1,operator=test,start-time="+since, "--out", s.config)
	return s
}

const passphrase = "for tests"

// Cosign runs cosign, with no services but ours.
func (s *Stack) Cosign(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(s.bin, "cosign"), args...) // #nosec G204 -- built by the Makefile
	cmd.Env = append(os.Environ(), "COSIGN_PASSWORD="+passphrase, "HOME="+s.dir, "COSIGN_YES=true")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("cosign %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Token vouches for an address.
func (s *Stack) Token(t *testing.T, address string) string { return s.issuer.token(t, address) }

// Config is the file of the signing configuration of the deployment's services.
func (s *Stack) Config() string { return s.config }

// Stamper is the address of the timestamp authority.
func (s *Stack) Stamper() string { return s.stamper }

// Sign has cosign sign a file for somebody, or with a key, and returns the bundle's file.
func (s *Stack) Sign(t *testing.T, file, address string, more ...string) string {
	t.Helper()
	bundle := file + fmt.Sprintf(".%d.sigstore.json", time.Now().UnixNano())
	args := []string{"sign-blob", "--signing-config", s.config, "--trusted-root", s.TrustedRoot, "--bundle", bundle}
	if len(more) > 0 && more[0] == "attest-blob" {
		args[0], more = more[0], more[1:]
	}
	if address != "" {
		args = append(args, "--identity-token", s.issuer.token(t, address))
	}
	s.Cosign(t, append(append(args, more...), file)...)
	return bundle
}

func (s *Stack) write(t *testing.T, name string, content []byte) string {
	t.Helper()
	p := filepath.Join(s.dir, name)
	if err := os.WriteFile(p, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// authority makes fulcio's certificate and key.
func (s *Stack) authority(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "private fulcio", Organization: []string{"test"}}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", raw, []byte(passphrase), x509.PEMCipherAES256) //nolint:staticcheck // what fulcio's fileca reads
	if err != nil {
		t.Fatal(err)
	}
	return s.write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), s.write(t, "ca.key", pem.EncodeToMemory(sealed))
}

func (s *Stack) logKey(t *testing.T) (private, public string) {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(crypto.PrivateKey(k))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return s.write(t, "log.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), s.write(t, "log.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}))
}

// run starts one of the deployment's programs and waits until it answers at an address.
func (s *Stack) run(t *testing.T, address, name string, args ...string) {
	t.Helper()
	program.Start(t, program.Command{Path: filepath.Join(s.bin, name), Args: args, Dir: s.dir, Answers: address})
}

func (s *Stack) get(t *testing.T, address string) []byte {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %s", address, res.Status, err, raw)
	}
	return raw
}
