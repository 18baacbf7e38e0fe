// Package swid reads software identification tags (ISO/IEC 19770-2:2015, XML), one to a file,
// as they are installed beside software in files that end in .swidtag. A tag is a document of
// one component: its name, version, tag identifier, who made and supplies it, and the other
// tags that it says the software consists of or needs.
//
//	doc, err := swid.Decode(ctx, raw, sbom.Limits{Details: true})
//	fmt.Println(doc.Components[0].Details.SWIDs[0].TagID)
//
// It is not for the files that a tag lists (Payload, Evidence), which are no components, not for
// tags of the edition of 2009, and not for CoSWID (RFC 9393), which is binary.
package swid
