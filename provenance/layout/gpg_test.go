package layout_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/dsa" //nolint:staticcheck // keys of GnuPG
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what does not count
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance/layout"
)

// gpgHand is somebody who signs as GnuPG does.
type gpgHand struct {
	fingerprint string
	algorithm   byte
	key         object
	sign        func(sum []byte, hash crypto.Hash) []byte
}

var gpgMade = at.Add(-24 * time.Hour)

// gpgKeyOf is a key as in-toto exports it.
func gpgKeyOf(fingerprint, kind, method string, public object) object {
	return object{"type": kind, "method": method, "hashes": []any{"pgp+SHA2"}, "keyid": fingerprint, "creation_time": gpgMade.Unix(), "keyval": object{"private": "", "public": public}}
}

func newGPGEd(seed byte) *gpgHand {
	k := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	fpr := strings.Repeat(hex.EncodeToString([]byte{seed}), 20)
	return &gpgHand{fpr, 22, gpgKeyOf(fpr, "eddsa", "pgp+eddsa-ed25519", object{"q": hex.EncodeToString(k.Public().(ed25519.PublicKey))}), //nolint:forcetypeassert // it is one
		func(sum []byte, _ crypto.Hash) []byte { return ed25519.Sign(k, sum) }}
}

func newGPGRSA(t testing.TB, seed byte, bits int) *gpgHand {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	fpr := strings.Repeat(hex.EncodeToString([]byte{seed}), 20)
	return &gpgHand{fpr, 1, gpgKeyOf(fpr, "rsa", "pgp+rsa-pkcsv1.5", object{"e": "010001", "n": hex.EncodeToString(k.N.Bytes())}), func(sum []byte, hash crypto.Hash) []byte {
		sig, err := rsa.SignPKCS1v15(nil, k, hash, sum)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.TrimLeft(sig, "\x00") // as a number
	}}
}

// gpgHeaders are what is signed beside the message: version, type, algorithms, subpackets.
type gpgHeaders struct {
	version, kind byte
	algorithm     byte // 0: the key's
	hash          byte
	at            time.Time // zero: none
	issuer        string    // zero: the signer's
	more          []byte
}

func (h *gpgHand) headers(o gpgHeaders) []byte {
	if o.algorithm == 0 {
		o.algorithm = h.algorithm
	}
	if o.issuer == "" {
		o.issuer = h.fingerprint
	}
	raw, _ := hex.DecodeString(o.issuer)
	sub := append([]byte{22, 33, 4}, raw...)
	if !o.at.IsZero() {
		sub = binary.BigEndian.AppendUint32(append(sub, 5, 2), uint32(o.at.Unix()))
	}
	sub = append(sub, o.more...)
	return append(binary.BigEndian.AppendUint16([]byte{o.version, o.kind, o.algorithm, o.hash}, uint16(len(sub))), sub...)
}

var good = gpgHeaders{version: 4, hash: 8, at: at.Add(-time.Hour)}

// signature is one over a message, as in-toto writes it.
func (h *gpgHand) signature(message, headers []byte) object {
	hash := map[byte]crypto.Hash{2: crypto.SHA1, 8: crypto.SHA256, 10: crypto.SHA512}[headers[3]]
	d := hash.New()
	d.Write(message)
	d.Write(headers)
	d.Write(binary.BigEndian.AppendUint32([]byte{4, 0xff}, uint32(len(headers))))
	return object{"keyid": h.fingerprint, "other_headers": hex.EncodeToString(headers), "signature": hex.EncodeToString(h.sign(d.Sum(nil), hash))}
}

func (h *gpgHand) metadata(t testing.TB, body any, o gpgHeaders) object {
	t.Helper()
	message, err := cjson.EncodeCanonical(body)
	if err != nil {
		t.Fatal(err)
	}
	return object{"signed": body, "signatures": []any{h.signature(message, h.headers(o))}}
}

func written(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

var _ = sha1.New // is linked, so that what it signs can be made

// changed is a copy of an object with other members; nil takes one away.
func changed(o object, with object) object {
	out := maps.Clone(o)
	for k, v := range with {
		if v == nil {
			delete(out, k)
			continue
		}
		out[k] = v
	}
	return out
}

// dsaKey is a DSA key of small and of proper length; the numbers are made once.
func dsaKey(t testing.TB, size dsa.ParameterSizes) (*dsa.PrivateKey, object) {
	t.Helper()
	k := &dsa.PrivateKey{}
	if err := dsa.GenerateParameters(&k.Parameters, rand.Reader, size); err != nil {
		t.Fatal(err)
	}
	if err := dsa.GenerateKey(k, rand.Reader); err != nil {
		t.Fatal(err)
	}
	text := func(n *big.Int) string { return hex.EncodeToString(n.Bytes()) }
	return k, object{"p": text(k.P), "q": text(k.Q), "g": text(k.G), "y": text(k.Y)}
}

// TestGPG: what GnuPG signed counts, and what was altered, is weak or is over does not.
func TestGPG(t *testing.T) {
	own, ann := newHand(0), newGPGEd(1)
	ben, cem := newGPGRSA(t, 2, 2048), newGPGEd(3)
	small := newGPGRSA(t, 4, 1024)
	_, weakNumbers := dsaKey(t, dsa.L1024N160)
	weak := &gpgHand{fingerprint: strings.Repeat("05", 20), algorithm: 17, key: gpgKeyOf(strings.Repeat("05", 20), "dsa", "pgp+dsa-fips-180-2", weakNumbers), sign: ann.sign}
	body := link("code", object{}, files("app", "app"))
	seconds := func(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte{5, 3}, n) }
	with := func(change func(*gpgHeaders)) gpgHeaders { h := good; change(&h); return h }
	until := func(d time.Duration) object { return object{"validity_period": int64(d / time.Second)} }
	subbed := func(main *gpgHand, more, of object) object {
		return changed(main.key, changed(object{"subkeys": object{cem.fingerprint: changed(cem.key, of)}}, more))
	}
	edit := func(member, was, is string) func(object) {
		return func(m object) {
			s := m["signatures"].([]any)[0].(object) //nolint:forcetypeassert // made below
			s[member] = strings.Replace(s[member].(string), was, is, 1)
		}
	}
	for name, c := range map[string]struct {
		key    object   // the layout's; nil: the signer's
		named  string   // of the key in the layout; "": its fingerprint
		by     *gpgHand // who signs
		how    gpgHeaders
		change func(metadata object)
		says   string // why not; "": it counts
	}{
		"Ed25519":                 {by: ann, how: good},
		"RSA":                     {by: ben, how: good},
		"SHA-512":                 {by: ben, how: with(func(h *gpgHeaders) { h.hash = 10 })},
		"with keytype and scheme": {by: ann, key: changed(ann.key, object{"type": nil, "method": nil, "keytype": "eddsa", "scheme": "pgp+eddsa-ed25519"}), how: good},
		"with sig": {by: ann, how: good, change: func(m object) {
			s := m["signatures"].([]any)[0].(object)
			s["sig"] = s["signature"]
			delete(s, "signature")
		}}, //nolint:forcetypeassert // made here
		"a subkey":                    {by: cem, key: subbed(ann, nil, nil), named: ann.fingerprint, how: good},
		"a key that still holds":      {by: ann, key: changed(ann.key, until(48*time.Hour)), how: good},
		"a signature that still does": {by: ann, how: with(func(h *gpgHeaders) { h.more = seconds(7200) })},

		"SHA-1":                        {by: ben, how: with(func(h *gpgHeaders) { h.hash = 2 }), says: "the hash 2"},
		"RSA of 1024 bits":             {by: small, how: good, says: "1024 bits"},
		"DSA of 1024 bits":             {by: weak, how: good, says: "1024 bits"},
		"hashes that do not count":     {by: ann, key: changed(ann.key, object{"hashes": []any{"pgp+SHA1"}}), how: good, says: "pgp+SHA1"},
		"another method":               {by: ann, key: changed(ann.key, object{"method": "pgp+ecdsa"}), how: good, says: "pgp+ecdsa"},
		"a key that expired":           {by: ann, key: changed(ann.key, until(24*time.Hour)), how: good, says: "expired on 2026-11-20T15:00:00Z"},
		"a key to come":                {by: ann, key: changed(ann.key, object{"creation_time": at.Add(time.Hour).Unix()}), how: with(func(h *gpgHeaders) { h.at = at.Add(2 * time.Hour) }), says: "made only on"},
		"valid from nobody knows when": {by: ann, key: changed(changed(ann.key, object{"creation_time": nil}), until(time.Hour)), how: good, says: "not say from when"},
		"made before its key":          {by: ann, how: with(func(h *gpgHeaders) { h.at = gpgMade.Add(-time.Second) }), says: "before its key"},
		"a subkey that expired":        {by: cem, key: subbed(ann, nil, until(time.Hour)), named: ann.fingerprint, how: good, says: "expired"},
		"a subkey of a key that did":   {by: cem, key: subbed(ann, until(time.Hour), nil), named: ann.fingerprint, how: good, says: "expired"},
		"a subkey of a weak key":       {by: cem, key: subbed(small, nil, nil), named: small.fingerprint, how: good, says: "1024 bits"},
		"a subkey of two names":        {by: cem, key: subbed(ann, nil, object{"keyid": ben.fingerprint}), named: ann.fingerprint, how: good, says: "as well"},
		"a signature that expired":     {by: ann, how: with(func(h *gpgHeaders) { h.more = seconds(3600) }), says: "expired by its own word"},
		"of no time":                   {by: ann, how: with(func(h *gpgHeaders) { h.at = time.Time{} }), says: "when it was made"},
		"a certification":              {by: ann, how: with(func(h *gpgHeaders) { h.kind = 0x10 }), says: "not over a document"},
		"version 3":                    {by: ann, how: with(func(h *gpgHeaders) { h.version = 3 }), says: "version 3"},
		"another algorithm":            {by: ann, how: with(func(h *gpgHeaders) { h.algorithm = 1 }), says: "algorithm 1"},
		"another issuer":               {by: ann, how: with(func(h *gpgHeaders) { h.issuer = ben.fingerprint }), says: "of another key"},
		"what must be understood":      {by: ann, how: with(func(h *gpgHeaders) { h.more = []byte{2, 0x80 | 99, 0} }), says: "must be understood"},
		"a subpacket past the end":     {by: ann, how: with(func(h *gpgHeaders) { h.more = []byte{9, 20, 0} }), says: "malformed"},
		"a subpacket of no length":     {by: ann, how: with(func(h *gpgHeaders) { h.more = []byte{0} }), says: "malformed"},
		"headers that were altered":    {by: ann, how: good, change: edit("other_headers", "0502", "0563"), says: "when it was made"},
		"the time that was altered": {by: ann, how: good, change: func(m object) {
			edit("other_headers", hex.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(good.at.Unix()))), hex.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(at.Unix()))))(m)
		}, says: "changed"},
		"no headers":                 {by: ann, how: good, change: func(m object) { delete(m["signatures"].([]any)[0].(object), "other_headers") }, says: "looked for"}, //nolint:forcetypeassert // made here
		"headers that are no text":   {by: ann, how: good, change: edit("other_headers", "04", "zz"), says: "looked for"},
		"what is signed was altered": {by: ann, how: good, change: func(m object) { m["signed"] = link("code", object{}, files("app", "other")) }, says: "changed"},
		"another's, by this name":    {by: &gpgHand{ann.fingerprint, 22, ann.key, cem.sign}, how: good, says: "of another key"},
		"another's":                  {by: cem, key: ann.key, named: ann.fingerprint, how: good, says: "looked for"},
		"a name that is not its own": {by: ann, named: cem.fingerprint, how: good, says: "another fingerprint"},
		"no fingerprint":             {by: ann, key: changed(ann.key, object{"keyid": "abcd"}), named: "abcd", how: good, says: "40 hexadecimal"},
		"an even exponent":           {by: ben, key: changed(ben.key, object{"keyval": object{"public": changed(ben.key["keyval"].(object)["public"].(object), object{"e": "02"})}}), how: good, says: "no RSA key"}, //nolint:forcetypeassert // made here
	} {
		t.Run(name, func(t *testing.T) {
			key, id := c.key, c.named
			if key == nil {
				key = c.by.key
			}
			if id == "" {
				id = c.by.fingerprint
			}
			lay := laid([]any{step("code", 1, rules(), rules("ALLOW app", "DISALLOW *"), &hand{id: id})})
			lay["keys"] = object{id: key}
			m := c.by.metadata(t, body, c.how)
			if c.change != nil {
				c.change(m)
			}
			r, err := layout.Verify(context.Background(), layout.Input{Layout: own.metadata(t, lay), Owners: []*layout.Key{own.key(t)}, At: at, Links: []layout.Document{{Path: "code." + id[:4] + ".link", Raw: written(t, m)}}})
			if c.says == "" {
				if err != nil {
					t.Fatalf("%v: %s", err, hintOf(err))
				}
				if !strings.HasPrefix(r.Steps[0].Who[0], "GPG key ") {
					t.Errorf("%+v", r.Steps)
				}
				return
			}
			if refusal(err) != layout.Threshold || !strings.Contains(hintOf(err), c.says) {
				t.Errorf("%v: %s; want %q", err, hintOf(err), c.says)
			}
		})
	}
}

func hintOf(err error) string {
	var e *ident.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// TestGPGThreshold: whoever signs with two subkeys, or with one key in two forms, is one.
func TestGPGThreshold(t *testing.T) {
	own, ann, ben, cem := newHand(0), newGPGEd(1), newGPGEd(2), newGPGEd(3)
	both := changed(ann.key, object{"subkeys": object{ben.fingerprint: ben.key}})
	plain := &hand{id: strings.Repeat("a", 64)}
	plainKey := object{"keytype": "ed25519", "scheme": "ed25519", "keyval": object{"public": ann.key["keyval"].(object)["public"].(object)["q"]}} //nolint:forcetypeassert // made above
	body := link("code", object{}, files("app", "app"))
	id := func(h *gpgHand) *hand { return &hand{id: h.fingerprint} }
	for name, c := range map[string]struct {
		keys object
		may  []*hand
		by   []*gpgHand
		says string // "": the threshold of two is met
	}{
		"two of two":                      {object{ann.fingerprint: ann.key, cem.fingerprint: cem.key}, []*hand{id(ann), id(cem)}, []*gpgHand{ann, cem}, ""},
		"a key and its subkey":            {object{ann.fingerprint: both}, []*hand{id(ann)}, []*gpgHand{ann, ben}, "1 of those"},
		"… which are both named":          {object{ann.fingerprint: both}, []*hand{id(ann), id(ben)}, []*gpgHand{ann, ben}, "1 of those"},
		"… and are keys of their own":     {object{ann.fingerprint: both, ben.fingerprint: ben.key}, []*hand{id(ann), id(ben)}, []*gpgHand{ann, ben}, "1 of those"},
		"a subkey alone, and another":     {object{ann.fingerprint: both, cem.fingerprint: cem.key}, []*hand{id(ben), id(cem)}, []*gpgHand{ben, cem}, ""},
		"the key of which that is a part": {object{ann.fingerprint: both, cem.fingerprint: cem.key}, []*hand{id(ben), id(cem)}, []*gpgHand{ann, cem}, "1 of those"},
		"one key in two forms":            {object{ann.fingerprint: ann.key, plain.id: plainKey}, []*hand{id(ann), plain}, []*gpgHand{ann}, "1 of those"},
	} {
		t.Run(name, func(t *testing.T) {
			lay := laid([]any{step("code", 2, rules(), rules("ALLOW app", "DISALLOW *"), c.may...)})
			lay["keys"] = c.keys
			in := layout.Input{Layout: own.metadata(t, lay), Owners: []*layout.Key{own.key(t)}, At: at}
			for _, h := range c.by {
				in.Links = append(in.Links, layout.Document{Path: "code." + h.fingerprint[:8] + ".link", Raw: written(t, h.metadata(t, body, good))})
			}
			_, err := layout.Verify(context.Background(), in)
			if (err == nil) != (c.says == "") || err != nil && (refusal(err) != layout.Threshold || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v; want %q", err, c.says)
			}
		})
	}
}

// TestGPGOwner: an owner's key may be GnuPG's, and a link an envelope that it signed.
func TestGPGOwner(t *testing.T) {
	own, ann := newGPGEd(9), newGPGEd(1)
	lay := laid([]any{step("code", 1, rules(), rules("ALLOW app", "DISALLOW *"), &hand{id: ann.fingerprint})})
	lay["keys"] = object{ann.fingerprint: ann.key}
	k, err := layout.ParseKey("owner.json", written(t, own.key))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(link("code", object{}, files("app", "app")))
	if err != nil {
		t.Fatal(err)
	}
	const kind = "application/vnd.in-toto+json"
	sig := ann.signature(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload), ann.headers(good))
	raw, err := hex.DecodeString(sig["signature"].(string))
	if err != nil {
		t.Fatal(err)
	}
	envelope := object{"payloadType": kind, "payload": payload, "signatures": []any{object{"keyid": ann.fingerprint, "sig": raw, "other_headers": sig["other_headers"]}}}
	in := layout.Input{Layout: written(t, own.metadata(t, lay, good)), Owners: []*layout.Key{k}, At: at, Links: []layout.Document{{Path: "code.link", Raw: written(t, envelope)}}}
	if _, err := layout.Verify(context.Background(), in); err != nil {
		t.Errorf("%v: %s", err, hintOf(err))
	}
	over := changed(own.key, object{"validity_period": 3600})
	if in.Owners[0], err = layout.ParseKey("owner.json", written(t, over)); err != nil {
		t.Fatal(err)
	}
	if _, err := layout.Verify(context.Background(), in); refusal(err) != layout.NotSigned || !strings.Contains(err.Error(), "expired") {
		t.Errorf("%v", err)
	}
}

// TestGnuPG has GnuPG itself make keys and signatures.
func TestGnuPG(t *testing.T) {
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("gpg is not installed: what GnuPG itself signs is not verified (tools/test-deps.sh)")
	}
	home, err := os.MkdirTemp("", "gpg") // short: a socket lies in it
	if err != nil {
		t.Fatal(err)
	}
	gpg := func(t *testing.T, stdin []byte, args ...string) []byte {
		t.Helper()
		c := exec.Command("gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--faked-system-time", gpgMade.Format("20060102T150405")}, args...)...)
		c.Stdin = bytes.NewReader(stdin)
		var faults bytes.Buffer
		c.Stderr = &faults
		out, err := c.Output()
		if err != nil {
			t.Fatalf("gpg %q: %v: %s", args, err, faults.String())
		}
		return out
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	own := newHand(0)
	body := link("code", object{}, files("app", "app"))
	message, err := cjson.EncodeCanonical(body)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"rsa2048", "dsa2048", "ed25519"} {
		for _, sub := range []bool{false, true} {
			for _, hash := range []string{"SHA256", "SHA512", "SHA1"} {
				name := fmt.Sprintf("%s, subkey %v, %s", kind, sub, hash)
				if kind == "dsa2048" && (sub || hash == "SHA1") {
					continue // what takes long is made once, and GnuPG makes none by so short a hash
				}
				t.Run(name, func(t *testing.T) {
					uid := fmt.Sprintf("%s-%v@example", kind, sub)
					if hash == "SHA256" {
						gpg(t, nil, "--quick-gen-key", uid, kind, "sign", "2y")
						if sub {
							main := exported(t, gpg(t, nil, "--export", uid))
							gpg(t, nil, "--quick-add-key", main["keyid"].(string), kind, "sign", "1y")
						}
					}
					key := exported(t, gpg(t, nil, "--export", uid))
					sig := detached(t, gpg(t, message, "--local-user", uid, "--digest-algo", hash, "--detach-sign"))
					id := key["keyid"].(string)
					if signer := sig["keyid"].(string); sub == (signer == id) {
						t.Fatalf("signed by %s of %s", signer, id)
					}
					lay := laid([]any{step("code", 1, rules(), rules("ALLOW app", "DISALLOW *"), &hand{id: id})})
					lay["keys"] = object{id: key}
					in := layout.Input{Layout: own.metadata(t, lay), Owners: []*layout.Key{own.key(t)}, At: at, Links: []layout.Document{{Path: "code.link", Raw: written(t, object{"signed": body, "signatures": []any{sig}})}}}
					_, err := layout.Verify(context.Background(), in)
					if (err == nil) != (hash != "SHA1") || err != nil && !strings.Contains(hintOf(err), "the hash 2") {
						t.Errorf("%v: %s", err, hintOf(err))
					}
				})
			}
		}
	}
}

// packets are those of OpenPGP in their order, by their tags (RFC 4880 section 4.2, old form,
// which is what GnuPG writes of these).
func packets(t testing.TB, raw []byte, each func(tag byte, body []byte)) {
	t.Helper()
	for len(raw) > 0 {
		if raw[0]&0xc0 != 0x80 || raw[0]&3 == 3 {
			t.Fatalf("a packet %#x", raw[0])
		}
		tag, size, n := raw[0]>>2&0xf, 1<<(raw[0]&3), 0
		for _, b := range raw[1 : 1+size] {
			n = n<<8 + int(b)
		}
		each(tag, raw[1+size:1+size+n])
		raw = raw[1+size+n:]
	}
}

// numbers reads numbers of a number of bits (RFC 4880 section 3.2).
func numbers(raw []byte) (out [][]byte) {
	for len(raw) > 2 {
		n := (int(binary.BigEndian.Uint16(raw)) + 7) / 8
		out, raw = append(out, raw[2:2+n]), raw[2+n:]
	}
	return out
}

// exported turns an exported key into what in-toto makes of it; how long it is valid is left
// to the tests without GnuPG.
func exported(t testing.TB, raw []byte) object {
	t.Helper()
	var main object
	subkeys := object{}
	packets(t, raw, func(tag byte, body []byte) {
		if tag != 6 && tag != 14 {
			return
		}
		sum := sha1.Sum(append(binary.BigEndian.AppendUint16([]byte{0x99}, uint16(len(body))), body...)) //nolint:gosec // a fingerprint is one
		fpr := hex.EncodeToString(sum[:])
		var k object
		switch body[5] {
		case 1:
			n := numbers(body[6:])
			k = gpgKeyOf(fpr, "rsa", "pgp+rsa-pkcsv1.5", object{"n": hex.EncodeToString(n[0]), "e": hex.EncodeToString(n[1])})
		case 17:
			n := numbers(body[6:])
			k = gpgKeyOf(fpr, "dsa", "pgp+dsa-fips-180-2", object{"p": hex.EncodeToString(n[0]), "q": hex.EncodeToString(n[1]), "g": hex.EncodeToString(n[2]), "y": hex.EncodeToString(n[3])})
		case 22:
			k = gpgKeyOf(fpr, "eddsa", "pgp+eddsa-ed25519", object{"q": hex.EncodeToString(numbers(body[7+int(body[6]):])[0])})
		default:
			t.Fatalf("a key of the algorithm %d", body[5])
		}
		k["creation_time"] = int64(binary.BigEndian.Uint32(body[1:]))
		if tag == 6 {
			main = k
		} else {
			subkeys[fpr] = k
		}
	})
	main["subkeys"] = subkeys
	return main
}

// detached turns a detached signature into what in-toto makes of it.
func detached(t testing.TB, raw []byte) object {
	t.Helper()
	var out object
	packets(t, raw, func(tag byte, b []byte) {
		if tag != 2 {
			t.Fatalf("a packet of the tag %d", tag)
		}
		hashed := 6 + int(binary.BigEndian.Uint16(b[4:]))
		rest := b[hashed+2+int(binary.BigEndian.Uint16(b[hashed:]))+2:]
		n := numbers(rest)
		sig := n[0]
		switch b[2] {
		case 17:
			der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(n[0]), new(big.Int).SetBytes(n[1])})
			if err != nil {
				t.Fatal(err)
			}
			sig = der
		case 22:
			sig = make([]byte, 64)
			copy(sig[32-len(n[0]):], n[0])
			copy(sig[64-len(n[1]):], n[1])
		}
		at := bytes.Index(b[6:hashed], []byte{22, 33, 4})
		if at < 0 {
			t.Fatal("no fingerprint of the issuer")
		}
		out = object{"keyid": hex.EncodeToString(b[6+at+3 : 6+at+23]), "other_headers": hex.EncodeToString(b[:hashed]), "signature": hex.EncodeToString(sig)}
	})
	return out
}

// FuzzGPG: no key and no headers make it fall over, and what a fuzzer made up is not signed.
func FuzzGPG(f *testing.F) {
	own, ann := newHand(0), newGPGEd(1)
	body := link("s", object{}, files("app", "app"))
	f.Add(written(f, ann.key), ann.headers(good), []byte("x"))
	f.Add([]byte(`{"method":"pgp+rsa-pkcsv1.5","keyid":"`+ann.fingerprint+`","keyval":{"public":{"n":"ff","e":"03"}}}`), []byte{4, 0, 1, 8, 0, 2, 1, 2}, []byte("y"))
	f.Fuzz(func(t *testing.T, key, headers, sig []byte) {
		var k any
		if json.Unmarshal(key, &k) != nil {
			return
		}
		lay := laid([]any{step("s", 1, rules(), rules(), &hand{id: ann.fingerprint})})
		lay["keys"] = object{ann.fingerprint: k}
		m := object{"signed": body, "signatures": []any{object{"keyid": ann.fingerprint, "other_headers": hex.EncodeToString(headers), "signature": hex.EncodeToString(sig)}}}
		message, err := cjson.EncodeCanonical(lay)
		if err != nil {
			return
		}
		raw := written(t, object{"signed": lay, "signatures": []any{object{"keyid": own.id, "sig": hex.EncodeToString(ed25519.Sign(own.private, message))}}})
		if _, err := layout.Verify(context.Background(), layout.Input{Layout: raw, Owners: []*layout.Key{own.key(t)}, At: at, Links: []layout.Document{{Path: "s.link", Raw: written(t, m)}}}); err == nil {
			t.Fatal("it was taken")
		}
	})
}
