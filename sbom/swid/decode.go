package swid

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

const (
	namespace = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
	edition   = "2015"
	// maxDepth bounds how deep elements nest: folders of a payload do, and no path has so many.
	maxDepth = 256
)

// Is reports whether a text in XML looks like a tag.
func Is(text []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(text[:min(len(text), 4096)]))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // Decode refuses it by name
	for {
		token, err := d.RawToken()
		if err != nil {
			return false
		}
		if e, ok := token.(xml.StartElement); ok {
			return e.Name.Local == "SoftwareIdentity" || e.Name.Local == "software_identification_tag"
		}
	}
}

// Decode reads one tag. Document type declarations are refused, so that no entity is ever
// defined; encodings other than UTF-8 are, too. Errors are *ident.Error with line and column:
// KindInvalid for what is no tag or lacks its name or identifier, KindUnsupported for another
// edition, KindLimit beyond a limit.
func Decode(ctx context.Context, data []byte, o sbom.Limits) (*sbom.Document, error) {
	if err := o.Admit(data); err != nil {
		return nil, err
	}
	d := &decoder{ctx: ctx, tag: begin(data, o, sbom.XML, edition, "/SoftwareIdentity")}
	if err := d.read(data); err != nil {
		return nil, err
	}
	return d.doc, nil
}

type decoder struct {
	*tag
	ctx context.Context
	xml *xml.Decoder
}

func (d *decoder) fault(kind ident.Kind, format string, args ...any) *ident.Error {
	line, column := d.xml.InputPos()
	return ident.Errorf(kind, format, args...).At(fmt.Sprintf("line %d, column %d", line, column))
}

func (d *decoder) read(data []byte) error {
	d.xml = xml.NewDecoder(bytes.NewReader(data))
	d.xml.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, ident.Errorf(ident.KindUnsupported, "the tag is encoded as %.20q; convert it to UTF-8", charset)
	}
	depth, closed := 0, false
	for n := 0; ; n++ {
		if n%1024 == 0 {
			if err := d.ctx.Err(); err != nil {
				return err
			}
		}
		token, err := d.xml.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if known := (*ident.Error)(nil); errors.As(err, &known) {
				return known
			}
			if syntax := (*xml.SyntaxError)(nil); errors.As(err, &syntax) {
				err = errors.New(syntax.Msg) // it says the line, which fault does with the column
			}
			return d.fault(ident.KindInvalid, "the XML is not well-formed: %w", err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return d.fault(ident.KindUnsupported, "document type declarations are not read")
		case xml.StartElement:
			switch {
			case depth >= maxDepth:
				return d.fault(ident.KindLimit, "elements are nested more than %d deep", maxDepth)
			case depth == 0 && closed:
				return d.fault(ident.KindInvalid, "the document has more than one root element")
			case depth == 0:
				if err := d.root(t); err != nil {
					return err
				}
			case depth == 1:
				if err := d.child(t); err != nil {
					return err
				}
			}
			depth++
		case xml.EndElement:
			depth--
			closed = true
		}
	}
	if d.self == nil || depth > 0 {
		return d.fault(ident.KindInvalid, "the document ends before its root element does")
	}
	return nil
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// root reads SoftwareIdentity (8.5.1): the software itself.
func (d *decoder) root(e xml.StartElement) error {
	switch {
	case e.Name.Local == "software_identification_tag", e.Name.Local == "SoftwareIdentity" && e.Name.Space != namespace && e.Name.Space != "":
		return d.fault(ident.KindUnsupported, "is a software identification tag of another edition than %s", edition).WithHint("tags of ISO/IEC 19770-2:2015 have the namespace %s", namespace)
	case e.Name.Local != "SoftwareIdentity":
		return d.fault(ident.KindInvalid, "the root element is %.60q, and SoftwareIdentity is wanted", e.Name.Local)
	}
	name, id := attribute(e, "name"), attribute(e, "tagId")
	for _, must := range []struct{ attribute, value string }{{"name", name}, {"tagId", id}} {
		if must.value == "" {
			return d.fault(ident.KindInvalid, "the tag has no %s", must.attribute)
		}
	}
	if e.Name.Space == "" {
		d.warn("the tag has no namespace; %s is taken for meant", namespace)
	}
	d.identify(name, attribute(e, "version"), id)
	_, _ = fmt.Sscanf(attribute(e, "tagVersion"), "%d", &d.doc.Version) // 0 where it is no number
	for _, kind := range []string{"patch", "corpus", "supplemental"} {
		switch attribute(e, kind) {
		case "true", "1":
			d.ofKind(kind)
		}
	}
	return nil
}

// child reads an element below the root.
func (d *decoder) child(e xml.StartElement) error {
	switch e.Name.Local {
	case "Entity":
		d.entity(attribute(e, "name"), attribute(e, "regid"), strings.FieldsSeq(attribute(e, "role")))
	case "Link":
		if !d.link(attribute(e, "rel"), attribute(e, "href"), "Link") {
			return d.fault(ident.KindLimit, tooManyLinks, mostLinks)
		}
	case "Evidence":
		if at, err := time.Parse(time.RFC3339, attribute(e, "date")); err == nil {
			d.doc.Created = at
		}
		if d.doc.Details != nil {
			d.doc.Details.Timestamp = attribute(e, "date")
		}
	case "Signature":
		if d.doc.Details != nil && e.Name.Space == "http://www.w3.org/2000/09/xmldsig#" {
			d.doc.Details.Signed = true
		}
	}
	return nil
}
