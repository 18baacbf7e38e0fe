package patch

import (
	"bytes"
	"slices"
	"strings"
)

// writer gathers the edits that turn a document's text into what is wanted.
type writer struct {
	doc    *document
	text   []byte
	styled bool
	look   style
	edits  []edit
}

// edit replaces the bytes from start to end. Edits do not overlap; those at one
// offset stand in the order in which they were made.
type edit struct {
	start, end int
	text       string
}

func (w *writer) replace(start, end int, text string) {
	w.edits = append(w.edits, edit{start, end, text})
}

func (w *writer) insert(at int, text string) { w.replace(at, at, text) }

// style is read off the document when it is first needed.
func (w *writer) style() *style {
	if !w.styled {
		w.look, w.styled = styleOf(w.doc), true
	}
	return &w.look
}

// apply makes the edits. A text that had no final line break gets none.
func (w *writer) apply() []byte {
	if len(w.edits) == 0 {
		return bytes.Clone(w.text)
	}
	slices.SortStableFunc(w.edits, func(a, b edit) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return btoi(a.end > a.start) - btoi(b.end > b.start) // insertions come before what is removed
	})
	var out []byte
	done := 0
	for _, e := range w.edits {
		if e.start > done {
			out = append(out, w.text[done:e.start]...)
		}
		out = append(out, e.text...)
		done = max(done, e.end)
	}
	out = append(out, w.text[done:]...)
	if !bytes.HasSuffix(w.text, []byte("\n")) {
		out = bytes.TrimSuffix(out, []byte(w.style().eol))
	}
	return out
}

// slot is where a value stands: behind a colon, a dash or a bracket, or at the root.
type slot struct {
	after int // behind the indicator; the value's start in a flow sequence
	col   int // of the key or dash
	item  bool
	flow  bool // in brackets
	root  bool
}

// root changes the object n.
func (w *writer) root(n *node, want any) error {
	return w.change(slot{after: n.start, col: w.column(n.start), root: true, flow: n.flow}, n, want)
}

// change makes n say what is wanted, which is not what it says.
func (w *writer) change(s slot, n *node, want any) error {
	if n.fixed != "" {
		return unsupported(w.text, "line %d cannot be changed in place: %s stands there, and what it says is said elsewhere too", lineOf(w.text, n.start), n.fixed).
			WithHint("write the values out where they are used, then try again; or apply a merge patch")
	}
	switch want := want.(type) {
	case map[string]any:
		if n.kind == mapping && len(n.parts) > 0 && len(want) > 0 {
			return w.mapping(s, n, want)
		}
	case []any:
		if n.kind == sequence && len(n.parts) > 0 && len(want) > 0 {
			return w.sequence(s, n, want)
		}
	}
	return w.value(s, n, want)
}

// move is one step over the parts of a collection.
type move struct {
	old  int    // index of a part that stays or goes, -1 for a new one
	gone bool   // the part goes
	key  string // of a new entry
	want any
}

func (w *writer) mapping(s slot, n *node, want map[string]any) error {
	var moves []move
	kept := 0
	for i, p := range n.parts {
		v, ok := want[p.key]
		if ok = ok || p.key == mergeKey; ok {
			kept++
		}
		moves = append(moves, move{old: i, gone: !ok, key: p.key, want: v})
	}
	own := make(map[string]bool, len(n.parts))
	for _, p := range n.parts {
		own[p.key] = true
	}
	var added []string
	for _, k := range orderedKeys(want) {
		if m, merged := n.merged[k]; !own[k] && (!merged || !equal(m, want[k])) {
			added = append(added, k)
		}
	}
	for k := range n.merged {
		if _, ok := want[k]; !ok {
			return unsupported(w.text, "line %d cannot be changed in place: a merge key (<<) brings in %q", lineOf(w.text, n.start), clip(k)).
				WithHint("write the values out where they are used, then try again; or apply a merge patch")
		}
	}
	for _, k := range added {
		moves = slices.Insert(moves, placeOf(k, moves), move{old: -1, key: k, want: want[k]})
	}
	return w.collection(s, n, want, moves, kept)
}

// placeOf is behind the last entry that people write before key, or at the end
// where no custom says so.
func placeOf(key string, moves []move) int {
	at, r := -1, rank(key)
	for i, m := range moves {
		if m.gone {
			continue
		}
		if r == len(ranks) || rank(m.key) <= r && rank(m.key) < len(ranks) || m.key == mergeKey {
			at = i
		}
	}
	if at < 0 && !slices.ContainsFunc(moves, func(m move) bool { return !m.gone && rank(m.key) < len(ranks) }) {
		return len(moves)
	}
	return at + 1
}

func (w *writer) sequence(s slot, n *node, want []any) error {
	old := make([]any, len(n.parts))
	for i, p := range n.parts {
		old[i] = p.value.tree()
	}
	var moves []move
	kept := 0
	for _, st := range align(old, want) {
		switch {
		case st.old < 0:
			moves = append(moves, move{old: -1, want: want[st.want]})
		case st.want < 0:
			moves = append(moves, move{old: st.old, gone: true})
		default:
			moves = append(moves, move{old: st.old, want: want[st.want]})
			kept++
		}
	}
	return w.collection(s, n, want, moves, kept)
}

// collection changes the parts that stay, and removes and adds others.
func (w *writer) collection(s slot, n *node, want any, moves []move, kept int) error {
	if kept == 0 {
		return w.value(s, n, want)
	}
	for _, m := range moves {
		if m.old < 0 || m.gone {
			continue
		}
		p := n.parts[m.old]
		if p.key == mergeKey || equal(p.value.tree(), m.want) {
			continue
		}
		inner := slot{after: p.after, col: w.column(p.start), item: n.kind == sequence, flow: n.flow}
		if err := w.change(inner, p.value, m.want); err != nil {
			return err
		}
	}
	if n.flow {
		return w.flow(n, moves)
	}
	w.block(n, moves)
	return nil
}

// value replaces n as a whole.
func (w *writer) value(s slot, n *node, want any) error {
	st := w.style()
	if w.doc.json {
		text := st.json(want, margin(w.text, n.start), st.pretty && w.broken(n))
		w.replace(n.start, n.end, text)
		return nil
	}
	inline := isInline(want) || s.flow || n.flow && len(n.parts) > 0
	sameLine := lineStart(w.text, s.after) == lineStart(w.text, n.start)
	block := n.isCollection() && !n.flow
	switch {
	case s.root && !s.flow:
		if isInline(want) {
			w.replace(n.start, n.end, st.inline(want, false))
		} else {
			w.replace(n.start, n.end, st.block(want, s.col))
		}
	case inline && (sameLine || !block):
		text := w.inlineFor(n, want, s)
		end := n.end
		if block {
			end = w.breakBefore(w.lastLine(n))
		}
		if n.start == s.after && !(s.flow && s.item) {
			text = " " + text
		}
		w.replace(n.start, end, text)
	case inline:
		w.insert(s.after, " "+w.inlineFor(n, want, s))
		w.replace(nextLine(w.text, s.after), w.lastLine(n), "")
	case s.item && sameLine:
		text := strings.Repeat(" ", st.item-1) + st.block(want, s.col+st.item)
		end := n.end
		if block {
			end = w.breakBefore(w.lastLine(n))
		}
		w.replace(s.after, end, text)
	default:
		col := s.col + st.unit
		if isList(want) {
			col = s.col + st.dash
		}
		if s.item {
			col = s.col + st.item
		}
		if !sameLine {
			if in := w.column(n.start); in > s.col || n.kind == sequence && isList(want) {
				col = in // where the old value stood
			}
			w.lines(nextLine(w.text, s.after), w.lastLine(n), col, st.block(want, col))
			return nil
		}
		if nextLine(w.text, n.start) < n.end { // a block scalar, or one of several lines
			w.replace(s.after, n.end, st.eol+strings.Repeat(" ", col)+st.block(want, col))
			return nil
		}
		w.replace(s.after, n.end, "")
		at := nextLine(w.text, n.end)
		w.lines(at, at, col, st.block(want, col))
	}
	return nil
}

// lines puts text, whose first line stands at column col, in the place of whole
// lines.
func (w *writer) lines(start, end, col int, text string) {
	text = strings.Repeat(" ", col) + text
	if start == len(w.text) && !bytes.HasSuffix(w.text, []byte("\n")) {
		w.insert(start, w.style().eol+text)
		return
	}
	w.replace(start, end, text+w.style().eol)
}

// inlineFor writes a value on one line; a string in the quotes of the one that it
// replaces.
func (w *writer) inlineFor(n *node, want any, s slot) string {
	st := w.style()
	text, isText := want.(string)
	if _, was := n.value.(string); isText && was {
		switch n.kind {
		case single:
			return quoteWith(text, '\'')
		case double:
			return doubleQuoted(text)
		case literal:
			if lines, ok := w.literal(n, text); ok {
				return lines
			}
		}
	}
	return st.inline(want, s.flow || n.flow)
}

// literal writes a text as a block scalar with the header and indentation of the
// one that it replaces, where that can say it: no leading blank, no control
// characters, and the same end.
func (w *writer) literal(n *node, text string) (string, bool) {
	old, _ := n.value.(string)
	body := strings.TrimRight(text, "\n")
	from := nextLine(w.text, n.start)
	if body == "" || body[0] == ' ' || body[0] == '\n' || from >= n.end || old == "" || old[0] == ' ' ||
		text[len(body):] != old[len(strings.TrimRight(old, "\n")):] || !printable(strings.ReplaceAll(body, "\n", "")) {
		return "", false
	}
	lines := strings.Split(body, "\n")
	in := margin(w.text, from)
	for i, l := range lines {
		if l != "" {
			lines[i] = in + l
		}
	}
	end := lineEnd(w.text, n.start)
	return string(w.text[n.start:end]) + w.style().eol + strings.Join(lines, w.style().eol), true
}

// breakBefore is the end of the line before the one that begins at off.
func (w *writer) breakBefore(off int) int {
	return lineEnd(w.text, lineStart(w.text, max(off-1, 0)))
}

func (w *writer) column(off int) int { return off - lineStart(w.text, off) }

// broken reports whether JSON around n is written over several lines: an empty
// list or a scalar of a pretty document is to be unfolded, a collection on one
// line stays on it.
func (w *writer) broken(n *node) bool {
	return len(n.parts) == 0 || bytes.IndexByte(w.text[n.start:n.end], '\n') >= 0
}
