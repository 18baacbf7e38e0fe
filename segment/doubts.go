package segment

import "sync"

// doubts are what makes verdicts unknown, gathered when first asked for.
type doubts struct {
	causes   sync.Once
	list     []Cause
	any      sync.Once
	possible bool
}

// doubtful reports whether some verdict may be unknown.
func (g *Graph) doubtful() bool {
	g.doubts.any.Do(func() { g.doubts.possible = g.mayDoubt() })
	return g.doubts.possible
}

// mixed reports whether policies of one level hold rules of different actions:
// only then can it matter which of them wins.
func (g *Graph) mixed(level []int) bool {
	var seen [len(actionNames)]bool
	for _, i := range level {
		for _, rules := range g.policies.at(i).rules {
			for r := range rules {
				seen[rules[r].r.Action] = true
			}
		}
	}
	different := 0
	for _, s := range seen {
		if s {
			different++
		}
	}
	return len(level) > 1 && different > 1
}

// mayDoubt reports whether anything could make a verdict unknown.
func (g *Graph) mayDoubt() bool {
	if !g.m.Profile.Enforced {
		return false
	}
	if len(g.taints) > 0 || g.nodesDoubtful() || g.m.Profile.skipsBaseline() == Maybe && len(g.tiers[BaselineTier]) > 0 {
		return true
	}
	for at := range g.atoms.len() {
		if !g.atoms.at(at).maybe.empty() {
			return true
		}
	}
	for _, splits := range g.named {
		for i := range splits {
			if splits[i].maybe {
				return true
			}
		}
	}
	for t := range g.levels {
		for _, level := range g.levels[t] {
			if g.mixed(level) {
				return true
			}
		}
	}
	for i := range g.policies.len() {
		p := g.policies.at(i)
		if p == nil {
			continue
		}
		for d := range p.rules {
			for r := range p.rules[d] {
				if p.rules[d][r].closed {
					return true
				}
			}
		}
	}
	return false
}
