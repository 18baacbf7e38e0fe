// Package ident holds the identities that every other package joins on:
// digests with the role they play, image references, references to workloads
// and address ranges, severities, and the error type that users read.
//
// It imports the standard library only and sits below everything else. It does
// not parse package URLs (package vuln) and does not know Kubernetes objects
// (package estate).
//
//	d, err := ident.ParseDigest("sha256:9f86d0…")
//	ref, err := ident.ParseImageRef("registry.example/shop/web:1.4@sha256:9f86d0…")
//	who, err := ident.ParseRef("prod-1:payments/Deployment/api")
package ident
