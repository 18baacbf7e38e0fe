// Package syft decodes syft's own JSON into the model of package sbom. Its
// source names every identity of an image: the configuration digest (imageID),
// the manifest digest, repository digests and tags.
//
//	doc, err := syft.Decode(ctx, raw, syft.Options{})
//	for _, g := range doc.Subject.Digests {
//		fmt.Println(g.Role, g.Digest)
package syft
