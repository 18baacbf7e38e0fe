package spdx

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// packageDetail reads members of a package that only details ask for; false is
// another member, and unread.
func (j *jsonDocument) packageDetail(key string, c *sbom.Component) bool {
	switch key {
	case "downloadLocation":
		return packageText(c, "PackageDownloadLocation", j.r.String())
	case "homepage":
		return packageText(c, "PackageHomePage", j.r.String())
	case "copyrightText":
		return packageText(c, "PackageCopyrightText", j.r.String())
	case "packageVerificationCode":
		if r := j.r; r.Kind() == jsonscan.Object && r.Object() {
			for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
				if string(key) == "packageVerificationCodeValue" {
					c.Detailed().Verification = r.String()
				} else {
					r.Skip()
				}
			}
			return true
		}
	}
	return false
}

// packageText files a text about a package by its tag (SPDX 2.3 section 7).
func packageText(c *sbom.Component, tag, s string) bool {
	switch tag {
	case "PackageDownloadLocation":
		d := c.Detailed()
		d.References = append(d.References, sbom.Reference{Type: "distribution", URL: s})
	case "PackageHomePage":
		d := c.Detailed()
		d.References = append(d.References, sbom.Reference{Type: "website", URL: s})
	case "PackageCopyrightText":
		c.Detailed().Copyright = s
	case "PackageVerificationCode":
		c.Detailed().Verification, _, _ = strings.Cut(s, " ")
	default:
		return false
	}
	return true
}

func (b *builder) documentText(tag, s string) bool {
	d := b.doc.Details
	if d == nil {
		return false
	}
	switch tag {
	case "DataLicense":
		d.DataLicense = s
	case "CreatorComment":
		d.Comment = s
	default:
		return false
	}
	return true
}

// identified keeps the identifiers that the model has no place for (SPDX 2.3 annex F).
func (b *builder) identified(c *sbom.Component, kind, locator string) {
	if b.doc.Details == nil || locator == "" {
		return
	}
	kind = kind[strings.LastIndexByte(kind, '/')+1:]
	switch strings.ToLower(kind) {
	case "purl", "packageurl":
		if c.PURL != "" && c.PURL != locator {
			d := c.Detailed()
			d.PURLs = append(d.PURLs, locator)
		}
	case "swid":
		d := c.Detailed()
		d.SWIDs = append(d.SWIDs, sbom.SWID{TagID: locator})
	case "swh", "swhid", "gitoid":
		d := c.Detailed()
		d.Identifiers = append(d.Identifiers, locator)
	}
}

// builtWith counts relationships to what something was built with.
func (b *builder) builtWith(relation []byte) {
	if d := b.doc.Details; d != nil {
		switch string(relation) {
		case "BUILD_TOOL_OF", "usesTool":
			d.BuildTools++
		}
	}
}

// Members of SPDX 3 elements. The fields of an element hold them until it is filed.

func (e *element) readContents(r *jsonscan.Reader) {
	for r.Array(); r.NextItem(); {
		if !r.Object() {
			continue
		}
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			if string(key) == "software_contentIdentifierValue" {
				e.contents = append(e.contents, r.String())
			} else {
				r.Skip()
			}
		}
	}
}

func (e *element) readExternalRefs(r *jsonscan.Reader) {
	for r.Array(); r.NextItem(); {
		if !r.Object() {
			continue
		}
		var ref sbom.Reference
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			switch string(key) {
			case "externalRefType":
				ref.Type = r.String()
			case "locator":
				ref.URL = reference(r) // one, or a list of which the first counts
			default:
				r.Skip()
			}
		}
		e.outside = append(e.outside, ref)
	}
}

// outsideTypes are the words of CycloneDX for external references
// (Core/Vocabularies/ExternalRefType).
var outsideTypes = map[string]string{
	"sourceartifact": "source-distribution", "binaryartifact": "distribution", "altdownloadlocation": "distribution",
	"securityother": "rfc-9116", "vcs": "vcs", "altwebpage": "website",
}

func (g *graph) packageDetails(c *sbom.Component, e *element) {
	if g.doc.Details == nil {
		return
	}
	for _, id := range e.identifiers {
		g.identified(c, id[0], id[1])
	}
	for _, t := range [...]struct{ tag, text string }{
		{"PackageDownloadLocation", e.download}, {"PackageHomePage", e.homePage}, {"PackageCopyrightText", e.copyright},
	} {
		if t.text != "" {
			packageText(c, t.tag, t.text)
		}
	}
	if strings.Contains(e.sourceInfo, "://") {
		d := c.Detailed()
		d.References = append(d.References, sbom.Reference{Type: "source-distribution", URL: e.sourceInfo})
	}
	if len(e.contents) > 0 {
		d := c.Detailed()
		d.Identifiers = append(d.Identifiers, e.contents...)
	}
	outside(c, e, nil)
}

// outside files external references, with the hashes of what they lead to.
func outside(c *sbom.Component, e *element, hashes []sbom.Hash) {
	for _, ref := range e.outside {
		if t, ok := outsideTypes[strings.ToLower(ref.Type)]; ok {
			ref.Type = t
		}
		ref.Hashes = hashes
		d := c.Detailed()
		d.References = append(d.References, ref)
	}
}

func (g *graph) fileDetails(e *element) {
	if g.doc.Details == nil || e.id == "" {
		return
	}
	if g.distributed == nil {
		g.distributed = map[string]*element{}
	}
	kept := *e
	g.distributed[e.id] = &kept
}

// contact keeps the mail address or URL of an agent.
func (g *graph) contact(e *element) {
	if g.doc.Details == nil {
		return
	}
	if g.contacts == nil {
		g.contacts = map[string]string{}
	}
	for _, id := range e.identifiers {
		if k := strings.ToLower(id[0]); (k == "email" || k == "urlscheme" || k == "url" || strings.Contains(id[1], "://")) && g.contacts[e.id] == "" {
			g.contacts[e.id] = id[1]
		}
	}
}

func (g *graph) contactOf(c *sbom.Component, p packageRefs) {
	for _, id := range append([]string{p.supplier}, p.origins...) {
		if contact := g.contacts[id]; contact != "" {
			c.Detailed().Contact = contact
			return
		}
	}
}

// linkDetail files what SPDX 3 says of a package through its files: BSI TR-03183-2
// reads there what CycloneDX keeps in properties.
func (g *graph) linkDetail(l *link3, from int32) {
	if g.doc.Details == nil {
		return
	}
	g.builtWith([]byte(l.name))
	switch l.name {
	case "dependsOn", "contains":
		g.completeness(l.completeness)
	case "hasDistributionArtifact":
		if from < 0 {
			return
		}
		c := &g.doc.Components[from]
		for _, id := range l.to {
			f := g.distributed[id]
			if f == nil {
				continue
			}
			d := c.Detailed()
			d.References = append(d.References, sbom.Reference{Type: "distribution", URL: f.download, Hashes: f.hashes})
			outside(c, f, f.hashes)
			purposes := map[string]bool{}
			for _, p := range f.purposes {
				purposes[className(p)] = true
			}
			say := func(name, value string) {
				d.Properties = append(d.Properties, sbom.Property{Name: "bsi:component:" + name, Value: value})
			}
			say("filename", f.name)
			choose := func(yes bool, name, other string) string {
				if yes {
					return name
				}
				return other
			}
			say("executable", choose(purposes["executable"], "executable", "non-executable"))
			say("archive", choose(purposes["archive"], "archive", "no archive"))
			say("structured", choose(purposes["container"] || purposes["firmware"], "structured", "unstructured"))
		}
	case "generates":
		for _, id := range l.to {
			at := g.find([]byte(id), -1)
			if source := g.distributed[l.from]; source != nil && at >= 0 {
				c := &g.doc.Components[at]
				d := c.Detailed()
				d.References = append(d.References, sbom.Reference{Type: "source-distribution", URL: source.download, Hashes: source.hashes})
				outside(c, source, source.hashes)
			}
		}
	case "other":
		if from >= 0 && strings.EqualFold(l.comment, "hasEffectiveLicense") {
			for _, id := range l.to {
				c := &g.doc.Components[from]
				d := c.Detailed()
				d.Properties = append(d.Properties, sbom.Property{Name: "bsi:component:effectiveLicense", Value: g.license(id, sbom.LicenseUnspecified).Expression})
			}
		}
	}
}

// completeness files what a relationship says of its own list
// (Core/Vocabularies/RelationshipCompleteness), each word once.
func (g *graph) completeness(word string) {
	switch word {
	case "":
		return
	case "noAssertion":
		word = "unknown"
	}
	c := sbom.Composition{Aggregate: word, Subject: true}
	if d := g.doc.Details; !slices.Contains(d.Compositions, c) {
		d.Compositions = append(d.Compositions, c)
	}
}
