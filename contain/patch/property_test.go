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
	dense    bool // every part has a comment behind it
	literal  bool // a block scalar was written, whose last line needs its break
	n        int
}

func (a *author) draw(name string) bool { return rapid.IntRange(0, 3).Draw(a.t, name) == 0 }

func (a *author) add(indent int, lead, text, path string) {
	if a.comments && lead == "" && a.draw("above") {
		a.lines = append(a.lines, strings.Repeat(" ", indent)+"#~above "+path+";")
	}
	if a.comments && lead == "" && a.draw("blank") {
		// a blank line, then the part: comments above stay apart from it
		a.lines = append(a.lines, "")
	}
	behind := ""
	if a.comments && (a.dense || a.draw("behind")) {
		behind = " #~behind " + path + ";"
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
				dash := strings.Repeat(" ", indent) + "-" + strings.Repeat(" ", a.s.item-1)
				if lead != "" {
					dash = lead + "-" + strings.Repeat(" ", a.s.item-1)
				} else if a.comments && a.draw("above item") {
					a.lines = append(a.lines, strings.Repeat(" ", indent)+"#~above "+p+";")
				}
				a.write(v[i], indent+a.s.item, dash, p)
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
	text, _ := v.(string)
	in := strings.Repeat(" ", indent+unit)
	switch {
	case strings.HasSuffix(text, "e\n") && a.draw("literal"):
		a.literal = true
		a.add(indent, lead, head+" |", path)
		for _, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			a.lines = append(a.lines, in+l)
		}
	case isInline(v):
		a.add(indent, lead, head+" "+a.scalar(v), path)
	case a.flows(v) && a.draw("over lines"):
		a.brackets(head, v, indent, lead, path, in)
	case a.flows(v):
		a.add(indent, lead, head+" "+a.s.inline(v, true), path)
	default:
		a.add(indent, lead, head, path)
		to := indent + unit
		if isList(v) {
			to = indent + dash
		}
		a.write(v, to, "", path)
	}
}

// brackets writes a collection in brackets with a line for each part.
func (a *author) brackets(head string, v any, indent int, lead, path, in string) {
	open, closing := " {", "}"
	var parts, paths []string
	switch v := v.(type) {
	case map[string]any:
		for _, k := range orderedKeys(v) {
			parts = append(parts, a.s.pair(k, a.s.inline(v[k], true)))
			paths = append(paths, fmt.Sprintf("%s/%q", path, k))
		}
	case []any:
		open, closing = " [", "]"
		for i, w := range v {
			parts = append(parts, a.s.inline(w, true))
			paths = append(paths, fmt.Sprintf("%s/%d", path, i))
		}
	}
	a.add(indent, lead, head+open, path)
	for i, p := range parts {
		if a.comments && a.draw("above in brackets") {
			a.lines = append(a.lines, in+"#~above "+paths[i]+";")
		}
		if i < len(parts)-1 || a.draw("comma at the end") {
			p += ","
		}
		if a.comments && a.draw("behind in brackets") {
			p += " #~behind " + paths[i] + ";"
		}
		a.lines = append(a.lines, in+p)
	}
	a.lines = append(a.lines, in+closing)
}

// textOf draws a document that says v.
func textOf(t *rapid.T, v map[string]any) []byte {
	a := &author{t: t, comments: rapid.Bool().Draw(t, "comments"), mixed: rapid.Bool().Draw(t, "mixed"), dense: rapid.Bool().Draw(t, "dense")}
	a.s = style{eol: "\n", unit: rapid.IntRange(1, 4).Draw(t, "unit"), dash: rapid.SampledFrom([]int{0, 0, 2, 4}).Draw(t, "dash"), item: rapid.SampledFrom([]int{2, 2, 4}).Draw(t, "item"),
		quote: rapid.SampledFrom([]byte{'"', '\''}).Draw(t, "quote"), spaced: true}
	if rapid.Bool().Draw(t, "header") {
		a.lines = append(a.lines, "#~header;", "---")
	}
	a.write(v, 0, "", "")
	if rapid.Bool().Draw(t, "footer") {
		a.lines = append(a.lines, "#~footer;")
	}
	eol := rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(t, "eol")
	text := strings.Join(a.lines, eol)
	if rapid.Bool().Draw(t, "final break") || a.literal {
		text += eol
	}
	return []byte(text)
}

// mutate changes a tree in one place and returns the path of what became
// another or went, as the author's comments have it; "" if something was added
// and nothing went.
func mutate(t *rapid.T, v any, path string) (changed any, touched string) {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		keys := orderedKeys(v)
		for _, k := range keys {
			out[k] = v[k]
		}
		at := func(k string) string { return fmt.Sprintf("%s/%q", path, k) }
		switch op := rapid.IntRange(0, 3).Draw(t, "map op"); {
		case op == 0 || len(keys) == 0:
			k := rapid.SampledFrom(words).Draw(t, "new key")
			out[k] = anyTree(t, "new", 2)
			if _, had := v[k]; had {
				touched = at(k)
			}
		case op == 1 && len(keys) > 1:
			k := rapid.SampledFrom(keys).Draw(t, "gone")
			delete(out, k)
			touched = at(k)
		default:
			k := rapid.SampledFrom(keys).Draw(t, "inner")
			out[k], touched = mutate(t, out[k], at(k))
		}
		return out, touched
	case []any:
		out := slices.Clone(v)
		i := rapid.IntRange(0, len(v)).Draw(t, "at")
		touched = fmt.Sprintf("%s/%d", path, i)
		switch op := rapid.IntRange(0, 3).Draw(t, "list op"); {
		case op == 0 || i == len(v):
			return slices.Insert(out, i, anyTree(t, "new", 2)), ""
		case op == 1:
			for _, w := range slices.Delete(slices.Clone(v), i, i+1) {
				if equal(w, v[i]) {
					touched = path // which of two equal ones goes nobody can tell
				}
			}
			return slices.Delete(out, i, i+1), touched
		}
		out[i], _ = mutate(t, out[i], touched)
		if isInline(v[i]) || isInline(out[i]) || slices.ContainsFunc(v, func(w any) bool { return equal(w, out[i]) }) {
			touched = path
		}
		return out, touched
	}
	return anyTree(t, "other", 1), path
}

func TestRewriteOfRandomTrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := anyObject(t, "old", 4)
		src := textOf(t, old)
		if v, err := decodeYAML(src); err != nil || !equal(v, old) {
			t.Fatalf("the author wrote something else: %v\n%s", err, src)
		}
		same, err := Rewrite(src, old)
		if err != nil || !bytes.Equal(same, src) {
			t.Fatalf("rewritten to what it says: %v\n%s\nbecame\n%s", err, src, same)
		}
		var want any = old
		changes := rapid.IntRange(1, 3).Draw(t, "changes")
		touched := ""
		for range changes {
			want, touched = mutate(t, want, "")
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
		if changes == 1 {
			keeps(t, src, got, touched)
		}
	})
}

func TestRewriteOfRandomJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old := anyObject(t, "old", 4)
		src, err := json.Marshal(old)
		if err == nil && rapid.Bool().Draw(t, "pretty") {
			src, err = json.MarshalIndent(old, "", rapid.SampledFrom([]string{"  ", "    ", "\t"}).Draw(t, "indent"))
		}
		if err != nil {
			t.Fatal(err)
		}
		src = append(src, rapid.SampledFrom([]string{"", "\n"}).Draw(t, "end")...)
		same, err := Rewrite(src, old)
		if err != nil || !bytes.Equal(same, src) {
			t.Fatalf("rewritten to what it says: %v\n%s\nbecame\n%s", err, src, same)
		}
		want, _ := mutate(t, old, "")
		got, err := Rewrite(src, want)
		if err != nil {
			t.Fatalf("%v\n%s", err, src)
		}
		if v, err := decodeJSON(got); err != nil || !equal(v, want) {
			t.Fatalf("says something else: %v\n%s", err, got)
		}
		if bytes.Count(src, []byte("\n")) < 2 && bytes.Count(got, []byte("\n")) != bytes.Count(src, []byte("\n")) {
			t.Fatalf("a document of one line became one of several:\n%s\n%s", src, got)
		}
	})
}

// keeps checks after one change that every comment which is not about what was
// touched is there still, and that its line stands as it did unless it is the
// line of a key above the change.
func keeps(t *rapid.T, src, got []byte, touched string) {
	after := map[string]int{}
	for _, l := range strings.Split(string(got), "\n") {
		after[strings.TrimSuffix(l, "\r")]++
	}
	under := func(path, of string) bool { return of != "" && (path == of || strings.HasPrefix(path, of+"/")) }
	for _, line := range strings.Split(string(src), "\n") {
		line = strings.TrimSuffix(line, "\r")
		i := strings.LastIndex(line, "#~")
		if i < 0 || !strings.HasSuffix(line, ";") {
			continue
		}
		path := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(line[i:], "#~above "), "#~behind "), ";")
		if under(path, touched) {
			continue
		}
		if !bytes.Contains(got, []byte(line[i:])) {
			t.Fatalf("%q went, and %s alone was touched\n%s\nbecame\n%s", line[i:], touched, src, got)
		}
		if touched != "" && !under(touched, path) && after[line] == 0 && !strings.Contains(touched, "/0") {
			t.Fatalf("the line %q changed, and %s alone was touched\n%s\nbecame\n%s", line, touched, src, got)
		}
		if after[line] > 0 {
			after[line]--
		}
	}
}
