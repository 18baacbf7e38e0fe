package manifest

import "bytes"

// spanner finds the bytes of objects in a file. The parser of YAML tells where
// a value begins and not where it ends, so the end is read off the text: the
// last line with content before whatever follows.
type spanner struct{ data []byte }

// whole returns the span of a document's root.
func (s spanner) whole(doc document, root *node) (start, end int) {
	if root.end > 0 {
		return root.start, root.end
	}
	return root.start, s.trim(root, doc.start+len(doc.data))
}

// item returns the span of one item of a list whose own text ends at limit.
func (s spanner) item(items []*node, i, limit int) (start, end int) {
	n := items[i]
	switch {
	case n.end > 0:
		return n.start, n.end
	case n.flow:
		return n.start, s.flowEnd(n.start, limit)
	}
	if i+1 < len(items) && items[i+1].start > n.start {
		return n.start, s.trim(n, s.lineStart(items[i+1].start))
	}
	return n.start, s.trim(n, s.dedent(n, limit))
}

// trim moves end back over lines that are blank, comments, or the dash of the
// next item, to the end of the last line of n, its line break excluded.
func (s spanner) trim(n *node, end int) int {
	last, inScalar := lastLeaf(n), -1
	if last.block {
		inScalar = s.scalarIndent(last.start, end)
	}
	for end > n.start {
		from := s.lineStart(end - 1)
		if s.data[end-1] == '\n' && end-1 > from {
			from = s.lineStart(end - 2)
		}
		line := s.data[max(from, n.start):end]
		text := bytes.TrimLeft(line, " \t\r\n")
		indent := len(line) - len(text)
		comment := len(text) > 0 && text[0] == '#' && (inScalar < 0 || indent < inScalar)
		dash := len(bytes.TrimRight(text, " \t\r\n")) == 1 && text[0] == '-' && from > last.start
		if len(text) > 0 && !comment && !dash {
			return max(from, n.start) + len(bytes.TrimRight(line, "\r\n"))
		}
		if from <= n.start {
			break
		}
		end = from
	}
	return end
}

// dedent returns where the block that begins at n ends: the first line of
// content that is indented less than n, outside of scalars.
func (s spanner) dedent(n *node, limit int) int {
	column := n.start - s.lineStart(n.start)
	last := lastLeaf(n)
	pos := s.nextLine(max(last.start, n.start), limit)
	for pos < limit {
		next := s.nextLine(pos, limit)
		line := s.data[pos:next]
		text := bytes.TrimLeft(line, " ")
		if len(bytes.TrimSpace(text)) > 0 && text[0] != '#' && len(line)-len(text) < column {
			return pos
		}
		pos = next
	}
	return limit
}

// flowEnd returns the offset after the bracket that closes the one at start.
func (s spanner) flowEnd(start, limit int) int {
	depth := 0
	var quote byte
	for i := start; i < limit; i++ {
		c := s.data[i]
		switch {
		case quote == '"' && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' && bytes.IndexByte([]byte(" ,:{["), s.data[max(i-1, 0)]) >= 0:
			quote = c
		case c == '#' && (s.data[max(i-1, 0)] == ' ' || s.data[max(i-1, 0)] == '\n'):
			i = s.nextLine(i, limit) - 1
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return limit
}

// scalarIndent returns the indentation of a block scalar's text.
func (s spanner) scalarIndent(start, limit int) int {
	for pos := s.nextLine(start, limit); pos < limit; pos = s.nextLine(pos, limit) {
		line := s.data[pos:s.nextLine(pos, limit)]
		if text := bytes.TrimLeft(line, " "); len(bytes.TrimSpace(text)) > 0 {
			return len(line) - len(text)
		}
	}
	return 0
}

func (s spanner) lineStart(off int) int {
	return bytes.LastIndexByte(s.data[:off], '\n') + 1
}

func (s spanner) nextLine(off, limit int) int {
	if i := bytes.IndexByte(s.data[off:limit], '\n'); i >= 0 {
		return off + i + 1
	}
	return limit
}

// lastLeaf returns the value that begins last in the text of n. An alias's
// target lies elsewhere, before n or in it, and does not count.
func lastLeaf(n *node) *node {
	last := n
	for {
		deeper := last
		for i := range last.fields {
			if c := last.fields[i].value; c.start > deeper.start {
				deeper = c
			}
		}
		for _, c := range last.items {
			if c.start > deeper.start {
				deeper = c
			}
		}
		if deeper == last {
			return last
		}
		last = deeper
	}
}
