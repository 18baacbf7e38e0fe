package merge_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/encode"
	"github.com/cofferdam-io/cofferdam/sbom/merge"
)

func sha(c string) []sbom.Hash {
	return []sbom.Hash{{Algorithm: "SHA-256", Value: string(bytes.Repeat([]byte(c), 64))}}
}

func parts() []*sbom.Document {
	web := &sbom.Document{Tools: []sbom.Tool{{Name: "syft", Version: "1"}},
		Subject: sbom.Subject{Kind: "container", Name: "web", Version: "1", Digests: []ident.RoledDigest{{Role: ident.RoleManifest, Digest: ident.SHA256([]byte("web"))}}},
		Components: []sbom.Component{{ID: "1", Name: "lodash", Version: "4", PURL: "pkg:npm/lodash@4", Hashes: sha("a"), Licenses: []sbom.License{{Expression: "MIT"}}},
			{ID: "2", Name: "own", Version: "1", Licenses: []sbom.License{{Expression: "LicenseRef-own AND MIT"}}}, {ID: "3", Name: "left", Version: "1", PURL: "pkg:npm/left@1", Hashes: sha("a")}},
		Dependencies: []sbom.Dependency{{From: -1, To: 0}, {From: 0, To: 1}}, LicenseTexts: []sbom.LicenseText{{ID: "LicenseRef-own", Text: "one"}}}
	api := &sbom.Document{Tools: []sbom.Tool{{Name: "trivy", Version: "2"}}, Incomplete: true,
		Subject: sbom.Subject{Kind: "container", Name: "api", Version: "2"},
		Components: []sbom.Component{{ID: "1", Name: "lodash", Version: "4", PURL: "pkg:npm/lodash@4", CPEs: []string{"cpe:2.3:a:x"}, Licenses: []sbom.License{{Expression: "MIT"}}},
			{ID: "2", Name: "own", Version: "1", Licenses: []sbom.License{{Expression: "LicenseRef-own AND LicenseRef-ownother"}}}, {ID: "3", Name: "left", Version: "1", PURL: "pkg:npm/left@1", Hashes: sha("b")}},
		Dependencies: []sbom.Dependency{{From: -1, To: 0}, {From: 2, To: 0}}, LicenseTexts: []sbom.LicenseText{{ID: "LicenseRef-own", Text: "other"}}}
	return []*sbom.Document{web, api}
}

func Example() {
	out, r := merge.Documents(parts(), merge.Options{Name: "shop", Version: "1", Flat: true})
	fmt.Println(len(out.Components), r.United, r.KeptApart, r.Renamed)
	// Output: 7 1 1 1
}

func TestHierarchy(t *testing.T) {
	out, r := merge.Documents(parts(), merge.Options{Name: "shop", Version: "1"})
	if len(out.Components) != 8 || r.United != 0 || !out.Incomplete || len(out.Tools) != 2 {
		t.Fatalf("%d %+v", len(out.Components), r)
	}
	if out.Components[0].Name != "web" || len(out.Components[0].Hashes) != 1 || out.Components[4].Name != "api" {
		t.Errorf("%+v", out.Components)
	}
	has := func(from, to int32, k sbom.DependencyKind) bool {
		return slices.Contains(out.Dependencies, sbom.Dependency{From: from, To: to, Kind: k})
	}
	if !has(-1, 0, sbom.Contains) || !has(-1, 4, sbom.Contains) || !has(0, 1, sbom.DependsOn) || !has(1, 2, sbom.DependsOn) || !has(4, 7, sbom.Contains) || !has(7, 5, sbom.DependsOn) || has(0, 5, sbom.Contains) {
		t.Errorf("%+v", out.Dependencies)
	}
	if got := out.Components[6].Licenses[0].Expression; got != "LicenseRef-2-own AND LicenseRef-ownother" || len(out.LicenseTexts) != 2 {
		t.Errorf("%s %+v", got, out.LicenseTexts)
	}
	for _, f := range encode.Formats() {
		var buf bytes.Buffer
		if _, err := encode.Document(context.Background(), &buf, out, f, encode.Options{}); err != nil {
			t.Fatal(err)
		}
		again, err := decode.Bytes(context.Background(), "x", buf.Bytes(), decode.Limits{})
		if err != nil || len(again[0].Components) != 8 || len(again[0].Warnings) > 0 {
			t.Errorf("%s: %v %+v", f, err, again[0].Warnings)
		}
	}
}

func TestFlat(t *testing.T) {
	out, _ := merge.Documents(parts(), merge.Options{Name: "shop", Flat: true})
	var lodash, left, own int
	for _, c := range out.Components {
		switch c.Name {
		case "lodash":
			lodash++
			if len(c.CPEs) != 1 || len(c.Hashes) != 1 || len(c.Licenses) != 1 {
				t.Errorf("%+v", c)
			}
		case "left":
			left++
		case "own":
			own++
		}
	}
	if lodash != 1 || left != 2 || own != 2 {
		t.Errorf("%d %d %d", lodash, left, own)
	}
}

// TestNothingIsLost holds a merge against its parts: every package URL, hash and edge of
// a part is in the whole, and identifiers are unique.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var docs []*sbom.Document
		for range rapid.IntRange(1, 4).Draw(t, "documents") {
			d := &sbom.Document{Subject: sbom.Subject{Name: rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "subject")}}
			for range rapid.IntRange(0, 5).Draw(t, "components") {
				name := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "name")
				c := sbom.Component{ID: rapid.SampledFrom([]string{"1", "2", "document-2:1", ""}).Draw(t, "id"), Name: name, Version: "1"}
				if rapid.Bool().Draw(t, "purl") {
					c.PURL = "pkg:npm/" + name + "@1"
				}
				if rapid.Bool().Draw(t, "hash") {
					c.Hashes = sha(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "value"))
				}
				d.Components = append(d.Components, c)
			}
			if n := int32(len(d.Components)); n > 0 {
				for range rapid.IntRange(0, 4).Draw(t, "edges") {
					d.Dependencies = append(d.Dependencies, sbom.Dependency{From: rapid.Int32Range(-1, n-1).Draw(t, "from"), To: rapid.Int32Range(0, n-1).Draw(t, "to")})
				}
			}
			docs = append(docs, d)
		}
		flat := rapid.Bool().Draw(t, "flat")
		out, r := merge.Documents(docs, merge.Options{Name: "all", Flat: flat})
		ids, listed := map[string]bool{}, 0
		for _, c := range out.Components {
			if c.ID != "" && ids[c.ID] {
				t.Fatalf("%s is there twice", c.ID)
			}
			ids[c.ID] = true
		}
		type what struct{ purl, name, hash string }
		describe := func(c *sbom.Component) what {
			w := what{purl: c.PURL, name: c.Name}
			if len(c.Hashes) > 0 {
				w.hash = c.Hashes[0].Value
			}
			return w
		}
		in := map[what]bool{}
		for i := range out.Components {
			w := describe(&out.Components[i])
			in[w], in[what{w.purl, w.name, ""}] = true, true
		}
		for _, d := range docs {
			listed += len(d.Components) + 1
			for i := range d.Components {
				if !in[describe(&d.Components[i])] {
					t.Fatalf("%+v is lost", d.Components[i])
				}
			}
		}
		if len(out.Components)+r.United != listed {
			t.Fatalf("%d and %d united of %d", len(out.Components), r.United, listed)
		}
		for _, e := range out.Dependencies {
			if e.From == e.To || int(e.To) >= len(out.Components) || int(e.From) >= len(out.Components) {
				t.Fatalf("%+v", e)
			}
		}
	})
}
