package xsd

import (
	"fmt"
	"strings"
)

// A Set compiles schemas. It is not for concurrent use; the schemas it returns are.
type Set struct {
	load     func(namespace string) (file string, src []byte, err error)
	sources  map[string]*source
	builtins map[string]*simple
	types    map[Name]*typ
	elements map[Name]*element
}

// NewSet returns a set that reads the schema document of a namespace with load, each once. Nothing is fetched otherwise.
func NewSet(load func(namespace string) (file string, src []byte, err error)) *Set {
	return &Set{load: load, sources: map[string]*source{}, builtins: builtins(), types: map[Name]*typ{}, elements: map[Name]*element{}}
}

// A Schema judges documents whose root element is declared in one namespace. It never changes, so any number of
// goroutines may judge with it.
type Schema struct {
	root     string
	file     string
	elements map[Name]*element
	types    map[Name]*typ
}

// An element is an element declaration.
type element struct {
	name     Name
	typ      *typ
	def      string // the value of an empty element
	hasDef   bool
	unique   []string // attributes whose values are unique among the descendants
	declared string   // where, for Fault.Rule
}

// A typ is a complex type, or a simple one as the type of an element.
type typ struct {
	rule      string
	anything  bool    // xs:anyType
	simple    *simple // simple content
	mixed     bool
	model     *model // nil: no element content
	attrs     map[string]*attribute
	anyAttr   string // "", "##any" or "##other"
	namespace string // of the schema it stands in, for ##other
}

// An attribute is the declaration of an attribute without a namespace.
type attribute struct {
	typ      *simple
	required bool
}

// Compile returns the schema for documents whose root is a global element of root; elements of the namespaces in extensions
// are judged wherever a wildcard lets them in.
func (c *Set) Compile(root string, extensions ...string) (*Schema, error) {
	for _, ns := range append([]string{root}, extensions...) {
		src, err := c.source(ns)
		if err != nil {
			return nil, err
		}
		for name, n := range src.top["element"] {
			if _, err := c.global(src, name, n); err != nil {
				return nil, err
			}
		}
		for kind, decls := range src.top {
			for name := range decls {
				if kind == "complexType" || kind == "simpleType" {
					if _, err := c.named(Name{ns, name}); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	return &Schema{root: root, file: c.sources[root].file, elements: c.elements, types: c.types}, nil
}

func (c *Set) source(ns string) (*source, error) {
	if s, ok := c.sources[ns]; ok {
		return s, nil
	}
	file, src, err := c.load(ns)
	if err != nil {
		return nil, err
	}
	s, err := parseSource(file, src)
	if err != nil {
		return nil, err
	}
	if s.target != ns {
		return nil, fmt.Errorf("%s: target namespace is %q, not %q", file, s.target, ns)
	}
	c.sources[ns] = s
	return s, nil
}

func (c *Set) global(src *source, name string, n *node) (*element, error) {
	key := Name{src.target, name}
	if e, ok := c.elements[key]; ok {
		return e, nil
	}
	e := &element{}
	c.elements[key] = e
	return e, c.element(e, src, n, "#"+name)
}

// element fills a declaration; at is its place in the schema.
func (c *Set) element(e *element, src *source, n *node, at string) (err error) {
	e.name = Name{Local: n.attrs["name"]}
	if src.qualified {
		e.name.Space = src.target
	}
	e.declared = src.file + at
	e.def, e.hasDef = n.attrs["default"]
	for k := range n.attrs {
		switch k {
		case "name", "type", "default", "minOccurs", "maxOccurs":
		default:
			return fmt.Errorf("%s: attribute %s of element is not supported", e.declared, k)
		}
	}
	for _, k := range n.kids {
		switch k.kind {
		case "complexType":
			e.typ = &typ{}
			err = c.complex(e.typ, src, k, at)
		case "simpleType":
			var s *simple
			if s, err = c.simple(src, k, at); err == nil {
				e.typ = &typ{rule: s.rule, simple: s}
			}
		case "unique":
			err = e.addUnique(k)
		default:
			err = fmt.Errorf("%s: %s in element is not supported", e.declared, k.kind)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case n.attrs["type"] != "":
		q, err := src.qname(n.attrs["type"])
		if err != nil {
			return err
		}
		e.typ, err = c.named(q)
		return err
	case e.typ == nil:
		e.typ = anyType
	}
	return nil
}

// anyType is what an element without a type has (XML Schema part 1, section 3.4.7).
var anyType = &typ{rule: "xs:anyType", anything: true, mixed: true, anyAttr: "##any"}

// addUnique reads the one form of identity constraint that CycloneDX uses: an attribute, unique among all descendants.
func (e *element) addUnique(n *node) error {
	sel, field := n.child("selector"), n.child("field")
	if sel == nil || field == nil || sel.attrs["xpath"] != ".//*" || !strings.HasPrefix(field.attrs["xpath"], "@") {
		return fmt.Errorf("%s: this form of unique is not supported", e.declared)
	}
	e.unique = append(e.unique, strings.TrimPrefix(field.attrs["xpath"], "@"))
	return nil
}

// named returns a type by name, registering it before it is filled, because types refer to themselves.
func (c *Set) named(q Name) (*typ, error) {
	if t, ok := c.types[q]; ok {
		return t, nil
	}
	if q.Space == xsdNS {
		if q.Local == "anyType" {
			return anyType, nil
		}
		s, ok := c.builtins[q.Local]
		if !ok {
			return nil, fmt.Errorf("builtin type xs:%s is not supported", q.Local)
		}
		t := &typ{rule: s.rule, simple: s}
		c.types[q] = t
		return t, nil
	}
	src, err := c.source(q.Space)
	if err != nil {
		return nil, err
	}
	at := "#" + q.Local
	if n, ok := src.top["complexType"][q.Local]; ok {
		t := &typ{}
		c.types[q] = t
		return t, c.complex(t, src, n, at)
	}
	n, ok := src.top["simpleType"][q.Local]
	if !ok {
		return nil, fmt.Errorf("%s: type %s does not exist", src.file, q.Local)
	}
	s, err := c.simple(src, n, at)
	if err != nil {
		return nil, err
	}
	t := &typ{rule: s.rule, simple: s}
	c.types[q] = t
	return t, nil
}

// namedSimple returns a type that must be simple or have simple content.
func (c *Set) namedSimple(src *source, q string) (*typ, error) {
	name, err := src.qname(q)
	if err != nil {
		return nil, err
	}
	t, err := c.named(name)
	if err != nil {
		return nil, err
	}
	if t.simple == nil {
		return nil, fmt.Errorf("%s: type %s is not simple", src.file, q)
	}
	return t, nil
}

func (c *Set) simple(src *source, n *node, at string) (*simple, error) {
	t := &simple{rule: src.file + at}
	for _, k := range n.kids {
		switch k.kind {
		case "restriction":
			if err := c.restrict(t, src, k); err != nil {
				return nil, err
			}
		case "union":
			for q := range strings.FieldsSeq(k.attrs["memberTypes"]) {
				m, err := c.namedSimple(src, q)
				if err != nil {
					return nil, err
				}
				t.union = append(t.union, m.simple)
			}
			for _, inline := range k.kids {
				m, err := c.simple(src, inline, at)
				if err != nil {
					return nil, err
				}
				t.union = append(t.union, m)
			}
		default:
			return nil, fmt.Errorf("%s: %s in simpleType is not supported", t.rule, k.kind)
		}
	}
	return t, nil
}

func (c *Set) restrict(t *simple, src *source, n *node) error {
	base, err := c.namedSimple(src, n.attrs["base"])
	if err != nil {
		return err
	}
	if base.simple.union != nil {
		return fmt.Errorf("%s: restriction of a union is not supported", t.rule)
	}
	t.base, t.white = base.simple, base.simple.white
	t.facets.minLength, t.facets.maxLength = -1, -1
	for _, f := range n.kids {
		if err := t.facets.add(f); err != nil {
			return fmt.Errorf("%s: %w", t.rule, err)
		}
	}
	return nil
}

func (c *Set) complex(t *typ, src *source, n *node, at string) error {
	t.rule, t.namespace = src.file+at, src.target
	t.mixed = n.attrs["mixed"] == "true"
	t.attrs = map[string]*attribute{}
	for _, k := range n.kids {
		var err error
		switch k.kind {
		case "sequence", "choice":
			m := &model{}
			var p part
			if p, err = c.particle(m, src, k, at, true); err == nil {
				m.finish(p)
				t.model = m
			}
		case "simpleContent":
			err = c.simpleContent(t, src, k, at)
		default:
			err = c.attribute(t, src, k, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Set) simpleContent(t *typ, src *source, n *node, at string) error {
	ext := n.child("extension")
	if ext == nil || len(n.kids) != 1 {
		return fmt.Errorf("%s: only an extension is supported in simpleContent", t.rule)
	}
	base, err := c.namedSimple(src, ext.attrs["base"])
	if err != nil {
		return err
	}
	t.simple = base.simple
	for name, a := range base.attrs {
		t.attrs[name] = a
	}
	for _, k := range ext.kids {
		if err := c.attribute(t, src, k, at); err != nil {
			return err
		}
	}
	return nil
}

// attribute reads an attribute, an attribute wildcard or a reference to a group of them.
func (c *Set) attribute(t *typ, src *source, n *node, at string) error {
	switch n.kind {
	case "attribute":
		a := &attribute{required: n.attrs["use"] == "required"}
		switch inline := n.child("simpleType"); {
		case inline != nil:
			s, err := c.simple(src, inline, at+"/@"+n.attrs["name"])
			if err != nil {
				return err
			}
			a.typ = s
		case n.attrs["type"] != "":
			named, err := c.namedSimple(src, n.attrs["type"])
			if err != nil {
				return err
			}
			a.typ = named.simple
		default:
			a.typ = c.builtins["anySimpleType"]
		}
		if n.attrs["ref"] != "" || n.attrs["fixed"] != "" || n.attrs["use"] == "prohibited" || n.attrs["form"] != "" {
			return fmt.Errorf("%s: this form of attribute is not supported", t.rule)
		}
		t.attrs[n.attrs["name"]] = a
	case "anyAttribute":
		if n.attrs["processContents"] != "lax" {
			return fmt.Errorf("%s: anyAttribute must be lax to be supported", t.rule)
		}
		t.anyAttr = n.attrs["namespace"]
		if t.anyAttr != "##any" && t.anyAttr != "##other" {
			return fmt.Errorf("%s: anyAttribute namespace %q is not supported", t.rule, t.anyAttr)
		}
	case "attributeGroup":
		q, err := src.qname(n.attrs["ref"])
		if err != nil {
			return err
		}
		group, ok := src.top["attributeGroup"][q.Local]
		if !ok || q.Space != src.target {
			return fmt.Errorf("%s: attribute group %s does not exist", t.rule, q.Local)
		}
		for _, k := range group.kids {
			if err := c.attribute(t, src, k, at); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%s: %s in complexType is not supported", t.rule, n.kind)
	}
	return nil
}

// particle adds a particle to a model; must says whether it has to occur wherever the whole model does.
func (c *Set) particle(m *model, src *source, n *node, at string, must bool) (part, error) {
	must = must && n.attrs["minOccurs"] != "0"
	var p part
	switch n.kind {
	case "element":
		e := &element{}
		if err := c.element(e, src, n, at+"/"+n.attrs["name"]); err != nil {
			return p, err
		}
		p = m.leaf(term{elem: e, mandatory: must})
	case "any":
		if n.attrs["namespace"] != "##other" || n.attrs["processContents"] != "lax" {
			return p, fmt.Errorf("%s%s: only a lax wildcard for ##other is supported", src.file, at)
		}
		p = m.leaf(term{other: src.target, mandatory: must})
	case "sequence", "choice":
		parts := make([]part, 0, len(n.kids))
		for _, k := range n.kids {
			sub, err := c.particle(m, src, k, at, must && n.kind == "sequence")
			if err != nil {
				return p, err
			}
			parts = append(parts, sub)
		}
		if n.kind == "sequence" {
			p = m.sequence(parts)
		} else {
			p = m.choice(parts)
		}
	default:
		return p, fmt.Errorf("%s%s: %s in a content model is not supported", src.file, at, n.kind)
	}
	return m.occurs(n, p)
}
