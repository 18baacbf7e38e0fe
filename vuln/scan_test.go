package vuln_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

func scan(t *testing.T, db *vuln.Database, docs ...*sbom.Document) *vuln.Report {
	t.Helper()
	r, err := vuln.Scan(context.Background(), docs, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parse(t testing.TB, records ...string) *vuln.Database {
	t.Helper()
	as, faults, err := osv.Decode(context.Background(), "test.json", []byte("["+strings.Join(records, ",")+"]"), osv.Limits{})
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	db, err := vuln.NewDatabase(as, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestOneFindingPerAliasGroup(t *testing.T) {
	// Three records of one vulnerability, joined through a record that two of
	// them do not name, with fixes that differ.
	db := parse(t,
		record("GO-1", `"aliases":["GHSA-aaaa-bbbb-cccc"],"summary":"from Go"`, entry("Go", "example.org/m", "SEMVER", "introduced=0", "fixed=1.2.0", "introduced=2.0.0", "fixed=2.1.0")),
		record("GHSA-aaaa-bbbb-cccc", `"aliases":["CVE-2026-0001"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]`, entry("Go", "example.org/m", "SEMVER", "introduced=0", "fixed=1.2.1")),
		record("OTHER-7", `"aliases":["cve-2026-0001"],"database_specific":{"severity":"LOW"}`),
		record("GO-2", "", entry("Go", "example.org/m", "SEMVER", "introduced=0", "fixed=3.0.0")),
	)
	d := &sbom.Document{File: "a.json", Digest: ident.SHA256([]byte("a")), Components: []sbom.Component{
		{Name: "m", PURL: "pkg:golang/example.org/m@v1.0.0"}, {Name: "m", PURL: "pkg:golang/example.org/m@v1.0.0"},
	}}
	r := scan(t, db, d)
	if len(r.Findings) != 2 {
		t.Fatalf("%d findings, want one per group: %+v", len(r.Findings), r.Findings)
	}
	f := r.Findings[0]
	got := []any{f.ID, f.Aliases, f.Advisories, f.Fixed, f.Fix, f.Severity, f.Range, f.Indices, f.Status}
	want := []any{
		"CVE-2026-0001", []string{"GHSA-aaaa-bbbb-cccc", "GO-1", "OTHER-7"}, []string{"GHSA-aaaa-bbbb-cccc", "GO-1"},
		[]string{"1.2.0", "1.2.1", "2.1.0"}, "upgrade example.org/m to v1.2.1", ident.SeverityCritical, "< 1.2.1 || < 1.2.0", []int{0, 1}, vuln.StatusAffected,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, id := range []string{"cve-2026-0001", "go-1", "other-7", "GHSA-AAAA-BBBB-CCCC"} {
		if g, ok := db.Lookup(id); !ok || g.ID != "CVE-2026-0001" || len(g.Advisories) != 3 {
			t.Errorf("Lookup(%s) = %+v, %v", id, g, ok)
		}
	}
	if _, ok := db.Lookup("CVE-2026-0002"); ok {
		t.Error("an unknown id was found")
	}
}

func TestWithdrawnAndUpstream(t *testing.T) {
	db := load(t, "gone", "openssl12", "libuuid")
	if g, ok := db.Lookup("ghsa-gone"); !ok || !g.Withdrawn {
		t.Errorf("withdrawn record: %+v, %v", g, ok)
	}
	if g, ok := db.Lookup("CVE-2023-5363"); !ok || g.Withdrawn || len(g.Advisories) != 1 || g.Advisories[0].ID != "DSA-5532-1" {
		t.Errorf("one of several upstream vulnerabilities: %+v, %v", g, ok)
	}
	if g, ok := db.Lookup("DEBIAN-CVE-2024-28085"); !ok || g.ID != "CVE-2024-28085" {
		t.Errorf("a single upstream CVE names the group: %+v, %v", g, ok)
	}
}

func TestRelatedIsNoAlias(t *testing.T) {
	db := parse(t, record("GO-1", `"related":["CVE-2023-44487"]`, entry("Go", "example.org/m", "SEMVER", "introduced=0")))
	if g, ok := db.Lookup("CVE-2023-44487"); ok {
		t.Errorf("found as an alias: %+v", g)
	}
	if r := db.RelatedTo("cve-2023-44487"); len(r) != 1 || r[0].ID != "GO-1" {
		t.Errorf("%v", r)
	}
}

func TestReportJSON(t *testing.T) {
	db := parse(t, record("GHSA-x", "", entry("npm", "left", "SEMVER", "introduced=0")))
	r := scan(t, db, &sbom.Document{Components: []sbom.Component{{PURL: "pkg:npm/left@1.0.0"}}})
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"aliases":[]`, `"cvss":[]`, `"epss":null`, `"kev":false`, `"fixed":[]`, `"fix":""`, `"status":"affected"`, `"severity":"unknown"`, `"range":"all versions"`, `"unmatched":[]`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %s", b, want)
		}
	}
	b, _ = json.Marshal(scan(t, db))
	if !strings.Contains(string(b), `"findings":[]`) {
		t.Errorf("no documents: %s", b)
	}
}

func TestSeverity(t *testing.T) {
	v31 := vuln.NewScore("CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H")
	v30 := vuln.NewScore("CVSS_V3", "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
	v4 := vuln.NewScore("CVSS_V4", "CVSS:4.0/AV:L/AC:H/AT:P/PR:H/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N/E:U")
	v2 := vuln.NewScore("CVSS_V2", "AV:N/AC:L/Au:N/C:C/I:C/A:C")
	if v31.Base != 7.5 || v30.Base != 9.8 || v2.Base != 10 {
		t.Errorf("base scores %v %v %v, published are 7.5, 9.8, 10.0", v31.Base, v30.Base, v2.Base)
	}
	tests := []struct {
		scores []vuln.Score
		word   string
		want   ident.Severity
	}{
		{[]vuln.Score{v31, v30}, "LOW", ident.SeverityCritical},
		{[]vuln.Score{v4, v30}, "", ident.SeverityLow},
		{[]vuln.Score{v2, v31}, "", ident.SeverityHigh},
		{[]vuln.Score{vuln.NewScore("CVSS_V3", "CVSS:3.1/nonsense")}, "MODERATE", ident.SeverityMedium},
		{[]vuln.Score{vuln.NewScore("Ubuntu", "high")}, "", ident.SeverityHigh},
		{nil, "", ident.SeverityUnknown},
	}
	for _, tt := range tests {
		if got := vuln.SeverityOf(tt.scores, tt.word); got != tt.want {
			t.Errorf("%v, %q: %v, want %v", tt.scores, tt.word, got, tt.want)
		}
	}
}

// everyType has one component per type of the purl list, in its real spelling.
var everyType = []string{
	"pkg:alpm/arch/pacman@6.0.1-1", "pkg:apk/alpine/musl@1.1.24-r9?distro=alpine-3.12.1", "pkg:bazel/rules_go@0.50.1", "pkg:bitbucket/birkenfeld/pygments-main@1",
	"pkg:bitnami/apache@2.4.49", "pkg:brew/openssl@3.0.0", "pkg:cargo/time@0.1.43", "pkg:chrome-extension/dlpngalgnefjeiefhmpklpfiohadpglk@1.2",
	"pkg:cocoapods/AFNetworking@4.0.1", "pkg:composer/guzzlehttp/guzzle@6.5.5", "pkg:conan/zlib@1.2.11", "pkg:conda/absl-py@0.4.1",
	"pkg:cpan/LWP-UserAgent@6.76", "pkg:cran/readxl@1.4.0", "pkg:deb/debian/libuuid1@2.36.1-8+deb11u1?distro=debian-11&upstream=util-linux",
	"pkg:docker/nginx@1.25", "pkg:gem/nokogiri@1.15.4", "pkg:generic/openssl@1.1.1", "pkg:git/codeberg.org/forgejo@1", "pkg:github/tj-actions/changed-files@v45.0.8",
	"pkg:golang/golang.org/x/net@v0.15.0", "pkg:golang/github.com/json-iterator/go@v1.1.12", "pkg:golang/stdlib@1.20.9", "pkg:hackage/aeson@1.5.6.0",
	"pkg:hex/plug@1.3.4", "pkg:huggingface/distilbert/base@043235d6088ecd3dd5fb5ca3592b6913fd516027", "pkg:julia/Dates@1.9.0?uuid=ade2ca70", "pkg:luarocks/luasocket@3.1.0-1",
	"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", "pkg:mlflow/creditfraud@3", "pkg:npm/lodash@4.17.20", "pkg:npm/%40babel/traverse@7.23.0", "pkg:nuget/Newtonsoft.Json@12.0.3",
	"pkg:oci/debian@sha256%3A244fd47e07d10", "pkg:opam/yojson@1.0", "pkg:otp/asn1@5.0", "pkg:pub/http@0.13.2", "pkg:pypi/urllib3@1.26.16", "pkg:qpkg/blackberry/com.qnx.sdp@7.0",
	"pkg:rpm/rocky/libcap@2.48-4.el8?distro=rocky-8.7", "pkg:swid/Acme/example.com/Server@1.0.0?tag_id=75b8c285", "pkg:swift/github.com/apple/swift-nio@2.13.0",
	"pkg:vcpkg/zlib@1.2.11", "pkg:vscode-extension/ms-python/python@2023.1.0", "pkg:yocto/core/zlib@1.2.11",
}

// The same packages, named as SPDX and as CycloneDX name them, are the same
// findings: nothing but the package URL may decide.
func TestFormatsGiveIdenticalFindings(t *testing.T) {
	var names []string
	for n := range advisories {
		if n != "gone" {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	db := load(t, names...)
	spdx := &sbom.Document{Format: sbom.SPDX}
	cdx := &sbom.Document{Format: sbom.CycloneDX}
	for _, s := range everyType {
		p, err := vuln.ParsePURL(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		// SPDX has one name field, which tools fill as they like ("stdlib" is the
		// trap); CycloneDX splits group and name. Their versions differ by a "v".
		spdx.Components = append(spdx.Components, sbom.Component{ID: "SPDXRef-1", Name: p.Name, Version: p.Version, PURL: s, Pointer: "/packages/0"})
		cdx.Components = append(cdx.Components, sbom.Component{ID: "ref", Type: "library", Group: p.Namespace, Name: "stdlib", Version: strings.TrimPrefix(p.Version, "v"), PURL: s, Pointer: "/components/0"})
	}
	a, b := scan(t, db, spdx), scan(t, db, cdx)
	ja, _ := json.MarshalIndent(a.Findings, "", " ")
	jb, _ := json.MarshalIndent(b.Findings, "", " ")
	if diff := cmp.Diff(string(ja), string(jb)); diff != "" {
		t.Error(diff)
	}
	if len(a.Findings) < 20 || a.WithoutIdentity != b.WithoutIdentity {
		t.Errorf("%d findings, %d and %d without identity", len(a.Findings), a.WithoutIdentity, b.WithoutIdentity)
	}
	seen := map[string]bool{}
	for _, f := range a.Findings {
		if strings.Contains(f.PURL, "json-iterator") {
			t.Errorf("json-iterator/go is not the standard library: %+v", f)
		}
		seen[f.PURL] = true
	}
	for _, u := range a.Unmatched {
		seen[u.PURL] = true
	}
	for _, s := range everyType {
		if !seen[s] && !strings.Contains(s, "json-iterator") {
			t.Errorf("%s is neither found nor unmatched", s)
		}
	}
}

func TestSubjectIsScanned(t *testing.T) {
	db := load(t, "lodash")
	d := &sbom.Document{Subject: sbom.Subject{Name: "lodash", PURL: "pkg:npm/lodash@4.17.20"}}
	if r := scan(t, db, d); len(r.Findings) != 1 || r.Findings[0].Indices[0] != int(sbom.SubjectIndex) {
		t.Errorf("%+v", r)
	}
	d.Subject.PURL = "pkg:oci/lodash@sha256%3Aabcd"
	if r := scan(t, db, d); len(r.Findings)+len(r.Unmatched) != 0 {
		t.Errorf("an image is no package: %+v", r)
	}
}

func TestSubjectOSIsTheFallback(t *testing.T) {
	db := load(t, "libuuid")
	c := &sbom.Component{PURL: "pkg:deb/debian/libuuid1@2.36.1-8+deb11u1", Source: sbom.SourcePackage{Name: "util-linux", Version: "2.36.1-8+deb11u1"}}
	for os, want := range map[sbom.Distro]string{
		{ID: "debian", VersionID: "11"}: "affected", {ID: "debian", VersionID: "12"}: "unmatched", {}: "unmatched", {ID: "ubuntu", VersionID: "11.04"}: "unmatched",
	} {
		if got := verdict(db, c, os); got != want {
			t.Errorf("%v: %s, want %s", os, got, want)
		}
	}
}

func TestScanStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := vuln.Scan(ctx, []*sbom.Document{{}}, load(t, "lodash"), nil); err == nil {
		t.Error("a cancelled scan returned a report")
	}
}
