package manifest

import (
	"regexp"
	"strings"
)

// groupKind is a kind in its API group, without version.
type groupKind struct{ group, kind string }

// API groups of the built-in kinds and of the policy kinds that are decoded.
const (
	coreGroup       = ""
	appsGroup       = "apps"
	batchGroup      = "batch"
	netGroup        = "networking.k8s.io"
	policyAPIGroup  = "policy.networking.k8s.io"
	gatewayGroup    = "gateway.networking.k8s.io"
	discoveryGroup  = "discovery.k8s.io"
	extensionsGroup = "extensions" // removed in Kubernetes 1.22, still in old manifests
)

// canonicalGroup gives an object of the removed group extensions its present
// one, so that both spellings are one object.
func canonicalGroup(group, kind string) string {
	if group != extensionsGroup {
		return group
	}
	switch kind {
	case "Ingress", "NetworkPolicy":
		return netGroup
	case "Deployment", "DaemonSet", "ReplicaSet":
		return appsGroup
	}
	return group
}

// clusterScoped are the kinds without namespace among those that are kept:
// their metadata.namespace, if a generator wrote one, means nothing.
var clusterScoped = map[groupKind]bool{
	{coreGroup, "Namespace"}:                                           true,
	{coreGroup, "Node"}:                                                true,
	{coreGroup, "PersistentVolume"}:                                    true,
	{netGroup, "IngressClass"}:                                         true,
	{gatewayGroup, "GatewayClass"}:                                     true,
	{policyAPIGroup, "ClusterNetworkPolicy"}:                           true,
	{policyAPIGroup, "AdminNetworkPolicy"}:                             true,
	{policyAPIGroup, "BaselineAdminNetworkPolicy"}:                     true,
	{"apiextensions.k8s.io", "CustomResourceDefinition"}:               true,
	{"rbac.authorization.k8s.io", "ClusterRole"}:                       true,
	{"rbac.authorization.k8s.io", "ClusterRoleBinding"}:                true,
	{"admissionregistration.k8s.io", "ValidatingWebhookConfiguration"}: true,
	{"admissionregistration.k8s.io", "MutatingWebhookConfiguration"}:   true,
	{"storage.k8s.io", "StorageClass"}:                                 true,
	{"scheduling.k8s.io", "PriorityClass"}:                             true,
	{"cilium.io", "CiliumClusterwideNetworkPolicy"}:                    true,
	{"crd.projectcalico.org", "FelixConfiguration"}:                    true,
	{"projectcalico.org", "FelixConfiguration"}:                        true,
	{"crd.projectcalico.org", "GlobalNetworkPolicy"}:                   true,
	{"projectcalico.org", "GlobalNetworkPolicy"}:                       true,
	{"crd.projectcalico.org", "HostEndpoint"}:                          true,
	{"projectcalico.org", "HostEndpoint"}:                              true,
	{"crd.antrea.io", "ClusterNetworkPolicy"}:                          true,
	{"networking.k8s.aws", "ClusterNetworkPolicy"}:                     true,
	{"k8s.ovn.org", "ClusterUserDefinedNetwork"}:                       true,
	{"aquasecurity.github.io", "ClusterSbomReport"}:                    true,
}

// engineKinds are the kinds whose absence is told from their not having been
// looked for (estate.Estate.Kinds).
var engineKinds = map[groupKind]bool{
	{coreGroup, "Namespace"}:                 true,
	{coreGroup, "Pod"}:                       true,
	{appsGroup, "Deployment"}:                true,
	{appsGroup, "StatefulSet"}:               true,
	{appsGroup, "DaemonSet"}:                 true,
	{appsGroup, "ReplicaSet"}:                true,
	{batchGroup, "Job"}:                      true,
	{batchGroup, "CronJob"}:                  true,
	{coreGroup, "Service"}:                   true,
	{coreGroup, "Endpoints"}:                 true,
	{discoveryGroup, "EndpointSlice"}:        true,
	{coreGroup, "ServiceAccount"}:            true,
	{coreGroup, "Node"}:                      true,
	{netGroup, "Ingress"}:                    true,
	{gatewayGroup, "Gateway"}:                true,
	{gatewayGroup, "HTTPRoute"}:              true,
	{netGroup, "NetworkPolicy"}:              true,
	{policyAPIGroup, "ClusterNetworkPolicy"}: true,
}

// harmless are kinds that, unread, leave every verdict as it is: workloads that
// are missed are missing from the answer, but bend no other edge of it.
var harmless = map[string]bool{
	"Pod": true, "Deployment": true, "StatefulSet": true, "DaemonSet": true, "ReplicaSet": true,
	"ReplicationController": true, "Job": true, "CronJob": true, "Namespace": true, "Node": true,
	"Service": true, "Endpoints": true, "EndpointSlice": true, "Ingress": true, "IngressClass": true,
	"Gateway": true, "GatewayClass": true, "HTTPRoute": true, "GRPCRoute": true, "TLSRoute": true,
	"TCPRoute": true, "UDPRoute": true, "ReferenceGrant": true, "ServiceAccount": true,
	"ConfigMap": true, "Secret": true, "Role": true, "RoleBinding": true, "ClusterRole": true,
	"ClusterRoleBinding": true, "PersistentVolume": true, "PersistentVolumeClaim": true,
	"StorageClass": true, "PodDisruptionBudget": true, "HorizontalPodAutoscaler": true,
	"LimitRange": true, "ResourceQuota": true, "PriorityClass": true, "Event": true,
	"SbomReport": true, "ClusterSbomReport": true, "Kustomization": true,
}

var (
	rawKind      = regexp.MustCompile(`(?m)^[ \t]*(?:- )?[{ ]*["']?kind["']?[ \t]*:[ \t]*["']?([A-Za-z0-9]*)`)
	rawNamespace = regexp.MustCompile(`(?m)["']?\bnamespace["']?[ \t]*:[ \t]*["']?([a-z0-9-]+)`)
	rawName      = regexp.MustCompile(`(?m)^[ ]{2}name:[ \t]*["']?([A-Za-z0-9.-]+)`)
	rawAPI       = regexp.MustCompile(`(?m)["']?apiVersion["']?[ \t]*:`)
)

// outline is what the text of an unreadable document still tells. It decides
// what the loss can have changed, so it errs towards "anything".
type outline struct {
	kind, namespace, name string
	bears                 bool
}

// outlineOf looks at the text of a document that did not parse.
func outlineOf(raw []byte) outline {
	const enough = 1 << 20 // kinds beyond the first megabyte cannot make it safer
	whole := len(raw) <= enough
	if !whole {
		raw = raw[:enough]
	}
	kinds := rawKind.FindAllSubmatch(raw, 64)
	o := outline{bears: len(kinds) == 0 || len(kinds) == 64 || !whole}
	for _, k := range kinds {
		// A List may have lost any kind of item.
		if !harmless[string(k[1])] {
			o.bears = true
		}
	}
	if len(rawAPI.FindAllIndex(raw, 2)) != 1 || len(kinds) == 0 {
		return o
	}
	o.kind = string(kinds[0][1])
	if strings.HasSuffix(o.kind, "List") {
		return o
	}
	if ns := rawNamespace.FindAllSubmatch(raw, 2); len(ns) == 1 {
		o.namespace = string(ns[0][1])
	}
	if n := rawName.FindSubmatch(raw); n != nil {
		o.name = string(n[1])
	}
	return o
}
