// Package phrase words what a validator found, so that JSON and XML verdicts read alike: quoted values that cannot
// flood a terminal, lists of alternatives, and the nearest allowed value.
//
// It is not for building sentences of commands or reports; only the validators below sbom/schema use it.
//
//	phrase.Quote("SHA1")                              // "SHA1"
//	phrase.OneOf([]string{"library", "framework"})    // one of "library", "framework"
//	phrase.Nearest("SHA1", []string{"MD5", "SHA-1"})  // SHA-1, true
package phrase
