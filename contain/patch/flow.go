package patch

import "bytes"

// flow removes and adds parts of a collection in brackets, at least one part of
// which stays.
func (w *writer) flow(n *node, moves []move) error {
	changed := false
	for _, m := range moves {
		changed = changed || m.gone || m.old < 0
	}
	if !changed {
		return nil
	}
	if w.commented(n) {
		return w.flowLines(n, moves)
	}
	first := -1
	for _, m := range moves {
		if m.old >= 0 && !m.gone {
			first = m.old
			break
		}
	}
	head := n.parts[first]
	if first > 0 {
		w.replace(n.parts[0].start, head.start, "")
	}
	last := -1
	gap, margin := w.gap(n)
	for _, m := range moves {
		switch {
		case m.old >= 0 && !m.gone:
			last = m.old
		case m.gone && m.old > first:
			w.replace(n.parts[m.old-1].end(), n.parts[m.old].end(), "")
		case m.gone:
		case last < 0:
			// what is removed before head ends here, and this comes after it
			w.insert(head.start, w.flowPart(n, m, margin)+gap)
		default:
			w.insert(n.parts[last].end(), gap+w.flowPart(n, m, margin))
		}
	}
	return nil
}

// commented reports whether comments stand between the parts of n.
func (w *writer) commented(n *node) bool {
	pos := n.start + 1
	for _, p := range n.parts {
		if bytes.IndexByte(w.text[pos:p.start], '#') >= 0 {
			return true
		}
		pos = p.end()
	}
	return bytes.IndexByte(w.text[pos:n.end], '#') >= 0
}

// gap is what divides the parts, and the margin of their lines.
func (w *writer) gap(n *node) (gap, in string) {
	st := w.style()
	head := n.parts[0].start
	in = margin(w.text, head)
	if bytes.IndexByte(w.text[n.start:head], '\n') >= 0 {
		return "," + st.eol + in, in
	}
	if len(n.parts) > 1 {
		between := w.text[n.parts[0].end():n.parts[1].start]
		if len(bytes.Trim(between, " ,")) == 0 && (len(between) > 1 || w.doc.json || n.kind == sequence) {
			return string(between), in
		}
	}
	return st.comma(), in
}

func (w *writer) flowPart(n *node, m move, margin string) string {
	st := w.style()
	if w.doc.json {
		text := st.json(m.want, margin, st.pretty && bytes.IndexByte(w.text[n.start:n.end], '\n') >= 0)
		if n.kind == mapping {
			return st.jsonKey(m.key) + text
		}
		return text
	}
	text := st.inline(m.want, true)
	if s, ok := m.want.(string); ok {
		if q, all := quotesOf(n); all {
			text = quoteWith(s, q)
		}
	}
	if n.kind == mapping {
		return st.pair(m.key, text)
	}
	return text
}

// flowLines changes a collection with comments, of which every part must stand
// on lines of its own: the comments right above a part and behind it on its line
// are the part's.
func (w *writer) flowLines(n *node, moves []move) error {
	ends := make([]int, len(n.parts)) // of the line of each part
	pos := n.start
	for i, p := range n.parts {
		if bytes.IndexByte(w.text[pos:p.start], '\n') < 0 || lineStart(w.text, p.start)+len(margin(w.text, p.start)) != p.start {
			return w.crowded(n)
		}
		ends[i] = nextLine(w.text, p.end())
		pos = p.end()
	}
	if bytes.IndexByte(w.text[pos:n.end], '\n') < 0 {
		return w.crowded(n)
	}
	st := w.style()
	in := margin(w.text, n.parts[0].start)
	last, comma := -1, false
	for _, m := range moves {
		switch {
		case m.gone:
			w.replace(w.regionStart(n, m.old), ends[m.old], "")
		case m.old >= 0:
			last, comma = m.old, false
		case last < 0:
			w.insert(w.regionStart(n, 0), in+w.flowPart(n, m, in)+","+st.eol)
		default:
			if end := n.parts[last].end(); !comma && !w.commaBehind(end, n.end) {
				w.insert(end, ",")
			}
			comma = true
			w.insert(ends[last], in+w.flowPart(n, m, in)+","+st.eol)
		}
	}
	return nil
}

func (w *writer) crowded(n *node) error {
	return unsupported(w.text, "line %d cannot be changed in place: comments stand amid a list or object in brackets", lineOf(w.text, n.start)).
		WithHint("write it in block style, one part a line")
}

// commaBehind reports whether the next thing behind a part is a comma.
func (w *writer) commaBehind(off, limit int) bool {
	for off < limit {
		switch c := w.text[off]; {
		case isBlank(c):
			off++
		case c == '#':
			off = lineEnd(w.text, off)
		default:
			return c == ','
		}
	}
	return false
}
