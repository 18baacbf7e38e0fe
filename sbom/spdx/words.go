package spdx

import (
	"fmt"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/sbom"
)

const noAssertion = "NOASSERTION"

// verb is what a relationship says, as far as the model has a place for it.
type verb uint8

const (
	ignored verb = iota
	describes
	relates
)

// relation is the meaning of a relationship type; reversed where the related
// element is the one that contains, needs or describes.
type relation struct {
	verb     verb
	kind     sbom.DependencyKind
	reversed bool
}

// relation2 gives the meaning of a relationship type of SPDX 2 (section 11.1).
func relation2(name []byte) relation {
	switch string(name) {
	case "CONTAINS":
		return relation{relates, sbom.Contains, false}
	case "CONTAINED_BY", "PACKAGE_OF":
		return relation{relates, sbom.Contains, true}
	case "DEPENDS_ON", "HAS_PREREQUISITE", "DYNAMIC_LINK", "STATIC_LINK":
		return relation{relates, sbom.DependsOn, false}
	case "DEPENDENCY_OF", "RUNTIME_DEPENDENCY_OF", "BUILD_DEPENDENCY_OF", "DEV_DEPENDENCY_OF", "TEST_DEPENDENCY_OF",
		"OPTIONAL_DEPENDENCY_OF", "PROVIDED_DEPENDENCY_OF", "PREREQUISITE_FOR":
		return relation{relates, sbom.DependsOn, true}
	case "DESCRIBES":
		return relation{verb: describes}
	case "DESCRIBED_BY":
		return relation{verb: describes, reversed: true}
	}
	return relation{}
}

// relation3 gives the meaning of a relationship type of SPDX 3
// (Core/Vocabularies/RelationshipType).
func relation3(name string) relation {
	switch name {
	case "contains":
		return relation{relates, sbom.Contains, false}
	case "dependsOn", "hasDynamicLink", "hasStaticLink", "hasOptionalDependency", "hasPrerequisite", "hasProvidedDependency":
		return relation{relates, sbom.DependsOn, false}
	case "describes":
		return relation{verb: describes}
	}
	return relation{}
}

// componentType turns a package purpose into a CycloneDX component type. Purposes
// that CycloneDX has no word for (source, install, archive, other) give "".
func componentType(purpose string) string {
	switch strings.ToUpper(purpose) {
	case "APPLICATION":
		return "application"
	case "FRAMEWORK":
		return "framework"
	case "LIBRARY":
		return "library"
	case "CONTAINER":
		return "container"
	case "OPERATING-SYSTEM", "OPERATING_SYSTEM", "OPERATINGSYSTEM":
		return "operating-system"
	case "DEVICE":
		return "device"
	case "FIRMWARE":
		return "firmware"
	case "FILE":
		return "file"
	case "DATA":
		return "data"
	}
	return ""
}

func hash(algorithm, value string) sbom.Hash {
	return sbom.Hash{Algorithm: sbom.HashAlgorithm(algorithm), Value: sbom.HashValue(value)}
}

// agent takes the role from "Organization: Example (mail)", as the model wants it.
func agent(s string) string {
	for _, role := range []string{"Organization:", "Person:", "Tool:"} {
		if rest, ok := strings.CutPrefix(s, role); ok {
			return strings.TrimSpace(rest)
		}
	}
	return s
}

// creator files one creator (SPDX 2.3 section 6.8).
func (b *builder) creator(s string) {
	rest, ok := strings.CutPrefix(s, "Tool:")
	if !ok {
		b.doc.Authors = append(b.doc.Authors, s)
		return
	}
	b.doc.Tools = append(b.doc.Tools, tool(strings.TrimSpace(rest)))
}

// tool splits "syft-v1.4.0" as section 6.8 recommends to write it. A hyphen that
// no digit follows belongs to the name.
func tool(s string) sbom.Tool {
	for i := 1; i+1 < len(s); i++ {
		if s[i] != '-' {
			continue
		}
		v := strings.TrimPrefix(s[i+1:], "v")
		if v != "" && '0' <= v[0] && v[0] <= '9' {
			return sbom.Tool{Name: s[:i], Version: s[i+1:]}
		}
	}
	return sbom.Tool{Name: s}
}

func (b *builder) madeBy(name string) bool {
	for _, t := range b.doc.Tools {
		if strings.HasPrefix(t.Name, name) {
			return true
		}
	}
	return false
}

func (b *builder) created(s, pointer string) {
	if b.doc.Details != nil {
		b.doc.Details.Timestamp = s
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		b.warn(pointer, "%q is not a date and time", clip(s, 60))
		return
	}
	b.doc.Created = t.UTC()
}

// identifier files an external reference (SPDX 2.3 section 7.21) or external
// identifier that names the package. It returns what is to be warned of, or "".
func identifier(c *sbom.Component, kind, locator string) string {
	if i := strings.LastIndexByte(kind, '/'); i >= 0 {
		kind = kind[i+1:] // written as http://spdx.org/rdf/references/purl
	}
	switch {
	case strings.EqualFold(kind, "purl"), strings.EqualFold(kind, "packageUrl"):
		switch {
		case locator == "":
			return "the package URL is empty"
		case c.PURL == "":
			if c.PURL = locator; !strings.HasPrefix(locator, "pkg:") {
				return fmt.Sprintf("%q is not a package URL", clip(locator, 80))
			}
		case c.PURL != locator:
			return fmt.Sprintf("a second package URL %q is ignored; the first one counts", clip(locator, 120))
		}
	case len(kind) >= 5 && strings.EqualFold(kind[:5], "cpe22"), len(kind) >= 5 && strings.EqualFold(kind[:5], "cpe23"):
		c.CPEs = append(c.CPEs, locator)
	}
	return ""
}

func license(expression string, kind sbom.LicenseKind) sbom.License {
	return sbom.License{Expression: strings.TrimSpace(expression), Kind: kind}
}
