// Package decode reads an SBOM of any supported format: it tells the format by
// content, never by file name, unwraps what SBOMs are shipped in (gzip, zstd,
// in-toto statements, DSSE envelopes and Sigstore bundles, what buildx shows of an
// image), and hands the document to its codec. The subjects of a statement become identities of the
// document's subject: BuildKit and cosign name the image there alone.
//
// It judges no document by a schema (package sbom/schema does), opens no files,
// and does not verify signatures: what is inside an envelope is what somebody
// claims.
//
//	docs, err := decode.Bytes(ctx, "image.cdx.json", raw, decode.Limits{})
//	if ident.KindOf(err) == ident.KindUnsupported { … } // something else, and the message says what
package decode
