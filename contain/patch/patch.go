package patch

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Edit is one object of a file and what it ought to say.
type Edit struct {
	Source estate.Source
	Want   any // a JSON tree: map[string]any, []any, string, number, bool, nil
}

// Rewrite returns src, the text of one object in YAML or JSON, changed so that
// it decodes to want. Lines that need not change stay byte for byte; so does the
// whole text where it says want already. The result is decoded and compared
// before it is returned: an error of the kind unsupported says why a text cannot
// be patched in place, and there is no other result.
func Rewrite(src []byte, want any) ([]byte, error) {
	d, err := parse(src)
	if err != nil {
		if have, derr := decodeYAML(src[:min(len(src), maxDocument)]); derr == nil {
			if wanted, werr := canonical(want, 0); werr == nil && equal(have, wanted) {
				return bytes.Clone(src), nil
			}
		}
		return nil, err
	}
	return d.rewrite([]change{{d.root, want}})
}

// Object returns what the object at s says, as a tree that a caller may change
// and give to File.
func Object(file []byte, s estate.Source) (any, error) {
	start, end, err := enclosing(file, s)
	if err != nil {
		return nil, err
	}
	d, err := parse(file[start:end])
	if err != nil {
		return nil, placed(err, s)
	}
	n := d.root.at(int(s.Start) - start)
	if n == nil {
		return nil, moved(s)
	}
	return n.tree(), nil
}

// File replaces the object at s, one of a file of several documents, of the
// items of a List, or of JSON, and leaves the rest of the file alone.
func File(file []byte, s estate.Source, want any) ([]byte, error) {
	return Files(file, []Edit{{s, want}})
}

// Files replaces several objects of one file at once; sources are those of the
// file as it is given.
func Files(file []byte, edits []Edit) ([]byte, error) {
	type span struct {
		start, end int
		edits      []Edit
	}
	var spans []span
	for _, e := range edits {
		start, end, err := enclosing(file, e.Source)
		if err != nil {
			return nil, err
		}
		i, ok := slices.BinarySearchFunc(spans, start, func(s span, at int) int { return s.start - at })
		if !ok {
			spans = slices.Insert(spans, i, span{start: start, end: end})
		}
		spans[i].edits = append(spans[i].edits, e)
	}
	out, done := make([]byte, 0, len(file)), 0
	for _, s := range spans {
		d, err := parse(file[s.start:s.end])
		if err != nil {
			return nil, placed(err, s.edits[0].Source)
		}
		var changes []change
		for _, e := range s.edits {
			n := d.root.at(int(e.Source.Start) - s.start)
			if n == nil {
				return nil, moved(e.Source)
			}
			changes = append(changes, change{n, e.Want})
		}
		text, err := d.rewrite(changes)
		if err != nil {
			return nil, placed(err, s.edits[0].Source)
		}
		out = append(append(out, file[done:s.start]...), text...)
		done = s.end
	}
	return append(out, file[done:]...), nil
}

// change is one object of a document and what it ought to say.
type change struct {
	node *node
	want any
}

func (d *document) rewrite(changes []change) ([]byte, error) {
	w := &writer{doc: d, text: d.text}
	wanted := map[*node]any{}
	for _, c := range changes {
		want, err := canonical(c.want, 0)
		if err != nil {
			return nil, err
		}
		if _, twice := wanted[c.node]; twice {
			return nil, ident.Errorf(ident.KindUsage, "one object is to be replaced twice")
		}
		wanted[c.node] = want
		have := c.node.tree()
		if equal(have, want) {
			continue
		}
		if err := sameObject(have, want); err != nil {
			return nil, err
		}
		from, to := c.node.start, c.node.end
		if c.node == d.root {
			from, to = 0, len(d.text) // a template may stand in its comments
		}
		if bytes.Contains(d.text[from:to], []byte("{{")) {
			return nil, unsupported(d.text[from:to], "the text holds a template ({{ … }}), whose output is not this text")
		}
		if err := w.root(c.node, want); err != nil {
			return nil, err
		}
	}
	out := w.apply()
	if len(w.edits) == 0 {
		return out, nil
	}
	if after, err := parse(out); err != nil || after.json != d.json || !equal(after.root.tree(), d.root.treeWith(wanted)) {
		return nil, unsupported(d.text, "the change cannot be made in place: what results would say something else").
			WithHint("apply the object as a merge patch, or write it anew")
	}
	return out, nil
}

// treeWith gives what a node ought to say once some of the nodes in it are replaced.
func (n *node) treeWith(wanted map[*node]any) any {
	if want, ok := wanted[n]; ok {
		return want
	}
	switch tree := n.tree().(type) {
	case map[string]any:
		for _, p := range n.parts {
			if p.key != mergeKey && p.value.isCollection() {
				tree[p.key] = p.value.treeWith(wanted)
			}
		}
		return tree
	case []any:
		for i, p := range n.parts {
			if p.value.isCollection() {
				tree[i] = p.value.treeWith(wanted)
			}
		}
		return tree
	default:
		return tree
	}
}

// sameObject refuses to turn one Kubernetes object into another one.
func sameObject(have, want any) error {
	h, ok := have.(map[string]any)
	w, also := want.(map[string]any)
	if ok != also {
		return ident.Errorf(ident.KindUnsupported, "an object is not the same object as a value of another kind")
	}
	if !ok {
		return nil
	}
	for _, key := range []string{"apiVersion", "kind"} {
		if old, ok := h[key].(string); ok && !equal(old, w[key]) {
			return different(key, old, w[key])
		}
	}
	hm, ok := h["metadata"].(map[string]any)
	wm, also := w["metadata"].(map[string]any)
	if !ok || !also && h["kind"] == nil {
		return nil
	}
	for _, key := range []string{"name", "namespace"} {
		if old, ok := hm[key].(string); ok && h["kind"] != nil && !equal(old, wm[key]) {
			return different("metadata."+key, old, wm[key])
		}
	}
	return nil
}

func different(field, have string, want any) error {
	return ident.Errorf(ident.KindUnsupported, "the text is about another object: its %s is %q and not %q", field, clip(have), clip(fmt.Sprint(want))).
		WithHint("a new object is a new file or document, not a change of this one")
}

// unsupported says why a text cannot be patched, and what to do about it.
func unsupported(text []byte, format string, args ...any) *ident.Error {
	e := ident.Errorf(ident.KindUnsupported, format, args...)
	switch {
	case bytes.Contains(text, []byte("{{")):
		return e.WithHint("it looks like a template: change the template or the values that it is rendered with")
	case bytes.HasPrefix(text, []byte("\t")) || bytes.Contains(text, []byte("\n\t")):
		return e.WithHint("it is indented with tabs, which YAML forbids: indent it with spaces")
	}
	return e.WithHint("write the object plainly (kubectl apply --dry-run=client -o yaml shows how), or apply a merge patch")
}

func placed(err error, s estate.Source) error {
	var e *ident.Error
	if errors.As(err, &e) && e.Where == "" {
		return e.At(fmt.Sprintf("%s:%d", s.File, s.Line))
	}
	return err
}

func moved(s estate.Source) error {
	return ident.Errorf(ident.KindUnsupported, "no object begins at byte %d: the file has changed since it was read, or the object is an alias", s.Start).
		At(fmt.Sprintf("%s:%d", s.File, s.Line)).WithHint("read the files again")
}

// enclosing returns the span of the document, or JSON value, that an object lies
// in. Markers stand at the start of a line wherever they occur (YAML 1.2 section
// 9.1.2).
func enclosing(file []byte, s estate.Source) (start, end int, err error) {
	at := int(s.Start)
	if s.Start < 0 || s.End < s.Start || s.End > int64(len(file)) || at >= len(file) {
		return 0, 0, moved(s)
	}
	start, end = 0, len(file)
	for pos := 0; pos < len(file); pos = nextLine(file, pos) {
		dots := marker(file[pos:], '.')
		if !dots && !marker(file[pos:], '-') {
			continue
		}
		switch {
		case pos > at && start <= at:
			end = pos
			return trimJSON(file, start, end, at)
		case dots:
			start = nextLine(file, pos)
		default:
			start = pos
		}
	}
	return trimJSON(file, start, end, at)
}

func marker(line []byte, c byte) bool {
	return len(line) >= 3 && line[0] == c && line[1] == c && line[2] == c && (len(line) == 3 || isBlank(line[3]))
}

// trimJSON narrows a document that holds several JSON values, as concatenated
// output does, to the one that an offset lies in.
func trimJSON(file []byte, start, end, at int) (int, int, error) {
	rest := bytes.TrimLeft(file[start:end], "\uFEFF \t\r\n")
	if marker(rest, '-') {
		rest = bytes.TrimLeft(rest[3:], " \t\r\n")
	}
	if len(rest) == 0 || rest[0] != '{' {
		return start, end, nil
	}
	depth, first, inString := 0, -1, false
	for i := end - len(rest); i < end; i++ {
		switch c := file[i]; {
		case inString && c == '\\':
			i++
		case inString:
			inString = c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth == 1 {
				first = i
			}
		case c == '}' || c == ']':
			if depth--; depth == 0 && first <= at && at <= i {
				if _, err := parseJSON(file[first : i+1]); err == nil {
					return first, i + 1, nil
				}
				return start, end, nil
			}
		}
	}
	return start, end, nil
}
