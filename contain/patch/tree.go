package patch

import (
	"bytes"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Limits on what is patched. Both are far above what a cluster accepts.
const (
	maxDocument = 64 << 20 // bytes of one YAML document; etcd refuses an object above 1.5 MiB, a List of them is larger
	maxDepth    = 100      // levels; the deepest built-in type is below 30
	maxShared   = 1 << 18  // values that aliases repeat: a billion laughs are refused
)

// kind is what a value is, and where a scalar, how it is written.
type kind uint8

const (
	empty   kind = iota // nothing between the indicator and what follows: null
	plain               // a scalar without quotes
	single              // 'a scalar'
	double              // "a scalar"
	literal             // | or >
	folded
	mapping
	sequence
)

// node is one value with its place in the text.
type node struct {
	kind   kind
	flow   bool   // a collection in brackets
	start  int    // of the value itself, an anchor or tag before it left out
	end    int    // after its last byte; a block collection ends with its last value
	value  any    // of a scalar, canonical
	fixed  string // why it may not be changed: "an anchor", "an alias", "a tag"; "" if it may
	parts  []part
	merged map[string]any // what merge keys bring into a mapping
}

// part is an entry of a mapping or an item of a sequence.
type part struct {
	key   string
	start int // of the key or the dash; of the value in a flow sequence
	after int // after the colon or dash; start in a flow sequence
	value *node
}

// end is the offset after the last byte of the part.
func (p part) end() int { return max(p.after, p.value.end) }

func (n *node) isCollection() bool { return n.kind >= mapping }

// tree gives what a node says.
func (n *node) tree() any {
	switch n.kind {
	case mapping:
		out := make(map[string]any, len(n.parts)+len(n.merged))
		for k, v := range n.merged {
			out[k] = v
		}
		for _, p := range n.parts {
			if p.key != mergeKey {
				out[p.key] = p.value.tree()
			}
		}
		return out
	case sequence:
		out := make([]any, len(n.parts))
		for i, p := range n.parts {
			out[i] = p.value.tree()
		}
		return out
	}
	return n.value
}

// mergeKey stands in parts for "<<"; no JSON key of a patched object has a NUL,
// which the decoders of manifests refuse.
const mergeKey = "\x00<<"

// document is one YAML document or JSON value with its tree.
type document struct {
	text []byte
	json bool
	root *node
}

// parse reads a document, JSON where it is that and YAML otherwise.
func parse(text []byte) (*document, error) {
	if len(text) > maxDocument {
		return nil, ident.Errorf(ident.KindLimit, "%d bytes are more than the limit of %d for one document", len(text), maxDocument)
	}
	d := &document{text: text}
	if first := bytes.TrimLeft(text, "\uFEFF \t\r\n"); len(first) > 0 && (first[0] == '{' || first[0] == '[') {
		if root, err := parseJSON(text); err == nil {
			d.json, d.root = true, root
			return d, d.agrees()
		}
	}
	root, err := parseYAML(text)
	if err != nil {
		return nil, err
	}
	d.root = root
	return d, d.agrees()
}

// decode reads a text by the decoders that clusters and their tools use, which
// know nothing of this package's tree.
func (d *document) decode(text []byte) (any, error) {
	if d.json {
		return decodeJSON(bytes.TrimPrefix(text, []byte("\uFEFF")))
	}
	return decodeYAML(text)
}

// agrees checks this package's reading against the decoder's.
func (d *document) agrees() error {
	v, err := d.decode(d.text)
	if err != nil {
		return unsupported(d.text, "the text cannot be read: %w", err)
	}
	if !equal(v, d.root.tree()) {
		return unsupported(d.text, "the text is read in more than one way")
	}
	return nil
}

// at returns the value that begins at an offset, for the item of a list.
func (n *node) at(off int) *node {
	for {
		if n.start == off && n.kind == mapping {
			return n
		}
		var next *node
		for i := range n.parts {
			if v := n.parts[i].value; v.start <= off && off < v.end {
				next = v
				break
			}
		}
		if next == nil {
			return nil
		}
		n = next
	}
}

// numberOf makes a canonical number; anything else that JSON cannot hold stays a string.
func numberOf(s string) any {
	n, err := shortest(s)
	if err != nil {
		return s
	}
	return n
}
