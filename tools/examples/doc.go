// Command examples builds the container images of the example estate, lets
// syft write their SBOMs, and puts the digests that come out into the
// manifests. examples/regenerate.sh calls it; nothing of it is linked into
// cofferdam.
//
// Its step documents builds two tiny images and lets several tools describe them,
// for tests: documents.sh calls it.
//
// It is not a general image builder: images.yaml in examples/images names all
// that it can do.
//
//	go run . -examples ../../examples -syft ../../examples/.cache/bin/syft build
//	go run . -examples ../../examples check
//	go run . -tools ../../examples/.cache/bin -work /src/documents documents
package main
