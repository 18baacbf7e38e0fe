package segment

import "context"

// BuildWithBreadth compiles a model with other bounds on what stays out of
// signatures, so that small estates exercise what large ones need.
func BuildWithBreadth(ctx context.Context, m *Model, peer, member, exceptions int) (*Graph, error) {
	return build(ctx, m, breadth{peer: peer, member: member, exceptions: exceptions}, nil)
}

// Shares reports whether b was made from a by a cheap Apply.
func Shares(a, b *Graph) bool { return a.compiler == b.compiler }

// DiffPoliciesByHalves is DiffPolicies where the halves of lines are compared
// first, however few the peers are.
func DiffPoliciesByHalves(ctx context.Context, before, after *Graph) (changed, pods []Change, ok bool, err error) {
	return diffPolicies(ctx, before, after, -1)
}
