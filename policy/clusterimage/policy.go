package clusterimage

import (
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// The identity of the resources in the API.
const (
	Group    = "policy.sigstore.dev"
	Kind     = "ClusterImagePolicy"
	RootKind = "TrustRoot"
	V1Alpha1 = "v1alpha1"
	V1Beta1  = "v1beta1"
)

// Policy is a ClusterImagePolicy. An image that a glob matches, in a resource that
// Match admits, has to satisfy it: by any one of its authorities, and by Policy.
type Policy struct {
	Name        string
	Version     string // of the API
	Warn        bool   // mode: warn; a refusal becomes a warning
	Images      []Glob
	Match       []Match // none: every resource
	Authorities []Authority
	Policy      *Inline // over the results of the authorities that were satisfied
}

// Match selects resources by kind and labels.
type Match struct {
	Group, Version, Resource string
	Selector                 *estate.LabelSelector
}

// Authority is one way to satisfy a policy: exactly one of Key, Keyless and Static.
type Authority struct {
	Name    string // as given, else authority-N
	Key     *Key
	Keyless *Keyless
	Static  *Static

	Source       []Source
	CTLog        *Log
	Timestamp    *Timestamp // rfc3161timestamp
	Attestations []Attestation
	Bundle       bool // signatureFormat: bundle; else what cosign calls legacy
}

// Key is a public key, given or referred to: exactly one of Data, Secret and KMS.
type Key struct {
	Data string // PEM
	// ID is the SHA-256 of Data's SubjectPublicKeyInfo, zero where Data is no public key.
	ID     ident.Digest
	Secret *SecretRef
	KMS    string
	Hash   string // sha224, sha256, sha384 or sha512
}

// SecretRef names a Secret; Namespace "" is the controller's own.
type SecretRef struct{ Name, Namespace string }

// Keyless is trust in the certificates that an authority issues to identities.
type Keyless struct {
	URL        string // of the certificate authority; the public one where neither it nor CACert is set
	CACert     *Key   // Data may hold certificates
	Identities []Identity
	TrustRoot  string // name of a TrustRoot
	IgnoreSCT  bool   // insecureIgnoreSCT
}

// Identity is whom a certificate may name. Of each pair one is set.
type Identity struct {
	Issuer, IssuerRegExp   string
	Subject, SubjectRegExp string
}

// Static decides without looking at signatures.
type Static struct {
	Pass    bool
	Message string // of a refusal
}

// Source says where signatures lie, if not beside the image.
type Source struct {
	OCI         string
	PullSecrets []string
	TagPrefix   string
}

// Log is the transparency log that must have seen a signature.
type Log struct {
	URL       string // "" is the public log
	TrustRoot string
}

// Timestamp asks for a time by an authority of RFC 3161.
type Timestamp struct{ TrustRoot string }

// Attestation asks for a signed statement, and for what it says.
type Attestation struct {
	Name          string
	PredicateType string // as given
	Policy        *Inline
}

// Inline is a policy in another language. Exactly one of Data, Remote and ConfigMap is set.
type Inline struct {
	Type      string // cue or rego
	Data      string
	Remote    *Remote
	ConfigMap *ConfigMapRef
	// Of the policy over all authorities only: what else it is to see.
	FetchConfigFile, IncludeSpec, IncludeObjectMeta, IncludeTypeMeta bool

	text strict.Node // data, for what is found out about it later
}

// Remote is a policy elsewhere, pinned by the digest of its bytes.
type Remote struct {
	URL    string
	SHA256 ident.Digest
}

// ConfigMapRef names a key of a ConfigMap.
type ConfigMapRef struct{ Name, Namespace, Key string }

// predicateTypes are the short names of cosign, which the policy controller knows as
// deprecated.
var predicateTypes = map[string]string{
	"custom":         "https://cosign.sigstore.dev/attestation/v1",
	"slsaprovenance": "https://slsa.dev/provenance/v0.2",
	"spdx":           "https://spdx.dev/Document",
	"spdxjson":       "https://spdx.dev/Document",
	"cyclonedx":      "https://cyclonedx.org/bom",
	"link":           "https://in-toto.io/Link/v1",
	"vuln":           "https://cosign.sigstore.dev/attestation/vuln/v1",
}

// Predicate is the full predicate type, also where a short name was given.
func (a Attestation) Predicate() string {
	if full, ok := predicateTypes[a.PredicateType]; ok {
		return full
	}
	return a.PredicateType
}

// Resource is what an image is to run in, as far as policies select by it.
type Resource struct {
	Group, Version, Resource string // "apps", "v1", "deployments"
	Labels                   map[string]string
}

// Matches reports whether the policy governs an image in a resource.
func (p *Policy) Matches(image string, r Resource) bool {
	for _, g := range p.Images {
		if g.Match(image) {
			return p.selects(r)
		}
	}
	return false
}

// selects follows the controller: group and resource are compared as they stand, and
// only a version may be *. A resource that is not known, where only an image is being
// judged, is governed: a policy must not fall away because less was said.
func (p *Policy) selects(r Resource) bool {
	if len(p.Match) == 0 || r.Resource == "" {
		return true
	}
	for _, m := range p.Match {
		if m.Resource == r.Resource && (m.Version == r.Version || m.Version == "*") && m.Group == r.Group && (m.Selector == nil || m.Selector.Matches(r.Labels)) {
			return true
		}
	}
	return false
}
