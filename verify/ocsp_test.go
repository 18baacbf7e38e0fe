package verify_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// TestNotationOCSP: what a responder said counts where it is about this certificate, by
// whom its authority has answer, and of now; all else leaves it unknown.
func TestNotationOCSP(t *testing.T) {
	w := newNotaries(t)
	n := w.byName["asked"]
	answer := func(by *synth.Notary, a synth.Answer) []byte {
		t.Helper()
		raw, err := by.OCSP(a)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	changed := answer(n, synth.Answer{Status: ocsp.Good})
	changed[len(changed)-4] ^= 1
	list, err := n.RevocationList(w.at, 2)
	if err != nil {
		t.Fatal(err)
	}
	const unknown = "indeterminate"
	for name, c := range map[string]struct {
		answers [][]byte
		list    []byte
		policy  string
		reason  verify.Reason
	}{
		"nobody asked":                        {reason: unknown},
		"… and only logged":                   {policy: policyOf("permissive", "")},
		"good":                                {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Good})}},
		"good, by a responder of its own":     {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Good, Delegated: true})}},
		"good, by whom it certified for code": {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Good, Delegated: true, NotForIt: true})}, reason: unknown},
		"good, of another certificate":        {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Good, Serial: 7})}, reason: unknown},
		"good, of another authority's":        {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Good, Of: w.byName["other"]})}, reason: unknown},
		"good, says another authority":        {answers: [][]byte{answer(w.byName["other"], synth.Answer{Status: ocsp.Good, Of: n})}, reason: unknown},
		"good, and changed":                   {answers: [][]byte{changed}, reason: unknown},
		"good, of yesterday":                  {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Good, From: -24 * time.Hour})}, reason: unknown},
		"good, of tomorrow":                   {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Good, From: 24 * time.Hour})}, reason: unknown},
		"good, without an end":                {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Good, Endless: true})}, reason: unknown},
		"the responder does not know it":      {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Unknown})}, reason: unknown},
		"revoked":                             {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Revoked})}, reason: verify.Revoked},
		"revoked, by an old answer":           {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Revoked, From: -24 * time.Hour})}, reason: verify.Revoked},
		"revoked, says another authority":     {answers: [][]byte{answer(w.byName["other"], synth.Answer{Status: ocsp.Revoked, Of: n})}, reason: unknown},
		"good and revoked":                    {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Good}), answer(n, synth.Answer{Status: ocsp.Revoked})}, reason: verify.Revoked},
		"good, and revoked by a list":         {answers: [][]byte{answer(n, synth.Answer{Status: ocsp.Good})}, list: list, reason: verify.Revoked},
	} {
		t.Run(name, func(t *testing.T) {
			raw, kind, err := n.Sign(w.d.String(), synth.NotationSigning{})
			if err != nil {
				t.Fatal(err)
			}
			policy := c.policy
			if policy == "" {
				policy = policyOf("strict", "")
			}
			j := w.judge(t, policy, n, func(o *verify.NotationOptions) {
				for _, a := range c.answers {
					r, err := verify.ParseOCSPResponse(a)
					if err != nil {
						t.Fatal(err)
					}
					o.Answers = append(o.Answers, r)
				}
				if c.list != nil {
					l, err := verify.ParseRevocationList(c.list)
					if err != nil {
						t.Fatal(err)
					}
					o.Revoked = append(o.Revoked, l)
				}
			})
			_, err = j.Signature(t.Context(), raw, kind, "registry.example/shop/web", w.d)
			var r *verify.Refusal
			got := verify.Reason("")
			switch {
			case errors.As(err, &r):
				got = r.Reason
			case err != nil && ident.KindOf(err) == ident.KindIndeterminate:
				got = unknown
			}
			if got != c.reason || (err == nil) != (c.reason == "") {
				t.Errorf("%v (%s), want %q", err, got, c.reason)
			}
		})
	}
}

// TestParseOCSPResponse: a responder that is busy has said nothing of anybody.
func TestParseOCSPResponse(t *testing.T) {
	n, err := synth.NewNotary(synth.NotaryOptions{At: signedAt})
	if err != nil {
		t.Fatal(err)
	}
	good, err := n.OCSP(synth.Answer{Status: ocsp.Good})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		raw  []byte
		kind ident.Kind
	}{
		"empty":          {nil, ident.KindInvalid},
		"text":           {[]byte("hello"), ident.KindInvalid},
		"cut short":      {good[:len(good)-1], ident.KindInvalid},
		"more behind it": {append(bytes.Clone(good), 0), ident.KindInvalid},
		"too large":      {make([]byte, 2<<20), ident.KindLimit},
		"try later":      {ocsp.TryLaterErrorResponse, ident.KindIndeterminate},
		"not its to say": {ocsp.UnauthorizedErrorResponse, ident.KindIndeterminate},
	} {
		if _, err := verify.ParseOCSPResponse(c.raw); err == nil || ident.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzOCSP(f *testing.F) {
	w := newNotaries(f)
	n := w.byName["asked"]
	for _, a := range []synth.Answer{{Status: ocsp.Good, From: -48 * time.Hour}, {Status: ocsp.Unknown, Delegated: true}, {Status: ocsp.Good, Serial: 7}} {
		raw, err := n.OCSP(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add(ocsp.TryLaterErrorResponse)
	envelope, kind, err := n.Sign(w.d.String(), synth.NotationSigning{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := verify.ParseOCSPResponse(raw)
		if err != nil {
			return
		}
		j := w.judge(t, policyOf("strict", ""), n, func(o *verify.NotationOptions) { o.Answers = append(o.Answers, r) })
		if got, err := j.Signature(t.Context(), envelope, kind, "registry.example/shop/web", w.d); err == nil {
			t.Errorf("nobody answered that: %+v", got)
		}
	})
}
