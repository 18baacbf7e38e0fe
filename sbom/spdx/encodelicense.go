package spdx

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
	spdxlicense "github.com/cofferdam-io/cofferdam/sbom/license"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

const none = "NONE"

// licenseRef names a text that is no expression. It hangs on the text alone, so
// that it is the same wherever the text occurs.
func licenseRef(text string) string {
	sum := sha256.Sum256([]byte(text))
	var b strings.Builder
	b.WriteString("LicenseRef-")
	const most = 40
	for i := 0; i < len(text) && b.Len() < most; i++ {
		switch c := text[i]; {
		case spdxlicense.IsIDString(text[i : i+1]):
			b.WriteByte(c)
		case !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if !strings.HasSuffix(b.String(), "-") {
		b.WriteByte('-')
	}
	b.WriteString(hex.EncodeToString(sum[:4]))
	return b.String()
}

func validRef(id string) bool {
	rest, ok := strings.CutPrefix(id, "LicenseRef-")
	return ok && spdxlicense.IsIDString(rest)
}

// term is a licence as a part of an expression; a text that is none becomes a
// reference to itself.
func term(l sbom.License) (text string, own bool) {
	if !l.Name && spdxlicense.Valid(l.Expression) {
		return l.Expression, false
	}
	return licenseRef(l.Expression), true
}

// fields are the texts of licenseDeclared and licenseConcluded that say the
// licences of a package. SPDX has no third kind: what is of none is declared.
func fields(list []sbom.License) (declared, concluded string) {
	join := func(concluded bool) string {
		var terms []string
		word := ""
		for _, l := range list {
			if (l.Kind == sbom.LicenseConcluded) != concluded {
				continue
			}
			if !l.Name && (l.Expression == none || l.Expression == noAssertion) {
				word = l.Expression
				continue
			}
			t, _ := term(l)
			terms = append(terms, t)
		}
		if len(terms) == 0 {
			return word
		}
		if len(terms) > 1 {
			for i, t := range terms {
				if spdxlicense.Compound(t) {
					terms[i] = "(" + t + ")"
				}
			}
		}
		return strings.Join(terms, " AND ")
	}
	return join(false), join(true)
}

// readable is what a reader without our notes finds of the licences.
func readable(list []sbom.License) []sbom.License {
	var c sbom.Component
	declared, concluded := fields(list)
	setLicenses(&c, declared, concluded)
	return c.Licenses
}

func (e *encoder) licenses(c *sbom.Component) {
	if len(c.Licenses) == 0 {
		return
	}
	declared, concluded := fields(c.Licenses)
	e.w.Some("licenseConcluded", concluded)
	e.w.Some("licenseDeclared", declared)
	for _, l := range c.Licenses {
		if !l.Name && (l.Expression == none || l.Expression == noAssertion) {
			continue
		}
		t, own := term(l)
		if own {
			e.use(sbom.LicenseText{ID: t, Name: l.Expression, Text: l.Expression})
			continue
		}
		spdxlicense.Refs(t, func(id string) {
			text, ok := e.known[id]
			if !ok {
				text = sbom.LicenseText{ID: id, Text: noAssertion}
			}
			e.use(text)
		})
	}
	if slices.Equal(readable(c.Licenses), c.Licenses) {
		return
	}
	e.Losses.Add(c.Pointer, "licences of no kind, several of a kind, or in free words", kept)
	for _, l := range c.Licenses {
		e.Notes = append(e.Notes, note.OfLicense(l))
	}
}

func (e *encoder) use(t sbom.LicenseText) {
	if !e.written[t.ID] {
		e.written[t.ID] = true
		e.texts = append(e.texts, t)
	}
}

// extractedTexts writes the texts of LicenseRefs (section 10), also of those that
// no package names.
func (e *encoder) extractedTexts() {
	for _, t := range e.d.LicenseTexts {
		if validRef(t.ID) {
			e.use(t)
		}
	}
	if len(e.texts) == 0 {
		return
	}
	w := e.w
	w.Name("hasExtractedLicensingInfos")
	w.Array()
	for _, t := range e.texts {
		w.Object()
		w.Member("licenseId", t.ID)
		w.Member("extractedText", t.Text)
		w.Some("name", t.Name)
		w.EndObject()
	}
	w.EndArray()
}
