package verify

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
	nx509 "github.com/notaryproject/notation-core-go/x509"
	"github.com/notaryproject/tspclient-go"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// The types of signatures of the Notary Project (signature-specification.md, "OCI
// Signatures").
const (
	NotationArtifact = "application/vnd.cncf.notary.signature"
	notationPayload  = "application/vnd.cncf.notary.payload.v1+json"
)

// NotationEnvelopes are the media types of its envelopes: JWS and COSE.
func NotationEnvelopes() []string { return []string{jws.MediaTypeEnvelope, cose.MediaTypeEnvelope} }

// maxEnvelopeBytes bounds one envelope; with a chain of certificates and a timestamp it
// has some ten thousand.
const maxEnvelopeBytes = 1 << 20

// NotationOptions say by what signatures of the Notary Project are judged.
type NotationOptions struct {
	Policy *NotationPolicy
	// Stores are the certificates of the trust stores, by kind and name: "ca:acme".
	Stores  map[string][]*x509.Certificate
	Revoked []*RevocationList
	Answers []*OCSPResponse
	// Distrust takes trust back, as for bundles.
	Distrust []Distrust
	// Plugins help with signatures that name one; nil: these could not be checked.
	Plugins      Plugins
	PluginConfig map[string]string // each plugin is told it
	At           time.Time         // of verification
}

// Notation judges signatures of the Notary Project. It does not change, and is safe for
// concurrent use.
type Notation struct {
	o       NotationOptions
	version ident.Digest
}

// NewNotation returns one; an error is of KindUsage: a store that a trust policy names is
// not there or is empty.
func NewNotation(o NotationOptions) (*Notation, error) {
	text := slices.Clone(o.Policy.raw)
	for _, name := range o.Policy.Stores() {
		if len(o.Stores[name]) == 0 {
			kind, of, _ := strings.Cut(name, ":")
			return nil, ident.Errorf(ident.KindUsage, "the trust store %s, which the trust policy names, has no certificate", name).
				WithHint("--notation-store DIR with x509/%s/%s/*.pem below", kind, of)
		}
		for _, c := range o.Stores[name] {
			text = append(append(append(text, '\n'), name...), c.Raw...)
		}
	}
	return &Notation{o: o, version: ident.SHA256(text)}, nil
}

// Signature verifies an envelope about an artifact that lies in a repository
// (registry.example/shop/web). What does not verify is a *Refusal; an error of
// KindIndeterminate says that whether a certificate is revoked is not known, and that the
// trust policy wants to know it, or that the plugin that the signature names is not there
// or does not answer. A plugin is asked last but for revocation, and never for a signature
// of an authority that no trust store has. A fact whose signer's X509 has Logged checks passed only
// because the trust policy does not enforce them.
func (n *Notation) Signature(ctx context.Context, raw []byte, mediaType, repository string, about ident.Digest) (*fact.Fact, error) {
	s := n.o.Policy.statement(repository)
	switch {
	case s == nil:
		return nil, refuse(NoTrustPolicy, "no trust policy is for %s", repository).hint("registryScopes of a trust policy names it, or *")
	case s.level == "skip":
		return nil, refuse(NotVerified, "the trust policy %s has nothing verified, and what is not verified vouches for nothing", s.name).hint("the level strict, permissive or audit")
	}
	content, err := openEnvelope(raw, mediaType)
	if err != nil {
		return nil, err
	}
	if err := content.about(about); err != nil {
		return nil, err
	}
	info := &content.SignerInfo
	leaf := info.CertificateChain[0]
	x := &fact.X509{Subject: leaf.Subject.String(), Policy: s.name, Scheme: string(info.SignedAttributes.SigningScheme), ID: ident.SHA256(leaf.RawSubjectPublicKeyInfo),
		NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC()}
	f := &fact.Fact{Artifact: about, Claim: fact.Signature, Signer: fact.Signer{X509: x}, Trust: n.version, Source: ident.SHA256(raw), Times: []fact.Time{}, Log: []fact.LogEntry{}}
	if e := info.SignedAttributes.Expiry; !e.IsZero() {
		x.Expiry = e.UTC()
	}
	need, err := content.pluginNeed()
	if err != nil {
		return nil, err
	}
	var stampers []*x509.Certificate
	var plugin *pluginMetadata
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{CheckAuthenticity, func() (err error) { x.Store, plugin, err = n.authentic(ctx, s, info, need); return err }},
		{CheckExpiry, func() error {
			if x.Expiry.IsZero() || n.o.At.Before(x.Expiry) {
				return nil
			}
			return refuse(Expired, "its signer would have it used until %s", clock(x.Expiry)).hint("have the artifact signed again")
		}},
		{CheckTimestamp, func() (err error) { stampers, err = n.timed(ctx, s, info, f); return err }},
		{checkPlugin, func() error {
			if need == nil {
				return nil
			}
			return n.consult(ctx, s, content, need, plugin, f)
		}},
		{CheckRevocation, func() error {
			if !plugin.takesOver(judgesRevocation) {
				if err := revocation(info.CertificateChain, n.o.Revoked, n.o.Answers, n.o.At); err != nil {
					return err
				}
			}
			return revocation(stampers, n.o.Revoked, n.o.Answers, n.o.At)
		}},
	} {
		if s.actions[c.name] == leave {
			continue
		}
		err := c.run()
		var said *Refusal
		if err != nil && !errors.As(err, &said) && slices.Contains(x.Logged, CheckAuthenticity) {
			// Whoever signs without a trusted authority must not be able to make a refusal
			// into a question that nobody answered.
			err = refuse(UnknownIssuer, "%s, and no trusted authority certified it", err).because(err)
		}
		switch {
		case err == nil:
		case s.actions[c.name] != logOnly, need != nil && plugin == nil:
			return nil, err
		default:
			logs(f, c.name, s.name, err.Error())
		}
	}
	if err := Distrusts(n.o.Distrust, f); err != nil {
		return nil, err
	}
	return f, nil
}

// logs puts into a fact what fails and the trust policy does not enforce.
func logs(f *fact.Fact, check, policy, why string) {
	x := f.Signer.X509
	if !slices.Contains(x.Logged, check) {
		x.Logged = append(x.Logged, check)
	}
	f.Notes = append(f.Notes, fmt.Sprintf("%s fails, which the trust policy %s only logs: %s", check, policy, why))
}

// envelope is what an envelope holds once its integrity is certain.
type envelope struct{ *signature.EnvelopeContent }

// openEnvelope checks the integrity of an envelope: its signature by its own certificate,
// and a chain up to a root, of which nobody has said yet whether it is trusted.
func openEnvelope(raw []byte, mediaType string) (*envelope, error) {
	bad := func(err error) error {
		return refuse(BadBundle, "the envelope is malformed: %s", plain(err)).because(err)
	}
	if len(raw) > maxEnvelopeBytes {
		return nil, refuse(BadBundle, "the envelope has %d bytes, more than %d", len(raw), maxEnvelopeBytes)
	}
	if !slices.Contains(NotationEnvelopes(), mediaType) {
		return nil, refuse(BadBundle, "the envelope is of the type %.80q", mediaType).hint("%s are read", strings.Join(NotationEnvelopes(), " and "))
	}
	if mediaType == jws.MediaTypeEnvelope {
		if err := strictJWS(raw); err != nil {
			return nil, bad(err)
		}
	}
	e, err := signature.ParseEnvelope(mediaType, raw)
	if err != nil {
		return nil, bad(err)
	}
	content, err := e.Verify()
	var broken *signature.SignatureIntegrityError
	switch {
	case errors.As(err, &broken):
		return nil, refuse(BadSignature, "the signature does not verify by the envelope's own certificate").
			hint("the envelope was changed after it was signed, or signed with another key or algorithm").because(err)
	case err != nil:
		return nil, bad(err)
	}
	return &envelope{content}, nil
}

// strictJWS refuses names that occur twice, which the library lets the last one win.
func strictJWS(raw []byte) error {
	if err := strictJSON(raw); err != nil {
		return err
	}
	r := jsonscan.New(raw, jsonscan.Options{MaxDepth: maxDepth, MaxStringBytes: maxEnvelopeBytes})
	var parts []string
	r.RequireObject()
	for name, ok := r.NextKey(); ok; name, ok = r.NextKey() {
		switch string(name) {
		case "payload", "protected":
			parts = append(parts, r.RequireString())
		case "header", "signature":
			r.Skip()
		default:
			return ident.Errorf(ident.KindInvalid, "it has a member %.60q, which no JWS of one signature has", name)
		}
	}
	if err := r.End(); err != nil {
		return err
	}
	for _, p := range parts {
		text, err := base64.RawURLEncoding.Strict().DecodeString(p)
		if err != nil {
			return err
		}
		if err := strictJSON(text); err != nil {
			return err
		}
	}
	return nil
}

// about refuses a payload about another artifact.
func (e *envelope) about(d ident.Digest) error {
	if e.Payload.ContentType != notationPayload {
		return refuse(BadStatement, "what is signed is of the type %.120q", e.Payload.ContentType).hint("%s is read", notationPayload)
	}
	if err := strictJSON(e.Payload.Content); err != nil {
		return refuse(BadStatement, "what is signed is malformed: %w", err)
	}
	r := jsonscan.New(e.Payload.Content, jsonscan.Options{MaxDepth: maxDepth})
	digest := ""
	r.RequireObject()
	for name, ok := r.NextKey(); ok; name, ok = r.NextKey() {
		if string(name) != "targetArtifact" {
			continue
		}
		r.RequireObject()
		for name, ok := r.NextKey(); ok; name, ok = r.NextKey() {
			if string(name) == "digest" {
				digest = r.RequireString()
			}
		}
	}
	err := r.End()
	var named ident.Digest
	if err == nil {
		named, err = ident.ParseDigest(digest)
	}
	switch {
	case err != nil:
		return refuse(BadStatement, "what is signed names no artifact by its digest: %w", err)
	case named != d:
		return refuse(WrongArtifact, "the signature is about %s, and the artifact is %s", named, d).hint("a signature that was copied from another artifact looks like this")
	}
	return nil
}

// authentic returns the store in which the chain's authority is, and the plugin that the
// signature needs, if it needs one. It refuses a chain of no store, before any plugin is
// asked, and a subject that the policy does not name, unless the plugin judges that.
func (n *Notation) authentic(ctx context.Context, s *trustStatement, info *signature.SignerInfo, need *pluginNeed) (store string, plugin *pluginMetadata, err error) {
	kind := "ca"
	if info.SignedAttributes.SigningScheme == signature.SigningSchemeX509SigningAuthority {
		kind = "signingAuthority"
	}
	for _, name := range s.stores {
		if !strings.HasPrefix(name, kind+":") {
			continue
		}
		if _, err := signature.VerifyAuthenticity(info, n.o.Stores[name]); err == nil {
			store = name
			break
		}
	}
	leaf := info.CertificateChain[0]
	if store == "" {
		return "", nil, refuse(UnknownIssuer, "no trust store of the kind %s that the trust policy %s names has an authority of the certificate (%.120s)", kind, s.name, leaf.Issuer.String()).
			hint("put the root certificate into a store of that kind, and name it in trustStores, if its authority is trusted")
	}
	wrong := s.identified(leaf)
	if need != nil {
		if plugin, err = n.enlist(ctx, need); err != nil {
			if wrong != nil && len(s.foreign) == 0 {
				err = wrong // whatever the plugin would say, no identity is of a kind that only it knows
			}
			return store, nil, err
		}
		if plugin.takesOver(judgesIdentity) {
			return store, plugin, nil
		}
	}
	if wrong != nil {
		return store, plugin, wrong
	}
	return store, plugin, nil
}

// identified refuses a certificate whose subject the policy does not name.
func (s *trustStatement) identified(leaf *x509.Certificate) error {
	if s.anybody {
		return nil
	}
	if len(s.identities) == 0 {
		return refuse(WrongSubject, "the trust policy %s names only identities that a plugin would have to judge (%.120s), and none does of this signature", s.name, s.foreign[0]).
			hint("x509.subject: in trustedIdentities names who signs without a plugin")
	}
	subject, err := subjectOf(leaf)
	if err != nil {
		return refuse(WrongSubject, "the certificate cannot be compared with the trusted identities: %s", err)
	}
	if !slices.ContainsFunc(s.identities, func(i distinguishedName) bool { return i.within(subject) }) {
		return refuse(WrongSubject, "signed by %.200s, whom the trust policy %s does not name", leaf.Subject.String(), s.name).
			hint("trustedIdentities names whose signatures count")
	}
	return nil
}

// timed checks that the certificates were valid when the signature was made: at a time
// that somebody vouches for, or where nobody has to, now. It returns the certificates of
// who vouched.
func (n *Notation) timed(ctx context.Context, s *trustStatement, info *signature.SignerInfo, f *fact.Fact) ([]*x509.Certificate, error) {
	outside := func(at time.Time) *x509.Certificate {
		for _, c := range info.CertificateChain {
			if at.Before(c.NotBefore) || at.After(c.NotAfter) {
				return c
			}
		}
		return nil
	}
	stores := slices.DeleteFunc(slices.Clone(s.stores), func(name string) bool { return !strings.HasPrefix(name, "tsa:") })
	switch {
	case info.SignedAttributes.SigningScheme == signature.SigningSchemeX509SigningAuthority:
		at, err := info.AuthenticSigningTime()
		if err != nil {
			return nil, refuse(NoTime, "the signing authority does not say when it signed").because(err)
		}
		if c := outside(at); c != nil {
			return nil, refuse(OutsideTime, "signed at %s, and the certificate of %.120s is valid from %s to %s", clock(at), c.Subject, clock(c.NotBefore), clock(c.NotAfter))
		}
		f.Times = append(f.Times, fact.Time{Source: fact.FromSigner, Authority: info.CertificateChain[0].Subject.CommonName, At: at.UTC()})
		return nil, nil
	case len(stores) == 0 || s.stamped == "afterCertExpiry" && outside(n.o.At) == nil:
		if c := outside(n.o.At); c != nil {
			return nil, refuse(OutsideTime, "the certificate of %.120s is valid from %s to %s, and nobody is asked when this was signed", c.Subject, clock(c.NotBefore), clock(c.NotAfter)).
				hint("sign with a timestamp, and name a store of its authority in trustStores (tsa:NAME)")
		}
		return nil, nil
	}
	stamp := info.UnsignedAttributes.TimestampSignature
	if len(stamp) == 0 {
		return nil, refuse(NoTime, "the signature has no timestamp, and the trust policy %s wants one", s.name).hint("notation sign --timestamp-url … --timestamp-root-cert …")
	}
	bad := func(err error) error {
		return refuse(BadTimestamp, "the timestamp does not verify: %s", plain(err)).because(err)
	}
	token, err := tspclient.ParseSignedToken(stamp)
	if err != nil {
		return nil, bad(err)
	}
	says, err := token.Info()
	if err != nil {
		return nil, bad(err)
	}
	at, err := says.Validate(info.Signature)
	if err != nil {
		return nil, refuse(BadTimestamp, "the timestamp is over another signature, or malformed: %s", plain(err)).because(err)
	}
	roots := x509.NewCertPool()
	for _, name := range stores {
		for _, c := range n.o.Stores[name] {
			roots.AddCert(c)
		}
	}
	chain, err := token.Verify(ctx, x509.VerifyOptions{CurrentTime: at.Value, Roots: roots})
	if err == nil {
		err = nx509.ValidateTimestampingCertChain(chain)
	}
	if err != nil {
		return nil, bad(err)
	}
	for _, c := range info.CertificateChain {
		if !at.BoundedAfter(c.NotBefore) || !at.BoundedBefore(c.NotAfter) {
			return nil, refuse(OutsideTime, "signed at %s, and the certificate of %.120s is valid from %s to %s", clock(at.Value), c.Subject, clock(c.NotBefore), clock(c.NotAfter))
		}
	}
	f.Times = append(f.Times, fact.Time{Source: fact.FromAuthority, Authority: chain[0].Subject.CommonName, At: at.Value.UTC()})
	return chain, nil
}
