package verify_test

import (
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

const (
	signatureNote   = "dev.cosignproject.cosign/signature"
	certificateNote = "dev.sigstore.cosign/certificate"
	entryNote       = "dev.sigstore.cosign/bundle"
	stampNote       = "dev.sigstore.cosign/rfc3161timestamp"
)

// TestCosignLayers judges what cosign attached before there were bundles: signatures and
// attestations, of keys and under certificates, good ones and every way in which they
// can be bent.
func TestCosignLayers(t *testing.T) {
	w := newWorld(t)
	image, other := ident.SHA256([]byte("the image")), ident.SHA256([]byte("another image"))
	trust, err := verify.ParseTrustedRoot(w.d.TrustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	keyless := verify.Options{Trust: trust, Identities: []verify.Identity{{Subject: subject, Issuer: issuer}}}
	keyed := func(name string) verify.Options {
		return verify.Options{Trust: trust, Keys: []*verify.Key{w.key(t, name)}}
	}
	cert := synth.Signing{Subject: subject, Issuer: issuer}
	key := func(name string) synth.Signing { return synth.Signing{Key: w.keys[name]} }
	about := func(d ident.Digest) []byte { return statement(`"sha256":"`+d.Hex()+`"`, "") }
	attested := func(s synth.Signing, d ident.Digest) synth.Signing {
		s.Statement = about(d)
		return s
	}
	unlogged := func(s synth.Signing) synth.Signing { s.NoLog = true; return s }
	unstamped := func(s synth.Signing) synth.Signing { s.NoStamp = true; return s }
	type notes = map[string]string
	swap := func(name string, s synth.Signing, d ident.Digest) func(*[]byte, notes) {
		return func(_ *[]byte, n notes) {
			_, m, err := w.d.Cosign(synth.Payload(d.String()), s)
			if err != nil {
				t.Fatal(err)
			}
			n[name] = m[name]
		}
	}
	text := func(name, value string) func(*[]byte, notes) {
		return func(_ *[]byte, n notes) { n[name] = value }
	}
	content := func(value string) func(*[]byte, notes) {
		return func(c *[]byte, _ notes) { *c = []byte(value) }
	}
	for name, c := range map[string]struct {
		sign    synth.Signing
		options verify.Options
		of      ident.Digest // that is signed; zero: the image
		bend    func(content *[]byte, n notes)
		want    verify.Reason // "": it verifies
	}{
		"certificate, logged":                   {sign: unstamped(cert), options: keyless},
		"certificate, logged and stamped":       {sign: cert, options: keyless},
		"attestation, certificate, logged":      {sign: unstamped(attested(cert, image)), options: keyless},
		"attestation, certificate, stamped":     {sign: attested(cert, image), options: keyless},
		"certificate, stamped only, log waived": {sign: unlogged(cert), options: verify.Options{Trust: trust, Identities: keyless.Identities, Logs: -1}},
		"attestation, stamped only, log waived": {sign: unlogged(attested(cert, image)), options: verify.Options{Trust: trust, Identities: keyless.Identities, Logs: -1}},
		"key":                                   {sign: unlogged(unstamped(key("p256"))), options: keyed("p256")},
		"key, logged":                           {sign: key("p256"), options: keyed("p256")},
		"key on P-384":                          {sign: unlogged(unstamped(key("p384"))), options: keyed("p384")},
		"key of RSA":                            {sign: unlogged(unstamped(key("rsa"))), options: keyed("rsa")},
		"key of Ed25519":                        {sign: unlogged(unstamped(key("ed25519"))), options: keyed("ed25519")},
		"attestation, key":                      {sign: unlogged(unstamped(attested(key("p256"), image))), options: keyed("p256")},
		"attestation, key of Ed25519":           {sign: unlogged(unstamped(attested(key("ed25519"), image))), options: keyed("ed25519")},
		"the type of cosign v3": {sign: unlogged(unstamped(key("p256"))), options: keyed("p256"), bend: func(c *[]byte, n notes) {
			*c = []byte(strings.Replace(string(*c), "cosign container image signature", "https://sigstore.dev/cosign/sign/v1", 1))
		}, want: verify.BadSignature},

		"another image's":                        {sign: cert, options: keyless, of: other, want: verify.WrongArtifact},
		"another image's, by key":                {sign: key("p256"), options: keyed("p256"), of: other, want: verify.WrongArtifact},
		"an attestation of another image":        {sign: attested(cert, other), options: keyless, want: verify.WrongArtifact},
		"another key's":                          {sign: unlogged(unstamped(key("other"))), options: keyed("p256"), want: verify.BadSignature},
		"a key for a certificate":                {sign: cert, options: keyed("p256"), want: verify.WrongMaterial},
		"a certificate for a key":                {sign: key("p256"), options: keyless, want: verify.WrongMaterial},
		"another identity":                       {sign: synth.Signing{Subject: "mallory@example.com", Issuer: issuer}, options: keyless, want: verify.WrongSubject},
		"another issuer":                         {sign: synth.Signing{Subject: subject, Issuer: "https://other.example"}, options: keyless, want: verify.WrongIssuer},
		"no log":                                 {sign: unlogged(cert), options: keyless, want: verify.NotLogged},
		"no log, no stamp, log waived":           {sign: unlogged(unstamped(cert)), options: verify.Options{Trust: trust, Identities: keyless.Identities, Logs: -1}, want: verify.NoTime},
		"a stamp over the signature of the file": {sign: unlogged(attested(cert, image)), options: verify.Options{Trust: trust, Identities: keyless.Identities, Logs: -1}, bend: swap(stampNote, unlogged(cert), image), want: verify.BadTimestamp},
		"another's log entry":                    {sign: cert, options: keyless, bend: swap(entryNote, cert, other), want: verify.LogMismatch},
		"another's certificate":                  {sign: cert, options: keyless, bend: swap(certificateNote, cert, image), want: verify.LogMismatch},
		"another's signature":                    {sign: cert, options: keyless, bend: swap(signatureNote, cert, other), want: verify.LogMismatch},
		"another's signature, by key":            {sign: unlogged(unstamped(key("p256"))), options: keyed("p256"), bend: swap(signatureNote, key("p256"), other), want: verify.BadSignature},
		"no signature":                           {sign: unlogged(unstamped(key("p256"))), options: keyed("p256"), bend: text(signatureNote, ""), want: verify.BadBundle},
		"a signature that is no base64":          {sign: key("p256"), options: keyed("p256"), bend: text(signatureNote, "!"), want: verify.BadBundle},
		"a certificate that is none":             {sign: cert, options: keyless, bend: text(certificateNote, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), want: verify.BadBundle},
		"two certificates":                       {sign: cert, options: keyless, bend: func(_ *[]byte, n notes) { n[certificateNote] += n[certificateNote] }, want: verify.BadBundle},
		"a log entry that is none":               {sign: cert, options: keyless, bend: text(entryNote, `{"Payload":{}}`), want: verify.BadBundle},
		"a log entry with a name twice": {sign: cert, options: keyless, bend: func(_ *[]byte, n notes) {
			n[entryNote] = strings.Replace(n[entryNote], `"Payload"`, `"SignedEntryTimestamp":"","Payload"`, 1)
		}, want: verify.BadBundle},
		"a timestamp that is none": {sign: cert, options: keyless, bend: text(stampNote, `{}`), want: verify.BadBundle},
		"content that was changed": {sign: unlogged(unstamped(key("p256"))), options: keyed("p256"), bend: func(c *[]byte, _ notes) { *c = append(*c, ' ') }, want: verify.BadSignature},
		"content of another type":  {sign: key("p256"), options: keyed("p256"), bend: content(`{"critical":{"type":"x","image":{"docker-manifest-digest":"` + image.String() + `"}}}`), want: verify.BadStatement},
		"content without a digest": {sign: key("p256"), options: keyed("p256"), bend: content(`{"critical":{"type":"cosign container image signature"}}`), want: verify.BadStatement},
		"content with a digest twice": {sign: key("p256"), options: keyed("p256"), bend: content(`{"critical":{"type":"cosign container image signature","image":{"docker-manifest-digest":"` + other.String() + `","docker-manifest-digest":"` + image.String() + `"}}}`),
			want: verify.BadBundle},
		"content that is both":          {sign: key("p256"), options: keyed("p256"), bend: content(`{"payloadType":"x","payload":"","critical":{}}`), want: verify.BadBundle},
		"content that is no JSON":       {sign: key("p256"), options: keyed("p256"), bend: content("\x1f\x8b\x08"), want: verify.BadBundle},
		"an envelope of something else": {sign: synth.Signing{Key: w.keys["p256"], Statement: []byte("{}"), PayloadType: "text/plain"}, options: keyed("p256"), want: verify.BadStatement},
		"an envelope with two signatures": {sign: attested(key("p256"), image), options: keyed("p256"), bend: func(c *[]byte, _ notes) {
			*c = []byte(strings.Replace(string(*c), `"signatures":[`, `"signatures":[{"sig":"AAAA"},`, 1))
		}, want: verify.BadBundle},
		"the log's time before the certificate": {sign: func() synth.Signing { s := unstamped(cert); s.LoggedAt = -time.Hour; return s }(), options: keyless, want: verify.OutsideTime},
	} {
		t.Run(name, func(t *testing.T) {
			of := c.of
			if of.IsZero() {
				of = image
			}
			layer, n, err := w.d.Cosign(synth.Payload(of.String()), c.sign)
			if err != nil {
				t.Fatal(err)
			}
			n = maps.Clone(n)
			if c.bend != nil {
				c.bend(&layer, n)
			}
			f, err := judgeCosign(layer, n, c.options, image)
			var r *verify.Refusal
			if errors.As(err, &r); err != nil && r == nil {
				t.Fatalf("%v", err)
			}
			if err == nil && c.want != "" || err != nil && r.Reason != c.want {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if err != nil {
				return
			}
			want := fact.Signature
			if c.sign.Statement != nil {
				want = fact.Attestation
			}
			if f.Claim != want || f.Artifact != image || f.Source != ident.SHA256(layer) || len(f.Notes) > 0 {
				t.Errorf("%+v", f)
			}
			if stamped := !c.sign.NoStamp; stamped && !strings.Contains(name, "waived") && len(f.Times) == 0 {
				t.Errorf("nobody says when: %+v", f)
			}
		})
	}
}

func judgeCosign(layer []byte, notes map[string]string, o verify.Options, image ident.Digest) (*fact.Fact, error) {
	b, err := verify.ParseCosign(layer, notes)
	if err != nil {
		return nil, err
	}
	v, err := verify.New(o)
	if err != nil {
		return nil, err
	}
	return v.Bundle(b, verify.Artifact{Digest: image})
}

// FuzzParseCosign looks for content and annotations that make the reader fail, or that
// verify without being what was signed.
func FuzzParseCosign(f *testing.F) {
	w := newWorld(f)
	image := ident.SHA256([]byte("the image"))
	trust, err := verify.ParseTrustedRoot(w.d.TrustedRoot())
	if err != nil {
		f.Fatal(err)
	}
	v, err := verify.New(verify.Options{Trust: trust, Keys: []*verify.Key{w.key(f, "p256")}, Anybody: true})
	if err != nil {
		f.Fatal(err)
	}
	good := map[string]bool{}
	for _, s := range []synth.Signing{{Key: w.keys["p256"], NoLog: true, NoStamp: true}, {Subject: subject, Issuer: issuer}, {Subject: subject, Issuer: issuer, Statement: statement(`"sha256":"`+image.Hex()+`"`, "")}} {
		layer, n, err := w.d.Cosign(synth.Payload(image.String()), s)
		if err != nil {
			f.Fatal(err)
		}
		good[signed(layer)] = true
		f.Add(layer, n[signatureNote], n[certificateNote], n[entryNote], n[stampNote])
	}
	f.Fuzz(func(t *testing.T, layer []byte, signature, certificate, entry, stamp string) {
		b, err := verify.ParseCosign(layer, map[string]string{signatureNote: signature, certificateNote: certificate, entryNote: entry, stampNote: stamp})
		if err != nil {
			return
		}
		if _, err := v.Bundle(b, verify.Artifact{Digest: image}); err == nil && !good[signed(layer)] {
			t.Errorf("verified what nobody signed: %q", layer)
		}
	})
}

// signed is the part of a layer that a signature is over: of an envelope, its payload.
func signed(layer []byte) string {
	_, rest, ok := strings.Cut(string(layer), `"payload":"`)
	if !ok {
		return string(layer)
	}
	text, _, _ := strings.Cut(rest, `"`)
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return text
	}
	return string(raw)
}
