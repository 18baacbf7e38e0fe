package cut

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Pair is the connections that workload From may open to workload To.
type Pair struct{ From, To int32 }

// Price is what it costs to take something away, in the caller's unit.
// A price is Never or in 1…MaxPrice: what costs nothing would be cut for nothing.
type Price = int64

const (
	// Never is the price of what may not be cut: a guard rail, or what nothing can enforce.
	Never Price = math.MaxInt64
	// MaxPrice is the greatest price that is not Never.
	MaxPrice Price = 1 << 48
	// MaxNodes is the most workloads of a Network: their rows of bits would take 2 GiB.
	MaxNodes = 1 << 17
	// maxSum bounds the sum of all finite prices, so that no sum reaches Never.
	maxSum Price = 1 << 61
)

// Network is the graph of "may open something to" over the workloads 0…N-1,
// with the price of taking each edge away.
type Network struct {
	N int
	// Row sets the bits of all workloads that u may open something to; into has
	// (N+63)/64 words and is zero. It is called at most once per u, only for
	// workloads that the sources reach, never at the same time as another call.
	// A bit for u itself or beyond N is ignored.
	Row func(u int, into []uint64)
	// Edge holds the prices that are not Default. Pairs that Row does not set are ignored.
	Edge    map[Pair]Price
	Default Price
	// Sources are the affected workloads, Sinks the protected ones; no workload is both.
	Sources, Sinks []int
}

// Hardening is the second way of cutting: to reduce a workload's egress or
// ingress to what is kept.
type Hardening struct {
	// Egress and Ingress are the prices per workload, N of each; Never where
	// nothing enforces that direction, and nil where that is so for all.
	Egress, Ingress []Price
	// Kept are the edges that survive hardening, because they were observed or
	// declared. Each can still be cut by naming it, at its price in the Network.
	Kept map[Pair]bool
}

// Result is what separates the sinks from the sources at the least price.
type Result struct {
	Value Price
	// Near is the minimum cut whose source side is smallest: among all minimum
	// cuts it leaves the sources the fewest workloads. Far leaves them the most
	// and stands closest to the sinks.
	Near, Far Cut
	// Unique says that Near and Far are the same, so that there is no other minimum cut.
	Unique bool
}

// Cut is one set of things to take away. All lists ascend.
type Cut struct {
	Price Price
	// Pairs are edges that are named.
	Pairs []Pair
	// Egress and Ingress are the workloads of which that direction is hardened;
	// empty in the grain of edges.
	Egress, Ingress []int
	// Reach is what the sources can still reach afterwards, themselves included.
	Reach []int
}

// Size is the number of things that the cut takes away.
func (c *Cut) Size() int { return len(c.Pairs) + len(c.Egress) + len(c.Ingress) }

// NoCutError says that nothing separates the sinks from the sources.
type NoCutError struct {
	// Path leads from a source to a sink. None of its edges may be cut, and none
	// of their ends may be hardened in a way that would cut them. It is one
	// workload alone where a source is a sink.
	Path []int
}

func (e *NoCutError) Error() string {
	if len(e.Path) == 1 {
		return fmt.Sprintf("workload %d is both a source and a sink", e.Path[0])
	}
	var b strings.Builder
	b.WriteString("no cut exists: nothing on the path ")
	for i, u := range e.Path {
		if i > 0 {
			b.WriteString(" → ")
		}
		fmt.Fprint(&b, u)
	}
	b.WriteString(" may be cut")
	return b.String()
}

// ErrPrices is returned where prices are out of bounds or could overflow their sum.
var ErrPrices = errors.New("prices are out of bounds")

func (n *Network) check(h *Hardening) error {
	switch {
	case n.N < 0 || n.N > MaxNodes:
		return fmt.Errorf("a network of %d workloads: at most %d are supported", n.N, MaxNodes)
	case n.N > 0 && n.Row == nil:
		return errors.New("a network without rows")
	}
	if err := checkPrice(n.Default); err != nil {
		return fmt.Errorf("default price: %w", err)
	}
	for _, ends := range [2][]int{n.Sources, n.Sinks} {
		for _, u := range ends {
			if u < 0 || u >= n.N {
				return fmt.Errorf("workload %d is not in a network of %d", u, n.N)
			}
		}
	}
	for p, price := range n.Edge {
		if err := n.checkPair(p); err != nil {
			return err
		}
		if err := checkPrice(price); err != nil {
			return fmt.Errorf("edge %d → %d: %w", p.From, p.To, err)
		}
	}
	if h == nil {
		return nil
	}
	for _, prices := range [2][]Price{h.Egress, h.Ingress} {
		if prices != nil && len(prices) != n.N {
			return fmt.Errorf("%d prices of hardening for %d workloads", len(prices), n.N)
		}
		for u, price := range prices {
			if err := checkPrice(price); err != nil {
				return fmt.Errorf("hardening workload %d: %w", u, err)
			}
		}
	}
	for p := range h.Kept {
		if err := n.checkPair(p); err != nil {
			return err
		}
	}
	return nil
}

func harden(prices []Price, u int32) Price {
	if prices == nil {
		return Never
	}
	return prices[u]
}

func (n *Network) checkPair(p Pair) error {
	if p.From < 0 || p.To < 0 || int(p.From) >= n.N || int(p.To) >= n.N {
		return fmt.Errorf("edge %d → %d is not in a network of %d", p.From, p.To, n.N)
	}
	return nil
}

func checkPrice(p Price) error {
	if p < 1 || p > MaxPrice && p != Never {
		return fmt.Errorf("%w: %d is neither Never nor in 1…%d", ErrPrices, p, MaxPrice)
	}
	return nil
}

// checkSum holds the price of cutting everything that could be cut, bounded
// from above, against maxSum. A float64 is exact enough: the bound leaves a
// factor of two below infinite.
func checkSum(sum float64) error {
	if sum >= float64(maxSum) {
		return fmt.Errorf("%w: together they may come to %.3g, more than %d; use a coarser unit", ErrPrices, sum, maxSum)
	}
	return nil
}

func (p Pair) compare(q Pair) int {
	if p.From != q.From {
		return int(p.From) - int(q.From)
	}
	return int(p.To) - int(q.To)
}

func sortedUnique(s []int) []int {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}
