package patch

import (
	"bytes"

	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// jsonBuilder turns one JSON value into nodes.
type jsonBuilder struct {
	r    *jsonscan.Reader
	text []byte
	base int // offset of the reader's first byte
}

func parseJSON(text []byte) (*node, error) {
	rest := bytes.TrimPrefix(text, []byte("\uFEFF"))
	b := &jsonBuilder{r: jsonscan.New(rest, jsonscan.Options{MaxDepth: maxDepth}), text: text, base: len(text) - len(rest)}
	root := b.value()
	if err := b.r.End(); err != nil {
		return nil, err
	}
	return root, nil
}

func (b *jsonBuilder) offset() int { return b.base + b.r.Offset() }

// next returns the offset of the next byte that is neither blank nor comma.
func (b *jsonBuilder) next(off int) int {
	for off < len(b.text) && bytes.IndexByte([]byte(" \t\r\n,"), b.text[off]) >= 0 {
		off++
	}
	return off
}

func (b *jsonBuilder) value() *node {
	kind := b.r.Kind()
	n := &node{kind: plain, start: b.offset()}
	switch kind {
	case jsonscan.Object:
		n.kind, n.flow = mapping, true
		b.r.Object()
		for end := n.start + 1; ; {
			start := b.next(end)
			k, ok := b.r.NextKey()
			if !ok {
				break
			}
			p := part{key: string(k), start: start}
			p.after = b.offset()
			p.value = b.value()
			end = p.value.end
			n.parts = append(n.parts, p)
		}
	case jsonscan.Array:
		n.kind, n.flow = sequence, true
		b.r.Array()
		for b.r.NextItem() {
			v := b.value()
			n.parts = append(n.parts, part{start: v.start, after: v.start, value: v})
		}
	case jsonscan.String:
		n.kind, n.value = double, b.r.String()
	case jsonscan.Bool:
		n.value = b.r.Bool()
	case jsonscan.Number:
		n.value = numberOf(string(b.r.Raw()))
	default:
		b.r.Skip()
	}
	n.end = b.offset()
	return n
}
