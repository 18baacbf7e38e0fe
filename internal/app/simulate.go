package app

import (
	"context"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/policytest"
	"github.com/cofferdam-io/cofferdam/report"
)

// Simulate says what policies would make of images: of those whose facts are written down
// in files, and of those in registries. An image that cannot be read is counted as such;
// an error says that a policy or a file is broken.
func (l *Loader) Simulate(ctx context.Context, args []string, in FactInputs, namespace string) (*report.Simulation, error) {
	a := &report.Simulation{SchemaVersion: inventory.SchemaVersion, Images: []report.SimulatedImage{}, Policies: []report.SimulatedPolicy{}}
	c := policy.Context{At: in.Verify.At, Namespace: policy.Namespace{Name: namespace}}
	recorded := recordedPolicies(ctx, in.Policies)
	c.Exceptions = in.Policies.Exceptions
	for _, arg := range args {
		if l.IsImage(arg) {
			l.progress("judging images", len(a.Images), 0)
			one := in
			one.Image = arg
			facts, err := l.ImageFacts(ctx, one)
			if err != nil {
				if k := ident.KindOf(err); k != ident.KindIndeterminate && k != ident.KindNotFound {
					return nil, err
				}
				a.Unread(arg, err)
				continue
			}
			own := c
			own.Exceptions = nil // Judge adds those of the policies
			v, err := facts.Judge(facts.Input(arg), own)
			if err != nil {
				return nil, err
			}
			a.Add(arg, v)
			continue
		}
		if err := l.simulateFiles(ctx, arg, recorded, c, a); err != nil {
			return nil, err
		}
	}
	a.Count()
	return a, nil
}

// recordedPolicies are policies for facts that are written down: keys and TrustRoots that
// a ClusterImagePolicy refers to are not read there.
func recordedPolicies(ctx context.Context, p *Policies) []*policy.Policy {
	var out []*policy.Policy
	out = append(out, p.Own...)
	for _, image := range p.Images {
		out = append(out, image.Compile(p.foreign(ctx)))
	}
	return out
}

func (l *Loader) simulateFiles(ctx context.Context, arg string, policies []*policy.Policy, c policy.Context, a *report.Simulation) error {
	return l.eachResource(ctx, []string{arg}, func(f file, root manifest.Value) error {
		if root.Field("kind").Text() != policytest.FactsKind {
			if f.walked {
				return nil
			}
			return ident.Errorf(ident.KindFailure, "holds no facts of an image").At(f.name).WithHint("kind: %s; docs/policies.md shows one", policytest.FactsKind)
		}
		in, faults := policytest.ReadFacts(root)
		if err := broken(f.name, faults); err != nil {
			return err
		}
		prepared, err := policy.Prepare(in)
		if err != nil {
			return err
		}
		a.Add(in.Reference, policy.Evaluate(policies, prepared, c))
		return nil
	})
}
