// Package spdx decodes SPDX documents into the model of package sbom: SPDX
// 2.0–2.3 as JSON and as tag-value, and SPDX 3.0.x as JSON-LD. The encoding is
// recognised by content. It encodes the model as SPDX 2.3 in JSON.
//
//	doc, err := spdx.Decode(ctx, data, spdx.Options{})
//	for _, c := range doc.Components {
//		fmt.Println(c.PURL, c.Pointer)
//
// It reads tolerantly and reports exactly: whatever it stepped over is a warning
// with a JSON pointer or line number, and only what cannot be read as SPDX is an
// error. It keeps what was written. NONE and NOASSERTION stay in licences,
// suppliers and originators as those words, so that absent, none and not
// asserted remain three things.
//
// Packages become components and relationships between packages become
// dependencies. Files and snippets are checked for grammar and passed over:
// they are most of a document's bytes and nothing joins on them.
//
// The subject is the package that the document describes. A container image, and
// the root that a scanner invents for a scanned directory or file, is the
// subject alone; any other described package stays among the components as well,
// and the subject contains it. A document that describes several packages
// has them all as components and a subject with the document's name.
//
// What the model holds and SPDX has no words for is written as annotations in our
// own namespace (sbom/note), listed, and read back.
//
//	losses, err := spdx.Encode(ctx, w, doc, spdx.EncodeOptions{})
//
// It is not a validator: sbom/schema judges documents against the standard. It
// does not decode the RDF, YAML and spreadsheet encodings, which it names and
// refuses, nor in-toto statements around a document, which are sbom/decode's.
package spdx
