package secondopinion

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// templated is a workload, as far as its controller makes pods from it.
type templated struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Template    *corev1.PodTemplateSpec `json:"template"`
		JobTemplate struct {
			Spec struct {
				Template *corev1.PodTemplateSpec `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
	} `json:"spec"`
}

// stamp does the part of a cluster's controllers: it returns the manifests that
// bear on packets, with a pod for every workload and Pod that has no address yet.
func stamp(t *testing.T, files map[string][]byte) map[string][]byte {
	t.Helper()
	var kept, pods bytes.Buffer
	var waiting []templated
	managed := map[string]bool{} // Deployments whose pods are there
	number := 0
	place := func(p *corev1.Pod) {
		number++
		p.TypeMeta, p.Status.Phase = meta("v1", "Pod"), corev1.PodRunning
		p.Status.PodIP = netip.AddrFrom4([4]byte{10, 200, byte(number / 250), byte(1 + number%250)}).String()
		if p.Spec.HostNetwork {
			p.Status.PodIP = netip.AddrFrom4([4]byte{172, 18, 1, byte(number)}).String()
		}
		text, err := yaml.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		write(&pods, text)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(files[name])))
		for {
			doc, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			var w templated
			if err == nil {
				err = yaml.Unmarshal(doc, &w)
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch w.Kind {
			case "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob":
				waiting = append(waiting, w)
				write(&kept, doc)
			case "ReplicaSet":
				managed[w.Namespace+"/"+w.OwnerReferences[0].Name] = true
				write(&kept, doc)
			case "Pod":
				p := &corev1.Pod{}
				if err := yaml.UnmarshalStrict(doc, p); err != nil {
					t.Fatal(err)
				}
				if p.Status.PodIP != "" {
					write(&kept, doc)
				} else {
					place(p)
				}
			case "Namespace", "Node", "NetworkPolicy", "ClusterNetworkPolicy", "CustomResourceDefinition":
				write(&kept, doc)
			}
		}
	}
	for i := range waiting {
		w := &waiting[i]
		template := w.Spec.Template
		if template == nil {
			template = w.Spec.JobTemplate.Spec.Template
		}
		if managed[w.Namespace+"/"+w.Name] {
			continue
		}
		controls := true
		p := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: template.Spec}
		p.Name, p.Namespace = fmt.Sprint(w.Name, "-0"), w.Namespace
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: w.APIVersion, Kind: w.Kind, Name: w.Name, Controller: &controls}}
		place(p)
	}
	return map[string][]byte{"cluster.yaml": kept.Bytes(), "pods.yaml": pods.Bytes()}
}

func write(to *bytes.Buffer, doc []byte) {
	to.WriteString("---\n")
	to.Write(doc)
}
