package iri_test

import (
	"fmt"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom/schema/iri"
)

func Example() {
	fmt.Println(iri.Reference("https://example.org/a b"))
	fmt.Println(iri.Absolute("../licences"))
	fmt.Println(iri.AnyURI("https://example.org/a b"))
	// Output:
	// a space must be percent-encoded
	// no scheme
	// <nil>
}

func TestReference(t *testing.T) {
	for _, c := range []struct {
		s                        string
		reference, absolute, any bool
	}{
		{"", true, false, true},
		{"https://example.org:8443/a/b;v=1?q=a/b?c#f/g?h", true, true, true},
		{"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79", true, true, true},
		{"urn:cdx:f08a6ccd-4dce-4759-bd84-c626675d60a7/1#ref%20x", true, true, true},
		{"mailto:a@example.org", true, true, true},
		{"//example.org/x", true, false, true},
		{"a/b:c", true, false, true},
		{"./1:c", true, false, true},
		{"1:c", false, false, false},
		{":c", false, false, false},
		{"http://[2001:db8::1]:80/", true, true, true},
		{"http://[v7.x]/", true, true, true},
		{"http://[::1%25eth0]/", false, false, false},
		{"http://[::1/", false, false, false},
		{"http://[::1]x/", false, false, false},
		{"http://a]/", false, false, false},
		{"http://a:b/", false, false, false},
		{"http://user:pw@host:1/", true, true, true},
		{"http://a@b@c/", false, false, false},
		{"http://example.org/%zz", false, false, false},
		{"http://example.org/%4", false, false, false},
		{"http://example.org/%", false, false, false},
		{"http://example.org/[x]", false, false, false},
		{"http://example.org/?a[0]=1", false, false, false},
		{"http://example.org/#a#b", false, false, false},
		{"http://example.org/a b", false, false, true},
		{"http://example.org/{x}", false, false, true},
		{"C:\\Users", false, false, true},
		{"http://пример.example/ü", true, false, true},
		{"http://example.org/\uFFFE", false, false, true},
		{"http://example.org/\t", false, false, true},
	} {
		if err := iri.Reference(c.s); (err == nil) != c.reference {
			t.Errorf("Reference(%q) = %v", c.s, err)
		}
		if err := iri.Absolute(c.s); (err == nil) != c.absolute {
			t.Errorf("Absolute(%q) = %v", c.s, err)
		}
		if err := iri.AnyURI(c.s); (err == nil) != c.any {
			t.Errorf("AnyURI(%q) = %v", c.s, err)
		}
	}
}

func FuzzReference(f *testing.F) {
	for _, s := range []string{"", "https://example.org/?a#b", "http://[::1]:80/", "%", "a:b@c", "//[", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, abs, uri := iri.Reference(s), iri.Absolute(s), iri.AnyURI(s)
		if abs == nil && ref != nil {
			t.Errorf("%q is absolute and no reference: %v", s, ref)
		}
		if ref == nil && uri != nil {
			t.Errorf("%q is a reference and no anyURI: %v", s, uri)
		}
	})
}
