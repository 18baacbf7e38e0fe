// Package signing makes Sigstore bundles: with a key that is kept, or with one that is
// made for a single signature and certified for whoever an OIDC token names. It talks to
// Fulcio, to Rekor of both generations and to timestamp authorities, public or private.
//
//	key, err := signing.ParseKey("cosign.key", raw, password)
//	raw, err := signing.New(nil).Bundle(ctx, signing.Content{Statement: statement}, signing.By{Key: key}, signing.Services{})
//	bundle, err := verify.ParseBundle(raw)
//
// It judges nothing: package verify says whether a bundle is good, and callers ask it
// before they hand one on. It stores no key, prints none, and sends a token to Fulcio
// alone.
package signing
