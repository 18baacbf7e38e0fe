// Package manifest decodes Kubernetes manifests, List objects and
// `kubectl get -o yaml|json` dumps once, for everybody: into package estate's
// pure objects and, for policies, into the typed API objects that the front
// ends of package segment read. Every object keeps file, document and byte span.
//
// It reads no files (internal/app does) and judges nothing.
//
//	set, err := manifest.Decode(ctx, []manifest.Input{{Name: "shop.yaml", Data: raw}}, manifest.Options{})
//	for _, f := range set.Estate.Faults { … }
//	model := k8s.Model(set, profile)
package manifest
