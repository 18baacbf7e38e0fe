package vuln_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// checkedAdvisories are what published advisories say, in short: identifier, ecosystem
// and package, then ranges from..fixed (".." alone is every version, "..=" a last
// affected version), separated by commas.
const checkedAdvisories = `
GHSA-35jh-r3h4-6jhm  npm|lodash                                  0..4.17.21
GHSA-xvch-5gv4-984h  npm|minimist                                0..0.2.4,1.0.0..1.2.6
GHSA-c2qf-rxjj-qqgw  npm|semver                                  7.0.0..7.5.2,6.0.0..6.3.1,0..5.7.2
GHSA-scoped          npm|@scope/pkg                              0..2.0.0
PYSEC-2021-66        PyPI|jinja2                                 0..2.11.3
PYSEC-2019-133       PyPI|urllib3                                0..1.24.2
PYSEC-epoch          PyPI|epochal                                0..2.0
GO-2023-2102         Go|golang.org/x/net                         0..0.17.0
GO-2023-2102-std     Go|stdlib                                   0..1.20.10,1.21.0-0..1.21.3
GHSA-232p-vwff-86mp  Go|github.com/docker/docker                 23.0.0+incompatible..23.0.3+incompatible,1.12.0..20.10.24+incompatible
GO-2020-0017         Go|github.com/dgrijalva/jwt-go              0.0.0-20150717181359-44718f8a89b0..
RUSTSEC-2019-0012    crates.io|smallvec                          0.6.3..0.6.10
GHSA-jfh8-c2jp-5v3q  Maven|org.apache.logging.log4j:log4j-core   2.13.0..2.15.0,2.4..2.12.2,2.0-beta9..2.3.1
GHSA-36p3-wjmg-h94x  Maven|org.springframework:spring-beans      5.3.0..5.3.18,0..5.2.20.RELEASE
GHSA-5crp-9r3c-p9vr  NuGet|Newtonsoft.Json                       0..13.0.1
GHSA-2qc6-mcvw-92cw  RubyGems|nokogiri                           0..1.13.9
CVE-2023-22792       RubyGems|actionpack                         3.0.0..6.1.7.1,7.0.0..7.0.4.1
GHSA-h7vf-5wrv-9fhv  Packagist|symfony/http-kernel               2.0.0..4.4.50,5.0.0..5.4.20
GHSA-mrrh-fwg8-r2c3  GitHub Actions|tj-actions/changed-files     0..=45.0.7
GHSA-pub             Pub|http                                    0..0.13.3
HSEC-2023-0003       Hackage|xmonad-contrib                      0.11.0..0.11.2
RSEC-2023-6          CRAN|commonmark                             0..=1.7
PYSEC-torch          PyPI|torch                                  0..=2.0.1
PYSEC-vllm           PyPI|vllm                                   0..0.8.5+sec1
GHSA-composer-last   Packagist|acme/shop                         2.0..=2.1
GHSA-composer-fixed  Packagist|acme/desk                         2.0.0..3.0
GHSA-hex             Hex|phoenix                                 1.6.0..1.6.14
DSA-openssl          Debian:12|openssl                           0..3.0.11-1~deb12u2
DSA-zlib             Debian:12|zlib                              0..1:1.2.13.dfsg-3
UBUNTU-openssl       Ubuntu:22.04:LTS|openssl                    0..3.0.2-0ubuntu1.10
ALPINE-busybox       Alpine:v3.18|busybox                        0..1.36.1-r2
CGA-glibc            Wolfi|glibc                                 0..2.39-r1
RHSA-openssl         Red Hat:enterprise_linux:9::baseos|openssl  0..1:3.0.7-17.el9_2
RLSA-curl            Rocky Linux:9|curl                          0..7.76.1-23.el9_2.4
ALSA-curl            AlmaLinux:8|curl                            0..7.61.1-30.el8_8.3
SUSE-perl            SUSE:Linux Enterprise Server 15 SP4|perl    0..5.26.1-150300.17.17.1
OPENSUSE-perl        openSUSE:Leap 15.4|perl                     0..5.26.1-150300.17.17.1
GHSA-7fj7-39wj-c64f  SwiftURL|https://github.com/apple/swift-nio.git  2.0.0..2.13.1
GHSA-conan-zlib      ConanCenter|zlib                            0..1.2.12
BIT-apache           Bitnami|apache                              2.4.49..2.4.50
GHSA-vscode          VSCode|ms-python.python                     0..2021.1.1
CGA-curl             Chainguard|curl                             0..8.6.0-r0
MINI-curl            MinimOS|curl                                0..8.6.0-r0
BELL-musl            Alpaquita:23|musl                           0..1.2.4-r2
AZL-curl             Azure Linux:3|curl                          0..0:8.8.0-2.azl3
PHSA-curl            Photon OS:5.0|curl                          0..8.1.2-3.ph5
MGASA-curl           Mageia:9|curl                               0..7.88.1-4.mga9
OESA-curl            openEuler:22.03-LTS-SP3|curl                0..7.79.1-28.oe2203sp3
UBUNTU-PRO-vim       Ubuntu:Pro:18.04:LTS|vim                    0..2:8.0.1453-1ubuntu1.13+esm8
JLSEC-http           Julia|HTTP                                  0..1.10.17
BIOC-rhdf5           Bioconductor|rhdf5                          0..2.46.1
TUMBLEWEED-curl      openSUSE:Tumbleweed|curl                    0..8.6.0-1.1
`

// checked are (component, advisory, expected) rows, each reasoned from the advisory's
// text: yes, no, or ? where it cannot be told and has to be said so. Rows with no are
// mostly what other tools are known to report wrongly: another package of a like name,
// a fix on an older branch, a backported fix, a release that the advisory is not about.
const checked = `
pkg:npm/lodash@4.17.20                                        GHSA-35jh-r3h4-6jhm  yes
pkg:npm/lodash@4.17.21                                        GHSA-35jh-r3h4-6jhm  no   the fix
pkg:npm/lodash@4.17.21-rc.1                                   GHSA-35jh-r3h4-6jhm  yes  a pre-release is before its release
pkg:npm/lodash@4.17.21+build.5                                GHSA-35jh-r3h4-6jhm  no   build metadata orders nothing
pkg:npm/lodash-es@4.17.20                                     GHSA-35jh-r3h4-6jhm  no   another package
pkg:npm/%40types/lodash@4.14.1                                GHSA-35jh-r3h4-6jhm  no   its types
pkg:npm/lodash@latest                                         GHSA-35jh-r3h4-6jhm  ?    no version
pkg:npm/minimist@0.2.3                                        GHSA-xvch-5gv4-984h  yes
pkg:npm/minimist@0.2.4                                        GHSA-xvch-5gv4-984h  no   fixed on the old branch
pkg:npm/minimist@1.2.5                                        GHSA-xvch-5gv4-984h  yes
pkg:npm/minimist@1.2.10                                       GHSA-xvch-5gv4-984h  no   10 is after 6
pkg:npm/semver@6.3.1                                          GHSA-c2qf-rxjj-qqgw  no   fixed on the branch before
pkg:npm/semver@6.3.0                                          GHSA-c2qf-rxjj-qqgw  yes
pkg:npm/%40scope/pkg@1.9.9                                    GHSA-scoped          yes
pkg:npm/pkg@1.9.9                                             GHSA-scoped          no   the scope is part of the name
pkg:pypi/Jinja2@2.11.2                                        PYSEC-2021-66        yes  names have no case
pkg:pypi/jinja2@2.11.3                                        PYSEC-2021-66        no
pkg:pypi/jinja2@2.11.3rc1                                     PYSEC-2021-66        yes
pkg:pypi/jinja2-time@0.2.0                                    PYSEC-2021-66        no   another project
pkg:pypi/urllib3@1.24.2.post1                                 PYSEC-2019-133       no   a post-release is after it
pkg:pypi/urllib3@1.24.1                                       PYSEC-2019-133       yes
pkg:pypi/epochal@1%211.0                                      PYSEC-epoch          no   an epoch goes before everything
pkg:pypi/torch@2.0.1%2Bcu118                                  PYSEC-torch          yes  a build of 2.0.1 (PEP 440, inclusive ordered comparison)
pkg:pypi/torch@2.0.1+cpu                                      PYSEC-torch          yes
pkg:pypi/torch@2.0.1.post1%2Bcpu                              PYSEC-torch          no   later than 2.0.1
pkg:pypi/torch@2.0.2%2Bcu118                                  PYSEC-torch          no
pkg:pypi/vllm@0.8.5%2Bsec1                                    PYSEC-vllm           no   the very build that mends it
pkg:pypi/vllm@0.8.5                                           PYSEC-vllm           yes
pkg:composer/acme/shop@2.0.0                                  GHSA-composer-last   yes  2.0 has four numbers to Composer
pkg:composer/acme/shop@v2.1.0                                 GHSA-composer-last   yes
pkg:composer/acme/shop@2.1.0.0                                GHSA-composer-last   yes
pkg:composer/acme/shop@2.1.1                                  GHSA-composer-last   no
pkg:composer/acme/shop@2.0.0-beta1                            GHSA-composer-last   no
pkg:composer/acme/desk@2.0                                    GHSA-composer-fixed  yes
pkg:composer/acme/desk@3.0.0-RC1                              GHSA-composer-fixed  yes
pkg:composer/acme/desk@3.0.0                                  GHSA-composer-fixed  no
pkg:composer/acme/desk@v3                                     GHSA-composer-fixed  no
pkg:golang/golang.org/x/net@v0.16.0                           GO-2023-2102         yes
pkg:golang/golang.org/x/net@v0.17.0                           GO-2023-2102         no
pkg:golang/golang.org/x/net@v0.0.0-20220722155237-a158d28d115b GO-2023-2102        yes  a pseudo-version
pkg:golang/golang.org/x/net@v0.17.0#http2                     GO-2023-2102         no   a package of the module
pkg:golang/golang.org/x/network@v0.1.0                        GO-2023-2102         no
pkg:golang/stdlib@1.20.9                                      GO-2023-2102-std     yes
pkg:golang/stdlib@go1.21.3                                    GO-2023-2102-std     no
pkg:golang/stdlib@1.21rc2                                     GO-2023-2102-std     yes  release candidates of 1.21
pkg:golang/stdlib@1.20.14                                     GO-2023-2102-std     no   fixed on the branch before
pkg:golang/github.com/json-iterator/go@v1.1.12                GO-2023-2102-std     no   not the language
pkg:golang/github.com/docker/docker@v20.10.24%2Bincompatible  GHSA-232p-vwff-86mp  no   the fix
pkg:golang/github.com/docker/docker@v20.10.23%2Bincompatible  GHSA-232p-vwff-86mp  yes
pkg:golang/github.com/docker/docker@v23.0.1%2Bincompatible    GHSA-232p-vwff-86mp  yes
pkg:golang/github.com/dgrijalva/jwt-go@v3.2.0%2Bincompatible  GO-2020-0017         yes  never fixed
pkg:golang/github.com/golang-jwt/jwt@v3.2.1%2Bincompatible    GO-2020-0017         no   its successor
pkg:cargo/smallvec@0.6.9                                      RUSTSEC-2019-0012    yes
pkg:cargo/smallvec@0.6.2                                      RUSTSEC-2019-0012    no   before it came
pkg:cargo/smallvec@0.6.10                                     RUSTSEC-2019-0012    no
pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1          GHSA-jfh8-c2jp-5v3q  yes
pkg:maven/org.apache.logging.log4j/log4j-core@2.15.0          GHSA-jfh8-c2jp-5v3q  no
pkg:maven/org.apache.logging.log4j/log4j-core@2.12.2          GHSA-jfh8-c2jp-5v3q  no   for Java 7
pkg:maven/org.apache.logging.log4j/log4j-core@2.3.1           GHSA-jfh8-c2jp-5v3q  no   for Java 6
pkg:maven/org.apache.logging.log4j/log4j-core@2.0-beta9       GHSA-jfh8-c2jp-5v3q  yes
pkg:maven/org.apache.logging.log4j/log4j-core@2.0-beta8       GHSA-jfh8-c2jp-5v3q  no   before lookups came
pkg:maven/org.apache.logging.log4j/log4j-api@2.14.1           GHSA-jfh8-c2jp-5v3q  no   the interface alone
pkg:maven/log4j/log4j@1.2.17                                  GHSA-jfh8-c2jp-5v3q  no   another product
pkg:maven/org.springframework/spring-beans@5.2.19.RELEASE     GHSA-36p3-wjmg-h94x  yes
pkg:maven/org.springframework/spring-beans@5.2.20.RELEASE     GHSA-36p3-wjmg-h94x  no
pkg:maven/org.springframework/spring-beans@5.3.18             GHSA-36p3-wjmg-h94x  no
pkg:nuget/newtonsoft.json@12.0.3                              GHSA-5crp-9r3c-p9vr  yes  names have no case
pkg:nuget/Newtonsoft.Json@13.0.1                              GHSA-5crp-9r3c-p9vr  no
pkg:nuget/Newtonsoft.Json@13.0.1-beta2                        GHSA-5crp-9r3c-p9vr  yes
pkg:nuget/Newtonsoft.Json.Bson@1.0.2                          GHSA-5crp-9r3c-p9vr  no
pkg:gem/nokogiri@1.13.8-x86_64-linux                          GHSA-2qc6-mcvw-92cw  yes  a platform is no pre-release
pkg:gem/nokogiri@1.13.9-x86_64-linux                          GHSA-2qc6-mcvw-92cw  no
pkg:gem/actionpack@6.1.7                                      CVE-2023-22792       yes
pkg:gem/actionpack@6.1.7.1                                    CVE-2023-22792       no   four numbers
pkg:composer/symfony/http-kernel@v5.4.19                      GHSA-h7vf-5wrv-9fhv  yes
pkg:composer/symfony/http-kernel@v4.4.50                      GHSA-h7vf-5wrv-9fhv  no
pkg:composer/symfony/http-kernel@dev-main                     GHSA-h7vf-5wrv-9fhv  ?    a branch
pkg:github/tj-actions/changed-files@v45.0.7                   GHSA-mrrh-fwg8-r2c3  yes  the last that is affected
pkg:github/tj-actions/changed-files@v46.0.1                   GHSA-mrrh-fwg8-r2c3  no
pkg:github/tj-actions/changed-files@v45                       GHSA-mrrh-fwg8-r2c3  ?    a tag that moves
pkg:pub/http@0.13.2                                           GHSA-pub             yes
pkg:hackage/xmonad-contrib@0.11.1                             HSEC-2023-0003       yes
pkg:hackage/xmonad-contrib@0.11.2                             HSEC-2023-0003       no
pkg:cran/commonmark@1.7                                       RSEC-2023-6          yes
pkg:cran/commonmark@1.8                                       RSEC-2023-6          no
pkg:hex/phoenix@1.5.13                                        GHSA-hex             no   before it came
pkg:hex/phoenix@1.6.13                                        GHSA-hex             yes
pkg:deb/debian/libssl3@3.0.11-1~deb12u1?distro=debian-12&upstream=openssl       DSA-openssl  yes  by its source
pkg:deb/debian/libssl3@3.0.11-1~deb12u2?distro=debian-12&upstream=openssl       DSA-openssl  no   backported
pkg:deb/debian/libssl3@3.0.11-1~deb12u2%2Bb1?distro=debian-12&upstream=openssl  DSA-openssl  no   rebuilt
pkg:deb/debian/libssl1.1@1.1.1w-0%2Bdeb11u1?distro=debian-11&upstream=openssl   DSA-openssl  ?    no advisory of its release
pkg:deb/debian/libssl3@3.0.11-1~deb12u1?upstream=openssl                        DSA-openssl  ?    of no release
pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?distro=debian-12&upstream=zlib            DSA-zlib     yes  an epoch
pkg:deb/debian/zlib1g@1.2.13.dfsg-1?epoch=1&distro=debian-12&upstream=zlib      DSA-zlib     yes  beside the version
pkg:deb/debian/zlib1g@1:1.2.13.dfsg-3?distro=debian-12&upstream=zlib            DSA-zlib     no
pkg:deb/ubuntu/libssl3@3.0.2-0ubuntu1.9?distro=ubuntu-22.04&upstream=openssl    UBUNTU-openssl  yes
pkg:deb/ubuntu/libssl3@3.0.2-0ubuntu1.10?distro=jammy&upstream=openssl          UBUNTU-openssl  no  by its code name; 10 is after 9
pkg:deb/debian/libssl3@3.0.2-0ubuntu1.9?distro=debian-12&upstream=openssl       UBUNTU-openssl  no  another distribution
pkg:apk/alpine/busybox@1.36.1-r1?distro=alpine-3.18.2         ALPINE-busybox       yes
pkg:apk/alpine/busybox@1.36.1-r10?distro=alpine-3.18.4        ALPINE-busybox       no   10 is after 2
pkg:apk/alpine/ssl_client@1.36.1-r1?distro=alpine-3.18.2&upstream=busybox  ALPINE-busybox  yes  by its source
pkg:apk/alpine/busybox@1.36.1-r1?distro=alpine-3.19.0         ALPINE-busybox       ?    no advisory of its release
pkg:apk/wolfi/glibc@2.39-r0?distro=wolfi                      CGA-glibc            yes
pkg:apk/wolfi/glibc@2.39-r1?distro=wolfi                      CGA-glibc            no
pkg:rpm/redhat/openssl@3.0.7-16.el9_2?epoch=1&distro=rhel-9.2 RHSA-openssl         yes
pkg:rpm/redhat/openssl@3.0.7-17.el9_2?epoch=1&distro=rhel-9.2 RHSA-openssl         no   backported
pkg:rpm/redhat/openssl@3.0.7-27.el9?epoch=1&distro=rhel-9.4   RHSA-openssl         no   a later minor release
pkg:rpm/redhat/openssl@1.1.1k-9.el8?epoch=1&distro=rhel-8.8   RHSA-openssl         ?    no advisory of its release
pkg:rpm/rocky/curl@7.76.1-23.el9_2.2?distro=rocky-9.2         RLSA-curl            yes
pkg:rpm/rocky/curl@7.76.1-23.el9_2.4?distro=rocky-9.2         RLSA-curl            no
pkg:rpm/almalinux/curl@7.61.1-30.el8_8.2?distro=almalinux-8.8 ALSA-curl            yes
pkg:rpm/almalinux/curl@7.61.1-30.el8_8.10?distro=almalinux-8.8 ALSA-curl           no   10 is after 3
pkg:rpm/suse/perl@5.26.1-150300.17.14.1?distro=sles-15.4      SUSE-perl            yes
pkg:rpm/suse/perl@5.26.1-150300.17.17.1?distro=sles-15.4      SUSE-perl            no
pkg:rpm/opensuse/perl@5.26.1-150300.17.14.1?distro=opensuse-leap-15.4  OPENSUSE-perl  yes
pkg:rpm/opensuse/perl@5.26.1-150300.17.14.1?distro=opensuse-leap-15.4  SUSE-perl      no  another distribution
pkg:swift/github.com/apple/swift-nio@2.13.0                   GHSA-7fj7-39wj-c64f  yes  a scheme and .git are not of the name
pkg:swift/github.com/apple/swift-nio@2.13.1                   GHSA-7fj7-39wj-c64f  no
pkg:swift/github.com/apple/swift-nio-ssl@2.13.0               GHSA-7fj7-39wj-c64f  no   another repository
pkg:conan/zlib@1.2.11                                         GHSA-conan-zlib      yes
pkg:conan/zlib@1.2.12                                         GHSA-conan-zlib      no
pkg:conan/zlib@1.1.1w                                         GHSA-conan-zlib      ?    a letter that no comparator reads
pkg:bitnami/apache@2.4.49                                     BIT-apache           yes
pkg:bitnami/apache@2.4.48                                     BIT-apache           no   before it came
pkg:vscode-extension/ms-python/python@2021.1.0                GHSA-vscode          yes
pkg:vscode-extension/other/python@2021.1.0                    GHSA-vscode          no   another publisher
pkg:apk/chainguard/curl@8.5.0-r0?distro=chainguard            CGA-curl             yes
pkg:apk/chainguard/curl@8.6.0-r0?distro=chainguard            CGA-curl             no
pkg:apk/wolfi/curl@8.5.0-r0?distro=wolfi                      CGA-curl             no   another distribution
pkg:apk/minimos/curl@8.5.0-r9?distro=minimos                  MINI-curl            yes
pkg:apk/minimos/curl@8.6.0-r1?distro=minimos                  MINI-curl            no
pkg:apk/alpaquita/musl@1.2.4-r1?distro=alpaquita-23           BELL-musl            yes
pkg:apk/alpaquita/musl@1.2.4-r2?distro=alpaquita-23           BELL-musl            no
pkg:rpm/azurelinux/curl@8.8.0-1.azl3?distro=azurelinux-3.0    AZL-curl             yes
pkg:rpm/azurelinux/curl@8.8.0-2.azl3?distro=azurelinux-3.0    AZL-curl             no   epoch 0 is none
pkg:rpm/photon/curl@8.1.2-2.ph5?distro=photon-5.0             PHSA-curl            yes
pkg:rpm/photon/curl@8.1.2-10.ph5?distro=photon-5.0            PHSA-curl            no   10 is after 3
pkg:rpm/mageia/curl@7.88.1-3.mga9?distro=mageia-9             MGASA-curl           yes
pkg:rpm/mageia/curl@7.88.1-4.1.mga9?distro=mageia-9           MGASA-curl           no
pkg:rpm/openeuler/curl@7.79.1-27.oe2203sp3?distro=openeuler-22.03-LTS-SP3  OESA-curl  yes
pkg:rpm/openeuler/curl@7.79.1-28.oe2203sp3?distro=openeuler-22.03-LTS-SP3  OESA-curl  no
pkg:julia/HTTP@1.10.16?uuid=cd3eb016-35fb-5094-929b-558a96fad6f3  JLSEC-http       yes
pkg:julia/HTTP@1.10.17?uuid=cd3eb016-35fb-5094-929b-558a96fad6f3  JLSEC-http       no
pkg:bioconductor/rhdf5@2.46.0                                 BIOC-rhdf5           yes
pkg:bioconductor/rhdf5@2.46.1                                 BIOC-rhdf5           no
pkg:deb/ubuntu/vim@2:8.0.1453-1ubuntu1.13%2Besm7?distro=ubuntu-18.04  UBUNTU-PRO-vim  yes
pkg:deb/ubuntu/vim@2:8.0.1453-1ubuntu1.13%2Besm8?distro=ubuntu-18.04  UBUNTU-PRO-vim  no
pkg:deb/ubuntu/vim@2:8.2.3995-1ubuntu2.15?distro=ubuntu-22.04         UBUNTU-PRO-vim  no  of another release
pkg:rpm/opensuse/curl@8.5.0-2.1?distro=opensuse-tumbleweed    TUMBLEWEED-curl      yes
pkg:rpm/opensuse/curl@8.6.0-1.1?distro=opensuse-tumbleweed    TUMBLEWEED-curl      no
`

func TestHandChecked(t *testing.T) {
	var advisories []*vuln.Advisory
	for line := range strings.Lines(checkedAdvisories) {
		id, rest, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		what, ranges := rest[:strings.LastIndex(rest, " ")], rest[strings.LastIndex(rest, " ")+1:]
		eco, name, _ := strings.Cut(strings.TrimSpace(what), "|")
		typ := vuln.RangeEcosystem
		if slices.Contains([]string{"npm", "Go", "crates.io", "Hex", "Pub"}, eco) {
			typ = vuln.RangeSemver
		}
		a := &vuln.Advisory{ID: id, Affected: []vuln.Affected{{Ecosystem: eco, Name: name}}}
		for r := range strings.SplitSeq(ranges, ",") {
			from, to, _ := strings.Cut(r, "..")
			events := []vuln.Event{{Introduced: from}}
			if last, is := strings.CutPrefix(to, "="); is {
				events = append(events, vuln.Event{LastAffected: last})
			} else if to != "" {
				events = append(events, vuln.Event{Fixed: to})
			}
			a.Affected[0].Ranges = append(a.Affected[0].Ranges, vuln.Range{Type: typ, Events: events})
		}
		advisories = append(advisories, a)
	}
	db, err := vuln.NewDatabase(advisories, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if faults := db.Faults(); len(faults) > 0 {
		t.Fatal(faults[0].Advisory.ID, faults[0].Reason)
	}
	rows := 0
	for line := range strings.Lines(checked) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		rows++
		a := db.Assess(&sbom.Component{Name: "x", PURL: f[0]}, sbom.Distro{})
		got := "no"
		switch {
		case slices.ContainsFunc(a.Findings, func(x vuln.Finding) bool { return slices.Contains(x.Advisories, f[1]) }):
			got = "yes"
		case len(a.Unmatched) > 0:
			got = "?"
		}
		if got != f[2] {
			t.Errorf("%s by %s: %s, want %s (%+v)", f[0], f[1], got, f[2], a.Unmatched)
		}
	}
	if rows < 120 {
		t.Errorf("only %d rows", rows)
	}
	t.Logf("%d rows", rows)
}
