// Package provenance reads what builders and signers say of artifacts: in-toto
// statements (v0.1 and v1), the DSSE envelopes that they are signed in, and the
// SBOMs among their predicates.
//
//	a, err := provenance.Open(raw, provenance.Limits{})
//	if err != nil || !a.Statement.Names(image) { … } // malformed, or about something else
//	document, ok, err := provenance.SBOM(a.Statement)
//
// It verifies nothing: a statement is what somebody claims, and an envelope's
// signatures are handed on as they are. It is not for judging an SBOM, which package
// decode reads, and it fetches nothing. It is stricter than a reader that shows
// people what there is: a name that occurs twice, a digest that is none or an envelope
// without signatures is refused, so that no two readers take one statement for two
// things.
package provenance
