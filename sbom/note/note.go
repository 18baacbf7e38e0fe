package note

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Prefix begins the name of every note. "cofferdam:" alone is shared with the
// micro-segmentation SBOM.
const Prefix = "cofferdam:sbom:"

// Names of notes about a component, without Prefix.
const (
	ID          = "id" // in the document that was converted
	Name        = "name"
	Type        = "type"
	Group       = "group"
	Version     = "version"
	PURL        = "purl"
	CPE         = "cpe"      // repeatable
	Hash        = "hash"     // Join(algorithm, value), repeatable
	License     = "license"  // License, repeatable: the whole list
	Location    = "location" // repeatable
	Supplier    = "supplier"
	Origin      = "origin"
	Scope       = "scope"
	Layer       = "layer"
	Source      = "source"      // Join(name, version)
	ContainedBy = "containedBy" // identifier of a component that contains this one, repeatable
)

// Names of notes about a document, without Prefix.
const (
	DocumentName = "document:name"
	Created      = "created"                // RFC 3339 with fractions and zone
	Author       = "author"                 // repeatable: the whole list
	Tool         = "tool"                   // Join(vendor, name, version), repeatable: the whole list
	Lifecycle    = "lifecycle"              // repeatable: the whole list
	LicenseText  = "licenseText"            // Join(id, name, text), repeatable
	Subject      = "subject"                // "none": the document is about nothing
	SubjectID    = "subject:id"             // where it is not the format's
	SubjectKind  = "subject:kind"           //
	SubjectName  = "subject:name"           //
	SubjectTag   = "subject:version"        //
	OS           = "subject:os"             // Join(id, version)
	Digest       = "subject:digest"         // Join(role, digest), repeatable
	Reference    = "subject:reference"      // repeatable
	Contains     = "subject:contains"       // "every component": each at the top of the document
	From         = "converted:from"         // Join(format, version, encoding)
	FromDigest   = "converted:digest"       // of the bytes that were converted
	FromSerial   = "converted:serialNumber" // CycloneDX serialNumber, SPDX documentNamespace
	Redacted     = "redacted"               // how many components are, in decimal
)

// EveryComponent is the value of Contains.
const EveryComponent = "every component"

// None is the value of Subject.
const None = "none"

// Note is one name, without Prefix, and value.
type Note struct{ Name, Value string }

var escaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

func escape(s string) string {
	if !strings.ContainsAny(s, "\\\n\r\t") {
		return s
	}
	return escaper.Replace(s)
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 'r':
				b.WriteByte('\r')
			case 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(s[i])
			}
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Line writes a note as one line of text: prefix, name, "=", value, with "\n",
// "\r", "\t" and "\\" for the characters that would break it.
func (n Note) Line() string { return Prefix + n.Name + "=" + escape(n.Value) }

// Parse reads what Line writes; false is another text.
func Parse(line string) (Note, bool) {
	rest, ok := strings.CutPrefix(line, Prefix)
	if !ok {
		return Note{}, false
	}
	name, value, ok := strings.Cut(rest, "=")
	return Note{name, unescape(value)}, ok
}

// Join makes one value of several texts, tabs between them.
func Join(texts ...string) string {
	parts := make([]string, len(texts))
	for i, t := range texts {
		parts[i] = escape(t)
	}
	return strings.Join(parts, "\t")
}

// Split undoes Join; texts beyond the last that was written are "".
func Split(value string, n int) []string {
	out := make([]string, n)
	for i, part := range strings.SplitN(value, "\t", n) {
		out[i] = unescape(part)
	}
	return out
}

var kinds = [...]string{sbom.LicenseUnspecified: "unspecified", sbom.LicenseDeclared: "declared", sbom.LicenseConcluded: "concluded"}

// OfLicense notes one licence: its kind, whether it is an expression or a name,
// and its text.
func OfLicense(l sbom.License) Note {
	form := "expression"
	if l.Name {
		form = "name"
	}
	return Note{License, Join(kinds[l.Kind], form, l.Expression)}
}

// AsLicense reads what OfLicense wrote.
func (n Note) AsLicense() sbom.License {
	t := Split(n.Value, 3)
	kind := max(0, slices.Index(kinds[:], t[0]))
	return sbom.License{Expression: t[2], Kind: sbom.LicenseKind(kind), Name: t[1] == "name"} //nolint:gosec // three kinds
}

// Fill puts into c what a note says and c lacks. False means that the note
// contradicts what stands there, or is none about a component that can be filled
// in without knowing the format (License, Type, ID and ContainedBy are the
// codec's).
func Fill(c *sbom.Component, n Note) bool {
	set := func(field *string) bool {
		if *field == "" {
			*field = n.Value
		}
		return *field == n.Value
	}
	switch n.Name {
	case Group:
		return set(&c.Group)
	case Version:
		return set(&c.Version)
	case PURL:
		return set(&c.PURL)
	case Supplier:
		return set(&c.Supplier)
	case Origin:
		return set(&c.Origin)
	case Scope:
		return set(&c.Scope)
	case CPE:
		c.CPEs = append(c.CPEs, n.Value)
	case Location:
		c.Locations = append(c.Locations, n.Value)
	case Hash:
		t := Split(n.Value, 2)
		c.Hashes = append(c.Hashes, sbom.Hash{Algorithm: t[0], Value: t[1]})
	case Layer:
		d, err := ident.ParseDigest(n.Value)
		if err != nil || !c.Layer.IsZero() && c.Layer != d {
			return false
		}
		c.Layer = d
	case Source:
		t := Split(n.Value, 2)
		s := sbom.SourcePackage{Name: t[0], Version: t[1]}
		if c.Source == (sbom.SourcePackage{}) {
			c.Source = s
		}
		return c.Source == s
	default:
		return false
	}
	return true
}

// Identity puts into s what a note says of its identities; false is another note.
func Identity(s *sbom.Subject, n Note) bool {
	switch n.Name {
	case Digest:
		t := Split(n.Value, 2)
		d, err := ident.ParseDigest(t[1])
		if err != nil {
			return false
		}
		role := roleOf(t[0])
		for i := range s.Digests {
			if s.Digests[i].Digest == d {
				if s.Digests[i].Role == ident.RoleUnknown {
					s.Digests[i].Role = role
				}
				return true
			}
		}
		s.Digests = append(s.Digests, ident.RoledDigest{Role: role, Digest: d})
	case Reference:
		r, err := ident.ParseImageRef(n.Value)
		if err != nil {
			return false
		}
		if !slices.Contains(s.References, r) {
			s.References = append(s.References, r)
		}
	case OS:
		t := Split(n.Value, 2)
		s.OS = sbom.Distro{ID: t[0], VersionID: t[1]}
	default:
		return false
	}
	return true
}

func roleOf(word string) ident.DigestRole {
	for _, r := range []ident.DigestRole{ident.RoleIndex, ident.RoleManifest, ident.RoleConfig, ident.RoleDocument} {
		if r.String() == word {
			return r
		}
	}
	return ident.RoleUnknown
}

// Identities notes every digest and reference of a subject.
func Identities(s *sbom.Subject) []Note {
	var out []Note
	for _, d := range s.Digests {
		out = append(out, Note{Digest, Join(d.Role.String(), d.Digest.String())})
	}
	for _, r := range s.References {
		out = append(out, Note{Reference, r.String()})
	}
	return out
}

// Provenance notes which document was converted, and how many of its components were
// redacted.
func Provenance(d *sbom.Document) []Note {
	var out []Note
	if d.Redacted > 0 {
		out = append(out, Note{Redacted, strconv.Itoa(d.Redacted)})
	}
	if d.Digest.IsZero() {
		return out
	}
	out = append(out, []Note{{From, Join(string(d.Format), d.SpecVersion, string(d.Encoding))}, {FromDigest, d.Digest.String()}}...)
	if d.Serial != "" {
		out = append(out, Note{FromSerial, d.Serial})
	}
	return out
}

// Redaction reads the note Redacted; false is another note, or no number.
func Redaction(d *sbom.Document, n Note) bool {
	if n.Name != Redacted {
		return false
	}
	count, err := strconv.Atoi(n.Value)
	if err != nil || count < 0 {
		return false
	}
	d.Redacted = count
	return true
}
