package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/report"
)

// sbomVerdict says which SBOM a signature is around, and what its verdict makes of that;
// nil where it is around something else. What is in a statement that did not verify is
// read for one thing: to say of that very document that its signature was refused. named
// says that the question named whose signature is accepted.
func sbomVerdict(raw []byte, v *report.Verdict, named bool) *report.SBOMVerdict {
	s := &provenance.Statement{}
	if v.Fact != nil { // what was verified, and not what another reader finds in the bytes
		s.PredicateType, s.Predicate = v.Fact.PredicateType, v.Fact.Predicate
	} else if a, err := provenance.Open(raw, provenance.Limits{}); err == nil {
		s = a.Statement
	}
	doc, is, err := provenance.SBOM(s)
	if !is || err != nil {
		return nil //nolint:nilerr // a predicate that is no document is none
	}
	out := &report.SBOMVerdict{Document: ident.SHA256(doc).String(), Trust: inventory.SBOMInvalid}
	if c, err := provenance.ContentDigest(doc); err == nil {
		out.Content = c.String()
	}
	switch {
	case v.Verdict == report.Verified && v.Fact != nil && v.Fact.Claim == fact.Attestation:
		out.Artifact, out.SignedBy, out.Trust = v.Fact.Artifact.String(), report.SignerOf(&v.Fact.Signer), inventory.SBOMVerified
		if !named {
			out.Trust, out.Reason = inventory.SBOMUnchecked, "signed by "+out.SignedBy+", and nobody said whose signature of SBOMs is accepted"
			out.SignedBy = ""
		}
	case v.Verdict == report.Indeterminate:
		out.Trust, out.Reason = inventory.SBOMUnchecked, v.Message
	default:
		out.Reason = "its signature was refused: " + v.Message
	}
	return out
}

// content enters what a document says into Contents.
func (l *Loader) content(raw []byte) error {
	if l.Contents == nil {
		return nil
	}
	d, err := provenance.SBOMContent(raw)
	l.Contents[ident.SHA256(raw)] = d
	return err
}

// SBOMTrust reads what `verify image -o json` and `verify bundle -o json` said.
func (l *Loader) SBOMTrust(ctx context.Context, paths []string) (*inventory.Trust, error) {
	t := &inventory.Trust{}
	for _, arg := range paths {
		files, err := l.expand(arg, hasExt(".json"))
		if err != nil {
			return nil, err
		}
		before := len(t.Images) + len(t.Documents)
		for _, f := range files {
			raw, err := l.read(ctx, f.name)
			if err != nil {
				return nil, err
			}
			if err := report.ReadTrust(raw, t); err != nil && (!f.walked || ident.KindOf(err) != ident.KindUnsupported) {
				return nil, located(f.name, err)
			}
		}
		if len(t.Images)+len(t.Documents) == before {
			return nil, ident.Errorf(ident.KindInvalid, "holds no verification").At(arg).WithHint("cofferdam verify image IMAGE … -o json --output-file FILE")
		}
	}
	return t, nil
}

// askers is how many images are verified at once: registries limit how often they are
// asked, and each image is several requests.
const askers = 4

// VerifySBOMs asks the registries of images who vouches for their SBOMs. in.Image is not
// looked at. What could not be checked is in the answer; an error says that the question
// is wrong.
func (l *Loader) VerifySBOMs(ctx context.Context, images []ident.ImageRef, in FactInputs) (*inventory.Trust, error) {
	if _, err := l.verifyOptions(ctx, in.Verify); err != nil { // before anybody is asked
		return nil, err
	}
	in.Verify = once(in.Verify)
	t := &inventory.Trust{Images: make([]inventory.CheckedImage, len(images))}
	faults := make([]error, len(images))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(askers, len(images)) {
		wg.Go(func() {
			quiet := *l
			quiet.Progress = nil
			for i := range next {
				ask := in
				ask.Image = images[i].String()
				a, err := quiet.VerifyImage(ctx, ask, "")
				var c *inventory.CheckedImage
				if err == nil {
					c, err = report.Checked(a)
				}
				if err != nil {
					faults[i] = err
					continue
				}
				t.Images[i] = *c
			}
		})
	}
	for i := range images {
		l.progress("asking who vouches for SBOMs", i, len(images))
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return t, errors.Join(faults...)
}

// once has the public trusted root asked for one time, whoever needs it.
func once(in VerifyInputs) VerifyInputs {
	ask := in.Roots
	if ask == nil {
		return in
	}
	var do sync.Once
	var raw []byte
	var notes []string
	var err error
	in.Roots = func(ctx context.Context, at time.Time) ([]byte, []string, error) {
		do.Do(func() { raw, notes, err = ask(ctx, at) })
		return raw, notes, err
	}
	return in
}
