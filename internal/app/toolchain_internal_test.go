package app

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// TestBuiltBy: what verified provenance names is compared once, beside what the SBOM lists.
func TestBuiltBy(t *testing.T) {
	facts := []fact.Fact{{PredicateType: "https://slsa.dev/provenance/v0.2", Predicate: []byte(`{"builder":{"id":"b"},"buildType":"t","materials":[{"uri":"pkg:docker/golang@1.21.3"}]}`)},
		{PredicateType: "https://slsa.dev/provenance/v1", Predicate: []byte(`{"broken`)}, {}}
	docs, open := builtBy(facts, []*sbom.Document{{Components: []sbom.Component{{PURL: "pkg:golang/stdlib@1.21.3"}}}})
	if len(docs) != 1 || len(open) != 0 || len(docs[0].Components) != 1 || docs[0].Components[0].PURL != "pkg:golang/toolchain@1.21.3" || docs[0].Components[0].Pointer != "/materials/0" {
		t.Errorf("%+v, %q", docs, open)
	}
}
