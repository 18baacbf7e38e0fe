// Package encode writes the documents of package sbom in the formats that are
// written: CycloneDX 1.7 and 1.6, and SPDX 2.3, in JSON. It is the counterpart of
// sbom/decode.
//
//	losses, err := encode.Document(ctx, w, doc, encode.SPDX, encode.Options{})
//	for _, l := range losses {
//		fmt.Println(l.What, l.Kept)
//
// What is written decodes to what was encoded: what a format has no words for
// stands in our own namespace (sbom/note) and is listed.
//
// It is not for the micro-segmentation SBOM, which report/microseg writes, and
// does not judge documents, which sbom/schema does.
package encode
