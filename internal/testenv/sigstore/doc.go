// Package sigstore runs a private Sigstore deployment of the real programs (fulcio with
// an OIDC issuer and a certificate log, rekor of the second generation, a timestamp
// authority) and has the real cosign sign with it, so that package verify is held against
// what signers really write.
//
// It is imported by tests only, and builds nothing: `make sigstore` builds the programs of
// the module in tools/sigstore once, and runs the tests with the build tag sigstore.
//
//	s := sigstore.Start(t)
//	bundle := s.Sign(t, file, "ci@example.com")
package sigstore
