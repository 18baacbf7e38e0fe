package manifest

import (
	"strings"
	"unicode/utf8"
)

// blockParser reads the part of YAML that manifests are written in, in one pass
// and without tokens: block mappings and sequences of one-line scalars, literal
// blocks, and flow collections on one line. It declines whatever it is not
// certain about, anchors, tags, scalars of several lines, tabs and every error
// among them; the document then goes to yaml.v3, whose tree and whose messages
// are the rule that this one is tested against.
type blockParser struct {
	text  string
	base  int // offset of text in the file
	line0 int // line of text's first byte in the file
	depth int // most levels
	lines []textLine
	at    int // the line that is due

	nodes  []node  // slab
	fields []field // of the mappings that are open
	items  []*node // of the sequences that are open
	failed bool
}

// textLine is a line that holds more than blanks and a comment.
type textLine struct {
	start  int // offset of its first byte that is no blank
	end    int // offset after its last byte, the line break excluded
	indent int
	number int // zero-based in the text
}

// blockYAML parses a document; nil declines it.
func blockYAML(doc document, l limits) *node {
	if !plainBytes(doc.data) {
		return nil
	}
	p := &blockParser{text: string(doc.data), base: doc.start, line0: doc.line, depth: l.depth}
	if !p.cut() || len(p.lines) == 0 {
		return nil
	}
	root := p.mapping(p.lines[0].indent, p.lines[0].start, 1)
	if p.failed || p.at != len(p.lines) {
		return nil
	}
	return root
}

// plainBytes reports whether a text holds nothing that needs a second thought:
// no tab, carriage return or other control character, no line break or byte
// order mark beyond ASCII, and no broken UTF-8.
func plainBytes(b []byte) bool {
	ascii := true
	for _, c := range b {
		if c < ' ' && c != '\n' || c == 0x7f {
			return false
		}
		if c >= utf8.RuneSelf {
			ascii = false
		}
	}
	if ascii {
		return true
	}
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n < 2 || 0x80 <= r && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			return false
		}
		b = b[n:]
	}
	return true
}

// cut finds the lines. It declines documents with markers or directives but for
// a marker that opens the document on a line of its own.
func (p *blockParser) cut() bool {
	p.lines = make([]textLine, 0, len(p.text)/24+4)
	number := 0
	for from := 0; from < len(p.text); number++ {
		end := strings.IndexByte(p.text[from:], '\n')
		if end < 0 {
			end = len(p.text)
		} else {
			end += from
		}
		start := from
		for start < end && p.text[start] == ' ' {
			start++
		}
		line := p.text[start:end]
		switch {
		case line == "" || line[0] == '#':
		case start == from && line == "---":
			if len(p.lines) > 0 {
				return false
			}
		case start == from && (line[0] == '%' || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "...")):
			return false
		default:
			p.lines = append(p.lines, textLine{start, end, start - from, number})
		}
		from = end + 1
	}
	return true
}

func (p *blockParser) decline() *node {
	p.failed = true
	return nil
}

func (p *blockParser) node(kind nodeKind, at, line int) *node {
	if len(p.nodes) == 0 {
		p.nodes = make([]node, 32)
	}
	n := &p.nodes[0]
	p.nodes = p.nodes[1:]
	n.kind, n.start, n.line = kind, p.base+at, int32(p.line0+line) //nolint:gosec // a file of 512 MB has fewer lines
	return n
}

// mapping reads a block mapping whose keys stand in column indent. Its first key
// is at first, on the line that is due, perhaps behind the dash of an item.
func (p *blockParser) mapping(indent, first, depth int) *node {
	if depth > p.depth {
		return p.decline()
	}
	n := p.node(mapNode, first, p.lines[p.at].number)
	mark := len(p.fields)
	for at := first; ; at = p.lines[p.at].start {
		key, after, ok := p.key(at, p.lines[p.at].end)
		if !ok {
			return p.decline()
		}
		for i := mark; i < len(p.fields); i++ {
			if p.fields[i].key == key {
				return p.decline()
			}
		}
		value := p.value(after, indent, depth+1, true)
		if p.failed {
			return nil
		}
		p.fields = append(p.fields, field{key, value})
		if p.at == len(p.lines) || p.lines[p.at].indent < indent {
			break
		}
		if p.lines[p.at].indent > indent || p.dash(p.lines[p.at].start, p.lines[p.at].end) {
			return p.decline()
		}
		if len(p.fields)-mark > manyFields {
			return p.decline() // its keys are better looked up by a hash
		}
	}
	n.fields = append(make([]field, 0, len(p.fields)-mark), p.fields[mark:]...)
	p.fields = p.fields[:mark]
	return n
}

// sequence reads a block sequence whose dashes stand in column indent.
func (p *blockParser) sequence(indent, depth int) *node {
	if depth > p.depth {
		return p.decline()
	}
	n := p.node(listNode, p.lines[p.at].start, p.lines[p.at].number)
	mark := len(p.items)
	for p.at < len(p.lines) && p.lines[p.at].indent == indent && p.dash(p.lines[p.at].start, p.lines[p.at].end) {
		line := p.lines[p.at]
		at := line.start + 1
		for at < line.end && p.text[at] == ' ' {
			at++
		}
		var item *node
		switch {
		case at == line.end || p.text[at] == '#':
			item = p.value(line.start+1, indent, depth+1, false)
		case p.dash(at, line.end):
			return p.decline()
		default:
			if _, _, ok := p.key(at, line.end); ok {
				item = p.mapping(indent+at-line.start, at, depth+1)
			} else {
				item = p.value(line.start+1, indent, depth+1, false)
			}
		}
		if p.failed {
			return nil
		}
		p.items = append(p.items, item)
	}
	if p.at < len(p.lines) && p.lines[p.at].indent > indent {
		return p.decline()
	}
	n.items = append(make([]*node, 0, len(p.items)-mark), p.items[mark:]...)
	p.items = p.items[:mark]
	return n
}

// dash reports whether an item of a sequence begins at an offset.
func (p *blockParser) dash(at, end int) bool {
	return p.text[at] == '-' && (at+1 == end || p.text[at+1] == ' ')
}

// key reads a plain key of letters, digits and - _ . / that is no other value in
// disguise, or a quoted one of such characters. after is behind its colon.
func (p *blockParser) key(at, end int) (key string, after int, ok bool) {
	i := at
	quote := byte(0)
	if c := p.text[i]; c == '"' || c == '\'' {
		quote = c
		i++
	}
	from := i
	for i < end && keyByte(p.text[i]) {
		i++
	}
	if key = p.text[from:i]; key == "" {
		return "", 0, false
	}
	if quote != 0 {
		if i == end || p.text[i] != quote {
			return "", 0, false
		}
		i++
	} else {
		if key[0] == '-' {
			return "", 0, false
		}
		if kind, _ := resolvePlain(key); kind != stringNode {
			return "", 0, false
		}
	}
	if i == end || p.text[i] != ':' || i+1 < end && p.text[i+1] != ' ' {
		return "", 0, false
	}
	return key, i + 1, true
}

func keyByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '/'
}

// value reads what stands behind a colon or a dash, on its line or below it. The
// collection that it belongs to stands in column indent; only below a key may a
// sequence stand in the same column.
func (p *blockParser) value(at, indent, depth int, ofKey bool) *node {
	if depth > p.depth {
		return p.decline()
	}
	line := p.lines[p.at]
	behind := at
	for at < line.end && p.text[at] == ' ' {
		at++
	}
	if at == line.end || p.text[at] == '#' && at > behind {
		p.at++
		if p.at == len(p.lines) || p.lines[p.at].indent < indent {
			return p.node(nullNode, behind, line.number)
		}
		next := p.lines[p.at]
		isDash := p.dash(next.start, next.end)
		switch {
		case next.indent == indent && !(ofKey && isDash):
			return p.node(nullNode, behind, line.number)
		case isDash:
			return p.sequence(next.indent, depth)
		}
		if _, _, ok := p.key(next.start, next.end); !ok {
			return p.decline()
		}
		return p.mapping(next.indent, next.start, depth)
	}
	var n *node
	switch p.text[at] {
	case '|':
		return p.literal(at, indent)
	case '{', '[':
		var end int
		if n, end = p.flow(at, line.end, line.number, depth); p.failed || !p.over(end, line.end) {
			return p.decline()
		}
	case '"', '\'':
		text, end, ok := p.quoted(at, line.end)
		if !ok || !p.over(end, line.end) {
			return p.decline()
		}
		n = p.node(stringNode, at, line.number)
		n.text = text
	default:
		text, ok := p.plain(at, line.end)
		if !ok {
			return p.decline()
		}
		n = p.node(nullNode, at, line.number)
		n.kind, n.text = resolvePlain(text)
	}
	p.at++
	if p.at < len(p.lines) && p.lines[p.at].indent > indent {
		return p.decline() // the scalar goes on, or the document is broken
	}
	return n
}

// over reports whether nothing but blanks and a comment follows on a line.
func (p *blockParser) over(at, end int) bool {
	i := at
	for i < end && p.text[i] == ' ' {
		i++
	}
	return i == end || p.text[i] == '#' && i > at
}

// quoted reads a quoted scalar that ends on its line and has no escapes but the
// doubled single quote.
func (p *blockParser) quoted(at, end int) (text string, after int, ok bool) {
	quote := p.text[at]
	from := at + 1
	for i := from; i < end; i++ {
		switch c := p.text[i]; {
		case c == '\\' && quote == '"':
			return "", 0, false
		case c != quote:
		case quote == '\'' && i+1 < end && p.text[i+1] == quote:
			i++
		default:
			text = p.text[from:i]
			if quote == '\'' {
				text = strings.ReplaceAll(text, "''", "'")
			}
			return text, i + 1, true
		}
	}
	return "", 0, false
}

// plain reads a plain scalar to the end of its line.
func (p *blockParser) plain(at, end int) (string, bool) {
	text := p.text[at:end]
	switch c := text[0]; {
	case strings.IndexByte(",[]{}#&*!|>'\"%@`?:", c) >= 0:
		return "", false
	case c == '-' && (len(text) == 1 || text[1] == ' '):
		return "", false
	}
	if i := strings.Index(text, " #"); i >= 0 {
		text = text[:i]
	}
	text = strings.TrimRight(text, " ")
	if strings.Contains(text, ": ") || strings.HasSuffix(text, ":") {
		return "", false
	}
	return text, true
}

// literal reads a literal block scalar: |, or |- without the last line break.
func (p *blockParser) literal(at, indent int) *node {
	line := p.lines[p.at]
	head := strings.TrimRight(p.text[at:line.end], " ")
	if head != "|" && head != "|-" {
		return p.decline()
	}
	n := p.node(stringNode, at, line.number)
	n.block = true
	// The text is what the lines say, blank ones and those that look like
	// comments included, so it is read from the document and not from p.lines.
	from := line.end + 1
	if from >= len(p.text) {
		return p.decline()
	}
	width := 0
	for from+width < len(p.text) && p.text[from+width] == ' ' {
		width++
	}
	if width <= indent || from+width >= len(p.text) || p.text[from+width] == '\n' {
		return p.decline() // empty, or with blank lines before the text
	}
	prefix := p.text[from : from+width]
	var b strings.Builder
	blank := 0
	number := line.number
	for pos := from; pos < len(p.text); {
		end := strings.IndexByte(p.text[pos:], '\n')
		if end < 0 {
			end = len(p.text)
		} else {
			end += pos
		}
		raw := p.text[pos:end]
		if strings.Trim(raw, " ") == "" {
			if len(raw) > width {
				return p.decline() // blanks that belong to the text
			}
			blank++
		} else {
			if !strings.HasPrefix(raw, prefix) {
				if len(raw)-len(strings.TrimLeft(raw, " ")) > indent {
					return p.decline() // less than the text, more than the key
				}
				break
			}
			for ; blank > 0; blank-- {
				b.WriteByte('\n')
			}
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(raw[width:])
		}
		number++
		pos = end + 1
	}
	if head == "|" {
		if p.text[len(p.text)-1] != '\n' {
			return p.decline() // the last line may have no break to keep
		}
		b.WriteByte('\n')
	}
	n.text = b.String()
	for p.at < len(p.lines) && p.lines[p.at].number <= number {
		p.at++
	}
	if p.at < len(p.lines) && p.lines[p.at].indent > indent {
		return p.decline()
	}
	return n
}

// flow reads a flow collection that ends on its line.
func (p *blockParser) flow(at, end, line, depth int) (*node, int) {
	if depth > p.depth {
		return p.decline(), 0
	}
	kind, closing := mapNode, byte('}')
	if p.text[at] == '[' {
		kind, closing = listNode, ']'
	}
	n := p.node(kind, at, line)
	n.flow = true
	i := p.blanks(at+1, end)
	if i < end && p.text[i] == closing {
		if kind == mapNode {
			n.fields = []field{}
		} else {
			n.items = []*node{}
		}
		return n, i + 1
	}
	for {
		key := ""
		if kind == mapNode {
			var ok bool
			if i >= end {
				return p.decline(), 0
			}
			if key, i, ok = p.flowKey(i, end); !ok || n.lookup(key) != nil {
				return p.decline(), 0
			}
			i = p.blanks(i, end)
		}
		if i >= end {
			return p.decline(), 0
		}
		var v *node
		switch c := p.text[i]; c {
		case '{', '[':
			v, i = p.flow(i, end, line, depth+1)
		case '"', '\'':
			text, after, ok := p.quoted(i, end)
			if !ok || after < end && p.text[after] == ':' {
				return p.decline(), 0
			}
			v = p.node(stringNode, i, line)
			v.text, i = text, after
		default:
			from := i
			for i < end && (keyByte(p.text[i]) || p.text[i] == '=' || p.text[i] == '+') {
				i++
			}
			if i == from || p.text[from] == '-' && (i == from+1 || p.text[from+1] == '-') {
				return p.decline(), 0
			}
			v = p.node(nullNode, from, line)
			v.kind, v.text = resolvePlain(p.text[from:i])
		}
		if p.failed || depth+1 > p.depth {
			return p.decline(), 0
		}
		if kind == mapNode {
			n.fields = append(n.fields, field{key, v})
		} else {
			n.items = append(n.items, v)
		}
		i = p.blanks(i, end)
		switch {
		case i < end && p.text[i] == closing:
			return n, i + 1
		case i < end && p.text[i] == ',':
			i = p.blanks(i+1, end)
		default:
			return p.decline(), 0
		}
	}
}

// flowKey is key inside braces, where the colon behind a quoted key needs no
// blank after it.
func (p *blockParser) flowKey(at, end int) (key string, after int, ok bool) {
	if key, after, ok = p.key(at, end); ok || p.text[at] != '"' && p.text[at] != '\'' {
		return key, after, ok
	}
	key, after, ok = p.quoted(at, end)
	return key, after + 1, ok && after < end && p.text[after] == ':'
}

func (p *blockParser) blanks(at, end int) int {
	for at < end && p.text[at] == ' ' {
		at++
	}
	return at
}
