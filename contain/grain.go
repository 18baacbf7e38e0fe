package contain

import (
	"context"
	"slices"

	"github.com/cofferdam-io/cofferdam/contain/cut"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// hardens reports whether whole workloads may be hardened: only where something says
// what they use, or the user takes what is not seen for not used.
func (s *solver) hardens() bool { return s.p.Traffic != nil || s.p.AcceptUnobserved }

// inWorkloads is the network in the grain of workloads.
func (s *solver) inWorkloads(sources, sinks []int, among []uint64) (*cut.Network, *cut.Hardening, error) {
	h, err := s.n.hardening(s.picks, among)
	if err != nil {
		return nil, nil, err
	}
	n := s.n.problem(sources, sinks, among)
	n.Default = unkeptPrice
	return n, h, nil
}

// hardening finds the minimum cuts between two sets in the grain of workloads; none
// where that grain is not to be had.
func (s *solver) hardening(ctx context.Context, sources, sinks []int, among []uint64) ([]way, error) {
	if !s.hardens() {
		return nil, nil
	}
	n, h, err := s.inWorkloads(sources, sinks, among)
	if err != nil {
		return nil, err
	}
	r, err := cut.Workloads(ctx, n, h)
	if err != nil {
		return nil, s.uncuttable(err)
	}
	if s.n.rails.unselectable(s.picks, r.Near.Pairs, r.Far.Pairs) {
		return s.hardening(ctx, sources, sinks, among)
	}
	out := []way{wayOf(&r.Near, "source")}
	if r.Unique || s.p.First {
		return out, nil
	}
	out = append(out, wayOf(&r.Far, "sink"))
	more, err := s.fewest(ctx, sources, sinks, among, h, out)
	return append(out, more...), err
}

// wayOf is a cut in the grain of workloads as a way.
func wayOf(c *cut.Cut, nearest string) way {
	return way{grain: Workloads, nearest: nearest, pairs: c.Pairs, harden: [2][]int{segment.Egress: c.Egress, segment.Ingress: c.Ingress}}
}

// isolatingWhole hardens the affected workloads in both directions; what guard rails
// keep is all that stays. It is no way where one of them cannot be hardened.
func (s *solver) isolatingWhole() []way {
	if !s.hardens() {
		return nil
	}
	w := way{grain: Workloads, nearest: "source"}
	for _, u := range s.n.numbers(s.p.Affected) {
		if !s.n.hardenable(s.picks, u) {
			return nil
		}
		w.harden[0], w.harden[1] = append(w.harden[0], u), append(w.harden[1], u)
	}
	return []way{w}
}

const (
	// mostTries bounds the minimum cuts that the search for the fewest policies looks at.
	mostTries = 64
	// triesTimesWorkloads bounds them where there are many workloads, so that the search
	// takes no longer than finding a cut does.
	triesTimesWorkloads = 1 << 17
)

// fewest looks among the minimum cuts for one that takes the fewest policies, then
// the fewest namespaces. It is no way where it is one of those that are there.
func (s *solver) fewest(ctx context.Context, sources, sinks []int, among []uint64, h *cut.Hardening, there []way) ([]way, error) {
	tries := min(mostTries, triesTimesWorkloads/len(s.n.refs))
	if tries < 2 {
		return nil, nil
	}
	n, grain := s.n.problem(sources, sinks, among), Edges
	if h != nil {
		n.Default, grain = unkeptPrice, Workloads
	}
	found, err := cut.Fewest(ctx, n, h, s.policies, tries)
	if err != nil {
		return nil, err
	}
	w := wayOf(&found.Cut, "fewest")
	w.grain = grain
	if slices.ContainsFunc(there, w.same) || s.n.rails.unselectable(s.picks, w.pairs) {
		return nil, nil
	}
	w.note = "the fewest policies, then namespaces: best found of " + counted(found.Seen, "minimum cut") + " that were looked at"
	if found.All {
		w.note = "the fewest policies, then namespaces, of all " + counted(found.Seen, "minimum cut")
	}
	return []way{w}, nil
}

func (w way) same(o way) bool {
	return slices.Equal(w.pairs, o.pairs) && slices.Equal(w.harden[0], o.harden[0]) && slices.Equal(w.harden[1], o.harden[1])
}

// policies scores a cut by the policies that enforce it, then by the namespaces that
// they are about.
func (s *solver) policies(c *cut.Cut) int {
	const namespaces = 1 << 10 // more than a score counts of them
	w := &candidate{way: wayOf(c, "")}
	w.rest = c.Pairs
	at, err := s.cover(w)
	if err != nil {
		return 1 << 30
	}
	ds := s.n.denials(c.Pairs, at)
	seen := make(map[[2]string]bool)
	about := func(u int) { seen[[2]string{s.n.refs[u].Cluster, s.n.refs[u].Namespace}] = true }
	for _, d := range ds {
		about(d.subjects[0])
	}
	for _, us := range [][]int{c.Egress, c.Ingress} {
		for _, u := range us {
			about(u)
		}
	}
	return (len(ds)+len(c.Egress)+len(c.Ingress))*namespaces + min(len(seen), namespaces-1)
}

func (c *candidate) proved() bool { return c.proof != nil && c.proof.Proved }

// breaks counts what a candidate takes that is in use, or declared necessary.
func (c *candidate) breaks() int {
	n := 0
	for i := range c.cuts {
		n += len(c.cuts[i].Observed) + len(c.cuts[i].Needed)
	}
	return n
}

// preference puts what was asked for first, and without that what breaks the least;
// of equals hardening, which holds for what the next deployment brings, too, where
// flow records say what is in use.
func (s *solver) preference(c *candidate) int {
	switch s.p.Grain {
	case Edges, Workloads:
		if c.grain == s.p.Grain {
			return 0
		}
		return 1
	case Auto:
	}
	other := 1
	if (c.grain == Workloads) == (s.p.Traffic != nil && s.p.Traffic.Window().Incomplete == "") {
		other = 0
	}
	return 2*c.breaks() + other
}

// best is the first candidate that may be offered; -1 if none may.
func (s *solver) best(tried []*candidate) int {
	return slices.IndexFunc(tried, func(c *candidate) bool { return c.proved() && (s.p.Grain == Auto || c.grain == s.p.Grain) })
}

// ParseGrain reads what a cut is to be made of.
func ParseGrain(text string) (Grain, error) {
	for _, g := range Grains() {
		if text == string(g) {
			return g, nil
		}
	}
	return "", ident.Errorf(ident.KindUsage, "no cut is made of %.60q", text).WithHint("one of: %s, %s, %s", Edges, Workloads, Auto)
}

// checkGrain refuses to harden workloads of which nothing says what they use.
func (p *Problem) checkGrain() error {
	if p.Grain == Workloads && p.Traffic == nil && !p.AcceptUnobserved {
		return ident.Errorf(ident.KindUsage, "hardening a workload leaves it what was seen in use, and no flow records say what that is").
			WithHint("--observed FLOWS with what was seen on the network, or --accept-unobserved to leave only what --needs declares; --grain edges cuts connections by name")
	}
	return nil
}

// edges counts the pairs that a candidate closes: those that it names, and, once
// it was written, those that hardening takes.
func (c *candidate) edges() int {
	if len(c.reduced) > 0 && len(c.cuts) > 0 {
		return len(c.cuts)
	}
	return len(c.pairs) + len(c.outside)
}
