package verify

import (
	"crypto/x509"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Identity says whose certificates are accepted: who the subject is and who vouched for
// that. Of Subject and SubjectRegexp one is needed, of Issuer and IssuerRegexp, too; where
// both of a pair are set, both must match. Expressions are Go's and match anywhere in the
// text, as cosign's do: write ^…$ for the whole of it.
type Identity struct {
	Subject, SubjectRegexp string
	Issuer, IssuerRegexp   string
	// Extensions are values that Fulcio put into the certificate, by their names in
	// ExtensionNames, each to be matched exactly.
	Extensions map[string]string
}

// extensions are Fulcio's (fulcio docs/oid-info.md) by their names.
var extensions = map[string]func(*certificate.Extensions) string{
	"buildSignerURI":                      func(e *certificate.Extensions) string { return e.BuildSignerURI },
	"buildSignerDigest":                   func(e *certificate.Extensions) string { return e.BuildSignerDigest },
	"runnerEnvironment":                   func(e *certificate.Extensions) string { return e.RunnerEnvironment },
	"sourceRepositoryURI":                 func(e *certificate.Extensions) string { return e.SourceRepositoryURI },
	"sourceRepositoryDigest":              func(e *certificate.Extensions) string { return e.SourceRepositoryDigest },
	"sourceRepositoryRef":                 func(e *certificate.Extensions) string { return e.SourceRepositoryRef },
	"sourceRepositoryIdentifier":          func(e *certificate.Extensions) string { return e.SourceRepositoryIdentifier },
	"sourceRepositoryOwnerURI":            func(e *certificate.Extensions) string { return e.SourceRepositoryOwnerURI },
	"sourceRepositoryOwnerIdentifier":     func(e *certificate.Extensions) string { return e.SourceRepositoryOwnerIdentifier },
	"buildConfigURI":                      func(e *certificate.Extensions) string { return e.BuildConfigURI },
	"buildConfigDigest":                   func(e *certificate.Extensions) string { return e.BuildConfigDigest },
	"buildTrigger":                        func(e *certificate.Extensions) string { return e.BuildTrigger },
	"runInvocationURI":                    func(e *certificate.Extensions) string { return e.RunInvocationURI },
	"sourceRepositoryVisibilityAtSigning": func(e *certificate.Extensions) string { return e.SourceRepositoryVisibilityAtSigning },
	"githubWorkflowTrigger":               func(e *certificate.Extensions) string { return e.GithubWorkflowTrigger },
	"githubWorkflowSHA":                   func(e *certificate.Extensions) string { return e.GithubWorkflowSHA },
	"githubWorkflowName":                  func(e *certificate.Extensions) string { return e.GithubWorkflowName },
	"githubWorkflowRepository":            func(e *certificate.Extensions) string { return e.GithubWorkflowRepository },
	"githubWorkflowRef":                   func(e *certificate.Extensions) string { return e.GithubWorkflowRef },
}

// ExtensionNames lists the certificate extensions that an Identity may name, sorted.
func ExtensionNames() []string { return slices.Sorted(maps.Keys(extensions)) }

// matcher is an Identity whose expressions were compiled.
type matcher struct {
	Identity
	subject, issuer *regexp.Regexp // nil: none
}

func compile(i Identity) (matcher, error) {
	m := matcher{Identity: i}
	if i.Subject == "" && i.SubjectRegexp == "" {
		return m, ident.Errorf(ident.KindUsage, "an identity has no subject: anybody of that issuer would do").WithHint("--certificate-identity, or --certificate-identity-regexp")
	}
	if i.Issuer == "" && i.IssuerRegexp == "" {
		return m, ident.Errorf(ident.KindUsage, "an identity has no issuer: anybody may vouch for that subject").WithHint("--certificate-oidc-issuer, or --certificate-oidc-issuer-regexp")
	}
	for name := range i.Extensions {
		if extensions[name] == nil {
			return m, ident.Errorf(ident.KindUsage, "there is no certificate extension %.60q", name).WithHint("one of: %s", strings.Join(ExtensionNames(), ", "))
		}
	}
	var err error
	if m.subject, err = expression(i.SubjectRegexp); err == nil {
		m.issuer, err = expression(i.IssuerRegexp)
	}
	return m, err
}

func expression(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	r, err := regexp.Compile(text)
	if err != nil {
		return nil, ident.Errorf(ident.KindUsage, "%.120q is no regular expression: %w", text, err)
	}
	return r, nil
}

// refusal says why a certificate is not of this identity; nil: it is.
func (m *matcher) refusal(c *fact.Certificate) *Refusal {
	switch {
	case m.Issuer != "" && c.Issuer != m.Issuer:
		return refuse(WrongIssuer, "signed by %q of issuer %q, not of %q", c.Subject, c.Issuer, m.Issuer).
			hint("if that issuer is meant: --certificate-oidc-issuer %s", c.Issuer)
	case m.issuer != nil && !m.issuer.MatchString(c.Issuer):
		return refuse(WrongIssuer, "signed by %q of issuer %q, which does not match %q", c.Subject, c.Issuer, m.IssuerRegexp)
	case m.Subject != "" && c.Subject != m.Subject:
		return refuse(WrongSubject, "signed by %q, not by %q", c.Subject, m.Subject).
			hint("if that signer is meant: --certificate-identity %s", c.Subject)
	case m.subject != nil && !m.subject.MatchString(c.Subject):
		return refuse(WrongSubject, "signed by %q, which does not match %q", c.Subject, m.SubjectRegexp)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Extensions)) {
		if have, want := c.Extensions[name], m.Extensions[name]; have != want {
			if have == "" {
				return refuse(WrongExtension, "the certificate of %q has no %s, which must be %q", c.Subject, name, want)
			}
			return refuse(WrongExtension, "the certificate of %q has %s %q, not %q", c.Subject, name, have, want)
		}
	}
	return nil
}

// describe reads who a certificate is of.
func describe(leaf *x509.Certificate) (*fact.Certificate, error) {
	s, err := certificate.SummarizeCertificate(leaf)
	if err != nil {
		return nil, err
	}
	c := &fact.Certificate{Subject: s.SubjectAlternativeName, Issuer: s.Issuer, Authority: s.CertificateIssuer, NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC()}
	for name, of := range extensions {
		if v := of(&s.Extensions); v != "" {
			if c.Extensions == nil {
				c.Extensions = map[string]string{}
			}
			c.Extensions[name] = v
		}
	}
	return c, nil
}
