// Package estate holds the pure objects of a Kubernetes estate: namespaces,
// workloads, pods, services, routes and policy sources, each with the file,
// document and byte span that it was read from, and the owner's declarations
// about them (zones, protected and vital workloads, owners).
//
// It decodes nothing (package estate/manifest does) and evaluates no policy
// (package segment does).
//
//	d, err := estate.Declare(cfg)
//	zone, known := d.Zone(&member)
//	sel, err := estate.ParseSelector("zone=restricted")
package estate
