package examples

import "embed"

// Estate holds estate/: the manifests (estate/manifests), the owner's file
// (estate/cofferdam.yaml), the SBOMs (estate/sbom), the image indexes byte for
// byte as a registry serves them (estate/indexes) and the advisories
// (estate/advisories). Paths start with "estate/".
//
//go:embed estate
var Estate embed.FS
