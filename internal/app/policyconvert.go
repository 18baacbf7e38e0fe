package app

import (
	"bytes"
	"context"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/decode"
	"github.com/cofferdam-io/cofferdam/policy/gatekeeper"
	"github.com/cofferdam-io/cofferdam/policy/kyverno"
	"github.com/cofferdam-io/cofferdam/policy/strict"
	"github.com/cofferdam-io/cofferdam/report"
)

// notTurned names a policy of a kind that can ask for signatures, and of which nothing is
// turned.
func notTurned(file, kind string, v manifest.Value) []report.ConversionNote {
	name := kind + " " + v.Field("metadata").Field("name").Text()
	if !gatekeeper.Is(v.Field("apiVersion").Text()) {
		return []report.ConversionNote{{File: file, Policy: name, Path: "kind", Line: v.At().Line, Column: v.At().Column, Effect: string(kyverno.Missing),
			Message: "policies of this older kind of Kyverno's are not turned: what their verifyImages ask for is missing", Hint: "write it as an ImageValidatingPolicy (policies.kyverno.io/v1), as Kyverno asks for, and convert that"}}
	}
	var out []report.ConversionNote
	var faults []strict.Fault
	for _, n := range gatekeeper.Explain(strict.Root(v, &faults)) {
		effect := kyverno.Neutral
		if n.Refuses {
			effect = kyverno.Missing
		}
		out = append(out, report.ConversionNote{File: file, Policy: name, Path: n.Path, Line: n.At.Line, Column: n.At.Column, Effect: string(effect), Message: n.Message, Hint: n.Hint})
	}
	return out
}

// ConvertPolicies turns Kyverno's policies behind paths into ClusterImagePolicy
// resources. What comes out is read again as policy validate reads it: a policy that
// cannot be used is a note of the report, too.
func (l *Loader) ConvertPolicies(ctx context.Context, paths []string) (*report.PolicyConversion, error) {
	compiler, err := policy.NewCompiler()
	if err != nil {
		return nil, err
	}
	a := &report.PolicyConversion{SchemaVersion: inventory.SchemaVersion, Policies: []report.ConvertedPolicy{}, Notes: []report.ConversionNote{}}
	var all bytes.Buffer
	for _, arg := range paths {
		files, err := l.expand(arg, hasExt(".yaml", ".yml", ".json"))
		if err != nil {
			return nil, err
		}
		for i, f := range files {
			l.progress("converting policies", i, len(files))
			data, err := l.read(ctx, f.name)
			if err != nil {
				return nil, err
			}
			if err := convertFile(ctx, a, &all, compiler, manifest.Input{Name: f.name, Data: data}); err != nil {
				return nil, err
			}
		}
	}
	a.Manifests = all.String()
	return a, ctx.Err()
}

func convertFile(ctx context.Context, a *report.PolicyConversion, all *bytes.Buffer, compiler *policy.Compiler, in manifest.Input) error {
	fault := func(of string, f *strict.Fault) {
		if !f.Warning {
			a.Notes = append(a.Notes, report.ConversionNote{File: in.Name, Policy: of, Path: f.Path, Line: f.At.Line, Column: f.At.Column, Effect: string(kyverno.Missing), Message: f.Message, Hint: f.Hint})
		}
	}
	var failed error
	faults := decode.Resources(ctx, in, func(kind string, v manifest.Value) {
		switch version := v.Field("apiVersion").Text(); {
		case kyverno.Is(version, kind):
		case gatekeeper.Is(version), kyverno.IsFormer(version, kind):
			a.Notes = append(a.Notes, notTurned(in.Name, kind, v)...)
			return
		default:
			return
		}
		var own []strict.Fault
		c := kyverno.Convert(strict.Root(v, &own))
		a.Read++
		strict.Sort(own)
		for i := range own {
			fault(c.Name, &own[i])
		}
		for _, n := range c.Notes {
			a.Notes = append(a.Notes, report.ConversionNote{File: in.Name, Policy: c.Name, Path: n.Path, Line: n.At.Line, Column: n.At.Column, Effect: string(n.Effect), Message: n.Message, Hint: n.Hint})
		}
		for i := range c.Policies {
			p := &c.Policies[i]
			text, err := p.YAML()
			if err != nil {
				failed = ident.Errorf(ident.KindFailure, "%s cannot be written: %w", p.Name, err)
				return
			}
			for _, o := range decode.Read(ctx, manifest.Input{Name: p.Name, Data: text}, compiler).Objects {
				for k := range o.Faults {
					o.Faults[k].Message = "of the new policy " + p.Name + ": " + o.Faults[k].Message
					fault(c.Name, &o.Faults[k])
				}
			}
			if all.Len() > 0 {
				all.WriteString("---\n")
			}
			all.Write(text)
			a.Policies = append(a.Policies, report.ConvertedPolicy{Name: p.Name, From: c.Name, Because: p.Because})
		}
	})
	for i := range faults {
		fault("", &faults[i])
	}
	return failed
}
