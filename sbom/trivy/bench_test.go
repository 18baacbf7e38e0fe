//go:build unix

package trivy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom/trivy"
)

func BenchmarkDecode(b *testing.B) {
	corpus.Throughput(b, grown(10_000), "sbom/trivy-testdata", `"Packages"`, func(data []byte) error {
		_, err := trivy.Decode(context.Background(), data, trivy.Options{})
		return err
	})
}

// grown is a report of n Debian packages as Trivy writes them, with findings in it.
func grown(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"SchemaVersion": 2, "ArtifactType": "container_image", "Results": [{"Target": "web (debian 12.5)", "Class": "os-pkgs", "Type": "debian", "Packages": [`)
	for i := range n {
		fmt.Fprintf(&b, `%.*s
        {
          "ID": "lib%d@1.%d-1",
          "Name": "lib%d",
          "Identifier": {
            "PURL": "pkg:deb/debian/lib%d@1.%d-1?arch=amd64\u0026distro=debian-12.5",
            "UID": "%016x"
          },
          "Version": "1.%d",
          "Release": "1",
          "Arch": "amd64",
          "SrcName": "src%d",
          "SrcVersion": "1.%d",
          "SrcRelease": "1",
          "Licenses": [
            "GPL-2.0-or-later",
            "BSD-3-Clause"
          ],
          "Maintainer": "A Team \u003cteam@example.org\u003e",
          "DependsOn": [
            "lib%d@1.%d-1"
          ],
          "Layer": {
            "Digest": "sha256:`+layerHex+`",
            "DiffID": "sha256:`+layerHex+`"
          },
          "InstalledFiles": [
            "/usr/lib/x86_64-linux-gnu/lib%d.so.1",
            "/usr/share/doc/lib%d/copyright"
          ]
        }`, min(i, 1), ",", i, i, i, i, i, i, i, i/2, i, i/2, i/2, i, i)
	}
	b.WriteString(`], "Vulnerabilities": [`)
	for i := range n / 10 {
		fmt.Fprintf(&b, `%.*s{"VulnerabilityID": "CVE-2020-%d", "PkgID": "lib%d@1.%d-1", "Severity": "LOW", "Description": "%s", "References": ["https://advisories.example/%d"]}`, min(i, 1), ",", i, i, i, strings.Repeat("A long text. ", 40), i)
	}
	b.WriteString(`]}]}`)
	return []byte(b.String())
}
