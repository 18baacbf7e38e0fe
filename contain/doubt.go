package contain

import (
	"context"
	"iter"
	"math/bits"
	"slices"

	"github.com/cofferdam-io/cofferdam/contain/cut"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// maxAsked bounds the edges that are asked for their verdict to find out whether a
// doubt bears on a plan. Those beyond it count as doubtful.
const maxAsked = 512

// bearing returns the causes of unknown verdicts that could change the plan: of the
// edges that its cut and its sentence hang on, some is only perhaps open. All other
// doubts leave the same plan, whatever they turn out to be.
func (s *solver) bearing(plan *Plan) []segment.Cause {
	causes := s.p.Graph.Causes()
	if len(causes) == 0 {
		return nil
	}
	doubtful, some := make([]bool, len(s.n.refs)), true
	pairs, known := s.decisive()
	if !known || plan.Grain == Workloads || len(plan.Hardened)+len(plan.Neighbours) > 0 { // what is lost beside the cut hangs on more
		s.markEnds(plan, doubtful)
	} else {
		asked := 0
		some = false
		for k := range pairs {
			if asked++; asked > maxAsked || !s.certain(int(k.From), int(k.To)) {
				doubtful[k.From], doubtful[k.To], some = true, true, true
			}
		}
	}
	return slices.DeleteFunc(causes, func(c segment.Cause) bool {
		return !some || len(c.Affects) > 0 && !slices.ContainsFunc(c.Affects, func(r ident.Ref) bool { u, ok := s.n.index[r]; return ok && doubtful[u] })
	})
}

// markEnds marks the workloads that a plan speaks of.
func (s *solver) markEnds(plan *Plan, into []bool) {
	for _, u := range s.n.numbers(slices.Concat(s.p.Affected, s.p.Protected)) {
		into[u] = true
	}
	for i := range plan.Cuts {
		k, _ := s.n.ends(&plan.Cuts[i].From, &plan.Cuts[i].To)
		if into[k.To] = true; k.From != fromOutside {
			into[k.From] = true
		}
	}
}

// decisive yields the edges that the cut and the sentence of a plan hang on, in any
// order; every other one may be open or not. It is false where that is not known.
//
// Where paths that go on from the network of a node are left out, the sentence says
// so, and holds whether or not there are any: their edges are not among these.
func (s *solver) decisive() (iter.Seq[cut.Pair], bool) {
	switch s.p.Objective {
	case Separate:
		return s.onTheWay(), true
	case Isolate:
		return func(yield func(cut.Pair) bool) {
			for _, u := range s.n.numbers(s.p.Affected) {
				for v := range s.n.refs {
					for _, k := range [2]cut.Pair{pairOf(u, v), pairOf(v, u)} {
						if u != v && s.n.opens(int(k.From), int(k.To)) && s.n.price(k) != cut.Never && !yield(k) {
							return
						}
					}
				}
			}
		}, true
	case Shrink, CloseInternet:
	}
	return nil, false
}

func pairOf(u, v int) cut.Pair {
	return cut.Pair{From: int32(u), To: int32(v)} //nolint:gosec // numbers of workloads
}

// onTheWay yields the edges of all walks from the affected workloads to those
// protected: where each is certainly open, the walks are the same whatever the
// others are.
func (s *solver) onTheWay() iter.Seq[cut.Pair] {
	return func(yield func(cut.Pair) bool) {
		from, err := s.n.within(context.Background(), s.n.numbers(s.p.Affected))
		if err != nil {
			return
		}
		reached := members(from)
		leads := make([]uint64, s.n.words) // to what is protected
		for _, v := range s.n.numbers(s.p.Protected) {
			leads[v>>6] |= 1 << (v & 63)
		}
		for more := true; more; {
			more = false
			for _, u := range reached {
				if leads[u>>6]>>(u&63)&1 == 0 && meets(s.n.row(u), leads) {
					leads[u>>6] |= 1 << (u & 63)
					more = true
				}
			}
		}
		for _, u := range reached {
			for w, word := range s.n.row(u) {
				for word &= leads[w] & from[w]; word != 0; word &= word - 1 {
					if !yield(pairOf(u, w<<6+bits.TrailingZeros64(word))) {
						return
					}
				}
			}
		}
	}
}

func meets(a, b []uint64) bool {
	for i := range a {
		if a[i]&b[i] != 0 {
			return true
		}
	}
	return false
}

// certain reports whether something is certainly open from one workload to another.
func (s *solver) certain(u, v int) bool {
	return slices.ContainsFunc(s.p.Graph.Opens(u, v), func(e segment.Edge) bool { return e.Verdict == segment.Allowed })
}
