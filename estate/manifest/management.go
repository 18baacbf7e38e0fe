package manifest

import "github.com/cofferdam-io/cofferdam/estate"

// management reads the marks of the tools that keep an object. It is lenient:
// a mark of a wrong type is no mark, and costs nothing else.
func (o *object) management() estate.Management {
	meta := o.root.lookup("metadata")
	m := estate.Marks{Group: o.group, Kind: o.kind, Namespace: o.namespace, Name: o.name, Labels: o.labels, Annotations: o.annotations}
	if refs := meta.lookup("ownerReferences"); refs != nil {
		for _, r := range refs.items {
			controller := r.lookup("controller")
			m.Owners = append(m.Owners, estate.OwnerReference{Kind: r.lookup("kind").scalar(), Name: r.lookup("name").scalar(),
				Controller: controller != nil && controller.kind == boolNode && controller.text == "true"})
		}
	}
	if fields := meta.lookup("managedFields"); fields != nil {
		for _, f := range fields.items {
			m.Managers = append(m.Managers, f.lookup("manager").scalar())
		}
	}
	return estate.ManagementOf(m)
}

// dumped reports whether an object bears what only an API server writes. An empty
// status or a null time does not count: generators write them.
func (o *object) dumped() bool {
	meta := o.root.lookup("metadata")
	for _, key := range [...]string{"uid", "resourceVersion", "creationTimestamp", "selfLink"} {
		if meta.lookup(key).scalar() != "" {
			return true
		}
	}
	if f := meta.lookup("managedFields"); f != nil && len(f.items) > 0 {
		return true
	}
	status := o.root.lookup("status")
	return status != nil && len(status.fields) > 0
}
