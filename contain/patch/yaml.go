package patch

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/ident"
)

// yamlBuilder finds the place of every value in a text. yaml.v3 tells what there
// is and where scalars begin; where anything ends is read off the text, and each
// part must begin exactly where the one before it ends, blanks and comments
// aside. A text of which that is not so is not patched.
type yamlBuilder struct {
	text   []byte
	lines  []int // offset of each line
	last   place // that was converted last: values come in the order of the text
	known  map[*yaml.Node]*node
	sizes  map[*node]int
	shared int // values that aliases repeat
}

type place struct{ line, column, at int }

// astray is returned where the text is not as its tree makes expect.
type astray struct{ off int }

func (a astray) Error() string { return "the text is written in a way that cannot be followed" }

func parseYAML(text []byte) (*node, error) {
	if off := strangeBreak(text); off >= 0 {
		return nil, unsupported(text, "line %d holds a line break that is neither LF nor CRLF", lineOf(text, off))
	}
	var root yaml.Node
	err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&root)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(root.Content) == 0:
		return nil, unsupported(text, "the text holds no object")
	case err != nil:
		return nil, unsupported(text, "the text cannot be read: %w", err)
	}
	b := &yamlBuilder{text: text, lines: []int{0}, known: map[*yaml.Node]*node{}, sizes: map[*node]int{}}
	for i, c := range text {
		if c == '\n' {
			b.lines = append(b.lines, i+1)
		}
	}
	top := root.Content[0]
	n, err := b.build(top, b.offset(top), -1, false, 1)
	if err == nil {
		if rest := b.skip(n.end); rest < len(text) && !bytes.HasPrefix(text[rest:], []byte("...")) {
			err = astray{rest}
		}
	}
	var a astray
	if errors.As(err, &a) {
		return nil, unsupported(text, "line %d is written in a way that cannot be patched in place", lineOf(text, min(a.off, len(text))))
	}
	return n, err
}

// strangeBreak finds what YAML 1.1 takes for a line break and editors do not:
// CR alone, NEL, LS and PS.
func strangeBreak(text []byte) int {
	for i, c := range text {
		switch {
		case c == '\r' && (i+1 == len(text) || text[i+1] != '\n'):
			return i
		case c == 0xc2 && bytes.HasPrefix(text[i:], []byte("\u0085")), c == 0xe2 && (bytes.HasPrefix(text[i:], []byte("\u2028")) || bytes.HasPrefix(text[i:], []byte("\u2029"))):
			return i
		}
	}
	return -1
}

func lineOf(text []byte, off int) int { return 1 + bytes.Count(text[:off], []byte{'\n'}) }

// offset converts a position of the parser, whose columns count characters.
func (b *yamlBuilder) offset(y *yaml.Node) int {
	if y.Line < 1 || y.Line > len(b.lines) {
		return len(b.text)
	}
	from := place{y.Line, 1, b.lines[y.Line-1]}
	if y.Line == 1 && bytes.HasPrefix(b.text, []byte("\uFEFF")) {
		from.at += len("\uFEFF")
	}
	if b.last.line == y.Line && b.last.column <= y.Column {
		from = b.last
	}
	at := from.at
	for left := y.Column - from.column; left > 0 && at < len(b.text); left-- {
		_, n := utf8.DecodeRune(b.text[at:])
		at += n
	}
	b.last = place{y.Line, y.Column, at}
	return at
}

// skip goes over blanks, line breaks and comments.
func (b *yamlBuilder) skip(off int) int {
	for off < len(b.text) {
		switch c := b.text[off]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			off++
		case c == '#' && (off == 0 || isBlank(b.text[off-1])):
			off = lineEnd(b.text, off)
		default:
			return off
		}
	}
	return off
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// skipProps goes over an anchor and a tag, and what separates them from the value.
func (b *yamlBuilder) skipProps(off int) (at int, anchor, tag bool) {
	for off < len(b.text) && (b.text[off] == '&' || b.text[off] == '!') {
		anchor, tag = anchor || b.text[off] == '&', tag || b.text[off] == '!'
		for off < len(b.text) && !isBlank(b.text[off]) {
			off++
		}
		if next := b.skip(off); next < len(b.text) {
			off = next
		}
	}
	return off, anchor, tag
}

// build makes the node of y, which begins at or after off; indent is the column
// of the mapping or dash that it belongs to, -1 for the root.
func (b *yamlBuilder) build(y *yaml.Node, off, indent int, flow bool, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, ident.Errorf(ident.KindLimit, "the object is nested more than %d deep", maxDepth)
	}
	if y.Kind == yaml.AliasNode {
		return b.alias(y, off)
	}
	n := &node{start: off, end: off}
	bare := y.Kind == yaml.ScalarNode && y.Value == "" && y.Style == 0 && y.Anchor == ""
	if bare {
		return n, nil // its position is that of what follows
	}
	at := b.skip(off)
	start, anchor, tag := b.skipProps(at)
	switch {
	case anchor:
		n.fixed = "an anchor"
	case tag:
		n.fixed = "a tag"
	}
	n.start = start
	var err error
	switch y.Kind {
	case yaml.MappingNode:
		n.kind = mapping
		err = b.mapping(n, y, flow, depth)
	case yaml.SequenceNode:
		n.kind = sequence
		err = b.sequence(n, y, flow, depth)
	default:
		if at != b.offset(y) {
			return nil, astray{at}
		}
		err = b.scalar(n, y, indent)
	}
	if err != nil {
		return nil, err
	}
	if y.Anchor != "" {
		b.known[y] = n
	}
	return n, nil
}

func (b *yamlBuilder) alias(y *yaml.Node, off int) (*node, error) {
	at := b.skip(off)
	target := b.known[y.Alias]
	if target == nil || at != b.offset(y) {
		return nil, astray{at}
	}
	if b.shared += b.size(target); b.shared > maxShared {
		return nil, ident.Errorf(ident.KindLimit, "aliases repeat more than %d values", maxShared)
	}
	return &node{kind: plain, start: at, end: at + 1 + len(y.Value), fixed: "an alias", value: target.tree()}, nil
}

// size counts the values of an anchored node; aliases in it count what they repeat.
func (b *yamlBuilder) size(n *node) int {
	if s, ok := b.sizes[n]; ok {
		return s
	}
	s := treeSize(n.tree())
	b.sizes[n] = s
	return s
}

func treeSize(v any) int {
	s := 1
	switch v := v.(type) {
	case map[string]any:
		for _, w := range v {
			s += treeSize(w)
		}
	case []any:
		for _, w := range v {
			s += treeSize(w)
		}
	}
	return s
}

func (b *yamlBuilder) mapping(n *node, y *yaml.Node, flow bool, depth int) error {
	n.flow = y.Style&yaml.FlowStyle != 0
	if flow && !n.flow {
		return astray{n.start}
	}
	pos, err := b.open(n, '{')
	if err != nil {
		return err
	}
	n.parts = make([]part, 0, len(y.Content)/2)
	column := b.column(n)
	seen := make(map[string]bool, len(y.Content)/2)
	var merges []*node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		if i > 0 {
			if pos, err = b.between(n, pos); err != nil {
				return err
			}
		}
		p := part{start: pos}
		if k.Kind != yaml.ScalarNode || k.Anchor != "" || b.offset(k) != pos {
			return astray{pos}
		}
		key, err := b.build(k, pos, column, true, depth+1)
		if err != nil {
			return err
		}
		if key.fixed != "" || key.kind == empty || key.kind == literal || key.kind == folded {
			return astray{pos}
		}
		colon := key.end
		for colon < len(b.text) && (b.text[colon] == ' ' || b.text[colon] == '\t') {
			colon++
		}
		if colon == len(b.text) || b.text[colon] != ':' {
			return astray{colon}
		}
		p.after = colon + 1
		if p.value, err = b.build(y.Content[i+1], p.after, column, n.flow, depth+1); err != nil {
			return err
		}
		if k.Value == "<<" && key.kind == plain {
			p.key = mergeKey
			merges = append(merges, p.value)
		} else if p.key, err = keyOf(k, key.kind); err != nil {
			return astray{pos}
		}
		if seen[p.key] {
			return unsupported(b.text, "the key %q occurs twice in one mapping (line %d)", clip(strings.TrimPrefix(p.key, "\x00")), lineOf(b.text, pos))
		}
		seen[p.key] = true
		n.parts = append(n.parts, p)
		pos = p.end()
	}
	if n.merged, err = merge(merges, n.start); err != nil {
		return err
	}
	return b.close(n, pos, '}')
}

// merge gathers what merge keys bring in; the first mapping of a list wins.
func merge(from []*node, off int) (map[string]any, error) {
	if len(from) == 0 {
		return nil, nil
	}
	out := map[string]any{}
	for _, n := range from {
		sources, ok := n.tree().([]any)
		if !ok {
			sources = []any{n.tree()}
		}
		for _, s := range sources {
			m, ok := s.(map[string]any)
			if !ok {
				return nil, astray{off}
			}
			for k, v := range m {
				if _, have := out[k]; !have {
					out[k] = v
				}
			}
		}
	}
	return out, nil
}

// keyOf gives a key as JSON has it: of 80, yes and "yes" the second is "true".
func keyOf(k *yaml.Node, as kind) (string, error) {
	if as != plain {
		return k.Value, nil
	}
	if v, ok := resolve(k.Value); ok && v == any(k.Value) {
		return k.Value, nil
	}
	j, err := sigsyaml.YAMLToJSON([]byte(k.Value + ": 0"))
	if err != nil {
		return "", err
	}
	v, err := decodeJSON(j)
	m, ok := v.(map[string]any)
	if err != nil || !ok || len(m) != 1 {
		return "", errors.New("no key")
	}
	for key := range m {
		return key, nil
	}
	return "", nil
}

func (b *yamlBuilder) sequence(n *node, y *yaml.Node, flow bool, depth int) error {
	n.flow = y.Style&yaml.FlowStyle != 0
	if flow && !n.flow {
		return astray{n.start}
	}
	pos, err := b.open(n, '[')
	if err != nil {
		return err
	}
	n.parts = make([]part, 0, len(y.Content))
	column := b.column(n)
	for i, c := range y.Content {
		if i > 0 {
			if pos, err = b.between(n, pos); err != nil {
				return err
			}
		}
		p := part{start: pos, after: pos}
		if !n.flow {
			if pos >= len(b.text) || b.text[pos] != '-' || pos-lineStart(b.text, pos) != column {
				return astray{pos}
			}
			p.after++
		}
		if p.value, err = b.build(c, p.after, column, n.flow, depth+1); err != nil {
			return err
		}
		n.parts = append(n.parts, p)
		pos = p.end()
	}
	return b.close(n, pos, ']')
}

// column is where the parts of a block collection stand; in brackets it has no
// meaning, and lines may be long.
func (b *yamlBuilder) column(n *node) int {
	if n.flow {
		return 0
	}
	return n.start - lineStart(b.text, n.start)
}

// open returns where the first part of a collection is due.
func (b *yamlBuilder) open(n *node, bracket byte) (int, error) {
	if !n.flow {
		return n.start, nil
	}
	if n.start >= len(b.text) || b.text[n.start] != bracket {
		return 0, astray{n.start}
	}
	return b.skip(n.start + 1), nil
}

// between returns where the next part is due.
func (b *yamlBuilder) between(n *node, pos int) (int, error) {
	pos = b.skip(pos)
	if !n.flow {
		return pos, nil
	}
	if pos >= len(b.text) || b.text[pos] != ',' {
		return 0, astray{pos}
	}
	return b.skip(pos + 1), nil
}

// close sets the end of a collection whose last part ends at pos.
func (b *yamlBuilder) close(n *node, pos int, bracket byte) error {
	if !n.flow {
		n.end = pos
		return nil
	}
	pos = b.skip(pos)
	if len(n.parts) > 0 && pos < len(b.text) && b.text[pos] == ',' {
		pos = b.skip(pos + 1)
	}
	if pos >= len(b.text) || b.text[pos] != bracket {
		return astray{pos}
	}
	n.end = pos + 1
	return nil
}
