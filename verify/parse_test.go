package verify_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// TestParseKey says which keys are taken and why the others are not.
func TestParseKey(t *testing.T) {
	w := newWorld(t)
	good := publicPEM(t, w.keys["p256"].Public())
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(w.keys["p256"])
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	for _, c := range []struct {
		name string
		raw  []byte
		says string // "" : taken
	}{
		{"PKIX", good, ""},
		{"PKCS #1", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(w.keys["rsa"].Public().(*rsa.PublicKey))), ""},
		{"with text before it", append([]byte("the key of the build\n"), good...), ""},
		{"with line breaks after it", append(bytes.Clone(good), "\n\n"...), ""},
		{"nothing", nil, "not PEM"},
		{"DER", []byte{0x30, 0x59}, "not PEM"},
		{"two keys", append(bytes.Clone(good), good...), "more than one"},
		{"a private key", block("PRIVATE KEY", private), "private key"},
		{"a private key of cosign's", block("ENCRYPTED SIGSTORE PRIVATE KEY", []byte("{}")), "private key"},
		{"a certificate", block("CERTIFICATE", []byte{0x30}), "certificate"},
		{"RSA too short", publicPEM(t, weak.Public()), "1024 bits"},
		{"a curve that is not taken", publicPEM(t, small.Public()), "P-224"},
		{"no key inside", block("PUBLIC KEY", []byte{0x30, 0x03, 1, 2, 3}), "malformed"},
		{"too large", bytes.Repeat([]byte("a"), 1<<17), "bytes"},
	} {
		k, err := verify.ParseKey(c.name, c.raw)
		if c.says == "" {
			if err != nil || k.ID.IsZero() || k.Algorithm == "" {
				t.Errorf("%s: %v %+v", c.name, err, k)
			}
			continue
		}
		var r *verify.Refusal
		if !errors.As(err, &r) || r.Reason != verify.BadKey || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
}

// TestParseTrustedRoot refuses roots that are malformed or say things in two ways.
func TestParseTrustedRoot(t *testing.T) {
	w := newWorld(t)
	good := w.d.TrustedRoot()
	for name, raw := range map[string][]byte{
		"nothing":                 nil,
		"no object":               []byte("[]"),
		"a bundle":                synth.Write(w.sign(t, synth.Signing{})),
		"a name twice":            bytes.Replace(good, []byte("{"), []byte(`{"mediaType":"x",`), 1),
		"an unknown name":         bytes.Replace(good, []byte("{"), []byte(`{"trustMe":true,`), 1),
		"another version":         bytes.Replace(good, []byte("version=0.1"), []byte("version=9"), 1),
		"a key that is none":      bytes.Replace(good, []byte(`"rawBytes":"MFkw`), []byte(`"rawBytes":"AAAA`), 1),
		"an algorithm of no tree": bytes.Replace(good, []byte(`"hashAlgorithm":"SHA2_256"`), []byte(`"hashAlgorithm":"SHA2_512"`), 1),
		"too large":               bytes.Repeat([]byte(" "), 5<<20),
	} {
		_, err := verify.ParseTrustedRoot(raw)
		var r *verify.Refusal
		if !errors.As(err, &r) || r.Reason != verify.BadTrustedRoot {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := verify.ParseTrustedRoot(good); err != nil {
		t.Error(err)
	}
}

// TestParseDistrust takes no list in part.
func TestParseDistrust(t *testing.T) {
	key := `"key":"sha256:` + strings.Repeat("ab", 32) + `"`
	for raw, good := range map[string]bool{
		`{"distrust":[{` + key + `,"from":"2026-11-02T00:00:00Z","why":"stolen"}]}`: true,
		`{"distrust":[{"subject":"a@example.com","issuer":"https://i"}]}`:           true,
		`{"distrust":[]}`:                            true,
		`{}`:                                         true,
		`{"distrust":[{}]}`:                          false,
		`{"distrust":[{"why":"x"}]}`:                 false,
		`{"distrusted":[]}`:                          false,
		`{"distrust":[{"keys":"x"}]}`:                false,
		`{"distrust":[{"key":"sha256:short"}]}`:      false,
		`{"distrust":[{` + key + `,"from":"soon"}]}`: false,
		`{"distrust":[{` + key + `,"from":"2026-11-02T00:00:00Z","until":"2026-11-01T00:00:00Z"}]}`: false,
		`{"distrust":[{` + key + `,` + key + `}]}`:                                                  false,
		`{"distrust":{}}`: false,
		``:                false,
	} {
		if list, err := verify.ParseDistrust([]byte(raw)); (err == nil) != good {
			t.Errorf("%s: %+v, %v", raw, list, err)
		}
	}
}

// TestNew refuses what would accept anybody.
func TestNew(t *testing.T) {
	w := newWorld(t)
	for name, o := range map[string]verify.Options{
		"nobody":           {},
		"any subject":      {Identities: []verify.Identity{{Issuer: issuer}}},
		"any issuer":       {Identities: []verify.Identity{{Subject: subject}}},
		"no expression":    {Identities: []verify.Identity{{SubjectRegexp: "(", Issuer: issuer}}},
		"no extension":     {Identities: []verify.Identity{{Subject: subject, Issuer: issuer, Extensions: map[string]string{"repository": "x"}}}},
		"no time demanded": {Keys: []*verify.Key{w.key(t, "p256")}, Times: -1},
	} {
		if _, err := verify.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	v, err := verify.New(verify.Options{Identities: []verify.Identity{{Subject: subject, Issuer: issuer}}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := verify.ParseBundle(synth.Write(w.sign(t, synth.Signing{})))
	if err != nil {
		t.Fatal(err)
	}
	if f, err := v.Bundle(b, verify.Artifact{Content: bytes.NewReader(content)}); err == nil {
		t.Errorf("a certificate without a trusted root: %+v", f)
	}
}

func FuzzParseBundle(f *testing.F) {
	w := newWorld(f)
	trust, err := verify.ParseTrustedRoot(w.d.TrustedRoot())
	if err != nil {
		f.Fatal(err)
	}
	v, err := verify.New(verify.Options{Trust: trust, Keys: []*verify.Key{w.key(f, "p256")}, Identities: []verify.Identity{{SubjectRegexp: ".", IssuerRegexp: "."}}})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []synth.Signing{{}, {FirstLog: true, Version: "0.1"}, {FirstLog: true, BareOrigin: true, Statement: statement(sha256of(content), "")}, {Key: w.keys["p256"]}, {Key: w.keys["p256"], NoLog: true, NoStamp: true}} {
		s.Subject, s.Issuer = subject, issuer
		b, err := w.d.Sign(content, s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(synth.Write(b))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := verify.ParseBundle(raw)
		if err != nil {
			var r *verify.Refusal
			if !errors.As(err, &r) {
				t.Fatalf("no refusal: %v", err)
			}
			return
		}
		// Whatever the bytes are: what nobody signed is never verified.
		if fact, err := v.Bundle(b, verify.Artifact{Content: strings.NewReader("never signed")}); err == nil {
			t.Fatalf("verified what was never signed: %+v", fact)
		}
		_, _ = v.Bundle(b, verify.Artifact{Content: bytes.NewReader(content)})
	})
}

func FuzzParseKey(f *testing.F) {
	w := newWorld(f)
	for _, k := range w.keys {
		f.Add(publicPEM(f, k.Public()))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := verify.ParseKey("fuzz", raw)
		var r *verify.Refusal
		if err != nil && !errors.As(err, &r) || err == nil && k.ID.IsZero() {
			t.Fatalf("%v %+v", err, k)
		}
	})
}

func FuzzParseTrustedRoot(f *testing.F) {
	w := newWorld(f)
	f.Add(w.d.TrustedRoot())
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, err := verify.ParseTrustedRoot(raw)
		var r *verify.Refusal
		if err != nil && !errors.As(err, &r) {
			t.Fatal(err)
		}
	})
}

func FuzzParseDistrust(f *testing.F) {
	f.Add([]byte(`{"distrust":[{"key":"sha256:` + strings.Repeat("ab", 32) + `","subject":"x","issuer":"y","from":"2026-11-02T00:00:00Z","until":"2026-12-02T00:00:00Z","why":"z"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := verify.ParseDistrust(raw)
		for i := range list {
			if d := &list[i]; err == nil && d.Key.IsZero() && d.Subject == "" && d.Issuer == "" {
				t.Fatalf("%q distrusts everybody", raw)
			}
		}
	})
}
