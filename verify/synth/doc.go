// Package synth makes Sigstore deployments, and bundles that they signed, for tests and
// benchmarks: an authority with a log of certificates, transparency logs of the first and
// the second generation, a timestamp authority, and their trusted root.
//
//	d, err := synth.New(synth.Options{At: at})
//	signed, err := d.Sign(content, synth.Signing{Subject: "ci@example.com", Issuer: "https://issuer.example"})
//	v, err := verify.ParseTrustedRoot(d.TrustedRoot())
//
// All keys are made anew with each deployment and kept in memory; it is not for signing
// anything. What it writes is made by this project's reading of the formats: that real
// signers write the same, tests with real ones show.
package synth
