// Package redact takes names out of an SBOM and leaves what a recipient needs to check
// it: digests, licences, and what depends on what.
//
//	out, r, err := redact.Document(doc, redact.Options{Chosen: ours, Key: key})
//	_, err = encode.Document(ctx, &buf, out, encode.CycloneDX, encode.Options{})
//	leaks := r.Leaks(buf.Bytes()) // nil: no redacted text is in the output
//
// A redacted component has an opaque name, the same in every document that is redacted
// with the same key, and says that its version and supplier are withheld. Without the
// key an opaque name cannot be found by trying names; a digest can be looked up by who
// has the bytes, which is what it is kept for.
package redact
