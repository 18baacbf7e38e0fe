// Package clusterimage has the ClusterImagePolicy (v1alpha1, v1beta1) and the
// TrustRoot (v1alpha1) of Sigstore's policy controller, group policy.sigstore.dev, as
// data: read strictly, with a place and a remedy for everything that is wrong, and
// with the defaults that its webhook sets.
//
//	var faults []strict.Fault
//	p := clusterimage.ReadPolicy(root, &faults) // p is nil where it cannot be used
//	ok := p.Matches("registry.example/shop/web@sha256:…", resource)
//
// It verifies no signature and fetches nothing: remote policies, secrets, config maps
// and keys at a KMS are references here.
package clusterimage
