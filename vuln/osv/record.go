package osv

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// record reads one JSON record. A fault of a single-record document is
// returned as its error.
func (d *decoder) record(raw []byte, line int, single bool) error {
	fail := func(kind ident.Kind, pointer, message string) error {
		if single {
			return &ident.Error{Kind: kind, Message: message, Where: Fault{File: d.file, Member: d.member, Pointer: pointer}.Where()}
		}
		d.fault(Fault{Line: line, Pointer: pointer, Message: message})
		return nil
	}
	if int64(len(raw)) > d.lim.RecordBytes {
		return fail(ident.KindLimit, "", "the record is larger than the limit")
	}
	p := &parser{a: &vuln.Advisory{Source: d.where()}}
	p.r = jsonscan.New(raw, jsonscan.Options{StrictSkip: true, Tolerate: p.mismatch})
	p.record()
	if err := p.r.End(); err != nil {
		return fail(ident.KindInvalid, "", err.Error())
	}
	if !p.known {
		return fail(ident.KindUnsupported, "", "the object is no OSV record: it has neither an id nor affected packages")
	}
	if p.a.ID == "" {
		return fail(ident.KindInvalid, "/id", "the record has no id")
	}
	for _, f := range p.faults {
		f.Line, f.Record, f.Kept = line, p.a.ID, true
		d.fault(f)
	}
	d.advisories = append(d.advisories, p.a)
	return nil
}

// parser reads one record from a JSON reader. Values of a wrong kind are faults
// and read as absent; within an affected package they make it unparsable.
type parser struct {
	r        *jsonscan.Reader
	a        *vuln.Advisory
	faults   []Fault
	known    bool // it has at least one member that marks an OSV record
	affected int  // index + 1 of the affected package that is being read
	broken   string
}

func (p *parser) mismatch(r *jsonscan.Reader, want, got jsonscan.Kind) {
	p.wrong(r.Pointer(), got.String()+" where "+want.String()+" is due")
}

// wrong notes a fault. Within an affected package it decides about matching.
func (p *parser) wrong(pointer, message string) {
	p.faults = append(p.faults, Fault{Pointer: pointer, Message: message})
	if p.affected > 0 && p.broken == "" {
		p.broken = message + " at " + pointer
	}
}

func (p *parser) record() {
	var dbWord string
	var withdrawn bool
	for p.r.Object(); ; {
		key, ok := p.r.NextKey()
		if !ok {
			break
		}
		switch string(key) {
		case "id":
			p.a.ID, p.known = strings.TrimSpace(p.r.String()), true
		case "aliases":
			p.a.Aliases = p.strings()
		case "upstream":
			p.a.Upstream = p.strings()
		case "related":
			p.a.Related = p.strings()
		case "summary":
			p.a.Summary = p.r.String()
		case "details":
			p.a.Details = p.r.String()
		case "published":
			p.a.Published = p.r.Time(p.wrong)
		case "modified":
			p.a.Modified = p.r.Time(p.wrong)
		case "withdrawn":
			withdrawn = p.r.Kind() != jsonscan.Null
			p.a.Withdrawn = p.r.Time(p.wrong)
		case "severity":
			p.a.Severity = p.severity()
		case "references":
			p.references()
		case "affected":
			p.known = true
			p.affectedPackages()
		case "database_specific":
			dbWord = p.databaseWord()
		default:
			p.r.Skip()
		}
	}
	p.a.DatabaseSeverity = dbWord
	if withdrawn && p.a.Withdrawn.IsZero() {
		p.faults = append(p.faults, Fault{Pointer: "/withdrawn", Message: "the time of withdrawal cannot be read, so the record counts as in force"})
	}
}

// strings reads an array of strings; null is none.
func (p *parser) strings() []string {
	var out []string
	if p.r.Array() {
		for p.r.NextItem() {
			if s := p.r.String(); s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

func (p *parser) severity() []vuln.Score {
	var out []vuln.Score
	if !p.r.Array() {
		return nil
	}
	for p.r.NextItem() {
		var typ, vector string
		if !p.r.Object() {
			continue
		}
		for {
			key, ok := p.r.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "type":
				typ = p.r.String()
			case "score":
				vector = p.r.String()
			default:
				p.r.Skip()
			}
		}
		if typ != "" || vector != "" {
			out = append(out, vuln.NewScore(typ, vector))
		}
	}
	return out
}

func (p *parser) references() {
	if !p.r.Array() {
		return
	}
	for p.r.NextItem() {
		var ref vuln.Reference
		if !p.r.Object() {
			continue
		}
		for {
			key, ok := p.r.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "type":
				ref.Type = p.r.String()
			case "url":
				ref.URL = p.r.String()
			default:
				p.r.Skip()
			}
		}
		p.a.References = append(p.a.References, ref)
	}
}

// databaseWord reads database_specific.severity, which GitHub fills.
func (p *parser) databaseWord() string {
	var word string
	if p.r.Kind() != jsonscan.Object {
		p.r.Skip()
		return ""
	}
	for p.r.Object(); ; {
		key, ok := p.r.NextKey()
		if !ok {
			return word
		}
		if string(key) == "severity" {
			word, _ = p.r.TryString()
			continue
		}
		p.r.Skip()
	}
}
