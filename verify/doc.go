// Package verify turns signatures into facts: it checks Sigstore bundles offline, with
// their certificates, log entries and times, against a trusted root, or against public
// keys, and says of what it refuses why.
//
//	trust, err := verify.ParseTrustedRoot(raw)
//	v, err := verify.New(verify.Options{Trust: trust, Identities: []verify.Identity{{Subject: "…", Issuer: "…"}}})
//	f, err := v.Bundle(b, verify.Artifact{Digest: digest}) // b is of verify.ParseBundle
//
// A refusal is a *Refusal with a Reason that programs can read; nothing of a document is
// handed on unless all of it verified. It fetches nothing and knows no time but the
// signed ones. It is not for deciding what may run, which rules over facts do.
//
// Cryptography and the formats are sigstore-go's. What it accepts is accepted only where
// this package's own, stricter reading agrees: no name twice in any JSON, statements as
// package provenance reads them, no certificate authority that a bundle brings itself.
package verify
