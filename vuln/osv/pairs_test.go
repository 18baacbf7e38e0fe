package osv_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/sbom"
	sbomdecode "github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

// TestSameFindingsInEveryFormat writes what real SPDX and CycloneDX documents list
// in the other format, and in syft's, and wants the same findings from each:
// what is found must hang on what is listed, never on how.
func TestSameFindingsInEveryFormat(t *testing.T) {
	var all []*vuln.Advisory
	for folder, ext := range map[string]string{"osv-go": ".json", "osv-pypa": ".yaml"} {
		for _, d := range readTree(t, corpusDir(t, "vuln", folder), ext) {
			as, _, err := osv.Decode(context.Background(), d.name, d.data, osv.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, as...)
		}
	}
	for _, d := range readTree(t, filepath.Join("..", "..", "examples", "estate", "advisories"), ".json") {
		as, _, err := osv.Decode(context.Background(), d.name, d.data, osv.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, as...)
	}
	db, err := vuln.NewDatabase(all, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	docs := slices.Concat(readTree(t, corpusDir(t, "sbom", "guac-data", "top-dh-sboms"), ".json"), readTree(t, filepath.Join("..", "..", "examples", "estate", "sbom"), ".json"))
	found, formats := 0, map[sbom.Format]int{}
	for _, d := range docs {
		given := decodeOne(t, d.name, d.data)
		formats[given.Format]++
		want := findings(t, db, given)
		found += len(want)
		for name, write := range map[string]func(*sbom.Document) any{"CycloneDX": asCycloneDX, "SPDX": asSPDX, "syft": asSyft} {
			raw, err := json.Marshal(write(given))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, findings(t, db, decodeOne(t, d.name+" as "+name, raw))); diff != "" {
				t.Errorf("%s as %s: (-as it is +rewritten)\n%s", filepath.Base(d.name), name, diff)
			}
		}
	}
	t.Logf("%d documents (%v), %d findings", len(docs), formats, found)
	if len(docs) < 40 || found < 500 || formats[sbom.SPDX] < 20 || formats[sbom.CycloneDX] < 5 {
		t.Errorf("the documents exercise little: %d (%v), %d findings", len(docs), formats, found)
	}
}

func decodeOne(t *testing.T, name string, raw []byte) *sbom.Document {
	t.Helper()
	ds, err := sbomdecode.Bytes(context.Background(), name, raw, sbomdecode.Limits{})
	if err != nil || len(ds) != 1 {
		t.Fatalf("%s: %d documents, %v", name, len(ds), err)
	}
	return ds[0]
}

// findings lists "id purl version", sorted.
func findings(t *testing.T, db *vuln.Database, d *sbom.Document) []string {
	t.Helper()
	s := vuln.NewScanner(db)
	out := []string{}
	for i := range d.Components {
		c := &d.Components[i]
		for _, f := range s.Assess(c, d.Subject.OS).Findings {
			out = append(out, fmt.Sprintf("%s %s %s", f.ID, c.PURL, f.Component.Version))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

type object = map[string]any

func osOf(d *sbom.Document) []object {
	if d.Subject.OS.ID == "" {
		return nil
	}
	return []object{{"type": "operating-system", "bom-ref": "os", "name": d.Subject.OS.ID, "version": d.Subject.OS.VersionID}}
}

func asCycloneDX(d *sbom.Document) any {
	components := osOf(d)
	for i := range d.Components {
		c := &d.Components[i]
		if c.Type == "operating-system" {
			continue
		}
		x := object{"type": "library", "bom-ref": fmt.Sprint("c", i), "name": c.Name, "version": c.Version}
		if c.Group != "" {
			x["group"] = c.Group
		}
		if c.PURL != "" {
			x["purl"] = c.PURL
		}
		components = append(components, x)
	}
	return object{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}
}

func asSPDX(d *sbom.Document) any {
	packages := []object{}
	for i := range d.Components {
		c := &d.Components[i]
		x := object{"SPDXID": fmt.Sprint("SPDXRef-", i), "name": c.Name, "versionInfo": c.Version, "downloadLocation": "NOASSERTION"}
		if c.Type == "operating-system" {
			x["primaryPackagePurpose"] = "OPERATING-SYSTEM"
		}
		if c.PURL != "" {
			x["externalRefs"] = []object{{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": c.PURL}}
		}
		packages = append(packages, x)
	}
	return object{"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "dataLicense": "CC0-1.0", "name": "x", "documentNamespace": "https://example/x",
		"creationInfo": object{"created": "2026-01-02T03:04:05Z", "creators": []string{"Tool: test"}}, "packages": packages}
}

func asSyft(d *sbom.Document) any {
	artifacts := []object{}
	for i := range d.Components {
		c := &d.Components[i]
		if c.Type == "operating-system" {
			continue
		}
		artifacts = append(artifacts, object{"id": fmt.Sprint(i), "name": c.Name, "version": c.Version, "purl": c.PURL})
	}
	return object{"artifacts": artifacts, "source": object{"type": "image", "metadata": object{}}, "distro": object{"id": d.Subject.OS.ID, "versionID": d.Subject.OS.VersionID},
		"descriptor": object{"name": "syft", "version": "1"}, "schema": object{"version": "16.0.0"}}
}
