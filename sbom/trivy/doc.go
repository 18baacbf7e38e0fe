// Package trivy decodes Trivy's JSON report with package lists, and the
// SbomReport and ClusterSbomReport objects of the Trivy operator, into the model
// of package sbom. A report names the configuration digest (Metadata.ImageID),
// repository digests, which may be an index's or a manifest's, and tags.
//
//	doc, err := trivy.Decode(ctx, raw, trivy.Options{})
//	for _, c := range doc.Components {
//		fmt.Println(c.PURL, c.Source.Name)
package trivy
