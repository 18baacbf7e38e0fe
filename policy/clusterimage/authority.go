package clusterimage

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

func readAuthority(n strict.Node, index int) Authority {
	n = n.Object("name", "key", "keyless", "static", "source", "ctlog", "attestations", "rfc3161timestamp", "signatureFormat")
	a := Authority{Name: n.Get("name").Text()}
	if a.Name == "" {
		a.Name = defaultName(index)
	}
	n.Either("who vouches for images", "key", "keyless", "static")
	if k := n.Get("key"); k.Present() {
		a.Key = readKey(k, false)
	}
	if k := n.Get("keyless"); k.Present() {
		a.Keyless = readKeyless(k)
	}
	if s := n.Get("static"); s.Present() {
		a.Static = readStatic(s)
		for _, other := range []string{"source", "ctlog", "attestations", "rfc3161timestamp"} {
			if f := n.Get(other); f.Present() {
				f.Fault(strict.RuleConflict, "%s contradicts static, which looks at no signature", other).Mend("remove one of the two")
			}
		}
	}
	a.Bundle = n.Get("signatureFormat").OneOf("legacy", "bundle") == "bundle"
	if a.Bundle && a.Key != nil {
		n.Get("signatureFormat").Warn(RuleAuthority, "the policy controller takes bundles of keyless authorities only").Mend("signatureFormat: legacy, or a VerificationPolicy of ours")
	}
	for _, s := range some(n.Get("source")) {
		a.Source = append(a.Source, readSource(s))
	}
	if len(a.Source) > 1 {
		n.Get("source").Fault(strict.RuleLimit, "only one source is supported").Mend("write an authority for each: any of them suffices")
	}
	if c := n.Get("ctlog"); c.Present() {
		c = c.Object("url", "trustRootRef")
		a.CTLog = &Log{TrustRoot: c.Get("trustRootRef").Text()}
		if c.Get("url").Present() {
			a.CTLog.URL = readURL(c.Get("url"), "https", "http")
		}
	}
	if t := n.Get("rfc3161timestamp"); t.Present() {
		t = t.Object("trustRootRef")
		a.Timestamp = &Timestamp{TrustRoot: t.Get("trustRootRef").Text()}
		if a.Timestamp.TrustRoot == "" {
			t.Warn(RuleTrustRoot, "no trustRootRef: no timestamp authority is trusted").Mend("trustRootRef: the name of a TrustRoot with timestampAuthorities")
		}
	}
	names := map[string]bool{}
	for _, t := range some(n.Get("attestations")) {
		att := readAttestation(t)
		if att.Name != "" && names[att.Name] {
			t.Warn(strict.RuleConflict, "two attestations are called %q: one hides the other's results", att.Name).Mend("give each its own name")
		}
		names[att.Name] = true
		a.Attestations = append(a.Attestations, att)
	}
	return a
}

func readStatic(n strict.Node) *Static {
	n = n.Object("action", "message")
	if !n.Require("action", "action: pass, or action: fail") {
		return &Static{}
	}
	s := &Static{Pass: n.Get("action").OneOf("pass", "fail") == "pass", Message: n.Get("message").Text()}
	if s.Pass && s.Message != "" {
		n.Get("message").Warn(strict.RuleConflict, "nobody sees the message of a pass").Mend("remove it")
	}
	return s
}

func readSource(n strict.Node) Source {
	n = n.Object("oci", "signaturePullSecrets", "tagPrefix")
	s := Source{OCI: n.Get("oci").Text(), TagPrefix: n.Get("tagPrefix").Text()}
	if s.OCI != "" {
		name := s.OCI
		if !strings.Contains(name, "/") {
			name += "/any"
		}
		if ref, err := ident.ParseImageRef(name); err != nil || ref.Tag != "" || !ref.Digest.IsZero() || strings.Contains(s.OCI, "://") {
			n.Get("oci").Fault(strict.RuleValue, "%q is neither a registry nor a repository", s.OCI).Mend("oci: registry.example/signatures, without scheme, tag or digest")
		}
	}
	for _, p := range some(n.Get("signaturePullSecrets")) {
		p = p.Object("name")
		if p.Require("name", "name: of a Secret in the namespace of what is deployed") {
			s.PullSecrets = append(s.PullSecrets, p.Get("name").Text())
		}
	}
	return s
}

func readAttestation(n strict.Node) Attestation {
	n = n.Object("name", "predicateType", "policy")
	n.Require("name", "give the attestation a name: policies refer to it")
	a := Attestation{Name: n.Get("name").Text()}
	if n.Require("predicateType", "predicateType: https://slsa.dev/provenance/v1") {
		t := n.Get("predicateType")
		a.PredicateType = t.Text()
		_, err := url.ParseRequestURI(a.PredicateType)
		switch full, short := predicateTypes[a.PredicateType]; {
		case short:
			t.Warn(RuleDeprecated, "the short name %q is deprecated", a.PredicateType).Mend("predicateType: %s", full)
		case a.PredicateType != "" && err != nil:
			t.Warn(RuleDeprecated, "%q is no URI: statements are likely of another type", a.PredicateType).Mend("write the predicateType of the statement in full")
		}
	}
	if p := n.Get("policy"); p.Present() {
		a.Policy = readInline(p, false)
	}
	return a
}

func readKeyless(n strict.Node) *Keyless {
	n = n.Object("url", "identities", "ca-cert", "trustRootRef", "insecureIgnoreSCT")
	k := &Keyless{TrustRoot: n.Get("trustRootRef").Text()}
	url, ca := n.Get("url"), n.Get("ca-cert")
	switch {
	case url.Present() && ca.Present():
		ca.Fault(strict.RuleConflict, "url and ca-cert contradict each other").Mend("keep one of them")
	case ca.Present():
		k.CACert = readKey(ca, true)
	case url.Present():
		k.URL = readURL(url, "https", "http")
	default:
		k.URL = "https://fulcio.sigstore.dev"
	}
	if i := n.Get("insecureIgnoreSCT"); i.Bool() != nil && *i.Bool() {
		k.IgnoreSCT = true
		i.Warn(RuleInsecure, "certificates need not be in a log, so one that was issued in secret is believed").Mend("remove it where the certificate authority has a log")
	}
	ids := n.Get("identities")
	if ids.Empty() {
		ids.Fault(strict.RuleMissing, "identities is missing or empty: anybody with an account could sign").Mend("identities: [{issuer: …, subject: …}]")
	}
	for _, i := range some(ids) {
		k.Identities = append(k.Identities, readIdentity(i))
	}
	return k
}

func readIdentity(n strict.Node) Identity {
	n = n.Object("issuer", "issuerRegExp", "subject", "subjectRegExp")
	out := Identity{Issuer: n.Get("issuer").Text(), IssuerRegExp: n.Get("issuerRegExp").Text(), Subject: n.Get("subject").Text(), SubjectRegExp: n.Get("subjectRegExp").Text()}
	for _, pair := range [][2]string{{"issuer", "issuerRegExp"}, {"subject", "subjectRegExp"}} {
		n.Either("the "+pair[0], pair[0], pair[1])
		readPattern(n.Get(pair[1]), pair[0])
	}
	return out
}

// readPattern judges a regular expression for an identity (RE2, as the controller
// reads it, and it matches anywhere unless it is anchored).
func readPattern(n strict.Node, what string) {
	text := n.Text()
	if text == "" {
		return
	}
	re, err := regexp.Compile(text)
	switch {
	case err != nil:
		n.Fault(RuleIdentity, "%q is no regular expression: %s", text, strings.TrimPrefix(err.Error(), "error parsing regexp: ")).Mend("the syntax is RE2; literal text goes into %s", what)
	case re.MatchString("") || re.MatchString("\x00"):
		n.Warn(RuleIdentity, "the expression matches every %s", what).Mend("name the %s, or the part of it that is yours", what)
	case !strings.HasPrefix(text, "^"):
		n.Warn(RuleIdentity, "the expression leaves open how the %s begins, so somebody else's may match", what).Mend("begin with ^ and what is yours")
	case !strings.HasSuffix(text, "$"):
		n.Warn(RuleIdentity, "the expression leaves open how the %s ends, so somebody else's may match", what).Mend("end with what is yours and $")
	}
}

// controllerNamespace is where the controller is installed unless somebody chose otherwise.
const controllerNamespace = "cosign-system"

// readKey reads a key, or where certificates is set what a certificate authority is
// known by.
func readKey(n strict.Node, certificates bool) *Key {
	n = n.Object("data", "secretRef", "kms", "hashAlgorithm")
	k := &Key{Data: n.Get("data").Text(), KMS: n.Get("kms").Text(), Hash: "sha256"}
	n.Either("the key", "data", "secretRef", "kms")
	if h := n.Get("hashAlgorithm"); h.Text() != "" {
		k.Hash = strings.ToLower(strings.TrimSpace(h.Text()))
		if !slices.Contains([]string{"sha224", "sha256", "sha384", "sha512"}, k.Hash) {
			h.Fault(RuleKey, "%q is no hash algorithm for signatures", h.Text()).Mend("sha224, sha256, sha384 or sha512")
		}
	}
	if s := n.Get("secretRef"); s.Present() {
		s = s.Object("name", "namespace")
		s.Require("name", "name: of a Secret with one public key")
		k.Secret = &SecretRef{Name: s.Get("name").Text(), Namespace: s.Get("namespace").Text()}
		if ns := k.Secret.Namespace; ns != "" && ns != controllerNamespace {
			s.Get("namespace").Warn(RuleKey, "a secret is read only from the namespace of the controller, which is %s unless it was chosen otherwise", controllerNamespace).Mend("remove namespace")
		}
	}
	if k.KMS != "" {
		readKMS(n.Get("kms"), k.KMS)
	}
	if k.Data != "" {
		readPEM(n.Get("data"), k, certificates)
	}
	return k
}

// readPEM judges a key or certificates that stand in the policy.
func readPEM(n strict.Node, k *Key, certificates bool) {
	block, rest := pem.Decode([]byte(k.Data))
	if block == nil {
		n.Fault(RuleKey, "holds no PEM block").Mend("begins with -----BEGIN PUBLIC KEY-----, in a literal block (data: |)")
		return
	}
	der := block.Bytes
	switch block.Type {
	case "PUBLIC KEY":
		if _, err := x509.ParsePKIXPublicKey(der); err != nil {
			n.Fault(RuleKey, "the public key cannot be read: %v", err).Mend("cosign public-key, or openssl pkey -pubout, prints one")
			return
		}
	case "RSA PUBLIC KEY":
		key, err := x509.ParsePKCS1PublicKey(der)
		if err == nil {
			der, err = x509.MarshalPKIXPublicKey(key)
		}
		if err != nil {
			n.Fault(RuleKey, "the public key cannot be read: %v", err).Mend("openssl rsa -RSAPublicKey_in -pubout converts it")
			return
		}
	case "CERTIFICATE":
		if !certificates {
			n.Fault(RuleKey, "is a certificate and no public key").Mend("openssl x509 -pubkey -noout prints its key; to trust whom it certifies, use keyless with a TrustRoot")
			return
		}
		if _, err := x509.ParseCertificate(der); err != nil {
			n.Fault(RuleKey, "the certificate cannot be read: %v", err).Mend("openssl x509 -text shows what openssl makes of it")
		}
		return
	default:
		if strings.Contains(block.Type, "PRIVATE KEY") {
			n.Fault(RuleInsecure, "is a PRIVATE key").Mend("consider it leaked: make a new pair, and put the public key here")
			return
		}
		n.Fault(RuleKey, "a PEM block of type %q is no public key", block.Type).Mend("begins with -----BEGIN PUBLIC KEY-----")
		return
	}
	k.ID = ident.SHA256(der)
	if strings.TrimSpace(string(rest)) != "" {
		n.Warn(RuleKey, "something follows the first key, and is not used").Mend("write an authority for each key: any of them suffices")
	}
}

var kmsSchemes = []string{"awskms://", "azurekms://", "gcpkms://", "hashivault://"}

// awsKey is what the controller takes of AWS: the ARN of a key or an alias, after an
// endpoint that may be empty. Bare ids and aliases depend on an environment.
var awsKey = regexp.MustCompile(`^awskms://([^/]*)/arn:(?:aws|aws-us-gov|aws-cn):kms:[a-z0-9-]+:\d{12}:(?:key/(?:mrk-)?[A-Fa-f0-9-]{32,36}|alias/.+)$`)

func readKMS(n strict.Node, ref string) {
	if !slices.ContainsFunc(kmsSchemes, func(s string) bool { return strings.HasPrefix(ref, s) && len(ref) > len(s) }) {
		n.Fault(RuleKMS, "%q is no key at a known KMS", ref).Mend("it begins with %s", strings.Join(kmsSchemes, ", "))
		return
	}
	if !strings.HasPrefix(ref, kmsSchemes[0]) {
		return
	}
	m := awsKey.FindStringSubmatch(ref)
	if m == nil {
		if strings.Contains(ref, "<") {
			n.Fault(RuleKMS, "%q was not filled in", ref).Mend("put your region, account and key where the brackets are")
			return
		}
		n.Fault(RuleKMS, "%q does not name a key of AWS by its ARN", ref).Mend("awskms:///arn:aws:kms:REGION:ACCOUNT:key/ID, or …:alias/NAME; awskms://HOST:PORT/arn:… for another endpoint")
		return
	}
	if m[1] != "" {
		if _, _, err := net.SplitHostPort(m[1]); err != nil {
			n.Fault(RuleKMS, "the endpoint %q is no HOST:PORT", m[1]).Mend("leave it empty: awskms:///arn:…")
		}
	}
}
