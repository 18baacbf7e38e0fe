// Package swid reads software identification tags, one to a file: in XML (ISO/IEC
// 19770-2:2015), as they are installed beside software in files that end in .swidtag, and in
// CBOR (CoSWID, RFC 9393), as firmware and attestation carry them. A tag is a document of one
// component: its name, version, tag identifier, who made and supplies it, and the other tags
// that it says the software consists of or needs.
//
//	doc, err := swid.Decode(ctx, raw, sbom.Limits{Details: true})
//	fmt.Println(doc.Components[0].Details.SWIDs[0].TagID)
//
// It is not for the files that a tag lists (Payload, Evidence), which are no components, not for
// tags of the edition of 2009, and verifies no signature, of XML or of COSE.
package swid
