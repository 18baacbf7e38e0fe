package manifest

import (
	networkingv1 "k8s.io/api/networking/v1"
	policyv1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/cofferdam-io/cofferdam/estate"
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
