package manifest

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
)

// object is one Kubernetes object on its way from nodes to the estate. Its
// readers give the zero value for what is absent and remember the first value
// of a wrong type: the API server would refuse such an object as a whole.
type object struct {
	root    *node
	cluster string
	source  estate.Source

	group, version, kind string
	namespace, name, uid string
	labels, annotations  map[string]string
	owner                *ownerRef

	fault     string // the first thing wrong, "" if none
	faultPath string
	faultLine int
}

// ownerRef is the controller among an object's ownerReferences.
type ownerRef struct {
	group, kind, name, uid string
}

func (o *object) apiVersion() string {
	if o.group == "" {
		return o.version
	}
	return o.group + "/" + o.version
}

// title names the object to a person.
func (o *object) title() string {
	kind := o.kind
	if kind == "" {
		kind = "object"
	}
	switch {
	case o.name == "":
		return kind + " without name"
	case o.namespace == "":
		return kind + " " + o.name
	}
	return kind + " " + o.namespace + "/" + o.name
}

// fail records what is wrong with n; the first one stays.
func (o *object) fail(n *node, format string, args ...any) {
	if o.fault != "" {
		return
	}
	o.fault = fmt.Sprintf(format, args...)
	o.faultLine = o.source.Line
	if n != nil {
		o.faultLine = int(n.line)
		o.faultPath, _ = o.root.pathTo(n)
	}
}

// wrong records that n is not what the API's schema has there.
func (o *object) wrong(n *node, want string) {
	hint := ""
	if want == stringNode.String() {
		switch n.kind {
		case boolNode:
			hint = " (YAML reads y, yes, on, n, no and off without quotes as booleans: put quotes around it)"
		case intNode, floatNode:
			hint = " (put quotes around it)"
		}
	}
	got := n.kind.String()
	if n.kind == boolNode || n.kind == intNode || n.kind == floatNode {
		got += ", " + clip(n.text) + ","
	}
	o.fail(n, "%s is due here and not %s%s", want, strings.TrimSuffix(got, ","), hint)
}

// in walks down objects by their keys.
func (o *object) in(n *node, keys ...string) *node {
	for _, k := range keys {
		if n.absent() {
			return nil
		}
		if n.kind != mapNode {
			o.wrong(n, mapNode.String())
			return nil
		}
		n = n.lookup(k)
	}
	if n.absent() {
		return nil
	}
	return n
}

// list returns the items of a list.
func (o *object) list(n *node, keys ...string) []*node {
	n = o.in(n, keys...)
	if n == nil {
		return nil
	}
	if n.kind != listNode {
		o.wrong(n, listNode.String())
		return nil
	}
	return n.items
}

// fields returns the entries of an object.
func (o *object) fields(n *node, keys ...string) []field {
	n = o.in(n, keys...)
	if n == nil {
		return nil
	}
	if n.kind != mapNode {
		o.wrong(n, mapNode.String())
		return nil
	}
	return n.fields
}

func (o *object) str(n *node, keys ...string) string {
	n = o.in(n, keys...)
	if n == nil {
		return ""
	}
	if n.kind != stringNode {
		o.wrong(n, stringNode.String())
		return ""
	}
	return n.text
}

// boolean returns nil where nothing is said.
func (o *object) boolean(n *node, keys ...string) *bool {
	n = o.in(n, keys...)
	if n == nil {
		return nil
	}
	if n.kind != boolNode {
		o.wrong(n, boolNode.String())
		return nil
	}
	v := n.text == "true"
	return &v
}

func (o *object) isTrue(n *node, keys ...string) bool {
	v := o.boolean(n, keys...)
	return v != nil && *v
}

// integer returns nil where nothing is said.
func (o *object) integer(n *node, keys ...string) *int64 {
	n = o.in(n, keys...)
	if n == nil {
		return nil
	}
	if n.kind != intNode {
		o.wrong(n, "a whole number")
		return nil
	}
	v, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil {
		o.fail(n, "%s does not fit 64 bits", clip(n.text))
		return nil
	}
	return &v
}

// port returns 0 where nothing is said.
func (o *object) port(n *node, keys ...string) uint16 {
	v := o.integer(n, keys...)
	if v == nil {
		return 0
	}
	if *v < 0 || *v > math.MaxUint16 {
		o.fail(o.in(n, keys...), "%d is not a port (0 to 65535)", *v)
		return 0
	}
	return uint16(*v)
}

// portOrName reads an IntOrString: a number, or a name.
func (o *object) portOrName(n *node, keys ...string) (port uint16, name string) {
	n = o.in(n, keys...)
	if n != nil && n.kind == stringNode {
		return 0, n.text
	}
	return o.port(n), ""
}

func (o *object) texts(n *node, keys ...string) []string {
	items := o.list(n, keys...)
	if len(items) == 0 {
		return nil
	}
	out := make([]string, 0, len(items))
	for _, i := range items {
		out = append(out, o.str(i))
	}
	return out
}

// textMap reads labels and the like. A null value is the empty string, as in
// the API server.
func (o *object) textMap(n *node, keys ...string) map[string]string {
	fields := o.fields(n, keys...)
	if len(fields) == 0 {
		return nil
	}
	out := make(map[string]string, len(fields))
	for _, f := range fields {
		out[f.key] = o.str(f.value)
	}
	return out
}

// selector reads a metav1.LabelSelector; nil where it is absent.
func (o *object) selector(n *node, keys ...string) *estate.LabelSelector {
	n = o.in(n, keys...)
	if n == nil {
		return nil
	}
	s := &estate.LabelSelector{MatchLabels: o.textMap(n, "matchLabels")}
	for _, e := range o.list(n, "matchExpressions") {
		s.MatchExpressions = append(s.MatchExpressions, estate.Requirement{
			Key: o.str(e, "key"), Operator: o.str(e, "operator"), Values: o.texts(e, "values"),
		})
	}
	return s
}

// header reads what every object has.
func (o *object) header(kind, apiVersion string, defaultNamespace string) {
	r := o.root
	o.kind = orElse(o.str(r, "kind"), kind)
	api := orElse(o.str(r, "apiVersion"), apiVersion)
	o.group, o.version = splitAPIVersion(api)
	meta := o.in(r, "metadata")
	if o.name = o.str(meta, "name"); o.name == "" {
		o.name = o.str(meta, "generateName")
	}
	o.namespace = o.str(meta, "namespace")
	switch {
	case clusterScoped[groupKind{canonicalGroup(o.group, o.kind), o.kind}]:
		o.namespace = ""
	case o.namespace == "":
		o.namespace = defaultNamespace
	}
	o.uid = o.str(meta, "uid")
	o.labels = o.textMap(meta, "labels")
	o.annotations = o.textMap(meta, "annotations")
	for _, ref := range o.list(meta, "ownerReferences") {
		if o.isTrue(ref, "controller") && o.owner == nil {
			g, _ := splitAPIVersion(o.str(ref, "apiVersion"))
			o.owner = &ownerRef{group: g, kind: o.str(ref, "kind"), name: o.str(ref, "name"), uid: o.str(ref, "uid")}
		}
	}
	switch {
	case o.kind == "" && api == "":
		o.fail(nil, "neither apiVersion nor kind is set")
	case o.kind == "":
		o.fail(nil, "kind is not set")
	case api == "":
		o.fail(nil, "apiVersion is not set")
	case o.name == "":
		o.fail(meta, "metadata.name is not set")
	}
}

func splitAPIVersion(s string) (group, version string) {
	if g, v, ok := strings.Cut(s, "/"); ok {
		return g, v
	}
	return "", s
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
