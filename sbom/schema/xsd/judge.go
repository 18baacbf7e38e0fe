package xsd

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/sbom/schema/phrase"
)

// Limits bounds what Judge takes. A zero field means its default.
type Limits struct {
	Depth  int // nesting of elements; default 512
	Nodes  int // elements and attributes in all; default 8 million
	Faults int // reported; default 100
}

// Defaults of Limits.
const (
	DefaultDepth  = 512
	DefaultNodes  = 8 << 20
	DefaultFaults = 100
)

// A Fault is one thing that is wrong with a document.
type Fault struct {
	Path    string // like /bom/components/component[2]/@type; "" is the document
	Offset  int    // of the element's start tag, or of the byte at which reading stopped
	Message string // without the path
	Rule    string // place in the schema, or the section of the standard
	depth   int
}

// Judge returns what is wrong with a document: deepest first, and in document order among equals; none means valid. A
// document that is not well-formed has what was found up to the place where reading stopped. The error is the context's,
// or of ident.KindLimit when the document has more nodes than limits allow.
func (s *Schema) Judge(ctx context.Context, doc []byte, limits Limits) ([]Fault, error) {
	for _, l := range []struct {
		field *int
		def   int
	}{{&limits.Depth, DefaultDepth}, {&limits.Nodes, DefaultNodes}, {&limits.Faults, DefaultFaults}} {
		if *l.field <= 0 {
			*l.field = l.def
		}
	}
	j := &judge{schema: s, limits: limits}
	err := j.read(ctx, doc)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(j.faults, func(a, b Fault) int { return b.depth - a.depth })
	return j.faults, nil
}

// A frame is an open element.
type frame struct {
	name   Name
	label  string   // its step in a path
	elem   *element // nil where nothing is declared
	typ    *typ     // nil: children are judged where they are declared (lax)
	skip   bool     // nothing below is judged: the element itself was refused
	state  []int
	begun  bool
	nested bool // it has child elements
	text   bytes.Buffer
	offset int
	counts map[Name]int
	scopes int      // number of uniqueness scopes it opened
	prefix []string // namespace prefixes it declared
	raw    xml.Name // as written
}

// A scope is a uniqueness constraint that is being watched.
type scope struct {
	attr string
	rule string
	seen map[string]string // value to path
}

type judge struct {
	schema *Schema
	limits Limits
	nodes  int
	faults []Fault
	stack  []*frame
	scopes []*scope
	names  map[string][]string // namespace bindings by prefix, innermost last
}

func (j *judge) top() *frame {
	if len(j.stack) == 0 {
		return nil
	}
	return j.stack[len(j.stack)-1]
}

// path returns the path of the innermost open element, with a further step if last is not empty.
func (j *judge) path(last string) string {
	const maxPath = 1024 // names are foreign and may be as long as the document
	var b strings.Builder
	for _, f := range j.stack {
		b.WriteByte('/')
		b.WriteString(f.label)
		if b.Len() > maxPath {
			return strings.ToValidUTF8(b.String()[:maxPath], "") + "/…"
		}
	}
	if last != "" {
		b.WriteByte('/')
		b.WriteString(last[:min(len(last), maxPath)])
	}
	return b.String()
}

func (j *judge) add(last string, offset int, rule, message string) {
	if len(j.faults) >= j.limits.Faults {
		return
	}
	depth := len(j.stack)
	if last != "" {
		depth++
	}
	j.faults = append(j.faults, Fault{Path: j.path(last), Offset: offset, Message: message, Rule: rule, depth: depth})
}

// open judges a start tag: where the element stands, then its attributes.
func (j *judge) open(name Name, attrs []attr, offset int) {
	parent := j.top()
	f := &frame{name: name, label: short(name.Local), offset: offset}
	switch {
	case parent == nil:
		if name.Space != j.schema.root || j.schema.elements[name] == nil {
			j.stack = append(j.stack, f)
			f.skip = true
			j.add("", offset, j.schema.file, fmt.Sprintf("must be a root element of namespace %s, found %s", j.schema.root, inNamespace(name)))
			return
		}
		f.elem = j.schema.elements[name]
	default:
		parent.nested = true
		j.place(parent, f)
	}
	j.stack = append(j.stack, f)
	if f.elem != nil {
		f.typ = f.elem.typ
	}
	j.watch(attrs)
	if f.skip {
		return
	}
	j.xsi(f, attrs)
	if f.typ != nil {
		j.attributes(f, attrs)
	}
	if f.elem != nil {
		for _, a := range f.elem.unique {
			j.scopes = append(j.scopes, &scope{attr: a, rule: f.elem.declared, seen: map[string]string{}})
			f.scopes++
		}
	}
}

// place decides which declaration governs the child f of parent.
func (j *judge) place(parent, f *frame) {
	if parent.counts == nil {
		parent.counts = map[Name]int{}
	}
	parent.counts[f.name]++
	n := parent.counts[f.name]
	index := func() { f.label += "[" + strconv.Itoa(n) + "]" }
	switch {
	case parent.skip:
		f.skip = true
		return
	case parent.typ == nil || parent.typ.anything:
		f.elem = j.schema.elements[f.name] // lax
		if n > 1 {
			index()
		}
		return
	case parent.typ.model == nil:
		f.skip = true
		what := "must be empty"
		if parent.typ.simple != nil {
			what = "must hold text only"
		}
		j.add("", f.offset, parent.typ.rule, what+", found element "+phrase.Quote(f.name.Local))
		return
	}
	m := parent.typ.model
	var now []int
	for _, i := range m.next(parent.state, parent.begun) {
		if m.terms[i].accepts(f.name) {
			now = append(now, i)
		}
	}
	if now == nil {
		now = j.misplaced(parent, f, n)
	}
	if now == nil {
		f.skip = true
		index()
		return
	}
	parent.state, parent.begun = now, true
	t := &m.terms[now[0]]
	f.elem = t.elem
	if t.elem == nil {
		f.elem = j.schema.elements[f.name] // a lax wildcard
	}
	if t.repeats {
		index()
	}
}

// misplaced reports a child that may not stand where it does, and returns the places where its name is declared, so that
// reading goes on from there.
func (j *judge) misplaced(parent, f *frame, n int) []int {
	m := parent.typ.model
	expected := m.names(m.next(parent.state, parent.begun))
	var elsewhere []int
	for i := range m.terms {
		if m.terms[i].elem != nil && m.terms[i].accepts(f.name) {
			elsewhere = append(elsewhere, i)
		}
	}
	last := f.label
	if n > 1 {
		last += "[" + strconv.Itoa(n) + "]"
	}
	want := ""
	if len(expected) > 0 {
		want = "; expected " + phrase.OneOf(expected)
	}
	switch {
	case f.name.Space != parent.typ.namespace:
		j.add(last, f.offset, parent.typ.rule, fmt.Sprintf("is not allowed here, as it is %s%s", inNamespace(f.name), want))
	case elsewhere != nil && n > 1:
		j.add(last, f.offset, parent.typ.rule, "must not be repeated here"+want)
	case elsewhere != nil:
		j.add(last, f.offset, parent.typ.rule, "must not stand here, the order or choice of elements is wrong"+want)
	default:
		j.add(last, f.offset, parent.typ.rule, "is not an element of this type"+want+phrase.DidYouMean(f.name.Local, expected))
	}
	return elsewhere
}

// names lists the element names of terms, only the mandatory ones where there are any.
func (m *model) names(terms []int) []string {
	var all, must []string
	for _, i := range terms {
		t := m.terms[i]
		if t.elem == nil {
			continue
		}
		all = append(all, t.elem.name.Local)
		if t.mandatory {
			must = append(must, t.elem.name.Local)
		}
	}
	if must != nil {
		return must
	}
	return all
}

// attributes judges the attributes of an element with a type.
func (j *judge) attributes(f *frame, attrs []attr) {
	for _, a := range attrs {
		if a.name.Space == xsiNS {
			continue
		}
		decl := f.typ.attrs[a.name.Local]
		if a.name.Space != "" {
			decl = nil
		}
		switch {
		case decl != nil:
			if msg, rule := decl.typ.judge(a.value); msg != "" {
				j.add("@"+a.name.Local, a.offset, rule, msg)
			}
		case f.typ.anyAttr == "##any":
		case f.typ.anyAttr == "##other" && a.name.Space != "" && a.name.Space != f.typ.namespace:
		default:
			j.add("@"+short(a.name.Local), a.offset, f.typ.rule, "is not an attribute of this element")
		}
	}
	var absent []string
	for name, decl := range f.typ.attrs {
		if decl.required && !slices.ContainsFunc(attrs, func(a attr) bool { return a.name == Name{Local: name} }) {
			absent = append(absent, name)
		}
	}
	slices.Sort(absent)
	for _, name := range absent {
		j.add("", f.offset, f.typ.rule, "must have the attribute "+phrase.Quote(name))
	}
}

// xsi applies xsi:type and refuses xsi:nil, which no declaration here allows (XML Schema part 1, section 2.6).
func (j *judge) xsi(f *frame, attrs []attr) {
	for _, a := range attrs {
		if a.name.Space != xsiNS {
			continue
		}
		switch a.name.Local {
		case "nil":
			if f.elem != nil {
				j.add("@xsi:nil", a.offset, f.elem.declared, "must not be present: the element is not nillable")
			}
		case "type":
			q, ok := j.resolve(strings.TrimSpace(a.value))
			t := j.schema.types[q]
			switch {
			case !ok || t == nil:
				j.add("@xsi:type", a.offset, "XML Schema part 1 section 2.6.1", "must name a known type, found "+phrase.Quote(a.value))
			case f.typ != nil && f.typ != t && !f.typ.anything && (f.typ.simple == nil || t.simple == nil || !t.simple.derives(f.typ.simple)):
				j.add("@xsi:type", a.offset, f.typ.rule, "must name a type derived from the declared one, found "+phrase.Quote(a.value))
			default:
				f.typ = t
			}
		case "schemaLocation", "noNamespaceSchemaLocation": // hints, and nothing is fetched
		default:
			j.add("@xsi:"+short(a.name.Local), a.offset, "XML Schema part 1 section 2.6", "is not an attribute of XML Schema")
		}
	}
}

// watch checks the uniqueness scopes that the element stands in. Elements that are not judged count too: the selector is .//*.
func (j *judge) watch(attrs []attr) {
	for _, s := range j.scopes {
		for _, a := range attrs {
			if a.name.Space != "" || a.name.Local != s.attr {
				continue
			}
			if first, dup := s.seen[a.value]; dup {
				j.add("@"+s.attr, a.offset, s.rule, "must be unique, found "+phrase.Quote(a.value)+" as at "+first)
			} else {
				s.seen[a.value] = j.path("")
			}
		}
	}
}

// chars judges text between tags.
func (j *judge) chars(text []byte, offset int) {
	f := j.top()
	if f.skip || f.typ == nil {
		return
	}
	if f.typ.simple != nil {
		f.text.Write(text)
		return
	}
	if !f.typ.mixed && len(bytes.TrimLeft(text, " \t\r\n")) > 0 {
		j.add("", offset, f.typ.rule, "must not hold text, found "+phrase.Quote(strings.TrimSpace(string(text))))
	}
}

// close judges an element that is complete.
func (j *judge) close() {
	f := j.top()
	if f.typ != nil && !f.skip {
		switch {
		case f.typ.simple != nil:
			value := f.text.String()
			if value == "" && !f.nested && f.elem != nil && f.elem.hasDef {
				value = f.elem.def
			}
			if msg, rule := f.typ.simple.judge(value); msg != "" {
				j.add("", f.offset, rule, msg)
			}
		case f.typ.model != nil && !f.typ.model.accepting(f.state, f.begun):
			want := f.typ.model.names(f.typ.model.next(f.state, f.begun))
			what := "must have the element "
			if len(want) > 1 {
				what = "must have an element, "
			}
			j.add("", f.offset, f.typ.rule, what+phrase.OneOf(want))
		}
	}
	j.scopes = j.scopes[:len(j.scopes)-f.scopes]
	for _, p := range f.prefix {
		j.names[p] = j.names[p][:len(j.names[p])-1]
	}
	j.stack = j.stack[:len(j.stack)-1]
}

// short bounds a name for a path.
func short(s string) string {
	const maxName = 80
	if utf8.RuneCountInString(s) <= maxName {
		return s
	}
	return string([]rune(s)[:maxName]) + "…"
}

func inNamespace(n Name) string {
	if n.Space == "" {
		return phrase.Quote(n.Local) + " without a namespace"
	}
	return phrase.Quote(n.Local) + " of namespace " + phrase.Quote(n.Space)
}
