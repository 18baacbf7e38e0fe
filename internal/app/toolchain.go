package app

import (
	"context"
	"slices"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/provenance/predicate"
	"github.com/cofferdam-io/cofferdam/provenance/toolchain"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Toolchains reads SLSA provenance, bare or signed, for what built something, as documents.
// Nothing is verified: who scans files believes them. What a file leaves open is a problem.
func (l *Loader) Toolchains(ctx context.Context, paths []string) ([]*sbom.Document, []Problem, error) {
	var docs []*sbom.Document
	var problems []Problem
	for _, arg := range paths {
		files, err := l.expand(arg, hasExt(".json", ".jsonl", ".intoto", ".sigstore", ".bundle", ".dsse"))
		if err != nil {
			return nil, nil, err
		}
		found := false
		for _, f := range files {
			raw, err := l.read(ctx, f.name)
			if err != nil {
				return nil, nil, err
			}
			p, err := provenanceOf(raw)
			if f.walked && ident.KindOf(err) == ident.KindUnsupported {
				continue
			}
			found = true
			if err != nil {
				problems = append(problems, problemOf(f.name, err))
				continue
			}
			d, open := toolchain.Document(f.name, raw, p)
			docs = append(docs, d)
			for _, o := range open {
				problems = append(problems, Problem{Where: f.name, Message: o})
			}
		}
		if !found {
			return nil, nil, ident.Errorf(ident.KindFailure, "no provenance is in %s", arg).WithHint("in-toto statements of SLSA provenance, bare, in a DSSE envelope or a Sigstore bundle")
		}
	}
	return docs, problems, nil
}

// provenanceOf reads the predicate of a statement that is provenance.
func provenanceOf(raw []byte) (*predicate.Provenance, error) {
	a, err := provenance.Open(raw, provenance.Limits{})
	if err != nil {
		return nil, err
	}
	p, err := predicate.Read(a.Statement.PredicateType, a.Statement.Predicate, predicate.Limits{})
	if err != nil {
		return nil, err
	}
	slsa, ok := p.(*predicate.Provenance)
	if !ok {
		return nil, ident.Errorf(ident.KindUnsupported, "is a statement of type %.120q and no SLSA provenance", a.Statement.PredicateType)
	}
	return slsa, nil
}

// builtBy are the tools that an image's verified provenance names and its SBOMs do not, as
// documents, and what the provenance leaves open.
func builtBy(facts []fact.Fact, sboms []*sbom.Document) (docs []*sbom.Document, open []string) {
	listed := map[string]bool{}
	for _, d := range sboms {
		for i := range d.Components {
			listed[d.Components[i].PURL] = true
		}
	}
	for i := range facts {
		f := &facts[i]
		p, err := predicate.Read(f.PredicateType, f.Predicate, predicate.Limits{})
		slsa, ok := p.(*predicate.Provenance)
		if err != nil || !ok {
			continue // what cannot be read is told where provenance is judged
		}
		d, o := toolchain.Document("the provenance "+f.Source.Short(), f.Statement, slsa)
		open = append(open, o...)
		d.Components = slices.DeleteFunc(d.Components, func(c sbom.Component) bool { return listed[c.PURL] })
		if len(d.Components) > 0 {
			docs = append(docs, d)
		}
	}
	return docs, open
}
