package manifest

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
)

// kustomizeGroup is that of the configuration of kustomize, which is no object of
// a cluster and needs no name. Flux has a Kustomization of its own group, which is.
const kustomizeGroup = "kustomize.config.k8s.io"

// kustomization passes over a Kustomization or Component: what it lists is read
// where the caller hands it over. What more it does takes place only where it is
// rendered, so that the manifests as they are read may not be what is applied.
func (d *decoder) kustomization(o *object, kind string) {
	var more []string
	for i := range o.root.fields {
		f := &o.root.fields[i]
		if !f.value.absent() && !slices.Contains([]string{"apiVersion", "kind", "metadata", "resources"}, f.key) {
			more = append(more, f.key)
		}
	}
	if len(more) == 0 {
		return
	}
	d.faults = append(d.faults, estate.Fault{Source: o.source, Object: kind, Cluster: o.cluster,
		Message: "it is configuration of kustomize that does more than list files (" + strings.Join(more, ", ") + "), and is not rendered: kubectl kustomize FOLDER renders it"})
}
