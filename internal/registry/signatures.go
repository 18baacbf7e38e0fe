package registry

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Elsewhere is another repository in which signatures of an image may lie, under
// cosign's tags (COSIGN_REPOSITORY, source of a ClusterImagePolicy).
type Elsewhere struct {
	Repository ident.ImageRef // zero: the image's own
	TagPrefix  string
}

// SignatureSearch says what Signatures looks for beside the usual.
type SignatureSearch struct {
	// Platform adds what is attached to one platform of an index, "linux/amd64". Without
	// it only what is attached to the digest that the reference means counts: a signature
	// of one platform says nothing about the others. An index of one platform is that one.
	Platform  string
	Elsewhere []Elsewhere
	// Same are the annotations of a layer that are part of its signature: layers that
	// agree in them and in their content are one.
	Same []string
}

// Signature is what may hold a signature of an image: bytes that have the digest by which
// they are attached, and that nobody verified.
type Signature struct {
	Origin    Origin
	MediaType string
	// Annotations are the layer's. Cosign keeps signatures there.
	Annotations map[string]string
	Bytes       []byte
	// Fault is why Bytes were not fetched for a reason that lies in the attachment itself
	// and not in who was asked: nobody could have them. nil otherwise.
	Fault error
}

// Signed is what a search for signatures came to.
type Signed struct {
	Image *Image
	// Subjects are the digests that the image goes by and that were looked at.
	Subjects []ident.Digest
	// Signatures are in the order of subjects, ways and manifests.
	Signatures []Signature
	Aside      int // attached, and by its own manifest no signature
	// Unchecked are the questions that were not answered: with any of them, what was
	// not found may be there.
	Unchecked []error
}

// Signatures reads what may be signatures and attestations of an image: referrers, by
// the API and by the tag schema, and what stands under cosign's tags. The reference is
// resolved once; everything is about that digest. Each object is fetched once, and
// types that a list of referrers claims count for nothing. An image that cannot be
// read is an error.
func (c *Client) Signatures(ctx context.Context, ref ident.ImageRef, search SignatureSearch) (*Signed, error) {
	whole, cancel := context.WithTimeoutCause(ctx, c.limits.Whole, &Fault{Reason: Away, Host: ref.Registry, What: "everything that is attached to " + ref.String(), Err: errSlow})
	defer cancel()
	img, err := c.image(whole, ref)
	if err != nil {
		return nil, explained(err)
	}
	out := &Signed{Image: img}
	if out.Subjects, err = img.platform(search.Platform); err != nil {
		return nil, err
	}
	if img.mirrored {
		out.Unchecked = append(out.Unchecked, ident.Errorf(ident.KindIndeterminate, "a mirror stood in for %s: what it lacks may be there", ref.Registry))
	}
	found, err := c.everywhere(whole, img.Reference, out.Subjects, search.Elsewhere)
	if err == nil {
		out.Unchecked = append(out.Unchecked, found.Unchecked...)
		err = c.fetchSignatures(whole, out, found.Found, search.Same)
	}
	if err != nil {
		return nil, explained(err)
	}
	return out, nil
}

// platform returns the digests that the image goes by: what was asked for, and where
// that is an index, the manifest of the platform that is named, or of its only one.
func (i *Image) platform(name string) ([]ident.Digest, error) {
	out := []ident.Digest{i.Reference.Digest}
	if i.Index.IsZero() {
		return out, nil
	}
	var there []string
	for _, v := range i.Variants {
		if name == "" && len(i.Variants) == 1 || name != "" && (v.Platform == name || strings.HasPrefix(v.Platform, name+"/")) {
			return append(out, v.Manifest), nil
		}
		there = append(there, v.Platform)
	}
	if name != "" {
		return nil, ident.Errorf(ident.KindUsage, "%s has no platform %.40q", i.Reference, name).WithHint("one of: %s", strings.Join(there, ", "))
	}
	return out, nil
}

// placed is an attachment with the repository that it lies in.
type placed struct {
	Attachment
	repo ident.ImageRef
}

type placedAttachments struct {
	Found     []placed
	Unchecked []error
}

// everywhere collects what is attached to digests, in their repository and in others.
func (c *Client) everywhere(ctx context.Context, repo ident.ImageRef, subjects []ident.Digest, others []Elsewhere) (*placedAttachments, error) {
	repo.Tag, repo.Digest = "", ident.Digest{}
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		out   placedAttachments
		fault error
	)
	take := func(at ident.ImageRef, a *Attachments, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			fault = err
			return
		}
		for _, f := range a.Found {
			out.Found = append(out.Found, placed{f, at})
		}
		out.Unchecked = append(out.Unchecked, a.Unchecked...)
	}
	for _, d := range subjects {
		wg.Go(func() {
			a, err := c.Attached(ctx, repo, d, ByCosignSignature, ByCosignAttestation)
			take(repo, a, err)
		})
		for _, e := range others {
			if e.Repository == (ident.ImageRef{}) {
				e.Repository = repo
			}
			wg.Go(func() {
				a, err := collect(ctx, func(wg *sync.WaitGroup, add func([]Attachment, ...error)) {
					c.tags(ctx, wg, e.Repository, d, e.TagPrefix, []How{ByCosignSignature, ByCosignAttestation}, add)
				})
				take(e.Repository, a, err)
			})
		}
	}
	wg.Wait()
	if fault != nil {
		return nil, fault
	}
	rank := map[ident.Digest]int{}
	for i, d := range subjects {
		rank[d] = i
	}
	slices.SortFunc(out.Found, func(a, b placed) int {
		return cmp.Or(cmp.Compare(rank[a.Subject], rank[b.Subject]), cmp.Compare(a.repo.String(), b.repo.String()), cmp.Compare(a.How, b.How), cmp.Compare(a.Digest.String(), b.Digest.String()))
	})
	slices.SortFunc(out.Unchecked, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return &out, nil
}

// maxSignatures bounds what is fetched for one image: images have some ten.
const maxSignatures = 1000

// fetchSignatures fetches the layers that may be signatures, each blob once, several at
// a time.
func (c *Client) fetchSignatures(ctx context.Context, out *Signed, found []placed, same []string) error {
	type blob struct {
		repo  ident.ImageRef
		layer Layer
		raw   []byte
		err   error
	}
	var blobs []*blob
	known := map[cacheKey]*blob{}
	var of []*blob // beside out.Signatures
	seen := map[string]bool{}
	room := c.limits.Document // of all, since they are held at once
	for _, p := range found {
		for _, l := range p.Layers {
			if !maySign(&p.Attachment, &l) {
				out.Aside++
				continue
			}
			id := p.Subject.String() + l.Digest.String()
			for _, name := range same {
				id += "\x00" + l.Annotations[name]
			}
			if seen[id] {
				continue // the same signature, attached again
			}
			seen[id] = true
			if len(of) == maxSignatures {
				out.Unchecked = append(out.Unchecked, ident.Errorf(ident.KindIndeterminate, "more than %d signatures are attached to %s; the others were left out", maxSignatures, out.Image.Reference))
				break
			}
			image := p.repo
			image.Digest = p.Subject
			s := Signature{Origin: Origin{Image: image, How: p.How, Manifest: p.Digest, Blob: l.Digest}, MediaType: l.MediaType, Annotations: l.Annotations}
			b := known[cacheKey{p.repo.Name(), l.Digest}]
			switch {
			case b != nil:
			case l.Size <= 0:
				s.Fault = ident.Errorf(ident.KindInvalid, "its manifest does not say how many bytes it has")
			case l.Size > c.limits.Signature:
				s.Fault = ident.Errorf(ident.KindLimit, "it has %d bytes, more than the %d that are taken of a signature", l.Size, c.limits.Signature)
			case l.Size > room:
				s.Fault = ident.Errorf(ident.KindLimit, "what is attached to %s is larger than %d bytes in all", out.Image.Reference, c.limits.Document)
			default:
				room -= l.Size
				b = &blob{repo: image, layer: l}
				known[cacheKey{p.repo.Name(), l.Digest}] = b
				blobs = append(blobs, b)
			}
			out.Signatures, of = append(out.Signatures, s), append(of, b)
		}
	}
	next := make(chan *blob)
	var wg sync.WaitGroup
	for range min(len(blobs), c.limits.Concurrency) {
		wg.Go(func() {
			for b := range next {
				b.raw, b.err = c.blob(ctx, b.repo, b.layer)
			}
		})
	}
	for _, b := range blobs {
		next <- b
	}
	close(next)
	wg.Wait()
	if err := over(ctx); err != nil {
		return err
	}
	told := map[*blob]bool{}
	kept := out.Signatures[:0]
	for i, s := range out.Signatures {
		b := of[i]
		if b == nil || b.err == nil {
			if b != nil {
				s.Bytes = b.raw
			}
			kept = append(kept, s)
			continue
		}
		if !told[b] {
			told[b] = true
			out.Unchecked = append(out.Unchecked, missing(b.err))
		}
	}
	out.Signatures = kept
	return nil
}

// maySign reports whether a layer may hold a signature, by its own manifest, whose digest
// was checked. What says nothing of its type is looked at.
func maySign(a *Attachment, l *Layer) bool {
	if a.How == ByCosignSignature || a.How == ByCosignAttestation {
		return true
	}
	kind := strings.ToLower(l.MediaType)
	for _, w := range []string{"sigstore.bundle", "dsse", "in-toto", "simplesigning", "cncf.notary", "application/jose+json", "application/cose"} {
		if strings.Contains(kind, w) || strings.Contains(strings.ToLower(a.ArtifactType), w) {
			return true
		}
	}
	_, annotated := l.Annotations["dev.cosignproject.cosign/signature"]
	return annotated || kind == "application/json" || kind == "application/octet-stream"
}
