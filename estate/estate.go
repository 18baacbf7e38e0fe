package estate

import (
	"net/netip"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Source says where an object was read: enough to name it to a person and to
// patch it in place.
type Source struct {
	File     string // as the user named it; "-" is standard input
	Document int    // zero-based YAML document in the file
	Item     int    // zero-based item of a List object, -1 if the object stood alone
	Line     int    // one-based line of the object's first byte
	Start    int64  // byte offset of the object's first byte in File
	End      int64  // byte offset after its last byte
}

// Estate is what one or more clusters hold, as far as the input shows it.
// It is immutable after decoding; slices are in input order.
type Estate struct {
	Namespaces []*Namespace
	Workloads  []*Workload
	Pods       []*Pod
	Services   []*Service
	// Slices say where Services lead to, beside their selectors: EndpointSlices, and
	// Endpoints, their older form.
	Slices   []*EndpointSlice
	Routes   []*Route
	Gateways []*Gateway
	Nodes    []*Node
	Policies []*Policy
	// ConfigMaps are settings of network agents; no other ConfigMap is kept.
	ConfigMaps []*ConfigMap
	// ServiceAccounts say whether pods get a token where the pod leaves it open.
	ServiceAccounts []*ServiceAccount
	// CRDs are the CustomResourceDefinitions of the input.
	CRDs []CRD
	// Unmodelled lists objects that bear on pod traffic and that no front end models.
	Unmodelled []*Unmodelled
	// UnmodelledRoutes lists objects that may lead traffic from outside to pods
	// and that no front end models. They permit and refuse nothing between pods.
	UnmodelledRoutes []*Unmodelled
	// Kinds says for each kind that the engine uses whether it was seen.
	Kinds map[string]Presence
	// Ignored counts objects of kinds that have no bearing, by kind.
	Ignored map[string]int
	// Faults are objects that could not be read; each costs only itself.
	Faults []Fault
}

// Presence tells none from not seen.
type Presence uint8

// The presences, from ignorance to knowledge.
const (
	NotSeen   Presence = iota // no object was read and no index says that there is none
	Forbidden                 // the collector's index says that it might not list them
	Empty                     // the collector's index says that there is none
	Seen                      // at least one object was read
)

// Fault is one object or document that could not be read.
type Fault struct {
	Source  Source
	Object  string // "NetworkPolicy shop/web" where known
	Pointer string // field path inside the object, where known
	Message string
	// Affects is what the missing object could have changed: the namespace, or
	// "" for the whole cluster, and of that the pods with Labels, all where there are
	// none; Bears is false if it cannot change a verdict.
	Cluster   string
	Namespace string
	Labels    map[string]string
	Bears     bool
}

// Namespace of a cluster.
type Namespace struct {
	Cluster string
	Name    string
	Labels  map[string]string // always holds kubernetes.io/metadata.name
	// Declared is false where objects lie in it but the Namespace object was not
	// in the input: its other labels are then unknown.
	Declared bool
	Source   Source
}

// Workload is the topmost controller that the input proves, or a bare pod.
type Workload struct {
	Ref         ident.Ref
	UID         string
	Labels      map[string]string
	Annotations map[string]string // only those that ownership marks use (argocd, flux, helm, owner)
	Template    *PodTemplate      // nil for a bare Pod and for kinds without one
	Replicas    *int32            // nil if the kind has none or it was left out
	Pods        []*Pod            // pods in the input that belong to it
	Source      Source
	Management  Management // what its marks say about the tools that keep it
	Dumped      bool       // it came out of a cluster: its file is not its source
}

// PodTemplate is what new pods of a workload will be.
type PodTemplate struct {
	Labels map[string]string
	Spec   PodSpec
}

// Pod is one pod object.
type Pod struct {
	Cluster   string
	Namespace string
	Name      string
	Labels    map[string]string
	Workload  *Workload // never nil: a pod without a proved controller is its own workload
	Phase     string    // "Running", "Pending", "Succeeded", "Failed", "" if unknown
	Started   time.Time // status.startTime: the node's agent took it up, before it had an address; zero if unknown
	IPs       []netip.Addr
	Spec      PodSpec
	Status    []ContainerStatus
	Source    Source
}

// Finished reports whether the pod has ended and holds no address any more.
func (p *Pod) Finished() bool { return p.Phase == "Succeeded" || p.Phase == "Failed" }

// PodSpec is the part of a pod's specification that bears on traffic and on
// the ways out that no network policy holds.
type PodSpec struct {
	Containers              []Container
	HostNetwork             bool
	HostPID                 bool
	HostIPC                 bool
	NodeName                string
	NodeSelector            map[string]string
	ServiceAccount          string
	AutomountServiceAccount *bool // nil: the service account decides, which defaults to true
	HostPaths               []HostPath
	ServiceAccountVolume    bool // a projected serviceAccountToken volume is mounted explicitly
}

// HostPath is a volume of that type, with the containers that mount it.
type HostPath struct {
	Path     string
	ReadOnly bool // every mount of it is read-only
}

// Container is an init, sidecar, ordinary or ephemeral container.
type Container struct {
	Name         string
	Kind         ContainerKind
	Image        string         // as written
	Ref          ident.ImageRef // zero if Image does not parse
	Ports        []ContainerPort
	Privileged   bool
	Capabilities []string // added ones
	RunAsUser    *int64
	// Args are the command and arguments, and Env the variables that are known to
	// hold settings, of containers that are network agents by their name. Of others,
	// whose words may be secrets, nothing is kept.
	Args []string
	Env  map[string]string
}

// ContainerKind tells containers that serve from those that only start up.
type ContainerKind uint8

// The kinds of container.
const (
	Ordinary  ContainerKind = iota
	Init                    // runs to completion before the others
	Sidecar                 // init container with restartPolicy Always
	Ephemeral               // debugging container
)

// ContainerPort is a declared port.
type ContainerPort struct {
	Name     string
	Port     uint16
	HostPort uint16 // 0 if none
	Protocol string // "TCP", "UDP", "SCTP"
}

// ContainerStatus is what the runtime reports.
type ContainerStatus struct {
	Name    string
	Image   string // as the runtime resolved it
	ImageID string // as reported: a repo digest, an image ID, or both, by runtime
}

// Service of a namespace.
type Service struct {
	Cluster, Namespace, Name string
	Labels                   map[string]string
	Type                     string // "ClusterIP", "NodePort", "LoadBalancer", "ExternalName"
	Selector                 map[string]string
	Ports                    []ServicePort
	ClusterIPs               []string
	ExternalIPs              []string
	ExternalName             string
	LoadBalancerIPs          []string
	SourceRanges             []string // loadBalancerSourceRanges
	// Internal is true where a well-known cloud annotation makes the load
	// balancer internal.
	Internal              bool
	ExternalTrafficPolicy string
	Source                Source
}

// ServicePort maps a port of the service to pods.
type ServicePort struct {
	Name       string
	Port       uint16
	Protocol   string
	TargetPort uint16 // 0 if TargetName is set
	TargetName string // named container port, resolved per pod
	NodePort   uint16
}

// EndpointSlice says at which addresses a Service is served: a controller that
// follows the Service's selector wrote it, or anybody else. What is at an address
// receives the traffic, whatever the slice says of it.
type EndpointSlice struct {
	Cluster, Namespace, Name string
	Kind                     string // "EndpointSlice" or "Endpoints"
	Service                  string // in its namespace
	Ports                    []SlicePort
	Endpoints                []SliceEndpoint
	Source                   Source
}

// Has reports whether one that serves has any of some addresses.
func (s *EndpointSlice) Has(addresses []netip.Addr) bool {
	return slices.ContainsFunc(s.Endpoints, func(e SliceEndpoint) bool {
		return !e.Gone && slices.ContainsFunc(e.Addresses, func(a netip.Addr) bool { return slices.Contains(addresses, a) })
	})
}

// SlicePort is the port that a port of the Service with its name leads to.
type SlicePort struct {
	Name     string
	Protocol string
	Port     uint16 // 0: none is set
}

// SliceEndpoint is one that serves, at any of its addresses.
type SliceEndpoint struct {
	Addresses []netip.Addr
	// PodNamespace and PodName are what the slice says is there; "" for no pod.
	PodNamespace, PodName string
	// Gone is true of one that ends and no longer serves.
	Gone bool
}

// Route leads traffic from outside to services: an Ingress, HTTPRoute,
// GRPCRoute, TLSRoute or TCPRoute.
type Route struct {
	Cluster, Namespace, Name, Kind string
	Class                          string // ingressClassName or its annotation
	Hosts                          []string
	Parents                        []ParentRef // Gateways that it attaches to
	Backends                       []Backend
	Source                         Source
}

// ParentRef names a Gateway.
type ParentRef struct {
	Namespace, Name, Section string
}

// Backend is a service port that a route leads to.
type Backend struct {
	Namespace string
	Service   string
	Port      uint16 // 0 if PortName is set
	PortName  string
	// Granted is false where the backend lies in another namespace and no
	// ReferenceGrant in the input allows it.
	Granted bool
}

// Gateway of the Gateway API.
type Gateway struct {
	Cluster, Namespace, Name string
	Class                    string
	Addresses                []string
	Listeners                []Listener
	Labels                   map[string]string
	Source                   Source
}

// Listener of a Gateway.
type Listener struct {
	Name     string
	Port     uint16
	Protocol string
	Hostname string
	// From is "Same" (default), "All", "Selector" or "None".
	From                string
	Selector            map[string]string
	SelectorExpressions []Requirement // combined with Selector by AND
}

// ConfigMap holds the settings of a network agent: a ConfigMap, or an object of
// the agent's own.
type ConfigMap struct {
	Kind                     string // "" for a ConfigMap
	Cluster, Namespace, Name string
	Data                     map[string]string // the settings that are asked for
	Source                   Source
}

// ServiceAccount of a namespace.
type ServiceAccount struct {
	Cluster, Namespace, Name string
	Automount                *bool // automountServiceAccountToken; nil is true
	Source                   Source
}

// CRD is a CustomResourceDefinition: a cluster that has it can hold its objects.
type CRD struct {
	Cluster string
	Name    string // "clusternetworkpolicies.policy.networking.k8s.io"
	Source  Source
}

// HasCRD reports whether the input shows that a cluster has a definition.
func (e *Estate) HasCRD(cluster, name string) bool {
	for _, c := range e.CRDs {
		if c.Cluster == cluster && c.Name == name {
			return true
		}
	}
	return false
}

// Node of a cluster.
type Node struct {
	Cluster string
	Name    string
	Labels  map[string]string
	IPs     []netip.Addr
	Source  Source
}

// Policy is a network policy object as an object: what it says is in the
// typed form that the front ends read.
type Policy struct {
	Cluster, Namespace, Name, Kind, APIVersion string
	Tier                                       string // "admin", "networkpolicy", "baseline"
	Labels, Annotations                        map[string]string
	Source                                     Source
	// Digest is the SHA-256 of the canonical JSON of its spec.
	Digest ident.Digest
	// Management is what its marks say about the tools that keep it.
	Management Management
	// Dumped is true if it came out of a cluster (it has a uid, a resource version,
	// managed fields or a status): the file that it was read from is not its source.
	Dumped bool
}

// Unmodelled is an object that bears on pod traffic and is not modelled.
type Unmodelled struct {
	Cluster, Namespace, Name, Kind, APIVersion string
	Reason                                     string
	// Selector limits what it can touch, where that is certain; nil means its
	// whole namespace, or the whole cluster for an object without one.
	Selector map[string]string
	// NamespaceSelector limits the namespaces, where that is certain; nil if not.
	NamespaceSelector *LabelSelector
	Effect            Effect
	Source            Source
}

// Effect is what an object that is not modelled can do to a connection.
type Effect uint8

// The effects; the zero value is the one that assumes least.
const (
	Overrides Effect = iota // it can permit and refuse
	Restricts               // it can only refuse what others permit
)
