package quality

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// TestNamesAreComparedFolded: what is decided without folding names is what folding them says.
func TestNamesAreComparedFolded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{"%", "2", "f", "a", "B", "/", "-", "40", "%2f", "."}), 0, 4)
		draw := func(what string) string { return strings.Join(pieces.Draw(t, what), "") }
		p := vuln.PURL{Namespace: draw("namespace"), Name: draw("name"), Subpath: draw("subpath")}
		c := &sbom.Component{Group: draw("group"), Name: draw("own name")}
		if rapid.Bool().Draw(t, "ends with it") {
			c.Name += p.Name
		}
		name, full, own := fold(c.Group+c.Name), fold(p.FullName()+p.Subpath), fold(c.Name)
		want := strings.EqualFold(p.Name, c.Name) || strings.HasSuffix(full, own) || strings.HasSuffix(name, fold(p.Name)) || strings.HasSuffix(own, full)
		if sameName(p, c) != want {
			t.Fatalf("%s and %q in group %q: %t", p, c.Name, c.Group, !want)
		}
	})
}
