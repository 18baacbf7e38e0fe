package phrase_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom/schema/phrase"
)

func Example() {
	allowed := []string{"MD5", "SHA-1", "SHA-256"}
	fmt.Printf("must be %s, found %s%s\n", phrase.OneOf(allowed), phrase.Quote("SHA1"), phrase.DidYouMean("SHA1", allowed))
	// Output: must be one of "MD5", "SHA-1", "SHA-256", found "SHA1"; did you mean "SHA-1"?
}

func TestNearest(t *testing.T) {
	allowed := []string{"Apache-2.0", "MIT", "library", "framework"}
	for _, c := range []struct{ found, want string }{
		{"apache 2.0", "Apache-2.0"},
		{"libary", "library"},
		{"librarys", "library"},
		{"mit", "MIT"},
		{"MIX", ""}, // three letters: one edit away from too much
		{"", ""},
		{"---", ""},
		{"application", ""},
	} {
		got, ok := phrase.Nearest(c.found, allowed)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("Nearest(%q) = %q, %v, want %q", c.found, got, ok, c.want)
		}
	}
}

func TestBounds(t *testing.T) {
	if q := phrase.Quote(strings.Repeat("é", 500) + "\n"); len([]rune(q)) > 90 {
		t.Errorf("Quote returned %d runes", len([]rune(q)))
	}
	many := make([]string, 800)
	for i := range many {
		many[i] = fmt.Sprint("value-", i)
	}
	if s := phrase.OneOf(many); !strings.HasSuffix(s, "(800 values)") || len(s) > 300 {
		t.Errorf("OneOf of 800 values: %s", s)
	}
	if s := phrase.Or([]string{"a", "b", "c"}); s != "a, b or c" {
		t.Errorf("Or = %q", s)
	}
}
