// Package trigger says which findings of a scan call for containment, and of
// which workloads: it reads what `cofferdam scan -o json` wrote, and holds each
// finding, in each workload that runs what was scanned, against conditions.
//
//	scan, err := trigger.ReadScan(data)
//	when, err := trigger.Parse([]string{"kev", "reach=zone:restricted"})
//	selection, err := when.Select(ctx, scan, snapshot)
//
// An answer is yes, no or unknown: what the scan or the estate leaves open is
// listed with its reason and never read as "no". The package matches no
// advisories (package vuln does) and makes no plan (package contain does).
package trigger
