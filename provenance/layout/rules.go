package layout

import (
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Rule is an artifact rule (in-toto specification v1.0, section 4.3.3).
type Rule struct {
	Kind    string // ALLOW, DISALLOW, REQUIRE, CREATE, DELETE, MODIFY, MATCH
	Pattern string // a glob; of REQUIRE a name
	// Of MATCH: the folder that the files lie in here, and there; whether they are held
	// against what went into the other step or what came out of it; and that step.
	In, WithIn string
	Products   bool
	From       string
}

// String is the rule as a layout writes it.
func (r Rule) String() string {
	s := r.Kind + " " + r.Pattern
	if r.Kind != "MATCH" {
		return s
	}
	if r.In != "" {
		s += " IN " + r.In
	}
	s += " WITH "
	if r.Products {
		s += "PRODUCTS"
	} else {
		s += "MATERIALS"
	}
	if r.WithIn != "" {
		s += " IN " + r.WithIn
	}
	return s + " FROM " + r.From
}

func parseRule(words []string) (Rule, error) {
	bad := func() (Rule, error) {
		return Rule{}, ident.Errorf(ident.KindInvalid, "%.200q is no artifact rule", strings.Join(words, " "))
	}
	if len(words) < 2 || words[1] == "" {
		return bad()
	}
	r := Rule{Kind: strings.ToUpper(words[0]), Pattern: words[1]}
	switch r.Kind {
	case "ALLOW", "DISALLOW", "REQUIRE", "CREATE", "DELETE", "MODIFY":
		if len(words) != 2 {
			return bad()
		}
		return r, nil
	case "MATCH":
	default:
		return bad()
	}
	rest := words[2:]
	next := func(word string) bool {
		if len(rest) > 0 && strings.EqualFold(rest[0], word) {
			rest = rest[1:]
			return true
		}
		return false
	}
	folder := func(into *string) bool {
		if !next("IN") {
			return true
		}
		if len(rest) == 0 || rest[0] == "" {
			return false
		}
		*into, rest = rest[0], rest[1:]
		return true
	}
	if !folder(&r.In) || !next("WITH") {
		return bad()
	}
	switch {
	case next("PRODUCTS"):
		r.Products = true
	case next("MATERIALS"):
	default:
		return bad()
	}
	if !folder(&r.WithIn) || !next("FROM") || len(rest) != 1 || rest[0] == "" {
		return bad()
	}
	r.From = rest[0]
	return r, nil
}

// apply holds one side of a link against its rules: of products where products is set, of
// materials otherwise. links are those of all steps. The rules stand in a row: each takes
// the files away that it permits; DISALLOW refuses what it finds left, REQUIRE what it
// does not find. What no rule speaks of is permitted, as the specification has it. It
// returns "" or what is wrong.
func apply(rules []Rule, of *Link, products bool, links map[string]*Link) string {
	side, what := of.Materials, "went in"
	if products {
		side, what = of.Products, "came out"
	}
	left := map[string]bool{}
	for name := range side {
		left[name] = true
	}
	for _, r := range rules {
		var found []string
		for _, name := range slices.Sorted(maps.Keys(left)) {
			if r.Kind == "MATCH" || Glob(path.Clean(r.Pattern), name) {
				found = append(found, name)
			}
		}
		switch r.Kind {
		case "DISALLOW":
			if len(found) > 0 {
				return quoted(found[0]) + " " + what + ", which " + r.String() + " forbids"
			}
			continue
		case "REQUIRE":
			if !left[path.Clean(r.Pattern)] {
				return quoted(r.Pattern) + " is not among what " + what + ", which " + r.String() + " asks for"
			}
			continue
		}
		for _, name := range found {
			if r.permits(name, side, of, links) {
				delete(left, name)
			}
		}
	}
	return ""
}

// permits reports whether a file that the pattern finds is taken away by a rule.
func (r *Rule) permits(name string, side Artifacts, of *Link, links map[string]*Link) bool {
	in, wasIn := of.Materials[name]
	out, isOut := of.Products[name]
	switch r.Kind {
	case "ALLOW":
		return true
	case "CREATE":
		return isOut && !wasIn
	case "DELETE":
		return wasIn && !isOut
	case "MODIFY":
		return wasIn && isOut && !maps.Equal(in, out)
	}
	// MATCH: below a folder here, the same below a folder there.
	rest := name
	if r.In != "" {
		var below bool
		if rest, below = strings.CutPrefix(name, strings.TrimSuffix(path.Clean(r.In), "/")+"/"); !below {
			return false
		}
	}
	there := links[r.From]
	if there == nil || !Glob(path.Clean(r.Pattern), rest) {
		return false
	}
	with := there.Materials
	if r.Products {
		with = there.Products
	}
	at := rest
	if r.WithIn != "" {
		at = path.Join(r.WithIn, rest)
	}
	digests, is := with[path.Clean(at)]
	return is && maps.Equal(digests, side[name])
}

// Glob reports whether a pattern is a name's, as in-toto has it: * is anything, slashes
// too, ? one character, [a-z] and [!a-z] one of a set. A bracket that nothing closes is
// itself.
func Glob(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	if !utf8.ValidString(pattern) || !utf8.ValidString(name) {
		return pattern == name
	}
	pi, ni := 0, 0
	star, mark := -1, 0 // the last * and how much of the name it has
	for ni < len(n) {
		if pi < len(p) {
			if p[pi] == '*' {
				star, mark = pi, ni
				pi++
				continue
			}
			if width, ok := one(p[pi:], n[ni]); ok {
				pi += width
				ni++
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark++
		pi, ni = star+1, mark
	}
	for pi < len(p) && p[pi] == '*' {
		pi++
	}
	return pi == len(p)
}

// one matches a single character with the beginning of a pattern, and says how much of
// the pattern that was.
func one(p []rune, c rune) (int, bool) {
	switch p[0] {
	case '?':
		return 1, true
	case '[':
		i := 1
		not := i < len(p) && p[i] == '!'
		if not {
			i++
		}
		end := i
		if end < len(p) && p[end] == ']' { // the first stands for itself
			end++
		}
		for end < len(p) && p[end] != ']' {
			end++
		}
		if end >= len(p) {
			break
		}
		in := false
		for i < end {
			if i+2 < end && p[i+1] == '-' {
				in = in || p[i] <= c && c <= p[i+2]
				i += 3
				continue
			}
			in = in || p[i] == c
			i++
		}
		return end + 1, in != not
	}
	return 1, p[0] == c
}

func quoted(s string) string {
	const most = 120
	if len(s) > most {
		s = s[:most] + "…"
	}
	return "\"" + s + "\""
}
