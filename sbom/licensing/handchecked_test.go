package licensing_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/licensing"
)

// handChecked are components of real documents, each judged by hand: its licence's text read for family
// and obligations where the product is distributed, and its name for whether it implements
// cryptography. FILE POINTER COMPONENT | LICENCE | FAMILIES | VERDICT | OBLIGATIONS of LICENCE, where one is
// looked at | crypto or no.
const handChecked = `
alpine-spdx.json /packages/0 alpine-baselayout@3.2.0-r22 | GPL-2.0-only | strong-copyleft | restricted | notice changes source share-alike | no
alpine-spdx.json /packages/5 ca-certificates-bundle@20220614-r0 | MPL-2.0 | weak-copyleft, permissive | restricted | notice source-file | no
alpine-spdx.json /packages/7 libcrypto1.1@1.1.1q-r0 | OpenSSL | permissive | allowed | notice no-endorsement advertising | crypto
alpine-spdx.json /packages/13 zlib@1.2.12-r3 | Zlib | permissive | allowed | notice changes | no
oci-spdx.json /packages/8 libcrypto3@3.0.7-r0 | Apache-2.0 | permissive | allowed | notice changes notice-file | crypto
oci-spdx.json /packages/11 musl-utils@1.2.3-r4 | BSD-2-Clause | permissive, strong-copyleft | restricted | notice | no
photon.spdx.json /packages/2 bash@4.4.18-4.ph3 | | unknown | unknown | | no
photon.spdx.json /packages/20 libssh2@1.9.0-2.ph3 | | | | | crypto
photon.spdx.json /packages/25 openssl@1.0.2ze-3.ph3 | OpenSSL | permissive | allowed | notice no-endorsement advertising | crypto
perl-Mojolicious.spdx.json /@graph/7 perl-Mojolicious@9.470.0 | Artistic-2.0 | weak-copyleft | restricted | notice changes source-file | no
examplemaven-0.0.1-enriched.spdx3.json /@graph/52 JUnit@3.8.1 | CPL-1.0 | weak-copyleft | restricted | notice source-file | no
examplemaven-0.0.1-enriched.spdx3.json /@graph/48 Apache Log4j Core | | | unknown | | no
big-mongo-cyclonedx.json /components/4 bash@5.0-6ubuntu1.2 | GPL-3.0-only | strong-copyleft | restricted | notice changes source share-alike | no
big-mongo-cyclonedx.json /components/112 golang.org/x/crypto@v0.0.0-20220622213112-05595931fe9d | | | | | crypto
big-mongo-cyclonedx.json /components/189 libcurl4@7.68.0-1ubuntu2.13 | BSD-4-Clause | permissive | allowed | notice no-endorsement advertising | no
big-mongo-cyclonedx.json /components/196 libgcrypt20@1.8.5-5ubuntu1.1 | | | | | crypto
big-mongo-cyclonedx.json /components/241 libseccomp2@2.5.1-1ubuntu1~20.04.2 | LGPL-2.1-only | weak-copyleft | restricted | notice changes source-file relink | no
big-mongo-cyclonedx.json /components/252 libsystemd0@245.4-4ubuntu3.18 | CC0-1.0 | public-domain, strong-copyleft, weak-copyleft | restricted | | no
big-mongo-cyclonedx.json /components/282 publicsuffix@20200303.0012-1 | MPL-2.0 | weak-copyleft | restricted | notice source-file | no
big-mongo-cyclonedx.json /components/288 tzdata@2022c-0ubuntu0.20.04.0 | ICU | permissive | allowed | notice no-endorsement | no
quarkus-deps-cyclonedx.json /components/5 org.reactivestreams/reactive-streams@1.0.3 | CC0-1.0 | public-domain | allowed | | no
quarkus-deps-cyclonedx.json /components/48 jakarta.el/jakarta.el-api@3.0.3 | EPL-2.0 | weak-copyleft | restricted | notice source-file | no
quarkus-deps-cyclonedx.json /components/72 org.glassfish/jakarta.json@1.1.6 | | | unknown | | no
quarkus-deps-cyclonedx.json /components/90 org.graalvm.sdk/graal-sdk@22.3.0 | UPL-1.0 | permissive | allowed | notice | no
`

// TestHandChecked: what is said of licences and of cryptography in real documents, row by row.
func TestHandChecked(t *testing.T) {
	root := corpus.Root(t)
	folders := []string{"sbom/guac-exampledata/internal/testing/testdata/exampledata", "sbom/sbomqs-testdata/samples", "sbom/sbomqs-testdata/spdx3"}
	reports := map[string]*licensing.Report{}
	judged := func(file string) *licensing.Report {
		if r := reports[file]; r != nil {
			return r
		}
		var raw []byte
		for _, dir := range folders {
			if b, err := os.ReadFile(filepath.Join(root, dir, file)); err == nil {
				raw = b
			}
		}
		if raw == nil {
			t.Fatalf("%s is not among the documents", file)
		}
		docs, err := decode.Bytes(context.Background(), file, raw, decode.Limits{Details: true})
		if err != nil {
			t.Fatal(err)
		}
		r, err := licensing.Judge(context.Background(), []*sbom.Document{docs[0]}, licensing.Options{})
		if err != nil {
			t.Fatal(err)
		}
		reports[file] = r
		return r
	}
	rows := 0
	for line := range strings.Lines(handChecked) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 6 {
			continue
		}
		rows++
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		where := strings.SplitN(f[0], " ", 3)
		r := judged(where[0])
		i := slices.IndexFunc(r.Components, func(c licensing.Row) bool { return c.Pointer == where[1] })
		if i < 0 {
			t.Errorf("%s: nothing is judged there", f[0])
			continue
		}
		c := &r.Components[i]
		if c.Component != where[2] || f[2] != "" && c.Families != f[2] || f[3] != "" && c.Verdict.String() != f[3] {
			t.Errorf("%s: %q is %q, %s; want %q, %s", f[0], c.Component, c.Families, c.Verdict, f[2], f[3])
		}
		if f[1] != "" {
			asks := ""
			for _, o := range r.Obligations {
				if o.License == f[1] && slices.Contains(o.Components, c.Component) {
					asks = strings.Join(o.Obligations, " ")
				}
			}
			if asks != f[4] {
				t.Errorf("%s: %s asks for %q, want %q", f[0], f[1], asks, f[4])
			}
		}
		hint := slices.ContainsFunc(r.ExportHints, func(h licensing.ExportHint) bool { return h.Pointer == where[1] })
		if hint != (f[5] == "crypto") {
			t.Errorf("%s: tagged for cryptography: %t", f[0], hint)
		}
	}
	if rows < 20 {
		t.Errorf("%d rows", rows)
	}
	// What depends on the GPL with the Classpath exception may be under other terms.
	for _, c := range judged("quarkus-deps-cyclonedx.json").Conflicts {
		if strings.Contains(c.ToLicense, "classpath") {
			t.Errorf("%s (%s) needs %s (%s): no conflict, by the exception", c.From, c.FromLicense, c.To, c.ToLicense)
		}
	}
}
