package cyclonedx

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// maxProperties bounds how many properties of a document are kept as details: image
// labels are dozens.
const maxProperties = 10_000

// documentDetail reads members of the document that only details ask for.
func (b *builder) documentDetail(r *jsonscan.Reader, key string) {
	d := b.doc.Details
	switch key {
	case "signature":
		d.Signed = b.signature(r)
	case "formulation":
		b.each(r, func() { r.Skip(); d.Formulation = true })
	case "vulnerabilities":
		b.each(r, func() { r.Skip(); d.Vulnerabilities++ })
	}
}

// signature reports whether a JSF signature has an algorithm and a value: alone, or
// as one of several signers or of a chain.
func (b *builder) signature(r *jsonscan.Reader) bool {
	var algorithm, value, others bool
	b.fields(r, func(k []byte) bool {
		switch string(k) {
		case "algorithm":
			algorithm = r.String() != ""
		case "value":
			value = r.String() != ""
		case "signers", "chain":
			b.each(r, func() { others = b.signature(r) || others })
		default:
			return false
		}
		return true
	})
	return algorithm && value || others
}

// contact reads a member of an organisation that says how to reach it.
func (b *builder) contact(r *jsonscan.Reader, key string) (contact string) {
	switch key {
	case "url":
		if s, ok := tryText(r); ok {
			return s
		}
		for _, s := range texts(r) {
			contact = orElse(contact, s)
		}
	case "contact":
		one := func() {
			b.fields(r, func(k []byte) bool {
				if string(k) != "email" {
					return false
				}
				contact = orElse(contact, r.String())
				return true
			})
		}
		if r.Kind() == jsonscan.Object { // of 1.2 documents by some tools
			one()
		} else {
			b.each(r, one)
		}
	}
	return contact
}

func (b *builder) authorContact(contact string) {
	if d := b.doc.Details; d != nil {
		d.AuthorContact = orElse(d.AuthorContact, contact)
	}
}

// componentDetail reads members of a component that only details ask for.
func (b *builder) componentDetail(r *jsonscan.Reader, key string, c *sbom.Component) {
	switch key {
	case "copyright":
		c.Detailed().Copyright = r.String()
	case "omniborId", "swhid":
		for _, s := range texts(r) {
			d := c.Detailed()
			d.Identifiers = append(d.Identifiers, s)
		}
	case "swid":
		var s sbom.SWID
		b.fields(r, func(k []byte) bool {
			switch string(k) {
			case "tagId":
				s.TagID = r.String()
			case "name":
				s.Name = r.String()
			case "version":
				s.Version = r.String()
			default:
				return false
			}
			return true
		})
		d := c.Detailed()
		d.SWIDs = append(d.SWIDs, s)
	case "manufacturer":
		name, contact := b.entity(r)
		maker(c, name, contact, true)
	case "authors":
		b.each(r, func() {
			name, contact := b.entity(r)
			maker(c, name, contact, false)
		})
	case "externalReferences":
		b.each(r, func() { b.reference(r, c) })
	}
}

// maker files who made a component; a manufacturer counts before authors.
func maker(c *sbom.Component, name, contact string, first bool) {
	d := c.Detailed()
	if first {
		d.Manufacturer = orElse(name, d.Manufacturer)
	} else {
		d.Manufacturer = orElse(d.Manufacturer, name)
	}
	d.Contact = orElse(d.Contact, contact)
}

func (b *builder) reference(r *jsonscan.Reader, c *sbom.Component) {
	var ref sbom.Reference
	b.fields(r, func(k []byte) bool {
		switch string(k) {
		case "type":
			ref.Type = r.String()
		case "url":
			ref.URL = r.String()
		case "hashes":
			b.each(r, func() {
				if h := b.hash(r); h.Value != "" {
					ref.Hashes = append(ref.Hashes, h)
				}
			})
		default:
			return false
		}
		return true
	})
	d := c.Detailed()
	d.References = append(d.References, ref)
}

// propertyDetail keeps a property of a taxonomy that quality profiles read.
func (b *builder) propertyDetail(c *sbom.Component, p property) {
	if b.doc.Details == nil || !strings.HasPrefix(p.name, "bsi:component:") && !strings.HasSuffix(p.name, ":goCompiledVersion") {
		return
	}
	d := c.Detailed()
	d.Properties = append(d.Properties, sbom.Property{Name: p.name, Value: p.value})
}

// contactOf says how to reach an organisation or a person of an XML document.
func (e *element) contactOf() string {
	return orElse(e.textOf("email"), orElse(e.child("contact").textOf("email"), e.textOf("url")))
}

func (b *builder) xmlDocumentDetails(root, meta *element) {
	d := b.doc.Details
	if d == nil {
		return
	}
	d.Supplier = meta.child("supplier").textOf("name")
	for _, a := range meta.list("authors", "author") {
		b.authorContact(a.contactOf())
	}
	b.authorContact(meta.child("manufacturer").contactOf())
	b.authorContact(meta.child("supplier").contactOf())
	d.Signed = root.child("Signature").child("SignatureValue") != nil // XML Signature, section 4.1
	d.Formulation = len(root.list("formulation", "")) > 0
	d.Vulnerabilities = len(root.list("vulnerabilities", "vulnerability"))
}

func (b *builder) xmlComponentDetails(e *element, c *sbom.Component) {
	if b.doc.Details == nil {
		return
	}
	if s := e.textOf("copyright"); s != "" {
		c.Detailed().Copyright = s
	}
	for _, child := range e.children {
		switch child.name {
		case "omniborId", "swhid":
			d := c.Detailed()
			d.Identifiers = append(d.Identifiers, child.text)
		case "swid":
			d := c.Detailed()
			d.SWIDs = append(d.SWIDs, sbom.SWID{TagID: child.attr["tagId"], Name: child.attr["name"], Version: child.attr["version"]})
		case "manufacturer":
			maker(c, child.textOf("name"), child.contactOf(), true)
		case "supplier":
			if contact := child.contactOf(); contact != "" {
				c.Detailed().Contact = orElse(c.Details.Contact, contact)
			}
		case "authors":
			for _, a := range child.children {
				maker(c, orElse(a.textOf("name"), a.textOf("email")), a.contactOf(), false)
			}
		case "externalReferences":
			for _, x := range child.children {
				ref := sbom.Reference{Type: x.attr["type"], URL: x.textOf("url")}
				for _, h := range x.list("hashes", "hash") {
					ref.Hashes = append(ref.Hashes, sbom.Hash{Algorithm: sbom.HashAlgorithm(h.attr["alg"]), Value: sbom.HashValue(h.text)})
				}
				d := c.Detailed()
				d.References = append(d.References, ref)
			}
		}
	}
}
