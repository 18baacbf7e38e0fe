package draft7

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom/schema/phrase"
)

// word is a value as a message shows it: a scalar itself, a container by its kind.
func (v *Value) word() string {
	switch v.Kind {
	case String:
		return phrase.Quote(v.Text)
	case Number:
		return strings.Trim(phrase.Quote(v.Text), `"`)
	case Array, Object:
		return v.Kind.article()
	case Bool:
		return v.Text
	}
	return "null"
}

// typeWords lists the accepted types as a message says them.
func (s *Schema) typeWords() []string {
	var words []string
	for k := Null; k <= Object; k++ {
		if s.types&(1<<k) == 0 {
			continue
		}
		if k == Number && s.integer {
			words = append(words, "an integer")
			continue
		}
		words = append(words, k.article())
	}
	return words
}

// explainAlternatives adds why v matches none of the alternatives: what they all say at this very place, or the faults
// of the alternative that v comes nearest to.
func (j *judge) explainAlternatives(s *Schema, list []*Schema, v *Value, keyword string) {
	if j.stopped() {
		return
	}
	here := len(j.path)
	branches := make([][]finding, 0, len(list))
	for _, alt := range list {
		branches = append(branches, j.apart(alt, v))
	}
	if j.err != nil {
		return
	}
	if slices.ContainsFunc(branches, func(b []finding) bool { return len(b) == 0 }) {
		return // cannot be: an alternative without a fault would have matched
	}
	if f, ok := merge(branches, here); ok {
		merged := j.add(s, v, keyword, f.Message)
		merged.class, merged.words = f.class, f.words
		if f.class == wrongType {
			merged.Message = "must be " + phrase.Or(f.words) + ", found " + v.word()
		}
		if f.class == wrongValue {
			merged.Message = "must be " + phrase.OneOf(f.words) + ", found " + v.word() + phrase.DidYouMean(v.Text, f.words)
		}
		return
	}
	best := branches[0]
	for _, b := range branches[1:] {
		if nearer(b, best) {
			best = b
		}
	}
	j.found = append(j.found, best[:min(len(best), j.limit-len(j.found))]...)
}

// perAlternative bounds the faults collected per alternative; they serve one explanation.
const perAlternative = 16

// apart explains v by one alternative, on its own list.
func (j *judge) apart(s *Schema, v *Value) []finding {
	sub := &judge{ctx: j.ctx, limit: perAlternative, path: slices.Clone(j.path)}
	sub.explain(s, v)
	if sub.err != nil {
		j.err = sub.err
	}
	return sub.found
}

// nearer reports whether a document with the faults a comes nearer to its alternative than one with b: its shallowest
// fault is deeper, or it has fewer.
func nearer(a, b []finding) bool {
	if da, db := shallowest(a), shallowest(b); da != db {
		return da > db
	}
	return len(a) < len(b)
}

func shallowest(list []finding) int {
	depth := list[0].depth
	for _, f := range list {
		depth = min(depth, f.depth)
	}
	return depth
}

// merge joins alternatives that each object to one thing at this very place, "must be a string" and "must be an array",
// into one finding.
func merge(branches [][]finding, here int) (finding, bool) {
	var out finding
	var messages []string
	for i, b := range branches {
		if len(b) != 1 || b[0].depth != here {
			return finding{}, false
		}
		if i == 0 {
			out.class = b[0].class
		} else if b[0].class != out.class {
			out.class = other
		}
		for _, w := range b[0].words {
			if !slices.Contains(out.words, w) {
				out.words = append(out.words, w)
			}
		}
		if !slices.Contains(messages, b[0].Message) {
			messages = append(messages, b[0].Message)
		}
	}
	if out.class == missing {
		out.Message = "must have " + phrase.Or(out.words)
		return out, true
	}
	if out.class == other {
		out.words = nil
	}
	out.Message = phrase.Or(messages)
	return out, true
}

func (j *judge) explainOneOf(s *Schema, v *Value) {
	m := j.matching(s.oneOf, v)
	if len(m) == 1 || j.err != nil {
		return
	}
	if len(m) == 0 {
		j.explainAlternatives(s, s.oneOf, v, "oneOf")
		return
	}
	if j.stopped() {
		return
	}
	var names []string
	for _, alt := range m {
		for alt.ref != nil {
			alt = alt.ref
		}
		for _, n := range alt.required {
			names = append(names, phrase.Quote(n))
		}
	}
	if len(names) >= len(m) {
		j.add(s, v, "oneOf", "must have only one of "+strings.Join(names, ", "))
		return
	}
	j.add(s, v, "oneOf", "must match one of the allowed forms, and matches more than one")
}

// explainNot words the prohibitions that CycloneDX uses: members that must not stand together, or not at all.
func (j *judge) explainNot(s *Schema, v *Value) {
	if j.stopped() {
		return
	}
	var names []string
	for _, n := range s.not.required {
		names = append(names, phrase.Quote(n))
	}
	switch len(names) {
	case 0:
		j.add(s, v, "not", "must not have this form")
	case 1:
		j.add(s, v, "not", "must not have "+names[0]+" here")
	default:
		j.add(s, v, "not", "must not have "+strings.Join(names, " and ")+" together")
	}
}
