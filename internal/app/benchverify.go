package app

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"runtime"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// benchDepth is that of the logs' trees: a billion entries, as the public good's grows to.
const benchDepth = 30

// benchSigner is whom the bundles of bench verify are of.
var benchSigner = verify.Identity{Subject: "https://git.example/shop/web/.ci/release.yml@refs/heads/main", Issuer: "https://issuer.example"}

// BenchVerify signs n artifacts in each of several ways with a made deployment, and
// measures their verification.
func BenchVerify(ctx context.Context, n int, at func(string)) (*report.BenchVerify, error) {
	if n < 1 {
		return nil, ident.Errorf(ident.KindUsage, "%d bundles are too few", n)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	out := &report.BenchVerify{SchemaVersion: inventory.SchemaVersion, Machine: machine(), Bundles: n}
	single, err := singles(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range []struct {
		name, what string
		options    synth.Options
		signing    synth.Signing
		warm, cold signatures
	}{
		// The leaf, its SCT, the artifact, the timestamp and the checkpoint; cold, what stands
		// above the leaf, the timestamp authority's certificate and what stands above that.
		{"keyless", "certificate with SCT, log proof, timestamp; all on P-256", synth.Options{}, synth.Signing{}, signatures{4, 0, 1}, signatures{7, 0, 1}},
		{"keyless-p384", "the same, authorities on P-384", synth.Options{P384: true}, synth.Signing{}, signatures{3, 1, 1}, signatures{3, 4, 1}},
		// The leaf, its SCT, the artifact, the log's promise, its checkpoint, and the entry
		// itself; cold, what stands above the leaf.
		{"public-good", "certificate with SCT below P-384, first log's promise and proof", synth.Options{P384: true}, synth.Signing{FirstLog: true, NoStamp: true}, signatures{5, 1, 0}, signatures{5, 2, 0}},
		{"key", "key with log proof and timestamp", synth.Options{}, synth.Signing{Key: key}, signatures{2, 0, 1}, signatures{4, 0, 1}},
		{"key-alone", "key, nothing else", synth.Options{}, synth.Signing{Key: key, NoLog: true, NoStamp: true}, signatures{1, 0, 0}, signatures{1, 0, 0}},
	} {
		at(c.name)
		c.options.At = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
		c.signing.Subject, c.signing.Issuer, c.signing.Depth = benchSigner.Subject, benchSigner.Issuer, benchDepth
		b := benchVerify{n: n, key: key}
		if err := b.sign(ctx, c.options, c.signing); err != nil {
			return nil, err
		}
		m := report.BenchVerifyCase{Name: c.name, What: c.what, Bytes: len(b.bundles[0])}
		if m.Warm, err = b.measure(ctx, false, b.bundles, ""); err != nil {
			return nil, err
		}
		if m.Cold, err = b.measure(ctx, true, b.bundles, ""); err != nil {
			return nil, err
		}
		if m.Refused, err = b.measure(ctx, false, b.swapped, "refused"); err != nil {
			return nil, err
		}
		m.FloorWarm, m.FloorCold = c.warm.cost(single), c.cold.cost(single)
		out.Cases = append(out.Cases, m)
	}
	return out, nil
}

// signatures are how many must be verified, by their algorithm.
type signatures [3]int

// cost is what they cost and nothing else, in milliseconds.
func (n signatures) cost(single [3]float64) float64 {
	sum := 0.0
	for i, one := range single {
		sum += float64(n[i]) * one
	}
	return sum
}

// singles measures one verification on P-256, on P-384 and of Ed25519, in milliseconds of CPU.
func singles(ctx context.Context) (out [3]float64, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return out, err
	}
	message := make([]byte, 32)
	edSignature := ed25519.Sign(private, message)
	verifies := [3]func() bool{2: func() bool { return ed25519.Verify(public, message, edSignature) }}
	for i, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			return out, err
		}
		sig, err := ecdsa.SignASN1(rand.Reader, k, message)
		if err != nil {
			return out, err
		}
		verifies[i] = func() bool { return ecdsa.VerifyASN1(&k.PublicKey, message, sig) }
	}
	const times = 200
	for i, one := range verifies {
		before, _, err := usage()
		if err != nil {
			return out, err
		}
		for range times {
			if !one() || ctx.Err() != nil {
				return out, cmp.Or(ctx.Err(), error(ident.Errorf(ident.KindFailure, "a signature that was just made does not verify")))
			}
		}
		after, _, err := usage()
		if err != nil {
			return out, err
		}
		out[i] = float64((after - before).Microseconds()) / 1000 / times
	}
	return out, nil
}

type benchVerify struct {
	n                int
	key              *ecdsa.PrivateKey
	keyed            bool
	root             []byte
	content          [][]byte
	bundles, swapped [][]byte // swapped have the signature of the one before
}

func (b *benchVerify) sign(ctx context.Context, o synth.Options, s synth.Signing) error {
	d, err := synth.New(o)
	if err != nil {
		return err
	}
	b.root, b.keyed = d.TrustedRoot(), s.Key != nil
	var last any = "AAAA"
	for i := range b.n {
		if err := ctx.Err(); err != nil {
			return err
		}
		content := []byte{byte(i), byte(i >> 8), byte(i >> 16)} // #nosec G115 -- any three bytes
		signed, err := d.Sign(content, s)
		if err != nil {
			return err
		}
		b.content, b.bundles = append(b.content, content), append(b.bundles, synth.Write(signed))
		message := signed["messageSignature"].(synth.Object) //nolint:forcetypeassert // Sign wrote it
		last, message["signature"] = message["signature"], last
		b.swapped = append(b.swapped, synth.Write(signed))
	}
	return nil
}

// judge reads the trusted root and the key, as a program does that begins.
func (b *benchVerify) judge() (*verify.Verifier, error) {
	trust, err := verify.ParseTrustedRoot(b.root)
	if err != nil {
		return nil, err
	}
	o := verify.Options{Trust: trust, Identities: []verify.Identity{benchSigner}}
	if b.keyed {
		der, err := x509.MarshalPKIXPublicKey(b.key.Public())
		if err != nil {
			return nil, err
		}
		k, err := verify.ParseKey("bench", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		if err != nil {
			return nil, err
		}
		o.Identities, o.Keys = nil, []*verify.Key{k}
	}
	return verify.New(o)
}

// measure returns milliseconds of CPU for each bundle. Where want is "refused", all of
// them must be.
func (b *benchVerify) measure(ctx context.Context, cold bool, bundles [][]byte, want string) (float64, error) {
	v, err := b.judge()
	if err != nil {
		return 0, err
	}
	runtime.GC()
	before, _, err := usage()
	if err != nil {
		return 0, err
	}
	for i, raw := range bundles {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if cold {
			if v, err = b.judge(); err != nil {
				return 0, err
			}
		}
		p, err := verify.ParseBundle(raw)
		if err == nil {
			_, err = v.Bundle(p, verify.Artifact{Content: bytes.NewReader(b.content[i])})
		}
		var r *verify.Refusal
		if refused := errors.As(err, &r); err != nil && !refused || refused != (want == "refused") {
			return 0, ident.Errorf(ident.KindFailure, "a bundle that was made did not do what it was made for: %v", err)
		}
	}
	after, _, err := usage()
	return float64((after - before).Microseconds()) / 1000 / float64(len(bundles)), err
}
