package cut

import "context"

// Edges returns the minimum cuts in the grain of edges: the edges to remove so
// that no sink is reachable from a source, at the least total price. Without
// a path there is nothing to cut and the value is 0. The error is a
// *NoCutError where every cut would have to take what may not be cut.
func Edges(ctx context.Context, n *Network) (*Result, error) {
	in, err := build(ctx, n, nil)
	if err != nil {
		return nil, err
	}
	return in.separate(ctx)
}

// Workloads returns the minimum cuts in the grain of workloads. An edge that
// is not kept is gone when its source's egress or its destination's ingress is
// hardened, or when it is named at its own price; a kept one only when it is
// named. So a cut of this grain is never dearer than that of Edges; where
// edges that are not kept should never be named, set the Network's Default to
// Never and give the kept ones their prices.
func Workloads(ctx context.Context, n *Network, h *Hardening) (*Result, error) {
	if h == nil {
		h = &Hardening{} // nothing can be hardened
	}
	in, err := build(ctx, n, h)
	if err != nil {
		return nil, err
	}
	return in.separate(ctx)
}
