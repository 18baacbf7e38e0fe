package segment

import (
	"encoding/binary"
	"slices"
	"strings"
)

// Operator of a label requirement.
type Operator uint8

// The operators of LabelSelector.
const (
	In Operator = iota
	NotIn
	Exists
	DoesNotExist
)

// Requirement is one condition on one label key.
type Requirement struct {
	Key    string
	Op     Operator
	Values []string // sorted; for In and NotIn
}

// Selector is the conjunction of its requirements; without any it matches
// everything.
type Selector []Requirement

// NewSelector sorts requirements and their values and drops duplicates, so that
// equal selectors are equal in String.
func NewSelector(reqs []Requirement) Selector {
	s := make(Selector, 0, len(reqs))
	for _, r := range reqs {
		v := slices.Clone(r.Values)
		slices.Sort(v)
		s = append(s, Requirement{Key: r.Key, Op: r.Op, Values: slices.Compact(v)})
	}
	slices.SortFunc(s, func(a, b Requirement) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		if a.Op != b.Op {
			return int(a.Op) - int(b.Op)
		}
		return slices.Compare(a.Values, b.Values)
	})
	return slices.CompactFunc(s, func(a, b Requirement) bool {
		return a.Key == b.Key && a.Op == b.Op && slices.Equal(a.Values, b.Values)
	})
}

// MatchLabels is the selector that wants each of the labels.
func MatchLabels(labels map[string]string) Selector {
	reqs := make([]Requirement, 0, len(labels))
	for k, v := range labels {
		reqs = append(reqs, Requirement{Key: k, Op: In, Values: []string{v}})
	}
	return NewSelector(reqs)
}

// Matches reports whether labels satisfy every requirement. NotIn is satisfied
// by an absent key (apimachinery, labels.Requirement).
func (s Selector) Matches(labels map[string]string) bool {
	for i := range s {
		v, ok := labels[s[i].Key]
		if !s[i].holds(v, ok) {
			return false
		}
	}
	return true
}

func (r *Requirement) holds(v string, present bool) bool {
	switch r.Op {
	case In:
		return present && r.has(v)
	case NotIn:
		return !present || !r.has(v)
	case Exists:
		return present
	default:
		return !present
	}
}

// linearValues is the length of a value list up to which looking at each is
// faster than bisecting.
const linearValues = 8

func (r *Requirement) has(v string) bool {
	if len(r.Values) <= linearValues {
		return slices.Contains(r.Values, v)
	}
	_, ok := slices.BinarySearch(r.Values, v)
	return ok
}

// possible is Matches where only the labels given are known and others may or
// may not be present: No if a known label fails, Yes if only known ones are
// asked for, else Maybe.
func (s Selector) possible(known map[string]string) Answer {
	a := Yes
	for i := range s {
		v, ok := known[s[i].Key]
		switch {
		case !ok:
			a = Maybe
		case !s[i].holds(v, true):
			return No
		}
	}
	return a
}

// String writes the selector as kubectl does: "app=web,tier in (a,b),!legacy";
// the empty selector is "everything".
func (s Selector) String() string {
	if len(s) == 0 {
		return "everything"
	}
	var b strings.Builder
	for i, r := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		switch {
		case r.Op == Exists:
			b.WriteString(r.Key)
		case r.Op == DoesNotExist:
			b.WriteString("!" + r.Key)
		case r.Op == In && len(r.Values) == 1:
			b.WriteString(r.Key + "=" + r.Values[0])
		case r.Op == NotIn && len(r.Values) == 1:
			b.WriteString(r.Key + "!=" + r.Values[0])
		default:
			word := " in ("
			if r.Op == NotIn {
				word = " notin ("
			}
			b.WriteString(r.Key + word + strings.Join(r.Values, ",") + ")")
		}
	}
	return b.String()
}

// appendKey appends String made unambiguous for use in maps, whatever the values
// hold.
func (s Selector) appendKey(b []byte) []byte {
	for i := range s {
		b = append(b, byte(s[i].Op))
		b = appendString(b, s[i].Key)
		b = binary.AppendUvarint(b, uint64(len(s[i].Values)))
		for _, v := range s[i].Values {
			b = appendString(b, v)
		}
	}
	return b
}
