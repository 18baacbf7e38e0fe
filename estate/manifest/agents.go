package manifest

import (
	"strconv"

	"github.com/cofferdam-io/cofferdam/estate"
)

// Which network enforces policies, and how it is set, is told by its agents. Of
// containers and ConfigMaps that are not named here nothing of the kind is kept:
// arguments, variables and data hold secrets too often.
var (
	// agentContainers are containers whose arguments are kept, with the variables
	// that are.
	agentContainers = map[string][]string{
		"cilium-agent":             nil,
		"kindnet-cni":              nil,
		"kube-network-policies":    nil,
		"aws-node":                 {"NETWORK_POLICY_ENFORCING_MODE"},
		"calico-node":              {"FELIX_DEFAULTENDPOINTTOHOSTACTION", "FELIX_BPFENABLED"},
		"aws-eks-nodeagent":        nil,
		"aws-network-policy-agent": nil,
	}

	// agentSettings are ConfigMaps by name, with the keys that are kept.
	agentSettings = map[string][]string{
		"cilium-config": {
			"allow-localhost", "enable-k8s-networkpolicy", "enable-k8s-cluster-network-policy", "enable-policy", "policy-audit-mode", "policy-cidr-match-mode",
			"enable-cilium-network-policy", "enable-cilium-clusterwide-network-policy",
		},
		"amazon-vpc-cni": {"enable-network-policy-controller"},
	}

	// felixSettings are the fields of a FelixConfiguration that are kept.
	felixSettings = []string{"defaultEndpointToHostAction", "bpfEnabled"}
)

// felix holds the settings of Calico's agent: of all nodes, or of one.
func (o *object) felix() any {
	m := &estate.ConfigMap{Kind: o.kind, Cluster: o.cluster, Name: o.name, Data: make(map[string]string, len(felixSettings)), Source: o.source}
	for _, k := range felixSettings {
		switch n := o.in(o.root, "spec", k); {
		case n == nil:
		case k == "bpfEnabled":
			if on := o.boolean(o.root, "spec", k); on != nil {
				m.Data[k] = strconv.FormatBool(*on)
			}
		default:
			m.Data[k] = o.str(o.root, "spec", k)
		}
	}
	return m
}

// nodeConfig holds the settings of Cilium's agents on some nodes.
func (o *object) nodeConfig() any {
	m := &estate.ConfigMap{Kind: o.kind, Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Data: make(map[string]string), Source: o.source}
	for _, k := range agentSettings["cilium-config"] {
		if o.in(o.root, "spec", "defaults", k) != nil {
			m.Data[k] = o.str(o.root, "spec", "defaults", k)
		}
	}
	return m
}

// settings returns nil for a ConfigMap that holds none of a network agent.
func (o *object) settings() any {
	keys, ok := agentSettings[o.name]
	if !ok {
		return nil
	}
	m := &estate.ConfigMap{Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Data: make(map[string]string, len(keys)), Source: o.source}
	for _, k := range keys {
		if o.in(o.root, "data", k) != nil {
			m.Data[k] = o.str(o.root, "data", k)
		}
	}
	return m
}

// agent adds to a container what it says as a network agent.
func (o *object) agent(n *node, c *estate.Container) {
	vars, ok := agentContainers[c.Name]
	if !ok {
		return
	}
	c.Args = append(o.texts(n, "command"), o.texts(n, "args")...)
	if len(vars) == 0 {
		return
	}
	for _, e := range o.list(n, "env") {
		for _, name := range vars {
			if o.in(e, "value") == nil || o.str(e, "name") != name {
				continue
			}
			if c.Env == nil {
				c.Env = make(map[string]string, len(vars))
			}
			c.Env[name] = o.str(e, "value")
		}
	}
}
