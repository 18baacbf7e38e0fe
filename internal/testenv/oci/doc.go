// Package oci runs OCI registries for tests, and pushes images to them with what is
// attached to images: go-containerregistry's registry in process, with the referrers
// API or without, or Debian's docker-registry as a process of its own.
//
// It is imported by tests only, and installs nothing.
//
//	r := oci.New(t, oci.Options{Referrers: true})
//	image := r.Image(t, "shop/web", "1.4")
//	r.Attach(t, image, "application/spdx+json", oci.Layer{MediaType: "application/spdx+json", Content: document})
package oci
