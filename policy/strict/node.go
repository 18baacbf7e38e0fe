package strict

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/sbom/schema/phrase"
)

// Node is a value of a resource and where it stands. A field that is not there is a
// Node too: it stands where its object does.
type Node struct {
	Value manifest.Value
	Path  string
	At    manifest.Place

	faults *[]Fault
}

// Root is the node of a whole resource; faults gathers what is wrong with it.
func Root(v manifest.Value, faults *[]Fault) Node {
	return Node{Value: v, At: v.At(), faults: faults}
}

// Fault records an error at n and returns it, so that a hint can be added.
func (n Node) Fault(rule, format string, args ...any) *Fault {
	*n.faults = append(*n.faults, Fault{Path: n.Path, At: n.At, Rule: rule, Message: fmt.Sprintf(format, args...)})
	return &(*n.faults)[len(*n.faults)-1]
}

// Warn records a warning at n.
func (n Node) Warn(rule, format string, args ...any) *Fault {
	f := n.Fault(rule, format, args...)
	f.Warning = true
	return f
}

// Mend sets how a fault is mended.
func (f *Fault) Mend(format string, args ...any) { f.Hint = fmt.Sprintf(format, args...) }

// Present reports whether n says anything; null says nothing, as in Kubernetes.
func (n Node) Present() bool {
	return n.Value.Kind() != manifest.Absent && n.Value.Kind() != manifest.Null
}

// Empty reports whether n says nothing: absent, null, or an empty text or list. An
// empty object says which of several things was chosen.
func (n Node) Empty() bool {
	switch n.Value.Kind() {
	case manifest.String:
		return n.Value.Text() == ""
	case manifest.List:
		return len(n.Value.Items()) == 0
	}
	return !n.Present()
}

// is reports whether n is there and of a kind; another kind is a fault.
func (n Node) is(want manifest.ValueKind) bool {
	if !n.Present() {
		return false
	}
	if got := n.Value.Kind(); got != want {
		f := n.Fault(RuleType, "%s is due here and not %s", want, got)
		switch {
		case want == manifest.String && (got == manifest.Bool || got == manifest.Number):
			f.Mend("put it into quotes: YAML reads words such as no, on and y as booleans, and digits as numbers")
		case want == manifest.List:
			f.Mend("write it as items that begin with a dash, or in [ ]")
		case want == manifest.Map:
			f.Mend("write it as fields that are indented below it, or in { }")
		default:
			f.Mend("write %s", want)
		}
		return false
	}
	return true
}

// Object checks that n is an object whose fields all have one of the names, which
// are those of the API in their exact case.
func (n Node) Object(names ...string) Node {
	if !n.is(manifest.Map) {
		n.Value = manifest.Value{}
		return n
	}
	for _, e := range n.Value.Entries() {
		if slices.Contains(names, e.Key) {
			continue
		}
		f := n.child(e).Fault(RuleUnknownField, "the field %s is not known here", phrase.Quote(e.Key))
		if near, ok := phrase.Nearest(e.Key, names); ok {
			f.Mend("did you mean %s?", near)
		} else {
			f.Mend("remove it; here stand: %s", strings.Join(names, ", "))
		}
	}
	return n
}

func (n Node) child(e manifest.Entry) Node {
	path := e.Key
	if strings.ContainsAny(path, ".[]/ ") {
		path = "[" + phrase.Quote(path) + "]"
	} else if n.Path != "" {
		path = "." + path
	}
	return Node{Value: e.Value, Path: n.Path + path, At: e.At, faults: n.faults}
}

// Get returns a field of an object.
func (n Node) Get(name string) Node {
	for _, e := range n.Value.Entries() {
		if e.Key == name {
			return n.child(e)
		}
	}
	absent := n.child(manifest.Entry{Key: name, At: n.At})
	return absent
}

// Require records that a field is missing, and reports whether it is there.
func (n Node) Require(name, hint string) bool {
	f := n.Get(name)
	if f.Present() {
		return true
	}
	f.Fault(RuleMissing, "%s is missing", name).Mend("%s", hint)
	return false
}

// Items are the values of a list.
func (n Node) Items() []Node {
	if !n.is(manifest.List) {
		return nil
	}
	values := n.Value.Items()
	out := make([]Node, len(values))
	for i, v := range values {
		out[i] = Node{Value: v, Path: n.Path + "[" + strconv.Itoa(i) + "]", At: v.At(), faults: n.faults}
	}
	return out
}

// Either records a fault where not exactly one of some fields says something; what is
// the thing that they say.
func (n Node) Either(what string, names ...string) {
	if !n.Present() {
		return
	}
	var there []string
	for _, name := range names {
		if !n.Get(name).Empty() {
			there = append(there, name)
		}
	}
	switch len(there) {
	case 1:
	case 0:
		n.Fault(RuleMissing, "%s is missing: one of %s", what, strings.Join(names, ", ")).Mend("add one of them")
	default:
		n.Get(there[1]).Fault(RuleConflict, "%s contradict each other", strings.Join(there, " and ")).Mend("keep one of them")
	}
}

// Fields are the fields of an object whose names are free, such as labels.
func (n Node) Fields() []Node {
	if !n.is(manifest.Map) {
		return nil
	}
	entries := n.Value.Entries()
	out := make([]Node, len(entries))
	for i, e := range entries {
		out[i] = n.child(e)
	}
	return out
}

// Text is a string; "" where n is absent or something else.
func (n Node) Text() string {
	if !n.is(manifest.String) {
		return ""
	}
	return n.Value.Text()
}

// Texts are the strings of a list.
func (n Node) Texts() []string {
	var out []string
	for _, i := range n.Items() {
		out = append(out, i.Text())
	}
	return out
}

// TextMap is an object of strings.
func (n Node) TextMap() map[string]string {
	if !n.is(manifest.Map) {
		return nil
	}
	out := map[string]string{}
	for _, e := range n.Value.Entries() {
		out[e.Key] = n.child(e).Text()
	}
	return out
}

// Bool is a boolean; absent is nil.
func (n Node) Bool() *bool {
	if !n.is(manifest.Bool) {
		return nil
	}
	b := n.Value.Text() == "true"
	return &b
}

// Count is a whole number that is not negative; 0 where n is absent.
func (n Node) Count() int {
	if !n.is(manifest.Number) {
		return 0
	}
	i, err := strconv.Atoi(n.Value.Text())
	if err != nil || i < 0 {
		n.Fault(RuleValue, "%s is no count", n.Value.Text())
		return 0
	}
	return i
}

// Number is a number, and whether n is one: absent is 0 and none.
func (n Node) Number() (float64, bool) {
	if !n.is(manifest.Number) {
		return 0, false
	}
	switch v := n.Value.Any().(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	n.Fault(RuleValue, "%s is no number that can be counted with", n.Value.Text())
	return 0, false
}

// OneOf is one of some words, or "".
func (n Node) OneOf(words ...string) string {
	s := n.Text()
	if !n.Present() || n.Value.Kind() != manifest.String || slices.Contains(words, s) {
		return s
	}
	f := n.Fault(RuleValue, "%s is none of: %s", phrase.Quote(s), strings.Join(words, ", "))
	if near, ok := phrase.Nearest(s, words); ok {
		f.Mend("did you mean %s?", near)
	} else {
		f.Mend("use one of them")
	}
	return s
}
