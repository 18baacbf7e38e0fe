package patch

import (
	"bytes"
	"strings"
)

// block removes and adds parts of a collection in block style, at least one
// part of which stays.
func (w *writer) block(n *node, moves []move) {
	st := w.style()
	first := -1 // part that stays
	for _, m := range moves {
		if m.old >= 0 && !m.gone {
			first = m.old
			break
		}
	}
	col := w.column(n.start)
	front := w.front(n, first)
	last := -1 // the part that stays before the move
	gaps := w.blankBetween(n)
	for _, m := range moves {
		switch {
		case m.old >= 0 && !m.gone:
			last = m.old
		case m.gone:
			if m.old > first {
				w.removeLines(n, m.old)
			}
		case last < 0 && front.inline:
			w.insert(front.at, w.part(n, m, col)+st.eol+strings.Repeat(" ", col))
		case last < 0:
			w.insert(front.at, strings.Repeat(" ", col)+w.part(n, m, col)+st.eol+gapIf(gaps, st))
		default:
			w.append(w.regionEnd(n.parts[last]), gapIf(gaps, st), strings.Repeat(" ", col)+w.part(n, m, col))
		}
	}
}

func gapIf(gaps bool, st *style) string {
	if gaps {
		return st.eol
	}
	return ""
}

// blankBetween reports whether a blank line stands between all parts.
func (w *writer) blankBetween(n *node) bool {
	for i := 1; i < len(n.parts); i++ {
		before := w.regionStart(n, i)
		if before == 0 || !w.blankLine(lineStart(w.text, before-1)) {
			return false
		}
	}
	return len(n.parts) > 1
}

func (w *writer) blankLine(at int) bool {
	return at < len(w.text) && len(bytes.TrimSpace(w.text[at:lineEnd(w.text, at)])) == 0
}

// append adds a line behind another one, which may be the last without a break.
func (w *writer) append(at int, gap, text string) {
	eol := w.style().eol
	if at == len(w.text) && !bytes.HasSuffix(w.text, []byte("\n")) {
		w.insert(at, eol+gap+text)
		return
	}
	w.insert(at, gap+text+eol)
}

// front is where new parts go before the first one that stays.
type front struct {
	at     int
	inline bool // on the line of a dash
}

// front removes the parts before the first that stays.
func (w *writer) front(n *node, first int) front {
	head := n.parts[0]
	shared := w.sharesLine(head)
	stays := n.parts[first]
	switch {
	case !shared:
		for i := range first {
			w.removeLines(n, i)
		}
		return front{at: w.regionStart(n, first)}
	case first == 0:
		return front{at: head.start, inline: true}
	}
	from := w.regionStart(n, first)
	if from == lineStart(w.text, stays.start) {
		w.replace(head.start, stays.start, "") // the next part moves up to the dash
		return front{at: stays.start, inline: true}
	}
	dash := head.start
	for dash > 0 && w.text[dash-1] == ' ' {
		dash--
	}
	w.replace(dash, w.breakBefore(from), "")
	return front{at: from}
}

// removeLines removes a part that has lines of its own, and one of two blank
// lines that would come to stand together.
func (w *writer) removeLines(n *node, i int) {
	from, to := w.regionStart(n, i), w.regionEnd(n.parts[i])
	lead := from == 0 || w.blankLine(lineStart(w.text, from-1)) || i == 0
	if i > 0 && (n.parts[i-1].value.kind == literal || n.parts[i-1].value.kind == folded) {
		lead = false // blank lines may be its text
	}
	for lead && to < len(w.text) && w.blankLine(to) && i+1 < len(n.parts) {
		to = nextLine(w.text, to)
	}
	w.replace(from, to, "")
}

// sharesLine reports whether something stands before a part on its line.
func (w *writer) sharesLine(p part) bool {
	return len(bytes.TrimLeft(w.text[lineStart(w.text, p.start):p.start], " \uFEFF")) > 0
}

// regionStart is the beginning of the lines that belong to a part: the comments
// right above it in its own column, then the part. What stands before a part on
// its line is not of the region.
func (w *writer) regionStart(n *node, i int) int {
	p := n.parts[i]
	if w.sharesLine(p) {
		return p.start
	}
	at, col := lineStart(w.text, p.start), w.column(p.start)
	lower := 0
	if i > 0 {
		lower = nextLine(w.text, n.parts[i-1].end())
	}
	for at > lower {
		above := lineStart(w.text, at-1)
		if above < lower || above >= at || !w.comment(above, func(c int) bool { return c == col }) {
			break
		}
		at = above
	}
	return at
}

// regionEnd is the end of the lines that belong to a part: its own, and comments
// right below that are indented as its content is.
func (w *writer) regionEnd(p part) int {
	at := nextLine(w.text, p.end())
	v := p.value
	if !v.isCollection() || v.flow || len(v.parts) == 0 {
		return at
	}
	inner := w.column(v.start)
	for at < len(w.text) && inner > w.column(p.start) && w.comment(at, func(c int) bool { return c >= inner }) {
		at = nextLine(w.text, at)
	}
	return at
}

// comment reports whether a line is a comment in a column that fits.
func (w *writer) comment(at int, fits func(col int) bool) bool {
	line := w.text[at:lineEnd(w.text, at)]
	text := bytes.TrimLeft(line, " ")
	return len(text) > 0 && text[0] == '#' && fits(len(line)-len(text))
}

// lastLine is the end of the lines of a value.
func (w *writer) lastLine(n *node) int {
	if n.isCollection() && !n.flow && len(n.parts) > 0 {
		return w.regionEnd(n.parts[len(n.parts)-1])
	}
	return nextLine(w.text, n.end)
}

// part writes a new part at column col.
func (w *writer) part(n *node, m move, col int) string {
	st := w.style()
	quoted := *st
	if q, all := quotesOf(n); all {
		quoted.quote = q
		if s, ok := m.want.(string); ok {
			text := quoteWith(s, q)
			if n.kind == mapping {
				return st.key(m.key, false) + ": " + text
			}
			return "-" + strings.Repeat(" ", st.item-1) + text
		}
	}
	if n.kind == mapping {
		return quoted.key(m.key, false) + ":" + quoted.entry(m.want, col)
	}
	if isInline(m.want) {
		return "-" + strings.Repeat(" ", st.item-1) + quoted.inline(m.want, false)
	}
	item := w.itemOffset(n)
	return "-" + strings.Repeat(" ", item-1) + quoted.block(m.want, col+item)
}

// itemOffset is the distance from dash to value in this list.
func (w *writer) itemOffset(n *node) int {
	for _, p := range n.parts {
		if lineStart(w.text, p.start) == lineStart(w.text, p.value.start) && p.value.start > p.start+1 {
			return p.value.start - p.start
		}
	}
	return w.style().item
}

// quotesOf returns the quotes that all strings among a collection's scalars have.
func quotesOf(n *node) (quote byte, all bool) {
	for _, p := range n.parts {
		if _, isText := p.value.value.(string); !isText {
			continue
		}
		q := byte(0)
		switch p.value.kind {
		case single:
			q = '\''
		case double:
			q = '"'
		}
		if q == 0 || quote != 0 && q != quote {
			return 0, false
		}
		quote = q
	}
	return quote, quote != 0
}
