package app

import (
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Base reads what is known of an image that others were built on: its layers and the
// SBOMs attached to it where it is an image in a registry, or SBOMs of it. One that has
// neither is an error.
func (l *Loader) Base(ctx context.Context, arg string, in RegistryInputs) (vuln.Base, []Problem, error) {
	b := vuln.Base{Name: arg}
	if !l.IsImage(arg) {
		docs, problems, err := l.SBOMs(ctx, []string{arg})
		if err == nil && len(docs) == 0 {
			err = ident.Errorf(ident.KindFailure, "is no SBOM of a base image").At(arg).WithHint("--base debian.cdx.json, or registry.example/debian:12 of a registry")
			if len(problems) > 0 {
				err = ident.Errorf(ident.KindFailure, "is no SBOM of a base image: %s", problems[0].Message).At(arg)
			}
		}
		if len(docs) == 1 && docs[0].Subject.Name != "" {
			b.Name = docs[0].Subject.Name
			if v := docs[0].Subject.Version; v != "" && len(docs[0].Subject.References) == 0 {
				b.Name += " " + v
			}
		}
		b.Documents = docs
		return b, problems, err
	}
	ref, err := ident.ParseImageRef(arg)
	if err != nil {
		return b, nil, ident.Errorf(ident.KindUsage, "%w", err).WithHint("registry.example/debian:12, or with @sha256:…")
	}
	c, err := in.client()
	if err != nil {
		return b, nil, err
	}
	defer c.Close()
	l.progress("reading the layers of the base image", 0, 0)
	s, err := c.Stack(ctx, ref)
	if err != nil {
		return b, nil, err
	}
	b.Layers = s.Layers
	docs, problems, err := l.Attached(ctx, []string{arg}, in)
	if ident.KindOf(err) == ident.KindNotFound {
		err = nil // its layers say enough where documents tell theirs
	}
	b.Documents = docs
	return b, problems, err
}

// builtOn reads what an image says it was built on, and the layers of that; a zero Base is
// that it says nothing. A base that cannot be read is a problem, and has no layers.
func builtOn(ctx context.Context, c *registry.Client, ref ident.ImageRef) (of *registry.Stack, layers []ident.Digest, problem, err error) {
	if of, err = c.Base(ctx, ref); err != nil || of.Base.Digest.IsZero() {
		return of, nil, nil, err
	}
	base, err := c.Stack(ctx, of.Base)
	if err != nil {
		return of, nil, err, context.Cause(ctx)
	}
	return of, base.Layers, nil, nil
}

// BaseOf is the image that an image says it was built on, by digest. That it says none
// is an error of KindNotFound.
func (l *Loader) BaseOf(ctx context.Context, image string, in RegistryInputs) (string, error) {
	ref, err := ident.ParseImageRef(image)
	if err != nil {
		return "", ident.Errorf(ident.KindUsage, "%w", err)
	}
	c, err := in.client()
	if err != nil {
		return "", err
	}
	defer c.Close()
	s, err := c.Base(ctx, ref)
	if err != nil {
		return "", err
	}
	if s.Base.Digest.IsZero() {
		return "", ident.Errorf(ident.KindNotFound, "does not say by digest which image it was built on").At(image).
			WithHint("name it: --base IMAGE. Builders write the annotations org.opencontainers.image.base.name and .digest")
	}
	return s.Base.String(), nil
}
