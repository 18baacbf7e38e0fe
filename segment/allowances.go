package segment

import "slices"

// allowance is something that the NetworkPolicy tier allows a class: a peer, a
// list of ports, and whether it is known that the policy selects the class. It is
// a number, so that a pair of classes is judged from two sorted lists, each in one
// piece of memory: what the policies of one allow, and where the other is a place.
type allowance uint64

func allow(peer, spec int, perhaps bool) allowance {
	a := allowance(peer)<<32 | allowance(spec)<<1 //nolint:gosec // indexes below 2³¹
	if perhaps {
		a |= 1
	}
	return a
}

func (a allowance) peer() int     { return int(a >> 32) }              //nolint:gosec // as it was made
func (a allowance) spec() int     { return int(a >> 1 & (1<<31 - 1)) } //nolint:gosec // as it was made
func (a allowance) perhaps() bool { return a&1 != 0 }

// place is an atom among whose classes one is, certainly or perhaps.
type place uint32

func placeIn(at int, perhaps bool) place {
	p := place(at) << 1 //nolint:gosec // an index below 2³¹
	if perhaps {
		p |= 1
	}
	return p
}

func (p place) atom() int     { return int(p >> 1) }
func (p place) perhaps() bool { return p&1 != 0 }

// appendAllowances appends what a policy allows whom it selects in a direction.
func (c *compiled) appendAllowances(out []allowance, d Gress, perhaps bool) []allowance {
	for i := range c.rules[d] {
		for _, at := range c.rules[d][i].peers {
			out = append(out, allow(at, c.rules[d][i].spec, perhaps))
		}
	}
	return out
}

// allowancesOf lists what the policies of a class allow it.
func (g *Graph) allowancesOf(d Gress, class int) []allowance {
	var out []allowance
	for _, i := range g.own[d].at(class) {
		p := g.policies.at(int(i))
		out = p.appendAllowances(out, d, !g.atoms.at(p.subject).must.has(class))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// invertAllowances lists them for every class.
func (g *Graph) invertAllowances(d Gress) {
	all := newRagged[allowance](g.classes.len())
	var sure, perhaps []allowance
	for range 2 { // counts, then fills
		for _, i := range g.tiers[NetworkPolicyTier] {
			c := g.policies.at(i)
			subject := g.atoms.at(c.subject)
			sure, perhaps = c.appendAllowances(sure[:0], d, false), c.appendAllowances(perhaps[:0], d, true)
			all.add(&subject.must, sure...)
			all.add(&subject.maybe, perhaps...)
		}
		all.next()
	}
	g.allows[d] = all.lists()
	for class := range g.allows[d].len() {
		slices.Sort(g.allows[d].at(class)) // nobody reads them yet
	}
}

// allowed says what a list of allowances opens to a peer, on the ports of a
// destination.
func (g *Graph) allowed(list []allowance, peer, dst, chunk int) (out span) {
	places := g.places.at(peer)
	for _, a := range list {
		perhaps := a.perhaps()
		if at := a.peer(); at != g.any { // it is the first atom
			if places = placesFrom(places, at); len(places) == 0 {
				break
			}
			if places[0].atom() != at {
				continue
			}
			perhaps = perhaps || places[0].perhaps()
		}
		ports := g.portsOn(a.spec(), dst, chunk)
		if out.may |= ports.may; !perhaps {
			out.must |= ports.must
		}
	}
	return out
}

// placesFrom skips the places before an atom.
func placesFrom(list []place, at int) []place {
	const near = 8
	if len(list) > near && list[near].atom() < at {
		i, _ := slices.BinarySearchFunc(list, at, func(p place, at int) int { return p.atom() - at })
		return list[i:]
	}
	for len(list) > 0 && list[0].atom() < at {
		list = list[1:]
	}
	return list
}
