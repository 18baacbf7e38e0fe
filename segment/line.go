package segment

import "slices"

// A line is what one class can open to every other (a row), or what every other
// can open to it (a column): classes grouped by the answer, for one chunk of
// ports. It is computed on groups of classes, never class by class.

// lineKind tells rows from columns.
type lineKind uint8

const (
	row lineKind = iota
	column
)

// progress is the state of an evaluation: for each port the outcomes that are
// possible so far. More than one possible outcome is an unknown.
type progress struct {
	open, pass, allow, deny uint64 // undecided; passed to the next tier; final
	base, next              uint64 // open at the start of a priority level; open after it
	must, may               uint64 // grants of the NetworkPolicy tier: certain, possible
}

// span is a pair of masks: ports that are certainly and possibly allowed.
type span struct{ must, may uint64 }

// group is a set of classes with the same state.
type group struct {
	who classSet
	st  progress
	out span // of the directions evaluated so far
	// byNode is true where out holds for some pods only, those that share or may
	// share a node. policy is the answer for pods on different nodes.
	byNode bool
	policy span
}

// line evaluates both directions between class c and all others, for one chunk.
// Groups are disjoint; classes in none are denied every port.
func (g *Graph) line(c int, kind lineKind, chunk int) []group {
	uni := g.meets(c)
	full := g.ports.full[chunk]
	gs := []group{{who: classSet{bits: slices.Clone(uni)}, out: span{full, full}}}
	if g.m.Profile.Enforced {
		order := [2]Gress{Egress, Ingress}
		for _, d := range order {
			own := (d == Egress) == (kind == row)
			e := &lineEval{g: g, c: c, chunk: chunk, kind: kind, d: d, own: own, full: full}
			gs = e.direction(gs)
		}
		gs = g.freeOwnNode(c, chunk, gs)
	}
	return coalesce(gs)
}

// coalesce joins groups with the same answer and drops the denied ones.
func coalesce(gs []group) []group {
	type answer struct {
		out, policy span
		byNode      bool
	}
	index := make(map[answer]int, len(gs))
	out := gs[:0]
	for _, x := range gs {
		if x.out.may == 0 {
			continue
		}
		k := answer{x.out, x.policy, x.byNode}
		i, ok := index[k]
		if !ok {
			index[k] = len(out)
			out = append(out, x)
			continue
		}
		out[i].who = out[i].who.join(x.who)
	}
	return out
}

// meets returns the classes that class c may exchange traffic with: those of
// its cluster and external addresses; for external addresses, every pod.
func (g *Graph) meets(c int) bitset {
	if g.classes[c].cell >= 0 {
		return g.allPods
	}
	return g.universe[g.classes[c].cluster]
}

// lineEval evaluates one direction of policy on a line. If own, the subjects of
// the policies that matter are c; else they are the others and c is the peer.
type lineEval struct {
	g     *Graph
	c     int
	chunk int
	kind  lineKind
	d     Gress
	own   bool
	full  uint64
}

func (e *lineEval) direction(gs []group) []group {
	for i := range gs {
		gs[i].st = progress{open: e.full}
	}
	gs = e.tier(gs, AdminTier)
	gs = e.networkPolicies(gs)
	gs = e.tier(gs, BaselineTier)
	gs = e.taint(gs, AdminTier)
	out := gs[:0]
	for _, x := range gs {
		allow := x.st.allow | x.st.open | x.st.pass // nothing decided: allowed
		x.out.must &= allow &^ x.st.deny
		x.out.may &= allow
		if x.out.may != 0 || e.g.freesOwnNode() {
			out = append(out, x)
		}
	}
	return out
}

// refine applies f to the state of every class in who, splitting groups.
func refine(gs []group, who bitset, f func(progress) progress) []group {
	n := len(gs)
	for i := range n {
		after := f(gs[i].st)
		if after == gs[i].st {
			continue
		}
		switch in, rest := gs[i].who.split(who); {
		case in.empty():
		case rest.empty():
			gs[i].st = after
		default:
			x := gs[i]
			x.who, x.st = in, after
			gs[i].who = rest
			gs = append(gs, x)
		}
	}
	return gs
}

// piece is a part of a port list: a mask that holds for some destinations.
type piece struct {
	mask  uint64
	who   *members // nil: every destination
	maybe bool
}

// pieces resolves a port list on this line's destinations.
func (e *lineEval) pieces(spec int, buf []piece) []piece {
	s := &e.g.specs[spec]
	buf = buf[:0]
	if m := s.mask[e.chunk]; m != 0 {
		buf = append(buf, piece{mask: m})
	}
	for _, u := range s.named {
		for i := range e.g.named[u] {
			ns := &e.g.named[u][i]
			if ns.mask[e.chunk] == 0 {
				continue
			}
			if e.kind == row {
				buf = append(buf, piece{ns.mask[e.chunk], &ns.who, ns.maybe})
			} else if ns.who.has(e.c) {
				buf = append(buf, piece{mask: ns.mask[e.chunk], maybe: ns.maybe})
			}
		}
	}
	return buf
}

// tier evaluates ordered policies of the Admin or Baseline tier.
func (e *lineEval) tier(gs []group, t Tier) []group {
	if len(e.g.levels[t]) == 0 {
		return gs
	}
	for _, level := range e.g.levels[t] {
		for i := range gs {
			gs[i].st.base, gs[i].st.next = gs[i].st.open, gs[i].st.open
		}
		for _, p := range level {
			for i := range gs {
				gs[i].st.open = gs[i].st.base
			}
			gs = e.policy(gs, &e.g.policies[p])
			gs = e.mayNotSelect(gs, &e.g.policies[p])
			for i := range gs {
				gs[i].st.next &= gs[i].st.open
			}
		}
		for i := range gs {
			gs[i].st.open, gs[i].st.base, gs[i].st.next = gs[i].st.next, 0, 0
		}
	}
	for i := range gs {
		gs[i].st.open |= gs[i].st.pass
		gs[i].st.pass = 0
	}
	return gs
}

// mayNotSelect reopens what a policy closed for subjects that it selects only
// perhaps: its rules were evaluated as if it did.
func (e *lineEval) mayNotSelect(gs []group, p *compiled) []group {
	reopen := func(s progress) progress { s.open = s.base; return s }
	if p.subject.maybe.empty() {
		return gs
	}
	if e.own {
		if p.subject.maybe.has(e.c) {
			for i := range gs {
				gs[i].st = reopen(gs[i].st)
			}
		}
		return gs
	}
	who := newBitset(len(e.g.classes))
	p.subject.maybe.addTo(who)
	return refine(gs, who, reopen)
}

// policy evaluates the rules of one policy in order: the first that matches
// decides; one that may match decides perhaps.
func (e *lineEval) policy(gs []group, p *compiled) []group {
	if e.own {
		if membership(&p.subject, e.c) == No {
			return gs
		}
	} else if p.subject.must.empty() && p.subject.maybe.empty() {
		return gs
	}
	var buf []piece
	for i := range p.rules[e.d] {
		r := &p.rules[e.d][i]
		must, may := e.matched(p, r)
		if may == nil {
			continue
		}
		buf = e.pieces(r.spec, buf)
		for _, pc := range buf {
			sure, perhaps := must, may
			if pc.who != nil {
				restrict := newBitset(len(e.g.classes))
				pc.who.addTo(restrict)
				perhaps = slices.Clone(perhaps)
				perhaps.and(restrict)
				if sure != nil {
					sure = slices.Clone(sure)
					sure.and(restrict)
				}
			}
			if pc.maybe || failsClosed(r) {
				sure = nil
			}
			if sure != nil {
				gs = refine(gs, sure, func(s progress) progress { return s.hit(r.r.Action, pc.mask, true) })
				perhaps = slices.Clone(perhaps)
				perhaps.andNot(sure)
			}
			action := r.r.Action
			gs = refine(gs, perhaps, func(s progress) progress { return s.hit(action, pc.mask, false) })
			if action == Pass && failsClosed(r) {
				gs = refine(gs, perhaps, func(s progress) progress { return s.hit(Deny, pc.mask, false) })
			}
		}
	}
	return gs
}

// matched returns the others for which a rule matches: certainly, and certainly
// or perhaps. Both are nil if there are none.
func (e *lineEval) matched(p *compiled, r *compiledRule) (must, may bitset) {
	n := len(e.g.classes)
	if e.own {
		may = newBitset(n)
		for _, at := range r.peers {
			e.g.atoms[at].must.addTo(may)
		}
		must = slices.Clone(may)
		for _, at := range r.peers {
			e.g.atoms[at].maybe.addTo(may)
		}
		return must, may
	}
	peer := No
	for _, at := range r.peers {
		switch membership(&e.g.atoms[at], e.c) {
		case Yes:
			peer = Yes
		case Maybe:
			if peer == No {
				peer = Maybe
			}
		}
	}
	if peer == No {
		return nil, nil
	}
	may = newBitset(n)
	p.subject.must.addTo(may)
	p.subject.maybe.addTo(may)
	if peer == Yes {
		must = slices.Clone(may)
	}
	return must, may
}

func membership(a *atom, c int) Answer {
	switch {
	case a.must.has(c):
		return Yes
	case a.maybe.has(c):
		return Maybe
	}
	return No
}

// hit records that a rule matches on the ports of mask.
func (s progress) hit(a Action, mask uint64, sure bool) progress {
	m := s.open & mask
	switch a {
	case Allow:
		s.allow |= m
	case Deny:
		s.deny |= m
	default:
		s.pass |= m
	}
	if sure {
		s.open &^= m
	}
	return s
}

// grants gathers what the rules of the NetworkPolicy tier grant to whom: large
// sets by mask, so that each splits the groups once; small ones class by class.
type grants struct {
	n     int
	large []grant
	small map[uint32]span
}

type grant struct {
	mask uint64
	sure bool
	who  bitset
}

func (a *grants) add(pc piece, sure bool, who members) {
	sure = sure && !pc.maybe
	if who.bits == nil {
		for _, c := range who.ids {
			if pc.who == nil || pc.who.has(int(c)) {
				s := a.small[c]
				s.may |= pc.mask
				if sure {
					s.must |= pc.mask
				}
				a.small[c] = s
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
		to = newBitset(a.n)
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
	if len(a.small) == 0 {
		return gs
	}
	type target struct {
		from int
		got  span
	}
	index := make(map[target]int)
	ids := make([]uint32, 0, len(a.small))
	for c := range a.small {
		ids = append(ids, c)
	}
	slices.Sort(ids)
	n := len(gs)
	for i := range n {
		inside := gs[i].who.take(ids)
		for _, c := range inside {
			t := target{i, a.small[c]}
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

// networkPolicies evaluates the NetworkPolicy tier: what is isolated gets what
// some rule grants and nothing else; what is not goes on to the next tier.
func (e *lineEval) networkPolicies(gs []group) []group {
	g := e.g
	iso := g.isolated[e.d]
	for i := range gs {
		gs[i].st.base = gs[i].st.open // what the Admin tier left open: all that this tier can touch
	}
	if e.own && iso.has(e.c) {
		acc := e.ownGrants()
		gs = e.decide(gs, acc, nil)
	} else if !e.own {
		acc := e.othersGrants()
		gs = e.decide(gs, acc, iso)
	}
	gs = e.taint(gs, NetworkPolicyTier)
	for i := range gs {
		gs[i].st.base = 0
	}
	if g.m.Profile.BaselineDirectionBlind && len(g.tiers[BaselineTier]) > 0 {
		skip := func(s progress) progress { s.allow |= s.open; s.open = 0; return s }
		other := g.isolated[1-e.d]
		if !e.own {
			gs = refine(gs, other, skip)
		} else if other.has(e.c) {
			for i := range gs {
				gs[i].st = skip(gs[i].st)
			}
		}
	}
	return gs
}

// ownGrants are the others that c's own policies name.
func (e *lineEval) ownGrants() *grants {
	acc := &grants{n: len(e.g.classes), small: make(map[uint32]span)}
	var buf []piece
	for _, p := range e.g.own[e.d][e.c] {
		for i := range e.g.policies[p].rules[e.d] {
			r := &e.g.policies[p].rules[e.d][i]
			buf = e.pieces(r.spec, buf)
			for _, pc := range buf {
				for _, at := range r.peers {
					acc.add(pc, true, e.g.atoms[at].must)
					if !e.g.atoms[at].maybe.empty() {
						acc.add(pc, false, e.g.atoms[at].maybe)
					}
				}
			}
		}
	}
	return acc
}

// othersGrants are the others whose policies name c.
func (e *lineEval) othersGrants() *grants {
	acc := &grants{n: len(e.g.classes), small: make(map[uint32]span)}
	var buf []piece
	from := func(at int, sure bool) {
		for _, gr := range e.g.inverted[e.d][at] {
			buf = e.pieces(gr.spec, buf)
			for _, pc := range buf {
				acc.add(pc, sure, gr.who)
			}
		}
	}
	from(e.g.any, true)
	for _, at := range e.g.atomsOf[e.c] {
		from(int(at), true)
	}
	for _, at := range e.g.maybeOf[e.c] {
		from(int(at), false)
	}
	return acc
}

// decide closes the NetworkPolicy tier for the groups, or for those inside iso.
func (e *lineEval) decide(gs []group, acc *grants, iso bitset) []group {
	gs = acc.apply(gs)
	closeTier := func(s progress) progress {
		s.allow |= s.open & s.may
		s.deny |= s.open &^ s.must
		s.open = 0
		return s
	}
	if iso == nil {
		for i := range gs {
			gs[i].st = closeTier(gs[i].st)
		}
	} else {
		gs = refine(gs, iso, closeTier)
	}
	for i := range gs {
		gs[i].st.must, gs[i].st.may = 0, 0
	}
	return gs
}

// taint applies what cannot be evaluated. In the NetworkPolicy tier it touches
// only what no rule of the Admin tier certainly decided.
func (e *lineEval) taint(gs []group, t Tier) []group {
	for i := range e.g.taints {
		ts := &e.g.taints[i]
		if (ts.tier == NetworkPolicyTier) != (t == NetworkPolicyTier) || !ts.t.Gress[e.d] {
			continue
		}
		touch := func(s progress) progress {
			allow, deny := e.full, e.full
			if t == NetworkPolicyTier {
				// NetworkPolicies add up: one more takes away nothing that another
				// grants, and denies only where no other isolates.
				allow, deny = s.base, s.open
			}
			if ts.t.CanDeny {
				s.deny |= deny
			}
			if ts.t.CanAllow {
				s.allow |= allow
			}
			return s
		}
		if e.own {
			if !ts.who.has(e.c) {
				continue
			}
			for j := range gs {
				gs[j].st = touch(gs[j].st)
			}
			continue
		}
		gs = refine(gs, ts.who, touch)
	}
	return gs
}
