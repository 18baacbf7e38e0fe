package draft7

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom/schema/decimal"
)

// A Set compiles schemas that refer to each other. It is not for concurrent use; the schemas it returns are.
type Set struct {
	load  func(url string) ([]byte, error)
	docs  map[string]*Value
	nodes map[string]*Schema // by absolute URL with fragment
}

// NewSet returns a set that reads schema documents with load, by absolute URL and each once. load decides what exists:
// nothing is ever fetched otherwise.
func NewSet(load func(url string) ([]byte, error)) *Set {
	return &Set{load: load, docs: map[string]*Value{}, nodes: map[string]*Schema{}}
}

// A Schema is a compiled schema. It never changes, so any number of goroutines may judge with it.
type Schema struct {
	rule     string // its place, for Fault.Rule
	clause   string // the clause of a standard that it was written from; goes before rule
	constant *bool  // a boolean schema
	ref      *Schema

	types     uint8 // bits of Kind; 0 accepts all
	integer   bool
	enum      []Value
	enumText  map[string]bool // the enum, where it is all strings
	enumWords []string
	want      *Value // const
	minimum   *bound
	maximum   *bound

	minLength, maxLength, minItems, maxItems int // -1 is no bound

	pattern     *regexp.Regexp
	patternText string
	format      string

	properties map[string]*Schema
	required   []string
	additional *Schema // additionalProperties
	items      *Schema
	tuple      []*Schema
	beyond     *Schema // additionalItems
	unique     bool

	allOf, anyOf, oneOf     []*Schema
	not, cond, then, orElse *Schema
}

// A bound is a limit on a number, with the text for messages.
type bound struct {
	value decimal.Value
	text  string
}

// Compile returns the schema at an absolute URL, with everything it refers to. A keyword, format or reference that is
// not known is an error.
func (c *Set) Compile(ref string) (*Schema, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return nil, err
	}
	return c.at(u)
}

// at returns the schema at a URL; it is registered before it is filled, because schemas refer to themselves.
func (c *Set) at(u *url.URL) (*Schema, error) {
	frag := u.Fragment
	base := *u
	base.Fragment, base.RawFragment = "", ""
	key := base.String() + "#" + frag
	if s, ok := c.nodes[key]; ok {
		return s, nil
	}
	doc, err := c.document(base.String())
	if err != nil {
		return nil, err
	}
	v, err := resolve(doc, frag)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	s := &Schema{}
	c.nodes[key] = s
	return s, c.fill(s, v, &base, frag)
}

func (c *Set) document(u string) (*Value, error) {
	if d, ok := c.docs[u]; ok {
		return d, nil
	}
	src, err := c.load(u)
	if err != nil {
		return nil, err
	}
	d, faults, err := Parse(src, Limits{})
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s%s: %s", u, faults[0].Path, faults[0].Message)
	}
	c.docs[u] = d
	return d, nil
}

// resolve follows a JSON pointer.
func resolve(doc *Value, pointer string) (*Value, error) {
	v := doc
	if pointer == "" {
		return v, nil
	}
	for tok := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		tok = strings.NewReplacer("~1", "/", "~0", "~").Replace(tok)
		next, ok := v.Member(tok)
		if !ok {
			i, err := strconv.Atoi(tok)
			if v.Kind != Array || err != nil || i < 0 || i >= len(v.Kids) {
				return nil, fmt.Errorf("nothing at %q", tok)
			}
			next = &v.Kids[i]
		}
		v = next
	}
	return v, nil
}

// child compiles a subschema.
func (c *Set) child(base *url.URL, at string) (*Schema, error) {
	u := *base
	u.Fragment = at
	return c.at(&u)
}

func (c *Set) fill(s *Schema, v *Value, base *url.URL, at string) error {
	s.rule = base.Path[strings.LastIndexByte(base.Path, '/')+1:] + "#" + at
	s.minLength, s.maxLength, s.minItems, s.maxItems = -1, -1, -1, -1
	if v.Kind == Bool {
		b := v.Text == "true"
		s.constant = &b
		return nil
	}
	if v.Kind != Object {
		return fmt.Errorf("%s: a schema is an object or a boolean", s.rule)
	}
	for i, k := range v.Names {
		if err := c.keyword(s, k, &v.Kids[i], base, at); err != nil {
			return fmt.Errorf("%s/%s: %w", s.rule, k, err)
		}
	}
	return nil
}

func (c *Set) keyword(s *Schema, k string, v *Value, base *url.URL, at string) (err error) {
	here := at + "/" + escapePointer.Replace(k)
	switch k {
	case "$schema", "$id", "definitions": // definitions are compiled when something refers to them
	case "$comment":
		s.clause = v.Text
	case "$ref":
		var u *url.URL
		if u, err = base.Parse(v.Text); err == nil {
			s.ref, err = c.at(u)
		}
	case "type":
		err = s.setType(v)
	case "enum":
		s.setEnum(v)
	case "const":
		s.want = v
	case "format":
		if _, ok := formats[v.Text]; !ok {
			return fmt.Errorf("unknown format %q", v.Text)
		}
		s.format = v.Text
	case "pattern":
		s.patternText = v.Text
		s.pattern, err = compilePattern(v.Text)
	case "minimum":
		s.minimum = &bound{decimal.Parse(v.Text), v.Text}
	case "maximum":
		s.maximum = &bound{decimal.Parse(v.Text), v.Text}
	case "minLength":
		s.minLength, err = strconv.Atoi(v.Text)
	case "maxLength":
		s.maxLength, err = strconv.Atoi(v.Text)
	case "minItems":
		s.minItems, err = strconv.Atoi(v.Text)
	case "maxItems":
		s.maxItems, err = strconv.Atoi(v.Text)
	case "uniqueItems":
		s.unique = v.Text == "true"
	case "required":
		for i := range v.Kids {
			s.required = append(s.required, v.Kids[i].Text)
		}
	case "properties":
		s.properties = make(map[string]*Schema, len(v.Names))
		for _, n := range v.Names {
			if s.properties[n], err = c.child(base, here+"/"+escapePointer.Replace(n)); err != nil {
				return err
			}
		}
	case "additionalProperties":
		s.additional, err = c.child(base, here)
	case "items":
		if v.Kind == Array {
			s.tuple, err = c.list(v, base, here)
		} else {
			s.items, err = c.child(base, here)
		}
	case "additionalItems":
		s.beyond, err = c.child(base, here)
	case "allOf":
		s.allOf, err = c.list(v, base, here)
	case "anyOf":
		s.anyOf, err = c.list(v, base, here)
	case "oneOf":
		s.oneOf, err = c.list(v, base, here)
	case "not":
		s.not, err = c.child(base, here)
	case "if":
		s.cond, err = c.child(base, here)
	case "then":
		s.then, err = c.child(base, here)
	case "else":
		s.orElse, err = c.child(base, here)
	default:
		return fmt.Errorf("unknown keyword")
	}
	return err
}

func (c *Set) list(v *Value, base *url.URL, at string) ([]*Schema, error) {
	out := make([]*Schema, len(v.Kids))
	for i := range v.Kids {
		s, err := c.child(base, at+"/"+strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		out[i] = s
	}
	return out, nil
}

func (s *Schema) setType(v *Value) error {
	names := []Value{*v}
	if v.Kind == Array {
		names = v.Kids
	}
	for _, n := range names {
		switch n.Text {
		case "null":
			s.types |= 1 << Null
		case "boolean":
			s.types |= 1 << Bool
		case "number":
			s.types |= 1 << Number
		case "integer":
			s.types |= 1 << Number
			s.integer = true
		case "string":
			s.types |= 1 << String
		case "array":
			s.types |= 1 << Array
		case "object":
			s.types |= 1 << Object
		default:
			return fmt.Errorf("unknown type %q", n.Text)
		}
	}
	for _, n := range names {
		if n.Text == "number" {
			s.integer = false // the wider of the two
		}
	}
	return nil
}

func (s *Schema) setEnum(v *Value) {
	s.enum = v.Kids
	s.enumText = make(map[string]bool, len(v.Kids))
	for i := range v.Kids {
		if v.Kids[i].Kind != String {
			s.enumText = nil
			break
		}
		s.enumText[v.Kids[i].Text] = true
	}
	for i := range v.Kids {
		s.enumWords = append(s.enumWords, v.Kids[i].Text)
	}
}
