package segment

import (
	"fmt"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// ref names a rule of a policy; -1 is the policy's selection as such.
func (p *Policy) ref(d Gress, rule *Rule) RuleRef {
	r := RuleRef{Kind: p.Kind, Cluster: p.Cluster, Namespace: p.Namespace, Name: p.Name, Direction: d.String(), Rule: -1, Tier: p.Tier.String()}
	if rule != nil {
		r.Rule, r.RuleName = rule.Index, rule.Name
	}
	return r
}

// Object returns "NetworkPolicy shop/web".
func (p *Policy) Object() string { return objectName(p.Kind, p.Namespace, p.Name) }

func objectName(kind, namespace, name string) string {
	if namespace == "" {
		return kind + " " + name
	}
	return kind + " " + namespace + "/" + name
}

// Why explains the verdict for one port, or, with a nil port, for the first port
// on which anything is allowed, else for one that is not decided, else for the
// first. Between workloads whose pods differ it explains a pair that is allowed.
func (g *Graph) Why(src, dst ident.Ref, p *Port) (*Explanation, error) {
	a, err := g.side(src)
	if err != nil {
		return nil, err
	}
	b, err := g.side(dst)
	if err != nil {
		return nil, err
	}
	if a.end < 0 && b.end < 0 {
		return nil, ident.Errorf(ident.KindUsage, "%s and %s are both outside the estate", a.ref, b.ref).
			WithHint("one end must be a workload or a pod")
	}
	for _, s := range []side{a, b} {
		if len(s.classes) == 0 {
			return nil, ident.Errorf(ident.KindNotFound, "%s has no pods", s.ref).
				WithHint("pods that have finished do not count; a workload without pods is judged by its template")
		}
	}
	self := a.onePod(b)
	res := g.between(a, b)
	var bit int
	if p != nil {
		if p.Number == 0 || p.Protocol >= numProtocols {
			return nil, ident.Errorf(ident.KindUsage, "%s is not a port", p)
		}
		bit = g.ports.bit(*p)
	} else {
		bit = g.telling(res)
	}
	x := &Explanation{Src: a.ref, Dst: b.ref, Enforcement: g.Enforcement(), Verdict: verdictOf(res, bit)}
	if p != nil {
		x.Port = Conn{p.Protocol, p.Number, p.Number}
	} else {
		x.Port = g.ports.elems[bit][0]
	}
	x.Allowed = g.ports.conns(res.must)
	maybe := make([]uint64, len(res.may))
	for i := range maybe {
		maybe[i] = res.may[i] &^ res.must[i]
	}
	x.Undecided = g.ports.conns(maybe)
	if self {
		x.Egress, x.Ingress = toItself(Egress), toItself(Ingress)
		return x, nil
	}
	c, d, mixed := g.pickPair(a, b, bit)
	x.Partial = mixed
	w := &walk{g: g, src: c, dst: d, bit: bit, asked: x.Port, verbose: true}
	for _, r := range []ident.Ref{a.ref, b.ref} {
		if r.IsCIDR() {
			w.outside = r.Short()
		}
	}
	x.Egress, x.Ingress = w.direction(Egress), w.direction(Ingress)
	x.Unknowns = w.causes
	w.ownNode(x, a.endpoint, b.endpoint)
	return x, nil
}

// toItself is the decision about a pod's traffic to itself, which no policy sees
// ("a Pod cannot block access to itself", Kubernetes' Network Policies).
func toItself(d Gress) Decision {
	r := RuleRef{Direction: d.String(), Rule: -1, RuleName: "a pod to itself", Default: true}
	return Decision{Verdict: Allowed, Rule: r, Considered: []Considered{{Rule: r, Outcome: Allow.String(),
		Reason: "a pod always reaches itself, whatever policies select it"}}}
}

// telling picks the bit that a question without a port is about.
func (g *Graph) telling(res answer) int {
	for _, mask := range [][]uint64{res.must, res.may, g.ports.full} {
		for chunk, w := range mask {
			for b := range (bitset{w}).all() {
				return chunk*64 + b
			}
		}
	}
	return 0
}

func verdictOf(res answer, bit int) Verdict {
	m := uint64(1) << (bit & 63)
	switch {
	case res.must[bit>>6]&m != 0:
		return Allowed
	case res.may[bit>>6]&m != 0:
		return Unknown
	}
	return Denied
}

func combine(a, b Verdict) Verdict {
	switch {
	case a == Denied || b == Denied:
		return Denied
	case a == Unknown || b == Unknown:
		return Unknown
	}
	return Allowed
}

// pickPair chooses the pair of classes to explain: an allowed one, else an
// unknown one, else the first. mixed is true if pairs differ.
func (g *Graph) pickPair(a, b side, bit int) (c, d int, mixed bool) {
	best := Verdict(255)
	rank := func(v Verdict) int { return [...]int{Unknown: 1, Allowed: 0, Denied: 2}[v] }
	m := uint64(1) << (bit & 63)
	judge := func(s span) Verdict {
		switch {
		case s.must&m != 0:
			return Allowed
		case s.may&m != 0:
			return Unknown
		}
		return Denied
	}
	for _, i := range a.classes {
		for _, j := range b.classes {
			out, least := g.pairSpans(int(i), int(j), bit>>6, a.endpoint, b.endpoint)
			v := judge(out)
			mixed = mixed || judge(least) != v || best != 255 && v != best
			if best == 255 || rank(v) < rank(best) {
				best, c, d = v, int(i), int(j)
			}
		}
	}
	return c, d, mixed
}

// walk evaluates one pair and one port rule by rule, and tells what it sees.
type walk struct {
	g        *Graph
	src, dst int
	bit      int
	asked    Conn
	outside  string // the address or block that was asked about, if one was
	verbose  bool   // fill Considered
	dec      Decision
	causes   []Cause
	unsure   []RuleRef // rules that may decide
}

// outcomes of the walk so far.
type outcomes struct{ open, pass, allow, deny bool }

func (w *walk) direction(d Gress) Decision {
	w.dec = Decision{}
	w.unsure = nil
	subject, peer := w.src, w.dst
	if d == Ingress {
		subject, peer = w.dst, w.src
	}
	g := w.g
	def := RuleRef{Default: true, Direction: d.String(), Rule: -1}
	if !g.m.Profile.Enforced {
		w.consider(def, "allow", "nothing is enforced: "+g.m.Profile.String())
		return w.finish(Allowed, def)
	}
	if g.classes.ref(subject).cell >= 0 {
		w.consider(def, "allow", "policies apply to pods, and "+w.name(subject)+" is outside the cluster")
		return w.finish(Allowed, def)
	}
	var (
		o       = outcomes{open: true}
		decider *RuleRef
	)
	settle := func(r RuleRef) {
		if decider == nil {
			decider = &r
		}
	}
	for _, t := range g.m.Profile.tiersBeforeGrants() {
		w.ordered(t, d, subject, peer, &o, settle)
	}
	if o.open {
		w.networkPolicies(d, subject, peer, &o, settle)
	}
	if skips := g.m.Profile.skipsBaseline(); o.open && skips != No && len(g.tiers[BaselineTier]) > 0 {
		switch {
		case skips == Maybe && (g.isolated[1-d].has(subject) || g.perhapsIsolated[1-d].has(subject)):
			w.consider(def, "unknown", "a NetworkPolicy selects "+w.name(subject)+" in the other direction, and "+g.m.Profile.BaselineDoubt)
			w.causes = append(w.causes, Cause{Object: "the Baseline tier", Reason: g.m.Profile.BaselineDoubt, Affects: w.affects()})
			o.allow = true
		case g.isolated[1-d].has(subject):
			w.consider(def, "allow", "a NetworkPolicy selects "+w.name(subject)+" in the other direction, and this network then skips the Baseline tier")
			o.allow, o.open = true, false
			settle(def)
		case g.perhapsIsolated[1-d].has(subject):
			w.consider(def, "unknown", "a policy perhaps selects "+w.name(subject)+" in the other direction, and this network would then skip the Baseline tier")
			o.allow = true
		}
	}
	if o.open {
		w.ordered(BaselineTier, d, subject, peer, &o, settle)
	}
	if o.open {
		if !o.allow && !o.deny {
			w.consider(def, "allow", w.defaultReason(subject, d))
		}
		o.allow = true
		settle(def)
	}
	w.taints(d, subject, &o, AdminTier)
	v := Denied
	switch {
	case o.allow && o.deny:
		v = Unknown
	case o.allow:
		v = Allowed
	}
	if decider == nil {
		decider = &def
	}
	return w.finish(v, *decider)
}

func (w *walk) defaultReason(subject int, d Gress) string {
	if w.g.classes.ref(subject).host {
		return w.name(subject) + " is on the host network, and policies do not select it"
	}
	return "no policy decides about " + d.String() + " of " + w.name(subject) + ", so Kubernetes allows it"
}

func (w *walk) finish(v Verdict, r RuleRef) Decision {
	w.dec.Verdict, w.dec.Rule = v, r
	return w.dec
}

func (w *walk) consider(r RuleRef, outcome, reason string) {
	if w.verbose {
		w.dec.Considered = append(w.dec.Considered, Considered{Rule: r, Outcome: outcome, Reason: reason})
	}
}

// ordered walks the Admin or Baseline tier, level by level.
func (w *walk) ordered(t Tier, d Gress, subject, peer int, o *outcomes, settle func(RuleRef)) {
	for _, level := range w.g.levels[t] {
		if !o.open {
			break
		}
		next := true
		before := *o
		var first *RuleRef
		for _, i := range level {
			p := w.g.policies.at(i)
			own := membership(w.g.atoms.at(p.subject), subject)
			if own == No || len(p.rules[d]) == 0 {
				continue
			}
			mine := outcomes{open: true}
			for j := range p.rules[d] {
				w.rule(p, &p.rules[d][j], d, subject, peer, &mine, &first)
				if !mine.open {
					break
				}
			}
			if own == Maybe && (mine.allow || mine.deny || mine.pass) {
				mine.open = true
				w.causes = append(w.causes, Cause{Object: p.p.Object(), Affects: w.affects(),
					Reason: "whether it selects " + w.name(subject) + " is not known: " + w.undeclared(subject)})
			}
			o.allow, o.deny, o.pass = o.allow || mine.allow, o.deny || mine.deny, o.pass || mine.pass
			next = next && mine.open
		}
		o.open = next
		kinds := 0
		for _, x := range [][2]bool{{o.allow, before.allow}, {o.deny, before.deny}, {o.pass, before.pass}} {
			if x[0] && !x[1] {
				kinds++
			}
		}
		if kinds > 1 && !next {
			w.ambiguous(level, d, subject)
		}
		if first != nil && (o.allow || o.deny) {
			settle(*first)
		}
	}
	o.open = o.open || o.pass
	o.pass = false
}

// ambiguous records policies of one priority that disagree.
func (w *walk) ambiguous(level []int, d Gress, subject int) {
	var names []string
	for _, i := range level {
		p := w.g.policies.at(i)
		if membership(w.g.atoms.at(p.subject), subject) != No && len(p.rules[d]) > 0 {
			names = append(names, p.p.Object())
		}
	}
	if len(names) > 1 {
		w.causes = append(w.causes, Cause{Object: strings.Join(names, " and "), Affects: w.affects(),
			Reason: fmt.Sprintf("they have the same priority %d and different outcomes, and which one wins is not defined", w.g.policies.at(level[0]).p.Priority)})
	}
}

func (w *walk) affects() []ident.Ref {
	var out []ident.Ref
	for _, c := range []int{w.src, w.dst} {
		for e := range w.g.workloads.ends(c) {
			if int(e) < w.g.workloads.inside() {
				out = append(out, *w.g.workloads.ref(int(e)))
			}
		}
	}
	return out
}

func (w *walk) rule(p *compiled, r *compiledRule, d Gress, subject, peer int, o *outcomes, first **RuleRef) {
	match, why := w.matches(p, r, d, subject, peer)
	ref := p.p.ref(d, r.r)
	closed := r.closed
	switch {
	case match == No:
		w.consider(ref, "no match", why)
		return
	case match == Maybe || closed:
		w.consider(ref, "unknown", why)
		w.causes = append(w.causes, Cause{Reason: why, Object: p.p.Object(), Affects: w.affects()})
		if closed && r.r.Action == Pass {
			o.deny = true
		}
	default:
		w.consider(ref, r.r.Action.String(), why)
		o.open = false
	}
	switch r.r.Action {
	case Allow:
		o.allow = true
	case Deny:
		o.deny = true
	default:
		o.pass = true
	}
	if *first == nil && r.r.Action != Pass {
		*first = &ref
	}
}

// networkPolicies walks the NetworkPolicy tier: the grants of all policies that
// select the subject are added up.
func (w *walk) networkPolicies(d Gress, subject, peer int, o *outcomes, settle func(RuleRef)) {
	g := w.g
	entered := o.open
	if own := g.own[d].at(subject); g.filtered(d, subject) {
		var granted, possible *RuleRef
		for _, i := range own {
			p := g.policies.at(int(i))
			selects := membership(g.atoms.at(p.subject), subject)
			if selects == Maybe {
				w.consider(p.p.ref(d, nil), "unknown", "whether it selects "+w.name(subject)+" is not known: "+w.undeclared(subject))
				w.causes = append(w.causes, Cause{Object: p.p.Object(), Affects: w.affects(),
					Reason: "whether it selects " + w.name(subject) + " is not known: " + w.undeclared(subject)})
			}
			if len(p.rules[d]) == 0 {
				w.consider(p.p.ref(d, nil), "no match", "it selects "+w.name(subject)+" and allows no "+d.String()+" at all")
			}
			for j := range p.rules[d] {
				r := &p.rules[d][j]
				ref := p.p.ref(d, r.r)
				match, why := w.matches(p, r, d, subject, peer)
				switch min3(match, selects) {
				case Yes:
					w.consider(ref, "allow", why)
					if granted == nil {
						granted = &ref
					}
				case Maybe:
					w.consider(ref, "unknown", why)
					w.causes = append(w.causes, Cause{Reason: why, Object: p.p.Object(), Affects: w.affects()})
					if possible == nil {
						possible = &ref
					}
				default:
					w.consider(ref, "no match", why)
				}
				if granted != nil && !w.verbose {
					break
				}
			}
		}
		isolated := g.isolated[d].has(subject)
		switch {
		case !isolated && granted != nil:
			o.allow = true
			settle(*granted)
		case !isolated:
			o.allow, o.deny = o.allow || possible != nil, true
			if possible == nil {
				r := g.closing(own, d).ref(d, nil)
				possible = &r
			}
			settle(*possible)
		case granted != nil:
			o.allow = true
			settle(*granted)
		case possible != nil:
			o.allow, o.deny = true, true
			settle(*possible)
		default:
			o.deny = true
			settle(g.closing(own, d).ref(d, nil))
		}
		o.open = !isolated
	}
	if entered {
		w.taints(d, subject, o, NetworkPolicyTier)
	}
}

// closing picks the policy to name for a denial by isolation: one that allows
// nothing, as a default deny does, else the first.
func (g *Graph) closing(own []uint32, d Gress) *Policy {
	var first *Policy
	for _, i := range own {
		p := g.policies.at(int(i))
		switch {
		case !p.p.Isolates[d]:
		case len(p.rules[d]) == 0:
			return p.p
		case first == nil:
			first = p.p
		}
	}
	return first
}

// taints applies what cannot be evaluated.
func (w *walk) taints(d Gress, subject int, o *outcomes, t Tier) {
	for i := range w.g.taints {
		ts := &w.g.taints[i]
		if (ts.tier == NetworkPolicyTier) != (t == NetworkPolicyTier) || !ts.t.Gress[d] || !ts.who.has(subject) {
			continue
		}
		o.allow = o.allow || ts.t.CanAllow
		o.deny = o.deny || ts.t.CanDeny && (t != NetworkPolicyTier || o.open)
		w.consider(RuleRef{Kind: ts.t.Object, Direction: d.String(), Rule: -1}, "unknown", ts.t.Reason)
		w.causes = append(w.causes, Cause{Reason: ts.t.Reason, Object: ts.t.Object, Affects: w.affects()})
	}
}

// matches says whether a rule matches the pair and port, and why.
func (w *walk) matches(p *compiled, r *compiledRule, d Gress, subject, peer int) (Answer, string) {
	g := w.g
	port := w.portMatch(r.spec)
	match := g.peerMatch(r, peer)
	if g.crossCluster(subject, peer) {
		match = No
	}
	if !w.verbose {
		return min3(match, port), ""
	}
	from := "from"
	if d == Egress {
		from = "to"
	}
	switch {
	case match == No:
		return No, from + " " + describePeers(r.r.Peers, p.p.Namespace) + "; " + w.describe(peer) + " is not among them"
	case port == No:
		return No, "port " + w.port() + " is not among " + describePorts(r.r.Ports)
	case match == Maybe:
		return Maybe, w.peerDoubt(r, peer)
	case port == Maybe:
		return Maybe, w.nameDoubt(r.spec)
	}
	return Yes, from + " " + w.matched(r, p.p.Namespace, peer) + " on " + describePorts(r.r.Ports)
}

func (g *Graph) crossCluster(a, b int) bool {
	if len(g.clusters) == 1 {
		return false
	}
	ca, cb := g.classes.ref(a), g.classes.ref(b)
	return ca.cell < 0 && cb.cell < 0 && ca.cluster != cb.cluster
}

// min3 is the conjunction of two answers.
func min3(a, b Answer) Answer {
	switch {
	case a == No || b == No:
		return No
	case a == Maybe || b == Maybe:
		return Maybe
	}
	return Yes
}

func (w *walk) portMatch(spec int) Answer {
	s := &w.g.specs[spec]
	chunk, m := w.bit>>6, uint64(1)<<(w.bit&63)
	if s.mask[chunk]&m != 0 {
		return Yes
	}
	a := No
	for _, u := range s.named {
		for _, ns := range w.g.named[u] {
			if ns.mask[chunk]&m == 0 || !ns.who.has(w.dst) {
				continue
			}
			if !ns.maybe {
				return Yes
			}
			a = Maybe
		}
	}
	return a
}

// nameDoubt says why it is not known whether a port name of a list means the port.
func (w *walk) nameDoubt(spec int) string {
	g := w.g
	for _, u := range g.specs[spec].named {
		if doubt := g.portDoubt(w.dst, u); doubt != "" {
			return doubt + " on " + w.name(w.dst)
		}
	}
	return "whether a port name is resolved on the host-network pod " + w.name(w.dst) + " depends on the network plugin"
}

// portDoubt returns the doubt of a port that a name means on a class, "" if none
// has one.
func (g *Graph) portDoubt(class, u int) string {
	rep := g.classes.ref(class).rep
	if rep < 0 {
		return ""
	}
	for _, p := range g.m.Endpoints[rep].Ports {
		if p.Doubt != "" && g.v.named[u].matches(p) {
			return p.Doubt
		}
	}
	return ""
}

// OwnNode is the RuleName of the default that opens a pod to its own node.
const OwnNode = "own node"

// ownNode puts into an explanation what passes between a pod and its own node
// whatever the policies say.
func (w *walk) ownNode(x *Explanation, endpointC, endpointD int) {
	g := w.g
	free := g.ownNodePair(w.src, w.dst)
	policies := combine(x.Egress.Verdict, x.Ingress.Verdict)
	if free == No || policies == Allowed {
		return
	}
	pod, node, toPod, _ := g.podAndNode(w.src, w.dst)
	end, endpoint := w.dst, endpointC
	if toPod {
		end, endpoint = w.src, endpointD
	}
	shares, _ := g.onNode(pod, node, endpoint)
	is := w.name(end) + " is on the host network"
	if g.classes.ref(end).cell >= 0 {
		is = w.name(end) + " is the address"
	}
	if node == "" {
		is += " of a node, and which one is not known"
	} else {
		is += " of node " + node
	}
	var reason, outcome string
	switch {
	case shares == No:
		outcome, reason = "no match", is+", and "+w.name(pod)+" does not run there"
	case shares == Yes && free == Yes:
		outcome, reason = Allow.String(), is+", where "+w.name(pod)+" runs, and "+ownNodeRule
		x.Unknowns = nil // none of them can close it
	default:
		outcome, reason = "unknown", is+", and "+g.ownNodeReason(toPod, node != "" && shares == Yes)
		x.Unknowns = append(x.Unknowns, Cause{Object: w.name(end), Affects: w.affects(), Reason: reason})
	}
	for i, d := range []*Decision{&x.Egress, &x.Ingress} {
		if d.Verdict == Allowed {
			continue
		}
		rule := RuleRef{Default: true, Direction: Gress(i).String(), Rule: -1, RuleName: OwnNode} //nolint:gosec // two directions
		d.Considered = append(d.Considered, Considered{Rule: rule, Outcome: outcome, Reason: reason})
		switch {
		case shares == No:
		case outcome == Allow.String():
			d.Verdict, d.Rule = Allowed, rule
		default:
			d.Verdict = Unknown
		}
	}
}

// DecidedBy names the rules that decide one port of a connection, of egress and of
// ingress: those that Why explains.
func (g *Graph) DecidedBy(src, dst ident.Ref, p Port) ([]RuleRef, error) {
	a, err := g.side(src)
	if err != nil {
		return nil, err
	}
	b, err := g.side(dst)
	if err != nil {
		return nil, err
	}
	if p.Number > 0 && p.Protocol < numProtocols && len(a.classes) > 0 && len(b.classes) > 0 && !a.onePod(b) {
		bit := g.ports.bit(p)
		if c, d, _ := g.pickPair(a, b, bit); g.ownNodePair(c, d) == No {
			return g.brief(c, d, bit), nil
		}
	}
	x, err := g.Why(src, dst, &p) // what is said of nodes, and of what cannot be asked, is said there
	if err != nil {
		return nil, err
	}
	return []RuleRef{x.Egress.Rule, x.Ingress.Rule}, nil
}

// brief returns both directions' deciding rules.
func (g *Graph) brief(c, d, bit int) []RuleRef {
	w := &walk{g: g, src: c, dst: d, bit: bit}
	out, in := w.direction(Egress), w.direction(Ingress)
	if g.ownNodePair(c, d) != No && combine(out.Verdict, in.Verdict) == Denied {
		return []RuleRef{
			{Default: true, Direction: Egress.String(), Rule: -1, RuleName: OwnNode},
			{Default: true, Direction: Ingress.String(), Rule: -1, RuleName: OwnNode},
		}
	}
	return []RuleRef{out.Rule, in.Rule}
}
