package pick

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/segment"
)

// form says how a requirement takes new pods: the later, the more of them it
// catches that nobody has thought of.
type form uint8

const (
	equality form = iota // In with one value
	oneOf                // In with several
	open                 // Exists, NotIn, DoesNotExist
)

// candidate is a requirement that every wanted group satisfies.
type candidate struct {
	req     segment.Requirement
	form    form
	release bool
	cost    int    // among candidates of one form: rank, then length
	keeps   bitset // the groups that satisfy it
}

// choice is a conjunction of candidates.
type choice struct {
	reqs  []segment.Requirement
	keeps bitset
}

// maxValues bounds the values of one requirement: a longer list is no selector
// that a person can review.
const maxValues = 64

// choose finds the conjunction that keeps all wanted groups and the fewest
// others, in the order of preference of the package's comment. It also names the
// keys that change with a release, if it needed any.
//
// It is about the groups in everything. With short, In is as good as equality.
func (s *space) choose(want, everything bitset, short bool) (choice, []string) {
	all := s.closed(want)
	goal := meet(everything, all)
	if !slices.Equal(goal, want) {
		all = slices.Concat(all, s.open(want, everything))
		goal = meet(everything, all)
	}
	if slices.Equal(goal, everything) {
		// The empty selector would do. A label that names who was asked for does not
		// catch everybody who comes later.
		if c := cheapest(all); c != nil {
			return choice{[]segment.Requirement{c.req}, everything}, nil
		}
		return choice{nil, everything}, nil
	}
	tightest := equality
	if short {
		tightest = oneOf
	}
	for _, release := range [...]bool{false, true} {
		for most := tightest; most <= open; most++ {
			usable := slices.DeleteFunc(slices.Clone(all), func(c candidate) bool { return c.form > most || c.release && !release })
			if slices.Equal(meet(everything, usable), goal) {
				return s.trim(fewest(everything, goal, usable), everything, goal)
			}
		}
	}
	return choice{nil, everything}, nil // not reached: all candidates together meet the goal
}

func meet(all bitset, cs []candidate) bitset {
	for i := range cs {
		all = all.and(cs[i].keeps)
	}
	return all
}

// maxInstead is how many values a selector may list that stands for the empty one.
const maxInstead = 8

// cheapest is the best of those that name who was asked for, if any does.
func cheapest(cs []candidate) *candidate {
	var best *candidate
	for i := range cs {
		c := &cs[i]
		if c.form < open && !c.release && len(c.req.Values) <= maxInstead && (best == nil || c.compare(best) < 0) {
			best = c
		}
	}
	return best
}

func (c *candidate) compare(o *candidate) int {
	return cmp.Or(cmp.Compare(c.form, o.form), cmp.Compare(c.cost, o.cost), strings.Compare(c.req.Key, o.req.Key), cmp.Compare(c.req.Op, o.req.Op))
}

// closed lists for each key that all wanted groups have the tightest In.
func (s *space) closed(want bitset) []candidate {
	var first *group
	for g := range want.all() {
		first = &s.groups[g]
		break
	}
	if first == nil {
		return nil
	}
	var out []candidate
	for _, k := range slices.Sorted(maps.Keys(first.labels)) {
		if values, ok := s.valuesOf(k, want); ok {
			out = append(out, s.in(k, values))
		}
	}
	return out
}

// valuesOf lists what wanted groups have under a key. It is false if one has
// nothing, a value that no selector may name, or if they are too many.
func (s *space) valuesOf(k string, want bitset) ([]string, bool) {
	var values []string
	for g := range want.all() {
		v, ok := s.groups[g].labels[k]
		if !ok || !segment.ValidLabelValue(v) {
			return nil, false
		}
		if !slices.Contains(values, v) {
			if len(values) == maxValues {
				return nil, false
			}
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return values, true
}

func (s *space) in(k string, values []string) candidate {
	c := candidate{req: segment.Requirement{Key: k, Op: segment.In, Values: values}, keeps: newBits(len(s.groups))}
	if len(values) > 1 {
		c.form = oneOf
	}
	for _, v := range values {
		for _, g := range s.values[k][v] {
			c.keeps.set(g)
		}
	}
	return c.priced()
}

// priced sets the cost of a candidate.
func (c candidate) priced() candidate {
	const (
		ofRank    = 1 << 16     // a rank outweighs any length,
		ofRelease = ofRank << 8 // and a release any rank
	)
	c.cost = rank(c.req.Key)*ofRank + len(c.req.Key)
	if c.release = releaseLabel(c.req.Key); c.release {
		c.cost += ofRelease
	}
	for _, v := range c.req.Values {
		c.cost += len(v) + 1
	}
	return c
}

// open lists the requirements that say what wanted groups have not, or only that
// they have something.
func (s *space) open(want, everything bitset) []candidate {
	var out []candidate
	add := func(r segment.Requirement, keeps bitset) {
		out = append(out, candidate{req: r, form: open, keeps: keeps}.priced())
	}
	n, total := len(s.groups), want.count()
	for _, k := range slices.Sorted(maps.Keys(s.values)) {
		has, wanted := newBits(n), make(map[string]bool)
		var others []string
		for v, groups := range s.values[k] {
			concerns := false
			for _, g := range groups {
				has.set(g)
				wanted[v] = wanted[v] || want.has(g)
				concerns = concerns || everything.has(g)
			}
			if concerns && !wanted[v] && segment.ValidLabelValue(v) {
				others = append(others, v)
			}
		}
		switch have := has.and(want).count(); {
		case have == 0:
			add(segment.Requirement{Key: k, Op: segment.DoesNotExist}, has.not(n))
			continue
		case have == total:
			add(segment.Requirement{Key: k, Op: segment.Exists}, has)
		}
		if len(others) == 0 {
			continue
		}
		slices.Sort(others)
		others = others[:min(len(others), maxValues)]
		excluded := newBits(n)
		for _, v := range others {
			for _, g := range s.values[k][v] {
				excluded.set(g)
			}
		}
		add(segment.Requirement{Key: k, Op: segment.NotIn, Values: others}, excluded.not(n))
	}
	return out
}

// Bounds of the exact search for the fewest requirements. Beyond them the answer
// still selects the same pods, with perhaps more requirements than needed.
const (
	maxSearched = 48
	maxSteps    = 20_000
)

// fewest finds the smallest, then cheapest, set of candidates that together keep
// only the goal, which all of them together do.
func fewest(all, goal bitset, cs []candidate) []candidate {
	slices.SortFunc(cs, func(a, b candidate) int { return a.compare(&b) })
	var distinct []candidate
	seen := make(map[string]bool, len(cs))
	for _, c := range cs {
		var key []byte
		for _, w := range c.keeps {
			key = appendInt(append(key, ' '), int(w)) //nolint:gosec // a key
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			distinct = append(distinct, c)
		}
	}
	greedy := cover(all, goal, distinct)
	if len(distinct) > maxSearched {
		// The tightest of them, and those that are known to suffice.
		slices.SortStableFunc(distinct, func(a, b candidate) int { return cmp.Compare(a.keeps.count(), b.keeps.count()) })
		distinct = append(distinct[:maxSearched:maxSearched], greedy...)
	}
	x := &search{goal: goal, from: distinct, steps: maxSteps}
	for size := 0; size < len(greedy) && x.best == nil; size++ {
		x.deepen(all, nil, size, 0)
	}
	if x.best == nil {
		x.best = greedy
		for i := range greedy {
			x.cost += greedy[i].cost + int(greedy[i].form)
		}
		x.deepen(all, nil, len(greedy), 0)
	}
	return x.best
}

// cover picks greedily what excludes most.
func cover(all, goal bitset, cs []candidate) []candidate {
	var out []candidate
	for at := all; !slices.Equal(at, goal); {
		best, left := 0, -1
		for i := range cs {
			if n := at.and(cs[i].keeps).count(); left < 0 || n < left {
				best, left = i, n
			}
		}
		at = at.and(cs[best].keeps)
		out = append(out, cs[best])
	}
	return out
}

// search looks for the cheapest set of one size.
type search struct {
	goal  bitset
	from  []candidate
	steps int
	best  []candidate
	cost  int
}

func (x *search) deepen(at bitset, chosen []candidate, left, cost int) {
	if x.steps--; x.steps < 0 || x.best != nil && cost >= x.cost {
		return
	}
	if slices.Equal(at, x.goal) {
		x.best, x.cost = slices.Clone(chosen), cost
		return
	}
	if left == 0 {
		return
	}
	// Some group is to be excluded, and one of the candidates has to do it.
	extra := -1
	for g := range at.all() {
		if !x.goal.has(g) {
			extra = g
			break
		}
	}
	for i := range x.from {
		if c := &x.from[i]; !c.keeps.has(extra) {
			x.deepen(at.and(c.keeps), append(chosen, *c), left-1, cost+c.cost+int(c.form))
		}
	}
}

// trim leaves out of NotIn the values that nothing hangs on.
func (s *space) trim(cs []candidate, everything, goal bitset) (choice, []string) {
	out := choice{keeps: goal}
	var release []string
	for i, c := range cs {
		if c.req.Op == segment.NotIn {
			rest := slices.Clone(everything)
			for j := range cs {
				if j != i {
					rest = rest.and(cs[j].keeps)
				}
			}
			c.req.Values = slices.DeleteFunc(slices.Clone(c.req.Values), func(v string) bool {
				return !slices.ContainsFunc(s.values[c.req.Key][v], rest.has)
			})
			keeps := newBits(len(s.groups))
			for _, v := range c.req.Values {
				for _, g := range s.values[c.req.Key][v] {
					keeps.set(g)
				}
			}
			cs[i].keeps = keeps.not(len(s.groups))
			if len(c.req.Values) == 0 {
				continue // the others suffice
			}
		}
		if c.release {
			release = append(release, c.req.Key)
		}
		out.reqs = append(out.reqs, c.req)
	}
	slices.Sort(release)
	return out, slices.Compact(release)
}
