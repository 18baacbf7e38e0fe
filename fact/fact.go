package fact

import (
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Claim is what kind of thing was said.
type Claim string

// The claims.
const (
	Signature   Claim = "signature"   // the artifact itself was signed
	Attestation Claim = "attestation" // a statement about the artifact was signed
)

// Fact is verified metadata about one artifact.
type Fact struct {
	Artifact ident.Digest `json:"artifact"`
	Claim    Claim        `json:"claim"`
	// PredicateType and Predicate say what an attestation says; Predicate is the exact
	// bytes of the signed statement's predicate.
	PredicateType string `json:"predicateType,omitempty"`
	Predicate     []byte `json:"-"`
	// Statement is the exact bytes of the whole statement, where there is one.
	Statement []byte `json:"-"`

	Signer Signer `json:"signer"`
	// Times are those at which an authority or a log saw the signature, each verified;
	// empty where nobody vouches for a time, which only a key allows.
	Times []Time     `json:"times"`
	Log   []LogEntry `json:"log"`
	// Trust is the version of the trust that all this was verified under: the digest of
	// the trusted root. Zero where a key alone was enough.
	Trust ident.Digest `json:"trustedRoot"`
	// Source is the digest of the document that the signature came in.
	Source ident.Digest `json:"source"`
	// Notes name what was in the document and was left out of account.
	Notes []string `json:"notes,omitempty"`
}

// Signer is who signed: exactly one of the three is set.
type Signer struct {
	Certificate *Certificate `json:"certificate,omitempty"`
	Key         *Key         `json:"key,omitempty"`
	X509        *X509        `json:"x509,omitempty"`
}

// X509 is a certificate of an authority that a trust policy of the Notary Project names.
type X509 struct {
	Subject string `json:"subject"` // distinguished name, as RFC 4514 writes it
	// Policy is the name of the trust policy; Issuer what policies over facts call it.
	Policy    string       `json:"policy"`
	Store     string       `json:"store"` // in which the authority was found: "ca:acme"; empty where in none
	Scheme    string       `json:"scheme"`
	ID        ident.Digest `json:"id"` // SHA-256 of the SubjectPublicKeyInfo
	NotBefore time.Time    `json:"notBefore"`
	NotAfter  time.Time    `json:"notAfter"`
	Expiry    time.Time    `json:"expiry,omitzero"` // until when the signer says that the artifact is to be used
	// Logged are the checks that failed, and that the trust policy does not enforce:
	// authenticity, authenticTimestamp, expiry, revocation.
	Logged []string `json:"logged,omitempty"`
	Plugin *Plugin  `json:"plugin,omitempty"` // nil: none judged
}

// Plugin is a program that judged a part of a signature in the place of this one, since
// the signature names it, and an operator installed it.
type Plugin struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Checked are the checks that it was asked: authenticity (whose signature it is, of
	// those whom an authority certified), revocation.
	Checked []string `json:"checked"`
	// Attributes are what the signature says and the plugin understood, by name.
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Issuer is who vouches for the certificate's subject, in the words of policies over
// facts: no issuer of tokens is called so, whose names are addresses.
func (x *X509) Issuer() string { return "notation:" + x.Policy }

// Certificate is the identity that a certificate authority put into a certificate.
type Certificate struct {
	Subject   string    `json:"subject"` // subject alternative name: an address, a workflow, a workload
	Issuer    string    `json:"issuer"`  // of the token that proved it, such as https://token.actions.githubusercontent.com
	Authority string    `json:"authority"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	// Extensions are Fulcio's, by the names of its documentation (1.3.6.1.4.1.57264.1),
	// in lowerCamelCase; only those that are there.
	Extensions map[string]string `json:"extensions,omitempty"`
	SCTs       int               `json:"scts"` // the certificate logs that promised it and were asked for
}

// Key is a public key that was configured.
type Key struct {
	ID        ident.Digest `json:"id"` // SHA-256 of its SubjectPublicKeyInfo
	Algorithm string       `json:"algorithm"`
	Name      string       `json:"name,omitempty"` // as configured: a path, a secret
}

// TimeSource says who vouches for a time.
type TimeSource string

// The sources of times.
const (
	FromAuthority TimeSource = "timestamp-authority" // RFC 3161
	FromLog       TimeSource = "log"                 // a log's signed promise (Rekor v1)
	FromSigner    TimeSource = "signing-authority"   // the signer's own, who is trusted for it (notary.x509.signingAuthority)
)

// Time is a verified time of a signature.
type Time struct {
	Source    TimeSource `json:"source"`
	Authority string     `json:"authority,omitempty"`
	At        time.Time  `json:"at"`
}

// LogEntry is a verified entry of a transparency log.
type LogEntry struct {
	Log      string `json:"log"`   // its address
	ID       string `json:"id"`    // of its key, hexadecimal
	Index    int64  `json:"index"` // in the log
	Kind     string `json:"kind"`  // "hashedrekord 0.0.2"
	Proof    bool   `json:"inclusionProof"`
	Promise  bool   `json:"inclusionPromise"`
	TreeSize int64  `json:"treeSize,omitempty"` // of the checkpoint that the proof leads to
}
