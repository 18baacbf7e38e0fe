// Package syft decodes syft's own JSON into the model of package sbom. Its
// source names every identity of an image: the configuration digest (imageID),
// the manifest digest, repository digests and tags.
//
// It is strict, because syft is the only writer of this format: names of members
// are matched to the letter, none may occur twice in one object, and a value that
// is read and is of another kind than syft writes is an error with its JSON pointer.
// It is not for the CycloneDX and SPDX documents that syft writes too, and keeps
// nothing of files.
//
//	doc, err := syft.Decode(ctx, raw, syft.Options{})
//	for _, g := range doc.Subject.Digests {
//		fmt.Println(g.Role, g.Digest)
package syft
