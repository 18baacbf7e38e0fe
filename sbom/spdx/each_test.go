package spdx

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// eachAgrees decodes with packages handed over and without, and compares.
func eachAgrees(t *testing.T, name string, data []byte, o Options) {
	t.Helper()
	want, wantErr := Decode(context.Background(), data, o)
	var handed []sbom.Component
	o.Each = func(c *sbom.Component) {
		kept := c.Detached()
		kept.Pointer, kept.Details = strings.Clone(c.Pointer), c.Details.Detached()
		handed = append(handed, kept)
	}
	input := bytes.Clone(data)
	o.Released = func(from, to int) { clear(input[from:to]) }
	got, gotErr := Decode(context.Background(), input, o)
	if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
		t.Fatalf("%s: %v, want %v", name, gotErr, wantErr)
	}
	if want == nil {
		return
	}
	if len(got.Dependencies) > 0 {
		t.Fatalf("%s: the document has %d dependencies", name, len(got.Dependencies))
	}
	settle := func(cs []sbom.Component) []sbom.Component {
		cs = slices.Clone(cs)
		for i := range cs {
			c := &cs[i]
			c.Known, c.Layer = nil, ident.Digest{} // layers are said by what hangs together
			if len(c.Locations) == 0 {
				c.Locations = nil
			}
		}
		slices.SortStableFunc(cs, func(a, b sbom.Component) int { return cmp.Compare(a.Pointer, b.Pointer) })
		return cs
	}
	all, components := settle(append(handed, got.Components...)), settle(want.Components)
	if len(all) != len(components) {
		t.Fatalf("%s: %d components, want %d", name, len(all), len(components))
	}
	for i := range all {
		if !reflect.DeepEqual(all[i], components[i]) {
			t.Fatalf("%s: %+v\nwant %+v", name, all[i], components[i])
		}
	}
	rest := func(d *sbom.Document) sbom.Document {
		r := *d
		r.Components, r.Dependencies, r.Digest = nil, nil, ident.Digest{}
		r.Warnings = slices.SortedStableFunc(slices.Values(d.Warnings), func(a, b sbom.Warning) int {
			return cmp.Or(cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Message, b.Message))
		})
		if c := r.Subject.Component; c != nil {
			alone := *c
			alone.Known, alone.Layer = nil, ident.Digest{}
			r.Subject.Component = &alone
		}
		return r
	}
	if g, w := rest(got), rest(want); !reflect.DeepEqual(g, w) {
		t.Fatalf("%s: %+v\nwant %+v", name, g, w)
	}
}

// What is handed over and what the document keeps are together what a document has
// otherwise, and it is about the same.
func TestEach(t *testing.T) {
	one := `{"SPDXID":"SPDXRef-a","name":"a","versionInfo":"1","checksums":[{"algorithm":"SHA1","checksumValue":"0b"}],"externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/a@1"},{"referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:x:y:1"}]}`
	two := `{"SPDXID":"SPDXRef-b","name":"b","licenseDeclared":"MIT"}`
	root := `{"SPDXID":"SPDXRef-DocumentRoot-Image-c","name":"c","primaryPackagePurpose":"CONTAINER","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:oci/c@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}`
	os := `{"SPDXID":"SPDXRef-OperatingSystem-d","name":"debian","versionInfo":"12"}`
	relation := func(from, verb, to string) string {
		return `{"spdxElementId":"` + from + `","relationshipType":"` + verb + `","relatedSpdxElement":"` + to + `"}`
	}
	for name, body := range map[string]string{
		"nothing":                 ``,
		"no packages":             `"packages":[],`,
		"plain":                   `"packages":[` + one + `,` + two + `],`,
		"described by the list":   `"documentDescribes":["SPDXRef-b"],"packages":[` + one + `,` + two + `],`,
		"described afterwards":    `"packages":[` + one + `,` + two + `],"documentDescribes":["SPDXRef-a"],`,
		"described by a relation": `"packages":[` + one + `,` + two + `],"relationships":[` + relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-a") + `],`,
		"… the other way":         `"relationships":[` + relation("SPDXRef-a", "DESCRIBED_BY", "SPDXRef-DOCUMENT") + `],"packages":[` + one + `,` + two + `],`,
		"several are":             `"packages":[` + one + `,` + two + `],"relationships":[` + relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-a") + `,` + relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-b") + `],`,
		"an image":                `"packages":[` + one + `,` + root + `,` + os + `],"relationships":[` + relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-DocumentRoot-Image-c") + `,` + relation("SPDXRef-DocumentRoot-Image-c", "CONTAINS", "SPDXRef-a") + `],`,
		"incomplete":              `"packages":[` + one + `,` + two + `],"relationships":[` + relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-a") + `,` + relation("SPDXRef-a", "CONTAINS", "NOASSERTION") + `],`,
		"another is incomplete":   `"packages":[` + one + `,` + two + `],"relationships":[` + relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-a") + `,` + relation("SPDXRef-b", "CONTAINS", "NOASSERTION") + `],`,
		"a name that is taken":    `"packages":[` + one + `,` + one + `],"documentDescribes":["SPDXRef-a"],`,
		"nameless":                `"packages":[{},{"SPDXID":"SPDXRef-DOCUMENT","name":"x"}],`,
		"a file":                  `"files":[{"SPDXID":"SPDXRef-f","fileName":"/f"}],"documentDescribes":["SPDXRef-f"],"packages":[` + one + `],`,
		"no list":                 `"packages":{},`,
		"no list, no object":      `"packages":[1,` + one + `,"x"],"relationships":[1,{"relationshipType":3}],`,
		"a fault behind":          `"packages":[` + one + ",\n" + two + `],"relationships":[{"comment":"a","comment":"b"}],`,
		"a fault within":          `"packages":[` + one + ",\n" + `{"name":"a","name":"b"}],`,
		"a fault of the syntax":   `"packages":[` + one + `;` + two + `],`,
		"cut off":                 `"packages":[` + one + `,`,
		"version missing":         `"spdxVersion":"SPDX-9",`,
	} {
		for _, o := range []Options{{}, {Details: true}, {Seen: NewSeen(1 << 20)}, {MaxPackages: 1}, {MaxWarnings: 1}} {
			if o.MaxWarnings == 1 && strings.HasPrefix(name, "no list") || o.MaxPackages == 1 && strings.HasPrefix(name, "a fault") {
				continue // which of two warnings, or of two faults, comes first is another matter
			}
			eachAgrees(t, name, []byte(`{`+head+body+`"dataLicense":"CC0-1.0"}`), o)
			eachAgrees(t, name, []byte(`{"sbom":{`+head+body+`"dataLicense":"CC0-1.0"}}`), o)
		}
	}
}

// So it is with every real document.
func TestEachOfRealDocuments(t *testing.T) {
	documents := 0
	fixtures(t, func(name string, data []byte) {
		if len(data) > 8<<20 {
			return
		}
		documents++
		eachAgrees(t, name, data, Options{})
	})
	if documents < 100 {
		t.Errorf("%d documents were read", documents)
	}
}
