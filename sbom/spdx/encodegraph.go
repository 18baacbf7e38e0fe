package spdx

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
	spdxlicense "github.com/cofferdam-io/cofferdam/sbom/license"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

// mode is how the subject of a document is written.
type mode uint8

const (
	apart       mode = iota // as a package of its own, which the document describes
	asComponent             // it is one of the components
	byDocument              // it is only the document itself, which describes what it contains
)

// plan says how subject and components are named.
type plan struct {
	mode    mode
	ids     []string // SPDXID by component
	subject string   // SPDXID that the decoder will find for the subject; "" where there is none
	from    string   // SPDXID that edges of the subject go from
	kind    string   // kind that the decoder will find for the subject
	same    int32    // the component that the subject is
}

func planOf(d *sbom.Document) plan {
	p := plan{ids: make([]string, len(d.Components)), same: -1}
	s := &d.Subject
	contains, others, into := 0, 0, 0
	var contained int32
	for _, x := range d.Dependencies {
		switch {
		case x.To == sbom.SubjectIndex:
			into++
		case x.From == sbom.SubjectIndex && x.Kind == sbom.Contains:
			contains++
			contained = x.To
		case x.From == sbom.SubjectIndex:
			others++
		}
	}
	if s.ID == "" && s.PURL == "" && s.Version == "" && s.Component == nil && contains != 1 && into == 0 && (s.Name == "" || s.Name == d.Name) {
		p.mode = byDocument
	}
	taken := map[string]bool{usualDocID: true}
	for i := range d.Components {
		id := d.Components[i].ID
		if !isSPDXID(id) || taken[id] {
			continue
		}
		// Where nothing is described, a package of such a name would be taken for it.
		if p.mode == byDocument && (strings.HasPrefix(id, trivyImage) || strings.HasPrefix(id, syftImage)) && contains == 0 {
			continue
		}
		taken[id] = true
		p.ids[i] = id
	}
	fresh := func(stem string, n int) string {
		id := fmt.Sprintf("%s-%d", stem, n)
		for extra := 1; taken[id]; extra++ {
			id = fmt.Sprintf("%s-%d.%d", stem, n, extra)
		}
		taken[id] = true
		return id
	}
	for i, id := range p.ids {
		if id == "" {
			p.ids[i] = fresh("SPDXRef-Package", i+1)
		}
	}
	if p.mode == byDocument {
		p.from = usualDocID
		return p
	}
	if contains == 1 && others == 0 && into == 0 {
		c := d.Components[contained]
		named := c.ID != "" && c.ID == s.ID && fullName(&c) == s.Name && c.Version == s.Version && c.PURL == s.PURL
		if c.ID = p.ids[contained]; named && !standsAlone(&c) {
			p.mode, p.same = asComponent, contained
			p.subject, p.from, p.kind = c.ID, c.ID, kindOf(&c)
			return p
		}
	}
	own := sbom.Component{ID: s.ID, PURL: s.PURL, Type: componentType(purpose(s.Kind))}
	if !isSPDXID(s.ID) || taken[s.ID] || !standsAlone(&own) {
		if own.ID = subjectStem; taken[own.ID] {
			own.ID = fresh(subjectStem, 2)
		}
	}
	p.subject, p.from, p.kind = own.ID, own.ID, kindOf(&own)
	return p
}

func fullName(c *sbom.Component) string {
	if c.Group == "" {
		return c.Name
	}
	return c.Group + "/" + c.Name
}

// isSPDXID reports whether s can name a package (section 7.2).
func isSPDXID(s string) bool {
	rest, ok := strings.CutPrefix(s, "SPDXRef-")
	return ok && spdxlicense.IsIDString(rest)
}

func (e *encoder) id(i int32) string {
	if i == sbom.SubjectIndex {
		return e.plan.from
	}
	return e.plan.ids[i]
}

// providesComment marks a relationship of type OTHER as one that SPDX has no word
// for.
const providesComment = note.Prefix + "provides"

// relationships writes what the document describes, and then the edges by their
// ends, each once (section 11).
func (e *encoder) relationships() error {
	w := e.w
	relate := func(from, kind, to, comment string) {
		w.Object()
		w.Member("spdxElementId", from)
		w.Member("relationshipType", kind)
		w.Member("relatedSpdxElement", to)
		w.Some("comment", comment)
		w.EndObject()
	}
	edges := make([]sbom.Dependency, 0, len(e.d.Dependencies))
	for _, x := range e.d.Dependencies {
		if x.From != x.To {
			edges = append(edges, x)
		}
	}
	slices.SortFunc(edges, func(a, b sbom.Dependency) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.To, b.To))
	})
	edges = slices.Compact(edges)

	w.Name("relationships")
	w.Array()
	described := func(x sbom.Dependency) bool {
		return e.plan.mode != apart && x.From == sbom.SubjectIndex && x.Kind == sbom.Contains
	}
	if e.plan.mode == apart {
		relate(usualDocID, "DESCRIBES", e.plan.subject, "")
	} else if !slices.ContainsFunc(edges, described) {
		relate(usualDocID, "DESCRIBES", noAssertion, "")
	}
	for i, x := range edges {
		if i%1024 == 0 {
			if err := e.alive(); err != nil {
				return err
			}
		}
		switch {
		case described(x):
			relate(usualDocID, "DESCRIBES", e.id(x.To), "")
		case x.Kind == sbom.Contains:
			relate(e.id(x.From), "CONTAINS", e.id(x.To), "")
		case x.Kind == sbom.DependsOn:
			relate(e.id(x.From), "DEPENDS_ON", e.id(x.To), "")
		default:
			relate(e.id(x.From), "OTHER", e.id(x.To), providesComment)
			e.Losses.Add("", "that a component provides another", "comment")
		}
	}
	if e.d.Incomplete {
		relate(e.plan.from, "CONTAINS", noAssertion, "")
	}
	w.EndArray()
	return nil
}
