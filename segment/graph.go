package segment

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Graph is a compiled Model: immutable, and safe for any number of readers.
type Graph struct {
	m       *Model
	v       *vocabulary
	ports   *portSpace
	classes vec[class]
	pods    int // classes before the external ones
	classOf vec[uint32]

	specs    []portSpec
	named    [][]namedSplit    // by namedUse
	policies vec[*compiled]    // as built, ordered by tier, priority, name; nil if dropped since
	tiers    [numTiers][]int   // indexes of policies; of the NetworkPolicy tier as built
	levels   [numTiers][][]int // the same in runs of equal priority
	atoms    vec[*atom]
	any      int // the atom that is everything

	// In the NetworkPolicy tier, by Gress: who is isolated, the policies by
	// class, and for each atom who lets it in (or out to it), and on what.
	isolated [2]bitset
	// perhapsIsolated holds those that only policies isolate of which it is not
	// known whether they select them.
	perhapsIsolated [2]bitset
	own             [2]lists[uint32] // class → indexes of policies of the NetworkPolicy tier
	slots           [2]vec[[]slot]   // by atom, sorted
	inverted        [2]vec[[]granted]
	// allows lists for each class what these policies allow it, and places the atoms
	// but any that it is among; both sorted.
	allows [2]lists[allowance]
	places lists[place]

	// What lines share, see signature.go: which atoms are part of signatures, and
	// the signature of each class by half of a line.
	asked     breadth // zero for the default
	breadth   breadth
	spread    vec[spread]    // by atom
	marks     [2]vec[[]mark] // by class, see sharedMarks
	signature [numHalves]vec[uint32]
	pool      *pool

	universe  []bitset // by cluster: the classes that an endpoint may meet
	allPods   bitset
	taints    []taintSet
	workloads grain
	// Numbers of what a line of changes took out.
	goneWorkloads, goneNamespaces holes
	byPod                         *podGrain
	nodes                         nodeClasses
	byAddress                     *addressTable
	cellClass                     []int         // cell → class, -1 if it has no addresses of its own
	entriesOf                     map[int][]int // workload of the model, of the few that have any → entries
	candidates                    []int         // workloads with a direct way in, which may be controllers
	clusterOf                     []int         // namespace → cluster
	clusters                      []string
	doubts                        *doubts
	compiler                      *compiler
}

// granted is a set of subjects that a rule's peers reach on a port list.
type granted struct {
	spec    int
	who     members
	perhaps bool // whether the policy selects them is not known
}

// namedSplit is a part of the destinations by what a port name means on them.
type namedSplit struct {
	rep   int // an endpoint of it
	mask  []uint64
	who   members
	maybe bool // whether the name is resolved is not known: it is in doubt, or on the host network
}

// compiled is a policy with its selections resolved.
type compiled struct {
	p       *Policy
	subject int // atom
	rules   [2][]compiledRule
}

type compiledRule struct {
	r     *Rule
	peers []int // atoms: of each peer, or one for all of them
	// closed is true if the rule fails closed.
	closed bool
	spec   int
}

// taintSet is a taint with its selection resolved.
type taintSet struct {
	t    *Taint
	who  bitset
	tier Tier
}

// maxEndpoints bounds the size of a model: class numbers are 32 bits wide, with
// room for external addresses.
const maxEndpoints = math.MaxUint32 / 2

// Build compiles a model, which must not change afterwards. It fails if the
// model's parts do not fit together or ctx ends.
func Build(ctx context.Context, m *Model) (*Graph, error) {
	return build(ctx, m, breadth{}, nil)
}

// BuildWatched is Build that calls grouped once the endpoints are grouped into
// classes, for progress and benchmarks.
func BuildWatched(ctx context.Context, m *Model, grouped func(classes int)) (*Graph, error) {
	return build(ctx, m, breadth{}, grouped)
}

// build compiles a model with a given breadth; the zero breadth is the default.
func build(ctx context.Context, m *Model, br breadth, grouped func(int)) (*Graph, error) {
	if err := m.check(len(m.Workloads), len(m.Namespaces)); err != nil {
		return nil, err
	}
	g := &Graph{m: m, v: collect(m), asked: br, breadth: br}
	g.numberClusters()
	p := newProjection(g.v, &m.Profile, len(m.Workloads))
	classes, classOf, pods := classify(p, m, g.clusterOf)
	g.classes, g.classOf, g.pods = vecOf(slices.Clone(classes)), vecOf(classOf), pods // the compiler goes on with the slice
	if grouped != nil {
		grouped(len(p.index))
	}
	a := newAtoms(m, g.v, classes, g.pods, cmp.Or(br.peer, narrowest))
	g.compiler = &compiler{newest: g, projection: p, atoms: a, specs: make(map[string]int)}
	g.any, g.cellClass = a.everything(), a.cellClass
	g.compilePorts()
	if err := g.compilePolicies(ctx); err != nil {
		return nil, err
	}
	g.compileTaints()
	g.atoms = vecOf(slices.Clone(a.list))
	g.invert()
	if err := g.frame(); err != nil {
		return nil, err
	}
	if g.breadth == (breadth{}) {
		g.breadth = defaultBreadth(g.classes.len())
	}
	g.pool = newPool(g.classes.len())
	g.measure()
	g.sign()
	g.doubts = &doubts{}
	return g, ctx.Err()
}

// check says whether a model's parts fit together, beside so many workloads and
// namespaces.
func (m *Model) check(workloads, namespaces int) error {
	if len(m.Endpoints) > maxEndpoints {
		return ident.Errorf(ident.KindLimit, "%d endpoints are more than %d", len(m.Endpoints), maxEndpoints)
	}
	for i := range m.Endpoints {
		e := &m.Endpoints[i]
		if uint(e.Workload) >= uint(workloads) || uint(e.Namespace) >= uint(namespaces) {
			return ident.Errorf(ident.KindInvalid, "endpoint %s has no workload or namespace in the model", e.Ref)
		}
	}
	for i := range m.Entries {
		if uint(m.Entries[i].Workload) >= uint(workloads) {
			return ident.Errorf(ident.KindInvalid, "%s leads to no workload in the model", m.Entries[i].Object)
		}
		for _, c := range m.Entries[i].Controllers {
			if uint(c) >= uint(workloads) {
				return ident.Errorf(ident.KindInvalid, "the controller of %s is not in the model", m.Entries[i].Object)
			}
		}
	}
	for i := range m.Policies {
		if err := m.Policies[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (p *Policy) check() error {
	bad := func(what string, rule int) error {
		return ident.Errorf(ident.KindInvalid, "%s %s/%s: rule %d has %s", p.Kind, p.Namespace, p.Name, rule, what)
	}
	if p.Tier > BaselineTier {
		return ident.Errorf(ident.KindInvalid, "%s %s/%s has no tier", p.Kind, p.Namespace, p.Name)
	}
	for _, rules := range p.Rules {
		for i := range rules {
			for _, pm := range rules[i].Ports {
				if pm.Protocol >= numProtocols || pm.Name == "" && (pm.From == 0 || pm.From > pm.To) {
					return bad("a port range that is none", rules[i].Index)
				}
			}
			for _, peer := range rules[i].Peers {
				if peer.Kind != PeerCIDR {
					continue
				}
				ok := peer.CIDR.IsValid()
				for _, e := range peer.Except {
					ok = ok && e.IsValid()
				}
				if !ok {
					return bad("an invalid address block", rules[i].Index)
				}
			}
		}
	}
	return nil
}

func (g *Graph) numberClusters() {
	index := make(map[string]int)
	g.clusterOf = make([]int, len(g.m.Namespaces))
	for i, n := range g.m.Namespaces {
		c, ok := index[n.Cluster]
		if !ok {
			c = len(g.clusters)
			index[n.Cluster] = c
			g.clusters = append(g.clusters, n.Cluster)
		}
		g.clusterOf[i] = c
	}
}

// compilePorts cuts the port space by every range that a rule names and every
// number that a name in use means somewhere.
func (g *Graph) compilePorts() {
	var ranges []portRange
	for i := range g.m.Policies {
		ranges = g.m.Policies[i].appendRanges(ranges)
	}
	g.cutPorts(ranges)
}

// appendRanges appends the port ranges that a policy's rules name.
func (p *Policy) appendRanges(ranges []portRange) []portRange {
	for _, rules := range p.Rules {
		for r := range rules {
			for _, pm := range rules[r].Ports {
				if pm.Name == "" {
					ranges = append(ranges, portRange{pm.Protocol, pm.From, pm.To})
				}
			}
		}
	}
	return ranges
}

// cutPorts cuts the port space by ranges, by the numbers of the ports with names
// in use, and by those of the ways in.
func (g *Graph) cutPorts(ranges []portRange) {
	for c := range g.pods {
		if rep := g.classes.ref(c).rep; rep >= 0 {
			ranges = g.namedRanges(ranges, rep)
		}
	}
	g.ports = newPortSpace(g.withEntries(ranges))
	g.named = make([][]namedSplit, len(g.v.named))
	type split struct {
		rep   int
		mask  []uint64
		maybe bool
		ids   []uint32
	}
	splits := make([]map[string]*split, len(g.v.named))
	order := make([][]*split, len(g.v.named))
	for c := range g.pods {
		cl := g.classes.ref(c)
		if cl.rep < 0 {
			continue
		}
		g.eachNamed(cl.rep, func(u int, mask []uint64, maybe bool) {
			if splits[u] == nil {
				splits[u] = make(map[string]*split)
			}
			key := maskKey(mask, maybe)
			x := splits[u][key]
			if x == nil {
				x = &split{rep: cl.rep, mask: slices.Clone(mask), maybe: maybe}
				splits[u][key] = x
				order[u] = append(order[u], x)
			}
			x.ids = append(x.ids, uint32(c)) //nolint:gosec // Build limits the number of classes
		})
	}
	for u := range order {
		for _, x := range order[u] {
			g.named[u] = append(g.named[u], namedSplit{rep: x.rep, mask: x.mask, who: makeMembers(x.ids, g.classes.len()), maybe: x.maybe})
		}
	}
}

// withEntries adds the ports of the ways in, and sorts.
func (g *Graph) withEntries(ranges []portRange) []portRange {
	for i := range g.m.Entries {
		for _, c := range g.m.Entries[i].Conns {
			if c.From != 0 && c.From <= c.To {
				ranges = append(ranges, portRange{c.Protocol, c.From, c.To})
			}
		}
	}
	slices.SortFunc(ranges, func(a, b portRange) int {
		return cmp.Or(cmp.Compare(a.proto, b.proto), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	return slices.Compact(ranges)
}

// namedRanges appends the numbers of an endpoint's ports with names in use.
func (g *Graph) namedRanges(ranges []portRange, endpoint int) []portRange {
	for _, p := range g.m.Endpoints[endpoint].Ports {
		for _, u := range g.v.named {
			if u.matches(p) && p.Number != 0 {
				ranges = append(ranges, portRange{p.Protocol, p.Number, p.Number})
			}
		}
	}
	return ranges
}

// eachNamed hands over what the names in use mean on an endpoint, certainly or
// only maybe. The mask is valid during the call.
func (g *Graph) eachNamed(endpoint int, f func(u int, mask []uint64, maybe bool)) {
	e := &g.m.Endpoints[endpoint]
	if len(e.Ports) == 0 {
		return
	}
	host := e.HostNetwork && !g.m.Profile.HostNetworkPoliced
	var mask []uint64
	for u, use := range g.v.named {
		for _, maybe := range []bool{false, true} {
			hit := false
			for _, p := range e.Ports {
				if use.matches(p) && p.Number != 0 && (host || p.Doubt != "") == maybe {
					if mask == nil {
						mask = make([]uint64, g.ports.chunks)
					}
					g.ports.cover(mask, portRange{p.Protocol, p.Number, p.Number})
					hit = true
				}
			}
			if hit {
				f(u, mask, maybe)
				clear(mask)
			}
		}
	}
}

func maskKey(mask []uint64, maybe bool) string {
	b := make([]byte, 0, len(mask)*8+1)
	for _, w := range mask {
		for s := 0; s < 64; s += 8 {
			b = append(b, byte(w>>s))
		}
	}
	if maybe {
		b = append(b, 1)
	}
	return string(b)
}

func (g *Graph) compilePolicies(ctx context.Context) error {
	var list []*compiled
	if g.m.Profile.Enforced {
		list = make([]*compiled, 0, len(g.m.Policies))
		for i := range g.m.Policies {
			if err := ctx.Err(); err != nil {
				return err
			}
			list = append(list, g.compilePolicy(&g.m.Policies[i]))
		}
	}
	slices.SortStableFunc(list, (*compiled).compare)
	g.policies = vecOf(list)
	g.order()
	return nil
}

// compare orders policies as they are evaluated, and then by name.
func (c *compiled) compare(o *compiled) int {
	return cmp.Or(cmp.Compare(c.p.Tier, o.p.Tier), cmp.Compare(c.p.Priority, o.p.Priority),
		cmp.Compare(c.p.Cluster, o.p.Cluster), cmp.Compare(c.p.Namespace, o.p.Namespace), cmp.Compare(c.p.Name, o.p.Name),
		cmp.Compare(c.p.Kind, o.p.Kind))
}

// compilePolicy resolves the selections of one policy.
func (g *Graph) compilePolicy(p *Policy) *compiled {
	k := g.compiler
	c := &compiled{p: p, subject: k.atoms.subject(p.Cluster, &p.Subject)}
	for d, rules := range p.Rules {
		for r := range rules {
			cr := compiledRule{r: &rules[r], peers: k.atoms.peers(p.Cluster, rules[r].Peers), closed: failsClosed(&rules[r])}
			k.buf = appendSpecKey(k.buf[:0], rules[r].Ports)
			s, ok := k.specs[string(k.buf)]
			if !ok {
				s = len(g.specs)
				k.specs[string(k.buf)] = s
				g.specs = append(g.specs, g.newSpec(rules[r].Ports))
			}
			cr.spec = s
			c.rules[d] = append(c.rules[d], cr)
		}
	}
	return c
}

// ordered returns the policies as they are evaluated.
func (g *Graph) ordered() []*compiled {
	out := make([]*compiled, 0, g.policies.len())
	for i := range g.policies.len() {
		if c := g.policies.at(i); c != nil {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, (*compiled).compare)
	return out
}

// order lists the policies by tier, and those of the ordered tiers in runs of
// equal priority.
func (g *Graph) order() {
	g.tiers, g.levels = [numTiers][]int{}, [numTiers][][]int{}
	for i := range g.policies.len() {
		if c := g.policies.at(i); c != nil {
			g.tiers[c.p.Tier] = append(g.tiers[c.p.Tier], i)
		}
	}
	for _, t := range orderedTiers() {
		g.orderTier(t)
	}
}

func (g *Graph) orderTier(t Tier) {
	slices.SortStableFunc(g.tiers[t], func(a, b int) int { return g.policies.at(a).compare(g.policies.at(b)) })
	g.levels[t] = nil
	for _, i := range g.tiers[t] {
		if n := len(g.levels[t]); n > 0 && g.policies.at(g.levels[t][n-1][0]).p.Priority == g.policies.at(i).p.Priority {
			g.levels[t][n-1] = append(g.levels[t][n-1], i)
		} else {
			g.levels[t] = append(g.levels[t], []int{i})
		}
	}
}

func (g *Graph) newSpec(ports []PortMatch) portSpec {
	s := portSpec{all: len(ports) == 0, mask: make([]uint64, g.ports.chunks)}
	if s.all {
		copy(s.mask, g.ports.full)
	}
	for _, pm := range ports {
		if pm.Name != "" {
			u := slices.Index(g.v.named, namedUse{name: pm.Name, proto: pm.Protocol, any: pm.AnyProtocol})
			if !slices.Contains(s.named, u) {
				s.named = append(s.named, u)
			}
			continue
		}
		r := portRange{pm.Protocol, pm.From, pm.To}
		s.ranges = append(s.ranges, r)
		g.ports.cover(s.mask, r)
	}
	return s
}

// compileTaints resolves what each taint can touch.
func (g *Graph) compileTaints() {
	for i := range g.m.Taints {
		t := &g.m.Taints[i]
		if !g.m.Profile.Enforced || !t.CanAllow && !t.CanDeny {
			continue
		}
		who := newBitset(g.classes.len())
		for c := range g.pods {
			if g.touches(t, g.classes.ref(c)) {
				who.add(c)
			}
		}
		if !who.empty() {
			g.taints = append(g.taints, taintSet{t: t, who: who, tier: t.Tier})
		}
	}
}

// touches says whether a taint concerns a class of pods. One without a selector
// that spans a namespace or the cluster concerns host-network endpoints too.
func (g *Graph) touches(t *Taint, cl *class) bool {
	if cl.rep < 0 {
		return false
	}
	ns := &g.m.Namespaces[cl.ns]
	if ns.Cluster != t.Cluster || t.Namespace != "" && ns.Name != t.Namespace || cl.host && (t.Tier == NetworkPolicyTier || len(t.Pods) > 0) {
		return false
	}
	if !t.Only.has(cl.host) {
		return false
	}
	if len(t.Namespaces) > 0 && namespaceMatches(ns, t.Namespaces) == No {
		return false
	}
	return t.Pods.Matches(g.m.Endpoints[cl.rep].Labels)
}

// invert turns the NetworkPolicy tier around: for each peer, who lets it in (or
// out to it) on which ports. A policy that does not isolate in a direction grants
// all the same: what it lists passes wherever another isolates.
func (g *Graph) invert() {
	n := g.classes.len()
	for d := range Gress(2) {
		g.isolated[d], g.perhapsIsolated[d] = newBitset(n), newBitset(n)
		var slots []slot
		own := newRagged[uint32](n)
		for range 2 { // counts, then fills
			for _, i := range g.tiers[NetworkPolicyTier] {
				if c := g.policies.at(i); c.filters(d) {
					subject := g.atoms.at(c.subject)
					own.add(&subject.must, uint32(i))  //nolint:gosec // an index
					own.add(&subject.maybe, uint32(i)) //nolint:gosec // an index
				}
			}
			own.next()
		}
		g.own[d] = own.lists()
		g.invertAllowances(d)
		for _, i := range g.tiers[NetworkPolicyTier] {
			c := g.policies.at(i)
			subject := g.atoms.at(c.subject)
			if c.p.Isolates[d] {
				subject.must.addTo(g.isolated[d])
				subject.maybe.addTo(g.perhapsIsolated[d])
			}
			slots = c.appendSlots(slots, d)
		}
		g.perhapsIsolated[d].andNot(g.isolated[d])
		slices.SortFunc(slots, slot.compare)
		bySlot, inverted := make([][]slot, g.atoms.len()), make([][]granted, g.atoms.len())
		for lo := 0; lo < len(slots); {
			hi := lo + 1
			for hi < len(slots) && slots[hi].atom == slots[lo].atom {
				hi++
			}
			at := slots[lo].atom
			bySlot[at] = slots[lo:hi:hi]
			inverted[at] = g.grantsOf(bySlot[at])
			lo = hi
		}
		g.slots[d], g.inverted[d] = vecOf(bySlot), vecOf(inverted)
	}
	places := newRagged[place](n)
	for range 2 {
		for at := range g.atoms.len() {
			if a := g.atoms.at(at); at != g.any {
				places.add(&a.must, placeIn(at, false))
				places.add(&a.maybe, placeIn(at, true))
			}
		}
		places.next()
	}
	g.places = places.lists()
}

// slot is one entry of the inverted NetworkPolicy tier: the subject's classes
// grant the peer's classes a list of ports.
type slot struct{ atom, spec, subject uint32 }

func (s slot) compare(o slot) int {
	return cmp.Or(cmp.Compare(s.atom, o.atom), cmp.Compare(s.spec, o.spec), cmp.Compare(s.subject, o.subject))
}

// filters says whether a policy has any effect in a
// direction.
func (c *compiled) filters(d Gress) bool { return c.p.Isolates[d] || len(c.rules[d]) > 0 }

// appendSlots appends what a policy grants in a direction.
func (c *compiled) appendSlots(slots []slot, d Gress) []slot {
	for i := range c.rules[d] {
		for _, at := range c.rules[d][i].peers {
			slots = append(slots, slot{uint32(at), uint32(c.rules[d][i].spec), uint32(c.subject)}) //nolint:gosec // indexes
		}
	}
	return slots
}

// grantsOf returns what the slots, sorted, of one atom add up to.
func (g *Graph) grantsOf(slots []slot) []granted {
	out := make([]granted, 0, len(slots))
	sets := make([]members, 0, 8)
	for lo := 0; lo < len(slots); {
		hi := lo + 1
		for hi < len(slots) && slots[hi].spec == slots[lo].spec {
			hi++
		}
		for _, perhaps := range []bool{false, true} {
			sets = sets[:0]
			for i := lo; i < hi; i++ {
				if i > lo && slots[i] == slots[i-1] {
					continue // of two policies alike
				}
				who := &g.atoms.at(int(slots[i].subject)).must
				if perhaps {
					who = &g.atoms.at(int(slots[i].subject)).maybe
				}
				if !who.empty() {
					sets = append(sets, *who)
				}
			}
			if len(sets) > 0 {
				out = append(out, granted{int(slots[lo].spec), unite(sets, g.classes.len()), perhaps})
			}
		}
		lo = hi
	}
	return out
}

// filtered says whether the NetworkPolicy tier may close anything for a class.
func (g *Graph) filtered(d Gress, c int) bool {
	return g.isolated[d].has(c) || g.perhapsIsolated[d].has(c)
}
