package patch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var words = []string{"a", "b", "web", "on", "y", "80", "0x1f", "1e3", "10.0.0.0/8", "app.kubernetes.io/name", "ü", "two words", "x: y", "# no", "a #b", "'", "\"", "- x", "", "line\nline\n", "*a", "2026-11-21", "{a}", "[", "\\", "tab\tx", "a,b", ":", "null", "~", "-", " lead", "trail "}

// anyTree draws a canonical tree.
func anyTree(t *rapid.T, name string, depth int) any {
	n := rapid.IntRange(0, 9).Draw(t, name)
	if depth == 0 && n > 5 {
		n -= 5
	}
	switch {
	case n == 0:
		return nil
	case n == 1:
		return rapid.Bool().Draw(t, name+" bool")
	case n == 2:
		return json.Number(rapid.SampledFrom([]string{"0", "-1", "80", "443", "1.5", "9007199254740993", "1e+21"}).Draw(t, name+" number"))
	case n <= 5:
		return rapid.SampledFrom(words).Draw(t, name+" word")
	case n <= 7:
		m := map[string]any{}
		for i := range rapid.IntRange(0, 4).Draw(t, name+" size") {
			m[rapid.SampledFrom(words).Draw(t, fmt.Sprint(name, " key ", i))] = anyTree(t, name+" value", depth-1)
		}
		return m
	default:
		l := []any{}
		for range rapid.IntRange(0, 4).Draw(t, name+" length") {
			l = append(l, anyTree(t, name+" item", depth-1))
		}
		return l
	}
}

func anyObject(t *rapid.T, name string, depth int) map[string]any {
	m := map[string]any{}
	for i := range rapid.IntRange(1, 4).Draw(t, name+" size") {
		m[rapid.SampledFrom(words).Draw(t, fmt.Sprint(name, " key ", i))] = anyTree(t, name+" value", depth)
	}
	return m
}

// author writes trees in a style of its own, with comments: each line that holds
// the beginning of a part may have a comment above it and one behind it, which
// name the part's path.
type author struct {
	t     *rapid.T
	s     style
	lines []string
	// mixed is true if single collections may be written in brackets
	mixed    bool
	comments bool
	n        int
}

func (a *author) draw(name string) bool { return rapid.IntRange(0, 3).Draw(a.t, name) == 0 }

func (a *author) add(indent int, lead, text, path string) {
	if a.comments && lead == "" && a.draw("above") {
		a.lines = append(a.lines, strings.Repeat(" ", indent)+"# above "+path+";")
	}
	if a.comments && lead == "" && a.draw("blank") {
		// a blank line, then the part: comments above stay apart from it
		a.lines = append(a.lines, "")
	}
	behind := ""
	if a.comments && a.draw("behind") {
		behind = " # behind " + path + ";"
	}
	line := strings.Repeat(" ", indent) + text + behind
	if lead != "" {
		line = lead + text + behind
	}
	a.lines = append(a.lines, line)
}

func (a *author) scalar(v any) string {
	if s, ok := v.(string); ok {
		switch rapid.IntRange(0, 2).Draw(a.t, "quotes") {
		case 0:
			return quoteWith(s, '\'')
		case 1:
			return doubleQuoted(s)
		}
	}
	return a.s.inline(v, false)
}

// write adds the lines of a collection; lead is what stands before its first part.
func (a *author) write(v any, indent int, lead, path string) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range orderedKeys(v) {
			a.value(a.s.key(k, false)+":", v[k], indent, lead, fmt.Sprintf("%s/%q", path, k), a.s.unit, a.s.dash)
			lead = ""
		}
	case []any:
		for i := range v {
			p := fmt.Sprintf("%s/%d", path, i)
			if !isInline(v[i]) && rapid.Bool().Draw(a.t, "compact") && !a.flows(v[i]) {
				start := len(a.lines)
				dash := strings.Repeat(" ", indent) + "-" + strings.Repeat(" ", a.s.item-1)
				if lead != "" {
					dash = lead + "-" + strings.Repeat(" ", a.s.item-1)
				} else if a.comments && a.draw("above item") {
					a.lines = append(a.lines, strings.Repeat(" ", indent)+"# above "+p+";")
				}
				a.write(v[i], indent+a.s.item, dash, p)
				_ = start
			} else {
				a.value("-", v[i], indent, lead, p, a.s.item, a.s.item)
			}
			lead = ""
		}
	}
}

func (a *author) flows(v any) bool { return a.mixed && !isInline(v) && a.n%3 == 0 }

func (a *author) value(head string, v any, indent int, lead, path string, unit, dash int) {
	a.n++
	switch {
	case isInline(v):
		a.add(indent, lead, head+" "+a.scalar(v), path)
	case a.flows(v):
		a.add(indent, lead, head+" "+a.s.inline(v, true), path)
	default:
		a.add(indent, lead, head, path)
		in := indent + unit
		if _, ok := v.([]any); ok {
			in = indent + dash
		}
		a.write(v, in, "", path)
	}
}

// text draws a document that says v.
func document1(t *rapid.T, v map[string]any) []byte {
	a := &author{t: t, comments: rapid.Bool().Draw(t, "comments"), mixed: rapid.Bool().Draw(t, "mixed")}
	a.s = style{eol: "\n", unit: rapid.IntRange(1, 4).Draw(t, "unit"), dash: rapid.SampledFrom([]int{0, 0, 2, 4}).Draw(t, "dash"), item: rapid.SampledFrom([]int{2, 2, 4}).Draw(t, "item"),
		quote: rapid.SampledFrom([]byte{'"', '\''}).Draw(t, "quote"), spaced: true}
	if rapid.Bool().Draw(t, "header") {
		a.lines = append(a.lines, "# header;", "---")
	}
	a.write(v, 0, "", "")
	if rapid.Bool().Draw(t, "footer") {
		a.lines = append(a.lines, "# footer;")
	}
	eol := rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(t, "eol")
	text := strings.Join(a.lines, eol)
	if rapid.Bool().Draw(t, "final break") {
		text += eol
	}
	return []byte(text)
}

// mutate changes a tree somewhere.
func mutate(t *rapid.T, v any, depth int) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, k := range orderedKeys(v) {
			out[k] = v[k]
		}
		keys := orderedKeys(v)
		switch op := rapid.IntRange(0, 3).Draw(t, "map op"); {
		case op == 0 || len(keys) == 0:
			out[rapid.SampledFrom(words).Draw(t, "new key")] = anyTree(t, "new", 2)
		case op == 1 && len(keys) > 1:
			delete(out, rapid.SampledFrom(keys).Draw(t, "gone"))
		default:
			k := rapid.SampledFrom(keys).Draw(t, "inner")
			out[k] = mutate(t, out[k], depth+1)
		}
		return out
	case []any:
		out := slices.Clone(v)
		i := rapid.IntRange(0, len(v)).Draw(t, "at")
		switch op := rapid.IntRange(0, 3).Draw(t, "list op"); {
		case op == 0 || len(v) == 0:
			return slices.Insert(out, i, anyTree(t, "new", 2))
		case op == 1 && i < len(v):
			return slices.Delete(out, i, i+1)
		case i < len(v):
			out[i] = mutate(t, out[i], depth+1)
		}
		return out
	}
	return anyTree(t, "other", 1)
}

func TestRewriteOfRandomTrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := anyObject(t, "old", 4)
		src := document1(t, old)
		if v, err := decodeYAML(src); err != nil || !equal(v, old) {
			t.Fatalf("the author wrote something else: %v\n%s", err, src)
		}
		same, err := Rewrite(src, old)
		if err != nil || !bytes.Equal(same, src) {
			t.Fatalf("rewritten to what it says: %v\n%s\nbecame\n%s", err, src, same)
		}
		var want any = old
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			want = mutate(t, want, 0)
		}
		got, err := Rewrite(src, want)
		if err != nil {
			t.Fatalf("%v\n%s\nto %s", err, src, doubleQuoted(fmt.Sprint(want)))
		}
		if v, err := decodeYAML(got); err != nil || !equal(v, want) {
			t.Fatalf("says something else: %v\n%s", err, got)
		}
		again, err := Rewrite(got, want)
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("not idempotent: %v", err)
		}
		keeps(t, src, got, old, want.(map[string]any))
	})
}

// keeps checks that comments of top-level entries which did not change are all
// there, and that their lines stand as they did.
func keeps(t *rapid.T, src, got []byte, old, want map[string]any) {
	after := string(got)
	for _, line := range strings.Split(string(src), "\n") {
		line = strings.TrimSuffix(line, "\r")
		i := strings.LastIndex(line, "# ")
		if i < 0 || !strings.HasSuffix(line, ";") {
			continue
		}
		for k, v := range old {
			if w, ok := want[k]; ok && equal(v, w) && strings.Contains(line[i:], fmt.Sprintf(" /%q", k)) && !strings.Contains(after, line) {
				t.Fatalf("%q went, of an entry that did not change\n%s\nbecame\n%s", line, src, after)
			}
		}
		if (line == "# header;" || line == "# footer;") && !strings.Contains(after, line) {
			t.Fatalf("%q went\n%s\nbecame\n%s", line, src, after)
		}
	}
}
