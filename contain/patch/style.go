package patch

import "bytes"

// style is how a text is laid out, so that what is added looks like what stands there.
type style struct {
	eol      string // line break
	unit     int    // columns that a mapping in a mapping is indented
	dash     int    // columns that a list in a mapping is indented, often 0
	item     int    // columns from a dash to its value
	quote    byte   // where a string needs quotes
	spaced   bool   // one-line flow collections have ", " and ": "
	padded   bool   // { a: b } rather than {a: b}
	pretty   bool   // JSON over several lines
	jsonUnit string // its indentation
}

// votes count how often a layout occurs.
type votes map[int]int

// winner is the most frequent value, the smaller of two as frequent.
func (v votes) winner(otherwise int) int {
	best, most := otherwise, 0
	for value, n := range v {
		if n > most || n == most && value < best {
			best, most = value, n
		}
	}
	return best
}

// styleOf reads the layout off a document.
func styleOf(d *document) style {
	s := style{eol: "\n", quote: '"', spaced: true}
	if i := bytes.IndexByte(d.text, '\n'); i > 0 && d.text[i-1] == '\r' {
		s.eol = "\r\n"
	}
	units, dashes, items, quotes, spaced, padded := votes{}, votes{}, votes{}, votes{}, votes{}, votes{}
	column := func(off int) int { return off - lineStart(d.text, off) }
	var visit func(n *node)
	visit = func(n *node) {
		if n.kind == single {
			quotes[1]++
		} else if n.kind == double {
			quotes[0]++
		}
		for i, p := range n.parts {
			v := p.value
			switch {
			case n.flow && i > 0:
				gap := d.text[n.parts[i-1].end():p.start]
				if bytes.IndexByte(gap, '\n') < 0 {
					spaced[btoi(len(gap) == 1)]++
				}
			case n.flow || v.flow || len(v.parts) == 0:
			case n.kind == mapping && v.kind == mapping:
				units[column(v.start)-column(p.start)]++
			case n.kind == mapping && v.kind == sequence:
				dashes[column(v.start)-column(p.start)]++
			case n.kind == sequence && lineStart(d.text, v.start) == lineStart(d.text, p.start):
				items[v.start-p.start]++
			}
			visit(v)
		}
		if n.flow && n.kind == mapping && len(n.parts) > 0 {
			if n.parts[0].start-n.start < 3 {
				padded[btoi(n.parts[0].start == n.start+1)]++
			}
			if p := n.parts[0]; d.json && p.value.start == p.after {
				spaced[1]++
			}
		}
	}
	visit(d.root)
	s.unit, s.dash, s.item = max(units.winner(2), 1), max(dashes.winner(0), 0), max(items.winner(2), 2)
	if quotes.winner(0) == 1 {
		s.quote = '\''
	}
	s.spaced = spaced.winner(0) == 0
	s.padded = len(padded) > 0 && padded.winner(1) == 0
	if d.json {
		s.jsonStyle(d)
	}
	return s
}

// jsonStyle looks whether the first part of the root stands on a line of its own.
func (s *style) jsonStyle(d *document) {
	s.jsonUnit = "  "
	if len(d.root.parts) == 0 {
		return
	}
	first := d.root.parts[0].start
	if bytes.IndexByte(d.text[d.root.start:first], '\n') < 0 {
		return
	}
	s.pretty, s.spaced = true, true
	inner, outer := margin(d.text, first), margin(d.text, d.root.start)
	if len(inner) > len(outer) {
		s.jsonUnit = inner[len(outer):]
	}
}

// margin is the blank space that the line of off begins with.
func margin(text []byte, off int) string {
	from := lineStart(text, off)
	to := from
	for to < len(text) && (text[to] == ' ' || text[to] == '\t') {
		to++
	}
	return string(text[from:to])
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
