package survey

import (
	"bytes"
	"context"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// node says which members of an object the decoders read. Arrays are looked
// through: their items are of the same node.
type node struct {
	// members that are read; nil for one that is read whole.
	members map[string]*node
	// judge, if set, reads a value itself.
	judge func(s *surveyor, value *jsonscan.Reader, path string)
}

// Document lists what raw, from which d was decoded, says beyond the model, one
// entry for each sort of member with how often it has a value. Pointers name the
// first. Members that are empty or NOASSERTION say nothing.
func Document(ctx context.Context, raw []byte, d *sbom.Document) ([]sbom.Loss, error) {
	var root *node
	switch {
	case d.Format == sbom.CycloneDX && d.Encoding == sbom.JSON:
		root = cyclonedx
	case d.Format == sbom.SPDX && d.Encoding == sbom.JSON:
		root = spdx2
	}
	s := &surveyor{ctx: ctx, d: d, at: map[string]int{}}
	if root == nil || ident.SHA256(raw) != d.Digest {
		s.losses = append(s.losses, sbom.Loss{What: "whatever is not of the model: documents of this format and encoding are not surveyed", Count: 1})
		return s.losses, nil
	}
	r := jsonscan.New(raw, jsonscan.Options{Tolerate: func(*jsonscan.Reader, jsonscan.Kind, jsonscan.Kind) {}})
	s.value(r, root, "")
	if s.err != nil {
		return nil, s.err
	}
	return s.losses, ctx.Err()
}

type surveyor struct {
	ctx    context.Context
	d      *sbom.Document
	losses []sbom.Loss
	at     map[string]int
	seen   int
	err    error
}

func (s *surveyor) lose(r *jsonscan.Reader, what string) {
	i, ok := s.at[what]
	if !ok {
		i = len(s.losses)
		s.at[what] = i
		s.losses = append(s.losses, sbom.Loss{Pointer: r.Pointer(), What: what})
	}
	s.losses[i].Count++
}

func (s *surveyor) value(r *jsonscan.Reader, n *node, path string) {
	if s.seen++; s.seen%4096 == 0 && s.err == nil {
		s.err = s.ctx.Err()
	}
	if s.err != nil {
		r.Skip()
		return
	}
	if n.judge != nil {
		n.judge(s, r, path)
		return
	}
	if n.members == nil {
		r.Skip()
		return
	}
	switch r.Kind() {
	case jsonscan.Array:
		for r.Array(); r.NextItem(); {
			s.value(r, n, path)
		}
	case jsonscan.Object:
		for r.Object(); ; {
			key, ok := r.NextKey()
			if !ok {
				return
			}
			name := string(key)
			child, known := n.members[name]
			switch {
			case known && child == nil:
				r.Skip()
			case known:
				s.value(r, child, strings.TrimPrefix(path+"."+name, "."))
			default:
				s.unread(r, path, name)
			}
		}
	default:
		r.Skip()
	}
}

// unread notes a member that no decoder reads.
func (s *surveyor) unread(r *jsonscan.Reader, path, name string) {
	what := strings.TrimPrefix(path+"."+name, ".")
	switch r.Kind() {
	case jsonscan.String:
		if text := r.Bytes(); len(text) > 0 && string(text) != "NOASSERTION" {
			s.lose(r, what)
		}
	case jsonscan.Null:
		r.Skip()
	default:
		if raw := bytes.TrimSpace(r.Raw()); len(raw) > 2 { // neither [] nor {}
			s.lose(r, what)
		}
	}
}
