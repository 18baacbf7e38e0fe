package sbom_test

import (
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// Hexadecimal comes in lower case wherever in it a capital stands, and whatever else stands
// there.
func TestHashValue(t *testing.T) {
	const lower = "0123456789abcdef@[`{/:"
	for _, c := range []string{"A", "F", "Z", "@", "[", "a", "z", "\x00", "\x7f", "É", "İ", "\xff", ""} {
		for at := range len(lower) {
			s := lower[:at] + c + lower[at:]
			if got := sbom.HashValue(s); got != strings.ToLower(s) {
				t.Errorf("%q becomes %q", s, got)
			}
		}
	}
}
