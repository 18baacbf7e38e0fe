package registry

import (
	"context"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Image is what a reference means at a registry now.
type Image struct {
	// Reference is what was asked for, with the digest that it means.
	Reference ident.ImageRef
	// Index is the digest of an image index, and zero where the reference means a
	// manifest.
	Index    ident.Digest
	Variants []Variant // one for each platform; one where there is no index
	// NoImage is true where the reference means something else that is kept in a
	// registry, such as a chart or a signature.
	NoImage bool

	attestations []attestationManifest
	mirrored     bool // it was read from a mirror
}

// Variant is the image of one platform.
type Variant struct {
	Manifest ident.Digest
	Config   ident.Digest // zero where its manifest is not there: registries may hold some platforms only
	Platform string       // "linux/amd64"; "" where the index does not say
}

// attestationManifest is what BuildKit adds to an index for each platform.
type attestationManifest struct {
	digest ident.Digest
	about  ident.Digest
}

// Image resolves a reference, and reads the manifests of all its platforms.
func (c *Client) Image(ctx context.Context, ref ident.ImageRef) (*Image, error) {
	img, err := c.image(ctx, ref)
	return img, explained(err)
}

func (c *Client) image(ctx context.Context, ref ident.ImageRef) (*Image, error) {
	var o *object
	var err error
	if ref.Digest.IsZero() {
		o, err = c.byTag(ctx, ref, tagOf(ref))
	} else {
		o, err = c.byDigest(ctx, ref, ref.Digest, true)
	}
	if err != nil {
		return nil, err
	}
	img := &Image{Reference: ref, mirrored: o.mirror, NoImage: !o.isImage()}
	img.Reference.Digest = o.digest
	if !o.index {
		img.Variants = []Variant{{Manifest: o.digest, Config: o.config.Digest}}
		return img, nil
	}
	img.Index = o.digest
	if len(o.manifests) > c.limits.Platforms {
		return nil, ident.Errorf(ident.KindLimit, "the index %s lists %d manifests; at most %d are read", img.Reference, len(o.manifests), c.limits.Platforms)
	}
	for _, m := range o.manifests {
		if m.Annotations["vnd.docker.reference.type"] == "attestation-manifest" {
			about, err := ident.ParseDigest(m.Annotations["vnd.docker.reference.digest"])
			if err != nil {
				about = ident.Digest{} // of no platform: told where it is read
			}
			img.attestations = append(img.attestations, attestationManifest{m.Digest, about})
			continue
		}
		img.Variants = append(img.Variants, Variant{Manifest: m.Digest, Platform: m.platform})
	}
	return img, c.configs(ctx, img)
}

// configs reads the manifests of an index for the digests of their configurations.
func (c *Client) configs(ctx context.Context, img *Image) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		fault error
	)
	for i := range img.Variants {
		v := &img.Variants[i]
		wg.Go(func() {
			o, err := c.byDigest(ctx, img.Reference, v.Manifest, false)
			switch {
			case err == nil && o.index:
				err = ident.Errorf(ident.KindUnsupported, "the index %s lists an index, and indexes of indexes are not read", img.Reference)
			case err == nil:
				v.Config = o.config.Digest
			case absent(err):
				err = nil
			}
			if err != nil {
				mu.Lock()
				fault = err
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return fault
}

// identity is what an artifact is known by, that something attached to a digest is
// about: the digest itself, its configuration's, and the index that lists it. An index
// of a single platform is that platform.
func (i *Image) identity(subject ident.Digest) (ids []ident.RoledDigest, platform string) {
	if subject == i.Index && len(i.Variants) == 1 {
		subject = i.Variants[0].Manifest
	}
	for _, v := range i.Variants {
		if v.Manifest == subject {
			ids = append(ids, ident.RoledDigest{Role: ident.RoleManifest, Digest: v.Manifest})
			if !v.Config.IsZero() && !i.NoImage {
				ids = append(ids, ident.RoledDigest{Role: ident.RoleConfig, Digest: v.Config})
			}
			platform = v.Platform
		}
	}
	if !i.Index.IsZero() {
		ids = append(ids, ident.RoledDigest{Role: ident.RoleIndex, Digest: i.Index})
	}
	return ids, platform
}

// subjects are the digests to which something may be attached.
func (i *Image) subjects() []ident.Digest {
	out := []ident.Digest{i.Reference.Digest}
	for _, v := range i.Variants {
		if v.Manifest != i.Reference.Digest {
			out = append(out, v.Manifest)
		}
	}
	return out
}

// has reports whether a digest is the image's own, or that of one of its platforms.
func (i *Image) has(d ident.Digest) bool {
	for _, s := range i.subjects() {
		if s == d {
			return true
		}
	}
	return false
}
