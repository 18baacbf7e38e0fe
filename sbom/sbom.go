package sbom

import (
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Format is the family of a document.
type Format string

// The formats that are decoded. Type detection is by content, never by name.
const (
	CycloneDX     Format = "cyclonedx"
	SPDX          Format = "spdx"
	Syft          Format = "syft"
	Trivy         Format = "trivy"
	TrivyOperator Format = "trivy-operator" // SbomReport and ClusterSbomReport objects
	SWIDTag       Format = "swid"           // a software identification tag (ISO/IEC 19770-2, RFC 9393)
	LockFile      Format = "lockfile"       // what a package manager resolved; package witness reads it
	Provenance    Format = "provenance"     // the tools of a build, as its SLSA provenance names them
)

// Encoding is how the document was written down.
type Encoding string

// The encodings.
const (
	JSON     Encoding = "json"
	XML      Encoding = "xml"
	TagValue Encoding = "tag-value"
	JSONLD   Encoding = "json-ld" // SPDX 3
	YAML     Encoding = "yaml"    // objects of the Trivy operator in a dump
	CBOR     Encoding = "cbor"    // CoSWID tags
)

// Document is one SBOM, whatever it was written in. It is immutable once a
// decoder has returned it.
type Document struct {
	Format      Format
	SpecVersion string // "1.6", "2.3", "3.0.1"; the tool's schema version for syft and trivy
	Encoding    Encoding
	Digest      ident.Digest // SHA-256 of the bytes that were decoded (role document)
	Size        int64        // bytes that were decoded
	File        string       // where it was read, as the user named it; "" if unknown

	Name      string // document name
	Serial    string // CycloneDX serialNumber ("urn:uuid:…"); SPDX documentNamespace
	Version   int    // CycloneDX version of the serial; 0 if absent
	Created   time.Time
	Authors   []string // people and organisations, as written
	Tools     []Tool
	Lifecycle []string // CycloneDX lifecycle phases; SPDX 3 sbomType

	Subject      Subject
	Components   []Component // in document order; the subject itself is not among them unless the document lists it among its packages
	Dependencies []Dependency
	LicenseTexts []LicenseText // of the LicenseRefs that expressions name
	Warnings     []Warning     // what was tolerated, in document order
	// Incomplete is true where the document itself says so (CycloneDX compositions
	// other than complete, SPDX 3 incompleteness) for its own list of components.
	Incomplete bool
	// Redacted counts the components whose names were withheld on purpose, where the
	// document says so (package sbom/redact).
	Redacted int
	// Details are nil where the decoder was not asked for them.
	Details *DocumentDetails
}

// WithTool is the document with a tool added to its own, unless it is among them.
func (d *Document) WithTool(t Tool) *Document {
	if t.IsZero() || slices.Contains(d.Tools, t) {
		return d
	}
	with := *d
	with.Tools = append(slices.Clone(d.Tools), t)
	return &with
}

// Tool made the document.
type Tool struct{ Vendor, Name, Version string }

// IsZero reports whether t is no tool.
func (t Tool) IsZero() bool { return t == Tool{} }

// Subject is the artifact that a document is about, with every identity that
// its metadata gives it.
type Subject struct {
	Kind       string // "container", "file", "directory", "application", "operating-system", … ; "" if unknown
	Name       string // as written
	Version    string // as written
	PURL       string // as written
	ID         string // bom-ref or SPDXID
	Digests    []ident.RoledDigest
	References []ident.ImageRef // tags and repo digests that were written down
	OS         Distro           // the distribution that the document names, for packages without one
	// Component is the same thing as the document describes it: hashes, licences,
	// supplier. nil where the format describes no subject (syft, Trivy) or the
	// document does not.
	Component *Component
}

// Described is the subject as a component: as the document describes it, under the
// name, version and package URL that it gives the subject.
func (s *Subject) Described() Component {
	var c Component
	if s.Component != nil {
		c = *s.Component
	}
	if c.Group == "" || c.Group+"/"+c.Name != s.Name {
		c.Group, c.Name = "", s.Name
	}
	c.Version, c.PURL = s.Version, s.PURL
	return c
}

// AddReferences appends the image references among texts that have a tag or a
// digest, each of them once; what is no reference is passed over. A digest alone
// is none, although it would parse as a tag of the image "sha256".
func (s *Subject) AddReferences(texts ...string) {
	seen := make(map[ident.ImageRef]bool, len(texts))
	for _, r := range s.References {
		seen[r] = true
	}
	for _, text := range texts {
		if _, err := ident.ParseDigest(text); err == nil {
			continue
		}
		r, err := ident.ParseImageRef(text)
		if err == nil && (r.Tag != "" || !r.Digest.IsZero()) && !seen[r] {
			seen[r] = true
			s.References = append(s.References, r)
		}
	}
}

// Distro is an operating system release, in the words of os-release(5).
type Distro struct{ ID, VersionID string }

// Component is one entry. Strings may share memory with the decoder's input
// copy; treat them as immutable.
type Component struct {
	ID        string // bom-ref, SPDXID, or the tool's own id
	Type      string // CycloneDX component type ("library", "operating-system", …); "" where the format has none
	Group     string
	Name      string
	Version   string
	PURL      string // as written; never derived
	CPEs      []string
	Hashes    []Hash
	Licenses  []License
	Supplier  string // CycloneDX supplier, SPDX PackageSupplier, without "Organization: "
	Origin    string // CycloneDX publisher or author, SPDX PackageOriginator
	Scope     string // CycloneDX scope: "required", "optional", "excluded"
	Locations []string
	Layer     ident.Digest // image layer that brought it, where the tool says so
	Source    SourcePackage
	Pointer   string // where it stands: JSON pointer, XML path, or "line N"
	Details   *Details
	Known     *Known // what its reader remembers it as; nil where it does not
}

// SourcePackage is the source that a binary package was built from
// (purl qualifier "upstream" or "source", syft and trivy metadata):
// distributions publish advisories by source package.
type SourcePackage struct{ Name, Version string }

// Hash is a checksum of a component.
type Hash struct {
	Algorithm string // "SHA-256" (CycloneDX spelling) whatever the document wrote
	Value     string // lower-case hexadecimal
}

// License is one statement about licensing.
type License struct {
	Expression string // SPDX expression or identifier, or the text as written if it is neither
	Kind       LicenseKind
	Name       bool // Expression is a free-text name and no SPDX identifier
}

// LicenseText is a licence that is on no list, as a document writes it out.
type LicenseText struct {
	ID   string // "LicenseRef-…"
	Name string
	Text string
}

// LicenseKind tells a declaration from a conclusion.
type LicenseKind uint8

// The kinds.
const (
	LicenseUnspecified LicenseKind = iota
	LicenseDeclared
	LicenseConcluded
)

// Dependency is one edge by component index; SubjectIndex stands for the
// document's subject.
type Dependency struct {
	From, To int32
	Kind     DependencyKind
}

// SubjectIndex is the index of the document's subject in a Dependency.
const SubjectIndex int32 = -1

// DependencyKind tells containment from need.
type DependencyKind uint8

// The kinds.
const (
	DependsOn DependencyKind = iota
	Contains
	Provides
)

// Warning is a fault that a decoder tolerated.
type Warning struct {
	Pointer string // JSON pointer, XML path or "line N"
	Message string
}
