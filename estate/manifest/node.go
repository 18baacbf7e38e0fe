package manifest

import "strconv"

// node is one value of a document, whichever syntax it was written in. Nodes
// are shared where a YAML alias repeats one, so they form an acyclic graph.
type node struct {
	kind   nodeKind
	flow   bool   // written in {…}, […] or JSON: ends at its closing bracket
	block  bool   // a literal or folded block scalar
	line   int32  // one-based, in the file
	start  int    // byte offset in the file
	end    int    // byte offset after it; 0 where only its text tells (YAML blocks)
	text   string // of a scalar, canonical for booleans and numbers
	fields []field
	items  []*node
}

// field is one entry of a mapping.
type field struct {
	key   string
	value *node
}

type nodeKind uint8

const (
	nullNode nodeKind = iota
	boolNode
	intNode
	floatNode
	stringNode
	mapNode
	listNode
)

// String says what a value is, in the words that a fault uses.
func (k nodeKind) String() string {
	return [...]string{"null", "a boolean", "a number", "a number", "a string", "an object", "a list"}[k]
}

// lookup returns the value of key, or nil.
func (n *node) lookup(key string) *node {
	if n == nil {
		return nil
	}
	for i := range n.fields {
		if n.fields[i].key == key {
			return n.fields[i].value
		}
	}
	return nil
}

// absent reports whether n says nothing: Kubernetes reads null as left out.
func (n *node) absent() bool { return n == nil || n.kind == nullNode }

// only returns a mapping of those of n's fields that have one of the keys and a
// value; nil if there are none.
func (n *node) only(keys ...string) *node {
	out := &node{kind: mapNode, line: n.line}
	for _, k := range keys {
		if v := n.lookup(k); !v.absent() {
			out.fields = append(out.fields, field{k, v})
		}
	}
	if len(out.fields) == 0 {
		return nil
	}
	return out
}

// pathTo returns the field path from n to target ("spec.ports[0].port"), and
// whether target lies in n. It is for faults only, so that nodes need no parents.
func (n *node) pathTo(target *node) (string, bool) {
	if n == target {
		return "", true
	}
	for i := range n.fields {
		if p, ok := n.fields[i].value.pathTo(target); ok {
			return joinPath(n.fields[i].key, p), true
		}
	}
	for i, c := range n.items {
		if p, ok := c.pathTo(target); ok {
			return joinPath("["+strconv.Itoa(i)+"]", p), true
		}
	}
	return "", false
}

func joinPath(head, rest string) string {
	if rest == "" || rest[0] == '[' || head == "" {
		return head + rest
	}
	return head + "." + rest
}

// scalar returns the text of a string, "" for anything else.
func (n *node) scalar() string {
	if n == nil || n.kind != stringNode {
		return ""
	}
	return n.text
}
