package osv_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

// made are advisories for what stands in the image cellar: one that hits and one
// that the version has passed, for each ecosystem, by source and by binary package.
var made = []struct {
	id, ecosystem, name, fixed string
	purl                       string // what it finds; "" for nothing
}{
	{"GO-1", "Go", "golang.org/x/text", "0.3.8", "pkg:golang/golang.org/x/text@v0.3.7"},
	{"GO-2", "Go", "golang.org/x/text", "0.3.7", ""},
	{"GO-3", "Go", "stdlib", "1.999.0", "pkg:golang/stdlib@1.26.8"},
	{"GHSA-1", "npm", "minimist", "1.2.6", "pkg:npm/minimist@1.2.5"},
	{"GHSA-2", "npm", "@babel/traverse", "7.23.2", "pkg:npm/%40babel/traverse@7.23.0"},
	{"GHSA-3", "npm", "traverse", "7.23.2", ""},
	{"DEBIAN-1", "Debian:12", "openssl", "3.0.15-1~deb12u1", "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl"},
	{"DEBIAN-2", "Debian:12", "zlib", "1:1.2.13.dfsg-1", ""},
	{"DEBIAN-3", "Debian:12", "shadow", "1:4.13+dfsg1-2", "pkg:deb/debian/login@1%3A4.13%2Bdfsg1-1%2Bb1?arch=amd64&distro=debian-12&upstream=shadow%401%3A4.13%2Bdfsg1-1"},
	// The source is at 1:4.13+dfsg1-1; the rebuild "+b1" of the binary is no new source.
	{"DEBIAN-4", "Debian:12", "shadow", "1:4.13+dfsg1-1", ""},
	{"DEBIAN-5", "Debian:11", "openssl", "3.0.15-1~deb12u1", ""},
}

// generated reads a document that a tool really wrote (README.md beside it).
func generated(t *testing.T, name string) *sbom.Document {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "sbom", "decode", "testdata", "generators", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return decodeOne(t, name, raw)
}

// listed are the packages of a document: what is found hangs on them alone.
func listed(d *sbom.Document) []string {
	var out []string
	for i := range d.Components {
		if c := &d.Components[i]; c.Type != "file" && c.Type != "operating-system" && c.Type != "container" {
			out = append(out, c.Name+" "+c.Version+" "+c.PURL)
		}
	}
	slices.Sort(out)
	return out
}

// TestSameFindingsInEveryFormatOfOneTool: syft wrote one image in its five formats,
// and BuildKit had it scanned as a folder; each must give the same findings.
func TestSameFindingsInEveryFormatOfOneTool(t *testing.T) {
	var all []*vuln.Advisory
	var want []string
	for _, m := range made {
		as, faults, err := osv.Decode(context.Background(), m.id, fmt.Appendf(nil, `{"schema_version":"1.6.0","id":%q,"modified":"2026-01-01T00:00:00Z",
			"affected":[{"package":{"ecosystem":%q,"name":%q},"ranges":[{"type":%q,"events":[{"introduced":"0"},{"fixed":%q}]}]}]}`,
			m.id, m.ecosystem, m.name, map[bool]string{true: "SEMVER", false: "ECOSYSTEM"}[m.ecosystem == "Go" || m.ecosystem == "npm"], m.fixed), osv.Limits{})
		if err != nil || len(faults) > 0 {
			t.Fatal(err, faults)
		}
		all = append(all, as...)
		if m.purl != "" {
			want = append(want, m.id+" "+m.purl)
		}
	}
	slices.Sort(want)
	db, err := vuln.NewDatabase(all, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	packages := listed(generated(t, "syft/cellar.syft.json"))
	if len(packages) != 9 {
		t.Errorf("syft's own JSON lists %d packages, not what the image holds: %v", len(packages), packages)
	}
	for _, name := range []string{"syft/cellar.syft.json", "syft/cellar.cdx.json", "syft/cellar.cdx.xml", "syft/cellar.spdx.json", "syft/cellar.spdx", "buildkit/cellar.amd64.sbom.intoto.json", "buildkit/cellar.imagetools.json"} {
		d := generated(t, name)
		if diff := cmp.Diff(packages, listed(d)); diff != "" {
			t.Errorf("%s lists other packages: (-syft's own JSON +this)\n%s", name, diff)
		}
		r, err := vuln.Scan(context.Background(), []*sbom.Document{d}, db, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, f := range r.Findings {
			got = append(got, f.ID+" "+f.PURL)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-advisories made for it +found)\n%s", name, diff)
		}
	}
	// bom writes neither the release nor the sources: what it lists is found or said to be uncompared, never cleared.
	r, err := vuln.Scan(context.Background(), []*sbom.Document{generated(t, "bom/cellar.spdx")}, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	uncompared := 0
	for _, u := range r.Unmatched {
		if u.Class == vuln.UnmatchedIdentity {
			uncompared++
		}
	}
	if len(r.Findings) != 0 || uncompared != 4 || r.WithoutIdentity != 4 {
		t.Errorf("bom: %d findings, %d not compared, %d without identity: %+v", len(r.Findings), uncompared, r.WithoutIdentity, r.Unmatched)
	}
}
