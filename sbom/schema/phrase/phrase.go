package phrase

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// maxQuoted is the number of runes of a foreign value that a message repeats: enough to recognise a hash or a URL.
const maxQuoted = 80

// maxListed is the number of alternatives that a message lists in full; the SPDX licence list has 800.
const maxListed = 12

// Quote returns s in double quotes, with control characters escaped and at most 80 runes of it.
func Quote(s string) string {
	n := 0
	for i := range s {
		if n == maxQuoted {
			return strconv.Quote(s[:i]) + "…"
		}
		n++
	}
	return strconv.Quote(s)
}

// OneOf words a list of alternatives: `"a"`, or `one of "a", "b"`, shortened with the total where there are many.
func OneOf(values []string) string {
	if len(values) == 1 {
		return Quote(values[0])
	}
	var b strings.Builder
	b.WriteString("one of ")
	for i, v := range values {
		if i == maxListed {
			fmt.Fprintf(&b, ", … (%d values)", len(values))
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(Quote(v))
	}
	return b.String()
}

// Or joins words as "a", "a or b", "a, b or c".
func Or(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// DidYouMean returns `; did you mean "x"?` when one of values is near found, and otherwise nothing.
func DidYouMean(found string, values []string) string {
	if v, ok := Nearest(found, values); ok {
		return "; did you mean " + Quote(v) + "?"
	}
	return ""
}

// Nearest returns the allowed value that found probably stands for: equal but for case and punctuation, or one edit
// away. Values longer than 64 bytes are never near.
func Nearest(found string, values []string) (string, bool) {
	const maxLen = 64
	if found == "" || len(found) > maxLen {
		return "", false
	}
	f := fold(found)
	near := ""
	for _, v := range values {
		if len(v) > maxLen {
			continue
		}
		g := fold(v)
		if f != "" && f == g {
			return v, true
		}
		if near == "" && len(f) > 3 && oneEdit(f, g) {
			near = v
		}
	}
	return near, near != ""
}

// fold drops case and everything but letters and digits.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// oneEdit reports whether a becomes b by one insertion, deletion or substitution of a byte.
func oneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return i < len(a) && a[i+1:] == b[i+1:]
	}
	return a[i:] == b[i+1:]
}
