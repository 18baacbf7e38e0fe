package rewrite

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// read translates a selector of a policy that the front end has translated, and so
// is valid; nil is everything.
func read(s *metav1.LabelSelector) segment.Selector {
	if s == nil {
		return nil
	}
	ops := map[metav1.LabelSelectorOperator]segment.Operator{metav1.LabelSelectorOpIn: segment.In, metav1.LabelSelectorOpNotIn: segment.NotIn,
		metav1.LabelSelectorOpExists: segment.Exists, metav1.LabelSelectorOpDoesNotExist: segment.DoesNotExist}
	reqs := make([]segment.Requirement, 0, len(s.MatchLabels)+len(s.MatchExpressions))
	for k, v := range s.MatchLabels {
		reqs = append(reqs, segment.Requirement{Key: k, Op: segment.In, Values: []string{v}})
	}
	for _, e := range s.MatchExpressions {
		reqs = append(reqs, segment.Requirement{Key: e.Key, Op: ops[e.Operator], Values: e.Values})
	}
	return segment.NewSelector(reqs)
}

// and narrows a selector, which is nil for everything, and reads the result. What
// was written stays as it was where the new requirements are on other keys. It is
// false if nothing can satisfy all of them.
func and(was *metav1.LabelSelector, more segment.Selector) (*metav1.LabelSelector, segment.Selector, bool) {
	old := read(was)
	joined, ok := pick.Join(append(slices.Clone(old), more...))
	if !ok {
		return nil, nil, false
	}
	if slices.ContainsFunc(old, func(r segment.Requirement) bool { return uses(more, r.Key) }) || !distinct(more) {
		out := pick.LabelSelector(joined)
		return &out, joined, true
	}
	out := &metav1.LabelSelector{}
	if was != nil {
		out = was.DeepCopy()
	}
	added := pick.LabelSelector(more)
	for k, v := range added.MatchLabels {
		if out.MatchLabels == nil {
			out.MatchLabels = make(map[string]string)
		}
		out.MatchLabels[k] = v
	}
	out.MatchExpressions = append(out.MatchExpressions, added.MatchExpressions...)
	return out, joined, true
}

func uses(s segment.Selector, key string) bool {
	return slices.ContainsFunc(s, func(r segment.Requirement) bool { return r.Key == key })
}

func distinct(s segment.Selector) bool {
	for i := range s {
		if uses(s[:i], s[i].Key) {
			return false
		}
	}
	return true
}

// list names workloads for a sentence, at most three.
func list(workloads []int, r *Rewriter) string {
	refs := make([]ident.Ref, 0, len(workloads))
	for _, w := range workloads {
		refs = append(refs, r.ref(w))
	}
	slices.SortFunc(refs, ident.Ref.Compare)
	return short(refs)
}

func short(refs []ident.Ref) string {
	const most = 3
	names := make([]string, 0, most+1)
	for i, x := range refs {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(refs)-most))
			break
		}
		names = append(names, x.Short())
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}
