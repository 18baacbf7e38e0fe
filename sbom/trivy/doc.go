// Package trivy decodes Trivy's JSON report with package lists, and the
// SbomReport and ClusterSbomReport objects of the Trivy operator, into the model
// of package sbom. A report names the configuration digest (Metadata.ImageID),
// repository digests, which may be an index's or a manifest's, and tags.
//
// Reports are read strictly: names of members are matched to the letter, none may
// occur twice in one object, and a value that is read and is of another kind than
// Trivy writes is an error with its JSON pointer. The CycloneDX document inside an
// operator's object is package cyclonedx's. It is not for findings, which are passed
// over, nor for what Trivy writes as CycloneDX or SPDX.
//
//	doc, err := trivy.Decode(ctx, raw, trivy.Options{})
//	for _, c := range doc.Components {
//		fmt.Println(c.PURL, c.Source.Name)
package trivy
