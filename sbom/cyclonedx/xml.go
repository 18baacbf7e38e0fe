package cyclonedx

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// element is one XML element, as a tree: CycloneDX documents in XML are rare and
// small, so that a tree costs less than a second streaming reader would.
type element struct {
	chars    []byte // of text, while the element is open
	name     string
	attr     map[string]string
	text     string
	children []*element
}

// What an element of the tree takes, and one with attributes more, in bytes: themselves,
// and what the collector has not taken away yet when the next come.
const (
	heldByElement    = 320
	heldByAttributes = 800
)

const namespacePrefix = "http://cyclonedx.org/schema/bom/"

// tree parses data. Document type declarations are refused, so that no entity is
// ever defined, and depth is bounded.
func (b *builder) tree(data []byte) (*element, string, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, ident.Errorf(ident.KindUnsupported, "the document is encoded as %.20q; convert it to UTF-8", charset)
	}
	here := func(kind ident.Kind, format string, args ...any) *ident.Error {
		line, column := dec.InputPos()
		return ident.Errorf(kind, format, args...).At(fmt.Sprintf("line %d, column %d", line, column))
	}
	var root *element
	var stack []*element
	space, held := "", 0
	for {
		if b.opt.MaxHeld > 0 && held > b.opt.MaxHeld {
			return nil, "", here(ident.KindLimit, "a document in XML is read whole, and this one of %d bytes takes more than %d bytes of memory; about %d bytes are read", len(data), b.opt.MaxHeld, b.opt.MaxHeld/16).
				WithHint("convert it to JSON, which is read piece by piece: cofferdam sbom convert FILE -o cyclonedx")
		}
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var known *ident.Error
			if errors.As(err, &known) {
				return nil, "", known
			}
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) {
				err = errors.New(syntax.Msg) // it says the line, which here does with the column
			}
			return nil, "", here(ident.KindInvalid, "the XML is not well-formed: %w", err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if len(stack) >= b.opt.MaxDepth {
				return nil, "", here(ident.KindLimit, "elements are nested more than %d deep", b.opt.MaxDepth)
			}
			e := &element{name: t.Name.Local}
			if held += heldByElement; len(t.Attr) > 0 {
				held += heldByAttributes
			}
			for _, a := range t.Attr {
				if e.attr == nil {
					e.attr = map[string]string{}
				}
				e.attr[a.Name.Local] = a.Value
				held += 2 * len(a.Value)
			}
			switch {
			case len(stack) > 0:
				up := stack[len(stack)-1]
				up.children = append(up.children, e)
			case root == nil:
				root, space = e, t.Name.Space
			default:
				return nil, "", here(ident.KindInvalid, "the document has more than one root element")
			}
			stack = append(stack, e)
		case xml.EndElement:
			top := stack[len(stack)-1]
			top.text, top.chars = strings.TrimSpace(string(top.chars)), nil
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				held += 2 * len(t)
				top := stack[len(stack)-1]
				top.chars = append(top.chars, t...) // comments may cut a text into any number of pieces
			}
		case xml.Directive:
			return nil, "", here(ident.KindUnsupported, "document type declarations are not read")
		}
	}
	if root == nil || len(stack) > 0 {
		return nil, "", here(ident.KindInvalid, "the document ends before its root element does")
	}
	return root, space, nil
}

func (e *element) child(name string) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (e *element) textOf(name string) string {
	if c := e.child(name); c != nil {
		return c.text
	}
	return ""
}

func (e *element) list(name, item string) []*element {
	var out []*element
	if l := e.child(name); l != nil {
		for _, c := range l.children {
			if item == "" || c.name == item {
				out = append(out, c)
			}
		}
	}
	return out
}

func (b *builder) xml(data []byte) error {
	root, space, err := b.tree(data)
	if err != nil {
		return err
	}
	version, ok := strings.CutPrefix(space, namespacePrefix)
	if !ok || root.name != "bom" {
		return ident.Errorf(ident.KindUnsupported, "is not a CycloneDX document: its root element is %.40q", root.name)
	}
	b.doc.SpecVersion = version
	b.doc.Serial = root.attr["serialNumber"]
	b.doc.Version, _ = strconv.Atoi(root.attr["version"])
	meta := root.child("metadata")
	if t := meta.textOf("timestamp"); t != "" {
		if b.doc.Details != nil {
			b.doc.Details.Timestamp = t
		}
		b.created(t, "/bom/metadata/timestamp")
	}
	tools := meta.list("tools", "tool")
	tools = append(tools, meta.child("tools").list("components", "")...)
	for _, t := range tools {
		b.doc.Tools = append(b.doc.Tools, sbom.Tool{Vendor: orElse(t.textOf("vendor"), t.textOf("author")), Name: t.textOf("name"), Version: t.textOf("version")})
	}
	for _, a := range meta.list("authors", "author") {
		b.doc.Authors = append(b.doc.Authors, orElse(a.textOf("name"), a.textOf("email")))
	}
	if m := meta.child("manufacturer").textOf("name"); m != "" {
		b.doc.Authors = append(b.doc.Authors, organisation+m)
	}
	b.xmlDocumentDetails(root, meta)
	for _, p := range meta.list("properties", "property") {
		b.documentNote(property{p.attr["name"], p.text})
	}
	for _, l := range meta.list("lifecycles", "lifecycle") {
		b.doc.Lifecycle = append(b.doc.Lifecycle, orElse(l.textOf("phase"), l.textOf("name")))
	}
	if e := meta.child("component"); e != nil {
		c, props := b.xmlComponent(e, "/bom/metadata/component")
		apply(&c, props)
		b.fill(&c, props)
		b.subject(c, props)
		b.containers(sbom.SubjectIndex, props)
		b.xmlComponents(e, c.Pointer, sbom.SubjectIndex)
	}
	b.xmlComponents(root, "/bom", noParent)
	b.xmlServices(root)
	for _, d := range root.list("dependencies", "dependency") {
		from := dependent{ref: []byte(d.attr["ref"])}
		from.index, from.known = b.named(from.ref)
		for _, to := range d.children {
			kind := sbom.DependsOn
			if to.name == "provides" {
				kind = sbom.Provides
			}
			if ref := []byte(to.attr["ref"]); !b.link(&from, ref, kind) {
				b.leadsNowhere(ref, "/bom/dependencies")
			}
		}
	}
	for _, c := range root.list("compositions", "composition") {
		refs, about := 0, false
		for _, list := range []string{"assemblies", "dependencies"} {
			for _, a := range c.list(list, "") {
				refs++
				at, ok := b.named([]byte(a.attr["ref"]))
				about = about || ok && at == sbom.SubjectIndex
			}
		}
		b.composition(c.textOf("aggregate"), refs == 0 || about)
	}
	return b.err
}

func (b *builder) xmlServices(parent *element) {
	for _, s := range parent.list("services", "service") {
		b.service(s.attr["bom-ref"])
		b.xmlServices(s)
	}
}

func (b *builder) xmlComponents(parent *element, pointer string, index int32) {
	n := 0
	for _, e := range parent.list("components", "component") {
		if b.err != nil {
			return
		}
		n++
		at := pointer + "/components/component[" + strconv.Itoa(n) + "]"
		made, props := b.xmlComponent(e, at)
		c := b.next()
		*c = made
		apply(c, props)
		b.fill(c, props)
		i := b.add(c, index)
		b.containers(i, props)
		b.xmlComponents(e, at, i)
	}
}

func (b *builder) xmlComponent(e *element, pointer string) (sbom.Component, []property) {
	c := sbom.Component{
		ID: e.attr["bom-ref"], Type: e.attr["type"], Group: e.textOf("group"), Name: e.textOf("name"), Version: e.textOf("version"),
		PURL: e.textOf("purl"), Scope: e.textOf("scope"), Supplier: e.child("supplier").textOf("name"),
		Origin: orElse(e.textOf("publisher"), e.textOf("author")), Pointer: pointer,
	}
	if cpe := e.textOf("cpe"); cpe != "" {
		c.CPEs = []string{cpe}
	}
	for _, h := range e.list("hashes", "hash") {
		if h.text != "" {
			c.Hashes = append(c.Hashes, sbom.Hash{Algorithm: sbom.HashAlgorithm(h.attr["alg"]), Value: sbom.HashValue(h.text)})
		}
	}
	for _, l := range e.list("licenses", "") {
		lic := sbom.License{}
		if l.name == "expression" {
			lic.Expression = l.text
		} else if lic.Expression = l.textOf("id"); lic.Expression == "" {
			lic.Expression, lic.Name = l.textOf("name"), true
		}
		switch l.attr["acknowledgement"] {
		case "declared":
			lic.Kind = sbom.LicenseDeclared
		case "concluded":
			lic.Kind = sbom.LicenseConcluded
		}
		if lic.Expression != "" {
			c.Licenses = append(c.Licenses, lic)
		}
	}
	for _, o := range e.child("evidence").list("occurrences", "occurrence") {
		if loc := o.textOf("location"); loc != "" {
			c.Locations = append(c.Locations, loc)
		}
	}
	var props []property
	for _, p := range e.list("properties", "property") {
		if wanted(p.attr["name"]) {
			props = append(props, property{p.attr["name"], p.text})
		}
		b.propertyDetail(&c, property{p.attr["name"], p.text})
	}
	b.xmlComponentDetails(e, &c)
	return c, props
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
