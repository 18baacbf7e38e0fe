package xsd

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Namespaces with a meaning of their own.
const (
	xsdNS   = "http://www.w3.org/2001/XMLSchema"
	xsiNS   = "http://www.w3.org/2001/XMLSchema-instance"
	xmlNS   = "http://www.w3.org/XML/1998/namespace"
	xmlnsNS = "http://www.w3.org/2000/xmlns/"
)

// A Name is an expanded name: namespace and local part.
type Name struct{ Space, Local string }

// A node is one element of a schema document.
type node struct {
	kind  string // local name; all are of the XML Schema namespace
	attrs map[string]string
	kids  []*node
}

// child returns the first child of a kind.
func (n *node) child(kind string) *node {
	for _, k := range n.kids {
		if k.kind == kind {
			return k
		}
	}
	return nil
}

// A source is one schema document: its top-level declarations by kind and name.
type source struct {
	file      string
	target    string
	prefixes  map[string]string
	top       map[string]map[string]*node
	qualified bool // elementFormDefault
}

// parseSource reads a schema document. Schemas are ours, so it only checks what it relies on.
func parseSource(file string, src []byte) (*source, error) {
	dec := xml.NewDecoder(bytes.NewReader(src))
	s := &source{file: file, prefixes: map[string]string{"": ""}, top: map[string]map[string]*node{}}
	var stack []*node
	var root *node
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if t.Name.Space != xsdNS {
				return nil, fmt.Errorf("%s: element %s is not of XML Schema", file, t.Name.Local)
			}
			n := &node{kind: t.Name.Local, attrs: map[string]string{}}
			for _, a := range t.Attr {
				switch {
				case a.Name.Space == "xmlns":
					s.prefixes[a.Name.Local] = a.Value
				case a.Name.Space == "" && a.Name.Local == "xmlns":
					s.prefixes[""] = a.Value
				case a.Name.Space == "":
					n.attrs[a.Name.Local] = a.Value
				}
			}
			if len(stack) == 0 {
				root = n
			} else {
				parent := stack[len(stack)-1]
				parent.kids = append(parent.kids, n)
			}
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		}
	}
	if root == nil || root.kind != "schema" {
		return nil, fmt.Errorf("%s: not a schema", file)
	}
	s.target = root.attrs["targetNamespace"]
	s.qualified = root.attrs["elementFormDefault"] == "qualified"
	for _, k := range root.kids {
		if s.top[k.kind] == nil {
			s.top[k.kind] = map[string]*node{}
		}
		s.top[k.kind][k.attrs["name"]] = k
	}
	return s, nil
}

// qname resolves a QName of the schema document.
func (s *source) qname(q string) (Name, error) {
	prefix, local, ok := strings.Cut(q, ":")
	if !ok {
		prefix, local = "", q
	}
	space, ok := s.prefixes[prefix]
	if !ok {
		return Name{}, fmt.Errorf("%s: prefix %q is not declared", s.file, prefix)
	}
	return Name{space, local}, nil
}
