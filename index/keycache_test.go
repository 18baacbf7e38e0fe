package index_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// A cache gives the keys that are made without it, whatever came before and however
// little fits.
func TestKeyCache(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "a", "b", "ab", "pkg:npm/a@1", "pkg:deb/debian/a@1?arch=amd64", "file", "1"})
	component := rapid.Custom(func(t *rapid.T) sbom.Component {
		draw := func() string { return word.Draw(t, "word") }
		c := sbom.Component{Type: draw(), Group: draw(), Name: draw(), Version: draw(), PURL: draw(), Supplier: draw(), Source: sbom.SourcePackage{Name: draw(), Version: draw()}}
		for range rapid.IntRange(0, 2).Draw(t, "lists") {
			c.CPEs = append(c.CPEs, draw())
			c.Licenses = append(c.Licenses, sbom.License{Expression: draw(), Kind: sbom.LicenseKind(rapid.IntRange(0, 2).Draw(t, "kind")), Name: rapid.Bool().Draw(t, "name")}) //nolint:gosec // a kind
			c.Hashes = append(c.Hashes, sbom.Hash{Algorithm: rapid.SampledFrom([]string{"SHA-1", "other"}).Draw(t, "algorithm"), Value: rapid.SampledFrom([]string{"0b", "0c", "x"}).Draw(t, "value")})
		}
		return c
	})
	rapid.Check(t, func(t *rapid.T) {
		remembered := rapid.SliceOfN(component, 1, 3).Draw(t, "remembered")
		known := make([]sbom.Known, len(remembered))
		for i := range known {
			known[i].Component = remembered[i]
		}
		cache := index.NewKeyCache(rapid.SampledFrom([]int{0, 10_000, 1 << 20}).Draw(t, "bytes"))
		for range rapid.IntRange(1, 20).Draw(t, "documents") {
			d := &sbom.Document{Components: rapid.SliceOfN(component, 0, 6).Draw(t, "components")}
			for i := range rapid.IntRange(0, 3).Draw(t, "seen before") {
				c := known[i%len(known)].Component
				c.Known = &known[i%len(known)]
				if rapid.IntRange(0, 3).Draw(t, "changed since") == 0 {
					c.Supplier = word.Draw(t, "supplier")
					c.Licenses = nil
				}
				d.Components = append(d.Components, c)
			}
			d.Subject.OS = sbom.Distro{ID: word.Draw(t, "os"), VersionID: word.Draw(t, "release")}
			if got, want := cache.KeysOf(d), index.KeysOf(d); !slices.Equal(got, want) {
				t.Fatalf("%q, want %q", got, want)
			}
		}
	})
}
