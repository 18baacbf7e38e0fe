package layout_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"

	"github.com/cofferdam-io/cofferdam/internal/testenv/module"
	"github.com/cofferdam-io/cofferdam/provenance/layout"
)

// holder is somebody with a certificate, who may be an authority.
type holder struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue makes a certificate; by nil is by itself.
func issue(t testing.TB, by *holder, key crypto.Signer, c x509.Certificate) *holder {
	t.Helper()
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	if c.NotBefore.IsZero() {
		c.NotBefore, c.NotAfter = at.Add(-time.Hour), at.Add(time.Hour)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = serial
	if by == nil {
		by = &holder{&c, key}
	}
	raw, err := x509.CreateCertificate(rand.Reader, &c, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &holder{cert, key}
}

func authority(t testing.TB, by *holder, name string) *holder {
	t.Helper()
	return issue(t, by, nil, x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
}

func (h *holder) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.cert.Raw}))
}

// metadata signs as in-toto does, with the certificate of whom.
func (h *holder) metadata(t testing.TB, body any, whose *holder) []byte {
	t.Helper()
	message, err := cjson.EncodeCanonical(body)
	if err != nil {
		t.Fatal(err)
	}
	var sig []byte
	sum := sha256.Sum256(message)
	switch k := h.key.(type) {
	case *rsa.PrivateKey:
		sig, err = rsa.SignPSS(rand.Reader, k, crypto.SHA256, sum[:], nil)
	case ed25519.PrivateKey:
		sig = ed25519.Sign(k, message)
	default:
		sig, err = h.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	}
	if err != nil {
		t.Fatal(err)
	}
	return written(t, object{"signed": body, "signatures": []any{object{"keyid": strings.Repeat("ab", 32), "sig": hex.EncodeToString(sig), "cert": whose.pem()}}})
}

func authoritiesOf(holders map[string]*holder) object {
	out := object{}
	for id, h := range holders {
		out[id] = object{"keyid": id, "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": object{"private": "", "certificate": h.pem()}}
	}
	return out
}

// free is a constraint that all of an authority keep.
func free(roots ...any) object {
	all := []any{"*"}
	return object{"common_name": "*", "dns_names": all, "emails": all, "organizations": all, "roots": roots, "uris": all} //nolint:misspell // in-toto's word
}

// TestCertificates: who has a certificate of the layout's authorities that keeps a
// constraint counts, and nobody else.
func TestCertificates(t *testing.T) {
	own := newHand(0)
	root, other := authority(t, nil, "root"), authority(t, nil, "other")
	between := authority(t, root, "between")
	workload := func(names ...string) []*url.URL {
		var out []*url.URL
		for _, n := range names {
			u, err := url.Parse("spiffe://example.com/" + n)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, u)
		}
		return out
	}
	ann := pkix.Name{CommonName: "Ann", Organization: []string{"Example Corp"}}
	leaf := x509.Certificate{Subject: ann, URIs: workload("builder"), EmailAddresses: []string{"ann@corp.example"}, KeyUsage: x509.KeyUsageDigitalSignature}
	with := func(change func(*x509.Certificate)) x509.Certificate { c := leaf; change(&c); return c }
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GODEBUG", "rsa1024min=0")
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := issue(t, between, nil, leaf)
	frail := issue(t, root, short, x509.Certificate{Subject: pkix.Name{CommonName: "frail"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	narrow := issue(t, root, nil, x509.Certificate{Subject: pkix.Name{CommonName: "narrow"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, PermittedURIDomains: []string{"other.example"}})
	exact := object{"common_name": "Ann", "dns_names": []any{}, "emails": []any{"ann@corp.example"}, "organizations": []any{"Example Corp"}, "roots": []any{"r00t"}, "uris": []any{"spiffe://example.com/builder"}} //nolint:misspell // in-toto's word
	body := link("code", object{}, files("app", "app"))
	for name, c := range map[string]struct {
		constraints []any // nil: exact
		by, whose   *holder
		change      func(layout object)
		want        layout.Reason // "" : it counts
		says        string
	}{
		"every value":                     {nil, good, nil, nil, "", ""},
		"anything of the authority":       {[]any{free("r00t")}, good, nil, nil, "", ""},
		"anything of any authority":       {[]any{free("*")}, good, nil, nil, "", ""},
		"the second constraint":           {[]any{changed(exact, object{"common_name": "Ben"}), exact}, good, nil, nil, "", ""},
		"RSA":                             {nil, issue(t, between, long, leaf), nil, nil, "", ""},
		"Ed25519":                         {nil, issue(t, between, edwards, leaf), nil, nil, "", ""},
		"by the root itself":              {nil, issue(t, root, nil, leaf), nil, nil, "", ""},
		"an authority's as keyval.public": {nil, good, nil, func(l object) { l["rootcas"] = object{"r00t": object{"keyval": object{"public": root.pem()}}} }, "", ""},

		"another common name":              {[]any{changed(exact, object{"common_name": "Ben"})}, good, nil, nil, layout.Threshold, `common name "Ann"`},
		"no common name":                   {[]any{changed(exact, object{"common_name": ""})}, good, nil, nil, layout.Threshold, "common name"},
		"no word of the common name":       {[]any{changed(exact, object{"common_name": nil})}, good, nil, nil, layout.Threshold, "common name"},
		"another URI":                      {[]any{changed(exact, object{"uris": []any{"spiffe://example.com/other"}})}, good, nil, nil, layout.Threshold, "URI"},
		"a part of the URI":                {[]any{changed(exact, object{"uris": []any{"spiffe://example.com/*"}})}, good, nil, nil, layout.Threshold, "URI"},
		"no URI":                           {[]any{changed(exact, object{"uris": []any{}})}, good, nil, nil, layout.Threshold, "URI"},
		"one URI more":                     {nil, issue(t, between, nil, with(func(c *x509.Certificate) { c.URIs = workload("builder", "admin") })), nil, nil, layout.Threshold, "admin"},
		"one URI less":                     {[]any{changed(exact, object{"uris": []any{"spiffe://example.com/builder", "spiffe://example.com/b"}})}, good, nil, nil, layout.Threshold, "does not have the URI"},
		"another email":                    {nil, issue(t, between, nil, with(func(c *x509.Certificate) { c.EmailAddresses = []string{"eve@corp.example"} })), nil, nil, layout.Threshold, "eve@"},
		"a DNS name beside":                {nil, issue(t, between, nil, with(func(c *x509.Certificate) { c.DNSNames = []string{"x.example"} })), nil, nil, layout.Threshold, "DNS name"},
		"another organization":             {nil, issue(t, between, nil, with(func(c *x509.Certificate) { c.Subject.Organization = []string{"Evil"} })), nil, nil, layout.Threshold, "Evil"},
		"another root":                     {nil, issue(t, other, nil, leaf), nil, nil, layout.Threshold, "authority"},
		"the layout's other root":          {nil, issue(t, other, nil, leaf), nil, func(l object) { l["rootcas"] = authoritiesOf(map[string]*holder{"r00t": root, "other": other}) }, layout.Threshold, "authority"},
		"… which any may be":               {[]any{free("*")}, issue(t, other, nil, leaf), nil, func(l object) { l["rootcas"] = authoritiesOf(map[string]*holder{"r00t": root, "other": other}) }, "", ""},
		"a root that the layout has not":   {[]any{free("none")}, good, nil, nil, layout.Threshold, "names none"},
		"no root":                          {[]any{free()}, good, nil, nil, layout.Threshold, "names none"},
		"no authorities":                   {nil, good, nil, func(l object) { delete(l, "rootcas") }, layout.Threshold, "rootcas"},
		"without what is between":          {nil, good, nil, func(l object) { delete(l, "intermediatecas") }, layout.Threshold, "authority"},
		"by itself":                        {nil, issue(t, nil, nil, leaf), nil, nil, layout.Threshold, "authority"},
		"over":                             {nil, issue(t, root, nil, with(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = at.Add(-2*time.Hour), at.Add(-time.Second) })), nil, nil, layout.Threshold, "expired"},
		"not begun":                        {nil, issue(t, root, nil, with(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = at.Add(time.Second), at.Add(time.Hour) })), nil, nil, layout.Threshold, "not yet valid"},
		"a key that is too short":          {nil, issue(t, root, short, leaf), nil, nil, layout.Threshold, "1024 bits"},
		"an authority's key that is":       {nil, issue(t, frail, nil, leaf), nil, func(l object) { l["intermediatecas"] = authoritiesOf(map[string]*holder{"f": frail}) }, layout.Threshold, "authority"},
		"for another purpose":              {nil, issue(t, root, nil, with(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })), nil, nil, layout.Threshold, "something else"},
		"a name that is not its to give":   {nil, issue(t, narrow, nil, leaf), nil, func(l object) { l["intermediatecas"] = authoritiesOf(map[string]*holder{"n": narrow}) }, layout.Threshold, "not permitted"},
		"what is no authority between":     {nil, issue(t, good, nil, leaf), nil, func(l object) { l["intermediatecas"] = authoritiesOf(map[string]*holder{"b": between, "g": good}) }, layout.Malformed, "no authority's"},
		"a certificate of somebody else":   {nil, issue(t, other, nil, leaf), good, nil, layout.Threshold, "does not verify"},
		"* beside others":                  {[]any{changed(exact, object{"uris": []any{"*", "x"}})}, good, nil, nil, layout.Malformed, "beside others"},
		"what is not known of constraints": {[]any{changed(exact, object{"extensions": object{"issuer": "x"}})}, good, nil, nil, layout.Malformed, "extensions"},
		"a text for a list":                {[]any{changed(exact, object{"uris": "*"})}, good, nil, nil, layout.Malformed, "uris"},
		"a list for a text":                {[]any{changed(exact, object{"common_name": []any{"*"}})}, good, nil, nil, layout.Malformed, "common_name"},
		"a root that is no certificate":    {nil, good, nil, func(l object) { l["rootcas"] = object{"r00t": object{"keyval": object{"certificate": "x"}}} }, layout.Malformed, "rootcas"},
	} {
		t.Run(name, func(t *testing.T) {
			s := step("code", 1, rules(), rules("ALLOW app", "DISALLOW *"))
			if s["cert_constraints"] = c.constraints; c.constraints == nil {
				s["cert_constraints"] = []any{exact}
			}
			lay := laid([]any{s})
			lay["rootcas"], lay["intermediatecas"] = authoritiesOf(map[string]*holder{"r00t": root}), authoritiesOf(map[string]*holder{"b": between})
			if c.change != nil {
				c.change(lay)
			}
			if c.whose == nil {
				c.whose = c.by
			}
			r, err := layout.Verify(context.Background(), layout.Input{Layout: own.metadata(t, lay), Owners: []*layout.Key{own.key(t)}, At: at, Links: []layout.Document{{Path: "code.abababab.link", Raw: c.by.metadata(t, body, c.whose)}}})
			if refusal(err) != c.want || (err == nil) != (c.want == "") {
				t.Fatalf("%v: %s; want %q", err, hintOf(err), c.want)
			}
			if err != nil && !strings.Contains(err.Error()+hintOf(err), c.says) {
				t.Errorf("%v: %s; want %q", err, hintOf(err), c.says)
			}
			if err == nil && !strings.Contains(r.Steps[0].Who[0], "certificate of spiffe://example.com/builder") {
				t.Errorf("%+v", r.Steps)
			}
		})
	}
}

// TestCertificateThreshold: one name is one functionary, and so is one key.
func TestCertificateThreshold(t *testing.T) {
	own, ann := newHand(0), newHand(1)
	root := authority(t, nil, "root")
	of := func(name string, key crypto.Signer) *holder {
		return issue(t, root, key, x509.Certificate{Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature})
	}
	one, again, two := of("one", nil), of("one", nil), of("two", nil)
	same := of("three", one.key)
	annToo := of("ann", ann.private)
	body := link("code", object{}, files("app", "app"))
	for name, c := range map[string]struct {
		links map[string][]byte
		says  string // "": the threshold of two is met
	}{
		"two names":                 {map[string][]byte{"a": one.metadata(t, body, one), "b": two.metadata(t, body, two)}, ""},
		"a name and a key":          {map[string][]byte{"a": one.metadata(t, body, one), "b": ann.metadata(t, body)}, ""},
		"one name, two keys":        {map[string][]byte{"a": one.metadata(t, body, one), "b": again.metadata(t, body, again)}, "1 of those"},
		"one key, two names":        {map[string][]byte{"a": one.metadata(t, body, one), "b": same.metadata(t, body, same)}, "1 of those"},
		"all of these are one":      {map[string][]byte{"a": again.metadata(t, body, again), "b": same.metadata(t, body, same), "c": one.metadata(t, body, one)}, "1 of those"},
		"a key and its certificate": {map[string][]byte{"a": ann.metadata(t, body), "b": annToo.metadata(t, body, annToo)}, "1 of those"},
		"one name says two things":  {map[string][]byte{"a": one.metadata(t, body, one), "b": again.metadata(t, link("code", object{}, files("app", "other")), again)}, "different things"},
	} {
		t.Run(name, func(t *testing.T) {
			s := step("code", 2, rules(), rules("ALLOW app", "DISALLOW *"), ann)
			s["cert_constraints"] = []any{free("r00t")}
			lay := laid([]any{s}, ann)
			lay["rootcas"] = authoritiesOf(map[string]*holder{"r00t": root})
			in := layout.Input{Layout: own.metadata(t, lay), Owners: []*layout.Key{own.key(t)}, At: at}
			for p, raw := range c.links {
				in.Links = append(in.Links, layout.Document{Path: "code." + p + ".link", Raw: raw})
			}
			_, err := layout.Verify(context.Background(), in)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want %q", err, c.says)
			}
		})
	}
}

// TestInTotoCertificates judges a link that is signed with the certificate that in-toto's
// own tests sign with.
func TestInTotoCertificates(t *testing.T) {
	data := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(module.Dir(t, "github.com/in-toto/in-toto-golang"), "test", "data", name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	parse := func(name string) *holder {
		block, _ := pem.Decode(data(name))
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return &holder{cert: c}
	}
	root, between, leaf := parse("root.cert.pem"), parse("example.com.intermediate.cert.pem"), parse("example.com.write-code.cert.pem")
	block, _ := pem.Decode(data("example.com.write-code.key.pem"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
			t.Fatal(err)
		}
	}
	leaf.key = key.(crypto.Signer) //nolint:forcetypeassert // all are
	own := newHand(0)
	s := step("code", 1, rules(), rules("ALLOW app", "DISALLOW *"))
	s["cert_constraints"] = []any{free("r00t")}
	lay := laid([]any{s})
	lay["expires"] = "2099-01-01T00:00:00Z"
	lay["rootcas"], lay["intermediatecas"] = authoritiesOf(map[string]*holder{"r00t": root}), authoritiesOf(map[string]*holder{"b": between})
	in := layout.Input{Layout: own.metadata(t, lay), Owners: []*layout.Key{own.key(t)}, Links: []layout.Document{{Path: "code.link", Raw: leaf.metadata(t, link("code", object{}, files("app", "app")), leaf)}}}
	for when, want := range map[time.Time]layout.Reason{leaf.cert.NotBefore.Add(time.Hour): "", leaf.cert.NotAfter.Add(time.Hour): layout.Threshold} {
		in.At = when
		if _, err := layout.Verify(context.Background(), in); refusal(err) != want || (err == nil) != (want == "") {
			t.Errorf("at %s: %v: %s", when, err, hintOf(err))
		}
	}
}
