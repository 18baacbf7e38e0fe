package segment

import (
	"reflect"
	"slices"
)

// putTaints replaces the taints. Those that stay keep the classes that they touch;
// classes that others touch, or touched, are marked again.
func (c *change) putTaints(list []Taint) {
	g := c.g
	old := g.taints
	g.m.Taints, g.taints = list, nil
	for i := range list {
		t := &list[i]
		if !g.m.Profile.Enforced || !t.CanAllow && !t.CanDeny {
			continue
		}
		x := taintSet{t: t, tier: t.Tier}
		if n := slices.IndexFunc(old, func(o taintSet) bool { return reflect.DeepEqual(o.t, t) }); n >= 0 {
			x.who = old[n].who
		} else if x.who = c.touched(t); x.who.empty() {
			continue
		}
		g.taints = append(g.taints, x)
	}
	// A taint is known by its number: what was shared under it means another now.
	c.fresh = true
	again := newBitset(g.classes.len())
	for i := range max(len(old), len(g.taints)) {
		if i < len(old) && i < len(g.taints) && &old[i].who[0] == &g.taints[i].who[0] {
			continue
		}
		for _, sets := range [][]taintSet{old, g.taints} {
			if i < len(sets) {
				again.or(sets[i].who)
			}
		}
	}
	for class := range again.all() {
		c.own[uint32(class)] = true //nolint:gosec // a class number
		for d := range Gress(2) {
			marks := slices.DeleteFunc(slices.Clone(g.marks[d].at(class)), func(m mark) bool { return m.policy() < 0 })
			for i := range g.taints {
				if g.taints[i].t.Gress[d] && g.taints[i].who.has(class) {
					marks = append(marks, taintedBy(i))
				}
			}
			g.marks[d].set(class, marks)
		}
	}
}

// touched returns the classes that a taint concerns.
func (c *change) touched(t *Taint) bitset {
	g, a := c.g, c.k.atoms
	who := newBitset(g.classes.len())
	if t.Namespace == "" {
		for class := range g.pods {
			who.put(class, g.touches(t, g.classes.ref(class)))
		}
		return who
	}
	i, ok := a.nsIndex[[2]string{t.Cluster, t.Namespace}]
	if !ok {
		return who
	}
	for _, list := range [][]uint32{a.byNS[i], a.hosts} {
		for _, class := range list {
			who.put(int(class), g.touches(t, g.classes.ref(int(class))))
		}
	}
	return who
}
