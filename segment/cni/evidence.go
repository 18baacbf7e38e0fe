package cni

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
)

// Evidence is what the input shows of one cluster's network.
type Evidence struct {
	Cluster string
	Agents  []Agent
	// Settings are the ConfigMaps of agents, and Unread those that are there and
	// could not be read, as "namespace/name", or the kind of one of an agent's own.
	Settings []*estate.ConfigMap
	Unread   []string
}

// Agent is a container that looks like a network plugin's.
type Agent struct {
	Plugin string // one of Names, or the name of one that has no profile
	Object string // "DaemonSet kube-system/cilium"
	// Repository is the image's path, without registry; Tag is empty for an image
	// that is named by its digest alone.
	Repository, Tag string
	Args            []string
	Env             map[string]string
	// Beside are the other containers of the pod, with their arguments.
	Beside map[string][]string
}

// sign is what a plugin's agent is known by.
type sign struct {
	plugin     string
	objects    []string // names of DaemonSets
	containers []string
	images     []string // ends of repositories, whole elements
	word       string   // the image's tag is the plugin's version if its repository holds the word
}

// Plugins that are recognised and have no profile.
const (
	flannel    = "flannel" // moves packets and enforces nothing
	antrea     = "antrea"
	weave      = "weave"
	kubeRouter = "kube-router"
	kubeOVN    = "kube-ovn"
	dataplane2 = "GKE Dataplane V2"
	azureNPM   = "azure-npm"
)

// signs are what agents are known by. The first that fits decides.
var signs = []sign{
	{plugin: dataplane2, objects: []string{"anetd"}},
	{plugin: Cilium, objects: []string{"cilium"}, containers: []string{"cilium-agent"}, images: []string{"cilium/cilium"}, word: "cilium"},
	{plugin: Calico, objects: []string{"calico-node"}, containers: []string{"calico-node"}, images: []string{"calico/node"}, word: "calico"},
	{plugin: OVN, objects: []string{"ovnkube-node"}, containers: []string{"ovnkube-node", "ovnkube-controller", "ovn-controller"}, word: "ovn"},
	{plugin: KubeNP, objects: []string{"kube-network-policies"}, containers: []string{"kube-network-policies"}, images: []string{"kube-network-policies"}, word: "kube-network-policies"},
	{plugin: Kindnet, objects: []string{"kindnet"}, containers: []string{"kindnet-cni"}, images: []string{"kindest/kindnetd", "networking/kindnet", "aojea/kindnet", "aojea/kindnetd"}, word: "kindnet"},
	{plugin: AWS, objects: []string{"aws-node"}, containers: []string{"aws-node"}, images: []string{"amazon-k8s-cni"}, word: "amazon-k8s-cni"},
	{plugin: antrea, objects: []string{"antrea-agent"}, containers: []string{"antrea-agent"}},
	{plugin: weave, objects: []string{"weave-net"}, containers: []string{"weave", "weave-npc"}},
	{plugin: kubeOVN, objects: []string{"kube-ovn-cni"}, images: []string{"kube-ovn"}},
	{plugin: kubeRouter, objects: []string{"kube-router"}, containers: []string{"kube-router"}},
	{plugin: azureNPM, objects: []string{"azure-npm"}, containers: []string{"azure-npm"}},
	{plugin: flannel, objects: []string{"kube-flannel", "kube-flannel-ds"}, containers: []string{"kube-flannel"}, images: []string{"flannel/flannel", "coreos/flannel"}},
}

// systemNamespaces are those that plugins are installed to. Elsewhere only pods on
// the host network, which every plugin's agent is on, count as evidence: whoever
// may write to a namespace of his own must not choose what answers say.
var systemNamespaces = []string{"kube-system", "calico-system", "cilium", "kube-flannel", "ovn-kubernetes", "openshift-ovn-kubernetes"}

// Gather returns the evidence for each cluster of an estate, sorted by name.
func Gather(e *estate.Estate) []Evidence {
	by := make(map[string]*Evidence)
	at := func(cluster string) *Evidence {
		if by[cluster] == nil {
			by[cluster] = &Evidence{Cluster: cluster}
		}
		return by[cluster]
	}
	for _, n := range e.Namespaces {
		at(n.Cluster)
	}
	for _, w := range e.Workloads {
		if w.Template != nil && w.Ref.Kind == "DaemonSet" {
			at(w.Ref.Cluster).add(w.Ref.Kind+" "+w.Ref.Namespace+"/"+w.Ref.Name, w.Ref.Namespace, w.Ref.Name, &w.Template.Spec)
		}
	}
	for _, p := range e.Pods {
		// A pod counts by itself where the DaemonSet is not in the input.
		if k := p.Workload.Ref.Kind; !p.Finished() && (k == "Pod" || k == "DaemonSet") {
			at(p.Cluster).add("Pod "+p.Namespace+"/"+p.Name, p.Namespace, "", &p.Spec)
		}
	}
	for _, m := range e.ConfigMaps {
		at(m.Cluster).Settings = append(at(m.Cluster).Settings, m)
	}
	for i := range e.Faults {
		for _, kind := range []string{"ConfigMap", felixKind, nodeConfigKind} {
			if name, ok := strings.CutPrefix(e.Faults[i].Object, kind+" "); ok {
				if kind != "ConfigMap" {
					name = kind
				}
				at(e.Faults[i].Cluster).Unread = append(at(e.Faults[i].Cluster).Unread, name)
			}
		}
	}
	out := make([]Evidence, 0, len(by))
	for _, ev := range by {
		out = append(out, *ev)
	}
	slices.SortFunc(out, func(a, b Evidence) int { return strings.Compare(a.Cluster, b.Cluster) })
	return out
}

// add takes in the agents among a pod's containers, each plugin once.
func (ev *Evidence) add(object, namespace, name string, spec *estate.PodSpec) {
	if !spec.HostNetwork && !slices.Contains(systemNamespaces, namespace) {
		return
	}
	var mine []Agent
	beside := make(map[string][]string)
	for i := range spec.Containers {
		c := &spec.Containers[i]
		if c.Kind != estate.Ordinary && c.Kind != estate.Sidecar {
			continue // what installs a plugin may be there where the plugin is not
		}
		beside[c.Name] = c.Args
		for _, s := range signs {
			if !s.fits(c) {
				continue
			}
			a := Agent{Plugin: s.plugin, Object: object, Repository: c.Ref.Repository, Args: c.Args, Env: c.Env, Beside: beside}
			if s.word != "" && strings.Contains(c.Ref.Repository, s.word) {
				a.Tag = c.Ref.Tag
			}
			if !slices.ContainsFunc(mine, func(o Agent) bool { return o.Plugin == a.Plugin }) {
				mine = append(mine, a)
			}
			break
		}
	}
	for _, s := range signs {
		if name != "" && slices.Contains(s.objects, name) && !slices.ContainsFunc(mine, func(o Agent) bool { return o.Plugin == s.plugin }) {
			if s.plugin == dataplane2 {
				mine = nil // it is built of Cilium, and is not Cilium
			}
			mine = append(mine, Agent{Plugin: s.plugin, Object: object, Beside: beside})
		}
	}
	for _, a := range mine {
		// A dump has one pod for each node, all alike.
		if !slices.ContainsFunc(ev.Agents, a.alike) {
			ev.Agents = append(ev.Agents, a)
		}
	}
}

// alike reports whether two agents say the same of their plugin.
func (a *Agent) alike(o Agent) bool {
	return a.Plugin == o.Plugin && a.Repository == o.Repository && a.Tag == o.Tag && slices.Equal(a.Args, o.Args) && maps.Equal(a.Env, o.Env) &&
		maps.EqualFunc(a.Beside, o.Beside, slices.Equal)
}

func (s *sign) fits(c *estate.Container) bool {
	if slices.Contains(s.containers, c.Name) {
		return true
	}
	return slices.ContainsFunc(s.images, func(end string) bool {
		return c.Ref.Repository == end || strings.HasSuffix(c.Ref.Repository, "/"+end)
	})
}

var (
	tagVersion = regexp.MustCompile(`^v?(\d{1,4})\.(\d{1,4})(?:[.+_-]|$)`)
	tagDate    = regexp.MustCompile(`^v?(20\d{6})(?:[.+_-]|$)`)
)

// firstDate is below every version that is the date of a build, and above every
// other.
const firstDate = 10_000_000

// version reads a tag such as v1.19.2, 3.30 or v20240813-c6f155d6.
func version(tag string) Version {
	if m := tagDate.FindStringSubmatch(tag); m != nil {
		n, _ := strconv.Atoi(m[1]) // eight digits
		return Version{Major: n}
	}
	m := tagVersion.FindStringSubmatch(tag)
	if m == nil {
		return Version{}
	}
	major, _ := strconv.Atoi(m[1]) // four digits at most
	minor, _ := strconv.Atoi(m[2])
	return Version{major, minor}
}
