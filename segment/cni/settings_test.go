package cni_test

import (
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/cni"
)

func felix(name string, data map[string]string) *estate.ConfigMap {
	return &estate.ConfigMap{Kind: "FelixConfiguration", Name: name, Data: data}
}

// TestFelix says what Felix's settings change, and that its variables stand above them.
func TestFelix(t *testing.T) {
	const action, bpf = "defaultEndpointToHostAction", "bpfEnabled"
	for name, c := range map[string]struct {
		settings  []*estate.ConfigMap
		env       map[string]string
		unread    []string
		cut, free string // parts of the doubts
	}{
		"nothing said":                     {},
		"accept":                           {settings: []*estate.ConfigMap{felix("default", map[string]string{action: "Accept", bpf: "false"})}},
		"drop":                             {settings: []*estate.ConfigMap{felix("default", map[string]string{action: "Drop"})}, cut: `FelixConfiguration default sets`},
		"return on one node":               {settings: []*estate.ConfigMap{felix("default", map[string]string{action: "Accept"}), felix("node.n1", map[string]string{action: "Return"})}, cut: "node.n1"},
		"the variable stands":              {settings: []*estate.ConfigMap{felix("default", map[string]string{action: "Drop", bpf: "true"})}, env: map[string]string{"FELIX_DEFAULTENDPOINTTOHOSTACTION": "ACCEPT", "FELIX_BPFENABLED": "false"}},
		"the variable drops":               {env: map[string]string{"FELIX_DEFAULTENDPOINTTOHOSTACTION": "DROP"}, cut: "DaemonSet calico-system/calico-node"},
		"eBPF":                             {settings: []*estate.ConfigMap{felix("default", map[string]string{bpf: "true"})}, free: "eBPF"},
		"not read":                         {unread: []string{"FelixConfiguration"}, cut: "could not be read", free: "could not be read"},
		"a ConfigMap of that name is none": {settings: []*estate.ConfigMap{{Name: "default", Data: map[string]string{action: "Drop"}}}},
	} {
		p := cni.Detect(cni.Evidence{Settings: c.settings, Unread: c.unread,
			Agents: []cni.Agent{{Plugin: cni.Calico, Object: "DaemonSet calico-system/calico-node", Tag: "v3.31.0", Env: c.env}}})
		if (p.PodToNodeCut == "") != (c.cut == "") || !strings.Contains(p.PodToNodeCut, c.cut) {
			t.Errorf("%s: cut %q", name, p.PodToNodeCut)
		}
		if (p.NodeToPodDoubt == "") != (c.free == "") || !strings.Contains(p.NodeToPodDoubt, c.free) || (p.PodToNodeDoubt == "") != (c.free == "") {
			t.Errorf("%s: doubts %q, %q", name, p.NodeToPodDoubt, p.PodToNodeDoubt)
		}
	}
}

// TestCiliumNodeConfig says that what differs on some nodes is unknown, and the
// rest is not.
func TestCiliumNodeConfig(t *testing.T) {
	detect := func(unread []string, nodes ...map[string]string) segment.Profile {
		ev := cni.Evidence{Unread: unread, Agents: []cni.Agent{{Plugin: cni.Cilium, Tag: "v1.19.0"}},
			Settings: []*estate.ConfigMap{{Namespace: "kube-system", Name: "cilium-config", Data: map[string]string{"enable-policy": "default"}}}}
		for _, data := range nodes {
			ev.Settings = append(ev.Settings, &estate.ConfigMap{Kind: "CiliumNodeConfig", Namespace: "kube-system", Name: "edge", Data: data})
		}
		return cni.Detect(ev)
	}
	plain := detect(nil)
	if p := detect(nil, map[string]string{}, map[string]string{"enable-policy": "default"}); p != plain {
		t.Errorf("what says nothing new changes %+v to %+v", plain, p)
	}
	p := detect(nil, map[string]string{"policy-audit-mode": "true"})
	if !p.Enforced || p.NetworkPolicy != segment.Maybe || !strings.Contains(p.Note, "edge") {
		t.Errorf("audit mode on some nodes: %+v", p)
	}
	p = detect(nil, map[string]string{"allow-localhost": "policy"})
	if p.NetworkPolicy != segment.Yes || p.NodeToPodDoubt == "" || p.PodToNodeDoubt != plain.PodToNodeDoubt {
		t.Errorf("the local host on some nodes: %+v", p)
	}
	if p = detect([]string{"CiliumNodeConfig"}); p.NetworkPolicy != segment.Maybe {
		t.Errorf("not read: %+v", p)
	}
}
