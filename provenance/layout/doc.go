// Package layout verifies that an artifact came about as its project's owner laid down:
// in-toto layouts (in-toto specification v1.0), signed by the owner, name steps, who may
// carry each out, how many of them have to agree, and which files may go in and come out;
// links, signed by those who carried a step out, say what really went in and came out.
//
// It judges signatures, expiry, thresholds, artifact rules and layouts within layouts. It
// never runs an inspection: what a layout asks to be run on the verifier's machine is
// named, and stays open. Functionaries have keys, keys of GnuPG, or certificates of the
// layout's authorities (ITE-7).
//
// It is not for statements about finished artifacts (package provenance) nor for Sigstore
// bundles (package verify).
package layout
