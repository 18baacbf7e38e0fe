package quality

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// place is where something of the document stands, if the document has it: a JSON
// pointer, an XML path, or "" for the whole document. Tag-value and JSON-LD scatter what
// is about the document itself, and get "".
func (v *view) place(what string) string {
	d, root := v.d, ""
	if d.Details != nil {
		root = d.Details.Root
	}
	described := len(d.Authors) > 0 || len(d.Tools) > 0 || !d.Created.IsZero()
	switch {
	case d.Format == sbom.CycloneDX && d.Encoding == sbom.XML:
		root = "/bom"
		fallthrough
	case d.Format == sbom.CycloneDX:
		switch {
		case what == "metadata" && described:
			return root + "/metadata"
		case what == "vulnerabilities":
			return root + "/vulnerabilities"
		}
	case d.Format == sbom.SPDX && d.Encoding == sbom.JSON && what == "metadata" && described:
		return root + "/creationInfo"
	}
	return root
}

// members are what holds the value of a fact in a component, where the name is the
// same in every document of the encoding.
var members = map[fact][2]string{ // CycloneDX, SPDX 2
	byComponentName:          {"name", "name"},
	byComponentVersion:       {"version", "versionInfo"},
	byComponentSupplierOnly:  {"supplier", "supplier"},
	byComponentConcludedAny:  {"licenses", "licenseConcluded"},
	byComponentDeclaredAny:   {"licenses", "licenseDeclared"},
	byComponentLicense:       {"licenses", ""},
	byComponentDeclared:      {"licenses", "licenseDeclared"},
	byComponentConcluded:     {"licenses", "licenseConcluded"},
	byComponentDeployableURI: {"externalReferences", "downloadLocation"},
	byComponentCopyright:     {"copyright", "copyrightText"},
}

// pointer is where a component says that a fact is not known; the component itself
// where nothing is said.
func (v *view) pointer(c *sbom.Component, f fact, o Outcome) string {
	m, ok := members[f]
	if o != Declared || !ok || noted(c, f) || !strings.HasPrefix(c.Pointer, "/") {
		return c.Pointer
	}
	name := m[0]
	if v.d.Format == sbom.SPDX {
		name = m[1]
	}
	if name == "" || v.d.Encoding == sbom.JSONLD || v.d.Format != sbom.SPDX && v.d.Format != sbom.CycloneDX {
		return c.Pointer
	}
	return c.Pointer + "/" + name
}

// noted reports whether a fact may stand in a note of ours and not in its member: a
// CycloneDX document has no words for NOASSERTION in licences and suppliers.
func noted(c *sbom.Component, f fact) bool {
	switch f {
	case byComponentSupplierOnly:
		return strings.EqualFold(c.Supplier, "NOASSERTION") || strings.EqualFold(c.Supplier, "NONE")
	case byComponentLicense, byComponentDeclared, byComponentDeclaredAny, byComponentConcluded, byComponentConcludedAny:
		return true
	}
	return false
}
