package index_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Components that come one by one have the keys that they have together, whichever of
// them the document keeps.
func TestCollector(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "a", "b\x00\x01", "pkg:npm/a@1", "pkg:npm/a@1?", "pkg:deb/debian/a@1", "pkg:deb/debian/a@1?distro=debian-12", "pkg:", "1", strings.Repeat("long", 1000)})
	component := rapid.Custom(func(t *rapid.T) sbom.Component {
		draw := func() string { return word.Draw(t, "word") }
		c := sbom.Component{Type: draw(), Group: draw(), Name: draw(), Version: draw(), PURL: draw(), Supplier: draw(), Source: sbom.SourcePackage{Name: draw(), Version: draw()}}
		for i := range rapid.SampledFrom([]int{0, 0, 1, 40}).Draw(t, "licences") { // enough of them for a key that is cut
			c.Licenses = append(c.Licenses, sbom.License{Expression: draw() + strings.Repeat("x", 2000+i)})
		}
		return c
	})
	rapid.Check(t, func(t *rapid.T) {
		d := &sbom.Document{Components: rapid.SliceOfN(component, 0, 8).Draw(t, "components")}
		d.Subject.OS = sbom.Distro{ID: word.Draw(t, "os"), VersionID: word.Draw(t, "release")}
		d.Subject.PURL, d.Subject.Name = word.Draw(t, "subject"), word.Draw(t, "name")
		want := index.KeysOf(d)
		var l index.Collector
		kept := *d
		kept.Components = nil
		for i := range d.Components {
			c := d.Components[i]
			if rapid.Bool().Draw(t, "kept") {
				kept.Components = append(kept.Components, c)
				continue
			}
			l.Add(&c)
		}
		if got := l.KeysOf(&kept); !slices.Equal(got, want) {
			t.Fatalf("%.300q, want %.300q", got, want)
		}
	})
}
