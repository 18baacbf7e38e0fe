package spdx

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

// purpose is the package purpose that stands for a component type (section 7.24),
// the inverse of componentType, or "".
func purpose(kind string) string {
	switch kind {
	case "application", "framework", "library", "container", "operating-system", "device", "firmware", "file":
		return strings.ToUpper(kind)
	}
	return ""
}

// checksums are the algorithms of section 7.10 by CycloneDX's spelling, with the
// digits that a value has; 0 is any number.
var checksums = map[string]struct {
	name   string
	digits int
}{
	"MD2": {"MD2", 32}, "MD4": {"MD4", 32}, "MD5": {"MD5", 32}, "MD6": {"MD6", 0}, "ADLER32": {"ADLER32", 8},
	"SHA-1": {"SHA1", 40}, "SHA-224": {"SHA224", 56}, "SHA-256": {"SHA256", 64}, "SHA-384": {"SHA384", 96}, "SHA-512": {"SHA512", 128},
	"SHA3-256": {"SHA3-256", 64}, "SHA3-384": {"SHA3-384", 96}, "SHA3-512": {"SHA3-512", 128},
	"BLAKE2b-256": {"BLAKE2b-256", 64}, "BLAKE2b-384": {"BLAKE2b-384", 96}, "BLAKE2b-512": {"BLAKE2b-512", 128}, "BLAKE3": {"BLAKE3", 0},
}

// checksum gives the name of a hash's algorithm, if the standard admits it.
func checksum(h sbom.Hash) (string, bool) {
	c, ok := checksums[h.Algorithm]
	if !ok || h.Value == "" || c.digits > 0 && len(h.Value) != c.digits || strings.Trim(h.Value, "0123456789abcdef") != "" {
		return "", false
	}
	return c.name, true
}

// subject writes the package of a subject that is not among the components.
func (e *encoder) subject() {
	c := e.d.Subject.Described()
	// Its identifier and what kind it is are said of the subject.
	c.ID, c.Type = e.plan.subject, componentType(purpose(e.d.Subject.Kind))
	e.pkg(&c, e.plan.subject)
}

// pkg writes one package (section 7).
func (e *encoder) pkg(c *sbom.Component, id string) {
	w, at := e.w, c.Pointer
	e.Notes = e.Notes[:0]
	w.Object()
	w.Member("SPDXID", id)
	if id != c.ID {
		e.Note(note.ID, c.ID, at, "an identifier that is no SPDXRef, or taken")
	}
	if c.Group != "" {
		e.Note(note.Group, c.Group, at, "the group of a component")
	}
	if c.Name == "" {
		e.Note(note.Name, "", at, "that a component has no name")
	}
	w.Member("name", first(c.Name, unnamed))
	w.Some("versionInfo", c.Version)
	e.locations(c)
	e.agent("supplier", note.Supplier, c.Supplier, at)
	e.agent("originator", note.Origin, c.Origin, at)
	w.Member("downloadLocation", noAssertion)
	w.Name("filesAnalyzed")
	w.Bool(false)
	e.checksums(c)
	e.licenses(c)
	e.externalRefs(c)
	if p := purpose(c.Type); p != "" {
		w.Member("primaryPackagePurpose", p)
	} else if c.Type != "" {
		e.Note(note.Type, c.Type, at, "a component type that is no package purpose")
	}
	if c.Scope != "" {
		e.Note(note.Scope, c.Scope, at, "the scope of a component")
	}
	if !c.Layer.IsZero() {
		e.Note(note.Layer, c.Layer.String(), at, "the layer that brought a component")
	}
	if c.Source != (sbom.SourcePackage{}) {
		e.Note(note.Source, note.Join(c.Source.Name, c.Source.Version), at, "the source package of a component")
	}
	e.annotate(e.Notes)
	w.EndObject()
}

// locations writes where a component was found. A packageFileName is the file that
// the package is (section 7.4), which only SPDX's own documents say.
func (e *encoder) locations(c *sbom.Component) {
	if len(c.Locations) == 1 && c.Locations[0] != "" && e.d.Format == sbom.SPDX {
		e.w.Member("packageFileName", c.Locations[0])
		return
	}
	for _, l := range c.Locations {
		e.Note(note.Location, l, c.Pointer, "where a component was found")
	}
}

// agent writes a supplier or an originator, whose role the model does not hold.
func (e *encoder) agent(member, name, who, pointer string) {
	switch who {
	case "":
	case noAssertion:
		e.w.Member(member, noAssertion)
	default:
		text := "Organization: " + who
		if agent(text) != who || who == "NONE" {
			e.Note(name, who, pointer, "an organisation whose name cannot be written")
			return
		}
		e.w.Member(member, text)
	}
}

func (e *encoder) checksums(c *sbom.Component) {
	open := false
	for _, h := range c.Hashes {
		algorithm, ok := checksum(h)
		if !ok {
			e.Note(note.Hash, note.Join(h.Algorithm, h.Value), c.Pointer, "a hash of an algorithm or length that SPDX does not know")
			continue
		}
		if !open {
			open = true
			e.w.Name("checksums")
			e.w.Array()
		}
		e.w.Object()
		e.w.Member("algorithm", algorithm)
		e.w.Member("checksumValue", h.Value)
		e.w.EndObject()
	}
	if open {
		e.w.EndArray()
	}
}

// externalRefs writes package URL and CPEs (section 7.21): a locator has no space.
func (e *encoder) externalRefs(c *sbom.Component) {
	open := false
	ref := func(category, kind, locator string) {
		if !open {
			open = true
			e.w.Name("externalRefs")
			e.w.Array()
		}
		e.w.Object()
		e.w.Member("referenceCategory", category)
		e.w.Member("referenceType", kind)
		e.w.Member("referenceLocator", locator)
		e.w.EndObject()
	}
	if c.PURL != "" {
		if isLocator(c.PURL) {
			ref("PACKAGE-MANAGER", "purl", c.PURL)
		} else {
			e.Note(note.PURL, c.PURL, c.Pointer, "a package URL with a space")
		}
	}
	for _, cpe := range c.CPEs {
		switch {
		case strings.HasPrefix(cpe, "cpe:2.3:") && isLocator(cpe):
			ref("SECURITY", "cpe23Type", cpe)
		case strings.HasPrefix(cpe, "cpe:/") && isLocator(cpe):
			ref("SECURITY", "cpe22Type", cpe)
		default:
			e.Note(note.CPE, cpe, c.Pointer, "a CPE of neither version 2.2 nor 2.3")
		}
	}
	if open {
		e.w.EndArray()
	}
}

func isLocator(s string) bool {
	return s != "" && !strings.ContainsAny(s, " \t\n\v\f\r\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r >= '\u2000' && r <= '\u200a' })
}
