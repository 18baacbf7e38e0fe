package schema

import (
	"bytes"
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom/schema/draft7"
	"github.com/cofferdam-io/cofferdam/sbom/schema/xsd"
)

// Encodings of a document, as Detect names them.
const (
	EncodingJSON = "json"
	EncodingXML  = "xml"
)

// A Violation is one thing that is wrong with a document.
type Violation struct {
	Pointer string // JSON pointer (RFC 6901), or for XML a path like /bom/components/component[2]/@type; "" is the document
	Line    int    // from 1
	Column  int    // from 1, in bytes
	Message string // "must be one of …, found "SHA1""
	Rule    string // the place in the official schema, or the section of the standard
}

// String returns the violation on one line: pointer and message.
func (v Violation) String() string {
	if v.Pointer == "" {
		return "the document " + v.Message
	}
	return v.Pointer + ": " + v.Message
}

// Limits bounds what a document may cost. A zero field means its default.
type Limits struct {
	Bytes      int // size of a document; default 256 MiB, several times the largest SBOM seen of a real image
	Depth      int // nesting; default 512
	Values     int // JSON values, or XML elements and attributes; default 4 million, some 160 MB of a real SBOM; at worst 900 MB of memory
	Violations int // reported per document; default 100
}

// Defaults of Limits.
const (
	DefaultBytes      = 256 << 20
	DefaultDepth      = draft7.DefaultDepth
	DefaultValues     = draft7.DefaultValues
	DefaultViolations = 100
)

// A Validator judges documents. It compiles each schema once, on first use; any number of goroutines may use it.
type Validator struct {
	limits Limits
	json   map[string]func() (*draft7.Schema, error)
	xml    map[string]func() (*xsd.Schema, error)
	spdx   map[string]func() (*draft7.Schema, error)
}

// New returns a validator. It compiles nothing yet.
func New(limits Limits) *Validator {
	for _, l := range []struct {
		field *int
		def   int
	}{
		{&limits.Bytes, DefaultBytes}, {&limits.Depth, DefaultDepth},
		{&limits.Values, DefaultValues}, {&limits.Violations, DefaultViolations},
	} {
		if *l.field <= 0 {
			*l.field = l.def
		}
	}
	v := &Validator{
		limits: limits,
		json:   map[string]func() (*draft7.Schema, error){},
		xml:    map[string]func() (*xsd.Schema, error){},
		spdx:   map[string]func() (*draft7.Schema, error){},
	}
	for version, file := range jsonRules {
		v.json[version] = sync.OnceValues(func() (*draft7.Schema, error) { return compileJSON(file) })
	}
	for version, file := range spdxRules {
		v.spdx[version] = sync.OnceValues(func() (*draft7.Schema, error) { return compileSPDX(file) })
	}
	for _, version := range xmlVersions {
		v.xml[version] = sync.OnceValues(func() (*xsd.Schema, error) { return compileXML(bomNamespace + version) })
	}
	return v
}

// JSON judges a CycloneDX JSON document by the official schema of a specification version ("1.2" to "1.7"; for 1.2 and
// 1.3 the strict one, as the specification's own tests do). No violations and a nil error mean that it is valid. The
// error is of ident.KindUnsupported for another version, of ident.KindLimit for a document that is too large, or the
// context's.
func (v *Validator) JSON(ctx context.Context, specVersion string, doc []byte) ([]Violation, error) {
	compiled, ok := v.json[specVersion]
	if !ok {
		return nil, unsupported("CycloneDX", "JSON schema", specVersion, v.json)
	}
	if err := v.size(doc); err != nil {
		return nil, err
	}
	s, err := compiled()
	if err != nil {
		return nil, err
	}
	return v.judgeJSON(doc, func(value *draft7.Value) ([]draft7.Fault, error) {
		return s.Judge(ctx, value, v.limits.Violations)
	})
}

// judgeJSON parses doc and judges what came out of it.
func (v *Validator) judgeJSON(doc []byte, judge func(*draft7.Value) ([]draft7.Fault, error)) ([]Violation, error) {
	value, faults, err := draft7.Parse(doc, draft7.Limits{Depth: v.limits.Depth, Values: v.limits.Values})
	if err != nil {
		return nil, err
	}
	if value != nil {
		more, err := judge(value)
		if err != nil {
			return nil, err
		}
		faults = append(faults, more...)
	}
	out := make([]Violation, 0, len(faults))
	for _, f := range faults {
		out = append(out, Violation{Pointer: f.Path, Message: f.Message, Rule: f.Rule})
	}
	return v.place(doc, out, func(i int) int { return faults[i].Offset }), nil
}

// XML judges a CycloneDX XML document by the official XSD of a specification version ("1.0" to "1.7"). Results are those
// of JSON. A document type declaration is refused, and so is any encoding but UTF-8.
func (v *Validator) XML(ctx context.Context, specVersion string, doc []byte) ([]Violation, error) {
	compiled, ok := v.xml[specVersion]
	if !ok {
		return nil, unsupported("CycloneDX", "XML schema", specVersion, v.xml)
	}
	if err := v.size(doc); err != nil {
		return nil, err
	}
	s, err := compiled()
	if err != nil {
		return nil, err
	}
	faults, err := s.Judge(ctx, doc, xsd.Limits{Depth: v.limits.Depth, Nodes: v.limits.Values, Faults: v.limits.Violations})
	if err != nil {
		return nil, err
	}
	out := make([]Violation, 0, len(faults))
	for _, f := range faults {
		out = append(out, Violation{Pointer: f.Path, Message: f.Message, Rule: f.Rule})
	}
	return v.place(doc, out, func(i int) int { return faults[i].Offset }), nil
}

func (v *Validator) size(doc []byte) error {
	if len(doc) > v.limits.Bytes {
		return ident.Errorf(ident.KindLimit, "the document has %d bytes, and at most %d are judged", len(doc), v.limits.Bytes)
	}
	return nil
}

// unsupported says which versions there are.
func unsupported[T any](format, rules, version string, have map[string]T) error {
	known := make([]string, 0, len(have))
	for k := range have {
		known = append(known, k)
	}
	sort.Strings(known)
	return ident.Errorf(ident.KindUnsupported, "%s %q has no %s here", format, version, rules).
		WithHint("versions with one: %s", strings.Join(known, ", "))
}

// place turns byte offsets into lines and columns, in one pass over the document, and ends a full list with a line that
// says so.
func (v *Validator) place(doc []byte, list []Violation, offset func(int) int) []Violation {
	if len(list) == 0 {
		return nil
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return offset(order[a]) < offset(order[b]) })
	line, start, at := 1, 0, 0
	for _, i := range order {
		to := min(offset(i), len(doc))
		for {
			n := bytes.IndexByte(doc[at:to], '\n')
			if n < 0 {
				break
			}
			line++
			at += n + 1
			start = at
		}
		list[i].Line, list[i].Column = line, to-start+1
	}
	if len(list) >= v.limits.Violations {
		list = append(list[:v.limits.Violations:v.limits.Violations], Violation{
			Line: 1, Column: 1, Rule: "limit: violations",
			Message: fmt.Sprintf("has more violations than the %d listed, or exactly as many", v.limits.Violations),
		})
	}
	return list
}
