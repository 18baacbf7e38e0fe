// Package sbom is the one model of a software bill of materials: components,
// their identities, hashes, licences and dependencies, and the identity set of
// the artifact that the document is about.
//
// The codecs live in sbom/cyclonedx, sbom/spdx, sbom/syft and sbom/trivy;
// sbom/decode picks one by content; sbom/encode writes. Official-schema validation is
// sbom/schema's; matching against advisories is package vuln's. The model keeps what was
// written and derives nothing: a purl that is absent stays absent.
//
//	doc, err := decode.Bytes(ctx, raw, decode.Limits{})
//	for _, c := range doc.Components {
//		fmt.Println(c.PURL, c.Pointer)
package sbom
