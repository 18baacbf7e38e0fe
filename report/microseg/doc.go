// Package microseg writes the join of an estate as a micro-segmentation SBOM
// inside the standards: CycloneDX 1.7 or 1.6, and SPDX 2.3. Workloads are
// services in trust zones, allowed connections are their data flows, images are
// components that point to their own SBOMs, and policies are hashed data.
//
// It claims nothing that the map does not show: a field without a source is left
// out, and "complete" is said only with full coverage and no unknowns. The same
// map gives the same bytes.
//
//	err := microseg.CycloneDX(w, m, "1.7", microseg.Options{ToolName: "cofferdam"})
//	err = microseg.SPDX23(w, m, microseg.Options{ToolName: "cofferdam"})
package microseg
