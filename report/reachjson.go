package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// edgeWriter writes edges as JSON, one on a line. Edges by the million repeat few
// ends and few lists of connections, so those are encoded once each.
type edgeWriter struct {
	w     *bufio.Writer
	refs  map[ident.Ref][]byte
	src   ident.Ref             // of the last edge: edges come line by line
	head  []byte                // what is written of it
	conns map[sharedList][]byte // lists are shared by the engine
	err   error
}

// sharedList is the identity of a list: two that begin at the same element may
// still end at different ones.
type sharedList struct {
	first *segment.Conn
	n     int
}

// reachListJSON writes what JSON would, without holding the edges in memory: the
// document is of the same shape, with every edge on one line.
func reachListJSON(w io.Writer, a *ReachList, _ Options) error {
	rest := *a
	rest.Edges, rest.Stream = nil, nil
	return streamed(w, rest, "edges", func(b *bufio.Writer, next func()) error {
		e := &edgeWriter{w: b, refs: make(map[ident.Ref][]byte), conns: make(map[sharedList][]byte)}
		for edge := range a.Each() {
			next()
			if e.edge(&edge); e.err != nil {
				return e.err
			}
		}
		return nil
	})
}

// whyAllJSON writes one explanation on a line, as they are made.
func whyAllJSON(w io.Writer, a *WhyAll, _ Options) error {
	rest := *a
	rest.Explanations, rest.Stream = nil, nil
	return streamed(w, rest, "explanations", func(b *bufio.Writer, next func()) error {
		var line bytes.Buffer
		enc := json.NewEncoder(&line)
		enc.SetEscapeHTML(false)
		for x, err := range a.Each() {
			if err != nil {
				return err
			}
			line.Reset()
			if err := enc.Encode(x); err != nil {
				return err
			}
			next()
			if _, err := b.Write(bytes.TrimSuffix(line.Bytes(), []byte("\n"))); err != nil {
				return err
			}
		}
		return nil
	})
}

// streamed writes a document whose list is written item by item: rest is the
// document without it, and each calls next before an item.
func streamed(w io.Writer, rest any, list string, each func(b *bufio.Writer, next func()) error) error {
	tail, err := indented(rest)
	if err != nil {
		return err
	}
	head, tail, ok := bytes.Cut(tail, []byte(`"`+list+`": null`))
	if !ok {
		return fmt.Errorf("report: %T has no list %s to write", rest, list)
	}
	b := bufio.NewWriterSize(w, 1<<16)
	_, _ = b.Write(head) // bufio keeps the first error for Flush
	_, _ = b.WriteString(`"` + list + `": [`)
	n := 0
	if err := each(b, func() {
		if n++; n > 1 {
			_ = b.WriteByte(',')
		}
		_, _ = b.WriteString("\n    ")
	}); err != nil {
		return err
	}
	if n > 0 {
		_, _ = b.WriteString("\n  ")
	}
	_ = b.WriteByte(']')
	_, _ = b.Write(tail)
	return b.Flush()
}

func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	err := JSON(&b, v)
	return b.Bytes(), err
}

func (e *edgeWriter) edge(x *segment.Edge) {
	if e.head == nil || x.Src != e.src {
		e.src, e.head = x.Src, e.ref(x.Src)
	}
	_, _ = e.w.WriteString(`{"src":`)
	_, _ = e.w.Write(e.head)
	_, _ = e.w.WriteString(`,"dst":`)
	_, _ = e.w.Write(e.ref(x.Dst))
	_, _ = e.w.WriteString(`,"connections":`)
	_, _ = e.w.Write(e.list(x.Connections))
	_, _ = e.w.WriteString(`,"verdict":"`)
	_, _ = e.w.WriteString(x.Verdict.String())
	_ = e.w.WriteByte('"')
	if x.Partial {
		_, _ = e.w.WriteString(`,"partial":true`)
	}
	if err := e.w.WriteByte('}'); err != nil {
		e.err = err
	}
}

func (e *edgeWriter) ref(r ident.Ref) []byte {
	b, ok := e.refs[r]
	if !ok {
		b = e.encode(r)
		e.refs[r] = b
	}
	return b
}

func (e *edgeWriter) list(c []segment.Conn) []byte {
	if len(c) == 0 {
		return []byte("[]")
	}
	key := sharedList{&c[0], len(c)}
	b, ok := e.conns[key]
	if !ok {
		b = e.encode(c)
		e.conns[key] = b
	}
	return b
}

// encode writes v on one line, as JSON writes it.
func (e *edgeWriter) encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil && e.err == nil {
		e.err = err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
