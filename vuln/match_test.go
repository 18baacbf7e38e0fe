package vuln_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

// entry writes one affected package; events are "introduced=0", "fixed=1.2".
func entry(ecosystem, name, typ string, events ...string) string {
	var ev []string
	for _, e := range events {
		k, v, _ := strings.Cut(e, "=")
		ev = append(ev, fmt.Sprintf("{%q:%q}", k, v))
	}
	return fmt.Sprintf(`{"package":{"ecosystem":%q,"name":%q},"ranges":[{"type":%q,"events":[%s]}]}`,
		ecosystem, name, typ, strings.Join(ev, ","))
}

func record(id, rest string, affected ...string) string {
	if rest != "" {
		rest = "," + rest
	}
	return fmt.Sprintf(`{"id":%q,"modified":"2026-01-02T03:04:05Z"%s,"affected":[%s]}`, id, rest, strings.Join(affected, ","))
}

// advisories are small records about published facts, in our own words.
var advisories = map[string]string{
	"rapid reset": record("GO-2023-2102", `"aliases":["CVE-2023-39325","GHSA-4374-p667-p6c8"]`,
		entry("Go", "stdlib", "SEMVER", "introduced=0", "fixed=1.20.10", "introduced=1.21.0-0", "fixed=1.21.3"),
		entry("Go", "golang.org/x/net", "SEMVER", "introduced=0", "fixed=0.17.0")),
	"go command": record("GO-2024-3331", "", entry("Go", "toolchain", "SEMVER", "introduced=0", "fixed=1.21.11", "introduced=1.22.0-0", "fixed=1.22.4")),
	"docker":     record("GO-2022-0985", "", entry("Go", "github.com/docker/docker", "SEMVER", "introduced=0", "fixed=20.10.18+incompatible")),
	"toml":       record("GO-9000-0001", "", entry("Go", "github.com/BurntSushi/toml", "SEMVER", "introduced=1.0.0", "fixed=1.2.0")),
	"pseudo":     record("GO-2020-0012", "", entry("Go", "golang.org/x/crypto", "SEMVER", "introduced=0", "fixed=0.0.0-20200220183623-bac4c82f6975")),
	"lodash":     record("GHSA-35jh-r3h4-6jhm", `"aliases":["CVE-2021-23337"]`, entry("npm", "lodash", "SEMVER", "introduced=0", "fixed=4.17.21")),
	"babel":      record("GHSA-67hx-6x53-jw92", "", entry("npm", "@babel/traverse", "SEMVER", "introduced=0", "fixed=7.23.2", "introduced=8.0.0-alpha.0", "fixed=8.0.0-alpha.4")),
	"urllib3":    record("PYSEC-2023-192", `"aliases":["CVE-2023-43804"]`, entry("PyPI", "urllib3", "ECOSYSTEM", "introduced=0", "fixed=1.26.17", "introduced=2.0.0", "fixed=2.0.6")),
	"pyyaml":     record("PYSEC-2021-142", "", entry("PyPI", "PyYAML", "ECOSYSTEM", "introduced=0", "fixed=5.4b1")),
	"supervisor": `{"id":"PYSEC-2017-41","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"PyPI","name":"zope.thing"},"versions":["3.0","3.1rc1"]}]}`,
	"log4j":      record("GHSA-jfh8-c2jp-5v3q", `"aliases":["CVE-2021-44228"]`, entry("Maven", "org.apache.logging.log4j:log4j-core", "ECOSYSTEM", "introduced=2.13.0", "fixed=2.15.0", "introduced=2.0-beta9", "fixed=2.3.1")),
	"time":       record("RUSTSEC-2020-0071", "", entry("crates.io", "time", "SEMVER", "introduced=0.1.0", "fixed=0.2.23")),
	"nokogiri":   record("GHSA-mrxw-mxhj-p664", "", entry("RubyGems", "nokogiri", "ECOSYSTEM", "introduced=0", "fixed=1.18.4")),
	"json.net":   record("GHSA-5crp-9r3c-p9vr", "", entry("NuGet", "Newtonsoft.Json", "ECOSYSTEM", "introduced=0", "fixed=13.0.1")),
	"guzzle":     record("GHSA-q7rv-6hp3-vh96", "", entry("Packagist", "guzzlehttp/guzzle", "ECOSYSTEM", "introduced=4.0.0", "fixed=6.5.6")),
	"plug":       record("GHSA-5v4m-c73v-c7gq", "", entry("Hex", "plug", "SEMVER", "introduced=0", "fixed=1.3.5")),
	"http.dart":  record("GHSA-4rgh-jx4f-qfcq", "", entry("Pub", "http", "SEMVER", "introduced=0", "fixed=0.13.3")),
	"nio":        record("GHSA-7fj7-39wj-c64f", "", entry("SwiftURL", "https://github.com/apple/swift-nio.git", "SEMVER", "introduced=2.0.0", "fixed=2.13.1")),
	"readxl":     record("RSEC-2023-1", "", entry("CRAN", "readxl", "ECOSYSTEM", "introduced=0", "fixed=1.4.1-1")),
	"conan zlib": record("GHSA-0000-conan", "", entry("ConanCenter", "zlib", "ECOSYSTEM", "introduced=0", "fixed=1.2.12")),
	"aeson":      record("HSEC-2023-0001", "", entry("Hackage", "aeson", "ECOSYSTEM", "introduced=0.4.0.0", "fixed=2.0.1.0")),
	"action":     record("GHSA-mrrh-fwg8-r2c3", "", entry("GitHub Actions", "tj-actions/changed-files", "ECOSYSTEM", "introduced=0", "fixed=46.0.1")),
	"bitnami":    record("BIT-apache-2021-41773", `"aliases":["CVE-2021-41773"]`, entry("Bitnami", "apache", "SEMVER", "introduced=2.4.49", "fixed=2.4.50")),
	"libuuid":    record("DEBIAN-CVE-2024-28085", `"upstream":["CVE-2024-28085"]`, entry("Debian:11", "util-linux", "ECOSYSTEM", "introduced=0", "fixed=2.36.1-8+deb11u2")),
	"openssl12":  record("DSA-5532-1", `"upstream":["CVE-2023-5363","CVE-2023-4807"]`, entry("Debian:12", "openssl", "ECOSYSTEM", "introduced=0", "fixed=3.0.11-1~deb12u2")),
	"epoch":      record("DSA-9001-1", "", entry("Debian:12", "vim", "ECOSYSTEM", "introduced=0", "fixed=2:9.0.1378-2+deb12u1")),
	"ubuntu": record("UBUNTU-CVE-2022-0778", `"upstream":["CVE-2022-0778"]`,
		entry("Ubuntu:22.04:LTS", "openssl", "ECOSYSTEM", "introduced=0", "fixed=3.0.2-0ubuntu1"),
		entry("Ubuntu:Pro:FIPS:22.04:LTS", "openssl", "ECOSYSTEM", "introduced=0", "fixed=9.9"),
		entry("Ubuntu:Pro:16.04:LTS", "openssl", "ECOSYSTEM", "introduced=0", "fixed=1.0.2g-1ubuntu4.20+esm2")),
	"musl":     record("ALPINE-CVE-2020-28928", `"upstream":["CVE-2020-28928"]`, entry("Alpine:v3.12", "musl", "ECOSYSTEM", "introduced=0", "fixed=1.1.24-r10")),
	"wolfi":    record("CGA-0000", "", entry("Wolfi", "curl", "ECOSYSTEM", "introduced=0", "fixed=8.4.0-r0")),
	"rocky":    record("RLSA-2023:4524", "", entry("Rocky Linux:8", "libcap", "ECOSYSTEM", "introduced=0", "fixed=0:2.48-5.el8_8")),
	"alma":     record("ALSA-2023:4524", "", entry("AlmaLinux:9", "libcap-devel", "ECOSYSTEM", "introduced=0", "fixed=2.48-9.el9_2")),
	"redhat":   record("RHSA-2023:4524", "", entry("Red Hat:enterprise_linux:8::baseos", "libcap", "ECOSYSTEM", "introduced=0", "fixed=0:2.48-5.el8_8"), entry("Red Hat:openshift:4.14::el8", "openshift-clients", "ECOSYSTEM", "introduced=0", "fixed=0:4.14.1-1.el8")),
	"suse":     record("SUSE-SU-2023:1", "", entry("SUSE:Linux Enterprise Module for Basesystem 15 SP4", "openssl-1_1", "ECOSYSTEM", "introduced=0", "fixed=1.1.1l-150400.7.25.1")),
	"leap":     record("openSUSE-SU-2023:1", "", entry("openSUSE:Leap 15.4", "curl", "ECOSYSTEM", "introduced=0", "fixed=7.79.1-150400.5.18.1")),
	"inverted": record("GHSA-bad1", "", entry("npm", "upsidedown", "SEMVER", "introduced=2.0.0", "fixed=1.0.0")),
	"overlap":  record("GHSA-bad2", "", entry("npm", "overlapping", "SEMVER", "introduced=1.0.0", "introduced=1.5.0", "fixed=2.0.0")),
	"emptyr":   record("GHSA-bad3", "", entry("npm", "emptyrange", "SEMVER", "introduced=1.0.0", "fixed=1.0.0")),
	"garbage":  record("GHSA-bad4", "", entry("npm", "garbled", "SEMVER", "introduced=0", "fixed=next tuesday")),
	"twokeys":  `{"id":"GHSA-bad5","affected":[{"package":{"ecosystem":"npm","name":"twokeys"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0","fixed":"2.0.0"}]}]}]}`,
	"gitonly":  `{"id":"GHSA-git","affected":[{"package":{"ecosystem":"npm","name":"gitonly"},"ranges":[{"type":"GIT","repo":"https://example.org/r","events":[{"introduced":"0"}]}]}]}`,
	"last":     record("GHSA-last", "", entry("npm", "lastaffected", "SEMVER", "introduced=1.0.0", "last_affected=1.4.2")),
	"limit":    record("GHSA-limit", "", entry("npm", "limited", "SEMVER", "introduced=1.0.0", "limit=2.0.0")),
	"gone":     record("GHSA-gone", `"withdrawn":"2024-01-01T00:00:00Z"`, entry("npm", "lodash", "SEMVER", "introduced=0")),
}

func load(t testing.TB, names ...string) *vuln.Database {
	t.Helper()
	var all []*vuln.Advisory
	for _, n := range names {
		text, ok := advisories[n]
		if !ok {
			t.Fatalf("no advisory %q", n)
		}
		as, _, err := osv.Decode(context.Background(), n+".json", []byte(text), osv.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		all = append(all, as...)
	}
	db, err := vuln.NewDatabase(all, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// verdict says in one word what a database knows about a component.
func verdict(db *vuln.Database, c *sbom.Component, os sbom.Distro) string {
	a := db.Assess(c, os)
	switch {
	case len(a.Findings) > 0:
		return "affected"
	case len(a.Unmatched) > 0:
		return "unmatched"
	}
	return "no"
}

func TestMatch(t *testing.T) {
	tests := []struct{ purl, advisory, want string }{
		// Go: modules, the standard library, and what only looks like it.
		{"pkg:golang/golang.org/x/net@v0.15.0", "rapid reset", "affected"},
		{"pkg:golang/golang.org/x/net@0.15.0", "rapid reset", "affected"},
		{"pkg:golang/golang.org/x/net@v0.17.0", "rapid reset", "no"},
		{"pkg:golang/golang.org%2Fx/net@v0.15.0", "rapid reset", "unmatched"},
		{"pkg:golang/golang.org/x/net@v0.15.0#http2", "rapid reset", "affected"},
		{"pkg:golang/golang.org/x/network@v0.15.0", "rapid reset", "no"},
		{"pkg:golang/golang.org/x/net@(devel)", "rapid reset", "unmatched"},
		{"pkg:golang/golang.org/x/net@%28devel%29", "rapid reset", "unmatched"},
		{"pkg:golang/golang.org/x/net", "rapid reset", "unmatched"},
		{"pkg:golang/golang.org/x/net@v0.0.0-20230101000000-abcdefabcdef", "rapid reset", "affected"},
		{"pkg:golang/stdlib@1.20.9", "rapid reset", "affected"},
		{"pkg:golang/stdlib@go1.20.9", "rapid reset", "affected"},
		{"pkg:golang/std@1.20.10", "rapid reset", "no"},
		{"pkg:golang/stdlib@v1.21.2", "rapid reset", "affected"},
		{"pkg:golang/stdlib@1.21rc3", "rapid reset", "affected"},
		{"pkg:golang/stdlib@1.21.3", "rapid reset", "no"},
		{"pkg:golang/stdlib@go1.19.13%20X:nocoverageredesign", "rapid reset", "affected"},
		{"pkg:golang/github.com/json-iterator/go@v1.1.12", "rapid reset", "no"},
		{"pkg:golang/github.com/someone/stdlib@v1.1.12", "rapid reset", "no"},
		{"pkg:golang/example.org/std@v1.0.0", "rapid reset", "no"},
		{"pkg:generic/stdlib@1.20.9", "rapid reset", "unmatched"},
		{"pkg:golang/toolchain@go1.22.3", "go command", "affected"},
		{"pkg:golang/golang.org/toolchain@v0.0.1-go1.22.4.linux-amd64", "go command", "no"},
		{"pkg:golang/golang.org/toolchain@v0.0.1-go1.22.3.linux-amd64", "go command", "affected"},
		{"pkg:golang/github.com/docker/docker@v20.10.17+incompatible", "docker", "affected"},
		{"pkg:golang/github.com/docker/docker@v20.10.18%2Bincompatible", "docker", "no"},
		{"pkg:golang/github.com/burntsushi/toml@v1.1.0", "toml", "affected"},
		{"pkg:golang/github.com/BurntSushi/toml@v1.1.0", "toml", "affected"},
		{"pkg:golang/github.com/%21burnt%21sushi/toml@v1.1.0", "toml", "affected"},
		{"pkg:golang/github.com/BurntSushi/toml@v0.9.0", "toml", "no"},
		{"pkg:golang/golang.org/x/crypto@v0.0.0-20190308221718-c2843e01d9a2", "pseudo", "affected"},
		{"pkg:golang/golang.org/x/crypto@v0.0.0-20200220183623-bac4c82f6975", "pseudo", "no"},
		{"pkg:golang/golang.org/x/crypto@v0.1.0", "pseudo", "no"},
		// Registries.
		{"pkg:npm/lodash@4.17.20", "lodash", "affected"},
		{"pkg:npm/lodash@4.17.21", "lodash", "no"},
		{"pkg:npm/%40acme/lodash@4.17.20", "lodash", "no"},
		{"pkg:npm/lodash.merge@4.6.1", "lodash", "no"},
		{"pkg:npm/lodash@latest", "lodash", "unmatched"},
		{"pkg:npm/lodash@4.17.21-rc.1", "lodash", "affected"},
		{"pkg:npm/%40babel/traverse@7.23.0", "babel", "affected"},
		{"pkg:npm/@babel/traverse@7.23.0", "babel", "affected"},
		{"pkg:npm/traverse@7.23.0", "babel", "no"},
		{"pkg:npm/%40babel/traverse@8.0.0-alpha.3", "babel", "affected"},
		{"pkg:npm/%40babel/traverse@8.0.0-alpha.4", "babel", "no"},
		{"pkg:pypi/urllib3@1.26.16", "urllib3", "affected"},
		{"pkg:pypi/urllib3@2.0.0a1", "urllib3", "no"},
		{"pkg:pypi/urllib3@2.0.5", "urllib3", "affected"},
		{"pkg:pypi/urllib3@2.0.6.post1", "urllib3", "no"},
		{"pkg:pypi/urllib3@not.a.version", "urllib3", "unmatched"},
		{"pkg:pypi/pyyaml@5.4a2", "pyyaml", "affected"},
		{"pkg:pypi/PyYAML@5.4", "pyyaml", "no"},
		{"pkg:pypi/Zope_Thing@3.0.0", "supervisor", "affected"},
		{"pkg:pypi/zope-thing@3.1c1", "supervisor", "affected"},
		{"pkg:pypi/zope.thing@3.2", "supervisor", "no"},
		{"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", "log4j", "affected"},
		{"pkg:maven/org.apache.logging.log4j/log4j-core@2.0-beta9", "log4j", "affected"},
		{"pkg:maven/org.apache.logging.log4j/log4j-core@2.0-beta8", "log4j", "no"},
		{"pkg:maven/org.apache.logging.log4j/log4j-core@2.15.0", "log4j", "no"},
		{"pkg:maven/org.apache.logging.log4j/log4j-api@2.14.1", "log4j", "no"},
		{"pkg:maven/com.example/log4j-core@2.14.1", "log4j", "no"},
		{"pkg:maven/org.apache.logging.log4j/log4j-core@$%7Bproject.version%7D", "log4j", "unmatched"},
		{"pkg:cargo/time@0.1.43", "time", "affected"},
		{"pkg:cargo/time@0.2.23", "time", "no"},
		{"pkg:gem/nokogiri@1.15.4-x86_64-linux", "nokogiri", "affected"},
		{"pkg:gem/nokogiri@1.18.4-x86_64-linux-gnu", "nokogiri", "no"},
		{"pkg:gem/nokogiri@1.18.4.rc1", "nokogiri", "affected"},
		{"pkg:nuget/newtonsoft.json@12.0.3", "json.net", "affected"},
		{"pkg:nuget/Newtonsoft.Json@13.0.1", "json.net", "no"},
		{"pkg:composer/guzzlehttp/guzzle@v6.5.5", "guzzle", "affected"},
		{"pkg:composer/guzzlehttp/guzzle@dev-master", "guzzle", "unmatched"},
		{"pkg:composer/guzzlehttp/guzzle@6.5.6", "guzzle", "no"},
		{"pkg:hex/plug@1.3.4", "plug", "affected"},
		{"pkg:hex/acme/plug@1.3.4", "plug", "no"},
		{"pkg:pub/http@0.13.2", "http.dart", "affected"},
		{"pkg:swift/github.com/apple/swift-nio@2.13.0", "nio", "affected"},
		{"pkg:swift/github.com/apple/swift-nio@2.13.1", "nio", "no"},
		{"pkg:cran/readxl@1.4.1", "readxl", "affected"},
		{"pkg:conan/zlib@1.2.11", "conan zlib", "affected"},
		{"pkg:conan/zlib@1.1.1w", "conan zlib", "unmatched"},
		{"pkg:hackage/aeson@1.5.6.0", "aeson", "affected"},
		{"pkg:github/tj-actions/changed-files@v45.0.8", "action", "affected"},
		{"pkg:githubactions/tj-actions/changed-files@v46.0.1", "action", "no"},
		{"pkg:github/tj-actions/changed-files@v45", "action", "unmatched"},
		{"pkg:bitnami/apache@2.4.49", "bitnami", "affected"},
		{"pkg:bitnami/apache@2.4.48", "bitnami", "no"},
		// Distributions: source packages, releases, epochs.
		{"pkg:deb/debian/libuuid1@2.36.1-8+deb11u1?arch=amd64&upstream=util-linux&distro=debian-11", "libuuid", "affected"},
		{"pkg:deb/debian/libuuid1@2.36.1-8%2Bdeb11u1?upstream=util-linux%402.36.1-8%2Bdeb11u1&distro=debian-11.9", "libuuid", "affected"},
		{"pkg:deb/debian/libuuid1@2.36.1-8+deb11u2+b1?upstream=util-linux&distro=bullseye", "libuuid", "no"},
		{"pkg:deb/debian/libuuid1@2.36.1-8+deb11u1?upstream=util-linux&distro=debian-12", "libuuid", "unmatched"},
		{"pkg:deb/debian/libuuid1@2.36.1-8+deb11u1?upstream=util-linux", "libuuid", "unmatched"},
		{"pkg:deb/ubuntu/libuuid1@2.36.1-8?upstream=util-linux&distro=ubuntu-22.04", "libuuid", "unmatched"},
		{"pkg:deb/debian/libssl3@3.0.11-1~deb12u1?upstream=openssl&distro=debian-12", "openssl12", "affected"},
		{"pkg:deb/debian/libssl3@3.0.11-1~deb12u2?upstream=openssl&distro=debian-12", "openssl12", "no"},
		{"pkg:deb/debian/vim@9.0.1378-2?epoch=2&distro=debian-12", "epoch", "affected"},
		{"pkg:deb/debian/vim@2:9.0.1378-2+deb12u1?distro=debian-12", "epoch", "no"},
		{"pkg:deb/ubuntu/libssl3@3.0.1-0ubuntu1?upstream=openssl&distro=ubuntu-22.04", "ubuntu", "affected"},
		{"pkg:deb/ubuntu/libssl3@3.0.2-0ubuntu1.10?upstream=openssl&distro=ubuntu-22.04", "ubuntu", "no"},
		{"pkg:deb/ubuntu/openssl@1.0.2g-1ubuntu4.20?distro=xenial", "ubuntu", "affected"},
		{"pkg:deb/ubuntu/openssl@1.0.2g-1ubuntu4.20+esm2?distro=ubuntu-16.04", "ubuntu", "no"},
		{"pkg:apk/alpine/musl-utils@1.1.24-r9?upstream=musl&distro=alpine-3.12.1", "musl", "affected"},
		{"pkg:apk/alpine/musl@1.1.24-r9?distro=3.12.3", "musl", "affected"},
		{"pkg:alpine/musl-utils@1.1.24-r9?upstream=musl&distro=alpine-3.12.1", "musl", "affected"},
		{"pkg:apk/alpine/musl@1.1.24-r10?distro=alpine-3.12.1", "musl", "no"},
		{"pkg:apk/alpine/musl@1.1.24-r9?distro=edge", "musl", "unmatched"},
		{"pkg:apk/wolfi/curl@8.3.0-r1", "wolfi", "affected"},
		{"pkg:rpm/rocky/libcap@2.48-4.el8?arch=x86_64&upstream=libcap-2.48-4.el8.src.rpm&distro=rocky-8.7", "rocky", "affected"},
		{"pkg:rpm/rocky/libcap@2.48-5.el8_8?distro=rocky-8.7", "rocky", "no"},
		{"pkg:rpm/rockylinux/libcap-ng@0.7-1.el8?distro=rocky-8.7", "rocky", "no"},
		{"pkg:rpm/almalinux/libcap-devel@2.48-8.el9?upstream=libcap-2.48-8.el9.src.rpm&distro=almalinux-9.2", "alma", "affected"},
		{"pkg:rpm/redhat/libcap@2.48-4.el8?distro=rhel-8.8", "redhat", "affected"},
		{"pkg:rpm/redhat/libcap@2.48-4.el9?distro=rhel-9.2", "redhat", "unmatched"},
		{"pkg:rpm/redhat/openshift-clients@4.13.0-1.el8?distro=redhat-8.8", "redhat", "unmatched"},
		{"pkg:rpm/fedora/libcap@2.48-4.fc38?distro=fedora-38", "rocky", "unmatched"},
		{"pkg:rpm/suse/libopenssl1_1@1.1.1l-150400.7.22.1?upstream=openssl-1_1-1.1.1l-150400.7.22.1.src.rpm&distro=sles-15.4", "suse", "affected"},
		{"pkg:rpm/opensuse/libcurl4@7.79.1-150400.5.17.1?upstream=curl-7.79.1-150400.5.17.1.src.rpm&distro=opensuse-leap-15.4", "leap", "affected"},
		// Records that cannot be evaluated are never "no".
		{"pkg:npm/upsidedown@1.5.0", "inverted", "unmatched"},
		{"pkg:npm/overlapping@0.1.0", "overlap", "unmatched"},
		{"pkg:npm/emptyrange@1.0.0", "emptyr", "unmatched"},
		{"pkg:npm/garbled@1.0.0", "garbage", "unmatched"},
		{"pkg:npm/twokeys@3.0.0", "twokeys", "unmatched"},
		{"pkg:npm/gitonly@3.0.0", "gitonly", "unmatched"},
		{"pkg:npm/lastaffected@1.4.2", "last", "affected"},
		{"pkg:npm/lastaffected@1.4.3", "last", "no"},
		{"pkg:npm/limited@1.9.9", "limit", "affected"},
		{"pkg:npm/limited@2.0.0", "limit", "no"},
		{"pkg:npm/lodash@1.0.0", "gone", "unmatched"},
		{"pkg:pypi/lodash@1.0.0", "lodash", "unmatched"},
		{"pkg:oci/alpine@sha256%3A00", "lodash", "unmatched"},
		{"", "lodash", "unmatched"},
		{"lodash@4.17.20", "lodash", "unmatched"},
	}
	for _, tt := range tests {
		c := &sbom.Component{Name: "stdlib", PURL: tt.purl}
		if got := verdict(load(t, tt.advisory), c, sbom.Distro{}); got != tt.want {
			a := load(t, tt.advisory).Assess(c, sbom.Distro{})
			t.Errorf("%s, %s: %s, want %s (%+v)", tt.purl, tt.advisory, got, tt.want, a)
		}
	}
	t.Logf("%d rows", len(tests))
}
