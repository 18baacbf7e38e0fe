package patch

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

// yamlTrees draws trees of maps, lists, whole numbers and texts, as deep as depth. The
// keys of a map of several entries are drawn from keys, a lone key from text.
func yamlTrees(text, keys *rapid.Generator[string], depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		switch k := rapid.IntRange(0, 5).Draw(t, "kind"); {
		case depth > 0 && k < 2:
			m := make(map[string]any)
			entries, key := rapid.IntRange(0, 4).Draw(t, "entries"), keys
			if entries == 1 {
				key = text
			}
			for range entries {
				m[key.Draw(t, "key")] = yamlTrees(text, keys, depth-1).Draw(t, "value")
			}
			return m
		case depth > 0 && k < 4:
			l := []any{}
			for range rapid.IntRange(0, 3).Draw(t, "items") {
				l = append(l, yamlTrees(text, keys, depth-1).Draw(t, "item"))
			}
			return l
		case k == 4:
			return rapid.IntRange(-5, 70000).Draw(t, "number")
		}
		return text.Draw(t, "text")
	})
}

// yamlWords are texts that a careless writer gets wrong: words of YAML 1.1 and 1.2,
// numbers, times, and what begins like an indicator.
var yamlWords = []string{"", "app", "matchLabels", "true", "No", "null", "~", "1", "0x1f", "1e3", ".inf", "2026-11-21", "a: b", "a #b", "- x", "-", "{}", "*a", "&a", "!t",
	"kubernetes.io/metadata.name", "api-7c9", "pkg:golang/x@v1", " lead", "trail ", "'", "\"", "\\", "<&>", "%", "@", "`", "y", "=", "a,b", "[a"}

// TestAppendYAMLAsTheLibrary: what fits a line and is ASCII, as everything in a policy
// is, stands in the very text that the field's library writes. Keys are letters, which
// it sorts as we do: numbers in keys it sorts by their value.
func TestAppendYAMLAsTheLibrary(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom(yamlWords), rapid.StringMatching(`[a-z0-9./_-]{1,63}`), rapid.StringMatching(`[ -~]{0,20}`).Filter(func(s string) bool { return s != "<<" }))
	rapid.Check(t, func(t *rapid.T) {
		m := map[string]any{"kind": "Policy", "spec": yamlTrees(text, rapid.StringMatching(`[a-z]{1,20}`), 4).Draw(t, "tree")}
		got, err := appendYAML(nil, m, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		want, err := yaml.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Fatalf("\n%s\nis not the library's\n%s", got, want)
		}
	})
}

// TestAppendYAML reads the text of random trees back. Line breaks, control characters,
// what is not ASCII and long texts are quoted in a way of our own: reading back is what
// counts.
func TestAppendYAML(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom(append([]string{"with\nline", "tab\t", "é", "\u2028", "<<"}, yamlWords...)), rapid.String(), rapid.StringMatching(`[a-z0-9./_-]{1,70}`), rapid.StringMatching(`[a-z ]{60,200}`))
	rapid.Check(t, func(t *rapid.T) {
		m := map[string]any{"kind": "Policy", "spec": yamlTrees(text, text, 4).Draw(t, "tree")}
		got, err := appendYAML(nil, m, 0, false)
		if err != nil {
			t.Fatal(err)
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
	if _, err := appendYAML(nil, map[string]any{"a": 1.5}, 0, false); err == nil {
		t.Error("a fraction was written")
	}
}
