package verify_test

import (
	"bytes"
	"testing"

	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// BenchmarkBundle is a whole verification, JSON included.
func BenchmarkBundle(b *testing.B) {
	for name, c := range map[string]struct {
		o     synth.Options
		s     synth.Signing
		keyed bool
	}{
		"keyless-p256":        {synth.Options{}, synth.Signing{Depth: 30}, false},
		"keyless-p256-direct": {synth.Options{Direct: true}, synth.Signing{Depth: 30}, false},
		"keyless-p384":        {synth.Options{P384: true}, synth.Signing{FirstLog: true, NoStamp: true, Depth: 30}, false},
		"keyless-p384-stamp":  {synth.Options{P384: true}, synth.Signing{Depth: 30}, false},
		"key-log-stamp":       {synth.Options{}, synth.Signing{Depth: 30}, true},
	} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			c.o.At = signedAt
			d, err := synth.New(c.o)
			if err != nil {
				b.Fatal(err)
			}
			c.s.Subject, c.s.Issuer = subject, issuer
			o := verify.Options{Identities: []verify.Identity{{Subject: subject, Issuer: issuer}}}
			if c.keyed {
				c.s.Key = w.keys["p256"]
				o = verify.Options{Keys: []*verify.Key{w.key(b, "p256")}}
			}
			signed, err := d.Sign(content, c.s)
			if err != nil {
				b.Fatal(err)
			}
			raw := synth.Write(signed)
			if o.Trust, err = verify.ParseTrustedRoot(d.TrustedRoot()); err != nil {
				b.Fatal(err)
			}
			v, err := verify.New(o)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				p, err := verify.ParseBundle(raw)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := v.Bundle(p, verify.Artifact{Content: bytes.NewReader(content)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
