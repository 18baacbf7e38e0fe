package tighten

import (
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
)

// prove applies the proposal, as texts, and holds back what does not hold until
// everything does.
func (s *solver) prove(plan *Plan) error {
	var refused []string
	for {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		objects, err := s.assemble()
		if err != nil {
			return err
		}
		d, err := delta(s, objects)
		if err != nil {
			return err
		}
		applied := s.p.Graph
		if len(objects) > 0 {
			if applied, err = s.p.Graph.Apply(s.ctx, d); err != nil {
				return err
			}
		}
		left := s.left(objects)
		final := applied
		if drop := lastRemoved(left); len(drop) > 0 {
			if final, err = applied.Apply(s.ctx, &segment.Delta{DropPolicies: drop}); err != nil {
				return err
			}
		}
		bad, decided, kept, err := s.judge(applied, final)
		if err != nil {
			return err
		}
		if len(bad) > 0 {
			refused = append(refused, bad...)
			continue
		}
		plan.objects, plan.Left = objects, left
		plan.Proof = Proof{Kept: kept, Decided: decided, HeldBack: refused, Enforcement: s.p.Graph.Enforcement(),
			Words: "checked on the model, with the proposal decoded from its texts: every used and needed connection passes as before, and nothing passes that did not; packets have not been sent"}
		if err := s.changes(plan, applied, final); err != nil {
			return err
		}
		return s.finish(plan, applied, final)
	}
}

// finish fills what is known once the proposal holds.
func (s *solver) finish(plan *Plan, applied, final *segment.Graph) error {
	for _, c := range []struct {
		g    *segment.Graph
		into *Count
	}{{s.p.Graph, &plan.Proof.Before}, {applied, &plan.Proof.Applied}, {final, &plan.Proof.Final}} {
		n, err := c.g.Count(s.ctx)
		if err != nil {
			return err
		}
		*c.into = Count{Edges: n.Edges, Unknown: n.Unknown}
	}
	for _, u := range s.units {
		for i := range u.side.Unused {
			x := &u.side.Unused[i]
			src, dst := u.ends(x.Peer)
			edges, err := final.Policed(src, dst)
			if err != nil {
				return err
			}
			x.Stays = slices.ContainsFunc(edges, func(e segment.Edge) bool { return len(segment.Common(e.Connections, x.Connections)) > 0 })
			if !slices.ContainsFunc(edges, func(e segment.Edge) bool { return len(segment.Common(e.Connections, x.standing)) > 0 }) {
				x.by = nil
			}
		}
	}
	s.makers(plan)
	plan.Edits = []Edit{}
	for _, o := range plan.objects {
		e := Edit{Action: "create", Cluster: o.ref.Cluster, Namespace: o.ref.Namespace, Name: o.ref.Name, File: o.file(), For: o.dirs, Workload: o.subject,
			Why: o.why, NewPods: o.newPods, Unpatched: o.unpatched, Lasting: "it is a new object: keep the file where this cluster's manifests are kept, or a controller that prunes may delete it"}
		if o.was != nil {
			e.Action, e.Source, e.Lasting = "replace", source(o.was.Source), lasting(o.was)
		}
		if o.removed {
			e.Action, e.File = "remove", ""
			_, e.Unpatched = s.withoutObject(o.was)
		}
		plan.Edits = append(plan.Edits, e)
	}
	return nil
}

// lasting says where an existing object must be changed.
func lasting(p *estate.Policy) string {
	out := ""
	for _, a := range p.Management.Advice() {
		if out != "" {
			out += "; "
		}
		out += a
	}
	if out == "" && !p.Dumped {
		out = "change it where it comes from: " + p.Source.File
	}
	if p.Dumped {
		if out != "" {
			out += "; "
		}
		out += "what was read is a dump of the cluster and not the source"
	}
	return out
}

// delta reads the objects as a cluster would.
func delta(s *solver, objects []*object) (*segment.Delta, error) {
	d := &segment.Delta{}
	var inputs []manifest.Input
	for _, o := range objects {
		if o.removed {
			d.DropPolicies = append(d.DropPolicies, o.ref)
			continue
		}
		inputs = append(inputs, manifest.Input{Name: o.file(), Cluster: o.ref.Cluster, Data: o.text})
	}
	if len(inputs) == 0 {
		return d, nil
	}
	set, err := manifest.Decode(s.ctx, inputs, manifest.Options{})
	if err != nil {
		return nil, err
	}
	if len(set.Estate.Faults) > 0 {
		f := set.Estate.Faults[0]
		return nil, ident.Errorf(ident.KindFailure, "%s: %s: %s", f.Object, f.Pointer, f.Message).At(f.Source.File)
	}
	policies, taints := k8s.Policies(s.p.Graph.Model(), set)
	if len(taints) > 0 {
		return nil, ident.Errorf(ident.KindUnsupported, "%s: %s", taints[0].Object, taints[0].Reason)
	}
	d.PutPolicies = policies
	return d, nil
}

// left are the policies that select a tightened workload and others.
func (s *solver) left(objects []*object) []Left {
	out := []Left{}
	own := make(map[segment.PolicyRef]bool, len(objects))
	for _, o := range objects {
		own[o.ref] = true
	}
	for _, p := range s.policies {
		if own[p.ref] || len(p.selected) == 1 && !p.made { // one that stands as it is, too
			continue
		}
		var waiting []ident.Ref
		concerned := p.made && slices.ContainsFunc(s.units, func(u *unit) bool { return slices.Contains(u.made, p) })
		for _, r := range p.selected {
			ready := true
			for d, isolates := range p.isolates {
				if isolates && s.tightened(r, segment.Gress(d)) { //nolint:gosec // one of two
					concerned = true
				} else if isolates {
					ready = false
				}
			}
			if !ready {
				waiting = append(waiting, r)
			}
		}
		if !concerned {
			continue
		}
		x := Left{Kind: p.ref.Kind, Cluster: p.ref.Cluster, Namespace: p.ref.Namespace, Name: p.ref.Name, Source: source(p.at.Source), Selects: len(p.selected), Lasting: lasting(p.at)}
		if p.made {
			x.MadeBy = p.maker.String()
		}
		switch {
		case !p.grants:
			x.Why = "it allows nothing, and isolates pods to come: it stays"
		case p.made:
			x.Why = p.maker.String() + " makes it, so that it comes back when it is changed or deleted here: " + p.maker.Change
		case len(waiting) > 0:
			x.Why = "it also selects what is not tightened in all of its directions: " + names(waiting)
		default:
			x.RemovedLast, x.Why = true, "everything that it selects is tightened"
			if missing := s.unguarded(p); missing != "" {
				x.Why += "; no other policy isolates a pod of the namespace that comes later, for " + missing + ": add a default deny first"
			}
		}
		out = append(out, x)
	}
	return out
}

// unguarded names a direction in which pods to come would be isolated by nothing
// else once a policy that selects every pod is gone.
func (s *solver) unguarded(p *policy) string {
	if !p.everyPod {
		return ""
	}
	for d, isolates := range p.isolates {
		if isolates && !slices.ContainsFunc(s.policies, func(q *policy) bool {
			return q != p && q.ref.Cluster == p.ref.Cluster && q.ref.Namespace == p.ref.Namespace && q.everyPod && q.isolates[d] && !q.grants
		}) {
			return segment.Gress(d).String() //nolint:gosec // one of two
		}
	}
	return ""
}

func lastRemoved(left []Left) []segment.PolicyRef {
	var out []segment.PolicyRef
	for _, x := range left {
		if x.RemovedLast {
			out = append(out, segment.PolicyRef{Kind: x.Kind, Cluster: x.Cluster, Namespace: x.Namespace, Name: x.Name})
		}
	}
	return out
}

// subjects are the workloads that are tightened.
func (s *solver) subjects() []ident.Ref {
	var out []ident.Ref
	for _, r := range s.refs {
		if s.tightened(r, segment.Egress) || s.tightened(r, segment.Ingress) {
			out = append(out, r)
		}
	}
	return out
}

// judge holds both states against what must not change. It holds back the units
// that are to blame, and says which.
func (s *solver) judge(applied, final *segment.Graph) (bad []string, decided, kept int, err error) {
	subjects := s.subjects()
	if len(subjects) == 0 {
		return nil, 0, 0, nil
	}
	states := []*segment.Graph{applied}
	if final != applied {
		states = append(states, final)
	}
	blame := func(src, dst ident.Ref, sides []segment.Gress, why string) {
		for _, d := range sides {
			k := unitKey{src, d}
			if d == segment.Ingress {
				k.ref = dst
			}
			if s.tightened(k.ref, d) {
				s.byUnit[k].hold(false, "the proof refused it: %s", why)
				bad = append(bad, k.ref.Short()+" "+d.String()+": "+why)
			}
		}
	}
	type loss struct {
		src, dst ident.Ref
		sides    []segment.Gress
		why      string
	}
	for _, g := range states {
		var found []loss
		decided, kept = 0, 0
		changes, err := s.compare(g)
		if err != nil {
			return nil, 0, 0, err
		}
		for i := range changes {
			c := &changes[i]
			what := fmt.Sprintf("%s → %s %s", c.Src.Short(), c.Dst.Short(), segment.Summary(c.Connections, 3))
			if c.Opens() {
				found = append(found, loss{c.Src, c.Dst, []segment.Gress{segment.Egress, segment.Ingress}, what + " would be opened"})
			} else if c.Before == segment.Unknown && c.After == segment.Allowed {
				decided++
			}
		}
		for _, u := range s.units {
			if u.denial == nil {
				continue
			}
			for _, w := range u.wants {
				kept++
				src, dst := u.ends(w.peer)
				lost, sides, err := s.lost(g, src, dst, w.conns)
				if err != nil {
					return nil, 0, 0, err
				}
				if len(lost) > 0 {
					what := fmt.Sprintf("%s → %s %s", src.Short(), dst.Short(), segment.Summary(lost, 3))
					found = append(found, loss{src, dst, sides, what + " would not pass as before"})
				}
			}
		}
		for _, x := range found {
			blame(x.src, x.dst, x.sides, x.why)
		}
		if len(found) > 0 && len(bad) == 0 {
			return nil, 0, 0, ident.Errorf(ident.KindFailure, "the proof refused the proposal, and no part of it is to blame: %s", found[0].why)
		}
		if len(bad) > 0 {
			return bad, 0, 0, nil
		}
	}
	return nil, decided, kept, nil
}

// lostBetween returns what of connections no longer passes as it did before.
func lostBetween(before, after *segment.Graph, src, dst ident.Ref, conns []segment.Conn) ([]segment.Conn, error) {
	ask := (*segment.Graph).Between
	if src.IsCIDR() || dst.IsCIDR() {
		ask = (*segment.Graph).Policed
	}
	was, err := ask(before, src, dst)
	if err != nil {
		return nil, err
	}
	is, err := ask(after, src, dst)
	if err != nil {
		return nil, err
	}
	var lost []segment.Conn
	for _, a := range was {
		rest := segment.Common(a.Connections, conns)
		for _, b := range is {
			if (a.Verdict == b.Verdict || a.Verdict == segment.Unknown) && (a.Partial || !b.Partial) {
				rest = segment.Minus(rest, b.Connections)
			}
		}
		lost = append(lost, rest...)
	}
	return lost, nil
}

// lost returns what of connections no longer passes as it did, and on which sides.
func (s *solver) lost(g *segment.Graph, src, dst ident.Ref, conns []segment.Conn) ([]segment.Conn, []segment.Gress, error) {
	lost, err := lostBetween(s.p.Graph, g, src, dst, conns)
	if err != nil || len(lost) == 0 {
		return nil, nil, err
	}
	lost = segment.Union(lost, nil)
	sides := []segment.Gress{segment.Egress, segment.Ingress}
	ex, err := g.Why(src, dst, &segment.Port{Protocol: lost[0].Protocol, Number: lost[0].From})
	if err == nil && ex.Egress.Verdict != ex.Ingress.Verdict {
		switch {
		case ex.Egress.Verdict == segment.Allowed && s.tightened(dst, segment.Ingress):
			sides = sides[1:]
		case ex.Ingress.Verdict == segment.Allowed && s.tightened(src, segment.Egress):
			sides = sides[:1]
		}
	}
	return lost, sides, nil
}
