package kyverno

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// publicLog is the transparency log that Kyverno asks where none is named.
const publicLog = "https://rekor.sigstore.dev"

// attestor turns who vouches for images. One of which a part cannot be turned is not
// turned at all: what is left of it would vouch for more.
func (c *converter) attestor(n strict.Node) *attestor {
	n = n.Object("name", "cosign", "notary")
	out := &attestor{}
	refuse := func(at strict.Node, hint, why string) *attestor {
		out.authority, out.reason = nil, why
		c.note(at, Neutral, hint, "%s: the attestor is not turned", why)
		return out
	}
	if s := n.Get("notary"); s.Present() {
		return refuse(s, "", "the policy controller verifies no Notary signatures")
	}
	s := n.Get("cosign").Object("key", "keyless", "certificate", "source", "ctlog", "tuf", "annotations")
	a := &authority{Name: n.Get("name").Text()}
	log := s.Get("ctlog").Object("url", "rekorPubKey", "ctLogPubKey", "tsaCertChain", "insecureIgnoreTlog", "insecureIgnoreSCT")
	for _, name := range []string{"rekorPubKey", "ctLogPubKey", "tsaCertChain"} {
		if f := log.Get(name); !f.Empty() {
			return refuse(f, "write a TrustRoot with sigstoreKeys, and name it in trustRootRef", "keys of logs and timestamp authorities stand in a TrustRoot")
		}
	}
	if f := s.Get("tuf"); f.Present() {
		return refuse(f, "write a TrustRoot with remote or repository, and name it in trustRootRef", "a root of trust of one's own stands in a TrustRoot")
	}
	if f := s.Get("annotations"); len(f.Value.Entries()) > 0 {
		return refuse(f, "a VerificationPolicy can compare annotations", "a ClusterImagePolicy compares no annotations of signatures")
	}
	if f := s.Get("certificate"); f.Present() {
		return refuse(f, "key.data with the certificate's public key, where it is what is meant", "a ClusterImagePolicy knows no single certificate")
	}
	unlogged := log.Get("insecureIgnoreTlog").Bool()
	switch key, keyless := s.Get("key"), s.Get("keyless"); {
	case key.Present():
		k := key.Object("data", "kms", "hashAlgorithm", "expression")
		if f := k.Get("expression"); !f.Empty() {
			return refuse(f, "key.data or key.secretRef", "a key that an expression makes cannot be known here")
		}
		a.Key = &keyRef{Data: k.Get("data").Text(), KMS: k.Get("kms").Text(), Hash: k.Get("hashAlgorithm").Text()}
		if unlogged == nil || !*unlogged {
			a.CTLog = &logRef{URL: publicLog} // Kyverno's default; the controller's is none for keys
		}
	case keyless.Present():
		a.Keyless = c.keyless(keyless)
		if f := log.Get("insecureIgnoreSCT"); f.Bool() != nil && *f.Bool() {
			a.Keyless.IgnoreSCT = true
		}
		a.CTLog = &logRef{URL: publicLog}
		if unlogged != nil && *unlogged {
			c.note(log.Get("insecureIgnoreTlog"), Stricter, "rfc3161timestamp with a TrustRoot takes the place of a log", "the policy controller asks for a transparency log where a certificate signed")
		}
	default:
		return refuse(n, "", "it names neither a key nor identities")
	}
	if url := log.Get("url").Text(); url != "" && a.CTLog != nil {
		a.CTLog.URL = url
	}
	if f := s.Get("source"); f.Present() {
		src := f.Object("repository", "PullSecrets", "tagPrefix")
		a.Source = []sourceRef{{OCI: src.Get("repository").Text(), TagPrefix: src.Get("tagPrefix").Text()}}
		for _, p := range src.Get("PullSecrets").Items() {
			a.Source[0].Secrets = append(a.Source[0].Secrets, nameRef{p.Get("name").Text()})
		}
	}
	out.authority = a
	return out
}

func (c *converter) keyless(n strict.Node) *keylessRef {
	n = n.Object("identities", "roots")
	out := &keylessRef{}
	if roots := n.Get("roots").Text(); roots != "" {
		out.CA = &keyRef{Data: roots}
	} else {
		out.URL = "https://fulcio.sigstore.dev"
	}
	for _, i := range n.Get("identities").Items() {
		i = i.Object("issuer", "subject", "issuerRegExp", "subjectRegExp")
		id := identityRef{Issuer: i.Get("issuer").Text(), Subject: i.Get("subject").Text(), IssuerRegExp: i.Get("issuerRegExp").Text(), SubjectRegExp: i.Get("subjectRegExp").Text()}
		var open []string
		if id.Issuer == "" && id.IssuerRegExp == "" {
			id.IssuerRegExp, open = anything, append(open, "issuer")
		}
		if id.Subject == "" && id.SubjectRegExp == "" {
			id.SubjectRegExp, open = anything, append(open, "subject")
		}
		if len(open) > 0 {
			c.note(i, Neutral, "name it", "the identity names no %s, and anybody's is taken, as it was", strings.Join(open, " and no "))
		}
		out.Identities = append(out.Identities, id)
	}
	return out
}

// anything is what an identity that leaves something open asks of it.
const anything = ".*"
