//go:build unix

package syft_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom/syft"
)

func BenchmarkDecode(b *testing.B) {
	corpus.Throughput(b, grown(10_000), "sbom", `"artifacts"`, func(data []byte) error {
		_, err := syft.Decode(context.Background(), data, syft.Options{})
		return err
	})
}

// grown is a document of n Debian packages with what syft writes beside them: the
// files of a package, which are most of the bytes, and the relationships to them.
func grown(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"artifacts":[`)
	for i := range n {
		fmt.Fprintf(&b, `%.*s
  {"id": "%016x", "name": "lib%d", "version": "1.%d-1+deb12u1", "type": "deb", "foundBy": "dpkg-db-cataloger",
   "locations": [{"path": "/usr/share/doc/lib%d/copyright", "layerID": "sha256:`+layerHex+`"}, {"path": "/var/lib/dpkg/status", "layerID": "sha256:`+layerHex+`"}],
   "licenses": [{"value": "GPL-2.0-or-later", "spdxExpression": "GPL-2.0-or-later", "type": "declared", "urls": [], "locations": []}], "language": "",
   "cpes": [{"cpe": "cpe:2.3:a:lib%d:lib%d:1.%d-1\\+deb12u1:*:*:*:*:*:*:*", "source": "syft-generated"}], "purl": "pkg:deb/debian/lib%d@1.%d-1%%2Bdeb12u1?arch=amd64&distro=debian-12",
   "metadataType": "dpkg-db-entry", "metadata": {"package": "lib%d", "source": "src%d", "version": "1.%d-1+deb12u1", "maintainer": "A Team <team@example.org>",
    "files": [`, min(i, 1), ",", i, i, i, i, i, i, i, i, i, i, i/2, i)
		for f := range 8 {
			fmt.Fprintf(&b, `%.*s{"path": "/usr/lib/x86_64-linux-gnu/lib%d/file%d", "digest": {"algorithm": "md5", "value": "4b1e2a0d9c6f83b7a5d0e2f1c3b49687"}, "isConfigFile": false}`, min(f, 1), ",", i, f)
		}
		b.WriteString("]}}")
	}
	b.WriteString(`], "artifactRelationships": [`)
	for i := range n {
		fmt.Fprintf(&b, `%.*s{"parent": "%016x", "child": "%016x", "type": "dependency-of"}, {"parent": "%016x", "child": "f%015x", "type": "evident-by"}`, min(i, 1), ",", i, (i+1)%n, i, i)
	}
	b.WriteString(`], "source": {"type": "image", "metadata": {"userInput": "registry.example/shop/web:1.4"}}, "schema": {"version": "16.0.0"}}`)
	return []byte(b.String())
}
