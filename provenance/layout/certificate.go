package layout

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// authorities are those whose certificates functionaries may have (ITE-7, "Certificate
// Authorities").
type authorities struct {
	roots         map[string]*x509.Certificate // by the layout's name of their keys
	intermediates []*x509.Certificate
}

// maxAuthorities bounds those of one layout.
const maxAuthorities = 1000

func readAuthorities(body map[string]any) (authorities, error) {
	out := authorities{roots: map[string]*x509.Certificate{}}
	for _, member := range []string{"rootcas", "intermediatecas"} {
		list, _ := body[member].(map[string]any)
		if len(list) > maxAuthorities {
			return out, ident.Errorf(ident.KindLimit, "the layout has more than %d %s", maxAuthorities, member)
		}
		for _, id := range slices.Sorted(maps.Keys(list)) {
			m, _ := list[id].(map[string]any)
			val, _ := m["keyval"].(map[string]any)
			text, _ := val["certificate"].(string)
			if text == "" {
				text, _ = val["public"].(string)
			}
			c, err := readCertificate(text)
			if err == nil && !c.IsCA {
				err = fmt.Errorf("is no authority's certificate")
			}
			if err != nil {
				return out, ident.Errorf(ident.KindInvalid, "%s of the layout: %.20s %w", member, id, err)
			}
			if member == "rootcas" {
				out.roots[id] = c
			} else {
				out.intermediates = append(out.intermediates, c)
			}
		}
	}
	return out, nil
}

// readCertificate reads one certificate in PEM, and nothing beside.
func readCertificate(text string) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("is not one certificate in PEM")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("is a malformed certificate: %w", err)
	}
	return c, nil
}

// Constraint says what a functionary's certificate has to be like (ITE-7, "Certificate
// Constraints"): to have exactly these values. Any holds "*" alone; none, that the
// certificate has none.
type Constraint struct {
	CommonNames, DNSNames, Emails, Organisations, URIs []string
	// Roots are the layout's names of the authorities that may be at the end of the chain.
	Roots []string
}

// wildcard is what a constraint has in the place of values where all are good.
const wildcard = "*"

func readConstraints(v any) ([]Constraint, error) {
	list, ok := v.([]any)
	if !ok && v != nil {
		return nil, ident.Errorf(ident.KindInvalid, "cert_constraints is no list")
	}
	if len(list) > maxRules {
		return nil, ident.Errorf(ident.KindLimit, "cert_constraints has more than %d", maxRules)
	}
	var out []Constraint
	for _, x := range list {
		m, ok := x.(map[string]any)
		if !ok {
			return nil, ident.Errorf(ident.KindInvalid, "a constraint of cert_constraints is no object")
		}
		var c Constraint
		for _, name := range slices.Sorted(maps.Keys(m)) {
			var values []any
			into := map[string]*[]string{"common_name": &c.CommonNames, "dns_names": &c.DNSNames, "emails": &c.Emails, "organizations": &c.Organisations, "roots": &c.Roots, "uris": &c.URIs}[name] //nolint:misspell // in-toto's word
			switch value := m[name].(type) {
			case string:
				values, ok = []any{value}, name == "common_name"
			case []any:
				values, ok = value, name != "common_name"
			case nil:
				ok = true
			default:
				ok = false
			}
			if into == nil || !ok {
				return nil, ident.Errorf(ident.KindInvalid, "a constraint of cert_constraints has %.60q, which is not known or of another kind than it has to be", name)
			}
			for _, value := range values {
				text, ok := value.(string)
				if !ok || text == wildcard && len(values) > 1 {
					return nil, ident.Errorf(ident.KindInvalid, "%s of cert_constraints has something that is no text, or * beside others", name)
				}
				if text != "" {
					*into = append(*into, text)
				}
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// keeps returns why a certificate does not keep the constraint, its authority aside.
func (c *Constraint) keeps(cert *x509.Certificate) error {
	var names []string
	if cert.Subject.CommonName != "" {
		names = []string{cert.Subject.CommonName}
	}
	for _, of := range []struct {
		what       string
		want, have []string
	}{
		{"common name", c.CommonNames, names}, {"DNS name", c.DNSNames, cert.DNSNames}, {"email", c.Emails, cert.EmailAddresses},
		{"organization", c.Organisations, cert.Subject.Organization}, {"URI", c.URIs, uris(cert.URIs)},
	} {
		if slices.Equal(of.want, []string{wildcard}) {
			continue
		}
		for _, v := range of.have {
			if !slices.Contains(of.want, v) {
				return fmt.Errorf("has the %s %.120q, which the step does not name", of.what, v)
			}
		}
		for _, v := range of.want {
			if !slices.Contains(of.have, v) {
				return fmt.Errorf("does not have the %s %.120q", of.what, v)
			}
		}
	}
	return nil
}

func uris(list []*url.URL) []string {
	var out []string
	for _, u := range list {
		out = append(out, u.String())
	}
	return out
}

// chained returns the layout's name of the root that a certificate comes from, among those
// that a constraint allows.
func (a *authorities) chained(cert *x509.Certificate, c *Constraint, at time.Time) (string, error) {
	if len(a.roots) == 0 {
		return "", fmt.Errorf("comes from no authority: the layout has none (rootcas)")
	}
	between := x509.NewCertPool()
	for _, i := range a.intermediates {
		between.AddCert(i)
	}
	var why error
	for _, id := range slices.Sorted(maps.Keys(a.roots)) {
		if !slices.Equal(c.Roots, []string{wildcard}) && !slices.Contains(c.Roots, id) {
			continue
		}
		roots := x509.NewCertPool()
		roots.AddCert(a.roots[id])
		chains, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err != nil {
			why = err
			continue
		}
		if slices.ContainsFunc(chains, strong) {
			return id, nil
		}
		why = fmt.Errorf("an authority above it has a weak key")
	}
	if why == nil {
		return "", fmt.Errorf("comes from no authority: the step names none that the layout has")
	}
	return "", fmt.Errorf("does not come from an authority that the step names: %w", why)
}

// strong reports whether no authority of a chain has a key that is too short.
func strong(chain []*x509.Certificate) bool {
	return !slices.ContainsFunc(chain, func(c *x509.Certificate) bool {
		k, is := c.PublicKey.(*rsa.PublicKey)
		return is && rsaLength(k) != nil
	})
}

// functionary returns who has a certificate that keeps one of a step's constraints, or why
// nobody does.
func (a *authorities) functionary(s *Step, cert *x509.Certificate, at time.Time) (*Key, error) {
	k, err := newKey("", cert.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("has a key that %w", err)
	}
	if cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return nil, fmt.Errorf("is for something else than signatures")
	}
	for i := range s.Certificates {
		c := &s.Certificates[i]
		if err = c.keeps(cert); err != nil {
			continue
		}
		var root string
		if root, err = a.chained(cert, c, at); err == nil {
			k.Who = fmt.Sprintf("certificate of %s, by the authority %.16s", named(cert), root)
			k.owned = append(k.owned, identity(cert))
			return k, nil
		}
	}
	return nil, err
}

// identity is whom a certificate names: its subject and all its other names. Two with one
// name are one functionary, whatever keys they have.
func identity(cert *x509.Certificate) ident.Digest {
	text := slices.Clone(cert.RawSubject)
	for _, e := range cert.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) { // subjectAltName (RFC 5280 section 4.2.1.6)
			text = append(text, e.Value...)
		}
	}
	return ident.SHA256(append([]byte("certificate of "), text...))
}

func named(cert *x509.Certificate) string {
	for _, of := range [][]string{uris(cert.URIs), cert.EmailAddresses, cert.DNSNames} {
		if len(of) > 0 {
			return of[0]
		}
	}
	return cert.Subject.String()
}

// certified adds to those who may carry a step out who signed with a certificate that keeps
// one of its constraints. why is set where one does not.
func (v *verifier) certified(ctx context.Context, l *Layout, s *Step, docs []document, may []*Key) (all []*Key, why string, err error) {
	for _, d := range docs {
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		for i := range d.signatures {
			x := &d.signatures[i]
			if x.certificate == "" || x.headers != nil {
				continue
			}
			cert, err := readCertificate(x.certificate)
			if err == nil {
				var k *Key
				if k, err = l.authorities.functionary(s, cert, v.at); err == nil && verifies(cert.PublicKey, d.message, x.bytes) {
					may = join(may, k)
					continue
				}
			}
			if err == nil {
				err = fmt.Errorf("does not verify its signature")
			}
			why = "a link does not count: the certificate in " + d.Path + " " + err.Error()
			v.note("%s", why)
		}
	}
	return may, why, nil
}
