package verify

import (
	"crypto/x509"
	"slices"
	"sync"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Trust is a trusted root: certificate authorities, logs of certificates, transparency
// logs and timestamp authorities, each with the time that it is trusted for. It does not
// change, and is safe for concurrent use.
type Trust struct {
	version ident.Digest
	m       material
}

// material is what sigstore-go asks for, once for each bundle and more: it is made once.
type material struct {
	root.BaseTrustedMaterial
	sources root.TrustedMaterialCollection
	issuers []root.CertificateAuthority
	stamps  []root.TimestampingAuthority
	logs    map[string]*root.TransparencyLog
	ctLogs  map[string]*root.TransparencyLog
}

// ParseTrustedRoot reads a TrustedRoot in JSON (application/vnd.dev.sigstore.trustedroot).
// A malformed one is a *Refusal with the reason BadTrustedRoot.
func ParseTrustedRoot(raw []byte) (*Trust, error) {
	if len(raw) > maxRootBytes {
		return nil, refuse(BadTrustedRoot, "the trusted root has %d bytes, more than %d", len(raw), maxRootBytes)
	}
	if err := strictJSON(raw); err != nil {
		return nil, refuse(BadTrustedRoot, "the trusted root is malformed: %w", err).hint("cosign trusted-root create writes one; public good's is fetched where none is given")
	}
	r, err := root.NewTrustedRootFromJSON(raw)
	if err != nil {
		return nil, refuse(BadTrustedRoot, "the trusted root is malformed: %s", plain(err)).because(err)
	}
	return newTrust(ident.SHA256(raw), r), nil
}

// JoinTrust trusts what any of several roots trusts. What two roots say of one log is
// that of the last.
func JoinTrust(all ...*Trust) *Trust {
	if len(all) == 1 {
		return all[0]
	}
	var text []byte
	var sources root.TrustedMaterialCollection
	for _, t := range all {
		text = append(append(text, t.version.String()...), '\n')
		sources = append(sources, t.m.sources...)
	}
	return newTrust(ident.SHA256(text), sources...)
}

func newTrust(version ident.Digest, sources ...root.TrustedMaterial) *Trust {
	t := &Trust{version: version, m: material{sources: sources}}
	for _, ca := range t.m.sources.FulcioCertificateAuthorities() {
		if f, ok := ca.(*root.FulcioCertificateAuthority); ok {
			ca = &authority{FulcioCertificateAuthority: f, upper: sync.OnceValue(func() []upper { return upperChains(f.Root, f.Intermediates, x509.ExtKeyUsageCodeSigning) })}
		}
		t.m.issuers = append(t.m.issuers, ca)
	}
	for _, tsa := range t.m.sources.TimestampingAuthorities() {
		if s, ok := tsa.(*root.SigstoreTimestampingAuthority); ok {
			tsa = &stamper{SigstoreTimestampingAuthority: s, upper: sync.OnceValue(func() []upper {
				if s.Leaf != nil {
					return stampChains(s.Root, s.Intermediates, s.Leaf)
				}
				return upperChains(s.Root, s.Intermediates, x509.ExtKeyUsageTimeStamping)
			})}
		}
		t.m.stamps = append(t.m.stamps, tsa)
	}
	t.m.logs, t.m.ctLogs = t.m.sources.RekorLogs(), t.m.sources.CTLogs()
	return t
}

// Version is the digest of the trusted root: facts that were verified under another
// version say so.
func (t *Trust) Version() ident.Digest { return t.version }

func (m *material) FulcioCertificateAuthorities() []root.CertificateAuthority { return m.issuers }

func (m *material) TimestampingAuthorities() []root.TimestampingAuthority { return m.stamps }

func (m *material) RekorLogs() map[string]*root.TransparencyLog { return m.logs }

func (m *material) CTLogs() map[string]*root.TransparencyLog { return m.ctLogs }

// upper is a certificate of the trusted root that was verified up to its root, once: an
// intermediate, or that of a timestamp authority.
type upper struct {
	pool        *x509.CertPool      // of that certificate alone
	chain       []*x509.Certificate // it first, the root last
	from, until time.Time           // all of them are valid
}

// above returns a chain as what was verified, with the time that all of it is valid for.
func above(chain []*x509.Certificate) upper {
	u := upper{pool: x509.NewCertPool(), chain: chain, from: chain[0].NotBefore, until: chain[0].NotAfter}
	u.pool.AddCert(chain[0])
	for _, c := range chain[1:] {
		if c.NotBefore.After(u.from) {
			u.from = c.NotBefore
		}
		if c.NotAfter.Before(u.until) {
			u.until = c.NotAfter
		}
	}
	return u
}

// pools are those of a root and of what stands below it.
func pools(top *x509.Certificate, intermediates []*x509.Certificate) (roots, others *x509.CertPool) {
	roots, others = x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(top)
	for _, c := range intermediates {
		others.AddCert(c)
	}
	return roots, others
}

// stampChains verifies the certificate that a trusted root names as a timestamp
// authority's, for all that it stamps. One that does not verify, or whose chain the rules
// for timestamps forbid, is left to the full verification of each timestamp.
func stampChains(top *x509.Certificate, intermediates []*x509.Certificate, leaf *x509.Certificate) []upper {
	if top == nil || leaf.Equal(top) {
		return nil
	}
	const usage = x509.ExtKeyUsageTimeStamping
	roots, others := pools(top, intermediates)
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, KeyUsages: []x509.ExtKeyUsage{usage}, CurrentTime: leaf.NotBefore.Add(time.Second)})
	if err != nil {
		return nil
	}
	var out []upper
	for _, chain := range chains {
		u := above(chain)
		if u.from.Before(u.until) && !slices.ContainsFunc(chain[1:len(chain)-1], func(c *x509.Certificate) bool { return !issues(c, usage) }) {
			out = append(out, u)
		}
	}
	return out
}

// upperChains verifies the intermediates of an authority. What it leaves out (an
// intermediate that does not verify, one with constraints on names, on the length of
// paths or with no common time) is left to the full verification of each leaf.
func upperChains(top *x509.Certificate, intermediates []*x509.Certificate, usage x509.ExtKeyUsage) []upper {
	if top == nil {
		return nil
	}
	roots, others := pools(top, intermediates)
	var out []upper
	for _, c := range intermediates {
		if !c.IsCA || !c.BasicConstraintsValid || !issues(c, usage) {
			continue
		}
		chains, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, KeyUsages: []x509.ExtKeyUsage{usage}, CurrentTime: c.NotBefore.Add(time.Second)})
		if err != nil {
			continue
		}
		for _, chain := range chains {
			u, plain := above(chain), !constrained(c)
			for below, above := range chain[1:] {
				limit := above.MaxPathLen
				plain = plain && !constrained(above) && (limit < 0 || limit == 0 && !above.MaxPathLenZero || limit > below)
			}
			if plain && u.from.Before(u.until) {
				out = append(out, u)
			}
		}
	}
	return out
}

// issues reports whether an intermediate may issue for a usage; none named means all.
func issues(c *x509.Certificate, usage x509.ExtKeyUsage) bool {
	return len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 || slices.Contains(c.ExtKeyUsage, usage) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

func constrained(c *x509.Certificate) bool {
	return len(c.PermittedDNSDomains)+len(c.ExcludedDNSDomains)+len(c.PermittedIPRanges)+len(c.ExcludedIPRanges)+
		len(c.PermittedEmailAddresses)+len(c.ExcludedEmailAddresses)+len(c.PermittedURIDomains)+len(c.ExcludedURIDomains) > 0
}

// authority is a certificate authority whose upper chain is verified once, not for each
// leaf: with P-384 above, that is half of the cost of a bundle.
type authority struct {
	*root.FulcioCertificateAuthority
	upper func() []upper // verified when first asked for
}

// Verify returns the chains of a leaf at a time, leaf first.
func (a *authority) Verify(leaf *x509.Certificate, at time.Time) ([][]*x509.Certificate, error) {
	if (a.ValidityPeriodStart.IsZero() || !at.Before(a.ValidityPeriodStart)) && (a.ValidityPeriodEnd.IsZero() || !at.After(a.ValidityPeriodEnd)) {
		for _, u := range a.upper() {
			if at.Before(u.from) || at.After(u.until) {
				continue
			}
			chains, err := leaf.Verify(x509.VerifyOptions{Roots: u.pool, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, CurrentTime: at})
			if err == nil && len(chains) == 1 && len(chains[0]) == 2 {
				return [][]*x509.Certificate{append(chains[0], u.chain[1:]...)}, nil
			}
		}
	}
	return a.FulcioCertificateAuthority.Verify(leaf, at)
}

// stamper is a timestamp authority whose chain is verified once: from its own certificate
// on where the trusted root names that, else from its intermediate on.
type stamper struct {
	*root.SigstoreTimestampingAuthority
	upper func() []upper
}

// Verify returns the time that a timestamp says the signature existed at.
func (s *stamper) Verify(stamp, signature []byte) (*root.Timestamp, error) {
	for _, u := range s.upper() {
		// The authority's own certificate as a root: of it, usage and time are still judged,
		// and that it is the one that the trusted root names.
		near := *s.SigstoreTimestampingAuthority
		near.Root, near.Intermediates = u.chain[0], nil
		if ts, err := near.Verify(stamp, signature); err == nil && !ts.Time.Before(u.from) && !ts.Time.After(u.until) {
			return ts, nil
		}
	}
	return s.SigstoreTimestampingAuthority.Verify(stamp, signature)
}
