// Package examples carries the example estate inside the binary, so that
// `cofferdam demo` needs neither network nor files: an invented online shop,
// Lanternfish Outfitters, with 46 workloads, the SBOMs of images that were
// really built, and real advisories. README.md tells its story.
//
// It is data only: it decodes nothing, and no other package but the wiring of
// the demo should need it. Tests that want a small input write their own.
//
//	raw, err := examples.Estate.ReadFile("estate/cofferdam.yaml")
//	manifests, err := fs.Sub(examples.Estate, "estate/manifests")
//	sboms, err := fs.Sub(examples.Estate, "estate/sbom")
package examples
