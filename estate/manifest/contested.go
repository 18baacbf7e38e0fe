package manifest

import (
	"maps"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate"
)

// contested says what is in doubt where one object stands twice in a layer and says
// different things of what policies and addresses match: nobody knows which of the two
// the cluster has. The doubt is about the pods of a namespace, all of them where labels
// is nil. What differs in nothing of that leaves no doubt.
func contested(a, b any) (bears bool, namespace string, labels map[string]string) {
	switch a := a.(type) {
	case *estate.Namespace:
		b, ok := b.(*estate.Namespace)
		return ok && !maps.Equal(a.Labels, b.Labels), a.Name, nil
	case *podRecord:
		b, ok := b.(*podRecord)
		return ok && (!maps.Equal(a.Labels, b.Labels) || !slices.Equal(a.IPs, b.IPs) || a.Finished() != b.Finished() || !sameEnds(&a.Spec, &b.Spec)), a.Namespace, a.Labels
	case *workloadRecord:
		b, ok := b.(*workloadRecord)
		if !ok || a.Template == nil || b.Template == nil {
			return false, "", nil
		}
		return !maps.Equal(a.Template.Labels, b.Template.Labels) || !sameEnds(&a.Template.Spec, &b.Template.Spec), a.Ref.Namespace, a.Template.Labels
	}
	return false, "", nil
}

// sameEnds reports whether pods of two specifications are the same ends of connections:
// on the same network, of the same service account, with the same ports.
func sameEnds(a, b *estate.PodSpec) bool {
	ports := func(s *estate.PodSpec) (out []estate.ContainerPort) {
		for i := range s.Containers {
			out = append(out, s.Containers[i].Ports...)
		}
		return out
	}
	return a.HostNetwork == b.HostNetwork && a.NodeName == b.NodeName && a.ServiceAccount == b.ServiceAccount && slices.Equal(ports(a), ports(b))
}
