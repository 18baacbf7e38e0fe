package layout

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"pgregory.net/rapid"
)

// naiveGlob says the same by a regular expression.
func naiveGlob(pattern, name string) bool {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		case '[':
			j := i + 1
			if j < len(pattern) && pattern[j] == '!' {
				j++
			}
			if j < len(pattern) && pattern[j] == ']' {
				j++
			}
			for j < len(pattern) && pattern[j] != ']' {
				j++
			}
			if j >= len(pattern) {
				b.WriteString(`\[`)
				continue
			}
			set := pattern[i+1 : j]
			not := strings.HasPrefix(set, "!")
			set = strings.TrimPrefix(set, "!")
			var members []string
			for k := 0; k < len(set); {
				if k+2 < len(set) && set[k+1] == '-' {
					if set[k] <= set[k+2] {
						members = append(members, regexp.QuoteMeta(set[k:k+1])+"-"+regexp.QuoteMeta(set[k+2:k+3]))
					}
					k += 3
					continue
				}
				members = append(members, regexp.QuoteMeta(set[k:k+1]))
				k++
			}
			switch {
			case len(members) == 0 && not:
				b.WriteString(".")
			case len(members) == 0:
				b.WriteString(`[^\x00-\x{10FFFF}]`)
			case not:
				b.WriteString("[^" + strings.ReplaceAll(strings.Join(members, ""), "!", `\x21`) + "]")
			default:
				b.WriteString("[" + strings.ReplaceAll(strings.Join(members, ""), "^", `\x5e`) + "]")
			}
			i = j
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile(b.String() + `\z`).MatchString(name)
}

func TestGlobAgainstExpressions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab/*?[]!c")), 0, 8, -1).Draw(t, "pattern")
		name := rapid.StringOfN(rapid.SampledFrom([]rune("ab/[]!c")), 0, 8, -1).Draw(t, "name")
		if got, want := Glob(pattern, name), naiveGlob(pattern, name); got != want {
			t.Fatalf("%q of %q: %v, want %v", pattern, name, got, want)
		}
	})
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{{"*", "a/b", true}, {"[a-c]x", "bx", true}, {"[!a-c]x", "bx", false}, {"ä?", "äö", true}, {strings.Repeat("*a", 50), strings.Repeat("a", 5000) + "b", false}} {
		if got := Glob(c.pattern, c.name); got != c.want {
			t.Errorf("%q of %q: %v", c.pattern, c.name, got)
		}
	}
}

// naive applies rules as the specification tells it, with sets of names: it returns what
// breaks a rule.
func naive(rules []Rule, of *Link, products bool, links map[string]*Link) bool {
	side := of.Materials
	if products {
		side = of.Products
	}
	queue := slices.Collect(maps.Keys(side))
	for _, r := range rules {
		var consumed []string
		for _, n := range queue {
			fits := naiveGlob(r.Pattern, n)
			in, out := of.Materials[n], of.Products[n]
			switch r.Kind {
			case "ALLOW":
				if fits {
					consumed = append(consumed, n)
				}
			case "CREATE":
				if fits && in == nil && out != nil {
					consumed = append(consumed, n)
				}
			case "DELETE":
				if fits && in != nil && out == nil {
					consumed = append(consumed, n)
				}
			case "MODIFY":
				if fits && in != nil && out != nil && in["sha256"] != out["sha256"] {
					consumed = append(consumed, n)
				}
			case "DISALLOW":
				if fits {
					return false
				}
			case "MATCH":
				other := links[r.From].Materials
				if r.Products {
					other = links[r.From].Products
				}
				for there, d := range other {
					rest, from := n, there
					if r.In != "" {
						if !strings.HasPrefix(n, r.In+"/") {
							continue
						}
						rest = n[len(r.In)+1:]
					}
					if r.WithIn != "" {
						if !strings.HasPrefix(there, r.WithIn+"/") {
							continue
						}
						from = there[len(r.WithIn)+1:]
					}
					if rest == from && naiveGlob(r.Pattern, rest) && d["sha256"] == side[n]["sha256"] {
						consumed = append(consumed, n)
					}
				}
			}
		}
		if r.Kind == "REQUIRE" && !slices.Contains(queue, r.Pattern) {
			return false
		}
		queue = slices.DeleteFunc(queue, func(n string) bool { return slices.Contains(consumed, n) })
	}
	return true
}

func TestRulesAgainstTheSpecification(t *testing.T) {
	names := rapid.SampledFrom([]string{"a", "b", "d/a", "d/b", "e/a"})
	sides := rapid.Custom(func(t *rapid.T) Artifacts {
		out := Artifacts{}
		for _, n := range rapid.SliceOfNDistinct(names, 0, 4, rapid.ID).Draw(t, "names") {
			out[n] = map[string]string{"sha256": rapid.SampledFrom([]string{"0", "1"}).Draw(t, "digest")}
		}
		return out
	})
	links := rapid.Custom(func(t *rapid.T) *Link {
		return &Link{Materials: sides.Draw(t, "materials"), Products: sides.Draw(t, "products")}
	})
	rule := rapid.Custom(func(t *rapid.T) Rule {
		folder := rapid.SampledFrom([]string{"", "d", "e"})
		r := Rule{Kind: rapid.SampledFrom([]string{"ALLOW", "DISALLOW", "REQUIRE", "CREATE", "DELETE", "MODIFY", "MATCH"}).Draw(t, "kind"), Pattern: rapid.SampledFrom([]string{"*", "a", "d/*", "?", "e/a", "[!a]"}).Draw(t, "pattern")}
		if r.Kind == "MATCH" {
			r.In, r.WithIn, r.Products, r.From = folder.Draw(t, "in"), folder.Draw(t, "with"), rapid.Bool().Draw(t, "products"), "other"
		}
		return r
	})
	property := func(t *rapid.T) (kept bool) {
		of, all := links.Draw(t, "link"), map[string]*Link{"other": links.Draw(t, "other")}
		list, products := rapid.SliceOfN(rule, 0, 6).Draw(t, "rules"), rapid.Bool().Draw(t, "side")
		why := apply(list, of, products, all)
		if want := naive(list, of, products, all); want != (why == "") {
			t.Fatalf("%v: %q, want %v", list, why, want)
		}
		return why == ""
	}
	rapid.Check(t, func(t *rapid.T) { property(t) })
	// That both are drawn is told by draws that are the same each time.
	n := map[bool]int{}
	for seed := range 50 {
		n[rapid.Custom(property).Example(seed)]++
	}
	if n[true] < 5 || n[false] < 5 {
		t.Errorf("%d kept, %d broken: too few to tell", n[true], n[false])
	}
}

func TestParseRule(t *testing.T) {
	for _, text := range []string{"ALLOW *", "DISALLOW a/*", "REQUIRE a", "MATCH * WITH PRODUCTS FROM s", "MATCH *.go IN src WITH MATERIALS IN other/src FROM s"} {
		r, err := parseRule(strings.Fields(text))
		if err != nil || r.String() != text {
			t.Errorf("%q: %v %v", text, r, err)
		}
	}
	if r, err := parseRule(strings.Fields("match * with products from s")); err != nil || r.Kind != "MATCH" || !r.Products {
		t.Errorf("in small letters: %v %v", r, err)
	}
	for _, text := range []string{"", "ALLOW", "ALLOW a b", "MATCH *", "MATCH * WITH s", "MATCH * WITH PRODUCTS", "MATCH * WITH PRODUCTS FROM", "MATCH * IN WITH PRODUCTS FROM s", "MATCH * WITH PRODUCTS FROM a b", "PERMIT *"} {
		if r, err := parseRule(strings.Fields(text)); err == nil {
			t.Errorf("%q: %v", text, r)
		}
	}
}

// TestCanonical: the form that is signed is that of in-toto's own library.
func TestCanonical(t *testing.T) {
	value := rapid.Deferred(func() *rapid.Generator[any] { return anyValue(3) })
	rapid.Check(t, func(t *rapid.T) {
		v := value.Draw(t, "v")
		got, err := canonical(v)
		want, otherErr := cjson.EncodeCanonical(v)
		if err != nil || otherErr != nil || string(got) != string(want) {
			t.Fatalf("%q, want %q: %v %v", got, want, err, otherErr)
		}
	})
	if _, err := canonical(map[string]any{"a": fraction("1.5")}); err == nil {
		t.Error("a fraction has a form")
	}
}

func anyValue(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.Int64Range(-1<<50, 1<<50), func(n int64) any { return n }),
		rapid.Map(rapid.StringN(0, 6, -1), func(s string) any { return s }))
	if depth == 0 {
		return leaf
	}
	in := anyValue(depth - 1)
	return rapid.OneOf(leaf, rapid.Map(rapid.SliceOfN(in, 0, 3), func(l []any) any { return l }), rapid.Map(rapid.MapOfN(rapid.StringN(0, 4, -1), in, 0, 3), func(m map[string]any) any { return m }))
}
