package contain

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/contain/cut"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// contained is the plan where there is nothing to cut, with the proof of that.
func (s *solver) contained(ctx context.Context, plan *Plan) (*Plan, error) {
	proof, err := s.n.judge(ctx, s.p.Graph, []Cut{}, nil, nil)
	if err != nil {
		return nil, err
	}
	plan.Contained, plan.Proof = true, proof
	plan.Why = "nothing has to change: " + plan.Sentence + " already"
	plan.Cost = Cost{Known: true, Words: "none: nothing is cut", Observed: []Flow{}}
	plan.Established = s.established(plan)
	plan.NotCut, plan.Guards = s.kept(), s.n.guards()
	s.assume(plan)
	return plan, nil
}

// write makes the plan of a candidate.
func (s *solver) write(plan *Plan, tried []*candidate, best *candidate) (*Plan, error) {
	if err := s.allowedBy(best.cuts); err != nil { // which the proof declares, too
		return nil, err
	}
	plan.ID = best.id
	plan.Means, plan.Grain, plan.Nearest, plan.Bound = best.means, best.grain, best.nearest, best.bound
	plan.Cuts, plan.Proof, plan.objects = best.cuts, best.proof, best.objects
	for _, r := range best.reduced {
		plan.Hardened = append(plan.Hardened, s.n.hardened(r))
	}
	plan.Cost = s.cost(best)
	plan.NotCut, plan.Guards = s.kept(), s.n.guards()
	for _, o := range best.objects {
		plan.Edits = append(plan.Edits, o.describe())
		plan.Neighbours = append(plan.Neighbours, o.also...)
	}
	slices.SortFunc(plan.Neighbours, ident.Ref.Compare)
	plan.Neighbours = slices.Compact(plan.Neighbours)
	plan.Labels = s.labels
	plan.Separating = s.separatingLabels(plan.Neighbours, best)
	for _, c := range tried {
		plan.Alternatives = append(plan.Alternatives, s.alternative(c, c == best))
	}
	plan.Why = s.reason(tried, best)
	plan.Established = s.established(plan)
	s.assume(plan)
	return plan, nil
}

// edit describes an object for the plan.
func (o *object) describe() Edit {
	e := Edit{Action: "create", Kind: o.ref.Kind, Cluster: o.cluster, Namespace: o.ref.Namespace, Name: o.ref.Name, File: o.file(), Why: o.why,
		NewPods: slices.Compact(slices.DeleteFunc(slices.Sorted(slices.Values(o.newPods)), func(s string) bool { return s == "" })),
		Lasting: "it is a new object: keep the file where this cluster's manifests are kept, or a controller that prunes may delete it"}
	if o.was != nil {
		e.Action = "replace"
		e.Source = fmt.Sprintf("%s:%d", o.was.Source.File, o.was.Source.Line)
		e.Lasting, e.Unpatched, e.MergePatch, e.SourceAway = lasting(o.was), o.unpatched, o.merge, o.away()
	}
	if o.removed {
		e.Action, e.File = "remove", "remove.txt"
	}
	return e
}

// cost says what breaks.
func (s *solver) cost(c *candidate) Cost {
	out := Cost{Edges: len(c.cuts), Observed: []Flow{}}
	for _, x := range c.cuts {
		out.Observed = append(out.Observed, x.Observed...)
		out.Needed += len(x.Needed)
	}
	slices.SortFunc(out.Observed, func(a, b Flow) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), a.Src.Compare(b.Src), a.Dst.Compare(b.Dst), cmp.Compare(a.Conn.From, b.Conn.From))
	})
	if s.p.Traffic == nil {
		out.Words = fmt.Sprintf("unknown: no flow records say whether any of the %s is in use", counted(len(c.cuts), "cut connection"))
		if out.Needed > 0 {
			out.Words = "breaks " + counted(out.Needed, "declared need") + "; what else is " + out.Words
		}
		return out
	}
	w := s.p.Traffic.Window()
	out.Known, out.Window = w.Incomplete == "", &w
	seen := fmt.Sprintf("from %s to %s", w.From.UTC().Format("2006-01-02 15:04"), w.To.UTC().Format("2006-01-02 15:04 UTC"))
	switch breaks := counted(len(out.Observed), "observed flow"); {
	case out.Needed > 0 && len(out.Observed) > 0:
		out.Words = fmt.Sprintf("breaks %s and %s", counted(out.Needed, "declared need"), breaks)
	case out.Needed > 0:
		out.Words = "breaks " + counted(out.Needed, "declared need") + "; of others none that was seen " + seen + "; not seen is no proof of absence"
	case len(out.Observed) > 0:
		out.Words = "breaks " + breaks
	default:
		out.Words = "none that was seen " + seen + "; not seen is no proof of absence"
	}
	if w.Incomplete != "" {
		out.Words = "unknown: " + out.Words + ", but records are incomplete: " + w.Incomplete
	}
	return out
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// kept lists the connections of affected workloads that a guard rail keeps.
func (s *solver) kept() []Kept {
	out := []Kept{}
	for _, r := range s.p.Affected {
		u := s.n.index[r]
		for _, v := range members(s.n.row(u)) {
			if why := s.n.rails.why(u, v); why != "" {
				out = append(out, Kept{From: r, To: s.n.refs[v], Why: why})
			} else if keep := s.n.rails.kept(u, v); len(keep) > 0 {
				out = append(out, Kept{From: r, To: s.n.refs[v], Why: "it resolves names: " + segment.Summary(keep, 4) + " stays open"})
			}
		}
	}
	return out
}

// separatingLabels are those that would tell the neighbours apart.
func (s *solver) separatingLabels(neighbours []ident.Ref, c *candidate) []Label {
	if len(neighbours) == 0 {
		return nil
	}
	ends := make(map[int]bool)
	for _, k := range c.pairs {
		ends[int(k.From)], ends[int(k.To)] = true, true
	}
	var out []Label
	for _, u := range sortedKeys(ends) {
		if p := s.picks.of([]int{u}); p.Quarantine != "" {
			out = append(out, Label{Workload: s.n.refs[u], Label: p.Quarantine,
				Why: "its labels are those of " + names(p.Also, 3) + "; a change of the pod template restarts its pods"})
		}
	}
	return out
}

func sortedKeys[V any](m map[int]V) []int {
	out := make([]int, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// alternative is the line of a candidate.
func (s *solver) alternative(c *candidate, chosen bool) Alternative {
	a := Alternative{Means: c.means, Grain: c.grain, Nearest: c.nearest, Edges: c.edges(), Hardened: len(c.harden[0]) + len(c.harden[1]), Objects: len(c.objects), Namespaces: c.namespaces(), Chosen: chosen, Why: c.why}
	for _, x := range c.cuts {
		a.Observed += len(x.Observed)
	}
	if c.proof != nil {
		a.Proved = c.proof.Proved
		if !a.Proved && len(c.proof.NotProved) > 0 {
			a.Why = c.proof.NotProved[0]
		} else if a.Why == "" {
			a.Why = c.note
			if note := c.awayNote(); note != "" && a.Why != "" {
				a.Why += "; " + note
			} else if note != "" {
				a.Why = note
			}
		}
	}
	return a
}

// reason says why a candidate was chosen.
func (s *solver) reason(tried []*candidate, best *candidate) string {
	end := map[string]string{"source": "nearest the affected workloads", "sink": "nearest the protected ones"}[best.nearest]
	if s.p.Objective == CloseInternet {
		end = map[string]string{"source": "nearest the internet", "sink": "nearest the affected workloads"}[best.nearest]
	}
	if best.nearest == "fewest" {
		end = "that with " + best.note
	}
	what := "exactly the connections of a minimum cut, " + end
	if best.grain == Workloads {
		what = "whole workloads reduced to what they need, which holds for what the next deployment brings, too; " + end
	}
	switch {
	case s.p.Objective == Isolate && best.grain == Workloads:
		what = "the affected workloads reduced to what guard rails keep, which holds for pods to come, too"
	case s.p.Objective == Isolate:
		what = "every connection that may be cut"
	case best.bound == nil:
	case best.bound.Exact && best.grain == Workloads:
		what = "the fewest workloads reduced to what they need that leave so few within reach"
	case best.bound.Exact:
		what = "exactly the connections of the cheapest cut that leaves so few within reach"
	default:
		what = fmt.Sprintf("best found: its price is %d, and no cut is cheaper than %d", best.bound.Price, best.bound.Least)
	}
	if len(best.outside) > 0 {
		if len(best.pairs)+len(best.reduced) == 0 {
			what = "exactly what the internet may open"
		}
		what += ", and the internet is kept out of " + names(s.n.refsOf(best.outside), 3)
	}
	if best.grain == Edges && len(best.reduced) > 0 {
		what += ", " + best.note
	}
	if s.p.Grain == Auto && best.grain == Edges && len(best.reduced) == 0 {
		switch {
		case s.p.Traffic == nil:
			what += "; no flow records say what a workload needs, so that none is hardened"
		case s.p.Traffic.Window().Incomplete != "":
			what += "; the records are incomplete, so that no workload is hardened by them without being asked for"
		}
	}
	if s.p.First {
		return what + ", by " + string(best.means) + ": the first way that could be proved, compared with no other"
	}
	proved := 0
	for _, c := range tried {
		if c.proved() {
			proved++
		}
	}
	if proved == 1 && len(tried) > 1 {
		return what + ", by " + string(best.means) + ": the only one of " + counted(len(tried), "way") + " that could be proved"
	}
	what += ", by " + string(best.means) + ": the fewest connections, then the fewest objects, of those that could be proved"
	if !slices.ContainsFunc(tried, func(c *candidate) bool { return c.proved() && len(c.away()) > 0 }) {
		return what
	}
	what += fmt.Sprintf(", where one whose source is out of reach counts as %d", awayWeight)
	if len(best.away()) > 0 {
		return what + "; this one " + best.awayNote()
	}
	return what + "; this one changes none"
}

// sentence is the objective as a person says it.
func (n *network) sentence() string {
	p, past := n.p, ""
	if len(p.NonPivots) > 0 {
		past = ", but through workloads that an attacker is taken not to go on from"
	}
	if n.pastNodes {
		past += ", but through pods on the network of their node"
	}
	switch p.Objective {
	case Separate:
		return fmt.Sprintf("no path leads from %s to %s", describe(p.Affected, "affected"), describe(p.Protected, "protected")) + past
	case Isolate:
		return "no connection leads from any pod to " + describe(p.Affected, "affected") + ", or from there to any pod, but for what guard rails keep"
	case Shrink:
		return fmt.Sprintf("at most %s within reach of %s", counted(p.Most, "workload"), describe(p.Affected, "affected")) + past
	case CloseInternet:
	}
	return "no path leads from the internet to " + describe(p.Affected, "affected") + past
}

func describe(refs []ident.Ref, word string) string {
	if len(refs) <= 3 {
		return names(refs, 3)
	}
	return counted(len(refs), word+" workload")
}

// assume fills what the proof rests on.
func (s *solver) assume(plan *Plan) {
	a := &plan.Proof.Assumptions
	a.Enforcement, a.Coverage, a.Established = s.p.Graph.Enforcement(), s.p.Coverage, plan.Established
	a.Unknowns = []inventory.Unknown{}
	if k := len(s.p.NonPivots); k > 0 {
		a.Pivots = "paths do not go on from " + counted(k, "workload") + ", each with the reason in nonPivots of plan.json; the next advisory about one of them makes it a step"
	}
	a.Unknowns = append(a.Unknowns, s.bearing(plan)...)
	a.Unknowns = append(a.Unknowns, s.p.Doubts...)
	if s.p.Traffic != nil {
		w := s.p.Traffic.Window()
		a.Flows = &w
	}
	plan.model = s.n.estate
	plan.Proof.Inputs = Inputs{Policies: []PolicyDigest{}, Files: []FileDigest{}}
	if s.p.Set != nil {
		plan.Proof.Inputs.Policies = policyDigests(s.p.Set.Estate)
	}
}

// Seal binds the proof to the estate that it is about: its digest is written into
// it. Folder seals what is not sealed yet.
func (p *Plan) Seal() error {
	if p.model == nil || !p.Proof.Inputs.Estate.IsZero() {
		return nil
	}
	digest, err := EstateDigest(p.model)
	p.Proof.Inputs.Estate = digest
	return err
}

// unselectable takes out of what may be cut the edges whose ends no selector can
// pick. It reports whether there was a new one.
func (r *rails) unselectable(ps *picks, cuts ...[]cut.Pair) bool {
	found := false
	for _, pairs := range cuts {
		for _, k := range pairs {
			for _, u := range []int{int(k.From), int(k.To)} {
				if !r.unpicked[u] && !ps.selectable(u) {
					r.unpicked[u], r.guarded[u], found = true, true, true
					r.mask[u>>6] |= 1 << (u & 63)
				}
			}
		}
	}
	return found
}
