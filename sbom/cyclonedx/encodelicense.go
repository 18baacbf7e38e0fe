package cyclonedx

import (
	"slices"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/license"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

// form is how one licence is written.
type form uint8

const (
	unwritten form = iota // NONE and NOASSERTION have no words
	asID
	asName
	asExpression
)

// formsOf says how licences are written (definition "licenseChoice"): version 1.6
// has either one expression alone or licences with identifiers and names, and
// there an expression among others is written as a name.
func formsOf(list []sbom.License, v Version) []form {
	forms := make([]form, len(list))
	written := 0
	for i, l := range list {
		switch {
		case l.Name:
			forms[i] = asName
		case l.Expression == "NONE", l.Expression == "NOASSERTION":
			continue
		case license.Listed(l.Expression):
			forms[i] = asID
		case license.Valid(l.Expression):
			forms[i] = asExpression
		default:
			forms[i] = asName
		}
		written++
	}
	if v == V16 && written > 1 {
		for i := range forms {
			if forms[i] == asExpression {
				forms[i] = asName
			}
		}
	}
	return forms
}

// readable is what a reader without our notes finds of the licences.
func readable(list []sbom.License, v Version) []sbom.License {
	var out []sbom.License
	for i, f := range formsOf(list, v) {
		if f != unwritten {
			l := list[i]
			l.Name = f == asName
			out = append(out, l)
		}
	}
	return out
}

func (e *encoder) licenses(c *sbom.Component) {
	if len(c.Licenses) == 0 {
		return
	}
	w := e.w
	open := false
	for i, f := range formsOf(c.Licenses, e.version) {
		if f == unwritten {
			continue
		}
		if !open {
			open = true
			w.Name("licenses")
			w.Array()
		}
		l := c.Licenses[i]
		w.Object()
		if f != asExpression {
			w.Name("license")
			w.Object()
		}
		switch f {
		case asID:
			w.Member("id", l.Expression)
		case asName:
			w.Member("name", l.Expression)
		default:
			w.Member("expression", l.Expression)
		}
		switch l.Kind {
		case sbom.LicenseDeclared:
			w.Member("acknowledgement", "declared")
		case sbom.LicenseConcluded:
			w.Member("acknowledgement", "concluded")
		}
		if f != asExpression {
			w.EndObject()
		}
		w.EndObject()
	}
	if open {
		w.EndArray()
	}
	if slices.Equal(readable(c.Licenses, e.version), c.Licenses) {
		return
	}
	e.Losses.Add(c.Pointer, "licences with NONE, NOASSERTION, what is no expression, or several expressions", kept)
	for _, l := range c.Licenses {
		e.Notes = append(e.Notes, note.OfLicense(l))
	}
}
