package segment

import "slices"

// grants gathers what the rules of the NetworkPolicy tier grant to whom: large
// sets by mask, so that each splits the groups once; small ones class by class.
type grants struct {
	g     *Graph
	large []grant
	got   []span // by class; zero but for touched
	ids   []uint32
}

type grant struct {
	mask uint64
	sure bool
	who  bitset
}

// newGrants takes the accumulator from the graph's pool.
func (g *Graph) newGrants() *grants {
	a, _ := g.pool.grants.Get().(*grants)
	if a == nil || len(a.got) < g.classes.len() {
		a = &grants{got: make([]span, g.classes.len())}
	}
	a.g = g
	return a
}

// release gives the accumulator back.
func (a *grants) release() {
	for _, c := range a.ids {
		a.got[c] = span{}
	}
	g := a.g
	a.ids, a.large, a.g = a.ids[:0], a.large[:0], nil
	g.pool.grants.Put(a)
}

func (a *grants) add(pc piece, sure bool, who members) {
	sure = sure && !pc.maybe
	if who.bits == nil {
		for _, c := range who.ids {
			if pc.who != nil && !pc.who.has(int(c)) {
				continue
			}
			s := &a.got[c]
			if s.may == 0 {
				a.ids = append(a.ids, c)
			}
			s.may |= pc.mask
			if sure {
				s.must |= pc.mask
			}
		}
		return
	}
	var to bitset
	for i := range a.large {
		if a.large[i].mask == pc.mask && a.large[i].sure == sure {
			to = a.large[i].who
		}
	}
	if to == nil {
		to = newBitset(a.g.classes.len())
		a.large = append(a.large, grant{pc.mask, sure, to})
	}
	if pc.who == nil {
		who.addTo(to)
		return
	}
	for c := range who.all() {
		if pc.who.has(c) {
			to.add(c)
		}
	}
}

// apply puts the grants into the states of the groups.
func (a *grants) apply(gs []group) []group {
	gs = a.applySmall(gs)
	for _, l := range a.large {
		gs = refine(gs, l.who, func(s progress) progress {
			s.may |= l.mask
			if l.sure {
				s.must |= l.mask
			}
			return s
		})
	}
	return gs
}

// applySmall takes the classes of small grants out of their groups and puts
// those with the same grants together again.
func (a *grants) applySmall(gs []group) []group {
	if len(a.ids) == 0 {
		return gs
	}
	type target struct {
		from int
		got  span
	}
	index := make(map[target]int)
	slices.Sort(a.ids)
	n := len(gs)
	for i := range n {
		for _, c := range gs[i].who.take(a.ids) {
			t := target{i, a.got[c]}
			j, ok := index[t]
			if !ok {
				j = len(gs)
				index[t] = j
				x := gs[i]
				x.who = classSet{}
				x.st.must |= t.got.must
				x.st.may |= t.got.may
				gs = append(gs, x)
			}
			gs[j].who.ids = append(gs[j].who.ids, c)
		}
	}
	return slices.DeleteFunc(gs, func(x group) bool { return x.who.empty() })
}
