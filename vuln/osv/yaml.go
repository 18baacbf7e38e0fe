package osv

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"

	"github.com/cofferdam-io/cofferdam/ident"
)

// maxYAMLDepth bounds the nesting of a YAML record; real ones need seven levels.
const maxYAMLDepth = 64

// yaml reads a YAML record, or a stream of them. The tree is written down as
// JSON and read by the same decoder, so that both forms mean the same. Every
// scalar stays the text that was written: "1.10" is a version and no number.
func (d *decoder) yaml(raw []byte) error {
	if int64(len(raw)) > d.lim.RecordBytes {
		return d.errorf(ident.KindLimit, "a YAML document of %d bytes is larger than %d", len(raw), d.lim.RecordBytes)
	}
	if !utf8.Valid(raw) {
		return d.errorf(ident.KindInvalid, "the document is not UTF-8")
	}
	single := !bytes.Contains(raw, []byte("\n---"))
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	var buf []byte
	for i := 0; ; i++ {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			// The YAML reader cannot go on after broken syntax.
			if len(d.advisories) == 0 || single {
				return d.errorf(ident.KindInvalid, "%w", err)
			}
			d.fault(Fault{Message: "the rest of the stream cannot be read: " + err.Error()})
			return nil
		}
		if err := d.count(); err != nil {
			return err
		}
		if n.Kind != yaml.DocumentNode || len(n.Content) != 1 || n.Content[0].Kind != yaml.MappingNode {
			if single {
				return d.errorf(ident.KindUnsupported, "the document is no OSV record: it is no mapping")
			}
			d.fault(Fault{Line: n.Line, Message: "a document of the stream is no mapping"})
			continue
		}
		root := n.Content[0]
		buf, err = appendNode(buf[:0], root, 0)
		if err != nil {
			if single {
				return d.errorf(ident.KindInvalid, "%w", err)
			}
			d.fault(Fault{Line: root.Line, Message: err.Error()})
			continue
		}
		if err := d.record(buf, root.Line, single); err != nil {
			return err
		}
	}
}

// appendNode writes a YAML tree as JSON. Anchors and aliases are refused: no
// record needs them, and they are how a small document becomes an enormous one.
func appendNode(b []byte, n *yaml.Node, depth int) ([]byte, error) {
	if depth > maxYAMLDepth {
		return nil, ident.Errorf(ident.KindLimit, "line %d: nested deeper than %d", n.Line, maxYAMLDepth)
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return nil, ident.Errorf(ident.KindUnsupported, "line %d: anchors and aliases are not read in advisories", n.Line)
	}
	var err error
	switch n.Kind {
	case yaml.MappingNode:
		b = append(b, '{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b = append(b, ',')
			}
			k := n.Content[i]
			if k.Kind != yaml.ScalarNode || k.Anchor != "" {
				return nil, ident.Errorf(ident.KindInvalid, "line %d: a key is no plain text", k.Line)
			}
			b = append(appendString(b, k.Value), ':')
			if b, err = appendNode(b, n.Content[i+1], depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case yaml.SequenceNode:
		b = append(b, '[')
		for i, c := range n.Content {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendNode(b, c, depth+1); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return append(b, "null"...), nil
		}
		return appendString(b, n.Value), nil
	}
	return nil, ident.Errorf(ident.KindInvalid, "line %d: not a mapping, sequence or scalar", n.Line)
}

// appendString writes a JSON string (RFC 8259 section 7).
func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
