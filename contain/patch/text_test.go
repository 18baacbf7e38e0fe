package patch

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

// TestAppendYAML holds the text of random trees against the text that the field's
// library writes, and reads it back; where a text has to be quoted in another way
// reading back is what counts.
func TestAppendYAML(t *testing.T) {
	same, total := 0, 0
	words := rapid.SampledFrom([]string{"", "app", "matchLabels", "true", "No", "null", "~", "1", "0x1f", "1e3", ".inf", "2026-11-21", "a: b", "a #b", "- x", "-", "{}", "*a", "&a", "!t",
		"kubernetes.io/metadata.name", "api-7c9", "pkg:golang/x@v1", "with\nline", "tab\t", " lead", "trail ", "'", "\"", "\\", "é", "\u2028", "<&>", "%", "@", "`", "y", "=", "<<", "a,b", "[a"})
	text := rapid.OneOf(words, rapid.String(), rapid.StringMatching(`[a-z0-9./_-]{1,70}`), rapid.StringMatching(`[a-z ]{60,200}`))
	var tree func(depth int) *rapid.Generator[any]
	tree = func(depth int) *rapid.Generator[any] {
		return rapid.Custom(func(t *rapid.T) any {
			switch k := rapid.IntRange(0, 5).Draw(t, "kind"); {
			case depth > 0 && k < 2:
				m := make(map[string]any)
				for range rapid.IntRange(0, 4).Draw(t, "entries") {
					m[text.Draw(t, "key")] = tree(depth-1).Draw(t, "value")
				}
				return m
			case depth > 0 && k < 4:
				l := []any{}
				for range rapid.IntRange(0, 3).Draw(t, "items") {
					l = append(l, tree(depth-1).Draw(t, "item"))
				}
				return l
			case k == 4:
				return rapid.IntRange(-5, 70000).Draw(t, "number")
			}
			return text.Draw(t, "text")
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		m := map[string]any{"kind": "Policy", "spec": tree(4).Draw(t, "tree")}
		got, err := appendYAML(nil, m, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := yaml.Marshal(m); err == nil { // it cannot write control characters
			total++
			if string(got) == string(want) {
				same++
			}
		}
		var a, b any
		if err := yaml.Unmarshal(got, &a); err != nil {
			t.Fatalf("%v\n%s", err, got)
		}
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &b); err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%v\n%s\nis read otherwise than\n%s", err, got, raw)
		}
	})
	if same*2 < total {
		t.Errorf("%d of %d texts are those of the library", same, total)
	}
	if _, err := appendYAML(nil, map[string]any{"a": 1.5}, 0, false); err == nil {
		t.Error("a fraction was written")
	}
}
