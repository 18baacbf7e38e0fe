package quality

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// view is a document while it is judged.
type view struct {
	d           *sbom.Document
	signed      bool
	edges       []edge // by component index + 1; the subject stands at 0
	incomplete  bool   // the document says that something of its relations is not known
	expressions map[string]verdict
	licensed    *licenseHistory
	remembered  []*judged        // by component index; nil where nobody remembers it
	labels      map[int32]string // of the others
}

// edge is what the relations say of a component.
type edge uint8

const (
	alone edge = iota
	related
	depended
)

func newView(d *sbom.Document, o Options) *view {
	v := &view{d: d, signed: o.Signed, edges: make([]edge, len(d.Components)+1), incomplete: d.Incomplete, expressions: map[string]verdict{}, labels: map[int32]string{}}
	v.remember()
	for _, e := range d.Dependencies {
		kind := depended
		if e.Kind != sbom.DependsOn {
			kind = related
		}
		v.edges[e.From+1] = max(v.edges[e.From+1], kind)
		v.edges[e.To+1] = max(v.edges[e.To+1], kind)
	}
	if d.Details != nil {
		for _, c := range d.Details.Compositions {
			if c.Subject && c.Aggregate != "complete" {
				v.incomplete = true
			}
		}
	}
	return v
}

// answer is what was found out of the document: the outcome, where, and what it says.
type answer struct {
	outcome       Outcome
	pointer, says string
}

// document answers a fact about the document itself.
func (v *view) document(f fact) answer {
	d := v.d
	switch f {
	case byAuthor:
		return v.author()
	case byAuthorContact:
		return v.authorContact()
	case byOrganization:
		for _, a := range d.Authors {
			if name, ok := strings.CutPrefix(a, "Organization:"); ok && said(name) == Present {
				return answer{outcome: Present}
			}
		}
		return answer{Absent, v.place("metadata"), "no creator is an organisation"}
	case bySignature:
		switch {
		case v.signed, d.Details != nil && d.Details.Signed:
			return answer{outcome: Present}
		case d.Details == nil:
			return answer{outcome: NotExamined}
		}
		return answer{Absent, v.place(""), "no signature stands in the document"}
	case byFormat, byNTIAFormat:
		switch {
		case d.Format == sbom.CycloneDX, d.Format == sbom.SPDX, d.Format == sbom.SWIDTag && f == byNTIAFormat:
			return answer{outcome: Present}
		case d.Format == sbom.SWIDTag: // which NTIA named, and CISA no longer does
			return answer{Absent, v.place(""), "the format is " + string(d.Format) + ", which is not among those that are widely used"}
		}
		return answer{Absent, v.place(""), "the format is " + string(d.Format) + ", of one tool"}
	case byFormatVersion:
		return one(d.SpecVersion, v.place(""), "no version of the format is stated")
	case byBSIFormat, byTelcoFormat:
		return v.format(f)
	case byContext:
		return v.context()
	case byTimestamp:
		return v.timestamp()
	case byTool, byToolVersion:
		return v.tool(f == byToolVersion)
	case byVersion:
		return v.version()
	case bySerial:
		return one(d.Serial, v.place(""), "the document has no identifier of its own")
	case byDocumentName:
		return one(d.Name, v.place(""), "the document has no name")
	case byDataLicense:
		if d.Details == nil {
			return answer{outcome: NotExamined}
		}
		return one(d.Details.DataLicense, v.place(""), "no licence of the data is stated")
	case byNoVulnerabilities:
		switch {
		case d.Details == nil:
			return answer{outcome: NotExamined}
		case d.Details.Vulnerabilities > 0:
			return answer{Absent, v.place("vulnerabilities"), "the document lists vulnerabilities"}
		}
		return answer{outcome: Present}
	case byCompleteness:
		return v.completeness()
	case byTopLevel:
		for _, e := range d.Dependencies {
			if e.From == sbom.SubjectIndex {
				return answer{outcome: Present}
			}
		}
		if v.incomplete {
			return answer{Declared, v.place("relations"), "the document says that its relations are not complete"}
		}
		return answer{Absent, v.place("relations"), "what the document is about is in no relation to its components"}
	}
	return answer{outcome: NotExamined}
}

func one(text, pointer, otherwise string) answer {
	switch o := said(text); o {
	case Declared:
		return answer{o, pointer, "says " + text}
	case Absent:
		return answer{o, pointer, otherwise}
	default:
		return answer{outcome: o}
	}
}

// withoutRole takes "Person: " and the like from an author as it was written.
func withoutRole(author string) string {
	for _, role := range []string{"Person:", "Organization:"} {
		if rest, ok := strings.CutPrefix(author, role); ok {
			return strings.TrimSpace(rest)
		}
	}
	return author
}

func (v *view) author() answer {
	best := answer{Absent, v.place("metadata"), "no person or organisation is named as its author"}
	for _, a := range v.d.Authors {
		switch said(withoutRole(a)) {
		case Present:
			return answer{outcome: Present}
		case Declared:
			best = answer{Declared, v.place("metadata"), "says " + a}
		}
	}
	if det := v.d.Details; det != nil && said(det.Supplier) == Present {
		return answer{outcome: Present} // CycloneDX metadata.supplier: of the 1.4 documents that have nothing else
	}
	return best
}

func (v *view) authorContact() answer {
	d := v.d
	for _, a := range d.Authors {
		if contactable(withoutRole(a)) == Present {
			return answer{outcome: Present}
		}
	}
	switch {
	case d.Details == nil:
		return answer{outcome: NotExamined}
	case contactable(d.Details.AuthorContact) == Present:
		return answer{outcome: Present}
	}
	return answer{Absent, v.place("metadata"), "no author has a mail address or a URL"}
}

// after reports whether a version of a format is at least so new.
func after(version, least string) bool {
	a, b := strings.Split(version, "."), strings.Split(least, ".")
	for i := range b {
		switch {
		case i >= len(a):
			return false
		case len(a[i]) != len(b[i]):
			return len(a[i]) > len(b[i])
		case a[i] != b[i]:
			return a[i] > b[i]
		}
	}
	return true
}

func (v *view) format(f fact) answer {
	d := v.d
	var ok bool
	if f == byBSIFormat {
		ok = d.Format == sbom.CycloneDX && after(d.SpecVersion, "1.6") || d.Format == sbom.SPDX && after(d.SpecVersion, "3.0.1")
	} else {
		ok = d.Format == sbom.SPDX && (d.SpecVersion == "2.2" || d.SpecVersion == "2.3") && (d.Encoding == sbom.JSON || d.Encoding == sbom.TagValue)
	}
	if ok {
		return answer{outcome: Present}
	}
	return answer{Absent, v.place(""), "the document is " + strings.TrimSpace(string(d.Format)+" "+d.SpecVersion) + " as " + string(d.Encoding)}
}

// sbomTypes are the words of CISA's "Types of SBOM", of CycloneDX's lifecycle phases
// and of the 2026 elements themselves.
var sbomTypes = []string{"design", "source", "pre-build", "build", "post-build", "analyzed", "deployed", "runtime", "operations", "discovery", "decommission", "before build", "after build", "during build"}

func (v *view) context() answer {
	best := answer{Absent, v.place(""), "at which stage it was made is not stated"}
	for _, phase := range v.d.Lifecycle {
		switch said(phase) {
		case Present:
			return answer{outcome: Present}
		case Declared:
			best = answer{Declared, v.place("metadata"), "says " + phase}
		}
	}
	det := v.d.Details
	if v.d.Format != sbom.SPDX || det == nil {
		return best
	}
	comment := strings.ToLower(det.Comment)
	for _, t := range sbomTypes {
		if strings.Contains(comment, t) {
			return answer{outcome: Present}
		}
	}
	switch said(det.Comment) {
	case Declared:
		return answer{Declared, v.place("metadata"), "says " + det.Comment}
	case Present:
		return answer{best.outcome, v.place("metadata"), "the creator comment names no type of SBOM"}
	}
	return best
}

func (v *view) timestamp() answer {
	switch {
	case !v.d.Created.IsZero():
		return answer{outcome: Present}
	case v.d.Details == nil || said(v.d.Details.Timestamp) == Absent:
		return answer{Absent, v.place(""), "when it was made is not stated"}
	case said(v.d.Details.Timestamp) == Declared:
		return answer{Declared, v.place("metadata"), "says " + v.d.Details.Timestamp}
	}
	return answer{Absent, v.place("metadata"), "no date and time of RFC 3339"}
}

func (v *view) tool(version bool) answer {
	best := answer{Absent, v.place(""), "no tool is named"}
	for _, t := range v.d.Tools {
		o := said(t.Name)
		if version && o == Present {
			if o = said(t.Version); o == Absent && strings.ContainsAny(t.Name, "0123456789") && strings.ContainsAny(t.Name, " :") {
				o = Present // "scancode-toolkit 30.1.0": SPDX 2 has one text for both
			}
			if o == Absent {
				best = answer{Absent, v.place("metadata"), "the tool " + t.Name + " has no version"}
			}
		}
		switch o {
		case Present:
			return answer{outcome: Present}
		case Declared:
			best = answer{Declared, v.place("metadata"), "says that it is not known"}
		}
	}
	return best
}

func (v *view) version() answer {
	d := v.d
	if d.Format == sbom.CycloneDX {
		switch {
		case d.Version > 0 && d.Serial != "":
			return answer{outcome: Present}
		case d.Version > 0:
			return answer{Absent, v.place(""), "a version without the serial number that it is a version of"}
		}
		return answer{Absent, v.place(""), "the document has no version"}
	}
	return one(d.Serial, v.place(""), "the document has no namespace")
}

func (v *view) completeness() answer {
	d := v.d
	switch {
	case d.Details == nil:
		return answer{outcome: NotExamined}
	case d.Incomplete:
		return answer{outcome: Present} // that it is incomplete is what is asked for
	}
	best := answer{Absent, v.place(""), "how complete the dependencies are is not stated"}
	for _, c := range d.Details.Compositions {
		if !c.Subject {
			continue
		}
		if c.Aggregate == "unknown" || c.Aggregate == "not_specified" {
			best = answer{Declared, v.place("relations"), "says " + c.Aggregate}
			continue
		}
		return answer{outcome: Present}
	}
	return best
}
