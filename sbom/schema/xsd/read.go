package xsd

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom/schema/phrase"
)

// An attr is an attribute with its expanded name and normalised value.
type attr struct {
	name   Name
	value  string
	offset int
}

// nodesPerCheck is how many nodes are read between two looks at the context.
const nodesPerCheck = 1024

// errEncoding is what the decoder is told about a declared encoding that is not UTF-8.
type encodingError struct{ label string }

func (e *encodingError) Error() string { return "declared encoding " + e.label }

// read drives the judge over the tokens of a document. It uses the raw tokens of encoding/xml and does by itself what
// that package is lax about: namespaces and their declaration, matching tags, one root, no repeated attributes, space
// between attributes, the XML declaration at the beginning, and no document type declaration.
func (j *judge) read(ctx context.Context, doc []byte) error {
	if !j.text(doc) {
		return nil
	}
	start := 0
	if bytes.HasPrefix(doc, []byte("\ufeff")) {
		start = len("\ufeff") // XML 1.0, section 4.3.3
	}
	dec := xml.NewDecoder(bytes.NewReader(doc[start:]))
	dec.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		if l := strings.ToLower(label); l == "us-ascii" || l == "ascii" {
			return in, nil // a part of UTF-8
		}
		return nil, &encodingError{label}
	}
	j.names = map[string][]string{"xml": {xmlNS}, "xmlns": {xmlnsNS}}
	checked := 0
	rooted := false
	for {
		if j.nodes-checked >= nodesPerCheck {
			checked = j.nodes
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if j.nodes > j.limits.Nodes {
			return ident.Errorf(ident.KindLimit, "the document has more than %d elements and attributes", j.limits.Nodes)
		}
		at := int(dec.InputOffset()) + start
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			j.syntax(err, int(dec.InputOffset())+start)
			return nil
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if len(j.stack) == 0 && rooted {
				j.add("", at, "XML 1.0 section 2.1", "must have one root element, found another "+phrase.Quote(t.Name.Local))
				return nil
			}
			rooted = true
			if !j.start(t, at, doc[at:int(dec.InputOffset())+start]) {
				return nil
			}
		case xml.EndElement:
			if !j.end(t, at) {
				return nil
			}
		case xml.CharData:
			if len(j.stack) > 0 {
				j.chars(t, at)
			} else if len(bytes.TrimLeft(t, " \t\r\n")) > 0 {
				j.add("", at, "XML 1.0 section 2.1", "must not have text outside its root element")
				return nil
			}
		case xml.Directive:
			j.add("", at, "refused: XML 1.0 section 2.8", "must not have a document type declaration: entities are not expanded")
			return nil
		case xml.ProcInst:
			if strings.EqualFold(t.Target, "xml") && at != start {
				j.add("", at, "XML 1.0 section 2.8", "must have its XML declaration at the very beginning")
				return nil
			}
		}
	}
	switch {
	case len(j.stack) > 0:
		j.add("", len(doc), "XML 1.0 section 3", "must be closed, found the end of the document")
	case !rooted:
		j.add("", len(doc), "XML 1.0 section 2.1", "must have a root element")
	}
	return nil
}

// text refuses what is not UTF-8 text of XML characters (XML 1.0, section 2.2).
func (j *judge) text(doc []byte) bool {
	if len(doc) >= 2 && (doc[0] == 0xFE && doc[1] == 0xFF || doc[0] == 0xFF && doc[1] == 0xFE || doc[0] == 0 || doc[1] == 0) {
		j.add("", 0, "XML 1.0 section 4.3.3", "must be encoded in UTF-8, found UTF-16 or UTF-32")
		return false
	}
	for i := 0; i < len(doc); {
		c := doc[i]
		if c >= ' ' && c < utf8.RuneSelf || c == '\n' || c == '\r' || c == '\t' {
			i++
			continue
		}
		r, n := utf8.DecodeRune(doc[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			j.add("", i, "XML 1.0 section 4.3.3", fmt.Sprintf("must be encoded in UTF-8, found byte 0x%02X", c))
			return false
		case r < ' ' || r == 0xFFFE || r == 0xFFFF:
			j.add("", i, "XML 1.0 section 2.2", fmt.Sprintf("must not hold the character U+%04X", r))
			return false
		}
		i += n
	}
	return true
}

// syntax reports why the decoder stopped.
func (j *judge) syntax(err error, at int) {
	var enc *encodingError
	var syn *xml.SyntaxError
	switch {
	case errors.As(err, &enc):
		j.add("", 0, "XML 1.0 section 4.3.3", "must be encoded in UTF-8, found "+phrase.Quote(enc.label))
	case errors.As(err, &syn):
		j.add("", at, "XML 1.0", "must be well-formed: "+bounded(syn.Msg))
	default:
		j.add("", at, "XML 1.0", "must be well-formed: "+bounded(err.Error()))
	}
}

// bounded shortens the text of an error, which may quote the document.
func bounded(s string) string {
	const maxText = 200
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

// start opens an element; false means that reading cannot go on.
func (j *judge) start(t xml.StartElement, at int, tag []byte) bool {
	j.nodes += 1 + len(t.Attr)
	if len(j.stack) >= j.limits.Depth {
		j.add("", at, "limit: depth", fmt.Sprintf("is nested more than %d levels deep", j.limits.Depth))
		return false
	}
	if !spaced(tag) {
		j.add(short(t.Name.Local), at, "XML 1.0 section 3.1", "must have space between attributes")
		return false
	}
	var declared []string
	undo := func() {
		for _, p := range declared {
			j.names[p] = j.names[p][:len(j.names[p])-1]
		}
	}
	for _, a := range t.Attr {
		prefix, ok := declaration(a.Name)
		if !ok {
			continue
		}
		if prefix == "xml" && a.Value != xmlNS || prefix == "xmlns" || prefix != "" && a.Value == "" {
			undo()
			j.add(short(t.Name.Local), at, "Namespaces in XML section 3", "must not bind the prefix "+phrase.Quote(prefix)+" to "+phrase.Quote(a.Value))
			return false
		}
		j.names[prefix] = append(j.names[prefix], a.Value)
		declared = append(declared, prefix)
	}
	name, ok := j.expand(t.Name, true)
	if !ok {
		j.unbound(t.Name, at)
		return false
	}
	attrs := make([]attr, 0, len(t.Attr))
	seen := make(map[Name]bool, len(t.Attr))
	for _, a := range t.Attr {
		n := Name{xmlnsNS, a.Name.Local}
		if _, isDecl := declaration(a.Name); !isDecl {
			if n, ok = j.expand(a.Name, false); !ok {
				j.unbound(a.Name, at)
				return false
			}
			attrs = append(attrs, attr{name: n, value: attributeSpace.Replace(a.Value), offset: at})
		}
		if seen[n] {
			j.add(short(t.Name.Local), at, "XML 1.0 section 3.1", "must not repeat the attribute "+phrase.Quote(a.Name.Local))
			return false
		}
		seen[n] = true
	}
	j.open(name, attrs, at)
	f := j.top()
	f.prefix = declared
	f.raw = t.Name
	return true
}

// attributeSpace normalises the white space of attribute values (XML 1.0, section 3.3.3).
var attributeSpace = strings.NewReplacer("\r\n", " ", "\t", " ", "\n", " ", "\r", " ")

// declaration reports whether an attribute declares a namespace, and for which prefix.
func declaration(n xml.Name) (string, bool) {
	if n.Space == "xmlns" {
		return n.Local, true
	}
	return "", n.Space == "" && n.Local == "xmlns"
}

func (j *judge) unbound(n xml.Name, at int) {
	j.add(short(n.Local), at, "Namespaces in XML section 5", "must have its prefix "+phrase.Quote(n.Space)+" declared")
}

// expand resolves a prefix; the default namespace is for elements only.
func (j *judge) expand(n xml.Name, elem bool) (Name, bool) {
	if strings.Contains(n.Local, ":") || n.Local == "" {
		return Name{}, false
	}
	if n.Space == "" && !elem {
		return Name{Local: n.Local}, true
	}
	bound := j.names[n.Space]
	if len(bound) == 0 {
		return Name{Local: n.Local}, n.Space == ""
	}
	return Name{bound[len(bound)-1], n.Local}, true
}

// resolve expands a QName in a value.
func (j *judge) resolve(q string) (Name, bool) {
	prefix, local, ok := strings.Cut(q, ":")
	if !ok {
		prefix, local = "", q
	}
	return j.expand(xml.Name{Space: prefix, Local: local}, true)
}

// end closes an element; false means that reading cannot go on.
func (j *judge) end(t xml.EndElement, at int) bool {
	f := j.top()
	if f == nil || f.raw != t.Name {
		want := "no element is open"
		if f != nil {
			want = "expected the end of " + phrase.Quote(f.raw.Local)
		}
		j.add("", at, "XML 1.0 section 3.1", "must be well-formed: found the end of "+phrase.Quote(t.Name.Local)+", "+want)
		return false
	}
	j.close()
	return true
}

// spaced reports whether white space, "/" or ">" follows every quoted value of a start tag.
func spaced(tag []byte) bool {
	var quote byte
	for i, c := range tag {
		switch {
		case quote != 0:
			if c != quote {
				continue
			}
			quote = 0
			if i+1 < len(tag) && strings.IndexByte(" \t\r\n/>", tag[i+1]) < 0 {
				return false
			}
		case c == '"' || c == '\'':
			quote = c
		}
	}
	return true
}
