package verify_test

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notaryproject/notation-core-go/signature"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// notaries are who signs in the tests of the Notary Project's signatures. Its library asks
// the clock of the machine when it checks a timestamp that it was just given.
type notaries struct {
	at     time.Time
	d      ident.Digest
	byName map[string]*synth.Notary
}

func newNotaries(t testing.TB) *notaries {
	t.Helper()
	w := &notaries{at: time.Now().UTC().Truncate(time.Second), d: ident.SHA256([]byte("manifest")), byName: map[string]*synth.Notary{}}
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	acme := pkix.Name{Country: []string{"US"}, Province: []string{"WA"}, Organization: []string{"acme"}, CommonName: "builder"}
	twice := acme
	twice.OrganizationalUnit = []string{"a", "b"}
	for name, o := range map[string]synth.NotaryOptions{"acme": {}, "other": {}, "p384": {Key: large}, "rsa": {Key: old}, "lists": {Lists: []string{"http://crl.example/acme.crl"}}, "asked": {Asked: []string{"http://ocsp.example"}}, "twice": {Subject: twice},
		"wabbit": {Subject: pkix.Name{Country: []string{"US"}, Province: []string{"WA"}, Organization: []string{"wabbit, inc"}, CommonName: "builder"}}} {
		o.At = w.at
		if w.byName[name], err = synth.NewNotary(o); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func policyOf(level, more string) string {
	return `{"version":"1.0","trustPolicies":[{"name":"ours","registryScopes":["registry.example/shop/web"],"signatureVerification":{"level":"` + level + `"` + more + `},` +
		`"trustStores":["ca:acme","signingAuthority:acme"],"trustedIdentities":["x509.subject: C=US, ST=WA, O=acme"]}]}`
}

// stamped is a policy that asks for timestamps.
func stamped(level, more string) string {
	return strings.Replace(policyOf(level, more), `"ca:acme"`, `"ca:acme,tsa:acme"`, 1)
}

// judge makes the judge of a policy, with the authorities of a notary in every store.
func (w *notaries) judge(t testing.TB, policy string, n *synth.Notary, change func(*verify.NotationOptions)) *verify.Notation {
	t.Helper()
	p, err := verify.ParseNotationPolicy([]byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	o := verify.NotationOptions{Policy: p, At: w.at, Stores: map[string][]*x509.Certificate{}}
	for _, s := range p.Stores() {
		kind, _, _ := strings.Cut(s, ":")
		raw := n.Root()
		if kind == "tsa" {
			raw = n.StampRoot()
		}
		if o.Stores[s], err = verify.ParseStoreCertificates(kind, raw); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		change(&o)
	}
	j, err := verify.NewNotation(o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestNotation is the matrix of the Notary Project's signatures: verdict and reason.
func TestNotation(t *testing.T) {
	w := newNotaries(t)
	at := func(d time.Duration) func(*verify.NotationOptions) {
		return func(o *verify.NotationOptions) { o.At = w.at.Add(d) }
	}
	revoked := func(from time.Duration, serials ...int64) func(*verify.NotationOptions) {
		return func(o *verify.NotationOptions) {
			raw, err := w.byName["lists"].RevocationList(w.at.Add(from), serials...)
			if err != nil {
				t.Fatal(err)
			}
			list, err := verify.ParseRevocationList(raw)
			if err != nil {
				t.Fatal(err)
			}
			o.Revoked = []*verify.RevocationList{list}
		}
	}
	const unknown = "indeterminate"
	late := 48 * time.Hour // all certificates are over
	for _, c := range []struct {
		name   string
		signer string // who signs; "" is acme
		trust  string // whose authority is in the stores; "" is the signer
		how    synth.NotationSigning
		change func(raw []byte) []byte
		policy string
		where  string // "" is registry.example/shop/web
		about  string // "" is what was signed
		judge  func(*verify.NotationOptions)
		reason verify.Reason
		logged []string
	}{
		{name: "good"},
		{name: "good, RSA", signer: "rsa"},
		{name: "good, P-384", signer: "p384"},
		{name: "good by a signing authority", how: synth.NotationSigning{Authority: true}},
		{name: "… after its certificate", how: synth.NotationSigning{Authority: true}, judge: at(late)},
		{name: "good with a timestamp", how: synth.NotationSigning{Stamped: w.at}, policy: stamped("strict", "")},
		{name: "… after the certificate", how: synth.NotationSigning{Stamped: w.at}, policy: stamped("strict", ""), judge: at(late)},
		{name: "good until it expires", how: synth.NotationSigning{Expiry: w.at.Add(time.Hour)}},
		{name: "good by the scope of all", policy: strings.Replace(policyOf("strict", ""), "registry.example/shop/web", "*", 1), where: "registry.example/other"},
		{name: "good for anybody of the store", signer: "wabbit", policy: strings.Replace(policyOf("strict", ""), "x509.subject: C=US, ST=WA, O=acme", "*", 1)},
		{name: "good with an escaped name", signer: "wabbit", policy: strings.Replace(policyOf("strict", ""), "O=acme", `O=wabbit\\, inc`, 1)},
		{name: "good by a list that revokes another", signer: "lists", judge: revoked(0, 7)},

		{name: "forged: another's signature", trust: "other", reason: verify.UnknownIssuer},
		{name: "changed payload", change: bit("payload"), reason: verify.BadSignature},
		{name: "changed signature", change: bit("signature"), reason: verify.BadSignature},
		{name: "changed header", change: backdated, reason: verify.BadSignature},
		{name: "about another artifact", about: "other", reason: verify.WrongArtifact},
		{name: "wrong scope", where: "registry.example/shop/webs", reason: verify.NoTrustPolicy},
		{name: "wrong subject", signer: "wabbit", reason: verify.WrongSubject},
		{name: "a subject of two units", signer: "twice", reason: verify.WrongSubject},
		{name: "a store of another kind", how: synth.NotationSigning{Authority: true}, policy: strings.Replace(policyOf("strict", ""), `,"signingAuthority:acme"`, "", 1), reason: verify.UnknownIssuer},
		{name: "expired", how: synth.NotationSigning{Expiry: w.at.Add(time.Hour)}, judge: at(time.Hour), reason: verify.Expired},
		{name: "… which is only logged", how: synth.NotationSigning{Expiry: w.at.Add(time.Hour)}, judge: at(time.Hour), policy: policyOf("permissive", ""), logged: []string{verify.CheckExpiry}},
		{name: "… overridden", how: synth.NotationSigning{Expiry: w.at.Add(time.Hour)}, judge: at(time.Hour), policy: policyOf("strict", `,"override":{"expiry":"log"}`), logged: []string{verify.CheckExpiry}},
		{name: "… enforced", how: synth.NotationSigning{Expiry: w.at.Add(time.Hour)}, judge: at(time.Hour), policy: policyOf("permissive", `,"override":{"expiry":"enforce"}`), reason: verify.Expired},
		{name: "the certificate is over", judge: at(late), reason: verify.OutsideTime},
		{name: "… which is only logged", judge: at(late), policy: policyOf("permissive", ""), logged: []string{verify.CheckTimestamp}},
		{name: "the certificate is not begun", judge: at(-2 * time.Hour), reason: verify.OutsideTime},
		{name: "no timestamp", policy: stamped("strict", ""), reason: verify.NoTime},
		{name: "… not needed yet", policy: stamped("strict", `,"verifyTimestamp":"afterCertExpiry"`)},
		{name: "… needed now", policy: stamped("strict", `,"verifyTimestamp":"afterCertExpiry"`), judge: at(late), reason: verify.NoTime},
		{name: "a timestamp after the certificate", how: synth.NotationSigning{Stamped: w.at.Add(late)}, policy: stamped("strict", ""), reason: verify.OutsideTime},
		{name: "a timestamp of nobody", how: synth.NotationSigning{Stamped: w.at}, policy: stamped("strict", ""), reason: verify.BadTimestamp, judge: func(o *verify.NotationOptions) {
			o.Stores["tsa:acme"], _ = verify.ParseStoreCertificates("tsa", w.byName["other"].StampRoot())
		}},
		{name: "a timestamp of another signature", how: synth.NotationSigning{Stamped: w.at}, policy: stamped("strict", ""), change: w.borrowed(t), reason: verify.BadTimestamp},
		{name: "a list of revocations is wanted", signer: "lists", reason: unknown},
		{name: "… of today", signer: "lists", judge: revoked(-3 * time.Hour), reason: unknown},
		{name: "… of this authority", signer: "lists", reason: unknown, judge: func(o *verify.NotationOptions) {
			raw, err := w.byName["acme"].RevocationList(w.at)
			if err != nil {
				t.Fatal(err)
			}
			list, err := verify.ParseRevocationList(raw)
			if err != nil {
				t.Fatal(err)
			}
			o.Revoked = append(o.Revoked, list)
		}},
		{name: "… which is only logged", signer: "lists", policy: policyOf("permissive", ""), logged: []string{verify.CheckRevocation}},
		{name: "… and not asked for", signer: "lists", policy: policyOf("strict", `,"override":{"revocation":"skip"}`)},
		{name: "revoked", signer: "lists", judge: revoked(0, 2), reason: verify.Revoked},
		{name: "revoked, by an old list", signer: "lists", judge: revoked(-3*time.Hour, 2), reason: verify.Revoked},
		{name: "audit of a stranger", trust: "other", policy: policyOf("audit", ""), logged: []string{verify.CheckAuthenticity}},
		{name: "… who is changed", trust: "other", policy: policyOf("audit", ""), change: bit("payload"), reason: verify.BadSignature},
		{name: "… who has it asked", signer: "lists", trust: "other", policy: policyOf("audit", `,"override":{"revocation":"enforce"}`), reason: verify.UnknownIssuer},
		{name: "nothing is verified", policy: `{"version":"1.0","trustPolicies":[{"name":"ours","registryScopes":["registry.example/shop/web"],"signatureVerification":{"level":"skip"}}]}`, reason: verify.NotVerified},
		{name: "an attribute that must be understood", how: synth.NotationSigning{Attributes: []signature.Attribute{{Key: "com.example.owner", Critical: true, Value: "x"}}}, reason: verify.BadAttribute},
		{name: "… and need not be", how: synth.NotationSigning{Attributes: []signature.Attribute{{Key: "com.example.owner", Value: "x"}}}},
		{name: "a plugin, and no folder of them", how: synth.NotationSigning{Attributes: []signature.Attribute{{Key: "io.cncf.notary.verificationPlugin", Critical: true, Value: "x"}}}, reason: unknown},
		{name: "only identities of plugins", policy: strings.Replace(policyOf("strict", ""), "x509.subject: C=US, ST=WA, O=acme", "arn:aws:signer:us-west-2:111122223333:/signing-profiles/web", 1), reason: verify.WrongSubject},
		{name: "another payload", how: synth.NotationSigning{Type: "application/json"}, reason: verify.BadStatement},
		{name: "a payload without a digest", how: synth.NotationSigning{Payload: []byte(`{"targetArtifact":{}}`)}, reason: verify.BadStatement},
		{name: "one of two digests", how: synth.NotationSigning{Payload: []byte(`{"targetArtifact":{"digest":"` + w.d.String() + `"},"targetArtifact":{"digest":"sha256:00"}}`)}, reason: verify.BadStatement},
		{name: "empty", change: func([]byte) []byte { return nil }, reason: verify.BadBundle},
		{name: "too large", change: func([]byte) []byte { return bytes.Repeat([]byte(" "), 1<<20+1) }, reason: verify.BadBundle},
		{name: "distrusted", judge: func(o *verify.NotationOptions) {
			o.Distrust = []verify.Distrust{{Subject: w.byName["acme"].Certificate.Subject.String()}}
		}, reason: verify.Distrusted},
	} {
		for _, cose := range []bool{false, true} {
			// JWS is text, and payloads with a name twice cannot be written by the library in it.
			if cose && c.change != nil && c.name != "empty" && c.name != "too large" || !cose && c.name == "one of two digests" {
				continue
			}
			name := c.name + ", JWS"
			if cose {
				name = c.name + ", COSE"
			}
			t.Run(name, func(t *testing.T) {
				signer := w.byName[cmp.Or(c.signer, "acme")]
				c.how.COSE = cose
				raw, kind, err := signer.Sign(w.d.String(), c.how)
				if err != nil {
					t.Fatal(err)
				}
				if c.change != nil {
					raw = c.change(raw)
				}
				about := w.d
				if c.about != "" {
					about = ident.SHA256([]byte(c.about))
				}
				trust := signer
				if c.trust != "" {
					trust = w.byName[c.trust]
				}
				j := w.judge(t, cmp.Or(c.policy, policyOf("strict", "")), trust, c.judge)
				f, err := j.Signature(t.Context(), raw, kind, cmp.Or(c.where, "registry.example/shop/web"), about)
				var r *verify.Refusal
				got := verify.Reason("")
				switch {
				case errors.As(err, &r):
					got = r.Reason
				case ident.KindOf(err) == ident.KindIndeterminate && err != nil:
					got = unknown
				}
				if got != c.reason || (err == nil) != (c.reason == "") {
					t.Fatalf("%v (%s), want %q", err, got, c.reason)
				}
				if err != nil {
					return
				}
				x := f.Signer.X509
				if f.Artifact != w.d || f.Claim != fact.Signature || x == nil || x.Policy != "ours" || !slices.Equal(x.Logged, c.logged) || len(f.Notes) != len(c.logged) || f.Trust.IsZero() {
					t.Errorf("%+v %+v", f, x)
				}
				if want := !c.how.Stamped.IsZero() || c.how.Authority; (len(f.Times) == 1) != want {
					t.Errorf("%+v", f.Times)
				}
			})
		}
	}
}

// bit changes one bit of a member of a JWS that is bytes.
func bit(member string) func([]byte) []byte {
	return func(raw []byte) []byte {
		return edit(raw, func(e map[string]any) {
			b, err := base64.RawURLEncoding.DecodeString(e[member].(string))
			if err != nil {
				panic(err)
			}
			b[len(b)/2] ^= 1
			e[member] = base64.RawURLEncoding.EncodeToString(b)
		})
	}
}

// backdated changes when a signature says that it was made.
func backdated(raw []byte) []byte {
	return edit(raw, func(e map[string]any) {
		header, err := base64.RawURLEncoding.DecodeString(e["protected"].(string))
		if err != nil {
			panic(err)
		}
		e["protected"] = base64.RawURLEncoding.EncodeToString(edit(header, func(h map[string]any) { h["io.cncf.notary.signingTime"] = "2020-01-01T00:00:00Z" }))
	})
}

func edit(raw []byte, change func(map[string]any)) []byte {
	var e map[string]any
	if err := json.Unmarshal(raw, &e); err != nil {
		panic(err)
	}
	change(e)
	return synth.Write(e)
}

// borrowed puts the timestamp of another signature into one.
func (w *notaries) borrowed(t *testing.T) func([]byte) []byte {
	t.Helper()
	other, _, err := w.byName["acme"].Sign(ident.SHA256([]byte("x")).String(), synth.NotationSigning{Stamped: w.at})
	if err != nil {
		t.Fatal(err)
	}
	var theirs struct {
		Header map[string]any `json:"header"`
	}
	if err := json.Unmarshal(other, &theirs); err != nil {
		t.Fatal(err)
	}
	return func(raw []byte) []byte {
		return edit(raw, func(e map[string]any) {
			const name = "io.cncf.notary.timestampSignature"
			e["header"].(map[string]any)[name] = theirs.Header[name]
		})
	}
}

// TestNotationAlgorithms tries to have an envelope judged by another algorithm than its
// certificate's key is of.
func TestNotationAlgorithms(t *testing.T) {
	w := newNotaries(t)
	n := w.byName["acme"]
	raw, kind, err := n.Sign(w.d.String(), synth.NotationSigning{})
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(n.Certificate.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		alg  string
		sign func(signed []byte) []byte
	}{
		"none":                       {"none", func([]byte) []byte { return nil }},
		"the public key as a secret": {"HS256", func(b []byte) []byte { m := hmac.New(sha256.New, public); m.Write(b); return m.Sum(nil) }},
		"another curve":              {"ES384", func([]byte) []byte { return make([]byte, 96) }},
		"RSA":                        {"PS256", func([]byte) []byte { return make([]byte, 256) }},
		"PKCS #1":                    {"RS256", func([]byte) []byte { return make([]byte, 256) }},
		"not known":                  {"ES256K", func([]byte) []byte { return make([]byte, 64) }},
	} {
		t.Run(name, func(t *testing.T) {
			forged := edit(raw, func(e map[string]any) {
				header, err := base64.RawURLEncoding.DecodeString(e["protected"].(string))
				if err != nil {
					t.Fatal(err)
				}
				e["protected"] = base64.RawURLEncoding.EncodeToString(edit(header, func(h map[string]any) { h["alg"] = c.alg }))
				signed := e["protected"].(string) + "." + e["payload"].(string)
				e["signature"] = base64.RawURLEncoding.EncodeToString(c.sign([]byte(signed)))
			})
			f, err := w.judge(t, policyOf("strict", ""), n, nil).Signature(t.Context(), forged, kind, "registry.example/shop/web", w.d)
			var r *verify.Refusal
			if !errors.As(err, &r) || r.Reason != verify.BadSignature && r.Reason != verify.BadBundle {
				t.Errorf("%v %+v", err, f)
			}
		})
	}
	t.Run("two readings", func(t *testing.T) {
		twice := bytes.Replace(raw, []byte(`{`), []byte(`{"payload":"e30",`), 1)
		if _, err := w.judge(t, policyOf("strict", ""), n, nil).Signature(t.Context(), twice, kind, "registry.example/shop/web", w.d); err == nil {
			t.Error("a name that occurs twice was taken")
		}
	})
	t.Run("as the other kind of envelope", func(t *testing.T) {
		for _, kind := range []string{"application/cose", "application/json", ""} {
			if _, err := w.judge(t, policyOf("strict", ""), n, nil).Signature(t.Context(), raw, kind, "registry.example/shop/web", w.d); err == nil {
				t.Errorf("%q was taken", kind)
			}
		}
	})
}

// TestNotationPolicies are the documents that are refused, and a word of why.
func TestNotationPolicies(t *testing.T) {
	good := policyOf("strict", "")
	with := func(was, is string) string { return strings.Replace(good, was, is, 1) }
	for name, c := range map[string]struct{ doc, says string }{
		"malformed":                    {`{`, "malformed"},
		"another version":              {with(`"1.0"`, `"2.0"`), "version"},
		"empty":                        {`{"version":"1.0","trustPolicies":[]}`, "no trust policy"},
		"unknown member":               {with(`"name"`, `"nom":"x","name"`), "unknown member"},
		"unknown member of the level":  {policyOf("strict", `,"x":"y"`), "unknown member"},
		"a name twice":                 {with(`"name":"ours"`, `"name":"ours","name":"ours"`), "malformed"},
		"no name":                      {with(`"ours"`, `""`), "name of its own"},
		"unknown level":                {policyOf("lax", ""), "level"},
		"integrity overridden":         {policyOf("strict", `,"override":{"integrity":"log"}`), "overrides"},
		"authenticity skipped":         {policyOf("strict", `,"override":{"authenticity":"skip"}`), "authenticity"},
		"verifyTimestamp":              {policyOf("strict", `,"verifyTimestamp":"never"`), "verifyTimestamp"},
		"no scope":                     {with(`["registry.example/shop/web"]`, `[]`), "registryScopes"},
		"a pattern as scope":           {with("shop/web", "shop/*"), "whole repository"},
		"a registry as scope":          {with("registry.example/shop/web", "registry.example"), "whole repository"},
		"* and another":                {with(`"registry.example/shop/web"`, `"*","registry.example/shop/web"`), "beside others"},
		"no stores":                    {with(`["ca:acme","signingAuthority:acme"]`, `[]`), "trustStores"},
		"a store of another kind":      {with(`ca:acme`, `cb:acme`), "trust store"},
		"a store outside":              {with(`ca:acme`, `ca:../../etc`), "trust store"},
		"no identities":                {with(`["x509.subject: C=US, ST=WA, O=acme"]`, `[]`), "trustedIdentities"},
		"an identity of no kind":       {with(`x509.subject: C=US, ST=WA, O=acme`, `a@b`), "x509.subject"},
		"an identity without a state":  {with(`, ST=WA`, ``), "ST"},
		"an identity that is no name":  {with(`O=acme`, `acme`), "NAME=VALUE"},
		"an attribute twice":           {with(`O=acme`, `O=acme, O=b`), "twice"},
		"an unknown attribute":         {with(`O=acme`, `O=acme, DC=b`), "not known"},
		"identities within each other": {with(`O=acme"`, `O=acme","x509.subject: C=US, ST=WA, O=acme, CN=a"`), "part of the other"},
		"* and an identity":            {with(`"x509.subject`, `"*","x509.subject`), "alone"},
		"skip with stores":             {policyOf("skip", ""), "skip"},
		"two of one scope":             {strings.Replace(good, `]}`, `,`+strings.Replace(good[strings.Index(good, `[`)+1:], `"ours"`, `"b"`, 1), 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := verify.ParseNotationPolicy([]byte(c.doc)); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q\n%s", err, c.says, c.doc)
			}
		})
	}
	if _, err := verify.ParseNotationPolicy([]byte(good)); err != nil {
		t.Error(err)
	}
}

// TestStoreCertificates: what is no authority is none.
func TestStoreCertificates(t *testing.T) {
	w := newNotaries(t)
	n := w.byName["acme"]
	for name, c := range map[string]struct {
		kind string
		raw  []byte
		want int
	}{
		"PEM": {"ca", n.Root(), 1}, "two": {"ca", slices.Concat(n.Root(), w.byName["other"].Root()), 2}, "tsa": {"tsa", n.StampRoot(), 1},
		"a signer": {"ca", n.Certificate.Raw, 0}, "empty": {"ca", nil, 0}, "text": {"ca", []byte("x"), 0}, "text after it": {"ca", append(n.Root(), "x"...), 0},
		"a key": {"ca", []byte("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := verify.ParseStoreCertificates(c.kind, c.raw); len(got) != c.want || (err == nil) != (c.want > 0) {
				t.Errorf("%d %v", len(got), err)
			}
		})
	}
}

func FuzzNotation(f *testing.F) {
	w := newNotaries(f)
	for _, cose := range []bool{false, true} {
		raw, _, err := w.byName["acme"].Sign(w.d.String(), synth.NotationSigning{COSE: cose, Expiry: w.at.Add(time.Hour), Stamped: w.at})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, cose)
	}
	j := w.judge(f, policyOf("strict", ""), w.byName["acme"], nil)
	stranger := ident.SHA256([]byte("nobody signed this"))
	f.Fuzz(func(t *testing.T, raw []byte, cose bool) {
		kind := verify.NotationEnvelopes()[0]
		if cose {
			kind = verify.NotationEnvelopes()[1]
		}
		if got, err := j.Signature(t.Context(), raw, kind, "registry.example/shop/web", stranger); err == nil {
			t.Errorf("%+v", got)
		}
	})
}

func FuzzNotationPolicy(f *testing.F) {
	f.Add([]byte(policyOf("strict", `,"override":{"expiry":"log"}`)))
	f.Add([]byte(stamped("audit", "")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if p, err := verify.ParseNotationPolicy(raw); err == nil {
			_ = p.Stores()
		}
	})
}
