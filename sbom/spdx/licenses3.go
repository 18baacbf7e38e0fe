package spdx

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// licenseElement is an element of the licensing profiles of SPDX 3: a whole
// expression, a named licence, or an operator over members.
type licenseElement struct {
	expression string
	name       bool // expression is a name in free text
	operator   string
	members    []string
}

// listedLicense begins the identifiers of the licences on the SPDX list.
const listedLicense = "spdx.org/licenses/"

func (g *graph) addLicense(e *element) {
	var l licenseElement
	switch e.class {
	case "LicenseExpression":
		l.expression = e.expression
	case "ListedLicense", "License":
		if _, id, ok := strings.Cut(e.id, listedLicense); ok {
			l.expression = id
		} else {
			l.expression = e.name
		}
	case "CustomLicense", "SimpleLicensingText":
		l.expression, l.name = e.name, true
		if l.expression == "" {
			l.expression = e.id
		}
	case "ConjunctiveLicenseSet":
		l.operator, l.members = " AND ", e.members
	case "DisjunctiveLicenseSet":
		l.operator, l.members = " OR ", e.members
	case "OrLaterOperator":
		l.operator, l.members = "+", e.members
	default:
		return
	}
	if e.id != "" {
		g.licenses[e.id] = l
	}
}

// license resolves what a licence relationship leads to.
func (g *graph) license(id string, kind sbom.LicenseKind) sbom.License {
	budget := licenseTerms
	text, name := g.licenseText(id, &budget, 0)
	return sbom.License{Expression: text, Kind: kind, Name: name}
}

// A licence set may contain itself, or double at every level; real ones have
// a handful of terms in two or three levels.
const (
	licenseTerms  = 1000
	licenseLevels = 16
)

func (g *graph) licenseText(id string, budget *int, level int) (text string, name bool) {
	*budget--
	l, ok := g.licenses[id]
	if !ok || *budget < 0 || level > licenseLevels {
		switch className(id) {
		case "NoAssertion", "NoAssertionLicense":
			return noAssertion, false
		case "None", "NoneLicense":
			return "NONE", false
		}
		if _, listed, ok := strings.Cut(id, listedLicense); ok {
			return listed, false
		}
		return id, false
	}
	if l.operator == "" {
		return l.expression, l.name
	}
	parts := make([]string, 0, min(len(l.members), licenseTerms))
	for _, m := range l.members {
		if *budget < 0 {
			break
		}
		part, _ := g.licenseText(m, budget, level+1)
		if g.licenses[m].operator != "" && l.operator != "+" {
			part = "(" + part + ")"
		}
		parts = append(parts, part)
	}
	if l.operator == "+" {
		return strings.Join(parts, " ") + "+", false
	}
	return strings.Join(parts, l.operator), false
}
