package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

const xsdNS = "http://www.w3.org/2001/XMLSchema"

// The XSD elements that carry rules. xs:assert (XSD 1.1) stands in the official files only inside comments: "This would
// be formal, if the support for XSD1.1's assert was properly implemented".
var xsdRules = map[string]bool{
	"schema": true, "import": true, "element": true, "complexType": true, "simpleType": true, "simpleContent": true,
	"extension": true, "restriction": true, "union": true, "sequence": true, "choice": true, "any": true,
	"attribute": true, "attributeGroup": true, "anyAttribute": true, "unique": true, "selector": true, "field": true,
	"enumeration": true, "pattern": true, "minLength": true, "maxLength": true, "minInclusive": true,
	"maxInclusive": true, "fractionDigits": true,
}

// reduceXSD returns the rules of one official XSD: annotations, comments and the attributes that only inform are gone,
// the rest is the schema's own markup, one element a line.
func reduceXSD(src []byte) ([]byte, error) {
	dec := xml.NewDecoder(bytes.NewReader(src)) //nolint:gosec // the official schemas, whose result is committed and reviewed
	var out bytes.Buffer
	out.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
	var open []string // names as written; the last one may still lack its ">"
	pending := false
	xs := ""
	for {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if len(open) == 0 {
				for _, a := range t.Attr {
					if a.Name.Space == "xmlns" && a.Value == xsdNS {
						xs = a.Name.Local
					}
				}
			}
			if t.Name.Space != xs {
				return nil, fmt.Errorf("element %s:%s is not of XML Schema", t.Name.Space, t.Name.Local)
			}
			if t.Name.Local == "annotation" {
				if err := skip(dec); err != nil {
					return nil, err
				}
				continue
			}
			if !xsdRules[t.Name.Local] {
				return nil, fmt.Errorf("unknown XSD element %s", t.Name.Local)
			}
			if pending {
				out.WriteString(">\n")
			}
			name := xs + ":" + t.Name.Local
			fmt.Fprintf(&out, "%s<%s", strings.Repeat("\t", len(open)), name)
			for _, a := range t.Attr {
				if informs(a.Name) {
					continue
				}
				an := a.Name.Local
				if a.Name.Space != "" {
					an = a.Name.Space + ":" + an
				}
				fmt.Fprintf(&out, " %s=\"", an)
				if err := xml.EscapeText(&out, []byte(a.Value)); err != nil {
					return nil, err
				}
				out.WriteByte('"')
			}
			open = append(open, name)
			pending = true
		case xml.EndElement:
			name := open[len(open)-1]
			open = open[:len(open)-1]
			if pending {
				out.WriteString("/>\n")
			} else {
				fmt.Fprintf(&out, "%s</%s>\n", strings.Repeat("\t", len(open)), name)
			}
			pending = false
		case xml.CharData:
			if s := strings.TrimSpace(string(t)); s != "" {
				return nil, fmt.Errorf("text %q between XSD elements", s)
			}
		}
	}
	if len(open) != 0 {
		return nil, fmt.Errorf("element %s is not closed", open[len(open)-1])
	}
	return out.Bytes(), nil
}

// informs reports whether an attribute of an XSD element has no bearing on validity: the schema-versioning window and
// the id of the XSD element itself.
func informs(n xml.Name) bool {
	return n.Space == "vc" || n.Space == "xmlns" && n.Local == "vc" || n.Space == "" && n.Local == "id"
}

// skip reads to the end of the element whose start was just read.
func skip(dec *xml.Decoder) error {
	for depth := 1; depth > 0; {
		tok, err := dec.RawToken()
		if err != nil {
			return err
		}
		switch tok.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	return nil
}
