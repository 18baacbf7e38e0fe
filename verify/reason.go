package verify

import (
	"fmt"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Reason says why something was refused. Reasons are stable: gates and dashboards count
// them.
type Reason string

// The reasons, in the order in which a bundle is checked.
const (
	BadBundle      Reason = "malformed-bundle"
	BadTrustedRoot Reason = "malformed-trusted-root"
	BadKey         Reason = "malformed-key"
	WrongMaterial  Reason = "wrong-material" // a key was asked for and a certificate is there, or the other way round

	NotLogged     Reason = "not-logged"            // fewer log entries than asked for
	UnknownLog    Reason = "unknown-log"           // the trusted root does not have the log
	LogPromise    Reason = "log-promise"           // the signed entry timestamp does not verify
	LogProof      Reason = "log-proof"             // the inclusion proof or its checkpoint does not verify
	LogMismatch   Reason = "log-entry-mismatch"    // the entry is about another signature, key or artifact
	LogDuplicate  Reason = "log-entry-twice"       // one entry twice, as if two logs had seen it
	NoTime        Reason = "no-signed-time"        // nobody that is trusted says when
	BadTimestamp  Reason = "timestamp-invalid"     // a timestamp is not of a trusted authority, or over something else
	UnknownIssuer Reason = "certificate-untrusted" // no authority of the trusted root issued it
	OutsideTime   Reason = "certificate-time"      // signed before or after the certificate was valid
	NoSCT         Reason = "sct-missing"           // no signed certificate timestamp of a known log
	BadSCT        Reason = "sct-invalid"
	BadSignature  Reason = "signature-invalid"
	WrongArtifact Reason = "artifact-mismatch" // signed, but about something else
	BadStatement  Reason = "malformed-statement"
	NeedsArtifact Reason = "artifact-needed" // the digest alone does not do for this algorithm

	WrongSubject   Reason = "identity-mismatch"
	WrongIssuer    Reason = "issuer-mismatch"
	WrongExtension Reason = "extension-mismatch"
	KeyTime        Reason = "key-time" // signed outside of the time that the key is valid for
	Distrusted     Reason = "distrusted"

	// Of signatures of the Notary Project:
	NoTrustPolicy Reason = "trust-policy-missing" // no trust policy is for the repository
	NotVerified   Reason = "verification-skipped" // the trust policy has nothing verified
	BadAttribute  Reason = "unknown-attribute"    // a signed attribute that must be understood, and is not
	Expired       Reason = "signature-expired"    // the time is over until which its signer would have the artifact used
	Revoked       Reason = "certificate-revoked"
	PluginRefused Reason = "plugin-refused" // the plugin that the signature names said no
)

// Refusal is the error of a check that ran and said no.
type Refusal struct {
	Reason Reason
	err    *ident.Error
}

func refuse(r Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: r, err: ident.Errorf(ident.KindRefused, format, args...)}
}

// hint returns a copy of r with a hint how to mend it.
func (r *Refusal) hint(format string, args ...any) *Refusal {
	return &Refusal{Reason: r.Reason, err: r.err.WithHint(format, args...)}
}

// because returns a copy of r with a cause for the operator.
func (r *Refusal) because(err error) *Refusal {
	e := *r.err
	e.Err = err
	return &Refusal{Reason: r.Reason, err: &e}
}

// Error returns the message.
func (r *Refusal) Error() string { return r.err.Error() }

// Unwrap returns the *ident.Error with message, hint and cause.
func (r *Refusal) Unwrap() error { return r.err }

// Hint says what to change.
func (r *Refusal) Hint() string { return r.err.Hint }

// Detail is the cause in the words of whoever found it; may be empty.
func (r *Refusal) Detail() string {
	if r.err.Err == nil {
		return ""
	}
	return fmt.Sprint(r.err.Err)
}

// At returns a copy of r that says in which file the fault lies.
func (r *Refusal) At(where string) *Refusal {
	return &Refusal{Reason: r.Reason, err: r.err.At(where)}
}
