package registry

import (
	"context"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Parts is what the image of one platform consists of.
type Parts struct {
	Manifest ident.Digest
	Platform string // "linux/amd64"; "" where the index does not say
	Config   Layer
	Layers   []Layer
}

// Parts resolves a reference and returns what each of its platforms consists of, in the
// order of the index. One that the registry does not hold is an error.
func (c *Client) Parts(ctx context.Context, ref ident.ImageRef) (*Image, []Parts, error) {
	img, err := c.image(ctx, ref)
	if err != nil {
		return nil, nil, explained(err)
	}
	var out []Parts
	for _, v := range img.Variants {
		o, err := c.byDigest(ctx, img.Reference, v.Manifest, false)
		if err != nil {
			return nil, nil, explained(err)
		}
		out = append(out, Parts{Manifest: v.Manifest, Platform: v.Platform, Config: o.config, Layers: o.layers})
	}
	return img, out, nil
}

// Blob reads a part of an image, and compares it with its digest.
func (c *Client) Blob(ctx context.Context, repo ident.ImageRef, l Layer) ([]byte, error) {
	raw, err := c.blob(ctx, repo, l)
	return raw, explained(err)
}
