package note_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

func Example() {
	n := note.Note{Name: note.Group, Value: "org.apache"}
	fmt.Println(n.Line())
	var c sbom.Component
	fmt.Println(note.Fill(&c, n), c.Group)
	c.Group = "other"
	fmt.Println(note.Fill(&c, n), c.Group)
	// Output:
	// cofferdam:sbom:group=org.apache
	// true org.apache
	// false other
}

func TestLinesAndPartsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := note.Note{Name: rapid.StringMatching(`[a-z:]{1,10}`).Draw(t, "name"), Value: rapid.String().Draw(t, "value")}
		line := n.Line()
		if got, ok := note.Parse(line); !ok || got != n || strings.ContainsAny(line, "\n\r") {
			t.Fatalf("%q is read as %q", line, got)
		}
		parts := rapid.SliceOfN(rapid.String(), 1, 4).Draw(t, "parts")
		if got := note.Split(note.Join(parts...), len(parts)); !slices.Equal(got, parts) {
			t.Fatalf("%q is read as %q", parts, got)
		}
		l := sbom.License{Expression: parts[0], Kind: sbom.LicenseKind(rapid.IntRange(0, 2).Draw(t, "kind")), Name: rapid.Bool().Draw(t, "name")}
		if got := note.OfLicense(l).AsLicense(); got != l {
			t.Fatalf("%+v is read as %+v", l, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("cofferdam:sbom:layer=sha256:00")
	f.Add(`cofferdam:sbom:hash=a\`)
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := note.Parse(s)
		if !ok {
			return
		}
		var c sbom.Component
		note.Fill(&c, n)
		var sub sbom.Subject
		note.Identity(&sub, n)
		if again, ok := note.Parse(n.Line()); !ok || again != n {
			t.Errorf("%q, then %q", n, again)
		}
	})
}
