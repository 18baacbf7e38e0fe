package verify

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/cofferdam-io/cofferdam/ident"
)

// storeKinds are the kinds of trust stores of the Notary Project: authorities of signing
// certificates, authorities that vouch for the time of signing themselves, and authorities
// of timestamps.
var storeKinds = []string{"ca", "signingAuthority", "tsa"}

const maxStoreCertificates = 10_000

// ParseStoreCertificates reads the certificates of one file of a trust store of the
// Notary Project, DER or PEM. Each must be of an authority, or sign itself; for timestamps
// (kind tsa) only self-signed authorities are. A fault is an error of KindInvalid: a store
// that is read in part is another one.
func ParseStoreCertificates(kind string, raw []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := raw; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if len(out) > 0 && len(bytes.TrimSpace(rest)) > 0 {
				return nil, ident.Errorf(ident.KindInvalid, "there is something after the last certificate")
			}
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, ident.Errorf(ident.KindInvalid, "PEM of type %.60q is no certificate", block.Type)
		}
		if len(out) == maxStoreCertificates {
			return nil, ident.Errorf(ident.KindLimit, "more than %d certificates", maxStoreCertificates)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "certificate %d is malformed: %w", len(out)+1, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "is no certificate in PEM or DER: %w", err)
		}
		out = []*x509.Certificate{c}
	}
	for _, c := range out {
		self := bytes.Equal(c.RawSubject, c.RawIssuer) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
		if !c.IsCA && !self {
			return nil, ident.Errorf(ident.KindInvalid, "%.120s is no authority and does not sign itself", c.Subject).WithHint("a trust store holds root certificates")
		}
		if kind == "tsa" && (!c.IsCA || !self) {
			return nil, ident.Errorf(ident.KindInvalid, "%.120s is no root of an authority for timestamps", c.Subject)
		}
	}
	return out, nil
}

// distinguishedName is what a name says, by the short names of its attributes. One
// attribute occurs once.
type distinguishedName map[string]string

// attributes are the short names that identities and certificates are compared by.
var attributes = map[string]asn1.ObjectIdentifier{
	"CN": {2, 5, 4, 3}, "SERIALNUMBER": {2, 5, 4, 5}, "C": {2, 5, 4, 6}, "L": {2, 5, 4, 7}, "ST": {2, 5, 4, 8},
	"STREET": {2, 5, 4, 9}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "POSTALCODE": {2, 5, 4, 17},
}

// parseDistinguishedName reads "C=US, ST=WA, O=acme\, inc" (RFC 4514 without names of several
// values, hexadecimal values and quotes).
func parseDistinguishedName(text string) (distinguishedName, error) {
	out := distinguishedName{}
	var key, value strings.Builder
	in, escaped, firm := &key, false, 0 // firm: how much of the value is not to be trimmed
	done := func() error {
		k := strings.ToUpper(strings.TrimSpace(key.String()))
		if k == "S" {
			k = "ST"
		}
		v := strings.TrimLeft(value.String(), " ")
		firm -= value.Len() - len(v)
		v = v[:max(firm, 0)] + strings.TrimRight(v[max(firm, 0):], " ")
		switch {
		case in == &key:
			return fmt.Errorf("%.60q is no NAME=VALUE", k)
		case attributes[k] == nil:
			return fmt.Errorf("the attribute %.40q is not known", k)
		case v == "":
			return fmt.Errorf("%s is empty", k)
		case out[k] != "":
			return fmt.Errorf("%s is there twice", k)
		}
		out[k] = v
		key.Reset()
		value.Reset()
		in, firm = &key, 0
		return nil
	}
	for _, r := range text {
		switch {
		case escaped:
			in.WriteRune(r)
			escaped, firm = false, value.Len()
		case r == '\\':
			escaped = true
		case r == '=' && in == &key:
			in = &value
		case r == ',':
			if err := done(); err != nil {
				return nil, err
			}
		case r == '+' || r == ';' || r == '"' || r == '<' || r == '>' || r == '#' && strings.TrimSpace(value.String()) == "" && in == &value:
			return nil, fmt.Errorf("%q must be escaped", r)
		default:
			in.WriteRune(r)
		}
	}
	if escaped {
		return nil, fmt.Errorf("it ends with a backslash")
	}
	return out, done()
}

// subjectOf is the name of a certificate's subject. One attribute with several values
// could be taken for any of them, and is an error.
func subjectOf(c *x509.Certificate) (distinguishedName, error) {
	var sequence pkix.RDNSequence
	if rest, err := asn1.Unmarshal(c.RawSubject, &sequence); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("its subject is malformed")
	}
	out := distinguishedName{}
	for _, set := range sequence {
		for _, a := range set {
			for name, oid := range attributes {
				if !a.Type.Equal(oid) {
					continue
				}
				text, ok := a.Value.(string)
				if !ok || out[name] != "" {
					return nil, fmt.Errorf("its subject has %s more than once", name)
				}
				out[name] = text
			}
		}
	}
	return out, nil
}

// within reports whether all that n says, another name says as well.
func (n distinguishedName) within(other distinguishedName) bool {
	for k, v := range n {
		if other[k] != v {
			return false
		}
	}
	return true
}

// RevocationList is a list of revoked certificates that an authority signed (RFC 5280
// section 5).
type RevocationList struct {
	list *x509.RevocationList
	// partial lists prove who is revoked, and not who is not: those with extensions that
	// narrow what they are about (deltas, parts).
	partial bool
}

const maxRevocationList = 64 << 20

// ParseRevocationList reads a list of revoked certificates, DER or PEM. A malformed one
// is an error of KindInvalid.
func ParseRevocationList(raw []byte) (*RevocationList, error) {
	if len(raw) > maxRevocationList {
		return nil, ident.Errorf(ident.KindLimit, "the revocation list has %d bytes, more than %d", len(raw), maxRevocationList)
	}
	if block, rest := pem.Decode(raw); block != nil {
		if block.Type != "X509 CRL" || len(bytes.TrimSpace(rest)) > 0 {
			return nil, ident.Errorf(ident.KindInvalid, "is not one X509 CRL in PEM")
		}
		raw = block.Bytes
	}
	l, err := x509.ParseRevocationList(raw)
	if err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "is no list of revoked certificates: %w", err)
	}
	out := &RevocationList{list: l}
	for _, e := range l.Extensions {
		out.partial = out.partial || e.Critical
	}
	return out, nil
}

// removeFromCRL is the reason of an entry that takes an earlier one back (RFC 5280
// section 5.3.1).
const removeFromCRL = 8

// revocation is nil where no certificate of a chain, leaf first, is revoked; a *Refusal
// where one is, and an error of KindIndeterminate where nobody said so for one that has
// an authority to ask.
func revocation(chain []*x509.Certificate, lists []*RevocationList, responses []*OCSPResponse, at time.Time) error {
	revoked := func(c *x509.Certificate, since time.Time) error {
		return refuse(Revoked, "the certificate of %.120s is revoked since %s", c.Subject, clock(since)).hint("sign again with a certificate that is not")
	}
	var open error
	for i, c := range chain[:max(len(chain)-1, 0)] {
		issuer, answered := chain[i+1], false
		for _, l := range lists {
			if !bytes.Equal(l.list.RawIssuer, issuer.RawSubject) || l.list.CheckSignatureFrom(issuer) != nil {
				continue
			}
			for _, e := range l.list.RevokedCertificateEntries {
				if e.SerialNumber.Cmp(c.SerialNumber) == 0 && e.ReasonCode != removeFromCRL {
					return revoked(c, e.RevocationTime)
				}
			}
			answered = answered || !l.partial && !at.Before(l.list.ThisUpdate) && !at.After(l.list.NextUpdate)
		}
		for _, r := range responses {
			said := r.says(c, issuer, at)
			switch {
			case said == nil, said.Status == ocsp.Unknown:
			case said.Status == ocsp.Revoked && said.RevocationReason != removeFromCRL:
				return revoked(c, said.RevokedAt)
			case said.Status == ocsp.Good: // without an end it is of the moment, and nobody knows for how long
				answered = answered || !at.Before(said.ThisUpdate) && !said.NextUpdate.IsZero() && !at.After(said.NextUpdate)
			}
		}
		if asks := slices.Concat(c.CRLDistributionPoints, c.OCSPServer); !answered && len(asks) > 0 && open == nil {
			e := ident.Errorf(ident.KindIndeterminate, "whether the certificate of %.120s is revoked is not known: no list and no answer of its authority that is of today was given", c.Subject)
			if len(c.CRLDistributionPoints) > 0 {
				e = e.WithHint("--notation-crl FILE of %.200s, or \"revocation\": \"log\" in the trust policy", c.CRLDistributionPoints[0])
			} else {
				e = e.WithHint("--notation-ocsp FILE of what %.200s answers (openssl ocsp -respout FILE), or \"revocation\": \"log\" in the trust policy", c.OCSPServer[0])
			}
			open = e
		}
	}
	return open
}
