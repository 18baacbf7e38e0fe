package manifest

import (
	networkingv1 "k8s.io/api/networking/v1"
	policyv1alpha1 "sigs.k8s.io/network-policy-api/apis/v1alpha1"
	policyv1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest/ciliumv2"
)

// Input is one file or stream.
type Input struct {
	Name    string // as the user named it
	Cluster string // from -f CLUSTER=PATH; "" is the unnamed cluster
	Data    []byte
	// Layer orders inputs: an object of a later layer replaces the same object
	// (cluster, kind, namespace, name) of an earlier one; twice within one layer
	// is a fault that names both places.
	Layer int
}

// Set is everything that the inputs hold.
type Set struct {
	Estate                 *estate.Estate
	NetworkPolicies        []Typed[networkingv1.NetworkPolicy]
	ClusterNetworkPolicies []Typed[policyv1alpha2.ClusterNetworkPolicy]
	// AdminNetworkPolicies and BaselineAdminNetworkPolicies are of the older
	// v1alpha1 of the same API.
	AdminNetworkPolicies         []Typed[policyv1alpha1.AdminNetworkPolicy]
	BaselineAdminNetworkPolicies []Typed[policyv1alpha1.BaselineAdminNetworkPolicy]
	// CiliumPolicies are of both kinds; the clusterwide ones have no namespace.
	CiliumPolicies []Typed[ciliumv2.Policy]
	// SBOMReports are SbomReport and ClusterSbomReport objects of the Trivy
	// operator, as JSON, for sbom/trivy.
	SBOMReports []Report
}

// Typed is a policy with its source.
type Typed[T any] struct {
	Policy *estate.Policy
	Object *T
}

// Report is a raw object for another decoder.
type Report struct {
	Cluster, Kind, Namespace, Name string
	JSON                           []byte
	Source                         estate.Source
}
