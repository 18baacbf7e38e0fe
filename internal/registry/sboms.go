package registry

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Origin says where a document comes from. It is what was found, and not who put it
// there.
type Origin struct {
	Image    ident.ImageRef // what it is attached to: registry, repository and digest; no tag
	How      How
	Manifest ident.Digest // of the manifest that attaches it
	// Blob is what was fetched: the document itself, or the statement, envelope or
	// bundle around it, whose own digest that is.
	Blob      ident.Digest
	Predicate string // type of the statement's predicate; "" where the document came bare
}

// Document is an SBOM that is attached to an image.
type Document struct {
	// Bytes are the document's own, as they were attached; in a statement, the
	// predicate's as they stand there. Where Fault is set they are the blob's.
	Bytes     []byte
	MediaType string
	// Identity is what the artifact is known by that the document is about.
	Identity   []ident.RoledDigest
	References []ident.ImageRef // of that artifact: as it was asked for, and by digest
	Platform   string
	Origin     Origin
	// Fault is why it is not to be believed to be about the image, or cannot be read;
	// nil where nothing speaks against it. That it is true, nothing says.
	Fault error
}

// Search says what SBOMs does beside the usual.
type Search struct {
	// Known reports whether what is attached is known from before, and whether it was an
	// SBOM: it is then not fetched again, and counted. nil knows none. It is asked by one
	// goroutine at a time.
	Known func(o Origin) (known, isSBOM bool)
	// Aside is told of what was fetched and is no SBOM of the image, so that it can be
	// known from then on. nil tells nobody.
	Aside func(o Origin)
}

// Found is what a search for SBOMs came to.
type Found struct {
	Image     *Image
	Documents int // handed over without fault
	Faulty    int // handed over with one
	Known     int // known from before
	// Aside counts what is attached and is no SBOM of the image: signatures, provenance,
	// the SBOM of a build's context.
	Aside int
	// Unchecked are the questions that were not answered: with any of them, what was
	// found may not be all.
	Unchecked []error
}

// None returns nil where the search found something, and otherwise says which of the
// two classes that is: an error of ident.KindNotFound where really nothing is attached,
// of ident.KindIndeterminate where it could not be checked.
func (f *Found) None() error {
	if f.Documents+f.Faulty+f.Known > 0 {
		return nil
	}
	if len(f.Unchecked) > 0 {
		return f.Unchecked[0]
	}
	e := ident.Errorf(ident.KindNotFound, "no SBOM is attached to %s", f.Image.Reference)
	if f.Aside > 0 {
		e = ident.Errorf(ident.KindNotFound, "no SBOM is attached to %s; %d other things are", f.Image.Reference, f.Aside)
	}
	if f.Image.NoImage {
		return e.WithHint("it is no container image")
	}
	return e.WithHint("docker buildx build --sbom=true, cosign attest, or oras attach put one there")
}

// SBOMs finds the SBOMs that are attached to an image and to each of its platforms,
// and hands them to take one at a time: referrers, cosign's tags, Sigstore bundles and
// BuildKit's attestation manifests. An error of take ends the search. An image that
// cannot be read is an error; what cannot be read of its attachments is in Found.
func (c *Client) SBOMs(ctx context.Context, ref ident.ImageRef, search Search, take func(*Document) error) (*Found, error) {
	whole, cancel := context.WithTimeoutCause(ctx, c.limits.Whole, &Fault{Reason: Away, Host: ref.Registry, What: "everything that is attached to " + ref.String(), Err: errSlow})
	defer cancel()
	img, err := c.image(whole, ref)
	if err != nil {
		return nil, explained(err)
	}
	s := &searching{Client: c, search: search, take: take, found: &Found{Image: img}, seen: map[candidate]bool{}, room: c.limits.Image}
	if img.mirrored {
		s.unchecked(ident.Errorf(ident.KindIndeterminate, "a mirror stood in for %s: what it lacks may be there", ref.Registry))
	}
	attached, err := s.attached(whole)
	if err != nil {
		return nil, explained(err)
	}
	for i := range attached {
		if err := s.read(whole, &attached[i]); err != nil {
			if ctx.Err() == nil && whole.Err() != nil {
				s.unchecked(explained(context.Cause(whole)))
				break
			}
			return nil, explained(err)
		}
	}
	return s.found, nil
}

// searching is one search.
type searching struct {
	*Client
	search Search
	take   func(*Document) error
	found  *Found
	seen   map[candidate]bool
	room   int64 // bytes that may still be fetched
}

// candidate is a blob that is attached to something.
type candidate struct{ subject, blob ident.Digest }

func (s *searching) unchecked(err error) { s.found.Unchecked = append(s.found.Unchecked, err) }

// attached collects the manifests that are attached to an image and its platforms, in
// the order in which their subjects are listed.
func (s *searching) attached(ctx context.Context) ([]Attachment, error) {
	img := s.found.Image
	subjects := img.subjects()
	each := make([]*Attachments, len(subjects))
	faults := make([]error, len(subjects))
	var wg sync.WaitGroup
	for i, d := range subjects {
		wg.Go(func() { each[i], faults[i] = s.Attached(ctx, img.Reference, d, ByCosignSBOM, ByCosignAttestation) })
	}
	wg.Wait()
	var out []Attachment
	for i := range each {
		if faults[i] != nil {
			return nil, faults[i]
		}
		out = append(out, each[i].Found...)
		s.found.Unchecked = append(s.found.Unchecked, each[i].Unchecked...)
	}
	for _, a := range img.attestations {
		if !img.has(a.about) {
			s.unchecked(ident.Errorf(ident.KindIndeterminate, "the index %s holds attestations about %s, which it does not list", img.Reference, a.about.Short()))
			continue
		}
		o, err := s.byDigest(ctx, img.Reference, a.digest, false)
		if err != nil {
			if over(ctx) != nil {
				return nil, err
			}
			s.unchecked(missing(err))
			continue
		}
		out = append(out, o.attachment(ByAttestation, a.about))
	}
	return out, nil
}

// read goes through the layers of an attached manifest.
func (s *searching) read(ctx context.Context, a *Attachment) error {
	for _, l := range a.Layers {
		what := guess(a, &l)
		if what == nothing {
			s.found.Aside++
			continue
		}
		if k := (candidate{a.Subject, l.Digest}); s.seen[k] {
			continue // attached in two ways
		} else {
			s.seen[k] = true
		}
		image := s.found.Image.Reference
		image.Tag, image.Digest = "", a.Subject
		o := Origin{Image: image, How: a.How, Manifest: a.Digest, Blob: l.Digest}
		if s.search.Known != nil {
			if known, is := s.search.Known(o); known {
				if is {
					s.found.Known++
				} else {
					s.found.Aside++
				}
				continue
			}
		}
		if l.Size > s.room {
			s.unchecked(ident.Errorf(ident.KindIndeterminate, "what is attached to %s is larger than %d bytes in all; %s was left out", s.found.Image.Reference, s.limits.Image, l.Digest.Short()))
			continue
		}
		raw, err := s.blob(ctx, image, l)
		if err != nil {
			var f *Fault
			if !errors.As(err, &f) || over(ctx) != nil {
				return err
			}
			s.unchecked(missing(err))
			continue
		}
		s.room -= int64(len(raw))
		d := &Document{Bytes: raw, MediaType: l.MediaType, Origin: o}
		if !s.open(d, what) {
			s.found.Aside++
			if s.search.Aside != nil {
				s.search.Aside(o)
			}
			continue
		}
		if d.Fault != nil {
			s.found.Faulty++
		} else {
			s.found.Documents++
		}
		if err := s.take(d); err != nil {
			return err
		}
	}
	return nil
}

// content is what a layer may hold, by what its manifest says.
type content uint8

const (
	nothing     content = iota
	document            // an SBOM
	attestation         // a statement, an envelope or a bundle
	either              // a type that says nothing: its bytes decide
)

// guess says what a layer may hold. It goes by the attached manifest alone, whose
// digest was checked: who wrote it wrote the document, too, and a registry cannot
// change it. What a list of referrers says of it counts for nothing.
func guess(a *Attachment, l *Layer) content {
	if a.How == ByCosignSBOM {
		return document
	}
	if t, ok := l.Annotations["in-toto.io/predicate-type"]; ok && !isSBOM(t) {
		return nothing
	}
	switch t := strings.ToLower(l.MediaType); {
	case strings.Contains(t, "dsse"), strings.Contains(t, "in-toto"), strings.Contains(t, "sigstore.bundle"):
		return attestation
	case hints(t):
		return document
	case strings.Contains(t, "simplesigning"), strings.Contains(t, "empty"):
		return nothing
	case hints(strings.ToLower(a.ArtifactType)):
		return document
	case t == "application/json", t == "application/octet-stream", strings.HasPrefix(t, "text/"), t == "application/xml":
		return either
	}
	return nothing
}

// hints reports whether a type speaks of SBOMs.
func hints(t string) bool {
	for _, w := range []string{"spdx", "cyclonedx", "sbom", "syft"} {
		if strings.Contains(t, w) {
			return true
		}
	}
	return false
}
