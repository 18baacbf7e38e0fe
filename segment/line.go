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

// directions returns the direction of the policies that select the line's own
// class, and that of the policies of the others.
func (k lineKind) directions() (own, others Gress) {
	if k == row {
		return Egress, Ingress
	}
	return Ingress, Egress
}

// progress is the state of an evaluation: for each port the outcomes that are
// possible so far. More than one possible outcome is an unknown.
type progress struct {
	open, pass, allow, deny uint64 // undecided; passed to the next tier; final
	base, next              uint64 // open at the start of a priority level; open after it
	must, may               uint64 // grants of the NetworkPolicy tier: certain, possible
}

// span is a pair of masks: ports that are certainly and possibly allowed.
type span struct{ must, may uint64 }

// group is a set of classes with the same state during an evaluation.
type group struct {
	who classSet
	st  progress
}

// part is a set of classes with the same answer.
type part struct {
	who classSet
	out span
	// byNode is true where out holds for some pods only, those that share or may
	// share a node. policy is the answer for pods on different nodes.
	byNode bool
	policy span
	// doubted is true where, of pods that share a node, too, policy is all that is
	// certain.
	doubted bool
}

// meets returns the classes that class c may exchange traffic with: those of
// its cluster and external addresses; for external addresses, every pod.
func (g *Graph) meets(c int) bitset {
	if g.classes.ref(c).cell >= 0 {
		return g.allPods
	}
	return g.universe[g.classes.ref(c).cluster]
}

// lineEval evaluates one direction of policy on a line. If own, the subjects of
// the policies that matter are c; else they are the others and c is the peer.
// Of the NetworkPolicy tier's grants it applies the wide ones only (breadth):
// what the narrow ones add is up to the caller.
type lineEval struct {
	g     *Graph
	c     int
	chunk int
	kind  lineKind
	d     Gress
	own   bool
	full  uint64
}

// direction returns what the policies of one direction leave open to some
// classes, a set that it uses up: disjoint sets; those in none are denied every
// port.
func (e *lineEval) direction(on bitset) []part {
	gs := []group{{who: classSet{bits: on}, st: progress{open: e.full}}}
	for _, t := range e.g.m.Profile.tiersBeforeGrants() {
		gs = e.tier(gs, t)
	}
	gs = e.networkPolicies(gs)
	gs = e.tier(gs, BaselineTier)
	gs = e.taint(gs, AdminTier)
	out := make([]part, 0, len(gs))
	for _, x := range gs {
		allow := x.st.allow | x.st.open | x.st.pass // nothing decided: allowed
		if s := (span{allow &^ x.st.deny, allow}); s.may != 0 {
			out = append(out, part{who: x.who, out: s})
		}
	}
	return coalesce(out)
}

// coalesce joins parts with the same answer and drops the denied ones.
func coalesce(ps []part) []part {
	type answer struct {
		out, policy span
		byNode      bool
		doubted     bool
	}
	index := make(map[answer]int, len(ps))
	out := ps[:0]
	for _, x := range ps {
		if x.out.may == 0 {
			continue
		}
		k := answer{x.out, x.policy, x.byNode, x.doubted}
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
			gs = e.policy(gs, e.g.policies.at(p))
			gs = e.mayNotSelect(gs, e.g.policies.at(p))
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
	if e.g.atoms.at(p.subject).maybe.empty() {
		return gs
	}
	if e.own {
		if e.g.atoms.at(p.subject).maybe.has(e.c) {
			for i := range gs {
				gs[i].st = reopen(gs[i].st)
			}
		}
		return gs
	}
	who := newBitset(e.g.classes.len())
	e.g.atoms.at(p.subject).maybe.addTo(who)
	return refine(gs, who, reopen)
}

// policy evaluates the rules of one policy in order: the first that matches
// decides; one that may match decides perhaps.
func (e *lineEval) policy(gs []group, p *compiled) []group {
	if e.own {
		if membership(e.g.atoms.at(p.subject), e.c) == No {
			return gs
		}
	} else if e.g.atoms.at(p.subject).empty() {
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
				restrict := newBitset(e.g.classes.len())
				pc.who.addTo(restrict)
				perhaps = slices.Clone(perhaps)
				perhaps.and(restrict)
				if sure != nil {
					sure = slices.Clone(sure)
					sure.and(restrict)
				}
			}
			if pc.maybe || r.closed {
				sure = nil
			}
			if sure != nil {
				gs = refine(gs, sure, func(s progress) progress { return s.hit(r.r.Action, pc.mask, true) })
				perhaps = slices.Clone(perhaps)
				perhaps.andNot(sure)
			}
			action := r.r.Action
			gs = refine(gs, perhaps, func(s progress) progress { return s.hit(action, pc.mask, false) })
			if action == Pass && r.closed {
				gs = refine(gs, perhaps, func(s progress) progress { return s.hit(Deny, pc.mask, false) })
			}
		}
	}
	return gs
}

// matched returns the others for which a rule matches: certainly, and certainly
// or perhaps. Both are nil if there are none.
func (e *lineEval) matched(p *compiled, r *compiledRule) (must, may bitset) {
	n := e.g.classes.len()
	if e.own {
		may = newBitset(n)
		for _, at := range r.peers {
			e.g.atoms.at(at).must.addTo(may)
		}
		must = slices.Clone(may)
		for _, at := range r.peers {
			e.g.atoms.at(at).maybe.addTo(may)
		}
		return must, may
	}
	peer := e.g.peerMatch(r, e.c)
	if peer == No {
		return nil, nil
	}
	may = newBitset(n)
	e.g.atoms.at(p.subject).must.addTo(may)
	e.g.atoms.at(p.subject).maybe.addTo(may)
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

// networkPolicies evaluates the NetworkPolicy tier: what is isolated gets what
// some rule grants and nothing else; what is not goes on to the next tier.
func (e *lineEval) networkPolicies(gs []group) []group {
	g := e.g
	for i := range gs {
		gs[i].st.base = gs[i].st.open // what the tiers before left open: all that this tier can touch
	}
	switch {
	case !e.own:
		acc := e.othersGrants()
		gs = acc.apply(gs)
		acc.release()
		gs = refine(gs, g.isolated[e.d], progress.isolate)
		gs = refine(gs, g.perhapsIsolated[e.d], progress.perhapsIsolate)
	case g.filtered(e.d, e.c):
		acc := e.ownGrants()
		gs = acc.apply(gs)
		acc.release()
		isolate := progress.isolate
		if g.perhapsIsolated[e.d].has(e.c) {
			isolate = progress.perhapsIsolate
		}
		for i := range gs {
			gs[i].st = isolate(gs[i].st)
		}
	}
	for i := range gs {
		gs[i].st.must, gs[i].st.may = 0, 0
	}
	gs = e.taint(gs, NetworkPolicyTier)
	for i := range gs {
		gs[i].st.base = 0
	}
	if skips := g.m.Profile.skipsBaseline(); skips != No && len(g.tiers[BaselineTier]) > 0 {
		if !e.own {
			skip := progress.skip
			if skips == Maybe {
				skip = progress.perhapsSkip
			}
			gs = refine(gs, g.isolated[1-e.d], skip)
			gs = refine(gs, g.perhapsIsolated[1-e.d], progress.perhapsSkip)
		} else {
			for i := range gs {
				gs[i].st = g.skipBaseline(gs[i].st, e.d, e.c)
			}
		}
	}
	return gs
}

// ownGrants are the wide sets of others that c's own policies name.
func (e *lineEval) ownGrants() *grants {
	acc := e.g.newGrants()
	var buf []piece
	for _, a := range e.g.allows[e.d].at(e.c) {
		at := a.peer()
		if !e.g.spread.ref(at).wide {
			continue
		}
		buf = e.pieces(a.spec(), buf)
		for _, pc := range buf {
			acc.add(pc, !a.perhaps(), e.g.atoms.at(at).must)
			acc.add(pc, false, e.g.atoms.at(at).maybe)
		}
	}
	return acc
}

// othersGrants are the others whose policies name c through a peer that is
// common to many.
func (e *lineEval) othersGrants() *grants {
	acc := e.g.newGrants()
	var buf []piece
	from := func(at int, sure bool) {
		if !e.g.spread.ref(at).common[e.d] {
			return
		}
		for _, gr := range e.g.inverted[e.d].at(at) {
			buf = e.pieces(gr.spec, buf)
			for _, pc := range buf {
				acc.add(pc, sure && !gr.perhaps, gr.who)
			}
		}
	}
	from(e.g.any, true)
	for _, p := range e.g.places.at(e.c) {
		from(p.atom(), !p.perhaps())
	}
	return acc
}

// isolate closes the NetworkPolicy tier: granted or denied.
func (s progress) isolate() progress {
	s.allow |= s.open & s.may
	s.deny |= s.open &^ s.must
	s.open = 0
	return s
}

// perhapsIsolate closes it perhaps: what is not certainly granted may be denied,
// what is possibly granted may be allowed, and either may go on to the next tier.
func (s progress) perhapsIsolate() progress {
	s.deny |= s.open &^ s.must
	s.allow |= s.open & s.may
	return s
}

// skip leaves out the Baseline tier.
func (s progress) skip() progress {
	s.allow |= s.open
	s.open = 0
	return s
}

func (s progress) perhapsSkip() progress {
	s.allow |= s.open
	return s
}

// skipBaseline applies BaselineDirectionBlind to a subject.
func (g *Graph) skipBaseline(s progress, d Gress, subject int) progress {
	skips := g.m.Profile.skipsBaseline()
	switch {
	case skips == No:
	case skips == Yes && g.isolated[1-d].has(subject):
		return s.skip()
	case g.isolated[1-d].has(subject), g.perhapsIsolated[1-d].has(subject):
		return s.perhapsSkip()
	}
	return s
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
