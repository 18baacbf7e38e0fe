// Package glob matches names against patterns as policies write them: * stands for
// any characters but a slash, ** for any characters, everything else for itself.
//
//	glob.Match("registry.example/shop/*", "registry.example/shop/web:1")
//
// It knows no files, no character classes and no references of images.
package glob

import "strings"

// Match reports whether the whole of s matches. It takes time in proportion to the
// product of the lengths at most.
func Match(pattern, s string) bool {
	first := strings.IndexByte(pattern, '*')
	if first < 0 {
		return pattern == s
	}
	last := strings.LastIndexByte(pattern, '*') + 1
	s, ok := strings.CutPrefix(s, pattern[:first])
	if !ok {
		return false
	}
	if s, ok = strings.CutSuffix(s, pattern[last:]); !ok {
		return false
	}
	switch pattern = pattern[first:last]; pattern {
	case "*":
		return !strings.Contains(s, "/")
	case "**":
		return true
	}
	return general(pattern, s)
}

// general keeps the set of prefixes of s that the pattern so far can have matched.
func general(pattern, s string) bool {
	at := make([]bool, len(s)+1)
	at[0] = true
	for pattern != "" {
		switch {
		case strings.HasPrefix(pattern, "**"):
			pattern = pattern[2:]
			for i, before := 0, false; i <= len(s); i++ {
				before = before || at[i]
				at[i] = before
			}
		case pattern[0] == '*':
			pattern = pattern[1:]
			for i := 1; i <= len(s); i++ {
				at[i] = at[i] || at[i-1] && s[i-1] != '/'
			}
		default:
			for i := len(s); i > 0; i-- {
				at[i] = at[i-1] && s[i-1] == pattern[0]
			}
			at[0] = false
			pattern = pattern[1:]
		}
	}
	return at[len(s)]
}
