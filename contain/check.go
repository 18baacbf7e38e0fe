package contain

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// maxPlanBytes bounds plan.json and proof.json, which come from wherever a folder
// was carried to.
const maxPlanBytes = 256 << 20

// Open reads a plan's folder and holds every file against the digests of its
// proof. Faults say what was changed since; an error, that it is no plan.
func Open(folder []File) (p *Plan, faults []string, err error) {
	byName := make(map[string][]byte, len(folder))
	for _, f := range folder {
		byName[f.Name] = f.Data
	}
	p = &Plan{Proof: &Proof{}}
	for _, x := range []struct {
		name string
		into any
	}{{planFile, p}, {proofFile, p.Proof}} { // in order, so that the same folder is the same error
		name, into := x.name, x.into
		data, ok := byName[name]
		if !ok {
			return nil, nil, ident.Errorf(ident.KindRefused, "the folder has no %s, so it is no plan", name).WithHint("cofferdam contain QUERY … --out DIR writes one")
		}
		if len(data) > maxPlanBytes {
			return nil, nil, ident.Errorf(ident.KindLimit, "has %d bytes, more than %d", len(data), maxPlanBytes).At(name)
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			return nil, nil, ident.Errorf(ident.KindRefused, "cannot be read: %v", err).At(name)
		}
		if d.More() {
			return nil, nil, ident.Errorf(ident.KindRefused, "holds more than one value").At(name)
		}
	}
	if got := ident.SHA256(byName[planFile]); got != p.Proof.Inputs.Plan {
		faults = append(faults, planFile+" is not the one that was proved")
	}
	known := make(map[string]bool)
	for _, f := range p.Proof.Inputs.Apply {
		known[f.File] = true
		if data, ok := byName[f.File]; !ok {
			faults = append(faults, f.File+" is missing")
		} else if ident.SHA256(data) != f.Digest {
			faults = append(faults, f.File+" was changed")
		}
	}
	for _, f := range folder {
		if strings.HasPrefix(f.Name, applyDir) && !known[f.Name] {
			faults = append(faults, f.Name+" is no part of the plan")
		}
	}
	return p, faults, nil
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
	var faults []string
	digest, err := EstateDigest(before.Model())
	if err != nil {
		return nil, nil, err
	}
	if digest != p.Proof.Inputs.Estate {
		faults = append(faults, "the estate is not the one that the plan was made for: "+changedPolicies(p.Proof.Inputs.Policies, policyDigests(e)))
		if was, is := p.Proof.Assumptions.Enforcement, before.Enforcement(); was != is {
			faults = append(faults, fmt.Sprintf("the network is %s, and was %s when the plan was made", is, was))
		}
	}
	problem := &Problem{Query: p.Query, Objective: p.Objective, Most: p.Most, Grain: p.Grain, Affected: p.Affected, Protected: p.Protected,
		Graph: before, At: p.At, Engine: engine}
	for _, r := range slices.Concat(p.Affected, p.Protected, ends(p.Cuts)) {
		if _, found := slices.BinarySearchFunc(before.Workloads(), r, ident.Ref.Compare); !found {
			faults = append(faults, r.String()+" is no workload of the input")
		}
	}
	if len(faults) > 0 {
		return nil, faults, nil
	}
	changed, err := segment.Diff(ctx, before, after)
	if err != nil {
		return nil, nil, err
	}
	var touched []ident.Ref
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
		out = append(out, c.From, c.To)
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
