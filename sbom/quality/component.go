package quality

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/license"
)

// row is what was found out of one component.
type row [componentFacts]Outcome

func (r *row) set(f fact, o Outcome) { r[f-lastDocumentFact-1] = o }

// judge finds everything out of one component. index is sbom.SubjectIndex for the
// subject.
func (v *view) judge(c *sbom.Component, index int32, r *row) {
	if j := v.known(index); j != nil {
		*r = j.row
	} else {
		v.judgeAlone(c, index, r)
	}
	v.judgeRelations(index, r)
}

// judgeAlone finds out what the component itself says.
func (v *view) judgeAlone(c *sbom.Component, index int32, r *row) {
	*r = row{}
	r.set(byComponentName, said(c.Name))
	r.set(byComponentVersion, said(c.Version))
	r.set(byComponentID, said(c.ID))
	r.set(byComponentSupplierOnly, said(c.Supplier))
	v.judgeMakers(c, r)
	v.judgeIdentifiers(c, r)
	v.judgeHashes(c, index, r)
	v.judgeLicenses(c, r)
	if v.d.Details == nil {
		return // what details would tell stays not examined
	}
	d := c.Details
	if d == nil {
		d = &noDetails
	}
	r.set(byComponentCopyright, said(d.Copyright))
	r.set(byComponentDeployableURI, v.uri(d, "distribution"))
	r.set(byComponentSourceURI, max(v.uri(d, "source-distribution"), v.uri(d, "vcs")))
	r.set(byComponentSecurityTxt, v.uri(d, "rfc-9116"))
	for f, name := range properties {
		o := Absent
		for _, p := range d.Properties {
			if rest, ok := strings.CutPrefix(p.Name, "bsi:component:"); ok && rest == name {
				o = max(o, said(p.Value))
			}
		}
		r.set(byComponentEffective+fact(f), o)
	}
}

var noDetails sbom.Details

// properties are the names of BSI's taxonomy below bsi:component:, by how far their
// facts are from byComponentEffective.
var properties = map[int]string{
	0: "effectiveLicense",
	int(byComponentFilename - byComponentEffective):   "filename",
	int(byComponentExecutable - byComponentEffective): "executable",
	int(byComponentArchive - byComponentEffective):    "archive",
	int(byComponentStructured - byComponentEffective): "structured",
}

func (v *view) judgeMakers(c *sbom.Component, r *row) {
	supplier, origin := said(c.Supplier), said(c.Origin)
	producer := origin
	if c.Details != nil {
		producer = max(producer, said(c.Details.Manufacturer))
	}
	r.set(byComponentProducer, max(producer, supplier))
	r.set(byComponentSupplier, max(supplier, producer))
	contact := max(contactable(c.Supplier), contactable(c.Origin))
	if c.Details != nil {
		contact = max(contact, contactable(c.Details.Contact))
	}
	if contact == Absent && v.d.Details == nil {
		contact = NotExamined
	}
	r.set(byComponentContact, contact)
}

func (v *view) judgeIdentifiers(c *sbom.Component, r *row) {
	purl := said(c.PURL)
	if purl == Present && !strings.HasPrefix(c.PURL, "pkg:") {
		purl = Absent
	}
	r.set(byComponentPURL, purl)
	best := purl
	for _, cpe := range c.CPEs {
		best = max(best, said(cpe))
	}
	if d := c.Details; d != nil {
		for _, s := range d.SWIDs {
			best = max(best, said(s.TagID))
		}
		for _, s := range d.Identifiers {
			best = max(best, said(s))
		}
	}
	if best == Absent && v.d.Details == nil {
		best = NotExamined // it may have a tag that was not read
	}
	r.set(byComponentIdentifier, best)
}

func (v *view) judgeHashes(c *sbom.Component, index int32, r *row) {
	value, name := hashOutcome(c.Hashes, false), hashOutcome(c.Hashes, true)
	if index == sbom.SubjectIndex && len(v.d.Subject.Digests) > 0 {
		value, name = Present, Present
	}
	r.set(byComponentHash, value)
	r.set(byComponentAlgorithm, name)
	if v.d.Details == nil {
		if value == Present {
			r.set(byComponentHashOrCode, Present)
		}
		return
	}
	d := c.Details
	if d == nil {
		d = &noDetails
	}
	r.set(byComponentHashOrCode, max(value, said(d.Verification)))
	deployable, source := Absent, Absent
	for _, ref := range d.References {
		for _, h := range ref.Hashes {
			switch {
			case ref.Type == "distribution" && h.Algorithm == "SHA-512":
				deployable = max(deployable, hashOutcome([]sbom.Hash{h}, false))
			case ref.Type == "source-distribution" && h.Algorithm == "SHA-512":
				source = max(source, hashOutcome([]sbom.Hash{h}, false))
			}
		}
	}
	r.set(byComponentDeployableHash, deployable)
	r.set(byComponentSourceHash, source)
}

func (v *view) judgeLicenses(c *sbom.Component, r *row) {
	either, declared, concluded, declaredAny, concludedAny := Absent, Absent, Absent, Absent, Absent
	for i := range c.Licenses {
		l := &c.Licenses[i]
		o := said(l.Expression)
		either = max(either, o)
		strict := o
		if o == Present && (l.Name || v.license(l.Expression).fault != "") {
			strict = Absent
		}
		switch l.Kind {
		case sbom.LicenseDeclared:
			declared, declaredAny = max(declared, strict), max(declaredAny, o)
		case sbom.LicenseConcluded:
			concluded, concludedAny = max(concluded, strict), max(concludedAny, o)
		}
	}
	r.set(byComponentLicense, either)
	r.set(byComponentDeclared, declared)
	r.set(byComponentConcluded, concluded)
	r.set(byComponentDeclaredAny, declaredAny)
	r.set(byComponentConcludedAny, concludedAny)
}

// verdict is what the grammar and the list say of a license expression.
type verdict struct {
	fault      string   // "": it is valid
	deprecated []string // identifiers in it
}

// license remembers verdicts: a document has thousands of packages and dozens of
// licences.
func (v *view) license(expression string) verdict {
	found, known := v.expressions[expression]
	if known {
		return found
	}
	e, err := license.Parse(expression)
	if err != nil {
		found.fault = err.Error()
	} else {
		e.Each(func(one *license.Expression) {
			if license.Deprecated(one.ID) {
				found.deprecated = append(found.deprecated, one.ID)
			}
		})
	}
	v.expressions[expression] = found
	return found
}

func (v *view) judgeRelations(index int32, r *row) {
	otherwise := Absent
	if v.incomplete {
		otherwise = Declared
	}
	relation, dependency := otherwise, otherwise
	switch v.edges[index+1] {
	case related:
		relation = Present
	case depended:
		relation, dependency = Present, Present
	}
	r.set(byComponentRelation, relation)
	r.set(byComponentDependency, dependency)
}

// uri judges the external references of a type.
func (v *view) uri(d *sbom.Details, kind string) Outcome {
	best := Absent
	for i := range d.References {
		if d.References[i].Type == kind {
			best = max(best, said(d.References[i].URL))
		}
	}
	return best
}
