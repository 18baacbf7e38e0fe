package inventory

import (
	"cmp"

	"github.com/cofferdam-io/cofferdam/ident"
)

// RunningImage is one container of a workload that the cluster runs, or would start,
// and one of the images that it runs: pods of a workload differ while it rolls out.
type RunningImage struct {
	Workload                          ident.Ref
	Zone, Owner, Service, Criticality string
	Container                         string
	Image                             string       // as the pod template writes it
	Digest                            ident.Digest // zero where neither the pods nor the reference say it
}

// serviceLabels name the service that a workload belongs to, the more telling first
// (Kubernetes recommended labels).
var serviceLabels = [...]string{"app.kubernetes.io/part-of", "app.kubernetes.io/name"}

// Running lists the images of every workload, in the order of their references.
// Debugging containers are left out: they are somebody's, and gone tomorrow.
func (s *Snapshot) Running() []RunningImage {
	var out []RunningImage
	for _, w := range s.workloads {
		r := RunningImage{Workload: w.Ref, Zone: w.zone, Owner: w.owner, Criticality: w.criticality}
		for _, l := range serviceLabels {
			r.Service = cmp.Or(r.Service, w.Labels[l])
		}
		for _, im := range w.images {
			if im.Kind == "ephemeral" {
				continue
			}
			r.Container, r.Image, r.Digest = im.Container, im.Image.Image, ident.Digest{}
			if len(im.Digests) > 0 {
				r.Digest = im.Digests[0]
			}
			out = append(out, r)
		}
	}
	return out
}
