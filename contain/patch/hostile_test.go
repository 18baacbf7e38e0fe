package patch

import (
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
)

// TestHostileTexts gives texts that are built to cost time or memory: each ends
// soon, in a result or an error with a kind.
func TestHostileTexts(t *testing.T) {
	laughs := "a: &a [x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'l'; c++ {
		laughs += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 8) + "]\n"
	}
	const many = 20_000
	for name, text := range map[string]string{
		"brackets":             strings.Repeat("[", 1<<18),
		"braces":               strings.Repeat("{a: ", 1<<17),
		"dashes":               strings.Repeat("- ", 1<<17),
		"questions":            strings.Repeat("? ", 1<<16),
		"billion laughs":       laughs,
		"one line of YAML":     "a: [" + strings.Repeat("{k: v}, ", many) + "]\n",
		"one line of JSON":     `{"a":[` + strings.Repeat(`{"k":"v"},`, many) + `1]}`,
		"many keys":            "a:\n" + strings.Repeat(" ", 2) + strings.Join(numberedKeys(many), "\n  ") + "\n",
		"blank lines":          "a: |\n" + strings.Repeat("\n", 1<<18) + "  x\n",
		"comments":             "a: 1\n" + strings.Repeat("# c\n", 1<<16) + "b: 2\n",
		"a long scalar":        "a: " + strings.Repeat("x", 1<<20) + "\n",
		"a long quoted":        "a: \"" + strings.Repeat("\\u0041", 1<<17) + "\"\n",
		"a long plain one":     "a: " + strings.Repeat("x\n  ", 1<<16) + "\n",
		"not UTF-8":            "a: \xff\n",
		"NUL":                  "a: \x00\n",
		"truncated":            "a: \"x",
		"an anchor of its own": "a: &a [*a]\n",
	} {
		t.Run(name, func(t *testing.T) {
			began := used.CPU(t)
			want := map[string]any{"a": "other", "z": []any{"y"}}
			_, err := Rewrite([]byte(text), want)
			if err != nil && ident.KindOf(err) == ident.KindFailure {
				t.Errorf("an error without a kind: %v", err)
			}
			if d, err := parse([]byte(text)); err == nil {
				tree := d.root.tree().(map[string]any)
				tree["z"] = "y"
				if _, err := Rewrite([]byte(text), tree); err != nil {
					t.Errorf("one key more: %v", err)
				}
			}
			if took := used.CPU(t) - began; took > 20*time.Second {
				t.Errorf("took %v of processor time", took)
			} else {
				t.Logf("%d bytes: %v, %v", len(text), took.Round(time.Millisecond), err)
			}
		})
	}
}

func numberedKeys(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "k" + strings.Repeat("0", i%7) + string(rune('a'+i%26)) + "x" + itoa(i) + ": v"
	}
	return out
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func TestWantsThatAreNoTrees(t *testing.T) {
	deep := any("x")
	for range 200 {
		deep = []any{deep}
	}
	for name, want := range map[string]any{
		"a Go type": map[string]any{"a": struct{}{}},
		"a number":  map[string]any{"a": 0.0 / zero},
		"too deep":  map[string]any{"a": deep},
	} {
		if got, err := Rewrite([]byte("a: 1\n"), want); err == nil || ident.KindOf(err) == ident.KindFailure {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

var zero = 0.0

func TestFile(t *testing.T) {
	const file = "# head\n---\nkind: A\nmetadata: {name: a}\nspec: 1 # one\n---\n# list\nkind: List\nitems:\n- kind: B\n  spec:\n    x: 1\n# of c\n- kind: C\n  spec: 2 # two\n...\n{\"kind\": \"D\", \"spec\": 3}\n{\"kind\": \"E\",\n \"spec\": 4}\n"
	source := func(part string) estate.Source {
		at := strings.Index(file, part)
		return estate.Source{File: "f.yaml", Line: 1 + strings.Count(file[:at], "\n"), Start: int64(at), End: int64(at + len(part))}
	}
	set := func(v any) func(any) any {
		return func(tree any) any { tree.(map[string]any)["spec"] = v; return tree }
	}
	for _, c := range []struct {
		name, part, from, to string
		change               func(any) any
	}{
		{"a document", "kind: A", "spec: 1 # one", "spec: 5 # one", set(5)},
		{"an item", "kind: B", "    x: 1\n", "    x: 1\n    \"y\": z\n", set(map[string]any{"x": 1, "y": "z"})},
		{"the last item", "kind: C", "spec: 2 # two", "spec: two # two", set("two")},
		{"JSON", `{"kind": "D"`, `"spec": 3`, `"spec": [3]`, set([]any{3})},
		{"JSON behind JSON", `{"kind": "E"`, `"spec": 4`, `"spec": null`, set(nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := source(c.part)
			tree, err := Object([]byte(file), s)
			if err != nil {
				t.Fatal(err)
			}
			got, err := File([]byte(file), s, c.change(tree))
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Replace(file, c.from, c.to, 1); string(got) != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
	t.Run("several at once", func(t *testing.T) {
		var edits []Edit
		for _, part := range []string{`{"kind": "E"`, "kind: C", "kind: A", "kind: B"} {
			tree, err := Object([]byte(file), source(part))
			if err != nil {
				t.Fatal(err)
			}
			edits = append(edits, Edit{source(part), set("n")(tree)})
		}
		got, err := Files([]byte(file), edits)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.NewReplacer("spec: 1", `spec: "n"`, "  spec:\n    x: 1\n", "  spec: \"n\"\n", "spec: 2", `spec: "n"`, `"spec": 4`, `"spec": "n"`).Replace(file)
		if string(got) != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
		if _, err := Files([]byte(file), append(edits, edits[0])); ident.KindOf(err) != ident.KindUsage {
			t.Errorf("one object twice: %v", err)
		}
	})
	t.Run("a place that holds no object", func(t *testing.T) {
		for _, s := range []estate.Source{{Start: 3, End: 9}, {Start: -1}, {Start: 5, End: 1 << 40}, {Start: 1 << 40, End: 1 << 41}, source("spec: 1")} {
			if _, err := File([]byte(file), s, map[string]any{}); ident.KindOf(err) != ident.KindUnsupported {
				t.Errorf("%+v: %v", s, err)
			}
			if _, err := Object([]byte(file), s); ident.KindOf(err) != ident.KindUnsupported {
				t.Errorf("%+v: %v", s, err)
			}
		}
	})
}
