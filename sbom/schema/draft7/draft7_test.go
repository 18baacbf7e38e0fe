package draft7_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom/schema/draft7"
)

func Example() {
	files := map[string][]byte{
		"http://example.org/colour.json": []byte(`{"type": "object", "properties": {"colour": {"enum": ["red", "green"]}}}`),
	}
	set := draft7.NewSet(func(url string) ([]byte, error) { return files[url], nil })
	s, err := set.Compile("http://example.org/colour.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	doc, _, _ := draft7.Parse([]byte(`{"colour": "Red"}`), draft7.Limits{})
	faults, err := s.Judge(context.Background(), doc, 100)
	for _, f := range faults {
		fmt.Printf("%s %s (%s)\n", f.Path, f.Message, f.Rule)
	}
	fmt.Println(err)
	// Output:
	// /colour must be one of "red", "green", found "Red"; did you mean "red"? (colour.json#/properties/colour/enum)
	// <nil>
}

// judge compiles one schema and returns the faults of one document, joined.
func judge(t *testing.T, schema, doc string) string {
	t.Helper()
	set := draft7.NewSet(func(string) ([]byte, error) { return []byte(schema), nil })
	s, err := set.Compile("http://example.org/s.json")
	if err != nil {
		t.Fatal(err)
	}
	v, faults, err := draft7.Parse([]byte(doc), draft7.Limits{})
	if err != nil || len(faults) > 0 {
		t.Fatalf("%s: %v, %v", doc, faults, err)
	}
	faults, err = s.Judge(context.Background(), v, 100)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range faults {
		all = append(all, f.Path+": "+f.Message)
	}
	return strings.Join(all, "\n")
}

func TestKeywords(t *testing.T) {
	for _, c := range []struct{ schema, doc, want string }{
		{`{"type": ["string", "array"]}`, `7`, `: must be a string or an array, found 7`},
		{`{"type": "integer"}`, `10e-1`, ``},
		{`{"type": "integer"}`, `15e-1`, `: must be an integer, found 15e-1`},
		{`{"type": ["integer", "number"]}`, `0.5`, ``},
		{`{"enum": [1, null, {"a": [1, 2]}]}`, `{"a": [1.0, 2]}`, ``},
		{`{"enum": [1, null]}`, `2`, `: must be one of "1", "null", found 2`},
		{`{"const": false}`, `true`, `: must be false, found true`},
		{`{"maximum": 10, "minimum": -1}`, `10.00`, ``},
		{`{"maximum": 10, "minimum": -1}`, `10.01`, `: must be at most 10, found 10.01`},
		{`{"maximum": 10, "minimum": -1}`, `-1.5`, `: must be at least -1, found -1.5`},
		{`{"minLength": 2, "maxLength": 3}`, `"é"`, `: must have at least 2 characters, found "é"`},
		{`{"minLength": 2, "maxLength": 3}`, `"éééé"`, `: must have at most 3 characters, found "éééé"`},
		{`{"minItems": 1, "maxItems": 2}`, `[]`, `: must have at least 1 items, found 0`},
		{`{"minItems": 1, "maxItems": 2}`, `[1,2,3]`, `: must have at most 2 items, found 3`},
		{`{"pattern": "^a\\s$"}`, `"a\u00a0"`, ``}, // ECMA 262 white space
		{`{"pattern": "^a.$"}`, `"a\u2028"`, `: must match ^a.$, found "a\u2028"`},
		{`{"items": [{"type": "string"}], "additionalItems": false}`, `["a", 1]`, `/1: must not be present`},
		{`{"items": [{"type": "string"}]}`, `["a", 1]`, ``},
		{`{"uniqueItems": true}`, `[{"a": 1, "b": 2}, {"b": 2.0, "a": 1}]`, `/1: must not repeat item 0 of the same array`},
		{`{"uniqueItems": true}`, `[1, true, "1", null, [1], [1, 1]]`, ``},
		{`{"additionalProperties": {"type": "string"}}`, `{"a": 1}`, `/a: must be a string, found 1`},
		{`{"anyOf": [{"type": "string"}, {"type": "array"}]}`, `1`, `: must be a string or an array, found 1`},
		{`{"anyOf": [{"enum": ["a"]}, {"enum": ["b"]}]}`, `"c"`, `: must be one of "a", "b", found "c"`},
		{`{"anyOf": [{"minLength": 3}, {"pattern": "^x"}]}`, `"c"`, `: must have at least 3 characters, found "c" or must match ^x, found "c"`},
		{`{"oneOf": [{"type": "string"}, {"minLength": 1}]}`, `"c"`, `: must match one of the allowed forms, and matches more than one`},
		{`{"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"required": ["c"]}}`, `{"a": 1}`, `: must have "b"`},
		{`{"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"required": ["c"]}}`, `{}`, `: must have "c"`},
		{`{"not": {"type": "string"}}`, `"a"`, `: must not have this form`},
		{`false`, `1`, `: must not be present`},
		{`{"properties": {"a": {"$ref": "#"}}, "required": ["n"]}`, `{"n": 1, "a": {"n": 1, "a": {}}}`, `/a/a: must have "n"`},
		// The deeper fault comes first.
		{`{"required": ["x"], "properties": {"a": {"type": "string"}}}`, `{"a": 1}`, "/a: must be a string, found 1\n: must have \"x\""},
	} {
		if got := judge(t, c.schema, c.doc); got != c.want {
			t.Errorf("%s judges %s:\ngot  %s\nwant %s", c.schema, c.doc, got, c.want)
		}
	}
}

// TestUnknown: what a schema asks for and this package does not know is an error, not an omission.
func TestUnknown(t *testing.T) {
	for _, schema := range []string{
		`{"dependencies": {}}`, `{"format": "hostname"}`, `{"type": "text"}`, `{"$ref": "#/definitions/none"}`,
		`{"pattern": "(?=a)"}`, `{"properties": {"a": 7}}`, `{"minLength": "x"}`, `{`, `{"$ref": "http://example.org/other.json"}`,
	} {
		set := draft7.NewSet(func(url string) ([]byte, error) {
			if strings.HasSuffix(url, "/s.json") {
				return []byte(schema), nil
			}
			return nil, fs.ErrNotExist
		})
		if _, err := set.Compile("http://example.org/s.json"); err == nil {
			t.Errorf("%s was compiled", schema)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		format string
		good   []string
		bad    []string
	}{
		{"date", []string{"2024-02-29", "0000-01-01"}, []string{"", "2023-02-29", "2024-2-9", "2024-13-01", "2024-01-01Z"}},
		{"date-time",
			[]string{"2024-02-29T23:59:59Z", "2024-02-29t23:59:59.123456789z", "2024-02-29T00:00:00+23:59", "1990-12-31T23:59:60Z", "1990-12-31T15:59:60-08:00"},
			[]string{"", "2024-02-29", "2024-02-29T24:00:00Z", "2024-02-29T23:59:59", "2024-02-29 23:59:59Z", "2024-02-29T23:59:59.Z", "2024-02-29T23:59:59+24:00",
				"2024-02-29T23:59:59+0100", "1990-12-31T23:58:60Z", "2024-02-29T23:59:5Z", "2024-02-29T23:59:59ZZ"}},
		{"idn-email",
			[]string{"a@b", "a.b+c@example.org", `"a b"@example.org`, `"a\"b"@example.org`, "пример@пример.example", "a@[192.0.2.1]"},
			[]string{"", "a", "@b", "a@", "a b@c", ".a@b", "a.@b", "a..b@c", "a@-b", "a@b-", "a@b..c", "a@b c", `"a@b`, `"a"b"@c`, "a@[]"}},
		{"string", []string{"", "anything"}, nil},
	} {
		for _, s := range c.good {
			if known, err := draft7.CheckFormat(c.format, s); !known || err != nil {
				t.Errorf("%s refuses %q: %v", c.format, s, err)
			}
		}
		for _, s := range c.bad {
			if _, err := draft7.CheckFormat(c.format, s); err == nil {
				t.Errorf("%s accepts %q", c.format, s)
			}
		}
	}
	if known, _ := draft7.CheckFormat("hostname", "a"); known {
		t.Error("hostname is known")
	}
}

func TestLimits(t *testing.T) {
	if _, _, err := draft7.Parse([]byte(`[1,2,3]`), draft7.Limits{Values: 3}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("four values with a limit of three: %v", err)
	}
	if _, faults, err := draft7.Parse([]byte(`[[[1]]]`), draft7.Limits{Depth: 2}); err != nil || len(faults) != 1 || faults[0].Rule != "limit: depth" {
		t.Errorf("three levels with a limit of two: %v, %v", faults, err)
	}
	// A large object with a repeated name near its end takes the map, not the search.
	var b strings.Builder
	b.WriteString("{")
	for i := range 5000 {
		fmt.Fprintf(&b, `"k%d": 1, `, i)
	}
	b.WriteString(`"k4999": 2}`)
	v, faults, err := draft7.Parse([]byte(b.String()), draft7.Limits{})
	if err != nil || v == nil || len(v.Kids) != 5000 || len(faults) != 1 || faults[0].Path != "/k4999" {
		t.Errorf("a repeated name among 5,000: %v, %v", faults, err)
	}
	var many strings.Builder
	many.WriteString("{")
	for range 1000 {
		many.WriteString(`"k": 1, `)
	}
	many.WriteString(`"k": 2}`)
	if _, faults, _ := draft7.Parse([]byte(many.String()), draft7.Limits{}); len(faults) > 20 {
		t.Errorf("%d faults for repeated names", len(faults))
	}
}

// FuzzParse compares with encoding/json, which is laxer about encoding, repeated names, depth and surrogates, and agrees
// about everything else.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a": [1, -0.5e+3, "\u00e9\n\\", true, false, null], "b": {}}`, `[`, `{"a"`, `"\ud83d\ude00"`, `01`, `1.`, `[1,]`, " \ufeff", `{"a":1,"a":2}`, `"\u12"`} {
		f.Add([]byte(s))
	}
	corpus.Seed(f, "sbom/cdx-spec-tests", ".json")
	f.Fuzz(func(t *testing.T, src []byte) {
		v, faults, err := draft7.Parse(src, draft7.Limits{Values: 1 << 20})
		if err != nil {
			if ident.KindOf(err) != ident.KindLimit {
				t.Errorf("%v is no limit", err)
			}
			return
		}
		for _, fault := range faults {
			if fault.Offset < 0 || fault.Offset > len(src) || fault.Message == "" || fault.Rule == "" {
				t.Errorf("incomplete fault %#v", fault)
			}
		}
		if bytes.HasPrefix(src, []byte("\ufeff")) {
			return
		}
		theirs := json.Valid(src)
		if v != nil && !theirs {
			t.Errorf("%q is parsed and is not JSON", src)
		}
		strict := v == nil && theirs
		if strict && utf8.Valid(src) && !bytes.Contains(bytes.ToLower(src), []byte(`\ud`)) && bytes.Count(src, []byte("["))+bytes.Count(src, []byte("{")) < draft7.DefaultDepth {
			t.Errorf("%q is JSON and is refused: %v", src, faults)
		}
	})
}
