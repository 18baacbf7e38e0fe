package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Decode reads inputs into one Set. What cannot be read becomes a fault of the
// estate and costs only itself; the error is for a cancelled context alone.
// Objects are in input order, inputs in the order of their layers.
func Decode(ctx context.Context, inputs []Input, o Options) (*Set, error) {
	d := &decoder{options: o, limits: o.limits(), index: map[key]int{}, kinds: map[string]estate.Presence{}, ignored: map[string]int{}}
	ordered := slices.Clone(inputs)
	slices.SortStableFunc(ordered, func(a, b Input) int { return cmp.Compare(a.Layer, b.Layer) })
	for _, in := range ordered {
		if err := d.input(ctx, in); err != nil {
			return nil, err
		}
	}
	return d.assemble(), nil
}

// decoder gathers records; nothing reaches the Set before all inputs are read,
// because a later layer may replace what an earlier one said.
type decoder struct {
	options Options
	limits  limits
	in      Input
	records []record
	index   map[key]int // of the live record
	faults  []estate.Fault
	kinds   map[string]estate.Presence
	ignored map[string]int
}

// key is the identity of an object in the API.
type key struct {
	cluster, group, kind, namespace, name string
}

// record is one decoded object. Its value is one of the types that assemble
// knows, or *estate.Fault for an object that is there and cannot be understood.
type record struct {
	value    any
	layer    int
	source   estate.Source
	kind     string
	replaced bool
}

func (d *decoder) input(ctx context.Context, in Input) error {
	d.in = in
	whole := estate.Source{File: in.Name, Item: -1, Line: 1, End: int64(len(in.Data))}
	if len(in.Data) > d.limits.bytes {
		d.unreadable(whole, nil, ident.Errorf(ident.KindLimit, "%d bytes are more than the limit of %d", len(in.Data), d.limits.bytes))
		return nil
	}
	if line, err := checkText(in.Data); err != nil {
		whole.Line = line
		d.unreadable(whole, in.Data, err)
		return nil
	}
	docs, err := documents(in.Data, d.limits.documents)
	if err != nil {
		var known *ident.Error
		if !errors.As(err, &known) {
			known = ident.Errorf(ident.KindInvalid, "%w", err)
		}
		d.unreadable(whole, nil, known)
		return nil
	}
	for i, doc := range docs {
		if i%64 == 0 && ctx.Err() != nil {
			return fmt.Errorf("decoding %s: %w", in.Name, ctx.Err())
		}
		d.document(doc)
	}
	return nil
}

// document reads one YAML document, or the JSON values that stand in it.
func (d *decoder) document(doc document) {
	roots(doc, d.limits, func(doc document, root *node, err *parseError) {
		if err != nil {
			d.broken(doc, err)
			return
		}
		d.top(doc, root)
	})
}

// roots parses a document: one of YAML, or of JSON values, or of YAML in flow
// style, which begins with the same byte. found gets each value, or why it does
// not parse; a nil root without an error is an empty document.
func roots(doc document, l limits, found func(doc document, root *node, err *parseError)) {
	if first := strings.TrimLeft(string(doc.data[:min(len(doc.data), 64)]), "\uFEFF \t\r\n"); !strings.HasPrefix(first, "{") || strings.HasPrefix(first, "{{") {
		root, err := parseYAML(doc, l)
		found(doc, root, err)
		return
	}
	for i, v := range jsonValues(doc) {
		root, err := parseJSON(v, l)
		if err != nil && i == 0 && err.err.Kind != ident.KindLimit {
			if root, yerr := parseYAML(doc, l); yerr == nil {
				found(doc, root, nil)
				return
			}
		}
		found(v, root, err)
	}
}

// top visits the root of a document.
func (d *decoder) top(doc document, root *node) {
	if root == nil {
		return
	}
	spans := spanner{data: d.in.Data}
	start, end := spans.whole(doc, root)
	d.visit(root, "", "", estate.Source{File: d.in.Name, Document: doc.index, Item: -1, Line: int(root.line), Start: int64(start), End: int64(end)}, 0)
}

// broken records a document that did not parse.
func (d *decoder) broken(doc document, err *parseError) {
	s := estate.Source{File: d.in.Name, Document: doc.index, Item: -1, Line: err.line, Start: int64(doc.start), End: int64(doc.start + len(doc.data))}
	d.unreadable(s, doc.data, err.err)
}

func (d *decoder) unreadable(s estate.Source, raw []byte, err *ident.Error) {
	out := outlineOf(raw)
	f := estate.Fault{Source: s, Cluster: d.in.Cluster, Namespace: out.namespace, Bears: out.bears, Message: err.Message}
	if err.Hint != "" {
		f.Message += "; " + err.Hint
	}
	if out.kind != "" {
		o := object{kind: out.kind, namespace: out.namespace, name: out.name}
		f.Object = o.title()
	}
	d.faults = append(d.faults, f)
}

// maxNestedLists bounds Lists in Lists; the API knows none, generators write one.
const maxNestedLists = 4

// visit takes in one object, or the items of a list of them.
func (d *decoder) visit(n *node, kind, apiVersion string, s estate.Source, lists int) {
	o := &object{root: n, cluster: d.in.Cluster, source: s}
	if n.kind != mapNode {
		o.fail(n, "a Kubernetes object is due here and not %s", n.kind)
		d.faulty(o, false)
		return
	}
	own := orElse(n.lookup("kind").scalar(), kind)
	items := n.lookup("items")
	if base, isList := strings.CutSuffix(own, "List"); isList && (items != nil || base == "") && !listless[own] {
		if lists >= maxNestedLists {
			o.fail(items, "lists in lists are nested more than %d deep", maxNestedLists)
			d.faulty(o, true)
			return
		}
		d.list(o, base, orElse(n.lookup("apiVersion").scalar(), apiVersion), lists)
		return
	}
	if own == "Kustomization" || own == "Component" {
		if group, _ := splitAPIVersion(orElse(n.lookup("apiVersion").scalar(), apiVersion)); group == kustomizeGroup {
			d.kustomization(o, own)
			return
		}
	}
	o.header(kind, apiVersion, d.options.namespace())
	if o.fault != "" {
		// What has neither kind nor version is no object of any cluster.
		d.faulty(o, o.kind != "" && !harmless[o.kind] || o.kind == "" && o.version != "")
		return
	}
	d.object(o)
}

// listless are kinds that end in List and are objects of their own.
var listless = map[string]bool{"AllowList": true, "GlobalList": true}

// list visits the items of a List or of a typed list such as PodList, whose
// items may leave out what the list says.
func (d *decoder) list(o *object, base, apiVersion string, lists int) {
	items := o.list(o.root, "items")
	group, _ := splitAPIVersion(apiVersion)
	gk := groupKind{canonicalGroup(group, base), base}
	if o.str(o.root, "metadata", "continue") != "" {
		o.fail(nil, "the list goes on: it was cut off by a limit of items")
	}
	if o.fault != "" {
		o.kind = base + "List"
		d.faults = append(d.faults, estate.Fault{
			Source: o.source, Object: o.kind, Pointer: o.faultPath, Message: o.fault,
			Cluster: o.cluster, Bears: !harmless[base],
		})
	}
	if len(items) == 0 && o.fault == "" && engineKinds[gk] && d.kinds[base] == estate.NotSeen {
		d.kinds[base] = estate.Empty
	}
	if base == "" {
		apiVersion = ""
	}
	spans := spanner{data: d.in.Data}
	for i, item := range items {
		s := o.source
		s.Item, s.Line = i, int(item.line)
		start, end := spans.item(items, i, int(o.source.End))
		s.Start, s.End = int64(start), int64(end)
		d.visit(item, base, apiVersion, s, lists+1)
	}
}

// faulty records an object that is there and cannot be used.
func (d *decoder) faulty(o *object, bears bool) {
	s := o.source
	if o.faultLine > 0 {
		s.Line = o.faultLine
	}
	f := &estate.Fault{
		Source: s, Pointer: o.faultPath, Message: o.fault,
		Cluster: o.cluster, Namespace: o.namespace, Bears: bears,
	}
	if o.kind != "" || o.name != "" {
		f.Object = o.title()
	}
	if o.kind == "" || o.name == "" {
		d.faults = append(d.faults, *f)
		return
	}
	d.keep(o, f)
}

// keep files a decoded object under its identity. The first of one layer stays,
// the later of two layers replaces.
func (d *decoder) keep(o *object, value any) {
	k := key{o.cluster, canonicalGroup(o.group, o.kind), o.kind, o.namespace, o.name}
	generated := o.str(o.root, "metadata", "name") == ""
	if at, ok := d.index[k]; ok && !generated {
		old := &d.records[at]
		if old.layer == d.in.Layer {
			f := estate.Fault{
				Source: o.source, Object: o.title(), Cluster: o.cluster, Namespace: o.namespace,
				Message: fmt.Sprintf("the same object stands at %s:%d already, and that one is used", old.source.File, old.source.Line),
				Bears:   !harmless[o.kind] && !d.equal(old.value, value),
			}
			if bears, namespace, labels := contested(old.value, value); bears {
				f.Bears, f.Namespace, f.Labels = true, namespace, labels
			}
			d.faults = append(d.faults, f)
			return
		}
		old.value, old.replaced = nil, true
	}
	d.index[k] = len(d.records)
	d.records = append(d.records, record{value: value, layer: d.in.Layer, source: o.source, kind: o.kind})
}

// equal reports whether two readings of one policy say the same, so that a
// verbatim repetition leaves no doubt about any verdict.
func (d *decoder) equal(a, b any) bool {
	p, ok := a.(interface{ digest() ident.Digest })
	q, also := b.(interface{ digest() ident.Digest })
	return ok && also && p.digest() == q.digest()
}
