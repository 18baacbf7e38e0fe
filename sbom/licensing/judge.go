package licensing

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/license"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Options of Judge.
type Options struct {
	Policy *Policy   // nil: DefaultPolicy
	At     time.Time // for the ends of exceptions; zero: none with an end holds
}

// Report is what was found of documents.
type Report struct {
	Policy      string       `json:"policy"`
	Usage       string       `json:"usage"`
	Documents   int          `json:"documents"`
	Allowed     int          `json:"allowed"` // components, exceptions included
	Restricted  int          `json:"restricted"`
	Unknown     int          `json:"unknown"`
	Denied      int          `json:"denied"`
	Excepted    int          `json:"excepted"`
	Components  []Row        `json:"components"` // the worst first, then in document order
	Obligations []Obligation `json:"obligations"`
	Conflicts   []Conflict   `json:"conflicts"`
	// Of the recorded dependencies: how many were judged, were not for want of a licence or a
	// rule, and were passed over because both ends are packages of one distribution, which
	// judges its own.
	Combinations struct {
		Judged     int `json:"judged"`
		Unknown    int `json:"unknown"`
		PassedOver int `json:"passedOver"`
	} `json:"combinations"`
	ExportHints []ExportHint `json:"exportHints"`
}

// Row is one component.
type Row struct {
	File      string  `json:"file,omitempty"`
	Pointer   string  `json:"pointer"`
	Component string  `json:"component"`
	PURL      string  `json:"purl,omitempty"`
	License   string  `json:"license"` // as stated
	Stated    string  `json:"stated"`  // "concluded", "declared", "listed"; "not" where none is
	Chosen    string  `json:"chosen,omitempty"`
	Families  string  `json:"families,omitempty"`
	Verdict   Verdict `json:"verdict"`
	Why       string  `json:"why,omitempty"` // of an exception, or of an unknown
}

// Obligation is what one licence asks for, with the usage of the policy.
type Obligation struct {
	License     string   `json:"license"`
	Family      string   `json:"family"`
	Obligations []string `json:"obligations"`
	Components  []string `json:"components"`
}

// Conflict is a dependency between components whose licences may not be in one work.
type Conflict struct {
	File        string `json:"file,omitempty"`
	From        string `json:"from"`
	To          string `json:"to"`
	FromLicense string `json:"fromLicense"`
	ToLicense   string `json:"toLicense"`
	Source      string `json:"source"`
}

// ExportHint is a component that, by its name, implements strong cryptography.
type ExportHint struct {
	File      string `json:"file,omitempty"`
	Pointer   string `json:"pointer"`
	Component string `json:"component"`
	Tag       string `json:"tag"`
	Note      string `json:"note"`
}

const exportNote = "known by its name for strong cryptography, which export controls (Wassenaar category 5 part 2, EAR 5D002 and 742.15(b), EU 2021/821 annex I) look at; a hint for a review, no classification"

// effective is the licence of a component as it is judged.
type effective struct {
	text, stated string
	parsed       *license.Expression // nil where it is not understood
	why          string
}

type judge struct {
	o      Options
	r      *Report
	parsed map[string]*license.Expression
	texts  map[string]map[string]bool // components by licence
	terms  map[string]*license.Expression
	pairs  map[[2]string][2]string // verdict and source by the texts of both
}

// Judge reads the licences of documents. It stops only with the context.
func Judge(ctx context.Context, docs []*sbom.Document, o Options) (*Report, error) {
	if o.Policy == nil {
		o.Policy = DefaultPolicy()
	}
	j := &judge{o: o, parsed: map[string]*license.Expression{}, texts: map[string]map[string]bool{}, terms: map[string]*license.Expression{}, pairs: map[[2]string][2]string{},
		r: &Report{Policy: o.Policy.Name, Usage: o.Policy.Usage, Documents: len(docs), Components: []Row{}, Obligations: []Obligation{}, Conflicts: []Conflict{}, ExportHints: []ExportHint{}}}
	for _, d := range docs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		j.document(d)
	}
	slices.SortStableFunc(j.r.Components, func(a, b Row) int { return cmp.Compare(b.Verdict, a.Verdict) })
	for _, id := range slices.Sorted(maps.Keys(j.texts)) {
		t := TermsOf(j.terms[id])
		j.r.Obligations = append(j.r.Obligations, Obligation{License: id, Family: t.Family, Obligations: binding(t, o.Policy.Usage), Components: slices.Sorted(maps.Keys(j.texts[id]))})
	}
	return j.r, nil
}

// binding are the obligations that a usage sets off: most licences ask nothing of those
// who do not pass the work on.
func binding(t Terms, usage string) []string {
	out := []string{}
	network := usage == "saas" && slices.Contains(t.Obligations, "network")
	for _, o := range t.Obligations {
		switch o {
		case "noncommercial", "field-of-use":
			out = append(out, o)
		case "network":
			if usage != "internal" {
				out = append(out, o)
			}
		default:
			if usage == "distributed" || network {
				out = append(out, o)
			}
		}
	}
	return out
}

func (j *judge) document(d *sbom.Document) {
	own := make([]effective, len(d.Components)+1) // the subject stands at 0
	os := make([]string, len(d.Components)+1)
	if d.Subject.Component != nil {
		own[0] = j.effective(d.Subject.Component)
	} else {
		own[0] = effective{stated: "not"}
	}
	for i := range d.Components {
		c := &d.Components[i]
		own[i+1] = j.effective(c)
		j.component(d, c, own[i+1])
		os[i+1] = distribution(c.PURL)
	}
	for _, e := range d.Dependencies {
		if e.Kind != sbom.DependsOn {
			continue
		}
		from, to := e.From+1, e.To+1
		if os[from] != "" && os[from] == os[to] {
			j.r.Combinations.PassedOver++
			continue
		}
		j.combination(d, e, own[from], own[to])
	}
}

func distribution(purl string) string {
	for _, t := range []string{"deb", "rpm", "apk", "alpm"} {
		if rest, ok := strings.CutPrefix(purl, "pkg:"+t+"/"); ok {
			namespace, _, _ := strings.Cut(rest, "/")
			return t + "/" + namespace
		}
	}
	return ""
}

// effective picks what a component says: what was concluded, else declared, else what
// is listed without either word. Several of one sort apply together.
func (j *judge) effective(c *sbom.Component) effective {
	out := effective{stated: "not", why: "no licence is stated"}
	for _, k := range []struct {
		kind sbom.LicenseKind
		word string
	}{{sbom.LicenseConcluded, "concluded"}, {sbom.LicenseDeclared, "declared"}, {sbom.LicenseUnspecified, "listed"}} {
		var parts []string
		asserted, free := false, false
		for _, l := range c.Licenses {
			switch {
			case l.Kind != k.kind || strings.TrimSpace(l.Expression) == "":
			case l.Expression == "NOASSERTION" || l.Expression == "NONE":
				out.text, out.why = l.Expression, "the document says "+l.Expression
			default:
				asserted, free = true, free || l.Name && !license.Valid(l.Expression)
				parts = append(parts, l.Expression)
			}
		}
		if !asserted {
			continue
		}
		out.stated = k.word
		if len(parts) == 1 {
			out.text = parts[0]
		} else {
			for i, p := range parts {
				if license.Compound(p) {
					parts[i] = "(" + p + ")"
				}
			}
			out.text = strings.Join(parts, " AND ")
		}
		if free {
			out.why = "a name in free words, and no identifier"
			return out
		}
		e, known := j.parsed[out.text]
		if !known {
			e, _ = license.Parse(out.text)
			j.parsed[out.text] = e
		}
		if out.parsed = e; e == nil {
			out.why = "no SPDX expression"
		} else {
			out.why = ""
		}
		return out
	}
	return out
}

func (j *judge) component(d *sbom.Document, c *sbom.Component, l effective) {
	row := Row{File: d.File, Pointer: c.Pointer, Component: name(c), PURL: c.PURL, License: l.text, Stated: l.stated, Verdict: Unknown, Why: l.why}
	if l.parsed != nil {
		var chosen *license.Expression
		row.Verdict, chosen = j.o.Policy.verdict(l.parsed)
		row.Chosen = chosen.String()
		seen := []string{}
		chosen.Each(func(e *license.Expression) {
			id := keyOf(e)
			if f := TermsOf(e).Family; !slices.Contains(seen, f) {
				seen = append(seen, f)
			}
			if j.texts[id] == nil {
				j.texts[id], j.terms[id] = map[string]bool{}, e
			}
			j.texts[id][row.Component] = true
		})
		row.Families = strings.Join(seen, ", ")
	}
	if row.Verdict != Allowed {
		if e := j.o.Policy.excepted(c.PURL, l.text, j.o.At); e != nil {
			row.Verdict, row.Why = Allowed, "exception: "+e.Reason
			j.r.Excepted++
		}
	}
	switch row.Verdict {
	case Allowed:
		j.r.Allowed++
	case Restricted:
		j.r.Restricted++
	case Unknown:
		j.r.Unknown++
	case Denied:
		j.r.Denied++
	}
	j.r.Components = append(j.r.Components, row)
	if cryptographic(c) {
		j.r.ExportHints = append(j.r.ExportHints, ExportHint{File: d.File, Pointer: c.Pointer, Component: row.Component, Tag: "cryptography", Note: exportNote})
	}
}

func name(c *sbom.Component) string {
	n := c.Name
	if c.Group != "" {
		n = c.Group + "/" + n
	}
	if c.Version != "" {
		n += "@" + c.Version
	}
	return n
}

func cryptographic(c *sbom.Component) bool {
	kind, full := "", strings.ToLower(c.Name)
	if p, err := vuln.ParsePURL(c.PURL); c.PURL != "" && err == nil {
		kind, full = p.Type, strings.ToLower(p.FullName())
	}
	own := strings.ToLower(c.Name)
	for _, r := range tables().crypto {
		if r[0] == "*" && fits(r[1], own) || r[0] == kind && fits(r[1], full) {
			return true
		}
	}
	return false
}

func (j *judge) combination(d *sbom.Document, e sbom.Dependency, from, to effective) {
	if from.parsed == nil || to.parsed == nil {
		j.r.Combinations.Unknown++
		return
	}
	key := [2]string{from.text, to.text}
	found, known := j.pairs[key]
	if !known {
		v, source := together(from.parsed, to.parsed)
		found = [2]string{v, source}
		j.pairs[key] = found
	}
	switch found[0] {
	case unknown:
		j.r.Combinations.Unknown++
		return
	case conflicting:
		label := func(i int32) string {
			if i == sbom.SubjectIndex {
				return name(d.Subject.Component)
			}
			return name(&d.Components[i])
		}
		j.r.Conflicts = append(j.r.Conflicts, Conflict{File: d.File, From: label(e.From), To: label(e.To), FromLicense: from.text, ToLicense: to.text, Source: found[1]})
	}
	j.r.Combinations.Judged++
}

// together judges two expressions: of a choice the part that fits best, of what applies
// together the one that fits worst.
func together(a, b *license.Expression) (verdict, source string) {
	if a.Operator == license.Single && b.Operator == license.Single {
		return conflict(a, b)
	}
	if a.Operator == license.Single {
		a, b = b, a // conflicts have no direction
	}
	rank := map[string]int{compatible: 0, unknown: 1, conflicting: 2}
	for i, part := range a.Parts {
		v, s := together(part, b)
		if i == 0 || (a.Operator == license.And) == (rank[v] > rank[verdict]) && v != verdict {
			verdict, source = v, s
		}
	}
	return verdict, source
}
