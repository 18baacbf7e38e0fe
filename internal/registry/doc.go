// Package registry reads OCI registries: which image a reference means, what is
// attached to it, and the SBOMs among that, however they were attached (referrers of
// OCI 1.1, cosign's tags, Sigstore bundles, BuildKit's attestation manifests).
//
//	c, err := registry.New(registry.Options{Credentials: config})
//	found, err := c.SBOMs(ctx, ref, registry.Search{}, func(d *registry.Document) error { … })
//	if err := found.None(); ident.KindOf(err) == ident.KindNotFound { … } // really none
//
// Its answers are of two classes, and it never takes one for the other. Nothing is
// there: the registry itself, and no mirror, showed the image's manifest, and each place
// where something could be attached answered. Could not check: anything else, such as
// a refusal, a limit, a time-out, a mirror's "not found", or an answer that contradicts
// the digest that was asked for. The second is an error of ident.KindIndeterminate with
// a *Fault in its chain.
//
// What a registry hands over is checked against the digest that was asked for, within
// limits on size, number, time and redirects. Nothing is verified beyond that: who
// attached a document, and whether they may, is not asked here. The package writes to no
// registry, and reads no image layers.
package registry
