package contain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Open reads a plan's folder and holds every file against the digests of its
// proof. Faults say what was changed since; an error, that it is no plan.
func Open(folder []File) (p *Plan, faults []string, err error) {
	p = &Plan{Proof: &Proof{}}
	if err := Read(folder, planFile, p); err != nil {
		return nil, nil, err
	}
	if err := Read(folder, proofFile, p.Proof); err != nil {
		return nil, nil, err
	}
	return p, p.Proof.Inputs.Changed(folder), nil
}

// Removed are the objects that the plan deletes.
func (p *Plan) Removed() []segment.PolicyRef {
	var out []segment.PolicyRef
	for _, e := range p.Edits {
		if e.Action == "remove" {
			out = append(out, segment.PolicyRef{Kind: e.Kind, Cluster: e.Cluster, Namespace: e.Namespace, Name: e.Name})
		}
	}
	return out
}

// Check proves a plan anew: on graphs of the estate before and after that were
// built from files, not by the steps that made the plan. All connections are
// compared. Faults say what is not as it was, or does not hold.
func (p *Plan) Check(ctx context.Context, before, after *segment.Graph, e *estate.Estate, engine string) (*Proof, []string, error) {
	faults, err := p.Proof.Inputs.Stale(before, e, p.Proof.Assumptions.Enforcement)
	if err != nil {
		return nil, nil, err
	}
	problem := &Problem{Query: p.Query, Objective: p.Objective, Most: p.Most, Grain: p.Grain, NonPivots: p.NonPivots, Affected: p.Affected, Protected: p.Protected,
		Graph: before, At: p.At, Engine: engine}
	for _, r := range slices.Concat(p.Affected, p.Protected, ends(p.Cuts)) {
		if _, found := before.Number(r); !found {
			faults = append(faults, r.String()+" is no workload of the input")
		}
	}
	if len(faults) > 0 {
		return nil, faults, nil
	}
	if after, err = p.Labelled(ctx, after); err != nil {
		return nil, nil, err
	}
	changed, err := segment.Diff(ctx, before, after)
	if err != nil {
		return nil, nil, err
	}
	var touched []ident.Ref
	for _, l := range p.Labels {
		touched = append(touched, l.Workload)
	}
	for _, e := range p.Edits {
		ref := segment.PolicyRef{Kind: e.Kind, Cluster: e.Cluster, Namespace: e.Namespace, Name: e.Name}
		touched = append(touched, append(before.Selected(ref), after.Selected(ref)...)...)
	}
	pods, err := segment.DiffPods(ctx, before, after, touched)
	if err != nil {
		return nil, nil, err
	}
	n := newNetwork(problem)
	if p.PastNodes {
		n.passNodes()
	}
	proof, err := n.judge(ctx, after, p.Cuts, changed, pods)
	if err != nil {
		return nil, nil, err
	}
	proof.Inputs, proof.Assumptions = p.Proof.Inputs, p.Proof.Assumptions
	proof.Assumptions.Enforcement = before.Enforcement()
	return proof, proof.NotProved, nil
}

func ends(cuts []Cut) []ident.Ref {
	var out []ident.Ref
	for _, c := range cuts {
		if out = append(out, c.To); !c.From.IsCIDR() {
			out = append(out, c.From)
		}
	}
	return out
}

// changedPolicies names up to three policies that differ.
func changedPolicies(was, is []PolicyDigest) string {
	old := make(map[string]ident.Digest, len(was))
	for _, p := range was {
		old[p.Object] = p.Digest
	}
	var out []string
	for _, p := range is {
		switch d, had := old[p.Object]; {
		case !had:
			out = append(out, p.Object+" is new")
		case d != p.Digest:
			out = append(out, p.Object+" was changed")
		}
		delete(old, p.Object)
	}
	for name := range old {
		out = append(out, name+" is gone")
	}
	slices.Sort(out)
	if len(out) == 0 {
		return "its policies are the same, so a workload, a namespace, a way in or the network is not"
	}
	if len(out) > 3 {
		out = append(out[:3], fmt.Sprintf("and %d more", len(out)-3))
	}
	return strings.Join(out, ", ")
}
