package manifest

import (
	"net/netip"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
)

// workloadRecord is a controller before ownership is settled.
type workloadRecord struct {
	*estate.Workload
	group string
	owner *ownerRef
}

// podRecord is a pod before ownership is settled.
type podRecord struct {
	*estate.Pod
	uid         string
	annotations map[string]string
	owner       *ownerRef
	management  estate.Management // only of a pod without controller, which is a workload
	dumped      bool
}

// keptAnnotations are the marks of ownership; other annotations, which may hold
// whole manifests or secrets, are not kept.
var keptAnnotations = []string{
	"argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance", "kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace",
	"helm.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/namespace", "meta.helm.sh/release-name", "meta.helm.sh/release-namespace",
	"cofferdam.dev/owner", "owner", "team", "app.kubernetes.io/owner",
}

func ownershipMarks(all map[string]string) map[string]string {
	var out map[string]string
	for _, k := range keptAnnotations {
		if v, ok := all[k]; ok {
			if out == nil {
				out = map[string]string{}
			}
			out[k] = v
		}
	}
	return out
}

// templateOf finds the pod template of a controller: spec.template, or a
// CronJob's spec.jobTemplate.spec.template.
func (o *object) templateOf() *node {
	spec := o.in(o.root, "spec")
	if o.kind == "CronJob" {
		return o.in(spec, "jobTemplate", "spec", "template")
	}
	return o.in(spec, "template")
}

// isWorkload reports whether an object of a kind that is not built in carries a
// pod template all the same, as Argo Rollouts and OpenKruise sets do.
func (o *object) isWorkload() bool {
	probe := &object{root: o.root}
	return len(probe.list(probe.templateOf(), "spec", "containers")) > 0
}

func (o *object) workload() *workloadRecord {
	w := &workloadRecord{group: canonicalGroup(o.group, o.kind), owner: o.owner, Workload: &estate.Workload{
		Ref: ident.Ref{Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Kind: o.kind},
		UID: o.uid, Labels: o.labels, Annotations: ownershipMarks(o.annotations), Source: o.source,
		Management: o.management(), Dumped: o.dumped(),
	}}
	if v := o.integer(o.root, "spec", "replicas"); v != nil {
		n := int32(min(max(*v, 0), 1<<30))
		w.Replicas = &n
	}
	if t := o.templateOf(); t != nil {
		w.Template = &estate.PodTemplate{Labels: o.textMap(t, "metadata", "labels"), Spec: o.podSpec(o.in(t, "spec"))}
	}
	return w
}

func (o *object) pod() *podRecord {
	p := &podRecord{uid: o.uid, annotations: ownershipMarks(o.annotations), owner: o.owner, Pod: &estate.Pod{
		Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Labels: o.labels, Source: o.source,
		Spec: o.podSpec(o.in(o.root, "spec")),
	}}
	p.dumped = o.dumped()
	if o.owner == nil {
		p.management = o.management()
	}
	status := o.in(o.root, "status")
	p.Phase = o.str(status, "phase")
	if text := o.str(status, "startTime"); text != "" {
		if at, err := time.Parse(time.RFC3339, text); err == nil { // what is no time is not known
			p.Started = at.UTC()
		}
	}
	add := func(text string, at *node) {
		if text == "" {
			return
		}
		a, err := netip.ParseAddr(text)
		if err != nil {
			o.fail(at, "%s is not an address", clip(text))
			return
		}
		if a = a.Unmap(); !slices.Contains(p.IPs, a) {
			p.IPs = append(p.IPs, a)
		}
	}
	for _, n := range o.list(status, "podIPs") {
		add(o.str(n, "ip"), n)
	}
	add(o.str(status, "podIP"), status)
	for _, key := range []string{"initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"} {
		for _, n := range o.list(status, key) {
			p.Status = append(p.Status, estate.ContainerStatus{Name: o.str(n, "name"), Image: o.str(n, "image"), ImageID: o.str(n, "imageID")})
		}
	}
	return p
}

// podSpec reads the part of a PodSpec (core/v1) that bears on traffic and on
// the ways out that no network policy holds.
func (o *object) podSpec(n *node) estate.PodSpec {
	s := estate.PodSpec{
		HostNetwork: o.isTrue(n, "hostNetwork"), HostPID: o.isTrue(n, "hostPID"), HostIPC: o.isTrue(n, "hostIPC"),
		NodeName: o.str(n, "nodeName"), NodeSelector: o.textMap(n, "nodeSelector"),
		ServiceAccount: orElse(o.str(n, "serviceAccountName"), o.str(n, "serviceAccount")), AutomountServiceAccount: o.boolean(n, "automountServiceAccountToken"),
	}
	mounts := map[string]bool{} // volume → every mount of it is read-only
	for _, x := range []struct {
		key  string
		kind estate.ContainerKind
	}{{"initContainers", estate.Init}, {"containers", estate.Ordinary}, {"ephemeralContainers", estate.Ephemeral}} {
		for _, c := range o.list(n, x.key) {
			kind := x.kind
			if kind == estate.Init && o.str(c, "restartPolicy") == "Always" {
				kind = estate.Sidecar // KEP-753
			}
			s.Containers = append(s.Containers, o.container(c, kind))
			for _, m := range o.list(c, "volumeMounts") {
				name, ro := o.str(m, "name"), o.isTrue(m, "readOnly")
				if before, seen := mounts[name]; seen {
					ro = ro && before
				}
				mounts[name] = ro
			}
		}
	}
	for _, v := range o.list(n, "volumes") {
		name := o.str(v, "name")
		if h := o.in(v, "hostPath"); h != nil {
			ro, mounted := mounts[name]
			if mounted {
				s.HostPaths = append(s.HostPaths, estate.HostPath{Path: o.str(h, "path"), ReadOnly: ro})
			}
		}
		for _, src := range o.list(v, "projected", "sources") {
			if o.in(src, "serviceAccountToken") != nil {
				_, mounted := mounts[name]
				s.ServiceAccountVolume = s.ServiceAccountVolume || mounted
			}
		}
	}
	return s
}

func (o *object) container(n *node, kind estate.ContainerKind) estate.Container {
	c := estate.Container{Name: o.str(n, "name"), Kind: kind, Image: o.str(n, "image")}
	if ref, err := ident.ParseImageRef(c.Image); err == nil {
		c.Ref = ref
	}
	for _, p := range o.list(n, "ports") {
		c.Ports = append(c.Ports, estate.ContainerPort{Name: o.str(p, "name"), Port: o.port(p, "containerPort"), HostPort: o.port(p, "hostPort"),
			Protocol: orElse(o.str(p, "protocol"), "TCP")})
	}
	sec := o.in(n, "securityContext")
	c.Privileged = o.isTrue(sec, "privileged")
	c.Capabilities = o.texts(sec, "capabilities", "add")
	c.RunAsUser = o.integer(sec, "runAsUser")
	o.agent(n, &c)
	return c
}
