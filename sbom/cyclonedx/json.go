package cyclonedx

import (
	"fmt"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

// json reads a document that is a whole text.
func (b *builder) json(data []byte) error {
	r := b.reader(data, false)
	b.document(r)
	return b.close(r)
}

// reader returns a Reader whose mismatches become warnings.
func (b *builder) reader(data []byte, strictSkip bool) *jsonscan.Reader {
	return jsonscan.New(data, jsonscan.Options{MaxDepth: b.opt.MaxDepth, StrictSkip: strictSkip, Released: b.opt.Released, Tolerate: func(r *jsonscan.Reader, want, got jsonscan.Kind) {
		b.warn(r.Pointer(), "%s is due here and not %s", want, got)
	}})
}

// document reads the object that is due in one pass; dependencies and
// compositions wait until every bom-ref is known.
func (b *builder) document(r *jsonscan.Reader) {
	b.at = r.Pointer()
	if b.doc.Details != nil {
		b.doc.Details.Root = b.at
	}
	if !r.RequireObject() {
		return
	}
	for key, ok := r.NextKey(); ok && b.err == nil; key, ok = r.NextKey() {
		switch string(key) {
		case "bomFormat":
			b.format = r.String()
		case "specVersion":
			b.doc.SpecVersion = r.String()
		case "serialNumber":
			b.doc.Serial = r.String()
		case "version":
			b.doc.Version = int(r.Int())
		case "metadata":
			b.metadata(r)
		case "components":
			b.releases.to = r.Offset()
			b.components(r, noParent)
			b.releases.tell(r)
			b.releases.to = 0
		case "services":
			b.services(r)
		case "dependencies":
			b.late.dependencies = r.Defer()
		case "compositions":
			b.late.compositions = r.Defer()
		default:
			if b.doc.Details != nil {
				b.documentDetail(r, string(key))
			}
		}
	}
}

// close does what had to wait for the end of the text.
func (b *builder) close(r *jsonscan.Reader) error {
	if b.err != nil {
		return b.err
	}
	if err := r.End(); err != nil {
		return err
	}
	if b.format != "CycloneDX" {
		return ident.Errorf(ident.KindUnsupported, "is not a CycloneDX document: bomFormat is %.40q", b.format)
	}
	if late := b.late.dependencies; late != nil {
		b.releases.tell(late)
		b.dependencies(late)
		if err := late.Err(); err != nil {
			return err
		}
	}
	if late := b.late.compositions; late != nil {
		b.releases.tell(late)
		b.compositions(late)
		if err := late.Err(); err != nil {
			return err
		}
	}
	return b.err
}

func (b *builder) metadata(r *jsonscan.Reader) {
	if !r.Object() {
		return
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "timestamp":
			at := r.Pointer()
			text := r.String()
			if b.doc.Details != nil {
				b.doc.Details.Timestamp = text
			}
			b.created(text, at)
		case "component":
			if at := r.Pointer(); r.RequireObject() {
				var c sbom.Component
				props, nested := b.component(r, &c, at)
				apply(&c, props)
				b.fill(&c, props)
				b.subject(c, props)
				b.containers(sbom.SubjectIndex, props)
				if nested != nil {
					b.components(nested, sbom.SubjectIndex)
				}
			}
		case "tools":
			b.tools(r)
		case "authors":
			b.each(r, func() {
				n, contact := b.entity(r)
				if n != "" {
					b.doc.Authors = append(b.doc.Authors, n)
				}
				b.authorContact(contact)
			})
		case "manufacturer":
			n, contact := b.entity(r)
			if n != "" {
				b.doc.Authors = append(b.doc.Authors, organisation+n)
			}
			b.authorContact(contact)
		case "supplier":
			if b.doc.Details != nil {
				var contact string
				b.doc.Details.Supplier, contact = b.entity(r)
				b.authorContact(contact)
			}
		case "properties":
			b.each(r, func() { b.documentNote(b.property(r)) })
		case "lifecycles":
			b.each(r, func() {
				b.fields(r, func(k []byte) bool {
					if string(k) == "phase" || string(k) == "name" {
						b.doc.Lifecycle = append(b.doc.Lifecycle, r.String())
						return true
					}
					return false
				})
			})
		}
	}
}

func (b *builder) created(text, pointer string) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		b.warn(pointer, "%.40q is not a date and time of RFC 3339", text)
		return
	}
	b.doc.Created = t
}

// each visits the items of an array.
func (b *builder) each(r *jsonscan.Reader, item func()) {
	if r.Array() {
		for r.NextItem() {
			item()
		}
	}
}

// fields visits the members of an object. The callback reports whether it read
// the value; what it leaves is skipped.
func (b *builder) fields(r *jsonscan.Reader, member func(key []byte) bool) {
	if r.Object() {
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			member(key)
		}
	}
}

// entity reads an organisation or a person: its name, else its mail address; and
// where details are asked for, how to reach it.
func (b *builder) entity(r *jsonscan.Reader) (name, contact string) {
	if s, ok := tryText(r); ok {
		return s, ""
	}
	mail := ""
	b.fields(r, func(k []byte) bool {
		switch string(k) {
		case "name":
			name = r.String()
		case "email":
			mail = r.String()
		default:
			if b.doc.Details == nil {
				return false
			}
			contact = orElse(contact, b.contact(r, string(k)))
		}
		return true
	})
	return orElse(name, mail), orElse(mail, contact)
}

func tryText(r *jsonscan.Reader) (string, bool) {
	if r.Kind() == jsonscan.String {
		return r.String(), true
	}
	return "", false
}

// tools reads the list of 1.4 and before, and the object of components and
// services of 1.5 and after.
func (b *builder) tools(r *jsonscan.Reader) {
	tool := func() {
		var t sbom.Tool
		b.fields(r, func(k []byte) bool {
			switch string(k) {
			case "vendor", "author", "group":
				if t.Vendor == "" {
					t.Vendor = r.String()
				}
			case "name":
				t.Name = r.String()
			case "version":
				t.Version = r.String()
			default:
				return false
			}
			return true
		})
		if t.Name != "" {
			b.doc.Tools = append(b.doc.Tools, t)
		}
	}
	if r.Kind() == jsonscan.Array {
		b.each(r, tool)
		return
	}
	b.fields(r, func(k []byte) bool {
		if string(k) == "components" || string(k) == "services" {
			b.each(r, tool)
			return true
		}
		return false
	})
}

func (b *builder) components(r *jsonscan.Reader, parent int32) {
	if !r.RequireArray() { // taken for an empty list it would say that the image holds nothing
		return
	}
	for r.NextItem() && b.err == nil {
		b.releases.component(r, b.opt.releaseAtOnce)
		at := r.Pointer()
		if !r.RequireObject() {
			continue
		}
		c := b.next()
		props, nested := b.component(r, c, at)
		if r.Err() != nil {
			return
		}
		apply(c, props)
		b.fill(c, props)
		index := b.add(c, parent)
		b.containers(index, props)
		if nested != nil {
			b.releases.tell(nested)
			b.components(nested, index)
			b.releases.tell(r)
			if err := nested.Err(); err != nil && b.err == nil {
				b.err = err
			}
		}
	}
}

// component reads one component, whose object has been entered; nested is its own list of
// components, left for after it so that the parent comes first. The properties are gone
// with the next component.
func (b *builder) component(r *jsonscan.Reader, c *sbom.Component, pointer string) (props []property, nested *jsonscan.Reader) {
	c.Pointer = pointer
	props = b.props[:0]
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "bom-ref":
			c.ID = r.String()
		case "type":
			c.Type = r.String()
		case "group":
			c.Group = r.String()
		case "name":
			c.Name = r.String()
		case "version":
			c.Version = r.String()
		case "purl":
			c.PURL = r.String()
		case "cpe":
			if s := r.String(); s != "" {
				c.CPEs = append(c.CPEs, s)
			}
		case "scope":
			c.Scope = r.String()
		case "supplier":
			name, contact := b.entity(r)
			c.Supplier = name
			if contact != "" && b.doc.Details != nil {
				c.Detailed().Contact = contact
			}
		case "publisher", "author":
			if s, ok := r.TryString(); ok && c.Origin == "" {
				c.Origin = s
			}
		case "hashes":
			b.each(r, func() {
				if h := b.hash(r); h.Value != "" {
					c.Hashes = append(c.Hashes, h)
				}
			})
		case "licenses":
			b.each(r, func() { b.license(r, c) })
		case "properties":
			b.each(r, func() {
				p := b.property(r)
				if wanted(p.name) {
					props = append(props, p)
				}
				b.propertyDetail(c, p)
			})
		case "evidence":
			b.evidence(r, c)
		case "components":
			nested = r.Defer()
		default:
			if b.doc.Details != nil {
				b.componentDetail(r, string(key), c)
			}
		}
	}
	b.props = props
	return props, nested
}

// wanted are the properties that apply and subject read.
func wanted(name string) bool {
	return strings.HasPrefix(name, note.Prefix) || strings.HasPrefix(name, "syft:location:") || strings.HasPrefix(name, "aquasecurity:trivy:")
}

func (b *builder) property(r *jsonscan.Reader) (p property) {
	b.fields(r, func(k []byte) bool {
		switch string(k) {
		case "name":
			p.name = r.String()
		case "value":
			p.value = r.String()
		default:
			return false
		}
		return true
	})
	return p
}

func (b *builder) hash(r *jsonscan.Reader) (h sbom.Hash) {
	b.fields(r, func(k []byte) bool {
		switch string(k) {
		case "alg":
			h.Algorithm = sbom.HashAlgorithm(r.String())
		case "content":
			h.Value = sbom.HashValue(r.String())
		default:
			return false
		}
		return true
	})
	return h
}

// license reads one choice: {"expression"} or {"license":{"id"|"name"}}.
func (b *builder) license(r *jsonscan.Reader, c *sbom.Component) {
	l := sbom.License{}
	kind := func(s string) {
		switch s {
		case "declared":
			l.Kind = sbom.LicenseDeclared
		case "concluded":
			l.Kind = sbom.LicenseConcluded
		}
	}
	b.fields(r, func(k []byte) bool {
		switch string(k) {
		case "expression":
			l.Expression = r.String()
		case "acknowledgement":
			kind(r.String())
		case "license":
			b.fields(r, func(k []byte) bool {
				switch string(k) {
				case "id":
					l.Expression = r.String()
				case "name":
					if s := r.String(); l.Expression == "" {
						l.Expression, l.Name = s, true
					}
				case "acknowledgement":
					kind(r.String())
				default:
					return false
				}
				return true
			})
		default:
			return false
		}
		return true
	})
	if l.Expression != "" {
		c.Licenses = append(c.Licenses, l)
	}
}

func (b *builder) evidence(r *jsonscan.Reader, c *sbom.Component) {
	b.fields(r, func(k []byte) bool {
		if string(k) != "occurrences" {
			return false
		}
		b.each(r, func() {
			b.fields(r, func(k []byte) bool {
				if string(k) != "location" {
					return false
				}
				c.Locations = append(c.Locations, r.String())
				return true
			})
		})
		return true
	})
}

func (b *builder) dependencies(r *jsonscan.Reader) {
	if !r.Array() {
		return
	}
	var e entry
	for i := 0; r.NextItem() && b.err == nil; i++ {
		if i%1024 == 0 {
			b.err = b.ctx.Err()
		}
		e = entry{at: i, from: dependent{ref: e.from.ref[:0]}}
		b.dependency(r, &e)
	}
}

// entry is an item of the list of dependencies.
type entry struct {
	at     int
	from   dependent
	silent bool // nothing is to be said of it any more
}

func (b *builder) dependency(r *jsonscan.Reader, e *entry) {
	if !r.Object() {
		return
	}
	var on, provides *jsonscan.Reader // put off: what depends is not known yet, or "dependsOn" comes first
	named := false
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "ref":
			e.from.ref = append(e.from.ref, r.Bytes()...)
			e.from.index, e.from.known = b.named(e.from.ref)
			named = true
		case "dependsOn":
			if named {
				b.dependsOn(r, e, sbom.DependsOn)
			} else {
				on = r.Defer()
			}
		case "provides":
			provides = r.Defer()
		}
	}
	b.dependsOnLate(on, e, sbom.DependsOn)
	b.dependsOnLate(provides, e, sbom.Provides)
}

func (b *builder) dependsOnLate(r *jsonscan.Reader, e *entry, kind sbom.DependencyKind) {
	if r == nil {
		return
	}
	b.dependsOn(r, e, kind)
	if err := r.Err(); err != nil && b.err == nil {
		b.err = err
	}
}

// dependsOn reads what an entry depends on.
func (b *builder) dependsOn(r *jsonscan.Reader, e *entry, kind sbom.DependencyKind) {
	pointer := func() string { return fmt.Sprintf("%s/dependencies/%d", b.at, e.at) }
	eachText(r, func(to []byte) {
		switch {
		case e.silent:
		case e.from.known:
			if !b.link(&e.from, to, kind) {
				b.leadsNowhere(to, pointer())
			}
		default:
			e.silent = true
			if len(e.from.ref) > 0 && !b.others.Has(e.from.ref) {
				b.warn(pointer(), "the dependency of %.80q names nothing in the document", e.from.ref)
			}
		}
	})
}

// services notes the names of services: they are no components, and
// dependencies may name them.
func (b *builder) services(r *jsonscan.Reader) {
	b.each(r, func() {
		b.fields(r, func(k []byte) bool {
			switch string(k) {
			case "bom-ref":
				b.service(r.String())
			case "services":
				b.services(r)
			default:
				return false
			}
			return true
		})
	})
}

// service takes in the name of a service.
func (b *builder) service(ref string) {
	if b.others.Add(ref); b.others.Len() > b.opt.MaxComponents && b.err == nil {
		b.err = ident.Errorf(ident.KindLimit, "the document has more than %d services", b.opt.MaxComponents)
	}
}

// eachText visits the strings of an array; other items are passed over. A text is valid
// until visit returns.
func eachText(r *jsonscan.Reader, visit func(text []byte)) {
	if !r.Array() {
		return
	}
	for r.NextItem() {
		if r.Kind() == jsonscan.String {
			visit(r.Bytes())
		} else {
			r.Skip()
		}
	}
}

func texts(r *jsonscan.Reader) (out []string) {
	eachText(r, func(text []byte) { out = append(out, string(text)) })
	return out
}

// compositions notes whether the author calls the list of the subject incomplete.
func (b *builder) compositions(r *jsonscan.Reader) {
	b.each(r, func() {
		aggregate := ""
		assemblies, about := 0, false
		b.fields(r, func(k []byte) bool {
			switch string(k) {
			case "aggregate":
				aggregate = r.String()
			case "assemblies", "dependencies":
				eachText(r, func(ref []byte) {
					assemblies++
					at, ok := b.named(ref)
					about = about || ok && at == sbom.SubjectIndex
				})
			default:
				return false
			}
			return true
		})
		b.composition(aggregate, assemblies == 0 || about)
	})
}

func (b *builder) composition(aggregate string, aboutSubject bool) {
	if b.doc.Details != nil && aggregate != "" {
		b.doc.Details.Compositions = append(b.doc.Details.Compositions, sbom.Composition{Aggregate: aggregate, Subject: aboutSubject})
	}
	if aboutSubject && aggregate != "" && aggregate != "complete" && aggregate != "not_specified" && aggregate != "unknown" {
		b.doc.Incomplete = true
	}
}
