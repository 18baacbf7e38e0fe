package cni

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/segment"
)

// Settings of Cilium, as cilium-config names them and cilium-agent's flags do.
const (
	ciliumConfig = "cilium-config"
	awsConfig    = "amazon-vpc-cni"
	isTrue       = "true"
	isFalse      = "false"
)

// The kinds of agents' own settings.
const (
	felixKind      = "FelixConfiguration"
	nodeConfigKind = "CiliumNodeConfig"
)

// calico applies the settings of Felix: its variables, which stand above the
// objects (documentation of Felix, "Configuring Felix").
func (ev *Evidence) calico(a *Agent, v Version) segment.Profile {
	p := at(Calico, v)
	p.Origin = "detected"
	apply := func(where, action, bpf string) {
		if strings.EqualFold(bpf, isTrue) {
			why := where + " turns the eBPF data plane on, and what that lets pass between a pod and its own node is not established"
			p.NodeToPodDoubt, p.PodToNodeDoubt = why, why
		}
		if action != "" && !strings.EqualFold(action, "accept") {
			p.PodToNodeCut = fmt.Sprintf("%s sets the action for what pods send to their own node to %.40q, which may stop it whatever the policies allow", where, action)
		}
	}
	if slices.Contains(ev.Unread, felixKind) {
		why := felixKind + " could not be read"
		p.NodeToPodDoubt, p.PodToNodeDoubt, p.PodToNodeCut = why, why, why
	}
	action, bpf := a.Env["FELIX_DEFAULTENDPOINTTOHOSTACTION"], a.Env["FELIX_BPFENABLED"]
	apply(a.Object, action, bpf)
	for _, m := range ev.Settings {
		if m.Kind == felixKind {
			of := maps.Clone(m.Data)
			if action != "" {
				delete(of, "defaultEndpointToHostAction")
			}
			if bpf != "" {
				delete(of, "bpfEnabled")
			}
			apply(felixKind+" "+m.Name, of["defaultEndpointToHostAction"], of["bpfEnabled"])
		}
	}
	return p
}

// ciliumNodes applies the settings of single nodes: what they differ in from the
// others is unknown, since a profile is one cluster's.
func (ev *Evidence) ciliumNodes(a *Agent, v Version) segment.Profile {
	p := ev.cilium(a, v, nil)
	all := p
	if slices.Contains(ev.Unread, nodeConfigKind) {
		doubtKinds(&p, nodeConfigKind+" could not be read")
		return p
	}
	for _, m := range ev.Settings {
		if m.Kind != nodeConfigKind {
			continue
		}
		some := ev.cilium(a, v, m.Data)
		if some == all {
			continue
		}
		some.Name += " with " + nodeConfigKind + " " + m.Name
		note := strings.TrimPrefix(all.Note+", unknown where "+nodeConfigKind+" "+m.Name+" differs", ", ")
		p = join(p, some)
		p.Note = note
	}
	return p
}

// cilium applies the settings of cilium-config, above them those of some nodes,
// and above both the agent's flags.
func (ev *Evidence) cilium(a *Agent, v Version, nodes map[string]string) segment.Profile {
	p := at(Cilium, v)
	p.Origin = "detected"
	data, unread := ev.settings(ciliumConfig)
	set := maps.Clone(data)
	if set == nil {
		set = make(map[string]string)
	}
	maps.Copy(set, nodes)
	for _, name := range []string{"enable-policy", "policy-audit-mode", "enable-k8s-networkpolicy", "enable-k8s-cluster-network-policy", "policy-cidr-match-mode",
		"allow-localhost", "enable-cilium-network-policy", "enable-cilium-clusterwide-network-policy"} {
		if value, ok := flag(a.Args, name); ok {
			set[name] = value
		}
	}
	switch {
	case unread:
		doubtKinds(&p, ciliumConfig+" could not be read")
		return p
	case data == nil:
		p.Unseen = "ConfigMap kube-system/" + ciliumConfig
	case p.ClusterNetworkPolicy == segment.Maybe:
		p.ClusterNetworkPolicy = segment.No // off by default, and nothing sets it
	}
	if set["enable-k8s-cluster-network-policy"] == isTrue && (v == Version{} || v.Compare(Version{1, 20}) >= 0) {
		p.ClusterNetworkPolicy = segment.Yes
	}
	if set["enable-k8s-networkpolicy"] == isFalse {
		p.NetworkPolicy = segment.No
	}
	switch off := []bool{set["enable-cilium-network-policy"] == isFalse, set["enable-cilium-clusterwide-network-policy"] == isFalse}; {
	case off[0] && off[1]:
		p.CiliumNetworkPolicy = segment.No
	case off[0] || off[1]:
		p.CiliumNetworkPolicy = segment.Maybe // one switch of the profile stands for both kinds
	}
	ciliumBlocks(&p, set["policy-cidr-match-mode"], v)
	switch mode := set["allow-localhost"]; mode {
	case "", "auto", "always":
	case "policy":
		p.NodeToPodFree = false
	default:
		p.NodeToPodDoubt = fmt.Sprintf("allow-localhost is %.40q, of which it is not known what it does", mode)
	}
	switch mode := set["enable-policy"]; {
	case set["policy-audit-mode"] == isTrue:
		p.Enforced, p.Note = false, "audit mode"
	case mode == "never":
		p.Enforced, p.Note = false, "enable-policy is never"
	case mode == "always":
		p.Isolating, p.Note = true, "enable-policy is always"
	case mode != "" && mode != "default":
		doubtKinds(&p, fmt.Sprintf("enable-policy is %.40q", mode))
	}
	return p
}

// ciliumBlocks applies policy-cidr-match-mode, a list of pods and nodes. It holds
// for blocks of every kind of policy, and not for the entity world, which package
// segment/cilium translates to blocks too.
func ciliumBlocks(p *segment.Profile, mode string, v Version) {
	if mode != "" {
		p.CiliumBlockDoubt = fmt.Sprintf("policy-cidr-match-mode is %.40q, and what the blocks of Cilium's own kinds then match is not modelled", mode)
	}
	p.NetworksDoubt = ""
	if !strings.Contains(mode, "pods") || !strings.Contains(mode, "nodes") {
		p.NetworksDoubt = "networks match pods and nodes in Cilium only where policy-cidr-match-mode names them"
	}
	for _, m := range strings.FieldsFunc(mode, func(r rune) bool { return r == ',' || r == ' ' }) {
		switch m {
		case "pods":
			p.IPBlockMatchesPods = true
			if v != (Version{}) && v.Compare(Version{1, 20}) < 0 {
				p.PodBlockDoubt = "policy-cidr-match-mode is pods, which " + title(p) + " does not know"
			}
		case "nodes":
			// Other nodes only, never the pod's own; and 1.19 and 1.20 leave blocks of
			// all addresses out (github.com/cilium/cilium/issues/47827).
			p.NodeBlockDoubt = "policy-cidr-match-mode is nodes, and which nodes an ipBlock then matches is not modelled"
		default:
			why := fmt.Sprintf("policy-cidr-match-mode is %.40q, of which it is not known what it does", m)
			p.PodBlockDoubt, p.NodeBlockDoubt = why, why
		}
	}
}

// kubeNetworkPolicies tells the images apart, each of which is built with the
// evaluators of one API.
func kubeNetworkPolicies(a *Agent, v Version) segment.Profile {
	p := at(KubeNP, v)
	p.Origin = "detected"
	_, variant, _ := strings.Cut(a.Tag, "-")
	switch first := (Version{1, 0}); {
	case variant == "npa-v1alpha2":
		p.ClusterNetworkPolicy, p.AdminNetworkPolicy = segment.Yes, segment.No
	case variant == "npa-v1alpha1":
		p.ClusterNetworkPolicy, p.AdminNetworkPolicy = segment.No, segment.Yes
	case variant == "" && v.Compare(first) >= 0:
		p.ClusterNetworkPolicy, p.AdminNetworkPolicy = segment.No, segment.No
	}
	admin, _ := flag(a.Args, "admin-network-policy")
	baseline, _ := flag(a.Args, "baseline-admin-network-policy")
	if admin == isTrue && baseline == isTrue {
		p.AdminNetworkPolicy = segment.Yes
	}
	return p
}

// kindnet runs the engine of kube-network-policies, in builds of three places: of
// kind from 0.24 on (its image of 2024-08-13; that of 2024-05-13 was built before
// the change was proposed), of its author from 1.3 on, and of the Kubernetes
// project always.
// https://github.com/kubernetes-sigs/kind/issues/842, https://github.com/kubernetes-sigs/kind/pull/3612,
// https://github.com/kubernetes/minikube/issues/19871
func kindnet(a *Agent, v Version) (p segment.Profile, idle string) {
	p = at(Kindnet, v)
	p.Origin = "detected"
	asked, said := flag(a.Args, "network-policy")
	enforces := segment.Maybe
	switch {
	case said && asked == isFalse:
		return p, Kindnet + " with --network-policy=false"
	case strings.HasSuffix(a.Repository, "networking/kindnet") || said && asked == isTrue:
		enforces = segment.Yes
	case strings.HasSuffix(a.Repository, "kindest/kindnetd") && v.Major > firstDate:
		enforces = between(v, Version{Major: 20240513}, Version{Major: 20240813})
	case strings.Contains(a.Repository, "aojea/kindnet") && v != Version{}:
		enforces = between(v, Version{1, 2}, Version{1, 3})
	}
	if enforces == segment.No {
		return p, fmt.Sprintf("%s does not enforce yet", title(&p))
	}
	if enforces == segment.Maybe {
		doubtKinds(&p, "whether this build enforces policies is not known")
	}
	return p, ""
}

// between is no up to the last version without, yes from the first with.
func between(v, without, with Version) segment.Answer {
	switch {
	case v.Compare(without) <= 0:
		return segment.No
	case v.Compare(with) >= 0:
		return segment.Yes
	}
	return segment.Maybe
}

// aws enforces with an agent beside its own container, which must be told to, and
// a controller, which the control plane runs and a ConfigMap turns on.
func (ev *Evidence) aws(a *Agent, v Version) (p segment.Profile, idle string) {
	p = at(AWS, v)
	p.Origin = "detected"
	args, ok := a.Beside["aws-eks-nodeagent"]
	if !ok {
		if args, ok = a.Beside["aws-network-policy-agent"]; !ok {
			return p, AWS + " without its policy agent"
		}
	}
	if on, _ := flag(args, "enable-network-policy"); on != isTrue {
		return p, AWS + " without --enable-network-policy=true"
	}
	data, unread := ev.settings(awsConfig)
	switch controller := data["enable-network-policy-controller"]; {
	case unread:
		doubtKinds(&p, awsConfig+" could not be read")
		return p, ""
	case data == nil:
		p.Unseen = "ConfigMap kube-system/" + awsConfig
	case controller != isTrue && controller != "":
		doubtKinds(&p, fmt.Sprintf("enable-network-policy-controller is %.40q", controller))
		return p, ""
	}
	if a.Env["NETWORK_POLICY_ENFORCING_MODE"] == "strict" {
		// Pods that no policy selects are denied everything but their own node.
		p.Isolating, p.Note = true, "NETWORK_POLICY_ENFORCING_MODE is strict"
	}
	return p, ""
}
