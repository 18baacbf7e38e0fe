package patch

import (
	"strings"
	"unicode"
)

// Comment returns a line of YAML that says why a document is there. What does not
// print is replaced, so that a foreign name in it cannot end the comment.
func Comment(why string) []byte {
	return []byte("# " + strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, why) + "\n")
}
