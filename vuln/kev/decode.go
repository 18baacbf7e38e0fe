package kev

import (
	"context"
	"errors"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// maxEntries bounds a catalogue: the real one grew to some 1,500 in four years.
const maxEntries = 1_000_000

// Decode reads a catalogue. name is for messages only. The error is an ident.Error:
// KindUnsupported for a document that is no such catalogue, KindInvalid for one that
// is broken or holds fewer entries than it says, KindLimit beyond the limit; or it is
// the context's. Nothing is returned with it.
func Decode(ctx context.Context, name string, raw []byte) (*vuln.Exploited, error) {
	p := parser{ctx: ctx, r: jsonscan.New(raw, jsonscan.Options{StrictSkip: true}), count: -1}
	if p.r.Kind() != jsonscan.Object {
		return nil, ident.Errorf(ident.KindUnsupported, "is no catalogue of exploited vulnerabilities in JSON").At(name).
			WithHint("CISA publishes it as known_exploited_vulnerabilities.json; its CSV form is not read")
	}
	p.document()
	if err := p.r.End(); err != nil && p.err == nil {
		var e *ident.Error
		if errors.As(err, &e) {
			return nil, ident.Errorf(e.Kind, "%s", err).At(name)
		}
		return nil, err
	}
	switch {
	case p.err != nil:
		var e *ident.Error
		if errors.As(p.err, &e) {
			return nil, e.At(name + e.Where)
		}
		return nil, p.err
	case !p.listed:
		return nil, ident.Errorf(ident.KindUnsupported, "is no catalogue of exploited vulnerabilities: it has no list of vulnerabilities").At(name)
	case p.count >= 0 && int64(len(p.entries)) != p.count:
		return nil, ident.Errorf(ident.KindInvalid, "the catalogue says that it has %d entries, and has %d: it is cut short or was edited", p.count, len(p.entries)).At(name)
	case len(p.entries) == 0:
		return nil, ident.Errorf(ident.KindInvalid, "the catalogue is empty").At(name)
	}
	return vuln.NewExploited(p.version, p.released, p.entries), nil
}

type parser struct {
	ctx      context.Context
	r        *jsonscan.Reader
	version  string
	released time.Time
	count    int64 // as announced; -1 where it is not
	listed   bool
	entries  []vuln.Exploitation
	err      error
}

func (p *parser) document() {
	for p.r.Object(); ; {
		key, ok := p.r.NextKey()
		if !ok {
			return
		}
		switch string(key) {
		case "catalogVersion":
			p.version = p.r.RequireString()
		case "dateReleased":
			p.released = p.time(time.RFC3339Nano)
		case "count":
			p.count = p.r.Int()
		case "vulnerabilities":
			p.listed = true
			p.vulnerabilities()
		default:
			p.r.Skip()
		}
	}
}

func (p *parser) vulnerabilities() {
	if !p.r.RequireArray() {
		return
	}
	for p.r.NextItem() {
		switch {
		case p.err == nil && len(p.entries) == maxEntries:
			p.err = ident.Errorf(ident.KindLimit, "the catalogue has more than %d entries", maxEntries)
		case p.err == nil && len(p.entries)%1024 == 0:
			p.err = p.ctx.Err()
		}
		if p.err != nil {
			p.r.Skip()
			continue
		}
		at := p.r.Pointer()
		e := p.entry()
		if e.ID == "" && p.r.Err() == nil && p.err == nil {
			p.err = ident.Errorf(ident.KindInvalid, "the entry names no vulnerability, and which one is exploited cannot be told").At("#" + at + "/cveID")
		}
		p.entries = append(p.entries, e)
	}
}

func (p *parser) entry() vuln.Exploitation {
	var e vuln.Exploitation
	if !p.r.RequireObject() {
		return e
	}
	for {
		key, ok := p.r.NextKey()
		if !ok {
			return e
		}
		switch string(key) {
		case "cveID":
			e.ID = p.r.RequireString()
		case "vendorProject":
			e.Vendor = p.r.RequireString()
		case "product":
			e.Product = p.r.RequireString()
		case "vulnerabilityName":
			e.Name = p.r.RequireString()
		case "requiredAction":
			e.Action = p.r.RequireString()
		case "dateAdded":
			e.Added = p.time(time.DateOnly)
		case "dueDate":
			e.Due = p.time(time.DateOnly)
		case "knownRansomwareCampaignUse":
			e.Ransomware = p.r.RequireString() == "Known"
		default:
			p.r.Skip()
		}
	}
}

// time reads a time in a layout; "" is none.
func (p *parser) time(layout string) time.Time {
	at := p.r.Pointer()
	s := p.r.RequireString()
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(layout, s)
	if err != nil && p.err == nil {
		p.err = ident.Errorf(ident.KindInvalid, "%.40q is no date", s).At("#" + at)
	}
	return t.UTC()
}
