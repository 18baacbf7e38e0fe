package quality_test

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
)

// What is remembered of components from other documents changes nothing of what is said
// of the next, whatever the policy.
func TestWhatIsRememberedChangesNothing(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus.Root(t), "sbom", "guac-data", "top-dh-sboms", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	var raws [][]byte
	for _, name := range files[:6] { // time under the race detector
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, raw)
	}
	made, err := synth.New(synth.Config{Documents: 12, Components: 120, Seed: 3, Spelled: true})
	if err != nil {
		t.Fatal(err)
	}
	for d, ok := made.Next(); ok; d, ok = made.Next() {
		raws = append(raws, made.SPDX(nil, &d))
	}
	strict, err := quality.ParsePolicy([]byte("kind: SBOMQualityPolicy\nchecks:\n  missing-hash: refuse\n  missing-supplier: off\n  weak-hash: off\n  noassertion-license: {level: refuse, maxAgeDays: 30}\n"))
	if err != nil {
		t.Fatal(err)
	}
	seen := spdx.NewSeen(64 << 20)
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	score := func(raw []byte, o quality.Options, by *spdx.Seen) (quality.Report, int) {
		docs, err := decode.Bytes(context.Background(), "x", raw, decode.Limits{Details: true, Seen: by})
		if err != nil {
			t.Fatal(err)
		}
		known := 0
		for i := range docs[0].Components {
			if docs[0].Components[i].Known != nil {
				known++
			}
		}
		return quality.Score(docs[0], o), known
	}
	remembered := 0
	for range 2 {
		for i, raw := range raws {
			for _, o := range []quality.Options{{At: at}, {Policy: strict, At: at, Findings: -1}} {
				want, _ := score(raw, o, nil)
				got, known := score(raw, o, seen)
				remembered += known
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("document %d is judged differently where its packages are remembered:\n%+v\nwant\n%+v", i, got, want)
				}
			}
		}
	}
	if remembered < 1000 {
		t.Errorf("only %d components were remembered", remembered)
	}
}

// A component that was changed after it was read is judged by what it says now.
func TestChangedSinceItWasRemembered(t *testing.T) {
	raw := []byte(`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"n","packages":[{"name":"adduser","SPDXID":"SPDXRef-Package-deb-adduser-1","versionInfo":"3.1","supplier":"Organization: Somebody","downloadLocation":"NOASSERTION","filesAnalyzed":false,"licenseDeclared":"GPL-2.0-only","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:deb/debian/adduser@3.1"}]}]}`)
	seen := spdx.NewSeen(1 << 20)
	var doc *sbom.Document
	for range 2 {
		docs, err := decode.Bytes(context.Background(), "x", raw, decode.Limits{Details: true, Seen: seen})
		if err != nil {
			t.Fatal(err)
		}
		doc = docs[0]
		quality.Score(doc, quality.Options{})
	}
	if doc.Components[0].Known == nil {
		t.Fatal("the package is not remembered")
	}
	doc.Components[0].Version = ""
	r := quality.Score(doc, quality.Options{})
	if got := outcomes(&r); got["missing-version"] != "1" || got["cisa-2026/component-version"] != "0 0 1 0" {
		t.Errorf("%q, %q", got["missing-version"], got["cisa-2026/component-version"])
	}
}
