// Package fact holds what is left once a signature has verified: who said what about
// which digest, when, and under which trust. Policies read facts and nothing else, so
// that no rule can be written over bytes that nobody vouches for.
//
//	f, err := verifier.Bundle(b, artifact) // package verify makes facts
//	if f.Signer.Certificate != nil && f.Signer.Certificate.Issuer == "https://issuer.example" { … }
//	for _, t := range f.Times { … }
//
// It verifies nothing, decides nothing, and knows no signature library; a Fact that
// package verify did not return is an assertion of whoever made it. It is not for what
// could not be verified either: that is an error with a reason.
package fact
