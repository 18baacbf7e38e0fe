package app

import (
	"context"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/decode"
	"github.com/cofferdam-io/cofferdam/policy/strict"
	"github.com/cofferdam-io/cofferdam/report"
)

// ReadPolicies reads every file behind paths as policies and judges references among
// them. A file of a folder that holds none is left out; one that was named is faulty.
func (l *Loader) ReadPolicies(ctx context.Context, paths []string) ([]decode.File, error) {
	compiler, err := policy.NewCompiler()
	if err != nil {
		return nil, err
	}
	var out []decode.File
	for _, arg := range paths {
		files, err := l.expand(arg, hasExt(".yaml", ".yml", ".json"))
		if err != nil {
			return nil, err
		}
		for i, f := range files {
			l.progress("reading policies", i, len(files))
			data, err := l.read(ctx, f.name)
			if err != nil && ident.KindOf(err) != ident.KindLimit {
				return nil, err
			}
			var read decode.File
			if err != nil {
				read = decode.File{Name: f.name, Faults: []strict.Fault{{At: manifest.Place{Line: 1, Column: 1}, Rule: strict.RuleLimit, Message: problemOf(f.name, err).Message}}}
			} else {
				read = decode.Read(ctx, manifest.Input{Name: f.name, Data: data}, compiler)
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if len(read.Objects) == 0 && len(read.Faults) == 0 {
				if f.walked {
					continue
				}
				read.Faults = append(read.Faults, strict.Fault{At: manifest.Place{Line: 1, Column: 1}, Rule: strict.RuleMissing, Message: "holds no policy", Hint: "a policy has one of the kinds " + strings.Join(decode.Kinds(), ", ")})
			}
			out = append(out, read)
		}
	}
	decode.Link(out)
	return out, nil
}

// ValidatePolicies judges every policy behind paths.
func (l *Loader) ValidatePolicies(ctx context.Context, paths []string) (*report.Validations, error) {
	files, err := l.ReadPolicies(ctx, paths)
	if err != nil {
		return nil, err
	}
	if err := checkForeign(ctx, files); err != nil {
		return nil, err
	}
	a := &report.Validations{SchemaVersion: inventory.SchemaVersion, Documents: []report.Validation{}}
	for _, f := range files {
		d := report.Validation{File: f.Name, Valid: true, Rules: "the policy's API", Violations: []report.Violation{}}
		add := func(faults []strict.Fault) {
			d.Valid = d.Valid && !strict.Broken(faults)
			for _, x := range faults {
				d.Violations = append(d.Violations, report.Violation{Pointer: x.Path, Line: x.At.Line, Column: x.At.Column, Message: x.Message, Rule: x.Rule, Hint: x.Hint, Warning: x.Warning})
			}
		}
		add(f.Faults)
		var names []string
		for _, o := range f.Objects {
			name := strings.TrimSpace(o.Kind + " " + o.Name)
			if o.Exception != nil {
				name += " (" + o.Exception.Digest.String() + ")" // what approvers sign
			}
			names = append(names, name)
			add(o.Faults)
		}
		d.Format = strings.Join(names, ", ")
		a.Documents = append(a.Documents, d)
	}
	a.Count()
	return a, nil
}
