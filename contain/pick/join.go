package pick

import (
	"slices"

	"github.com/cofferdam-io/cofferdam/segment"
)

// Join joins the requirements on each key into the fewest that mean the same.
// It is false if they contradict each other.
func Join(s segment.Selector) (segment.Selector, bool) {
	var keys []string
	byKey := make(map[string][]segment.Requirement)
	for _, r := range s {
		if _, seen := byKey[r.Key]; !seen {
			keys = append(keys, r.Key)
		}
		byKey[r.Key] = append(byKey[r.Key], r)
	}
	var out []segment.Requirement
	for _, k := range keys {
		var in, not []string
		var listed, exists, absent bool
		for _, r := range byKey[k] {
			switch r.Op {
			case segment.In:
				if !listed {
					in = slices.Clone(r.Values)
				} else {
					in = slices.DeleteFunc(in, func(v string) bool { return !slices.Contains(r.Values, v) })
				}
				listed = true
			case segment.NotIn:
				not = append(not, r.Values...)
			case segment.Exists:
				exists = true
			default:
				absent = true
			}
		}
		in = slices.DeleteFunc(in, func(v string) bool { return slices.Contains(not, v) })
		switch {
		case absent && (exists || listed) || listed && len(in) == 0:
			return nil, false
		case absent:
			out = append(out, segment.Requirement{Key: k, Op: segment.DoesNotExist})
			continue
		case listed:
			out = append(out, segment.Requirement{Key: k, Op: segment.In, Values: in})
			continue
		}
		if exists {
			out = append(out, segment.Requirement{Key: k, Op: segment.Exists})
		}
		if len(not) > 0 {
			out = append(out, segment.Requirement{Key: k, Op: segment.NotIn, Values: not})
		}
	}
	return segment.NewSelector(out), true
}

// And returns what two selectors both select. It is false if nothing can.
func And(a, b segment.Selector) (segment.Selector, bool) {
	return Join(slices.Concat(a, b))
}
