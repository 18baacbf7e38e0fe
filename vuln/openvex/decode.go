package openvex

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// maxStatements bounds a document. The largest public ones have some ten thousand.
const maxStatements = 5_000_000

// usualBytes is about what a statement takes in public documents.
const usualBytes = 400

// Decode reads a document. name is for messages and for Statement.File. The error is an
// ident.Error: KindUnsupported for a document that is not OpenVEX, KindInvalid for one
// that is broken as a whole, KindLimit beyond a limit; or it is the context's.
func Decode(ctx context.Context, name string, raw []byte) ([]vuln.Statement, []vuln.VEXFault, error) {
	p := &parser{ctx: ctx, file: name, out: make([]vuln.Statement, 0, len(raw)/usualBytes)}
	p.r = jsonscan.New(raw, jsonscan.Options{StrictSkip: true, Tolerate: p.mismatch})
	if p.r.Kind() != jsonscan.Object {
		return nil, nil, ident.Errorf(ident.KindUnsupported, "is no OpenVEX document: it is no JSON object").At(name)
	}
	p.document()
	if p.err == nil {
		p.err = ctx.Err()
	}
	if err := p.r.End(); err != nil && p.err == nil {
		p.err = err
	}
	if p.err != nil {
		var e *ident.Error
		if errors.As(p.err, &e) {
			return nil, nil, ident.Errorf(e.Kind, "%s", p.err).At(name)
		}
		return nil, nil, p.err
	}
	if !p.listed {
		return nil, nil, ident.Errorf(ident.KindUnsupported, "is no OpenVEX document: it has no statements").At(name)
	}
	for i := range p.out {
		s := &p.out[i]
		s.Author, s.Document, s.File = p.author, p.id, name
		if s.At.IsZero() {
			if s.At = p.at; s.At.IsZero() {
				s.At = p.changed
			}
		}
	}
	return p.out, p.faults, nil
}

type parser struct {
	ctx         context.Context
	file        string
	r           *jsonscan.Reader
	id, author  string
	at, changed time.Time
	listed      bool
	out         []vuln.Statement
	faults      []vuln.VEXFault
	broken      bool // the statement that is being read
	err         error
}

func (p *parser) mismatch(r *jsonscan.Reader, want, got jsonscan.Kind) {
	p.wrong(r.Pointer(), got.String()+" where "+want.String()+" is due")
}

// wrong notes a fault: it costs the statement that is being read.
func (p *parser) wrong(pointer, message string) {
	p.broken = true
	p.faults = append(p.faults, vuln.VEXFault{File: p.file, Pointer: pointer, Message: message})
}

func (p *parser) document() {
	if !p.r.Object() {
		return
	}
	for {
		key, ok := p.r.NextKey()
		if !ok {
			return
		}
		switch string(key) {
		case "@id", "id":
			p.id = p.r.String()
		case "author":
			p.author = p.r.String()
		case "timestamp":
			p.at = p.r.Time(p.wrong)
		case "last_updated":
			p.changed = p.r.Time(p.wrong)
		case "statements":
			p.listed = true
			p.statements()
		default:
			p.r.Skip()
		}
	}
}

func (p *parser) statements() {
	if !p.r.Array() {
		return
	}
	n := 0
	for p.r.NextItem() {
		if p.err == nil && len(p.out)+len(p.faults) >= maxStatements {
			p.err = ident.Errorf(ident.KindLimit, "the document has more than %d statements", maxStatements)
		}
		if p.err == nil && len(p.out)%4096 == 0 {
			p.err = p.ctx.Err()
		}
		if p.err != nil {
			p.r.Skip()
			continue
		}
		p.broken = false
		s := p.statement()
		s.Pointer = "/statements/" + strconv.Itoa(n)
		n++
		if p.r.Err() == nil && !p.broken {
			p.judge(&s)
		}
		if !p.broken {
			p.out = append(p.out, s)
		}
	}
}

// judge refuses what the specification requires and what nothing can be told without.
func (p *parser) judge(s *vuln.Statement) {
	switch {
	case len(s.Vulnerability) == 0:
		p.wrong(s.Pointer, "the statement names no vulnerability")
	case s.Status == "":
		p.wrong(s.Pointer, "the statement has no status")
	case s.Status == vuln.StatusNotAffected && s.Justification == "" && s.Impact == "":
		p.wrong(s.Pointer, "the statement says not_affected without a justification or an impact statement, which OpenVEX requires")
	}
}

func (p *parser) statement() vuln.Statement {
	var s vuln.Statement
	var changed time.Time
	var within []string // subcomponents beside the products, as the older form has them
	if !p.r.Object() {
		return s
	}
	for {
		key, ok := p.r.NextKey()
		if !ok {
			break
		}
		switch string(key) {
		case "vulnerability":
			s.Vulnerability = p.vulnerability()
		case "products":
			s.Products = p.products()
		case "subcomponents":
			within = p.subcomponents()
		case "status":
			if s.Status, ok = vuln.ParseStatus(p.r.String()); !ok {
				p.wrong(p.r.Pointer(), "the status is none that OpenVEX has")
			}
		case "justification":
			s.Justification = p.r.String()
		case "impact_statement":
			s.Impact = p.r.String()
		case "action_statement":
			s.Action = p.r.String()
		case "timestamp":
			s.At = p.r.Time(p.wrong)
		case "last_updated":
			changed = p.r.Time(p.wrong)
		default:
			p.r.Skip()
		}
	}
	if changed.After(s.At) {
		s.At = changed
	}
	if len(within) > 0 {
		for i := range s.Products {
			s.Products[i].Subcomponents = append(s.Products[i].Subcomponents, within...)
		}
	}
	return s
}

// vulnerability reads {"name", "aliases"}, or the name alone.
func (p *parser) vulnerability() []string {
	if p.r.Kind() == jsonscan.String {
		if s := strings.TrimSpace(p.r.String()); s != "" {
			return []string{s}
		}
		return nil
	}
	if !p.r.Object() {
		return nil
	}
	var name, id string
	var aliases []string
	for {
		key, ok := p.r.NextKey()
		if !ok {
			break
		}
		switch string(key) {
		case "name":
			name = strings.TrimSpace(p.r.String())
		case "@id":
			id = p.r.String()
		case "aliases":
			aliases = p.r.Strings()
		default:
			p.r.Skip()
		}
	}
	if name == "" { // the identifier may be a page about it
		name = id[strings.LastIndexByte(id, '/')+1:]
	}
	out := make([]string, 0, 1+len(aliases))
	for _, s := range append([]string{name}, aliases...) {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (p *parser) products() []vuln.Product {
	if !p.r.Array() {
		return nil
	}
	var out []vuln.Product
	for p.r.NextItem() {
		if p.r.Kind() == jsonscan.String {
			out = append(out, named(p.r.String()))
			continue
		}
		out = append(out, p.product())
	}
	return out
}

// named is a product by its identifier alone.
func named(id string) vuln.Product {
	if strings.HasPrefix(id, "pkg:") {
		return vuln.Product{PURL: id}
	}
	if d, err := ident.ParseDigest(id); err == nil {
		return vuln.Product{Name: id, Digests: []ident.Digest{d}}
	}
	return vuln.Product{Name: id, Unbound: "the product is named by no package URL and no digest"}
}

// product reads {"@id", "identifiers", "hashes", "subcomponents"}.
func (p *parser) product() vuln.Product {
	var id, purl string
	var digests []ident.Digest
	var within []string
	if !p.r.Object() {
		return vuln.Product{Unbound: "the product is broken"}
	}
	for {
		key, ok := p.r.NextKey()
		if !ok {
			break
		}
		switch string(key) {
		case "@id":
			id = p.r.String()
		case "identifiers":
			purl = p.identifiers()
		case "hashes":
			digests = p.hashes()
		case "subcomponents":
			within = p.subcomponents()
		default:
			p.r.Skip()
		}
	}
	out := named(id)
	if purl != "" {
		out.PURL, out.Unbound = purl, ""
	}
	if len(digests) > 0 {
		out.Digests, out.Unbound = append(out.Digests, digests...), ""
	}
	out.Subcomponents = within
	return out
}

func (p *parser) identifiers() (purl string) {
	if !p.r.Object() {
		return ""
	}
	for {
		key, ok := p.r.NextKey()
		if !ok {
			return purl
		}
		if string(key) == "purl" {
			purl = p.r.String()
			continue
		}
		p.r.Skip()
	}
}

// hashes reads {"sha-256": "…"}; algorithms that no digest of ours has are passed over.
func (p *parser) hashes() []ident.Digest {
	if !p.r.Object() {
		return nil
	}
	var out []ident.Digest
	for {
		key, ok := p.r.NextKey()
		if !ok {
			return out
		}
		name := strings.ReplaceAll(string(key), "-", "")
		if d, err := ident.ParseDigest(name + ":" + p.r.String()); err == nil {
			out = append(out, d)
		}
	}
}

func (p *parser) subcomponents() []string {
	if !p.r.Array() {
		return nil
	}
	var out []string
	for p.r.NextItem() {
		if p.r.Kind() == jsonscan.String {
			out = append(out, p.r.String())
			continue
		}
		c := p.product()
		// One that is named by something else is kept: without it the statement would
		// be about the product as a whole.
		if c.PURL == "" {
			c.PURL = c.Name
		}
		out = append(out, c.PURL)
	}
	return out
}
