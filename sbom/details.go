package sbom

// Details are what a document says of a component beyond what inventories ask for.
// Decoders gather them only where they are told to (Details of their options): a
// catalogue of a million documents has no use for copyright texts. They are nil
// where nothing of the sort is said, and for every component where they were not
// asked for (Document.Details tells which).
type Details struct {
	PURLs        []string // package URLs besides Component.PURL, as written
	SWIDs        []SWID
	Identifiers  []string // SWHIDs, OmniBOR and gitoid identifiers, as written
	Manufacturer string   // CycloneDX manufacturer, else the first of the authors
	Contact      string   // mail address or URL of supplier, manufacturer or originator
	Copyright    string
	Verification string // SPDX package verification code
	References   []Reference
	Properties   []Property // CycloneDX properties of the taxonomies that quality profiles read
}

// SWID is a software identification tag (ISO/IEC 19770-2): in CycloneDX an object,
// in SPDX a locator, which is then the TagID.
type SWID struct{ TagID, Name, Version string }

// Reference is something outside that a document points to.
type Reference struct {
	Type   string // CycloneDX externalReference type: "distribution", "source-distribution", "vcs", "website", …
	URL    string
	Hashes []Hash
}

// Property is a name and a value.
type Property struct{ Name, Value string }

// DocumentDetails are what a document says of itself beyond what inventories ask for.
type DocumentDetails struct {
	Root            string // JSON pointer of the document in the bytes: "", in GitHub's answers "/sbom", in the Trivy operator's "/report"
	Timestamp       string // Created as written
	Supplier        string // CycloneDX metadata.supplier
	AuthorContact   string // mail address or URL of an author, the manufacturer or the supplier
	Comment         string // SPDX creator comment
	DataLicense     string // SPDX 2
	Signed          bool   // a signature stands in the document; nothing is verified
	Formulation     bool   // CycloneDX formulation: how it was built
	BuildTools      int    // SPDX relationships to build tools
	Vulnerabilities int    // CycloneDX vulnerabilities
	Properties      []Property
	Compositions    []Composition
}

// Composition is what a document says of the completeness of a part of itself.
type Composition struct {
	Aggregate string // CycloneDX aggregate: "complete", "incomplete", "unknown", …
	Subject   bool   // it is about the subject, or about the whole
}

// Detailed returns the details of a component, for a decoder to fill in.
func (c *Component) Detailed() *Details {
	if c.Details == nil {
		c.Details = &Details{}
	}
	return c.Details
}
