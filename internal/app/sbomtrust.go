package app

import (
	"cmp"
	"context"
	"encoding/json"
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
		out.Artifact, out.SignedBy, out.Trust = v.Fact.Artifact.String(), signerOf(&v.Fact.Signer), inventory.SBOMVerified
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

func signerOf(s *fact.Signer) string {
	switch {
	case s.Certificate != nil:
		return s.Certificate.Subject
	case s.X509 != nil:
		return s.X509.Subject
	}
	return cmp.Or(s.Key.Name, s.Key.ID.Short())
}

// content enters what a document says into Contents.
func (l *Loader) content(raw []byte) error {
	if l.Contents == nil {
		return nil
	}
	doc := raw
	if a, err := provenance.Open(raw, provenance.Limits{}); err == nil {
		if in, is, err := provenance.SBOM(a.Statement); is && err == nil {
			doc = in
		}
	}
	d, err := provenance.ContentDigest(doc)
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
			if err := readTrust(raw, t); err != nil && (!f.walked || ident.KindOf(err) != ident.KindUnsupported) {
				return nil, located(f.name, err)
			}
		}
		if len(t.Images)+len(t.Documents) == before {
			return nil, ident.Errorf(ident.KindInvalid, "holds no verification").At(arg).WithHint("cofferdam verify image IMAGE … -o json --output-file FILE")
		}
	}
	return t, nil
}

func readTrust(raw []byte, t *inventory.Trust) error {
	var a struct { // of both answers, what is asked for here
		SchemaVersion, Image, At, Verdict, Message string
		Digests, Unchecked                         []string
		Candidates                                 []report.Candidate
		Results                                    []report.Verdict
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return ident.Errorf(ident.KindInvalid, "is no answer of verify: %w", err)
	}
	switch {
	case a.SchemaVersion != inventory.SchemaVersion || a.Verdict == "":
		return ident.Errorf(ident.KindUnsupported, "is no answer of verify image or verify bundle").WithHint("cofferdam verify image IMAGE … -o json --output-file FILE")
	case a.Results != nil:
		for i := range a.Results {
			v := &a.Results[i]
			switch {
			case v.SBOM != nil:
				s, err := vouched(v.SBOM)
				if err != nil {
					return err
				}
				t.Documents = append(t.Documents, s)
			case v.Fact != nil && v.Verdict == report.Verified && v.Fact.Claim == fact.Signature:
				t.Documents = append(t.Documents, inventory.VouchedSBOM{Document: v.Fact.Artifact, Artifact: v.Fact.Artifact, Trust: inventory.SBOMVerified, By: signerOf(&v.Fact.Signer)})
			}
		}
		return nil
	}
	c, err := checked(&report.ImageVerification{Image: a.Image, At: a.At, Message: a.Message, Digests: a.Digests, Unchecked: a.Unchecked, Candidates: a.Candidates})
	if err != nil {
		return err
	}
	t.Images = append(t.Images, *c)
	return nil
}

// checked is what a verification of an image says of SBOMs.
func checked(a *report.ImageVerification) (*inventory.CheckedImage, error) {
	c := &inventory.CheckedImage{}
	var err error
	if c.Reference, err = ident.ParseImageRef(a.Image); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "%w", err)
	}
	if c.At, err = time.Parse(time.RFC3339, a.At); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "does not say when it was judged: %w", err).WithHint("cofferdam verify image writes at")
	}
	for _, d := range a.Digests {
		g, err := ident.ParseDigest(d)
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "%w", err)
		}
		c.Digests = append(c.Digests, g)
	}
	if len(a.Unchecked) > 0 {
		c.Open = a.Unchecked[0]
	} else if len(c.Digests) == 0 {
		c.Open = cmp.Or(a.Message, "the registry did not say which image it is")
	}
	for i := range a.Candidates {
		if x := a.Candidates[i].SBOM; x != nil {
			s, err := vouched(x)
			if err != nil {
				return nil, err
			}
			c.SBOMs = append(c.SBOMs, s)
		} else if v := &a.Candidates[i].Verdict; v.Verdict == report.Indeterminate && c.Open == "" {
			c.Open = v.Message
		}
	}
	return c, nil
}

func vouched(x *report.SBOMVerdict) (s inventory.VouchedSBOM, err error) {
	s = inventory.VouchedSBOM{Trust: x.Trust, By: x.SignedBy, Reason: x.Reason}
	for _, d := range []struct {
		text string
		into *ident.Digest
	}{{x.Document, &s.Document}, {x.Content, &s.Content}, {x.Artifact, &s.Artifact}} {
		if d.text == "" {
			continue
		}
		if *d.into, err = ident.ParseDigest(d.text); err != nil {
			return s, ident.Errorf(ident.KindInvalid, "%w", err)
		}
	}
	switch {
	case x.Trust != inventory.SBOMVerified && x.Trust != inventory.SBOMInvalid && x.Trust != inventory.SBOMUnchecked:
		return s, ident.Errorf(ident.KindInvalid, "%.40q is no word for the trust of an SBOM", x.Trust)
	case x.Trust == inventory.SBOMVerified && (s.Document.IsZero() || s.Artifact.IsZero() || s.By == ""):
		return s, ident.Errorf(ident.KindInvalid, "an SBOM is said to be verified, and not which, of what or by whom")
	}
	return s, nil
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
					c, err = checked(a)
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
