package segment

import "slices"

// pair evaluates two classes directly, from the policies of both: what a line
// says about one class of it, without the rest of the line. The answer for one
// chunk of ports; policy is the answer without the rule about a pod's own node.
func (g *Graph) pair(src, dst, chunk int) (policy span) {
	full := g.ports.full[chunk]
	if !g.m.Profile.Enforced {
		return span{full, full}
	}
	if g.crossCluster(src, dst) || src >= g.pods && dst >= g.pods { // cells come last
		return span{}
	}
	e := g.pairDirection(Egress, src, dst, dst, chunk)
	if e.may == 0 {
		return e
	}
	i := g.pairDirection(Ingress, dst, src, dst, chunk)
	return span{e.must & i.must, e.may & i.may}
}

func (g *Graph) pairDirection(d Gress, subject, peer, dst, chunk int) span {
	full := g.ports.full[chunk]
	if subject >= g.pods {
		return span{full, full}
	}
	st := progress{open: full}
	for _, t := range g.m.Profile.tiersBeforeGrants() {
		g.pairTier(&st, t, d, subject, peer, dst, chunk)
	}
	if st.open != 0 {
		g.pairNetworkPolicies(&st, d, subject, peer, dst, chunk)
	}
	if len(g.tiers[BaselineTier]) > 0 {
		st = g.skipBaseline(st, d, subject)
	}
	if st.open != 0 {
		g.pairTier(&st, BaselineTier, d, subject, peer, dst, chunk)
	}
	for i := range g.taints {
		ts := &g.taints[i]
		if ts.tier == NetworkPolicyTier || !ts.t.Gress[d] || !ts.who.has(subject) {
			continue
		}
		if ts.t.CanDeny {
			st.deny |= full
		}
		if ts.t.CanAllow {
			st.allow |= full
		}
	}
	allow := st.allow | st.open
	return span{allow &^ st.deny, allow}
}

func (g *Graph) pairTier(st *progress, t Tier, d Gress, subject, peer, dst, chunk int) {
	var few [8]int
	own := g.ownOrdered(few[:0], t, d, subject)
	for lo := 0; lo < len(own); {
		base, next := st.open, st.open
		priority := g.policies.at(own[lo]).p.Priority
		for ; lo < len(own) && g.policies.at(own[lo]).p.Priority == priority; lo++ {
			p := g.policies.at(own[lo])
			st.open = base
			for j := range p.rules[d] {
				r := &p.rules[d][j]
				match := g.peerMatch(r, peer)
				if match == No {
					continue
				}
				got := g.portsOn(r.spec, dst, chunk)
				closed := r.closed
				if match == Maybe || closed {
					got.must = 0
				}
				*st = st.hit(r.r.Action, got.must, true)
				*st = st.hit(r.r.Action, got.may&^got.must, false)
				if closed && r.r.Action == Pass {
					*st = st.hit(Deny, got.may, false)
				}
			}
			if membership(g.atoms.at(p.subject), subject) == Maybe {
				st.open = base
			}
			next &= st.open
		}
		st.open = next
	}
	st.open |= st.pass
	st.pass = 0
}

// ownOrdered appends the policies of an ordered tier that may select a class and
// have rules for a direction, in their order.
func (g *Graph) ownOrdered(out []int, t Tier, d Gress, class int) []int {
	if len(g.tiers[t]) == 0 {
		return out
	}
	for _, m := range g.marks[d].at(class) {
		if i := m.policy(); m.own && i >= 0 && g.policies.at(i).p.Tier == t {
			out = append(out, i)
		}
	}
	if len(out) > 1 {
		slices.SortStableFunc(out, func(a, b int) int { return g.policies.at(a).compare(g.policies.at(b)) })
	}
	return out
}

func (g *Graph) pairNetworkPolicies(st *progress, d Gress, subject, peer, dst, chunk int) {
	base := st.open
	if g.filtered(d, subject) {
		got := g.allowed(g.allows[d].at(subject), peer, dst, chunk)
		st.must, st.may = got.must, got.may
		if g.isolated[d].has(subject) {
			*st = st.isolate()
		} else {
			*st = st.perhapsIsolate()
		}
		st.must, st.may = 0, 0
	}
	for i := range g.taints {
		ts := &g.taints[i]
		if ts.tier != NetworkPolicyTier || !ts.t.Gress[d] || !ts.who.has(subject) {
			continue
		}
		if ts.t.CanDeny {
			st.deny |= st.open
		}
		if ts.t.CanAllow {
			st.allow |= base
		}
	}
}

// peerMatch says whether a rule's peers match a class.
func (g *Graph) peerMatch(r *compiledRule, c int) Answer {
	a := No
	for _, at := range r.peers {
		switch membership(g.atoms.at(at), c) {
		case Yes:
			return Yes
		case Maybe:
			a = Maybe
		}
	}
	return a
}

// portsOn resolves a port list on a destination class.
func (g *Graph) portsOn(spec, dst, chunk int) span {
	s := &g.specs[spec]
	out := span{s.mask[chunk], s.mask[chunk]}
	for _, u := range s.named {
		for i := range g.named[u] {
			ns := &g.named[u][i]
			if ns.mask[chunk] != 0 && ns.who.has(dst) {
				out.may |= ns.mask[chunk]
				if !ns.maybe {
					out.must |= ns.mask[chunk]
				}
			}
		}
	}
	return out
}

// failsClosed reports whether a rule has a peer that nothing is known about. An
// implementation that does not know it either treats the rule as matching
// nothing if it allows and as denying all otherwise (ClusterNetworkPolicy API,
// comment of ClusterNetworkPolicyIngressPeer); one that knows it, does not.
func failsClosed(r *Rule) bool {
	return slices.ContainsFunc(r.Peers, func(p Peer) bool { return p.Kind == PeerUnreadable })
}

// pairSpans returns the answer for a pair of classes for some pair of their
// pods, and for every pair. endpoints are those of a question about single
// pods, else -1.
func (g *Graph) pairSpans(c, d, chunk, endpointC, endpointD int) (out, least span) {
	policy := g.pair(c, d, chunk)
	free := g.ownNodePair(c, d)
	if free == No || g.crossCluster(c, d) {
		return policy, policy
	}
	pod, node, toPod, _ := g.podAndNode(c, d)
	endpoint := endpointC
	if toPod {
		endpoint = endpointD
	}
	some, every := g.onNode(pod, node, endpoint)
	full := g.ports.full[chunk]
	on := func(shares Answer) span {
		switch min3(shares, free) {
		case Yes:
			return span{full, full}
		case Maybe:
			return span{policy.must, full}
		}
		return policy
	}
	return on(some), on(every)
}
