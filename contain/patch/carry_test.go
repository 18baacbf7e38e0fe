package patch

import (
	"testing"

	"pgregory.net/rapid"
)

// typed is what a round trip through Go types makes of a tree: no nulls and no
// empty collections in objects.
func typed(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, w := range v {
			if w = typed(w); w != nil && !isEmpty(w) {
				out[k] = w
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = typed(v[i])
		}
		return out
	}
	return v
}

func TestCarry(t *testing.T) {
	for _, c := range []struct{ name, have, before, after, want string }{
		{"nothing changed", `{"podSelector":{"matchLabels":null},"ingress":[{"from":[]}]}`, `{"podSelector":{},"ingress":[{}]}`, `{"podSelector":{},"ingress":[{}]}`, `{"podSelector":{"matchLabels":null},"ingress":[{"from":[]}]}`},
		{"a rule goes, another is edited", `{"podSelector":null,"ingress":[{"from":[]},{"ports":[{"port":80,"protocol":null}],"from":null}]}`,
			`{"podSelector":{},"ingress":[{},{"ports":[{"port":80}]}]}`, `{"podSelector":{},"ingress":[{"ports":[{"port":80}],"from":[{"podSelector":{}}]}]}`,
			`{"podSelector":null,"ingress":[{"ports":[{"port":80,"protocol":null}],"from":[{"podSelector":{}}]}]}`},
		{"a default is written out", `{"ports":[{"port":80}]}`, `{"ports":[{"port":80,"protocol":"TCP"}],"podSelector":{}}`, `{"ports":[{"port":81,"protocol":"TCP"}],"podSelector":{}}`, `{"ports":[{"port":81}]}`},
		{"a field goes", `{"a":1,"b":null}`, `{"a":1}`, `{}`, `{"b":null}`},
		{"nothing alike", `[1]`, `{"a":1}`, `{"a":2}`, `{"a":2}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Carry(tree(t, c.have), tree(t, c.before), tree(t, c.after)); !equal(got, tree(t, c.want)) {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

// TestCarrySaysWhatIsWanted: what is carried means the change, and where the text
// was read as it stands it is the change itself.
func TestCarrySaysWhatIsWanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := anyObject(t, "have", 4)
		before := typed(have)
		after, _ := mutate(t, before, "")
		after = typed(after)
		if got := Carry(have, before, after); !equal(typed(got), after) {
			t.Fatalf("%v, read as %v, to say %v says %v", have, before, after, got)
		}
		if got := Carry(have, before, before); !equal(got, have) {
			t.Fatalf("%v became %v for no change", have, got)
		}
		if got := Carry(before, before, after); !equal(got, after) {
			t.Fatalf("%v to say %v says %v", before, after, got)
		}
	})
}
