// Package decode reads files of policies: our own VerificationPolicy and
// PolicyException, ClusterImagePolicy and TrustRoot of Sigstore's policy controller, in documents of YAML or JSON and in lists. It picks the
// reader by kind, names every fault with its place, and says which references between
// resources lead nowhere.
//
//	files := []decode.File{decode.Read(ctx, manifest.Input{Name: "policy.yaml", Data: raw}, compiler)}
//	decode.Link(files)
//	for _, o := range files[0].Objects { … o.Faults … }
//
// It fetches nothing that a policy refers to, and judges no image.
package decode
