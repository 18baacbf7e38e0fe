// Package survey finds what a document says that the model of package sbom does
// not hold: descriptions, copyright texts, vulnerabilities, services. A conversion
// goes through the model, and owes the reader a list of what it left behind.
//
//	for _, l := range survey.Document(ctx, raw, doc) {
//		fmt.Println(l.Count, l.What)
//
// It judges nothing, and knows the JSON of CycloneDX and of SPDX 2; of other
// encodings it says only that they were not surveyed.
package survey
