package registry

import (
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// Annotations of a manifest that name the image that it was built on (OCI image
// specification 1.1, "Pre-Defined Annotation Keys").
const (
	baseName   = "org.opencontainers.image.base.name"
	baseDigest = "org.opencontainers.image.base.digest"
)

// Stack is what an image is made of.
type Stack struct {
	// Layers are those of all its platforms, compressed as the registry has them and as
	// the configuration names their content, each once.
	Layers    []ident.Digest
	Manifests []ident.Digest // of its platforms
	// Base is the image that it says it was built on, with a digest; zero where it says
	// none, or its platforms say different ones.
	Base ident.ImageRef
}

// Stack reads the layers of an image. Of an index whose platforms are not all there,
// those that are count.
func (c *Client) Stack(ctx context.Context, ref ident.ImageRef) (*Stack, error) {
	s, err := c.stack(ctx, ref, true)
	return s, explained(err)
}

// Base is Stack without the layers, which costs less: it reads manifests alone.
func (c *Client) Base(ctx context.Context, ref ident.ImageRef) (*Stack, error) {
	s, err := c.stack(ctx, ref, false)
	return s, explained(err)
}

func (c *Client) stack(ctx context.Context, ref ident.ImageRef, layers bool) (*Stack, error) {
	img, err := c.image(ctx, ref)
	if err != nil {
		return nil, err
	}
	if img.NoImage {
		return nil, ident.Errorf(ident.KindUnsupported, "%s is no image, and has no layers", img.Reference)
	}
	out := &Stack{}
	seen := map[ident.Digest]bool{}
	add := func(d ident.Digest) {
		if !d.IsZero() && !seen[d] {
			seen[d] = true
			out.Layers = append(out.Layers, d)
		}
	}
	said := map[ident.ImageRef]bool{}
	for _, v := range img.Variants {
		if v.Config.IsZero() {
			continue // of a platform that the registry does not hold
		}
		o, err := c.byDigest(ctx, img.Reference, v.Manifest, false)
		if err != nil {
			return nil, err
		}
		out.Manifests = append(out.Manifests, v.Manifest)
		said[baseOf(o.annotations)] = true
		if !layers {
			continue
		}
		for _, l := range o.layers {
			add(l.Digest)
		}
		if o.config.Size > c.limits.Manifest {
			return nil, ident.Errorf(ident.KindLimit, "the configuration of %s is announced with %d bytes; at most %d are read", img.Reference, o.config.Size, c.limits.Manifest)
		}
		raw, err := c.blob(ctx, img.Reference, o.config)
		if err != nil {
			return nil, err
		}
		ids, err := diffIDs(raw, c.limits.Layers)
		if err != nil {
			return nil, err
		}
		for _, d := range ids {
			add(d)
		}
	}
	if len(said) == 1 {
		for r := range said {
			out.Base = r
		}
	}
	return out, nil
}

// baseOf is the image that annotations name; one without a digest is a tag, which may
// mean another image by now, and names none.
func baseOf(annotations map[string]string) ident.ImageRef {
	r, err := ident.ParseImageRef(annotations[baseName])
	if err != nil {
		return ident.ImageRef{}
	}
	d, err := ident.ParseDigest(annotations[baseDigest])
	if err != nil {
		return ident.ImageRef{}
	}
	r.Digest = d
	return r
}

// diffIDs reads what a configuration says of its layers' content (OCI image
// specification, "config.md": rootfs.diff_ids).
func diffIDs(raw []byte, most int) ([]ident.Digest, error) {
	r := jsonscan.New(raw, jsonscan.Options{})
	var out []ident.Digest
	if r.Kind() != jsonscan.Object {
		return nil, ident.Errorf(ident.KindInvalid, "the configuration of an image is no JSON object")
	}
	r.Members(func(key string) {
		if key != "rootfs" {
			return
		}
		r.Members(func(key string) {
			if key != "diff_ids" {
				return
			}
			for _, s := range r.Strings() {
				if d, err := ident.ParseDigest(s); err == nil {
					out = append(out, d)
				}
			}
		})
	})
	if err := r.End(); err != nil {
		return nil, err
	}
	if len(out) > most {
		return nil, ident.Errorf(ident.KindLimit, "the configuration of an image lists %d layers; at most %d are read", len(out), most)
	}
	return out, nil
}
