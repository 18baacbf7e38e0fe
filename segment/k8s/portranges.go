package k8s

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/segment"
)

// Limits on how finely the ports are cut: each cut is a case of its own for every pair
// and every block of addresses, so that tens of thousands take gigabytes and many
// minutes. Real estates have hundreds in all.
const (
	maxPortRanges       = 4096 // of one policy
	maxPortRangesInside = 8192 // of all policies of the input
)

// portRanges adds the ports and ranges that a policy names.
func portRanges(seen map[segment.PortMatch]bool, p *segment.Policy) map[segment.PortMatch]bool {
	for _, rules := range p.Rules {
		for i := range rules {
			for _, m := range rules[i].Ports {
				seen[m] = true
			}
		}
	}
	return seen
}

// boundPorts takes the effect of policies for unknown where all of them together cut
// the ports too finely: of those that name the most ports, so that whoever may write
// one policy cannot make the answers about everybody else's end.
func (b *builder) boundPorts() {
	seen := make(map[segment.PortMatch]bool)
	for i := range b.m.Policies {
		portRanges(seen, &b.m.Policies[i])
	}
	if len(seen) <= maxPortRangesInside {
		return
	}
	uses := make(map[segment.PortMatch]int, len(seen))
	own := make([]map[segment.PortMatch]bool, len(b.m.Policies))
	for i := range own {
		own[i] = portRanges(make(map[segment.PortMatch]bool), &b.m.Policies[i])
		for m := range own[i] {
			uses[m]++
		}
	}
	order := make([]int, len(own))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int {
		p, q := &b.m.Policies[x], &b.m.Policies[y]
		return cmp.Or(cmp.Compare(len(own[y]), len(own[x])), cmp.Compare(p.Cluster, q.Cluster), cmp.Compare(p.Object(), q.Object()))
	})
	unknown := make(map[int]bool)
	for _, i := range order {
		if len(uses) <= maxPortRangesInside {
			break
		}
		unknown[i] = true
		for m := range own[i] {
			if uses[m]--; uses[m] == 0 {
				delete(uses, m)
			}
		}
		b.m.Taints = append(b.m.Taints, b.m.Policies[i].Unknown(fmt.Sprintf(
			"its effect is not known: the policies name %d different ranges of ports, this one %d of them, and more than %d in all are not evaluated", len(seen), len(own[i]), maxPortRangesInside)))
	}
	kept := make([]segment.Policy, 0, len(b.m.Policies)-len(unknown))
	for i := range b.m.Policies {
		if !unknown[i] {
			kept = append(kept, b.m.Policies[i])
		}
	}
	b.m.Policies = kept
}
