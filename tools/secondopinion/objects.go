package secondopinion

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
	"sigs.k8s.io/yaml"
)

// Objects of a cluster that the second engine reads, as an API server hands them
// out.
type Objects struct {
	Namespaces             []*corev1.Namespace
	Nodes                  []*corev1.Node
	Pods                   []*corev1.Pod
	NetworkPolicies        []*networkingv1.NetworkPolicy
	ClusterNetworkPolicies []*v1alpha2.ClusterNetworkPolicy
}

// Decode reads manifests by file name, without any code of ours, and completes
// them as an API server does. Kinds that bear on no packet are passed over.
func Decode(files map[string][]byte) (*Objects, error) {
	o := &Objects{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(files[name])))
		for {
			doc, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				err = o.add(doc)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	o.complete()
	return o, nil
}

func (o *Objects) add(doc []byte) error {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal(doc, &head); err != nil {
		return err
	}
	switch head.Kind {
	case "Namespace":
		return read(doc, &o.Namespaces)
	case "Node":
		return read(doc, &o.Nodes)
	case "Pod":
		return read(doc, &o.Pods)
	case "NetworkPolicy":
		return read(doc, &o.NetworkPolicies)
	case "ClusterNetworkPolicy":
		return read(doc, &o.ClusterNetworkPolicies)
	case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "CustomResourceDefinition", "":
		return nil
	}
	return fmt.Errorf("an object of kind %s is not expected", head.Kind)
}

// read appends a decoded object. It writes the object out and reads it again,
// as an API server does: an empty list is stored as none, and to this engine a
// list of no rules, when it is there, allows everything.
func read[T any](doc []byte, into *[]*T) error {
	v := new(T)
	if err := yaml.UnmarshalStrict(doc, v); err != nil {
		return err
	}
	stored, err := json.Marshal(v)
	if err != nil {
		return err
	}
	v = new(T)
	if err := json.Unmarshal(stored, v); err != nil {
		return err
	}
	*into = append(*into, v)
	return nil
}

// complete sets what an API server sets: the name label of namespaces
// (NamespaceDefaultLabelName), protocols, and policyTypes (NetworkPolicySpec:
// Ingress always, Egress where there is an egress rule).
func (o *Objects) complete() {
	for _, n := range o.Namespaces {
		if n.Labels == nil {
			n.Labels = make(map[string]string, 1)
		}
		n.Labels[corev1.LabelMetadataName] = n.Name
	}
	for _, p := range o.Pods {
		for _, list := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
			for i := range list {
				for j := range list[i].Ports {
					if list[i].Ports[j].Protocol == "" {
						list[i].Ports[j].Protocol = corev1.ProtocolTCP
					}
				}
			}
		}
		if len(p.Status.PodIPs) == 0 && p.Status.PodIP != "" {
			p.Status.PodIPs = []corev1.PodIP{{IP: p.Status.PodIP}}
		}
	}
	for _, p := range o.NetworkPolicies {
		if len(p.Spec.PolicyTypes) == 0 {
			p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
			if len(p.Spec.Egress) > 0 {
				p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
			}
		}
		for i := range p.Spec.Ingress {
			protocols(p.Spec.Ingress[i].Ports)
		}
		for i := range p.Spec.Egress {
			protocols(p.Spec.Egress[i].Ports)
		}
	}
}

func protocols(ports []networkingv1.NetworkPolicyPort) {
	for i := range ports {
		if ports[i].Protocol == nil {
			tcp := corev1.ProtocolTCP
			ports[i].Protocol = &tcp
		}
	}
}

// Apply returns the objects after files were applied: what has the name of an
// object that is there replaces it, as in a cluster. Pods and what they stand on
// stay.
func (o *Objects) Apply(files map[string][]byte) (*Objects, error) {
	put, err := Decode(files)
	if err != nil {
		return nil, err
	}
	after := *o
	after.NetworkPolicies = upsert(o.NetworkPolicies, put.NetworkPolicies)
	after.ClusterNetworkPolicies = upsert(o.ClusterNetworkPolicies, put.ClusterNetworkPolicies)
	return &after, nil
}

func upsert[T metav1.Object](now, put []T) []T {
	out := slices.DeleteFunc(slices.Clone(now), func(was T) bool {
		return slices.ContainsFunc(put, func(is T) bool { return was.GetNamespace() == is.GetNamespace() && was.GetName() == is.GetName() })
	})
	return append(out, put...)
}
