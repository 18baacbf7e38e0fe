package cdxvex

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/cyclonedx"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// maxStatements bounds a document.
const maxStatements = 5_000_000

// Decode reads a document. name is for messages and for Statement.File. The error is an
// ident.Error: KindUnsupported for what is not CycloneDX in JSON or analyses no
// vulnerability, KindInvalid for a broken document, KindLimit beyond a limit; or it is
// the context's.
func Decode(ctx context.Context, name string, raw []byte) ([]vuln.Statement, []vuln.VEXFault, error) {
	text := bytes.TrimLeft(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), " \t\r\n")
	if bytes.HasPrefix(text, []byte("<")) {
		return nil, nil, ident.Errorf(ident.KindUnsupported, "statements about vulnerabilities are read of CycloneDX in JSON, and not in XML").At(name)
	}
	// What the document lists, so that statements about its elements can be told of the
	// same components in other documents.
	bom, err := cyclonedx.Decode(ctx, raw, cyclonedx.Options{})
	if err != nil {
		return nil, nil, at(name, err)
	}
	p := &parser{ctx: ctx, file: name, bom: bom, listed: make(map[string]int, len(bom.Components))}
	for i := range bom.Components {
		p.listed[bom.Components[i].ID] = i
	}
	p.r = jsonscan.New(raw, jsonscan.Options{StrictSkip: true, Tolerate: p.mismatch})
	p.document()
	if err := p.r.End(); err != nil && p.err == nil {
		p.err = err
	}
	if p.err != nil {
		return nil, nil, at(name, p.err)
	}
	if !p.analysed {
		return nil, nil, ident.Errorf(ident.KindUnsupported, "the document analyses no vulnerability").At(name)
	}
	for i := range p.out {
		s := &p.out[i]
		s.Author, s.Document, s.File = p.author(), bom.Serial, name
		if s.At.IsZero() {
			s.At = bom.Created
		}
	}
	return p.out, p.faults, ctx.Err()
}

// at says in which file an error is.
func at(name string, err error) error {
	var e *ident.Error
	if !errors.As(err, &e) {
		return err
	}
	return ident.Errorf(e.Kind, "%s", err).At(name)
}

type parser struct {
	ctx      context.Context
	file     string
	r        *jsonscan.Reader
	bom      *sbom.Document
	listed   map[string]int
	by       [2]string // supplier and manufacturer
	analysed bool
	out      []vuln.Statement
	faults   []vuln.VEXFault
	broken   bool
	err      error
}

// author is who answers for the document: its supplier, its manufacturer, or the first
// of its authors.
func (p *parser) author() string {
	for _, s := range p.by {
		if s != "" {
			return s
		}
	}
	if len(p.bom.Authors) > 0 {
		return p.bom.Authors[0]
	}
	return ""
}

func (p *parser) mismatch(r *jsonscan.Reader, want, got jsonscan.Kind) {
	p.wrong(r.Pointer(), got.String()+" where "+want.String()+" is due")
}

// wrong notes a fault: it costs the vulnerability that is being read.
func (p *parser) wrong(pointer, message string) {
	p.broken = true
	p.faults = append(p.faults, vuln.VEXFault{File: p.file, Pointer: pointer, Message: message})
}

func (p *parser) document() {
	p.r.Members(func(key string) {
		switch key {
		case "metadata":
			p.r.Members(func(key string) {
				switch key {
				case "supplier":
					p.by[0] = p.organisation()
				case "manufacturer", "manufacture":
					p.by[1] = p.organisation()
				}
			})
		case "vulnerabilities":
			if !p.r.Array() {
				return
			}
			for p.r.NextItem() {
				if p.err == nil && len(p.out)+len(p.faults) >= maxStatements {
					p.err = ident.Errorf(ident.KindLimit, "the document has more than %d statements", maxStatements)
				}
				if p.err != nil {
					p.r.Skip()
					continue
				}
				p.broken = false
				from, pointer := len(p.out), p.r.Pointer()
				p.vulnerability(pointer)
				if p.broken {
					p.out = p.out[:from]
				}
			}
		}
	})
}

func (p *parser) organisation() (name string) {
	p.r.Members(func(key string) {
		if key == "name" {
			name = p.r.String()
		}
	})
	return name
}

// analysis is vulnerabilities[].analysis.
type analysis struct {
	state, justification, detail string
	response                     []string
	at                           time.Time
}

// affected is one entry of vulnerabilities[].affects.
type affected struct {
	ref      string
	versions []versions
}

type versions struct{ version, rng, status string }

func (p *parser) vulnerability(pointer string) {
	var ids []string
	var affects []affected
	var a *analysis
	var updated time.Time
	p.r.Members(func(key string) {
		switch key {
		case "id":
			if s := p.r.String(); s != "" {
				ids = append([]string{s}, ids...)
			}
		case "references":
			if !p.r.Array() {
				return
			}
			for p.r.NextItem() {
				p.r.Members(func(key string) {
					if key == "id" {
						if s := p.r.String(); s != "" {
							ids = append(ids, s)
						}
					}
				})
			}
		case "analysis":
			a = p.analysis()
		case "updated":
			updated = p.r.Time(p.wrong)
		case "affects":
			if !p.r.Array() {
				return
			}
			for p.r.NextItem() {
				affects = append(affects, p.affects())
			}
		}
	})
	if a == nil || p.r.Err() != nil || p.broken {
		return
	}
	p.analysed = true
	if len(ids) == 0 {
		p.wrong(pointer, "the vulnerability has no id")
		return
	}
	status, ok := states[a.state]
	if !ok {
		p.wrong(pointer+"/analysis/state", "the state is none that CycloneDX has")
		return
	}
	if status == vuln.StatusNotAffected && a.justification == "" && a.detail == "" && a.state != "false_positive" {
		p.wrong(pointer+"/analysis", "nothing says why the product is not affected")
		return
	}
	if a.at.IsZero() {
		a.at = updated
	}
	s := vuln.Statement{Vulnerability: ids, Justification: a.justification, At: a.at, Pointer: pointer}
	if status.Clears() {
		s.Impact = a.detail
	} else if s.Action = strings.Join(a.response, ", "); s.Action == "" {
		s.Action = a.detail
	}
	p.states(s, status, affects)
}

// states are the statuses that states of an analysis stand for (CycloneDX 1.4 and
// later, "impact analysis state").
var states = map[string]vuln.Status{
	"resolved":               vuln.StatusFixed,
	"resolved_with_pedigree": vuln.StatusFixed,
	"exploitable":            vuln.StatusAffected,
	"in_triage":              vuln.StatusUnderInvestigation,
	"false_positive":         vuln.StatusNotAffected,
	"not_affected":           vuln.StatusNotAffected,
}

// states makes the statements of one analysis: one for the products that it speaks of
// as a whole, and one for each version whose own status differs. A version that is
// listed as affected by what the analysis says does no harm contradicts it.
func (p *parser) states(s vuln.Statement, status vuln.Status, affects []affected) {
	whole := s
	whole.Status = status
	for _, a := range affects {
		if len(a.versions) == 0 {
			whole.Products = append(whole.Products, p.product(a.ref, versions{}))
		}
		for _, v := range a.versions {
			one := s
			one.Products = []vuln.Product{p.product(a.ref, v)}
			switch v.status {
			case "unaffected":
				one.Status = vuln.StatusNotAffected
			case "", "affected":
				if one.Status = status; status.Clears() {
					one.Status = vuln.StatusUnderInvestigation
				}
			default:
				one.Status = vuln.StatusUnderInvestigation
			}
			p.out = append(p.out, one)
		}
	}
	if len(whole.Products) > 0 || len(affects) == 0 {
		p.out = append(p.out, whole)
	}
}

func (p *parser) analysis() *analysis {
	a := &analysis{}
	p.r.Members(func(key string) {
		switch key {
		case "state":
			a.state = p.r.String()
		case "justification":
			a.justification = p.r.String()
		case "detail":
			a.detail = p.r.String()
		case "response":
			a.response = p.r.Strings()
		case "lastUpdated":
			a.at = p.r.Time(p.wrong)
		case "firstIssued":
			if t := p.r.Time(p.wrong); a.at.IsZero() {
				a.at = t
			}
		}
	})
	return a
}

func (p *parser) affects() affected {
	var a affected
	p.r.Members(func(key string) {
		switch key {
		case "ref":
			a.ref = p.r.String()
		case "versions":
			if !p.r.Array() {
				return
			}
			for p.r.NextItem() {
				var v versions
				p.r.Members(func(key string) {
					switch key {
					case "version":
						v.version = p.r.String()
					case "range":
						v.rng = p.r.String()
					case "status":
						v.status = p.r.String()
					}
				})
				a.versions = append(a.versions, v)
			}
		}
	})
	return a
}

// product says what a reference means: an element of this document, or of another one
// (BOM-Link, "urn:cdx:SERIAL/VERSION#REF").
func (p *parser) product(ref string, v versions) vuln.Product {
	if link, ok := strings.CutPrefix(ref, "urn:cdx:"); ok {
		out := vuln.Product{Name: ref}
		link, element, _ := strings.Cut(link, "#")
		serial, version, _ := strings.Cut(link, "/")
		n, err := strconv.Atoi(version)
		if err != nil || serial == "" {
			out.Unbound = "the BOM-Link is malformed"
			return out
		}
		if element, err = url.PathUnescape(element); err != nil {
			out.Unbound = "the BOM-Link is malformed"
			return out
		}
		out.BOM = vuln.BOMRef{Serial: "urn:uuid:" + serial, Version: n, Ref: element}
		if v != (versions{}) {
			out.Unbound = "versions of an element of another document are not told apart"
		}
		return out
	}
	own := vuln.BOMRef{Serial: p.bom.Serial, Version: p.bom.Version, Digest: p.bom.Digest}
	if ref == p.bom.Subject.ID && ref != "" {
		subject := p.bom.Subject.Described()
		subject.ID = ""
		return p.described(&subject, own, v)
	}
	i, ok := p.listed[ref]
	if !ok || ref == "" {
		// The element may be named by its package URL alone.
		out := vuln.Product{Name: ref, PURL: ref}
		if !strings.HasPrefix(ref, "pkg:") {
			out.PURL, out.Unbound = "", "the document has no element of this bom-ref"
		}
		return out
	}
	c := &p.bom.Components[i]
	own.Ref = c.ID
	out := p.described(c, own, v)
	// An element of a document about one product is meant within that product.
	if s := p.bom.Subject; s.PURL != "" && out.Unbound == "" {
		within := vuln.Product{Name: out.Name, PURL: s.PURL, BOM: vuln.BOMRef{Serial: own.Serial, Version: own.Version, Digest: own.Digest}, Subcomponents: []string{out.PURL}}
		if out.PURL == "" || out.Versions != "" {
			return vuln.Product{Name: out.Name, BOM: own}
		}
		return within
	}
	if p.bom.Subject.Name != "" {
		return vuln.Product{Name: out.Name, BOM: own, Unbound: out.Unbound} // a product that only this document can name
	}
	return out
}

// described is a component as other documents may name it, too.
func (p *parser) described(c *sbom.Component, own vuln.BOMRef, v versions) vuln.Product {
	out := vuln.Product{Name: strings.TrimSpace(c.Name + " " + c.Version), PURL: c.PURL, BOM: own}
	switch {
	case v.rng != "":
		out.Versions, out.BOM = v.rng, vuln.BOMRef{}
	case v.version != "" && v.version != c.Version:
		out.BOM = vuln.BOMRef{} // of another version than the one that is listed
		u, err := vuln.ParsePURL(c.PURL)
		if err != nil {
			return vuln.Product{Name: out.Name, Unbound: "a version of a product without package URL"}
		}
		u.Version = v.version
		out.PURL = u.String()
	}
	for _, h := range c.Hashes {
		if d, err := ident.ParseDigest(strings.ToLower(strings.ReplaceAll(h.Algorithm, "-", "")) + ":" + h.Value); err == nil && out.BOM != (vuln.BOMRef{}) && out.PURL == "" {
			out.Digests = append(out.Digests, d)
		}
	}
	if out.Versions != "" && out.PURL == "" {
		out.Unbound = "a range of versions of a product without package URL"
	}
	return out
}
