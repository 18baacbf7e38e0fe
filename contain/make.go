package contain

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/cofferdam-io/cofferdam/contain/cut"
	"github.com/cofferdam-io/cofferdam/contain/rewrite"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Make finds a plan and proves it. An error of kind unsupported says why the
// objective cannot be reached by policies of this network; a plan whose proof
// fails is returned by none of its alternatives, and is such an error too.
func Make(ctx context.Context, p *Problem) (*Plan, error) {
	if p.Objective == "" {
		p.Objective = Separate
	}
	if p.Grain == "" {
		p.Grain = Edges
	}
	if p.Objective == Isolate {
		p.NonPivots = nil // what is cut off is cut off from all
	}
	inside, err := p.check()
	if err != nil {
		return nil, err
	}
	p.stage(StageCut)
	s := &solver{p: p, n: newNetwork(p), graph: p.Graph, open: make(map[cut.Pair][]segment.Edge)}
	s.picks = newPicks(s.n)
	ways, err := s.cuts(ctx)
	if err != nil {
		return nil, err
	}
	for p.QuarantineLabels {
		more, err := s.quarantine(ctx, ways)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if ways, err = s.cuts(ctx); err != nil {
			return nil, err
		}
	}
	plan := &Plan{
		PastNodes: s.n.pastNodes, NonPivots: p.NonPivots, text: p.Text,
		SchemaVersion: inventory.SchemaVersion, Query: p.Query, At: p.At, Objective: p.Objective, Most: p.Most, Sentence: s.n.sentence(),
		Affected: p.Affected, Protected: p.Protected, AffectedItself: inside, Cuts: []Cut{}, Edits: []Edit{}, NotCut: []Kept{}, Alternatives: []Alternative{},
	}
	if plan.Protected == nil {
		plan.Protected = []ident.Ref{}
	}
	if len(ways) == 0 {
		return s.contained(ctx, plan)
	}
	tried, err := s.try(ctx, ways)
	if err != nil {
		return nil, err
	}
	best := s.best(tried)
	if best < 0 {
		return nil, s.refused(tried)
	}
	return s.write(plan, tried, tried[best])
}

// solver holds what the steps of making a plan share.
type solver struct {
	p        *Problem
	n        *network
	picks    *picks
	labels   []Label                     // to put on pods first
	graph    *segment.Graph              // the newest of a line of changes, see segment.Graph.Apply
	put      []*object                   // that graph has
	rewriter *rewrite.Rewriter           // nil until asked for
	open     map[cut.Pair][]segment.Edge // before, of pairs that were asked for
	sources  *sources                    // nil until asked for
}

// way is one set of edges to cut, and of workloads to harden.
type way struct {
	grain   Grain
	nearest string
	pairs   []cut.Pair
	harden  [2][]int // by direction
	outside []int    // to keep the internet out of
	bound   *Bound   // of a cut that need not be the cheapest
	note    string   // what is particular about it
}

// candidate is a way with the means to go it.
type candidate struct {
	way
	means   Means
	id      string // see solver.id
	reduced []*reduction
	rest    []cut.Pair // pairs that no reduction takes
	objects []*object
	cuts    []Cut
	proof   *Proof
	why     string // it cannot be offered
}

// cuts finds the sets of edges to choose from: none where there is nothing to cut.
func (s *solver) cuts(ctx context.Context) ([]way, error) {
	switch s.p.Objective {
	case Isolate:
		return s.isolating()
	case Separate:
		sources := s.n.numbers(s.p.Affected)
		return s.separating(ctx, sources, slices.DeleteFunc(s.n.numbers(s.p.Protected), func(t int) bool { return slices.Contains(sources, t) }))
	case CloseInternet:
		return s.closing(ctx)
	case Shrink:
		return s.shrinking(ctx)
	}
	return nil, nil // check knows no other
}

// separating finds the minimum cuts between two sets. Where labels cannot select
// an end of a cut, no policy can name it: its edges are then counted among those
// that cannot be cut, and the search begins again.
func (s *solver) separating(ctx context.Context, sources, sinks []int) ([]way, error) {
	for {
		among, err := s.n.within(ctx, sources)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(sinks, func(t int) bool { return among[t>>6]>>(t&63)&1 == 1 }) {
			return nil, nil
		}
		r, err := cut.Edges(ctx, s.n.problem(sources, sinks, among))
		if s.throughNode(err) {
			s.n.passNodes()
			continue
		}
		if err != nil {
			return nil, s.uncuttable(err)
		}
		if s.n.rails.unselectable(s.picks, r.Near.Pairs, r.Far.Pairs) {
			continue
		}
		out := []way{{grain: Edges, nearest: "source", pairs: r.Near.Pairs}}
		if s.p.First && s.p.Grain == Edges {
			return out, nil
		}
		if !r.Unique && !s.p.First {
			out = append(out, way{grain: Edges, nearest: "sink", pairs: r.Far.Pairs})
			more, err := s.fewest(ctx, sources, sinks, among, nil, out)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		}
		more, err := s.hardening(ctx, sources, sinks, among)
		return append(out, more...), err
	}
}

// entrances are the workloads to which a way from the internet leads, certainly or
// perhaps: where no Service is in the input, all that policies let addresses outside into.
func (n *network) entrances(g *segment.Graph) []ident.Ref {
	list := g.Entrances()
	if slices.Contains(n.estate.NotSeen, "Service") {
		list = n.refs
	}
	var out []ident.Ref
	for _, r := range list {
		if l := g.Exposure(r).Level; l == segment.ExposedInternet || l == segment.ExposedUnknown {
			out = append(out, r)
		}
	}
	return out
}

// shrinking finds a cheap set of edges that leaves at most a number of workloads
// within reach. How far it is from the cheapest is told where it is not exact.
func (s *solver) shrinking(ctx context.Context) ([]way, error) {
	sources := s.n.numbers(s.p.Affected)
	for {
		among, err := s.n.within(ctx, sources)
		if err != nil {
			return nil, err
		}
		b, err := cut.Below(ctx, s.n.problem(sources, nil, among), nil, cut.Radius{Limit: int64(s.p.Most)})
		var wide *cut.NoRadiusError
		if errors.As(err, &wide) && !s.n.pastNodes && slices.ContainsFunc(wide.Reach, func(u int) bool { return s.n.rails.host[u] }) {
			s.n.passNodes()
			continue
		}
		if wide != nil {
			return nil, ident.Errorf(ident.KindUnsupported, "%s stay within reach over connections that may not be cut: at most %d was asked for", counted(int(wide.Size), "workload"), wide.Limit).
				WithHint("--most %d, or --may-cut NAME gives up a guard rail (dns, or a vital workload)", wide.Size)
		}
		if err != nil {
			return nil, err
		}
		if s.n.rails.unselectable(s.picks, b.Cut.Pairs) {
			continue
		}
		if len(b.Cut.Pairs) == 0 {
			return nil, nil
		}
		out := []way{{grain: Edges, nearest: "source", pairs: b.Cut.Pairs, bound: &Bound{Price: b.Price, Least: b.LowerBound, Exact: b.Exact}}}
		if !s.hardens() {
			return out, nil
		}
		n, h, err := s.inWorkloads(sources, nil, among)
		if err != nil {
			return nil, err
		}
		if b, err = cut.Below(ctx, n, h, cut.Radius{Limit: int64(s.p.Most)}); err != nil {
			return nil, err
		}
		if !s.n.rails.unselectable(s.picks, b.Cut.Pairs) {
			out = append(out, wayOf(&b.Cut, "source"))
			out[1].bound = &Bound{Price: b.Price, Least: b.LowerBound, Exact: b.Exact}
		}
		return out, nil
	}
}

// throughNode reports whether there is no cut for a path that goes on from a pod
// on the network of its node, and such paths are not left out yet.
func (s *solver) throughNode(err error) bool {
	var none *cut.NoCutError
	if s.n.pastNodes || !errors.As(err, &none) {
		return false
	}
	for _, u := range none.Path[1 : len(none.Path)-1] {
		if s.n.rails.host[u] {
			return true
		}
	}
	return false
}

// isolating lists every edge of the affected workloads that may be cut.
func (s *solver) isolating() ([]way, error) {
	if len(s.n.rails.host) > 0 {
		s.n.passNodes()
	}
	if !slices.ContainsFunc(s.p.Affected, func(r ident.Ref) bool { return !s.n.rails.host[s.n.index[r]] }) {
		return nil, ident.Errorf(ident.KindUnsupported, "%s: on the network of its node, where %s enforces no policy: not enforceable", names(s.p.Affected, 3), s.p.Graph.Profile().Name).
			WithHint("by hand: stop it or scale it down, or drain its nodes and close them off by their own firewall")
	}
	var pairs []cut.Pair
	for _, r := range s.p.Affected {
		u := s.n.index[r]
		for v := range s.n.refs {
			for _, k := range [][2]int{{u, v}, {v, u}} {
				if k[0] == k[1] || !s.n.opens(k[0], k[1]) {
					continue
				}
				if pair := (cut.Pair{From: int32(k[0]), To: int32(k[1])}); s.n.price(pair) != cut.Never { //nolint:gosec // numbers of workloads
					pairs = append(pairs, pair)
				}
			}
		}
	}
	slices.SortFunc(pairs, comparePairs)
	pairs = slices.Compact(pairs)
	if len(pairs) == 0 {
		return nil, nil
	}
	return append([]way{{grain: Edges, nearest: "source", pairs: pairs}}, s.isolatingWhole()...), nil
}

func comparePairs(a, b cut.Pair) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
}

// uncuttable says which path no policy can close.
func (s *solver) uncuttable(err error) error {
	var path *cut.NoCutError
	if !errors.As(err, &path) {
		return err
	}
	text, why := "", ""
	for i, u := range path.Path {
		if i > 0 {
			text += " → "
			if w := s.n.rails.why(path.Path[i-1], u); w != "" {
				why += "; " + s.n.refs[path.Path[i-1]].Short() + " → " + s.n.refs[u].Short() + ": " + w
			}
		}
		text += s.n.refs[u].Short()
	}
	hint := "stop, scale down or move a workload of the path"
	for _, u := range path.Path {
		if s.n.rails.vital[u] {
			hint = "--may-cut " + s.n.refs[u].Short() + " lets the plan cut what it is declared vital for; or " + hint
		}
	}
	return ident.Errorf(ident.KindUnsupported, "no plan can close the path %s%s", text, why).WithHint("%s", hint)
}

// try writes and proves each way by each means that the network enforces.
func (s *solver) try(ctx context.Context, ways []way) ([]*candidate, error) {
	var out []*candidate
	for _, w := range ways {
		if s.p.First && s.p.Grain != Auto && w.grain != s.p.Grain {
			continue
		}
		for _, m := range s.means() {
			if s.p.First && slices.ContainsFunc(out, func(c *candidate) bool { return c.grain == w.grain && c.proved() }) {
				break
			}
			c := &candidate{way: w, means: m}
			if err := s.attempt(ctx, c); err != nil {
				if ctx.Err() != nil || ident.KindOf(err) == ident.KindFailure {
					return nil, err
				}
				c.why = err.Error()
			}
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *candidate) int {
		return cmp.Or(compareBool(b.proved(), a.proved()), cmp.Compare(s.preference(a), s.preference(b)),
			cmp.Compare(len(a.cuts), len(b.cuts)), cmp.Compare(a.breaks(), b.breaks()), cmp.Compare(a.weight(), b.weight()), cmp.Compare(len(a.away()), len(b.away())),
			cmp.Compare(a.namespaces(), b.namespaces()))
	})
	return out, nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// means lists those that the network enforces, the preferred first.
func (s *solver) means() []Means {
	profile := s.p.Graph.Profile()
	var out []Means
	if profile.CiliumNetworkPolicy == segment.Yes {
		out = append(out, CiliumDeny)
	}
	if profile.ClusterNetworkPolicy == segment.Yes && s.hasAdminTier() {
		out = append(out, AdminTier)
	}
	if profile.NetworkPolicy == segment.Yes {
		out = append(out, Rewrite)
	}
	if s.p.Means != "" {
		out = slices.DeleteFunc(out, func(m Means) bool { return m != s.p.Means })
	}
	return out
}

// hasAdminTier reports whether the clusters of the affected workloads show that
// they know ClusterNetworkPolicy, which no cluster does by itself.
func (s *solver) hasAdminTier() bool {
	if s.p.Set == nil {
		return true
	}
	for _, r := range s.p.Affected {
		if !s.p.Set.Estate.HasCRD(r.Cluster, "clusternetworkpolicies.policy.networking.k8s.io") &&
			!slices.ContainsFunc(s.p.Set.ClusterNetworkPolicies, func(o manifest.Typed[v1alpha2.ClusterNetworkPolicy]) bool { return o.Policy.Cluster == r.Cluster }) {
			return false
		}
	}
	return true
}

// attempt writes a candidate's objects and proves them. An error of a kind other
// than failure says why it cannot be done this way.
func (s *solver) attempt(ctx context.Context, c *candidate) error {
	s.p.stage(StageWrite)
	if err := s.reduce(c); err != nil {
		return err
	}
	at, err := s.cover(c)
	if err != nil {
		return err
	}
	c.id = s.id(c)
	ds := s.picks.split(s.n.denials(c.rest, at))
	switch c.means {
	case AdminTier:
		c.objects, err = s.n.adminObjects(c.id, ds, s.picks)
	case CiliumDeny:
		c.objects, err = s.n.ciliumObjects(c.id, ds, s.picks)
	case Rewrite:
		ds = nil // what cannot be cut exactly is not cut
		c.objects, at, err = s.rewritten(ctx, c, at)
	}
	if err != nil {
		return err
	}
	if c.means != Rewrite {
		more, err := s.n.reducedObjects(c.means, c.id, c.reduced, s.picks)
		if err != nil {
			return err
		}
		c.objects = append(c.objects, more...)
	}
	if c.means != Rewrite {
		more, err := s.n.internetObjects(c, s.picks)
		if err != nil {
			return err
		}
		c.objects = append(c.objects, more...)
	}
	if len(c.pairs)+len(c.reduced) > 0 { // else no pod loses anything
		if err := s.n.assumedBlocks(c.objects, len(c.outside) > 0); err != nil {
			return err
		}
	}
	if c.cuts, err = s.declare(c, at, ds); err != nil {
		return err
	}
	s.p.stage(StageProve)
	after, policies, err := s.apply(ctx, c.objects)
	if err != nil {
		return err
	}
	c.proof, err = s.n.prove(ctx, after, c.cuts, policies)
	return err
}

// cover chooses where each edge is enforced, so that the fewest workloads get a
// policy. Of equals, a rewriting takes ends whose policies have a source within reach,
// then those that connections come in at: a list of who may come in is easier to read,
// and to shorten, than one of everything that may be opened.
func (s *solver) cover(c *candidate) (*cut.Enforced, error) {
	const one = 1 << 20
	price := func(d segment.Gress) func(int) cut.Price {
		return func(u int) cut.Price {
			switch {
			case s.n.rails.host[u], c.means == Rewrite && slices.Contains(c.harden[d], u):
				return cut.Never
			case c.means == Rewrite:
				more := cut.Price(0)
				if d == segment.Egress {
					more++
				}
				if !s.within(d, u) {
					more += 2
				}
				return one + more
			}
			return one
		}
	}
	at, err := cut.Cover(c.rest, price(segment.Egress), price(segment.Ingress))
	if err != nil {
		return nil, ident.Errorf(ident.KindUnsupported, "no policy can hold a connection of the cut: %w", err)
	}
	return &at, nil
}

// apply returns the graph with objects in place, and the policies that they are,
// or replace. It is the next of a line of changes: what the last candidate put
// there goes, and what it took away comes back.
func (s *solver) apply(ctx context.Context, objects []*object) (*segment.Graph, []segment.PolicyRef, error) {
	d, err := delta(ctx, s.n.model, objects)
	if err != nil {
		return nil, nil, err
	}
	var policies []segment.PolicyRef
	for i := range d.PutPolicies {
		policies = append(policies, d.PutPolicies[i].Ref())
	}
	for _, o := range objects {
		policies = append(policies, o.ref)
	}
	g, err := s.graph.Apply(ctx, s.undo(d))
	if err != nil {
		return nil, nil, err
	}
	s.graph, s.put = g, objects
	return g, policies, nil
}

// undo adds to a delta what takes the last candidate's objects away.
func (s *solver) undo(d *segment.Delta) *segment.Delta {
	now := make(map[segment.PolicyRef]bool)
	for i := range d.PutPolicies {
		now[d.PutPolicies[i].Ref()] = true
	}
	for _, r := range d.DropPolicies {
		now[r] = true
	}
	for _, o := range s.put {
		if now[o.ref] {
			continue
		}
		if o.was == nil {
			d.DropPolicies = append(d.DropPolicies, o.ref)
			continue
		}
		m := s.n.model
		for i := range m.Policies {
			if m.Policies[i].Ref() == o.ref {
				d.PutPolicies = append(d.PutPolicies, m.Policies[i])
			}
		}
	}
	return d
}

// declare lists what a candidate closes: the pairs of the cut, and those that
// labels cannot tell from them.
func (s *solver) declare(c *candidate, at *cut.Enforced, ds []denial) ([]Cut, error) {
	out := make([]Cut, 0, len(c.pairs))
	seen := make(map[cut.Pair]bool, len(c.pairs))
	own := make(map[ident.Ref]bool) // that lose connections among their own pods
	for i, k := range c.rest {
		x := s.cutOf(k, s.n.rails.kept(int(k.From), int(k.To)))
		x.At = segment.Egress.String()
		if at.Ingress[i] {
			x.At = segment.Ingress.String()
		}
		seen[k] = true
		out = append(out, x)
	}
	for _, d := range ds {
		subject := s.picks.of(d.subjects)
		for _, group := range d.groups {
			p := s.picks.of(nodesOf(group))
			if len(subject.Also)+len(p.Also) == 0 {
				continue
			}
			for _, a := range append(s.n.refsOf(d.subjects), subject.Also...) {
				for _, b := range append(s.n.refsOf(nodesOf(group)), p.Also...) {
					from, to := a, b
					if d.dir == segment.Ingress {
						from, to = b, a
					}
					if from == to {
						own[from] = true
						continue
					}
					k, ok := s.n.pair(from, to)
					if !ok || seen[k] || s.n.rails.host[int(k.From)] || s.n.rails.host[int(k.To)] { // no policy holds those
						continue
					}
					seen[k] = true
					x := s.cutOf(k, s.n.rails.kept(int(k.From), int(k.To)))
					if x.Neighbour = true; len(x.Connections) > 0 {
						x.At, x.Keep = d.dir.String(), group[0].keep
						out = append(out, x)
					}
				}
			}
		}
	}
	lost, err := s.lost(c.reduced, seen)
	if err != nil {
		return nil, err
	}
	out = append(out, lost...)
	closed, err := s.internetCuts(c)
	if err != nil {
		return nil, err
	}
	out = append(out, closed...)
	for r := range own {
		out = append(out, Cut{From: r, To: r, Connections: segment.EveryPort(), Verdict: segment.Unknown.String(), AllowedBy: []segment.RuleRef{}, Neighbour: true})
	}
	slices.SortFunc(out, func(a, b Cut) int { return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To)) })
	return out, nil
}

// cutOf describes an edge as it stands before, of which some connections stay. Which
// rules allow it is for the plan that is offered to say: see allowedBy.
func (s *solver) cutOf(k cut.Pair, keep []segment.Conn) Cut {
	u, v := int(k.From), int(k.To)
	edges, asked := s.open[k]
	if !asked {
		edges = s.p.Graph.Opens(u, v)
		s.open[k] = edges
	}
	x := Cut{From: s.n.refs[u], To: s.n.refs[v], Verdict: segment.Unknown.String(), AllowedBy: []segment.RuleRef{}, Keep: keep}
	for i := range edges {
		e := &edges[i]
		if conns := segment.Minus(e.Connections, keep); x.Connections == nil {
			x.Connections = slices.Clip(conns)
		} else {
			x.Connections = append(x.Connections, conns...)
		}
		if e.Verdict == segment.Allowed {
			x.Verdict = segment.Allowed.String()
		}
	}
	if x.Connections == nil {
		x.Connections = []segment.Conn{}
	}
	x.Observed = between(s.n.flows[k], x.Connections)
	for _, need := range s.n.needs[k] {
		x.Needed = append(x.Needed, need.Why)
	}
	return x
}

// allowedBy finds the rules that allow what is cut.
func (s *solver) allowedBy(cuts []Cut) error {
	for i := range cuts {
		x := &cuts[i]
		if len(x.Connections) == 0 || x.From == x.To {
			continue
		}
		c := x.Connections[0]
		if x.From.IsCIDR() {
			continue // many addresses, which different rules may let in
		}
		var err error
		if x.AllowedBy, err = s.p.Graph.DecidedBy(x.From, x.To, segment.Port{Protocol: c.Protocol, Number: c.From}); err != nil {
			return err
		}
	}
	return nil
}

func (n *network) refsOf(nodes []int) []ident.Ref {
	out := make([]ident.Ref, 0, len(nodes))
	for _, u := range nodes {
		out = append(out, n.refs[u])
	}
	return out
}

// id is eight hexadecimal digits of what a candidate cuts and how.
func (s *solver) id(c *candidate) string {
	h := sha256.New()
	var b []byte
	ref := func(u int32) {
		b = append(append(b, s.n.refs[u].String()...), 0)
		_, _ = h.Write(b)
		b = b[:0]
	}
	b = fmt.Append(b, s.p.Query, "\x00", s.p.Objective, "\x00", c.means, "\x00")
	for _, k := range c.pairs {
		ref(k.From)
		ref(k.To)
	}
	for _, u := range c.outside {
		b = append(b, ident.Internet...)
		ref(int32(u)) //nolint:gosec // a number of a workload
	}
	for _, r := range c.reduced {
		b = fmt.Append(b, s.n.hardened(r), "\x00")
	}
	_, _ = h.Write(b)
	return hex.EncodeToString(h.Sum(nil)[:4])
}

// namespaces counts where a candidate changes policies.
func (c *candidate) namespaces() int {
	seen := make(map[[2]string]bool)
	for _, o := range c.objects {
		seen[[2]string{o.cluster, o.ref.Namespace}] = true
	}
	return len(seen)
}

// refused is the error where no candidate holds.
func (s *solver) refused(tried []*candidate) error {
	if len(tried) == 0 && s.p.Means != "" {
		return ident.Errorf(ident.KindUnsupported, "%s enforces no %s in this estate", s.p.Graph.Enforcement(), s.p.Means).
			WithHint("leave --using out: the plan then takes what is enforced; a ClusterNetworkPolicy needs its CustomResourceDefinition in the input")
	}
	if len(tried) == 0 {
		return ident.Errorf(ident.KindUnsupported, "this network enforces no kind of policy that a plan could use")
	}
	text := ""
	for _, c := range tried {
		why := c.why
		if why == "" && c.proof != nil && len(c.proof.NotProved) > 0 {
			why = c.proof.NotProved[0]
			if more := len(c.proof.NotProved) - 1; more > 0 {
				why += fmt.Sprintf(", and %d more", more)
			}
		}
		text += fmt.Sprintf("\n  %s, nearest the %s: %s", c.means, c.nearest, why)
	}
	return ident.Errorf(ident.KindUnsupported, "no plan could be proved:%s", text).
		WithHint("cofferdam reach why FROM TO explains a connection that stays open")
}
