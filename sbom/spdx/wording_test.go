package spdx

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sameAsUnseen reads a document again and again, and compares it with what it says where
// nothing is remembered.
func sameAsUnseen(fatalf func(string, ...any), seen *Seen, doc []byte, details bool) {
	want, err := Decode(context.Background(), doc, Options{Details: details})
	if err != nil {
		fatalf("%s: %v", doc, err)
	}
	for range 3 {
		got, err := Decode(context.Background(), doc, Options{Seen: seen, Details: details})
		if err != nil {
			fatalf("%s: %v", doc, err)
		}
		for i := range got.Components {
			got.Components[i].Known = nil
		}
		if c := got.Subject.Component; c != nil {
			c.Known = nil
		}
		if !reflect.DeepEqual(got, want) {
			fatalf("%s\nsays %+v\nwant %+v", doc, got, want)
		}
	}
}

// Relationships between packages that were seen before say what they say when nothing
// was, however they are written and in whatever order.
func TestRelationshipsOfSeen(t *testing.T) {
	ids := []string{"SPDXRef-1", "SPDXRef-11", "SPDXRef-111", `SPDXRef-"`, `SPDXRef-\`, "SPDXRef-\n", `","relationshipType":"`, "SPDXRef-ü", "adduser", "SPDXRef-DOCUMENT", "x"}
	quoted := func(id string) string {
		b, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var packages []string
	for _, id := range ids {
		packages = append(packages, strings.Replace(seenPackages, `"SPDXRef-Package-deb-adduser-1"`, quoted(id), 1))
	}
	asWritten := func(id string, r *rapid.T) string {
		if rapid.IntRange(0, 7).Draw(r, "escaped") == 0 && len(id) > 0 && id[0] < 0x80 {
			return fmt.Sprintf(`"\u%04x`, id[0]) + quoted(id[1:])[1:]
		}
		return quoted(id)
	}
	shapes := []string{
		`{"spdxElementId":%[1]s,"relatedSpdxElement":%[2]s,"relationshipType":%[3]q}`,
		`{"spdxElementId":%[1]s,"relatedSpdxElement":%[2]s,"relationshipType":%[3]q}`,
		`{"relationshipType":%[3]q,"relatedSpdxElement": %[2]s ,"spdxElementId":%[1]s}`,
		`{"relatedSpdxElement":%[2]s,"comment":"evident-by: indicates the package's existence is evident by the given file","relationshipType":%[3]q,"spdxElementId":%[1]s}`,
		`{"spdxElementId":%[1]s,"relatedSpdxElement":%[2]s,"relationshipType":%[3]q,"comment":"` + providesComment + `"}`,
		`{"spdxElementId":17,"relatedSpdxElement":%[2]s,"relationshipType":%[3]q}`,
	}
	for _, pair := range [][4]string{ // packages, and how what contains them names them
		{"1", "A", `\u0031`, `\u003A`}, // written like the one before, and yet another word
		{"1", `","versionInfo":"`, "1", `","versionInfo":"`},
	} {
		p := func(id string) string {
			return strings.Replace(seenPackages, `"SPDXRef-Package-deb-adduser-1"`, quoted(id), 1)
		}
		const contains = `{"spdxElementId":"SPDXRef-root","relatedSpdxElement":"%s","relationshipType":"CONTAINS"}`
		doc := `{` + head + `"packages":[` + p(pair[0]) + "," + p(pair[1]) + "," + p("SPDXRef-root") + `],"relationships":[` + fmt.Sprintf(contains, pair[2]) + "," + fmt.Sprintf(contains, pair[3]) + `]}`
		sameAsUnseen(t.Fatalf, NewSeen(1<<20), []byte(doc), false)
	}
	rapid.Check(t, func(r *rapid.T) {
		seen := NewSeen(1 << 20)
		order := rapid.Permutation(packages).Draw(r, "packages")
		var relations []string
		from, shape, kind := ids[0], shapes[0], "CONTAINS"
		at := 0
		for range rapid.IntRange(0, 20).Draw(r, "relationships") {
			if rapid.IntRange(0, 3).Draw(r, "other") == 0 {
				from = rapid.SampledFrom(append([]string{"", "SPDXRef-none"}, ids...)).Draw(r, "from")
				shape = rapid.SampledFrom(shapes).Draw(r, "shape")
				kind = rapid.SampledFrom([]string{"CONTAINS", "DEPENDENCY_OF", "DESCRIBES", "OTHER", "BUILD_TOOL_OF"}).Draw(r, "kind")
				at = rapid.IntRange(0, len(order)).Draw(r, "to")
			}
			to := "SPDXRef-none"
			if at < len(order) {
				for i, p := range packages {
					if p == order[at] {
						to = ids[i]
					}
				}
			}
			at++
			relations = append(relations, fmt.Sprintf(shape, asWritten(from, r), asWritten(to, r), kind))
		}
		doc := []byte(`{` + head + `"packages":[` + strings.Join(order, ",") + `],"relationships":[` + strings.Join(relations, rapid.SampledFrom([]string{",", " ,\n"}).Draw(r, "between")) + `]}`)
		for _, details := range []bool{false, true} {
			sameAsUnseen(r.Fatalf, seen, doc, details)
		}
	})
}
