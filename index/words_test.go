package index_test

import (
	"context"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Neighbours share words only where they are the same package: each of these is
// found by each word that it has, and by no other's.
func TestNeighboursKeepTheirWords(t *testing.T) {
	components := []sbom.Component{
		{Name: "@acme/core", Version: "1"}, {Name: "@acme/edge", Version: "1"}, {Name: "?a", Version: "1"}, {Name: "#a", Version: "1"}, {Name: "@acme/core"},
		{Name: "toolchain", Version: "v0.0.1-go1.21.0.linux-amd64", PURL: "pkg:golang/golang.org/toolchain@v0.0.1-go1.21.0.linux-amd64"},
		{Name: "toolchain", Version: "v0.0.1", PURL: "pkg:golang/golang.org/toolchain@v0.0.1"},
		{Name: "core", Version: "1", PURL: "pkg:npm/core@1"}, {Name: "Core One", Version: "2", PURL: "pkg:npm/core@2"}, {Name: "core", Version: "3", PURL: "pkg:npm/core@3"},
		{Name: "core", Version: "3", PURL: "pkg:npm/core"}, {Name: "core", Version: "3", PURL: "pkg:npm/core@3#sub/path"},
		{Group: "@acme", Name: "core", Version: "3", PURL: "pkg:npm/%40acme/core@3"},
		{Name: "model", Version: "1", PURL: "pkg:mlflow/Model@1?repository_url=https://adb.azuredatabricks.net/x"},
		{Name: "model", Version: "1", PURL: "pkg:mlflow/Model@1?repository_url=https://eastus.azureml.net/x"},
		{Name: "core", Version: "1", PURL: "pkg:deb/debian/core@1?distro=debian-12"}, {Name: "core", Version: "1", PURL: "pkg:rpm/fedora/core@1"},
		{Name: "broken@name", Version: "1", PURL: "pkg:///"}, {Name: "broken@other", Version: "1", PURL: "pkg:///"},
	}
	keys := index.KeysOf(&sbom.Document{Components: components})
	x := index.New()
	b := index.Batch{Seq: 1, Keys: keys}
	asked := map[string]bool{}
	var parsed []sbom.Component
	for i, k := range keys {
		c, _, err := index.ParseKey([]byte(k))
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, c)
		for _, w := range vuln.CandidateWords(&c) {
			asked[w] = true
		}
		b.Documents = append(b.Documents, index.Document{ID: uint32(i), Artifact: uint32(i), Components: []uint32{uint32(i)}})
	}
	if err := x.Apply(b); err != nil {
		t.Fatal(err)
	}
	for word := range asked {
		text := word
		if word[0] == 0 {
			text = "pkg:" + word[1:]
		}
		q, err := vuln.ParseComponentQuery(text)
		if err != nil {
			continue // a word that cannot be typed as a query
		}
		var want []uint32
		for i := range parsed {
			if yes, _ := q.Match(&parsed[i], sbom.Distro{}); yes {
				want = append(want, uint32(i))
			}
		}
		got, err := x.Snapshot().Find(context.Background(), index.Query{Component: q})
		if err != nil || !slices.Equal(want, got.Components) {
			t.Errorf("%s is %v (%v), want %v", text, got.Components, err, want)
		}
		byName, err := x.Snapshot().Find(context.Background(), index.Query{Name: word})
		for i := range parsed {
			is := word[0] != 0 && slices.Contains(vuln.CandidateWords(&parsed[i]), word)
			if err != nil || is != slices.Contains(byName.Components, uint32(i)) {
				t.Errorf("by the name %q component %d is found: %v (%v)", word, i, slices.Contains(byName.Components, uint32(i)), err)
			}
		}
	}
}
