package xsd_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom/schema/xsd"
)

const head = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t" elementFormDefault="qualified">`

func compile(inside string) (*xsd.Schema, error) {
	set := xsd.NewSet(func(string) (string, []byte, error) { return "t.xsd", []byte(head + inside + `</xs:schema>`), nil })
	return set.Compile("urn:t")
}

func Example() {
	s, err := compile(`<xs:element name="colour"><xs:simpleType><xs:restriction base="xs:token">
		<xs:enumeration value="red"/><xs:enumeration value="green"/>
	</xs:restriction></xs:simpleType></xs:element>`)
	if err != nil {
		fmt.Println(err)
		return
	}
	faults, err := s.Judge(context.Background(), []byte(`<colour xmlns="urn:t">blue</colour>`), xsd.Limits{})
	for _, f := range faults {
		fmt.Println(f.Path, f.Message, f.Rule)
	}
	fmt.Println(err)
	// Output:
	// /colour must be one of "red", "green", found "blue" t.xsd#colour
	// <nil>
}

// judge returns the faults of one document, joined.
func judge(t *testing.T, schema, doc string) string {
	t.Helper()
	s, err := compile(schema)
	if err != nil {
		t.Fatal(err)
	}
	faults, err := s.Judge(context.Background(), []byte(doc), xsd.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range faults {
		all = append(all, f.Path+": "+f.Message)
	}
	return strings.Join(all, "\n")
}

// TestContentModels judges sequences of children, written as their names, by content models.
func TestContentModels(t *testing.T) {
	const (
		a, b, c = `<xs:element name="a"/>`, `<xs:element name="b"/>`, `<xs:element name="c"/>`
		wild    = `<xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>`
	)
	optional := func(e string) string { return strings.Replace(e, "/>", ` minOccurs="0"/>`, 1) }
	many := func(e string) string { return strings.Replace(e, "/>", ` maxOccurs="unbounded"/>`, 1) }
	for _, m := range []struct {
		name, model string
		good, bad   []string
	}{
		{"sequence", `<xs:sequence>` + a + optional(b) + many(c) + `</xs:sequence>`, []string{"a c", "a b c", "a c c"}, []string{"", "a", "c", "a b", "b a c", "a b b c", "a c b"}},
		{"choice", `<xs:choice>` + a + b + `</xs:choice>`, []string{"a", "b"}, []string{"", "a b", "a a"}},
		{"unbounded choice", `<xs:choice minOccurs="0" maxOccurs="unbounded">` + a + b + `</xs:choice>`, []string{"", "a b a"}, []string{"a c"}},
		{"repeated group", `<xs:sequence minOccurs="1" maxOccurs="unbounded">` + a + optional(b) + `</xs:sequence>`, []string{"a", "a b a a b"}, []string{"", "b", "a b b"}},
		{"choice of sequences", `<xs:choice><xs:sequence>` + a + b + `</xs:sequence><xs:sequence>` + a + c + `</xs:sequence></xs:choice>`, []string{"a b", "a c"}, []string{"a", "a b c"}},
		{"optional group in sequence", `<xs:sequence>` + a + `<xs:choice minOccurs="0">` + b + c + `</xs:choice></xs:sequence>`, []string{"a", "a b", "a c"}, []string{"a b c", "b"}},
		{"wildcard", `<xs:sequence>` + optional(a) + wild + `</xs:sequence>`, []string{"", "a x:o x:o", "x:o"}, []string{"x:o a", "a b"}},
	} {
		schema := `<xs:element name="r"><xs:complexType>` + m.model + `</xs:complexType></xs:element>`
		for i, children := range append(append([]string{}, m.good...), m.bad...) {
			doc := `<r xmlns="urn:t" xmlns:x="urn:x">`
			for name := range strings.FieldsSeq(children) {
				doc += "<" + name + "/>"
			}
			got := judge(t, schema, doc+`</r>`)
			if (got == "") != (i < len(m.good)) {
				t.Errorf("%s judges %q: %s", m.name, children, got)
			}
		}
	}
}

// TestBuiltins judges literals by builtin types (XML Schema part 2, section 3).
func TestBuiltins(t *testing.T) {
	for name, c := range map[string]struct{ good, bad []string }{
		"string":             {[]string{"", " a \t"}, nil},
		"boolean":            {[]string{"true", "false", "0", "1", " true\n"}, []string{"", "TRUE", "yes"}},
		"decimal":            {[]string{"0", "-1.5", "+.5", "5.", "007"}, []string{"", ".", "1e3", "+", "--1", "1,5"}},
		"integer":            {[]string{"0", "-12", "+3"}, []string{"1.0", "", "x"}},
		"nonNegativeInteger": {[]string{"0", "-0", "+7", "12345678901234567890123"}, []string{"-1", ""}},
		"positiveInteger":    {[]string{"1", "+1", "010"}, []string{"0", "+00", "-1"}},
		"date":               {[]string{"2024-02-29", "2024-02-29Z", "-0044-03-15", "12024-01-01+14:00"}, []string{"2023-02-29", "0000-01-01", "2024-2-1", "2024-01-32", "01999-01-01"}},
		"dateTime": {[]string{"2024-01-01T00:00:00", "2024-01-01T24:00:00Z", "2024-01-01T23:59:59.5-14:00"},
			[]string{"2024-01-01", "2024-01-01T24:00:01Z", "2024-01-01T25:00:00", "2024-01-01T00:60:00", "2024-01-01T00:00:00+14:01", "2024-01-01T00:00:60Z"}},
		"anyURI": {[]string{"", "a b", "http://e.example/ü"}, []string{"%zz", "1:x", "http://[x]/"}},
	} {
		schema := `<xs:element name="v" type="xs:` + name + `"/>`
		for _, s := range c.good {
			if got := judge(t, schema, `<v xmlns="urn:t">`+s+`</v>`); got != "" {
				t.Errorf("xs:%s refuses %q: %s", name, s, got)
			}
		}
		for _, s := range c.bad {
			if judge(t, schema, `<v xmlns="urn:t">`+s+`</v>`) == "" {
				t.Errorf("xs:%s accepts %q", name, s)
			}
		}
	}
}

func TestFacets(t *testing.T) {
	restrict := func(base, facets string) string {
		return `<xs:element name="v"><xs:simpleType><xs:restriction base="xs:` + base + `">` + facets + `</xs:restriction></xs:simpleType></xs:element>`
	}
	for _, c := range []struct{ schema, value, want string }{
		{restrict("token", `<xs:enumeration value="a b"/>`), "  a \n b ", ``},
		{restrict("string", `<xs:enumeration value="a"/>`), " a", `/v: must be "a", found " a"; did you mean "a"?`},
		{restrict("string", `<xs:pattern value="a|b"/>`), "ab", `/v: must match a|b, found "ab"`},
		{restrict("string", `<xs:pattern value="a"/><xs:pattern value="b"/>`), "b", ``},
		{restrict("string", `<xs:pattern value="^a$"/>`), "a", `/v: must match ^a$, found "a"`}, // ^ and $ are characters
		{restrict("string", `<xs:pattern value="^a$"/>`), "^a$", ``},
		{restrict("string", `<xs:minLength value="1"/>`), "", `/v: must not be empty`},
		{restrict("string", `<xs:maxLength value="2"/>`), "ééé", `/v: must have at most 2 characters, found "ééé"`},
		{restrict("decimal", `<xs:minInclusive value="0"/><xs:maxInclusive value="10"/><xs:fractionDigits value="1"/>`), "10.01", `/v: must be at most 10, found "10.01"`},
		{restrict("decimal", `<xs:minInclusive value="0"/><xs:fractionDigits value="1"/>`), "1.50", ``},
		{restrict("decimal", `<xs:minInclusive value="0"/><xs:fractionDigits value="1"/>`), "1.55", `/v: must have at most 1 digits after the decimal point, found "1.55"`},
		{restrict("decimal", `<xs:minInclusive value="0"/>`), "x", `/v: must be a decimal number, found "x"`},
		{`<xs:element name="v"><xs:simpleType><xs:union memberTypes="xs:boolean xs:date"/></xs:simpleType></xs:element>`, "2024-01-01", ``},
		{`<xs:element name="v"><xs:simpleType><xs:union memberTypes="xs:integer xs:boolean"/></xs:simpleType></xs:element>`, "x",
			`/v: must be an integer, found "x" or must be a boolean (true, false, 1 or 0), found "x"`},
	} {
		if got := judge(t, c.schema, `<v xmlns="urn:t">`+c.value+`</v>`); got != c.want {
			t.Errorf("%s judges %q:\ngot  %s\nwant %s", c.schema, c.value, got, c.want)
		}
	}
}

// TestUnsupported: what a schema asks for and this package does not know is an error, not an omission.
func TestUnsupported(t *testing.T) {
	element := func(inside string) string { return `<xs:element name="v">` + inside + `</xs:element>` }
	for _, schema := range []string{
		element(`<xs:complexType><xs:all><xs:element name="a"/></xs:all></xs:complexType>`),
		element(`<xs:complexType><xs:sequence><xs:element name="a" maxOccurs="3"/></xs:sequence></xs:complexType>`),
		element(`<xs:complexType><xs:sequence><xs:any namespace="##any"/></xs:sequence></xs:complexType>`),
		element(`<xs:complexType><xs:attribute name="a" fixed="1"/></xs:complexType>`),
		element(`<xs:complexType><xs:attribute ref="t:a"/></xs:complexType>`),
		element(`<xs:complexType><xs:anyAttribute namespace="##any" processContents="strict"/></xs:complexType>`),
		element(`<xs:complexType><xs:assert test="a"/></xs:complexType>`),
		element(`<xs:complexType><xs:attributeGroup ref="t:none"/></xs:complexType>`),
		element(`<xs:simpleType><xs:restriction base="xs:base64Binary"/></xs:simpleType>`),
		element(`<xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="\i"/></xs:restriction></xs:simpleType>`),
		element(`<xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="[a-z-[b]]"/></xs:restriction></xs:simpleType>`),
		element(`<xs:simpleType><xs:restriction base="xs:string"><xs:length value="3"/></xs:restriction></xs:simpleType>`),
		element(`<xs:key name="k"><xs:selector xpath="a"/><xs:field xpath="@b"/></xs:key>`),
		element(`<xs:unique name="k"><xs:selector xpath="a"/><xs:field xpath="@b"/></xs:unique>`),
		`<xs:element name="v" type="t:none"/>`, `<xs:element name="v" type="u:none"/>`, `<xs:element name="v" nillable="true"/>`,
	} {
		if _, err := compile(schema); err == nil {
			t.Errorf("%s was compiled", schema)
		}
	}
}

// FuzzJudge looks for a document that panics, hangs or yields a fault without place or wording.
func FuzzJudge(f *testing.F) {
	s, err := compile(`<xs:element name="r"><xs:complexType mixed="true"><xs:sequence minOccurs="0" maxOccurs="unbounded">
		<xs:element name="a" type="xs:dateTime" minOccurs="0"/><xs:element name="r" type="t:r" minOccurs="0"/>
		<xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
		<xs:attribute name="id" type="xs:anyURI"/></xs:complexType>
		<xs:unique name="u"><xs:selector xpath=".//*"/><xs:field xpath="@id"/></xs:unique></xs:element>
		<xs:complexType name="r"><xs:choice><xs:element name="b" type="xs:decimal"/></xs:choice><xs:attribute name="id"/><xs:anyAttribute namespace="##other" processContents="lax"/></xs:complexType>`)
	if err != nil {
		f.Fatal(err)
	}
	for _, doc := range []string{
		`<r xmlns="urn:t" id="1"><a>2024-01-01T00:00:00Z</a><r id="2"><b>1.5</b></r><x:y xmlns:x="urn:x"><r xmlns="urn:t"/></x:y></r>`,
		`<?xml version="1.0" encoding="UTF-8"?><!-- c --><t:r xmlns:t="urn:t"><![CDATA[x]]>&amp;</t:r>`,
		`<r xmlns="urn:t" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true" xsi:type="xs:token"/>`, `<`, `<a b="`, `<!DOCTYPE r>`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		faults, err := s.Judge(context.Background(), doc, xsd.Limits{Nodes: 1 << 16})
		if err != nil {
			if ident.KindOf(err) != ident.KindLimit {
				t.Errorf("%v is no limit", err)
			}
			return
		}
		for _, fault := range faults {
			if fault.Offset < 0 || fault.Offset > len(doc) || fault.Message == "" || fault.Rule == "" || len(fault.Path) > 8192 || len(fault.Message) > 8192 {
				t.Errorf("bad fault %#v", fault)
			}
		}
	})
}
