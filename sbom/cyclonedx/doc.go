// Package cyclonedx decodes CycloneDX documents (ECMA-424) 1.2 to 1.7 in JSON,
// and 1.0 to 1.7 in XML, into the model of package sbom, and encodes the model as
// JSON of 1.7 and 1.6.
//
// It is tolerant in reading and exact in reporting: what is wrong and can be
// read past becomes a warning with its place. Judging by the official schema is
// package sbom/schema's.
//
// Identities of a container, as generators write them: syft puts what it was
// asked to scan into metadata.component: its name is the reference, its version
// the manifest digest or else the tag. Trivy names the configuration digest in
// the property aquasecurity:trivy:ImageID, repository digests (of an index or a
// manifest) in aquasecurity:trivy:RepoDigest and in the purl, and tags in
// aquasecurity:trivy:RepoTag.
//
//	doc, err := cyclonedx.Decode(ctx, raw, cyclonedx.Options{})
//	for _, c := range doc.Components {
//		fmt.Println(c.PURL, c.Pointer)
//
// What the model holds and CycloneDX has no words for is written as properties of
// our own namespace (sbom/note), listed, and read back.
//
//	losses, err := cyclonedx.Encode(ctx, w, doc, cyclonedx.EncodeOptions{})
package cyclonedx
