// Package schema judges SBOM documents by the official schemas, offline: CycloneDX 1.2 to 1.7 in JSON and 1.0 to 1.7 in
// XML. SPDX JSON (2.2, 2.3, 3.0) is judged by rules written from the specification (folder clauses), because no official
// schema is embedded for it; an answer about SPDX says so with SPDXRules.
//
// The official schemas are embedded as their rules without prose (folder rules, written by ./gen); nothing is ever
// fetched. A schema is compiled when the first document of its version is judged, so importing this package costs
// nothing.
//
// It is not for reading an SBOM (package sbom decodes, and is tolerant where this package is exact), and not for its
// quality (package sbom/quality): a valid document may say next to nothing.
//
//	v := schema.New(schema.Limits{})
//	enc, version, ok := schema.Detect(doc)
//	violations, err := v.JSON(ctx, version, doc) // or v.XML, v.SPDXJSON; none and nil: the document is valid
//
// An error means that the document was not judged (unknown version, too large, cancelled). Anything wrong with a
// document that was read is a Violation, broken syntax included.
//
// Verdicts agree with the names of all 357 JSON and 382 XML documents of the specification's own tests for 1.2 to 1.7 (and
// with 34 older and extension ones); none is a known miss. The two XML documents that upstream calls "informal-invalid"
// break a rule that no official XSD states, and are not counted.
package schema
