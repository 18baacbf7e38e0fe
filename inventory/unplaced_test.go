package inventory_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

const openssl = `{"schema_version":"1.6.0","id":"DSA-0000-1","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Debian:12","name":"openssl"},
	"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.0.15-1~deb12u1"}]}]}]}`

// TestPackagesWithoutReleaseAreNotCleared: bom lists Debian's packages without the
// release and without their sources. libssl3 is built from openssl, which such a
// list does not show: its absence is no answer.
func TestPackagesWithoutReleaseAreNotCleared(t *testing.T) {
	b := builds[0]
	top, _, _ := b.digests(t)
	pod := fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: [{name: web, image: %q}]}}", b.name+"@"+top.String())
	sourced := strings.NewReplacer("deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64", "deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&upstream=openssl")
	for name, c := range map[string]struct {
		doc, advisory   string
		found           bool
		unknown, object string
	}{
		"syft":                 {string(generated(t, "syft/cellar.spdx")), openssl, true, "", ""},
		"bom":                  {string(generated(t, "bom/cellar.spdx")), openssl, false, "neither the release of debian nor the source packages of its 4 packages", "SBOM 0.json"},
		"bom JSON":             {string(generated(t, "bom/cellar.spdx.json")), openssl, false, "neither the release of debian nor the source packages of its 4 packages", "SBOM 0.json"},
		"another package":      {string(generated(t, "bom/cellar.spdx")), strings.Replace(openssl, `"openssl"`, `"zlib1g"`, 1), false, "the release of debian is not known", "pkg:deb/debian/zlib1g@1%3A1.2.13.dfsg-1?arch=amd64"},
		"another distribution": {string(generated(t, "bom/cellar.spdx")), strings.Replace(openssl, "Debian:12", "Alpine:v3.20", 1), false, "", ""},
		"another ecosystem":    {string(generated(t, "bom/cellar.spdx")), strings.Replace(openssl, "Debian:12", "npm", 1), false, "", ""},
		"sources, no release":  {sourced.Replace(string(generated(t, "bom/cellar.spdx"))), strings.Replace(openssl, `"openssl"`, `"curl"`, 1), false, "", ""},
		"source of that name":  {sourced.Replace(string(generated(t, "bom/cellar.spdx"))), openssl, false, "the release of debian is not known", "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&upstream=openssl"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := build(t, world{manifests: pod, sboms: []string{c.doc}, advisories: c.advisory}).Where(context.Background(), query(t, "DSA-0000-1"))
			if err != nil || a.Found != c.found || len(a.NotCovered) > 0 {
				t.Fatalf("found %v, not covered %v, %v", a.Found, a.NotCovered, err)
			}
			if c.unknown == "" {
				if len(a.Unknowns) > 0 {
					t.Errorf("unknowns: %+v", a.Unknowns)
				}
				return
			}
			if len(a.Unknowns) == 0 || !strings.Contains(a.Unknowns[0].Reason, c.unknown) || a.Unknowns[0].Object != c.object || len(a.Unknowns[0].Affects) != 1 {
				t.Errorf("unknowns: %+v", a.Unknowns)
			}
			if a.Coverage.ComponentsWithoutIdentity < 3 {
				t.Errorf("%d components without identity: no advisory can be compared with them", a.Coverage.ComponentsWithoutIdentity)
			}
		})
	}
}
