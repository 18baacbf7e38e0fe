package cut

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Radius says how far the sources may still reach.
type Radius struct {
	// Limit is the most that what the sources reach, themselves left out, may weigh.
	Limit int64
	// Weight of each workload, N of them in 0…MaxWeight, by its criticality; nil: each weighs 1.
	Weight []int64
	// Flows is how many maximum flows may be spent on closing the gap between the
	// best cut found and the bound; 0: what takes about as long as an answer may.
	// Where at most SmallRadius workloads are reached the gap is closed, whatever it takes.
	Flows int
}

const (
	// MaxWeight is the greatest weight of one workload.
	MaxWeight = 1 << 30
	// SmallRadius is the number of workloads up to which Below is always exact.
	SmallRadius = 20
	// maxSumBelow leaves room for prices to be scaled by a ratio of weights.
	maxSumBelow = maxSum >> 2
)

// Bounded is the best cut found for a Radius, and what is known about better ones.
type Bounded struct {
	Cut Cut
	// Size is what Cut.Reach weighs without the sources.
	Size int64
	// No cut that keeps to the limit costs less than LowerBound. Exact says that
	// Price, the price of Cut, is LowerBound.
	Price, LowerBound Price
	Exact             bool
}

// NoRadiusError says that what may not be cut reaches more than the limit.
type NoRadiusError struct {
	// Reach is what the sources reach over edges none of which may be cut, themselves included.
	Reach       []int
	Size, Limit int64
}

func (e *NoRadiusError) Error() string {
	return fmt.Sprintf("edges that may not be cut reach workloads of weight %d, more than %d", e.Size, e.Limit)
}

// Below looks for the cheapest cut after which the sources reach workloads of
// at most a weight, and no sink if there are any; h is nil for the grain of edges.
//
// The problem is NP-hard. The bound is that of the Lagrangian dual: a
// parametric minimum cut in which every workload pays a toll per weight for
// staying reachable (Gallo, Grigoriadis and Tarjan 1989), at the toll whose
// bound is greatest. Branch and bound closes the gap as far as r.Flows allows.
func Below(ctx context.Context, n *Network, h *Hardening, r Radius) (*Bounded, error) {
	in, err := build(ctx, n, h)
	if err != nil {
		return nil, err
	}
	l, err := newLimited(in, r)
	if err != nil {
		return nil, err
	}
	if err := l.branch(ctx, 0); err != nil {
		return nil, err
	}
	return l.result(ctx)
}

// limited is the search of Below.
type limited struct {
	*instance
	Radius
	weight     []int64 // by workload; 0 for sources and sinks
	heavy      int64   // all weights together
	tolls      []int32 // the arcs from workloads to the terminal
	capacities []Price // of the network's arcs, both halves; 0 for tolls
	scaled     []Price
	price      Price
	sources    []int32 // the nodes of the true sources
	sinks      set     // the nodes of the true sinks, and the terminal
	kept, gone []int32 // workloads that the branch holds reachable, and those it holds cut off

	flows, budget int
	found         bool
	best          []int // workloads reachable after the best cut, sources included
	bestPrice     Price
	bestWeight    int64
	bound         Price // least bound of what was left unsearched
}

func newLimited(in *instance, r Radius) (*limited, error) {
	if r.Limit < 0 {
		return nil, fmt.Errorf("a blast radius of %d", r.Limit)
	}
	if r.Weight != nil && len(r.Weight) != in.n {
		return nil, fmt.Errorf("%d weights for %d workloads", len(r.Weight), in.n)
	}
	if in.sum >= float64(maxSumBelow) {
		return nil, fmt.Errorf("%w: together they may come to %.3g, more than %d; use a coarser unit", ErrPrices, in.sum, maxSumBelow)
	}
	l := &limited{instance: in, Radius: r, weight: make([]int64, in.n), price: in.f.price, bestPrice: Never, bound: Never}
	f := in.f
	for i, u := range in.reached {
		if i < len(in.sources) || f.sinks.has(in.self+u) {
			continue
		}
		w := int64(1)
		if r.Weight != nil {
			w = r.Weight[u]
		}
		if w < 0 || w > MaxWeight {
			return nil, fmt.Errorf("workload %d weighs %d, not 0…%d", u, w, MaxWeight)
		}
		if w > 0 {
			l.weight[u] = w
			l.heavy += w
			l.tolls = append(l.tolls, f.add(in.self+u, in.terminal(), 0))
		}
	}
	f.base = len(f.arcs)
	for i := range f.alive {
		f.alive[i] = ^uint64(0)
	}
	for _, a := range f.arcs {
		l.capacities = append(l.capacities, a.res)
	}
	l.scaled = make([]Price, len(l.capacities))
	f.sinks.add(in.terminal())
	l.sources, l.sinks = f.sources, slices.Clone(f.sinks)
	switch l.budget = r.Flows; {
	case len(l.tolls) <= SmallRadius:
		l.budget = 1 << 62
	case r.Flows <= 0:
		l.budget = max(32, 200_000/len(in.reached))
	}
	return l, nil
}

// errInfeasible says that no cut keeps to the limit within a branch.
var errInfeasible = errors.New("infeasible")

// point is a set of reachable workloads: what cutting it off costs, and what it weighs.
type point struct {
	price  Price
	weight int64
	reach  []int
}

// prepare sets the flow back to prices times q and tolls of p per weight.
func (l *limited) prepare(p, q Price, kept, gone []int32) {
	for a, c := range l.capacities {
		if c != infinite {
			c *= q
		}
		l.scaled[a] = c
	}
	for _, a := range l.tolls {
		l.scaled[a] = p * l.weight[l.workload(l.f.from(a))]
	}
	price := l.price
	if price != infinite {
		price *= q
	}
	l.f.reset(price, l.scaled)
	l.f.sources = slices.Clone(l.sources)
	copy(l.f.sinks, l.sinks)
	for _, u := range kept {
		l.f.sources = append(l.f.sources, l.self+u)
	}
	for _, u := range gone {
		l.f.sinks.add(l.self + u)
	}
}

// minimise returns the least q × price + p × weight of a set of reachable
// workloads, and the smallest such set.
func (l *limited) minimise(ctx context.Context, p, q Price) (Price, point, error) {
	l.flows++
	l.prepare(p, q, l.kept, l.gone)
	v, err := l.f.run(ctx)
	if err != nil {
		return 0, point{}, err
	}
	at := l.pointOf(l.selves(l.f.near()))
	at.price = (v - p*at.weight) / q
	return v, at, nil
}

func (l *limited) pointOf(reach []int) point {
	at := point{reach: reach}
	for _, u := range reach {
		at.weight += l.weight[u]
	}
	return at
}

// offer takes a set that keeps to the limit if it is the best so far.
func (l *limited) offer(at point) {
	if at.weight <= l.Limit && (at.price < l.bestPrice || at.price == l.bestPrice && at.weight < l.bestWeight) {
		l.found, l.best, l.bestPrice, l.bestWeight = true, at.reach, at.price, at.weight
	}
}

// dual maximises the Lagrangian bound of the branch: the two points whose line
// bounds all others, one within the limit and one beyond it, are found by
// asking for what lies below the line through the last two. pick is a workload
// that is in the one and not in the other, -1 where the bound is reached.
func (l *limited) dual(ctx context.Context) (bound Price, pick int32, err error) {
	l.prepare(0, 1, l.kept, l.gone)
	path, rigid := l.f.bare()
	if path != nil {
		return 0, -1, errInfeasible
	}
	least := l.pointOf(l.selves(rigid))
	if least.weight > l.Limit {
		return 0, -1, errInfeasible
	}
	_, over, err := l.minimise(ctx, 0, 1)
	if err != nil {
		return 0, -1, err
	}
	l.offer(over)
	if over.weight <= l.Limit {
		return over.price, -1, nil
	}
	within, err := l.priceOf(ctx, least)
	if err != nil {
		return 0, -1, err
	}
	l.offer(within)
	for bound = over.price; ; {
		p, q := l.fit(within.price-over.price, over.weight-within.weight)
		v, at, err := l.minimise(ctx, p, q)
		if err != nil {
			return 0, -1, err
		}
		bound = max(bound, ceilDiv(v-p*l.Limit, q))
		if line := min(q*over.price+p*over.weight, q*within.price+p*within.weight); v >= line {
			if bound < l.bestPrice {
				l.fill(v, p, q)
			}
			break
		}
		if at.weight > l.Limit {
			over = at
		} else {
			within = at
			l.offer(at)
		}
	}
	if bound >= l.bestPrice {
		return bound, -1, nil
	}
	return bound, l.disagree(over, within), nil
}

// disagree picks the heaviest workload that is reachable in one and not in the other.
func (l *limited) disagree(over, within point) int32 {
	pick := int32(-1)
	for _, u := range over.reach {
		if _, both := slices.BinarySearch(within.reach, u); !both && l.weight[u] > 0 && (pick < 0 || l.weight[u] > l.weight[pick]) {
			pick = int32(u)
		}
	}
	return pick
}

// priceOf finds what it costs to cut off everything but a set of workloads.
func (l *limited) priceOf(ctx context.Context, at point) (point, error) {
	l.flows++
	l.prepare(0, 1, int32s(at.reach), l.others(at.reach))
	v, err := l.f.run(ctx)
	at.price = v
	return at, err
}

// others are the workloads that the sources reach and a set does not hold.
func (l *limited) others(reach []int) []int32 {
	in := newSet(l.n)
	for _, u := range reach {
		in.add(int32(u))
	}
	var out []int32
	for _, u := range l.reached {
		if !in.has(u) {
			out = append(out, u)
		}
	}
	return out
}

// fill is called when all minimum cuts at a toll are of one bound: among them
// it looks for one that reaches as much as the limit allows, because that one
// costs the least.
func (l *limited) fill(v, p, q Price) {
	if p == 0 {
		return
	}
	f, side := l.f, l.f.near()
	weight := l.pointOf(l.selves(side)).weight
	if weight > l.Limit {
		return
	}
	beyond := f.coreach()
	steps := fillSteps
	for _, u := range l.reached {
		x := l.self + u
		if steps <= 0 {
			break
		}
		if side.has(x) || beyond.has(x) {
			continue
		}
		more := weight
		if f.grow(side, x, func(y int32) bool {
			if steps--; y >= l.self && y < l.self+int32(l.n) {
				more += l.weight[y-l.self]
			}
			return more > l.Limit || steps < 0
		}) {
			weight = more
		}
	}
	at := l.pointOf(l.selves(side))
	at.price = (v - p*at.weight) / q
	l.offer(at)
}

// fillSteps bounds what is spent on a better cut of the same bound: nodes visited.
const fillSteps = 20_000

// fit makes a toll of p per weight on prices times q small enough that no sum
// overflows. A toll that is rounded down bounds less tightly, never wrongly.
func (l *limited) fit(p, q Price) (Price, Price) {
	if g := gcd(p, q); g > 1 {
		p, q = p/g, q/g
	}
	for l.sum*float64(q)+float64(p)*float64(l.heavy) >= float64(maxSum) {
		p, q = p>>1, max(q>>1, 1)
	}
	return p, q
}

func gcd(a, b Price) Price {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// ceilDiv rounds a/b up, b > 0.
func ceilDiv(a, b Price) Price {
	q := a / b
	if a%b > 0 {
		q++
	}
	return q
}

// branch searches what the branch's kept and gone leave open; no cut there
// costs less than floor.
func (l *limited) branch(ctx context.Context, floor Price) error {
	if l.flows >= l.budget && l.found {
		l.bound = min(l.bound, floor)
		return nil
	}
	bound, pick, err := l.dual(ctx)
	switch bound = max(bound, floor); {
	case errors.Is(err, errInfeasible):
		return nil
	case err != nil:
		return err
	case bound >= l.bestPrice || pick < 0:
		return nil
	}
	l.gone = append(l.gone, pick)
	err = l.branch(ctx, bound)
	l.gone = l.gone[:len(l.gone)-1]
	if err != nil {
		return err
	}
	l.kept = append(l.kept, pick)
	err = l.branch(ctx, bound)
	l.kept = l.kept[:len(l.kept)-1]
	return err
}

// result makes the cut of the best set: the nearest minimum cut that keeps the
// sources within it.
func (l *limited) result(ctx context.Context) (*Bounded, error) {
	if !l.found {
		return nil, l.impossible()
	}
	l.prepare(0, 1, nil, l.others(l.best))
	if _, err := l.f.run(ctx); err != nil {
		return nil, err
	}
	b := &Bounded{Cut: l.sever(l.f.left)}
	b.Size, b.Price = l.pointOf(b.Cut.Reach).weight, b.Cut.Price
	b.LowerBound = min(l.bound, l.bestPrice) + l.directSum
	b.LowerBound = min(b.LowerBound, b.Price)
	b.Exact = b.LowerBound == b.Price
	return b, nil
}

func (l *limited) impossible() error {
	l.prepare(0, 1, nil, nil)
	path, rigid := l.f.bare()
	if path != nil {
		return &NoCutError{Path: l.workloads(path)}
	}
	at := l.pointOf(l.selves(rigid))
	return &NoRadiusError{Reach: at.reach, Size: at.weight, Limit: l.Limit}
}

func int32s(us []int) []int32 {
	out := make([]int32, len(us))
	for i, u := range us {
		out[i] = int32(u)
	}
	return out
}
