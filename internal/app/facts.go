package app

import (
	"cmp"
	"context"
	"slices"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/policy/clusterimage"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/provenance/slsa"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/verify"
)

// FactInputs say of which image facts are gathered, and what may vouch for it.
type FactInputs struct {
	Image    string
	Platform string // of an index, beside the index itself
	Registry RegistryInputs
	// Verify has keys, trusted roots, distrust and thresholds; its artifacts and bundle
	// are not looked at. Without Identities, certificates of anybody whom the trusted root
	// certifies are taken, for policies to ask who that was.
	Verify VerifyInputs
	// Policies say which other keys and trusted roots to judge by, and where else
	// signatures lie. nil: none do.
	Policies *Policies
}

// ImageFacts is what is known of an image from its registry.
type ImageFacts struct {
	Reference  ident.ImageRef // as it was asked for, with the digest that it meant
	Digests    []ident.Digest // that it goes by
	Candidates []report.Candidate
	// Facts are those that verified as the inputs ask, under the default trusted root.
	Facts []fact.Fact
	// Others verified under a TrustRoot of a ClusterImagePolicy, or with less than is asked
	// for usually, which one of them does without. Only they, who look at that, may see them.
	Others []fact.Fact
	// Audited are signatures of the Notary Project that a trust policy lets pass without
	// a trusted authority. No policy sees them.
	Audited []fact.Fact
	// SBOMs are the documents in attestations among Facts that are about the image.
	SBOMs []AttestedSBOM
	// Provenance says of each digest what its provenance is worth, by the table of builders
	// where one was given.
	Provenance []*slsa.Assessment
	Unchecked  []error // questions that were not answered; what was not found may be there
	Notes      []string

	images []*clusterimage.Policy
	own    []*policy.Policy
	keys   clusterimage.Resolved
	except []policy.Exception
	// unjudged is what may have been signed by anybody, since it could not be judged.
	unjudged []policy.Unjudged
}

// AttestedSBOM is a document that somebody signed.
type AttestedSBOM struct {
	Document *sbom.Document
	Raw      []byte
	Fact     *fact.Fact
}

// Input is what policies see of the image: what the caller found out besides (findings,
// documents that nobody signed) goes into it before Judge is asked.
func (f *ImageFacts) Input(image string) policy.Input {
	asked := f.Reference
	in := policy.Input{Reference: image, Image: asked, Digests: f.Digests, Facts: f.Facts}
	for _, u := range f.Unchecked {
		in.Unchecked = append(in.Unchecked, u.Error())
	}
	in.Provenance = assessed(f.Provenance)
	for _, s := range f.SBOMs {
		in.SBOMs = append(in.SBOMs, policySBOM(s.Document, true))
	}
	return in
}

// assessed is what policies see of the provenance of an image and of the platform that is
// judged: the one that is worth most, as for several provenances of one digest.
func assessed(all []*slsa.Assessment) *policy.Provenance {
	var out *policy.Provenance
	for _, a := range all {
		if out != nil && (a.Build.Level < out.Level || a.Build.Level == out.Level && out.Builder != "") {
			continue
		}
		out = &policy.Provenance{Level: a.Build.Level, Builder: a.Build.Builder, SourceLevel: a.Source.Level, Repository: a.Source.Repository, Ref: a.Source.Ref, Commit: a.Source.Commit,
			Confirmed: word(a.Source.Confirmed), Inputs: a.Dependencies.Total, Pinned: a.Dependencies.Pinned, Complete: word(a.Dependencies.Complete), Hermetic: word(a.Hermetic.Answer),
			Isolated: word(a.Isolated.Answer), SBOM: word(a.SBOM.Answer)}
	}
	return out
}

func word(a slsa.Answer) string { return string(cmp.Or(a, slsa.Unknown)) }

// policySBOM is what policies see of a document.
func policySBOM(d *sbom.Document, verified bool) policy.SBOM {
	format := string(d.Format)
	switch d.Format {
	case sbom.CycloneDX:
		format = "CycloneDX"
	case sbom.SPDX:
		format = "SPDX"
	}
	out := policy.SBOM{Format: format, Version: d.SpecVersion, Components: len(d.Components), Verified: verified}
	seen := map[string]bool{}
	for i := range d.Components {
		for _, l := range d.Components[i].Licenses {
			if !seen[l.Expression] {
				seen[l.Expression] = true
				out.Licenses = append(out.Licenses, l.Expression)
			}
		}
	}
	slices.Sort(out.Licenses)
	return out
}

// Judge evaluates the policies that the facts were gathered for. Each sees what it may
// see of them: in is what Input made, with what the caller added.
func (f *ImageFacts) Judge(in policy.Input, c policy.Context) (policy.Verdict, error) {
	c.Exceptions = append(slices.Clone(c.Exceptions), f.except...)
	// Whoever signed under trust that a policy does not look at signed all the same.
	for _, o := range f.Others {
		in.Signers = append(in.Signers, o.Signer)
	}
	in.Unjudged = append(slices.Clone(in.Unjudged), f.unjudged...)
	prepared, err := policy.Prepare(in)
	if err != nil {
		return policy.Verdict{}, err
	}
	v := policy.Evaluate(f.own, prepared, c)
	if len(f.images) == 0 {
		return v, nil
	}
	in.Facts = append(slices.Clone(in.Facts), f.Others...)
	if prepared, err = policy.Prepare(in); err != nil {
		return v, err
	}
	var images []*policy.Policy
	for _, p := range f.images {
		images = append(images, p.Compile(f.keys))
	}
	return v.And(policy.Evaluate(images, prepared, c)), nil
}

// ImageFacts asks an image's registry who vouches for it, and verifies what it says. The
// reference is resolved once: everything is about that digest. What is refused and what
// could not be checked are in the result; an error says that the image or what it is to be
// judged by cannot be read.
func (l *Loader) ImageFacts(ctx context.Context, in FactInputs) (*ImageFacts, error) {
	ref, err := ident.ParseImageRef(in.Image)
	if err != nil {
		return nil, ident.Errorf(ident.KindUsage, "%w", err).WithHint("registry.example/shop/web:1.4, or with @sha256:…")
	}
	j, err := l.judges(ctx, in)
	if err != nil {
		return nil, err
	}
	c, err := in.Registry.client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	l.progress("asking who vouches for the image", 0, 0)
	signed, err := c.Signatures(ctx, ref, registry.SignatureSearch{Platform: in.Platform, Elsewhere: in.Policies.elsewhere(), Same: verify.CosignAnnotations()})
	if err != nil {
		return nil, err
	}
	out := &ImageFacts{Reference: signed.Image.Reference, Digests: signed.Subjects, Unchecked: signed.Unchecked, Candidates: []report.Candidate{}}
	if in.Policies != nil {
		out.images, out.own, out.except = in.Policies.Images, in.Policies.Own, in.Policies.Exceptions
		out.Notes, out.Unchecked = in.Policies.Notes, append(out.Unchecked, in.Policies.Unread...)
	}
	out.Unchecked = append(out.Unchecked, j.away...)
	for i := range signed.Signatures {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := &signed.Signatures[i]
		candidate, err := j.hear(ctx, s, out)
		if err != nil {
			return nil, err
		}
		out.Candidates = append(out.Candidates, *candidate)
	}
	out.keys, out.Notes = j.referred(), append(out.Notes, j.notes...)
	out.unjudged = append(out.unjudged, j.unjudged...)
	for i := range out.Facts {
		if err := out.document(ctx, &out.Facts[i], l.Details); err != nil {
			return nil, err
		}
	}
	table, err := l.builders(ctx, in.Verify.BuildersFile)
	if err != nil {
		return nil, err
	}
	out.Provenance = out.assess(table)
	return out, nil
}

// document reads the SBOM of a fact; one that cannot be read is a note.
func (f *ImageFacts) document(ctx context.Context, of *fact.Fact, details bool) error {
	raw, is, err := provenance.SBOM(&provenance.Statement{PredicateType: of.PredicateType, Predicate: of.Predicate})
	if !is {
		return nil
	}
	if err == nil {
		var docs []*sbom.Document
		docs, err = decode.Bytes(ctx, of.Source.Short(), raw, decode.Limits{Digest: ident.SHA256(raw), Details: details})
		for _, d := range docs {
			f.SBOMs = append(f.SBOMs, AttestedSBOM{d, raw, of})
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		f.Notes = append(f.Notes, "the SBOM in "+of.Source.Short()+" cannot be read: "+err.Error())
	}
	return nil
}
