package tighten

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/contain/rewrite"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// solver makes one plan.
type solver struct {
	p        *Problem
	ctx      context.Context //nolint:containedctx // lives as long as one Make
	refs     []ident.Ref     // to tighten, sorted
	units    []*unit         // by workload, egress before ingress
	byUnit   map[unitKey]*unit
	rewriter *rewrite.Rewriter
	policies []*policy
	silent   map[ident.Ref]bool
	servers  map[ident.Ref]bool // that resolve names
	// resolvers are those of them that the graph has, sorted.
	resolvers []ident.Ref
	compared  *segment.Graph // see compare
	changed   []segment.Change
	host      map[ident.Ref]bool // with pods on the network of their node
	places    map[segment.PolicyRef]string
	madeOnly  [2]*segment.Graph     // see onlyMade
	madeFor   map[unitKey][]*policy // that controllers make, and that grant something
	listed    int                   // of Permission
	asked     int                   // of Why
}

type unitKey struct {
	ref ident.Ref
	dir segment.Gress
}

// unit is one workload in one direction.
type unit struct {
	unitKey
	side   Side
	wants  []want // what its policy must allow, sorted by peer
	usual  bool   // name resolution is allowed where it usually is: the input has none
	denial *rewrite.Denial
	made   []*policy // see standing
}

// want is what stays allowed with one peer.
type want struct {
	peer  ident.Ref
	conns []segment.Conn
	names bool // only for name resolution
}

func (u *unit) hold(lacks bool, format string, args ...any) {
	u.side.State, u.denial = HeldBack, nil
	u.side.LacksData = u.side.LacksData || lacks
	if why := fmt.Sprintf(format, args...); !slices.Contains(u.side.Why, why) {
		u.side.Why = append(u.side.Why, why)
	}
}

// ends puts the unit's workload and a peer in the order of travel.
func (u *unit) ends(peer ident.Ref) (src, dst ident.Ref) {
	if u.dir == segment.Egress {
		return u.ref, peer
	}
	return peer, u.ref
}

// Make finds the least policies and proves them. An error means that the question
// is none, or that ctx ended; a workload that cannot be tightened is held back, and
// its Side says why.
func Make(ctx context.Context, p *Problem) (*Plan, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	s := newSolver(ctx, p)
	for _, u := range s.units {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.evidence(u); err != nil {
			return nil, err
		}
		if err := s.unused(u); err != nil {
			return nil, err
		}
		if err := s.propose(u); err != nil {
			return nil, err
		}
	}
	s.promote()
	plan := &Plan{SchemaVersion: inventory.SchemaVersion, At: p.At, Coverage: p.Coverage, Unknowns: p.Graph.Causes(), text: p.Text, graph: p.Graph, estate: p.Set.Estate,
		Observed: contain.Watched(p.Observed, p.Graph.Workloads(), p.At).Window()}
	if plan.Unknowns == nil {
		plan.Unknowns = []inventory.Unknown{}
	}
	if err := s.prove(plan); err != nil {
		return nil, err
	}
	rest := s.units // in the order of refs
	for _, r := range s.refs {
		w := Workload{Workload: r, Criticality: p.about(r).Criticality, Sides: []Side{}}
		for ; len(rest) > 0 && rest[0].ref == r; rest = rest[1:] {
			w.Sides = append(w.Sides, rest[0].side)
		}
		plan.Workloads = append(plan.Workloads, w)
	}
	plan.Caveat = caveat(&plan.Observed, p.AcceptUnobserved)
	plan.Stages = s.stages(plan)
	s.certify(plan)
	return plan, nil
}

func newSolver(ctx context.Context, p *Problem) *solver {
	m := p.Graph.Model()
	s := &solver{p: p, ctx: ctx, refs: slices.Clone(p.Only), byUnit: make(map[unitKey]*unit), silent: make(map[ident.Ref]bool),
		servers: make(map[ident.Ref]bool), host: make(map[ident.Ref]bool), rewriter: rewrite.New(p.Set, m, pick.New(m))}
	if len(s.refs) == 0 {
		s.refs = slices.Clone(p.Graph.Workloads())
	}
	slices.SortFunc(s.refs, ident.Ref.Compare)
	s.refs = slices.Compact(s.refs)
	for _, r := range p.Observed.Coverage(p.Graph.Workloads(), p.At).Silent {
		s.silent[r] = true
	}
	for _, r := range contain.NameServers(p.Set.Estate) {
		s.servers[r] = true
	}
	for _, r := range p.Graph.Workloads() {
		if s.servers[r] {
			s.resolvers = append(s.resolvers, r)
		}
	}
	for i := range m.Endpoints {
		if e := &m.Endpoints[i]; e.HostNetwork && !m.Profile.HostNetworkPoliced {
			s.host[m.Workloads[e.Workload].Ref] = true
		}
	}
	s.indexPolicies(m)
	for _, r := range s.refs {
		for _, d := range []segment.Gress{segment.Egress, segment.Ingress} {
			if len(p.Directions) > 0 && !slices.Contains(p.Directions, d) {
				continue
			}
			u := &unit{unitKey: unitKey{r, d}, side: Side{Direction: d.String(), State: Tightened, Used: []Use{}, Needed: []Use{}, Unused: []Permission{}, Denied: []Use{}, Unplaced: []Use{}}}
			s.units = append(s.units, u)
			s.byUnit[u.unitKey] = u
		}
	}
	return s
}

// propose asks for the policy of a unit.
func (s *solver) propose(u *unit) error {
	if u.side.State == HeldBack {
		return nil
	}
	if !slices.ContainsFunc(u.side.Unused, takes) {
		u.side.State = Least
		return nil
	}
	if err := s.standing(u); err != nil || u.side.State == HeldBack {
		return err
	}
	s.ask(u)
	return nil
}

// promote proposes for a side that is least already where one policy of the
// workload's own filters it together with a side that is tightened: so that policy
// is replaced whole, and not taken apart.
func (s *solver) promote() {
	for _, p := range s.policies {
		if len(p.selected) != 1 || p.made || !p.isolates[0] || !p.isolates[1] {
			continue
		}
		a, b := s.byUnit[unitKey{p.selected[0], segment.Egress}], s.byUnit[unitKey{p.selected[0], segment.Ingress}]
		if a == nil || b == nil {
			continue
		}
		if a.denial == nil {
			a, b = b, a
		}
		if a.denial == nil || b.denial != nil || b.side.State != Least {
			continue
		}
		side := b.side
		b.side.State = Tightened
		if s.ask(b); b.denial == nil {
			b.side = side
		}
	}
}

// ask asks for the policy of a unit, and holds it back where there is none.
func (s *solver) ask(u *unit) {
	x := &rewrite.Default{Workload: u.ref, Direction: u.dir, WithoutDNS: !u.usual}
	for _, w := range u.wants {
		x.Allow = append(x.Allow, rewrite.Need{Peer: w.peer, Conns: w.conns})
	}
	d, err := s.rewriter.DefaultDeny(x)
	if err != nil {
		u.hold(false, "%v", err)
		return
	}
	if len(d.Also) > 0 {
		u.hold(false, "labels cannot tell its pods from those of %s; the label %s on its pod template would", names(d.Also), d.Quarantine)
		return
	}
	for _, r := range d.Unwritten {
		if only := slices.ContainsFunc(u.wants, func(w want) bool { return w.peer == r.Need.Peer && w.names }); only && s.otherNames(u, r.Need.Peer, d) {
			u.side.Notes = append(u.side.Notes, "name resolution by "+r.Need.Peer.Short()+" is not in the policy: "+r.Reason)
			continue
		}
		u.hold(false, "%s is in use and cannot be written: %s", r.Need.Peer.Short(), r.Reason)
		return
	}
	for _, r := range d.Wider {
		u.side.Notes = append(u.side.Notes, r.Need.Peer.Short()+": "+r.Reason)
	}
	if u.usual {
		u.side.Names = d.DNS
	}
	u.denial = d
}

// takes reports whether a NetworkPolicy can take a permission away.
func takes(x Permission) bool {
	return x.Rule.Default || x.Rule.Kind == "" || x.Rule.Kind == networkPolicy || x.Rule.Tier == segment.BaselineTier.String()
}

// otherNames reports whether the policy lets names be asked for somewhere else.
func (s *solver) otherNames(u *unit, but ident.Ref, d *rewrite.Denial) bool {
	return slices.ContainsFunc(u.wants, func(w want) bool {
		return w.peer != but && s.servers[w.peer] && !slices.ContainsFunc(d.Unwritten, func(r rewrite.Remark) bool { return r.Need.Peer == w.peer })
	})
}

func names(refs []ident.Ref) string {
	const most = 3
	out := ""
	for i, r := range refs {
		if i == most {
			return out + fmt.Sprintf(" and %d more", len(refs)-most)
		}
		if i > 0 {
			out += ", "
		}
		out += r.Short()
	}
	return out
}

// caveat says what the records cannot say.
func caveat(w *contain.Window, accepted bool) string {
	out := "not seen is no proof of absence: what happens less often than the records cover is in none of them"
	switch days := w.To.Sub(w.From).Hours() / 24; {
	case w.From.IsZero() || w.To.IsZero():
		out = "the records have no times, so that nothing says how long was watched; " + out
	case days < 1:
		out = fmt.Sprintf("the records cover %s, less than a day; %s", w.To.Sub(w.From).Round(time.Minute), out)
	default:
		out = fmt.Sprintf("the records cover %.1f days; %s", days, out)
	}
	if w.Age >= 24*time.Hour {
		out += fmt.Sprintf("; the last record is %.1f days old", w.Age.Hours()/24)
	}
	if accepted {
		out += "; workloads that no record mentions were tightened all the same, as was asked for"
	}
	return out
}
