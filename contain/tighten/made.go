package tighten

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/segment"
)

// standing finds what of a unit's unused permissions is granted by NetworkPolicies
// that a controller makes: changed or deleted they come back, so that nothing that is
// proposed takes it away. Where that is all of it, the unit is held back.
func (s *solver) standing(u *unit) error {
	if u.made = s.madeFor[u.unitKey]; len(u.made) == 0 {
		return nil
	}
	g, err := s.onlyMade(u.dir)
	if err != nil {
		return err
	}
	all := true
	for i := range u.side.Unused {
		x := &u.side.Unused[i]
		src, dst := u.ends(x.Peer)
		edges, err := g.Policed(src, dst)
		if err != nil {
			return err
		}
		rest := x.Connections
		for _, e := range edges {
			c := segment.Common(e.Connections, x.Connections)
			x.standing = append(x.standing, c...)
			if e.Verdict == segment.Allowed && !e.Partial {
				rest = segment.Minus(rest, c)
			}
		}
		all = all && (len(rest) == 0 || !takes(*x))
		if len(x.standing) == 0 {
			continue
		}
		if x.by, err = s.maker(u, x, g); err != nil {
			return err
		}
	}
	if all {
		var why []string
		for _, p := range u.made {
			why = append(why, p.String()+", which "+p.maker.String()+" makes: "+p.maker.Change)
		}
		u.hold(false, "all that nobody used is granted by what comes back when it is changed or deleted here: %s", strings.Join(why, "; "))
	}
	return nil
}

// maker is the policy that grants a permission, of those of a unit that a controller makes.
func (s *solver) maker(u *unit, x *Permission, g *segment.Graph) (*policy, error) {
	if len(u.made) == 1 {
		return u.made[0], nil
	}
	if s.asked++; s.asked > mostRules {
		return u.made[0], nil
	}
	src, dst := u.ends(x.Peer)
	ex, err := g.Why(src, dst, &segment.Port{Protocol: x.standing[0].Protocol, Number: x.standing[0].From})
	if err != nil {
		return nil, err
	}
	r := ex.Ingress.Rule
	if u.dir == segment.Egress {
		r = ex.Egress.Rule
	}
	for _, p := range u.made {
		if p.ref == (segment.PolicyRef{Kind: r.Kind, Cluster: r.Cluster, Namespace: r.Namespace, Name: r.Name}) {
			return p, nil
		}
	}
	return nil, nil //nolint:nilnil // a policy of another kind grants it, which stays, too
}

// onlyMade is the estate with no other NetworkPolicies than those that controllers
// make, and of them and of all that isolate the rules of one direction: what passes
// there, the end of that direction lets pass whatever is proposed.
func (s *solver) onlyMade(d segment.Gress) (*segment.Graph, error) {
	if s.madeOnly[d] != nil {
		return s.madeOnly[d], nil
	}
	made := make(map[segment.PolicyRef]bool)
	for _, p := range s.policies {
		made[p.ref] = p.made
	}
	var delta segment.Delta
	seen := make(map[segment.PolicyRef]bool)
	m := s.p.Graph.Model()
	for i := range m.Policies {
		p := m.Policies[i]
		if p.Tier != segment.NetworkPolicyTier || p.Kind == networkPolicy && !made[p.Ref()] {
			continue
		}
		p.Isolates[segment.Ingress-d], p.Rules[segment.Ingress-d] = false, nil
		seen[p.Ref()] = true
		delta.PutPolicies = append(delta.PutPolicies, p)
	}
	for i := range m.Policies {
		if p := &m.Policies[i]; p.Tier == segment.NetworkPolicyTier && !seen[p.Ref()] {
			seen[p.Ref()] = true
			delta.DropPolicies = append(delta.DropPolicies, p.Ref())
		}
	}
	var err error
	s.madeOnly[d], err = s.p.Graph.Apply(s.ctx, &delta)
	return s.madeOnly[d], err
}

// makers says of each permission that stays whose policy it stays by, and counts
// them for the policies that are left.
func (s *solver) makers(plan *Plan) {
	keeps := make(map[segment.PolicyRef]int)
	for _, u := range s.units {
		for i := range u.side.Unused {
			if x := &u.side.Unused[i]; x.by != nil && x.Stays {
				x.MadeBy = x.by.String() + ", which " + x.by.maker.String() + " makes"
				keeps[x.by.ref]++
			}
		}
	}
	for i := range plan.Left {
		l := &plan.Left[i]
		l.Keeps = keeps[segment.PolicyRef{Kind: l.Kind, Cluster: l.Cluster, Namespace: l.Namespace, Name: l.Name}]
	}
}
